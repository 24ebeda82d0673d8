"""Generalised synthetic control in the panel: what it compares, what it refuses, and that it finds what is there."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rounds.learning.impact.did import fit_counts
from rounds.learning.impact.effect import NoEffect, Panel
from rounds.learning.impact.panel.common_factors import (
    Series,
    choose_number,
    effects_of,
    fit_factors,
    prediction_error,
    without_means,
)
from rounds.learning.impact.panel.estimate import Estimate, NoEstimate
from rounds.learning.impact.panel.factor_bootstrap import bootstrapped
from rounds.learning.impact.panel.generalised import FEWEST_CONTROLS, compared, comparison_of
from rounds.learning.impact.panel.others import GENERALISED, other_estimates
from rounds.learning.impact.panel.outcome import Design, complete

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from common_factors import factored, one_adopter
from impact_coverage import RATE_RATIO, draw, with_bounds


def told(panel: Panel, seed: int = 1) -> Estimate | NoEstimate:
    fitted = fit_counts(panel)
    assert not isinstance(fitted, NoEffect)
    outcome = complete(panel, fitted, draws=4, generator=np.random.default_rng(seed))
    found = other_estimates(outcome, generator=np.random.default_rng(seed))
    return next(one for one in found if one.name == GENERALISED)


def reason(panel: Panel) -> str:
    found = told(panel)
    assert isinstance(found, NoEstimate), found
    return found.reason


SOUND = draw(1, mean=40.0, sites=50).exact
FACTORS = np.random.default_rng(2).normal(size=(24, 2))


def drawn(sites: int, seed: int = 3, noise: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    levels, shares = generator.normal(size=(sites, 1)), generator.normal(size=(sites, 2))
    found: np.ndarray = levels + FACTORS[:, 0] + shares @ FACTORS.T + noise * generator.normal(size=(sites, 24))
    return found


def test_without_noise_effects_are_found_to_the_last_digit() -> None:
    values = drawn(12)
    before = np.arange(24) < np.array([[10], [14]])
    effect = np.where(before, 0.0, np.linspace(1.0, 2.0, 24))
    fitted = fit_factors(Series(values=values[2:]), number=2)
    found = effects_of(fitted, Series(values=values[:2] + effect), before)
    assert found == pytest.approx(effect, abs=1e-11)


@pytest.mark.parametrize("sites", [9, 40])
def test_factors_are_the_principal_components(sites: int) -> None:
    """A whole singular value decomposition is the slow judge, with fewer sites than periods and with more."""
    values = drawn(sites, noise=0.3)
    fitted = fit_factors(Series(values=values), number=3)
    left = without_means(values)
    shares, sizes, shapes = np.linalg.svd(left, full_matrices=False)
    assert fitted.residuals == pytest.approx(left - (shares[:, :3] * sizes[:3]) @ shapes[:3], abs=1e-12)
    assert fitted.factors.T @ fitted.factors / 24 == pytest.approx(np.eye(3), abs=1e-12)


def test_the_error_of_prediction_is_that_of_leaving_each_period_out() -> None:
    values = drawn(12, noise=0.3)
    before = np.arange(24) < np.array([[10], [14]])
    adopters, fitted = Series(values=values[:2]), fit_factors(Series(values=values[2:]), number=2)
    missed = []
    for row, column in np.argwhere(before):
        rest = before.copy()
        rest[row, column] = False
        missed.append(effects_of(fitted, adopters, rest)[row, column])
    assert prediction_error(fitted, adopters, before) == pytest.approx(np.mean(np.square(missed)), rel=1e-10)


def test_a_period_that_alone_tells_a_loading_makes_no_error_of_prediction() -> None:
    fitted = replace(fit_factors(Series(values=drawn(12)), number=1), factors=np.eye(24)[:, :1])
    before = np.arange(24)[None, :] < 10
    assert prediction_error(fitted, Series(values=drawn(1)), before) == np.inf
    assert choose_number(np.array([2.0, np.inf, 1.0])) == 2


def test_covariates_have_the_slopes_of_least_squares_where_there_is_no_factor() -> None:
    generator = np.random.default_rng(5)
    covariates = generator.normal(size=(2, 12, 24))
    values = drawn(12, noise=0.3) + np.tensordot([1.5, -2.0], covariates, axes=1)
    none = fit_factors(Series(values=values, covariates=covariates), number=0)
    flat = without_means(covariates).reshape(2, -1).T
    assert none.slopes == pytest.approx(np.linalg.lstsq(flat, without_means(values).ravel())[0], rel=1e-10)
    found = fit_factors(Series(values=values, covariates=covariates), number=2)
    assert found.slopes == pytest.approx([1.5, -2.0], abs=0.1)
    assert without_means(covariates).reshape(2, -1) @ found.residuals.ravel() == pytest.approx(0.0, abs=1e-7)


def test_in_the_panel_it_finds_the_halving_and_can_be_held_against_the_others() -> None:
    for panel in (SOUND, with_bounds(SOUND)):
        found = told(panel)
        assert isinstance(found, Estimate)
        assert found.effect.lower < RATE_RATIO < found.effect.upper
        assert found.influence is not None
        assert (found.influence**2).sum(axis=1).mean() == pytest.approx(found.standard_error**2, rel=0.3)
        assert "no further factor was found" in found.assumes
    moved = told(factored(1, strength=0.2, more=1.0))
    assert isinstance(moved, Estimate)
    assert "1 factor moves all" in moved.assumes


def test_one_adopter_has_the_bootstraps_error_and_is_not_held_against_the_others() -> None:
    found = told(one_adopter(SOUND))
    assert isinstance(found, Estimate)
    assert found.influence is None
    assert found.effect.lower < RATE_RATIO < found.effect.upper
    assert "The one site that adopted" in found.assumes
    again = told(one_adopter(SOUND))
    assert isinstance(again, Estimate)
    assert again.effect == found.effect


def test_too_few_to_compare_with_is_said() -> None:
    never = ~SOUND.treated.any(axis=1)
    few = np.cumsum(never) <= FEWEST_CONTROLS - 1
    without = [~never, ~never | few]
    # where all adopt, the last to do so stands for the others until it does
    for kept, number in zip(without, (1, FEWEST_CONTROLS - 1), strict=True):
        panel = replace(
            SOUND,
            sites=tuple(np.array(SOUND.sites)[kept]),
            **{name: getattr(SOUND, name)[kept] for name in ("lower", "upper", "exposure", "treated", "excluded")},
        )
        assert f"8 sites that never adopt and have no gap, and there are {number}" in reason(panel)
    early = replace(SOUND, treated=SOUND.treated | (SOUND.treated.any(axis=1, keepdims=True) & (np.arange(36) >= 7)))
    assert reason(early) == "it takes 8 periods before an adoption"


def test_gaps_leave_out_a_period_most_lack_and_then_sites() -> None:
    never = np.flatnonzero(~SOUND.treated.any(axis=1))
    untreated = ~SOUND.treated
    untreated[never[:6], 5] = False  # most have no such period
    untreated[never[6], 9] = False  # one lacks another
    untreated[0, 3] = False  # an adopter's gap costs no more than that
    found = comparison_of(Design(untreated=untreated, treated=SOUND.treated))
    assert not isinstance(found, str)
    assert 5 not in found.columns
    assert len(found.columns) == 35
    assert set(never) - set(found.controls) == {never[6]}
    assert found.adopters[0] == 2  # before the first two adopt, fewer than 8 periods are left
    panels = compared([np.where(untreated | SOUND.treated, np.log(SOUND.lower + 0.5), np.nan)], found)
    assert np.isfinite(panels.without(np.zeros(50, dtype=np.bool_))).all()  # type: ignore[arg-type]


def test_what_cannot_be_fitted_is_refused() -> None:
    values = drawn(12)
    with pytest.raises(ValueError, match="12 sites that never adopt and 24 periods are too few for 11 factors"):
        fit_factors(Series(values=values), number=11)
    with pytest.raises(ValueError, match="too few for 0 factors"):
        fit_factors(Series(values=values[:1]), number=0)
    with pytest.raises(ValueError, match="do not fit covariates"):
        Series(values=values, covariates=np.ones((1, 12, 23)))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="missing or not finite; leave the site out"):
            fit_factors(Series(values=np.where(np.arange(24) == 3, bad, values)), number=1)
    for covariate in (np.broadcast_to(np.arange(24.0), values.shape)[None], np.stack([values, values])):
        with pytest.raises(ValueError, match="does not vary beside its site and period means, or is a sum of others"):
            fit_factors(Series(values=values, covariates=covariate), number=1)
    fitted, before = fit_factors(Series(values=values), number=1), np.arange(24)[None, :] < 10
    with pytest.raises(ValueError, match="before an adoption is missing"):
        effects_of(fitted, Series(values=np.full((1, 24), np.nan)), before)
    with pytest.raises(ValueError, match="do not fit factors of 24 periods"):
        effects_of(fitted, Series(values=values[:1, :20]), before[:, :20])
    assert np.isnan(effects_of(fitted, Series(values=values[:1]), np.arange(24)[None, :] < 1)).all()
    for runs, number, problem in ((1, 1, "at least 2 runs"), (2, 10, "need 13 sites that never adopt, not 12")):
        with pytest.raises(ValueError, match=problem):
            bootstrapped(
                Series(values=values),
                Series(values=values[:1]),
                before,
                number=number,
                runs=runs,
                generator=np.random.default_rng(1),
            )


def test_counts_that_never_change_have_no_error_to_tell() -> None:
    level = replace(SOUND, lower=np.full((50, 36), 40.0), upper=np.full((50, 36), 40.0), exposure=np.ones((50, 36)))
    assert "nothing to tell its error by" in reason(level)
    assert "nothing to tell its error by" in reason(one_adopter(level))

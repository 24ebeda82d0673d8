"""The panel of estimators: what it refuses, what it flags, and that its parts add up."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rounds.learning.impact.did import fit_counts
from rounds.learning.impact.effect import Effect, NoEffect, Panel
from rounds.learning.impact.panel.agreement import agreement
from rounds.learning.impact.panel.bacon import goodman_bacon
from rounds.learning.impact.panel.estimate import Estimate, NoEstimate, groups_of, pool
from rounds.learning.impact.panel.event_study import EventStudy, event_study
from rounds.learning.impact.panel.linear import callaway_santanna_weights, imputation_weights
from rounds.learning.impact.panel.outcome import Design, Outcome, complete
from rounds.learning.impact.panel.pre_trend import Drift
from rounds.learning.impact.panel.run import DidItWork, Settings, did_it_work
from rounds.learning.impact.panel.sensitivity import Sensitivity
from rounds.learning.impact.panel.space import SpacePlacebo

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from impact_coverage import draw, with_bounds
from impact_panel import drifting, fading

QUICK = Settings(runs=19, draws=4)


def chance() -> np.random.Generator:
    return np.random.default_rng(1)


def told(panel: Panel, settings: Settings = QUICK) -> DidItWork:
    found = did_it_work(panel, generator=chance(), settings=settings)
    assert isinstance(found, DidItWork), found
    return found


def whole(panel: Panel) -> Outcome:
    fitted = fit_counts(panel)
    assert not isinstance(fitted, NoEffect)
    return complete(panel, fitted, draws=4, generator=chance())


SOUND = draw(1, mean=40.0).exact


@pytest.fixture(scope="module")
def sound() -> DidItWork:
    return told(SOUND)


def test_the_leading_estimator_leads_and_others_find_the_same_halving(sound: DidItWork) -> None:
    assert [one.name for one in sound.estimates] == [
        "Counts, imputed",
        "Log rates, imputed",
        "Callaway-Sant'Anna",
        "Sun-Abraham",
        "Synthetic comparison",
        "Generalised synthetic control",
        "Poisson, two-way effects",
    ]
    applied = [one for one in sound.estimates if isinstance(one, Estimate)]
    assert all(one.effect.lower < 0.5 < one.effect.upper for one in applied)
    assert isinstance(sound.estimates[3], NoEstimate)  # every time of adoption is one site's
    assert isinstance(sound.estimates[5], NoEstimate)  # 3 sites never adopt, and it takes 8
    assert sound.agreement is not None
    assert sound.agreement.flagged == ()
    assert sound.draws == 1


def test_the_same_seed_gives_the_same_panel(sound: DidItWork) -> None:
    again = told(SOUND)
    assert again.placebo_in_space == sound.placebo_in_space
    assert again.sensitivity == sound.sensitivity
    assert isinstance(again.event_study, EventStudy)
    assert isinstance(sound.event_study, EventStudy)
    assert again.event_study.steps == sound.event_study.steps


def test_a_fading_effect_is_flagged() -> None:
    found = told(fading(1))
    assert found.agreement is not None
    assert "Poisson, two-way effects" in [one.name for one in found.agreement.flagged]


def test_a_drift_before_adoption_is_found_and_what_it_amounts_to_is_said() -> None:
    found = told(drifting(1, per_month=-0.03))
    assert isinstance(found.drift, Drift)
    assert found.drift.lower < -0.03 < found.drift.upper < 0
    assert found.drift.p_value < 0.05
    assert found.drift.adding_up_to < np.log(found.effect.rate_ratio.estimate) / 2


def test_an_effect_before_adoption_shows_in_the_steps_before() -> None:
    counts = SOUND.lower.copy()
    for row in np.flatnonzero(SOUND.treated.any(axis=1)):
        first = int(SOUND.treated[row].argmax())
        counts[row, max(first - 3, 0) : first] = np.round(counts[row, max(first - 3, 0) : first] / 2)
    found = told(replace(SOUND, lower=counts, upper=counts))
    assert found.together is not None
    assert found.together.p_value < 0.05


def test_counts_between_bounds_are_drawn_within_them_and_exact_ones_kept() -> None:
    bounded = with_bounds(draw(1, mean=8.0).exact)
    outcome = whole(bounded)
    used = outcome.design.untreated | outcome.design.treated
    assert outcome.draws == 4
    assert np.all(outcome.counts[:, used] >= bounded.lower[used])
    assert np.all(outcome.counts[:, used] <= bounded.upper[used])
    hidden = used & (bounded.lower < bounded.upper)
    assert len({counts[hidden].sum() for counts in outcome.counts}) > 1
    assert np.array_equal(whole(SOUND).counts[0][used], SOUND.lower[used])


def test_what_withholding_hides_is_in_the_standard_errors() -> None:
    truth = draw(1, mean=8.0).exact
    exact, bounded = told(truth), told(with_bounds(truth), Settings(runs=0, draws=10))
    for seen, hidden in zip(exact.estimates, bounded.estimates, strict=True):
        if isinstance(seen, Estimate) and isinstance(hidden, Estimate) and seen.name.startswith(("Log", "Poisson")):
            assert hidden.standard_error > seen.standard_error


def test_sparse_counts_leave_the_estimators_on_logs_out() -> None:
    found = told(draw(2, mean=1.5).exact)
    names = {one.name for one in found.estimates if isinstance(one, NoEstimate)}
    assert {"Log rates, imputed", "Callaway-Sant'Anna", "Synthetic comparison"} <= names
    assert isinstance(found.event_study, str)
    assert "fewer than 2 events" in found.event_study


def test_rubins_rules() -> None:
    """Mean 2, within .5, between 1 over three draws: total .5 + (1 + 1/3) = 1.8333; Barnard and Rubin's degrees."""
    found = pool(np.array([1.0, 2.0, 3.0]), np.full(3, 0.5), degrees=20.0)
    assert found.value == 2.0
    assert found.variance == pytest.approx(0.5 + 4 / 3)
    share = (4 / 3) / (0.5 + 4 / 3)
    assert found.degrees == pytest.approx(1 / (1 / (2 / share**2) + 1 / (21 / 23 * 20 * (1 - share))))
    assert pool(np.array([1.0]), np.array([0.5]), degrees=7.0).degrees == 7.0


def test_weights_take_levels_of_sites_and_periods_away() -> None:
    design = Design(untreated=~SOUND.treated, treated=SOUND.treated)
    for weights in (imputation_weights([design])[0], callaway_santanna_weights(design)):
        assert weights is not None
        assert weights.sum(axis=0) == pytest.approx(0.0, abs=1e-12)
        assert weights.sum(axis=1) == pytest.approx(0.0, abs=1e-12)
        assert weights[design.treated].sum() == pytest.approx(1.0, abs=1e-12)


def test_weights_of_many_designs_at_once_are_those_of_least_squares() -> None:
    """With gaps, empty rows and parts that nothing joins; the slow judge is a pseudo-inverse of each design."""
    rng = np.random.default_rng(4)
    designs = []
    for _ in range(40):
        untreated = rng.random((5, 6)) < rng.uniform(0.1, 0.9)
        designs.append(Design(untreated=untreated, treated=~untreated & (rng.random((5, 6)) < 0.7)))
    told = imputation_weights(designs)
    rows = np.hstack([np.repeat(np.eye(5), 6, axis=0), np.tile(np.eye(6), (5, 1))])
    for design, weights in zip(designs, told, strict=True):
        seen = rows[design.untreated.ravel()]
        onto = np.linalg.pinv(seen) @ seen
        # an effect can be foretold where its site and period lie in what the untreated ones span
        usable = design.treated.ravel() & (np.abs(rows - rows @ onto).max(axis=1) < 1e-9)
        if not usable.any():
            assert weights is None
            continue
        expected = usable / usable.sum()
        expected[design.untreated.ravel()] -= np.linalg.pinv(seen).T @ rows.T @ (usable / usable.sum())
        assert weights is not None
        assert weights.ravel() == pytest.approx(expected, abs=1e-10)
    assert 0 < sum(weights is None for weights in told) < len(told)


def test_steps_without_a_site_are_those_of_a_panel_without_it() -> None:
    """The jackknife takes sums away; leaving the site out of the panel is the slow judge."""
    outcome = whole(SOUND)
    found = event_study(outcome, generator=chance())
    assert isinstance(found, EventStudy)
    sites = len(SOUND.sites)
    without = []
    for row in range(sites):
        gone = np.arange(sites) == row
        rest = event_study(replace(outcome, design=outcome.design.without(gone)), generator=chance())
        assert isinstance(rest, EventStudy)
        without.append({step.first: step.value for step in rest.steps})
    for step in found.steps:
        values = np.array([one.get(step.first, np.nan) for one in without])
        if not np.isnan(values).any():
            variance = (sites - 1) / sites * ((values - values.mean()) ** 2).sum()
            assert step.standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_placebos_say_how_small_p_can_be(sound: DidItWork) -> None:
    space = sound.placebo_in_space
    assert isinstance(space, SpacePlacebo)
    assert space.p_value == space.smallest == pytest.approx(1 / 20)
    few = told(
        Panel(
            sites=("a", "b", "c"),
            lower=np.array([[20.0, 22, 9, 11], [30, 31, 29, 33], [25, 26, 24, 27]]),
            upper=np.array([[20.0, 22, 9, 11], [30, 31, 29, 33], [25, 26, 24, 27]]),
            exposure=np.full((3, 4), 100.0),
            treated=np.array([[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=np.bool_),
            excluded=np.zeros((3, 4), dtype=np.bool_),
        )
    )
    assert isinstance(few.placebo_in_space, SpacePlacebo)
    assert few.placebo_in_space.smallest == pytest.approx(1 / 3)
    assert few.placebo_in_space.as_far == 0
    assert few.placebo_in_space.p_value == few.placebo_in_space.smallest  # 20 deals of 3 are no 20 different ones
    # one site adopts: nothing between sites tells the others' errors
    assert all(isinstance(one, NoEstimate) for one in few.estimates[1:])
    assert few.agreement is None


def test_without_never_adopters_a_common_drift_cannot_be_told() -> None:
    kept = SOUND.treated.any(axis=1)
    panel = Panel(
        sites=tuple(site for site, keep in zip(SOUND.sites, kept, strict=True) if keep),
        **{name: getattr(SOUND, name)[kept] for name in ("lower", "upper", "exposure", "treated", "excluded")},
    )
    found = told(panel)
    assert isinstance(found.drift, str)
    assert "never adopt" in found.drift
    assert isinstance(found.estimates[4], NoEstimate)
    assert any("no comparable site was still without" in note for note in found.effect.notes)


@pytest.mark.parametrize(
    ("treated", "reason"),
    [
        (np.arange(36) >= np.full((15, 1), 10), "all adopted at once"),
        (np.ones((15, 36), dtype=np.bool_), "no counts from periods without"),
        (np.zeros((15, 36), dtype=np.bool_), "At no site was the innovation in effect"),
    ],
)
def test_what_cannot_be_compared_is_refused(treated: np.ndarray, reason: str) -> None:
    found = did_it_work(replace(SOUND, treated=treated), generator=chance())
    assert isinstance(found, NoEffect)
    assert reason in found.reason


def test_one_period_and_negative_counts_are_refused() -> None:
    one = {name: getattr(SOUND, name)[:, :1] for name in ("lower", "upper", "exposure", "treated", "excluded")}
    found = did_it_work(Panel(sites=SOUND.sites, **one), generator=chance())
    assert isinstance(found, NoEffect)
    assert "one period only" in found.reason
    lower = SOUND.lower.copy()
    lower[2, 3] = -1.0
    with pytest.raises(ValueError, match="site 3, period 4 has a negative count"):
        did_it_work(replace(SOUND, lower=lower), generator=chance())


def test_adoption_before_the_first_period_leaves_a_site_out_and_says_so() -> None:
    treated = SOUND.treated.copy()
    treated[0] = True
    found = told(replace(SOUND, treated=treated))
    assert any("no period with events before the innovation: site 1" in note for note in found.effect.notes)


def test_influence_is_that_of_leaving_a_site_out(sound: DidItWork) -> None:
    first = sound.influential[0]
    row = SOUND.sites.index(first.site)
    rest = np.arange(15) != row
    panel = Panel(
        sites=tuple(site for site in SOUND.sites if site != first.site),
        **{name: getattr(SOUND, name)[rest] for name in ("lower", "upper", "exposure", "treated", "excluded")},
    )
    assert told(panel).effect.rate_ratio.estimate == pytest.approx(first.effect, rel=1e-6)


def test_sensitivity_grows_with_what_is_allowed(sound: DidItWork) -> None:
    assert isinstance(sound.sensitivity, Sensitivity)
    for found in (sound.sensitivity.relative, sound.sensitivity.smooth):
        widths = [one.upper - one.lower for one in found]
        assert widths == sorted(widths)
    at = sound.sensitivity.relative_breakdown
    assert 0 < at < 2
    for one in sound.sensitivity.relative:
        assert (one.lower <= 0 <= one.upper) == (one.allowed >= at)


def test_parts_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="a number at every site"):
        goodman_bacon(np.array([[1.0, np.nan], [1.0, 2.0]]), np.array([1, 2]))
    with pytest.raises(ValueError, match="different times"):
        goodman_bacon(np.ones((2, 2)), np.array([1, 1]))
    fitted = fit_counts(SOUND)
    assert not isinstance(fitted, NoEffect)
    with pytest.raises(ValueError, match="at least 2 draws"):
        complete(SOUND, fitted, draws=1, generator=chance())
    assert groups_of(120).max() == 49
    leading = told(SOUND).estimates[0]
    assert isinstance(leading, Estimate)
    with pytest.raises(ValueError, match="no influences"):
        agreement(leading, [replace(leading, influence=None)], treated_sites=3)
    assert isinstance(told(SOUND).placebo_in_time, Effect)

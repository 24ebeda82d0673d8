"""Effects on means against statsmodels' weighted least squares, published formulas, and the planted truth."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.stats import nct
from scipy.stats import t as student

from rounds.learning.impact.effect import MeanEffect, MeanOf, Panel
from rounds.learning.impact.mean_power import MeanBaseline, MeanPower, mean_rollout_power, power_of
from rounds.learning.impact.panel.linear import callaway_santanna_weights, two_way_weights
from rounds.learning.impact.panel.means import MeanFit, estimate_mean_effect, fit_means
from rounds.learning.impact.panel.outcome import Design
from rounds.learning.impact.panel.sun_abraham import sun_abraham
from rounds.learning.impact.single_site.interrupted import design_of
from rounds.learning.impact.single_site.means import InterruptedMean, interrupted_mean
from rounds.learning.impact.single_site.regression import fit_means as regression_of
from rounds.learning.impact.single_site.regression import newey_west

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import mean_impact

HELD_AGAINST = (
    ("Effect on a mean: imputation, two-way effects, Sun-Abraham, weighted", "statsmodels (WLS)", "1e-9"),
    ("Interrupted time series of a mean, Newey-West errors", "statsmodels (WLS, HAC)", "1e-9"),
    ("Power for a mean", "the variance of a difference of differences; SciPy's noncentral t", "1e-9"),
    (
        "Effect on a mean that left under the HES rule",
        "the planted truth",
        "inside its intervals, as often as it should",
    ),
)

Matrix = NDArray[np.float64]
SEEDS = 60


def panel(seed: int = 1, sites: int = 8, periods: int = 14) -> Panel:
    rng = np.random.default_rng(seed)
    size = rng.integers(20, 400, (sites, periods)).astype(np.float64)
    start = np.array([5, 5, 8, 8, 11, 11, periods, periods])[:sites]
    treated = np.arange(periods) >= start[:, None]
    mean = rng.normal(5, 1, (sites, 1)) + rng.normal(0, 0.4, periods) - 0.6 * treated
    total = size * (mean + rng.normal(0, 3, (sites, periods)) / np.sqrt(size))
    return Panel(
        sites=tuple(f"S{site}" for site in range(sites)),
        lower=total,
        upper=total,
        exposure=size,
        treated=treated,
        excluded=np.zeros_like(treated),
        a_year=None,
        mean_of=MeanOf(),
    )


PANEL = panel()
DESIGN = Design(untreated=~PANEL.treated, treated=PANEL.treated, sizes=PANEL.exposure)


def dummies(shape: tuple[int, int]) -> Matrix:
    site, period = np.indices(shape).reshape(2, -1)
    return np.hstack([site[:, None] == np.arange(shape[0]), period[:, None] == np.arange(1, shape[1])]).astype(float)


def test_imputation_is_weighted_least_squares_of_untreated_means() -> None:
    found = estimate_mean_effect(PANEL)
    assert isinstance(found, MeanEffect)
    every, with_it = dummies(PANEL.means.shape), PANEL.treated.ravel()
    y, w = PANEL.means.ravel(), PANEL.exposure.ravel()
    fit = sm.WLS(y[~with_it], every[~with_it], weights=w[~with_it]).fit()
    expected = every @ fit.params
    share = w[with_it] / w[with_it].sum()
    assert found.difference.estimate == pytest.approx(share @ (y - expected)[with_it], abs=1e-9)
    assert found.expected == pytest.approx(share @ expected[with_it], abs=1e-9)
    np.testing.assert_allclose(found.counterfactual.ravel(), expected, atol=1e-9)
    assert found.share is not None
    assert found.share.estimate == pytest.approx(found.difference.estimate / found.expected)
    assert found.total.estimate == pytest.approx(found.difference.estimate * w[with_it].sum())


def test_two_way_effects_and_sun_abraham_are_weighted_least_squares() -> None:
    every, with_it = dummies(PANEL.means.shape), PANEL.treated.ravel().astype(float)
    y, w = PANEL.means.ravel(), PANEL.exposure.ravel()
    weights = two_way_weights(DESIGN)
    assert weights is not None
    fit = sm.WLS(y, np.column_stack([with_it, every]), weights=w).fit()
    assert float((weights * PANEL.means).sum()) == pytest.approx(fit.params[0], abs=1e-9)
    start = np.where(PANEL.treated.any(axis=1), PANEL.treated.argmax(axis=1), PANEL.treated.shape[1])
    found = sun_abraham(PANEL.means, start, clustered=False, sizes=PANEL.exposure)
    away = (np.arange(PANEL.treated.shape[1])[None, :] - start[:, None]).ravel()
    cohort = np.repeat(start, PANEL.treated.shape[1])
    terms = [(c, e) for c in (5, 8, 11) for e in np.unique(away[cohort == c]) if e != -1]
    columns = np.column_stack([(cohort == c) & (away == e) for c, e in terms]).astype(float)
    fit = sm.WLS(y, np.hstack([columns, every]), weights=w).fit()
    shares = np.array([w[(cohort == c) & (away == e)].sum() * (e >= 0) for c, e in terms])
    shares /= shares.sum()
    assert found.effect == pytest.approx(shares @ fit.params[: len(terms)], abs=1e-9)
    own = fit.cov_params()[: len(terms), : len(terms)]
    assert found.standard_error == pytest.approx(np.sqrt(shares @ own @ shares), rel=1e-9)


def test_callaway_and_santanna_weigh_sites_by_their_size() -> None:
    """Cell by cell: change since the last period before, less the weighted mean change of those without it."""
    weights = callaway_santanna_weights(DESIGN)
    assert weights is not None
    size = PANEL.exposure.mean(axis=1)
    total, number = 0.0, 0.0
    for site, period in np.argwhere(PANEL.treated):
        base = int(PANEL.treated[site].argmax()) - 1
        others = ~PANEL.treated[:, period] & ~PANEL.treated[:, base]
        change = PANEL.means[:, period] - PANEL.means[:, base]
        total += size[site] * (change[site] - np.average(change[others], weights=size[others]))
        number += size[site]
    assert float((weights * PANEL.means).sum()) == pytest.approx(total / number, abs=1e-9)


def test_rounding_moves_the_effect_by_no_more_than_is_said() -> None:
    rounded = replace(PANEL, lower=PANEL.lower - 0.05 * PANEL.exposure, upper=PANEL.upper + 0.05 * PANEL.exposure)
    fitted = fit_means(rounded)
    assert isinstance(fitted, MeanFit)
    told = estimate_mean_effect(rounded)
    assert isinstance(told, MeanEffect)
    worst = PANEL.lower + 0.05 * PANEL.exposure * np.sign(fitted.weights)
    moved = estimate_mean_effect(replace(PANEL, lower=worst, upper=worst))
    assert isinstance(moved, MeanEffect)
    assert moved.difference.estimate - told.difference.estimate == pytest.approx(told.rounding, rel=1e-9)


@pytest.mark.parametrize("controls", [(), ("S6", "S7")])
def test_interrupted_series_of_means_are_statsmodels(controls: tuple[str, ...]) -> None:
    one = panel(3, periods=30)
    found = interrupted_mean(one, "S2", controls=controls, lag=3)
    assert isinstance(found, InterruptedMean)
    design = design_of(one, 2, [one.sites.index(name) for name in controls], drift=True)
    at = tuple(design.cells.T)
    y, w = one.means[at], one.exposure[at]
    fit = sm.WLS(y, design.matrix, weights=w).fit()
    np.testing.assert_allclose(regression_of(y, w, design.matrix).coefficients, fit.params, atol=1e-9)
    errors = np.array([fit.bse])
    if not controls:
        hac = fit.get_robustcov_results("HAC", maxlags=3, use_correction=True)
        own = newey_west(regression_of(y, w, design.matrix), design.cells[:, 1], lag=3, adjust=True)
        np.testing.assert_allclose(np.sqrt(np.diag(own)), hac.bse, rtol=1e-9)
        errors = np.array([fit.bse, hac.bse])
        half = student.ppf(0.975, fit.df_resid) * errors[:, design.level].max()
        assert found.level.upper - found.level.estimate == pytest.approx(half, rel=1e-9)
    assert found.level.estimate == pytest.approx(fit.params[design.level], abs=1e-9)
    assert found.spread == pytest.approx(np.sqrt(fit.scale), rel=1e-9)
    post = (design.cells[:, 0] == 2) & (design.matrix[:, design.level] > 0)
    without = design.matrix.copy()
    without[:, [design.level, design.slope]] = 0.0
    share = w[post] / w[post].sum()
    assert found.difference.estimate == pytest.approx(share @ ((design.matrix - without) @ fit.params)[post], abs=1e-9)


def test_power_of_a_mean_is_the_textbook_formula_and_the_noncentral_t() -> None:
    """Equal sizes n, all begin at once: sd^2 / n (1/with + 1/without) (1/before + 1/after)."""
    sites = tuple(f"S{site}" for site in range(10))
    base = MeanBaseline(sites=sites, sizes=np.full(10, 50.0), periods=12, spread=4.0, site_variance=0.0)
    found = mean_rollout_power(base, starts=dict.fromkeys(sites[:6], 0), ahead=8, difference=-0.5)
    assert isinstance(found, MeanPower)
    assert found.standard_error**2 == pytest.approx(16.0 / 50.0 * (1 / 6 + 1 / 4) * (1 / 12 + 1 / 8), rel=1e-9)
    limit, away = student.ppf(0.975, 5), 0.5 / found.standard_error
    assert found.power == pytest.approx(nct.sf(limit, 5, away) + nct.cdf(-limit, 5, away), abs=1e-9)
    assert power_of(found.smallest / found.standard_error, degrees=5) == pytest.approx(0.8, abs=1e-6)
    wandering = replace(base, site_variance=0.04)
    more = mean_rollout_power(wandering, starts=dict.fromkeys(sites[:6], 0), ahead=8, difference=-0.5)
    assert isinstance(more, MeanPower)
    assert more.standard_error**2 - found.standard_error**2 == pytest.approx(0.04 * (1 / 6 + 1 / 4), rel=1e-9)


def test_intervals_of_released_means_hold_the_truth_as_often_as_they_say() -> None:
    """Of 60 intervals that hold it with 0.95, fewer than 51 do so once in 1,000 tries."""
    case = mean_impact.Case(name="", policy=mean_impact.Policy.HES)
    found = [mean_impact.one_seed((case, seed)) for seed in range(1_000, 1_000 + SEEDS)]
    assert sum(one.held for one in found) >= 51
    assert sum(one.share_held for one in found) >= 51
    errors = np.array([one.error for one in found])
    assert abs(errors.mean()) < 3 * errors.std() / SEEDS**0.5
    assert all(one.rounding > 0 for one in found)

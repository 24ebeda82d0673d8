"""Impact against outside implementations: statsmodels for exact counts, scipy's distributions for bounded ones."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, nbinom, poisson, t
from statsmodels.discrete.discrete_model import NegativeBinomial

from rounds.learning.bounded.counts import IntervalCounts
from rounds.learning.bounded.two_way import Cells, fit_dispersed_two_way, fit_two_way
from rounds.learning.impact.did import estimate_effect, fit_log_ratio
from rounds.learning.impact.effect import Effect, Panel

HELD_AGAINST = (
    ("Difference-in-differences of exact counts", "statsmodels (Poisson GLM)", "1e-6 or better; over-dispersion 1e-3"),
    ("Bounded counts' likelihood", "SciPy's Poisson and negative binomial", "1e-5 or better"),
)

SITES, PERIODS = 6, 14
FREE = np.arange(1, PERIODS)
Array = NDArray[np.float64]


def simulated(seed: int, *, mean: float, alpha: float = 0.0) -> Panel:
    rng = np.random.default_rng(seed)
    exposure = rng.uniform(50.0, 150.0, (SITES, PERIODS))
    expected = exposure * np.exp(rng.normal(0.0, 0.3, (SITES, 1)) + rng.normal(0.0, 0.2, PERIODS))
    expected *= mean / expected.mean()
    treated = np.arange(PERIODS) >= np.array([4, 6, 8, 10, 99, 99])[:, None]
    expected = np.where(treated, 0.6 * expected, expected)
    if alpha:
        expected = expected * rng.gamma(1.0 / alpha, alpha, expected.shape)
    counts = rng.poisson(expected).astype(np.float64)
    return Panel(
        sites=tuple("abcdef"),
        lower=counts,
        upper=counts,
        exposure=exposure,
        treated=treated,
        excluded=np.zeros_like(treated),
    )


def in_hes_bounds(counts: Array) -> tuple[Array, Array]:
    rounded = (counts + 2) // 5 * 5
    lower = np.select([counts == 0, counts <= 7], [0.0, 1.0], np.maximum(rounded - 2, 8))
    return lower, np.select([counts == 0, counts <= 7], [0.0, 7.0], rounded + 2)


def cells_of(panel: Panel, mask: NDArray[np.bool_], *, bounded: bool = False) -> Cells:
    site, period = np.nonzero(mask)
    lower, upper = in_hes_bounds(panel.lower[mask]) if bounded else (panel.lower[mask], panel.upper[mask])
    return Cells(
        site=site,
        period=period,
        counts=IntervalCounts(lower, upper),
        log_exposure=np.log(panel.exposure[mask]),
        shape=(SITES, PERIODS),
    )


def start_of(panel: Panel) -> tuple[Array, Array]:
    return np.full(SITES, np.log(panel.lower.sum() / panel.exposure.sum())), np.zeros(PERIODS)


def design(mask: NDArray[np.bool_]) -> Array:
    """One column a site and a period, but for the first period."""
    site, period = np.nonzero(mask)
    return np.hstack([np.eye(SITES)[site], np.eye(PERIODS)[period][:, 1:]])


@pytest.mark.parametrize(("seed", "mean"), [(1, 5.0), (2, 40.0), (3, 2000.0)])
def test_exact_poisson_counts_agree_with_glm_and_the_ratio_of_sums(seed: int, mean: float) -> None:
    """Estimates and both delta-method variances. Tolerance: both Newton methods stop at rounding."""
    panel = simulated(seed, mean=mean)
    treated, untreated = panel.treated, ~panel.treated
    glm = sm.GLM(
        panel.lower[untreated],
        design(untreated),
        family=sm.families.Poisson(),
        offset=np.log(panel.exposure[untreated]),
    ).fit(tol=1e-14)
    expected = panel.exposure[treated] * np.exp(design(treated) @ glm.params)
    baseline = fit_two_way(cells_of(panel, untreated), free_periods=FREE, start=start_of(panel), alpha=0.0)
    ratio = fit_log_ratio(cells_of(panel, treated), baseline)

    assert np.exp(baseline.log_mean(cells_of(panel, treated))) == pytest.approx(expected, rel=1e-8)
    assert ratio.estimate == pytest.approx(np.log(panel.lower[treated].sum() / expected.sum()), abs=1e-8)
    gradient = design(treated).T @ expected / expected.sum()
    variance = 1.0 / panel.lower[treated].sum() + gradient @ glm.cov_params() @ gradient
    assert ratio.variance == pytest.approx(variance, rel=1e-6)

    found = estimate_effect(panel)
    assert isinstance(found, Effect)
    if found.dispersion == 0.0:  # the avoided events are then expected less observed, two independent sums
        assert found.avoided.estimate == pytest.approx(expected.sum() - panel.lower[treated].sum(), rel=1e-8)
        if not found.notes:
            half = 1.959964 * np.sqrt(
                panel.lower[treated].sum() + expected.sum() ** 2 * gradient @ glm.cov_params() @ gradient
            )
            assert found.avoided.upper - found.avoided.estimate == pytest.approx(half, rel=1e-6)


def test_the_poisson_case_above_is_reached() -> None:
    found = estimate_effect(simulated(2, mean=40.0))
    assert isinstance(found, Effect)
    assert (found.dispersion, found.notes) == (0.0, ())


def test_exact_negative_binomial_counts_agree_with_glm_at_a_given_alpha() -> None:
    panel = simulated(4, mean=30.0, alpha=0.2)
    untreated = ~panel.treated
    glm = sm.GLM(
        panel.lower[untreated],
        design(untreated),
        family=sm.families.NegativeBinomial(alpha=0.2),
        offset=np.log(panel.exposure[untreated]),
    ).fit(tol=1e-14, maxiter=200)
    baseline = fit_two_way(cells_of(panel, untreated), free_periods=FREE, start=start_of(panel), alpha=0.2)
    effects = np.concatenate([baseline.site_effects, baseline.period_effects[1:]])
    assert effects == pytest.approx(glm.params, abs=1e-7)
    assert baseline.loglik == pytest.approx(glm.llf, abs=1e-7)


@pytest.mark.parametrize("seed", [4, 5])
def test_the_plain_profile_agrees_with_statsmodels_negative_binomial(seed: int) -> None:
    """Tolerance: statsmodels' quasi-Newton method stops at a gradient of 1e-5."""
    panel = simulated(seed, mean=30.0, alpha=0.2)
    untreated = ~panel.treated
    start = np.concatenate([start_of(panel)[0], np.zeros(PERIODS - 1), [0.2]])
    model = NegativeBinomial(panel.lower[untreated], design(untreated), offset=np.log(panel.exposure[untreated]))
    fitted = model.fit(start_params=start, method="bfgs", maxiter=2000, disp=0)
    baseline = fit_dispersed_two_way(
        cells_of(panel, untreated), free_periods=FREE, start=start_of(panel), adjusted=False
    )
    assert baseline.alpha == pytest.approx(fitted.params[-1], rel=1e-3)
    assert baseline.loglik == pytest.approx(fitted.llf, abs=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 1e-3, 0.1, 0.7])
def test_the_likelihood_of_bounds_is_that_of_scipy_and_its_derivatives_are_right(alpha: float) -> None:
    lower = np.array([0.0, 1.0, 8.0, 0.0, 13.0, 240.0, 3.0])
    upper = np.array([0.0, 7.0, 12.0, 4.0, 13.0, 260.0, 60.0])
    log_mean = np.log([0.4, 3.0, 15.0, 6.0, 13.0, 300.0, 20.0])
    counts = IntervalCounts(lower, upper)

    def outside(log_mean: Array) -> Array:
        mean = np.exp(log_mean)
        found = []
        for low, high, mu in zip(lower, upper, mean, strict=True):
            k = np.arange(low, high + 1)
            # scipy's negative binomial loses digits below alpha of 1e-6, where it is Poisson to 1e-7
            masses = poisson.pmf(k, mu) if alpha < 1e-6 else nbinom.pmf(k, 1 / alpha, 1 / (1 + alpha * mu))
            found.append(np.log(masses.sum()))
        return np.array(found)

    def inside(log_mean: Array) -> tuple[float, Array, Array]:
        fit = counts.evaluate(log_mean, alpha, counts.log_weights(alpha))
        return fit.loglik, fit.score, fit.information

    loglik, score, information = inside(log_mean)
    assert loglik == pytest.approx(outside(log_mean).sum(), rel=1e-7)
    step = 1e-5
    numeric_score = (outside(log_mean + step) - outside(log_mean - step)) / (2 * step)
    assert score == pytest.approx(numeric_score, rel=1e-5, abs=1e-5)
    numeric_information = -(inside(log_mean + step)[1] - inside(log_mean - step)[1]) / (2 * step)
    assert information == pytest.approx(numeric_information, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_the_residual_and_its_slope_are_those_of_the_definition(alpha: float) -> None:
    counts = IntervalCounts(np.array([1.0, 8.0, 30.0]), np.array([7.0, 12.0, 30.0]))
    log_mean, step = np.log([2.0, 14.0, 25.0]), 1e-5
    fit, more, less = (
        counts.evaluate(log_mean + shift, alpha, counts.log_weights(alpha)) for shift in (0.0, step, -step)
    )
    k = np.arange(1, 8)
    masses = poisson.pmf(k, 2.0) if alpha == 0.0 else nbinom.pmf(k, 1 / alpha, 1 / (1 + alpha * 2.0))
    assert fit.residual[0] == pytest.approx(masses @ k / masses.sum() - 2.0)
    assert fit.residual_slope == pytest.approx(-(more.residual - less.residual) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.15])
def test_standard_errors_with_bounds_agree_with_a_numerical_hessian(alpha: float) -> None:
    """Everything anew from scipy's probabilities: the Hessian of the untreated cells by differences, and how the ratio
    moves with each effect by solving again. Tolerance: that of second differences."""
    panel = simulated(6, mean=20.0, alpha=alpha)
    untreated, treated = ~panel.treated, panel.treated
    own = fit_two_way(cells_of(panel, untreated, bounded=True), free_periods=FREE, start=start_of(panel), alpha=alpha)
    ratio = fit_log_ratio(cells_of(panel, treated, bounded=True), own)
    effects = np.concatenate([own.site_effects, own.period_effects[1:]])

    def cdf(k: Array, mean: Array) -> Array:
        found: Array = poisson.cdf(k, mean) if alpha == 0.0 else nbinom.cdf(k, 1 / alpha, 1 / (1 + alpha * mean))
        return found

    def loglik(effects: Array) -> float:
        lower, upper = in_hes_bounds(panel.lower[untreated])
        mean = panel.exposure[untreated] * np.exp(design(untreated) @ effects)
        return float(np.log(cdf(upper, mean) - cdf(lower - 1, mean)).sum())

    size, step = len(effects), 1e-4
    shifts = step * np.eye(size)
    hessian = np.array(
        [
            [
                (loglik(effects + a + b) - loglik(effects + a - b) - loglik(effects - a + b) + loglik(effects - a - b))
                / (4 * step**2)
                for b in shifts
            ]
            for a in shifts
        ]
    )

    lower, upper = in_hes_bounds(panel.lower[treated])
    widest = np.arange(int(upper.max()) + 1)
    inside = (widest >= lower[:, None]) & (widest <= upper[:, None])

    def excess(log_ratio: float, effects: Array) -> float:
        mean = (panel.exposure[treated] * np.exp(design(treated) @ effects + log_ratio))[:, None]
        mass = poisson.pmf(widest, mean) if alpha == 0.0 else nbinom.pmf(widest, 1 / alpha, 1 / (1 + alpha * mean))
        mass = np.where(inside, mass, 0.0)
        return float(((mass @ widest) / mass.sum(axis=1) - mean[:, 0]).sum())

    def solved(effects: Array) -> float:
        return float(brentq(excess, -1.5, 0.5, args=(effects,), xtol=1e-13))

    assert ratio.estimate == pytest.approx(solved(effects), abs=1e-9)
    moves = np.array([(solved(effects + shift) - solved(effects - shift)) / (2 * step) for shift in shifts])
    through_baseline = float(moves @ np.linalg.solve(-hessian, moves))
    assert ratio.variance - ratio.own_variance == pytest.approx(through_baseline, rel=1e-4)


def test_the_adjusted_profile_finds_the_over_dispersion_that_the_plain_one_misses() -> None:
    """Some 50 counts and 19 effects: plain maximum likelihood finds about half of alpha. Tolerance for the mean of 60
    adjusted estimates: three and a half standard errors."""
    adjusted, plain = [], []
    for seed in range(60):
        panel = simulated(100 + seed, mean=40.0, alpha=0.2)
        cells = cells_of(panel, ~panel.treated)
        for found, adjust in ((adjusted, True), (plain, False)):
            baseline = fit_dispersed_two_way(cells, free_periods=FREE, start=start_of(panel), adjusted=adjust)
            found.append(baseline.alpha)
    assert np.mean(adjusted) == pytest.approx(0.2, abs=3.5 * np.std(adjusted) / np.sqrt(60))
    assert np.mean(plain) < 0.75 * 0.2


def test_unequal_sites_widen_the_interval_by_the_variance_between_clusters() -> None:
    """The sandwich of the whole stack of estimating equations (effects, then ratio), summed by site, from dense
    matrices; then Student's t on treated sites - 1 degrees of freedom."""
    panel = simulated(9, mean=200.0)
    unequal = panel.lower.copy()
    unequal[:4] = np.where(
        panel.treated[:4], np.round(unequal[:4] * np.array([[0.3], [0.8], [1.3], [0.6]])), unequal[:4]
    )
    panel = replace(panel, lower=unequal, upper=unequal)
    untreated, treated = ~panel.treated, panel.treated
    found = estimate_effect(panel)
    assert isinstance(found, Effect)
    assert found.dispersion == 0.0
    glm = sm.GLM(
        panel.lower[untreated],
        design(untreated),
        family=sm.families.Poisson(),
        offset=np.log(panel.exposure[untreated]),
    ).fit(tol=1e-14)
    size = design(untreated).shape[1]
    expected = panel.exposure[treated] * np.exp(design(treated) @ glm.params) * found.rate_ratio.estimate
    bread = np.zeros((size + 1, size + 1))
    bread[:size, :size] = design(untreated).T @ (glm.mu[:, None] * design(untreated))
    bread[size, :size] = design(treated).T @ expected
    bread[size, size] = expected.sum()
    scores = np.zeros((SITES, size + 1))
    np.add.at(
        scores[:, :size],
        np.nonzero(untreated)[0],
        (panel.lower[untreated] - glm.mu)[:, None] * design(untreated),
    )
    np.add.at(scores[:, size], np.nonzero(treated)[0], panel.lower[treated] - expected)
    influence = np.linalg.solve(bread, scores.T)[size]
    between = np.sum(influence**2) * 4 / 3
    meat = bread.copy()
    meat[size, :size] = 0.0
    within = (np.linalg.solve(bread, meat) @ np.linalg.inv(bread).T)[size, size]
    assert between / within > chi2.ppf(0.95, 3) / 3
    half = np.log(found.rate_ratio.upper / found.rate_ratio.estimate)
    assert half == pytest.approx(t.ppf(0.975, 3) * np.sqrt(between), rel=1e-6)

"""The likelihood of bounds, pooled rates and expected moving ranges against scipy and statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from rounds.learning.bounded.counts import IntervalCounts, risen, risen_slope
from rounds.learning.bounded.pooled import BoundedCells, expected_counts, fit_cells, pooled_rate
from rounds.learning.variation.over_time.withheld import Known, limits_expected

HELD_AGAINST = (
    ("Likelihood of bounded counts", "SciPy's distributions, term by term", "1e-7 or better"),
    ("Moving ranges expected within bounds", "SciPy's folded normal", "1e-7"),
    ("Pooled rates from bounds", "SciPy's optimiser over the same likelihood", "1e-5; intervals 2e-3"),
)

SIGMA = 2.5


def discrete_gaussian(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    steps = np.arange(-60, 61)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    return steps, weights / weights.sum()


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("seen", [-3, 4, 11])
def test_a_noisy_count_is_a_sum_over_what_it_may_be(seen: int, alpha: float) -> None:
    """P(lower <= Y <= upper, Y + noise = seen) and E(Y | that), the sum written out with scipy's distributions."""
    lower, upper, mean = max(0, seen - 12), max(0, seen + 12), 5.0
    k = np.arange(lower, upper + 1)
    chance = stats.poisson.pmf(k, mean) if alpha == 0 else stats.nbinom.pmf(k, 1 / alpha, 1 / (1 + alpha * mean))
    steps, weights = discrete_gaussian(SIGMA)
    joint = chance * np.array([weights[steps == seen - value].sum() for value in k])
    counts = IntervalCounts(
        np.array([lower], float), np.array([upper], float), noisy=np.array([seen], float), sigma=np.array([SIGMA])
    )
    fit = counts.evaluate(np.log([mean]), alpha, counts.log_weights(alpha))
    assert fit.loglik == pytest.approx(np.log(joint.sum()), abs=1e-9)
    assert fit.expected[0] == pytest.approx((joint * k).sum() / joint.sum(), rel=1e-9)
    assert fit.variance[0] == pytest.approx((joint * k**2).sum() / joint.sum() - fit.expected[0] ** 2, rel=1e-7)


def test_noise_without_its_sigma_and_bounds_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="needs the sigma"):
        IntervalCounts(np.array([0.0]), np.array([5.0]), noisy=np.array([2.0]))
    with pytest.raises(ValueError, match="cell 2 has bounds 5 to 3"):
        IntervalCounts(np.array([0.0, 5.0]), np.array([5.0, 3.0]))


@pytest.mark.parametrize("alpha", [1e-5, 0.01, 5.0])
def test_sums_beyond_the_table_are_those_added_up_one_by_one(alpha: float) -> None:
    steps = np.arange(300_000, dtype=np.float64)
    for found, terms in ((risen, np.log1p(alpha * steps)), (risen_slope, steps / (1 + alpha * steps))):
        added = np.concatenate([[0.0], np.cumsum(terms)])
        at = np.array([0, 1, 2, 65_535, 65_536, 65_537, 65_538, 100_000, 300_000])
        assert found(at, alpha) == pytest.approx(added[at], rel=1e-12)
        near = found(np.arange(65_530, 65_545), alpha)
        assert np.diff(near) == pytest.approx(terms[65_530:65_544], rel=1e-6)


def test_a_count_takes_no_memory_for_its_size_and_bounds_that_say_nothing_are_refused() -> None:
    counts = IntervalCounts(np.array([1e9, 4.0]), np.array([1e9 + 4, 4.0]))
    for alpha in (0.0, 0.2):
        fit = counts.evaluate(np.log([1e9, 4.0]), alpha, counts.log_weights(alpha))
        assert fit.expected == pytest.approx([1e9 + 2, 4.0], rel=1e-9)
        assert np.isfinite(fit.loglik)
    with pytest.raises(ValueError, match=r"cell 2 has bounds 0 to 1e\+09; all bounds together hold more"):
        IntervalCounts(np.array([1.0, 0.0]), np.array([7.0, 1e9]))
    with pytest.raises(ValueError, match="cell 1 has bounds 0 to inf"):
        IntervalCounts(np.array([0.0]), np.array([np.inf]))


def one_series(lower: list[int], upper: list[int], size: list[float]) -> BoundedCells:
    nothing = np.zeros(len(lower), dtype=np.int64)
    return BoundedCells(
        series=nothing,
        alike=nothing,
        period=nothing,
        lower=np.array(lower, float),
        upper=np.array(upper, float),
        size=np.array(size),
    )


def test_one_rate_from_bounds_is_scipy_s_maximum_of_the_likelihood() -> None:
    """Counts that vary no more than Poisson, so that alpha is 0 and the rate is the interval-censored Poisson's."""
    lower, upper = [1, 1, 8, 1, 0, 8, 1, 1, 8, 1, 13, 1], [7, 7, 12, 7, 0, 12, 7, 7, 12, 7, 17, 7]
    size = np.array([900.0, 1000, 1300, 800, 200, 1200, 1100, 700, 1500, 1000, 2000, 950])

    def loss(log_rate: float) -> float:
        mean = size * np.exp(log_rate)
        inside = stats.poisson.cdf(upper, mean) - stats.poisson.cdf(np.array(lower) - 1, mean)
        return -float(np.log(inside).sum())

    best = optimize.minimize_scalar(loss, bounds=(-7, -3), method="bounded", options={"xatol": 1e-10}).x
    step = 1e-3
    curvature = (loss(best + step) - 2 * loss(best) + loss(best - step)) / step**2
    fitted = fit_cells(one_series(lower, upper, size.tolist()))
    assert fitted is not None
    assert fitted.found.spread.alpha == 0.0
    found = pooled_rate(fitted, np.ones(len(size), dtype=bool), over_time=True)
    assert found is not None
    assert np.log(found.rate) == pytest.approx(best, abs=1e-5)
    half = np.log(found.upper95 / found.lower95) / 2
    assert half == pytest.approx(1.959964 / np.sqrt(curvature), rel=2e-3)


@pytest.mark.parametrize("over_time", [True, False])
@pytest.mark.parametrize(("events", "size"), [(30, 1000), (700, 1000), (4, 50)])
def test_an_exact_count_has_the_interval_of_statsmodels(over_time: bool, events: int, size: int) -> None:
    """An intercept alone: Poisson with a log link for events over time, binomial with a logit link for a proportion."""
    fitted = fit_cells(one_series([events], [events], [float(size)]))
    assert fitted is not None
    found = pooled_rate(fitted, np.array([True]), over_time=over_time)
    assert found is not None
    if over_time:
        rows, of = [events / 2 - 1, events / 2 + 1], size / 2  # two: the peer divides by rows less parameters
        peer = sm.GLM(rows, [1.0] * 2, family=sm.families.Poisson(), exposure=[of] * 2).fit()
        ends = np.exp(peer.conf_int()[0])
    else:
        rows = [[events / 2 + step, (size - events) / 2 - step] for step in (-1, 1)]
        peer = sm.GLM(rows, [1.0] * 2, family=sm.families.Binomial()).fit()
        ends = 1 / (1 + np.exp(-peer.conf_int()[0]))
    assert found.rate == pytest.approx(events / size)
    assert (found.lower95, found.upper95) == pytest.approx(tuple(ends), rel=1e-4)
    assert found.information == pytest.approx(1.0)


def test_exact_counts_are_expected_to_be_what_they_are() -> None:
    cells = one_series([3, 0, 9], [3, 0, 9], [1.0, 1.0, 1.0])
    assert expected_counts(cells).tolist() == [3, 0, 9]
    fitted = fit_cells(cells)
    assert fitted is not None
    assert fitted.expected.tolist() == pytest.approx([3, 0, 9])
    assert fitted.variance.tolist() == pytest.approx([0, 0, 0], abs=1e-9)


def test_nobody_and_no_event_have_no_rate() -> None:
    assert fit_cells(one_series([0, 0], [0, 0], [10.0, 10.0])) is None
    assert fit_cells(one_series([1], [7], [0.0])) is None
    fitted = fit_cells(one_series([0, 9], [0, 9], [10.0, 10.0]))
    assert fitted is not None
    assert pooled_rate(fitted, np.array([True, False]), over_time=True) is None


def test_a_denominator_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="denominator is missing"):
        one_series([1], [7], [np.nan])


@pytest.mark.parametrize("screen", [False, True])
def test_expected_moving_ranges_are_scipy_s_folded_normal(screen: bool) -> None:
    """Without screening its mean; with it, the mean of what lies below 3.267 times that, by quadrature."""
    expected, variance = np.array([4.0, 5.5, 3.0, 12.0, 4.4]), np.array([2.9, 0.0, 2.5, 2.0, 2.9])
    known = Known(lower=expected - 3, upper=expected + 3, expected=expected, variance=variance)
    found = limits_expected(known, screen=screen)
    spread = np.sqrt(variance[1:] + variance[:-1])
    folded = [stats.foldnorm(abs(step) / s, scale=s) for step, s in zip(np.diff(expected), spread, strict=True)]
    wanted = float(np.mean([one.mean() for one in folded]))
    if screen:
        cut = 3.267 * wanted
        whole = [one.expect(lambda x: x, lb=0, ub=cut) for one in folded]
        wanted = sum(whole) / sum(one.cdf(cut) for one in folded)
    assert found.mean_range[0] == pytest.approx(wanted, rel=1e-7)
    assert found.mean[0] == pytest.approx(expected.mean())
    assert found.upper[0] - found.lower[0] == pytest.approx(2 * 2.66 * wanted, rel=1e-7)

"""Limits, tests and budgets over time against series of which the truth is known, and against scipy and statsmodels."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, poisson, t
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import acf

from rounds.learning.variation.over_time.attributes import p_chart, u_chart
from rounds.learning.variation.over_time.counted import Counted, steady_rate
from rounds.learning.variation.over_time.dependence import (
    Dependent,
    Seasonal,
    autocorrelation,
    dependent_charts,
    seasonal_chart,
)
from rounds.learning.variation.over_time.discovery import (
    Dependence,
    discoveries,
    latest_count_p_values,
    latest_p_values,
)
from rounds.learning.variation.over_time.drawing import Reading
from rounds.learning.variation.over_time.individuals import i_chart
from rounds.learning.variation.over_time.rebasing import Basis
from rounds.learning.variation.over_time.rules import Matrix
from rounds.learning.variation.over_time.steady import flagged

HELD_AGAINST = (
    ("Rate behind withheld counts of P and U charts", "SciPy's maximum of the interval likelihood", "1e-4"),
    ("Limits of P and U charts where counts are withheld or rounded", "simulation", "2 to 3 %"),
    ("Autocorrelation and the limits that allow for it; seasons", "statsmodels; simulation", "exact; 3 to 8 %"),
    (
        "Discoveries over sites and measures",
        "statsmodels (Benjamini-Hochberg, -Yekutieli); simulation",
        "exact; rate held",
    ),
)


def wandering(rng: np.random.Generator, series: int, points: int, phi: float) -> Matrix:
    shocks = rng.normal(size=(series, points)) * np.sqrt(1 - phi**2)
    found = np.empty_like(shocks)
    found[:, 0] = shocks[:, 0] / np.sqrt(1 - phi**2)
    for at in range(1, points):
        found[:, at] = phi * found[:, at - 1] + shocks[:, at]
    return found


@pytest.mark.parametrize("proportion", [True, False])
def test_the_rate_behind_bounds_is_the_likeliest(proportion: bool) -> None:
    """Against scipy's maximum of the likelihood that each count lies between its bounds."""
    rng = np.random.default_rng(2)
    sizes = rng.integers(80, 120, 30).astype(float)
    events = (rng.binomial(sizes.astype(int), 0.06) if proportion else rng.poisson(sizes * 0.06)).astype(float)
    hidden = (events > 0) & (events < 8)
    low, high = np.where(hidden, 1, events), np.where(hidden, 7, events)
    counted = Counted(events_lower=low, events_upper=high, sizes_lower=sizes, sizes_upper=sizes, proportion=proportion)

    def loss(rate: float) -> float:
        law = binom(sizes.astype(int), rate) if proportion else poisson(sizes * rate)
        return -float(np.log(law.cdf(high) - law.cdf(low - 1)).sum())

    found = steady_rate(counted, np.ones(30, dtype=bool))
    assert found is not None
    assert hidden.sum() > 10
    best = minimize_scalar(loss, bounds=(0.01, 0.2), method="bounded", options={"xatol": 1e-9}).x
    assert found.rate == pytest.approx(best, rel=1e-4)
    law = binom(int(sizes[hidden][0]), found.rate) if proportion else poisson(sizes[hidden][0] * found.rate)
    weights = law.pmf(np.arange(1, 8))
    assert found.events[hidden][0] == pytest.approx((weights * np.arange(1, 8)).sum() / weights.sum(), rel=1e-9)


@pytest.mark.parametrize("prime", [False, True])
def test_limits_of_withheld_counts_are_near_those_of_the_true_ones(prime: bool) -> None:
    """Counts of 1 to 7 withheld: limits within 3 % of the true ones on average; with 4 written in they are not."""
    rng = np.random.default_rng(12)
    sizes = np.full(48, 500.0)
    widths: dict[str, list[float]] = {"true": [], "bounds": [], "four": []}
    for _ in range(40):
        events = rng.poisson(7, 48).astype(float)
        hidden = (events > 0) & (events < 8)
        low, high = np.where(hidden, 1, events), np.where(hidden, 7, events)
        given = {
            "true": Counted.exact(events, sizes, proportion=False),
            "bounds": Counted(
                events_lower=low, events_upper=high, sizes_lower=sizes, sizes_upper=sizes, proportion=False
            ),
            "four": Counted.exact(np.where(hidden, 4, events), sizes, proportion=False),
        }
        for name, counted in given.items():
            upper = u_chart(counted, prime=prime).upper
            assert upper is not None
            widths[name].append(upper)
    means = {name: float(np.mean(values)) for name, values in widths.items()}
    assert means["bounds"] == pytest.approx(means["true"], rel=0.03)
    assert abs(means["four"] / means["true"] - 1) > 2 * abs(means["bounds"] / means["true"] - 1)


def test_rounded_counts_keep_their_limits() -> None:
    rng = np.random.default_rng(13)
    sizes, events = np.full(60, 2000.0), rng.binomial(2000, 0.02, 60).astype(float)
    rounded = (events + 2) // 5 * 5
    bounds = Counted(
        events_lower=np.maximum(rounded - 2, 0),
        events_upper=rounded + 2,
        sizes_lower=sizes,
        sizes_upper=sizes,
        proportion=True,
    )
    found, true = p_chart(bounds), p_chart(Counted.exact(events, sizes, proportion=True))
    assert found.upper == pytest.approx(true.upper, rel=0.02)


def test_autocorrelation_is_unbiased_where_the_plain_one_is_not() -> None:
    values = wandering(np.random.default_rng(3), 4000, 36, 0.4)
    plain = np.array([acf(row, nlags=1, fft=False)[1] for row in values[:200]])
    corrected = autocorrelation(values)
    np.testing.assert_allclose(corrected[:200], np.clip((36 * plain + 1) / 32, -0.95, 0.95))
    assert corrected.mean() == pytest.approx(0.4, abs=0.015)
    assert plain.mean() < 0.37


def test_limits_for_dependent_series_have_the_width_of_the_process() -> None:
    """The standard deviation is 1: those of moving ranges are near sqrt(1 - phi) of 3, those that know of it near 3."""
    values = wandering(np.random.default_rng(4), 150, 120, 0.6)
    plain, known, surprise = [], [], []
    for row in values:
        found, chart = dependent_charts(row), i_chart(row, screen=False)
        assert isinstance(found, Dependent)
        for widths, made in ((plain, chart), (known, found.levels), (surprise, found.surprises)):
            assert made.upper is not None
            assert made.mean is not None
            widths.append(made.upper - made.mean)
    assert np.mean(plain) == pytest.approx(3 * np.sqrt(0.4), rel=0.05)
    assert np.median(known) == pytest.approx(3, rel=0.08)
    assert np.mean(surprise) == pytest.approx(3 * 0.8, rel=0.05)


def test_seasons_are_found_and_leave_what_is_left_as_wide_as_it_was() -> None:
    rng, months = np.random.default_rng(5), np.arange(48) % 12 + 1
    wave = 5 * np.sin(np.arange(12) / 12 * 2 * np.pi)
    widths, effects = [], []
    for _ in range(100):
        found = seasonal_chart(rng.normal(50, 1, 48) + wave[months - 1], months)
        assert isinstance(found, Seasonal)
        effects.append(found.effects)
        widths.append(found.adjusted.std())
    np.testing.assert_allclose(np.mean(effects, axis=0), wave - wave.mean(), atol=0.2)
    assert np.mean(widths) == pytest.approx(1.0, rel=0.03)


def test_what_is_too_short_for_dependence_or_seasons_says_so() -> None:
    values = np.random.default_rng(1).normal(size=23)
    assert "needs 24" in str(dependent_charts(values))
    assert "each needs 3" in str(seasonal_chart(values, np.arange(23) % 12 + 1))
    assert isinstance(dependent_charts(values, phi=0.3), Dependent)
    with pytest.raises(ValueError, match=r"give 0 to 0\.95"):
        dependent_charts(values, phi=1.0)
    with pytest.raises(ValueError, match="cut it where limits are to change"):
        dependent_charts(values, Reading(basis=Basis(freeze=12)))
    with pytest.raises(ValueError, match="1 to 12"):
        seasonal_chart(values, np.zeros(23, dtype=np.int64))


def test_latest_p_values_are_those_of_students_t() -> None:
    values = np.random.default_rng(6).normal(20, 3, size=(3000, 25))
    found = latest_p_values(values)
    before, latest = values[0, :-1], values[0, -1]
    scaled = abs(latest - before.mean()) / (before.std(ddof=1) * np.sqrt(1 + 1 / 24))
    assert found[0] == pytest.approx(2 * t.sf(scaled, 23))
    assert (found < 0.05).mean() == pytest.approx(0.05, abs=0.016)
    assert np.isnan(latest_p_values(np.full((2, 8), 3.0))).all()
    assert np.isnan(latest_p_values(values[:, :3])).all()


@pytest.mark.parametrize("proportion", [True, False])
def test_count_p_values_never_cry_wolf_too_often_and_hold_every_value(proportion: bool) -> None:
    rng, sizes = np.random.default_rng(7), np.full(12, 300.0)
    found = [
        latest_count_p_values(Counted.exact(rng.binomial(300, 0.05, 12), sizes, proportion=proportion))[0]
        for _ in range(200)
    ]
    assert np.mean(np.array(found) < 0.1) < 0.1
    low = rng.binomial(300, 0.05, 12).astype(float)
    high = low + rng.integers(0, 3, 12)
    bounds = Counted(events_lower=low, events_upper=high, sizes_lower=sizes, sizes_upper=sizes, proportion=proportion)
    least, most = latest_count_p_values(bounds)
    for _ in range(20):
        events = rng.integers(low.astype(int), high.astype(int) + 1).astype(float)
        alone = latest_count_p_values(Counted.exact(events, sizes, proportion=proportion))[0]
        assert least - 1e-12 <= alone <= most + 1e-12


@pytest.mark.parametrize(("dependence", "method"), list(zip(Dependence, ("fdr_bh", "fdr_by"), strict=True)))
def test_discoveries_are_those_of_statsmodels(dependence: Dependence, method: str) -> None:
    rng = np.random.default_rng(8)
    p = np.concatenate([rng.random(180), rng.random(20) / 500]).reshape(20, 10)
    found = discoveries(p, rate=0.1, dependence=dependence)
    expected = multipletests(p.ravel(), alpha=0.1, method=method)[0].reshape(p.shape)
    np.testing.assert_array_equal(found.certain, expected)
    assert f"{int(expected.sum())} are named" in found.controls


def test_the_budget_holds_over_sites_and_measures() -> None:
    """Of 600 latest points 60 have moved: over 200 rounds at most 5 % of those named are false."""
    rng, shares, power = np.random.default_rng(9), [], []
    moved = np.zeros(600, dtype=bool)
    moved[:60] = True
    for _ in range(200):
        values = rng.normal(size=(600, 25))
        values[moved, -1] += 5
        named = discoveries(latest_p_values(values)).certain
        shares.append((named & ~moved).sum() / max(named.sum(), 1))
        power.append(named[moved].mean())
    assert np.mean(shares) < 0.05
    assert np.mean(power) > 0.5


def test_bounds_of_p_values_name_certain_and_possible() -> None:
    rng = np.random.default_rng(10)
    low = rng.random(60) ** 4
    high = np.minimum(low * rng.uniform(1, 4, 60), 1.0)
    low[3] = high[3] = np.nan
    found = discoveries(low, highest=high, rate=0.1)
    assert found.tested == 59
    assert 0 < found.certain.sum() < found.possible.sum()
    for _ in range(50):
        between = low + rng.random(60) * (high - low)
        alone = discoveries(between, rate=0.1).certain
        assert not (found.certain & ~alone).any()
        assert not (alone & ~found.possible).any()
    with pytest.raises(ValueError, match="between 0 and 1"):
        discoveries(low, rate=1.0)
    with pytest.raises(ValueError, match="the lowest not above the highest"):
        discoveries(high, highest=low)


def test_surprises_flag_a_jump_that_levels_take_for_wandering() -> None:
    values = wandering(np.random.default_rng(11), 1, 60, 0.6)[0]
    values[40] += 6
    found = dependent_charts(values)
    assert isinstance(found, Dependent)
    assert flagged(found.surprises)[39]

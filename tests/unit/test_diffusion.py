"""Adoption curves and forecasts: what is refused and said, and that intervals hold the truth where it is known."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from rounds.learning.spread.diffusion.curves import Curve, share
from rounds.learning.spread.diffusion.forecast import Forecast, NoForecast, forecast
from rounds.learning.spread.diffusion.least_squares import Of, fit_least_squares
from rounds.learning.spread.diffusion.likelihood import fit_curve
from rounds.learning.spread.diffusion.times import AdoptionTimes, Watched, life_table, times_of

START, NOW = date(2024, 1, 1), date(2024, 12, 31)


def by_period(periods: list[float], members: int, now: int) -> AdoptionTimes:
    every = np.array(periods + [np.inf] * (members - len(periods)))
    return AdoptionTimes(
        entry=np.zeros(members), lower=np.where(np.isfinite(every), every - 1, now), upper=every, now=float(now)
    )


def simulated(seed: int, *, members: int = 60, ever: float = 1.0, cut: int = 18) -> tuple[AdoptionTimes, int]:
    """Return what is known at a cut of adoption along a logistic curve, and how many have adopted by period 36."""
    rng = np.random.default_rng(seed)
    times = 15 + 3.6 * np.log(1 / rng.uniform(0.02, 1, members) - 1 + 1e-9)
    periods = np.where(rng.random(members) < ever, np.maximum(np.ceil(times), 1), np.inf)
    return by_period(sorted(periods[periods <= cut].tolist()), members, cut), int((periods <= 36).sum())


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (Watched(member="RX1", joined=START, latest=date(2025, 3, 1)), "RX1 adopts on 2025-03-01, after 2024-12-31"),
        (Watched(member="RX1", joined=date(2024, 5, 1), latest=date(2024, 3, 1)), "before it joined"),
        (Watched(member="RX1", joined=START, left=date(2024, 3, 1), latest=date(2024, 3, 1)), "when it had left"),
        (Watched(member="RX1", joined=START, earliest=date(2024, 4, 1), latest=date(2024, 3, 1)), "no span of days"),
        (Watched(member="RX2", joined=START), "RX2 comes twice"),
    ],
)
def test_times_that_cannot_be_are_refused_by_name(one: Watched, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        times_of([Watched(member="RX2", joined=START), one], start=START, now=NOW)


def test_who_has_not_adopted_is_not_counted_as_adopting_last() -> None:
    told = [
        Watched(member="RX1", joined=START, latest=date(2024, 1, 10)),
        Watched(member="RX2", joined=START),
        Watched(member="RX3", joined=START, left=date(2024, 1, 11)),
        Watched(member="RX4", joined=date(2024, 1, 11), earliest=date(2024, 1, 11), latest=date(2024, 1, 20)),
        Watched(member="RX5", joined=date(2025, 2, 1)),
    ]
    found = times_of(told, start=START, now=date(2024, 1, 30), period_days=10)
    assert found.upper.tolist() == [1.0, np.inf, np.inf, 2.0]
    assert found.lower.tolist() == [0.9, 3.0, 1.0, 1.0]
    table = life_table(found)
    np.testing.assert_allclose(table.adopted, [1, 1, 0])
    np.testing.assert_allclose(table.at_risk, [3, 2, 1])


def test_nobody_and_a_past_before_the_start_are_refused() -> None:
    with pytest.raises(ValueError, match="nobody could adopt"):
        times_of([Watched(member="RX1", joined=date(2025, 1, 1))], start=START, now=NOW)
    with pytest.raises(ValueError, match="before it became possible"):
        times_of([], start=NOW, now=START)


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (by_period([], 10, 6), "Nobody has adopted yet"),
        (by_period([2, 3, 4], 10, 6), "3 adopters are too few"),
        (by_period([4] * 8, 20, 6), "All adoptions may have been at one time"),
        (by_period([1, 2, 2, 3, 4, 5], 6, 6), "All members have adopted"),
        (by_period([1], 1, 6), "All members have adopted"),
    ],
)
def test_a_forecast_is_refused_in_words(times: AdoptionTimes, reason: str) -> None:
    found = forecast(times, until=12.0, generator=np.random.default_rng(1))
    assert isinstance(found, NoForecast)
    assert reason in found.reason


def test_more_adopters_than_members_and_a_past_horizon_are_refused() -> None:
    times = by_period([1, 2, 2, 3, 4, 5], 10, 6)
    with pytest.raises(ValueError, match="cannot be more adopters"):
        forecast(times, until=12.0, generator=np.random.default_rng(1), members_now=4, adopted_now=6)
    with pytest.raises(ValueError, match="looks into the past"):
        forecast(times, until=6.0, generator=np.random.default_rng(1))


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([1, 2, 5, 4, 8, 9], "number 4 of cumulative adopters is below the one before"),
        ([-1, 2, 5, 6, 8, 9], "number 1 of adopters is below 0"),
        ([0, 0, 0, 0, 0, 0], "nobody has adopted yet"),
        ([1, 2, 3], "3 numbers are too few"),
        ([1, 2, np.nan, 5, 6, 7], "missing or infinite"),
    ],
)
def test_least_squares_refuses_what_is_no_curve(numbers: list[float], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        fit_least_squares(Curve.LOGISTIC, np.arange(1.0, len(numbers) + 1), np.array(numbers), of=Of.CUMULATIVE)


def test_an_early_forecast_is_wide_and_says_so() -> None:
    found = forecast(by_period([2, 5, 6, 8, 9, 10], 54, 10), until=34.0, generator=np.random.default_rng(1))
    assert isinstance(found, Forecast)
    assert found.band.upper95[-1] - found.band.lower95[-1] > 30
    assert any("so early" in note for note in found.notes)
    assert any("Only 6 have adopted" in note for note in found.notes)


def test_a_forecast_is_the_same_every_time_and_never_falls() -> None:
    times, _ = simulated(3)
    one, two = (
        forecast(times, until=36.0, generator=np.random.default_rng(1)),
        forecast(times, until=36.0, generator=np.random.default_rng(1)),
    )
    assert isinstance(one, Forecast)
    assert isinstance(two, Forecast)
    band = one.band
    np.testing.assert_array_equal(band.upper95, two.band.upper95)
    ordered = [
        np.full(len(band.times), times.adopted),
        band.lower95,
        band.lower80,
        band.median,
        band.upper80,
        band.upper95,
    ]
    assert all((np.diff(line) >= 0).all() for line in ordered)
    assert all((low <= high).all() for low, high in pairwise(ordered))
    assert band.upper95.max() <= times.members
    assert sum(one.weights.values()) == pytest.approx(1)
    assert [part.within for part in one.reached] == sorted((part.within for part in one.reached), reverse=True)


def test_intervals_hold_the_truth_of_a_simulation() -> None:
    """Ten seeds of 60 members that all adopt, half of the way; benchmarks/adoption_backtest.py does it at length."""
    inside80, inside95 = 0, 0
    for seed in range(10):
        times, truth = simulated(seed)
        found = forecast(times, until=36.0, generator=np.random.default_rng(1))
        assert isinstance(found, Forecast)
        inside80 += found.band.lower80[-1] <= truth <= found.band.upper80[-1]
        inside95 += found.band.lower95[-1] <= truth <= found.band.upper95[-1]
    assert inside95 >= 9
    assert inside80 >= 7


def test_intervals_hold_whether_or_not_everybody_adopts() -> None:
    """Where the data do not say, one interval over both cases leaves out the lower end of the one."""
    times, truth = simulated(1, ever=0.9, cut=24)
    found = forecast(times, until=36.0, generator=np.random.default_rng(1))
    assert isinstance(found, Forecast)
    assert 0.2 < found.everybody < 0.8
    both = np.quantile(found.numbers[:, -1], [0.1, 0.9], method="lower")
    assert found.band.lower80[-1] < both[0]
    assert found.band.upper80[-1] >= both[1]
    assert found.band.lower80[-1] <= truth < both[0]
    assert all(one.lower95 <= one.lower80 <= one.median <= one.upper80 <= one.upper95 for one in found.reached)


def test_dates_between_bounds_widen_what_is_known_and_keep_it_right() -> None:
    rng = np.random.default_rng(5)
    exact = np.sort(15 + 3.6 * np.log(1 / rng.uniform(0.02, 0.99, 200) - 1))
    exact = np.clip(exact, 0.5, 35.5)
    times = AdoptionTimes(entry=np.zeros(200), lower=np.floor(exact), upper=np.floor(exact) + 1, now=36.0)
    vague = replace(times, lower=6 * np.floor(exact / 6), upper=6 * np.floor(exact / 6) + 6)
    close, wide = (fit_curve(Curve.LOGISTIC, one) for one in (times, vague))
    assert close.half.value == pytest.approx(15, abs=1.0)
    assert wide.half.value == pytest.approx(15, abs=1.0)
    assert wide.half.upper - wide.half.lower > close.half.upper - close.half.lower
    assert close.ever.lower > 0.95
    assert close.ever.upper == 1


def test_the_curves_are_what_their_formulas_say() -> None:
    times = np.array([0.0, 5.0, 10.0])
    # The Bass curve is a logistic one cut off at its beginning.
    p, q = 0.02, 0.4
    scale = 1 / (p + q)
    whole = share(Curve.LOGISTIC, times, [scale * np.log(q / p), scale])
    np.testing.assert_allclose(share(Curve.BASS, times, [p, q]), (whole - whole[0]) / (1 - whole[0]))
    np.testing.assert_allclose(share(Curve.WEIBULL, times, [8.0, 1.0]), 1 - np.exp(-times / 8))
    # With a shape of 1 the gamma-shifted Gompertz curve is Bass's.
    np.testing.assert_allclose(
        share(Curve.GAMMA_GOMPERTZ, times, [q / p, np.exp(-(p + q)), 1.0]), share(Curve.BASS, times, [p, q])
    )

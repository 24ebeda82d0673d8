"""The false-alarm rates that stand on every chart, simulated again."""

from collections.abc import Callable

import numpy as np
import pytest

from rounds.learning.variation.over_time.notes import FALSE_ALARM_POINTS, FALSE_ALARM_RATES
from rounds.learning.variation.over_time.rules import Matrix, limits_of, signals_of

HELD_AGAINST = (("False-alarm rates of XmR charts", "simulation", "inside chance"),)

SERIES = 10_000
"""The standard error of a share is at most 0.005; the tolerances below are four of them and the table's rounding."""


def independent(rng: np.random.Generator, points: int) -> Matrix:
    return rng.normal(size=(SERIES, points))


def autocorrelated(rng: np.random.Generator, points: int) -> Matrix:
    shocks = rng.normal(size=(SERIES, points))
    series = np.empty_like(shocks)
    series[:, 0] = shocks[:, 0] / np.sqrt(1 - 0.4**2)
    for period in range(1, points):
        series[:, period] = 0.4 * series[:, period - 1] + shocks[:, period]
    return series


def seasonal(rng: np.random.Generator, points: int) -> Matrix:
    phase = rng.uniform(0, 2 * np.pi, size=(SERIES, 1))
    return rng.normal(size=(SERIES, points)) + np.sin(2 * np.pi * np.arange(points) / 12 + phase)


def small_counts(rng: np.random.Generator, points: int) -> Matrix:
    return rng.poisson(3, size=(SERIES, points)).astype(float)


def rounded_counts(rng: np.random.Generator, points: int) -> Matrix:
    return (rng.poisson(20, size=(SERIES, points)) + 2) // 5 * 5.0


PROCESSES: tuple[Callable[[np.random.Generator, int], Matrix], ...] = (
    independent,
    autocorrelated,
    seasonal,
    small_counts,
    rounded_counts,
)


@pytest.mark.parametrize("column", range(len(FALSE_ALARM_POINTS)), ids=[f"{n} points" for n in FALSE_ALARM_POINTS])
@pytest.mark.parametrize("row", range(len(PROCESSES)), ids=[process.__name__ for process in PROCESSES])
def test_table(row: int, column: int) -> None:
    assert len(PROCESSES) == len(FALSE_ALARM_RATES)
    values = PROCESSES[row](np.random.default_rng(20_250), FALSE_ALARM_POINTS[column])
    flagged = signals_of(values, limits_of(values, screen=True)).direction != 0
    stated = FALSE_ALARM_RATES[row]
    assert flagged.any(axis=1).mean() == pytest.approx(stated.any_point[column], abs=0.025)
    assert flagged[:, -1].mean() == pytest.approx(stated.latest_point[column], abs=0.012)

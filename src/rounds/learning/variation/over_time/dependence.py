"""Limits that know that each period resembles the last, or that months differ by season."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.bulk import why_no_limits
from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.drawing import Lines, Points, Reading, draw
from rounds.learning.variation.over_time.individuals import RANGE_TO_SIGMA, i_chart
from rounds.learning.variation.over_time.rebasing import Stretch
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.rules import Matrix, Vector, mean_of, mean_range_of
from rounds.learning.variation.over_time.windows import Flags

FEWEST_FOR_DEPENDENCE = 24
"""Points from which on autocorrelation is estimated: its standard error is then about 0.2."""
FEWEST_YEARS = 3
"""Of each calendar month, from which on seasons are estimated."""
_MOST = 0.95
"""A series that resembles itself more wanders, and has no level to draw limits about."""


def autocorrelation(values: Matrix) -> Vector:
    """Return how much each point resembles the one before, corrected for the bias of short series; shape (series,).

    The corrected (n r + 1) / (n - 4), kept between -0.95 and 0.95. NaN for series whose points are all equal.

    Args:
        values: finite, shape (series, points), at least 5 points.

    Source: Marriott and Pope (1954), Biometrika 41:390-402: r is too small by (1 + 4 phi) / n on average.
    """
    count = values.shape[1]
    away = values - mean_of(values)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        rough = (away[:, 1:] * away[:, :-1]).sum(axis=1) / (away**2).sum(axis=1)
    found: Vector = np.clip((count * rough + 1) / (count - 4), -_MOST, _MOST)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """Two charts of one series in which each point resembles the last."""

    phi: float
    """the autocorrelation that both rest on: as estimated, but not below 0"""
    levels: Chart
    """the points themselves, with limits as wide as such a series needs; read by its limits alone, since long runs are
    what such a series is made of"""
    surprises: Chart
    """what each point brings beyond what the one before lets expect, in the same unit about the same mean; these do not
    depend on each other, and any rules may be asked"""


def dependent_charts(values: Vector, reading: Reading | None = None, *, phi: float | None = None) -> Dependent | str:
    """Return charts that allow for autocorrelation, or why there are none.

    Moving ranges of a series that resembles itself are too small: E|MR| = 1.128 sigma sqrt(1 - phi). The limits of
    `levels` are mean +- 3 (mean moving range / 1.128) / sqrt(1 - phi). `surprises` are mean + (x - mean) - phi
    (previous x - mean), of all points but the first.

    Args:
        values: shape (points,), without gaps.
        reading: how `surprises` are read; `levels` is read by limits alone.
        phi: by default as estimated from the points, and 0 if that is below.

    Raises:
        ValueError: if a value is infinite, `phi` is not between 0 and 0.95, or `reading` asks for rebases, a frozen
            start or points left out, which this does not know.

    Source: Maragah and Woodall (1992), J Stat Comput Simul 40:29-42; Alwan and Roberts (1988), J Bus Econ Stat 6:87-95.
        It assumes a steady level about which a first-order autoregression swings: a series that drifts looks like one.
    """
    how = reading or Reading()
    _refuse_basis(how)
    if np.isinf(values).any():
        raise ValueError("a point is infinite: a rate with nobody in it is NaN")
    reason = why_no_limits(values, np.zeros(len(values), dtype=bool))
    if reason is not None:
        return reason
    if phi is None:
        if len(values) < FEWEST_FOR_DEPENDENCE:
            there = f"there are {len(values)} points, and it needs {FEWEST_FOR_DEPENDENCE}"
            return f"Autocorrelation is not estimated: {there}."
        phi = max(float(autocorrelation(values[None, :])[0]), 0.0)
    if not 0 <= phi <= _MOST:
        raise ValueError(f"an autocorrelation of {phi}: give 0 to {_MOST}")
    mean = float(mean_of(values[None, :])[0])
    range_mean = float(mean_range_of(values[None, :], screen=False)[0])
    sigma = range_mean / RANGE_TO_SIGMA / np.sqrt(1 - phi)

    def lines_of(stretch: Stretch, _: Flags) -> Lines | str:
        centre, spread = (np.full(stretch.end - stretch.first, line) for line in (mean, sigma))
        return Lines(centre=centre, sigma=spread, lower=centre - 3 * spread, upper=centre + 3 * spread)

    limits_alone = Reading(better=how.better, target=how.target, rule_sets=(RuleSet.SHEWHART,), periods=how.periods)
    levels = draw(Kind.I, Points(lowest=values, highest=values), lines_of, limits_alone)
    surprises = values[1:] - phi * (values[:-1] - mean)
    later = Reading(
        better=how.better,
        rule_sets=how.rule_sets,
        periods=None if how.periods is None else how.periods[1:],
    )
    return Dependent(phi=phi, levels=levels, surprises=i_chart(surprises, later, screen=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasonal:
    """A series without its seasons."""

    effects: Vector
    """what each calendar month lies above the mean of the months, shape (12,)"""
    adjusted: Vector
    """the points without these, shape (points,)"""
    chart: Chart


def seasonal_chart(
    values: Vector, months: NDArray[np.int64], reading: Reading | None = None, *, screen: bool = True
) -> Seasonal | str:
    """Return an I chart of a monthly series without its seasons, or why there is none.

    Each month's effect is the mean of that month in all years less the mean of the months. What is left is narrower
    than chance, since each month's mean rests on the points themselves, by sqrt(1 - 1 / years); it is stretched back.

    Args:
        values: shape (points,), without gaps.
        months: the calendar month of each, 1 to 12.
        reading: how the chart is read.
        screen: as in `i_chart`.

    Returns:
        Why there is none, with fewer than 3 of any calendar month.

    Raises:
        ValueError: if a month is none, a value is infinite, or `reading` asks for rebases, a frozen start or points
            left out, which this does not know.

    Source: the additive decomposition, Brockwell and Davis (2016), Introduction to Time Series and Forecasting, 1.5. It
        assumes seasons that add the same each year and no trend: a change that lasts moves the effects of its months,
        by the share of years it lasts in, and is the harder to see. With few years, so is any change.
    """
    how = reading or Reading()
    _refuse_basis(how)
    if len(months) != len(values) or not np.isin(months, np.arange(1, 13)).all():
        raise ValueError("give the calendar month of each point, 1 to 12")
    if np.isinf(values).any():
        raise ValueError("a point is infinite: a rate with nobody in it is NaN")
    reason = why_no_limits(values, np.zeros(len(values), dtype=bool))
    if reason is not None:
        return reason
    years = np.bincount(months, minlength=13)[1:]
    if years.min() < FEWEST_YEARS:
        return (
            f"Seasons are not taken out: a calendar month is there {years.min()} times, and each needs {FEWEST_YEARS}."
        )
    means = np.bincount(months, values, minlength=13)[1:] / years
    level = float(means.mean())
    stretched = np.sqrt(years / (years - 1))[months - 1]
    adjusted = level + (values - means[months - 1]) * stretched
    return Seasonal(effects=means - level, adjusted=adjusted, chart=i_chart(adjusted, how, screen=screen))


def _refuse_basis(reading: Reading) -> None:
    if reading.basis.rebases or reading.basis.freeze is not None or reading.basis.exclude:
        raise ValueError(
            "autocorrelation and seasons are estimated from the whole series: cut it where limits are to change"
        )

"""Limits and the NHS "Making Data Count" rules as arithmetic on many series at once.

Every array has shape (series, periods), (series, 1) or (series,). A point may be known only between bounds: a rule then
flags it for certain, if it does for every value within them, or possibly, if it does for some. A missing point is NaN
at both ends, and breaks every run.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.windows import Flags, all_in_window, part_of, some_in_window

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LIMIT_FACTOR = 2.66
"""Three standard deviations in mean moving ranges of two: 3 / 1.128, to the two decimals that the NHS uses."""
NEAR_FACTOR = 2 * LIMIT_FACTOR / 3
"""Where "near a limit" begins: two thirds of the way from the mean."""
SCREEN_FACTOR = 3.267
"""A moving range this many times the mean moving range, or more, is a jump and not ordinary variation."""
RUN_LENGTH = 7
"""Points in a row that make a shift or a trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The lines of a chart, shape (series, 1) or (series, periods): limits may differ from point to point."""

    centre: Matrix
    near: Matrix
    """how far from the centre "near a limit" begins: two standard errors"""
    lower: Matrix
    upper: Matrix

    @property
    def sigma(self) -> Matrix:
        return self.near / 2

    def at(self, first: int, end: int) -> "Band":
        """Return the lines of some of the periods."""
        centre, near, lower, upper = (
            line if line.shape[1] == 1 else line[:, first:end]
            for line in (self.centre, self.near, self.lower, self.upper)
        )
        return Band(centre=centre, near=near, lower=lower, upper=upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Process limits of each series. Arrays have shape (series,)."""

    mean: Vector
    mean_range: Vector
    """the mean moving range that the limits rest on, after screening"""
    lower: Vector
    upper: Vector

    @property
    def band(self) -> Band:
        near = NEAR_FACTOR * self.mean_range
        return Band(centre=self.mean[:, None], near=near[:, None], lower=self.lower[:, None], upper=self.upper[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Points and lines as a rule reads them, so that what holds, holds for every value within the bounds.

    `lowest` is the value of each point that says least of its being high, against the lines that hold there; `highest`
    that which says least of its being low. Of exact points they are the same. With the two exchanged, what holds, holds
    for some values.
    """

    lowest: Matrix
    highest: Matrix
    at_lowest: Band
    at_highest: Band

    @property
    def exact(self) -> bool:
        return self.lowest is self.highest

    @property
    def perhaps(self) -> "Seen":
        return Seen(lowest=self.highest, highest=self.lowest, at_lowest=self.at_highest, at_highest=self.at_lowest)

    def above(self, sigmas: float = 0.0) -> Flags:
        line = self.at_lowest
        return np.asarray(self.lowest > (line.centre + sigmas / 2 * line.near if sigmas else line.centre))

    def below(self, sigmas: float = 0.0) -> Flags:
        line = self.at_highest
        return np.asarray(self.highest < (line.centre - sigmas / 2 * line.near if sigmas else line.centre))

    @property
    def over(self) -> Flags:
        return np.asarray(self.lowest > self.at_lowest.upper)

    @property
    def under(self) -> Flags:
        return np.asarray(self.highest < self.at_highest.lower)

    @property
    def rises(self) -> Flags:
        """Whether each point but the first is higher than the one before: shape (series, periods - 1)."""
        return np.asarray(self.highest[:, :-1] < self.lowest[:, 1:])

    @property
    def falls(self) -> Flags:
        return np.asarray(self.lowest[:, :-1] > self.highest[:, 1:])


def exactly(values: Matrix, band: Band) -> Seen:
    """Return exact points and their lines as the rules read them."""
    return Seen(lowest=values, highest=values, at_lowest=band, at_highest=band)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the NHS rules say of each point. Arrays have shape (series, periods)."""

    side: NDArray[np.int8]
    """1 above the mean, -1 below it, 0 on it or not known"""
    close: Flags
    """between two thirds of the way to a limit and the limit"""
    outside: Flags
    shift: Flags
    trend: Flags
    near_limit: Flags
    direction: NDArray[np.int8]
    """1 for a special cause that is high or rising, -1 low or falling, 0 for common cause"""

    @property
    def any(self) -> Flags:
        return self.outside | self.shift | self.trend | self.near_limit


def limits_of(values: Matrix, *, screen: bool) -> Limits:
    """Return mean +- 2.66 x mean moving range of each series.

    Args:
        values: finite, shape (series, periods), at least 2 periods; no series with all its points equal.
        screen: leave moving ranges of 3.267 x their mean or more out of the mean moving range.

    Source: Wheeler (2000), Understanding Variation; NHSRplotthedots 0.2.2, `ptd_spc_standard`.
    """
    mean, mean_range = mean_of(values), mean_range_of(values, screen=screen)
    width = LIMIT_FACTOR * mean_range
    return Limits(mean=mean, mean_range=mean_range, lower=mean - width, upper=mean + width)


def mean_range_of(values: Matrix, *, screen: bool) -> Vector:
    """Return the mean moving range of each series, without jumps if they are to be left out."""
    ranges = np.abs(np.diff(values, axis=1))
    mean_range = mean_of(ranges)
    if not screen:
        return mean_range
    keep = ranges < SCREEN_FACTOR * mean_range[:, None]
    jumps = ~keep.all(axis=1) & (mean_range > 0)
    if jumps.any():
        mean_range[jumps] = mean_of(ranges[jumps], keep=keep[jumps])
    return mean_range


def mean_of(values: Matrix, *, keep: Flags | None = None) -> Vector:
    """Return each row's mean, corrected once, so that a point that lies on the mean is found on the mean."""
    if keep is None:
        first: Vector = values.sum(axis=1) / values.shape[1]
        first += (values - first[:, None]).sum(axis=1) / values.shape[1]
        return first
    count = keep.sum(axis=1)
    rough: Vector = np.where(keep, values, 0.0).sum(axis=1) / count
    correction: Vector = np.where(keep, values - rough[:, None], 0.0).sum(axis=1) / count
    return rough + correction


def signals_of(values: Matrix, limits: Limits) -> Signals:
    """Return which of the NHS rules each exact point of XmR charts is part of; see `nhs_signals`."""
    return nhs_signals(exactly(values, limits.band))


def nhs_signals(seen: Seen) -> Signals:
    """Return which rules each point is part of for every value it can have, and which way it points.

    A point under several rules points the way of the first of: outside, trend, two of three near a limit, shift.

    Source: NHSRplotthedots 0.2.2, `ptd_special_cause_type`.
    """
    periods = seen.lowest.shape[1]
    above, below, over, under = seen.above(), seen.below(), seen.over, seen.under
    high, low = _near(seen)
    outside, close = over | under, high | low
    rising, falling = seen.rises, seen.falls
    up, down = all_in_window(rising, RUN_LENGTH - 1), all_in_window(falling, RUN_LENGTH - 1)
    trend = part_of(up | down, RUN_LENGTH, periods)
    shift = part_of(all_in_window(above, RUN_LENGTH) | all_in_window(below, RUN_LENGTH), RUN_LENGTH, periods)
    near_limit = close & (_two_of_three(high, above) | _two_of_three(low, below))
    side = above.astype(np.int8)
    side -= below
    direction = np.where(above, np.int8(1), np.int8(-1))
    if trend.any():
        direction = np.where(trend & ~outside, _trend_direction(trend, rising), direction)
    direction *= outside | trend | near_limit | shift
    return Signals(
        side=side,
        close=close,
        outside=outside,
        shift=shift,
        trend=trend,
        near_limit=near_limit,
        direction=direction,
    )


def _near(seen: Seen) -> tuple[Flags, Flags]:
    """Return which points lie between two thirds of the way to a limit and the limit, above and below."""
    low_line, high_line = seen.at_lowest, seen.at_highest
    high = (seen.lowest > low_line.centre + low_line.near) & (seen.highest <= high_line.upper)
    low = (seen.highest < high_line.centre - high_line.near) & (seen.lowest >= low_line.lower)
    return high, low


def _trend_direction(trend: Flags, rising: Flags) -> NDArray[np.int8]:
    """Return which way the series goes at points of a trend.

    At a turning point that ends one trend and starts another, the step that follows decides.
    """
    up = np.zeros_like(trend)
    up[:, 1:] = rising
    up[:, :-1] = np.where(trend[:, :-1] & trend[:, 1:], rising, up[:, :-1])
    return np.where(up, np.int8(1), np.int8(-1))


def _two_of_three(close: Flags, one_side: Flags) -> Flags:
    """Return which points lie in a window of three on one side, at least two of them near that limit."""
    if not close.any():
        return np.zeros_like(close)
    return part_of(some_in_window(close, 2, 3) & all_in_window(one_side, 3), 3, close.shape[1])

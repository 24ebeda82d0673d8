"""The NHS rules where points are withheld: limits from what is known of every point, and signals that hold or may hold.

A withheld point has bounds, a value that is expected between them and a variance about it (`rounds.learning.bounded`).
Its moving ranges are expected over all it may be, never taken from one value written in for it: ranges between values
written in are too small, and limits from them half as wide as they should be.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rounds.learning.variation.over_time.rules import (
    LIMIT_FACTOR,
    NEAR_FACTOR,
    RUN_LENGTH,
    SCREEN_FACTOR,
    Flags,
    Limits,
    Matrix,
    Signals,
    Vector,
    all_in_window,
    limits_of,
    part_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of each point of a series, in its own unit. Arrays have shape (periods,)."""

    lower: Vector
    """the lowest a point can be; its value where it is shown"""
    upper: Vector
    expected: Vector
    """what it is expected to be, given bounds or rounding"""
    variance: Vector
    """of what it may be about that, from withholding and rounding alone; 0 where it is exact"""

    def __post_init__(self) -> None:
        shapes = {part.shape for part in (self.lower, self.upper, self.expected, self.variance)}
        if len(shapes) != 1 or self.lower.ndim != 1:
            raise ValueError("lower, upper, expected and variance differ in shape: give one of each a period")
        if not all(np.isfinite(part).all() for part in (self.lower, self.upper, self.expected, self.variance)):
            raise ValueError("a point has no finite bounds or expectation; a missing point has none, and no limits")
        if (self.lower > self.upper).any() or (self.variance < 0).any():
            raise ValueError("a point has bounds out of order, or a variance below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """Which points the rules flag. Arrays have shape (periods,)."""

    outside: Flags
    shift: Flags
    trend: Flags
    near_limit: Flags

    @property
    def any(self) -> Flags:
        return self.outside | self.shift | self.trend | self.near_limit


def limits_expected(known: Known, *, screen: bool) -> Limits:
    """Return the limits that are expected given what is known: mean +- 2.66 x mean moving range, for one series.

    With exact points alone they are those of `limits_of`. Between two points that are not, the moving range is that of
    a normal difference, whose mean is larger than the difference of the means.

    Args:
        known: at least 2 points.
        screen: as in `limits_of`: each range counts by how likely it is below 3.267 x their mean.

    Source: Rubin (1987), Multiple Imputation for Nonresponse in Surveys, chapter 3: the mean over infinitely many
        imputations, here in closed form; Leone, Nelson and Nottingham (1961), Technometrics 3:543-550, the folded
        normal.
    """
    if not known.variance.any():
        return limits_of(known.expected[None, :], screen=screen)
    mean = float(known.expected.mean())
    step, spread = np.diff(known.expected), np.sqrt(known.variance[1:] + known.variance[:-1])
    mean_range = float(_below(step, spread, np.inf)[0].mean())
    if screen and mean_range > 0:
        ranges, counted = _below(step, spread, SCREEN_FACTOR * mean_range)
        mean_range = float(ranges.sum() / counted.sum())
    width = LIMIT_FACTOR * mean_range
    return Limits(
        mean=np.array([mean]),
        mean_range=np.array([mean_range]),
        lower=np.array([mean - width]),
        upper=np.array([mean + width]),
    )


def _below(step: Vector, spread: Vector, most: float) -> tuple[Vector, Vector]:
    """Return E(|D|; |D| < most) and P(|D| < most) of D normal about `step`."""
    exact = spread <= 0
    s = np.where(exact, 1.0, spread)
    at_zero, at_most, at_least = -step / s, (most - step) / s, (-most - step) / s
    up = step * (ndtr(at_most) - ndtr(at_zero)) + s * (_density(at_zero) - _density(at_most))
    down = step * (ndtr(at_zero) - ndtr(at_least)) + s * (_density(at_least) - _density(at_zero))
    size = np.abs(step)
    ranges = np.where(exact, np.where(size < most, size, 0.0), up - down)
    counted = np.where(exact, (size < most).astype(np.float64), ndtr(at_most) - ndtr(at_least))
    return ranges, counted


def _density(z: Vector) -> Vector:
    found: Vector = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return found


def signals_within(known: Known, limits: Limits) -> tuple[Signals, Flagged]:
    """Return what the rules say of every value that the points can have, and what of some.

    Args:
        known: one series.
        limits: of that series, taken as they are.

    Returns:
        The signals that hold whatever the withheld points are, shape (1, periods); and every signal that some values
        within the bounds would give, which holds the certain ones. With exact points both are those of `signals_of`.
    """
    lower, upper = known.lower[None, :], known.upper[None, :]
    mean, near = limits.mean[:, None], NEAR_FACTOR * limits.mean_range[:, None]
    top, bottom = limits.upper[:, None], limits.lower[:, None]
    above, below = lower > mean, upper < mean
    outside = (lower > top) | (upper < bottom)
    high, low = (lower > mean + near) & (upper <= top), (upper < mean - near) & (lower >= bottom)
    rises, falls = upper[:, :-1] < lower[:, 1:], lower[:, :-1] > upper[:, 1:]
    trend = part_of(all_in_window(rises, RUN_LENGTH - 1) | all_in_window(falls, RUN_LENGTH - 1), RUN_LENGTH, lower)
    shift = part_of(all_in_window(above, RUN_LENGTH) | all_in_window(below, RUN_LENGTH), RUN_LENGTH, lower)
    near_limit = (high | low) & (_two_of_three(high, above) | _two_of_three(low, below))
    side = np.where(above, 1, np.where(below, -1, 0)).astype(np.int8)
    # A point of a trend lies anywhere; the step to its neighbour in the trend tells which way it points.
    rising = np.zeros_like(trend)
    rising[:, 1:] = rises
    rising[:, :-1] = np.where(trend[:, :-1] & trend[:, 1:], rises, rising[:, :-1])
    direction = np.select(
        [outside, trend, near_limit | shift],
        [np.where(above, 1, -1), np.where(rising, 1, -1), np.where(above, 1, -1)],
        default=0,
    ).astype(np.int8)
    certain = Signals(
        side=side,
        close=high | low,
        outside=outside,
        shift=shift,
        trend=trend,
        near_limit=near_limit,
        direction=direction,
    )
    return certain, _possible(lower, upper, limits)


def _possible(lower: Matrix, upper: Matrix, limits: Limits) -> Flagged:
    mean, near = limits.mean[:, None], NEAR_FACTOR * limits.mean_range[:, None]
    top, bottom = limits.upper[:, None], limits.lower[:, None]
    above, below = upper > mean, lower < mean
    high, low = (upper > mean + near) & (lower <= top), (lower < mean - near) & (upper >= bottom)
    rise, fall = _may_rise(lower, upper), _may_rise(-upper, -lower)
    return Flagged(
        outside=((upper > top) | (lower < bottom))[0],
        shift=part_of(all_in_window(above, RUN_LENGTH) | all_in_window(below, RUN_LENGTH), RUN_LENGTH, lower)[0],
        trend=part_of(rise | fall, RUN_LENGTH, lower)[0],
        near_limit=((high & _two_of_three(high, above)) | (low & _two_of_three(low, below)))[0],
    )


def _may_rise(lower: Matrix, upper: Matrix) -> Flags:
    """Return, per window of seven, whether values within the bounds can rise from each to the next."""
    windows = max(lower.shape[1] - RUN_LENGTH + 1, 0)
    found = np.zeros((lower.shape[0], windows), dtype=bool)
    for start in range(windows):
        least = np.maximum.accumulate(lower[:, start : start + RUN_LENGTH - 1], axis=1)
        found[:, start] = (least < upper[:, start + 1 : start + RUN_LENGTH]).all(axis=1)
    return found


def _two_of_three(close: Flags, one_side: Flags) -> Flags:
    """Return which points lie in a window of three on one side, at least two of them near that limit."""
    if close.shape[1] < 3:
        return np.zeros_like(close)
    counted = close[:, :-2].astype(np.int8) + close[:, 1:-1] + close[:, 2:]
    return part_of((counted >= 2) & all_in_window(one_side, 3), 3, close)

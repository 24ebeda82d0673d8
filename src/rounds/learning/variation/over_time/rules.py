"""The NHS "Making Data Count" rules as arithmetic on many series at once: limits, then signals.

Every array has shape (series, periods) or (series,), and no NaN. `xmr.py` decides which series may have limits and
gives the numbers their meaning.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

LIMIT_FACTOR = 2.66
"""Three standard deviations in mean moving ranges of two: 3 / 1.128, to the two decimals that the NHS uses."""
NEAR_FACTOR = 2 * LIMIT_FACTOR / 3
"""Where "near a limit" begins: two thirds of the way from the mean."""
SCREEN_FACTOR = 3.267
"""A moving range this many times the mean moving range, or more, is a jump and not ordinary variation."""
RUN_LENGTH = 7
"""Points in a row that make a shift or a trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Process limits of each series. Arrays have shape (series,)."""

    mean: Vector
    mean_range: Vector
    """the mean moving range that the limits rest on, after screening"""
    lower: Vector
    upper: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the rules say of each point. Arrays have shape (series, periods)."""

    side: NDArray[np.int8]
    """1 above the mean, -1 below it, 0 on it"""
    close: Flags
    """between two thirds of the way to a limit and the limit"""
    outside: Flags
    shift: Flags
    trend: Flags
    near_limit: Flags
    direction: NDArray[np.int8]
    """1 for a special cause that is high or rising, -1 low or falling, 0 for common cause"""


def limits_of(values: Matrix, *, screen: bool) -> Limits:
    """Return mean +- 2.66 x mean moving range of each series.

    Args:
        values: finite, shape (series, periods), at least 2 periods; no series with all its points equal.
        screen: leave moving ranges of 3.267 x their mean or more out of the mean moving range.

    Source: Wheeler (2000), Understanding Variation; NHSRplotthedots 0.2.2, `ptd_spc_standard`.
    """
    mean = _mean(values)
    ranges = np.abs(np.diff(values, axis=1))
    mean_range = _mean(ranges)
    if screen:
        mean_range = _mean(ranges, keep=ranges < SCREEN_FACTOR * mean_range[:, None])
    width = LIMIT_FACTOR * mean_range
    return Limits(mean=mean, mean_range=mean_range, lower=mean - width, upper=mean + width)


def _mean(values: Matrix, *, keep: Flags | None = None) -> Vector:
    """Return each row's mean, corrected once, so that a point that lies on the mean is found on the mean."""
    kept = np.ones_like(values, dtype=bool) if keep is None else keep
    count = kept.sum(axis=1)
    rough: Vector = np.where(kept, values, 0.0).sum(axis=1) / count
    correction: Vector = np.where(kept, values - rough[:, None], 0.0).sum(axis=1) / count
    return rough + correction


def signals_of(values: Matrix, limits: Limits) -> Signals:
    """Return which rules each point is part of, and which way it points.

    A point under several rules points the way of the first of: outside, trend, two of three near a limit, shift.

    Source: NHSRplotthedots 0.2.2, `ptd_special_cause_type`.
    """
    mean, near = limits.mean[:, None], NEAR_FACTOR * limits.mean_range[:, None]
    side = np.sign(values - mean).astype(np.int8)
    outside = (values > limits.upper[:, None]) | (values < limits.lower[:, None])
    close = ~outside & ((values < mean - near) | (values > mean + near))
    trend, rising = _trends(values)
    shift = part_of(all_in_window(side == 1, RUN_LENGTH) | all_in_window(side == -1, RUN_LENGTH), RUN_LENGTH, side)
    near_limit = close & _two_of_three(close, side)
    side_or_down = np.where(side > 0, 1, -1)
    direction = np.select(
        [outside, trend, near_limit | shift],
        [side_or_down, np.where(rising, 1, -1), side_or_down],
        default=0,
    ).astype(np.int8)
    return Signals(
        side=side,
        close=close,
        outside=outside,
        shift=shift,
        trend=trend,
        near_limit=near_limit,
        direction=direction,
    )


def _trends(values: Matrix) -> tuple[Flags, Flags]:
    """Return which points are part of seven in a row rising or falling, and whether the series rises there.

    At a turning point that ends one trend and starts another, the step that follows decides.
    """
    steps = np.sign(np.diff(values, axis=1))
    runs = all_in_window(steps == 1, RUN_LENGTH - 1) | all_in_window(steps == -1, RUN_LENGTH - 1)
    part = part_of(runs, RUN_LENGTH, values)
    rising = np.zeros_like(part)
    rising[:, 1:] = steps == 1
    goes_on = part[:, :-1] & part[:, 1:]
    rising[:, :-1] = np.where(goes_on, steps == 1, rising[:, :-1])
    return part, rising


def _two_of_three(close: Flags, side: NDArray[np.int8]) -> Flags:
    """Return which points lie in a window of three on one side of the mean, at least two of them near the limit."""
    if close.shape[1] < 3:
        return np.zeros_like(close)
    near = sliding_window_view(close, 3, axis=1).sum(axis=2) >= 2
    one_side = all_in_window(side == 1, 3) | all_in_window(side == -1, 3)
    return part_of(near & one_side, 3, close)


def all_in_window(flags: Flags, length: int) -> Flags:
    """Return, per window of `length` that fits, whether all its flags are set: shape (series, periods - length + 1)."""
    if flags.shape[1] < length:
        return np.zeros((flags.shape[0], 0), dtype=bool)
    return np.asarray(sliding_window_view(flags, length, axis=1).all(axis=2), dtype=bool)


def part_of(windows: Flags, length: int, like: NDArray[np.generic]) -> Flags:
    """Return, per point, whether it lies in any flagged window of `length`: the shape of `like`."""
    part = np.zeros(like.shape, dtype=bool)
    for offset in range(length if windows.shape[1] else 0):
        part[:, offset : offset + windows.shape[1]] |= windows
    return part

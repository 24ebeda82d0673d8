"""The NHS rules where points are withheld: limits from what is known of every point, and signals that hold or may hold.

A withheld point has bounds, a value that is expected between them and a variance about it (`rounds.learning.bounded`).
Its moving ranges are expected over all it may be, never taken from one value written in for it: ranges between values
written in are too small, and limits from them half as wide as they should be.
"""

from dataclasses import dataclass, replace

import numpy as np

from rounds.learning.variation.over_time.rules import (
    LIMIT_FACTOR,
    RUN_LENGTH,
    SCREEN_FACTOR,
    Limits,
    Matrix,
    Seen,
    Signals,
    Vector,
    limits_of,
    nhs_signals,
)
from rounds.learning.variation.over_time.windows import Flags, part_of


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
    mean, mean_range = float(known.expected.mean()), mean_range_expected(known, screen=screen)
    width = LIMIT_FACTOR * mean_range
    return Limits(
        mean=np.array([mean]),
        mean_range=np.array([mean_range]),
        lower=np.array([mean - width]),
        upper=np.array([mean + width]),
    )


def mean_range_expected(known: Known, *, screen: bool) -> float:
    """Return the mean moving range that is expected given what is known, screened as `limits_expected` says."""
    step, spread = np.diff(known.expected), np.sqrt(known.variance[1:] + known.variance[:-1])
    mean_range = float(_below(step, spread, np.inf)[0].mean())
    if screen and mean_range > 0:
        ranges, counted = _below(step, spread, SCREEN_FACTOR * mean_range)
        mean_range = float(ranges.sum() / counted.sum())
    return mean_range


def _below(step: Vector, spread: Vector, most: float) -> tuple[Vector, Vector]:
    """Return E(|D|; |D| < most) and P(|D| < most) of D normal about `step`."""
    from scipy.special import ndtr  # slow to load; most charts do without

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


def signals_within(known: Known, limits: Limits) -> tuple[Signals, Signals]:
    """Return what the NHS rules say of every value that the points of an XmR chart can have, and what of some.

    Args:
        known: one series.
        limits: of that series, taken as they are.

    Returns:
        The signals that hold whatever the withheld points are, shape (1, periods); and every signal that some values
        within the bounds would give, which holds the certain ones. With exact points both are those of `signals_of`.
    """
    band = limits.band
    seen = Seen(lowest=known.lower[None, :], highest=known.upper[None, :], at_lowest=band, at_highest=band)
    return nhs_signals(seen), possible_signals(seen)


def possible_signals(seen: Seen) -> Signals:
    """Return every signal of the NHS rules that some values within the bounds would give."""
    found = nhs_signals(seen.perhaps)
    lower, upper = seen.lowest, seen.highest
    trend = part_of(_may_rise(lower, upper) | _may_rise(-upper, -lower), RUN_LENGTH, lower.shape[1])
    return replace(found, trend=trend)


def _may_rise(lower: Matrix, upper: Matrix) -> Flags:
    """Return, per window of seven, whether values within the bounds can rise from each to the next."""
    windows = max(lower.shape[1] - RUN_LENGTH + 1, 0)
    found = np.zeros((lower.shape[0], windows), dtype=bool)
    for start in range(windows):
        least = np.maximum.accumulate(lower[:, start : start + RUN_LENGTH - 1], axis=1)
        found[:, start] = (least < upper[:, start + 1 : start + RUN_LENGTH]).all(axis=1)
    return found

"""Intervals of a proportion, a count and a mean, for arrays; those that need only arithmetic."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Ends = tuple[Vector, Vector]

Z95 = 1.959963984540054
"""Standard errors on each side of a 95 % interval."""


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors lie on each side of an interval.

    Args:
        confidence: above 0 and below 1, such as 0.95 or 0.998.

    Raises:
        ValueError: if it is out of range; 95 is no confidence.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence:g} lies not between 0 and 1: write 0.95 for 95 %")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(numerators: ArrayLike, denominators: ArrayLike, *, confidence: float = 0.95) -> Ends:
    """Return Wilson's interval of proportions.

    Args:
        numerators: each from 0 to its denominator; need not be whole.
        denominators: each > 0.
        confidence: as in `normal_quantile`.

    Raises:
        ValueError: if a count is missing, infinite or impossible.

    Source: Wilson (1927), J Am Stat Assoc 22:209-212.

    >>> low, high = wilson([1.0], [100.0])
    >>> (low.round(4).tolist(), high.round(4).tolist())
    ([0.0018], [0.0545])
    """
    top, bottom = possible(numerators, denominators, part=True)
    return wilson_ends(top / bottom, bottom, normal_quantile(confidence))


def wilson_ends(proportion: Vector | float, size: Vector | float, z: float) -> Ends:
    """Return Wilson's interval at `z` standard errors, of proportions that are known to be possible."""
    squeeze = 1 + z**2 / size
    middle = (proportion + z**2 / (2 * size)) / squeeze
    half = z * np.sqrt(proportion * (1 - proportion) / size + z**2 / (4 * size**2)) / squeeze
    # At 0 and 1 the formula is off by the last binary digit.
    low = np.where(proportion <= 0, 0.0, np.maximum(middle - half, 0.0))
    high = np.where(proportion >= 1, 1.0, np.minimum(middle + half, 1.0))
    return low, high


def byar(events: ArrayLike, *, confidence: float = 0.95) -> Ends:
    """Return Byar's interval of the mean behind counts: close to the exact one from 10 events on.

    Args:
        events: each 0 or more.
        confidence: as in `normal_quantile`.

    Raises:
        ValueError: if a count is missing, infinite or below 0.

    Source: Breslow and Day (1987), Statistical Methods in Cancer Research II, p. 69.
    """
    count = counts(events)
    z = normal_quantile(confidence)
    some, more = np.where(count > 0, count, 1.0), count + 1
    low = some * (1 - 1 / (9 * some) - z / (3 * np.sqrt(some))) ** 3
    high = more * (1 - 1 / (9 * more) + z / (3 * np.sqrt(more))) ** 3
    return np.where(count > 0, np.maximum(low, 0.0), 0.0), high


def counts(events: ArrayLike) -> Vector:
    """Return counts as an array, or refuse them.

    Raises:
        ValueError: if one is missing, infinite or below 0; the message says which.
    """
    found = np.asarray(events, dtype=np.float64)
    for bad, problem in ((~np.isfinite(found), "is missing or infinite"), (found < 0, "is below 0")):
        if bad.any():
            raise ValueError(f"count {int(np.argmax(bad)) + 1} {problem}: leave it out and say so")
    return found


def possible(numerators: ArrayLike, denominators: ArrayLike, *, part: bool) -> Ends:
    """Return counts over denominators as arrays, or refuse them.

    Args:
        numerators: each 0 or more.
        denominators: each > 0.
        part: whether the first are part of the second, and so at most as many.

    Raises:
        ValueError: if shapes differ, or one is missing, infinite or impossible; the message says which.
    """
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if top.shape != bottom.shape:
        raise ValueError(f"shapes {top.shape} and {bottom.shape}: give a denominator to each numerator")
    counts(top)
    for bad, problem in (
        (~np.isfinite(bottom), "has a missing or infinite denominator"),
        (bottom <= 0, "has nothing in its denominator"),
        ((top > bottom) & part, "has a numerator above its denominator: a proportion is at most 1"),
    ):
        if bad.any():
            raise ValueError(f"number {int(np.argmax(bad)) + 1} {problem}")
    return top, bottom

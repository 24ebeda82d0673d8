"""Intervals of a proportion, a count and a mean that need the distributions themselves."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, chdtri, stdtrit

from rounds.learning.intervals import Ends, byar, counts, normal_quantile, possible

BYAR_FROM = 10
"""Events from which the Office for Health Improvement and Disparities takes Byar's interval in place of the exact."""


def exact_proportion(numerators: ArrayLike, denominators: ArrayLike, *, confidence: float = 0.95) -> Ends:
    """Return the exact interval of proportions.

    Args:
        numerators: each from 0 to its denominator.
        denominators: each > 0.
        confidence: as in `normal_quantile`.

    Raises:
        ValueError: if a count is missing, infinite or impossible.

    Source: Clopper and Pearson (1934), Biometrika 26:404-413.

    >>> low, high = exact_proportion([0.0], [100.0])
    >>> (low.tolist(), high.round(4).tolist())
    ([0.0], [0.0362])
    """
    top, bottom = possible(numerators, denominators, part=True)
    tail = _tail(confidence)
    low = betaincinv(np.maximum(top, 1e-300), bottom - top + 1, tail)
    high = betaincinv(top + 1, np.maximum(bottom - top, 1e-300), 1 - tail)
    return np.where(top > 0, low, 0.0), np.where(top < bottom, high, 1.0)


def exact_count(events: ArrayLike, *, confidence: float = 0.95) -> Ends:
    """Return the exact interval of the mean behind counts.

    Args:
        events: each 0 or more.
        confidence: as in `normal_quantile`.

    Raises:
        ValueError: if a count is missing, infinite or below 0.

    Source: Garwood (1936), Biometrika 28:437-442.
    """
    count = counts(events)
    tail = _tail(confidence)
    low = np.where(count > 0, chdtri(2 * np.maximum(count, 1e-300), 1 - tail) / 2, 0.0)
    return low, np.asarray(chdtri(2 * count + 2, tail) / 2, dtype=np.float64)


def count_interval(events: ArrayLike, *, confidence: float = 0.95) -> Ends:
    """Return the interval of the mean behind counts that is customary in public health: exact below 10, else Byar's.

    Args:
        events: each 0 or more.
        confidence: as in `normal_quantile`.

    Raises:
        ValueError: if a count is missing, infinite or below 0.

    Source: PHEindicatormethods 2.1.0 (OHID), `phe_rate`.
    """
    count = counts(events)
    exact, rough = exact_count(count, confidence=confidence), byar(count, confidence=confidence)
    few = count < BYAR_FROM
    return np.where(few, exact[0], rough[0]), np.where(few, exact[1], rough[1])


def mean_interval(
    means: ArrayLike, standard_deviations: ArrayLike, numbers: ArrayLike, *, confidence: float = 0.95
) -> Ends:
    """Return Student's interval of means.

    Args:
        means: of each group.
        standard_deviations: of each, with n - 1; each 0 or more.
        numbers: of values behind each; at least 2.
        confidence: as in `normal_quantile`.

    Raises:
        ValueError: if a group has fewer than two values, or a number is missing or infinite.

    Source: Student (1908), Biometrika 6:1-25.
    """
    mean, deviation, number = (np.asarray(part, dtype=np.float64) for part in (means, standard_deviations, numbers))
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation >= 0).all()):
        raise ValueError("a mean or its standard deviation is missing, infinite or below 0: leave it out and say so")
    if not (number >= 2).all():
        raise ValueError("an interval of a mean needs at least two values")
    half = stdtrit(number - 1, 1 - _tail(confidence)) * deviation / np.sqrt(number)
    return mean - half, mean + half


def student_quantile(confidence: float, freedom: float | NDArray[np.float64]) -> float:
    """Return Student's counterpart of `normal_quantile`."""
    return float(stdtrit(freedom, 1 - _tail(confidence)))


def _tail(confidence: float) -> float:
    normal_quantile(confidence)  # refuses what is no confidence
    return (1 - confidence) / 2

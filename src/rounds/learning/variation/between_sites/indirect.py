"""Indirectly standardised ratios and rates: observed events over those that the network's rates would give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rounds.learning.exact_intervals import count_interval
from rounds.learning.intervals import Vector, possible

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndirectRatios:
    """Observed over expected events. Arrays have shape (areas,)."""

    observed: Vector
    expected: Vector
    values: Vector
    lower: Vector
    upper: Vector

    def rates(self, reference_rate: float) -> tuple[Vector, Vector, Vector]:
        """Return the indirectly standardised rates with their ends: ratios times the reference's crude rate."""
        return self.values * reference_rate, self.lower * reference_rate, self.upper * reference_rate


def expected_events(*, sizes: Matrix, reference_events: Vector, reference_sizes: Vector) -> Vector:
    """Return the events that the reference's rates would give each area, shape (areas,).

    Args:
        sizes: people or time, shape (areas, groups), each 0 or more.
        reference_events: shape (groups,), each 0 or more; of all areas together, or of a nation.
        reference_sizes: shape (groups,), each > 0.

    Raises:
        ValueError: if shapes differ or a number is missing, infinite or impossible.
    """
    top, bottom = possible(reference_events, reference_sizes, part=False)
    if sizes.ndim != 2 or sizes.shape[1:] != top.shape:
        raise ValueError("give sizes as areas by groups, with the groups of the reference")
    if not (np.isfinite(sizes).all() and (sizes >= 0).all()):
        raise ValueError("a size is missing, infinite or below 0: leave the area out and say so")
    return np.asarray(sizes @ (top / bottom), dtype=np.float64)


def indirect_ratios(*, observed: ArrayLike, expected: ArrayLike, confidence: float = 0.95) -> IndirectRatios:
    """Return standardised ratios with intervals that take the expected events as known.

    Ratios of areas with different populations compare each with the reference, not with one another.

    Args:
        observed: events, shape (areas,), each 0 or more.
        expected: events, from `expected_events` or a case-mix model, each > 0.
        confidence: above 0, below 1.

    Raises:
        ValueError: if shapes differ or a number is missing, infinite or impossible.

    Source: PHEindicatormethods 2.1.0, `calculate_ISRatio`; exact below 10 events, else Byar's.

    >>> found = indirect_ratios(observed=[20.0], expected=[10.0])
    >>> (found.values.tolist(), found.lower.round(2).tolist(), found.upper.round(2).tolist())
    ([2.0], [1.22], [3.09])
    """
    top, bottom = possible(observed, expected, part=False)
    low, high = count_interval(top, confidence=confidence)
    return IndirectRatios(observed=top, expected=bottom, values=top / bottom, lower=low / bottom, upper=high / bottom)

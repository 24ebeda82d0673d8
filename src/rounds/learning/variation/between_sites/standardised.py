"""Directly standardised rates from counts that may be known only between bounds."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from rounds.learning.intervals import byar

Vector = NDArray[np.float64]

LEAST_COVERED = 0.9
"""Of the standard population: the groups in which somebody is counted must stand for so much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardisedRate:
    """A rate as it would be in the standard population, per one of the denominator."""

    value: float | None
    """None where a count behind it is withheld."""
    lowest: float
    highest: float
    """What it can be, given the bounds of the counts."""
    lower95: float
    upper95: float
    """The 95 % intervals of all counts at the lower and of all at the upper ends of their bounds, from end to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCounts:
    """Bounds of events and of people or time, by group of the standard population. Arrays have shape (groups,)."""

    events_lower: Vector
    events_upper: Vector
    size_lower: Vector
    size_upper: Vector
    events: Vector
    """not a number where it is withheld"""
    size: Vector
    """not a number where it is withheld"""
    over_time: bool = False
    """There may be more events than the denominator has days; else never more than it has people."""


def standardised_rate(counts: GroupCounts, *, weights: Vector) -> StandardisedRate | None:
    """Return the directly standardised rate, or None if too little of the standard population is covered.

    Groups in which nobody is counted are left out, with their weight.

    Args:
        counts: by group.
        weights: people of the standard population, shape (groups,), each > 0.

    Source: Dobson et al. (1991), Stat Med 10:457-462, with Byar's limits (Breslow and Day 1987), as in
        PHEindicatormethods; where nothing happened, the limit of no events times the largest weight (Fay and Feuer
        1997, Stat Med 16:791-801).
    """
    there = counts.size_upper > 0
    if weights[there].sum() < LEAST_COVERED * weights.sum():
        return None
    share = weights[there] / weights[there].sum()
    smallest = np.maximum(counts.size_lower[there], 1.0 if counts.over_time else counts.events_upper[there])
    smallest = np.maximum(smallest, 1.0)
    largest = counts.size_upper[there]
    lowest = float((share * counts.events_lower[there] / largest).sum())
    highest = float((share * counts.events_upper[there] / smallest).sum())
    events, size = counts.events[there], counts.size[there]
    known = not (np.isnan(events).any() or np.isnan(size).any() or (size == 0).any())
    return StandardisedRate(
        value=float((share * events / size).sum()) if known else None,
        lowest=lowest,
        highest=highest,
        lower95=_limits(counts.events_lower[there], largest, share)[0],
        upper95=_limits(counts.events_upper[there], smallest, share)[1],
    )


def _limits(events: Vector, size: Vector, share: Vector) -> tuple[float, float]:
    number, rate = float(events.sum()), float((share * events / size).sum())
    low, high = (float(end) for end in byar(number))
    if number == 0:
        return 0.0, high * float((share / size).max())
    spread = sqrt(float((share**2 * events / size**2).sum()) / number)
    return max(0.0, rate + spread * (low - number)), rate + spread * (high - number)

"""Gaps between two groups, and need less use, with intervals that hold for every count between its bounds."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rounds.learning.exact_intervals import exact_count
from rounds.learning.intervals import Vector, normal_quantile, wilson_ends

FEWEST_PEOPLE = 10
"""In either group, below which no gap is told: chance and single people would be all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBounds:
    """Events and people of groups, between bounds; equal where exact. Arrays have shape (groups,)."""

    events_lower: Vector
    events_upper: Vector
    size_lower: Vector
    size_upper: Vector
    over_time: bool = False
    """sizes are time: there may be more events"""

    def __post_init__(self) -> None:
        parts = (self.events_lower, self.events_upper, self.size_lower, self.size_upper)
        if len({part.shape for part in parts}) != 1 or self.events_lower.ndim != 1:
            raise ValueError("give both bounds of events and of people to each group")
        for low, high, what in (
            (self.events_lower, self.events_upper, "events"),
            (self.size_lower, self.size_upper, "size"),
        ):
            bad = ~(np.isfinite(low) & np.isfinite(high)) | (low < 0) | (low > high)
            if bad.any():
                raise ValueError(f"group {int(np.argmax(bad)) + 1} has impossible bounds of its {what}")
        if not self.over_time and (self.events_lower > self.size_upper).any():
            at = int(np.argmax(self.events_lower > self.size_upper))
            raise ValueError(f"group {at + 1} has more events than people")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Each group's rate less the reference group's. Arrays have shape (groups,); the reference's own is 0."""

    reference: int
    lowest: Vector
    """what the gap itself can be, given the bounds"""
    highest: Vector
    lower: Vector
    """the interval that holds whatever the counts behind the bounds are"""
    upper: Vector
    signals: tuple[Literal["certain", "possible", "no"], ...]
    """whether the rates differ beyond chance for every count within the bounds, for some, or for none"""
    reasons: tuple[str | None, ...]


def gaps(bounds: GroupBounds, *, reference: int, confidence: float = 0.95) -> Gaps:
    """Return how far each group's rate lies from the reference group's.

    Args:
        bounds: of all groups.
        reference: the place of the group that others are compared with.
        confidence: above 0, below 1.

    Raises:
        ValueError: if there is no such group.

    Source: Newcombe (1998), Stat Med 17:873-890, method 10 (hybrid score), at the corners of the bounds; of rates over
        time the same combination of exact intervals (Li, Tang and Wong 2014, Stat Methods Med Res 23:1-12).
    """
    if not 0 <= reference < len(bounds.events_lower):
        raise ValueError(f"there is no group {reference + 1} to compare with")
    low, low_ends, high, high_ends = _rates(bounds, confidence)
    few = bounds.size_lower < (1 if bounds.over_time else FEWEST_PEOPLE)
    few = few | few[reference]
    lower, upper = _difference(low, low_ends, high, high_ends, reference)
    certain = (lower > 0) | (upper < 0)
    possible = ~certain & _far(low, low_ends, high, high_ends, reference)
    signals: list[Literal["certain", "possible", "no"]] = []
    reasons: list[str | None] = []
    for at in range(len(low)):
        if at == reference or few[at]:
            signals.append("no" if at == reference else "possible")
            reasons.append(None if at == reference else "Too few people are known to be in one of the groups.")
            continue
        signals.append("certain" if certain[at] else "possible" if possible[at] else "no")
        reasons.append(None)
    own = np.arange(len(low)) == reference
    hide = few & ~own
    return Gaps(
        reference=reference,
        lowest=np.where(own, 0.0, low - high[reference]),
        highest=np.where(own, 0.0, high - low[reference]),
        lower=np.where(own, 0.0, np.where(hide, np.nan, lower)),
        upper=np.where(own, 0.0, np.where(hide, np.nan, upper)),
        signals=tuple(signals),
        reasons=tuple(reasons),
    )


Ends = tuple[Vector, Vector]


def _rates(bounds: GroupBounds, confidence: float) -> tuple[Vector, Ends, Vector, Ends]:
    """Return the lowest and the highest rate that bounds allow, each with its interval at the size that widens it."""
    small, large = np.maximum(bounds.size_lower, 1.0), np.maximum(bounds.size_upper, 1.0)
    low = bounds.events_lower / large
    high = bounds.events_upper / small if bounds.over_time else np.minimum(bounds.events_upper / small, 1.0)
    of_low = large if bounds.over_time else small
    return (
        low,
        _interval(low, of_low, bounds.over_time, confidence),
        high,
        _interval(high, small, bounds.over_time, confidence),
    )


def _interval(rate: Vector, size: Vector, over_time: bool, confidence: float) -> Ends:
    if not over_time:
        return wilson_ends(rate, size, normal_quantile(confidence))
    low, high = exact_count(rate * size, confidence=confidence)
    return low / size, high / size


def _difference(low: Vector, low_ends: Ends, high: Vector, high_ends: Ends, reference: int) -> Ends:
    """Return the lower end with the group at its lowest and the reference at its highest, and the upper end."""
    lower = low - high[reference] - np.hypot(low - low_ends[0], high_ends[1][reference] - high[reference])
    upper = high - low[reference] + np.hypot(high_ends[1] - high, low[reference] - low_ends[0][reference])
    return lower, upper


def _far(low: Vector, low_ends: Ends, high: Vector, high_ends: Ends, reference: int) -> NDArray[np.bool_]:
    """Return whether some counts within the bounds would make a difference beyond chance."""
    above = high - low[reference] - np.hypot(high - high_ends[0], low_ends[1][reference] - low[reference])
    below = high[reference] - low - np.hypot(high[reference] - high_ends[0][reference], low_ends[1] - low)
    found: NDArray[np.bool_] = (above > 0) | (below > 0)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetNeed:
    """Need less use, per 1. Arrays have shape (groups,)."""

    lowest: Vector
    highest: Vector
    lower: Vector
    upper: Vector
    people_lower: Vector
    """how many people with need go without, at the interval's ends; never below 0"""
    people_upper: Vector


def unmet_need(need: GroupBounds, use: GroupBounds, *, confidence: float = 0.95) -> UnmetNeed:
    """Return how much more of a group needs something than uses it.

    Args:
        need: people with the need, of all people of the group.
        use: people who use what meets it, of the same people.
        confidence: above 0, below 1.

    Returns:
        The difference with its interval. Where use is measured in other people than need, as here, it may be below 0:
        those who use need not be those who need.

    Raises:
        ValueError: if the groups differ in number.

    Source: as `gaps`; need and use are taken as independent, which makes the interval too wide where they go together.
    """
    if need.events_lower.shape != use.events_lower.shape:
        raise ValueError("need and use are of different groups")
    one_low, one_low_ends, one_high, one_high_ends = _rates(need, confidence)
    two_low, two_low_ends, two_high, two_high_ends = _rates(use, confidence)
    lower = one_low - two_high - np.hypot(one_low - one_low_ends[0], two_high_ends[1] - two_high)
    upper = one_high - two_low + np.hypot(one_high_ends[1] - one_high, two_low - two_low_ends[0])
    return UnmetNeed(
        lowest=one_low - two_high,
        highest=one_high - two_low,
        lower=lower,
        upper=upper,
        people_lower=np.maximum(lower, 0.0) * need.size_lower,
        people_upper=np.maximum(upper, 0.0) * need.size_upper,
    )

"""Slope and relative index of inequality whatever withheld and rounded counts of groups truly are."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from rounds.learning.intervals import Vector
from rounds.learning.variation.between_groups.gaps import GroupBounds
from rounds.learning.variation.between_groups.slopes import FEWEST_GROUPS, InequalitySlope, SlopeScale, inequality_slope

MOST_UNSURE = 10
"""Of groups whose events are known only between bounds: each doubles the lines that are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What an index can be given the bounds, and the interval that holds for all of that."""

    least: float
    most: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlopeWithin:
    """The line through groups in order, at every corner of the bounds of their events."""

    sii: Span
    """rate at the last end less that at the first, per 1"""
    rii: Span
    """the one over the other"""
    notes: tuple[str, ...]
    """of the corner at which groups lie nearest the line: what is said of the misfit holds for all"""

    @property
    def certain(self) -> bool:
        """Whether the rate rises, or falls, along the groups beyond chance for every count within the bounds."""
        return self.rii.lower > 1 or self.rii.upper < 1


def slope_within(bounds: GroupBounds, *, confidence: float = 0.95) -> SlopeWithin | str:
    """Return both indices for every count within the bounds, or the reason why they cannot be told.

    Proportions lie on a line of logits, rates over time on one of logarithms.

    Args:
        bounds: of groups in order; sizes are exact, or rounded so little that their middle does.
        confidence: above 0, below 1.

    Source: as `inequality_slope`. It is taken at each corner of the bounds of events.
    """
    groups = len(bounds.events_lower)
    if groups < FEWEST_GROUPS:
        return f"fewer than {FEWEST_GROUPS} groups in order have numbers"
    sizes = (bounds.size_lower + bounds.size_upper) / 2
    if not (sizes > 0).all():
        return "a group may have nobody in it"
    ends = [sorted({low, high}) for low, high in zip(bounds.events_lower, bounds.events_upper, strict=True)]
    highest = np.array([each[-1] for each in ends])
    if (bounds.events_lower <= 0).any():
        return "a group may have no event, which has no place on the line"
    if not bounds.over_time and (highest >= sizes).any():
        return "everybody in a group may have an event, which has no place on the line"
    if sum(len(each) > 1 for each in ends) > MOST_UNSURE:
        return f"more than {MOST_UNSURE} groups have withheld or rounded counts"
    found = [_line(np.array(corner), sizes, bounds.over_time, confidence) for corner in product(*ends)]
    return SlopeWithin(
        sii=_span([(one.sii, one.sii_lower, one.sii_upper) for one in found]),
        rii=_span([(one.rii, one.rii_lower, one.rii_upper) for one in found]),
        notes=min(found, key=lambda one: one.misfit).notes,
    )


def _line(events: Vector, sizes: Vector, over_time: bool, confidence: float) -> InequalitySlope:
    rates = events / sizes
    return inequality_slope(
        values=rates,
        standard_errors=np.sqrt(events if over_time else events * (1 - rates)) / sizes,
        people=sizes,
        scale=SlopeScale.LOG if over_time else SlopeScale.LOGIT,
        confidence=confidence,
    )


def _span(found: list[tuple[float, float, float]]) -> Span:
    values, lower, upper = np.array(found).T
    return Span(least=float(values.min()), most=float(values.max()), lower=float(lower.min()), upper=float(upper.max()))

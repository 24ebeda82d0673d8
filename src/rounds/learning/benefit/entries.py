"""What one round says of one programme: per member and period, how many were reached and how many benefited.

Reached is never called benefited: the first is who was there while the innovation was in effect, between bounds; the
second is counterfactual less observed, with all that is needed to give every sum of it a right interval.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rounds.errors import DefinitionError

Matrix = NDArray[np.float64]

EFFECT = 0
"""The source of uncertainty that is the shared effect itself: the first of every statement."""


class Counted(StrEnum):
    """What a number of the ledger is a number of."""

    PEOPLE = "people"
    EVENTS = "events"
    """Visits, arrests, attendances: one patient may have several, so a number of them is no number of patients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Who was there while the innovation was in effect: the least and the most there can have been."""

    lower: int
    upper: int

    def __post_init__(self) -> None:
        if self.lower < 0 or self.upper < self.lower:
            raise DefinitionError(
                f"{self.lower:,} to {self.upper:,} reached: bounds are in order and not below 0; correct the count"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Avoided:
    """Events avoided, or good ones gained; below 0 it is harm, and stays in."""

    value: float
    slopes: tuple[tuple[int, float], ...]
    """(source, how far the value moves with it): what it shares with the other entries of its statement"""
    own_variance: float
    """of what it shares with no other entry"""
    own_with_effect: float = 0.0
    """covariance of that with the shared effect, which is estimated from this entry too"""

    def __post_init__(self) -> None:
        numbers = (self.value, self.own_variance, self.own_with_effect, *(slope for _, slope in self.slopes))
        if not np.isfinite(numbers).all() or self.own_variance < 0:
            raise DefinitionError("a number benefited and its uncertainty are finite, and a variance is not below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger: a member in a period throughout which the innovation was in effect."""

    member: str
    start: date
    end: date
    """the last day, included"""
    since: date
    """the day from which the innovation was in effect at the member, for rules that ask who was first"""
    reached: Reached
    avoided: Avoided | None
    """None where nothing can be expected without the innovation, so that nothing can be said"""

    def __post_init__(self) -> None:
        if self.end < self.start or self.since > self.start:
            raise DefinitionError(
                f"{self.member}, {self.start} to {self.end}: a period ends after it starts, and the innovation is in "
                f"effect from its first day on (it is since {self.since}); correct the dates"
            )

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a round says of the benefit of one programme in one measure. Never changed; a later one supersedes it."""

    network: str
    round_id: str
    data_as_of: date
    innovation: str
    innovation_title: str
    measure: str
    """id and version"""
    measure_title: str
    gained: bool
    """whether more events are better: those benefited are then gained, not avoided"""
    counted: Counted
    """what those benefited are"""
    reached_unit: str
    """what those reached are, in the plural: people, admissions"""
    reached_counted: Counted
    members: tuple[str, ...]
    """about whom it speaks, entries or none"""
    first: date
    last: date
    """the days it speaks about"""
    method: str
    """name@version of the estimator; "none" if there is no estimate"""
    why_none: str
    """why nobody can be said to have benefited; empty if it can be said"""
    sources: Matrix
    """covariance of what entries share, shape (sources, sources); the first is the effect"""
    entries: tuple[Entry, ...] = field(repr=False)

    def __post_init__(self) -> None:
        where = f"round {self.round_id}, {self.innovation}, {self.measure}"
        if self.last > self.data_as_of or self.last < self.first:
            raise DefinitionError(
                f"{where}: it speaks about {self.first} to {self.last}, with data as of {self.data_as_of}; the future "
                "has no benefit yet, correct the dates"
            )
        size = len(self.sources)
        if self.sources.shape != (size, size) or not np.array_equal(self.sources, self.sources.T):
            raise DefinitionError(f"{where}: the covariance of what entries share is not symmetric")
        if not np.isfinite(self.sources).all():
            raise DefinitionError(f"{where}: the covariance of what entries share is not finite")
        known = set(self.members)
        for entry in self.entries:
            if entry.member not in known:
                raise DefinitionError(f"{where}: {entry.member} is not among the members it speaks about")
            if entry.start < self.first or entry.end > self.last:
                raise DefinitionError(
                    f"{where}, {entry.member}: {entry.start} to {entry.end} lies outside {self.first} to {self.last}"
                )
            if entry.avoided and any(not 0 <= source < size for source, _ in entry.avoided.slopes):
                raise DefinitionError(f"{where}, {entry.member}, {entry.start}: it shares a source that is not there")
        for one, two in pairwise(sorted(self.entries, key=lambda entry: (entry.member, entry.start, entry.end))):
            if one.member == two.member and two.start <= one.end:
                raise DefinitionError(
                    f"{where}, {one.member}: {one.start} to {one.end} and {two.start} to {two.end} share days, such as "
                    "a month and its quarter; keep one of them, or patients are counted twice"
                )

    @property
    def programme(self) -> tuple[str, str]:
        """What is measured of what: the key under which statements supersede one another."""
        return self.innovation, self.measure.split(" ")[0]

    @property
    def flags(self) -> tuple[str, ...]:
        """A sentence for each entry in which more benefited than were reached: possible for events, and odd."""
        return tuple(
            f"{entry.member}, {entry.start} to {entry.end}: {entry.avoided.value:,.1f} benefited, and at most "
            f"{entry.reached.upper:,} were reached; check the denominator of {self.measure}."
            for entry in self.entries
            if entry.avoided is not None and entry.avoided.value > entry.reached.upper
        )

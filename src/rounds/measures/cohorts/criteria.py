"""Criteria: which events of one domain, and groups of conditions on what else happened around an event."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from rounds.measures.cohorts.domains import CountColumn, Domain
from rounds.measures.cohorts.filters import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class DateAdjustment:
    """The event's dates are moved: each starts with the event's start or end. An event left ending early is dropped."""

    start_with_end: bool
    start_offset_days: int
    end_with_end: bool
    end_offset_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPeriod:
    """Only periods that contain the dates given; these dates then stand for the period's own."""

    start: date | None
    end: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """Events of one domain."""

    domain: Domain
    concept_set: int | None = None
    """None is any concept."""
    source_concept_set: int | None = None
    first: bool = False
    """Only each person's first event among those of the concept sets, before any other condition is looked at."""
    filters: tuple[Filter, ...] = ()
    adjustment: DateAdjustment | None = None
    user_period: UserPeriod | None = None
    correlated: "Group | None" = None
    """Conditions around each of these events; only events within observation can meet them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One end of a window: so many days before (-1) or after (+1) the index date, or without days as far as possible.

    As far as possible is to the end of the observation period or, where that is ignored, any time.
    """

    days: int | None
    sign: Literal[-1, 1]

    @property
    def offset_days(self) -> int | None:
        return None if self.days is None else self.sign * self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """An event's start or end lies between two edges around the start or end of the index event, both included."""

    start: Edge
    end: Edge
    from_index_end: bool
    on_event_end: bool

    def __post_init__(self) -> None:
        first, last = self.start.offset_days, self.end.offset_days
        if first is not None and last is not None and first > last:
            raise ValueError(f"the window ends before it starts ({first} to {last} days)")


class Times(StrEnum):
    """How often something has to happen."""

    EXACTLY = "exactly"
    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """How many events, or different known values of one of their columns."""

    times: Times
    count: int
    distinct: CountColumn | None = None

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"a count is 0 or more, not {self.count}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlated:
    """So many events of a criterion in windows around the index event."""

    criterion: Criterion
    start_window: Window
    end_window: Window | None
    occurrence: Occurrence
    same_visit: bool = False
    ignore_observation_period: bool = False
    """Otherwise the event must start within the index event's observation period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographic:
    """Conditions on the person at the index event."""

    filters: tuple[Filter, ...]


class GroupKind(StrEnum):
    """How many members of a group have to hold."""

    ALL = "ALL"
    ANY = "ANY"
    AT_LEAST = "AT_LEAST"
    AT_MOST = "AT_MOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conditions on an index event. A group without members always holds."""

    kind: GroupKind
    count: int | None
    members: "tuple[Correlated | Demographic | Group, ...]"

    def __post_init__(self) -> None:
        counted = self.kind in (GroupKind.AT_LEAST, GroupKind.AT_MOST)
        if counted and (self.count is None or self.count < 0):
            raise ValueError(f"{self.kind} needs a count of 0 or more")

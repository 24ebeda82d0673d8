"""Agreements between dates: for what a site may be asked, and which measures have a standing approval."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rounds.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A measure that something covers; of every version, unless one is named."""

    id: str
    version: int | None = None

    def covers(self, measure: str, version: int) -> bool:
        return self.id == measure and self.version in (None, version)

    def __str__(self) -> str:
        return self.id if self.version is None else f"{self.id} v{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What parties have agreed on: a purpose, measures, and from which day to which, both included."""

    id: str
    between: tuple[str, ...]
    purpose: str
    measures: tuple[Covered, ...] | None
    """None: every measure"""
    first: date
    last: date
    reviewer: str

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise DefinitionError(f"agreement {self.id}: until ({self.last}) is before from ({self.first})")

    def in_force(self, day: date) -> bool:
        return self.first <= day <= self.last

    def covers(self, measure: str, version: int) -> bool:
        return self.measures is None or any(one.covers(measure, version) for one in self.measures)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingApproval:
    """A version of a measure that may leave without anybody looking again, from one day to another, both included."""

    measure: str
    version: int
    approved_by: str
    first: date
    last: date
    meaning: str | None = None
    """how the digest of the measure begins; None: whatever the site's library says"""

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise DefinitionError(f"{self.measure} v{self.version}: until ({self.last}) is before since ({self.first})")

    def in_force(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """A measure that no agreement lets leave on a day, and why."""

    measure: str
    why: str


def uncovered(
    agreements: Sequence[Agreement], measures: Sequence[tuple[str, int]], *, day: date
) -> tuple[Uncovered, ...]:
    """Return the measures that no agreement in force on a day covers.

    Args:
        agreements: all that the site has, in force or not.
        measures: ids with versions.
        day: the day of the query.
    """
    found = []
    for measure, version in measures:
        covering = [one for one in agreements if one.covers(measure, version)]
        if not any(one.in_force(day) for one in covering):
            found.append(Uncovered(measure=f"{measure} v{version}", why=_why(covering, day)))
    return tuple(found)


def _why(covering: Sequence[Agreement], day: date) -> str:
    if not covering:
        return "no agreement covers it"
    over = [one for one in covering if one.last < day]
    if over:
        latest = max(over, key=lambda one: one.last)
        return f"agreement {latest.id} ended on {latest.last}"
    soonest = min(covering, key=lambda one: one.first)
    return f"agreement {soonest.id} begins only on {soonest.first}"

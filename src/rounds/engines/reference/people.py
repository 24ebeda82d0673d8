"""People and their rows, and whether they meet a criterion: what each criterion means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from rounds.engines.codes import Concepts
from rounds.engines.reference.groups import Groups
from rounds.engines.reference.rows import Row, at_moment, chosen, in_range, number_of
from rounds.engines.reference.scores import scored_sets
from rounds.engines.reference.summaries import has_changed, lies_between
from rounds.measures.choices import AgeBy, Covers, Extent
from rounds.measures.criteria import (
    AllOf,
    AnyOf,
    Change,
    Criterion,
    Events,
    Graded,
    Has,
    Lies,
    Not,
    Reaches,
    Scored,
    Summary,
)
from rounds.measures.events import EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value

Span = tuple[date, date]
Facts = Mapping[tuple[EventTable, Marked | Result], frozenset[int]]
"""The rows of a table of which something is true that does not stand in the rows themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a criterion is asked of: a person in a period, or one of the person's rows."""

    first: date
    last: date
    row: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: int
    sex: str
    year_of_birth: int
    birthday: tuple[int, int]
    earliest_birth: date
    """The first day on which somebody may have been born of whom the year is known, or also the month."""
    observed: tuple[Span, ...]
    rows: Mapping[tuple[EventTable, Extent], list[Row]]
    facts: Facts
    concepts: Concepts
    groups: Groups
    known: dict[Events | Scored, list[Row]] = field(default_factory=dict)
    """Rows found before: they are the same whatever they are asked for."""

    def age(self, day: date, by: AgeBy = AgeBy.YEAR) -> int:
        """Return the age in years on a day."""
        years = day.year - self.year_of_birth
        return years - (by is AgeBy.BIRTHDAY and (day.month, day.day) < self.birthday)

    def level(self, grouping: Grouping, unit: Unit) -> str:
        """Return the level of a grouping that the person, or the person's row, is of."""
        row = unit.row
        return self.groups.level(grouping, self.id, None if row is None else (row.visit, row.stay))

    def meets(self, criterion: Criterion | None, unit: Unit) -> bool:  # noqa: PLR0912  one branch for each kind
        """Say whether a criterion is true of the person in a period, or of one of the person's rows."""
        match criterion:
            case None:
                return True
            case Age():
                age = self.age(criterion.day(unit.first, unit.last), criterion.by)
                return (criterion.low is None or age >= criterion.low) and (
                    criterion.high is None or age <= criterion.high
                )
            case Sex():
                return self.sex in criterion.among
            case InGroup():
                return self.level(criterion.grouping, unit) in criterion.among
            case Observed():
                return self._observed(criterion, unit)
            case Value():
                return unit.row is not None and in_range(criterion, unit.row)
            case Answer():
                return unit.row is not None and unit.row.answer in self.concepts[criterion.codes]
            case Marked() | Result():
                return unit.row is not None and unit.row.row in self.facts[unit.row.table, criterion]
            case Lies():
                return criterion.touches.holds((unit.first, unit.last), criterion.window.on(unit.first, unit.last))
            case Has():
                return number_of(self.found(criterion, unit), criterion.distinct) >= criterion.at_least
            case Summary():
                values = [row.value for row in self.found(criterion.rows, unit) if row.value is not None]
                return lies_between(criterion, values)
            case Change():
                return has_changed(criterion, self.found(criterion.of, unit), self.found(criterion.since, unit))
            case AllOf():
                return all(self.meets(part, unit) for part in criterion.of)
            case AnyOf():
                return sum(self.meets(part, unit) for part in criterion.of) >= criterion.at_least
            case Reaches():
                return sum(self._points(graded, unit) for graded in criterion.of) >= criterion.at_least
            case Not():
                return not self.meets(criterion.of, unit)

    def _points(self, graded: Graded, unit: Unit) -> int:
        return max((given.points for given in graded.given if self.meets(given.to, unit)), default=0)

    def events(self, events: Events | Scored) -> list[Row]:
        """Return the rows that are meant, the first one first."""
        if events not in self.known:
            self.known[events] = self._find(events)
        return self.known[events]

    def _find(self, events: Events | Scored) -> list[Row]:
        if isinstance(events, Scored):
            rows = scored_sets(events.score, self.rows, self.concepts)
        else:
            rows = [
                row
                for row in self.rows.get((events.table, events.without_end), [])
                if events.codes is None or row.concept in self.concepts[events.codes]
            ]
        found = [row for row in rows if self.meets(events.where, Unit(first=row.first, last=row.last, row=row))]
        found.sort(key=at_moment, reverse=True)
        found.sort(key=lambda row: (row.first, row.minute))
        return found[:1] if events.first else found

    def _observed(self, asked: Observed, unit: Unit) -> bool:
        first, last = asked.window.on(unit.first, unit.last)
        if first > last:
            return False
        if asked.covers is Covers.ANY_DAY:
            return any(start <= last and end >= first for start, end in self.observed)
        return any(start <= first and end >= last for start, end in self.observed)

    def found(self, asked: Has, unit: Unit) -> list[Row]:
        """Return the rows that are looked for, whatever their number, the first one first."""
        first, last = asked.window.on(unit.first, unit.last)
        found = [row for row in self.events(asked.events) if asked.touches.holds((row.first, row.last), (first, last))]
        if asked.same_visit:
            visit = unit.row.visit if unit.row else -1
            found = [row for row in found if row.visit == visit != -1]
        found = chosen(found, asked.choose, asked.stands)
        return [row for row in found if self.meets(asked.provided, Unit(first=row.first, last=row.last, row=row))]

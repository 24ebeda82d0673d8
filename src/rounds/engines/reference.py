"""The reference engine: plain Python over rows, slow and obvious. What it counts is what a measure means."""

import calendar
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from rounds.engines.codes import Concepts, prepare, records_question
from rounds.engines.cohorts.entries import check_cohorts
from rounds.engines.cohorts.reference import find_cohort
from rounds.engines.cohorts.reference_events import omop_rows
from rounds.engines.grid import Cell, Tally, check_periods, complete_count
from rounds.engines.reference_groups import Groups, read_groups
from rounds.engines.rows import (
    MOMENT_ORDER,
    OBSERVED,
    PEOPLE,
    ROW_COLUMNS,
    marked_sql,
    result_sql,
    rows_sql,
)
from rounds.measures.counts import Count
from rounds.measures.criteria import (
    Age,
    AgeBy,
    AllOf,
    Answer,
    AnyOf,
    Choose,
    Covers,
    Criterion,
    Distinct,
    Events,
    Extent,
    Has,
    InGroup,
    Lies,
    Marked,
    Not,
    Observed,
    Result,
    Scored,
    Sex,
    Stands,
    Value,
)
from rounds.measures.definitions import Measure
from rounds.measures.events import WITH_DETAIL, WITH_VALUE, EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.in_period import asked_apart
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion
from rounds.measures.scores import Component, Score
from rounds.measures.strata import Stratum, age_band
from rounds.measures.windows import Anchor
from rounds.records.omop import Records

Span = tuple[date, date]
_Facts = Mapping[tuple[EventTable, Marked | Result], frozenset[int]]
"""The rows of a table of which something is true that does not stand in the rows themselves."""


_EARLIEST_BIRTH = "SELECT person_id, year_of_birth, coalesce(month_of_birth, 1), coalesce(day_of_birth, 1) FROM person"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    table: EventTable
    row: int
    person_id: int
    concept: int
    first: date
    last: date
    minute: int
    value: float | None
    unit: int
    answer: int
    visit: int
    stay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What a criterion is asked of: a person in a period, or one of the person's rows."""

    first: date
    last: date
    row: _Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    id: int
    sex: str
    year_of_birth: int
    birthday: tuple[int, int]
    earliest_birth: date
    """The first day on which somebody may have been born of whom the year is known, or also the month."""
    observed: tuple[Span, ...]
    rows: Mapping[tuple[EventTable, Extent], list[_Row]]
    facts: _Facts
    concepts: Concepts
    groups: Groups
    known: dict[Events | Scored, list[_Row]] = field(default_factory=dict)
    """Rows found before: they are the same whatever they are asked for."""

    def age(self, day: date, by: AgeBy = AgeBy.YEAR) -> int:
        years = day.year - self.year_of_birth
        return years - (by is AgeBy.BIRTHDAY and (day.month, day.day) < self.birthday)

    def level(self, grouping: Grouping, unit: _Unit) -> str:
        row = unit.row
        return self.groups.level(grouping, self.id, None if row is None else (row.visit, row.stay))

    def meets(self, criterion: Criterion | None, unit: _Unit) -> bool:  # noqa: PLR0912  one branch for each kind
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
                return unit.row is not None and _in_range(criterion, unit.row)
            case Answer():
                return unit.row is not None and unit.row.answer in self.concepts[criterion.codes]
            case Marked() | Result():
                return unit.row is not None and unit.row.row in self.facts[unit.row.table, criterion]
            case Lies():
                return criterion.touches.holds((unit.first, unit.last), criterion.window.on(unit.first, unit.last))
            case Has():
                return self._has(criterion, unit)
            case AllOf():
                return all(self.meets(part, unit) for part in criterion.of)
            case AnyOf():
                return sum(self.meets(part, unit) for part in criterion.of) >= criterion.at_least
            case Not():
                return not self.meets(criterion.of, unit)

    def events(self, events: Events | Scored) -> list[_Row]:
        """Return the rows that are meant, the first one first."""
        if events not in self.known:
            self.known[events] = self._find(events)
        return self.known[events]

    def _find(self, events: Events | Scored) -> list[_Row]:
        if isinstance(events, Scored):
            rows = self._scored(events.score)
        else:
            rows = [
                row
                for row in self.rows.get((events.table, events.without_end), [])
                if events.codes is None or row.concept in self.concepts[events.codes]
            ]
        found = [row for row in rows if self.meets(events.where, _Unit(first=row.first, last=row.last, row=row))]
        found.sort(key=_at_moment, reverse=True)
        found.sort(key=lambda row: (row.first, row.minute))
        return found[:1] if events.first else found

    def _scored(self, score: Score) -> list[_Row]:
        sets: dict[tuple[date, int], list[tuple[EventTable, _Row]]] = defaultdict(list)
        for table in sorted({EventTable(component.table) for component in score.components}):
            for row in self.rows.get((table, Extent.FIRST_DAY), []):
                sets[row.first, row.minute].append((table, row))
        found = []
        for (day, minute), rows in sets.items():
            given = [self._points(component, rows) for component in score.components]
            total = sum(points for points, _ in given if points is not None)
            giving = [row for _, scored in given for row in scored]
            if all(points is not None for points, _ in given) and giving:
                found.append(_set_of(giving, day, minute, value=float(total)))
        return found

    def _points(self, component: Component, rows: list[tuple[EventTable, _Row]]) -> tuple[int | None, list[_Row]]:
        """Return what a component gives in a set, and the rows that say so."""
        scored = [
            (points, row)
            for table, row in rows
            if table is EventTable(component.table) and row.concept in self.concepts[component.codes]
            for points in [self._points_of(component, row)]
            if points is not None
        ]
        if not scored:
            return component.if_missing, []
        return max(points for points, _ in scored), [row for _, row in scored]

    def _points_of(self, component: Component, row: _Row) -> int | None:
        if component.answers:
            lists = [points for codes, points in component.answers if row.answer in self.concepts[codes]]
            return max(lists, default=None)
        if row.value is None or (component.units and row.unit not in component.units):
            return None
        for step in component.steps:
            limit = _single(step.up_to)
            if limit is None or row.value <= limit:
                return step.points
        return None

    def _observed(self, asked: Observed, unit: _Unit) -> bool:
        first, last = asked.window.on(unit.first, unit.last)
        if first > last:
            return False
        if asked.covers is Covers.ANY_DAY:
            return any(start <= last and end >= first for start, end in self.observed)
        return any(start <= first and end >= last for start, end in self.observed)

    def _has(self, asked: Has, unit: _Unit) -> bool:
        first, last = asked.window.on(unit.first, unit.last)
        found = [row for row in self.events(asked.events) if asked.touches.holds((row.first, row.last), (first, last))]
        if asked.same_visit:
            visit = unit.row.visit if unit.row else -1
            found = [row for row in found if row.visit == visit != -1]
        found = _chosen(found, asked.choose, asked.stands)
        met = [row for row in found if self.meets(asked.provided, _Unit(first=row.first, last=row.last, row=row))]
        return _number(met, asked.distinct) >= asked.at_least


def count(measure: Measure, records: Records, *, member: str, periods: tuple[Period, ...]) -> Count:
    """Return exact counts of a measure over a site's records, one person after the other.

    Records may reach beyond the last period, and beyond the round's `as_of`; a later row counts where a measure's
    window reaches as far.

    Args:
        measure: one that is counted from records.
        records: the site's.
        member: the ODS code the counts belong to.
        periods: in order of their first day.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer the measure.
        ValueError: if the periods are not as above.
    """
    check_periods(measure, periods)
    tallies: dict[Cell, Tally] = {}
    for person, period, unit, tally in _asked_about(measure, records, periods):
        cell = (period.start, _levels(person, unit, measure))
        tallies[cell] = tuple(a + b for a, b in zip(tallies[cell], tally, strict=True)) if cell in tallies else tally
    return complete_count(measure, member=member, periods=periods, tallies=tallies)


def count_by_person(measure: Measure, records: Records, *, periods: tuple[Period, ...]) -> dict[int, tuple[int, int]]:
    """Return of everybody who is asked about how often they are met and how often they are asked, over all periods.

    It is for holding a measure against cases whose answer is known; never let it out of a site.
    """
    check_periods(measure, periods)
    found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for person, _, _, (met, asked, *_) in _asked_about(measure, records, periods):
        found[person.id] = (found[person.id][0] + met, found[person.id][1] + asked)
    return dict(found)


def _asked_about(
    measure: Measure, records: Records, periods: tuple[Period, ...]
) -> Iterator[tuple[_Person, Period, _Unit, Tally]]:
    """Yield everything in the denominator, and what it adds to the numbers of its cell."""
    with records.connect() as connection:
        concepts = prepare(connection, [measure], records)
        question = records_question(measure)
        groups = read_groups(connection, measure)
        check_cohorts(connection, [measure], records)
        people = _people(connection, question, concepts, groups)
    for apart, some in asked_apart(question, periods):
        for person in people:
            for period, unit, tally in _tallied(person, apart, some):
                yield person, period, unit, tally


def _tallied(
    person: _Person, question: RecordsQuestion, periods: tuple[Period, ...]
) -> Iterator[tuple[Period, _Unit, Tally]]:
    if isinstance(question.unit, PersonTime):
        for period in periods:
            unit = _Unit(first=period.start, last=period.end)
            if person.meets(question.who, unit):
                days, events = _days_and_events(person, question, question.unit, period)
                yield period, unit, (events, days, int(events > 0), int(days > 0))
        return
    for period, unit in _units(person, question, periods):
        if person.meets(question.who, unit):
            yield period, unit, (int(person.meets(question.numerator, unit)), 1)


def _days_and_events(person: _Person, question: RecordsQuestion, unit: PersonTime, period: Period) -> tuple[int, int]:
    if unit.visits is None:
        died = min((row.first for row in person.rows.get((EventTable.DEATH, Extent.FIRST_DAY), [])), default=date.max)
        at_risk = {day for span in person.observed for day in _days_of(*span) if person.earliest_birth <= day <= died}
        counted = at_risk
    else:
        visits = person.events(unit.visits)
        at_risk = {day for visit in visits for day in _days_of(visit.first, visit.last)}
        counted = {day for visit in visits for day in _days_of(visit.first, visit.last) if day < visit.last}
    happening = question.happening
    rows = [
        row
        for row in person.events(happening.events)
        if row.first in at_risk and period.start <= row.first <= period.end
        if person.meets(happening.provided, _Unit(first=row.first, last=row.last, row=row))
    ]
    events = len({row.first for row in rows}) if happening.distinct is Distinct.DAYS else len(rows)
    return sum(period.start <= day <= period.end for day in counted), min(events, unit.most_each)


def _days_of(first: date, last: date) -> Iterator[date]:
    return (date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1))


def _units(person: _Person, question: RecordsQuestion, periods: tuple[Period, ...]) -> Iterator[tuple[Period, _Unit]]:
    counted = question.unit
    if isinstance(counted, PersonTime):
        raise TypeError("time has no units that are counted")
    if isinstance(counted, People):
        for period in periods:
            unit = _Unit(first=period.start, last=period.end)
            if person.meets(counted.criterion, unit):
                yield period, unit
        return
    for row in person.events(counted.events):
        day = row.first if counted.counted_on is Anchor.START else row.last
        for period in periods:
            if period.start <= day <= period.end:
                yield period, _Unit(first=row.first, last=row.last, row=row)


def _set_of(rows: list[_Row], day: date, minute: int, *, value: float) -> _Row:
    return _Row(
        table=EventTable.MEASUREMENT,
        row=0,
        person_id=rows[0].person_id,
        concept=-1,
        first=day,
        last=day,
        minute=minute,
        value=value,
        unit=-1,
        answer=-1,
        visit=max(row.visit for row in rows),
        stay=max(row.stay for row in rows),
    )


def _chosen(found: list[_Row], choose: Choose, stands: Stands) -> list[_Row]:
    """Return the row that is chosen of some in the order of their moments; all of them if any will do."""
    if choose is Choose.ANY or not found:
        return found
    one = found[0 if choose is Choose.FIRST else -1]
    if stands is Stands.AT_THE_MOMENT:
        # Of those at the last moment it is the first again that stands for all.
        return [row for row in found if (row.first, row.minute) == (one.first, one.minute)][:1]
    # Of those with the lowest value the first again.
    return sorted(
        (row for row in found if row.first == one.first), key=lambda row: (row.value is None, row.value or 0.0)
    )[:1]


def _number(found: list[_Row], distinct: Distinct) -> int:
    match distinct:
        case Distinct.ROWS:
            return len(found)
        case Distinct.DAYS:
            return len({row.first for row in found})
        case Distinct.CODES:
            return len({row.concept for row in found})


def _in_range(asked: Value, row: _Row) -> bool:
    if row.value is None or (asked.units and row.unit not in asked.units):
        return False
    low, high = _single(asked.low), _single(asked.high)
    above = low is None or row.value > low or (asked.low_included and row.value == low)
    below = high is None or row.value < high or (asked.high_included and row.value == high)
    return above and below


def _single(number: float | None) -> float | None:
    """Return a number as single precision holds it, as values are."""
    return None if number is None else float(struct.unpack("f", struct.pack("f", number))[0])


def _at_moment(row: _Row) -> tuple[Any, ...]:
    """Return what orders the rows of one moment; no value is below every value."""
    return (row.value is not None, *((getattr(row, name) or 0) for name in MOMENT_ORDER))


def _levels(person: _Person, unit: _Unit, measure: Measure) -> tuple[str, ...]:
    level = {Stratum.AGE_BAND: age_band(person.age(unit.first)) if Stratum.AGE_BAND in measure.strata else ""}
    level[Stratum.SEX] = person.sex
    level |= {grouping.by: person.level(grouping, unit) for grouping in measure.groupings}
    return tuple(level[stratum] for stratum in measure.strata)


def _people(
    connection: duckdb.DuckDBPyConnection, question: RecordsQuestion, concepts: Concepts, groups: Groups
) -> list[_Person]:
    observed: dict[int, list[Span]] = defaultdict(list)
    for person_id, first, last in connection.execute(OBSERVED).fetchall():
        observed[person_id].append((first, last))
    rows: dict[int, dict[tuple[EventTable, Extent], list[_Row]]] = defaultdict(lambda: defaultdict(list))
    for table in question.tables:
        for extent in _extents(question):
            for values in connection.execute(rows_sql(table, extent)).fetchall():
                row = _Row(table=table, **dict(zip(ROW_COLUMNS, values, strict=True)))
                rows[row.person_id][table, extent].append(row)
    births = {
        person_id: date(born, month, min(day, calendar.monthrange(born, month)[1]))
        for person_id, born, month, day in connection.execute(_EARLIEST_BIRTH).fetchall()
    }
    for row in _entries(connection, question, concepts):
        rows[row.person_id][EventTable.COHORT, Extent.FIRST_DAY].append(row)
    facts = _facts(connection, question, concepts)
    return [
        _Person(
            id=person_id,
            sex=sex,
            year_of_birth=born,
            birthday=(month, min(day, calendar.monthrange(born, month)[1])),
            earliest_birth=births[person_id],
            observed=tuple(observed[person_id]),
            rows=rows[person_id],
            facts=facts,
            concepts=concepts,
            groups=groups,
        )
        for person_id, born, month, day, sex in connection.execute(PEOPLE).fetchall()
    ]


def _facts(connection: duckdb.DuckDBPyConnection, question: RecordsQuestion, concepts: Concepts) -> _Facts:
    found: dict[tuple[EventTable, Marked | Result], frozenset[int]] = {}
    for table in question.tables:
        for criterion in question.criteria:
            if isinstance(criterion, Marked) and table in WITH_DETAIL[criterion.detail]:
                sql = marked_sql(table, criterion.detail, concepts[criterion.codes])
            elif isinstance(criterion, Result) and table in WITH_VALUE:
                sql = result_sql(table)
            else:
                continue
            found[table, criterion] = frozenset(row for (row,) in connection.execute(sql).fetchall())
    return found


def _extents(question: RecordsQuestion) -> set[Extent]:
    return {Extent.FIRST_DAY, *(events.without_end for events in question.events if isinstance(events, Events))}


def _entries(connection: duckdb.DuckDBPyConnection, question: RecordsQuestion, concepts: Concepts) -> Iterator[_Row]:
    tables = omop_rows(connection) if question.cohorts else {}
    for cohort in question.cohorts:
        for number, (person_id, first, last) in enumerate(find_cohort(tables, cohort.definition).entries.rows()):
            yield _Row(
                table=EventTable.COHORT,
                row=number,
                person_id=person_id,
                concept=concepts[cohort][0],
                first=first,
                last=last,
                minute=0,
                value=None,
                unit=-1,
                answer=-1,
                visit=-1,
                stay=-1,
            )

# ruff: noqa: S608  SQL is built from our own table and column names only
"""The reference engine: plain Python over rows, slow and obvious. What it counts is what a measure means."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from rounds.engines.codes import Prepared, prepare
from rounds.engines.grid import Cell, check_periods, complete_count
from rounds.measures.counts import Count
from rounds.measures.definitions import Event, Measure, PersonQuestion, VisitQuestion
from rounds.measures.periods import Period
from rounds.measures.strata import SEX_BY_CONCEPT, Stratum, age_band
from rounds.records.omop import Records
from rounds.records.tables import EVENT_TABLES


@dataclass(slots=True, kw_only=True)
class _Person:
    sex: str
    year_of_birth: int
    observed: list[tuple[date, date]]
    events: list[date]
    visits: list[tuple[date, date]]

    def age_on(self, day: date) -> int:
        return day.year - self.year_of_birth

    def observed_on(self, day: date) -> bool:
        return any(start <= day <= end for start, end in self.observed)

    def observed_in(self, period: Period) -> bool:
        return any(start <= period.end and end >= period.start for start, end in self.observed)


def count(measure: Measure, records: Records, *, member: str, periods: tuple[Period, ...]) -> Count:
    """Return exact counts of a measure over a site's records, one person after the other.

    Records may reach beyond the last period, and beyond the round's `as_of`: a later row counts only as an event during
    a visit that started in a period.

    Args:
        measure: about people or visits.
        records: the site's.
        member: the ODS code the counts belong to.
        periods: in order, not overlapping.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer the measure.
        ValueError: if the periods are not as above.
    """
    check_periods(measure, periods)
    with records.connect() as connection:
        prepared = prepare(connection, measure, records)
        people = _people(connection, prepared)
    numerators: dict[Cell, int] = defaultdict(int)
    denominators: dict[Cell, int] = defaultdict(int)
    for person in people:
        for cell, happened in _cells(person, prepared.question, measure.strata, periods):
            denominators[cell] += 1
            numerators[cell] += happened
    return complete_count(measure, member=member, periods=periods, numerators=numerators, denominators=denominators)


def _cells(
    person: _Person,
    question: PersonQuestion | VisitQuestion,
    strata: tuple[Stratum, ...],
    periods: tuple[Period, ...],
) -> Iterator[tuple[Cell, bool]]:
    """Yield a cell for each time somebody is in the denominator, and whether the event happened."""
    days = _event_days(person, question.numerator)
    for period in periods:
        if isinstance(question, PersonQuestion):
            asked = [(period.start, period.start, period.end)] if person.observed_in(period) else []
        else:
            asked = [(start, start, end) for start, end in person.visits if period.start <= start <= period.end]
        for age_day, first, last in asked:
            if _within(person.age_on(age_day), question.age_min, question.age_max):
                happened = any(first <= day <= last for day in days)
                yield (period.start, _levels(person, age_day, strata)), happened


def _event_days(person: _Person, event: Event) -> list[date]:
    days = sorted(day for day in person.events if not event.observed or person.observed_on(day))
    if event.first:
        days = days[:1]
    return [day for day in days if _within(person.age_on(day), event.age_min, event.age_max)]


def _within(age: int, youngest: int | None, oldest: int | None) -> bool:
    return (youngest is None or age >= youngest) and (oldest is None or age <= oldest)


def _levels(person: _Person, day: date, strata: tuple[Stratum, ...]) -> tuple[str, ...]:
    level = {Stratum.AGE_BAND: lambda: age_band(person.age_on(day)), Stratum.SEX: lambda: person.sex}
    return tuple(level[stratum]() for stratum in strata)


def _people(connection: duckdb.DuckDBPyConnection, prepared: Prepared) -> Iterable[_Person]:
    people = {
        person_id: _Person(
            sex=SEX_BY_CONCEPT.get(gender, "unknown"), year_of_birth=born, observed=[], events=[], visits=[]
        )
        for person_id, gender, born in _rows(connection, "person", "person_id, gender_concept_id, year_of_birth")
    }
    spans = "person_id, observation_period_start_date, observation_period_end_date"
    for person_id, start, end in _rows(connection, "observation_period", spans):
        if person_id in people:
            people[person_id].observed.append((start, end))
    table = EVENT_TABLES[prepared.question.numerator.table]
    for person_id, concept, day in _rows(connection, table.name, f"person_id, {table.concept}, {table.start}"):
        if person_id in people and (prepared.events is None or concept in prepared.events):
            people[person_id].events.append(day)
    if prepared.visits is not None:
        columns = "person_id, visit_concept_id, visit_start_date, visit_end_date"
        for person_id, concept, start, end in _rows(connection, "visit_occurrence", columns):
            if person_id in people and concept in prepared.visits:
                people[person_id].visits.append((start, end))
    return people.values()


def _rows(connection: duckdb.DuckDBPyConnection, table: str, columns: str) -> list[tuple[Any, ...]]:
    # A death has no concept: its column is then written as an empty one.
    return connection.execute(f"SELECT {columns.replace('None', 'NULL')} FROM {table}").fetchall()

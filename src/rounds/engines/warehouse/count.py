"""Counting in a database: what is needed is checked and kept there, then the plan's steps are made of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any

from rounds.engines.asked import Asked, cohorts_of, records_question
from rounds.engines.codes import Concepts, prepare
from rounds.engines.completeness import shares_asked
from rounds.engines.grid import Cell, Tally, check_periods, complete_count
from rounds.engines.groups import tables_needed
from rounds.engines.sql.counted import Final, cells, finals
from rounds.engines.sql.people import CALENDAR
from rounds.engines.sql.plan import Plan
from rounds.engines.warehouse.checks import check_rows
from rounds.engines.warehouse.cohorts import ReadyCohorts, lay_down_entries, ready_cohorts
from rounds.engines.warehouse.connection import Connection, mentions
from rounds.engines.warehouse.postgres import postgres
from rounds.engines.warehouse.settings import Postgres, Settings
from rounds.engines.warehouse.spark import spark
from rounds.engines.warehouse.typed import TypedTable, typed_table
from rounds.engines.warehouse.vocabulary import Held, vocabulary
from rounds.errors import RecordsError
from rounds.measures.completeness import Share
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.questions import RecordsQuestion
from rounds.records.omop import OutsideObservation
from rounds.records.omop_columns import OMOP_COLUMNS
from rounds.records.quality import DENOMINATORS, EARLIEST_YEAR_OF_BIRTH, QualityReport
from rounds.records.tables import (
    CARE_SITE,
    CONCEPT,
    CONCEPT_ANCESTOR,
    EVENT_TABLES,
    LOCATION,
    OBSERVATION_PERIOD,
    PERSON,
    REQUIRED,
    TABLES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A session in which some measures can be counted."""

    connection: Connection
    tables: dict[str, TypedTable]
    concepts: Concepts
    cohorts: ReadyCohorts | None
    quality: QualityReport
    shares: tuple[tuple[Share, ...], ...]
    """Of each measure, how complete is what it looks at, if that was asked for."""


def count_all(
    asked: Sequence[Asked],
    settings: Settings,
    *,
    site: str,
    member: str,
    as_of: date,
    outside_observation: OutsideObservation = "refuse",
    tell: Callable[[QualityReport], None] | None = None,
) -> tuple[Count, ...]:
    """Return exact counts of measures over a site's database, in their order, as `duck.count_all` does over its files.

    See `count_with_shares`.
    """
    counted = count_with_shares(
        asked, settings, site=site, member=member, as_of=as_of, outside_observation=outside_observation, tell=tell
    )
    return tuple(count for count, _ in counted)


def count_with_shares(
    asked: Sequence[Asked],
    settings: Settings,
    *,
    site: str,
    member: str,
    as_of: date,
    outside_observation: OutsideObservation = "refuse",
    tell: Callable[[QualityReport], None] | None = None,
    time: tuple[date, date] | None = None,
) -> tuple[tuple[Count, tuple[Share, ...]], ...]:
    """Return exact counts of measures over a site's database, and how complete is what each looks at, as of one moment.

    The tables that the measures need are checked first, by the rules that `open_records` has for files.

    Args:
        asked: measures that are counted from records.
        settings: how to reach the database.
        site: the site's id, for messages.
        member: the ODS code the counts belong to.
        as_of: the day the round looks back from; nobody can be born in a later year.
        outside_observation: what to do with rows outside observation, as in site.yaml.
        tell: told what the checks found before anything is counted.
        time: the first and last day of which completeness is asked; if none is given nothing is said of it.

    Raises:
        RecordsError: if the database cannot be reached, has not what a measure needs, breaks a rule, or takes too long.
        ValueError: if periods are not as in `duck.count_all`.
    """
    for one in asked:
        check_periods(one.measure, one.periods)
    with _session(settings, site=site) as connection:
        ready = _prepared(
            connection,
            [one.measure for one in asked],
            site=site,
            as_of=as_of,
            exclude=outside_observation == "exclude",
            time=time,
        )
        if tell is not None:
            tell(ready.quality)
        plan = Plan(concepts=ready.concepts)
        queries = [finals(plan, one.measure, one.periods) for one in asked]
        _keep(ready, [one.measure for one in asked], as_of=as_of)
        if ready.cohorts is not None:
            lay_down_entries(connection, ready.cohorts)
        connection.calendar(CALENDAR)
        often = mentions([*plan.steps.values(), *(part.sql for parts in queries for part in parts)])
        for name, sql in plan.steps.items():
            connection.step(name, sql, shared=often[name] > 1)
        counts = [_count(connection, one, parts, member) for one, parts in zip(asked, queries, strict=True)]
        return tuple(zip(counts, ready.shares, strict=True))


def check(
    measures: Sequence[Measure],
    settings: Settings,
    *,
    site: str,
    as_of: date,
    outside_observation: OutsideObservation = "refuse",
) -> QualityReport:
    """Raise `RecordsError` if `count_all` would. Counts nothing; returns what the site's owner should know."""
    with _session(settings, site=site) as connection:
        ready = _prepared(connection, measures, site=site, as_of=as_of, exclude=outside_observation == "exclude")
        return ready.quality


def _session(settings: Settings, *, site: str) -> AbstractContextManager[Connection]:
    return postgres(settings, site=site) if isinstance(settings, Postgres) else spark(settings, site=site)


def _prepared(
    connection: Connection,
    measures: Sequence[Measure],
    *,
    site: str,
    as_of: date,
    exclude: bool,
    time: tuple[date, date] | None = None,
) -> _Ready:
    questions = [measure.question for measure in measures if isinstance(measure.question, RecordsQuestion)]
    needed = {*REQUIRED, *DENOMINATORS, CONCEPT.name, CONCEPT_ANCESTOR.name}
    needed |= {table.value for question in questions for table in question.tables} | tables_needed(tuple(measures))
    names = _names(connection, {*TABLES, *(OMOP_COLUMNS if cohorts_of(measures) else ())})
    problems = [
        f"{connection.words}: the table {name} is missing; every site needs the tables {' and '.join(REQUIRED)}"
        for name in REQUIRED
        if name not in names
    ]
    tables: dict[str, TypedTable] = {}
    for name in (name for name in TABLES if name in needed and name in names):
        try:
            tables[name] = typed_table(connection, TABLES[name], names[name])
        except RecordsError as error:
            problems.append(str(error))
    if problems:
        raise RecordsError("\n".join(problems))
    concepts = _codes(connection, measures, questions, tables, site=site)
    cohorts = ready_cohorts(connection, measures, names, site=site)
    counted = {name: typed for name, typed in tables.items() if name not in (CONCEPT.name, CONCEPT_ANCESTOR.name)}
    problems, quality = check_rows(connection, counted, site=site, exclude=exclude, as_of=as_of)
    if problems:
        raise RecordsError("\n".join(problems))
    shares: tuple[tuple[Share, ...], ...] = ((),) * len(measures)
    if time is not None:
        connection.drop_view(PERSON.name)
        connection.view(PERSON.name, _people(tables, as_of=as_of))
        shares = shares_asked(measures, connection.rows, concepts, first=time[0], last=time[1])
    for name in counted:
        connection.drop_view(name)
    return _Ready(
        connection=connection, tables=counted, concepts=concepts, cohorts=cohorts, quality=quality, shares=shares
    )


def _people(tables: Mapping[str, TypedTable], *, as_of: date) -> Any:
    """Return the people who can be counted: who was born in an impossible year, and passed, is in no denominator."""
    typed = tables[PERSON.name]
    rows = typed.source.select(**typed.columns)
    return rows.filter(rows.year_of_birth.between(EARLIEST_YEAR_OF_BIRTH, as_of.year))


def _names(connection: Connection, asked: set[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for own in connection.tables():
        name = own.lower()
        if name in asked and name in names:
            raise RecordsError(f"{connection.words}: {names[name]} and {own} are the same table; remove or rename one")
        names[name] = own
    return names


def _codes(
    connection: Connection,
    measures: Sequence[Measure],
    questions: Sequence[RecordsQuestion],
    tables: dict[str, TypedTable],
    *,
    site: str,
) -> Concepts:
    for name in (CONCEPT.name, CONCEPT_ANCESTOR.name):
        if name in tables:
            connection.view(name, tables[name].source.select(**tables[name].columns))
    held = Held(
        site=site,
        folder=connection.words.partition(": ")[2],
        names={name: typed.name for name, typed in tables.items()},
        missing={name: typed.missing for name, typed in tables.items()},
    )
    lists = [codes for question in questions for codes in question.code_lists]
    with vocabulary(connection, held, lists) as here:
        return prepare(here, measures, held)


def _keep(ready: _Ready, measures: Sequence[Measure], *, as_of: date) -> None:
    """Keep the people and the rows that any of the measures is about, read once."""
    questions, grouped = [records_question(one) for one in measures], tables_needed(tuple(measures))
    for table in (LOCATION, CARE_SITE):
        if table.name in grouped:
            typed = ready.tables[table.name]
            ready.connection.keep(table.name, typed.source.select(**typed.columns), by=str(table.key))
    ready.connection.keep(PERSON.name, _people(ready.tables, as_of=as_of), by="person_id")
    observed = ready.tables[OBSERVATION_PERIOD.name]
    ready.connection.keep(OBSERVATION_PERIOD.name, observed.source.select(**observed.columns), by="person_id")
    for name, concepts in _concepts(questions, ready.concepts, grouped):
        typed, of = ready.tables[name], EVENT_TABLES[name]
        source = typed.source
        if concepts is not None and of.concept:
            source = source.filter(typed.own(of.concept).isin(sorted(concepts)))
        ready.connection.keep(name, source.select(**typed.columns), by=of.concept or "person_id")


def _concepts(
    questions: Sequence[RecordsQuestion], meant: Concepts, grouped: set[str]
) -> Iterator[tuple[EventTable, set[int] | None]]:
    """Yield each table that is asked about, with the concepts of its rows; None if rows of every concept are."""
    asked = [read for question in questions for events in question.events for read in events.reads]
    read = {table for table, _ in asked}
    asked += [(table, None) for question in questions for table in question.tables if table not in read]
    asked += [(table, None) for table in (EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL) if table in grouped]
    for table in dict.fromkeys(table for table, _ in asked):
        lists = [codes for read, codes in asked if read is table]
        some = [codes for codes in lists if codes is not None]
        yield table, {concept for codes in some for concept in meant[codes]} if len(some) == len(lists) else None


def _count(connection: Connection, one: Asked, parts: Sequence[Final], member: str) -> Count:
    tallies: dict[Cell, Tally] = {}
    for part in parts:
        tallies |= cells(part, connection.rows(part.sql))
    return complete_count(one.measure, member=member, periods=one.periods, tallies=tallies)

# ruff: noqa: S608  SQL is built from our own table and column names, concept ids and dates only
"""Counts of how many people or rows what a measure looks at is there: a pass for each table, for all measures."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from rounds.engines.codes import Concepts, prepare
from rounds.engines.sql.plan import date_sql
from rounds.measures.completeness import Aspect, Looked, Share, looked_at
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.strata import SEX_BY_CONCEPT
from rounds.records.omop import Records
from rounds.records.tables import EVENT_TABLES

Ask = Callable[[str], Sequence[tuple[Any, ...]]]

_MEMORY: Final = "2GB"
_CONCEPTS: Final = (Aspect.UNIT, Aspect.ANSWER)
"""Columns of concepts, where 0 is none."""


def shares(measures: Sequence[Measure], records: Records, *, first: date, last: date) -> tuple[tuple[Share, ...], ...]:
    """Return for each measure how complete is what it looks at: of rows that start, and people observed, in a time.

    Args:
        measures: some that are counted from records.
        records: the site's.
        first: the first day of the time.
        last: the last day.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer a measure.
    """
    looked = [looked_at(measure.question, measure.strata) for measure in measures]
    if not any(looked):
        return tuple(() for _ in measures)
    with records.connect(memory_limit=_MEMORY) as connection:
        concepts = prepare(connection, measures, records)
        return shares_asked(measures, lambda sql: connection.execute(sql).fetchall(), concepts, first=first, last=last)


def shares_asked(
    measures: Sequence[Measure], ask: Ask, concepts: Concepts, *, first: date, last: date
) -> tuple[tuple[Share, ...], ...]:
    """Return the same of records wherever they lie.

    Args:
        measures: some that are counted from records.
        ask: returns the rows that a query in DuckDB's dialect gives; it finds the site's tables, typed, by their names.
        concepts: what the measures' code lists mean there.
        first: the first day of the time.
        last: the last day.
    """
    looked = [looked_at(measure.question, measure.strata) for measure in measures]
    wanted = tuple(dict.fromkeys(one for several in looked for one in several))
    found: dict[Looked, tuple[int, int]] = {}
    for table in dict.fromkeys(one.table for one in wanted):
        of_table = tuple(one for one in wanted if one.table is table)
        if table is None:
            found |= dict.fromkeys(of_table, _sexes(ask, first, last))
        else:
            found |= _of_rows(ask, table, of_table, concepts, first, last)
    return tuple(
        tuple(Share(name=one.name, filled=found[one][0], of=found[one][1]) for one in several) for several in looked
    )


def _sexes(ask: Ask, first: date, last: date) -> tuple[int, int]:
    known = ", ".join(str(concept) for concept in SEX_BY_CONCEPT)
    ((filled, of),) = ask(
        f"SELECT count(CASE WHEN gender_concept_id IN ({known}) THEN 1 END), count(*) FROM person WHERE person_id IN "
        f"(SELECT person_id FROM observation_period WHERE observation_period_start_date <= {date_sql(last)} "
        f"AND observation_period_end_date >= {date_sql(first)})"
    )
    return int(filled), int(of)


def _of_rows(
    ask: Ask,
    name: EventTable,
    looked: tuple[Looked, ...],
    concepts: Concepts,
    first: date,
    last: date,
) -> dict[Looked, tuple[int, int]]:
    table = EVENT_TABLES[name]
    columns = {
        Aspect.VALUE: table.value,
        Aspect.UNIT: table.unit,
        Aspect.ANSWER: table.answer,
        Aspect.VISIT: table.visit,
    }
    there = {
        aspect: f'"{column}" IS NOT NULL' + (f' AND "{column}" <> 0' if aspect in _CONCEPTS else "")
        for aspect, column in columns.items()
        if any(one.aspect is aspect for one in looked)
    }
    counted = ", ".join(f"count(CASE WHEN {sql} THEN 1 END)" for sql in there.values())
    of = {one: None if one.codes is None else frozenset(concepts[one.codes]) for one in looked}
    carried = "true"
    if None not in of.values():
        listed = sorted({concept for codes in of.values() for concept in codes or ()})
        carried = f'"{table.concept}" IN ({", ".join(map(str, listed))})'
    rows = ask(
        f'SELECT "{table.concept}", count(*), {counted} FROM {name.value} WHERE "{table.start}" BETWEEN '
        f'{date_sql(first)} AND {date_sql(last)} AND {carried} GROUP BY "{table.concept}"'
    )
    place = {aspect: 2 + number for number, aspect in enumerate(there)}
    found = {}
    for one, codes in of.items():
        own = [row for row in rows if codes is None or row[0] in codes]
        found[one] = (sum(int(row[place[one.aspect]]) for row in own), sum(int(row[1]) for row in own))
    return found

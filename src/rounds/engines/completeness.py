# ruff: noqa: S608  SQL is built from our own table and column names, concept ids and dates only
"""Counts of how many people or rows what a measure looks at is there: a pass for each table, for all measures."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import duckdb

from rounds.engines.codes import Concepts, prepare
from rounds.engines.sql.plan import date_sql
from rounds.measures.completeness import Aspect, Looked, Share, looked_at
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.strata import SEX_BY_CONCEPT
from rounds.records.omop import Records
from rounds.records.tables import EVENT_TABLES

_MEMORY: Final = "2GB"


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
    wanted = tuple(dict.fromkeys(one for several in looked for one in several))
    if not wanted:
        return tuple(() for _ in measures)
    with records.connect(memory_limit=_MEMORY) as connection:
        concepts = prepare(connection, measures, records)
        found: dict[Looked, tuple[int, int]] = {}
        for table in dict.fromkeys(one.table for one in wanted):
            of_table = tuple(one for one in wanted if one.table is table)
            if table is None:
                found |= dict.fromkeys(of_table, _sexes(connection, first, last))
            else:
                found |= _of_rows(connection, table, of_table, concepts, first, last)
    return tuple(
        tuple(Share(name=one.name, filled=found[one][0], of=found[one][1]) for one in several) for several in looked
    )


def _sexes(connection: duckdb.DuckDBPyConnection, first: date, last: date) -> tuple[int, int]:
    known = ", ".join(str(concept) for concept in SEX_BY_CONCEPT)
    ((filled, of),) = connection.execute(
        f"SELECT count(*) FILTER (gender_concept_id IN ({known})), count(*) FROM person SEMI JOIN "
        f"(FROM observation_period WHERE observation_period_start_date <= {date_sql(last)} "
        f"AND observation_period_end_date >= {date_sql(first)}) USING (person_id)"
    ).fetchall()
    return int(filled), int(of)


def _of_rows(
    connection: duckdb.DuckDBPyConnection,
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
    counted = []
    carried = []
    for one in looked:
        codes = "true"
        if one.codes is not None:
            codes = f'"{table.concept}" IN ({", ".join(map(str, concepts[one.codes]))})'
        column = f'"{columns[one.aspect]}"'
        there = f"{column} IS NOT NULL" + (f" AND {column} <> 0" if one.aspect in (Aspect.UNIT, Aspect.ANSWER) else "")
        counted += [f"count(*) FILTER (({codes}) AND {there})", f"count(*) FILTER ({codes})"]
        carried.append(f"({codes})")
    (row,) = connection.execute(
        f'SELECT {", ".join(counted)} FROM {name.value} WHERE "{table.start}" BETWEEN {date_sql(first)} AND '
        f"{date_sql(last)} AND ({' OR '.join(dict.fromkeys(carried))})"
    ).fetchall()
    return {one: (int(row[2 * i]), int(row[2 * i + 1])) for i, one in enumerate(looked)}

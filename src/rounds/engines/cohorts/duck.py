# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""Cohorts on DuckDB."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import duckdb
import polars as pl

from rounds.engines.cohorts.compile import compile_cohort
from rounds.engines.cohorts.concept_sets import is_written_out, listed_sql, resolve_concept_sets, table_of
from rounds.engines.cohorts.program import PREFIX
from rounds.engines.cohorts.result import ENTRIES_SCHEMA, CohortResult, InclusionCount, Judged, empty_names
from rounds.engines.cohorts.tables import find_tables
from rounds.measures.cohorts.definition import CohortDefinition

TABLE: Final = "rounds_cohort"

_NAME: Final = re.compile(r"[A-Za-z_]\w*")


def find_cohort(
    connection: duckdb.DuckDBPyConnection, definition: CohortDefinition, *, schema: str = "main"
) -> CohortResult:
    """Return who is in a cohort.

    Args:
        connection: with OMOP tables or views; only temporary tables are made in it, and dropped.
        definition: of the cohort.
        schema: where the OMOP tables are, such as `main` or `database.schema`.

    Raises:
        RecordsError: if the records lack a table or a column that the definition asks for.
    """
    into = f"{PREFIX}whole"
    with _made(connection, definition, schema=schema, into=into, every_rule=True) as concepts:
        rows = connection.execute(f"SELECT person_id, start_date, end_date FROM {into} ORDER BY ALL").fetchall()
        counts = _inclusion_counts(connection, definition)
        judged = _judged(connection)
        people = _one(connection, f"SELECT count(DISTINCT person_id) FROM {PREFIX}judged")
    return CohortResult(
        entries=pl.DataFrame(rows, schema=ENTRIES_SCHEMA, orient="row"),
        qualifying_people=people,
        inclusion_counts=counts,
        judged=judged,
        empty_concept_sets=empty_names(definition, concepts),
    )


@contextmanager
def cohort_table(
    connection: duckdb.DuckDBPyConnection, definition: CohortDefinition, *, schema: str = "main", into: str = TABLE
) -> Iterator[str]:
    """Make a temporary table of a cohort's entries (person_id, start_date, end_date) for a block, to be joined with.

    Sooner than `find_cohort`, for an inclusion rule is asked only of what the rules before it leave.

    Args:
        connection: with OMOP tables or views.
        definition: of the cohort.
        schema: where the OMOP tables are.
        into: the name of the table.

    Yields:
        The name of the table.

    Raises:
        RecordsError: if the records lack a table or a column that the definition asks for.
        ValueError: if `into` is not the name of a table.
    """
    if not _NAME.fullmatch(into):
        raise ValueError(f"`{into}` is not the name of a table")
    with _made(connection, definition, schema=schema, into=into, every_rule=False):
        yield into


@contextmanager
def _made(
    connection: duckdb.DuckDBPyConnection, definition: CohortDefinition, *, schema: str, into: str, every_rule: bool
) -> Iterator[Mapping[int, frozenset[int]]]:
    tables = find_tables(connection, schema=schema)
    concepts = resolve_concept_sets(lambda sql: connection.execute(sql).fetchall(), definition, tables)
    program = compile_cohort(
        definition,
        tables=tables,
        concepts=lambda number: listed_sql(number, concepts, prefix=PREFIX),
        into=into,
        every_rule=every_rule,
    )
    tables.check(definition.name)
    made: list[str] = []
    try:
        for number, ids in concepts.items():
            if not is_written_out(ids):
                made.append(table_of(number, prefix=PREFIX))
                connection.execute(f"CREATE OR REPLACE TEMP TABLE {made[-1]} (concept_id BIGINT)")
                connection.execute(f"INSERT INTO {made[-1]} SELECT unnest(?)", [sorted(ids)])
        for name, sql in program.steps:
            made.append(name)
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        if not every_rule:
            made = _drop(connection, made, but=into)
        yield concepts
    finally:
        _drop(connection, made, but=None)


def _drop(connection: duckdb.DuckDBPyConnection, names: list[str], *, but: str | None) -> list[str]:
    for name in names:
        if name != but:
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
    return [] if but is None else [but]


def _inclusion_counts(
    connection: duckdb.DuckDBPyConnection, definition: CohortDefinition
) -> tuple[InclusionCount, ...]:
    counts = []
    for number, rule in enumerate(definition.rules):
        bit, so_far = 1 << number, (1 << (number + 1)) - 1
        row = connection.execute(
            f"SELECT count(DISTINCT person_id) FILTER (mask & {bit} <> 0), "
            f"count(DISTINCT person_id) FILTER (mask & {so_far} = {so_far}), "
            f"count(*) FILTER (mask & {so_far} = {so_far}) FROM {PREFIX}judged"
        ).fetchall()[0]
        counts.append(
            InclusionCount(rule=rule.name, people_meeting=row[0], people_remaining=row[1], events_remaining=row[2])
        )
    return tuple(counts)


def _judged(connection: duckdb.DuckDBPyConnection) -> Judged:
    events = f"SELECT mask, count(*) FROM {PREFIX}judged GROUP BY mask"
    best = (
        f"SELECT mask FROM {PREFIX}judged QUALIFY row_number() OVER "
        "(PARTITION BY person_id ORDER BY met DESC, first_met, start_date, event) = 1"
    )
    people = f"SELECT mask, count(*) FROM ({best}) GROUP BY mask"
    return Judged(
        events=dict(connection.execute(events).fetchall()), people=dict(connection.execute(people).fetchall())
    )


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    found: int = connection.execute(sql).fetchall()[0][0]
    return found

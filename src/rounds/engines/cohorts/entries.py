# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""The entries of the cohorts that measures ask about, in one table whose rows are like those of any other."""

from collections.abc import Mapping, Sequence
from typing import Final

import duckdb

from rounds.engines.asked import cohorts_of
from rounds.engines.cohorts.compile import compile_cohort
from rounds.engines.cohorts.concept_sets import resolve_concept_sets
from rounds.engines.cohorts.duck import cohort_table
from rounds.engines.cohorts.result import empty_names
from rounds.engines.cohorts.tables import OmopTables, find_tables
from rounds.errors import RecordsError
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.definitions import Measure
from rounds.records.omop import Records
from rounds.records.omop_columns import create_omop_views, unreadable

ENTRIES: Final = "rounds_entries"
"""A table with a row for each entry: `row`, `person_id`, `concept` (the number of the cohort), `first`, `last`."""


def check_cohorts(
    connection: duckdb.DuckDBPyConnection, measures: Sequence[Measure], records: Records
) -> Mapping[Cohort, tuple[int]]:
    """Make sure that every cohort can be found, and return the number of each. Nothing is counted.

    Args:
        connection: from `records.connect()`; with cohorts, it has the schema `omop` afterwards.
        measures: some that are counted from records.
        records: the site's.

    Raises:
        RecordsError: one line for each problem: the records lack a table or a column, or a concept set means nothing.
    """
    cohorts = cohorts_of(measures)
    if not cohorts:
        return cohorts
    schema = create_omop_views(connection, records)
    problems = []
    for measure in measures:
        for cohort in cohorts_of([measure]):
            where = f"site {records.site}: measure {measure.ref}"
            found = cohort_problems(connection, cohort, records, schema=schema)
            problems += [f"{where}, {problem}" for problem in found]
    if problems:
        raise RecordsError("\n".join(problems))
    return cohorts


def cohort_problems(
    connection: duckdb.DuckDBPyConnection, cohort: Cohort, records: Records, *, schema: str
) -> list[str]:
    """Return why a cohort cannot be found, or would be found from cells that cannot be read.

    Args:
        connection: from `records.connect()`, with the views of `create_omop_views`.
        cohort: what is asked for.
        records: the site's.
        schema: where the views are.
    """
    tables = find_tables(connection, schema=schema)
    concepts = resolve_concept_sets(lambda sql: connection.execute(sql).fetchall(), cohort.definition, tables)
    problems = problems_with(cohort, tables, concepts)
    return problems or [f"cohort {cohort}: {one}" for one in unreadable(connection, records, tables.used)]


def problems_with(cohort: Cohort, tables: OmopTables, concepts: Mapping[int, frozenset[int]]) -> list[str]:
    """Return why a cohort cannot be found in some tables.

    Args:
        cohort: what is asked for.
        tables: what is missing is noted there.
        concepts: what its concept sets mean there.
    """
    compile_cohort(cohort.definition, tables=tables, concepts=lambda _: "(0)", into="not_run", every_rule=False)
    try:
        tables.check(str(cohort))
    except RecordsError as error:
        return [str(error)]
    # Counting without it would look right and be too few, or with an exclusion too many.
    return [
        f"cohort {cohort}: the concept set `{name}` means no concept of the site's vocabulary; bring the vocabulary up "
        "to date, correct the cohort, or leave this site out of the measure"
        for name in empty_names(cohort.definition, concepts)
    ]


def lay_down_entries(
    connection: duckdb.DuckDBPyConnection, cohorts: Mapping[Cohort, tuple[int]], *, schema: str = "omop"
) -> None:
    """Make the table `ENTRIES` in a connection that `check_cohorts` has looked at. Each cohort is found once.

    Args:
        connection: with the views of the site's tables.
        cohorts: with their numbers.
        schema: where the views are.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ENTRIES} "
        '("row" BIGINT, person_id BIGINT, concept BIGINT, "first" DATE, "last" DATE)'
    )
    for cohort, (number,) in cohorts.items():
        with cohort_table(connection, cohort.definition, schema=schema) as table:
            connection.execute(
                f"INSERT INTO {ENTRIES} SELECT (SELECT count(*) FROM {ENTRIES}) + "
                f"row_number() OVER (ORDER BY person_id, start_date), person_id, {number}, start_date, end_date "
                f"FROM {table}"
            )

# ruff: noqa: S608  SQL is built from our own names only
"""What circe-be's tests expect of PostgreSQL, asked of PostgreSQL and Spark: our SQL for cohorts, carried over.

In a database only the entries of a cohort are found. Which rules each event meets is counted on files alone; here those
of the reference engine stand in for them.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from cohort_cases import Site, make_cohort, make_site
from postgres_server import private_postgres
from test_circe_oracle import (
    CODE_SETS,
    test_condition_status,
    test_criteria_with_concept_sets,
    test_criteria_with_moved_dates,
    test_every_kind_of_criterion_runs,
    test_exits,
    test_first_occurrences,
    test_inclusion_rules,
    test_limits,
)
from warehouse_sites import SOCKETS, fill_postgres, postgres_settings

from rounds.engines.cohorts import reference
from rounds.engines.cohorts.concept_sets import resolve_concept_sets
from rounds.engines.cohorts.entries import ENTRIES
from rounds.engines.cohorts.event_sql import events_sql
from rounds.engines.cohorts.result import ENTRIES_SCHEMA, CohortResult
from rounds.engines.cohorts.tables import OmopTables
from rounds.engines.warehouse.cohorts import ReadyCohorts, lay_down_entries, leave_out_others, omop_tables
from rounds.engines.warehouse.connection import Connection
from rounds.engines.warehouse.postgres import postgres
from rounds.engines.warehouse.settings import Spark
from rounds.engines.warehouse.spark import spark
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.cohorts.criteria import Criterion
from rounds.measures.cohorts.definition import CohortDefinition
from rounds.records.omop_columns import OMOP_COLUMNS

HELD_AGAINST = (("ATLAS cohorts in PostgreSQL and Spark", "rows that OHDSI circe-be's own tests expect", "exact"),)

__all__ = [
    "test_condition_status",
    "test_criteria_with_concept_sets",
    "test_criteria_with_moved_dates",
    "test_every_kind_of_criterion_runs",
    "test_exits",
    "test_first_occurrences",
    "test_inclusion_rules",
    "test_limits",
]

POLARS = {"BIGINT": pl.Int64, "DOUBLE": pl.Float64, "DATE": pl.Date, "VARCHAR": pl.String}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    with private_postgres() as conninfo:
        yield conninfo


def _write(folder: Path, site: Site) -> None:
    for name, columns in OMOP_COLUMNS.items():
        schema = {column: POLARS[kind] for column, kind in columns.items()}
        rows = [tuple(row.get(column) for column in columns) for row in site[name]]
        pl.DataFrame(rows, schema=schema, orient="row").write_parquet(folder / f"{name}.parquet")


def _tables(connection: Connection) -> OmopTables:
    """Name a site's tables in a session, all of whose people may be counted."""
    tables = omop_tables(connection, {name.lower(): name for name in connection.tables()})
    everybody = (f"SELECT person_id FROM rounds_everybody_{name}" for name in ("person", "observation_period"))
    connection.step("person", " UNION ".join(everybody))
    return tables


@contextmanager
def _session(server: str, site: Site) -> Iterator[tuple[Connection, OmopTables]]:
    import psycopg

    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), site)
        with psycopg.connect(server, autocommit=True) as filling:
            fill_postgres(filling, Path(folder), schema="cdm")
    with postgres(postgres_settings(server, schema="cdm"), site="site-a") as connection:
        yield connection, _tables(connection)


@pytest.fixture
def events(server: str) -> Callable[[Site, Criterion], list[dict[str, Any]]]:
    def found(site: Site, criterion: Criterion) -> list[dict[str, Any]]:
        columns = ("person_id", "event_id", "start_date", "end_date", "visit_occurrence_id", "sort_date")
        with _session(server, site) as (connection, tables):
            leave_out_others(connection)
            listed = {number: f"({', '.join(map(str, ids))})" for number, ids in CODE_SETS.items()}
            sql = events_sql(criterion, tables=tables, concepts=listed.__getitem__)
            shown = f"SELECT {', '.join(columns)} FROM ({sql}) e ORDER BY person_id, start_date"
            return [dict(zip(columns, row, strict=True)) for row in connection.rows(shown)]

    return found


@pytest.fixture
def cohort(server: str) -> Callable[[Site, CohortDefinition], CohortResult]:
    def found(site: Site, definition: CohortDefinition) -> CohortResult:
        return replace(reference.find_cohort(site, definition), entries=_entries(server, site, definition))

    return found


def _entries(server: str, site: Site, definition: CohortDefinition) -> pl.DataFrame:
    with _session(server, site) as (connection, tables):
        return _found(connection, tables, definition)


def _found(connection: Connection, tables: OmopTables, definition: CohortDefinition) -> pl.DataFrame:
    asked = Cohort(id="asked", version=1, title="Asked", definition=definition)
    concepts = resolve_concept_sets(connection.rows, definition, tables)
    lay_down_entries(connection, ReadyCohorts(tables=tables, numbers={asked: (0,)}, concepts={asked: concepts}))
    rows = connection.rows(f"SELECT person_id, first, last FROM {ENTRIES} ORDER BY person_id, first")
    return pl.DataFrame(rows, schema=ENTRIES_SCHEMA, orient="row")


@pytest.mark.slow
def test_random_cohorts(server: str) -> None:
    some = 0
    for seed in range(60):
        rng = Random(seed)  # noqa: S311
        site, definition = make_site(rng), read_circe(json.dumps(make_cohort(rng)), name=f"seed {seed}")
        expected = reference.find_cohort(site, definition).entries
        assert _entries(server, site, definition).rows() == expected.rows(), definition.name
        some += not expected.is_empty()
    assert some >= 10


@pytest.mark.slow
@SOCKETS
def test_random_cohorts_in_spark(tmp_path: Path) -> None:
    pytest.importorskip("ibis", reason="Ibis is not installed (the extra `warehouse`)")
    pytest.importorskip("pyspark", reason="Spark is not installed (the extra `warehouse`)")
    site = make_site(Random(1), rows=25)  # noqa: S311
    _write(tmp_path, site)
    with spark(Spark(folder=str(tmp_path), master="local[2]"), site="site-a") as connection:
        tables = _tables(connection)
        for seed in (2, 4, 28):
            definition = read_circe(json.dumps(make_cohort(Random(seed))), name=f"seed {seed}")  # noqa: S311
            expected = reference.find_cohort(site, definition).entries
            assert not expected.is_empty()
            assert _found(connection, tables, definition).rows() == expected.rows(), definition.name

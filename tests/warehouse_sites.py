"""The small sites of the tests in real databases: a PostgreSQL and a Spark of our own."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rounds.engines.warehouse.settings import Postgres

POSTGRES_TYPES = {
    pl.Int32: "integer",
    pl.Int64: "bigint",
    pl.Float32: "real",
    pl.Float64: "numeric",
    pl.Date: "date",
    pl.Datetime: "timestamp",
    pl.String: "text",
}


SOCKETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
"""PySpark leaves it to the collector to close its sockets to Java."""

KEYED = ("condition_occurrence", "drug_era")
"""What the cohorts of the tests are about."""


def tables_in(folder: Path) -> dict[str, pl.DataFrame]:
    """Return a site's files. A database keeps no order of rows, so events get a key that says what it was."""
    tables = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    for name in KEYED:
        if name in tables and f"{name}_id" not in tables[name].columns:
            tables[name] = tables[name].with_row_index(f"{name}_id").cast({f"{name}_id": pl.Int64})
    return tables


def fill_postgres(server: Any, folder: Path, *, schema: str) -> None:
    """Put a site's files into a schema, which is made anew. Every other name is in capitals, as some sites have it."""
    from psycopg import sql

    own = sql.Identifier(schema)
    server.execute(sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(own))
    for number, (name, frame) in enumerate(tables_in(folder).items()):
        table = sql.Identifier(schema, name.upper() if number % 2 else name)
        columns = [(column.upper() if number % 3 == 1 else column) for column in frame.columns]
        types = [POSTGRES_TYPES[kind.base_type()] for kind in frame.dtypes]
        declared = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind))
            for column, kind in zip(columns, types, strict=True)
        )
        server.execute(sql.SQL("CREATE TABLE {} ({})").format(table, declared))
        with server.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
            for row in frame.rows():
                copy.write_row(row)


def postgres_settings(conninfo: str, *, schema: str, user: str = "rounds", limit_seconds: float = 300) -> Postgres:
    """Return how to reach the private server of `postgres_server`."""
    given = dict(part.split("=", 1) for part in conninfo.split())
    return Postgres(schema=schema, host=given["host"], database=given["dbname"], user=user, limit_seconds=limit_seconds)

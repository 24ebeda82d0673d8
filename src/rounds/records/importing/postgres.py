# ruff: noqa: S608  SQL is built from quoted names only
"""Reads OMOP tables out of PostgreSQL: one snapshot, streamed by COPY through a pipe that only this user can open.

DuckDB's own extension for PostgreSQL would have to be downloaded while importing; psycopg is a package like any other.
"""

import importlib
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from rounds.errors import RecordsError
from rounds.records.importing.generation import refuse_small_disk
from rounds.records.importing.omop import import_tables
from rounds.records.importing.omop_sources import OmopSource, SourceTable, choose_schema, table_name
from rounds.records.importing.report import ImportReport
from rounds.records.importing.session import Job, Session, working
from rounds.records.importing.sql import text

if TYPE_CHECKING:
    import psycopg

_DUCKDB: Final = {"smallint": "BIGINT", "integer": "BIGINT", "bigint": "BIGINT"}
"""Whole numbers are what they are; everything else comes as it is written, for some of it DuckDB may not hold."""
_ZONED: Final = "timestamp with time zone"
_BLOCK: Final = 1_000_000
_FACTOR: Final = 0.6
"""Parquet is a third of a heap without its indexes; the rest is room to spill."""


def import_postgres(conninfo: str, job: Job, *, schema: str | None = None, add: bool = False) -> ImportReport:
    """Import OMOP tables from PostgreSQL as of one moment, and serve them from then on. See `omop.import_omop`.

    Args:
        conninfo: how to connect, as psql takes it: "service=omop", "host=/run/postgresql dbname=omop". A password
            belongs into ~/.pgpass, not here.
        job: whose records it makes.
        schema: where the tables lie; needed only if several schemas hold a person table.
        add: whether the tables are added to those that are served.

    Raises:
        RecordsError: if the server cannot be reached or stops half-way, or the tables are not what they should be.
    """
    with _snapshot(
        conninfo, site=job.site, schema=schema, after="The records that were there are still served"
    ) as there:
        return import_tables(there.source, job, needed_bytes=there.needed_bytes(), add=add)


def copy_postgres(
    reached: Mapping[str, str | int | None], job: Job, folder: Path, *, schema: str, names: Collection[str]
) -> None:
    """Copy OMOP tables out of PostgreSQL as of one moment, wrong cells and all, into Parquet files.

    Args:
        reached: how to connect, by the words of libpq.
        job: whose records they are.
        folder: an empty one that only this user can open.
        schema: where the tables lie.
        names: those that are wanted, of the tables there are.

    Raises:
        RecordsError: if the server cannot be reached or stops half-way, or the disk is too small.
    """
    scratch = folder / "scratch"
    scratch.mkdir(mode=0o700)
    with (
        _snapshot("", site=job.site, schema=schema, after="Nothing was written", reached=reached) as there,
        working(scratch, job) as session,
    ):
        refuse_small_disk(folder, needed_bytes=there.needed_bytes())
        for table in there.source(session).tables:
            if table.name in names:
                with table.open() as scan:
                    session.write(
                        f"SELECT * FROM {scan}", folder / f"{table.name}.parquet", title=f"Copying {table.name}"
                    )


@contextmanager
def _snapshot(
    conninfo: str, *, site: str, schema: str | None, after: str, reached: Mapping[str, str | int | None] | None = None
) -> Iterator["_Database"]:
    psycopg = _driver(site)
    try:
        with psycopg.connect(conninfo, autocommit=False, **(reached or {})) as server:
            server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            server.read_only = True
            server.execute("SET LOCAL TimeZone TO 'UTC'")
            server.execute("SET LOCAL DateStyle TO 'ISO'")
            yield _Database(site=site, server=server, schema=_schema(server, schema, site))
    except psycopg.OperationalError as error:
        raise RecordsError(
            f"site {site}: PostgreSQL cannot be reached, or it ended the connection ({type(error).__name__}); look "
            f"whether the server runs and this user may connect and read. {after}"
        ) from None
    except psycopg.Error as error:
        raise RecordsError(
            f"site {site}: PostgreSQL refused a query ({type(error).__name__}); look whether this user may read every "
            f"table. {after}"
        ) from None


def _driver(site: str) -> ModuleType:
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise RecordsError(
            f"site {site}: reading PostgreSQL needs the package psycopg; install Rounds with the extra `postgres`"
        ) from None


def _schema(server: "psycopg.Connection", wanted: str | None, site: str) -> str:
    rows = server.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
    ).fetchall()
    return choose_schema([(str(one), str(table)) for one, table in rows], wanted, where=f"site {site}: PostgreSQL")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """One snapshot of one schema."""

    site: str
    server: "psycopg.Connection"
    schema: str
    failures: list[Exception] = field(default_factory=list)

    def needed_bytes(self) -> int:
        ((size,),) = self.server.execute(
            "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'm')",
            (self.schema,),
        ).fetchall()
        return int(size * _FACTOR)

    def source(self, session: Session) -> OmopSource:
        rows = self.server.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'm', 'v', 'f') ORDER BY c.relname, a.attnum",
            (self.schema,),
        ).fetchall()
        columns: dict[str, dict[str, str]] = {}
        for table, column, kind in rows:
            columns.setdefault(str(table), {})[str(column)] = str(kind)
        tables: list[SourceTable] = []
        left: list[str] = []
        for table, kinds in columns.items():
            name = table_name(table)
            if name is None:
                left.append(table)
            elif name in {known.name for known in tables}:
                raise RecordsError(f"site {self.site}: PostgreSQL has the table {name} twice; remove one")
            else:
                tables.append(self._table(session, name, table, kinds))
        return OmopSource(
            words=f"the OMOP tables in PostgreSQL, schema {self.schema}",
            tables=tuple(tables),
            left_alone=tuple(left),
            needed_bytes=0,
        )

    def _table(self, session: Session, name: str, table: str, kinds: Mapping[str, str]) -> SourceTable:
        columns = {column: _DUCKDB.get(kind, "VARCHAR") for column, kind in kinds.items()}

        @contextmanager
        def scanned() -> Iterator[str]:
            pipe = session.scratch / f"{name}.pipe"
            os.mkfifo(pipe, 0o600)
            sender = threading.Thread(target=self._send, args=(table, kinds, pipe), daemon=True)
            sender.start()
            try:
                declared = ", ".join(f"{text(column)}: '{kind}'" for column, kind in columns.items())
                yield (
                    f"read_csv({text(str(pipe))}, header = false, auto_detect = false, columns = {{{declared}}}, "
                    "delim = ',', quote = '\"', escape = '\"', parallel = false)"
                )
            finally:
                _drain(pipe, sender)
                pipe.unlink()
                if self.failures:
                    raise self.failures.pop()

        return SourceTable(
            name=name,
            label=f"PostgreSQL, table {table}",
            columns=tuple(columns.items()),
            open=scanned,
        )

    def _send(self, table: str, kinds: Mapping[str, str], pipe: Path) -> None:
        from psycopg import sql

        # A moment of some zone is written as the session's, and its zone left out.
        wanted = sql.SQL(", ").join(
            sql.SQL("timezone('UTC', {})" if kind == _ZONED else "{}").format(sql.Identifier(column))
            for column, kind in kinds.items()
        )
        query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv)").format(
            wanted, sql.Identifier(self.schema, table)
        )
        try:
            # The server gives a block for each row; the pipe takes them by the megabyte.
            with (
                pipe.open("wb", buffering=_BLOCK) as stream,
                self.server.cursor() as cursor,
                cursor.copy(query) as copy,
            ):
                for block in copy:
                    stream.write(block)
        except BrokenPipeError:
            self.server.rollback()  # DuckDB stopped reading: it says why itself
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for the rows
            self.failures.append(error)


def _drain(pipe: Path, sender: threading.Thread) -> None:
    """Let a sender that nobody listens to any more come to its end."""
    if sender.is_alive():
        descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        os.close(descriptor)
    sender.join()

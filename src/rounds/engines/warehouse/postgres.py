# ruff: noqa: S608  SQL is built from our own names only
"""PostgreSQL: one transaction that sees one moment, keeps what it makes in temporary tables, and is rolled back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rounds.engines.sql.people import CALENDAR_DAYS
from rounds.engines.sql.plan import date_sql
from rounds.engines.warehouse.connection import Connection, Deadline, Row, carried, package, too_long, without_its_words
from rounds.engines.warehouse.settings import Postgres
from rounds.errors import RecordsError

_TABLES: Final = """
SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY c.relname
"""


@contextmanager
def postgres(settings: Postgres, *, site: str) -> Iterator[Connection]:
    """Open a session. A role that may read the tables, connect and make temporary tables is enough.

    Raises:
        RecordsError: if the server cannot be reached or refuses something in the block.
    """
    words = f"site {site}: PostgreSQL, schema {settings.schema}"
    ibis, errors = package("ibis"), package("psycopg").errors
    deadline = Deadline(limit_seconds=settings.limit_seconds)
    refused = {
        errors.QueryCanceled: too_long("a query", settings.limit_seconds),
        errors.InsufficientPrivilege: "this role may not do what counting needs; let it read the schema's tables "
        "(GRANT USAGE, SELECT) and make temporary tables (GRANT TEMPORARY ON DATABASE)",
        errors.OperationalError: "the server cannot be reached, or it ended the connection; look whether it runs, has "
        "room, and lets this user in",
        errors.Error: "the server refused a query; look whether the tables are changing just now, and try again",
    }
    with without_its_words(words, refused):
        backend = ibis.postgres.connect(
            host=settings.host,
            port=settings.port,
            user=settings.user,
            database=settings.database,
            service=settings.service,
            application_name="rounds",
            autocommit=False,
        )
        try:
            yield _begin(_Postgres(backend=backend, settings=settings, words=words, deadline=deadline))
        finally:
            # Whatever was made is undone; a session is never given back with something in it.
            backend.con.close()


def _begin(session: "_Postgres") -> "_Postgres":
    psycopg = package("psycopg")
    session.backend.con.rollback()
    session.backend.con.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    # Only what is temporary is found without its schema: nobody's function or table can stand in for ours.
    session.backend.con.execute("SET LOCAL search_path TO ''")
    session.backend.con.execute("SET LOCAL jit TO off")
    return session


@dataclass(frozen=True, slots=True, kw_only=True)
class _Postgres:
    backend: Any
    settings: Postgres
    words: str
    deadline: Deadline

    def tables(self) -> Sequence[str]:
        found = self.backend.con.execute(_TABLES, [self.settings.schema]).fetchall()
        if not found:
            raise RecordsError(f"{self.words}: there is no such schema, or it is empty; correct `schema` in site.yaml")
        return [str(name) for (name,) in found]

    def source(self, name: str) -> Any:
        return self.backend.table(name, database=self.settings.schema)

    def view(self, name: str, query: Any) -> None:
        self._run(f'CREATE TEMPORARY VIEW "{name}" AS {self.backend.compile(query)}')

    def drop_view(self, name: str) -> None:
        self._run(f'DROP VIEW "{name}"')

    def keep(self, name: str, query: Any, *, by: str) -> None:
        self._make(name, f"SELECT row_number() OVER () AS rounds_row, q.* FROM ({self.backend.compile(query)}) AS q")
        self._run(f'CREATE INDEX ON pg_temp."{name}" ("{by}")')

    def calendar(self, name: str) -> None:
        first, last = CALENDAR_DAYS
        days = f"generate_series({date_sql(first)}, {date_sql(last)}, INTERVAL '1' DAY)"
        self._make(name, f"SELECT CAST(day AS DATE) AS day FROM {days} AS s(day)")
        # Every mask of days joins spans of days to this table.
        self._run(f'CREATE UNIQUE INDEX ON pg_temp."{name}" (day)')

    def step(self, name: str, sql: str, *, shared: bool = True) -> None:  # noqa: ARG002 - tables cost little here
        self._make(name, carried(sql, self.backend.dialect))

    def rows(self, sql: str) -> list[Row]:
        return [tuple(row) for row in self._run(carried(sql, self.backend.dialect)).fetchall()]

    def _make(self, name: str, sql: str) -> None:
        self._run(f'CREATE TEMPORARY TABLE "{name}" ON COMMIT DROP AS {sql}')
        # Without its numbers PostgreSQL takes a new table for a thousand rows, and joins it row by row.
        self._run(f'ANALYZE "{name}"')

    def _run(self, sql: str) -> Any:
        left = self.deadline.left_seconds(self.words)
        self.backend.raw_sql(f"SET LOCAL statement_timeout TO {max(1, round(left * 1000))}").close()
        return self.backend.raw_sql(sql)

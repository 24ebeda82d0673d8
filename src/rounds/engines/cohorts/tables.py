"""The OMOP tables that a connection has, and what a definition needs that they lack."""

import re
from dataclasses import dataclass, field
from typing import Final

import duckdb

from rounds.errors import RecordsError

_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?")


@dataclass(slots=True, kw_only=True)
class OmopTables:
    """Gives the SQL names of tables and columns, and notes those that are needed and not there."""

    columns: dict[str, frozenset[str]]
    """The columns of each table that is there, in lower case."""
    prefix: str
    """What stands before the name of each table, such as `main.`."""
    in_database: bool = False
    """Whether the tables are a database's, whose rows are in no order and whose LIKE takes a backslash for a sign."""
    unfit: frozenset[str] = frozenset()
    """Columns, as `table.column`, that are there and of a type that cannot become ours."""
    missing: set[str] = field(default_factory=set)
    used: set[tuple[str, str]] = field(default_factory=set)
    """Tables and their columns that were asked for."""

    def table(self, name: str) -> str:
        """Return the SQL name of a table that is needed."""
        if name not in self.columns:
            self.missing.add(name)
        return f"{self.prefix}{name}"

    def column(self, alias: str, table: str, name: str) -> str:
        """Return the SQL of a column that is needed."""
        if name not in self.columns.get(table, frozenset()):
            self.missing.add(f"{table}.{name}" if table in self.columns else table)
        self.used.add((table, name))
        return f"{alias}.{name}"

    def optional(self, alias: str, table: str, name: str, sql_type: str) -> str:
        """Return the SQL of a column that may be missing and is then always empty."""
        return f"{alias}.{name}" if self.has(table, name) else f"CAST(NULL AS {sql_type})"

    def has(self, table: str, name: str) -> bool:
        """Say whether there is a column that is used if there is. To take one for missing that is not is no answer."""
        if f"{table}.{name}" in self.unfit:
            self.missing.add(f"{table}.{name} of a type that can be read")
        there = name in self.columns.get(table, frozenset())
        if there:
            self.used.add((table, name))
        return there

    def check(self, name: str) -> None:
        """Refuse if anything needed was missing.

        Raises:
            RecordsError: naming the tables and columns.
        """
        if self.missing:
            listed = ", ".join(sorted(self.missing))
            raise RecordsError(
                f"cohort {name}: the records have no {listed}; export them, or use a definition that does not ask for "
                "them"
            )


def find_tables(connection: duckdb.DuckDBPyConnection, *, schema: str) -> OmopTables:
    """Return the tables and views of a schema.

    Args:
        connection: with OMOP tables.
        schema: where they are, such as `main` or `database.schema`.

    Raises:
        ValueError: if this is not the name of a schema.
    """
    if not _NAME.fullmatch(schema):
        raise ValueError(f"`{schema}` is not the name of a schema")
    database, _, name = schema.rpartition(".")
    rows = connection.execute(
        "SELECT lower(table_name), lower(column_name) FROM information_schema.columns "
        "WHERE table_schema = $1 AND table_catalog = coalesce(nullif($2, ''), current_database())",
        [name, database],
    ).fetchall()
    columns: dict[str, set[str]] = {}
    for table, column in rows:
        columns.setdefault(table, set()).add(column)
    return OmopTables(columns={table: frozenset(found) for table, found in columns.items()}, prefix=f"{schema}.")

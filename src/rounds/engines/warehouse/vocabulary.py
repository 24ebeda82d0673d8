# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""The few rows of a site's vocabulary that some code lists ask about, brought here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from rounds.engines.warehouse.connection import Connection
from rounds.measures.codelists import CodeList
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The tables that a site has, for what `codes.prepare` asks."""

    site: str
    folder: str
    names: dict[str, str]
    """What the database calls each table."""
    missing: dict[str, tuple[str, ...]]
    """Columns that a table lacks."""

    def has(self, table: str) -> bool:
        return table in self.names

    def lacks(self, table: str, column: str) -> bool:
        return column in self.missing.get(table, ())

    def file_of(self, table: str) -> str:
        return self.names.get(table, f"table {table}")


@contextmanager
def vocabulary(connection: Connection, held: Held, lists: Sequence[CodeList]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB in memory with what a site's vocabulary says about some code lists.

    Args:
        connection: to the database; has views of `concept` and `concept_ancestor`, if the site has them.
        held: the tables that the site has.
        lists: what will be asked about.
    """
    meant = sorted({concept for codes in lists for concept in (*codes.concept_ids, *codes.excluded_ids)})
    named = ", ".join(map(str, meant)) or "-1"
    with duckdb.connect() as here:
        here.execute("CREATE TABLE concept (concept_id BIGINT, concept_name VARCHAR)")
        here.execute("CREATE TABLE concept_ancestor (ancestor_concept_id BIGINT, descendant_concept_id BIGINT)")
        if held.has(CONCEPT.name):
            found = connection.rows(f"SELECT concept_id, concept_name FROM concept WHERE concept_id IN ({named})")
            _fill(here, CONCEPT.name, found)
        if held.has(CONCEPT_ANCESTOR.name):
            found = connection.rows(
                "SELECT ancestor_concept_id, descendant_concept_id FROM concept_ancestor "
                f"WHERE ancestor_concept_id IN ({named})"
            )
            _fill(here, CONCEPT_ANCESTOR.name, found)
        yield here


def _fill(here: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[object, ...]]) -> None:
    if rows:
        here.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)

# ruff: noqa: S608  SQL is built from our own table and column names only
"""Builds what groupings look at: everybody's place among the ids of a column, such as of care sites."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from rounds.engines.pack.build_table import Known
from rounds.engines.pack.files import save
from rounds.measures.groupings import Attribute
from rounds.records.omop import Records
from rounds.records.tables import CARE_SITE, LOCATION, PERSON

PLACES: Final = {"location_id": LOCATION.name, "care_site_id": CARE_SITE.name}
"""Columns that name a place, and the table of those places; the others hold concepts."""

_COLUMNS: Final = (*PLACES, *(attribute.column for attribute in Attribute if attribute.is_concept))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltGroups:
    """What of it there is."""

    care_sites: Known | None
    """The places of care sites among their ids; None if the site has no such table."""
    manifest: dict[str, Any]


def build_groups(
    folder: Path, connection: duckdb.DuckDBPyConnection, records: Records, known: Known, people: int
) -> BuiltGroups:
    """Write everybody's place among the ids of each column that a grouping may look at and that holds something.

    Args:
        folder: of the pack.
        connection: to the records.
        records: the site's.
        known: everybody's number.
        people: how many there are.
    """
    of_ids: dict[str, Known] = {}
    of_people = []
    for column in _COLUMNS:
        table = PLACES.get(column)
        held = not records.lacks(PERSON.name, column)
        if records.has(table) if table else held:
            named = table or f"(SELECT DISTINCT {column} FROM person WHERE {column} IS NOT NULL)"
            of_ids[column] = _ids(folder, connection, column, named)
            if held:
                _of_people(folder, connection, column, of_ids[column], known, people)
                of_people.append(column)
    manifest = {"ids": sorted(of_ids), "of_people": of_people}
    return BuiltGroups(care_sites=of_ids.get("care_site_id"), manifest=manifest)


def _ids(folder: Path, connection: duckdb.DuckDBPyConnection, column: str, table: str) -> Known:
    found = connection.execute(f"SELECT CAST({column} AS BIGINT) AS id FROM {table} t ORDER BY id").fetchnumpy()
    ids = np.asarray(found["id"], dtype=np.int64)
    save(folder, f"ids.{column}", ids)
    return Known.of(ids)


def _of_people(
    folder: Path, connection: duckdb.DuckDBPyConnection, column: str, ids: Known, known: Known, people: int
) -> None:
    found = connection.execute(
        f"SELECT CAST(person_id AS BIGINT) AS person_id, CAST({column} AS BIGINT) AS id FROM person "
        f"WHERE {column} IS NOT NULL"
    ).fetchnumpy()
    places = np.full(people, -1, dtype=np.int32)
    places[known.numbers(found["person_id"])] = ids.numbers(found["id"])
    save(folder, f"people.{column}", places)

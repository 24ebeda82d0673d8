# ruff: noqa: S608  SQL is built from our own table and column names only
"""Builds what groupings look at: everybody's place among the ids of a column, such as of care sites."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from rounds.engines.pack import sorting
from rounds.engines.pack.files import new_array, room_aside, save
from rounds.engines.pack.layout import Array, empty_array
from rounds.engines.pack.numbering import Known, Met
from rounds.engines.pack.reading import NOTHING
from rounds.measures.groupings import Attribute
from rounds.records.omop import Records
from rounds.records.tables import CARE_SITE, LOCATION, PERSON

PLACES: Final = {"location_id": LOCATION.name, "care_site_id": CARE_SITE.name}
"""Columns that name a place, and the table of those places; the others hold concepts."""

_PORTION: Final = 250_000
"""Of people, that are renumbered at once."""
_COLUMNS: Final = (*PLACES, *(attribute.column for attribute in Attribute if attribute.is_concept))


@dataclass(slots=True, kw_only=True, eq=False)
class GroupBuild:
    """A column of `person` while what it says is gathered."""

    column: str
    places: Known | None
    """Of a column that names places: where each stands among their ids."""
    met: Met = field(default_factory=Met)
    """Of any other: what was found."""
    aside: Array = field(default_factory=lambda: empty_array("int32"))

    def begin(self, folder: Path, rows: int) -> None:
        """Make room for so many rows of `person`."""
        self.aside = room_aside(folder, rows, "int32")

    def take(self, rows: slice, values: Array) -> None:
        """Note what some rows of `person` hold; `NOTHING` where they hold nothing."""
        there = values != NOTHING
        number = np.full(len(values), -1, dtype=np.int32)
        number[there] = (self.places or self.met).numbers(values[there])
        self.aside[rows] = number

    def finish(self, folder: Path, order: Array) -> None:
        """Write down everybody's place, in the order of people's numbers."""
        if self.places is None:
            ids, ranks = self.met.ranked()
            save(folder, f"ids.{self.column}", ids)
            for at in range(0, len(self.aside), _PORTION):
                some = self.aside[at : at + _PORTION]
                there = some >= 0
                some[there] = ranks[some[there]]
        out = new_array(folder, f"people.{self.column}", kind="int32", length=len(order))
        sorting.pick(self.aside, order, out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """What of it there is."""

    columns: tuple[GroupBuild, ...]
    care_sites: Known | None
    """The places of care sites among their ids; None if the site has no such table."""
    manifest: dict[str, Any]


def plan_groups(
    folder: Path, connection: duckdb.DuckDBPyConnection, records: Records, *, care_sites: Array | None = None
) -> Groups:
    """Return each column that a grouping may look at and that holds something, and write down the ids of places.

    Args:
        folder: of the pack.
        connection: to the records.
        records: the site's.
        care_sites: ids whose places rows hold already; they keep them, and others come behind.
    """
    places = {
        column: _places(folder, connection, column, table, care_sites if table == CARE_SITE.name else None)
        for column, table in PLACES.items()
        if records.has(table)
    }
    columns = tuple(GroupBuild(column=column, places=places.get(column)) for column in columns_held(records))
    ids = sorted({*places, *(one.column for one in columns)})
    manifest = {"ids": ids, "of_people": [one.column for one in columns]}
    return Groups(columns=columns, care_sites=places.get("care_site_id"), manifest=manifest)


def columns_held(records: Records) -> list[str]:
    """Return each column of `person` that a grouping may look at and that holds something."""
    return [
        column
        for column in _COLUMNS
        if not records.lacks(PERSON.name, column) and (column not in PLACES or records.has(PLACES[column]))
    ]


def _places(
    folder: Path, connection: duckdb.DuckDBPyConnection, column: str, table: str, before: Array | None
) -> Known:
    found = connection.execute(f"SELECT CAST({column} AS BIGINT) AS id FROM {table} t ORDER BY id").fetchnumpy()
    ids = np.asarray(found["id"], dtype=np.int64)
    if before is not None:
        ids = np.concatenate([before, np.setdiff1d(ids, before)])
    save(folder, f"ids.{column}", ids)
    return Known.of(ids)

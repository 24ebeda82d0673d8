# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Builds one table of a pack: its rows brought to their concepts file by file, then sorted concept by concept."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

import duckdb
import numpy as np

from rounds.engines.pack import sorting
from rounds.engines.pack.days import LAST_DAY, ORIGIN
from rounds.engines.pack.files import new_array, room_aside, save
from rounds.engines.pack.layout import COLUMN_TYPES, Array
from rounds.engines.rows import rows_sql
from rounds.measures.events import WITH_STAY, WITH_VALUE, WITH_VISIT, EventTable
from rounds.records.quality import Source
from rounds.records.tables import EVENT_TABLES

BATCH_ROWS: Final = 500_000
_MINUTE_BITS: Final = 11
_DAY_BITS: Final = 16
_FEW_ROWS: Final = 10_000
_MOST_ROWS: Final = 1_000_000
"""That are sorted at once: sorting takes 32 bytes of memory a row."""
_TIED: Final = ("value", "last", "unit", "answer", "visit", "stay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The number of each person, or of each concept of a table, by id."""

    slots: Array
    places: Array

    @classmethod
    def of(cls, ids: Array) -> Self:
        """Number ids from 0 in the order they are given in."""
        size = 1 << max(4, (2 * len(ids)).bit_length())
        slots, places = np.zeros(size, dtype=np.int64), np.full(size, -1, dtype=np.int32)
        sorting.make_lookup(np.ascontiguousarray(ids, dtype=np.int64), slots, places)
        return cls(slots=slots, places=places)

    def numbers(self, ids: Array) -> Array:
        """Return the numbers of some ids; -1 where one is unknown."""
        found = np.empty(len(ids), dtype=np.int32)
        sorting.look_up(ids, self.slots, self.places, found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Observation periods: those of person p stand at start[p]..start[p + 1]."""

    start: Array
    first: Array
    last: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of one file that are read together."""

    table: "TableBuild"
    sql: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Concepts of a table that are sorted together, by where their rows stand."""

    table: "TableBuild"
    spans: list[tuple[int, int]]

    @property
    def rows(self) -> int:
        return sum(stop - start for start, stop in self.spans)

    def sort(self) -> None:
        columns = self.table.columns
        for start, stop in self.spans:
            many = stop - start > _MOST_ROWS
            for low, high in _by_people(columns, start, stop, self.table.folder) if many else [(start, stop)]:
                _sort(columns, low, high)


@dataclass(slots=True, kw_only=True, eq=False)
class TableBuild:
    """A table while it is built. Several threads may fill it."""

    folder: Path
    source: Source
    table: EventTable
    concepts: Array
    starts: Array
    stops: Array
    """Where the next row of each concept goes; in the end, where its rows stop."""
    rows: int
    slots: Known
    care_sites: Known | None
    """None if the site has no such table."""
    columns: dict[str, Array] = field(default_factory=dict)
    vague: set[str] = field(default_factory=set)
    _placing: Lock = field(default_factory=Lock)

    @classmethod
    def laid_out(
        cls, folder: Path, connection: duckdb.DuckDBPyConnection, source: Source, care_sites: Known | None
    ) -> Self:
        """Return a table with room for every row, and none in it yet."""
        table = EventTable(source.table.name)
        counted = connection.execute(
            f"SELECT concept, count(*) AS number FROM ({rows_sql(table)}) r GROUP BY concept ORDER BY concept"
        ).fetchnumpy()
        concepts = np.asarray(counted["concept"], dtype=np.int64)
        stops = np.cumsum(counted["number"], dtype=np.int64)
        starts = stops - counted["number"]
        found = cls(
            folder=folder,
            source=source,
            table=table,
            concepts=concepts,
            starts=starts,
            stops=starts.copy(),
            rows=int(stops[-1]) if len(stops) else 0,
            slots=Known.of(concepts),
            care_sites=care_sites,
        )
        found.columns = {name: found._new(name) for name in found._stored()}
        return found

    def batches(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Batch]:
        """Yield what is to be read, none of it larger than `BATCH_ROWS`."""
        days = {"first": days_sql("first"), "last": days_sql("last")}
        wide = {
            "value": "coalesce(value, CAST('NaN' AS REAL)) AS value",
            "minute": "CAST(minute AS USMALLINT) AS minute",
        }
        more = {"care_site": "coalesce(care_site_id, -1)"} if "care_site" in self.columns else None
        wanted = ["concept", *(name for name in self.columns if name != "person")]
        shown = ", ".join(
            ["CAST(person_id AS BIGINT) AS person_id", *(days.get(name) or wide.get(name) or name for name in wanted)]
        )
        for select in self.source.by_file:
            ((rows,),) = connection.execute(f"SELECT count(*) FROM ({select}) t").fetchall()
            for first in range(0, rows, BATCH_ROWS):
                last = min(first + BATCH_ROWS, rows)
                some = f" WHERE rounds_row BETWEEN {first + 1} AND {last}" if rows > BATCH_ROWS else ""
                named = f"WITH {self.source.table.name} AS (SELECT * FROM ({select}) t{some}) "
                sql = f"{named}SELECT {shown} FROM ({rows_sql(self.table, more=more)}) r"
                yield Batch(table=self, sql=sql, rows=last - first)

    def fill(self, batch: Batch, connection: duckdb.DuckDBPyConnection, people: Known) -> None:
        """Bring some rows to their concepts. Their order there comes from sorting alone, whoever comes first."""
        found = connection.execute(batch.sql).fetchnumpy()
        at = np.empty(len(found["first"]), dtype=np.int64)
        concept, person = self.slots.numbers(found.pop("concept")), people.numbers(found.pop("person_id"))
        with self._placing:
            sorting.assign(concept, person, self.stops, at)
        for name, column in self.columns.items():
            values, lost = (person, False) if name == "person" else self._fitted(name, found.pop(name))
            if lost:
                self.vague.add(name)
            sorting.scatter(column, at, values)

    def _fitted(self, name: str, values: Array) -> tuple[Array, bool]:
        if name == "care_site" and self.care_sites is not None:
            return self.care_sites.numbers(values), False
        return fitted(name, values)

    def portions(self) -> list[Spans]:
        """Return concepts, the largest first, in portions that are worth a thread's while."""
        spans = sorted(zip(self.starts.tolist(), self.stops.tolist(), strict=True), key=lambda span: span[0] - span[1])
        large = [[span] for span in spans if span[1] - span[0] >= _FEW_ROWS]
        small = spans[len(large) :]
        shared = large + [small[at : at + 200] for at in range(0, len(small), 200)]
        return [Spans(table=self, spans=several) for several in shared]

    def finish(self, observation: Observation) -> dict[str, Any]:
        """Say of every row whether it lies in observation, write the index and return what the manifest says."""
        self._inside(observation)
        for name, index in {"concepts": self.concepts, "starts": self.starts, "stops": self.stops}.items():
            save(self.folder, f"{self.table.value}.{name}", index)
        return {"rows": self.rows, "columns": sorted(self.columns), "vague": sorted(self.vague)}

    def _stored(self) -> list[str]:
        of = EVENT_TABLES[self.table]
        shown = {
            "last": of.end is not None and (of.column(of.end).required or of.end not in self.source.missing),
            "minute": of.time is not None and of.time not in self.source.missing,
            "value": self.table in WITH_VALUE,
            "unit": self.table in WITH_VALUE,
            "answer": self.table in WITH_VALUE,
            "visit": self.table in WITH_VISIT,
            "stay": self.table in WITH_STAY and of.stay not in self.source.missing,
            "care_site": self.care_sites is not None
            and self.table in (EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL)
            and "care_site_id" not in self.source.missing,
        }
        return ["person", "first", *(name for name, there in shown.items() if there)]

    def _new(self, name: str) -> Array:
        return new_array(self.folder, f"{self.table.value}.{name}", kind=COLUMN_TYPES[name], length=self.rows)

    def _inside(self, observation: Observation) -> None:
        inside = self._new("inside")
        found = 0
        for start, stop in zip(self.starts, self.stops, strict=True):
            found += sorting.mark_inside(
                self.columns["person"][start:stop],
                self.columns["first"][start:stop],
                observation.start,
                observation.first,
                observation.last,
                inside[start:stop],
            )
        if found == int(np.sum(self.stops - self.starts)):
            (self.folder / f"{self.table.value}.inside.npy").unlink()
        else:
            self.columns["inside"] = inside


def fitted(name: str, values: Array) -> tuple[Array, bool]:
    """Return values in the pack's type, and whether something of them is lost."""
    if name in ("first", "last"):
        return clipped(values), bool(np.any(outside(values)))
    if name in ("unit", "answer"):
        narrow = values.astype(np.int32)
        return narrow, bool(np.any(narrow != values))
    return values, False


def outside(days: Array) -> Array:
    """Say which days a pack cannot hold."""
    return np.asarray((days < 1) | (days >= LAST_DAY))


def clipped(days: Array) -> Array:
    """Return days as a pack holds them."""
    return np.clip(days, 0, LAST_DAY).astype(np.uint16)


def days_sql(name: str) -> str:
    """Return SQL that makes a date a day's number."""
    return f"CAST({name} - DATE '{ORIGIN}' AS INTEGER) AS {name}"


def _sort(columns: dict[str, Array], start: int, stop: int) -> None:
    """Sort the rows of one concept, or of some people with it, where they stand."""
    if stop - start < 2:
        return
    of = {name: column[start:stop] for name, column in columns.items()}
    key = of["person"].astype(np.int64)
    key <<= _DAY_BITS
    key |= of["first"]
    key <<= _MINUTE_BITS
    if "minute" in of:
        key |= of["minute"]
    few = stop - start < _FEW_ROWS
    order = np.argsort(key).astype(np.int32) if few else sorting.sorted_order(key, int(key.max()).bit_length())
    sorting.order_ties(order, key, *(of.get(name, np.empty(0, dtype=COLUMN_TYPES[name])) for name in _TIED))
    del key
    for values in of.values():
        values[:] = values[order]


def _by_people(columns: dict[str, Array], start: int, stop: int, folder: Path) -> list[tuple[int, int]]:
    """Bring rows of one concept into groups of people, few enough to be sorted in little memory; return where."""
    rows, person = stop - start, columns["person"][start:stop]
    groups = -(-rows // _MOST_ROWS)
    width = int(person.max()) // groups + 1
    chunks = [slice(at, min(at + BATCH_ROWS, rows)) for at in range(0, rows, BATCH_ROWS)]
    number = sum(np.bincount(person[chunk] // width, minlength=groups) for chunk in chunks)
    stops = np.cumsum(number)
    cursor = stops - number
    with ExitStack() as files:
        aside = {name: files.enter_context(room_aside(folder, column[start:stop])) for name, column in columns.items()}
        for chunk in chunks:
            at = np.empty(chunk.stop - chunk.start, dtype=np.int64)
            sorting.assign((person[chunk] // width).astype(np.int32), person[chunk], cursor, at)
            for name, column in columns.items():
                sorting.scatter(aside[name], at, column[start:stop][chunk])
        for name, column in columns.items():
            column[start:stop] = aside[name]
    return [(start + int(low), start + int(high)) for low, high in zip(stops - number, stops, strict=True)]

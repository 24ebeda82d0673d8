# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Builds a pack: everybody numbered, every table sorted by concept, person and moment, aside, and served when whole."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from rounds.engines.pack import sorting
from rounds.engines.pack.days import LAST_DAY, ORIGIN
from rounds.engines.pack.layout import (
    COLUMN_TYPES,
    FORMAT,
    MANIFEST,
    Array,
    Pack,
    digest_of,
    open_pack,
    packs_folder,
    sizes_of,
)
from rounds.engines.rows import OBSERVED, PEOPLE, rows_sql
from rounds.errors import RecordsError
from rounds.measures.events import WITH_VALUE, WITH_VISIT, EventTable
from rounds.measures.strata import LEVELS, Stratum
from rounds.records.omop import Records
from rounds.records.quality import Source
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR, EVENT_TABLES
from rounds.storage.atomic import write_folder

BATCH_ROWS: Final = 1_000_000
_ONLY_OWNER: Final = 0o700
_MINUTE_BITS: Final = 11
_DAY_BITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The number of each person, by id."""

    slots: Array
    places: Array

    def numbers(self, ids: Array) -> Array:
        found = np.empty(len(ids), dtype=np.int32)
        sorting.look_up(ids, self.slots, self.places, found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observed:
    start: Array
    first: Array
    last: Array


def build_pack(records: Records, folder: Path | None = None, *, threads: int = 2, memory_limit: str = "1GB") -> Pack:
    """Build the pack of some records, and return it opened. One that is there is replaced when the new one is whole.

    Args:
        records: the site's, checked.
        folder: where to build it; beside the tables if not said.
        threads: at most this many.
        memory_limit: of DuckDB, as it writes it.

    Raises:
        RecordsError: if the records cannot be read, or change meanwhile.
        OSError: if the folder cannot be written.
    """
    digest = digest_of(records)
    if folder is None:
        folder = packs_folder(records) / digest[:16]
        folder.parent.mkdir(mode=_ONLY_OWNER, exist_ok=True)
        folder.parent.chmod(_ONLY_OWNER)

    def fill(partial: Path) -> None:
        partial.chmod(_ONLY_OWNER)
        with records.connect(threads=threads, memory_limit=memory_limit) as connection:
            manifest = _fill(partial, connection, records, threads=threads)
        if digest_of(records) != digest:
            raise RecordsError(
                f"site {records.site}: {records.folder} changed while it was read; wait until the export is done and "
                "try again"
            )
        manifest |= {"format": FORMAT, "digest": digest, "sizes": sizes_of(partial)}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        _flush(partial)

    write_folder(folder, fill)
    pack = open_pack(records, folder)
    if pack is None:
        raise RecordsError(f"site {records.site}: {records.folder} changed as soon as it was read; try again")
    return pack


def _flush(folder: Path) -> None:
    """Make sure that a pack stands on the disk before it is served, and that only its owner reads it."""
    for path in folder.iterdir():
        path.chmod(0o600)
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def _fill(folder: Path, connection: duckdb.DuckDBPyConnection, records: Records, *, threads: int) -> dict[str, Any]:
    known, people = _people(folder, connection)
    observed, vague = _observed(folder, connection, known, people)
    _vocabulary(folder, connection, records)
    tables = {}
    for source in records.sources:
        if source.table.is_event:
            table = EventTable(source.table.name)
            tables[table.value] = _Table(folder=folder, connection=connection, source=source, table=table).build(
                known, observed, threads=threads
            )
    return {"people": people, "observed_vague": vague, "tables": tables}


def _people(folder: Path, connection: duckdb.DuckDBPyConnection) -> tuple[_Known, int]:
    found = connection.execute(PEOPLE).fetchnumpy()
    levels = np.array(LEVELS[Stratum.SEX])
    order_of_levels = np.argsort(levels)
    sex = order_of_levels[np.searchsorted(levels[order_of_levels], found["sex"].astype(str))].astype(np.uint8)
    born = found["born"].astype(np.int16)
    order = np.lexsort((found["person_id"], born, sex))
    month = (born.astype("int64") - 1970) * 12 + found["month"] - 1
    starts = month.astype("datetime64[M]").astype("datetime64[D]")
    length = (month + 1).astype("datetime64[M]").astype("datetime64[D]") - starts
    birth = starts + np.minimum(found["day"].astype("timedelta64[D]") - 1, length - 1)
    days = (birth - np.datetime64(ORIGIN)).astype(np.int64)
    _save(folder, "people.birth", np.clip(days, 0, LAST_DAY).astype(np.uint16)[order])
    _save(folder, "people.sex", sex[order])
    _save(folder, "people.born", born[order])
    return _lookup(np.ascontiguousarray(found["person_id"][order], dtype=np.int64)), len(order)


def _lookup(keys: Array) -> _Known:
    size = 1 << max(4, (2 * len(keys)).bit_length())
    slots, places = np.zeros(size, dtype=np.int64), np.full(size, -1, dtype=np.int32)
    sorting.make_lookup(keys, slots, places)
    return _Known(slots=slots, places=places)


def _observed(
    folder: Path, connection: duckdb.DuckDBPyConnection, known: _Known, people: int
) -> tuple[_Observed, bool]:
    sql = (
        f"SELECT CAST(person_id AS BIGINT) AS person_id, {_days_sql('first')}, {_days_sql('last')} FROM ({OBSERVED}) o"
    )
    found = connection.execute(sql).fetchnumpy()
    person = known.numbers(found["person_id"])
    order = np.argsort(person, kind="stable")
    order = order[np.searchsorted(person[order], 0) :]
    start = np.zeros(people + 1, dtype=np.int64)
    np.cumsum(np.bincount(person[order], minlength=people), out=start[1:])
    first, last = found["first"][order], found["last"][order]
    vague = bool(np.any(_outside(first)) or np.any(_outside(last)))
    observed = _Observed(start=start, first=_clipped(first), last=_clipped(last))
    for name in ("start", "first", "last"):
        _save(folder, f"observed.{name}", getattr(observed, name))
    return observed, vague


def _vocabulary(folder: Path, connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    columns = {
        "concept": (CONCEPT.name, "SELECT concept_id FROM concept ORDER BY ALL"),
        "ancestor": (
            CONCEPT_ANCESTOR.name,
            "SELECT ancestor_concept_id FROM concept_ancestor ORDER BY ancestor_concept_id, descendant_concept_id",
        ),
        "descendant": (
            CONCEPT_ANCESTOR.name,
            "SELECT descendant_concept_id FROM concept_ancestor ORDER BY ancestor_concept_id, descendant_concept_id",
        ),
    }
    for name, (table, sql) in columns.items():
        if records.has(table):
            (ids,) = connection.execute(sql).fetchnumpy().values()
        else:
            ids = np.empty(0)
        _save(folder, f"vocabulary.{name}", np.asarray(ids, dtype=np.int64))


@dataclass(slots=True, kw_only=True)
class _Table:
    folder: Path
    connection: duckdb.DuckDBPyConnection
    source: Source
    table: EventTable

    def build(self, known: _Known, observed: _Observed, *, threads: int) -> dict[str, Any]:
        counted = self.connection.execute(
            f"SELECT concept, count(*) AS number FROM ({rows_sql(self.table)}) r GROUP BY concept ORDER BY concept"
        ).fetchnumpy()
        concepts = np.asarray(counted["concept"], dtype=np.int64)
        stops = np.cumsum(counted["number"], dtype=np.int64)
        starts = stops - counted["number"]
        rows = int(stops[-1]) if len(stops) else 0
        columns = {name: self._new(name, rows) for name in self._columns()}
        cursor = starts.copy()
        slots = _lookup(concepts)
        vague: set[str] = set()
        for batch in self._batches():
            at = np.empty(len(batch["first"]), dtype=np.int64)
            sorting.assign(slots.numbers(batch["concept"]), person := known.numbers(batch["person_id"]), cursor, at)
            for name, column in columns.items():
                values, lost = (person, False) if name == "person" else _fitted(name, batch[name])
                vague |= {name} if lost else set()
                sorting.scatter(column, at, values)
        with ThreadPoolExecutor(threads) as pool:
            spans = sorted(zip(starts.tolist(), cursor.tolist(), strict=True), key=lambda span: span[0] - span[1])
            for _ in pool.map(partial(_sort_all, columns), _shared_out(spans)):
                pass
        self._inside(columns, starts, cursor, observed, rows)
        for name, index in {"concepts": concepts, "starts": starts, "stops": cursor}.items():
            _save(self.folder, f"{self.table.value}.{name}", index)
        return {"rows": rows, "columns": sorted(columns), "vague": sorted(vague)}

    def _columns(self) -> list[str]:
        of = EVENT_TABLES[self.table]
        shown = {
            "last": of.end is not None and (of.column(of.end).required or of.end not in self.source.missing),
            "minute": of.time is not None and of.time not in self.source.missing,
            "value": self.table in WITH_VALUE,
            "unit": self.table in WITH_VALUE,
            "answer": self.table in WITH_VALUE,
            "visit": self.table in WITH_VISIT,
        }
        return ["person", "first", *(name for name, there in shown.items() if there)]

    def _new(self, name: str, rows: int) -> Array:
        path = self.folder / f"{self.table.value}.{name}.npy"
        if rows == 0:
            empty = np.empty(0, dtype=COLUMN_TYPES[name])
            np.save(path, empty)
            return empty
        array: Array = np.lib.format.open_memmap(path, mode="w+", dtype=COLUMN_TYPES[name], shape=(rows,))
        with path.open("r+b") as stream:  # a full disk is told here; a write to a map would end the process
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
        return array

    def _batches(self) -> Iterator[dict[str, Array]]:
        days = {"first": _days_sql("first"), "last": _days_sql("last")}
        wide = {
            "value": "coalesce(value, CAST('NaN' AS REAL)) AS value",
            "minute": "CAST(minute AS USMALLINT) AS minute",
        }
        wanted = ["concept", *(name for name in self._columns() if name != "person")]
        shown = ", ".join(
            ["CAST(person_id AS BIGINT) AS person_id", *(days.get(name) or wide.get(name) or name for name in wanted)]
        )
        for select in self.source.by_file:
            ((rows,),) = self.connection.execute(f"SELECT count(*) FROM ({select}) t").fetchall()
            for first in range(0, rows, BATCH_ROWS):
                some = f" WHERE rounds_row BETWEEN {first + 1} AND {first + BATCH_ROWS}" if rows > BATCH_ROWS else ""
                named = f"WITH {self.source.table.name} AS (SELECT * FROM ({select}) t{some}) "
                yield self.connection.execute(f"{named}SELECT {shown} FROM ({rows_sql(self.table)}) r").fetchnumpy()

    def _inside(self, columns: dict[str, Array], starts: Array, stops: Array, observed: _Observed, rows: int) -> None:
        inside = self._new("inside", rows)
        found = 0
        for start, stop in zip(starts, stops, strict=True):
            found += sorting.mark_inside(
                columns["person"][start:stop],
                columns["first"][start:stop],
                observed.start,
                observed.first,
                observed.last,
                inside[start:stop],
            )
        if found == int(np.sum(stops - starts)):
            (self.folder / f"{self.table.value}.inside.npy").unlink()
        else:
            columns["inside"] = inside


def _shared_out(spans: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Return concepts, the largest first, in portions that are worth a thread's while."""
    large = [[span] for span in spans if span[1] - span[0] >= _FEW_ROWS]
    small = spans[len(large) :]
    return large + [small[at : at + 200] for at in range(0, len(small), 200)]


def _sort_all(columns: dict[str, Array], spans: list[tuple[int, int]]) -> None:
    for start, stop in spans:
        _sort(columns, start, stop)


def _sort(columns: dict[str, Array], start: int, stop: int) -> None:
    """Sort the rows of one concept where they stand."""
    if stop - start < 2:
        return
    parts = {name: np.array(column[start:stop]) for name, column in columns.items()}
    key = parts["person"].astype(np.int64) << (_DAY_BITS + _MINUTE_BITS)
    key |= parts["first"].astype(np.int64) << _MINUTE_BITS
    if "minute" in parts:
        key |= parts["minute"]
    few = stop - start < _FEW_ROWS
    order = np.argsort(key).astype(np.int32) if few else sorting.sorted_order(key, int(key.max()).bit_length())
    tied = {name: parts.get(name, np.empty(0, dtype=COLUMN_TYPES[name])) for name in _TIED}
    sorting.order_ties(order, key, *tied.values())
    for name, values in parts.items():
        columns[name][start:stop] = values[order]


_FEW_ROWS: Final = 10_000
_TIED: Final = ("value", "last", "unit", "answer", "visit")


def _fitted(name: str, values: Array) -> tuple[Array, bool]:
    """Return values in the pack's type, and whether something of them is lost."""
    if name in ("first", "last"):
        return _clipped(values), bool(np.any(_outside(values)))
    if name in ("unit", "answer"):
        narrow = values.astype(np.int32)
        return narrow, bool(np.any(narrow != values))
    return values, False


def _outside(days: Array) -> Array:
    return np.asarray((days < 1) | (days >= LAST_DAY))


def _clipped(days: Array) -> Array:
    return np.clip(days, 0, LAST_DAY).astype(np.uint16)


def _days_sql(name: str) -> str:
    return f"CAST({name} - DATE '{ORIGIN}' AS INTEGER) AS {name}"


def _save(folder: Path, name: str, array: Array) -> None:
    np.save(folder / f"{name}.npy", array)

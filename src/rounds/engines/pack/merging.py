"""Brings a pack up to date: what was read before is copied, and only files that are new are read.

What comes out is the same byte for byte as a pack built anew. Where that cannot be had for less than building anew, it
is left to building anew, table by table.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from rounds.engines.pack import merge_kernels, sorting
from rounds.engines.pack.build_table import TableBuild, kind_of, write_index
from rounds.engines.pack.columns import Columns
from rounds.engines.pack.files import new_array, room_aside
from rounds.engines.pack.kernels import Moments
from rounds.engines.pack.layout import (
    COLUMN_TYPES,
    FORMAT,
    MANIFEST,
    PART,
    Array,
    empty_array,
    is_whole,
    mapped,
)
from rounds.engines.pack.merge_kernels import MOVED
from rounds.engines.pack.numbering import Known
from rounds.engines.pack.parts import Part, kept_parts
from rounds.engines.pack.reading import Batch
from rounds.engines.pack.workshop import Workshop
from rounds.measures.events import EventTable

_MOST_CHANGED: Final = 0.25
"""Of the rows of a table. With more, building it anew takes no longer."""
_ROWS_AT_ONCE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A pack of the records as they were, and what became of its people."""

    folder: Path
    manifest: Mapping[str, Any]
    numbers: Array
    """Everybody's number now, by the number they had."""
    moved: tuple[Array, Array]
    """Whose place among the others is another one: the numbers they had, and have."""
    gained: bool
    """Whether anybody is counted who was not."""
    lost: Array
    """By the number they have now: 1 for who may have been observed when they are not now."""
    same_care_sites: bool

    @classmethod
    def of(cls, folder: Path, key_name: str, shop: Workshop) -> Self | None:
        """Return a pack to start from; None if it is not whole, or its people cannot be told."""
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            if manifest["format"] != FORMAT or manifest["key"] != key_name or not is_whole(folder, manifest["files"]):
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        marks, now = mapped(folder, "people.mark"), mapped(shop.folder, "people.mark")
        if len(now) == 0:
            return None  # nobody is left
        numbers = room_aside(shop.folder, len(marks), "int32")
        numbers[:] = Known.of(now, aside=shop.folder).numbers(marks)
        there = numbers[numbers >= 0]
        if len(there) and np.bincount(there, minlength=len(now)).max() > 1:
            return None  # two with one mark: it happens once in a million sites
        gained = len(there) < len(now)
        differ = np.zeros(len(marks), dtype=np.bool_)
        for name in ("people.sex", "people.born"):
            differ |= mapped(folder, name) != mapped(shop.folder, name)[numbers]
        moved = np.flatnonzero(differ & (numbers >= 0))
        moved_to = numbers[moved]
        numbers[moved] = MOVED
        start, first, last = (mapped(folder, f"observed.{name}") for name in ("start", "first", "last"))
        observed, lost = shop.observation, np.zeros(len(now), dtype=np.uint8)
        merge_kernels.lost_cover(numbers, start, first, last, observed.start, observed.first, observed.last, lost)
        return cls(
            folder=folder,
            manifest=manifest,
            numbers=numbers,
            moved=(moved, moved_to),
            gained=gained,
            lost=lost,
            same_care_sites=_same(folder, shop.folder, "ids.care_site_id"),
        )

    def parts(self, table: EventTable) -> list[Part]:
        """Return the files of a table as they were."""
        about = self.manifest["tables"].get(table.value)
        return [] if about is None else [Part.of_manifest(said) for said in about["parts"]]


def _same(one: Path, other: Path, name: str) -> bool:
    there = [(folder / f"{name}.npy").exists() for folder in (one, other)]
    return there == [False, False] or (all(there) and np.array_equal(mapped(one, name), mapped(other, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """A table as it was, and where what is left of it goes."""

    table: EventTable
    before: Before
    columns: Mapping[str, Array]
    concepts: Array
    starts: Array
    stops: Array
    parts: list[Part]
    places: Array
    """Where each file stands now, -1 if it is read again or gone."""
    had_inside: bool

    @classmethod
    def of(
        cls, before: Before, table: EventTable, now: list[tuple[str, str]], how: str, stored: list[str]
    ) -> Self | None:
        """Return a table of a pack; None if it was not read in the same way or too much of it is other now."""
        about = before.manifest["tables"].get(table.value)
        if about is None or about["how"] != how or PART not in stored:
            return None
        if "care_site" in stored and not before.same_care_sites:
            return None
        parts = before.parts(table)
        places = kept_parts(parts, now, gained=before.gained)
        if places is None:
            return None
        index = {name: mapped(before.folder, f"{table.value}.{name}") for name in ("concepts", "starts", "stops")}
        columns = {name: mapped(before.folder, f"{table.value}.{name}") for name in stored}
        had_inside = "inside" in about["columns"]
        return cls(
            table=table, before=before, columns=columns, parts=parts, places=places, had_inside=had_inside, **index
        )

    @property
    def rows(self) -> int:
        return len(self.columns["person"])

    def moved(self) -> Batch | None:
        """Return the rows of people whose place is another one."""
        if len(self.before.moved[0]) == 0:
            return None
        asked = self.columns["person"], self.columns[PART], self.before.numbers, self.places
        number = merge_kernels.rows_of_moved(*asked, np.empty(0, dtype=np.int64))
        rows = np.empty(number, dtype=np.int64)
        merge_kernels.rows_of_moved(*asked, rows)

        def read(_: object) -> Columns:
            found = {name: column[rows] for name, column in self.columns.items()}
            had, have = self.before.moved
            found["person"] = have[np.searchsorted(had, found["person"])].astype(np.int32)
            found[PART] = self.places[found[PART]].astype(kind_of(PART))
            found["concept"] = self.concepts[np.searchsorted(self.starts, rows, side="right") - 1]
            return found

        return Batch(part=-1, rows=number, read=read, fitted=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A table that is written."""

    rows: int
    has_inside: bool
    """Whether some of its rows lie outside observation."""
    parts: dict[int, Part]
    """What became of the rows of its files, by the place of each."""


def merge_table(
    shop: Workshop, old: Old, several: list[Batch], stored: list[str], now: list[tuple[str, str]]
) -> Done | None:
    """Write a table as it is now, and return what the manifest says; None if too much of it is other than it was.

    Args:
        shop: what it is built with.
        old: the table as it was.
        several: what there would be to read.
        stored: its columns.
        now: what the disk says of each of its files, and its digest.
    """
    kept = set(old.places[old.places >= 0].tolist())
    added = [batch for batch in several if batch.part not in kept]
    gone = sum(part.rows for part, place in zip(old.parts, old.places, strict=True) if place < 0)
    moved = old.moved()
    if moved is not None and moved.rows:
        added.append(moved)
    if sum(batch.rows for batch in added) + gone > _MOST_CHANGED * old.rows:
        return None
    aside = shop.folder / f"added-{old.table.value}"
    aside.mkdir()
    built = shop.build(aside, old.table, added, stored)
    merge = _Merge.of(shop, old, built, len(now))
    merge.find()
    merge.write(stored)
    has_inside = merge.mark_inside()
    shutil.rmtree(aside)
    found = built.parts(now)
    for number, place in enumerate(old.places.tolist()):
        if place >= 0:
            part = old.parts[number]
            left_out = part.left_out + int(merge.left_out[place])
            found[place] = replace(part, seen=now[place][0], left_out=left_out)
    return Done(rows=merge.rows, has_inside=has_inside, parts=found)


@dataclass(slots=True, kw_only=True, eq=False)
class _Merge:
    """A table while its new rows go among its old."""

    shop: Workshop
    old: Old
    new: TableBuild
    concepts: Array
    spans: Array
    """For each concept where its old rows start and stop, its new ones, and where they go: shape (concepts, 5)."""
    at: Array
    """Before which old row each new one goes."""
    dropped: Array
    """1 for an old row that goes; empty if none can."""
    left_out: Array
    """How many rows of each file go because nobody is counted any more whose they are."""
    rows: int = 0

    @classmethod
    def of(cls, shop: Workshop, old: Old, new: TableBuild, files: int) -> Self:
        index = {name: mapped(new.folder, f"{old.table.value}.{name}") for name in ("concepts", "starts", "stops")}
        concepts = np.union1d(old.concepts, index["concepts"])
        spans = np.zeros((len(concepts), 5), dtype=np.int64)
        for first, ids, starts, stops in (
            (0, old.concepts, old.starts, old.stops),
            (2, index["concepts"], index["starts"], index["stops"]),
        ):
            places = np.searchsorted(concepts, ids)
            spans[places, first], spans[places, first + 1] = starts, stops
        may_drop = bool(np.any(old.places < 0) or np.any(old.before.numbers < 0))
        return cls(
            shop=shop,
            old=old,
            new=new,
            concepts=concepts,
            spans=spans,
            at=room_aside(shop.folder, new.rows, "int64"),
            dropped=room_aside(shop.folder, old.rows if may_drop else 0, "uint8"),
            left_out=np.zeros(files, dtype=np.int64),
        )

    def find(self) -> None:
        """Find where new rows go and which old rows do, and write the index."""
        stay = self.spans[:, 1] - self.spans[:, 0]
        if self.new.rows or len(self.dropped):
            old, new = self.old.columns, self.new.columns
            moments = [
                Moments(**{name: columns.get(name, none[name]) for name in Moments._fields})
                for columns, none in ((old, _NONE_READ), (new, _none_written()))
            ]

            def find(some: slice) -> Array:
                left_out = np.zeros(len(self.left_out), dtype=np.int64)
                merge_kernels.find_places(
                    moments[0], old["person"], old[PART], self.old.before.numbers, self.old.places,
                    moments[1], new["person"], new[PART], self.spans[some], self.at, self.dropped, stay[some], left_out,
                )  # fmt: skip
                return left_out

            for left_out in self.shop.all_of(find, self._portions()):
                self.left_out += left_out
        counts = stay + self.spans[:, 3] - self.spans[:, 2]
        self.spans[:, 4], _ = write_index(self.shop.folder, self.old.table, self.concepts, counts)
        self.rows = int(counts.sum())

    def write(self, stored: list[str]) -> None:
        """Write every column: a file that stays as it was is the same file."""
        same = self.new.rows == 0 and len(self.dropped) == 0
        numbers, places = self.old.before.numbers, self.old.places
        maps = {"person": numbers, PART: places}
        work = []
        for name in stored:
            file = f"{self.old.table.value}.{name}"
            alike = name not in maps or bool(np.array_equal(maps[name], np.arange(len(maps[name]))))
            if same and alike:
                os.link(self.old.before.folder / f"{file}.npy", self.shop.folder / f"{file}.npy")
                continue
            out = new_array(self.shop.folder, file, kind=kind_of(name), length=self.rows)
            work += [(name, None if alike else maps[name], out, some) for some in self._portions()]

        def splice(task: tuple[str, Array | None, Array, slice]) -> None:
            name, of, out, some = task
            columns = self.old.columns[name], self.new.columns[name]
            if of is None:
                merge_kernels.splice(*columns, self.spans[some], self.at, self.dropped, out)
            else:
                merge_kernels.splice_mapped(*columns, of, self.spans[some], self.at, self.dropped, out)

        self.shop.all_of(splice, work)

    def mark_inside(self) -> bool:
        """Say of every row whether it lies in observation, unless all do; return whether not all do."""
        name, ats = f"{self.old.table.value}.inside", range(0, self.rows, _ROWS_AT_ONCE)
        person, first = (mapped(self.shop.folder, f"{self.old.table.value}.{one}") for one in ("person", "first"))
        observed, lost = self.shop.observation, self.old.before.lost
        periods = observed.start, observed.first, observed.last

        def outside(at: int) -> bool:
            some = slice(at, at + _ROWS_AT_ONCE)
            return merge_kernels.any_outside(person[some], first[some], lost, *periods)

        # Where every row lay inside, one may lie outside now only of who is observed less than before.
        all_were = not self.old.had_inside and self.new.inside is None
        if all_were and not (lost.any() and any(self.shop.all_of(outside, ats))):
            return False
        inside = new_array(self.shop.folder, name, kind=COLUMN_TYPES["inside"], length=self.rows)

        def mark(at: int) -> int:
            some = slice(at, at + _ROWS_AT_ONCE)
            return sorting.mark_inside(person[some], first[some], *periods, inside[some])

        if sum(self.shop.all_of(mark, ats)) < self.rows:
            return True
        (self.shop.folder / f"{name}.npy").unlink()
        return False

    def _portions(self) -> list[slice]:
        """Return concepts that are worth a thread's while together."""
        rows = np.cumsum(self.spans[:, 1] - self.spans[:, 0] + self.spans[:, 3] - self.spans[:, 2])
        edges = np.unique(np.searchsorted(rows, np.arange(0, rows[-1] if len(rows) else 0, _ROWS_AT_ONCE), "right"))
        return [slice(int(low), int(high)) for low, high in zip(edges, [*edges[1:], len(rows)], strict=True)]


_NONE_READ: Final = {name: empty_array(COLUMN_TYPES[name]) for name in Moments._fields}


def _none_written() -> dict[str, Array]:
    return {name: np.empty(0, dtype=COLUMN_TYPES[name]) for name in Moments._fields}

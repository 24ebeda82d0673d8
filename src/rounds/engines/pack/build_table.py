"""Builds one table of a pack: its rows are laid aside by people, and then sorted some thousands of people at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Final, Self

import duckdb
import numpy as np

from rounds.engines.pack import sorting
from rounds.engines.pack.days import LAST_DAY
from rounds.engines.pack.files import Aside, new_array, room_aside, save
from rounds.engines.pack.kernels import Moments
from rounds.engines.pack.layout import COLUMN_TYPES, INDEX, Array, empty_array
from rounds.engines.pack.numbering import Met
from rounds.engines.pack.parts import Part
from rounds.engines.pack.people import Observation, People
from rounds.engines.pack.reading import Batch
from rounds.engines.pack.scratch import Scratch
from rounds.errors import RecordsError
from rounds.measures.events import WITH_STAY, WITH_VALUE, WITH_VISIT, EventTable
from rounds.records.quality import Source
from rounds.records.tables import EVENT_TABLES

SORTED_ROWS: Final = 300_000
"""That are sorted at once, if no single slot of people has more: sorting takes some 50 bytes of memory a row."""
_ROWS_A_SLOT: Final = 50_000
_MOST_SLOTS: Final = 4_096
_SLOT_BITS: Final = 16
"""A slot has at most so many bits of people, however few rows they have: as many as are kept of a person aside."""
_AT_CARE_SITES: Final = (EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL)
_KEY_BITS: Final = 62
"""One less than a key has: where the last concept ends must be a number as well."""
_ASIDE: Final = {"person": "uint16"}
"""What is kept aside otherwise than in the pack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """People whose rows of a table are sorted together: those of some slots."""

    slots: slice
    rows: int


@dataclass(slots=True, kw_only=True, eq=False)
class TableBuild:
    """A table while it is built. Several threads may do so."""

    folder: Path
    table: EventTable
    people: People
    scratch: Scratch
    batches: list[Batch]
    within: int
    """Each batch has room for 2**within rows aside."""
    bounds: Array
    """Where among those the rows of each slot begin, shape (batches, slots + 1)."""
    shift: int
    """A slot has 2**shift people."""
    stored: tuple[str, ...]
    """The columns that are written."""
    aside: dict[str, Aside]
    """The rows as they were read, batch by batch, and by slot in each; of a person, their place in the slot."""
    left_out: Array
    """How many rows of each batch are of people who are not counted."""
    unplaced: Array
    """How many rows of each batch are at care sites that nobody knows."""
    vague: list[set[str]]
    """Columns of each batch with something that the pack's types cannot hold."""
    concepts: Met = field(default_factory=Met)
    rows: int = 0
    """Of people who are counted; known once everything is read."""
    columns: dict[str, Array] = field(default_factory=dict)
    inside: Array | None = None
    _read: dict[str, Array] = field(default_factory=dict)
    _ranks: Array = field(default_factory=lambda: empty_array("int32"))
    _opening: Lock = field(default_factory=Lock)

    @classmethod
    def planned(
        cls,
        folder: Path,
        table: EventTable,
        people: People,
        several: list[Batch],
        stored: list[str],
        scratch: Scratch,
    ) -> Self:
        """Return a table with room aside for every row of some batches, and none read yet."""
        rows = [batch.rows for batch in several]
        slots = min(max(1, sum(rows) // _ROWS_A_SLOT), _MOST_SLOTS)
        shift = min(_bits(-(-len(people) // slots)), _SLOT_BITS)
        slots = -(-len(people) >> shift)
        within = _bits(max(rows, default=0))
        return cls(
            folder=folder,
            table=table,
            people=people,
            scratch=scratch,
            batches=several,
            within=within,
            bounds=room_aside(folder, len(several) * (slots + 1), "int64").reshape(len(several), slots + 1),
            shift=shift,
            stored=tuple(stored),
            aside={
                name: Aside(folder, len(several) << within, _ASIDE.get(name) or kind_of(name))
                for name in ("concept", *stored)
            },
            left_out=np.zeros(len(several), dtype=np.int64),
            unplaced=np.zeros(len(several), dtype=np.int64),
            vague=[set() for _ in several],
        )

    def read(self, number: int, connection: duckdb.DuckDBPyConnection) -> None:
        """Lay the rows of a batch aside. Those of people who are not counted are left out."""
        batch = self.batches[number]
        found = batch.read(connection)
        found["concept"] = self.concepts.numbers(found["concept"])
        found["person"] = self.people.known.numbers(found.pop("person_id"))
        if "care_site" in self.aside and self.people.care_sites is not None:
            named, found["care_site"] = found["care_site"], self.people.care_sites.numbers(found["care_site"])
            self.unplaced[number] = np.count_nonzero((named != -1) & (found["care_site"] == -1))
        for name, values in found.items():
            found[name], lost = _fitted(name, values)
            if lost:
                self.vague[number].add(name)
        bounds, start = self.bounds[number], number << self.within
        order = self.scratch.array("order", len(found["person"]), "int32")
        sorting.by_slot(found["person"], self.shift, bounds, order)
        order = order[: bounds[-1]]
        self.left_out[number] = len(found["person"]) - len(order)
        for name, aside in self.aside.items():
            values = found.pop(name)
            values.setflags(write=False)  # kernels are compiled for each kind of array apart
            picked = self.scratch.array("picked", len(order), aside.kind.str)
            if name == "person":
                sorting.pick_within(values, (1 << self.shift) - 1, order, picked)
            else:
                sorting.pick(values, order, picked)
            aside.write(start, picked)
        bounds += start

    def chunks(self) -> list[Chunk]:
        """Return what is to be sorted, when everything is read."""
        number = (self.bounds[:, 1:] - self.bounds[:, :-1]).sum(axis=0, dtype=np.int64)
        _, self._ranks = self.concepts.ranked()
        self.rows = int(number.sum())
        self._read = {name: aside.mapped() for name, aside in self.aside.items()}
        return [Chunk(slots=slots, rows=int(number[slots].sum())) for slots in self._slots(number)]

    def _slots(self, number: Array) -> Iterator[slice]:
        most = 1 << max(0, _KEY_BITS - self._row_bits - _bits(len(self._ranks)) - self.shift)
        if _bits(len(self._ranks)) + self.shift + self._row_bits > _KEY_BITS:
            raise RecordsError(f"{self.table} has {len(self._ranks):,} different concepts, more than can be indexed")
        first, rows = 0, 0
        for slot, more in enumerate(number.tolist()):
            if slot > first and (rows + more > SORTED_ROWS or slot - first == most):
                yield slice(first, slot)
                first, rows = slot, 0
            rows += more
        if rows:
            yield slice(first, len(number))

    @property
    def _row_bits(self) -> int:
        return self.within + _bits(len(self.batches))

    def make_room(self, name: str) -> None:
        """Make room for a column, when it is known how many rows there are."""
        self.columns[name] = self._new(name)

    def _pieces(self, chunk: Chunk) -> Array:
        return np.ascontiguousarray(self.bounds[:, chunk.slots.start : chunk.slots.stop + 1])

    def count(self, chunk: Chunk) -> Array:
        """Return how many rows each concept has in a chunk, in the order of their ids."""
        counts = np.zeros(len(self._ranks), dtype=np.int64)
        sorting.count_ranks(self._read["concept"], self._pieces(chunk), self._ranks, counts)
        return counts

    def sort(self, chunk: Chunk, places: Array, observation: Observation) -> None:
        """Sort the rows of a chunk and put them where each concept's go."""
        base, slots = chunk.slots.start << self.shift, chunk.slots.stop - chunk.slots.start
        of_row, of_person = self._row_bits, _bits(slots << self.shift)
        bits = np.array([of_person, of_row])
        key, other, row = (self.scratch.array(name, chunk.rows, "int64") for name in ("key", "other", "row"))
        asked = self._read["concept"], self._read["person"], self._pieces(chunk), self._ranks
        sorting.make_keys(*asked, self.shift, bits, key)
        key = sorting.sort_keys(key, other, of_row, of_row + of_person + _bits(len(self._ranks)))
        moments = Moments(**{name: self._read.get(name, empty_array(COLUMN_TYPES[name])) for name in Moments._fields})
        at = self.scratch.array("at", chunk.rows, "int32")
        sorting.order_moments(key, of_row, moments, at)
        stops = np.searchsorted(key, np.arange(1, len(self._ranks) + 1) << (of_row + of_person))
        told = {name: self.scratch.array(name, chunk.rows, kind_of(name)) for name in ("person", "first", "minute")}
        sorting.take_apart(key, at, base, bits, row, *told.values())
        for name, column in self.columns.items():
            if (values := told.get(name)) is None:
                values = self.scratch.array("values", chunk.rows, kind_of(name))
                sorting.pick(self._read[name], row, values)
            sorting.put_down(values, stops, places, column)
        inside = self.scratch.array("inside", chunk.rows, "uint8")
        periods = observation.start, observation.first, observation.last
        if sorting.mark_inside(told["person"], told["first"], *periods, inside) < chunk.rows:
            sorting.put_down(inside, stops, places, self._inside())

    def _inside(self) -> Array:
        """Return the column that says which rows lie in observation: all of them, until somebody says otherwise."""
        with self._opening:
            if self.inside is None:
                self.inside = self._new("inside")
                self.inside[:] = 1
            return self.inside

    def _new(self, name: str) -> Array:
        return new_array(self.folder, f"{self.table.value}.{name}", kind=kind_of(name), length=self.rows)

    def finish(self, counts: Array) -> None:
        """Write the index."""
        self.aside.clear()
        self._read.clear()
        concepts, _ = self.concepts.ranked()
        stops, met = np.cumsum(counts, dtype=np.int64), counts > 0
        codes = np.arange(np.count_nonzero(met), dtype=np.int32)
        write_index(self.folder, self.table, concepts[met], codes, (stops - counts)[met], stops[met])

    def parts(self, now: Sequence[Part]) -> dict[int, Part]:
        """Return what became of the rows of the files that were read, by the place of each."""
        found: dict[int, Part] = {}
        read = zip(self.batches, self.left_out.tolist(), self.unplaced.tolist(), self.vague, strict=True)
        for batch, left_out, unplaced, vague in read:
            one = found.get(batch.part, now[batch.part])
            found[batch.part] = replace(
                one,
                left_out=one.left_out + left_out,
                unplaced=one.unplaced + unplaced,
                vague=tuple(sorted({*one.vague, *vague})),
            )
        return found


def _fitted(name: str, values: Array) -> tuple[Array, bool]:
    """Return values in the pack's type, and whether something of them is lost."""
    if name in ("first", "last"):
        days = np.empty(len(values), dtype=COLUMN_TYPES[name])
        return days, bool(sorting.clip(values, LAST_DAY, days))
    if name in ("unit", "answer") and values.dtype != np.int32:
        narrow = values.astype(np.int32)
        return narrow, bool(np.any(narrow != values))
    return values, False


def write_index(folder: Path, table: EventTable, *index: Array) -> None:
    """Write the concepts of a table, and of its runs the concept and where they start and stop."""
    for name, column in zip(INDEX, index, strict=True):
        save(folder, f"{table.value}.{name}", column)


def kind_of(name: str) -> str:
    """Return the type of a column."""
    return "int32" if name == "concept" else COLUMN_TYPES[name]


def stored_columns(table: EventTable, source: Source, *, has_care_sites: bool) -> list[str]:
    """Return the columns that a pack has of a table, but not `inside`."""
    of = EVENT_TABLES[table]
    shown = {
        "last": of.end is not None and (of.column(of.end).required or of.end not in source.missing),
        "minute": of.time is not None and of.time not in source.missing,
        "value": table in WITH_VALUE,
        "unit": table in WITH_VALUE,
        "answer": table in WITH_VALUE,
        "visit": table in WITH_VISIT,
        "stay": table in WITH_STAY and of.stay not in source.missing,
        "care_site": has_care_sites and table in _AT_CARE_SITES and "care_site_id" not in source.missing,
    }
    return ["person", "first", *(name for name, there in shown.items() if there)]


def _bits(number: int) -> int:
    """Return how many bits tell so many things apart."""
    return max(number - 1, 0).bit_length()

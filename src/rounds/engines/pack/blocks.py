"""A block: some thousands of people with consecutive numbers, few enough that what is held of them stays small."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from rounds.engines.pack.days import EVERY_BIT, Masks
from rounds.engines.pack.kernels import Moments, block_bounds
from rounds.engines.pack.layout import Array, Pack, PackTable
from rounds.engines.pack.row_kernels import kept, merged

BLOCK_PEOPLE = 65_536


@dataclass(slots=True, kw_only=True, eq=False)
class Coded:
    """The rows of one table that carry one of some codes."""

    key: Hashable
    """What was asked for."""
    table: PackTable
    places: Array
    """Where the runs of the concepts stand in the table's index."""
    edges: Array
    """The first person of each block, and the number of people."""
    _bounds: Array | None = None

    def of_block(self, number: int) -> tuple[Array, Array]:
        """Return where each run's rows of a block start and stop."""
        return self.bounds[:, number].copy(), self.bounds[:, number + 1].copy()

    @property
    def bounds(self) -> Array:
        """Where each block's rows begin, shape (runs, blocks + 1); found when first asked for."""
        if self._bounds is None:
            self._bounds = self._found()
        return self._bounds

    def _found(self) -> Array:
        starts, stops = self.table.starts[self.places].copy(), self.table.stops[self.places].copy()
        bounds = np.empty((len(self.places), len(self.edges)), dtype=np.int64)
        block_bounds(self.table.columns["person"], starts, stops, self.edges, bounds)
        return bounds


def coded(key: Hashable, table: PackTable, concepts: tuple[int, ...] | None, edges: Array) -> Coded:
    """Return the rows of some concepts, or of all.

    Args:
        key: what was asked for.
        table: where they are.
        concepts: sorted; None for every row.
        edges: the first person of each block, and the number of people.
    """
    if concepts is None:
        places = np.arange(len(table.starts))
    else:
        wanted = np.zeros(len(table.concepts), dtype=np.bool_)
        wanted[places_of(np.asarray(concepts, dtype=np.int64), table.concepts)] = True
        places = np.flatnonzero(wanted[table.codes])
    return Coded(key=key, table=table, places=places, edges=edges)


def places_of(wanted: Array, known: Array) -> Array:
    """Return where the wanted numbers that are known stand; both are sorted."""
    places = np.searchsorted(known, wanted)
    wanted, places = wanted[places < len(known)], places[places < len(known)]
    found: Array = places[known[places] == wanted]
    return found


def block_edges(people: int) -> Array:
    return np.minimum(np.arange(0, people + BLOCK_PEOPLE, BLOCK_PEOPLE), people)


def moments_of(table: PackTable) -> Moments:
    """Return what orders the rows of a table."""
    return Moments(**{name: table.columns[name] for name in Moments._fields})


@dataclass(slots=True, kw_only=True, eq=False)
class Block:
    """What has been worked out for a block so far, by the step that did."""

    pack: Pack
    number: int
    base: int
    people: int
    rows: dict[object, "RowSet"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowSet:
    """Rows of a block by person and moment: their places in the table, and where each person's begin."""

    block: Block
    table: PackTable
    at: Array
    begin: Array

    def column(self, name: str) -> Array:
        """Return a column of these rows; an empty array if the table has none, except that rows end when they begin."""
        if name == "last" and not self.table.has("last"):
            name = "first"
        whole = self.table.columns[name]
        return whole[self.at] if len(whole) else whole

    def minutes(self) -> Array:
        found = self.column("minute")
        return found if len(found) else np.zeros(len(self.at), dtype=np.uint16)

    def codes(self) -> Array:
        """Return the place of each row's concept among those of its table; -1 where rows have none."""
        if not len(self.table.starts):
            return np.full(len(self.at), -1, dtype=np.int32)
        return np.asarray(self.table.codes[np.searchsorted(self.table.starts, self.at, side="right") - 1])

    def days(self, name: str) -> Array:
        return self.column(name).astype(np.int64)

    def person(self) -> Array:
        """Return the number of each row's person."""
        return self.column("person").astype(np.int64)

    def where(self, flags: Array, *, first: bool) -> "RowSet":
        """Return the rows that are flagged, or only everybody's first of them."""
        out, begin = np.empty(len(self.at), dtype=np.int64), np.empty(len(self.begin), dtype=np.int64)
        number = kept(self.at, self.begin, flags, first, out, begin)
        return RowSet(block=self.block, table=self.table, at=out[:number].copy(), begin=begin)


def rows_of(block: Block, found: Coded, of_first: Masks = EVERY_BIT, of_last: Masks = EVERY_BIT) -> RowSet:
    """Return the rows of a block in their order; only those of which the masks of first and last day share a bit."""
    starts, stops = found.of_block(block.number)
    begin = np.zeros(block.people + 1, dtype=np.int64)
    some, table = stops > starts, found.table
    order = moments_of(table)
    person = table.columns["person"]
    rows = merged(
        starts[some], stops[some], block.base, person, order, table.first, of_first, table.last, of_last, begin
    )
    return RowSet(block=block, table=table, at=rows, begin=begin)


def only(block: Block, table: PackTable, best: Array) -> RowSet:
    """Return at most one row of everybody of a block: -1 for none."""
    begin = np.zeros(block.people + 1, dtype=np.int64)
    np.cumsum(best >= 0, out=begin[1:])
    return RowSet(block=block, table=table, at=best[best >= 0], begin=begin)

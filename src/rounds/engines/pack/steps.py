"""Steps that give everybody a mask, one bit a period: some are done by the program, some worked out before it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from rounds.engines.pack.blocks import Block, Coded, RowSet, moments_of, only, rows_of
from rounds.engines.pack.choice_kernels import Asked, of_chosen_rows
from rounds.engines.pack.days import DAYS, Masks, days_of_year, unless_every, years
from rounds.engines.pack.kernels import Sieve, counted_days, first_rows, of_first_days, of_rows, of_spans, over_days
from rounds.engines.pack.layout import Array, empty_array
from rounds.engines.pack.levels import Levels
from rounds.engines.pack.orders import ordered
from rounds.engines.pack.row_kernels import CHOOSE, people_having
from rounds.measures.choices import Distinct
from rounds.measures.criteria import Has
from rounds.measures.groupings import Grouping


class Worked(Protocol):
    """A step that is worked out for a whole block before its program runs."""

    def masks(self, block: Block, out: Masks) -> None:
        """Write the masks of a block, for which there is room with anything in it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """A step as others ask for it: the same criterion in the same periods is the same object."""

    step: "Step"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SameInRange:
    """A mask that everybody of one sex and year of birth shares."""

    of_range: Masks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByBirth:
    """A mask that everybody born on a day shares."""

    of_day: Masks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combined:
    """The periods in which at least so many of some steps hold."""

    of: tuple[Shared, ...]
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrary:
    """The periods in which a step does not hold."""

    of: Shared


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InObservation:
    """The windows that somebody's observation covers."""

    of_first: Masks
    of_last: Masks

    def masks(self, block: Block, out: Masks) -> None:
        pack = block.pack
        out.fill(0)
        of_spans(
            out,
            block.base,
            pack.observed_start,
            pack.observed_first,
            pack.observed_last,
            self.of_first,
            self.of_last,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OfLevel:
    """Every period for those who are of some levels of a grouping, and none for others."""

    levels: Levels
    grouping: Grouping
    wanted: Masks
    """By level."""

    def masks(self, block: Block, out: Masks) -> None:
        out[:] = self.wanted[self.levels.of_people(self.grouping, block)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HavingAny:
    """The windows in which somebody has so many rows that pass a sieve: one pass over the rows, in any order."""

    coded: Coded
    sieve: Sieve | None
    """None if every row passes that `inside` lets pass; then the program looks at the rows itself."""
    inside: bool
    """Without a sieve, whether the rows must begin in an observation period."""
    of_first: Masks
    of_last: Masks
    at_least: int

    def masks(self, block: Block, out: Masks) -> None:
        if self.sieve is None:
            raise TypeError("rows without a sieve are the program's")
        out.fill(0)
        starts, stops = self.coded.of_block(block.number)
        table = self.coded.table
        person, first, last = table.columns["person"], table.first, table.last
        rows = block.base, starts, stops, person, first, self.of_first, last, self.of_last, self.sieve
        if self.at_least == 1:
            over_days(out, *rows)
        else:
            layers = np.zeros((block.people, self.at_least), dtype=np.uint64)
            counted_days(layers, *rows)
            out[:] = layers[:, -1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HavingFirstDay:
    """The windows in which somebody's first row of all begins, at some age: a day says all that is asked of the row."""

    coded: Coded
    inside: bool
    """Whether rows must begin in an observation period."""
    of_first: Masks
    low: int
    high: int
    birthdays: bool
    """Whether ages are those of birthdays, not of years."""

    def masks(self, block: Block, out: Masks) -> None:
        starts, stops = self.coded.of_block(block.number)
        column, pack = self.coded.table.columns, block.pack
        room = np.empty(block.people + 1, dtype=np.int32)
        of_first_days(
            out,
            np.full(block.people, DAYS, dtype=np.int32),
            room,
            block.base,
            starts,
            stops,
            column["person"],
            column["first"],
            column["inside"] if self.inside else _ALL_INSIDE,
            self.of_first,
            years(),
            days_of_year(),
            pack.born,
            pack.birth,
            self.low,
            self.high,
            self.birthdays,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HavingFirst:
    """The windows that somebody's first row of all lies in."""

    coded: Coded
    sieve: Sieve
    """What the first row is the first of."""
    provided: Sieve
    """What it must be besides; the rest is in `besides`."""
    besides: Callable[[RowSet], Array] | None
    of_first: Masks
    of_last: Masks

    def masks(self, block: Block, out: Masks) -> None:
        out.fill(0)
        best = np.full(block.people, -1, dtype=np.int64)
        starts, stops = self.coded.of_block(block.number)
        table = self.coded.table
        first_rows(best, block.base, starts, stops, table.columns["person"], moments_of(table), self.sieve)
        if self.besides is not None:
            rows = only(block, table, best)
            best[best >= 0] = np.where(self.besides(rows), rows.at, -1)
        of_rows(out, best, table.first, self.of_first, table.last, self.of_last, self.provided)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HavingChosen:
    """The windows in which somebody's first row, or last, passes a sieve: one pass over rows in order."""

    coded: Coded
    sieve: Sieve
    """What rows are asked about."""
    provided: Sieve
    """What the one that is chosen must be."""
    of_first: Masks
    of_last: Masks
    last: bool

    def listed(self, block: Block, who: Array, masks: Masks) -> int:
        """List people of a block who have bits, and their masks, in their order; return how many they are."""
        starts, stops = self.coded.of_block(block.number)
        table, one_part = self.coded.table, len(starts) == 1
        rows = _NO_ROWS if one_part else rows_of(block, self.coded, self.of_first, self.of_last).at
        number = of_chosen_rows(
            who,
            masks,
            block.base,
            starts[0] if one_part else 0,
            stops[0] - starts[0] if one_part else len(rows),
            rows,
            table.columns["person"],
            moments_of(table),
            Asked(unless_every(self.of_first), table.last, unless_every(self.of_last), self.sieve),
            self.provided,
            self.last,
        )
        return int(number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HavingRows:
    """The windows in which somebody has rows, in the general case: rows are brought into order, person by person."""

    rows: Callable[[Block], RowSet]
    provided: Callable[[RowSet], Array] | None
    of_first: Masks
    of_last: Masks
    asked: Has

    def masks(self, block: Block, out: Masks) -> None:
        out.fill(0)
        found = ordered(self.rows(block), self.asked)
        rows = found.rows
        flags = np.ones(len(rows.at), dtype=np.bool_) if self.provided is None else self.provided(rows)
        people_having(
            out,
            rows.begin,
            rows.column("first"),
            found.minutes,
            rows.column("last"),
            flags,
            found.once,
            self.of_first,
            self.of_last,
            CHOOSE[self.asked.choose],
            self.asked.at_least,
            self.asked.distinct is not Distinct.ROWS,
        )


_ALL_INSIDE: Final = empty_array("uint8")
_NO_ROWS: Final = np.empty(0, dtype=np.int64)

Step = SameInRange | ByBirth | Combined | Contrary | HavingChosen | Worked

"""Steps that give everybody of a block a mask, one bit a period. Steps are shared, so each is worked out once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rounds.engines.pack.blocks import Block, Coded, RowSet, moments_of, only
from rounds.engines.pack.days import EVERY_BIT, Masks
from rounds.engines.pack.kernels import Sieve, counted_days, first_rows, of_rows, of_spans, on_a_day, over_days
from rounds.engines.pack.layout import Array
from rounds.engines.pack.row_kernels import people_having


class Step(Protocol):
    """Gives the masks of a block, in an array that is its caller's from then on."""

    def masks(self, block: Block) -> Masks: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Shared:
    """A step and how often it is asked for: what it gave is kept until the last time."""

    step: Step
    uses: int = 0

    def masks(self, block: Block) -> Masks:
        """Return the masks, to be read until `done` is called with them."""
        if self.uses < 2:
            return self.step.masks(block)
        if self not in block.masks:
            block.masks[self] = self.step.masks(block)
            block.left[self] = self.uses
        return block.masks[self]

    def done(self, block: Block, masks: Masks) -> None:
        """Say that one of those who asked has read the masks."""
        if self.uses >= 2:
            block.left[self] -= 1
            if block.left[self] > 0:
                return
            del block.masks[self]
        block.give_back(masks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SameInRange:
    """A mask that everybody of one sex and year of birth shares."""

    of_range: Masks

    def masks(self, block: Block) -> Masks:
        ranges = block.pack.ranges
        stop = block.base + block.people
        low = int(np.searchsorted(ranges, block.base, side="right")) - 1
        high = int(np.searchsorted(ranges, stop, side="left"))
        edges = np.clip(ranges[low : high + 1], block.base, stop)
        return np.repeat(self.of_range[low:high], np.diff(edges))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByBirth:
    """A mask that everybody born on a day shares."""

    of_day: Masks

    def masks(self, block: Block) -> Masks:
        found: Masks = self.of_day[block.pack.birth[block.span]]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InObservation:
    """The windows that somebody's observation covers."""

    of_first: Masks
    of_last: Masks

    def masks(self, block: Block) -> Masks:
        out, pack = block.none(), block.pack
        of_spans(
            out,
            block.base,
            pack.observed_start,
            pack.observed_first,
            pack.observed_last,
            self.of_first,
            self.of_last,
        )
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HavingAny:
    """The windows in which somebody has so many rows that pass a sieve: one pass over the rows, in any order."""

    coded: Coded
    sieve: Sieve | None
    """None if every row passes."""
    no_sieve: Sieve
    of_first: Masks
    of_last: Masks
    at_least: int

    def masks(self, block: Block) -> Masks:
        out = block.none()
        starts, stops = self.coded.of_block(block.number)
        table = self.coded.table
        person, first, last = table.columns["person"], table.first, table.last
        if self.sieve is None and self.at_least == 1 and self.of_last is EVERY_BIT:
            on_a_day(out, block.base, starts, stops, person, first, self.of_first)
        elif self.sieve is None and self.at_least == 1 and self.of_first is EVERY_BIT:
            on_a_day(out, block.base, starts, stops, person, last, self.of_last)
        else:
            rows = (out, block.base, starts, stops, person, first, self.of_first, last, self.of_last)
            sieve = self.sieve or self.no_sieve
            if self.at_least == 1:
                over_days(*rows, sieve)
            else:
                counted_days(*rows, sieve, self.at_least)
        return out


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

    def masks(self, block: Block) -> Masks:
        out, best = block.none(), np.full(block.people, -1, dtype=np.int64)
        starts, stops = self.coded.of_block(block.number)
        table = self.coded.table
        first_rows(best, block.base, starts, stops, table.columns["person"], moments_of(table), self.sieve)
        if self.besides is not None:
            rows = only(block, table, best)
            best[best >= 0] = np.where(self.besides(rows), rows.at, -1)
        of_rows(out, best, table.first, self.of_first, table.last, self.of_last, self.provided)
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HavingRows:
    """The windows in which somebody has rows, in the general case: rows are brought into order, person by person."""

    rows: Callable[[Block], RowSet]
    provided: Callable[[RowSet], Array] | None
    of_first: Masks
    of_last: Masks
    choose: int
    at_least: int
    days: bool

    def masks(self, block: Block) -> Masks:
        out, rows = block.none(), self.rows(block)
        flags = np.ones(len(rows.at), dtype=np.bool_) if self.provided is None else self.provided(rows)
        people_having(
            out,
            rows.begin,
            rows.column("first"),
            rows.minutes(),
            rows.column("last"),
            flags,
            self.of_first,
            self.of_last,
            self.choose,
            self.at_least,
            self.days,
        )
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combined:
    """The periods in which at least so many of some steps hold."""

    of: tuple[Shared, ...]
    at_least: int

    def masks(self, block: Block) -> Masks:
        if self.at_least not in (1, len(self.of)):
            return self._counted(block)
        join = np.bitwise_or if self.at_least == 1 else np.bitwise_and
        out = block.some()
        for place, part in enumerate(self.of):
            masks = part.masks(block)
            if place == 0:
                np.copyto(out, masks)
            else:
                join(out, masks, out=out)
            part.done(block, masks)
        return out

    def _counted(self, block: Block) -> Masks:
        layers = [block.none() for _ in range(self.at_least)]
        for part in self.of:
            masks = part.masks(block)
            for place in range(self.at_least - 1, 0, -1):
                layers[place] |= layers[place - 1] & masks
            layers[0] |= masks
            part.done(block, masks)
        return layers[-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrary:
    """The periods in which a step does not hold."""

    of: Shared

    def masks(self, block: Block) -> Masks:
        masks = self.of.masks(block)
        found: Masks = np.invert(masks, out=block.some())
        self.of.done(block, masks)
        return found

"""Turns the steps of a round's measures into one program of a kernel, in which what several share is done once.

Rows are what takes time, so they are shared by concept: two code lists that have a concept in common look at its rows
once. Concepts that are asked for by the same lists form one group, so that a list of thousands is still one scan.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from rounds.engines.pack.cells import Cells
from rounds.engines.pack.concept_classes import Classes, key_of, leaves
from rounds.engines.pack.days import EVERY_BIT, Masks, years
from rounds.engines.pack.layout import Array, Pack, PackTable
from rounds.engines.pack.leveled import LeveledTallies
from rounds.engines.pack.program_kernels import (
    AND,
    AND_NOT,
    CLEAR,
    COUNT,
    FIRST_DAY,
    KEEP,
    LISTED,
    NOT,
    OF_BIRTH,
    OF_RANGE,
    OR,
    SCAN,
    TALLY,
    TALLY_LEVELED,
    UNITE,
)
from rounds.engines.pack.steps import (
    ByBirth,
    Combined,
    Contrary,
    HavingAny,
    HavingChosen,
    HavingFirstDay,
    SameInRange,
    Shared,
    Worked,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """People to be counted by group: those who are asked about, and of them those who meet the numerator."""

    asked: Shared
    met: Shared | None
    """None for the denominator."""
    chunk: int
    """Which of the chunks of periods."""
    periods: int
    cells: Cells = field(default_factory=Cells)


@dataclass(slots=True, kw_only=True, eq=False)
class _Value:
    """Masks in layers, and the last operation that reads them. Below 0 is a place of masks that are given."""

    layers: int = 1
    last_use: int = -1
    place: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class _Operation:
    kind: int
    out: "_Value | int"
    reads: tuple[tuple[_Value, int], ...] = ()
    """What it reads, and which layer."""
    numbers: tuple[int, ...] = ()
    fresh: bool = True
    """Whether what it writes begins with it."""


@dataclass(slots=True, kw_only=True, eq=False)
class Program:
    """What is done to every block. Made once for a batch; each worker has a runner of its own."""

    pack: Pack
    groups: Array
    """The group of every range of people, shape (chunks of periods, ranges of people, periods)."""
    group_number: int
    tallies: Sequence[Tally]
    leveled: LeveledTallies
    kept: Sequence[Shared] = ()
    """Masks that are laid by for others, block by block."""
    begins: dict[int, int] = field(default_factory=dict)
    """Where the totals of each tally by level begin."""
    given: list[Worked] = field(default_factory=list)
    listed: list[HavingChosen] = field(default_factory=list)
    _operations: list[_Operation] = field(default_factory=list)
    _values: dict[Hashable, tuple[_Value, int]] = field(default_factory=dict)
    tables: list[PackTable] = field(default_factory=list)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    of_days: list[Masks] = field(default_factory=list)
    of_ranges: list[Masks] = field(default_factory=list)
    within: list[Array] = field(default_factory=list)
    """For each age that is asked for, its first and its last day of every range of people."""
    _classes: dict[Hashable, Classes] = field(default_factory=dict)
    _of_classes: dict[tuple[Hashable, int], _Value] = field(default_factory=dict)
    """What was scanned of each group of concepts."""
    places: int = 0
    most_layers: int = 1
    operations: Array = field(default_factory=lambda: np.empty((0, 8), dtype=np.int64))

    def __post_init__(self) -> None:
        roots = [root for tally in self.tallies for root in (tally.asked, tally.met) if root is not None]
        self._classify(leaves([*roots, *self.kept]))
        for number, tally in enumerate(self.tallies):
            asked = self._value(tally.asked)
            met = asked if tally.met is None else self._value(tally.met)
            numbers: tuple[int, ...] = (tally.chunk, tally.periods)
            if tally.cells.groupings:
                self.begins[number], kind = self.leveled.add(tally.cells, tally.periods)
                numbers = (*numbers, kind, tally.cells.number)
                self._do(_Operation(kind=TALLY_LEVELED, out=self.begins[number], reads=(asked, met), numbers=numbers))
            else:
                self._do(_Operation(kind=TALLY, out=number, reads=(asked, met), numbers=numbers))
        for place, shared in enumerate(self.kept):
            mask = self._value(shared)
            self._do(_Operation(kind=KEEP, out=place, reads=(mask, mask)))
        self.operations = self._placed()

    @property
    def word(self) -> type[np.unsignedinteger[Any]]:
        """The smallest type with a bit for every period: the fewer bits, the more people at once."""
        most = self.groups.shape[2]
        return np.uint16 if most <= 16 else np.uint32 if most <= 32 else np.uint64

    def _do(self, operation: _Operation) -> None:
        for value, _ in operation.reads:
            value.last_use = len(self._operations)
        if isinstance(operation.out, _Value):
            operation.out.last_use = max(operation.out.last_use, len(self._operations))
        self._operations.append(operation)

    def _made(self, kind: int, *reads: tuple[_Value, int], numbers: tuple[int, ...] = ()) -> tuple[_Value, int]:
        out = _Value()
        self._do(_Operation(kind=kind, out=out, reads=reads, numbers=numbers))
        return out, 0

    def _value(self, shared: Shared) -> tuple[_Value, int]:
        known = self._values.get(shared)
        if known is None:
            known = self._values[shared] = self._worked_out(shared)
        return known

    def _worked_out(self, shared: Shared) -> tuple[_Value, int]:
        match shared.step:
            case SameInRange(of_range=masks):
                return self._made(OF_RANGE, numbers=(_place(self.of_ranges, masks), 0))
            case ByBirth(of_day=masks):
                return self._made(OF_BIRTH, numbers=(_place(self.of_days, masks), 0))
            case Contrary(of=one):
                return self._without(one)
            case Combined() as combined:
                return self._combined(combined)
            case HavingFirstDay(birthdays=False) as having:
                return self._first_day(having)
            case HavingChosen() as having:
                self.listed.append(having)
                return self._made(LISTED, numbers=(len(self.listed) - 1, 0))
            case HavingAny(sieve=None) as having:
                return self._of_class(having)
            case step:
                self.given.append(step)
                return _Value(place=-len(self.given)), 0

    def _combined(self, combined: Combined) -> tuple[_Value, int]:
        if combined.at_least not in (1, len(combined.of)):
            return self._counted(combined)
        if combined.at_least == 1 and len(combined.of) > 1:
            return self._joined(OR, [self._value(part) for part in combined.of])
        plain = [self._value(part) for part in combined.of if not isinstance(part.step, Contrary)]
        without = [part.step.of for part in combined.of if isinstance(part.step, Contrary)]
        if not plain:
            plain, without = [self._without(without[0])], without[1:]
        found = self._joined(AND, plain)
        for part in without:
            found = self._made(AND_NOT, found, self._value(part))
        return found

    def _without(self, one: Shared) -> tuple[_Value, int]:
        value = self._value(one)
        return self._made(NOT, value, value)

    def _joined(self, kind: int, several: Sequence[tuple[_Value, int]]) -> tuple[_Value, int]:
        found = several[0]
        for other in several[1:]:
            found = self._made(kind, found, other)
        return found

    def _counted(self, combined: Combined) -> tuple[_Value, int]:
        parts = [self._value(part) for part in combined.of]
        self.most_layers = max(self.most_layers, combined.at_least)
        out = _Value(layers=combined.at_least)
        self._do(_Operation(kind=CLEAR, out=out, numbers=(combined.at_least, 0)))
        for part in parts:
            self._do(_Operation(kind=COUNT, out=out, reads=(part,), numbers=(combined.at_least,), fresh=False))
        return out, combined.at_least - 1

    def _classify(self, having: Iterable[HavingAny]) -> None:
        """Group the concepts that are asked for with the same windows by who asks for them."""
        together: dict[Hashable, list[HavingAny]] = defaultdict(list)
        for one in having:
            together[key_of(one)].append(one)
        for key, several in together.items():
            self._classes[key] = Classes.of_steps(several)

    def _of_class(self, having: HavingAny) -> tuple[_Value, int]:
        key = key_of(having)
        classes, groups = self._classes[key], []
        for number in classes.of[having.coded.key, having.at_least]:
            if (key, number) not in self._of_classes:
                concepts, layers = classes.groups[number]
                self._of_classes[key, number] = self._scanned(having, concepts, layers)
            groups.append(self._of_classes[key, number])
        if len(groups) == 1:
            return groups[0], having.at_least - 1
        if not groups:  # nobody at the site has any of the codes
            return self._scanned(having, np.empty(0, dtype=np.int64), 1), 0
        return self._united(groups, having.at_least), having.at_least - 1

    def _placed(self) -> Array:
        """Give every value a place that nothing else needs meanwhile, and return the operations as numbers."""
        free: list[int] = []
        ending: dict[int, list[_Value]] = defaultdict(list)
        rows = []
        for number, operation in enumerate(self._operations):
            if operation.fresh and isinstance(operation.out, _Value):
                operation.out.place = self._room(free, operation.out.layers)
                ending[operation.out.last_use].append(operation.out)
            to = operation.out.place if isinstance(operation.out, _Value) else operation.out
            read = [value.place + layer for value, layer in operation.reads]
            row = [operation.kind, to, *read, *operation.numbers]
            rows.append(row + [0] * (8 - len(row)))
            for value in ending.pop(number, ()):
                free.extend(range(value.place, value.place + value.layers))
        return np.array(rows, dtype=np.int64).reshape(-1, 8)

    def _room(self, free: list[int], layers: int) -> int:
        if layers == 1 and free:
            place = min(free)
            free.remove(place)
            return place
        there = set(free)
        for place in sorted(free):
            if all(place + layer in there for layer in range(layers)):
                for layer in range(layers):
                    free.remove(place + layer)
                return place
        self.places += layers
        return self.places - layers

    def _scanned(self, having: HavingAny, concepts: Array, layers: int) -> _Value:
        """Return the masks of the rows of some concepts, by their place in the table."""
        table, start, stop = self._rows(having.coded.table, concepts, inside=having.inside)
        of_first = -1 if having.of_first is EVERY_BIT else _place(self.of_days, having.of_first)
        of_last = -1 if having.of_last is EVERY_BIT else _place(self.of_days, having.of_last)
        if of_first < 0 and of_last < 0:
            of_first = _place(self.of_days, EVERY_BIT)
        out = _Value(layers=layers)
        numbers = (layers, table, of_first, of_last, start, stop)
        self.most_layers = max(self.most_layers, layers)
        self._do(_Operation(kind=SCAN, out=out, numbers=numbers))
        return out

    def _first_day(self, having: HavingFirstDay) -> tuple[_Value, int]:
        born = self.pack.born[self.pack.ranges[:-1]].astype(np.int64)
        low, high = born + having.low, born + having.high
        days = [np.searchsorted(years(), low, side="left"), np.searchsorted(years(), high, side="right") - 1]
        self.within.append(np.stack(days, axis=1).astype(np.int32))
        about = self._rows(having.coded.table, having.coded.places, inside=having.inside)
        of_first = _place(self.of_days, having.of_first)
        table, start, stop = about
        return self._made(FIRST_DAY, numbers=(len(self.within) - 1, table, of_first, -1, start, stop))

    def _rows(self, table: PackTable, concepts: Array, *, inside: bool) -> tuple[int, int, int]:
        """Return which table to look at, and where the rows of some concepts, by their places in it, are listed."""
        start = len(self.ranges)
        self.ranges += zip(table.starts[concepts].tolist(), table.stops[concepts].tolist(), strict=True)
        # A table of its own for those that must lie in observation: the others have no such column.
        return 2 * _place(self.tables, table) + inside, start, len(self.ranges)

    def _united(self, values: Sequence[_Value], layers: int) -> _Value:
        """Return the layers of several scans together."""
        if layers == 1:
            return self._joined(OR, [(value, 0) for value in values])[0]
        self.most_layers = max(self.most_layers, layers)
        found = values[0]
        for value in values[1:]:
            out = _Value(layers=layers)
            self._do(_Operation(kind=UNITE, out=out, reads=((found, 0), (value, 0)), numbers=(layers,)))
            found = out
        return found

    def totals_of(self, number: int, totals: Array, leveled: Array) -> Array:
        """Return the totals of a tally, shape (cells, periods), from those of all."""
        tally = self.tallies[number]
        if number not in self.begins:
            return np.asarray(totals[number, :, : tally.periods])
        begin = self.begins[number]
        return leveled[begin : begin + tally.cells.number * tally.periods].reshape(-1, tally.periods)


def _place(several: list[T], one: T) -> int:
    """Return where something stands in a list, which it joins if it does not."""
    for place, other in enumerate(several):
        if other is one:
            return place
    several.append(one)
    return len(several) - 1

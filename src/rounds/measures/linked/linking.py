"""Linking: from the tables of measures to the relations between their numbers.

Measures are compared by what they ask, each two once; what holds of them is then laid on the periods and cells they
have. Numbers that are the same in several tables are compared with others once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, combinations_with_replacement
from typing import Final

import numpy as np

from rounds.measures.definitions import Measure
from rounds.measures.in_period import names_period
from rounds.measures.linked.cells import NO_PAIRS, Equal, Pairs, cells_of, contained, equal, impossible, touching
from rounds.measures.linked.conditions import Box
from rounds.measures.linked.covering import covers
from rounds.measures.linked.entailment import entails
from rounds.measures.linked.likeness import alike, cut_otherwise
from rounds.measures.linked.quantities import Quantities
from rounds.measures.linked.reading import DENOMINATOR, NUMERATOR, ROLES, Reader, Shape
from rounds.measures.linked.relations import Found, Relations, Why
from rounds.measures.linked.spans import nested, overlapping, tiled
from rounds.measures.periods import Period
from rounds.measures.questions import RecordsQuestion, Rows

_ADD_UP: Final = frozenset({"rows", "days"})
"""What is counted on the day it falls on, so that the numbers of two periods are those of both together."""

_BY_DAY: Final = _ADD_UP | {"happenings"}
"""What is counted on the day it falls on; of happenings no more than so many of a person in each period."""

_Which = Callable[[Mapping[Period, int], Mapping[Period, int]], Iterator[tuple[Period, Period]]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Counted:
    """One shape, wherever it is counted."""

    shape: Shape
    measure: Measure
    """One of those that count it."""
    role: str
    places: dict[Period, int] = field(default_factory=dict)
    """By period the first quantity of the first table that holds it."""
    calendars: dict[tuple[Period, ...], None] = field(default_factory=dict)
    """The periods of the tables that hold it."""
    whenever: Box
    """What it would count without windows and ages."""
    lasting: bool
    """Whether it is the same in every period, but for the days on which units are counted."""


def relations(quantities: Quantities) -> Relations:
    """Return what the definitions say of the numbers of some tables, all counted at one member.

    Every relation but `overlapping` holds whatever the records are, by what the reference engine counts. It is not all
    that holds: what is not proved is not said.

    Args:
        quantities: the numbers.

    >>> from rounds.measures.linked import Quantities
    >>> relations(Quantities(tables=())).contained.shape
    (0, 2)
    """
    return _Linking(quantities).found.relations()


class _Linking:
    def __init__(self, quantities: Quantities) -> None:
        self.found = Found()
        self._reader = Reader()
        self._in_period: dict[tuple[int, Period], Shape] = {}
        self._shapes: dict[Shape, Shape] = {}
        self._contained: dict[tuple[int, int], tuple[Pairs, tuple[Equal, ...]]] = {}
        self._tiling: dict[tuple[int, int], list[tuple[tuple[Period, ...], Period]]] = {}
        self._lying: dict[tuple[_Which, int, int], list[tuple[Period, Period]]] = {}
        self._counted: list[_Counted] = []
        self._periods: dict[int, int] = {}
        of_tables = self._read(quantities)
        self._lay_out(quantities, of_tables)
        versions = _versions(quantities, of_tables)
        numbers: dict[object, int] = {}
        for one in self._counted:
            self._periods[id(one)] = numbers.setdefault((tuple(one.places), tuple(one.calendars)), len(numbers))
            self._note_impossible(one)
        for parts, whole in covers([one.shape for one in self._counted]):
            self._covered([self._counted[part] for part in parts], self._counted[whole])
        for (at_a, a), (at_b, b) in combinations_with_replacement(enumerate(self._counted), 2):
            of_versions = (at_a, at_b) in versions
            if of_versions or a.shape.box.kind[0] == b.shape.box.kind[0]:
                self._compare(a, b, of_versions=of_versions)

    def _read(self, quantities: Quantities) -> dict[tuple[int, str], int]:
        """Read what is counted, and return the place of what each table counts as either number."""
        places: dict[Shape, int] = {}
        of_tables: dict[tuple[int, str], int] = {}
        for table, of in enumerate(quantities.tables):
            for role in ROLES:
                shape = self._reader.shape(of.measure, role)
                place = of_tables[table, role] = places.setdefault(shape, len(self._counted))
                if place == len(self._counted):
                    whenever, lasting = self._reader.whenever(of.measure, role), _lasting(of.measure)
                    new = _Counted(shape=shape, measure=of.measure, role=role, whenever=whenever, lasting=lasting)
                    self._counted.append(new)
                self._counted[place].calendars[of.periods] = None
        return of_tables

    def _lay_out(self, quantities: Quantities, of_tables: Mapping[tuple[int, str], int]) -> None:
        """Note where everything is counted, and what is the same in several tables: the first stands for all."""
        again: dict[int, dict[Period, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        for table, role, period, number in quantities.slices():
            one = self._counted[of_tables[table, role]]
            first = one.places.setdefault(period, number)
            again[table][period][role] = number
            if first != number:
                every = np.arange(cells_of(one.shape), dtype=np.int64)
                self.found.add_up([first + every], [number + every])
        for table, periods in again.items():
            numerator, denominator = (self._counted[of_tables[table, role]] for role in ROLES)
            # What stands for all is compared below; that a numerator lies in its denominator is said of every table.
            some = [
                numbers
                for period, numbers in periods.items()
                if numerator.places[period] != numbers[NUMERATOR] or denominator.places[period] != numbers[DENOMINATOR]
            ]
            own = contained(numerator.shape, denominator.shape)
            self.found.contain(own, [each[NUMERATOR] for each in some], [each[DENOMINATOR] for each in some])

    def _note_impossible(self, one: _Counted) -> None:
        """Note the cells that must be 0."""
        none = impossible(one.shape)
        if len(none):
            starts = np.array(list(one.places.values()), dtype=np.int64)
            self.found.add_up([starts[:, None] + none[None, :]], [])

    def _covered(self, parts: list[_Counted], whole: _Counted) -> None:
        every = np.arange(cells_of(whole.shape), dtype=np.int64)
        of_parts = [part.places for part in parts]
        shared = [period for period in whole.places if all(period in held for held in of_parts)]
        if shared:
            sides = [np.array([held[period] for period in shared]) for held in (*of_parts, whole.places)]
            *left, right = [side[:, None] + every[None, :] for side in sides]
            self.found.add_up(left, [right])

    def _compare(self, a: _Counted, b: _Counted, *, of_versions: bool) -> None:
        one_in_other, other_in_one = (
            (NO_PAIRS, NO_PAIRS) if a is b else (contained(a.shape, b.shape), contained(b.shape, a.shape))
        )
        sets = () if a is b else equal(a.shape, b.shape)
        proved = bool(sets) or len(one_in_other) > 0 or len(other_in_one) > 0
        like = a is b or bool(sets) or (not proved and alike(a.shape.box, b.shape.box))
        close = proved or like or of_versions
        touch = touching(a.shape, b.shape) if close else NO_PAIRS
        self._across(a, b, touch if like or of_versions else NO_PAIRS)
        if not close or a is b:
            return
        shared = [period for period in a.places if period in b.places]
        starts_a, starts_b = [a.places[period] for period in shared], [b.places[period] for period in shared]
        if proved:
            self.found.contain(one_in_other, starts_a, starts_b)
            self.found.contain(other_in_one, starts_b, starts_a)
            self.found.equate(sets, [[start] for start in starts_a], starts_b)
            if like and cut_otherwise(a.shape, b.shape):
                self.found.overlap(touch, starts_a, starts_b, Why.ALIKE)
        else:
            self.found.overlap(touch, starts_a, starts_b, Why.VERSIONS if of_versions else Why.ALIKE)

    def _across(self, a: _Counted, b: _Counted, touch: Pairs) -> None:
        """Note what holds between different periods."""
        tied = set[tuple[Period, Period]]()
        for inner, outer in ((a, b), (b, a)) if a is not b else ((a, b),):
            if not _may_follow(inner, outer):
                continue
            at_inner, at_outer = inner.places, outer.places
            for pairs, sets, some in self._nested(inner, outer):
                ones, others = [at_inner[one] for one, _ in some], [at_outer[around] for _, around in some]
                self.found.contain(pairs, ones, others)
                self.found.equate(sets, [[start] for start in ones], others)
                tied |= {(one, around) if inner is a else (around, one) for one, around in some}
            for sets, times in self._tiled(inner, outer):
                starts = [[at_inner[piece] for piece in pieces] for pieces, _ in times]
                self.found.equate(sets, starts, [at_outer[whole] for _, whole in times])
        if len(touch):
            at_a, at_b = a.places, b.places
            some = [
                (one, other)
                for one, other in self._pairs_of_periods(overlapping, a, b)
                if (one, other) not in tied and (a is not b or (one < other and (other, one) not in tied))
            ]
            if some:
                self.found.overlap(
                    touch, [at_a[one] for one, _ in some], [at_b[other] for _, other in some], Why.PERIODS
                )

    def _nested(
        self, inner: _Counted, outer: _Counted
    ) -> Iterator[tuple[Pairs, tuple[Equal, ...], list[tuple[Period, Period]]]]:
        grouped: dict[tuple[int, int], list[tuple[Period, Period]]] = defaultdict(list)
        shapes: dict[tuple[int, int], tuple[Shape, Shape]] = {}
        for one, around in self._pairs_of_periods(nested, inner, outer):
            mine, theirs = self._shape_in(inner, one), self._shape_in(outer, around)
            grouped[id(mine), id(theirs)].append((one, around))
            shapes[id(mine), id(theirs)] = mine, theirs
        for key, some in grouped.items():
            if key not in self._contained:
                self._contained[key] = _in_a_longer_period(*shapes[key])
            pairs, sets = self._contained[key]
            if len(pairs) or sets:
                yield pairs, sets, some

    def _tiled(
        self, pieces: _Counted, whole: _Counted
    ) -> Iterator[tuple[tuple[Equal, ...], list[tuple[tuple[Period, ...], Period]]]]:
        if pieces.shape.box.kind[0] not in _ADD_UP:
            return
        grouped: dict[tuple[int, int, int], list[tuple[tuple[Period, ...], Period]]] = defaultdict(list)
        shapes: dict[tuple[int, int, int], tuple[Shape, Shape]] = {}
        for found, around in self._tiles(pieces, whole):
            of_pieces = {id(shape): shape for shape in (self._shape_in(pieces, one) for one in found)}
            if len(of_pieces) == 1:
                ((number, mine),) = of_pieces.items()
                theirs = self._shape_in(whole, around)
                grouped[number, id(theirs), len(found)].append((found, around))
                shapes[number, id(theirs), len(found)] = mine, theirs
        for key, times in grouped.items():
            sets = equal(*shapes[key])
            if sets:
                yield sets, times

    def _tiles(self, pieces: _Counted, whole: _Counted) -> list[tuple[tuple[Period, ...], Period]]:
        """Return the periods that are made up of others, each with these."""
        key = self._periods[id(pieces)], self._periods[id(whole)]
        if key not in self._tiling:
            found = [(tiled(around, calendar), around) for calendar in pieces.calendars for around in whole.places]
            self._tiling[key] = [(some, around) for some, around in found if some]
        return self._tiling[key]

    def _pairs_of_periods(self, which: _Which, a: _Counted, b: _Counted) -> list[tuple[Period, Period]]:
        key = which, self._periods[id(a)], self._periods[id(b)]
        if key not in self._lying:
            self._lying[key] = list(which(a.places, b.places))
        return self._lying[key]

    def _shape_in(self, one: _Counted, period: Period) -> Shape:
        if one.lasting:
            return one.shape
        key = (id(one), period)
        if key not in self._in_period:
            shape = self._reader.shape(one.measure, one.role, period)
            self._in_period[key] = self._shapes.setdefault(shape, shape)
        return self._in_period[key]


def _in_a_longer_period(inner: Shape, outer: Shape) -> tuple[Pairs, tuple[Equal, ...]]:
    """Return the cells of a period that are contained in those of a longer one around it, and those that are equal."""
    found, sets = contained(inner, outer), equal(inner, outer)
    if inner.box.kind[0] not in _BY_DAY:
        return found, sets
    # What is counted on its day has the same limits in either, and there is more of it in the longer.
    same = [one for one in sets if len(one.one) == len(one.other) == 1]
    pairs = Pairs(
        one=np.concatenate([found.one, *(one.one for one in same)]),
        other=np.concatenate([found.other, *(one.other for one in same)]),
    )
    return pairs, ()


def _versions(quantities: Quantities, of_tables: Mapping[tuple[int, str], int]) -> set[tuple[int, int]]:
    """Return the places of what two versions of one measure count as the same number."""
    by_measure: dict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
    for (table, role), place in of_tables.items():
        measure = quantities.tables[table].measure
        by_measure[measure.id, role].add((measure.version, place))
    return {
        (min(a, b), max(a, b))
        for some in by_measure.values()
        for (one, a), (other, b) in combinations(some, 2)
        if one != other and a != b
    }


def _may_follow(inner: _Counted, outer: _Counted) -> bool:
    """Say whether cells of the one may be contained in cells of the other in some periods. It is soon said."""
    mine, theirs = inner.whenever, outer.whenever
    return mine.kind[0] == theirs.kind[0] and all(
        entails(mine.by_trait, trait, allowed) for trait, allowed in theirs.limits if trait[0] == "is"
    )


def _lasting(measure: Measure) -> bool:
    question = measure.question
    return (
        isinstance(question, RecordsQuestion)
        and isinstance(question.unit, Rows)
        and question.amount is None
        and not names_period(question)
    )

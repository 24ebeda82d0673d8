"""Cases of another query language in our words.

A case asks for a value; ours ask whether something holds. A counterpart therefore asks for each value that is expected
whether it is that one, of every person.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

from ehrql_cases import Cells, Expected

from rounds.measures.choices import Choose, Distinct, Stands, Statistic
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import MOST_TIMES, AllOf, AnyOf, Change, Criterion, Events, Has, Not, Summary
from rounds.measures.events import EventTable
from rounds.measures.traits import Value
from rounds.measures.windows import EVER, Anchor, Edge, Window

DAY = date(2000, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    person: int
    column: str
    value: float | None = None
    day: date = DAY
    minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A case in our words: rows, and criteria with what each should be for every person."""

    rows: list[Row]
    asked: list[tuple[Criterion, dict[int, bool]]] = field(default_factory=list)


def concept_of(name: str) -> int:
    return 1000 + sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 1_000_000


def had(*names: str, **said: Any) -> Has:
    concepts = tuple(sorted((concept_of(name), name) for name in names))
    codes = CodeList(id="columns", version=1, title="Columns", concepts=concepts, descendants=False)
    events = Events(table=EventTable.MEASUREMENT, codes=codes, where=said.pop("where", None))
    return Has(events=events, **{"window": EVER, **said})


def valued(low: float | None = None, high: float | None = None, **said: Any) -> Value:
    return Value(units=(), low=low, high=high, **said)


def values(cells: Cells, *columns: str) -> list[Row]:
    """Return a row for each cell; an empty cell is a row without a number."""
    return [Row(person=row["person"], column=name, value=row.get(name)) for row in cells for name in columns]


def true_of(expected: Expected) -> dict[int, bool]:
    """Two answers for three: what is not known is not met."""
    return {person: value is True for person, value in expected.items()}


def counted(cells: Cells, expected: Expected, *, by_day: str = "") -> Mapped:
    """At least so many rows, or different days: a cell that is empty is no day."""
    rows = [
        Row(person=row["person"], column="row", day=DAY + timedelta(days=row[by_day] if by_day else 0))
        for row in cells
        if not by_day or row[by_day] is not None
    ]
    distinct = Distinct.DAYS if by_day else Distinct.ROWS
    asked = [
        (had("row", at_least=number, distinct=distinct), {who: found >= number for who, found in expected.items()})
        for number in (1, 2, 3)
    ]
    return Mapped(rows=rows, asked=asked)


def exists(cells: Cells, expected: Expected) -> Mapped:
    return Mapped(
        rows=[Row(person=row["person"], column="row") for row in cells], asked=[(had("row"), true_of(expected))]
    )


def summarised(cells: Cells, expected: Expected, *columns: str, of: Statistic, all_there: bool = False) -> Mapped:
    """A mean, a sum, the lowest or the highest of some columns is m if it is from m to m.

    Args:
        cells: the case's table.
        expected: what it gives.
        columns: of which the values are.
        of: what is made of them.
        all_there: whether it is of nothing unless each column has a value.
    """
    found = had(*columns, where=valued())
    there = tuple(had(name, provided=valued()) for name in columns if all_there)
    asked: list[tuple[Criterion, dict[int, bool]]] = []
    for number in set(expected.values()) - {None}:
        same = Summary(of=of, rows=found, limits=valued(float(number), float(number)))
        asked.append((AllOf(of=(*there, same)), {who: it == number for who, it in expected.items()}))
    if None in expected.values() and not all_there:
        asked.append((Not(of=found), {who: it is None for who, it in expected.items()}))
    return Mapped(rows=values(cells, *columns), asked=asked)


def compared(cells: Cells, expected: Expected, column: str, other: str, limits: Value) -> Mapped:
    """One recorded number less another lies in a range."""
    return Mapped(rows=values(cells, column, other), asked=[(_less(column, other, limits), true_of(expected))])


def subtracted(cells: Cells, expected: Expected, column: str, other: str) -> Mapped:
    """One recorded number less another is m if it is from m to m, in decimals."""
    differences = {who: None if found is None else round(found, 6) for who, found in expected.items()}
    asked: list[tuple[Criterion, dict[int, bool]]] = [
        (_less(column, other, valued(number, number)), {who: it == number for who, it in differences.items()})
        for number in set(differences.values()) - {None}
    ]
    return Mapped(rows=values(cells, column, other), asked=asked)


def _less(column: str, other: str, limits: Value) -> Change:
    picked = (had(name, where=valued(), choose=Choose.LAST) for name in (column, other))
    return Change(of=next(picked), since=next(picked), limits=limits)


def latest(cells: Cells, expected: Expected, *columns: str, least: date | None = None) -> Mapped:
    """The latest of some dates is d if there is one on d, or d is a constant none may be before, and none after it."""
    rows = [Row(person=row["person"], column=name, day=row[name]) for row in cells for name in columns if row[name]]
    asked: list[tuple[Criterion, dict[int, bool]]] = []
    for day in {value for value in expected.values() if value is not None}:
        here = () if day == least else (had(*columns, window=dates(day, day)),)
        later = had(*columns, window=dates(day + timedelta(days=1), None))
        asked.append((AllOf(of=(*here, Not(of=later))), {who: value == day for who, value in expected.items()}))
    return Mapped(rows=rows, asked=asked)


def both(cells: Cells, expected: Expected) -> Mapped:
    true = valued(low=1)
    asked = AllOf(of=(had("b1", provided=true), had("b2", provided=true)))
    return Mapped(rows=values(cells, "b1", "b2"), asked=[(asked, true_of(expected))])


def coded(cells: Cells, expected: Expected, column: str, *, among: tuple[str, ...], within: bool) -> Mapped:
    """A cell is a row with that code; an empty one is no row."""
    rows = [Row(person=row["person"], column=str(row[column])) for row in cells if row[column] is not None]
    every = tuple({row.column for row in rows})
    asked: Criterion = had(*among) if within else AllOf(of=(had(*every), Not(of=had(*among))))
    return Mapped(rows=rows, asked=[(asked, true_of(expected))])


def dates(first: date | None, last: date | None) -> Window:
    return Window(first=Edge(anchor=first) if first else None, last=Edge(anchor=last) if last else None)


def dated(cells: Cells, expected: Expected, criterion: Callable[[], Criterion], *columns: str) -> Mapped:
    rows = [Row(person=row["person"], column=name, day=row[name]) for row in cells for name in columns if row[name]]
    return Mapped(rows=rows, asked=[(criterion(), true_of(expected))])


def moved(cells: Cells, expected: Expected, *, days: int) -> Mapped:
    """A hundred days after a date is the day that is expected."""
    rows = [Row(person=row["person"], column="d1", day=row["d1"]) for row in cells if row["d1"]]
    rows += [Row(person=who, column="then", day=day) for who, day in expected.items() if day]
    edge = Edge(anchor=Anchor.START, days=days)
    asked = had("d1", provided=had("then", window=Window(first=edge, last=edge)))
    return Mapped(rows=rows, asked=[(asked, {who: day is not None for who, day in expected.items()})])


def empty(cells: Cells, expected: Expected) -> Mapped:
    return Mapped(rows=values(cells, "i1"), asked=[(Not(of=had("i1", provided=valued())), true_of(expected))])


def picked(
    cells: Cells, expected: Expected, *, then_by: str = "", value: str = "i1", above: int | None = None
) -> Mapped:
    """The first by i1, as its day, and then by another column, as its time of day."""
    rows = [
        Row(
            person=row["person"],
            column="row",
            value=row[value],
            day=DAY + timedelta(days=row["i1"]),
            minute=row[then_by] if then_by else 0,
        )
        for row in cells
    ]
    where = None if above is None else valued(low=above, low_included=False)
    asked: list[tuple[Criterion, dict[int, bool]]] = [
        (
            had("row", where=where, choose=Choose.FIRST, provided=valued(low=found, high=found)),
            {who: other == found for who, other in expected.items()},
        )
        for found in expected.values()
    ]
    return Mapped(rows=rows, asked=asked)


def is_not_on(*days: date) -> Criterion:
    return AllOf(of=(had("d1"), Not(of=AnyOf(of=tuple(had("d1", window=dates(day, day)) for day in days)))))


def before_other() -> Criterion:
    after = Window(first=Edge(anchor=Anchor.START, days=1), last=None)
    return had("d1", provided=had("d2", window=after))


def codes_counted(cells: Cells, expected: Expected, column: str) -> Mapped:
    """At least so many different codes: a cell that is empty is no row."""
    rows = _codes(cells, column)
    asked: list[tuple[Criterion, dict[int, bool]]] = [
        (_different(rows, number), {who: found >= number for who, found in expected.items()}) for number in (1, 2, 3, 4)
    ]
    return Mapped(rows=rows, asked=asked)


def _codes(cells: Cells, column: str) -> list[Row]:
    return [Row(person=row["person"], column=str(row[column])) for row in cells if row[column] is not None]


def _different(rows: list[Row], number: int) -> Has:
    return had(*{row.column for row in rows}, at_least=number, distinct=Distinct.CODES)


Branch = tuple[Callable[[Any], bool], Criterion | None]
"""Which answers it gives, and when; the last one, without a condition, when no other does."""


def branched(cells: Cells, expected: Expected, *branches: Branch, codes: str = "") -> Mapped:
    """A case of several: its condition is met, and none before it."""
    asked: list[tuple[Criterion, dict[int, bool]]] = []
    before: list[Criterion] = []
    for given, condition in branches:
        parts = (*(() if condition is None else (condition,)), *(Not(of=one) for one in before))
        asked.append((AllOf(of=parts), {who: given(found) for who, found in expected.items()}))
        before += [] if condition is None else [condition]
    # Every answer is given by one of them.
    assert all(sum(given(found) for given, _ in branches) == 1 for found in expected.values())
    return Mapped(rows=_codes(cells, codes) if codes else values(cells, "i1"), asked=asked)


def gives(*answers: object) -> Callable[[Any], bool]:
    return lambda found: found in answers


def recorded(cells: Cells, expected: Expected, column: str, *, instead: float | None = None) -> Mapped:
    """The number is as it was recorded; where none is, nothing or another stands for it."""
    none = Not(of=had(column, provided=valued()))
    asked: list[tuple[Criterion, dict[int, bool]]] = []
    for number in set(expected.values()):
        same = none if number is None else had(column, provided=valued(number, number))
        asked.append(
            (AnyOf(of=(same, none)) if number == instead else same, {who: it == number for who, it in expected.items()})
        )
    return Mapped(rows=values(cells, column), asked=asked)


def containing(cells: Cells, expected: Expected) -> Mapped:
    """Several codes in one cell are several rows, as they are in OMOP."""
    rows = [
        Row(person=row["person"], column=code) for row in cells for code in re.findall(r"[A-Z]\d+", row["m1"] or "")
    ]
    return Mapped(rows=rows, asked=[(had("M069"), true_of(expected))])


def highest(cells: Cells, expected: Expected, *columns: str, least: float, codes: str = "") -> Mapped:
    """The highest of some columns, or a constant that is never undercut, or also the number of different codes."""
    coded = _codes(cells, codes) if codes else []
    asked: list[tuple[Criterion, dict[int, bool]]] = []
    for number in set(expected.values()):
        above: Criterion = had(*columns, provided=valued(low=number, low_included=False))
        if codes and number < MOST_TIMES:
            above = AnyOf(of=(above, _different(coded, int(number) + 1)))
        here = () if number == least else (had(*columns, provided=valued(low=number)),)
        asked.append((AllOf(of=(*here, Not(of=above))), {who: it == number for who, it in expected.items()}))
    return Mapped(rows=values(cells, *columns) + coded, asked=asked)


def lowest_of_the_first_day(cells: Cells, expected: Expected) -> Mapped:
    """The first by i1 and i2, which together are its day; of those alike the lowest i3."""
    rows = [
        Row(person=row["person"], column="row", value=row["i3"], day=DAY + timedelta(days=10 * row["i1"] + row["i2"]))
        for row in cells
    ]
    chosen = partial(had, "row", choose=Choose.FIRST, stands=Stands.LOWEST_OF_THE_DAY)
    asked: list[tuple[Criterion, dict[int, bool]]] = [
        (chosen(provided=valued(found, found)), {who: other == found for who, other in expected.items()})
        for found in expected.values()
    ]
    return Mapped(rows=rows, asked=asked)


def is_number(*numbers: float) -> Criterion:
    return had("i1", provided=AnyOf(of=tuple(valued(number, number) for number in numbers)))


BELOW_8 = had("i1", provided=valued(high=8, high_included=False))
ABOVE_8 = had("i1", provided=valued(low=8, low_included=False))


def highest_of(cells: Cells, expected: Expected, *, columns: tuple[str, ...], least: float | date) -> Mapped:
    if isinstance(least, date):
        return latest(cells, expected, *columns, least=least)
    return highest(cells, expected, *columns, least=least)

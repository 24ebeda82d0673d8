"""What follows from the statements without a solver: atoms merged and narrowed, and the parts that hang together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.disclosure.gate.statements import Bounds, Contradiction, Problem, Terms, Whole

ROUNDS: Final = 30
"""Narrowing is stopped then: what it has not found, the solver finds. After one, what is limited has a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A statement, or a protected sum, over the columns of a part."""

    of: int
    """Which statement, or which protected sum, of the problem."""
    terms: Terms
    """(column of the part, how often it counts)"""
    settled: int
    """What the atoms that are known already add to the sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Columns that hang together: nothing outside a part says anything about it.

    A column is one or more atoms that no statement and no protected sum tells apart.
    """

    first_atoms: Whole
    """An atom of each column, shape (columns,); a world puts all people of the column there."""
    lower: Whole
    upper: tuple[int | None, ...]
    rows: tuple[Row, ...]
    asked: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """A problem in parts."""

    parts: tuple[Part, ...]
    base: Whole
    """Every atom at the least that it can be, shape (atoms,): right where it is known, a placeholder elsewhere."""
    settled: dict[int, int]
    """Protected sums that follow without a solver."""


def narrow(problem: Problem, *, known: Sequence[Bounds], shown: Sequence[Bounds]) -> Narrowed:
    """Return a problem in parts.

    Args:
        problem: statements and protected sums.
        known: what may be used to narrow atoms, a statement each.
        shown: what the rows of the parts will say at their tightest; `known` holds it.

    Raises:
        DisclosureRefusal: if the statements contradict each other.
    """
    members, rows, asked = _merged(problem)
    lower, upper = _narrowed(rows, known, columns=len(members))
    base = np.zeros(problem.atoms, dtype=np.int64)
    for column, atoms in enumerate(members):
        base[atoms[0]] = lower[column]
    free = [low != high for low, high in zip(lower, upper, strict=True)]
    open_rows = [
        _open(of, terms, lower, free) for of, terms in enumerate(rows) if _says(terms, shown[of], lower, upper)
    ]
    open_asked = [_open(of, terms, lower, free) for of, terms in enumerate(asked)]
    settled = {row.of: row.settled for row in open_asked if not row.terms}
    open_asked = [row for row in open_asked if row.terms]
    first = np.array([atoms[0] for atoms in members], dtype=np.int64)
    parts = [
        _part(columns, first, lower, upper, rows=inside[0], asked=inside[1])
        for columns, inside in _components(open_rows, open_asked)
    ]
    return Narrowed(parts=tuple(parts), base=base, settled=settled)


def _merged(problem: Problem) -> tuple[list[list[int]], list[Terms], list[Terms]]:
    """Return columns (the atoms of each), and statements and protected sums over columns."""
    seen_in: dict[int, list[tuple[int, int]]] = defaultdict(list)
    sums = [one.terms for one in problem.statements] + [one.terms for one in problem.protected]
    for number, terms in enumerate(sums):
        for atom, times in terms:
            seen_in[atom].append((number, times))
    alike: dict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
    for atom in sorted(seen_in):
        alike[tuple(seen_in[atom])].append(atom)
    merged: list[list[tuple[int, int]]] = [[] for _ in sums]
    for column, where in enumerate(alike):
        for number, times in where:
            merged[number].append((column, times))
    rows = [tuple(terms) for terms in merged]
    return list(alike.values()), rows[: len(problem.statements)], rows[len(problem.statements) :]


def _narrowed(rows: list[Terms], known: Sequence[Bounds], *, columns: int) -> tuple[list[int], list[int | None]]:
    lower, upper = [0] * columns, [None] * columns  # type: tuple[list[int], list[int | None]]
    where: dict[int, list[int]] = defaultdict(list)
    for number, terms in enumerate(rows):
        for column, _ in terms:
            where[column].append(number)
    to_do: Iterable[int] = range(len(rows))
    for _ in range(ROUNDS):
        changed = set()
        for number in to_do:
            changed |= _narrow_row(rows[number], known[number], lower, upper)
        if not changed:
            break
        to_do = sorted({number for column in changed for number in where[column]})
    return lower, upper


def _narrow_row(terms: Terms, known: Bounds, lower: list[int], upper: list[int | None]) -> set[int]:
    """Narrow the columns of one statement in place; return those that changed."""
    changed = set()
    least = sum(times * lower[column] for column, times in terms)
    if known.upper is not None:
        if least > known.upper:
            raise _contradiction()
        for column, times in terms:
            most = (known.upper - least) // times + lower[column]
            before = upper[column]
            if before is None or most < before:
                upper[column] = most
                changed.add(column)
    if known.lower > least:
        unlimited = [column for column, _ in terms if upper[column] is None]
        highest = sum(times * (upper[column] or 0) for column, times in terms)
        if not unlimited and highest < known.lower:
            raise _contradiction()
        for column, times in terms:
            if unlimited and unlimited != [column]:
                continue
            others = highest - times * (upper[column] or 0)
            need = -((others - known.lower) // times)
            if need > lower[column]:
                lower[column] = need
                changed.add(column)
    return changed


def _says(terms: Terms, shown: Bounds, lower: list[int], upper: list[int | None]) -> bool:
    """Return whether a statement says more than the bounds of its columns do."""
    if sum(times * lower[column] for column, times in terms) < shown.lower:
        return True
    if shown.upper is None:
        return False
    highest = 0
    for column, times in terms:
        most = upper[column]
        if most is None:
            return True
        highest += times * most
    return highest > shown.upper


def _open(of: int, terms: Terms, lower: list[int], free: list[bool]) -> Row:
    return Row(
        of=of,
        terms=tuple((column, times) for column, times in terms if free[column]),
        settled=sum(times * lower[column] for column, times in terms if not free[column]),
    )


def _components(rows: list[Row], asked: list[Row]) -> list[tuple[list[int], tuple[list[Row], list[Row]]]]:
    """Return columns that hang together by a statement or a protected sum, with the rows over them."""
    parent: dict[int, int] = {}

    def root(column: int) -> int:
        while parent[column] != column:
            parent[column] = column = parent[parent[column]]
        return column

    for row in (*rows, *asked):
        for column, _ in row.terms:
            parent.setdefault(column, column)
            parent[root(column)] = root(row.terms[0][0])
    columns: dict[int, list[int]] = defaultdict(list)
    for column in sorted(parent):
        columns[root(column)].append(column)
    inside: dict[int, tuple[list[Row], list[Row]]] = {one: ([], []) for one in columns}
    for kind, group in enumerate((rows, asked)):
        for row in group:
            if not row.terms:
                raise _contradiction()  # a statement that says more than its atoms, which are all known
            inside[root(row.terms[0][0])][kind].append(row)
    return [(columns[one], inside[one]) for one in columns]


def _part(
    columns: list[int],
    first: Whole,
    lower: list[int],
    upper: list[int | None],
    *,
    rows: list[Row],
    asked: list[Row],
) -> Part:
    place = {column: number for number, column in enumerate(columns)}

    def moved(row: Row) -> Row:
        return Row(of=row.of, settled=row.settled, terms=tuple((place[column], times) for column, times in row.terms))

    return Part(
        first_atoms=first[columns],
        lower=np.array([lower[column] for column in columns], dtype=np.int64),
        upper=tuple(upper[column] for column in columns),
        rows=tuple(moved(row) for row in rows),
        asked=tuple(moved(row) for row in asked),
    )


def _contradiction() -> Contradiction:
    return Contradiction(
        "the gate refuses: what is published contradicts itself, so nobody can say what it tells; check that every "
        "number of this release was counted from the same records as those released before"
    )

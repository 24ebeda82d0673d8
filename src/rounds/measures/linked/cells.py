"""Cells: which cells of two tables hold the same units, or some of them, worked out once for all their periods."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt

from rounds.measures.linked.conditions import ANYTHING, Trait
from rounds.measures.linked.entailment import entails
from rounds.measures.linked.reading import Shape

Cells = npt.NDArray[np.int64]
"""Numbers of cells in the order of a table: the last stratum's level changes first."""

_NO_CELLS: Cells = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Cells of one table and cells of another, one by one; both of shape (pairs,)."""

    one: Cells
    other: Cells

    def __len__(self) -> int:
        return len(self.one)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal:
    """Cells of one table that together hold just what some cells of another hold."""

    one: Cells
    other: Cells


NO_PAIRS = Pairs(one=_NO_CELLS, other=_NO_CELLS)


def cells_of(shape: Shape) -> int:
    """Return how many cells a period has."""
    return prod(len(values) for _, values in shape.levels)


def contained(inner: Shape, outer: Shape) -> Pairs:
    """Return the cells of a table that surely hold nothing but units that a cell of another holds too.

    Cells that hold the same are left out, and so are those that can hold nothing.
    """
    if inner.box.kind != outer.box.kind or inner.box.empty:
        return NO_PAIRS
    parted = _parted(inner, outer)
    given = inner.box.by_trait
    fixed = [(trait, allowed) for trait, allowed in outer.box.limits if trait not in parted]
    if not all(entails(given, trait, allowed) for trait, allowed in fixed):
        return NO_PAIRS
    found = _crossed(inner, outer, parted, lambda a, b: a != 0 and a & ~b == 0)
    same = dict(fixed) == {trait: allowed for trait, allowed in given.items() if trait not in parted}
    if not same:
        return found
    alike = _crossed(inner, outer, parted, lambda a, b: a == b)
    size = cells_of(outer)
    kept = ~np.isin(found.one * size + found.other, alike.one * size + alike.other)
    return Pairs(one=found.one[kept], other=found.other[kept])


def equal(one: Shape, other: Shape) -> tuple[Equal, ...]:
    """Return the least sets of cells of two tables that surely hold the same units, where there are any.

    In neither table is a unit in two cells of a period, so numbers of cells of a set add up.
    """
    if one.box.kind != other.box.kind or one.box.empty or other.box.empty:
        return ()
    parted = _parted(one, other)
    rest = [{trait: allowed for trait, allowed in shape.box.limits if trait not in parted} for shape in (one, other)]
    if rest[0] != rest[1]:
        return ()
    of_traits = [_joined(_values(one, trait), _values(other, trait)) for trait in parted]
    strides = [(_stride(one, trait), _stride(other, trait)) for trait in parted]
    found = []
    for blocks in product(*of_traits):
        a = b = np.zeros(1, dtype=np.int64)
        for (mine, theirs), (by_a, by_b) in zip(blocks, strides, strict=True):
            a = (a[:, None] + np.array(mine, dtype=np.int64)[None, :] * by_a).ravel()
            b = (b[:, None] + np.array(theirs, dtype=np.int64)[None, :] * by_b).ravel()
        found.append(Equal(one=a, other=b))
    return tuple(found)


def touching(one: Shape, other: Shape) -> Pairs:
    """Return the cells of two tables that may hold the same units as far as traits tell by which either is parted."""
    return _crossed(one, other, _parted(one, other), lambda a, b: a & b != 0)


def impossible(shape: Shape) -> Cells:
    """Return the cells that can hold nothing, such as children where adults are asked about."""
    if shape.box.empty:
        return np.arange(cells_of(shape), dtype=np.int64)
    found = np.zeros(1, dtype=bool)
    for trait, _ in shape.levels:
        none = np.array([values == 0 for values in _values(shape, trait)])
        found = (found[:, None] | none[None, :]).ravel()
    return np.flatnonzero(found).astype(np.int64)


def _parted(one: Shape, other: Shape) -> tuple[Trait, ...]:
    return tuple(dict.fromkeys([trait for shape in (one, other) for trait, _ in shape.levels]))


def _values(shape: Shape, trait: Trait) -> list[int]:
    """Return what each level of a trait may hold; of a trait that does not part the table there is one."""
    allowed = shape.box.by_trait.get(trait, ANYTHING)
    of_levels = next((values for named, values in shape.levels if named == trait), (ANYTHING,))
    return [values & allowed for values in of_levels]


def _stride(shape: Shape, trait: Trait) -> int:
    """Return by how much the number of a cell grows from one level to the next."""
    stride = 1
    for named, values in reversed(shape.levels):
        if named == trait:
            return stride
        stride *= len(values)
    return 0


def _crossed(one: Shape, other: Shape, parted: tuple[Trait, ...], holds: Callable[[int, int], bool]) -> Pairs:
    a = b = np.zeros(1, dtype=np.int64)
    for trait in parted:
        mine, theirs = _values(one, trait), _values(other, trait)
        met = np.array([[holds(x, y) for y in theirs] for x in mine])
        rows, columns = np.nonzero(met)
        a = (a[:, None] + (rows * _stride(one, trait))[None, :]).ravel()
        b = (b[:, None] + (columns * _stride(other, trait))[None, :]).ravel()
    return Pairs(one=a, other=b)


def _joined(mine: list[int], theirs: list[int]) -> list[tuple[list[int], list[int]]]:
    """Return the least sets of levels on either side that have the same values together."""
    left = {place for place, values in enumerate(mine) if values}
    found = []
    while left:
        ours, others = {min(left)}, set[int]()
        held = mine[min(left)]
        while True:
            more = {place for place, values in enumerate(theirs) if values & held} - others
            others |= more
            back = {place for place in left - ours if any(mine[place] & theirs[one] for one in more)}
            ours |= back
            held = _union(mine, ours)
            if not back:
                break
        left -= ours
        if held == _union(theirs, others):
            found.append((sorted(ours), sorted(others)))
    return found


def _union(of_levels: list[int], places: set[int]) -> int:
    found = 0
    for place in places:
        found |= of_levels[place]
    return found

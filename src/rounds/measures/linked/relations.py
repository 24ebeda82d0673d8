"""Relations: what the definitions of measures alone say of their numbers, for whoever holds several of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from rounds.measures.linked.cells import Equal, Pairs

Numbers = npt.NDArray[np.int64]


class Why(IntEnum):
    """Why two quantities are said to overlap."""

    ALIKE = 0
    """They ask the same with other windows, limits, lists or ways to count."""
    PERIODS = 1
    """They ask the same, or nearly, of periods that share half of their days or more."""
    VERSIONS = 2
    """They are two versions of one measure."""

    @property
    def words(self) -> str:
        """What is said of it to people."""
        return _WORDS[self]


_WORDS = {
    Why.ALIKE: "the same question with other windows, limits or code lists",
    Why.PERIODS: "the same question of periods that share half of their days or more",
    Why.VERSIONS: "two versions of one measure",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relations:
    """What surely holds of some quantities of one member, and which are too close for comfort.

    Numbers are those of `Quantities`. All that is certain holds of exact counts from the same records.
    """

    contained: Numbers
    """Shape (pairs, 2). The first counts a part of what the second counts, so it is not above it, and the second less
    the first is a number of the same kind: of people or rows, of days, or of steps of a mean."""
    sum_starts: Numbers
    """Shape (sums + 1,). Where each sum starts in the two below, and last how long they are."""
    sum_members: Numbers
    """The quantities of every sum, one sum after the other."""
    sum_signs: npt.NDArray[np.int8]
    """1 or -1 for each of them. Of every sum the quantities, each times its sign, add up to 0."""
    overlapping: Numbers
    """Shape (pairs, 2). They largely count the same units, and nothing certain ties them."""
    why: npt.NDArray[np.int8]
    """A `Why` for each pair that overlaps."""

    def sums(self) -> Iterator[tuple[Numbers, Numbers]]:
        """Yield the quantities on the one and on the other side of every sum; a quantity that must be 0 has none."""
        for first, last in zip(self.sum_starts[:-1], self.sum_starts[1:], strict=True):
            members, signs = self.sum_members[first:last], self.sum_signs[first:last]
            yield members[signs > 0], members[signs < 0]

    def among(self, known: npt.NDArray[np.bool_]) -> Self:
        """Return the relations that hold between some of the quantities alone.

        Args:
            known: whether each quantity is one of them, shape (quantities,).
        """
        lengths = np.diff(self.sum_starts)
        missing = np.add.reduceat(~known[self.sum_members], self.sum_starts[:-1]) if len(lengths) else lengths
        kept = missing == 0
        members = np.repeat(kept, lengths)
        shown = known[self.overlapping].all(axis=1)
        return type(self)(
            contained=self.contained[known[self.contained].all(axis=1)],
            sum_starts=_starts(lengths[kept]),
            sum_members=self.sum_members[members],
            sum_signs=self.sum_signs[members],
            overlapping=self.overlapping[shown],
            why=self.why[shown],
        )


class Found:
    """Relations as they are found, by tables' cells and by where their periods start."""

    def __init__(self) -> None:
        self._contained: list[Numbers] = []
        self._lengths: list[Numbers] = []
        self._members: list[Numbers] = []
        self._signs: list[npt.NDArray[np.int8]] = []
        self._overlapping: list[Numbers] = []
        self._why: list[npt.NDArray[np.int8]] = []

    def contain(self, pairs: Pairs, inner: Sequence[int], outer: Sequence[int]) -> None:
        """Note that cells of the tables' slices that start here are contained in those that start there."""
        self._contained.append(_laid(pairs, inner, outer))

    def overlap(self, pairs: Pairs, one: Sequence[int], other: Sequence[int], why: Why) -> None:
        """Note that cells overlap."""
        found = _laid(pairs, one, other)
        self._overlapping.append(found)
        self._why.append(np.full(len(found), why, dtype=np.int8))

    def equate(self, sets: Sequence[Equal], one: Sequence[Sequence[int]], other: Sequence[int]) -> None:
        """Note that sets of cells are equal.

        Args:
            sets: of cells of either table.
            one: for each time they are the starts of the slices of the first table, as many each time.
            other: for each time the start of the slice of the other.
        """
        if not len(other):
            return
        by_size: dict[tuple[int, int], list[Equal]] = defaultdict(list)
        for found in sets:
            by_size[len(found.one), len(found.other)].append(found)
        firsts, seconds = np.array(one, dtype=np.int64), np.array(other, dtype=np.int64)
        for alike in by_size.values():
            left, right = np.array([found.one for found in alike]), np.array([found.other for found in alike])
            mine = firsts[:, None, :, None] + left[None, :, None, :]
            theirs = seconds[:, None, None] + right[None, :, :]
            mine = mine.reshape(len(firsts), len(alike), -1)
            self.add_up([*np.moveaxis(mine, 2, 0)], [*np.moveaxis(theirs, 2, 0)])

    def add_up(self, one: Sequence[Numbers], other: Sequence[Numbers]) -> None:
        """Note that quantities add up to the same as others, place by place in arrays of one shape."""
        members = np.stack([*one, *other], axis=-1)
        signs = np.array([1] * len(one) + [-1] * len(other), dtype=np.int8)
        number = members.size // len(signs)
        self._lengths.append(np.full(number, len(signs), dtype=np.int64))
        self._members.append(members.ravel())
        self._signs.append(np.tile(signs, number))

    def relations(self) -> Relations:
        """Return all that was found."""
        return Relations(
            contained=np.concatenate([np.empty((0, 2), dtype=np.int64), *self._contained]),
            sum_starts=_starts(np.concatenate([np.empty(0, dtype=np.int64), *self._lengths])),
            sum_members=np.concatenate([np.empty(0, dtype=np.int64), *self._members]),
            sum_signs=np.concatenate([np.empty(0, dtype=np.int8), *self._signs]),
            overlapping=np.concatenate([np.empty((0, 2), dtype=np.int64), *self._overlapping]),
            why=np.concatenate([np.empty(0, dtype=np.int8), *self._why]),
        )


def _starts(lengths: Numbers) -> Numbers:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])


def _laid(pairs: Pairs, one: Sequence[int], other: Sequence[int]) -> Numbers:
    a = np.array(one, dtype=np.int64)[:, None] + pairs.one[None, :]
    b = np.array(other, dtype=np.int64)[:, None] + pairs.other[None, :]
    return np.stack([a.ravel(), b.ravel()], axis=1)

"""Numbers that are tied to one another: the same number under two names, parts and wholes, and sums."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rounds.measures.linked import Relations

Numbers = npt.NDArray[np.int64]
Sum = tuple[tuple[int, ...], tuple[int, ...]]
"""What adds up to the same on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """How numbers are tied. A number that several tables hold goes by the least of its names."""

    name: Numbers
    """The name that each number goes by, shape (numbers,)."""
    contained: Numbers
    """Shape (pairs, 2): a part and its whole."""
    sums: tuple[Sum, ...]


def ties(size: int, known: Relations) -> Ties:
    """Return relations with numbers that are the same under one name.

    Args:
        size: how many numbers there are.
        known: what ties them.
    """
    sums = [(tuple(one.tolist()), tuple(other.tolist())) for one, other in known.sums()]
    same = [(one[0], other[0]) for one, other in sums if len(one) == len(other) == 1]
    name = np.array(_leaders(size, same), dtype=np.int64)
    contained = np.unique(name[known.contained], axis=0) if len(known.contained) else known.contained
    named = {(_named(one, name), _named(other, name)) for one, other in sums if len(one) + len(other) != 2}
    return Ties(name=name, contained=contained[contained[:, 0] != contained[:, 1]], sums=tuple(sorted(named)))


def summed(size: int, found: Ties) -> Iterator[Ties]:
    """Yield the groups of numbers that sums tie, with everything else that ties them."""
    of_sums = [(first, n) for one, other in found.sums for first, *more in [(*one, *other)] for n in more]
    leader = _leaders(size, [*map(tuple, found.contained.tolist()), *of_sums])
    contained: defaultdict[int, list[list[int]]] = defaultdict(list)
    sums: defaultdict[int, list[Sum]] = defaultdict(list)
    for one, other in found.sums:
        sums[leader[(one or other)[0]]].append((one, other))
    for part, whole in found.contained.tolist():
        if leader[part] in sums:
            contained[leader[part]].append([part, whole])
    for group in sorted(sums):
        pairs = np.array(contained[group], dtype=np.int64).reshape(-1, 2)
        yield Ties(name=found.name, contained=pairs, sums=tuple(sums[group]))


def _named(numbers: tuple[int, ...], name: Numbers) -> tuple[int, ...]:
    return tuple(sorted(int(name[number]) for number in numbers))


def _leaders(size: int, pairs: Iterable[tuple[int, ...]]) -> list[int]:
    """Return for each number the least number that it is tied to, directly or by others."""
    leader = list(range(size))

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    for one, other in pairs:
        a, b = find(one), find(other)
        leader[max(a, b)] = min(a, b)
    return [find(number) for number in range(size)]

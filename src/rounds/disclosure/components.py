"""Numbers that are tied to one another: the same number under two names, parts and wholes, and sums."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rounds.disclosure.known import Known
from rounds.measures.linked import Relations

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Sum = tuple[tuple[int, ...], tuple[int, ...]]
"""What adds up to the same on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """How numbers are tied. A number that several tables hold goes by one name, as long as they agree on it."""

    name: Numbers
    """The name that each number goes by, shape (numbers,)."""
    contained: Numbers
    """Shape (pairs, 2): a part and its whole."""
    certain: Flags
    """Whether both were counted from the same records somewhere, shape (pairs,)."""
    sums: tuple[Sum, ...]

    @property
    def numbers(self) -> frozenset[int]:
        """Every number that is tied."""
        in_sums = {number for one, other in self.sums for number in (*one, *other)}
        return frozenset(in_sums | set(self.contained.ravel().tolist()))


def names(size: int, known: Relations) -> Numbers:
    """Return for each number the least of the names of what is the same by definition, shape (numbers,).

    Args:
        size: how many numbers there are.
        known: what ties them.
    """
    same = [(int(one[0]), int(other[0])) for one, other in known.sums() if len(one) == len(other) == 1]
    return np.array(_leaders(size, same), dtype=np.int64)


def apart_by(parted: Numbers, name: Numbers, which: Flags) -> Numbers:
    """Return names of which some are one for each value by which they are parted.

    Args:
        parted: by what, shape (numbers,).
        name: of each number.
        which: those that are parted.
    """
    _, place = np.unique(np.stack([name[which], parted[which]]), axis=1, return_inverse=True)
    first = np.full(int(place.max(initial=-1)) + 1, len(name), dtype=np.int64)
    np.minimum.at(first, place.ravel(), which.nonzero()[0])
    found = name.copy()
    found[which] = first[place.ravel()]
    return found


def agreed(name: Numbers, known: Known, label: Numbers) -> Numbers:
    """Return names under which nothing contradicts itself: what was counted from other records has a name of its own
    where it differs, and if even that contradicts itself, every number has.

    Args:
        name: one for what is the same.
        known: what is known of the numbers.
        label: from which records each was counted.
    """
    for parted in (label, np.arange(len(name))):
        both = known.under(name)
        name = apart_by(parted, name, (both.lower > both.upper)[name])
    return name


def ties(same: Numbers, name: Numbers, label: Numbers, known: Relations, *, there: Flags, certain: bool) -> Ties:
    """Return relations by the names that numbers go by. What is said of a number is said of it under all its names.

    Args:
        same: from `names`.
        name: the name of each, from `agreed` or told apart by records, shape (numbers,).
        label: from which records each was counted.
        known: what ties them.
        there: which of the numbers there are.
        certain: whether only what was counted from the same records is tied.
    """
    variants: defaultdict[int, dict[int, set[int]]] = defaultdict(dict)
    for one, goes_by, counted in zip(same[there].tolist(), name[there].tolist(), label[there].tolist(), strict=True):
        variants[one].setdefault(goes_by, set()).add(counted)
    pairs: dict[tuple[int, int], bool] = {}
    for part, whole in np.unique(same[known.contained], axis=0).tolist() if len(known.contained) else ():
        for a, mine in variants[part].items() if part != whole else ():
            for b, theirs in variants[whole].items():
                if (sure := not mine.isdisjoint(theirs)) or not certain:
                    pairs[a, b] = sure
    sums = {
        (_named(one, same), _named(other, same))
        for one, other in map(_both, known.sums())
        if len(one) + len(other) != 2
    }
    said = {laid for both in sums for laid in _laid(both, variants, certain=certain)}
    return Ties(
        name=name,
        contained=np.array(list(pairs), dtype=np.int64).reshape(-1, 2),
        certain=np.array(list(pairs.values()), dtype=np.bool_),
        sums=tuple(sorted(said)),
    )


def _both(sides: tuple[Numbers, Numbers]) -> Sum:
    return tuple(sides[0].tolist()), tuple(sides[1].tolist())


def _laid(both: Sum, variants: Mapping[int, Mapping[int, set[int]]], *, certain: bool) -> Iterator[Sum]:
    """Yield a sum for all records from which every number was counted that goes by several names."""
    several = [variants[one] for side in both for one in side if certain or len(variants[one]) > 1]
    if not several:
        yield _renamed(both, {one: next(iter(variants[one])) for side in both for one in side})
        return
    for records in sorted(set.intersection(*(set().union(*of.values()) for of in several))):
        yield _renamed(
            both,
            {
                one: next((name for name, counted in of.items() if records in counted), next(iter(of)))
                for side in both
                for one in side
                for of in [variants[one]]
            },
        )


def _renamed(both: Sum, name: Mapping[int, int]) -> Sum:
    one, other = (tuple(sorted(name[number] for number in side)) for side in both)
    return one, other


def summed(size: int, found: Ties) -> Iterator[Ties]:
    """Yield the groups of numbers that sums tie, with everything else that ties them."""
    of_sums = [(first, n) for one, other in found.sums for first, *more in [(*one, *other)] for n in more]
    leader = _leaders(size, [*map(tuple, found.contained.tolist()), *of_sums])
    contained: defaultdict[int, list[tuple[list[int], bool]]] = defaultdict(list)
    sums: defaultdict[int, list[Sum]] = defaultdict(list)
    for one, other in found.sums:
        sums[leader[(one or other)[0]]].append((one, other))
    for pair, sure in zip(found.contained.tolist(), found.certain.tolist(), strict=True):
        if leader[pair[0]] in sums:
            contained[leader[pair[0]]].append((pair, sure))
    for group in sorted(sums):
        pairs = np.array([pair for pair, _ in contained[group]], dtype=np.int64).reshape(-1, 2)
        certain = np.array([sure for _, sure in contained[group]], dtype=np.bool_)
        yield Ties(name=found.name, contained=pairs, certain=certain, sums=tuple(sums[group]))


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

"""What an attacker knows: statements about numbers of people, and what must stay hidden behind them.

People are counted in atoms: groups so small that every published number is a sum of whole atoms. How many people an
atom holds is known to nobody outside.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rounds.errors import DisclosureRefusal

Terms: TypeAlias = tuple[tuple[int, int], ...]
"""(atom, how often it counts), by atom; each counts once or more often."""
Whole: TypeAlias = npt.NDArray[np.int64]


class Contradiction(DisclosureRefusal):
    """What is published contradicts itself: not all of it was counted from the same records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is known of a number: from `lower` to `upper`, both included; None is no upper bound."""

    lower: int = 0
    upper: int | None = None

    def __post_init__(self) -> None:
        if self.lower < 0 or (self.upper is not None and self.upper < self.lower):
            raise ValueError("bounds must satisfy 0 <= lower <= upper")

    def holds(self, other: "Bounds") -> bool:
        """Return whether everything that `other` leaves possible is possible here too."""
        return self.lower <= other.lower and (
            self.upper is None or (other.upper is not None and other.upper <= self.upper)
        )


NOTHING_KNOWN = Bounds()


def exactly(value: int) -> Bounds:
    """Return the bounds of a number that is published as it is."""
    return Bounds(lower=value, upper=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sum of atoms and what is published of it."""

    name: str
    terms: Terms
    shown: Bounds
    """What leaves unless the statement is withheld in addition."""
    withheld: Bounds | None = None
    """What leaves if it is; None if it has left already: it is fixed.

    Safe are bounds that anybody could have written down before counting: 0 to no limit, or to a limit that is public,
    as the people a site has. Bounds made from the number itself, as a wider rounding, would tell where it lies.
    """
    weight: int = 1
    """What withholding it costs."""

    def __post_init__(self) -> None:
        _check_terms(self.name, self.terms)
        if self.withheld is not None and not self.withheld.holds(self.shown):
            raise ValueError(f"{self.name}: bounds when withheld must hold the bounds when shown")
        if self.weight < 1:
            raise ValueError(f"{self.name}: a weight is 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """A sum of atoms of which the policy owes that some values stay possible, whatever the attacker calculates."""

    name: str
    terms: Terms
    owed: tuple[int, ...]
    """Values, ascending, for example 1 to 7."""

    def __post_init__(self) -> None:
        _check_terms(self.name, self.terms)
        if not self.owed or self.owed[0] < 0 or any(b <= a for a, b in pairwise(self.owed)):
            raise ValueError(f"{self.name}: values that are owed are ascending, 0 or more, at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All that is or will be known outside, and all that is protected."""

    atoms: int
    """How many there are; they are numbered from 0."""
    statements: tuple[Statement, ...]
    protected: tuple[Protected, ...]

    def __post_init__(self) -> None:
        for what in (self.statements, self.protected):
            names = [one.name for one in what]
            if len(set(names)) < len(names):
                raise ValueError("two statements, or two protected sums, have the same name")
            if any(one.terms[-1][0] >= self.atoms for one in what):
                raise ValueError(f"a sum names an atom that is not one of {self.atoms}")


def difference(larger: Terms, smaller: Terms) -> Terms | None:
    """Return `larger` without `smaller` where the one contains the other and something is left; None elsewhere.

    >>> difference(((0, 1), (1, 1), (2, 1)), ((1, 1),))
    ((0, 1), (2, 1))
    """
    left = dict(larger)
    for atom, times in smaller:
        left[atom] = left.get(atom, 0) - times
    if min(left.values()) < 0:
        return None
    return tuple(sorted((atom, times) for atom, times in left.items() if times)) or None


def published(problem: Problem, withheld: Collection[str]) -> tuple[Bounds, ...]:
    """Return what is published of each statement if some are withheld in addition.

    Raises:
        DisclosureRefusal: if one of them has left already or is not there.
    """
    candidates = {one.name for one in problem.statements if one.withheld is not None}
    unknown = sorted(set(withheld) - candidates)
    if unknown:
        raise DisclosureRefusal(f"{unknown[0]} cannot be withheld: it has been released already, or is not there")
    hidden = set(withheld)
    return tuple(
        one.withheld if one.withheld is not None and one.name in hidden else one.shown for one in problem.statements
    )


class Sums:
    """Many sums over the same numbers, worked out at once in whole numbers."""

    def __init__(self, terms: Sequence[Terms]) -> None:
        counts = [len(one) for one in terms]
        self._starts = np.concatenate([[0], np.cumsum(counts)])[:-1].astype(np.int64)
        self._index = np.array([index for one in terms for index, _ in one], dtype=np.int64)
        self._times = np.array([times for one in terms for _, times in one], dtype=np.int64)

    def of(self, numbers: Whole) -> Whole:
        """Return each sum. Args: numbers: shape (atoms,)."""
        if not self._starts.size:
            return np.zeros(0, dtype=np.int64)
        found: Whole = np.add.reduceat(self._times * numbers[self._index], self._starts)
        return found


def _check_terms(name: str, terms: Terms) -> None:
    atoms = [atom for atom, _ in terms]
    if not atoms or atoms[0] < 0 or any(b <= a for a, b in pairwise(atoms)):
        raise ValueError(f"{name}: terms name atoms, ascending, at least one")
    if any(times < 1 for _, times in terms):
        raise ValueError(f"{name}: an atom counts once or more often")

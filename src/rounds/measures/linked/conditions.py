"""Conditions: what decides whether a unit is counted, in a form in which the same thing is always said the same way.

A criterion comes apart into *limits*. A limit says of one *trait* which of its values are allowed. Traits are an age on
a day, the sex, what an attribute holds, the level of a grouping, or whether something opaque is so. Values are bits of
a whole number, and a negative number allows, as Python reckons, all bits but some: -1 allows whatever there is. So two
limits of one trait are compared by arithmetic, and nothing has to be known of how many values a trait has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rounds.measures.choices import Choose, Covers, Distinct, Stands, Statistic, Touches
from rounds.measures.events import Detail
from rounds.measures.windows import Edge

Trait = tuple[object, ...]
"""What a limit is of: a word for its kind, and what tells it from others of the kind. Hashable all through."""

ANYTHING: Final = -1
SO: Final = 1
NOT_SO: Final = ~SO
"""An opaque trait is so, or is not."""

SEX: Final[Trait] = ("sex",)

Limits = frozenset[tuple[Trait, int]]
"""Every limit is met; of one trait there is one."""

Span = tuple[Edge | None, Edge | None]
"""The edges of a window, which may hold no day."""


@dataclass(frozen=True)  # without slots: its limits are looked up often
class Box:
    """Units of one kind that meet some limits. Two boxes of one kind with the same limits hold the same units."""

    kind: tuple[object, ...]
    """What is counted, and what of each unit is added up."""
    limits: Limits

    @cached_property
    def by_trait(self) -> Mapping[Trait, int]:
        return dict(self.limits)

    @cached_property
    def _hash(self) -> int:
        return hash((self.kind, self.limits))

    def __hash__(self) -> int:
        return self._hash

    @property
    def empty(self) -> bool:
        """Whether nothing can be in it."""
        return any(allowed == 0 for _, allowed in self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A code is one of a list, or the row is an entry into a cohort."""

    concepts: frozenset[int] = frozenset()
    descendants: bool = False
    excluded: frozenset[int] = frozenset()
    cohort: str | None = None

    def within(self, other: "Coded") -> bool:
        """Say whether every code that is meant is one of another list, whatever a site's vocabulary holds."""
        if self == other:
            return True
        if self.cohort is not None or other.cohort is not None or (self.descendants and not other.descendants):
            return False
        if self.descendants:
            return self.concepts <= other.concepts and self.excluded >= other.excluded
        return self.concepts <= other.concepts and not other.excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A row's coded answer is one of a list; or, with a detail, that is."""

    codes: Coded
    detail: Detail | None = None


Limit = tuple[float, bool]
"""A limit, and whether it is included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A row's number lies in a range; limits as single precision holds them."""

    units: frozenset[int]
    low: Limit | None
    high: Limit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithResult:
    """A row holds a result of any kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """An observation period covers a window."""

    window: Span
    covers: Covers


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """The unit lies in a window."""

    window: Span
    touches: Touches


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The row is the person's first of a box of rows."""

    of: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The person has rows in a window."""

    rows: Box
    """What the rows that count meet, whether it was asked before the choice or after it."""
    chosen_among: Box | None
    """The rows of which one was chosen; None if any will do."""
    window: Span
    touches: Touches
    at_least: int
    distinct: Distinct
    choose: Choose
    stands: Stands
    same_visit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarised:
    """The person has values in a window, and their mean or their sum is at least so much, or above it."""

    of: Statistic
    values: Looked
    least: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The person has two values, of which the one is at least so much more than the other, or above that."""

    of: Looked
    since: Looked
    least: Limit | None
    """None if it is enough that there are two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeOf:
    """At least so many of several sets of limits are met."""

    of: frozenset[tuple[Limits, int]]
    """Each with how often it is named."""
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points of a score reach a sum."""

    of: frozenset[tuple[tuple[tuple[int, Limits], ...], int]]
    """What counts once, the most points first, each with how often it is named."""
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithAmount:
    """The unit has the quantity that a mean is of."""

    quantity: tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmongFirst:
    """The unit is one of a person's first so many, of all in a box, in a period."""

    of: Box
    most_each: int
    period: tuple[object, ...]
    """Which period, where periods are told apart."""


Opaque = (
    Coded
    | Answered
    | Measured
    | WithResult
    | Covered
    | Lying
    | First
    | Looked
    | Summarised
    | Changed
    | SomeOf
    | Points
    | WithAmount
    | AmongFirst
)


def opaque(what: Opaque) -> Trait:
    """Return the trait of which something opaque is the value `SO`."""
    return ("is", what)


def age_trait(by: object, at: object) -> Trait:
    """Return the trait of an age, reckoned in a way, on a day."""
    return ("age", by, at)


OLDEST: Final = 200
"""Ages from 0 to here have a bit each; below 0 has the one after it, and above it all others."""


def ages(low: int | None, high: int | None) -> int | None:
    """Return the ages in a range as bits; None if a limit lies where ages are not told apart.

    >>> bin(ages(2, 4))
    '0b11100'
    """
    if any(limit is not None and not 0 <= limit <= OLDEST for limit in (low, high)):
        return None
    below = 1 << (OLDEST + 1)
    up_to = ANYTHING if high is None else ((1 << (high + 1)) - 1) | below
    before = 0 if low is None else ((1 << low) - 1) | below
    return up_to & ~before


def every(limits: Iterable[tuple[Trait, int]]) -> Limits:
    """Return limits of which each trait has one, met by whatever meets all that are given."""
    found: dict[Trait, int] = {}
    for trait, allowed in limits:
        found[trait] = found.get(trait, ANYTHING) & allowed
    return frozenset((trait, allowed) for trait, allowed in found.items() if allowed != ANYTHING)


def both(one: Limits, other: Limits) -> Limits:
    """Return limits met by whatever meets those of either."""
    return every([*one, *other])


def frozen(part: object) -> object:
    """Return a meaning as a value that can be a key."""
    match part:
        case dict():
            return tuple(sorted((name, frozen(value)) for name, value in part.items()))
        case list() | tuple():
            return tuple(frozen(one) for one in part)
        case _:
            return part

"""Kinds of number: what a count is of, and so which columns it has and which rule of disclosure it needs."""

from enum import StrEnum
from typing import Final


class CountKind(StrEnum):
    """What a numerator and a denominator are."""

    PROPORTION = "proportion"
    """Units of which something holds, of all units: never more of the first than of the second."""
    RATE = "rate"
    """Events over the time that people were at risk, in days."""
    MEAN = "mean"
    """What units add up to, in steps above the lowest that one can add, over how many of them there are."""


_OF_PEOPLE: Final = (
    "numerator",
    "denominator",
    "numerator_people",
    "denominator_people",
    "numerator_most",
    "denominator_most",
)

QUANTITIES: Final[dict[CountKind, tuple[str, ...]]] = {
    CountKind.PROPORTION: ("numerator", "denominator"),
    CountKind.RATE: _OF_PEOPLE,
    CountKind.MEAN: _OF_PEOPLE,
}
"""The columns of numbers that a count of each kind has. `_people` is how many people are behind a number, and `_most`
the most that one of them can be in it. Of a mean, people are behind the numerator who add more than nothing to it."""

TALLIED: Final = {CountKind.PROPORTION: 2, CountKind.RATE: 4, CountKind.MEAN: 4}
"""How many of them an engine adds up; the others follow from the measure and the period."""

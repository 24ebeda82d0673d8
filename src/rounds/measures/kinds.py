"""Kinds of number: what a count is of, and so which columns it has and which rule of disclosure it needs."""

from enum import StrEnum
from typing import Final


class CountKind(StrEnum):
    """What a numerator and a denominator are."""

    PROPORTION = "proportion"
    """People of whom something holds, of all people, or what somebody else published as that: never more of the first
    than of the second."""
    PROPORTION_OF_ROWS = "proportion of rows"
    """Visits or events of which something holds, of all of them. One person may have many."""
    RATE = "rate"
    """Events over the time that people were at risk, in days."""
    MEAN = "mean"
    """What units add up to, in steps above the lowest that one can add, over how many of them there are."""

    @property
    def is_proportion(self) -> bool:
        """Whether a numerator is a part of its denominator, whatever the units are."""
        return self in (CountKind.PROPORTION, CountKind.PROPORTION_OF_ROWS)


_PLAIN: Final = ("numerator", "denominator")
_OF_PEOPLE: Final = (*_PLAIN, "numerator_people", "denominator_people")
_BOUNDED: Final = (*_OF_PEOPLE, "numerator_most", "denominator_most")

QUANTITIES: Final[dict[CountKind, tuple[str, ...]]] = {
    CountKind.PROPORTION: _PLAIN,
    CountKind.PROPORTION_OF_ROWS: _OF_PEOPLE,
    CountKind.RATE: _BOUNDED,
    CountKind.MEAN: _BOUNDED,
}
"""The columns of numbers that a count of each kind has. `_people` is how many people are behind a number, and `_most`
the most that one of them can be in it. Of a mean, people are behind the numerator who add more than nothing to it."""

TALLIED: Final = {CountKind.PROPORTION: 2, CountKind.PROPORTION_OF_ROWS: 4, CountKind.RATE: 4, CountKind.MEAN: 4}
"""How many of them an engine adds up; the others follow from the measure and the period."""

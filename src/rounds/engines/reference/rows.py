"""Rows of a site's tables: what orders them, which of several is chosen, and what is asked of a row's number."""

import struct
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from rounds.engines.rows import MOMENT_ORDER
from rounds.measures.choices import Choose, Distinct, Stands
from rounds.measures.events import EventTable
from rounds.measures.traits import Value

Number = float | Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table, an entry into a cohort or a set of observations that has a score."""

    table: EventTable
    row: int
    person_id: int
    concept: int
    first: date
    last: date
    minute: int
    value: float | None
    unit: int
    answer: int
    visit: int
    stay: int


def chosen(found: list[Row], choose: Choose, stands: Stands) -> list[Row]:
    """Return the row that is chosen of some in the order of their moments; all of them if any will do."""
    if choose is Choose.ANY or not found:
        return found
    one = found[0 if choose is Choose.FIRST else -1]
    if stands is Stands.AT_THE_MOMENT:
        # Of those at the last moment it is the first again that stands for all.
        return [row for row in found if (row.first, row.minute) == (one.first, one.minute)][:1]
    # Of those with the lowest value the first again.
    return sorted(
        (row for row in found if row.first == one.first), key=lambda row: (row.value is None, row.value or 0.0)
    )[:1]


def number_of(found: list[Row], distinct: Distinct) -> int:
    """Return how many rows there are, or on how many days, or of how many codes."""
    match distinct:
        case Distinct.ROWS:
            return len(found)
        case Distinct.DAYS:
            return len({row.first for row in found})
        case Distinct.CODES:
            return len({row.concept for row in found})


def in_range(asked: Value, row: Row) -> bool:
    """Say whether a row's number lies in a range and is in one of its units."""
    if row.value is None or (asked.units and row.unit not in asked.units):
        return False
    return between(asked, row.value, low=single(asked.low), high=single(asked.high))


def between(asked: Value, number: Number, *, low: Number | None, high: Number | None) -> bool:
    """Say whether a number lies between limits, which are those of a range in whatever form the number has."""
    above = low is None or number > low or (asked.low_included and number == low)
    below = high is None or number < high or (asked.high_included and number == high)
    return above and below


def single(number: float | None) -> float | None:
    """Return a number as single precision holds it, as values are."""
    return None if number is None else float(struct.unpack("f", struct.pack("f", number))[0])


def at_moment(row: Row) -> tuple[Any, ...]:
    """Return what orders the rows of one moment; no value is below every value."""
    return (row.value is not None, *((getattr(row, name) or 0) for name in MOMENT_ORDER))

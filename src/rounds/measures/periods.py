"""Periods: the calendar a measure is counted over."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Grain(StrEnum):
    """How long one period is. `ALL` is one period from the round's first to its last day."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALL = "all"


_MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Period:
    """A span of whole days, both ends included."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")


def periods_between(*, grain: Grain, first: date, last: date) -> tuple[Period, ...]:
    """Return the whole periods that lie inside `first`..`last`, in order.

    Args:
        grain: the length of each period. `ALL` gives one period, `first`..`last`.
        first: the first day that may be counted.
        last: the last day that may be counted, included.

    Raises:
        ValueError: if no whole period fits.

    >>> found = periods_between(grain=Grain.QUARTER, first=date(2024, 1, 1), last=date(2024, 6, 30))
    >>> [period.start.isoformat() for period in found]
    ['2024-01-01', '2024-04-01']
    """
    if grain is Grain.ALL:
        return (Period(start=first, end=last),)
    months = _MONTHS[grain]
    start = date(first.year, (first.month - 1) // months * months + 1, 1)
    if start < first:
        start = _add_months(start, months)
    found = []
    while (following := _add_months(start, months)) - timedelta(days=1) <= last:
        found.append(Period(start=start, end=following - timedelta(days=1)))
        start = following
    if not found:
        raise ValueError(f"no whole {grain} lies between {first} and {last}")
    return tuple(found)


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def period_label(start: date, grain: Grain) -> str:
    """Return how people write a period: "Mar 2024", "Q1 2024" (calendar quarter), "2024" or "all dates".

    >>> period_label(date(2024, 3, 1), Grain.MONTH)
    'Mar 2024'
    """
    match grain:
        case Grain.MONTH:
            return f"{start:%b %Y}"
        case Grain.QUARTER:
            return f"Q{(start.month + 2) // 3} {start.year}"
        case Grain.YEAR:
            return str(start.year)
        case Grain.ALL:
            return "all dates"

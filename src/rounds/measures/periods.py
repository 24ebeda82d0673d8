"""Periods: the calendar a measure is counted over."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

from rounds.measures.windows import add_months


class Grain(StrEnum):
    """How far apart periods begin, weeks on Monday. `ALL` is one period from the round's first to its last day."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALL = "all"


_DAYS = {Grain.DAY: 1, Grain.WEEK: 7}
_MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}

LONGEST_SPAN = 60
"""Five years of months: beyond it, ask for a longer grain."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Period:
    """A span of whole days, both ends included."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")


@lru_cache(maxsize=64)
def periods_between(*, grain: Grain, first: date, last: date, span: int = 1) -> tuple[Period, ...]:
    """Return the whole periods that lie inside `first`..`last`, in order.

    Args:
        grain: how far apart periods begin. `ALL` gives one period, `first`..`last`.
        first: the first day that may be counted.
        last: the last day that may be counted, included.
        span: how many grains a period lasts, 1 to 60; above 1 periods overlap.

    Raises:
        ValueError: if no whole period fits, or the span is out of range.

    >>> found = periods_between(grain=Grain.QUARTER, first=date(2024, 1, 1), last=date(2024, 6, 30))
    >>> [period.start.isoformat() for period in found]
    ['2024-01-01', '2024-04-01']
    """
    if not 1 <= span <= LONGEST_SPAN or (grain is Grain.ALL and span > 1):
        raise ValueError(f"a period lasts 1 to {LONGEST_SPAN} grains, and all dates are one period; not {span} {grain}")
    if grain is Grain.ALL:
        return (Period(start=first, end=last),)
    start = _starting(first, grain)
    if start < first:
        start = _moved(start, grain, 1)
    found = []
    while (end := _moved(start, grain, span) - timedelta(days=1)) <= last:
        found.append(Period(start=start, end=end))
        start = _moved(start, grain, 1)
    if not found:
        length = f"whole {grain}" if span == 1 else f"span of {span} {grain}s"
        raise ValueError(f"no {length} lies between {first} and {last}")
    return tuple(found)


def _starting(day: date, grain: Grain) -> date:
    """Return the first day of the grain that a day lies in."""
    if grain is Grain.DAY:
        return day
    if grain is Grain.WEEK:
        return day - timedelta(days=day.weekday())
    months = _MONTHS[grain]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _moved(start: date, grain: Grain, number: int) -> date:
    if grain in _DAYS:
        return start + timedelta(days=_DAYS[grain] * number)
    return add_months(start, _MONTHS[grain] * number)


def period_label(start: date, grain: Grain, span: int = 1) -> str:
    """Return how people write a period: "Mar 2024", "Q1 2024" (calendar quarter), "2024", "12 months from Mar 2024".

    >>> period_label(date(2024, 3, 1), Grain.MONTH)
    'Mar 2024'
    """
    if span > 1:
        return f"{span} {grain}s from {period_label(start, grain)}"
    match grain:
        case Grain.DAY:
            return f"{start.day} {start:%b %Y}"
        case Grain.WEEK:
            return f"week of {start.day} {start:%b %Y}"
        case Grain.MONTH:
            return f"{start:%b %Y}"
        case Grain.QUARTER:
            return f"Q{(start.month + 2) // 3} {start.year}"
        case Grain.YEAR:
            return str(start.year)
        case Grain.ALL:
            return "all dates"

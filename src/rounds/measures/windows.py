"""Windows: spans of days relative to what is counted.

What is counted (a person in a period, a visit, an event) has a first and a last day. A window runs from one edge to
another, each a number of months and days from one of those two or from an end of the period that is counted, or a date
of the calendar, both ends included.
"""

import calendar
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from rounds.errors import DefinitionError

CALENDAR: Final = (date(1900, 1, 1), date(2199, 12, 31))
"""The first and the last day that a measure may name: nobody who is counted was there on any other."""

_LONGEST_MONTH_DAYS = 31
_SHORTEST_MONTH_DAYS = 28


class Anchor(StrEnum):
    """What an edge is measured from."""

    START = "start"
    END = "end"


class PeriodAnchor(StrEnum):
    """What an edge is measured from, wherever it stands: an end of the period that is being counted.

    Engines never see it: a question that names it is asked of one period after the other, with its days put in.
    """

    START = "period start"
    END = "period end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One end of a window. Months are moved first, then days; a day that its month lacks becomes the month's last.

    >>> Edge(anchor=Anchor.START, months=1).on(date(2023, 1, 31), date(2023, 1, 31))
    datetime.date(2023, 2, 28)
    """

    anchor: Anchor | PeriodAnchor | date
    months: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.anchor, date) and (self.months or self.days):
            raise DefinitionError("a date of the calendar is not moved by months or days; write the day you mean")

    def on(self, start: date, end: date) -> date:
        """Return the day of the edge for something with a first and a last day; at most the calendar's own ends."""
        if isinstance(self.anchor, date):
            return self.anchor
        if isinstance(self.anchor, PeriodAnchor):
            raise TypeError("an edge that is measured from the period has no day before the period is put in")
        return self._moved(start if self.anchor is Anchor.START else end)

    def in_period(self, start: date, end: date) -> "Edge":
        """Return the same edge with the days of a period put in, if it is measured from them."""
        if not isinstance(self.anchor, PeriodAnchor):
            return self
        return Edge(anchor=self._moved(start if self.anchor is PeriodAnchor.START else end))

    def _moved(self, day: date) -> date:
        moved = add_months(day, self.months)
        return date.fromordinal(min(max(moved.toordinal() + self.days, 1), date.max.toordinal()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From one edge to another, both included. Without an edge it is open: as far as the records reach."""

    first: Edge | None
    last: Edge | None

    def __post_init__(self) -> None:
        if self.first and self.last and _never(self.first, self.last):
            raise DefinitionError("the window ends before it begins; exchange its ends or correct them", field="last")

    def on(self, start: date, end: date) -> tuple[date, date]:
        """Return the first and the last day of the window; the first is after the last if it holds no day."""
        return (
            self.first.on(start, end) if self.first else date.min,
            self.last.on(start, end) if self.last else date.max,
        )

    def in_period(self, start: date, end: date) -> "Window":
        """Return the same window with the days of a period put in where it is measured from them."""
        first = self.first.in_period(start, end) if self.first else None
        last = self.last.in_period(start, end) if self.last else None
        try:
            return Window(first=first, last=last)
        except DefinitionError:
            return NO_DAY  # this period is too short for it


def add_months(day: date, months: int) -> date:
    """Return the same day of a month before or after, or that month's last day where it is shorter.

    >>> add_months(date(2024, 3, 31), -1)
    datetime.date(2024, 2, 29)
    """
    index = day.year * 12 + day.month - 1 + months
    year = min(max(index // 12, date.min.year), date.max.year)
    month = index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def check_named(day: date) -> None:
    """Raise unless a measure may name a day of the calendar.

    Raises:
        DefinitionError: if its year cannot be meant.
    """
    if not CALENDAR[0] <= day <= CALENDAR[1]:
        raise DefinitionError(
            f"a day lies between {CALENDAR[0]} and {CALENDAR[1]}, not on {day}; correct its year", field="on"
        )


def _never(first: Edge, last: Edge) -> bool:
    """Say whether a window can hold no day, whatever it is laid on."""
    if isinstance(first.anchor, date) or isinstance(last.anchor, date):
        return isinstance(first.anchor, date) and isinstance(last.anchor, date) and last.anchor < first.anchor
    if isinstance(first.anchor, PeriodAnchor) != isinstance(last.anchor, PeriodAnchor):
        return False  # what is counted may lie anywhere in the period, or outside it
    if first.anchor in (Anchor.START, PeriodAnchor.START) and last.anchor in (Anchor.END, PeriodAnchor.END):
        return False  # what is counted may be long enough
    months = last.months - first.months
    longest = months * (_LONGEST_MONTH_DAYS if months > 0 else _SHORTEST_MONTH_DAYS)
    return longest + last.days - first.days < 0


THROUGHOUT = Window(first=Edge(anchor=Anchor.START), last=Edge(anchor=Anchor.END))
"""From the first to the last day of what is counted."""

NO_DAY = Window(first=Edge(anchor=date.max), last=Edge(anchor=Anchor.START))
"""What is left of a window in a period that is too short for it."""

AT_START = Window(first=Edge(anchor=Anchor.START), last=Edge(anchor=Anchor.START))
AT_END = Window(first=Edge(anchor=Anchor.END), last=Edge(anchor=Anchor.END))
EVER = Window(first=None, last=None)

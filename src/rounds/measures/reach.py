"""Reach: on which days a change of the records may change the count of a period.

Everything else is the same with and without such a change, so a count that was made before still holds. The reach is
never too narrow; it is too wide where how long rows last decides, for only the longest is known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from rounds.measures.choices import Extent, Touches
from rounds.measures.criteria import AllOf, AnyOf, Change, Criterion, Events, Has, Lies, Not, Reaches, Scored, Summary
from rounds.measures.events import EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.in_period import asked_apart
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion, Rows
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import Anchor, Edge, PeriodAnchor, Window, add_months

Days = tuple[date, date]
"""A first and a last day, both included."""

LongestDays = Mapping[EventTable, int]
"""How many days after its first day the last day of a table's longest row is."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RowsReach:
    """A count depends on the rows of a table that start on some days, or that touch them."""

    table: EventTable
    first: date
    last: date
    starting: bool
    """Only rows that start on one of the days; else also those that start before and have not ended."""
    whose: bool = False
    """It depends, too, on who the person of such a row is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What the count of one period depends on. Who somebody is counts on the days that they are observed."""

    rows: frozenset[RowsReach]
    observed: frozenset[Days]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """The days on which units start, and on which they end."""

    starts: Days
    ends: Days


def reach(question: RecordsQuestion, period: Period, *, longest: LongestDays) -> Reach:
    """Return what the count of a period depends on.

    Args:
        question: what is counted.
        period: where.
        longest: for every table whose rows last.
    """
    ((apart, _),) = asked_apart(question, (period,))
    found = set(_question(apart, (period.start, period.end), longest))
    return Reach(
        rows=frozenset(one for one in found if isinstance(one, RowsReach)),
        observed=frozenset(one for one in found if not isinstance(one, RowsReach)),
    )


def _question(question: RecordsQuestion, period: Days, longest: LongestDays) -> Iterator[RowsReach | Days]:
    first, last = period
    match question.unit:
        case People(criterion=observed):
            units = _Units(starts=(first, first), ends=(last, last))
            yield from _criterion(observed, units, longest)
            yield period  # who they are: they are counted only if observed in the period
        case Rows(events=events, counted_on=counted_on):
            touches = Touches.STARTS if counted_on is Anchor.START else Touches.ENDS
            yield from _events(events, period, touches, longest)
            for table, _ in events.reads:
                yield RowsReach(table=table, first=first, last=last, starting=counted_on is Anchor.START, whose=True)
            units = _lasting(events, period, touches, longest)
        case PersonTime(visits=visits):
            units = _Units(starts=(first, first), ends=(last, last))
            yield date.min, date.max  # who they are, and every day they were observed
            for table in question.tables:
                yield RowsReach(table=table, first=date.min, last=last, starting=True)
            if visits is not None:
                yield from _criterion(visits.where, _Units(starts=(date.min, last), ends=(date.min, date.max)), longest)
        case _:
            assert_never(question.unit)
    for criterion in (question.who, question.numerator, question.looks_for):
        yield from _criterion(criterion, units, longest)


def _criterion(criterion: Criterion | None, units: _Units, longest: LongestDays) -> Iterator[RowsReach | Days]:
    match criterion:
        case None | Age() | Sex() | Value() | Answer() | Marked() | Result() | Lies():
            return  # asked of the unit itself
        case InGroup(grouping=grouping):
            yield from grouping_reach(grouping)
        case Observed(window=window):
            days = _window(window, units)
            if days is not None:
                yield days
        case Has(events=events, window=window, touches=touches, provided=provided):
            days = _window(window, units)
            if days is not None:
                yield from _events(events, days, touches, longest)
                yield from _criterion(provided, _lasting(events, days, touches, longest), longest)
        case AllOf(of=several) | AnyOf(of=several) | Reaches(criteria=several):
            for one in several:
                yield from _criterion(one, units, longest)
        case Change(of=one, since=other):
            yield from _criterion(one, units, longest)
            yield from _criterion(other, units, longest)
        case Not(of=one) | Summary(rows=one):
            yield from _criterion(one, units, longest)
        case _:
            assert_never(criterion)  # a new criterion must say here what it depends on


def grouping_reach(grouping: Grouping) -> Iterator[RowsReach]:
    """Yield what decides which level something is of, beyond who the person is: visits and stays of any day.

    A row names its visit or its stay by number, and nothing says when those were.
    """
    if grouping.by in _PLACES:
        yield RowsReach(table=_PLACES[grouping.by], first=date.min, last=date.max, starting=False)


_PLACES = {Stratum.CARE_SITE: EventTable.VISIT_OCCURRENCE, Stratum.WARD: EventTable.VISIT_DETAIL}


def _events(events: Events | Scored, days: Days, touches: Touches, longest: LongestDays) -> Iterator[RowsReach | Days]:
    """Yield what decides which rows are meant, of those that touch some days."""
    by_start = touches in (Touches.STARTS, Touches.INSIDE)
    # An earlier row is the first instead, and one that never ended may still go on.
    earlier = events.first or (_goes_on(events) and not by_start)
    first = date.min if earlier else days[0]
    for table, _ in events.reads:
        yield RowsReach(table=table, first=first, last=days[1], starting=earlier or by_start)
    yield from _criterion(events.where, _lasting(events, days, touches, longest), longest)


def _lasting(events: Events | Scored, days: Days, touches: Touches, longest: LongestDays) -> _Units:
    """Return when the rows that touch some days may start and end; with `first`, every earlier row too."""
    lasts = longest.get(events.table, 0) if isinstance(events, Events) else 0
    if _goes_on(events):
        lasts = date.max.toordinal()
    first, last = days
    if events.first:
        return _Units(starts=(date.min, last), ends=(date.min, _later(last, lasts)))
    match touches:
        case Touches.STARTS:
            return _Units(starts=days, ends=(first, _later(last, lasts)))
        case Touches.INSIDE:
            return _Units(starts=days, ends=days)
        case Touches.ENDS:
            return _Units(starts=(_later(first, -lasts), last), ends=days)
        case Touches.OVERLAPS:
            return _Units(starts=(_later(first, -lasts), last), ends=(first, _later(last, lasts)))
        case _:
            assert_never(touches)


def _goes_on(events: Events | Scored) -> bool:
    return isinstance(events, Events) and events.without_end is Extent.ON_AND_ON


def _window(window: Window, units: _Units) -> Days | None:
    """Return all days that a window may hold, or None if it holds none."""
    first = _edge(window.first, units)[0] if window.first else date.min
    last = _edge(window.last, units)[1] if window.last else date.max
    return (first, last) if first <= last else None


def _edge(edge: Edge, units: _Units) -> Days:
    """Return the earliest and the latest day of an edge."""
    match edge.anchor:
        case date() as day:
            return day, day
        case Anchor.START:
            low, high = units.starts
        case Anchor.END:
            low, high = units.ends
        case PeriodAnchor():
            raise TypeError("the days of the period have not been put in")
        case _:
            assert_never(edge.anchor)
    if _leaves_calendar(low, edge.months) or _leaves_calendar(high, edge.months):
        # `add_months` keeps the month there and stays in the calendar's first or last year.
        low_year = date.min if edge.months < 0 else add_months(low, edge.months)
        high_year = date.max if edge.months > 0 else add_months(high, edge.months)
        low_year = min(low_year, date(date.max.year, 1, 1))
        high_year = max(high_year, date(date.min.year, 12, 31))
        return _later(low_year, edge.days), _later(high_year, edge.days)
    return edge.on(low, low), edge.on(high, high)


def _leaves_calendar(day: date, months: int) -> bool:
    return not date.min.year <= (day.year * 12 + day.month - 1 + months) // 12 <= date.max.year


def _later(day: date, days: int) -> date:
    """Return a day so much later, at most the calendar's ends."""
    return date.fromordinal(min(max(day.toordinal() + days, date.min.toordinal()), date.max.toordinal()))

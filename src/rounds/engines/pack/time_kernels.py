# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels of time at risk: the days somebody is observed and alive, or the nights of visits, and the events in them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled, compiled_making_arrays

Array = npt.NDArray[Any]


class AtRisk(NamedTuple):
    """Stretches of days by person and first day; those of somebody may overlap."""

    begin: Array
    first: Array
    last: Array


class Happened(NamedTuple):
    """Events by person and day, and which of them are meant."""

    begin: Array
    day: Array
    meant: Array


class InPeriods(NamedTuple):
    """The periods in order: their days, and for each day the first and the last that it lies in."""

    start: Array
    end: Array
    first_place: Array
    last_place: Array
    year: Array
    """In which each starts."""


class Persons(NamedTuple):
    """What people are counted by."""

    sex: Array
    born: Array
    band: Array
    """By age in years."""
    by_sex: int
    by_band: int


@compiled
def alive(
    start: Array, first: Array, last: Array, base: int, born: Array, died: Array, out: AtRisk
) -> None:  # pragma: no cover
    """Write the stretches of observation of a block's people from the day of birth to that of death.

    Args:
        start: where the observation periods of each person begin.
        first: of each period.
        last: of each period.
        base: the number of the block's first person.
        born: the first day on which each person may have been born.
        died: the day of death of each person of the block, or later than any day.
        out: written; with room for every period.
    """
    number = 0
    for who in range(len(died)):
        out.begin[who] = number
        for place in range(start[base + who], start[base + who + 1]):
            low, high = max(first[place], born[base + who]), min(last[place], died[who])
            if low <= high:
                at = number
                while at > out.begin[who] and out.first[at - 1] > low:
                    out.first[at], out.last[at] = out.first[at - 1], out.last[at - 1]
                    at -= 1
                out.first[at], out.last[at] = low, high
                number += 1
    out.begin[len(died)] = number


@compiled_making_arrays
def tally_time(
    base: int,
    asked: Array,
    level: Array,
    at_risk: AtRisk,
    nights: bool,
    happened: Happened,
    once_a_day: bool,
    most_each: int,
    periods: InPeriods,
    persons: Persons,
    totals: Array,
) -> None:  # pragma: no cover
    """Add up events, days at risk, people with events and people with days, by cell and period.

    Args:
        base: the number of the block's first person.
        asked: in which periods each person is asked about.
        level: of each person.
        at_risk: on which days events are counted.
        nights: whether the last day of a stretch is no day at risk, though its events are counted.
        happened: the events.
        once_a_day: whether several on a day are one.
        most_each: the most events of somebody in a period.
        periods: what is counted in.
        persons: what people are counted by.
        totals: shape (4, cells, periods), added to.
    """
    number = len(periods.start)
    events, days = np.empty(number, dtype=np.int64), np.empty(number, dtype=np.int64)
    for who in range(len(asked)):
        begin, end = at_risk.begin[who], at_risk.begin[who + 1]
        if asked[who] == 0 or begin == end:
            continue
        events[:] = 0
        days[:] = 0
        covered = np.int64(-1)
        for place in range(begin, end):
            low, high = max(np.int64(at_risk.first[place]), covered + 1), np.int64(at_risk.last[place]) - nights
            if low <= high:
                covered = high
                period = periods.first_place[low]
                while period < number and periods.start[period] <= high:
                    days[period] += min(high, periods.end[period]) - max(low, periods.start[period]) + 1
                    period += 1
        place, reach, before = begin, np.int64(-1), np.int64(-1)
        for event in range(happened.begin[who], happened.begin[who + 1]):
            day = np.int64(happened.day[event])
            if not happened.meant[event] or (once_a_day and day == before):
                continue
            while place < end and at_risk.first[place] <= day:
                reach = max(reach, np.int64(at_risk.last[place]))
                place += 1
            if reach >= day:
                before = day
                for period in range(periods.first_place[day], periods.last_place[day] + 1):
                    events[period] += 1
        sex = persons.sex[base + who] * persons.by_sex + level[who]
        for period in range(number):
            if (asked[who] >> np.uint64(period)) & np.uint64(1) and (events[period] > 0 or days[period] > 0):
                age = min(max(periods.year[period] - persons.born[base + who], 0), len(persons.band) - 1)
                cell = sex + persons.band[age] * persons.by_band
                totals[0, cell, period] += min(events[period], most_each)
                totals[1, cell, period] += days[period]
                totals[2, cell, period] += events[period] > 0
                totals[3, cell, period] += days[period] > 0

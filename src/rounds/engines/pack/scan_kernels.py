# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels that look at the rows of some people in a row and gather a mask for each of them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.few_kernels import EVERYBODY, Work, put
from rounds.engines.pack.few_scan_kernels import few_days, few_first_times, few_times
from rounds.engines.pack.kernels import FAR, seek

Array = npt.NDArray[Any]


@compiled
def scan(
    work: Work,
    to: int,
    layers: int,
    person: Array,
    first: Array,
    of_first: Array,
    last: Array,
    of_last: Array,
    inside: Array,
    ranges: Array,
    cursor: Array,
    lately: Array,
    base: int,
    end: int,
) -> None:  # pragma: no cover
    """Put the masks of rows of people into places: a layer for each row that was met, the first lowest.

    How many rows there are is not known before they are looked at. How many there were of the people before tells how
    to do it; each way is right for any number of them.

    Args:
        work: gets them.
        to: the first of the places.
        layers: how many rows are counted at most.
        person: of each row.
        first: its first day.
        of_first: the masks of first days; empty if a row may begin on any.
        last: the last day of each row.
        of_last: the masks of last days; empty if a row may end on any.
        inside: whether a row will do; empty if every one does.
        ranges: where the rows of concepts start and stop, each in the order of people.
        cursor: for each of them the row that comes next, moved on.
        lately: for each of them how many rows there were of the people before, and then of these.
        base: the first person.
        end: the person after the last.
    """
    rows = 0
    for place in range(len(ranges)):
        rows += lately[place]
        lately[place] = -cursor[place]
    by_day = len(inside) == 0 and len(of_last) == 0
    if by_day and layers <= 3 and len(ranges) == 1 and rows <= (end - base) // 4:
        if layers == 1:
            cursor[0] = few_days(work, to, person, first, of_first, cursor[0], ranges[0, 1], base, end)
        else:
            cursor[0] = few_first_times(work, to, layers, person, first, of_first, cursor[0], ranges[0, 1], base, end)
    elif rows <= 2 * work.most:
        few_times(work, to, layers, person, first, of_first, last, of_last, inside, ranges, cursor, base, end)
    else:
        out = work.masks[to : to + layers]
        if not by_day:
            scan_any(out, person, first, of_first, last, of_last, inside, ranges, cursor, base, end)
        elif layers == 1:
            scan_days(out[0], person, first, of_first, ranges, cursor, base, end)
        else:
            scan_times(out, person, first, of_first, ranges, cursor, base, end)
        work.number[to : to + layers] = EVERYBODY
    for place in range(len(ranges)):
        lately[place] += cursor[place]


@compiled
def scan_any(
    out: Array,
    person: Array,
    first: Array,
    of_first: Array,
    last: Array,
    of_last: Array,
    inside: Array,
    ranges: Array,
    cursor: Array,
    base: int,
    end: int,
) -> None:  # pragma: no cover
    """Gather the masks of rows of people from `base` to `end`: a layer for each row that was met, the first lowest."""
    layers = out.shape[0]
    out[:] = 0
    for place in range(len(ranges)):
        row, stop = cursor[place], ranges[place, 1]
        while row < stop and person[row] < end:
            if len(of_last) == 0:
                mask = of_first[first[row]]
            elif len(of_first) == 0:
                mask = of_last[last[row]]
            else:
                mask = of_first[first[row]] & of_last[last[row]]
            if len(inside) > 0 and inside[row] == 0:
                mask = np.uint64(0)
            who = person[row] - base
            for layer in range(layers - 1, 0, -1):
                out[layer, who] |= out[layer - 1, who] & mask
            out[0, who] |= mask
            row += 1
        cursor[place] = row


@compiled
def scan_days(
    out: Array, person: Array, day: Array, of_day: Array, ranges: Array, cursor: Array, base: int, end: int
) -> None:  # pragma: no cover
    """As `scan_any`, for the commonest case: one layer, one day, every row."""
    out[:] = 0
    for place in range(len(ranges)):
        start, stop = cursor[place], seek(person, cursor[place], ranges[place, 1], end, FAR)
        if place == 0:
            first_days(out, person[start:stop], day[start:stop], of_day, base)
        else:
            for row in range(start, stop):
                out[person[row] - base] |= of_day[day[row]]
        cursor[place] = stop


@compiled
def first_days(out: Array, person: Array, day: Array, of_day: Array, base: int) -> None:  # pragma: no cover
    """Gather the masks of rows of people who have no bit yet.

    What a person has so far is kept at hand: to read it back from where it has just been written would take longer than
    all else. There is no branch that a processor could guess wrong.
    """
    nothing = of_day[0] & ~of_day[0]
    before, found = base - 1, nothing
    for row in range(len(person)):
        who = person[row]
        found = (found if who == before else nothing) | of_day[day[row]]
        out[who - base] = found
        before = who


@compiled
def scan_times(
    out: Array, person: Array, day: Array, of_day: Array, ranges: Array, cursor: Array, base: int, end: int
) -> None:  # pragma: no cover
    """As `scan_days`, with a layer for each time that a period was met."""
    layers = out.shape[0]
    out[:] = 0
    for place in range(len(ranges)):
        start, stop = cursor[place], seek(person, cursor[place], ranges[place, 1], end, FAR)
        if place == 0 and layers <= 3:
            first_times(out, person[start:stop], day[start:stop], of_day, base)
        else:
            for row in range(start, stop):
                mask = of_day[day[row]]
                if mask != 0:
                    who = person[row] - base
                    for layer in range(layers - 1, 0, -1):
                        out[layer, who] |= out[layer - 1, who] & mask
                    out[0, who] |= mask
        cursor[place] = stop


@compiled
def first_times(out: Array, person: Array, day: Array, of_day: Array, base: int) -> None:  # pragma: no cover
    """As `first_days`, with two layers or three."""
    nothing = of_day[0] & ~of_day[0]
    once, twice, thrice = nothing, nothing, nothing
    before, highest = base - 1, out.shape[0] - 1
    for row in range(len(person)):
        who, mask = person[row], of_day[day[row]]
        same = who == before
        once, twice, thrice = (once if same else nothing), (twice if same else nothing), (thrice if same else nothing)
        thrice |= twice & mask
        twice |= once & mask
        once |= mask
        out[0, who - base] = once
        out[1, who - base] = twice
        out[highest, who - base] = thrice if highest == 2 else twice
        before = who


@compiled
def first_day_masks(
    work: Work,
    to: int,
    person: Array,
    day: Array,
    of_day: Array,
    inside: Array,
    ranges: Array,
    cursor: Array,
    base: int,
    people: int,
    edges: Array,
    first_range: int,
    within: Array,
) -> None:  # pragma: no cover
    """Put the masks of everybody's first day with a row into a place, if it lies between two days.

    Args:
        work: gets them.
        to: the place.
        person: of each row.
        day: of each row.
        of_day: the mask of each day.
        inside: whether a row will do; empty if every one does.
        ranges: where the rows of concepts start and stop, each in the order of people and days.
        cursor: for each of them the row that comes next.
        base: the first person.
        people: how many there are.
        edges: where each range of people of one sex and year of birth begins.
        first_range: the range of the first person.
        within: the first and the last day that will do, shape (ranges of people, 2).
    """
    number, begin, place, nothing = 0, 0, first_range, of_day[0] & ~of_day[0]
    while begin < people:
        end = min(edges[place + 1] - base, people)
        low, high = within[place, 0], within[place, 1]
        if len(ranges) == 1 and len(inside) == 0:  # of each person the first row will do
            listed, out = work.listed, work.found[0]
            before, last = -1, base + end
            persons, days = person[cursor[0] : ranges[0, 1]], day[cursor[0] : ranges[0, 1]]
            passed = len(persons)
            for row in range(len(persons)):
                who, this = persons[row], days[row]
                if who >= last:
                    passed = row
                    break
                mask = of_day[this]
                mask = mask if (this >= low) & (this <= high) else nothing
                listed[number], out[number] = who - base, mask
                number += (who != before) & (mask != 0)
                before = who
            cursor[0] += passed
        else:
            number = _first_of_several(
                work, person, day, of_day, inside, ranges, cursor, base, base + end, low, high, number
            )
        begin, place = end, place + 1
    put(work, to, 1, number, people)


@compiled
def _first_of_several(
    work: Work,
    person: Array,
    day: Array,
    of_day: Array,
    inside: Array,
    ranges: Array,
    cursor: Array,
    base: int,
    end: int,
    low: int,
    high: int,
    since: int,
) -> int:  # pragma: no cover
    """List people of one range behind those who are listed, and return how many there are then."""
    day_of, listed, out, none = work.day_of, work.listed, work.found[0], len(of_day)
    number, nothing = since, of_day[0] & ~of_day[0]
    for part in range(len(ranges)):
        row, stop = cursor[part], ranges[part, 1]
        while row < stop and person[row] < end:
            if len(inside) == 0 or inside[row] != 0:
                who = person[row] - base
                before = day_of[who]
                day_of[who] = min(before, np.int32(day[row]))
                listed[number] = who
                number += before == none
            row += 1
        cursor[part] = row
    left = since
    for place in range(since, number):
        who = listed[place]
        this = day_of[who]
        day_of[who] = none
        mask = of_day[this]
        mask = mask if (this >= low) & (this <= high) else nothing
        listed[left], out[left] = who, mask
        left += mask != 0
    return left

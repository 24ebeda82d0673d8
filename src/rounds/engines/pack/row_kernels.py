# ruff: noqa: PLR0913, PLR0917, PLR0912  a kernel takes arrays one by one, and calls are not free in it
"""Kernels over the rows of a block, person by person, each person's in the order of their moments."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled, compiled_making_arrays
from rounds.engines.pack.kernels import Moments, precedes
from rounds.measures.choices import Choose

Array = npt.NDArray[Any]

STARTS, ENDS, OVERLAPS, INSIDE = 0, 1, 2, 3
ANY, FIRST, LAST = 0, 1, 2
CHOOSE: Final = {Choose.ANY: ANY, Choose.FIRST: FIRST, Choose.LAST: LAST}


@compiled_making_arrays
def merged(
    starts: Array,
    stops: Array,
    base: int,
    person: Array,
    moments: Moments,
    first: Array,
    of_first: Array,
    last: Array,
    of_last: Array,
    begin: Array,
) -> Array:  # pragma: no cover
    """Bring rows of several concepts into one order; those of person p stand at begin[p]..begin[p + 1].

    Rows whose masks have nothing in common are left out: they lie in no window that is asked about.
    """
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            if of_first[first[row]] & of_last[last[row]] != 0:
                begin[person[row] - base + 1] += 1
    sum_up(begin)
    rows = np.empty(begin[len(begin) - 1], dtype=np.int64)
    cursor = begin.copy()
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            if of_first[first[row]] & of_last[last[row]] != 0:
                who = person[row] - base
                rows[cursor[who]] = row
                cursor[who] += 1
    if len(starts) > 1:
        spare = np.empty(len(rows), dtype=rows.dtype)
        for who in range(len(begin) - 1):
            if begin[who + 1] - begin[who] > 1:
                _sort(rows[begin[who] : begin[who + 1]], spare, moments)
    return rows


@compiled
def sum_up(numbers: Array) -> None:  # pragma: no cover
    """Add to each number all before it."""
    total = 0
    for place in range(len(numbers)):
        total += numbers[place]
        numbers[place] = total


@compiled
def _sort(rows: Array, spare: Array, moments: Moments) -> None:  # pragma: no cover
    """Sort one person's rows: short runs by insertion, then merged in pairs."""
    run = 16
    for start in range(0, len(rows), run):
        for end in range(start + 1, min(start + run, len(rows))):
            row, place = rows[end], end
            while place > start and precedes(moments, row, rows[place - 1]):
                rows[place] = rows[place - 1]
                place -= 1
            rows[place] = row
    while run < len(rows):
        for start in range(0, len(rows), 2 * run):
            middle, end = min(start + run, len(rows)), min(start + 2 * run, len(rows))
            left, right = start, middle
            for place in range(start, end):
                if right >= end or (left < middle and not precedes(moments, rows[right], rows[left])):
                    spare[place] = rows[left]
                    left += 1
                else:
                    spare[place] = rows[right]
                    right += 1
        for place in range(len(rows)):
            rows[place] = spare[place]
        run *= 2


@compiled
def kept(rows: Array, begin: Array, flags: Array, first: bool, out: Array, out_begin: Array) -> int:  # pragma: no cover
    """Keep the rows that are flagged, or only everybody's first of them; return how many."""
    number = 0
    start = begin[0]
    for who in range(len(begin) - 1):
        out_begin[who] = number
        stop = begin[who + 1]
        for place in range(start, stop):
            if flags[place]:
                out[number] = rows[place]
                number += 1
                if first:
                    break
        start = stop
    out_begin[len(begin) - 1] = number
    return number


@compiled_making_arrays
def people_having(
    out: Array,
    begin: Array,
    first: Array,
    minute: Array,
    last: Array,
    provided: Array,
    once: Array,
    of_first: Array,
    of_last: Array,
    choose: int,
    at_least: int,
    distinct: bool,
) -> None:  # pragma: no cover
    """Gather the windows in which people have rows: any so many of them, or the first or the last.

    The columns are those of the rows in their order; `provided` says which meet what is asked of them.
    With `distinct` neighbours that share what is in `once` count once.
    """
    layers = np.zeros(at_least, dtype=np.uint64)
    for who in range(len(out)):
        start, stop = begin[who], begin[who + 1]
        if start == stop:  # as it is with most people
            continue
        taken = np.uint64(0)
        if choose == ANY:
            layers[:] = 0
            place = start
            while place < stop:
                mask = np.uint64(0)
                shared = once[place]
                while place < stop and once[place] == shared:
                    if provided[place]:
                        mask |= of_first[first[place]] & of_last[last[place]]
                    place += 1
                    if not distinct:
                        break
                for layer in range(at_least - 1, 0, -1):
                    layers[layer] |= layers[layer - 1] & mask
                layers[0] |= mask
            out[who] = layers[at_least - 1]
        elif choose == FIRST:
            for place in range(start, stop):
                mask = of_first[first[place]] & of_last[last[place]] & ~taken
                taken |= mask
                if provided[place]:
                    out[who] |= mask
        else:
            end = stop
            while end > start:
                moment = end - 1
                while moment > start and first[moment - 1] == first[end - 1] and minute[moment - 1] == minute[end - 1]:
                    moment -= 1
                for place in range(moment, end):
                    mask = of_first[first[place]] & of_last[last[place]] & ~taken
                    taken |= mask
                    if provided[place]:
                        out[who] |= mask
                end = moment


@compiled
def rows_having(
    out: Array,
    who: Array,
    low: Array,
    high: Array,
    unit_visit: Array,
    begin: Array,
    first: Array,
    minute: Array,
    last: Array,
    visit: Array,
    provided: Array,
    once: Array,
    touches: int,
    choose: int,
    at_least: int,
    distinct: bool,
    same_visit: bool,
) -> None:  # pragma: no cover
    """Say of which units the person has rows in a window from `low` to `high`: any so many, or the first or the last.

    `who` is the person of each unit, in the block; the columns from `first` on are those of the rows in their order.
    With `distinct` neighbours that share what is in `once` count once.
    """
    for unit in range(len(who)):
        lo, hi = low[unit], high[unit]
        if lo > hi or (same_visit and unit_visit[unit] == -1):
            continue
        number, chosen = 0, -1
        before = np.int64(-2)
        for place in range(begin[who[unit]], begin[who[unit] + 1]):
            start, end = np.int64(first[place]), np.int64(last[place])
            if touches == STARTS:
                touched = lo <= start <= hi
            elif touches == ENDS:
                touched = lo <= end <= hi
            elif touches == INSIDE:
                touched = lo <= start and end <= hi
            else:
                touched = start <= hi and end >= lo
            if not touched or (same_visit and visit[place] != unit_visit[unit]):
                continue
            if choose == ANY:
                if provided[place] and not (distinct and once[place] == before):
                    number += 1
                    before = np.int64(once[place])
                    if number >= at_least:
                        break
            elif chosen < 0 or (choose == LAST and (first[chosen] != first[place] or minute[chosen] != minute[place])):
                chosen = place
                if choose == FIRST:
                    break
        out[unit] = number >= at_least if choose == ANY else (chosen >= 0 and provided[chosen])


@compiled
def rows_observed(
    out: Array, person: Array, low: Array, high: Array, start: Array, first: Array, last: Array, every_day: bool
) -> None:  # pragma: no cover
    """Say of which rows an observation period covers a window, on any day or on every day of it."""
    for row in range(len(person)):
        lo, hi = low[row], high[row]
        if lo > hi:
            continue
        for place in range(start[person[row]], start[person[row] + 1]):
            from_day, to_day = np.int64(first[place]), np.int64(last[place])
            met = from_day <= lo and to_day >= hi if every_day else from_day <= hi and to_day >= lo
            if met:
                out[row] = True
                break

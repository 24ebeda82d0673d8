# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels that look at the rows of some people in a row and gather a mask for each of them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.kernels import FAR, seek

Array = npt.NDArray[Any]


@compiled
def scan(
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
    """As `scan`, for the commonest case: one layer, one day, every row."""
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

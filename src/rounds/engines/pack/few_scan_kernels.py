# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels that look at the rows of some people in a row and list those who have bits: for rows fewer than people."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.few_kernels import Work, put, spread
from rounds.engines.pack.layer_kernels import take_back

Array = npt.NDArray[Any]


@compiled
def few_days(
    work: Work, to: int, person: Array, day: Array, of_day: Array, start: int, stop: int, base: int, end: int
) -> int:  # pragma: no cover
    """Put the masks of rows of one concept into a place, where rows are fewer than people; return the row after them.

    Whoever has no bit is not listed: the next of whom rows are takes the place. There is no branch that a processor
    could guess wrong.
    """
    listed, out = work.who[to], work.masks[to]
    nothing = of_day[0] & ~of_day[0]
    persons, days = person[start:stop], day[start:stop]
    passed, number, before, found = len(persons), 0, base - 1, nothing
    for row in range(len(persons)):
        who = persons[row]
        if who >= end:
            passed = row
            break
        new = who != before
        number += new & (found != 0)
        found = (nothing if new else found) | of_day[days[row]]
        listed[number], out[number] = who - base, found
        before = who
    work.number[to] = number + (found != 0)
    if work.number[to] > work.most:
        spread(work, to, end - base)
    return start + passed


@compiled
def few_first_times(
    work: Work,
    to: int,
    layers: int,
    person: Array,
    day: Array,
    of_day: Array,
    start: int,
    stop: int,
    base: int,
    end: int,
) -> int:  # pragma: no cover
    """As `few_days`, with two layers or three."""
    highest = to + layers - 1
    nothing = of_day[0] & ~of_day[0]
    once, twice, thrice = nothing, nothing, nothing
    persons, days = person[start:stop], day[start:stop]
    passed, number, before = len(persons), 0, base - 1
    for row in range(len(persons)):
        who, mask = persons[row], of_day[days[row]]
        if who >= end:
            passed = row
            break
        same = who == before
        number += (not same) & (once != 0)
        once, twice, thrice = (once if same else nothing), (twice if same else nothing), (thrice if same else nothing)
        thrice |= twice & mask
        twice |= once & mask
        once |= mask
        work.who[to, number] = who - base
        work.masks[to, number] = once
        work.masks[to + 1, number] = twice
        work.masks[highest, number] = thrice if layers == 3 else twice
        before = who
    number += once != 0
    for layer in range(layers):
        if layer > 0:
            for few in range(number):
                work.who[to + layer, few] = work.who[to, few]
        work.number[to + layer] = number
        if number > work.most:
            spread(work, to + layer, end - base)
    return start + passed


@compiled
def few_times(
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
    base: int,
    end: int,
) -> None:  # pragma: no cover
    """As `scan`, where rows are fewer than people."""
    aside, listed, number = work.aside, work.listed, 0
    for place in range(len(ranges)):
        row, stop = cursor[place], ranges[place, 1]
        while row < stop and person[row] < end:
            if len(of_last) == 0:
                mask = np.uint64(of_first[first[row]])
            elif len(of_first) == 0:
                mask = np.uint64(of_last[last[row]])
            else:
                mask = np.uint64(of_first[first[row]] & of_last[last[row]])
            if len(inside) > 0 and inside[row] == 0:
                mask = np.uint64(0)
            who = person[row] - base
            listed[number] = who
            number += (aside[0, who] == 0) & (mask != 0)
            for layer in range(layers - 1, 0, -1):
                aside[layer, who] |= aside[layer - 1, who] & mask
            aside[0, who] |= mask
            row += 1
        cursor[place] = row
    take_back(work, layers, number)
    put(work, to, layers, number, end - base)

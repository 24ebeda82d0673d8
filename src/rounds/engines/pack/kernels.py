# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels over people: each gathers bits, one a period, into a mask for every person of a block.

A block's people have consecutive numbers from `base`. A concept's rows of the block stand at `starts`..`stops`.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled

Array = npt.NDArray[Any]


class Sieve(NamedTuple):
    """What a row must be, besides carrying a code: every part of it holds."""

    inside: Array
    """Empty, or whether each row begins in an observation period."""
    value: Array
    """Empty, or each row's number."""
    unit: Array
    units: Array
    """Sorted; empty if any will do."""
    low: np.float32
    low_included: bool
    high: np.float32
    high_included: bool
    answer: Array
    """Empty, or each row's coded answer."""
    answers: Array
    """Sorted."""


class Moments(NamedTuple):
    """What orders the rows of a person; columns the table does not have are empty."""

    first: Array
    minute: Array
    value: Array
    last: Array
    unit: Array
    answer: Array
    visit: Array
    stay: Array


FAR: Final = 64
"""How far to look ahead at first where hundreds of rows lie between one look and the next."""


@compiled
def seek(person: Array, at: int, stop: int, who: int, step: int) -> int:  # pragma: no cover
    """Return the first row from `at` on that is of somebody numbered `who` or higher: by leaps, then by halves."""
    if at >= stop or person[at] >= who:
        return at
    low, high = at, stop
    while low + step < high and person[low + step] < who:
        low += step
        step *= 2
    if low + step < high:
        high = low + step + 1
    while low < high:
        middle = (low + high) // 2
        if person[middle] < who:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def block_bounds(person: Array, starts: Array, stops: Array, edges: Array, bounds: Array) -> None:  # pragma: no cover
    """Find where each concept's rows of each block begin: `bounds[concept, block]`."""
    for concept in range(len(starts)):
        at = starts[concept]
        for block in range(len(edges)):
            at = seek(person, at, stops[concept], edges[block], FAR)
            bounds[concept, block] = at


@compiled
def over_days(
    out: Array,
    base: int,
    starts: Array,
    stops: Array,
    person: Array,
    first: Array,
    of_first: Array,
    last: Array,
    of_last: Array,
    sieve: Sieve,
) -> None:  # pragma: no cover
    """Gather what a mask of the first and one of the last day have in common, for the rows that pass."""
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            mask = of_first[first[row]] & of_last[last[row]]
            if mask != 0 and passes(sieve, row):
                out[person[row] - base] |= mask


@compiled
def counted_days(
    layers: Array,
    base: int,
    starts: Array,
    stops: Array,
    person: Array,
    first: Array,
    of_first: Array,
    last: Array,
    of_last: Array,
    sieve: Sieve,
) -> None:  # pragma: no cover
    """As `over_days`, with a layer of masks for each row that was met, the first lowest: shape (people, layers)."""
    highest = layers.shape[1] - 1
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            mask = of_first[first[row]] & of_last[last[row]]
            if mask != 0 and passes(sieve, row):
                who = person[row] - base
                for place in range(highest, 0, -1):
                    layers[who, place] |= layers[who, place - 1] & mask
                layers[who, 0] |= mask


@compiled
def first_rows(
    best: Array, base: int, starts: Array, stops: Array, person: Array, moments: Moments, sieve: Sieve
) -> None:  # pragma: no cover
    """Find everybody's first row that passes; `best` is -1 where there is none."""
    every = passes_every(sieve)
    for part in range(len(starts)):
        before = -1
        for row in range(starts[part], stops[part]):
            who = person[row] - base
            if who != before and (every or passes(sieve, row)):
                before = who
                other = best[who]
                if other < 0 or precedes(moments, row, other):
                    best[who] = row


@compiled
def of_first_days(
    out: Array,
    day_of: Array,
    listed: Array,
    base: int,
    starts: Array,
    stops: Array,
    person: Array,
    first: Array,
    inside: Array,
    of_first: Array,
    year: Array,
    of_year: Array,
    born: Array,
    birth: Array,
    low: int,
    high: int,
    birthdays: bool,
) -> None:  # pragma: no cover
    """Give everybody the mask of the first day on which they have a row, if they have the age on it.

    `day_of` has for everybody a day after the last, and `listed` is room for one more than there are people. `inside`
    is empty if every row will do. `year` and `of_year` are, by day, the year and the day of the year.
    """
    out[:] = 0
    none, number = len(of_first), 0
    if len(starts) == 1 and len(inside) == 0:  # in the order of days: of each person the first row will do
        before, start = -1, starts[0]
        for row in range(start, stops[0]):
            listed[number] = row - start
            number += person[row] != before
            before = person[row]
        for place in range(number):
            row = start + listed[place]
            listed[place] = person[row] - base
            day_of[listed[place]] = first[row]
    else:
        for part in range(len(starts)):
            for row in range(starts[part], stops[part]):
                if len(inside) == 0 or inside[row] != 0:
                    who = person[row] - base
                    before = day_of[who]
                    day_of[who] = min(before, np.int32(first[row]))
                    listed[number] = who
                    number += before == none
    nothing = np.uint64(0)  # beside a plain 0 the masks would become floats, which hold 53 bits
    for place in range(number):
        who = listed[place]
        day = day_of[who]
        age = year[day] - born[base + who]
        if birthdays:
            age -= of_year[day] < of_year[birth[base + who]]
        out[who] = of_first[day] if low <= age <= high else nothing


@compiled
def of_rows(
    out: Array, rows: Array, first: Array, of_first: Array, last: Array, of_last: Array, sieve: Sieve
) -> None:  # pragma: no cover
    """Give everybody the mask of one row, if there is one and it passes."""
    every = passes_every(sieve)
    for who in range(len(out)):
        row = rows[who]
        if row >= 0 and (every or passes(sieve, row)):
            out[who] = of_first[first[row]] & of_last[last[row]]


@compiled
def of_spans(
    out: Array, base: int, start: Array, first: Array, last: Array, of_first: Array, of_last: Array
) -> None:  # pragma: no cover
    """Gather over everybody's observation periods what a mask of the first and one of the last day share."""
    for who in range(len(out)):
        for place in range(start[base + who], start[base + who + 1]):
            out[who] |= of_first[first[place]] & of_last[last[place]]


@compiled
def passes_every(sieve: Sieve) -> bool:  # pragma: no cover
    """Say whether a sieve asks nothing of a row."""
    return len(sieve.inside) == 0 and len(sieve.value) == 0 and len(sieve.answer) == 0


@compiled
def passes(sieve: Sieve, row: int) -> bool:  # pragma: no cover
    """Say whether a row is what it must be."""
    if len(sieve.inside) > 0 and sieve.inside[row] == 0:
        return False
    if len(sieve.value) > 0:
        value = sieve.value[row]
        above = value > sieve.low or (sieve.low_included and value == sieve.low)
        below = value < sieve.high or (sieve.high_included and value == sieve.high)
        if not (above and below):
            return False
        if len(sieve.units) > 0 and not among(sieve.units, sieve.unit[row]):
            return False
    return len(sieve.answer) == 0 or among(sieve.answers, sieve.answer[row])


@compiled
def among(several: Array, one: int) -> bool:  # pragma: no cover
    """Say whether a sorted array holds a number."""
    low, high = 0, len(several)
    while low < high:
        middle = (low + high) // 2
        if several[middle] < one:
            low = middle + 1
        else:
            high = middle
    return low < len(several) and several[low] == one


@compiled
def precedes(moments: Moments, one: int, other: int) -> bool:  # pragma: no cover
    """Say whether one row comes before another of the same person."""
    if moments.first[one] != moments.first[other]:
        return bool(moments.first[one] < moments.first[other])
    if len(moments.minute) > 0 and moments.minute[one] != moments.minute[other]:
        return bool(moments.minute[one] < moments.minute[other])
    if len(moments.value) > 0:
        value, against = moments.value[one], moments.value[other]
        if np.isnan(value) != np.isnan(against):
            return not np.isnan(value)
        if not np.isnan(value) and value != against:
            return bool(value > against)
    if len(moments.last) > 0 and moments.last[one] != moments.last[other]:
        return bool(moments.last[one] > moments.last[other])
    if len(moments.unit) > 0 and moments.unit[one] != moments.unit[other]:
        return bool(moments.unit[one] > moments.unit[other])
    if len(moments.answer) > 0 and moments.answer[one] != moments.answer[other]:
        return bool(moments.answer[one] > moments.answer[other])
    if len(moments.visit) > 0 and moments.visit[one] != moments.visit[other]:
        return bool(moments.visit[one] > moments.visit[other])
    return len(moments.stay) > 0 and bool(moments.stay[one] > moments.stay[other])

"""Kernels that bring rows into the order of a pack."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled, compiled_making_arrays
from rounds.engines.pack.kernels import Moments, precedes

Array = npt.NDArray[Any]

_SPREAD = 0x9E3779B97F4A7C15
"""Knuth's multiplicative hash: 2**64 over the golden ratio."""


@compiled
def make_lookup(keys: Array, slots: Array, places: Array) -> None:  # pragma: no cover - compiled
    """Lay keys into an open hash table: `places` is -1 where it is free, of a power of two of places."""
    mask = len(slots) - 1
    for place in range(len(keys)):
        at = np.int64((np.uint64(keys[place]) * np.uint64(_SPREAD)) >> np.uint64(24)) & mask
        while places[at] >= 0:
            at = (at + 1) & mask
        slots[at] = keys[place]
        places[at] = place


@compiled
def look_up(keys: Array, slots: Array, places: Array, found: Array) -> None:  # pragma: no cover
    """Find the place of each key; -1 where it is unknown."""
    mask = len(slots) - 1
    for row in range(len(keys)):
        key = keys[row]
        if row > 0 and key == keys[row - 1]:
            found[row] = found[row - 1]
            continue
        at = np.int64((np.uint64(key) * np.uint64(_SPREAD)) >> np.uint64(24)) & mask
        while places[at] >= 0 and slots[at] != key:
            at = (at + 1) & mask
        found[row] = places[at]


@compiled
def lay_down(ids: Array, base: int, places: Array) -> None:  # pragma: no cover
    """Note the place of each id at its distance from `base`."""
    for place in range(len(ids)):
        places[ids[place] - base] = place


@compiled
def look_up_place(ids: Array, base: int, places: Array, found: Array) -> None:  # pragma: no cover
    """Find the place of each id that `lay_down` noted; -1 where it is unknown."""
    for row in range(len(ids)):
        at = ids[row] - base
        found[row] = places[at] if 0 <= at < len(places) else -1


@compiled_making_arrays
def by_slot(person: Array, width: int, bounds: Array, order: Array) -> None:  # pragma: no cover
    """Order rows by slots of so many people each; those of slot s come to bounds[s]..bounds[s + 1].

    A row whose person is -1 is left out."""
    bounds[:] = 0
    for row in range(len(person)):
        if person[row] >= 0:
            bounds[person[row] // width + 1] += 1
    for slot in range(1, len(bounds)):
        bounds[slot] += bounds[slot - 1]
    cursor = bounds.copy()
    for row in range(len(person)):
        if person[row] >= 0:
            slot = person[row] // width
            order[cursor[slot]] = row
            cursor[slot] += 1


@compiled
def pick(values: Array, order: Array, out: Array) -> None:  # pragma: no cover
    """Write the values of some rows in an order."""
    for place in range(len(out)):
        out[place] = values[order[place]]


@compiled
def join(column: Array, starts: Array, stops: Array, out: Array) -> None:  # pragma: no cover
    """Write pieces of a column one behind the other."""
    at = 0
    for piece in range(len(starts)):
        for row in range(starts[piece], stops[piece]):
            out[at] = column[row]
            at += 1


@compiled
def join_ranks(column: Array, starts: Array, stops: Array, ranks: Array, out: Array) -> None:  # pragma: no cover
    """Write the ranks of numbers, piece by piece."""
    at = 0
    for piece in range(len(starts)):
        for row in range(starts[piece], stops[piece]):
            out[at] = ranks[column[row]]
            at += 1


@compiled
def count_ranks(column: Array, starts: Array, stops: Array, ranks: Array, counts: Array) -> None:  # pragma: no cover
    """Count how often each rank comes in some pieces."""
    for piece in range(len(starts)):
        for row in range(starts[piece], stops[piece]):
            counts[ranks[column[row]]] += 1


@compiled
def make_keys(
    rank: Array, person: Array, first: Array, minute: Array, base: int, bits: Array, key: Array
) -> None:  # pragma: no cover
    """Join concept, person from `base` on, day and minute to one number, of so many bits each."""
    of_person, of_day, of_minute = bits[1], bits[2], bits[3]
    for row in range(len(rank)):
        found = np.int64(rank[row])
        found = (found << of_person) | (person[row] - base)
        found = (found << of_day) | first[row]
        found <<= of_minute
        if len(minute) > 0:
            found |= minute[row]
        key[row] = found


_DIGIT = 11


@compiled_making_arrays
def sorted_order(key: Array, bits: int) -> Array:  # pragma: no cover
    """Return the order that sorts keys of so many bits, and sort them: eleven bits a pass, the lowest first.

    Keys that are alike stay in their order. A pass in which all digits are alike is left out."""
    size = 1 << _DIGIT
    passes = (bits + _DIGIT - 1) // _DIGIT
    counts = np.zeros((passes, size + 1), dtype=np.int64)
    for place in range(len(key)):
        rest = key[place]
        for number in range(passes):
            counts[number, (rest & (size - 1)) + 1] += 1
            rest >>= _DIGIT
    keys, order = key, np.arange(len(key), dtype=np.int32)
    other_keys, other_order = np.empty_like(keys), np.empty_like(order)
    for number in range(passes):
        cursor = counts[number]
        if cursor.max() == len(key):
            continue
        for digit in range(1, size + 1):
            cursor[digit] += cursor[digit - 1]
        shift = number * _DIGIT
        for place in range(len(keys)):
            digit = (keys[place] >> shift) & (size - 1)
            at = cursor[digit]
            cursor[digit] += 1
            other_keys[at] = keys[place]
            other_order[at] = order[place]
        keys, other_keys = other_keys, keys
        order, other_order = other_order, order
    key[:] = keys
    return order


@compiled
def order_ties(order: Array, key: Array, moments: Moments) -> None:  # pragma: no cover
    """Put rows of one concept, person and minute into their order; those that are alike stay in theirs.

    `order` has sorted `key`; the moments are those of the rows before sorting.
    """
    for end in range(1, len(order)):
        if key[end] != key[end - 1]:
            continue
        row = order[end]
        place = end
        while place > 0 and key[place - 1] == key[end]:
            other = order[place - 1]
            if not precedes(moments, row, other):
                break
            order[place] = other
            place -= 1
        order[place] = row


@compiled
def put_down(
    values: Array, order: Array, starts: Array, stops: Array, places: Array, out: Array
) -> None:  # pragma: no cover
    """Write sorted rows to their places: those at starts..stops of the order, one behind the other from `places` on."""
    for run in range(len(starts)):
        at = places[run] - starts[run]
        for place in range(starts[run], stops[run]):
            out[at + place] = values[order[place]]


@compiled
def order_periods(start: Array, first: Array, last: Array) -> None:  # pragma: no cover
    """Put the periods of each person in the order they begin and end."""
    for person in range(len(start) - 1):
        for end in range(start[person] + 1, start[person + 1]):
            mine, until = first[end], last[end]
            place = end
            while place > start[person] and (
                first[place - 1] > mine or (first[place - 1] == mine and last[place - 1] > until)
            ):
                first[place], last[place] = first[place - 1], last[place - 1]
                place -= 1
            first[place], last[place] = mine, until


@compiled
def mark_inside(
    person: Array, first: Array, start: Array, observed_first: Array, observed_last: Array, inside: Array
) -> int:  # pragma: no cover
    """Say which rows begin in an observation period, and return how many."""
    number = 0
    for row in range(len(person)):
        inside[row] = 0
        for place in range(start[person[row]], start[person[row] + 1]):
            if observed_first[place] <= first[row] <= observed_last[place]:
                inside[row] = 1
                number += 1
                break
    return number

"""Kernels that bring rows into the order of a pack."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled

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
def assign(concept: Array, person: Array, cursor: Array, at: Array) -> None:  # pragma: no cover
    """Give each row a place among those of its concept; -1 if its person is unknown."""
    for row in range(len(concept)):
        if person[row] < 0 or concept[row] < 0:
            at[row] = -1
        else:
            at[row] = cursor[concept[row]]
            cursor[concept[row]] += 1


@compiled
def scatter(out: Array, at: Array, values: Array) -> None:  # pragma: no cover
    """Write values to their places."""
    for row in range(len(at)):
        if at[row] >= 0:
            out[at[row]] = values[row]


@compiled
def sorted_order(key: Array, bits: int) -> Array:  # pragma: no cover
    """Return the order that sorts keys of so many bits: eleven a pass, the lowest first.

    A pass in which all keys are alike is left out."""
    size = 2048
    keys, order = key.copy(), np.arange(len(key), dtype=np.int32)
    other_keys, other_order = np.empty_like(keys), np.empty_like(order)
    for shift in range(0, bits, 11):
        counts = np.zeros(size + 1, dtype=np.int64)
        for place in range(len(keys)):
            counts[((keys[place] >> shift) & (size - 1)) + 1] += 1
        if counts.max() == len(keys):
            continue
        for digit in range(1, size + 1):
            counts[digit] += counts[digit - 1]
        for place in range(len(keys)):
            digit = (keys[place] >> shift) & (size - 1)
            at = counts[digit]
            counts[digit] += 1
            other_keys[at] = keys[place]
            other_order[at] = order[place]
        keys, other_keys = other_keys, keys
        order, other_order = other_order, order
    return order


@compiled
def order_ties(
    order: Array, key: Array, value: Array, last: Array, unit: Array, answer: Array, visit: Array, stay: Array
) -> None:  # pragma: no cover
    """Put rows of one person and minute in order: the highest value first, no value last, then last day and the rest.

    `order` sorts `key`; the columns are those of the rows before sorting, or empty.
    """
    for end in range(1, len(order)):
        row = order[end]
        place = end
        while place > 0 and key[order[place - 1]] == key[row]:
            other = order[place - 1]
            ahead = 0
            if len(value) > 0:
                mine, theirs = value[row], value[other]
                if np.isnan(mine) != np.isnan(theirs):
                    ahead = -1 if np.isnan(mine) else 1
                elif mine != theirs and not np.isnan(mine):
                    ahead = 1 if mine > theirs else -1
            if ahead == 0 and len(last) > 0 and last[row] != last[other]:
                ahead = 1 if last[row] > last[other] else -1
            if ahead == 0 and len(unit) > 0 and unit[row] != unit[other]:
                ahead = 1 if unit[row] > unit[other] else -1
            if ahead == 0 and len(answer) > 0 and answer[row] != answer[other]:
                ahead = 1 if answer[row] > answer[other] else -1
            if ahead == 0 and len(visit) > 0 and visit[row] != visit[other]:
                ahead = 1 if visit[row] > visit[other] else -1
            if ahead == 0 and len(stay) > 0 and stay[row] > stay[other]:
                ahead = 1
            if ahead <= 0:
                break
            order[place] = other
            place -= 1
        order[place] = row


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

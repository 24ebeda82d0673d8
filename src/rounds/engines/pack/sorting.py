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
def by_slot(person: Array, shift: int, bounds: Array, order: Array) -> None:  # pragma: no cover
    """Order rows by slots of 2**shift people each; those of slot s come to bounds[s]..bounds[s + 1].

    A row whose person is -1 is left out."""
    bounds[:] = 0
    for row in range(len(person)):
        if person[row] >= 0:
            bounds[(person[row] >> shift) + 1] += 1
    for slot in range(1, len(bounds)):
        bounds[slot] += bounds[slot - 1]
    for row in range(len(person)):
        if person[row] >= 0:
            slot = person[row] >> shift
            order[bounds[slot]] = row
            bounds[slot] += 1
    for slot in range(len(bounds) - 1, 0, -1):  # where each stops, by now, is where the next begins
        bounds[slot] = bounds[slot - 1]
    bounds[0] = 0


@compiled
def pick(values: Array, order: Array, out: Array) -> None:  # pragma: no cover
    """Write the values of some rows in an order."""
    for place in range(len(out)):
        out[place] = values[order[place]]


@compiled
def clip(days: Array, last: int, out: Array) -> bool:  # pragma: no cover
    """Write days as a pack holds them, up to the last, and say whether it cannot hold some."""
    outside = False
    for row in range(len(days)):
        outside |= days[row] < 1 or days[row] >= last
        out[row] = min(max(days[row], 0), last)
    return outside


@compiled
def pick_within(person: Array, mask: int, order: Array, out: Array) -> None:  # pragma: no cover
    """Write the places of people in their slots, in an order of rows."""
    for place in range(len(out)):
        out[place] = person[order[place]] & mask


@compiled
def count_ranks(concept: Array, pieces: Array, ranks: Array, counts: Array) -> None:  # pragma: no cover
    """Count how often each rank comes in some pieces, each of which starts at its first number and ends at its last."""
    for piece in range(len(pieces)):
        for row in range(pieces[piece, 0], pieces[piece, -1]):
            counts[ranks[concept[row]]] += 1


@compiled
def make_keys(
    concept: Array, within: Array, pieces: Array, ranks: Array, shift: int, bits: Array, key: Array
) -> None:  # pragma: no cover
    """Join the rank of a concept, the person and the row to one number.

    Args:
        concept: the number of each row's concept.
        within: each row's person among those of their slot of 2**shift people.
        pieces: where the rows of each slot begin, piece by piece, and where those of the last end.
        ranks: by the number of a concept.
        bits: how many the key has for the person, counted from the first slot on, and for the row.
        key: to be written.
    """
    of_person, of_row = bits[0], bits[1]
    at = 0
    for piece in range(len(pieces)):
        for slot in range(pieces.shape[1] - 1):
            base = np.int64(slot) << shift
            for row in range(pieces[piece, slot], pieces[piece, slot + 1]):
                who = (np.int64(ranks[concept[row]]) << of_person) | (base | within[row])
                key[at] = (who << of_row) | row
                at += 1


_DIGIT = 11


@compiled_making_arrays
def sort_keys(key: Array, other: Array, low: int, high: int) -> Array:  # pragma: no cover
    """Return keys sorted by the bits from `low` to `high`: up to eleven bits a pass, the lowest first.

    Keys that are alike in these stay in their order. A pass in which all digits are alike is left out. Both arrays are
    written over, and one of them is returned."""
    passes = max(1, (high - low + _DIGIT - 1) // _DIGIT)
    width = (high - low + passes - 1) // passes
    size = 1 << width
    counts = np.zeros((passes, size + 1), dtype=np.int64)
    for place in range(len(key)):
        rest = key[place] >> low
        for number in range(passes):
            counts[number, (rest & (size - 1)) + 1] += 1
            rest >>= width
    for number in range(passes):
        cursor = counts[number]
        if cursor.max() == len(key):
            continue
        for digit in range(1, size + 1):
            cursor[digit] += cursor[digit - 1]
        shift = low + number * width
        for place in range(len(key)):
            digit = (key[place] >> shift) & (size - 1)
            other[cursor[digit]] = key[place]
            cursor[digit] += 1
        key, other = other, key
    return key


MINUTE_BITS = 11
_FEW = 16


@compiled
def order_moments(key: Array, of_row: int, moments: Moments, at: Array) -> None:  # pragma: no cover
    """Put the rows of each concept and person, which are neighbours, into the order of their moments.

    Rows that are alike stay in the order they come in. Files mostly have a person's
    rows in the order of days already, and then there is nothing to do. What is written to `at` says when each row is:
    the day, and then, in eleven bits, the minute.
    """
    mask = np.int64((1 << of_row) - 1)
    for place in range(len(key)):
        at[place] = np.int32(moments.first[key[place] & mask]) << MINUTE_BITS
    if len(moments.minute) > 0:
        for place in range(len(key)):
            at[place] |= moments.minute[key[place] & mask]
    start, in_order = 0, True
    for place in range(1, len(key) + 1):
        if place < len(key) and (key[place] >> of_row) == (key[place - 1] >> of_row):
            in_order = in_order and at[place - 1] < at[place]
            continue
        if not in_order:
            order_few(key[start:place], at[start:place], mask, moments)
        start, in_order = place, True


@compiled
def order_few(key: Array, at: Array, mask: Any, moments: Moments) -> None:  # pragma: no cover
    """Put rows, and their minutes, into the order of their moments: so many at a time one by one, and then merged."""
    for first in range(0, len(key), _FEW):
        for end in range(first + 1, min(first + _FEW, len(key))):
            mine, my_minute, place = key[end], at[end], end
            while place > first and my_minute <= at[place - 1]:
                if my_minute == at[place - 1] and not precedes(moments, mine & mask, key[place - 1] & mask):
                    break
                key[place], at[place] = key[place - 1], at[place - 1]
                place -= 1
            key[place], at[place] = mine, my_minute
    width = _FEW
    while width < len(key):
        for first in range(0, len(key) - width, 2 * width):
            stop = min(first + 2 * width, len(key))
            merge(key[first:stop], at[first:stop], width, mask, moments)
        width *= 2


@compiled_making_arrays
def merge(key: Array, at: Array, middle: int, mask: Any, moments: Moments) -> None:  # pragma: no cover
    """Merge two neighbouring runs of rows that are each in order."""
    left, left_at = key[:middle].copy(), at[:middle].copy()
    place, mine, other = 0, 0, middle
    while mine < len(left) and other < len(key):
        first = at[other] < left_at[mine]
        if at[other] == left_at[mine]:
            first = precedes(moments, key[other] & mask, left[mine] & mask)
        if first:
            key[place], at[place] = key[other], at[other]
            other += 1
        else:
            key[place], at[place] = left[mine], left_at[mine]
            mine += 1
        place += 1
    for rest in range(mine, len(left)):
        key[place], at[place] = left[rest], left_at[rest]
        place += 1


@compiled
def take_apart(
    key: Array, at: Array, base: int, bits: Array, row: Array, person: Array, first: Array, minute: Array
) -> None:  # pragma: no cover
    """Write what sorted keys, whose people are counted from `base` on, and days and minutes are made of."""
    of_person, of_row = bits[0], bits[1]
    rows, people = (np.int64(1) << of_row) - 1, (np.int64(1) << of_person) - 1
    for place in range(len(key)):
        row[place] = key[place] & rows
        person[place] = base + ((key[place] >> of_row) & people)
        first[place] = at[place] >> MINUTE_BITS
        minute[place] = at[place] & ((1 << MINUTE_BITS) - 1)


@compiled
def put_down(values: Array, stops: Array, places: Array, out: Array) -> None:  # pragma: no cover
    """Write values that are in order to their places: those up to each stop one behind the other from `places` on."""
    place = 0
    for run in range(len(stops)):
        at = places[run]
        while place < stops[run]:
            out[at] = values[place]
            place += 1
            at += 1


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

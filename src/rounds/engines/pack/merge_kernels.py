# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels that bring a pack up to date: where new rows go among those that are there, and which of those go."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.kernels import Moments, precedes_other

Array = npt.NDArray[Any]

GONE: Final = -1
"""The number of somebody who is no longer counted."""
NOBODY: Final = np.int32(2**31 - 1)
MOVED: Final = -2
"""The number of somebody whose rows are taken out and put in elsewhere."""


@compiled
def make_marks(ids: Array, low: np.uint64, high: np.uint64, marks: Array) -> None:  # pragma: no cover
    """Write the mark of each id: nobody without the key can tell whose it is.

    Source: Aumasson and Bernstein (2012), SipHash: a fast short-input PRF. SipHash-2-4 of eight bytes.
    """
    for place in range(len(ids)):
        word = np.uint64(ids[place])
        v0 = low ^ np.uint64(0x736F6D6570736575)
        v1 = high ^ np.uint64(0x646F72616E646F6D)
        v2 = low ^ np.uint64(0x6C7967656E657261)
        v3 = high ^ np.uint64(0x7465646279746573) ^ word
        for turn in range(8):
            if turn == 2:
                v0 ^= word
                v3 ^= np.uint64(8 << 56)
            if turn == 4:
                v0 ^= np.uint64(8 << 56)
                v2 ^= np.uint64(0xFF)
            v0 += v1
            v1 = (v1 << np.uint64(13)) | (v1 >> np.uint64(51))
            v1 ^= v0
            v0 = (v0 << np.uint64(32)) | (v0 >> np.uint64(32))
            v2 += v3
            v3 = (v3 << np.uint64(16)) | (v3 >> np.uint64(48))
            v3 ^= v2
            v0 += v3
            v3 = (v3 << np.uint64(21)) | (v3 >> np.uint64(43))
            v3 ^= v0
            v2 += v1
            v1 = (v1 << np.uint64(17)) | (v1 >> np.uint64(47))
            v1 ^= v2
            v2 = (v2 << np.uint64(32)) | (v2 >> np.uint64(32))
        marks[place] = np.int64(v0 ^ v1 ^ v2 ^ v3)


@compiled
def lost_cover(
    numbers: Array,
    start: Array,
    first: Array,
    last: Array,
    now_start: Array,
    now_first: Array,
    now_last: Array,
    lost: Array,
) -> None:  # pragma: no cover
    """Mark who was observed in a period that no single period covers now, by the number they have now."""
    for before in range(len(numbers)):
        person = numbers[before]
        if person < 0:
            continue
        for period in range(start[before], start[before + 1]):
            covered = False
            for place in range(now_start[person], now_start[person + 1]):
                if now_first[place] <= first[period] and last[period] <= now_last[place]:
                    covered = True
                    break
            if not covered:
                lost[person] = 1


@compiled
def any_outside(
    person: Array, first: Array, lost: Array, start: Array, observed_first: Array, observed_last: Array
) -> bool:  # pragma: no cover
    """Say whether a row of somebody who is marked begins outside observation."""
    for row in range(len(person)):
        if lost[person[row]] == 1:
            inside = False
            for place in range(start[person[row]], start[person[row] + 1]):
                inside = inside or observed_first[place] <= first[row] <= observed_last[place]
            if not inside:
                return True
    return False


@compiled
def _comes_first(
    new: Moments, new_part: Array, one: int, old: Moments, other: int, part: int
) -> bool:  # pragma: no cover
    """Say whether a new row comes before an old one of the same person."""
    if precedes_other(new, one, old, other):
        return True
    return bool(new_part[one] < part) and not precedes_other(old, other, new, one)


@compiled
def find_places(
    old: Moments,
    person: Array,
    part: Array,
    numbers: Array,
    parts: Array,
    new: Moments,
    new_person: Array,
    new_part: Array,
    spans: Array,
    at: Array,
    dropped: Array,
    stay: Array,
    left_out: Array,
) -> None:  # pragma: no cover
    """Find before which old row of its concept each new one goes, and which old rows go.

    Args:
        old: the rows as they were.
        person: of each of them, before.
        part: the file it is from, before.
        numbers: everybody's number now.
        parts: the place of each file now.
        new: the new rows.
        new_person: of each of them.
        new_part: the file it is from.
        spans: of each concept where its old rows start and stop, and its new ones.
        at: gets where each new row goes.
        dropped: gets 1 for old rows that go; empty if none can.
        stay: gets how many old rows of each concept do not go.
        left_out: of each file, gets how many rows go because nobody is counted any more whose they are.
    """
    for concept in range(len(spans)):
        place, until, number = spans[concept, 2], spans[concept, 3], 0
        whose = new_person[place] if place < until else NOBODY
        for row in range(spans[concept, 0], spans[concept, 1]):
            now, whence = numbers[person[row]], parts[part[row]]
            if now < 0 or whence < 0:
                dropped[row] = 1
                if now == GONE and whence >= 0:
                    left_out[whence] += 1
                continue
            number += 1
            # Passing so many arrays takes longer than all the rest: only where somebody has rows of both.
            while whose <= now and (whose < now or _comes_first(new, new_part, place, old, row, whence)):
                at[place] = row
                place += 1
                whose = new_person[place] if place < until else NOBODY
        while place < until:
            at[place] = spans[concept, 1]
            place += 1
        stay[concept] = number


@compiled
def splice(old: Array, new: Array, spans: Array, at: Array, dropped: Array, out: Array) -> None:  # pragma: no cover
    """Write a column of some concepts: the old rows but those that go, and the new ones where they belong."""
    for concept in range(len(spans)):
        row, stop, place, until, to = spans[concept]
        while True:
            edge = at[place] if place < until else stop
            if len(dropped) == 0:
                for copied in range(edge - row):
                    out[to + copied] = old[row + copied]
                to += edge - row
            else:
                for copied in range(row, edge):
                    if dropped[copied] == 0:
                        out[to] = old[copied]
                        to += 1
            row = edge
            if place == until:
                break
            out[to] = new[place]
            to += 1
            place += 1


@compiled
def splice_mapped(
    old: Array, new: Array, mapped: Array, spans: Array, at: Array, dropped: Array, out: Array
) -> None:  # pragma: no cover
    """Do as `splice`, and write of the old what it is mapped to."""
    for concept in range(len(spans)):
        row, stop, place, until, to = spans[concept]
        while True:
            edge = at[place] if place < until else stop
            for copied in range(row, edge):
                if len(dropped) == 0 or dropped[copied] == 0:
                    out[to] = mapped[old[copied]]
                    to += 1
            row = edge
            if place == until:
                break
            out[to] = new[place]
            to += 1
            place += 1


@compiled
def rows_of_moved(person: Array, part: Array, numbers: Array, parts: Array, found: Array) -> int:  # pragma: no cover
    """Find the rows of people who have moved; return how many, whether or not there is room for them."""
    number = 0
    for row in range(len(person)):
        if numbers[person[row]] == MOVED and parts[part[row]] >= 0:
            if number < len(found):
                found[number] = row
            number += 1
    return number

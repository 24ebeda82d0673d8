# ruff: noqa: PLR0913, PLR0917, PLR0912, PLR0915  a kernel takes arrays one by one, and calls are not free in it
"""Runs a program over a block of people: all steps on some of them, then on the next, so that masks stay near the core.

See `rounds.engines.pack.program` for what a program is made of.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.addresses import array_at, pointer_to
from rounds.engines.pack.cell_kernels import Leveled, tally_leveled
from rounds.engines.pack.compiled import compiled, compiled_making_arrays
from rounds.engines.pack.kernels import FAR, seek
from rounds.engines.pack.scan_kernels import scan, scan_days, scan_times
from rounds.engines.pack.tallies import PLANES, ROOM, tally

Array = npt.NDArray[Any]

SCAN, UNITE, AND, OR, AND_NOT, NOT, OF_RANGE, OF_BIRTH, CLEAR, COUNT, TALLY, TALLY_LEVELED, KEEP = range(13)
"""What an operation does; its numbers are explained where `run` reads them."""


@compiled_making_arrays
def masks_at(work: Array, given: Array, place: int, offset: int, people: int) -> Array:  # pragma: no cover
    """Return the masks at a place: below 0 those that were given for the block."""
    return work[place, :people] if place >= 0 else given[-place - 1, offset : offset + people]


@compiled
def join(out: Array, one: Array, people: int) -> None:  # pragma: no cover
    """Add the bits of one mask."""
    for who in range(people):
        out[who] |= one[who]


@compiled
def join_common(out: Array, one: Array, other: Array, people: int) -> None:  # pragma: no cover
    """Add the bits that two masks share."""
    for who in range(people):
        out[who] |= one[who] & other[who]


@compiled_making_arrays
def run(
    operations: Array,
    tables: Array,
    ranges: Array,
    cursor: Array,
    of_days: Array,
    of_ranges: Array,
    birth: Array,
    edges: Array,
    groups: Array,
    given: Array,
    work: Array,
    base: int,
    people: int,
    totals: Array,
    leveled: Leveled,
    kept: Array,
) -> None:  # pragma: no cover
    """Run every operation on a block.

    Args:
        operations: shape (operations, 8): what it does, where its masks go, and six numbers.
        tables: shape (tables, 5): addresses of person, first, last, inside (0 for none), and the number of rows.
        ranges: shape (ranges, 2): where the rows of concepts start and stop.
        cursor: for each range the row that comes next; never behind the block.
        of_days: a mask for each day, of the same type, shape (windows, days).
        of_ranges: a mask for each range of people of one sex and year of birth.
        birth: everybody's day of birth.
        edges: where each range of people begins.
        groups: shape (chunks of periods, ranges of people, periods).
        given: masks that were worked out before, shape (steps, people of a block, in whole times of those at a time).
        work: room for masks, shape (places, people at a time); as `given`, of a type with a bit for every period.
        base: the number of the block's first person.
        people: how many the block has.
        totals: shape (tallies, groups, periods), added to.
        leveled: how people are told apart by the levels of groupings, and totals of those tallies, added to.
        kept: room for masks that somebody else needs, shape (masks, at least the people of a block).
    """
    none16, none8 = np.empty(0, dtype=np.uint16), np.empty(0, dtype=np.uint8)
    no_days, room = np.empty(0, dtype=of_days.dtype), np.empty(ROOM, dtype=np.uint64)
    for number in range(len(operations)):
        if operations[number, 0] == SCAN:
            about = tables[operations[number, 3]]
            person = array_at(pointer_to(about[0]), (about[4],), np.int32)
            for place in range(operations[number, 6], operations[number, 7]):
                cursor[place] = seek(person, max(cursor[place], ranges[place, 0]), ranges[place, 1], base, FAR)
    planes = np.zeros((len(totals), PLANES), dtype=np.uint64)
    first_range = seek(edges, 0, len(edges), base + 1, FAR) - 1
    for offset in range(0, people, work.shape[1]):
        some = min(work.shape[1], people - offset)
        start = base + offset
        while edges[first_range + 1] <= start:
            first_range += 1
        for number in range(len(operations)):
            kind, to, one, two = operations[number, :4]
            if kind == SCAN:  # one: layers; two: table; then the windows of first and last day, or -1; then ranges
                about = tables[two]
                person = array_at(pointer_to(about[0]), (about[4],), np.int32)
                first = array_at(pointer_to(about[1]), (about[4],), np.uint16)
                last = array_at(pointer_to(about[2]), (about[4],), np.uint16) if about[2] != 0 else none16
                inside = array_at(pointer_to(about[3]), (about[4],), np.uint8) if about[3] != 0 else none8
                by_first, by_last = operations[number, 4], operations[number, 5]
                low, high = operations[number, 6], operations[number, 7]
                if len(inside) == 0 and by_last < 0:
                    rows = (person, first, of_days[by_first], ranges[low:high], cursor[low:high], start, start + some)
                    if one == 1:
                        scan_days(work[to], *rows)
                    else:
                        scan_times(work[to : to + one], *rows)
                else:
                    scan(
                        work[to : to + one],
                        person,
                        first,
                        of_days[by_first] if by_first >= 0 else no_days,
                        last if len(last) > 0 else first,
                        of_days[by_last] if by_last >= 0 else no_days,
                        inside,
                        ranges[low:high],
                        cursor[low:high],
                        start,
                        start + some,
                    )
            elif kind == UNITE:  # one: the other layers; two: how many
                for layer in range(two - 1, -1, -1):
                    out = work[to + layer]
                    join(out, work[one + layer], some)
                    for other in range(layer):
                        join_common(out, work[to + other], work[one + layer - 1 - other], some)
            elif kind == OF_RANGE:  # one: which masks of ranges
                place, who = first_range, 0
                while who < some:
                    stop = min(edges[place + 1] - start, some)
                    work[to, who:stop] = of_ranges[one, place]
                    who, place = stop, place + 1
            elif kind == OF_BIRTH:  # one: which masks of days
                for who in range(some):
                    work[to, who] = of_days[one, birth[start + who]]
            elif kind == CLEAR:  # one: how many layers
                work[to : to + one] = 0
            elif kind == COUNT:  # one: whose; two: how many layers
                masks = masks_at(work, given, one, offset, some)
                for layer in range(two - 1, 0, -1):
                    join_common(work[to + layer], work[to + layer - 1], masks, some)
                join(work[to], masks, some)
            elif kind == TALLY:  # to: which tally; one: asked about; two: met; then chunk and number of periods
                chunk = operations[number, 4]
                asked = masks_at(work, given, one, offset, work.shape[1])
                met = masks_at(work, given, two, offset, work.shape[1])
                periods = operations[number, 5]
                of_tally = totals[to], planes[to], offset + some == people, room
                tally(asked, met, some, start, edges, first_range, groups[chunk], periods, *of_tally)
            elif kind == TALLY_LEVELED:  # to: where its totals begin; then as above, and then kind and number of cells
                periods, cells = operations[number, 5], operations[number, 7]
                tally_leveled(
                    leveled,
                    operations[number, 6],
                    masks_at(work, given, one, offset, some),
                    masks_at(work, given, two, offset, some),
                    offset,
                    work.shape[1],
                    groups[operations[number, 4]],
                    periods,
                    leveled.totals[to : to + cells * periods].reshape((cells, periods)),
                    room,
                )
            elif kind == KEEP:  # to: which place among those that are kept
                kept[to, offset : offset + some] = masks_at(work, given, one, offset, some)
            else:
                out = work[to, :some]
                left = masks_at(work, given, one, offset, some)
                right = masks_at(work, given, two, offset, some)
                if kind == AND:
                    for who in range(some):
                        out[who] = left[who] & right[who]
                elif kind == OR:
                    for who in range(some):
                        out[who] = left[who] | right[who]
                elif kind == AND_NOT:
                    for who in range(some):
                        out[who] = left[who] & ~right[who]
                elif kind == NOT:
                    for who in range(some):
                        out[who] = ~left[who]

# ruff: noqa: PLR0913, PLR0917, PLR0912, PLR0915, PLR1714, SIM109  a kernel takes arrays one by one, and calls are not free in it; `in` loads numba's compiler
"""Runs a program over a block of people: all steps on some of them, then on the next, so that masks stay near the core.

See `rounds.engines.pack.program` for what a program is made of.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.addresses import array_at
from rounds.engines.pack.cell_kernels import Leveled, tally_leveled
from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.few_kernels import (
    EVERYBODY,
    Work,
    common_of_few,
    is_few,
    leave_out,
    share,
    spread,
    take,
    unite,
)
from rounds.engines.pack.few_tallies import wait_common
from rounds.engines.pack.kernels import FAR, seek
from rounds.engines.pack.layer_kernels import count_layers, unite_layers
from rounds.engines.pack.scan_kernels import first_day_masks, scan
from rounds.engines.pack.tallies import Counter, tally

Array = npt.NDArray[Any]

SCAN, UNITE, AND, OR, AND_NOT, NOT, OF_RANGE, OF_BIRTH, CLEAR, COUNT, TALLY, TALLY_LEVELED, KEEP = range(13)
FIRST_DAY, LISTED = 13, 14
"""What an operation does; its numbers are explained where `run` reads them."""


@compiled
def run(
    operations: Array,
    tables: Array,
    ranges: Array,
    cursor: Array,
    lately: Array,
    of_days: Array,
    of_ranges: Array,
    within: Array,
    birth: Array,
    edges: Array,
    groups: Array,
    given: Array,
    listed_who: Array,
    listed_masks: Array,
    of_list: Array,
    work: Work,
    base: int,
    people: int,
    totals: Array,
    each: int,
    counters: Counter,
    leveled: Leveled,
    kept: Array,
) -> None:  # pragma: no cover
    """Run every operation on a block.

    Args:
        operations: shape (operations, 8): what it does, where its masks go, and six numbers.
        tables: shape (tables, 5): addresses of person, first, last, inside (0 for none), and the number of rows.
        ranges: shape (ranges, 2): where the rows of concepts start and stop.
        cursor: for each range the row that comes next; never behind the block.
        lately: for each range how many rows there were of the people before.
        of_days: a mask for each day, of the same type, shape (windows, days).
        of_ranges: a mask for each range of people of one sex and year of birth.
        within: for each range of people a first and a last day, shape (ages, ranges of people, 2).
        birth: everybody's day of birth.
        edges: where each range of people begins.
        groups: shape (chunks of periods, ranges of people, periods).
        given: masks that were worked out before, shape (steps, people of a block, in whole times of those at a time).
        listed_who: people who have bits, as offsets in the block, in their order, and in the end somebody behind it;
            shape (steps, one more than the people of a block).
        listed_masks: their masks, worked out before as well.
        of_list: room for a number of each list.
        work: places for masks, of a type with a bit for every period, as `given`.
        base: the number of the block's first person.
        people: how many the block has.
        totals: of each tally those of the first group in each period, then of the next; added to.
        each: how many totals a group has.
        counters: of each tally; with nothing in them, now and in the end.
        leveled: how people are told apart by the levels of groupings, and totals of those tallies, added to.
        kept: room for masks that somebody else needs, shape (masks, at least the people of a block).
    """
    for number in range(len(operations)):
        if operations[number, 0] == SCAN or operations[number, 0] == FIRST_DAY:
            about = tables[operations[number, 3]]
            person = array_at(about[0], about[4], np.int32)
            for place in range(operations[number, 6], operations[number, 7]):
                cursor[place] = seek(person, max(cursor[place], ranges[place, 0]), ranges[place, 1], base, FAR)
    of_list[:] = 0
    first_range, size, days = seek(edges, 0, len(edges), base + 1, FAR) - 1, work.masks.shape[1], of_days.shape[1]
    for offset in range(0, people, size):
        some = min(size, people - offset)
        start = base + offset
        while edges[first_range + 1] <= start:
            first_range += 1
        inner = edges[first_range + 1] > start + some and offset + some < people
        for number in range(len(operations)):
            kind, to, one, two = operations[number, :4]
            by_few = kind == TALLY and (is_few(work, one) or is_few(work, two))
            if (kind == NOT or kind == TALLY or kind == TALLY_LEVELED or kind == KEEP) and not by_few:
                spread(work, one, some)
                spread(work, two, some)
                left = work.masks[one] if one >= 0 else given[-one - 1, offset : offset + size]
                right = work.masks[two] if two >= 0 else given[-two - 1, offset : offset + size]
            if kind == SCAN or kind == FIRST_DAY:
                # one: layers, or days of which age; two: table; the windows of first and last day, or -1; then ranges
                about = tables[two]
                person = array_at(about[0], about[4], np.int32)
                first = array_at(about[1], about[4], np.uint16)
                last = array_at(about[2], about[4] if about[2] != 0 else 0, np.uint16)
                inside = array_at(about[3], about[4] if about[3] != 0 else 0, np.uint8)
                by_first, by_last = operations[number, 4], operations[number, 5]
                low, high = operations[number, 6], operations[number, 7]
                if kind == FIRST_DAY:
                    rows = person, first, of_days[by_first], inside, ranges[low:high], cursor[low:high]
                    first_day_masks(work, to, *rows, start, some, edges, first_range, within[one])
                else:
                    scan(
                        work,
                        to,
                        one,
                        person,
                        first,
                        of_days[max(by_first, 0), : days if by_first >= 0 else 0],
                        last if len(last) > 0 else first,
                        of_days[max(by_last, 0), : days if by_last >= 0 else 0],
                        inside,
                        ranges[low:high],
                        cursor[low:high],
                        lately[low:high],
                        start,
                        start + some,
                    )
            elif kind == LISTED:  # one: which list
                of_list[one] = take(work, to, listed_who[one], listed_masks[one], of_list[one], offset, some)
            elif kind == UNITE:  # one, two: whose layers; then how many
                unite_layers(work, to, operations[number, 4], one, two, some)
            elif kind == AND:
                share(work, given, to, one, two, offset, some)
            elif kind == OR:
                unite(work, given, to, one, two, offset, some)
            elif kind == AND_NOT:
                leave_out(work, given, to, one, two, offset, some)
            elif kind == NOT:
                turn_over(work.masks[to], left, some)
                work.number[to] = EVERYBODY
            elif kind == OF_RANGE:  # one: which masks of ranges
                of_range(work, to, of_ranges[one], edges, first_range, start, some)
            elif kind == OF_BIRTH:  # one: which masks of days
                for who in range(some):
                    work.masks[to, who] = of_days[one, birth[start + who]]
                work.number[to] = EVERYBODY
            elif kind == CLEAR:  # one: how many layers
                work.number[to : to + one] = 0
            elif kind == COUNT:  # one: whose; two: how many layers
                count_layers(work, given, to, two, one, offset, some)
            elif kind == TALLY and by_few and inner:  # as below
                wait_common(work, given, one, two, offset, counters, to)
            elif kind == TALLY:  # to: which tally; one: asked about; two: met; then chunk and number of periods
                counter = Counter(counters.planes[to], counters.waiting[to], counters.wait[to], counters.room)
                about_tally = some, start, edges, first_range, groups[operations[number, 4]], operations[number, 5]
                of_tally = totals[to], each, counter, offset + some == people
                if by_few:
                    few = common_of_few(work, given, one, two, offset)
                    tally(work.found[0], work.found[0], work.listed, few, *about_tally, *of_tally)
                else:
                    tally(left, right, work.listed, -1, *about_tally, *of_tally)
            elif kind == TALLY_LEVELED:  # to: where its totals begin; then as above, and then kind and number of cells
                periods, cells = operations[number, 5], operations[number, 7]
                tally_leveled(
                    leveled,
                    operations[number, 6],
                    left[:some],
                    right[:some],
                    offset,
                    size,
                    groups[operations[number, 4]],
                    periods,
                    leveled.totals[to : to + cells * periods],
                )
            elif kind == KEEP:  # to: which place among those that are kept
                for who in range(some):
                    kept[to, offset + who] = left[who]


@compiled
def turn_over(out: Array, one: Array, people: int) -> None:  # pragma: no cover
    """Put the bits that everybody lacks."""
    for who in range(people):
        out[who] = ~one[who]


@compiled
def of_range(
    work: Work, to: int, of_ranges: Array, edges: Array, first_range: int, start: int, people: int
) -> None:  # pragma: no cover
    """Put the masks that everybody of a range shares into a place."""
    place, who, out, some = first_range, 0, work.masks[to], np.uint64(0)
    while who < people:
        stop = min(edges[place + 1] - start, people)
        out[who:stop] = of_ranges[place]
        some |= of_ranges[place]
        who, place = stop, place + 1
    work.number[to] = EVERYBODY if some != 0 else 0

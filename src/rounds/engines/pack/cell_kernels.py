# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels that add up by cell: what people and rows are of, beside their sex and age, is their level."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.kernels import FAR, seek
from rounds.engines.pack.tallies import Counter, tally
from rounds.measures.strata import AGE_BANDS

Array = npt.NDArray[Any]

BANDS: Final = len(AGE_BANDS) + 1
"""The last is for ages that have no band."""


class Leveled(NamedTuple):
    """What people of a block are told apart by, and the totals of the tallies that do."""

    order: Array
    """For each way to tell apart the people of a block, some at a time, by range and then level: offsets among them."""
    begin: Array
    """Where the stretches of those who are together begin, by the first of some people, and where they end."""
    stop: Array
    """Where each stretch ends, as an offset."""
    range_of: Array
    level_of: Array
    about: Array
    """Of each kind of tally which way, and what sex and age band are multiplied by in the number of a cell."""
    totals: Array
    counts: Array
    """Room for as many numbers as there are levels in any way, and one more."""
    together: Array
    """Room for a mask of each of some people."""
    edges: Array
    """Room for where stretches of some people begin, and where the last ends: of each at least one person."""
    cells: Array
    """Room for the cell of each stretch in each period."""
    listed: Array
    """Nobody."""
    counter: Counter
    bands: int
    """`BANDS`, which machine code that is kept must not have in it: it can become another without a kernel doing so."""


@compiled
def levels_of_keys(
    out: Array, who: Array, key: Array, begin: Array, keys: Array, places: Array, of_ids: Array
) -> None:  # pragma: no cover
    """Find the level of rows that name others of the same person by a key; several of different levels stand for none.

    Args:
        out: the level of each row.
        who: each row's person in the block.
        key: what each row names.
        begin: where the rows that may be named begin, by person.
        keys: what they are called.
        places: of which id each is, as its place; -1 for none.
        of_ids: the level of each id, and in the end `unknown`.
    """
    unknown = of_ids[len(of_ids) - 1]
    for row in range(len(who)):
        if row > 0 and who[row] == who[row - 1] and key[row] == key[row - 1]:
            out[row] = out[row - 1]
            continue
        out[row] = unknown
        before = -1
        for place in range(begin[who[row]], begin[who[row] + 1]):
            if keys[place] == key[row]:
                level = of_ids[places[place]] if places[place] >= 0 else unknown
                if before >= 0 and before != level:
                    out[row] = unknown
                    break
                before = level
                out[row] = level


@compiled
def order_by_level(
    level: Array,
    levels: int,
    base: int,
    edges: Array,
    size: int,
    order: Array,
    begin: Array,
    stop: Array,
    range_of: Array,
    level_of: Array,
    counts: Array,
) -> None:  # pragma: no cover
    """Bring so many people of a block at a time into the order of their ranges and levels; see `Leveled`."""
    at, number = 0, 0
    place, some = seek(edges, 0, len(edges), base + 1, FAR) - 1, 0
    while at < len(level):
        begin[some] = number
        start, end = at, min(at + size, len(level))
        while at < end:
            while edges[place + 1] - base <= at:
                place += 1
            until = min(edges[place + 1] - base, end)
            counts[: levels + 1] = 0
            for who in range(at, until):
                counts[level[who] + 1] += 1
            counts[0] = at - start
            for one in range(levels):
                counts[one + 1] += counts[one]
                if counts[one + 1] > counts[one]:
                    stop[number], range_of[number], level_of[number] = counts[one + 1], place, one
                    number += 1
            for who in range(at, until):
                order[start + counts[level[who]]] = who - start
                counts[level[who]] += 1
            at = until
        some += 1
    begin[some] = number


@compiled
def tally_leveled(
    leveled: Leveled,
    kind: int,
    one: Array,
    other: Array,
    offset: int,
    size: int,
    groups: Array,
    periods: int,
    totals: Array,
) -> None:  # pragma: no cover
    """Add up the bits that two masks of some people share, by cell.

    Args:
        leveled: how they are told apart.
        kind: in which way.
        one: a mask for each of them.
        other: the same.
        offset: the place of the first of them in the block.
        size: how many there are at a time.
        groups: the sex and age band of a range in each period.
        periods: how many there are.
        totals: of the first cell in each period, then of the next; added to.
    """
    way, by_sex, by_band = leveled.about[kind]
    order = leveled.order[way, offset : offset + len(one)]
    together, edges, cells = leveled.together, leveled.edges, leveled.cells
    some = np.uint64(0)
    for place in range(len(one)):
        together[place] = one[order[place]] & other[order[place]]
        some |= together[place]
    if some == 0:
        return
    first, last = leveled.begin[way, offset // size], leveled.begin[way, offset // size + 1]
    edges[0] = 0
    for place in range(last - first):
        edges[place + 1] = leveled.stop[way, first + place]
        group = groups[leveled.range_of[way, first + place]]
        for period in range(periods):
            sex, band = group[period] // leveled.bands, group[period] % leveled.bands
            cells[place, period] = sex * by_sex + band * by_band + leveled.level_of[way, first + place]
    few = leveled.listed, -1
    tally(together, together, *few, len(one), 0, edges, 0, cells, periods, totals, periods, leveled.counter, True)


@compiled
def tally_rows(
    first: Array,
    first_place: Array,
    last_place: Array,
    who: Array,
    asked: Array,
    met: Array,
    level: Array,
    sex: Array,
    born: Array,
    year: Array,
    band: Array,
    by_sex: int,
    by_band: int,
    latest: Array,
    totals: Array,
) -> None:  # pragma: no cover
    """Add up rows by period and cell: those met, those asked about, and the people that each of the two are of.

    The rows of a person are together, so that one who has been counted in a cell is the last who was.

    Args:
        first: each row's first day.
        first_place: the first period each row is counted in.
        last_place: the last; before the first for none.
        who: each row's person.
        asked: whether a row is asked about.
        met: whether the numerator holds of it.
        level: each row's level.
        sex: by person.
        born: year of birth by person.
        year: by day.
        band: by age in years.
        by_sex: what the sex is multiplied by in the number of a cell.
        by_band: what the age band is multiplied by.
        latest: room for who was counted last, of those met and those asked about: 0, or one more than the number of
            the person; shape (2, cells, periods).
        totals: shape (4, cells, periods), added to.
    """
    for row in range(len(first)):
        if asked[row]:
            age = min(max(year[first[row]] - born[who[row]], 0), len(band) - 1)
            cell = sex[who[row]] * by_sex + band[age] * by_band + level[row]
            this = who[row] + 1
            for period in range(first_place[row], last_place[row] + 1):
                totals[1, cell, period] += 1
                if latest[1, cell, period] != this:
                    latest[1, cell, period] = this
                    totals[3, cell, period] += 1
                if met[row]:
                    totals[0, cell, period] += 1
                    if latest[0, cell, period] != this:
                        latest[0, cell, period] = this
                        totals[2, cell, period] += 1

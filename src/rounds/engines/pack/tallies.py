# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""The last kernel of a question about people: how many have each bit, in each group."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled

Array = npt.NDArray[Any]


LANES: Final = 16
"""Counters that are kept side by side, so that the processor adds to several of them in one instruction."""
_LEVELS: Final = 8
"""How high a lane counts before it is emptied: below 2 to this power."""
_AT_ONCE: Final = 8 * LANES
_PLANES: Final = 40
ROOM: Final = _LEVELS * LANES + _PLANES
"""Words that a tally needs to work in."""
_FEW: Final = ((1 << _LEVELS) - 8) // 8
"""How many times eight may be added to a lane."""


@compiled
def tally(
    one: Array,
    other: Array,
    base: int,
    ranges: Array,
    first_range: int,
    groups: Array,
    periods: int,
    totals: Array,
    room: Array,
) -> None:  # pragma: no cover
    """Add up, over some people, the bits that two masks share.

    Masks go through a tree of carry-save adders, eight of each lane at a time, so that a bit costs a fraction of an
    instruction. Plane l of a counter holds, for every period, bit l of its number.

    Args:
        one: a mask for each person.
        other: the same; the same array to count its own bits.
        base: the number of the first person.
        ranges: where each range of people of one sex and year of birth begins.
        first_range: the range of the first person.
        groups: the group of a range in each period, shape (ranges, at least so many periods).
        periods: how many there are.
        totals: shape (groups, at least so many periods), added to.
        room: `ROOM` words with anything in them.

    Source: Mula, Kurz and Lemire (2018), Computer Journal 61:111-120 (Harley and Seal's counter).
    """
    lanes, planes = room[: _LEVELS * LANES], room[_LEVELS * LANES :]
    numbers = np.empty(64, dtype=np.int64)
    at = 0
    place = first_range
    while at < len(one):
        stop = min(ranges[place + 1] - base, len(one))
        planes[:] = 0
        while stop - at >= _AT_ONCE:
            lanes[:] = 0
            times = min((stop - at) // _AT_ONCE, _FEW)
            until = at + times * _AT_ONCE
            in_lanes(one[at:until], other[at:until], times, lanes)
            for lane in range(LANES):
                put_in(planes, lanes, lane)
            at = until
        while at < stop:
            carry = one[at] & other[at]
            at += 1
            level = 0
            while carry != 0:
                kept = planes[level] & carry
                planes[level] ^= carry
                carry = kept
                level += 1
        highest = _PLANES
        while highest > 0 and planes[highest - 1] == 0:
            highest -= 1
        numbers[:periods] = 0
        for level in range(highest):
            plane = planes[level]
            for period in range(periods):
                numbers[period] += np.int64((plane >> np.uint64(period)) & np.uint64(1)) << level
        for period in range(periods):
            totals[groups[place, period], period] += numbers[period]
        place += 1


@compiled
def in_lanes(one: Array, other: Array, times: int, lanes: Array) -> None:  # pragma: no cover
    """Count in every lane, so many times, eight masks that lie as far apart as there are lanes.

    Indices that are seen to begin at 0 need no test for negative ones, which would keep lanes from going together.
    """
    for time in range(times):
        at = time * _AT_ONCE
        for lane in range(LANES):
            place = at + lane
            ones, twos, fours = lanes[lane], lanes[LANES + lane], lanes[2 * LANES + lane]
            odd, even = one[place] & other[place], one[place + LANES] & other[place + LANES]
            half = ones ^ odd
            two_a = (ones & odd) | (half & even)
            ones = half ^ even
            odd = one[place + 2 * LANES] & other[place + 2 * LANES]
            even = one[place + 3 * LANES] & other[place + 3 * LANES]
            half = ones ^ odd
            two_b = (ones & odd) | (half & even)
            ones = half ^ even
            half = twos ^ two_a
            four_a = (twos & two_a) | (half & two_b)
            twos = half ^ two_b
            odd = one[place + 4 * LANES] & other[place + 4 * LANES]
            even = one[place + 5 * LANES] & other[place + 5 * LANES]
            half = ones ^ odd
            two_a = (ones & odd) | (half & even)
            ones = half ^ even
            odd = one[place + 6 * LANES] & other[place + 6 * LANES]
            even = one[place + 7 * LANES] & other[place + 7 * LANES]
            half = ones ^ odd
            two_b = (ones & odd) | (half & even)
            ones = half ^ even
            half = twos ^ two_a
            four_b = (twos & two_a) | (half & two_b)
            twos = half ^ two_b
            half = fours ^ four_a
            carry = (fours & four_a) | (half & four_b)
            fours = half ^ four_b
            lanes[lane], lanes[LANES + lane], lanes[2 * LANES + lane] = ones, twos, fours
            for level in range(3, _LEVELS):
                before = lanes[level * LANES + lane]
                lanes[level * LANES + lane] = before ^ carry
                carry &= before


@compiled
def put_in(planes: Array, lanes: Array, lane: int) -> None:  # pragma: no cover
    """Add the number of a lane to the planes."""
    carry = np.uint64(0)
    for level in range(_LEVELS):
        mine, theirs = planes[level], lanes[level * LANES + lane]
        half = mine ^ theirs
        planes[level] = half ^ carry
        carry = (mine & theirs) | (half & carry)
    level = _LEVELS
    while carry != 0:
        kept = planes[level] & carry
        planes[level] ^= carry
        carry = kept
        level += 1


@compiled
def tally_rows(
    first: Array,
    first_place: Array,
    last_place: Array,
    who: Array,
    asked: Array,
    met: Array,
    sex: Array,
    born: Array,
    year: Array,
    band: Array,
    totals: Array,
) -> None:  # pragma: no cover
    """Add up rows by period, sex and age band: `totals[0]` those asked about, `totals[1]` those met.

    Args:
        first: each row's first day.
        first_place: the first period each row is counted in.
        last_place: the last; before the first for none.
        who: each row's person.
        asked: whether a row is asked about.
        met: whether the numerator holds of it.
        sex: by person.
        born: year of birth by person.
        year: by day.
        band: by age in years.
        totals: shape (2, groups, periods).
    """
    bands = band[len(band) - 1] + 1
    for row in range(len(first)):
        if asked[row]:
            age = min(max(year[first[row]] - born[who[row]], 0), len(band) - 1)
            group = sex[who[row]] * bands + band[age]
            for period in range(first_place[row], last_place[row] + 1):
                totals[0, group, period] += 1
                if met[row]:
                    totals[1, group, period] += 1

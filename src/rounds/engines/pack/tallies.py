# ruff: noqa: PLR0915  a kernel takes arrays one by one, and calls are not free in it
"""The last kernel of a question about people: how many have each bit, in each group."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled

Array = npt.NDArray[Any]


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
) -> None:  # pragma: no cover
    """Add up, over a block of people, the bits that two masks share.

    Eight masks at a time go through a tree of carry-save adders, so that a bit costs a fraction of an instruction.

    Args:
        one: a mask for each person of the block.
        other: the same; the same array to count its own bits.
        base: the number of the block's first person.
        ranges: where each range of people of one sex and year of birth begins.
        first_range: the range of the block's first person.
        groups: the group of a range in each period, shape (ranges, at least so many periods).
        periods: how many there are.
        totals: shape (groups, at least so many periods), added to.

    Source: Mula, Kurz and Lemire (2018), Computer Journal 61:111-120 (Harley and Seal's counter).
    """
    planes = np.zeros(32, dtype=np.uint64)
    at = 0
    place = first_range
    while at < len(one):
        stop = min(ranges[place + 1] - base, len(one))
        planes[:] = 0
        highest = 3
        ones, twos, fours = np.uint64(0), np.uint64(0), np.uint64(0)
        while at < stop:
            if at + 8 <= stop:
                a0, a1 = one[at] & other[at], one[at + 1] & other[at + 1]
                a2, a3 = one[at + 2] & other[at + 2], one[at + 3] & other[at + 3]
                a4, a5 = one[at + 4] & other[at + 4], one[at + 5] & other[at + 5]
                a6, a7 = one[at + 6] & other[at + 6], one[at + 7] & other[at + 7]
                at += 8
                if (a0 | a1 | a2 | a3 | a4 | a5 | a6 | a7) == 0:
                    continue
                half = ones ^ a0
                two_a = (ones & a0) | (half & a1)
                ones = half ^ a1
                half = ones ^ a2
                two_b = (ones & a2) | (half & a3)
                ones = half ^ a3
                half = twos ^ two_a
                four_a = (twos & two_a) | (half & two_b)
                twos = half ^ two_b
                half = ones ^ a4
                two_a = (ones & a4) | (half & a5)
                ones = half ^ a5
                half = ones ^ a6
                two_b = (ones & a6) | (half & a7)
                ones = half ^ a7
                half = twos ^ two_a
                four_b = (twos & two_a) | (half & two_b)
                twos = half ^ two_b
                half = fours ^ four_a
                carry = (fours & four_a) | (half & four_b)
                fours = half ^ four_b
            else:
                carry = one[at] & other[at]
                at += 1
                half = ones & carry
                ones ^= carry
                carry = twos & half
                twos ^= half
                half = fours & carry
                fours ^= carry
                carry = half
            level = 3
            while carry != 0:
                kept = planes[level] & carry
                planes[level] ^= carry
                carry = kept
                level += 1
            highest = max(highest, level)
        planes[0], planes[1], planes[2] = ones, twos, fours
        for period in range(periods):
            number = np.int64(0)
            for level in range(highest + 1):
                number += np.int64((planes[level] >> np.uint64(period)) & np.uint64(1)) << level
            totals[groups[place, period], period] += number
        place += 1

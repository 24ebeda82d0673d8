# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""The last kernel of a question about people: how many have each bit, in each group."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.addresses import words_of
from rounds.engines.pack.compiled import compiled

Array = npt.NDArray[Any]


WHOLE: Final = 4
"""So many masks of 16 bits, the shortest, fill a word."""
LANES: Final = 16
"""Counters that are kept side by side, so that the processor adds to several of them in one instruction."""
_LEVELS: Final = 8
"""How high a lane counts before it is emptied: below 2 to this power."""
_LOW: Final = 4
"""How high it counts when eight have been added to a lane with nothing in it."""
_AT_ONCE: Final = 8 * LANES
PLANES: Final = 40
_FOLDED: Final = _LEVELS + LANES.bit_length() - 1
ROOM: Final = _FOLDED * LANES + _AT_ONCE
"""Words that a tally needs to work in."""
_FEW: Final = ((1 << _LEVELS) - 8) // 8
"""How many times eight may be added to a lane."""
WAITING_BYTES: Final = 8 * _AT_ONCE
"""Of the masks of few that wait until they are worth counting."""
_WORTH: Final = 8
"""So many words are."""


class Counter(NamedTuple):
    """What a tally keeps from call to call, and room to work in."""

    planes: Array
    """`PLANES` words: what was counted of the first range before, and then of the last; at first zeros."""
    waiting: Array
    """Masks of the same people that wait until they are worth counting, of `WAITING_BYTES`."""
    wait: Array
    """How many wait, as the only number of an array."""
    room: Array
    """`ROOM` words with anything in them."""


@compiled
def tally(
    one: Array,
    other: Array,
    listed: Array,
    number: int,
    people: int,
    base: int,
    ranges: Array,
    first_range: int,
    groups: Array,
    periods: int,
    totals: Array,
    each: int,
    counter: Counter,
    last: bool,
) -> None:  # pragma: no cover
    """Add up, over some people, the bits that two masks share.

    Words of 64 bits, each the masks of one person or of several, go through a tree of carry-save adders, eight of each
    lane at a time, so that a bit costs a fraction of an instruction. Plane l of a counter holds, for every period, bit
    l of its number. Making numbers of planes takes as long as counting thousands of people, so a range of people that
    is not at its end stays in planes until the next call; and since a few masks take as long as a hundred, the masks of
    few wait for others.

    Args:
        one: a mask for each person, of 16, 32 or 64 bits, and room to a whole word of 64; of few, those of them.
        other: the same; the same array to count its own bits. Not looked at if the masks are those of few.
        listed: of few, who they are.
        number: of few, how many; below 0 if masks are everybody's.
        people: how many people there are.
        base: the number of the first person.
        ranges: where each range of people of one sex and year of birth begins.
        first_range: the range of the first person.
        groups: the group of a range in each period, shape (ranges, at least so many periods).
        periods: how many there are.
        totals: of the first group in each period, then of the next; added to.
        each: how many totals a group has; at least as many as there are periods.
        counter: of this tally.
        last: whether no more people come: then nothing stays in the counter.

    Source: Mula, Kurz and Lemire (2018), Computer Journal 61:111-120 (Harley and Seal's counter).
    """
    at, place = 0, first_range
    while at < people:
        end = ranges[place + 1] - base
        until = min(end, people)
        if number < 0:
            gather(one, other, at, until, counter)
        else:
            hold(one, listed, number, at, until, counter)
        at = until
        if end <= people or last:
            count_waiting(counter)
            settle(counter, 8 * one.itemsize, groups[place], periods, totals, each)
        place += 1


@compiled
def hold(masks: Array, listed: Array, number: int, at: int, stop: int, counter: Counter) -> None:  # pragma: no cover
    """Let the masks of those who are listed from `at` to `stop` wait."""
    waiting, wait = counter.waiting, counter.wait[0]
    for few in range(number):
        waiting[wait] = masks[few]
        wait += at <= listed[few] < stop
        if wait == len(waiting):
            counter.wait[0] = wait
            count_waiting(counter)
            wait = 0
    counter.wait[0] = wait


@compiled
def count_waiting(counter: Counter) -> None:  # pragma: no cover
    """Add the masks that wait to the planes; none waits then."""
    number, waiting, planes = counter.wait[0], counter.waiting, counter.planes
    if number == 0:
        return
    each, words = 8 // waiting.itemsize, words_of(waiting)
    some = (number + each - 1) // each
    waiting[number : some * each] = 0
    if some < _WORTH:
        for word in range(some):
            put_in(planes, words[word])
    else:
        lanes = counter.room[: _FOLDED * LANES]
        lanes[: _LEVELS * LANES] = 0
        words[some:] = 0
        in_lanes(words, words, 1, lanes)
        put_number_in(planes, lanes, fold(lanes, _LOW))
    counter.wait[0] = 0


@compiled
def gather(one: Array, other: Array, at: int, stop: int, counter: Counter) -> None:  # pragma: no cover
    """Add the bits that two masks share of people from `at` to `stop` to the planes."""
    planes, room = counter.planes, counter.room
    width = 8 * one.itemsize
    each = 64 // width
    words, others = words_of(one), words_of(other)
    if at % each != 0:
        word, since = at // each, at % each
        until = min(stop - word * each, each)
        put_in(planes, words[word] & others[word] & slots(since, until, width))
        at = word * each + until
    word, end = at // each, stop // each
    at = max(at, end * each)
    lanes, rest = room[: _FOLDED * LANES], room[_FOLDED * LANES :]
    while word < end or at < stop:
        lanes[: _LEVELS * LANES] = 0
        times = min((end - word) // _AT_ONCE, _FEW - 1)
        until = word + times * _AT_ONCE
        in_lanes(words[word:until], others[word:until], times, lanes)
        word = until
        if end - word < _AT_ONCE:  # what is left goes the same way, with zeros to fill up: word by word takes longer
            left = end - word
            for place in range(left):
                rest[place] = words[word + place] & others[word + place]
            rest[left:] = 0
            if at < stop:
                rest[left] = words[end] & others[end] & slots(0, stop - at, width)
                at = stop
            in_lanes(rest, rest, 1, lanes)
            word = end
        put_number_in(planes, lanes, fold(lanes, _LEVELS))


@compiled
def settle(
    counter: Counter, width: int, group: Array, periods: int, totals: Array, each: int
) -> None:  # pragma: no cover
    """Add what is in the planes, of masks of some width, to the totals of a group in each period; leave zeros."""
    planes, highest = counter.planes, PLANES
    while highest > 0 and planes[highest - 1] == 0:
        highest -= 1
    if highest == 0:
        return
    numbers = counter.room[:periods]
    numbers[:] = 0
    for level in range(highest):
        for slot in range(64 // width):
            plane = planes[level] >> np.uint64(slot * width)
            for period in range(periods):
                numbers[period] += ((plane >> np.uint64(period)) & np.uint64(1)) << np.uint64(level)
    planes[:highest] = 0
    for period in range(periods):
        totals[group[period] * each + period] += np.int64(numbers[period])


@compiled
def slots(since: int, until: int, width: int) -> Any:  # pragma: no cover
    """Return the bits of a word that belong to some of its people, but not all."""
    return (~np.uint64(0) >> np.uint64(64 - (until - since) * width)) << np.uint64(since * width)


@compiled
def put_in(planes: Array, bits: Any) -> None:  # pragma: no cover
    """Add one, wherever there is a bit, to the planes."""
    level = 0
    while bits != 0:
        carry = planes[level] & bits
        planes[level] ^= bits
        bits = carry
        level += 1


@compiled
def added(one: Any, other: Any, third: Any) -> tuple[Any, Any]:  # pragma: no cover
    """Return, bit by bit, the sum of three and what is carried over."""
    half = one ^ other
    return half ^ third, (one & other) | (half & third)


@compiled
def in_lanes(one: Array, other: Array, times: int, lanes: Array) -> None:  # pragma: no cover
    """Count in every lane, so many times, eight words that lie as far apart as there are lanes.

    Indices that are seen to begin at 0 need no test for negative ones, which would keep lanes from going together.
    """
    for time in range(times):
        at = time * _AT_ONCE
        for lane in range(LANES):
            place = at + lane
            ones, twos, fours = lanes[lane], lanes[LANES + lane], lanes[2 * LANES + lane]
            odd, even = one[place] & other[place], one[place + LANES] & other[place + LANES]
            ones, two_a = added(ones, odd, even)
            odd = one[place + 2 * LANES] & other[place + 2 * LANES]
            even = one[place + 3 * LANES] & other[place + 3 * LANES]
            ones, two_b = added(ones, odd, even)
            twos, four_a = added(twos, two_a, two_b)
            odd = one[place + 4 * LANES] & other[place + 4 * LANES]
            even = one[place + 5 * LANES] & other[place + 5 * LANES]
            ones, two_a = added(ones, odd, even)
            odd = one[place + 6 * LANES] & other[place + 6 * LANES]
            even = one[place + 7 * LANES] & other[place + 7 * LANES]
            ones, two_b = added(ones, odd, even)
            twos, four_b = added(twos, two_a, two_b)
            fours, carry = added(fours, four_a, four_b)
            lanes[lane], lanes[LANES + lane], lanes[2 * LANES + lane] = ones, twos, fours
            for level in range(3, _LEVELS):
                before = lanes[level * LANES + lane]
                lanes[level * LANES + lane] = before ^ carry
                carry &= before


@compiled
def fold(lanes: Array, levels: int) -> int:  # pragma: no cover
    """Add the numbers of all lanes up in the first: half of them to the other half, until one is left.

    What is above so many levels must be nothing. Returns how many the first lane has then.
    """
    number, half = levels, LANES // 2
    while half >= 1:
        top = number * LANES
        lanes[top : top + half] = 0
        for level in range(number):
            low, high = (
                lanes[level * LANES : level * LANES + half],
                lanes[level * LANES + half : level * LANES + 2 * half],
            )
            carry = lanes[top : top + half]
            for lane in range(half):
                low[lane], carry[lane] = added(low[lane], high[lane], carry[lane])
        number, half = number + 1, half // 2
    return number


@compiled
def put_number_in(planes: Array, lanes: Array, levels: int) -> None:  # pragma: no cover
    """Add the number of the first lane, which is all of them, to the planes."""
    carry = np.uint64(0)
    for level in range(levels):
        planes[level], carry = added(planes[level], lanes[level * LANES], carry)
    put_in(planes[levels:], carry)

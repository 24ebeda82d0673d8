# ruff: noqa: PLR0913, PLR0917  a kernel takes arrays one by one, and calls are not free in it
"""Kernels of funnels: rows of people, in parts that are each sorted by person, and index events of the same people.

`begin[p]..begin[p + 1]` are the index events of the chunk's person p. `starts` and `stops` say where each part's rows
of a chunk of people lie.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.kernels import FAR, among, seek
from rounds.engines.pack.row_kernels import sum_up

Array = npt.NDArray[Any]

NO_DAY: Final = -1
_AT_ONCE: Final = 16
"""So many rows are compared in a few instructions."""
_NEAR: Final = 8
"""So many times as many are passed one after the other before it is worth leaping."""


class Asked(NamedTuple):
    """What a row must be, besides carrying a concept: every part of it holds. Empty arrays ask nothing."""

    first_day: int
    last_day: int
    value: Array
    low: float
    """Included, as is the highest."""
    high: float
    unit: Array
    units: Array
    units_excluded: bool
    answer: Array
    answers: Array
    answers_excluded: bool
    age_low: int
    age_high: int
    born: Array
    year: Array
    sex: Array
    sexes: Array
    """Whether each sex will do; empty if any."""


@compiled
def keep(
    person: Array, day: Array, starts: Array, stops: Array, asked: Asked, out_person: Array, out_day: Array, ends: Array
) -> None:  # pragma: no cover
    """Write down the rows that are as asked; the rows of a part end at `ends[part]`."""
    number = 0
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            if _is_as_asked(row, person[row], day[row], asked):
                out_person[number] = person[row]
                out_day[number] = day[row]
                number += 1
        ends[part] = number


@compiled
def _is_as_asked(row: int, who: int, day: int, asked: Asked) -> bool:  # pragma: no cover
    if day < asked.first_day or day > asked.last_day:
        return False
    if len(asked.value) > 0 and not asked.low <= np.float64(asked.value[row]) <= asked.high:
        return False
    if len(asked.unit) > 0 and not _is_one(asked.unit[row], asked.units, asked.units_excluded):
        return False
    if len(asked.answer) > 0 and not _is_one(asked.answer[row], asked.answers, asked.answers_excluded):
        return False
    if len(asked.born) > 0:
        age = asked.year[day] - asked.born[who]
        if age < asked.age_low or age > asked.age_high:
            return False
    return len(asked.sexes) == 0 or bool(asked.sexes[asked.sex[who]])


@compiled
def _is_one(concept: int, several: Array, excluded: bool) -> bool:  # pragma: no cover
    """Say whether a concept that is known is one of several, or with `excluded` none of them."""
    return concept != -1 and among(several, concept) != excluded


@compiled
def first_days(
    person: Array, day: Array, starts: Array, stops: Array, base: int, best: Array
) -> None:  # pragma: no cover
    """Find everybody's first day with a row; `best` begins at 65535, which is none."""
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            who = person[row] - base
            best[who] = min(best[who], day[row])


@compiled
def one_event(
    person: Array,
    day: Array,
    starts: Array,
    stops: Array,
    base: int,
    observed: Array,
    observed_first: Array,
    observed_last: Array,
    prior: int,
    post: int,
    last: bool,
    best: Array,
    best_period: Array,
) -> None:  # pragma: no cover
    """Find everybody's first or last row while observed for so long; `best` begins at `NO_DAY`, which is none."""
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            who = person[row] - base
            this = np.int32(day[row])
            better = best[who] == NO_DAY or (this > best[who] if last else this < best[who])
            if better:
                period = _period(person[row], int(this), observed, observed_first, observed_last, prior, post)
                if period >= 0:
                    best[who] = this
                    best_period[who] = period


@compiled
def every_event(
    person: Array,
    day: Array,
    starts: Array,
    stops: Array,
    observed: Array,
    observed_first: Array,
    observed_last: Array,
    prior: int,
    post: int,
    out_person: Array,
    out_day: Array,
    out_period: Array,
) -> int:  # pragma: no cover
    """Write down the rows while observed for so long, with their observation period, and return how many."""
    number = 0
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            period = _period(person[row], int(day[row]), observed, observed_first, observed_last, prior, post)
            out_person[number], out_day[number], out_period[number] = person[row], day[row], period
            number += period >= 0
    return number


@compiled
def _period(
    who: int, day: int, observed: Array, observed_first: Array, observed_last: Array, prior: int, post: int
) -> int:  # pragma: no cover
    """Return the observation period that a day lies in with so many days around it; -1 if none."""
    found = -1  # they do not overlap: there is one at most, and no branch that a processor could guess wrong
    for place in range(observed[who], observed[who + 1]):
        first, last = np.int64(observed_first[place]), np.int64(observed_last[place])
        within = (first + max(prior, 0) <= day) & (day + max(post, 0) <= last)
        found = place if within else found
    return found


@compiled
def begins(person: Array, base: int, begin: Array) -> None:  # pragma: no cover
    """Write down where the events of everybody from `base` on begin."""
    begin[:] = 0
    for at in range(len(person)):
        begin[person[at] - base + 1] += 1
    sum_up(begin)


@compiled
def count_by_row(
    person: Array,
    day: Array,
    last: Array,
    starts: Array,
    stops: Array,
    base: int,
    begin: Array,
    low: Array,
    high: Array,
    end_low: Array,
    end_high: Array,
    no_more: bool,
    asked: Asked,
    enough: int,
    out: Array,
) -> None:  # pragma: no cover
    """Count for each index event the rows that begin, and if asked end, in its window: a pass over the rows.

    With `no_more` no more than a value is asked of a row. Counting stops at `enough`.
    """
    value, least, most = asked.value, asked.low, asked.high
    for part in range(len(starts)):
        for row in range(starts[part], stops[part]):
            who = person[row] - base
            for event in range(begin[who], begin[who + 1]):
                if (
                    low[event] <= day[row] <= high[event]
                    and out[event] < enough
                    and (len(end_low) == 0 or end_low[event] <= last[row] <= end_high[event])
                    and (len(value) == 0 or least <= np.float64(value[row]) <= most)
                    and (no_more or _is_as_asked(row, person[row], day[row], asked))
                ):
                    out[event] += 1


@compiled
def count_by_event(
    person: Array,
    day: Array,
    last: Array,
    starts: Array,
    stops: Array,
    of: Array,
    low: Array,
    high: Array,
    end_low: Array,
    end_high: Array,
    no_more: bool,
    asked: Asked,
    enough: int,
    out: Array,
) -> None:  # pragma: no cover
    """As `count_by_row`, a pass over the events, each of person `of[event]`.

    Sooner where rows are many and events few. Each person's rows and events must be sorted by day, so that windows only
    move on.
    """
    value, least, most = asked.value, asked.low, asked.high
    for part in range(len(starts)):
        at, stop, end, before = starts[part], stops[part], starts[part], -1
        for event in range(len(of)):
            who = of[event]
            if who != before:
                before = who
                at = _pass(person, end, stop, who)
                end = _pass(person, at, stop, who + 1)
            while at < end and day[at] < low[event]:
                at += 1
            row = at
            while row < end and day[row] <= high[event] and out[event] < enough:
                if (
                    (len(end_low) == 0 or end_low[event] <= last[row] <= end_high[event])
                    and (len(value) == 0 or least <= np.float64(value[row]) <= most)
                    and (no_more or _is_as_asked(row, who, day[row], asked))
                ):
                    out[event] += 1
                row += 1


@compiled
def _pass(person: Array, at: int, stop: int, who: int) -> int:  # pragma: no cover
    """Return the first row from `at` on that is of somebody numbered `who` or higher, who is mostly near."""
    far = at + _NEAR * _AT_ONCE
    while at + _AT_ONCE <= stop and person[at + _AT_ONCE - 1] < who:
        at += _AT_ONCE
        if at == far:
            return seek(person, at, stop, who, FAR)
    some = person[at : min(at + _AT_ONCE, stop)]
    before = 0
    for row in range(len(some)):
        before += some[row] < who
    return at + before


@compiled
def choose(person: Array, day: Array, flags: Array, last: bool) -> None:  # pragma: no cover
    """Leave only everybody's first (or last) flagged event. Events are sorted by person and day."""
    at = 0
    while at < len(person):
        stop = at
        chosen = -1
        while stop < len(person) and person[stop] == person[at]:
            if flags[stop]:
                if chosen < 0 or (last and day[stop] > day[chosen]):
                    if chosen >= 0:
                        flags[chosen] = False
                    chosen = stop
                else:
                    flags[stop] = False
            stop += 1
        at = stop


@compiled
def mark(met: Array, flags: Array, rule: int) -> None:  # pragma: no cover
    """Set the bit of a rule for the events that meet it."""
    for event in range(len(met)):
        met[event] |= np.uint64(flags[event]) << np.uint64(rule)


@compiled
def tally(person: Array, met: Array, meeting: Array, far: Array, events_far: Array) -> int:  # pragma: no cover
    """Count people and events by rules, and return how many people there are.

    Args:
        person: of each event, sorted.
        met: the rules that each event meets, as bits.
        meeting: by rule, people with an event that meets it.
        far: people by how many rules, from the first on without a gap, any of their events meets.
        events_far: events, so too.
    """
    people, at = 0, 0
    while at < len(person):
        who, anything, farthest = person[at], np.uint64(0), np.int64(0)
        while at < len(person) and person[at] == who:
            anything |= met[at]
            met_in_order = _ones_below(met[at])
            events_far[met_in_order] += 1
            farthest = max(farthest, met_in_order)
            at += 1
        people += 1
        far[farthest] += 1
        for rule in range(len(meeting)):
            meeting[rule] += np.int64((anything >> np.uint64(rule)) & np.uint64(1))
    return people


@compiled
def _ones_below(bits: np.uint64) -> np.int64:  # pragma: no cover
    """Return how many bits are set below the lowest that is not, without a branch for a processor to guess wrong."""
    ones = bits & ~(bits + np.uint64(1))
    ones -= (ones >> np.uint64(1)) & np.uint64(0x5555555555555555)
    ones = (ones & np.uint64(0x3333333333333333)) + ((ones >> np.uint64(2)) & np.uint64(0x3333333333333333))
    ones = (ones + (ones >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((ones * np.uint64(0x0101010101010101)) >> np.uint64(56))

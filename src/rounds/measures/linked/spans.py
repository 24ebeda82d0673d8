"""Spans: how periods lie to one another."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from datetime import date, timedelta

from rounds.measures.periods import Period


def nested(inner: Collection[Period], outer: Collection[Period]) -> Iterator[tuple[Period, Period]]:
    """Yield every two periods of which the first lies in the second and is shorter."""
    by_start, starts = _by_start(inner)
    for around in outer:
        for one in by_start[bisect_left(starts, around.start) : bisect_right(starts, around.end)]:
            if one.end <= around.end and one != around:
                yield one, around


def tiled(whole: Period, pieces: Collection[Period]) -> tuple[Period, ...]:
    """Return the two or more periods that follow one another from the first to the last day of one; none if there are
    none.

    Args:
        whole: what is to be made up.
        pieces: those of one table, no two of which start on the same day.
    """
    starting = {piece.start: piece for piece in pieces if piece != whole}
    found: list[Period] = []
    day = whole.start
    while day in starting and starting[day].end <= whole.end:
        found.append(starting[day])
        if found[-1].end == whole.end:
            return tuple(found)
        day = found[-1].end + timedelta(days=1)
    return ()


def overlapping(one: Collection[Period], other: Collection[Period]) -> Iterator[tuple[Period, Period]]:
    """Yield every two different periods that have half of the days or more of the longer in common."""
    by_start, starts = _by_start(other)
    longest = max((b.end - b.start for b in other), default=timedelta(0))
    for a in one:
        for b in by_start[bisect_left(starts, a.start - longest) : bisect_right(starts, a.end)]:
            shared = (min(a.end, b.end) - max(a.start, b.start)).days + 1
            longer = max((a.end - a.start).days, (b.end - b.start).days) + 1
            if a != b and 2 * shared >= longer:
                yield a, b


def _by_start(periods: Collection[Period]) -> tuple[list[Period], list[date]]:
    found = sorted(periods, key=lambda period: (period.start, period.end))
    return found, [period.start for period in found]

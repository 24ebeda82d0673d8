"""Runs about the centre of a series and the limits that chance sets them: Anhøj's rules.

Points on the centre are not useful: they neither end a run nor lengthen it. A point that is known only between bounds
may lie above, on or below: what its runs can be has bounds too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.windows import Flags

Sides = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Critical:
    """What chance allows."""

    longest_run: int
    """a longer run is a signal"""
    crossings: int
    """fewer are a signal"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of one series, as (least, most) over all that its points can be; equal where all points are exact."""

    useful: tuple[int, int]
    """points off the centre"""
    longest_run: tuple[int, int]
    crossings: tuple[int, int]
    long_run: tuple[bool, bool]
    """whether the longest run is a signal: for every value, for some"""
    few_crossings: tuple[bool, bool]
    longest: Flags
    """shape (periods,): the points of the longest run, or of the last of several; empty of flags unless exact"""

    @property
    def critical(self) -> Critical:
        """The critical values at the fewest useful points."""
        return critical_values(self.useful[0])


@lru_cache(maxsize=4096)
def critical_values(useful: int) -> Critical:
    """Return the longest run and the fewest crossings that chance allows among so many useful points.

    The longest run: log2(n) + 3, rounded. Crossings: the 5 % point of a binomial of n - 1 tries at one half.

    Args:
        useful: points off the centre. Below 10 the approximation is not meant to be used.

    Source: Anhøj and Olesen (2014), PLoS ONE 9:e113825; Schilling (2012), College Math J 43:388-393; Chen (2010), Joint
        Statistical Meetings.
    """
    if useful < 2:
        return Critical(longest_run=max(useful, 1), crossings=0)
    from scipy.stats import binom  # it takes half a second to load, and most charts do without

    return Critical(longest_run=round(float(np.log2(useful))) + 3, crossings=int(binom.ppf(0.05, useful - 1, 0.5)))


def runs_of(above: tuple[Flags, Flags], below: tuple[Flags, Flags], there: Flags) -> Runs:
    """Return the runs of one series.

    Args:
        above: whether each point lies above the centre for every value within its bounds, and for some; shape
            (periods,).
        below: the same of below.
        there: which points count: not missing and not left out.
    """
    side = (above[0].astype(np.int8) - below[0])[there]
    ups, downs = above[1][there], below[1][there]
    least, most = int(np.count_nonzero(side)), int(np.count_nonzero(ups | downs))
    flagged = np.zeros(len(there), dtype=bool)
    if least == most:
        lengths = _lengths(side[side != 0])
        longest = int(lengths.max(initial=0))
        run, crossed = (longest, longest), (int((np.diff(side[side != 0]) != 0).sum()),) * 2
        if longest:
            end = int(np.flatnonzero(lengths == longest)[-1])
            flagged[np.flatnonzero(there)[np.flatnonzero(side)[end - longest + 1 : end + 1]]] = True
    else:
        run = (
            _surely_longest(side, ups | downs),
            max(_perhaps_longest(side, ups, 1), _perhaps_longest(side, downs, -1)),
        )
        crossed = _crossings(side, ups, downs)
    at_least, at_most = critical_values(least), critical_values(most)
    return Runs(
        useful=(least, most),
        longest_run=run,
        crossings=crossed,
        long_run=(run[0] > at_most.longest_run, run[1] > at_least.longest_run),
        few_crossings=(crossed[1] < at_least.crossings, crossed[0] < at_most.crossings),
        longest=flagged,
    )


def _lengths(side: Sides) -> NDArray[np.int64]:
    """Return, per useful point, how long the run is that it ends."""
    place = np.arange(len(side))
    starts = np.concatenate([[True], side[1:] != side[:-1]])[: len(side)]
    found: NDArray[np.int64] = place - np.maximum.accumulate(np.where(starts, place, 0)) + 1
    return found


def _surely_longest(side: Sides, may: Flags) -> int:
    """Return the longest run of points whose side is known, which no point of unknown side parts."""
    best = run = last = 0
    for now, open_ended in zip(side.tolist(), ((side == 0) & may).tolist(), strict=True):
        if open_ended:
            run = last = 0
        elif now:
            run, last = (run + 1 if now == last else 1), now
            best = max(best, run)
    return best


def _perhaps_longest(side: Sides, may: Flags, way: int) -> int:
    """Return the longest run on one side if every point of unknown side lies there."""
    best = run = 0
    for now, possible in zip(side.tolist(), may.tolist(), strict=True):
        run = 0 if now == -way else run + int(possible)
        best = max(best, run)
    return best


def _crossings(side: Sides, ups: Flags, downs: Flags) -> tuple[int, int]:
    """Return the fewest and the most crossings over all sides that the points can lie on."""
    fewest: dict[int, int] = {0: 0}
    most: dict[int, int] = {0: 0}
    for now, up, down in zip(side.tolist(), ups.tolist(), downs.tolist(), strict=True):
        choices = [now] if now else [0, *([1] if up else []), *([-1] if down else [])]
        fewest = _stepped(fewest, choices, min)
        most = _stepped(most, choices, max)
    return min(fewest.values()), max(most.values())


def _stepped(before: dict[int, int], choices: list[int], better: Callable[[int, int], int]) -> dict[int, int]:
    """Return, by the last side taken, the crossings so far after one more point. A point on the centre takes none."""
    after: dict[int, int] = {}
    for last, crossed in before.items():
        for choice in choices:
            reached, total = choice or last, crossed + int(choice * last == -1)
            after[reached] = better(after[reached], total) if reached in after else total
    return after

"""The vectorised NHS rules against a slow reading of them, one point at a time, on series full of ties."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rounds.learning.variation.over_time.chart import Variation
from rounds.learning.variation.over_time.xmr import xmr_chart

SEEN: Counter[str] = Counter()

Series = list[int]


def mean(numbers: list[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0)) / len(numbers)


def slow_limits(values: Series, *, screen: bool) -> tuple[Fraction, Fraction]:
    """Return the mean and the mean moving range, exactly."""
    ranges = [Fraction(abs(after - before)) for before, after in pairwise(values)]
    if screen:
        cut = Fraction("3.267") * mean(ranges)
        ranges = [size for size in ranges if size < cut]
    return mean([Fraction(value) for value in values]), mean(ranges)


def windows_of(length: int, point: int, values: Series) -> list[range]:
    """Return every run of `length` positions that holds `point`."""
    firsts = range(max(0, point - length + 1), min(point, len(values) - length) + 1)
    return [range(first, first + length) for first in firsts]


def slow_flags(values: Series, centre: Fraction, size: Fraction) -> list[tuple[bool, bool, bool, bool]]:
    """Return (outside, shift, trend, near limit) of each point."""
    limit, near = Fraction("2.66") * size, Fraction("2.66") * size * 2 / 3
    outside = [abs(value - centre) > limit for value in values]
    close = [not out and abs(value - centre) > near for out, value in zip(outside, values, strict=True)]

    def one_side(window: range) -> bool:
        return all(values[at] > centre for at in window) or all(values[at] < centre for at in window)

    def one_way(window: range) -> bool:
        steps = [values[after] - values[before] for before, after in pairwise(window)]
        return all(step > 0 for step in steps) or all(step < 0 for step in steps)

    return [
        (
            outside[point],
            any(one_side(window) for window in windows_of(7, point, values)),
            any(one_way(window) for window in windows_of(7, point, values)),
            close[point]
            and any(
                one_side(window) and sum(close[at] for at in window) >= 2 for window in windows_of(3, point, values)
            ),
        )
        for point in range(len(values))
    ]


def slow_direction(values: Series, flags: list[tuple[bool, bool, bool, bool]], centre: Fraction, point: int) -> int:
    outside, shift, trend, near_limit = flags[point]
    if not (outside or shift or trend or near_limit):
        return 0
    if trend and not outside:
        in_next = point + 1 < len(values) and flags[point + 1][2]
        step = values[point + 1] - values[point] if in_next else values[point] - values[point - 1]
        return 1 if step > 0 else -1
    return 1 if values[point] > centre else -1


def runs() -> st.SearchStrategy[Series]:
    """Return series made of steady stretches, climbs and jumps, so that every rule is met."""
    steady = st.lists(st.integers(-3, 3), min_size=1, max_size=8)
    climb = st.tuples(st.integers(-9, 3), st.integers(5, 10), st.sampled_from([-1, 1])).map(
        lambda climb: [climb[0] + climb[2] * step for step in range(climb[1])]
    )
    jump = st.integers(-15, 15).map(lambda value: [value])
    parts = st.lists(st.one_of(steady, climb, jump), min_size=1, max_size=6)
    return parts.map(lambda lists: [value for part in lists for value in part])


@settings(max_examples=400)
@given(values=runs(), screen=st.booleans())
def check_against_slow_reading(values: Series, screen: bool) -> None:
    assume(len(values) >= 3 and len(set(values)) > 1)
    centre, size = slow_limits(values, screen=screen)
    # A point exactly on a limit is a matter of rounding; the reference cases cover those the package settles.
    edges = [Fraction("2.66") * size, Fraction("2.66") * size * 2 / 3]
    assume(all(abs(abs(value - centre) - edge) > Fraction(1, 10**9) for value in values for edge in edges))
    chart = xmr_chart(values=np.array(values, dtype=float), better="neither", screen=screen)
    flags = slow_flags(values, centre, size)
    fast = zip(chart.outside, chart.shift, chart.trend, chart.near_limit, strict=True)
    assert [tuple(map(bool, four)) for four in fast] == flags
    meaning = {1: Variation.NEITHER_HIGH, 0: Variation.COMMON_CAUSE, -1: Variation.NEITHER_LOW}
    expected = [meaning[slow_direction(values, flags, centre, point)] for point in range(len(values))]
    assert list(chart.point_variation) == expected
    for outside, shift, trend, near_limit in flags:
        SEEN.update(
            name
            for name, flag in (("outside", outside), ("shift", shift), ("trend", trend), ("near", near_limit))
            if flag
        )
        SEEN["several rules at once"] += outside + shift + trend + near_limit > 1
        SEEN["trend against shift"] += trend and shift
    SEEN["on the mean"] += any(value == centre for value in values)
    SEEN["screened"] += screen and slow_limits(values, screen=False)[1] != size


def test_fast_and_slow_agree_and_every_rule_was_met() -> None:
    SEEN.clear()
    check_against_slow_reading()
    met = (
        "outside",
        "shift",
        "trend",
        "near",
        "several rules at once",
        "trend against shift",
        "on the mean",
        "screened",
    )
    assert [name for name in met if SEEN[name] < 10] == []

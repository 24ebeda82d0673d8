"""Western Electric's and Nelson's rules against a slow reading of them; bounds against every value within them."""

from collections import Counter
from itertools import pairwise, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.learning.variation.over_time.attributes import p_chart, u_chart
from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.counted import Counted
from rounds.learning.variation.over_time.drawing import Lines, Points, Reading, draw
from rounds.learning.variation.over_time.rule_sets import Rule, RuleSet
from rounds.learning.variation.over_time.runs import critical_values, runs_of

SEEN: Counter[str] = Counter()
ALL = (RuleSet.WESTERN_ELECTRIC, RuleSet.NELSON, RuleSet.NHS, RuleSet.ANHOEJ)


def chart_of(lowest: np.ndarray, highest: np.ndarray, *, centre: float, sigma: float) -> Chart:
    lines = [np.full(len(lowest), line) for line in (centre, sigma, centre - 3 * sigma, centre + 3 * sigma)]
    made = Lines(centre=lines[0], sigma=lines[1], lower=lines[2], upper=lines[3])
    return draw(Kind.I, Points(lowest=lowest, highest=highest), lambda *_: made, Reading(rule_sets=ALL))


def windows(length: int, point: int, count: int) -> list[range]:
    return [range(at, at + length) for at in range(max(0, point - length + 1), min(point, count - length) + 1)]


def slow(rule: Rule, z: list[float], point: int) -> bool:
    """Return whether a rule flags a point, from what the rule says; z is in sigma from the centre."""
    count = len(z)

    def any_window(length: int, holds: object) -> bool:
        return any(holds([z[at] for at in window]) for window in windows(length, point, count))  # type: ignore[operator]

    def beyond(sigmas: float, least: int, length: int) -> bool:
        return any(
            way * z[point] > sigmas
            and any_window(length, lambda some, way=way: sum(way * one > sigmas for one in some) >= least)
            for way in (1, -1)
        )

    def steps(some: list[float]) -> list[float]:
        return [after - before for before, after in pairwise(some)]

    match rule:
        case Rule.OUTSIDE:
            return abs(z[point]) > 3
        case Rule.TWO_OF_THREE:
            return beyond(2, 2, 3)
        case Rule.FOUR_OF_FIVE:
            return beyond(1, 4, 5)
        case Rule.EIGHT_ONE_SIDE:
            return beyond(0, 8, 8)
        case Rule.NINE_ONE_SIDE:
            return beyond(0, 9, 9)
        case Rule.SIX_TREND:
            return any_window(
                6, lambda some: all(step > 0 for step in steps(some)) or all(step < 0 for step in steps(some))
            )
        case Rule.ALTERNATING:
            return any_window(14, lambda some: all(one * two < 0 for one, two in pairwise(steps(some))))
        case Rule.HUGGING:
            return any_window(15, lambda some: all(abs(one) < 1 for one in some))
        case Rule.AVOIDING:
            return any_window(8, lambda some: all(abs(one) > 1 for one in some))
    raise AssertionError(rule)


@st.composite
def series(draw_one: st.DrawFn) -> list[float]:
    """Quarter sigmas, in stretches that meet each rule."""
    steady = st.lists(st.integers(-14, 14), min_size=1, max_size=6)
    near = st.lists(st.integers(-3, 3), min_size=14, max_size=18)
    apart = st.lists(st.sampled_from([-7, -5, 5, 7]), min_size=8, max_size=10)
    one_side = st.lists(st.integers(1, 9), min_size=8, max_size=10)
    climb = st.integers(-6, 0).map(lambda start: list(range(start, start + 7)))
    zigzag = st.lists(st.integers(1, 6), min_size=14, max_size=16).map(
        lambda sizes: [size if place % 2 else -size for place, size in enumerate(sizes)]
    )
    parts = draw_one(st.lists(st.one_of(steady, near, apart, one_side, climb, zigzag), min_size=2, max_size=4))
    return [one / 4 for part in parts for one in part]


SLOW = tuple(dict.fromkeys((*RuleSet.WESTERN_ELECTRIC.rules, *RuleSet.NELSON.rules)))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(series())
def _hold_against_slow(z: list[float]) -> None:
    values = np.array(z) * 2 + 10
    chart = chart_of(values, values, centre=10.0, sigma=2.0)
    for rule in SLOW:
        expected = [slow(rule, z, point) for point in range(len(z))]
        assert chart.certain(rule).tolist() == expected, rule
        assert chart.possible(rule).tolist() == expected, rule
        SEEN[rule] += any(expected)


def test_rules_agree_with_a_slow_reading() -> None:
    SEEN.clear()
    _hold_against_slow()
    assert [rule for rule in SLOW if SEEN[rule] < 3] == []


@st.composite
def bounded(draw_one: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    lowest = np.array(draw_one(st.lists(st.integers(-7, 7), min_size=8, max_size=16)), dtype=float)
    highest = lowest.copy()
    for at in draw_one(st.sets(st.integers(0, len(lowest) - 1), max_size=3)):
        highest[at] += draw_one(st.integers(1, 3))
    return lowest, highest


@settings(max_examples=80, deadline=None, derandomize=True)
@given(bounded())
def _hold_against_every_value(found: tuple[np.ndarray, np.ndarray]) -> None:
    lowest, highest = found
    chart = chart_of(lowest, highest, centre=0.0, sigma=2.0)
    (runs,) = [part.runs for part in chart.parts]
    assert runs is not None
    choices = [np.arange(low, high + 1) for low, high in zip(lowest, highest, strict=True)]
    every = [chart_of(np.array(values), np.array(values), centre=0.0, sigma=2.0) for values in product(*choices)]
    for rule in (*SLOW, *RuleSet.NHS.rules, *RuleSet.ANHOEJ.rules):
        flags = np.array([one.certain(rule) for one in every])
        if rule is Rule.LONG_RUN:
            flags = flags.any(axis=1, keepdims=True)
            assert not (chart.certain(rule).any() and not flags.all())
            assert not (flags.any() and not chart.possible(rule).any())
            continue
        assert not (chart.certain(rule) & ~flags.all(axis=0)).any(), rule
        assert not (flags.any(axis=0) & ~chart.possible(rule)).any(), rule
        SEEN[f"{rule} certain"] += bool(chart.bounded and chart.certain(rule).any())
    all_runs = [part.runs for one in every for part in one.parts if part.runs is not None]
    for name in ("useful", "longest_run", "crossings"):
        least, most = getattr(runs, name)
        values = [getattr(one, name)[0] for one in all_runs]
        assert least <= min(values), name
        assert max(values) <= most, name
        SEEN[f"{name} tight"] += (least, most) == (min(values), max(values)) and least < most


def test_certain_and_possible_hold_for_every_value_within_the_bounds() -> None:
    SEEN.clear()
    _hold_against_every_value()
    assert min(SEEN[f"{name} tight"] for name in ("useful", "longest_run", "crossings")) >= 10
    assert SEEN["outside certain"] >= 10


@st.composite
def counts(draw_one: st.DrawFn) -> tuple[np.ndarray, ...]:
    """Events and sizes of a dozen periods, of which some are withheld."""
    size = draw_one(st.integers(40, 60))
    sizes = np.array([size + draw_one(st.integers(-10, 10)) for _ in range(12)], dtype=float)
    events = np.array([draw_one(st.integers(0, 20)) for _ in range(12)], dtype=float)
    low, high, small, large = events.copy(), events.copy(), sizes.copy(), sizes.copy()
    low[0] = high[0] = max(events[0], 1)
    for at in draw_one(st.sets(st.integers(1, 11), min_size=1, max_size=3)):
        low[at], high[at] = (1, 7) if draw_one(st.booleans()) else (max(low[at] - 1, 0), high[at] + 1)
    for at in draw_one(st.sets(st.integers(1, 11), max_size=2)):
        small[at], large[at] = sizes[at] - 3, sizes[at] + 2
    return low, high, small, large


@settings(max_examples=30, deadline=None, derandomize=True)
@given(counts(), st.booleans())
def test_points_of_counts_lie_within_their_bounds_whatever_is_withheld(
    found: tuple[np.ndarray, ...], proportion: bool
) -> None:
    """Limits are taken as they are: each count that may be is held against them at its own size."""
    low, high, small, large = found
    counted = Counted(events_lower=low, events_upper=high, sizes_lower=small, sizes_upper=large, proportion=proportion)
    chart = (p_chart if proportion else u_chart)(counted, Reading(rule_sets=(RuleSet.SHEWHART,)))
    if chart.mean is None:
        return
    rate = chart.mean
    for at in range(12):
        flags = []
        for events, size in product(np.arange(low[at], high[at] + 1), np.arange(small[at], large[at] + 1)):
            if proportion and events > size:
                continue
            error = np.sqrt(rate * ((1 - rate) if proportion else 1) / size)
            flags.append(abs(events / size - rate) > 3 * error)
            assert chart.lowest[at] <= events / size <= chart.highest[at]
        assert chart.outside[at] <= all(flags)
        assert chart.possible(Rule.OUTSIDE)[at] >= any(flags)
        if small[at] == large[at]:
            assert bool(chart.outside[at]) == all(flags)
            assert bool(chart.possible(Rule.OUTSIDE)[at]) == any(flags)


def test_a_run_about_points_on_the_centre_goes_on() -> None:
    above = np.array([True, True, False, True, True, False])
    below = np.array([False, False, False, False, False, True])
    runs = runs_of((above, above), (below, below), np.ones(6, dtype=bool))
    assert (runs.longest_run, runs.crossings, runs.useful) == ((4, 4), (1, 1), (5, 5))
    assert runs.longest.tolist() == [True, True, False, True, True, False]
    assert critical_values(0).crossings == 0

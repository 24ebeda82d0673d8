"""Certain and possible signals against every value that the withheld points of a series can have."""

from collections import Counter
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.learning.variation.over_time.chart import Chart, Told
from rounds.learning.variation.over_time.rules import Limits, limits_of, signals_of
from rounds.learning.variation.over_time.withheld import Known, limits_expected, signals_within
from rounds.learning.variation.over_time.xmr import xmr_chart

RULES = ("outside", "shift", "trend", "near_limit")
SEEN: Counter[str] = Counter()


@st.composite
def bounded_series(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers of which up to four have bounds of up to two around them."""
    shape = draw(st.sampled_from(["any", "rising", "level"]))
    length = draw(st.integers(7, 10))
    steps = draw(st.lists(st.integers(-1, 2), min_size=length, max_size=length))
    free = draw(st.lists(st.integers(0, 12), min_size=length, max_size=length))
    lower = np.array(
        free if shape == "any" else np.cumsum(np.array(steps) + 2) if shape == "rising" else [5 + s for s in steps]
    )
    upper = lower.copy()
    for at in draw(st.sets(st.integers(0, length - 1), max_size=3)):
        upper[at] += draw(st.integers(1, 2))
    return lower.astype(float), upper.astype(float)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(bounded_series(), st.floats(1, 9), st.floats(0.3, 3))
def _hold_against_all_values(series: tuple[np.ndarray, np.ndarray], mean: float, size: float) -> None:
    lower, upper = series
    limits = Limits(
        mean=np.array([mean]),
        mean_range=np.array([size]),
        lower=np.array([mean - 2.66 * size]),
        upper=np.array([mean + 2.66 * size]),
    )
    known = Known(lower=lower, upper=upper, expected=(lower + upper) / 2, variance=upper - lower)
    certain, possible = signals_within(known, limits)
    every = [signals_of(np.array([values]), limits) for values in product(*map(_between, lower, upper))]
    for rule in RULES:
        found = np.array([getattr(one, rule)[0] for one in every])
        sure, maybe = getattr(certain, rule)[0], getattr(possible, rule)[0]
        assert not (sure & ~found.all(axis=0)).any(), rule
        assert not (found.any(axis=0) & ~maybe).any(), rule
        assert not (sure & ~maybe).any(), rule
        SEEN[f"{rule}: certain"] += bool(sure.any() and (lower < upper).any())
        SEEN[f"{rule}: only possible"] += bool((maybe & ~sure).any())
        if rule in ("outside", "shift"):
            assert (sure == found.all(axis=0)).all(), rule
            assert (maybe == found.any(axis=0)).all(), rule
    if (lower == upper).all():
        exact = signals_of(lower[None, :], limits)
        for rule in (*RULES, "direction", "side", "close"):
            assert (getattr(exact, rule) == getattr(certain, rule)).all(), rule
        assert all((getattr(exact, rule) == getattr(possible, rule)).all() for rule in RULES)


def _between(low: float, high: float) -> list[float]:
    return np.arange(low, high + 0.5).tolist()


def test_certain_is_flagged_for_all_values_and_possible_holds_those_flagged_for_some() -> None:
    SEEN.clear()
    _hold_against_all_values()
    for rule in RULES:
        assert SEEN[f"{rule}: certain"] >= 1, SEEN
        assert SEEN[f"{rule}: only possible"] >= 1, SEEN


@settings(max_examples=100)
@given(st.lists(st.integers(0, 40), min_size=3, max_size=30), st.booleans())
def test_limits_of_exact_points_are_those_of_the_rule(values: list[int], screen: bool) -> None:
    points = np.array(values, dtype=float)
    if np.ptp(points) == 0:
        return
    known = Known(lower=points, upper=points, expected=points, variance=np.zeros(len(points)))
    found, rule = limits_expected(known, screen=screen), limits_of(points[None, :], screen=screen)
    assert found == rule or all(getattr(found, name) == getattr(rule, name) for name in ("mean", "lower", "upper"))


def chart_of(values: list[float], hidden: set[int], *, bounds: tuple[float, float] = (1, 7)) -> Chart:
    withheld = np.array([at in hidden for at in range(len(values))])
    points = np.array(values, dtype=float)
    known = Known(
        lower=np.where(withheld, bounds[0], points),
        upper=np.where(withheld, bounds[1], points),
        expected=np.where(withheld, 4.5, points),
        variance=np.where(withheld, 2.9, 0.0),
    )
    shown = np.where(withheld, np.nan, points)
    return xmr_chart(values=shown, better="lower", withheld=withheld, known=known)


def test_a_withheld_latest_point_leaves_the_icon_open_only_where_its_bounds_do() -> None:
    wide = chart_of([10, 12, 9, 12, 10, 12, 9, 12, 10, 4], {9})
    assert wide.mean is not None
    assert wide.told[-1] is Told.POSSIBLE
    assert wide.variation is None
    assert np.isnan(wide.values[-1])
    calm = chart_of([3, 12, 2, 14, 9, 1, 13, 8, 11, 4], {9})
    assert calm.told[-1] is Told.NO
    assert calm.variation is not None
    assert calm.variation.value == "common_cause"
    sure = chart_of([30, 33, 29, 32, 31, 30, 33, 29, 32, 4], {9})
    assert sure.told[-1] is Told.CERTAIN
    assert sure.variation is not None
    assert sure.variation.value == "improvement"


def test_a_withheld_point_without_what_is_known_of_it_leaves_no_limits() -> None:
    values = np.array([5.0, 6, np.nan, 7, 5, 6])
    chart = xmr_chart(values=values, better="lower", withheld=np.isnan(values))
    assert chart.mean is None
    assert chart.told == ()
    assert chart.no_limits is not None
    assert "1 is withheld" in chart.no_limits

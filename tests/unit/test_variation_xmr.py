"""What the specs and the reference cases do not say of XmR charts: no limits, refusals, batches, notes."""

import numpy as np
import pytest

from rounds.learning.variation.over_time.chart import Assurance, Better, Chart, Variation
from rounds.learning.variation.over_time.notes import chart_notes
from rounds.learning.variation.over_time.rules import Vector, limits_of, signals_of
from rounds.learning.variation.over_time.xmr import xmr_chart, xmr_charts
from rounds.measures.definitions import Better as MeasureBetter

STEADY = np.array([50.0, 51, 49, 52, 48, 51, 49, 50, 52, 48, 50, 51, 49, 52])
NONE = np.zeros(STEADY.shape, dtype=bool)


def with_gaps(*positions: int) -> Vector:
    values = STEADY.copy()
    values[list(positions)] = np.nan
    return values


def at(*positions: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    flags = NONE.copy()
    flags[list(positions)] = True
    return flags


def assert_not_judged(chart: Chart) -> None:
    assert (chart.mean, chart.lower, chart.upper, chart.variation, chart.assurance) == (None,) * 5
    assert chart.point_variation == ()
    for flags in (chart.outside, chart.shift, chart.trend, chart.near_limit):
        assert flags.shape == chart.values.shape
        assert not flags.any()


@pytest.mark.parametrize(
    ("values", "withheld", "why"),
    [
        (with_gaps(3), at(3), "of 14 points 1 is withheld, and"),
        (with_gaps(0, 13), at(0, 13), "of 14 points 2 are withheld, and"),
        (with_gaps(5), NONE, "of 14 points 1 is missing, and"),
        (with_gaps(1, 2, 5), at(1, 2), "of 14 points 2 are withheld and 1 is missing, and"),
        (np.full(14, np.nan), NONE, "of 14 points 14 are missing, and"),
        (np.array([5.0, 6.0]), np.zeros(2, dtype=bool), "there are 2 points, and limits need at least 3."),
        (np.array([5.0]), np.zeros(1, dtype=bool), "there is 1 point, and"),
        (np.array([]), np.zeros(0, dtype=bool), "there are 0 points, and"),
        (np.full(12, 3.3), np.zeros(12, dtype=bool), "all 12 points are equal, so there is no variation"),
        (np.zeros(12), np.zeros(12, dtype=bool), "all 12 points are equal"),
        (np.array([0.3, 0.1 + 0.2, 0.3]), np.zeros(3, dtype=bool), "all 3 points are equal"),
    ],
)
def test_no_limits(values: Vector, withheld: np.ndarray, why: str) -> None:
    chart = xmr_chart(values=values, better="lower", target=50.0, withheld=withheld)
    assert chart.no_limits is not None
    assert chart.no_limits.startswith("No limits are drawn: ")
    assert chart.no_limits.endswith(".")
    assert why in chart.no_limits
    assert_not_judged(chart)
    assert chart_notes(chart) == (chart.no_limits,)


def test_three_points_are_enough() -> None:
    chart = xmr_chart(values=np.array([1.0, 3, 2]), better="higher", target=9.0)
    assert chart.mean == 2
    assert chart.upper == pytest.approx(2 + 2.66 * 1.5)
    assert chart.variation is Variation.COMMON_CAUSE
    assert chart.assurance is Assurance.CONSISTENTLY_FAILING
    assert not chart.shift.any()
    assert not chart.trend.any()


def test_a_point_on_the_mean_is_found_there_in_spite_of_rounding() -> None:
    """The sum of 0.1, 0.2 and 0.3 divided by three is not 0.2 in floating point."""
    values = np.array([[0.1, 0.2, 0.3]])
    signals = signals_of(values, limits_of(values, screen=True))
    assert signals.side.tolist() == [[-1, 0, 1]]


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_an_infinite_value_is_refused(infinite: float) -> None:
    values = STEADY.copy()
    values[4] = infinite
    with pytest.raises(ValueError, match="point 5 of series 1 is infinite"):
        xmr_chart(values=values, better="lower")


def test_a_withheld_point_with_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="point 3 of series 1 is withheld and yet has a number"):
        xmr_chart(values=STEADY, better="lower", withheld=at(2))


def test_a_direction_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match='"higher", "lower" or "neither", not "up"'):
        xmr_chart(values=STEADY, better="up")


@pytest.mark.parametrize("target", [np.nan, np.inf])
def test_a_target_that_is_no_number_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="a target is a finite number"):
        xmr_chart(values=STEADY, better="lower", target=target)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one dimension"):
        xmr_chart(values=STEADY[None, :], better="lower")
    with pytest.raises(ValueError, match="`withheld` has shape"):
        xmr_chart(values=STEADY, better="lower", withheld=NONE[:-1])
    with pytest.raises(ValueError, match="two dimensions"):
        xmr_charts(values=STEADY, better="lower", targets=(None,) * len(STEADY))
    with pytest.raises(ValueError, match="1 targets for 2 series"):
        xmr_charts(values=np.vstack([STEADY, STEADY]), better="lower", targets=(1.0,))


def test_a_measures_direction_is_ours() -> None:
    assert [better.value for better in MeasureBetter] == [better.value for better in Better]
    chart = xmr_chart(values=np.append(STEADY, 70.0), better=MeasureBetter.LOWER)
    assert chart.variation is Variation.CONCERN


def test_a_batch_gives_what_each_series_gives_alone() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(50, 3, size=(40, 30)).cumsum(axis=1)
    values[::2] = rng.poisson(4, size=(20, 30))
    values[3, 4] = np.nan
    values[5] = 2.0
    withheld = np.zeros(values.shape, dtype=bool)
    withheld[3, 4] = True
    targets = tuple(None if row % 3 == 0 else float(row) for row in range(40))
    batch = xmr_charts(values=values, better="higher", targets=targets, withheld=withheld)
    assert [chart.no_limits is None for chart in batch].count(False) == 2
    assert any(chart.trend.any() for chart in batch)
    for row, chart in enumerate(batch):
        alone = xmr_chart(values=values[row], better="higher", target=targets[row], withheld=withheld[row])
        assert (alone.mean, alone.lower, alone.upper) == (chart.mean, chart.lower, chart.upper)
        assert (alone.no_limits, alone.assurance) == (chart.no_limits, chart.assurance)
        assert alone.point_variation == chart.point_variation
        for name in ("values", "outside", "shift", "trend", "near_limit"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(chart, name))


def test_no_series_give_no_charts() -> None:
    assert xmr_charts(values=np.zeros((0, 12)), better="lower") == ()


@pytest.mark.parametrize("shape", ["scaled", "shifted", "mirrored"])
def test_the_rules_do_not_depend_on_the_unit(shape: str) -> None:
    values = np.random.default_rng(3).normal(size=60).cumsum()
    change = {"scaled": values * 1024, "shifted": values + 4096, "mirrored": -values}[shape]
    before = xmr_chart(values=values, better="higher")
    after = xmr_chart(values=change, better="lower" if shape == "mirrored" else "higher")
    assert before.point_variation == after.point_variation
    assert set(before.point_variation) == {Variation.IMPROVEMENT, Variation.CONCERN, Variation.COMMON_CAUSE}


@pytest.mark.parametrize(
    ("points", "says"),
    [(9, "fewer than 10, read nothing into it"), (10, "trial limits"), (12, "trial limits"), (13, None), (24, None)],
)
def test_notes_say_how_little_a_short_chart_rests_on(points: int, says: str | None) -> None:
    notes = chart_notes(xmr_chart(values=np.resize(STEADY, points), better="lower"))
    assert len(notes) == (2 if says is None else 3)
    assert says is None or says in notes[-1]
    assert all(note.endswith(".") for note in notes)


def test_notes_say_the_rules_the_screening_and_the_false_alarms() -> None:
    chart = xmr_chart(values=np.resize(STEADY, 24), better="lower")
    rules, alarms = chart_notes(chart)
    assert "3.267 times their mean or more are left out" in rules
    assert "no moving range is left out" in chart_notes(chart, screen=False)[0]
    assert "19% of charts of 24 points" in alarms
    assert "47% of charts of 60 points" in chart_notes(xmr_chart(values=np.resize(STEADY, 80), better="lower"))[1]


def test_notes_say_what_rounding_does_to_small_counts() -> None:
    chart = xmr_chart(values=np.resize(STEADY, 24), better="lower")
    (note,) = set(chart_notes(chart, rounded_mean=20.0)) - set(chart_notes(chart))
    assert "flag the latest point in 6% of charts of 24 points where nothing changes" in note
    assert chart_notes(chart, rounded_mean=100.0) == chart_notes(chart)

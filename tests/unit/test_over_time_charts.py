"""Charts over time: what is refused, what has no limits and why, new limits from a date, notes, columns."""

from dataclasses import replace

import numpy as np
import pytest

from rounds.learning.variation.over_time.asked import NEEDS, TAKES_BOUNDS, Columns, chart_asked
from rounds.learning.variation.over_time.attributes import c_chart, counts_alone, p_chart, u_chart
from rounds.learning.variation.over_time.bulk import nhs_charts
from rounds.learning.variation.over_time.chart import Assurance, Kind, Told, Variation
from rounds.learning.variation.over_time.counted import Counted
from rounds.learning.variation.over_time.cumulative import cusum, ewma_chart
from rounds.learning.variation.over_time.drawing import Reading, usual_rules
from rounds.learning.variation.over_time.individuals import i_chart, i_prime_chart, mr_chart, run_chart
from rounds.learning.variation.over_time.notes import chart_notes
from rounds.learning.variation.over_time.rare_events import g_chart, t_chart
from rounds.learning.variation.over_time.rebasing import Basis, Rebase
from rounds.learning.variation.over_time.risk_adjusted import false_alarms, outcome_cusum, vlad
from rounds.learning.variation.over_time.rule_sets import Rule, RuleSet
from rounds.learning.variation.over_time.rules import Vector
from rounds.learning.variation.over_time.subgroups import Subgroups, Within, r_chart, s_chart, xbar_chart
from rounds.learning.variation.over_time.withheld import Known
from rounds.learning.variation.over_time.xmr import xmr_chart

STEADY = np.array([50.0, 51, 49, 52, 48, 51, 49, 50, 52, 48, 50, 51, 49, 52])
SIZES = np.full(14, 200.0)
MONTHS = tuple(f"2024-{month:02}" for month in range(1, 13))


def exact(events: Vector, sizes: Vector, *, proportion: bool = True) -> Counted:
    return Counted.exact(events, sizes, proportion=proportion)


def changed(at: int, value: float, of: Vector = STEADY) -> Vector:
    values = of.copy()
    values[at] = value
    return values


@pytest.mark.parametrize(
    ("events", "sizes", "says"),
    [
        (changed(3, -1), SIZES, "point 4: events are below 0"),
        (changed(3, np.inf), SIZES, "point 4: events are infinite"),
        (changed(3, 201), SIZES, "point 4: there are more events than people counted"),
        (STEADY, changed(5, -2, SIZES), "point 6: sizes are below 0"),
        (STEADY, changed(5, np.inf, SIZES), "point 6: sizes are infinite"),
        (STEADY, SIZES[:-1], "differ in shape"),
    ],
)
def test_counts_that_cannot_be_are_refused(events: Vector, sizes: Vector, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        exact(events, sizes)


def test_bounds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="point 1: events have a lower bound above the upper"):
        counts_alone(np.array([5.0, 1, 2]), np.array([4.0, 1, 2]))
    with pytest.raises(ValueError, match="point 2: events have one bound"):
        counts_alone(np.array([5.0, np.nan, 2]), np.array([5.0, 1, 2]))


@pytest.mark.parametrize("empty", [0.0, np.nan])
def test_a_period_without_people_has_no_point_and_no_say(empty: float) -> None:
    events, sizes = changed(6, 0.0 if empty == 0 else np.nan), changed(6, empty, SIZES)
    chart = p_chart(exact(events, sizes))
    others = np.arange(14) != 6
    assert np.isnan(chart.values[6])
    assert np.isnan(chart.upper_limits[6])
    assert chart.mean == pytest.approx(events[others].sum() / sizes[others].sum())
    assert chart.told[6] is Told.NO
    assert chart.point_variation[6] is None


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (np.zeros(14), "no event was counted"),
        (SIZES, "all people were counted"),
        (np.append(np.full(12, np.nan), [3.0, 4.0]), "there are 2 points"),
    ],
)
def test_proportions_without_limits_say_why(events: Vector, says: str) -> None:
    chart = p_chart(exact(events, SIZES))
    assert chart.no_limits is not None
    assert says in chart.no_limits
    assert chart.variation is None
    assert chart_notes(chart) == (chart.no_limits,)


def test_charts_without_variation_say_so() -> None:
    same = np.full(12, 7.0)
    for chart in (i_chart(same), mr_chart(same), i_prime_chart(same, same), t_chart(same), ewma_chart(same)):
        assert chart.no_limits is not None
        assert "no variation to measure" in chart.no_limits
    assert "equal" in str(p_chart(exact(same, SIZES[:12]), prime=True).no_limits)
    groups = Subgroups.of(np.repeat([1.0, 2, 3], 4), np.repeat([1, 2, 3], 4).tolist())
    for made in (xbar_chart(groups), s_chart(groups), r_chart(groups)):
        assert "no variation to measure" in str(made.no_limits)


def test_what_is_missing_leaves_single_values_without_limits_but_not_a_run_chart() -> None:
    gap = changed(4, np.nan)
    assert "of 14 points 1 is missing" in str(i_chart(gap).no_limits)
    chart = run_chart(gap)
    assert chart.mean == np.nanmedian(gap)
    assert chart.latest.runs is not None
    assert chart.latest.runs.useful[1] <= 13


@pytest.mark.parametrize("chart", [i_chart, mr_chart, run_chart])
def test_infinite_values_are_refused(chart: object) -> None:
    with pytest.raises(ValueError, match="point 3 is infinite"):
        chart(changed(2, np.inf))  # type: ignore[operator]


def test_rare_events_and_subgroups_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="point 2: cases between events is missing, infinite or below 0"):
        g_chart(np.array([3.0, -1, 4]))
    with pytest.raises(ValueError, match="point 1: cases between events are whole numbers"):
        g_chart(np.array([3.5, 1, 4]))
    with pytest.raises(ValueError, match="point 3: time between events is missing"):
        t_chart(np.array([3.5, 1, np.nan]))
    with pytest.raises(ValueError, match="value 2 is missing or infinite"):
        Subgroups.of(np.array([1.0, np.inf]), [1, 1])
    with pytest.raises(ValueError, match="subgroup 1 has nobody in it or no finite mean"):
        Subgroups(sizes=np.zeros(1), means=np.ones(1), deviations=np.ones(1), ranges=np.ones(1))
    uneven = Subgroups.of(np.arange(5.0), [1, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="draw an S chart"):
        r_chart(uneven)
    with pytest.raises(ValueError, match="give POOLED or MEAN_S"):
        s_chart(uneven, within=Within.MEAN_R)


def test_rules_that_do_not_fit_a_chart_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Nelson \(1984\) would cry wolf"):
        g_chart(np.arange(20.0), Reading(rule_sets=(RuleSet.NELSON,)))
    with pytest.raises(ValueError, match="a run chart has no limits"):
        run_chart(STEADY, Reading(rule_sets=(RuleSet.SHEWHART,)))
    with pytest.raises(ValueError, match="limits alone"):
        ewma_chart(STEADY, Reading(rule_sets=(RuleSet.ANHOEJ,)))
    with pytest.raises(ValueError, match="draw a U chart"):
        p_chart(exact(STEADY, SIZES, proportion=False))
    with pytest.raises(ValueError, match="draw a P chart"):
        u_chart(exact(STEADY, SIZES))
    with pytest.raises(ValueError, match="a target is a finite number"):
        Reading(target=np.inf)


def test_rebasing_needs_a_reason_and_a_period_of_the_series() -> None:
    with pytest.raises(ValueError, match="2024-03, but no reason is given: say what changed"):
        Rebase(since="2024-03", reason=" ")
    moved = Rebase(since="2024-07", reason="The ward moved.")
    values = np.concatenate([STEADY[:6], STEADY[:6] + 30])
    chart = xmr_chart(values=values, better="lower", rebases=(moved,), periods=MONTHS)
    assert [(part.first, part.end) for part in chart.parts] == [(0, 6), (6, 12)]
    assert chart.mean == pytest.approx(values[6:].mean())
    assert "Limits were recalculated from 2024-07: The ward moved." in chart_notes(chart)
    assert not chart.outside.any()
    assert xmr_chart(values=values, better="lower").parts[0].rebase is None
    for since, says in (("2025-01", "which is no period"), ("2024-01", "give a point after the first")):
        with pytest.raises(ValueError, match=says):
            xmr_chart(values=values, better="lower", rebases=(Rebase(since=since, reason="x"),), periods=MONTHS)
    with pytest.raises(ValueError, match="the periods have no labels"):
        i_chart(values, Reading(basis=Basis(rebases=(moved,))))
    with pytest.raises(ValueError, match="twice from one period"):
        i_chart(values, Reading(basis=Basis(rebases=(moved, moved)), periods=MONTHS))
    with pytest.raises(ValueError, match="give `freeze` or `rebases`"):
        Basis(rebases=(moved,), freeze=5)
    with pytest.raises(ValueError, match="frozen at the first 30 points"):
        i_chart(values, Reading(basis=Basis(freeze=30)))
    with pytest.raises(ValueError, match="point 12 is to be excluded"):
        i_chart(values, Reading(basis=Basis(exclude=(12,))))
    with pytest.raises(ValueError, match="2024-05 is there twice"):
        Reading(periods=("2024-05", "2024-05"))


def test_a_part_that_is_too_short_has_no_limits_and_the_other_keeps_its_own() -> None:
    late = Rebase(since=12, reason="A new clinic")
    chart = i_chart(STEADY, Reading(basis=Basis(rebases=(late,))))
    assert chart.parts[0].no_limits is None
    assert "there are 2 points" in str(chart.no_limits)
    assert chart.mean is None
    assert chart.centre_line[0] == pytest.approx(STEADY[:12].mean())


def test_limits_of_a_point_and_which_way_is_better() -> None:
    events = changed(13, 90.0)
    reading = Reading(better="lower", target=0.1, rule_sets=(RuleSet.NHS,))
    chart = p_chart(exact(events, SIZES), reading)
    assert chart.variation is Variation.CONCERN
    assert chart.assurance is Assurance.CONSISTENTLY_FAILING
    narrow, wide = p_chart(exact(STEADY, SIZES)), p_chart(exact(STEADY, changed(4, 60, SIZES)))
    assert wide.upper_limits[4] > narrow.upper_limits[4]


def test_frozen_and_excluded_points_are_told_in_the_notes() -> None:
    chart = i_chart(STEADY, Reading(basis=Basis(freeze=10, exclude=(3,))))
    notes = chart_notes(chart)
    assert "1 point is drawn but left out of limits and rules." in notes
    assert "Limits rest on 9 points and hold for 4 more." in notes
    assert chart.point_variation[3] is None


@pytest.mark.parametrize("kind", ["p", "u", "c", "g", "t", "i", "mr", "run", "i_prime", "ewma", "xbar", "s"])
def test_every_chart_says_how_often_it_cries_wolf(kind: str) -> None:
    rng = np.random.default_rng(4)
    counts, hundred = rng.poisson(10, 24).astype(float), np.full(24, 100.0)
    groups = Subgroups.of(rng.normal(size=120), np.repeat(np.arange(24), 5).tolist())
    chart = {
        "p": lambda: p_chart(exact(counts, hundred)),
        "u": lambda: u_chart(exact(counts, hundred, proportion=False)),
        "c": lambda: c_chart(counts_alone(counts)),
        "g": lambda: g_chart(counts),
        "t": lambda: t_chart(counts + 1),
        "i": lambda: i_chart(counts),
        "mr": lambda: mr_chart(counts),
        "run": lambda: run_chart(counts),
        "i_prime": lambda: i_prime_chart(counts, hundred),
        "ewma": lambda: ewma_chart(counts),
        "xbar": lambda: xbar_chart(groups),
        "s": lambda: s_chart(groups),
    }[kind]()
    how, alarms = chart_notes(chart)[:2]
    assert chart.kind == kind
    assert how.startswith("Rules: ")
    assert "of charts of 24 points and the latest point in" in alarms


def test_a_rate_that_was_not_simulated_is_not_stated() -> None:
    chart = c_chart(counts_alone(STEADY), Reading(rule_sets=(RuleSet.WESTERN_ELECTRIC,)))
    assert chart_notes(chart)[1].endswith("(simulated: Poisson, mean 10).")  # a U chart of equal sizes
    note = chart_notes(replace(chart, rule_sets=()))[1]
    assert note == "How often these rules flag a process in which nothing changes was not simulated for this chart."


def test_withheld_counts_are_told_certain_possible_or_no() -> None:
    low, high = np.full(24, 40.0), np.full(24, 40.0)
    low[::2] = high[::2] = 50
    low[5], high[5] = 1, 7
    low[7], high[7] = 20, 60
    sizes = np.full(24, 1000.0)
    counted = Counted(events_lower=low, events_upper=high, sizes_lower=sizes, sizes_upper=sizes, proportion=True)
    chart = p_chart(counted, Reading(rule_sets=(RuleSet.SHEWHART,)))
    assert chart.told[5] is Told.CERTAIN
    assert chart.told[7] is Told.POSSIBLE
    assert chart.told[8] is Told.NO
    assert any(note.startswith("2 of 24 points are known only between bounds") for note in chart_notes(chart))
    assert chart.point_variation[7] is None
    assert np.isnan(chart.values[[5, 7]]).all()
    sparse = Counted(
        events_lower=np.zeros(5),
        events_upper=np.full(5, 7.0),
        sizes_lower=sizes[:5],
        sizes_upper=sizes[:5],
        proportion=True,
    )
    assert "a rate of 0 fits as well as any" in str(p_chart(sparse).no_limits)


def test_limits_do_not_rest_on_withheld_sizes_and_both_ends_of_these_are_read() -> None:
    small, large = SIZES.copy(), SIZES.copy()
    small[4], large[4] = 1, 300
    counted = Counted(events_lower=STEADY, events_upper=STEADY, sizes_lower=small, sizes_upper=large, proportion=True)
    chart, others = p_chart(counted), np.arange(14) != 4
    assert chart.mean == pytest.approx(STEADY[others].sum() / SIZES[others].sum())
    assert chart.baseline.tolist() == others.tolist()
    assert chart.told[4] is Told.POSSIBLE
    assert chart.highest[4] == 1.0
    small[:12], large[:12] = 1, 300
    hidden = Counted(events_lower=STEADY, events_upper=STEADY, sizes_lower=small, sizes_upper=large, proportion=True)
    assert "too many denominators are withheld" in str(p_chart(hidden).no_limits)


def test_a_median_that_is_open_is_not_drawn() -> None:
    low, high = STEADY.copy(), STEADY.copy()
    high[0] += 1
    assert run_chart((low, high)).mean is None or run_chart((low, high)).bounded
    low, high = np.arange(9.0), np.arange(9.0)
    low[4], high[4] = 3, 6
    chart = run_chart((low, high))
    assert chart.mean is None
    assert "the median lies between 3" in str(chart.no_limits)


def test_single_values_that_are_withheld_keep_limits_from_bounds() -> None:
    known = Known(lower=STEADY - 1, upper=STEADY + 1, expected=STEADY, variance=np.full(14, 0.3))
    wide, plain = i_chart(known), i_chart(STEADY)
    assert wide.bounded
    assert wide.upper is not None
    assert plain.upper is not None
    assert wide.upper > plain.upper


def test_columns_and_charts_say_the_same_of_spans_and_rebases() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(50, 3, size=(40, 30))
    values[7, 15:] += 20
    values[3, :5] = np.nan
    first, end = np.zeros(40, dtype=np.int64), np.full(40, 30, dtype=np.int64)
    first[3], end[4] = 5, 2
    again = {
        7: (Rebase(since=15, reason="A new scanner"),),
        9: (Rebase(since=10, reason="a"), Rebase(since=20, reason="b")),
    }
    ways = np.resize(["higher", "lower", "neither"], 40).tolist()
    many = nhs_charts(values=values, better=ways, targets=np.full(40, 50.0), spans=(first, end), rebases=again)
    icons = many.icons()
    for series in range(40):
        alone = xmr_chart(
            values=values[series, first[series] : end[series]],
            better=ways[series],
            target=50.0,
            rebases=again.get(series, ()),
        )
        chart = many.chart(series)
        np.testing.assert_array_equal(chart.centre_line, alone.centre_line)
        assert chart.parts == alone.parts
        assert chart.point_variation == alone.point_variation
        assert icons["variation"][series] == (None if alone.variation is None else alone.variation.value)
        assert icons["assurance"][series] == (None if alone.assurance is None else alone.assurance.value)
        assert icons["flagged_points"][series] == sum(one is Told.CERTAIN for one in alone.told)
    assert "there are 2 points" in str(many.chart(4).no_limits)
    assert many.chart(9).parts[2].rebase == again[9][1]
    with pytest.raises(ValueError, match="there is no series 40"):
        many.chart(40)
    with pytest.raises(ValueError, match="series 4 is to be rebased outside its periods 6 to 30"):
        nhs_charts(values=values, better="lower", spans=(first, end), rebases={3: (Rebase(since=4, reason="x"),)})
    with pytest.raises(ValueError, match="series 2 is said to have periods"):
        nhs_charts(values=values[:2], better="lower", spans=(np.array([0, 9]), np.array([30, 3])))
    with pytest.raises(ValueError, match="1 directions for 2 series"):
        nhs_charts(values=values[:2], better=["lower"])


def test_sums_with_bounds_hold_the_sums_of_every_value() -> None:
    rng = np.random.default_rng(6)
    low = rng.normal(0.4, 1, 40)
    high = low + rng.choice([0.0, 0.8], 40)
    found = cusum((low, high), centre=0.0, sigma=1.0)
    for _ in range(50):
        between = low + rng.random(40) * (high - low)
        alone = cusum(between, centre=0.0, sigma=1.0)
        assert (found.high.lowest <= alone.high.lowest + 1e-12).all()
        assert (alone.high.lowest <= found.high.highest + 1e-12).all()
        assert not (found.high.certain & ~alone.high.certain).any()
        assert not (alone.high.certain & ~found.high.possible).any()
        assert not (alone.low.certain & ~found.low.possible).any()
    with pytest.raises(ValueError, match="points are withheld: give the centre"):
        cusum((low, high))
    with pytest.raises(ValueError, match="point 2 is missing"):
        cusum(np.array([1.0, np.nan, 2]))


def test_outcomes_that_are_withheld_bound_the_sum() -> None:
    rng = np.random.default_rng(8)
    risks, happened = rng.uniform(0.02, 0.3, 300), np.zeros(300)
    happened[rng.random(300) < risks * 2] = 1
    hidden = rng.random(300) < 0.05
    bounds = (np.where(hidden, 0.0, happened), np.where(hidden, 1.0, happened))
    found = outcome_cusum(bounds, risks=risks, odds_ratio=2, limit=3, restarts=False)
    truth = outcome_cusum(happened, risks=risks, odds_ratio=2, limit=3, restarts=False)
    assert (found.lowest <= truth.lowest + 1e-12).all()
    assert (truth.lowest <= found.highest + 1e-12).all()
    assert truth.certain.any()
    line = vlad(events=bounds, expected=risks)
    assert (line.lowest <= vlad(events=happened, expected=risks).lowest + 1e-12).all()
    assert line.upper95[-1] == pytest.approx(1.959963984540054 * np.sqrt((risks * (1 - risks)).sum()))
    with pytest.raises(ValueError, match="restarts=False"):
        outcome_cusum(bounds, risks=risks, odds_ratio=2, limit=3)
    with pytest.raises(ValueError, match="give a ratio above 1 and a limit above 0"):
        outcome_cusum(happened, risks=risks, odds_ratio=2, limit=-3)
    with pytest.raises(ValueError, match="point 1: a risk lies between 0 and 1"):
        outcome_cusum(happened, risks=0.0, odds_ratio=2, limit=3)


def test_false_alarms_of_outcomes_fall_with_the_limit() -> None:
    rates = [
        false_alarms(risks=np.full(200, 0.05), odds_ratio=2, limit=limit, rng=np.random.default_rng(1), draws=500)
        for limit in (1.0, 2.0, 4.0)
    ]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.2
    assert rates[-1] < 0.1


def test_a_rule_not_asked_flags_nothing() -> None:
    assert not i_chart(STEADY).certain(Rule.TREND).any()
    assert not i_chart(STEADY).possible(Rule.TREND).any()


@pytest.mark.parametrize("kind", Kind)
def test_a_chart_by_its_name(kind: Kind) -> None:
    rng = np.random.default_rng(3)
    counts, sizes = rng.poisson(12, 30).astype(float), np.full(30, 100.0)
    values = rng.normal(20, 2, 30)
    columns = {
        ("values",): Columns(values=counts if kind is Kind.G else values),
        ("values", "sizes"): Columns(values=values, sizes=sizes),
        ("events", "sizes"): Columns(events=counts, sizes=sizes),
        ("events",): Columns(events=counts),
        ("values", "groups"): Columns(values=values, groups=np.repeat(np.arange(10), 3).tolist()),
    }[NEEDS[kind]]
    chart = chart_asked(kind, columns, Reading(better="lower", target=15.0))
    assert chart.kind is kind
    assert chart.mean is not None
    assert chart.rule_sets == usual_rules(kind)
    with pytest.raises(ValueError, match=f"a {kind} chart is made of"):
        chart_asked(kind, Columns())
    if kind not in TAKES_BOUNDS:
        with pytest.raises(ValueError, match="has no proper method"):
            chart_asked(kind, replace(columns, events_upper=counts))


def test_times_are_charted_as_their_power_and_carried_back() -> None:
    days = np.random.default_rng(2).exponential(30, 40)
    chart, scaled = t_chart(days), i_chart(days ** (1 / 3.6))
    np.testing.assert_allclose(chart.values, days)
    np.testing.assert_allclose(chart.centre_line, scaled.centre_line**3.6)
    np.testing.assert_allclose(chart.upper_limits, scaled.upper_limits**3.6)
    np.testing.assert_allclose(chart.lower_limits, np.maximum(scaled.lower_limits, 0) ** 3.6)
    np.testing.assert_array_equal(chart.outside, scaled.outside)


def test_a_frozen_xmr_chart_keeps_the_nhs_limits() -> None:
    plain = chart_asked(Kind.XMR, Columns(values=STEADY))
    frozen = chart_asked(Kind.XMR, Columns(values=STEADY), Reading(basis=Basis(freeze=14)))
    assert (plain.mean, plain.lower, plain.upper) == (frozen.mean, frozen.lower, frozen.upper)
    np.testing.assert_array_equal(plain.direction, frozen.direction)

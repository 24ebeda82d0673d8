"""The false-alarm rates that stand on every chart, simulated again: all at one length, a few at others."""

from itertools import combinations

import numpy as np
import pytest

from rounds.learning.variation.over_time.chart import Kind
from rounds.learning.variation.over_time.drawing import Points, Reading, draw
from rounds.learning.variation.over_time.false_alarm_table import FALSE_ALARM_POINTS, FALSE_ALARM_ROWS
from rounds.learning.variation.over_time.false_alarm_ways import FALSE_ALARM_WAYS
from rounds.learning.variation.over_time.false_alarms import false_alarms_of
from rounds.learning.variation.over_time.individuals import i_chart
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.steady import (
    STEADY,
    STEADY_WAYS,
    Steady,
    SteadyWays,
    autocorrelated,
    flagged,
)

HELD_AGAINST = (("False-alarm rates of every chart over time", "simulation", "inside chance"),)

TOGETHER, ONE_BY_ONE = 4_000, 200
"""Series. A share may lie four standard errors off, of these and of the table's own."""


def hold_against_table(case: Steady, column: int) -> None:
    rows = [row for row in FALSE_ALARM_ROWS if row[0] == str(case.chart) and row[2] == case.process]
    stated = [row for row in rows if set(row[1]) == {str(rules) for rules in case.rules}]
    assert len(stated) == 1, case
    series, own = (ONE_BY_ONE, 2_000) if case.slow else (TOGETHER, 100_000)
    found = case.rates(np.random.default_rng(17), series, FALSE_ALARM_POINTS[column])
    for share, said in zip(found, (stated[0][3][column], stated[0][4][column]), strict=True):
        spread = max(said * (1 - said), 0.01)
        assert share == pytest.approx(said, abs=4 * np.sqrt(spread / series + spread / own) + 0.001), case


@pytest.mark.parametrize("case", STEADY, ids=[f"{case.chart}, {case.process}" for case in STEADY])
def test_thirty_six_points(case: Steady) -> None:
    hold_against_table(case, FALSE_ALARM_POINTS.index(36))


@pytest.mark.parametrize("column", [0, 1, 3, 4])
def test_other_lengths_of_xmr_charts(column: int) -> None:
    for case in STEADY:
        if case.chart is Kind.XMR:
            hold_against_table(case, column)


@pytest.mark.parametrize("case", STEADY_WAYS, ids=[str(case.chart) for case in STEADY_WAYS])
def test_thirty_six_points_read_in_other_ways(case: SteadyWays) -> None:
    at, series, own = FALSE_ALARM_POINTS.index(36), 150, 1_500
    for way, found in zip(case.ways, case.rates(np.random.default_rng(17), series, 36), strict=True):
        (stated,) = [row for row in FALSE_ALARM_WAYS if row[0] == case.chart and row[1] == way]
        for share, said in zip(found, (stated[2][at], stated[3][at]), strict=True):
            spread = max(said * (1 - said), 0.01)
            assert share == pytest.approx(said, abs=4 * np.sqrt(spread / series + spread / own) + 0.001), way


def test_every_row_is_simulated_here() -> None:
    assert len(FALSE_ALARM_ROWS) == len(STEADY)
    assert len(FALSE_ALARM_WAYS) == sum(len(case.ways) for case in STEADY_WAYS)


def test_every_chart_has_its_false_alarms_stated_by_whatever_rules_it_may_be_read() -> None:
    for kind in Kind:
        for count in range(1, len(RuleSet) + 1):
            for rules in combinations(RuleSet, count):
                try:
                    draw(
                        kind,
                        Points(lowest=np.zeros(4), highest=np.zeros(4)),
                        lambda *_: "none",
                        Reading(rule_sets=rules),
                    )
                except ValueError:
                    continue  # refused
                reached = Kind.XMR if RuleSet.NHS in rules and kind is Kind.I else kind
                with_nhs = (RuleSet.NHS, *rules) if reached is Kind.XMR else rules
                if kind is not Kind.EWMA or rules == (RuleSet.SHEWHART,):  # its points depend on each other
                    assert false_alarms_of(reached, tuple(dict.fromkeys(with_nhs)), 30), (kind, rules)


def test_several_sets_flag_no_more_than_their_shares_together() -> None:
    alone = [false_alarms_of(Kind.P, (rules,), 36)[0] for rules in (RuleSet.ANHOEJ, RuleSet.NELSON)]
    both = false_alarms_of(Kind.P, (RuleSet.SHEWHART, RuleSet.ANHOEJ, RuleSet.NELSON), 36)[0]
    assert both.at_most
    assert both.any_point == pytest.approx(sum(one.any_point for one in alone))
    assert max(one.any_point for one in alone) < both.any_point


def test_between_two_lengths_shares_lie_on_a_line_and_outside_they_stay() -> None:
    at = {points: false_alarms_of(Kind.XMR, (RuleSet.NHS,), points)[0] for points in (5, 12, 24, 30, 36, 60, 90)}
    assert at[30].any_point == pytest.approx((at[24].any_point + at[36].any_point) / 2)
    assert (at[5].points, at[5].any_point) == (12, at[12].any_point)
    assert (at[90].points, at[90].latest_point) == (60, at[60].latest_point)


def test_limits_that_know_of_autocorrelation_cry_wolf_less() -> None:
    """Limits alone, 48 points: those of moving ranges flag four times as many steady series, or more."""
    values = autocorrelated(np.random.default_rng(3), 200, 48)
    plain = np.mean([flagged(i_chart(row, screen=False)).any() for row in values])
    levels = next(case for case in STEADY if case.chart == "levels")
    assert plain > 0.5
    assert levels.flags(values).any(axis=1).mean() < plain / 4

"""How often each chart flags a process in which nothing changes: what was simulated, and what lies between."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.chart import Kind
from rounds.learning.variation.over_time.false_alarm_table import FALSE_ALARM_POINTS, FALSE_ALARM_ROWS, Shares
from rounds.learning.variation.over_time.false_alarm_ways import FALSE_ALARM_WAYS, PROCESSES
from rounds.learning.variation.over_time.rule_sets import RuleSet

_SAME = {Kind.I: Kind.I_PRIME, Kind.C: Kind.U, Kind.R: Kind.S, Kind.U_PRIME: Kind.P_PRIME}
"""Where a chart is not simulated by itself. With equal sizes an I chart is an I' chart and a C chart a U chart; R and
U' charts are near enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """How often a chart of so many points flags a steady process."""

    process: str
    points: int
    """the number that the shares are of: the chart's, or the nearest end of what was simulated"""
    any_point: float
    """share of charts with at least one flagged point"""
    latest_point: float
    """share of charts whose latest point, and so whose icon, is flagged"""
    at_most: bool = False
    """several sets of rules, simulated one by one: no more than their shares together"""


def false_alarms_of(kind: Kind | str, rule_sets: tuple[RuleSet, ...], points: int) -> tuple[FalseAlarms, ...]:
    """Return the rates of a chart read by some rules, one for each steady process that was simulated.

    Between the numbers of points that were simulated (12, 24, 36, 48, 60) shares are taken on a straight line; outside,
    they are those of the nearest.

    Args:
        kind: a kind of chart, or "cusum", "levels", "surprises" or "deseasoned" (`dependence.py`).
        rule_sets: by which it is read. Of several that were not simulated together the shares are added up, and are the
            most that there can be.
        points: on the chart.

    Returns:
        Nothing where that chart was not simulated with these rules.
    """
    wanted = {str(rule_set) for rule_set in rule_sets}
    if wanted & _WITH_LIMITS:
        wanted.discard(RuleSet.SHEWHART)  # the others hold its rule
    rows = [row for row in FALSE_ALARM_ROWS if row[0] == str(kind) and set(row[1]) == wanted]
    rows += [
        (row[0], row[1], PROCESSES[row[0]], *row[2:])
        for row in FALSE_ALARM_WAYS
        if row[0] == str(kind) and set(row[1]) == wanted
    ]
    if rows:
        return tuple(_at(points, *row[2:]) for row in rows)
    if isinstance(kind, Kind) and kind in _SAME:
        return false_alarms_of(_SAME[kind], rule_sets, points)
    always = {str(RuleSet.NHS)} if kind is Kind.XMR else set()
    others = sorted(wanted - always)
    if len(others) < 2:
        return ()
    return _together([false_alarms_of(kind, tuple(map(RuleSet, {one, *always})), points) for one in others])


def _together(found: list[tuple[FalseAlarms, ...]]) -> tuple[FalseAlarms, ...]:
    """Return the most that several sets of rules can flag, each simulated by itself; nothing if one was not."""
    if not all(found):
        return ()
    first = [rates[0] for rates in found]
    return (
        FalseAlarms(
            process=first[0].process,
            points=first[0].points,
            any_point=min(1.0, sum(one.any_point for one in first)),
            latest_point=min(1.0, sum(one.latest_point for one in first)),
            at_most=True,
        ),
    )


_WITH_LIMITS = {RuleSet.NHS, RuleSet.WESTERN_ELECTRIC, RuleSet.NELSON}
"""Sets that hold the rule of limits alone, and more."""


def _at(points: int, process: str, any_point: Shares, latest: Shares) -> FalseAlarms:
    known = [place for place, share in enumerate(any_point) if not np.isnan(share)]
    at = [FALSE_ALARM_POINTS[place] for place in known]
    nearest = min(max(points, at[0]), at[-1])
    shares = [float(np.interp(nearest, at, [column[place] for place in known])) for column in (any_point, latest)]
    return FalseAlarms(process=process, points=nearest, any_point=shares[0], latest_point=shares[1])

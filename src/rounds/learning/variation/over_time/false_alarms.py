"""How often each chart flags a process in which nothing changes: what was simulated, and what lies between."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.chart import Kind
from rounds.learning.variation.over_time.false_alarm_table import FALSE_ALARM_POINTS, FALSE_ALARM_ROWS
from rounds.learning.variation.over_time.rule_sets import RuleSet

_SAME = {Kind.C: Kind.U, Kind.R: Kind.S, Kind.U_PRIME: Kind.P_PRIME}
"""Charts that are not simulated by themselves: with equal sizes a C chart is a U chart; the others are near enough."""


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


def false_alarms_of(kind: Kind | str, rule_sets: tuple[RuleSet, ...], points: int) -> tuple[FalseAlarms, ...]:
    """Return the rates of a chart read by some rules, one for each steady process that was simulated.

    Between the numbers of points that were simulated (12, 24, 36, 48, 60) shares are taken on a straight line; outside,
    they are those of the nearest.

    Args:
        kind: a kind of chart, or "cusum", "levels", "surprises" or "deseasoned" (`dependence.py`).
        rule_sets: by which it is read.
        points: on the chart.

    Returns:
        Nothing where that chart was not simulated with these rules.
    """
    wanted = str(_SAME.get(kind, kind) if isinstance(kind, Kind) else kind)
    found = []
    for chart, rules, process, any_point, latest in FALSE_ALARM_ROWS:
        if chart != wanted or set(rules) != {str(rule_set) for rule_set in rule_sets}:
            continue
        known = [place for place, share in enumerate(any_point) if not np.isnan(share)]
        at = [FALSE_ALARM_POINTS[place] for place in known]
        nearest = min(max(points, at[0]), at[-1])
        shares = [float(np.interp(nearest, at, [column[place] for place in known])) for column in (any_point, latest)]
        found.append(FalseAlarms(process=process, points=nearest, any_point=shares[0], latest_point=shares[1]))
    return tuple(found)

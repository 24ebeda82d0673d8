"""Before and after adoption, step by step."""

from dataclasses import dataclass

from rounds.reports.charts.forest import NO_CHANGE, effect_axis
from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE, PALE, Spec, points_by_state, spec

BEFORE, AFTER, REFERENCE, ADOPTION = "Before", "With it", "Compared with this", "Adoption"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPoint:
    """One step, as a ratio to the last step before adoption, or a difference from it."""

    middle: float
    """periods from adoption to the step's middle"""
    value: float
    pointwise: tuple[float, float]
    simultaneous: tuple[float, float]


def event_study_chart(
    *, points: tuple[EventPoint, ...], reference: float, unit: str, title: str, ratios: bool = True
) -> Spec:
    """Return steps before and after adoption with two intervals: thick alone, thin together with all others.

    Args:
        points: in order of time, without the reference.
        reference: periods from adoption to the middle of the step that others are compared with.
        unit: of the periods, in the plural.
        title: what is shown, with which way is better.
        ratios: whether steps are ratios, and not differences.
    """
    none = 1.0 if ratios else 0.0
    ends = [none, *(end for point in points for end in point.simultaneous)]
    up: Spec = {"field": "value", "type": "quantitative", "title": None, **effect_axis(ends, ratios=ratios)}
    middles = [reference, *(point.middle for point in points)]
    across: Spec = {
        "field": "at",
        "type": "quantitative",
        "title": f"{unit.capitalize()} since adoption",
        "scale": {"domain": [min(middles) - 1.5, max(middles) + 1.5], "nice": False},
    }
    values = [
        {
            "at": point.middle,
            "value": point.value,
            "lower": point.pointwise[0],
            "upper": point.pointwise[1],
            "lowest": point.simultaneous[0],
            "highest": point.simultaneous[1],
            "state": BEFORE if point.middle < 0 else AFTER,
        }
        for point in points
    ]
    drawn = [*values, {"at": reference, "value": none, "state": REFERENCE}]
    looks = [(BEFORE, GREY, "circle"), (REFERENCE, INK, "diamond"), (AFTER, BLUE, "square")]
    present = [look for look in looks if any(row["state"] == look[0] for row in drawn)]
    layers: list[Spec] = [
        {
            "data": {"values": [{"value": none, "line": NO_CHANGE}]},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5, "strokeDash": [6, 4]},
            "encoding": {"y": up},
        },
        {
            "data": {"values": [{"at": -0.5, "line": ADOPTION}]},
            "mark": {"type": "rule", "color": ORANGE, "strokeWidth": 1.5},
            "encoding": {
                "x": across,
                "stroke": {
                    "field": "line",
                    "type": "nominal",
                    "scale": {"domain": [ADOPTION], "range": [ORANGE]},
                    "legend": {"symbolType": "stroke", "symbolSize": 500},
                },
            },
        },
        {
            "data": {"values": values},
            "mark": {"type": "rule", "color": PALE, "strokeWidth": 1.5},
            "encoding": {"x": across, "y": {**up, "field": "lowest"}, "y2": {"field": "highest"}},
        },
        {
            "data": {"values": values},
            "mark": {"type": "rule", "color": PALE, "strokeWidth": 5},
            "encoding": {"x": across, "y": {**up, "field": "lower"}, "y2": {"field": "upper"}},
        },
        points_by_state(drawn, across=across, axis=up, present=present),
    ]
    return spec(title=title, layers=layers)

"""Benefit: what was avoided in each quarter, and a claim beside its evidence."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, GREY, ORANGE, Spec, across_periods, spec, value_axis


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitPoint:
    """One period."""

    label: str
    value: float
    lower: float
    upper: float


def benefit_chart(*, points: tuple[BenefitPoint, ...], title: str) -> Spec:
    """Return a point with its interval for each period, and a line at 0: below it is harm.

    Args:
        points: in order of time; may be empty where nothing can be said.
        title: what the vertical axis shows.
    """
    shown = "Point and 95% interval"
    values = [
        {"period": point.label, "value": point.value, "lower": point.lower, "upper": point.upper, "kind": shown}
        for point in points
    ]
    heights = [0.0, *(end for point in points for end in (point.lower, point.upper))]
    across = across_periods([point.label for point in points] or ["no period yet"])
    axis = value_axis(heights)
    lowest = min(heights)
    if lowest < 0:
        axis["scale"]["domain"][0] = lowest - 0.08 * (max(heights) - lowest)
    colour = {"field": "kind", "type": "nominal", "scale": {"domain": [shown], "range": [BLUE]}}
    layers: list[Spec] = [
        {
            "data": {"values": [{"value": 0.0}]},
            "mark": {"type": "rule", "color": GREY, "strokeWidth": 1.5},
            "encoding": {"y": axis},
        },
        {
            "data": {"values": values},
            "mark": {"type": "rule", "strokeWidth": 3, "color": BLUE},
            "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}},
        },
        {
            "data": {"values": values},
            "mark": {"type": "point", "stroke": None},
            "encoding": {"x": across, "y": axis, "color": colour},
        },
    ]
    return spec(title=title, layers=layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """A claim or a piece of evidence. Without an interval the ends are the value."""

    label: str
    value: float | None
    lower: float
    upper: float
    claimed: bool


def claim_chart(*, rows: tuple[ClaimRow, ...], title: str) -> Spec:
    """Return a claim above its evidence, each by its own shape, with a line at 0.

    Args:
        rows: from top to bottom.
        title: what the horizontal axis shows.
    """
    names = {True: "Claim", False: "Evidence, with its interval where there is one"}
    values = [
        {"who": row.label, "value": row.value, "lower": row.lower, "upper": row.upper, "kind": names[row.claimed]}
        for row in rows
    ]
    domain = [names[True], names[False]]
    down = {"field": "who", "type": "nominal", "sort": None, "title": None, "axis": {"grid": False}}
    across = {"field": "lower", "type": "quantitative", "title": None, "scale": {"zero": True, "nice": True}}
    colour = {"field": "kind", "type": "nominal", "scale": {"domain": domain, "range": [ORANGE, BLUE]}}
    shape = {"field": "kind", "type": "nominal", "scale": {"domain": domain, "range": ["diamond", "circle"]}}
    layers: list[Spec] = [
        {
            "data": {"values": [{"lower": 0.0}]},
            "mark": {"type": "rule", "color": GREY, "strokeWidth": 1.5},
            "encoding": {"x": across},
        },
        {
            "data": {"values": values},
            "mark": {"type": "rule", "strokeWidth": 3},
            "encoding": {"y": down, "x": across, "x2": {"field": "upper"}, "color": colour},
        },
        {
            "data": {"values": [row for row in values if row["value"] is not None]},
            "mark": {"type": "point", "stroke": None},
            "encoding": {"y": down, "x": {**across, "field": "value"}, "color": colour, "shape": shape},
        },
    ]
    return spec(title=title, layers=layers, height_factor=max(0.5, 0.3 + 0.09 * len(rows)))

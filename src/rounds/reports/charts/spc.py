"""The control chart: points, mean and limits, with withheld points as bars."""

from dataclasses import dataclass

from rounds.reports.charts.theme import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    WITHHELD_LABEL,
    Spec,
    across_periods,
    points_by_state,
    spec,
    value_axis,
)

VARIATIONS = {
    "not_judged": ("Rate", GREY, "circle"),
    "common_cause": ("Usual variation", GREY, "circle"),
    "improvement": ("Improvement", BLUE, "triangle"),
    "concern": ("Concern", ORANGE, "diamond"),
    "neither_high": ("Change, high", INK, "square"),
    "neither_low": ("Change, low", INK, "square"),
}
"""State of a point -> label, colour and shape."""


_LIMITS = "Usual limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpcPoint:
    """One period: a value, or the bounds of a withheld one, or neither; and the lines there."""

    label: str
    value: float | None
    bounds: tuple[float, float] | None
    variation: str
    mean: float | None
    """the centre line, None where there is none"""
    limits: tuple[float | None, float | None]
    """lower and upper limit in the units of the values, None where there is none"""
    rebased: bool = False
    """whether limits were recalculated from here on"""


def spc_chart(*, points: tuple[SpcPoint, ...], target: float | None, title: str, centre: str = "Mean") -> Spec:
    """Return a control chart.

    Args:
        points: in order of time.
        target: drawn as its own line if there is one.
        title: what the vertical axis shows, with its unit and which way is better.
        centre: what the centre line is called.
    """
    rows: list[dict[str, str | float | None]] = [
        {"period": point.label, "value": point.value, "state": VARIATIONS[point.variation][0]}
        if point.bounds is None
        else {"period": point.label, "value": None, "state": WITHHELD_LABEL, "shown": "[c]"}
        for point in points
    ]
    bars = [
        {"period": point.label, "lower": point.bounds[0], "upper": point.bounds[1], "state": WITHHELD_LABEL}
        for point in points
        if point.bounds is not None
    ]
    lines = _lines(points, target, centre)
    heights = [float(row["y"]) for row in lines if row["y"] is not None] + [
        point.value for point in points if point.value is not None
    ]
    heights += [end for point in points for end in point.bounds or ()]
    axis = value_axis(heights)
    across = across_periods([point.label for point in points])
    present = [
        state
        for state in VARIATIONS.values()
        if any(row["state"] == state[0] and row["value"] is not None for row in rows)
    ]
    if bars:
        present.append((WITHHELD_LABEL, PALE, "square"))
    layers: list[Spec] = []
    if bars:
        layers.append(
            {
                "data": {"values": bars},
                "mark": {"type": "bar", "width": 5, "color": PALE},
                "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}},
            }
        )
    if lines:
        layers.append(_drawn(lines, across, axis, centre))
    rebased = [{"period": point.label} for point in points if point.rebased]
    if rebased:
        layers.append(
            {
                "data": {"values": rebased},
                "mark": {"type": "rule", "color": INK, "strokeWidth": 1, "strokeDash": [1, 3]},
                "encoding": {"x": across},
            }
        )
    layers += [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "color": GREY, "strokeWidth": 1.5, "invalid": "break-paths-filter-domains"},
            "encoding": {"x": across, "y": axis},
        },
        points_by_state([row for row in rows if row["value"] is not None], across=across, axis=axis, present=present),
    ]
    return spec(title=title, layers=layers)


def _lines(points: tuple[SpcPoint, ...], target: float | None, centre: str) -> list[dict[str, str | float | None]]:
    """Return every line at every point; a line breaks where it has no height, and where limits were recalculated."""
    found: list[dict[str, str | float | None]] = []
    part = 0
    for point in points:
        part += point.rebased
        heights = ((centre, "", point.mean), (_LIMITS, "lower", point.limits[0]), (_LIMITS, "upper", point.limits[1]))
        for name, side, height in (*heights, ("Target", "", target)):
            stretch = f"{name} {side} {part if name != 'Target' else 0}"
            found.append({"period": point.label, "line": name, "of": stretch, "y": height})
    drawn = {row["line"] for row in found if row["y"] is not None}
    return [row for row in found if row["line"] in drawn]


def _drawn(lines: list[dict[str, str | float | None]], across: Spec, axis: Spec, centre: str) -> Spec:
    dashes = {centre: [1, 0], _LIMITS: [6, 4], "Target": [2, 3]}
    names = [name for name in dashes if any(row["line"] == name for row in lines)]
    return {
        "data": {"values": lines},
        "mark": {
            "type": "line",
            "color": INK,
            "strokeWidth": 1.5,
            "interpolate": "step",
            "invalid": "break-paths-filter-domains",
        },
        "encoding": {
            "x": across,
            "y": {**axis, "field": "y"},
            "detail": {"field": "of", "type": "nominal"},
            "strokeDash": {
                "field": "line",
                "type": "nominal",
                "scale": {"domain": names, "range": [dashes[name] for name in names]},
                "legend": {"symbolType": "stroke", "symbolSize": 500, "symbolStrokeColor": INK},
            },
        },
    }

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SpcPoint:
    """One period: a value, or the bounds of a withheld one, or neither."""

    label: str
    value: float | None
    bounds: tuple[float, float] | None
    variation: str


def spc_chart(
    *,
    points: tuple[SpcPoint, ...],
    mean: float | None,
    limits: tuple[float, float] | None,
    target: float | None,
    title: str,
) -> Spec:
    """Return a control chart.

    Args:
        points: in order of time.
        mean: the centre line, None if there are no limits.
        limits: lower and upper limit in the units of the values.
        target: drawn as its own line if there is one.
        title: what the vertical axis shows, with its unit and which way is better.
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
    lines = _lines(mean, limits, target)
    heights = [float(row["y"]) for row in lines] + [point.value for point in points if point.value is not None]
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
        layers.append(_rules(lines, axis))
    layers += [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "color": GREY, "strokeWidth": 1.5, "invalid": "break-paths-filter-domains"},
            "encoding": {"x": across, "y": axis},
        },
        points_by_state([row for row in rows if row["value"] is not None], across=across, axis=axis, present=present),
    ]
    return spec(title=title, layers=layers)


def _lines(
    mean: float | None, limits: tuple[float, float] | None, target: float | None
) -> list[dict[str, str | float]]:
    found: list[dict[str, str | float]] = []
    if mean is not None:
        found.append({"line": "Mean", "y": mean})
    if limits is not None:
        found += [{"line": "Usual limits", "y": limit} for limit in limits]
    if target is not None:
        found.append({"line": "Target", "y": target})
    return found


def _rules(lines: list[dict[str, str | float]], axis: Spec) -> Spec:
    dashes = {"Mean": [1, 0], "Usual limits": [6, 4], "Target": [2, 3]}
    names = [name for name in dashes if any(row["line"] == name for row in lines)]
    return {
        "data": {"values": lines},
        "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
        "encoding": {
            "y": {**axis, "field": "y"},
            "strokeDash": {
                "field": "line",
                "type": "nominal",
                "scale": {"domain": names, "range": [dashes[name] for name in names]},
                "legend": {"symbolType": "stroke", "symbolSize": 500, "symbolStrokeColor": INK},
            },
        },
    }

"""One site before and after a change: what was counted, what was fitted, what would have been."""

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

COUNTED, FITTED, EXPECTED = "Counted", "Fitted", "Expected without the change"
MIXTURE, WANDERING = "Expected: mixture of others", "Expected: wandering level"


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptedPoint:
    """One period. None where nothing is known."""

    label: str
    value: float | None
    bounds: tuple[float, float] | None
    """between what the number lies, where it is not exact"""
    fitted: float | None
    expected: float | None
    """without the change; only from it on"""
    band: tuple[float, float] | None
    """95 % confidence limits of that"""
    mixture: float | None = None
    """expected by the mixture of others nearest before; only from the change on"""
    wandering: float | None = None
    """expected by a level that wanders; only from the change on"""


def interrupted_chart(*, points: tuple[InterruptedPoint, ...], change: str, title: str) -> Spec:
    """Return a chart of a series with the line that goes on as before, its band, and the line that was fitted.

    Args:
        points: in order of time.
        change: label of the first period with the innovation.
        title: what the vertical axis shows.
    """
    across = across_periods([point.label for point in points])
    drawn = {
        name: (color, dash, values)
        for name, color, dash, values in (
            (FITTED, BLUE, [1, 0], [point.fitted for point in points]),
            (EXPECTED, ORANGE, [6, 3], [point.expected for point in points]),
            (MIXTURE, INK, [2, 2], [point.mixture for point in points]),
            (WANDERING, GREY, [8, 2, 2, 2], [point.wandering for point in points]),
        )
        if name in {FITTED, EXPECTED} or any(height is not None for height in values)
    }
    heights = [point.value for point in points if point.value is not None]
    heights += [height for *_, values in drawn.values() for height in values if height is not None]
    heights += [end for point in points for ends in (point.bounds, point.band) for end in ends or ()]
    axis = value_axis(heights)
    counted = [
        {"period": point.label, "value": point.value, "state": COUNTED} for point in points if point.value is not None
    ]
    bars = [
        {"period": point.label, "lower": point.bounds[0], "upper": point.bounds[1], "state": WITHHELD_LABEL}
        for point in points
        if point.bounds is not None
    ]
    band = [
        {"period": point.label, "lower": point.band[0], "upper": point.band[1]}
        for point in points
        if point.band is not None
    ]
    lines = [
        {"period": point.label, "line": name, "of": f"{name} {point.expected is None}", "y": height}
        for name, (_, _, heights_of) in drawn.items()
        for point, height in zip(points, heights_of, strict=True)
    ]
    layers: list[Spec] = [
        {
            "data": {"values": band},
            "mark": {"type": "area", "color": ORANGE, "opacity": 0.18},
            "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}},
        }
    ]
    if bars:
        layers.append(
            {
                "data": {"values": bars},
                "mark": {"type": "bar", "width": 5, "color": PALE},
                "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}},
            }
        )
    layers += [
        {
            "data": {"values": [{"period": change}]},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1, "strokeDash": [1, 3]},
            "encoding": {"x": across},
        },
        {
            "data": {"values": lines},
            "mark": {"type": "line", "strokeWidth": 2, "invalid": "break-paths-filter-domains"},
            "encoding": {
                "x": across,
                "y": {**axis, "field": "y"},
                "detail": {"field": "of", "type": "nominal"},
                "stroke": {
                    "field": "line",
                    "type": "nominal",
                    "scale": {"domain": list(drawn), "range": [color for color, *_ in drawn.values()]},
                    "legend": {"symbolType": "stroke", "symbolSize": 500},
                },
                "strokeDash": {
                    "field": "line",
                    "type": "nominal",
                    "scale": {"domain": list(drawn), "range": [dash for _, dash, _ in drawn.values()]},
                    "legend": None,
                },
            },
        },
    ]
    present = [(COUNTED, GREY, "circle")] if counted else []
    if bars:
        present.append((WITHHELD_LABEL, PALE, "square"))
    layers.append(points_by_state(counted, across=across, axis=axis, present=present))
    return spec(title=title, layers=layers)

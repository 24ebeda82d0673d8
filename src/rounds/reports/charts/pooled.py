"""A total as a band from its lowest to its highest possible value."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, INK, PALE, Spec, across_periods, spec, value_axis

EXACT, BAND, ESTIMATE = "Total", "Lowest to highest possible total", "Estimate where counts are hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledPoint:
    """One period's total: a value if nothing in it is withheld, and its bounds."""

    label: str
    value: float | None
    bounds: tuple[float, float]
    estimate: float | None = None
    """where something is withheld: the rate that fits the bounds"""


def pooled_chart(*, points: tuple[PooledPoint, ...], target: float | None, title: str, band: str = BAND) -> Spec:
    """Return the band of bounds with a point wherever the total is known.

    Args:
        points: in order of time.
        target: drawn as a dotted line if there is one.
        title: what the vertical axis shows.
        band: what the bounds are, for the legend.
    """
    bands = [
        {"period": point.label, "lower": point.bounds[0], "upper": point.bounds[1], "kind": band} for point in points
    ]
    exact = [
        {"period": point.label, "value": point.value, "kind": EXACT} for point in points if point.value is not None
    ]
    exact += [
        {"period": point.label, "value": point.estimate, "kind": ESTIMATE}
        for point in points
        if point.value is None and point.estimate is not None
    ]
    heights = [end for point in points for end in point.bounds] + ([target] if target is not None else [])
    across = across_periods([point.label for point in points])
    axis = value_axis(heights)
    looks = {EXACT: (BLUE, "circle"), ESTIMATE: (INK, "diamond"), band: (PALE, "square")}
    present = [name for name in looks if any(row["kind"] == name for row in (*exact, *bands))]
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": present, "range": [looks[name][0] for name in present]},
    }
    shape = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": present, "range": [looks[name][1] for name in present]},
    }
    layers: list[Spec] = [
        {
            "data": {"values": bands},
            "mark": {"type": "bar", "width": 6, "color": PALE},
            "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}},
        },
        {
            "data": {"values": exact},
            "mark": {"type": "point", "stroke": None},
            "encoding": {"x": across, "y": axis, "color": colour, "shape": shape},
        },
    ]
    if target is not None:
        layers.append(
            {
                "data": {"values": [{"y": target, "line": "Target"}]},
                "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
                "encoding": {
                    "y": {**axis, "field": "y"},
                    "strokeDash": {
                        "field": "line",
                        "type": "nominal",
                        "scale": {"domain": ["Target"], "range": [[2, 3]]},
                        "legend": {"symbolType": "stroke", "symbolSize": 500, "symbolStrokeColor": INK},
                    },
                },
            }
        )
    return spec(title=title, layers=layers)

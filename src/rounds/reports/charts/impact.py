"""Impact: what was counted against what was expected without the innovation."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, ORANGE, Spec, across_periods, spec, value_axis


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactPoint:
    """One period: the pooled rate where the innovation is in effect."""

    label: str
    lower: float
    upper: float
    expected: float | None
    sites: int
    shown: float | None = None
    """what stands between the bounds where it is drawn: a mean that was rounded"""


def impact_chart(*, points: tuple[ImpactPoint, ...], observed_label: str, expected_label: str, title: str) -> Spec:
    """Return counted and expected rates; the counted ones as a band where they are known only between bounds.

    The expected line breaks where nothing can be expected.

    Args:
        points: in order of time; may be empty when the innovation is in effect nowhere.
        observed_label: of the counted band.
        expected_label: of the counterfactual line.
        title: what the vertical axis shows.
    """
    expected = [{"period": point.label, "value": point.expected, "line": expected_label} for point in points]
    drawn = [row for row in expected if row["value"] is not None]
    counted = [
        {
            "period": point.label,
            "lower": point.lower,
            "upper": point.upper,
            "value": point.lower if point.shown is None else point.shown,
            "line": observed_label,
        }
        for point in points
    ]
    labels = [observed_label, *([expected_label] if drawn else [])]
    heights = [end for point in points for end in (point.lower, point.upper, point.expected) if end is not None]
    across = across_periods([point.label for point in points] or ["no period yet"])
    axis = value_axis(heights)
    colour = {"field": "line", "type": "nominal", "scale": {"domain": labels, "range": [BLUE, ORANGE]}}
    shape = {"field": "line", "type": "nominal", "scale": {"domain": labels, "range": ["square", "diamond"]}}
    shown = any(point.shown is not None for point in points)
    exact = [row for row in counted if shown or row["lower"] == row["upper"]]
    layers: list[Spec] = [
        {
            "data": {"values": counted},
            "mark": {
                "type": "area",
                "color": BLUE,
                "opacity": 0.3,
                "line": False if shown else {"color": BLUE, "strokeWidth": 1.5},
            },
            "encoding": {"x": across, "y": {**axis, "field": "upper"}, "y2": {"field": "lower"}},
        },
        {
            "data": {"values": counted},
            "mark": {"type": "line", "color": BLUE, "strokeWidth": 1.5},
            "encoding": {"x": across, "y": axis if shown else {**axis, "field": "lower"}},
        },
        {
            "data": {"values": expected if drawn else []},
            "mark": {
                "type": "line",
                "color": ORANGE,
                "strokeWidth": 2,
                "strokeDash": [6, 3],
                "invalid": "break-paths-filter-domains",
            },
            "encoding": {"x": across, "y": axis},
        },
        {
            "data": {"values": [*exact, *drawn]},
            "mark": {"type": "point", "stroke": None},
            "encoding": {"x": across, "y": axis, "color": colour, "shape": shape},
        },
    ]
    return spec(title=title, layers=layers)

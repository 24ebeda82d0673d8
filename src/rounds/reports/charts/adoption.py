"""The adoption curve: members that are there, out of all, as a step through time."""

from dataclasses import dataclass
from datetime import date

from rounds.reports.charts.theme import BLUE, GREY, Spec, spec


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """How many of how many, on a day."""

    day: date
    adopted: int
    members: int


def adoption_chart(*, points: tuple[CoveragePoint, ...], adopted_label: str, members_label: str, title: str) -> Spec:
    """Return the adoption curve against the membership as it was.

    Args:
        points: in order of time.
        adopted_label: what the lower line counts.
        members_label: what the upper line counts.
        title: of the chart.
    """
    labels = [adopted_label, members_label]
    rows = [
        {"day": point.day.isoformat(), "count": count, "line": label}
        for point in points
        for label, count in ((adopted_label, point.adopted), (members_label, point.members))
    ]
    across = {"field": "day", "type": "temporal", "title": None, "axis": {"format": "%b %Y", "tickCount": 5}}
    axis = {
        "field": "count",
        "type": "quantitative",
        "title": None,
        "scale": {"domainMin": 0, "nice": True},
        "axis": {"tickMinStep": 1, "format": "d"},
    }
    colour = {"field": "line", "type": "nominal", "scale": {"domain": labels, "range": [BLUE, GREY]}}
    dash = {"field": "line", "type": "nominal", "scale": {"domain": labels, "range": [[1, 0], [6, 4]]}}
    legend = {"legend": {"symbolType": "stroke", "symbolSize": 500}}
    layers: list[Spec] = [
        {
            "data": {"values": [row for row in rows if row["line"] == adopted_label]},
            "mark": {"type": "area", "color": BLUE, "opacity": 0.15, "interpolate": "step-after"},
            "encoding": {"x": across, "y": axis},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "line", "strokeWidth": 2.5, "interpolate": "step-after"},
            "encoding": {"x": across, "y": axis, "color": {**colour, **legend}, "strokeDash": {**dash, **legend}},
        },
    ]
    return spec(title=title, layers=layers, height_factor=0.85)

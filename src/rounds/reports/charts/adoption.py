"""The adoption curve: members that are there, out of all, as a step through time, and how it may go on."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from rounds.reports.charts.theme import BLUE, GREY, ORANGE, Spec, spec

EXPECTED = "Forecast: middle, 80% and 95% range"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """How many of how many, on a day."""

    day: date
    adopted: int
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPoint:
    """How many are to be expected on a day."""

    day: date
    median: float
    lower80: float
    upper80: float
    lower95: float
    upper95: float


def adoption_chart(
    *,
    points: tuple[CoveragePoint, ...],
    adopted_label: str,
    members_label: str,
    title: str,
    expected: tuple[ExpectedPoint, ...] = (),
) -> Spec:
    """Return the adoption curve against the membership as it was, and what is expected of it.

    Args:
        points: in order of time.
        adopted_label: what the lower line counts.
        members_label: what the upper line counts.
        title: of the chart.
        expected: days to come, in order; none where nothing can be forecast.
    """
    labels = [adopted_label, members_label, *([EXPECTED] if expected else [])]
    rows = [
        {"day": point.day.isoformat(), "count": count, "line": label}
        for point in points
        for label, count in ((adopted_label, point.adopted), (members_label, point.members))
    ]
    if expected and points:
        rows.append({"day": expected[-1].day.isoformat(), "count": points[-1].members, "line": members_label})
    across = {"field": "day", "type": "temporal", "title": None, "axis": {"format": "%b %Y", "tickCount": 5}}
    axis = {
        "field": "count",
        "type": "quantitative",
        "title": None,
        "scale": {"domainMin": 0, "nice": True},
        "axis": {"tickMinStep": 1, "format": "d"},
    }
    colour = {"field": "line", "type": "nominal", "scale": {"domain": labels, "range": [BLUE, GREY, ORANGE]}}
    dash = {"field": "line", "type": "nominal", "scale": {"domain": labels, "range": [[1, 0], [6, 4], [2, 2]]}}
    legend = {"legend": {"symbolType": "stroke", "symbolSize": 500}}
    ahead = _ahead(points, expected)
    bands: list[Spec] = [
        {
            "data": {"values": ahead},
            "mark": {"type": "area", "color": ORANGE, "opacity": shade, "interpolate": "linear"},
            "encoding": {"x": across, "y": {**axis, "field": f"upper{level}"}, "y2": {"field": f"lower{level}"}},
        }
        for level, shade in ((95, 0.18), (80, 0.28))
    ]
    layers: list[Spec] = [
        {
            "data": {"values": [row for row in rows if row["line"] == adopted_label]},
            "mark": {"type": "area", "color": BLUE, "opacity": 0.15, "interpolate": "step-after"},
            "encoding": {"x": across, "y": axis},
        },
        *(bands if ahead else []),
        {
            "data": {"values": rows},
            "mark": {"type": "line", "strokeWidth": 2.5, "interpolate": "step-after"},
            "encoding": {"x": across, "y": axis, "color": {**colour, **legend}, "strokeDash": {**dash, **legend}},
        },
    ]
    if ahead:
        layers.append(
            {
                "data": {"values": [{**row, "count": row["median"], "line": EXPECTED} for row in ahead]},
                "mark": {"type": "line", "strokeWidth": 2.5},
                "encoding": {"x": across, "y": axis, "color": {**colour, **legend}, "strokeDash": {**dash, **legend}},
            }
        )
    return spec(title=title, layers=layers, height_factor=0.85)


def _ahead(points: tuple[CoveragePoint, ...], expected: tuple[ExpectedPoint, ...]) -> list[dict[str, Any]]:
    """Return the days to come, from the number that is known."""
    if not expected:
        return []
    here = points[-1]
    names = ("median", "lower80", "upper80", "lower95", "upper95")
    known = {"day": here.day.isoformat(), **dict.fromkeys(names, float(here.adopted))}
    return [known, *({"day": one.day.isoformat(), **{name: getattr(one, name) for name in names}} for one in expected)]

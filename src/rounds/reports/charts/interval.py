"""Intervals side by side: a forest plot of groups."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, GREY, Spec, spec


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """One group: its interval, and its value unless withheld."""

    label: str
    value: float | None
    lower: float
    upper: float
    withheld: bool


def interval_chart(
    *,
    rows: tuple[IntervalRow, ...],
    title: str,
    shown: str = "Point and 95% interval",
    hidden: str = "Withheld: interval",
) -> Spec:
    """Return one horizontal interval a row; a withheld row has an interval and no point.

    Args:
        rows: from top to bottom.
        title: what the horizontal axis shows.
        shown: what the legend says of rows with a point.
        hidden: what it says of rows without.
    """
    values = [
        {
            "group": row.label,
            "value": row.value,
            "lower": row.lower,
            "upper": row.upper,
            "kind": hidden if row.withheld else shown,
        }
        for row in rows
    ]
    present = [
        state
        for state in ((shown, BLUE, "circle"), (hidden, GREY, "square"))
        if any(v["kind"] == state[0] for v in values)
    ]
    labels = [label for label, _, _ in present]
    down = {"field": "group", "type": "nominal", "sort": None, "title": None, "axis": {"grid": False}}
    across = {
        "field": "lower",
        "type": "quantitative",
        "title": None,
        "scale": {"zero": True, "nice": True},
        "axis": {"grid": True, "labelFlush": False},
    }
    colour = {"field": "kind", "type": "nominal", "scale": {"domain": labels, "range": [c for _, c, _ in present]}}
    shape = {"field": "kind", "type": "nominal", "scale": {"domain": labels, "range": [s for _, _, s in present]}}
    layers: list[Spec] = [
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
    return spec(title=title, layers=layers, height_factor=max(0.55, 0.3 + 0.09 * len(rows)))

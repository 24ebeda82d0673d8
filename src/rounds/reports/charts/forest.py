"""Several answers to one question, one below the other, each with its interval."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE, PALE, Spec, points_by_state, spec

LEADING, BESIDE, APART, NO_CHANGE = "Leads", "Beside it", "Says something else", "No change"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One answer, as a ratio above 0."""

    name: str
    value: float
    lower: float
    upper: float
    state: str
    """`LEADING`, `BESIDE` or `APART`"""


def forest_chart(*, rows: tuple[ForestRow, ...], title: str) -> Spec:
    """Return ratios with their intervals against no change, on a log scale.

    Args:
        rows: in the order shown.
        title: what is shown, with which way is better.
    """
    ends = [1.0, *(end for row in rows for end in (row.lower, row.upper))]
    across: Spec = {
        "field": "value",
        "type": "quantitative",
        "title": "Rate with it over rate without it (log scale)",
        "scale": {"type": "log", "domain": [0.95 * min(ends), 1.05 * max(ends)]},
        "axis": {"grid": True, "values": ticks(min(ends), max(ends)), "format": "~g"},
    }
    order: Spec = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"grid": False}}
    values = [
        {"name": row.name, "value": row.value, "lower": row.lower, "upper": row.upper, "state": row.state}
        for row in rows
    ]
    looks = [(LEADING, BLUE, "square"), (BESIDE, GREY, "circle"), (APART, ORANGE, "diamond")]
    present = [look for look in looks if any(row.state == look[0] for row in rows)]
    layers: list[Spec] = [
        {
            "data": {"values": [{"value": 1.0, "line": NO_CHANGE}]},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
            "encoding": {
                "x": across,
                "strokeDash": {
                    "field": "line",
                    "type": "nominal",
                    "scale": {"domain": [NO_CHANGE], "range": [[6, 4]]},
                    "legend": {"symbolType": "stroke", "symbolSize": 500, "symbolStrokeColor": INK},
                },
            },
        },
        {
            "data": {"values": values},
            "mark": {"type": "rule", "color": PALE, "strokeWidth": 4},
            "encoding": {"y": order, "x": {**across, "field": "lower"}, "x2": {"field": "upper"}},
        },
        points_by_state(values, across=across, axis=order, present=present),
    ]
    return spec(title=title, layers=layers, height_factor=max(0.6, 0.35 + 0.09 * len(rows)))


def ticks(lowest: float, highest: float) -> list[float]:
    """Return where a log scale of ratios has its labels.

    >>> ticks(0.5, 1.1)
    [0.5, 0.6, 0.8, 1.0]
    """
    wide = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 50.0, 100.0)
    fine = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
    return [step for step in (fine if highest / lowest < 5 else wide) if 0.95 * lowest <= step <= 1.05 * highest]

"""Several answers to one question, one below the other, each with its interval."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE, PALE, Spec, points_by_state, spec

LEADING, BESIDE, APART, NO_CHANGE = "Leads", "Beside it", "Says something else", "No change"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One answer: a ratio above 0, or a difference."""

    name: str
    value: float
    lower: float
    upper: float
    state: str
    """`LEADING`, `BESIDE` or `APART`"""


def forest_chart(*, rows: tuple[ForestRow, ...], title: str, axis: str, ratios: bool = True) -> Spec:
    """Return effects with their intervals against no change: ratios on a log scale, or differences.

    Args:
        rows: in the order shown.
        title: what is shown, with which way is better.
        axis: what stands along it.
        ratios: whether they are ratios, and not differences.
    """
    none = 1.0 if ratios else 0.0
    ends = [none, *(end for row in rows for end in (row.lower, row.upper))]
    across: Spec = {"field": "value", "type": "quantitative", "title": axis, **effect_axis(ends, ratios=ratios)}
    order: Spec = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"grid": False}}
    values = [
        {"name": row.name, "value": row.value, "lower": row.lower, "upper": row.upper, "state": row.state}
        for row in rows
    ]
    looks = [(LEADING, BLUE, "square"), (BESIDE, GREY, "circle"), (APART, ORANGE, "diamond")]
    present = [look for look in looks if any(row.state == look[0] for row in rows)]
    layers: list[Spec] = [
        {
            "data": {"values": [{"value": none, "line": NO_CHANGE}]},
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


def effect_axis(ends: list[float], *, ratios: bool) -> Spec:
    """Return the scale and the labels of effects: of ratios a log scale, of differences a plain one."""
    if ratios:
        return {
            "scale": {"type": "log", "domain": [0.95 * min(ends), 1.05 * max(ends)]},
            "axis": {"grid": True, "values": ticks(min(ends), max(ends)), "format": "~g"},
        }
    room = 0.05 * (max(ends) - min(ends))
    return {
        "scale": {"domain": [min(ends) - room, max(ends) + room], "zero": False, "nice": False},
        "axis": {"grid": True, "tickCount": 6, "format": "~g"},
    }


def ticks(lowest: float, highest: float) -> list[float]:
    """Return where a log scale of ratios has its labels.

    >>> ticks(0.5, 1.1)
    [0.5, 0.6, 0.8, 1.0]
    """
    wide = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 50.0, 100.0)
    fine = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
    return [step for step in (fine if highest / lowest < 5 else wide) if 0.95 * lowest <= step <= 1.05 * highest]

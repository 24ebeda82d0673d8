"""The caterpillar plot: organisations in order, each drawn towards the mean of all, with its interval."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE, PALE, Spec, spec, value_axis

MOST_NAMES = 40
"""With more organisations than this their names would not be read; the chart then lies on its side without them."""

APART, ALIKE, OWN, TYPICAL = (
    "Differs from the typical",
    "No clear difference",
    "As counted",
    "Typical organisation",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaterpillarRow:
    """One organisation, in the units of the rate."""

    name: str
    counted: float | None
    """its own rate; None where it is withheld"""
    value: float
    lower: float
    upper: float
    apart: bool
    """its whole interval lies on one side of the typical organisation's rate"""


def caterpillar_chart(*, rows: tuple[CaterpillarRow, ...], typical: float, title: str) -> Spec:
    """Return a caterpillar plot.

    Args:
        rows: in the order shown, the highest first.
        typical: the rate of the typical organisation.
        title: what is shown, with its unit and which way is better.
    """
    heights = [typical, *(end for row in rows for end in (row.lower, row.upper))]
    heights += [row.counted for row in rows if row.counted is not None]
    named = len(rows) <= MOST_NAMES
    along = "y" if named else "x"
    across = "x" if named else "y"
    order: Spec = (
        {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"grid": False}}
        if named
        else {
            "field": "place",
            "type": "quantitative",
            "title": "Organisations, from the highest to the lowest",
            "axis": {"grid": False, "labels": False, "ticks": False},
        }
    )
    axis = {**value_axis(heights), "axis": {"grid": True}}
    values = [
        {
            "name": row.name,
            "place": place,
            "value": row.value,
            "lower": row.lower,
            "upper": row.upper,
            "state": APART if row.apart else ALIKE,
        }
        for place, row in enumerate(rows, start=1)
    ]
    states = [(APART, ORANGE, "diamond"), (ALIKE, GREY, "circle")]
    present = [state for state in states if any(value["state"] == state[0] for value in values)]
    counted = [
        {"name": row.name, "place": place, "value": row.counted, "state": OWN}
        for place, row in enumerate(rows, start=1)
        if row.counted is not None
    ]
    if counted:
        present.append((OWN, BLUE, "stroke"))
    labels = [label for label, _, _ in present]
    colour = {
        "field": "state",
        "type": "nominal",
        "scale": {"domain": labels, "range": [colour for _, colour, _ in present]},
    }
    shape = {
        "field": "state",
        "type": "nominal",
        "scale": {"domain": labels, "range": [_turned(shape, named=named) for _, _, shape in present]},
    }
    layers: list[Spec] = [
        {
            "data": {"values": [{"value": typical, "line": TYPICAL}]},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
            "encoding": {
                across: axis,
                "strokeDash": {
                    "field": "line",
                    "type": "nominal",
                    "scale": {"domain": [TYPICAL], "range": [[6, 4]]},
                    "legend": {"symbolType": "stroke", "symbolSize": 500, "symbolStrokeColor": INK},
                },
            },
        },
        {
            "data": {"values": values},
            "mark": {"type": "rule", "color": PALE, "strokeWidth": 4 if named else 2},
            "encoding": {along: order, across: {**axis, "field": "lower"}, f"{across}2": {"field": "upper"}},
        },
        {
            "data": {"values": [*values, *counted]},
            "mark": {"type": "point", "stroke": None, **({} if named else {"size": 20})},
            "encoding": {along: order, across: axis, "color": colour, "shape": shape},
        },
    ]
    return spec(title=title, layers=layers, height_factor=max(0.6, 0.3 + 0.075 * len(rows)) if named else 1.0)


def _turned(shape: str, *, named: bool) -> str:
    """Return a shape; a short line stands across the axis of values."""
    if shape != "stroke":
        return shape
    return "M-0.25,-1.7L0.25,-1.7L0.25,1.7L-0.25,1.7Z" if named else "M-1.7,-0.25L-1.7,0.25L1.7,0.25L1.7,-0.25Z"

"""Where those that stood out were, where chance alone would put them since, and where they are."""

from dataclasses import dataclass

from rounds.reports.charts.theme import BLUE, ORANGE, PALE, Spec, from_zero, points_by_state, spec

CHANCE, THEN, NOW, NOW_RANGE = "Chance alone puts it here (95%)", "Then", "Since", "Since: possible range"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedRow:
    """One organisation, or several together, in the units of the rate; both ends are equal where counts are exact."""

    name: str
    then: tuple[float, float]
    chance: tuple[float, float]
    since: tuple[float, float]


def moved_chart(*, rows: tuple[MovedRow, ...], title: str) -> Spec:
    """Return one horizontal bar a row, of what chance alone gives, with points for then and since.

    Args:
        rows: from top to bottom.
        title: what the horizontal axis shows.
    """
    ends = [end for row in rows for pair in (row.then, row.chance, row.since) for end in pair]
    down = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"grid": False}}
    axis = {
        "type": "quantitative",
        "title": None,
        "scale": {"zero": from_zero(ends), "nice": True},
        "axis": {"grid": True},
    }
    bars, points = [], []
    for row in rows:
        bars.append({"name": row.name, "lower": row.chance[0], "upper": row.chance[1], "bar": CHANCE})
        if row.since[0] < row.since[1]:
            bars.append({"name": row.name, "lower": row.since[0], "upper": row.since[1], "bar": NOW_RANGE})
        points += [
            {"name": row.name, "value": sum(pair) / 2, "state": state}
            for state, pair in ((THEN, row.then), (NOW, row.since))
        ]
    kinds = [CHANCE, *([NOW_RANGE] if any(bar["bar"] == NOW_RANGE for bar in bars) else [])]
    colours = {CHANCE: PALE, NOW_RANGE: ORANGE}
    layers: list[Spec] = [
        {
            "data": {"values": [bar for bar in bars if bar["bar"] == kind]},
            "mark": {
                "type": "rule",
                "strokeWidth": 12 if kind == CHANCE else 3,
                "opacity": 0.6 if kind == CHANCE else 1,
            },
            "encoding": {
                "y": down,
                "x": {**axis, "field": "lower"},
                "x2": {"field": "upper"},
                "stroke": {
                    "field": "bar",
                    "type": "nominal",
                    "scale": {"domain": kinds, "range": [colours[one] for one in kinds]},
                    "legend": {"symbolType": "stroke", "symbolStrokeWidth": 5},
                },
            },
        }
        for kind in kinds
    ]
    states = [(THEN, BLUE, "circle"), (NOW, ORANGE, "diamond")]
    layers.append(points_by_state(points, across={**axis, "field": "value"}, axis=down, present=states))
    return spec(title=title, layers=layers, height_factor=max(0.5, 0.3 + 0.1 * len(rows)))

"""Value: acceptability curves, the cost-effectiveness plane, what matters most, and the budget by year."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE, PALE, Spec, spec

_COLOURS: Final = (BLUE, ORANGE, INK, GREY, PALE)
_SHAPES: Final = ("circle", "diamond", "square", "triangle-up", "cross")
_LABEL_CHARS: Final = 22
"""Of an input's name on one line."""
_DASHES: Final = ([1, 0], [8, 4], [2, 3], [10, 3, 2, 3], [4, 2])
MOST_POINTS: Final = 400
"""Of each option on a plane: more make a blot."""
MOST_OPTIONS: Final = len(_COLOURS)
"""Told apart on one chart."""


def _by_option(labels: Sequence[str], values: Sequence[object]) -> Spec:
    return {
        "field": "option",
        "type": "nominal",
        "scale": {"domain": list(labels), "range": list(values[: len(labels)])},
    }


def acceptability_chart(
    *, worths: Sequence[float], lines: Sequence[tuple[str, Sequence[float]]], title: str, across: str
) -> Spec:
    """Return the probability that each option is the best, over what a unit of effect is worth.

    Args:
        worths: in rising order.
        lines: an option's name and its probability at each worth; five at most.
        title: what the vertical axis shows.
        across: what the horizontal axis shows.
    """
    labels = [name for name, _ in lines]
    values = [
        {"option": name, "worth": worth, "value": 100 * one}
        for name, chances in lines
        for worth, one in zip(worths, chances, strict=True)
    ]
    layer: Spec = {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 2.5},
        "encoding": {
            "x": {
                "field": "worth",
                "type": "quantitative",
                "title": across,
                "axis": {"format": ",.0f"},
                "scale": {"zero": True, "nice": False},
            },
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": None,
                "scale": {"domain": [0, 100]},
                "axis": {"labelExpr": "datum.value + '%'"},
            },
            "color": _by_option(labels, _COLOURS),
            "strokeDash": _by_option(labels, _DASHES),
        },
    }
    return spec(title=title, layers=[layer])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One option on the plane: simulated effects and costs beyond the comparator's."""

    option: str
    effects: Sequence[float]
    costs: Sequence[float]
    mean: tuple[float, float]


def plane_chart(*, clouds: Sequence[Cloud], worth: float | None, worth_label: str, title: str, across: str) -> Spec:
    """Return the cost-effectiveness plane: to the right more is gained, upwards more is spent.

    Args:
        clouds: five at most; of each the first simulations are drawn.
        worth: of a unit of effect, drawn as a line below which an option is worth its cost; None for no line.
        worth_label: what the line is called.
        title: what the vertical axis shows.
        across: what the horizontal axis shows.
    """
    labels = [cloud.option for cloud in clouds]
    drawn = [
        (cloud.option, effect, cost)
        for cloud in clouds
        for effect, cost in list(zip(cloud.effects, cloud.costs, strict=True))[:MOST_POINTS]
    ]
    points = [{"option": option, "effect": effect, "cost": cost} for option, effect, cost in drawn]
    means = [{"option": cloud.option, "effect": cloud.mean[0], "cost": cloud.mean[1]} for cloud in clouds]
    effects = [0.0, *(one[1] for one in drawn), *(cloud.mean[0] for cloud in clouds)]
    costs = [0.0, *(one[2] for one in drawn), *(cloud.mean[1] for cloud in clouds)]
    wide, high = [min(effects), max(effects)], [min(costs), max(costs)]
    x = {"field": "effect", "type": "quantitative", "title": across, "scale": {"domain": wide, "nice": True}}
    y = {
        "field": "cost",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": high, "nice": True},
        "axis": {"format": ",~r"},
    }
    colour = {**_by_option(labels, _COLOURS), "legend": {"symbolOpacity": 1, "symbolSize": 90}}
    shape = {**_by_option(labels, _SHAPES), "legend": {"symbolOpacity": 1, "symbolSize": 90}}
    layers: list[Spec] = [
        {
            "data": {"values": [{"effect": 0.0}]},
            "mark": {"type": "rule", "color": GREY, "strokeWidth": 1},
            "encoding": {"x": x},
        },
        {
            "data": {"values": [{"cost": 0.0}]},
            "mark": {"type": "rule", "color": GREY, "strokeWidth": 1},
            "encoding": {"y": y},
        },
        {
            "data": {"values": points},
            "mark": {"type": "point", "stroke": None, "opacity": 0.3, "size": 14},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape},
        },
        {
            "data": {"values": means},
            "mark": {"type": "point", "filled": True, "size": 170, "stroke": "white", "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape},
        },
    ]
    if worth is not None:
        line = {"line": worth_label}
        ends = _clipped(worth, wide, high)
        layers.insert(
            2,
            {
                "data": {"values": [line | {"effect": effect, "cost": worth * effect} for effect in ends]},
                "mark": {"type": "line", "color": INK, "strokeWidth": 1.5, "strokeDash": [6, 4]},
                "encoding": {
                    "x": x,
                    "y": y,
                    "stroke": {
                        "field": "line",
                        "type": "nominal",
                        "scale": {"domain": [worth_label], "range": [INK]},
                        "legend": {"symbolType": "stroke", "symbolDash": [6, 4]},
                    },
                },
            },
        )
    return spec(title=title, layers=layers, height_factor=1.15)


def _clipped(worth: float, wide: Sequence[float], high: Sequence[float]) -> tuple[float, float]:
    """Return between which effects the line of a worth lies on the plane."""
    if worth == 0:
        return wide[0], wide[1]
    return max(wide[0], high[0] / worth), min(wide[1], high[1] / worth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One input: the result at the lower and at the upper end of its range."""

    name: str
    at_lower: float
    at_upper: float


def tornado_chart(*, bars: Sequence[Bar], centre: float, title: str) -> Spec:
    """Return what each input does to a result, the widest first.

    Args:
        bars: from top to bottom.
        centre: the result with every input at its stated value.
        title: what the horizontal axis shows.
    """
    low, high = "Input at its lower end", "Input at its upper end"
    down = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"grid": False, "labelExpr": "split(datum.label, '\\n')"},
    }
    ends = [end for bar in bars for end in (bar.at_lower, bar.at_upper)]
    across: Spec = {
        "field": "from",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [min([*ends, centre, 0.0]), max([*ends, centre, 0.0])], "nice": True},
        "axis": {"grid": True, "format": ",~r"},
    }
    rows = [
        {"name": "\n".join(textwrap.wrap(bar.name, _LABEL_CHARS)), "from": centre, "to": end, "end": label}
        for bar in bars
        for end, label in ((bar.at_lower, low), (bar.at_upper, high))
    ]
    layers: list[Spec] = [
        {
            "data": {"values": rows},
            "mark": {"type": "bar", "height": 16},
            "encoding": {
                "y": down,
                "x": across,
                "x2": {"field": "to"},
                "color": {
                    "field": "end",
                    "type": "nominal",
                    "scale": {"domain": [low, high], "range": [PALE, BLUE]},
                },
            },
        },
        {
            "data": {"values": [{"from": centre}]},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
            "encoding": {"x": across},
        },
        {
            "data": {"values": [{"from": 0.0}]},
            "mark": {"type": "rule", "color": ORANGE, "strokeWidth": 1.5, "strokeDash": [5, 4]},
            "encoding": {"x": across},
        },
    ]
    return spec(title=title, layers=layers, height_factor=max(0.5, 0.3 + 0.1 * len(bars)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetYear:
    """One year: what is spent, saved, and both together with an interval."""

    label: str
    spent: float
    saved: float
    net: tuple[float, float, float]
    """estimate, lower, upper"""


def budget_chart(*, years: Sequence[BudgetYear], title: str) -> Spec:
    """Return what is spent and saved in each year, and the two together with their interval.

    Args:
        years: in order.
        title: what the vertical axis shows.
    """
    spent, saved, net = "Spent", "Saved (below 0)", "Together, with 95% interval"
    across = {"field": "year", "type": "nominal", "sort": None, "title": None, "axis": {"grid": False}}
    ends = [end for one in years for end in (one.spent, -one.saved, *one.net)]
    up: Spec = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [min([*ends, 0.0]), max([*ends, 0.0])], "nice": True},
        "axis": {"format": ",~r"},
    }
    bars = [
        {"year": one.label, "value": value, "state": state}
        for one in years
        for value, state in ((one.spent, spent), (-one.saved, saved))
    ]
    nets = [
        {"year": one.label, "value": one.net[0], "lower": one.net[1], "upper": one.net[2], "line": net} for one in years
    ]
    colour = {
        "field": "state",
        "type": "nominal",
        "scale": {"domain": [spent, saved], "range": [ORANGE, BLUE]},
    }
    ink = {
        "field": "line",
        "type": "nominal",
        "scale": {"domain": [net], "range": [INK]},
        "legend": {"symbolType": "diamond"},
    }
    layers: list[Spec] = [
        {
            "data": {"values": bars},
            "mark": {"type": "bar", "width": {"band": 0.5}, "opacity": 0.75},
            "encoding": {"x": across, "y": {**up, "stack": True}, "color": colour},
        },
        {
            "data": {"values": nets},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 2.5},
            "encoding": {"x": across, "y": {**up, "field": "lower"}, "y2": {"field": "upper"}},
        },
        {
            "data": {"values": nets},
            "mark": {"type": "point", "shape": "diamond", "size": 110, "stroke": None},
            "encoding": {"x": across, "y": up, "fill": ink},
        },
    ]
    return spec(title=title, layers=layers)

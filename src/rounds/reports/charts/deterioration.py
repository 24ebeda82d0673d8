"""How a score warns: what each threshold finds and costs, risks against what was foretold, and net benefit."""

from dataclasses import dataclass
from math import isnan

from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE, PALE, WITHHELD_LABEL, Spec, spec, value_axis

Range = tuple[float, float]

OBSERVED, FORETOLD = "Observed, 95% interval", "Foretold"
BY_SCORE, FOR_ALL, FOR_NONE = "Acting on the score", "Acting on everybody", "Acting on nobody"
BY_CHANCE = "Chosen by chance"
_LABELLED = 4
"""so many thresholds at most have their score beside their point"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A threshold: what it costs across, what it finds upwards, both in percent; None where withheld."""

    label: str
    across: float | None
    up: float | None
    across_bounds: Range
    up_bounds: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPoint:
    """The risk at one score, in percent."""

    score: float
    value: float | None
    interval: Range
    foretold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitPoint:
    """Net benefit for 1,000 units at one threshold of risk, in percent; NaN where something is withheld."""

    threshold: float
    value: float
    bounds: Range
    for_all: float
    for_all_bounds: Range


def curve_chart(
    *, points: tuple[CurvePoint, ...], named: str, labelled: tuple[str, ...], across_title: str, title: str
) -> Spec:
    """Return a ROC or an efficiency curve: a point for each threshold, and the diagonal of choosing by chance.

    Args:
        points: the lowest threshold first. One that is withheld is drawn as the rectangle that holds it.
        named: what the curve is of, for the legend.
        labelled: the thresholds whose labels are written beside their points.
        across_title: what the horizontal axis shows, with its unit.
        title: what the vertical axis shows.
    """
    known = [point for point in points if point.across is not None and point.up is not None]
    rows: list[Spec] = [{"x": point.across, "y": point.up, "kind": named} for point in known]
    boxes: list[Spec] = [
        {
            "x": point.across_bounds[0],
            "x2": point.across_bounds[1],
            "y": point.up_bounds[0],
            "y2": point.up_bounds[1],
            "kind": WITHHELD_LABEL,
        }
        for point in points
        if point.across is None or point.up is None
    ]
    # Above the highest threshold nobody triggers: the curve ends in the corner.
    line = [{"x": row["x"], "y": row["y"]} for row in rows] + [{"x": 0.0, "y": 0.0}]
    across, up = _percent("x", across_title), _percent("y", None)
    looks = {named: (BLUE, "circle"), WITHHELD_LABEL: (PALE, "square")}
    present = [name for name in looks if any(row["kind"] == name for row in (*rows, *boxes))]
    # Where it is withheld, at the lower right corner of what holds it.
    wanted = [
        {
            "x": point.across_bounds[1] if point.across is None else point.across,
            "y": point.up_bounds[0] if point.up is None else point.up,
            "label": f"≥ {point.label}",
        }
        for point in points
        if point.label in labelled
    ][:_LABELLED]
    layers: list[Spec] = [_by_chance(across, up)]
    if boxes:
        layers.append(
            {
                "data": {"values": boxes},
                "mark": {"type": "rect", "color": PALE, "opacity": 1, "stroke": PALE, "strokeWidth": 4},
                "encoding": {"x": across, "x2": {"field": "x2"}, "y": up, "y2": {"field": "y2"}},
            }
        )
    else:
        layers.append(
            {
                "data": {"values": line},
                "mark": {"type": "line", "color": BLUE, "strokeWidth": 2},
                "encoding": {"x": across, "y": up, "order": {"field": "x", "type": "quantitative"}},
            }
        )
    layers += [
        {
            "data": {"values": rows},
            "mark": {"type": "point", "stroke": None},
            "encoding": {"x": across, "y": up, **_looks(looks, present)},
        },
        {
            "data": {"values": wanted},
            "mark": {"type": "text", "align": "left", "baseline": "top", "dx": 7, "dy": 4, "color": INK},
            "encoding": {"x": across, "y": up, "text": {"field": "label", "type": "nominal"}},
        },
    ]
    return spec(title=title, layers=layers)


def calibration_chart(*, points: tuple[RiskPoint, ...], across_title: str, title: str) -> Spec:
    """Return risks by score with their intervals, and the risks that were foretold.

    Args:
        points: the lowest score first; one that is withheld has an interval and no point. Leave out scores that
            nobody had.
        across_title: the score's name.
        title: what the vertical axis shows, with its unit.
    """
    observed = [
        {
            "x": point.score,
            "value": point.value,
            "lower": point.interval[0],
            "upper": point.interval[1],
            "kind": WITHHELD_LABEL if point.value is None else OBSERVED,
        }
        for point in points
    ]
    foretold = [{"x": point.score, "value": point.foretold} for point in points if point.foretold is not None]
    across = {"field": "x", "type": "quantitative", "title": across_title, "axis": {"format": "d"}}
    axis = value_axis([end for point in points for end in (*point.interval, point.foretold or 0.0)])
    looks = {OBSERVED: (BLUE, "circle"), WITHHELD_LABEL: (PALE, "square")}
    present = [name for name in looks if any(row["kind"] == name for row in observed)]
    layers: list[Spec] = [
        *(
            {
                "data": {"values": [row for row in observed if row["kind"] == kind]},
                "mark": {"type": "rule", "strokeWidth": width, "color": looks[kind][0]},
                "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}},
            }
            for kind, width in ((WITHHELD_LABEL, 6), (OBSERVED, 2))
            if kind in present
        ),
        *([_dashed(foretold, across, axis, FORETOLD)] if foretold else []),
        {
            "data": {"values": [row for row in observed if row["value"] is not None]},
            "mark": {"type": "point", "stroke": None},
            "encoding": {"x": across, "y": axis, **_looks(looks, present)},
        },
    ]
    return spec(title=title, layers=layers)


def decision_chart(*, points: tuple[BenefitPoint, ...], across_title: str, title: str) -> Spec:
    """Return net benefit of acting on a score, on everybody and on nobody; a band where it is withheld.

    Args:
        points: the lowest threshold first.
        across_title: what the horizontal axis shows, with its unit.
        title: what the vertical axis shows, with its unit and which way is better.
    """
    lines = [
        {"x": point.threshold, "value": value, "kind": kind}
        for point in points
        for kind, value in ((BY_SCORE, point.value), (FOR_ALL, point.for_all), (FOR_NONE, 0.0))
        if not isnan(value)
    ]
    bands = [
        {"x": point.threshold, "lower": ends[0], "upper": ends[1], "kind": kind}
        for point in points
        for kind, ends in ((BY_SCORE, point.bounds), (FOR_ALL, point.for_all_bounds))
        if ends[0] < ends[1]
    ]
    across = {"field": "x", "type": "quantitative", "title": across_title, "scale": {"zero": False, "nice": False}}
    # What acting on everybody costs soon leaves the chart; what matters lies about nought and above.
    useful = [point.bounds[1] for point in points] + [0.0]
    axis = value_axis([max(useful), 0.0])
    axis["scale"] = {"domain": [-0.35 * max(useful), 1.08 * max(useful)], "zero": False, "nice": False}
    colours, dashes = {BY_SCORE: BLUE, FOR_ALL: ORANGE, FOR_NONE: INK}, [[1, 0], [6, 3], [2, 3]]
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(colours), "range": list(colours.values())},
    }
    dash = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(colours), "range": dashes},
        "legend": {"symbolType": "stroke", "symbolSize": 500},
    }
    layers: list[Spec] = [
        {
            "data": {"values": lines},
            "mark": {"type": "line", "strokeWidth": 2, "clip": True},
            "encoding": {"x": across, "y": axis, "color": colour, "strokeDash": dash},
        }
    ]
    if bands:
        layers.insert(
            0,
            {
                "data": {"values": bands},
                "mark": {"type": "area", "opacity": 0.5, "clip": True},
                "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}, "color": colour},
            },
        )
    return spec(title=title, layers=layers)


def _percent(field: str, title: str | None) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"domain": [0, 100], "nice": False},
        "axis": {"values": [0, 20, 40, 60, 80, 100]},
    }


def _looks(looks: dict[str, tuple[str, str]], present: list[str]) -> Spec:
    """Return colour and shape by kind, so that neither is needed to read the other."""
    return {
        name: {
            "field": "kind",
            "type": "nominal",
            "scale": {"domain": present, "range": [looks[kind][at] for kind in present]},
        }
        for at, name in enumerate(("color", "shape"))
    }


def _by_chance(across: Spec, up: Spec) -> Spec:
    return _dashed(
        [{"x": 0.0, "value": 0.0}, {"x": 100.0, "value": 100.0}], across, {**up, "field": "value"}, BY_CHANCE
    )


def _dashed(rows: list[dict[str, float]], across: Spec, axis: Spec, label: str) -> Spec:
    return {
        "data": {"values": [{**row, "line": label} for row in rows]},
        "mark": {"type": "line", "color": GREY, "strokeWidth": 1.5},
        "encoding": {
            "x": across,
            "y": axis,
            "strokeDash": {
                "field": "line",
                "type": "nominal",
                "scale": {"domain": [label], "range": [[5, 4]]},
                "legend": {"symbolType": "stroke", "symbolSize": 500, "symbolStrokeColor": GREY},
            },
        },
    }

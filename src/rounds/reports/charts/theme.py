"""Colours, shapes and sizes: one look for every chart, readable without colour and on a phone."""

import copy
import textwrap
from dataclasses import dataclass
from typing import Any, Final

Spec = dict[str, Any]

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
GREY: Final = "#4c6272"
BLUE: Final = "#0072c6"
ORANGE: Final = "#c2500a"
INK: Final = "#212b32"
PALE: Final = "#84939f"
"""for what is withheld: lighter than any value, and still 3:1 against white"""
FONT: Final = "Arial, Helvetica, Liberation Sans, sans-serif"

_EM_OF_A_CHARACTER: Final = 0.56
_EM_OF_A_LABEL: Final = 0.6
"""A label in DejaVu Sans, the widest common sans serif, is narrower than the second and so many of the first."""
_WIDER_THAN_ARIAL: Final = 0.16
"""By how much of itself a label can be wider than it is in Arial."""
_LEAST_GAP: Final = 10
_SYMBOL: Final = 30
_BESIDE_LEGEND: Final = 40

WITHHELD_LABEL: Final = "Withheld: possible range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How large a chart is drawn for one place. Sizes in CSS pixels."""

    name: str
    width: int
    height: int
    font: int
    point: int
    """area of a point"""
    title_chars: int
    """how many characters of a title fit a line"""
    legend_columns: int
    ticks: int
    period_labels: int
    """how many period labels fit side by side"""


WEB: Final = Profile(
    name="web", width=800, height=380, font=14, point=80, title_chars=94, legend_columns=4, ticks=6, period_labels=9
)
PRINT: Final = Profile(
    name="print", width=520, height=290, font=12, point=50, title_chars=72, legend_columns=3, ticks=6, period_labels=7
)
"""As wide as the text of an A4 page."""
MOBILE: Final = Profile(
    name="mobile", width=340, height=330, font=13, point=34, title_chars=38, legend_columns=2, ticks=5, period_labels=4
)


def spec(*, title: str, layers: list[Spec], height_factor: float = 1.0) -> Spec:
    """Return a layered chart in the web size. `height_factor` makes room for charts with many rows."""
    plain: Spec = {
        "$schema": SCHEMA,
        "usermeta": {"title": title, "height_factor": height_factor},
        "layer": layers,
    }
    return sized(plain, WEB)


def sized(chart: Spec, profile: Profile) -> Spec:
    """Return the same chart for another place. All that depends on size lives here, so it can be applied again."""
    found = copy.deepcopy(chart)
    meta = found["usermeta"]
    found["width"] = profile.width
    found["height"] = round(profile.height * meta["height_factor"])
    found["autosize"] = {"type": "fit", "contains": "padding"}
    found["padding"] = {"left": 4, "right": 26, "top": 4, "bottom": 4}
    found["background"] = "white"
    found["title"] = {"text": textwrap.wrap(meta["title"], profile.title_chars), "anchor": "start", "frame": "bounds"}
    found["config"] = _config(profile)
    beside = 0
    for layer in found["layer"]:
        across = layer["encoding"].get("x", {})
        if across.get("scale", {}).get("type") == "point":
            across["axis"] = {"values": thinned(across["scale"]["domain"], profile.period_labels)}
        down = layer["encoding"].get("y", {})
        if down.get("type") == "nominal":
            names = [str(row[down["field"]]) for row in layer.get("data", {}).get("values", [])]
            down["axis"] = {**down.get("axis", {}), "minExtent": _beside(names, profile)}
            beside = max(beside, down["axis"]["minExtent"])
            if across.get("title"):  # a long one reaches below the names, not beyond the chart
                across["axis"] = {**across.get("axis", {}), "titleAnchor": "end"}
    for layer in found["layer"]:
        _lay_out_legends(layer["encoding"], profile, room=profile.width - beside)
    return found


def _beside(names: list[str], profile: Profile) -> int:
    """Return how much room names beside an axis need in a font wider than Arial, in which they are measured."""
    longest = max((len(name) for name in names), default=0)
    widest = (profile.font - 1) * (_EM_OF_A_LABEL + _EM_OF_A_CHARACTER * longest)
    return round(min(widest, (1 + _WIDER_THAN_ARIAL) * (profile.width // 3)))


def _lay_out_legends(encoding: Spec, profile: Profile, *, room: int) -> None:
    """Give each legend as many columns as fit, and room between them, in any font.

    Widths are measured in Arial; a browser that has none of `FONT` takes a wider one, and an entry would run into the
    next.
    """
    for name in ("color", "shape", "fill", "stroke", "strokeDash"):
        channel = encoding.get(name, {})
        labels = channel.get("scale", {}).get("domain", [])
        if not labels or not all(isinstance(label, str) for label in labels) or channel.get("legend", {}) is None:
            continue
        size = profile.font - 1
        widest = _EM_OF_A_LABEL + _EM_OF_A_CHARACTER * max(len(label) for label in labels)
        padding = round(_LEAST_GAP + _WIDER_THAN_ARIAL * size * widest)
        columns = int((room - _BESIDE_LEGEND) // (_SYMBOL + size * widest + _LEAST_GAP))
        most = min(profile.legend_columns, len(labels))
        channel["legend"] = {
            **channel.get("legend", {}),
            "columns": max(1, min(columns, most)),
            "columnPadding": padding,
        }


def thinned(labels: list[str], most: int) -> list[str]:
    """Return every 2nd, 3rd, 6th or 12th label, so that they fit and fall on the same months or quarters.

    >>> thinned(["Jan", "Feb", "Mar", "Apr", "May", "Jun"], 2)
    ['Jan', 'Apr']
    """
    step = next(step for step in (1, 2, 3, 6, *range(12, len(labels) + 13, 12)) if len(labels) <= step * most)
    return labels[::step]


def across_periods(labels: list[str]) -> Spec:
    """Return a horizontal axis of periods in the order given."""
    return {
        "field": "period",
        "type": "ordinal",
        "sort": None,
        "title": None,
        "scale": {"type": "point", "domain": labels, "padding": 0.5},
    }


def value_axis(heights: list[float]) -> Spec:
    """Return a vertical axis that holds every height with a little room; it starts at 0 unless all lie far from it."""
    lowest, highest = min(heights, default=0.0), max(heights, default=1.0)
    room = 0.08 * (highest - lowest) or 0.1 * highest or 1.0
    bottom = 0.0 if from_zero(heights) else lowest - room
    return {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [bottom, highest + room], "zero": False, "nice": True},
    }


def _config(profile: Profile) -> Spec:
    return {
        "aria": False,
        "font": FONT,
        "title": {
            "fontSize": profile.font,
            "fontWeight": "bold",
            "color": INK,
            "offset": 10,
            "lineHeight": profile.font + 4,
        },
        "axis": {
            "labelFontSize": profile.font - 1,
            "titleFontSize": profile.font - 1,
            "titleFontWeight": "normal",
            "labelColor": INK,
            "titleColor": INK,
            "gridColor": "#e8edee",
            "domainColor": GREY,
            "tickColor": GREY,
            "labelLimit": profile.width // 3,
        },
        "axisX": {"labelAngle": 0, "labelOverlap": "greedy", "labelSeparation": 8, "grid": False},
        "axisY": {"tickCount": profile.ticks},
        "axisXQuantitative": {"tickCount": profile.ticks},
        "legend": {
            "orient": "bottom",
            "direction": "horizontal",
            "labelFontSize": profile.font - 1,
            "labelColor": INK,
            "labelLimit": profile.width - 60,
            "title": None,
            "offset": 6,
            "symbolStrokeWidth": 2,
            "layout": {"bottom": {"direction": "vertical", "margin": 2, "anchor": "start"}},
        },
        "point": {"filled": True, "size": profile.point, "opacity": 1},
        "view": {"stroke": None},
        "bar": {"discreteBandSize": 8},
    }


def from_zero(values: list[float]) -> bool:
    """Return whether an axis should start at 0: yes unless all values lie far from it."""
    return not values or min(values) <= 0.4 * max(values)


def points_by_state(
    points: list[dict[str, Any]], *, across: Spec, axis: Spec, present: list[tuple[str, str, str]]
) -> Spec:
    """Return a layer of points whose `state` shows as colour and as shape, so that neither is needed to read the other.

    Args:
        points: one row a point, with its `state`.
        across: the encoding of the horizontal axis.
        axis: the encoding of the vertical axis.
        present: (state, colour, shape) of each state that the legend shows, in order.
    """
    labels = [label for label, _, _ in present]

    def coded(values: list[str]) -> Spec:
        return {"field": "state", "type": "nominal", "scale": {"domain": labels, "range": values}}

    return {
        "data": {"values": points},
        "mark": {"type": "point", "stroke": None},
        "encoding": {
            "x": across,
            "y": axis,
            "color": coded([colour for _, colour, _ in present]),
            "shape": coded([shape for _, _, shape in present]),
        },
    }

"""A map of rates: places shaded by their rate, those in clusters outlined and lettered."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE, PALE, Spec, spec

SHADES = ("#eff3ff", "#bdd7e7", "#6baed6", "#3182bd", "#08519c")
"""From low to high; told apart in grey and by most colour-blind readers."""
NO_NUMBER = "No number: withheld or missing"
BETWEEN_SHADES = "Withheld: more than one shade"
HIGH, LOW, ALONE = "High beside high (H)", "Low beside low (L)", "Unlike its neighbours (x)"
_UNSHADED = {BETWEEN_SHADES: "#d8d2c8", NO_NUMBER: PALE}
"""Neither is like a shade: one warm and light, the other dark."""
_OUTLINES = {HIGH: ORANGE, LOW: BLUE, ALONE: INK}
_LETTERS = {HIGH: "H", LOW: "L", ALONE: "x"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPlace:
    """One place, in the units of the rate."""

    name: str
    geometry: dict[str, Any]
    """GeoJSON"""
    middle: tuple[float, float]
    """where its letter stands, (longitude, latitude)"""
    value: float | None
    """None where it is withheld or missing"""
    cluster: str | None
    """`HIGH`, `LOW`, `ALONE` or None"""
    possible: bool = False
    """whether it may be in that cluster, which withheld counts do not let be told"""
    bounds: tuple[float, float] | None = None
    """between what a withheld value lies; a place is shaded where both ends have one shade"""


def map_chart(*, places: tuple[MapPlace, ...], breaks: tuple[float, ...], labels: tuple[str, ...], title: str) -> Spec:
    """Return a map.

    Args:
        places: in any order; those without a value are pale.
        breaks: the four values between the five shades, ascending.
        labels: what the five shades are called in the legend.
        title: what the shades show, with its unit and which way is better.
    """
    drawn = [
        {"type": "Feature", "geometry": _wound(place.geometry), "properties": {"shade": _shade(place, breaks, labels)}}
        for place in places
    ]
    shades = {_shade(place, breaks, labels) for place in places}
    unshaded = [one for one in _UNSHADED if one in shades]
    present = [*labels, *unshaded]
    colours = [*SHADES[: len(labels)], *(_UNSHADED[one] for one in unshaded)]
    layers: list[Spec] = [
        {
            "data": {"values": drawn},
            "mark": {"type": "geoshape", "stroke": GREY, "strokeWidth": 0.6},
            "encoding": {
                "color": {
                    "field": "properties.shade",
                    "type": "nominal",
                    "scale": {"domain": present, "range": colours},
                    "legend": {"symbolType": "square", "symbolStrokeWidth": 1, "symbolStrokeColor": GREY},
                }
            },
        }
    ]
    for cluster, colour in _OUTLINES.items():
        mine = [place for place in places if place.cluster == cluster]
        if mine:
            layers += _outlined(mine, cluster, colour)
    found = spec(title=title, layers=layers, height_factor=1.6)
    found["projection"] = {"type": "mercator"}
    return found


def _shade(place: MapPlace, breaks: tuple[float, ...], labels: tuple[str, ...]) -> str:
    ends = place.bounds if place.value is None else (place.value, place.value)
    if ends is None:
        return NO_NUMBER
    low, high = (labels[sum(end > limit for limit in breaks)] for end in ends)
    return low if low == high else BETWEEN_SHADES


def _outlined(places: list[MapPlace], cluster: str, colour: str) -> list[Spec]:
    shapes = [{"type": "Feature", "geometry": _wound(place.geometry), "properties": {}} for place in places]
    letters = [
        {
            "x": place.middle[0],
            "y": place.middle[1],
            "letter": f"{_LETTERS[cluster]}{'?' if place.possible else ''}",
        }
        for place in places
    ]
    outlines: list[Spec] = []
    for possible, dashes in ((False, {}), (True, {"strokeDash": [4, 3]})):
        mine = [shape for shape, place in zip(shapes, places, strict=True) if place.possible is possible]
        mark = {"type": "geoshape", "fill": None, "stroke": colour, "strokeWidth": 2.5, **dashes}
        if mine:
            outlines.append({"data": {"values": mine}, "mark": mark, "encoding": {}})
    return [
        *outlines,
        {
            "data": {"values": letters},
            "mark": {
                "type": "text",
                "fontWeight": "bold",
                "fontSize": 13,
                "color": INK,
                "stroke": "white",
                "strokeWidth": 3,
                "strokeOpacity": 0.8,
            },
            "encoding": {
                "longitude": {"field": "x", "type": "quantitative"},
                "latitude": {"field": "y", "type": "quantitative"},
                "text": {"field": "letter"},
            },
        },
        {
            "data": {"values": letters},
            "mark": {"type": "text", "fontWeight": "bold", "fontSize": 13, "color": INK},
            "encoding": {
                "longitude": {"field": "x", "type": "quantitative"},
                "latitude": {"field": "y", "type": "quantitative"},
                "text": {"field": "letter"},
            },
        },
    ]


def _wound(geometry: dict[str, Any]) -> dict[str, Any]:
    """Return a geometry whose rings turn as the drawing wants them: outer ones with the clock, holes against it.

    GeoJSON says the opposite, and many files neither; a ring the wrong way round would colour the rest of the globe.
    """
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    turned = [
        [ring if _clockwise(ring) is (place == 0) else ring[::-1] for place, ring in enumerate(polygon)]
        for polygon in polygons
    ]
    return {"type": "MultiPolygon", "coordinates": turned}


def _clockwise(ring: list[list[float]]) -> bool:
    return sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in pairwise(ring)) > 0

"""Boundaries of places from a GeoJSON file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rounds.errors import RoundsError

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """One place: what its file says of it, and its outline."""

    properties: dict[str, str]
    rings: tuple[tuple[Point, ...], ...]
    """(longitude, latitude) in degrees"""
    geometry: dict[str, Any]
    """as it stands in the file, for drawing"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """Places by the property that names them."""

    key: str
    places: dict[str, Boundary]


def read_boundaries(path: Path, codes: Iterable[str], *, key: str | None, error: type[RoundsError]) -> Boundaries:
    """Return the places of a GeoJSON file by the property that holds given codes or names.

    Args:
        path: a FeatureCollection of polygons in longitude and latitude.
        codes: what a table calls the places.
        key: the property; None for the one that holds most of the codes.
        error: what to raise.

    Raises:
        RoundsError: of class `error`, if the file is no such collection, no property holds the codes, a code has no
            outline, or two places have one code.
    """
    features = _features(path, error)
    wanted = set(codes)
    key = key or _matching(path, features, wanted, error)
    found: dict[str, Boundary] = {}
    for place in features:
        if key not in place.properties:
            raise error(f"{path.name}: a place has no property {key}; it has {', '.join(sorted(place.properties))}")
        code = place.properties[key]
        if code in found:
            raise error(f"{path.name}: two places have the {key} {code}; join them into one")
        found[code] = place
    absent = sorted(wanted - found.keys())
    if absent:
        listed = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        raise error(f"{path.name}: no place has the {key} {listed}; give boundaries that hold them, or leave them out")
    return Boundaries(key=key, places=found)


def _features(path: Path, error: type[RoundsError]) -> list[Boundary]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise error(f"{path.name}: there is no such file in {path.parent}; put it there") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise error(f"{path.name}: this is not JSON; give boundaries as GeoJSON") from None
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list) or not features:
        raise error(f"{path.name}: there are no features; give a GeoJSON FeatureCollection of places")
    return [_boundary(feature, number, path, error) for number, feature in enumerate(features, start=1)]


def _boundary(feature: Any, number: int, path: Path, error: type[RoundsError]) -> Boundary:
    try:
        geometry, properties = feature["geometry"], feature["properties"]
        shapes = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[geometry["type"]]
        rings = tuple(tuple((float(x), float(y)) for x, y, *_ in ring) for polygon in shapes for ring in polygon)
    except (KeyError, TypeError, ValueError):
        raise error(
            f"{path.name}, feature {number}: it is not a polygon with properties; give boundaries, not points or lines"
        ) from None
    if any(abs(x) > 180 or abs(y) > 90 for ring in rings for x, y in ring):
        raise error(
            f"{path.name}, feature {number}: its corners are not degrees of longitude and latitude (perhaps metres of "
            "the national grid); save the file in WGS84"
        )
    texts = {str(name): str(value) for name, value in properties.items() if value is not None}
    return Boundary(properties=texts, rings=rings, geometry=geometry)


def _matching(path: Path, features: list[Boundary], wanted: set[str], error: type[RoundsError]) -> str:
    names = list(features[0].properties)
    held = {name: len(wanted & {place.properties.get(name, "") for place in features}) for name in names}
    best = max(names, key=lambda name: held[name], default=None)
    if best is None or not held[best]:
        raise error(
            f"{path.name}: none of its properties ({', '.join(names)}) holds what the table calls its places; name the "
            "table's column with --place, or give other boundaries"
        )
    return best

"""Rendering charts to SVG, each once."""

import hashlib
import json
import re

import vl_convert
from markupsafe import Markup

from rounds.errors import RoundsError
from rounds.reports.charts.theme import Profile, Spec, sized


def spec_hash(spec: Spec) -> str:
    """Return the identity of a chart: the SHA-256 of its canonical JSON."""
    return hashlib.sha256(_canonical(spec).encode()).hexdigest()


def _canonical(spec: Spec) -> str:
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _render(canonical: str) -> str:
    try:
        return str(vl_convert.vegalite_to_svg(canonical, allowed_base_urls=[]))
    except ValueError as error:
        raise RoundsError(f"a chart cannot be drawn: {str(error).splitlines()[0]}") from error


def png_of(svg: str, *, scale: float = 2.0) -> bytes:
    """Return a drawn chart as PNG.

    Args:
        svg: as `SvgCache.svg` gives it.
        scale: pixels to each of its own.
    """
    return bytes(vl_convert.svg_to_png(svg, scale=scale))


class SvgCache:
    """Charts drawn in this run, by the hash of what is drawn."""

    def __init__(self) -> None:
        self._drawn: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._drawn)

    def svg(self, spec: Spec, profile: Profile, *, key: str, name: str, description: str) -> Markup:
        """Return a chart as accessible inline SVG.

        Args:
            spec: the chart.
            profile: the size.
            key: unique on the page; the identifiers inside the SVG start with it.
            name: what assistive technology calls the chart.
            description: the alternative text.
        """
        found = sized(spec, profile)
        digest = spec_hash(found)
        if digest not in self._drawn:
            self._drawn[digest] = _render(_canonical(found))
        return accessible(self._drawn[digest], key=key, name=name, description=description)


def accessible(svg: str, *, key: str, name: str, description: str) -> Markup:
    """Return an SVG with a role, a name and a description, both escaped."""
    start = svg.index("<svg")
    end = svg.index(">", start)
    opening = svg[start:end].replace(' class="marks"', "")
    head = Markup(
        ' class="chart" role="img" aria-labelledby="{key}-title" aria-describedby="{key}-desc" focusable="false">'
        '<title id="{key}-title">{name}</title><desc id="{key}-desc">{description}</desc>'
    ).format(key=key, name=name, description=description)
    return Markup(opening) + head + Markup(_quiet(svg[end + 1 :]))  # noqa: S704  # drawn by us from escaped data


def _quiet(body: str) -> str:
    """Return the drawing without the roles and classes Vega gives its groups: the whole chart is one image."""
    return re.sub(
        r"<[a-z][^<>]*>", lambda tag: re.sub(r' (?:role|class|aria-[a-z]+|pointer-events)="[^"]*"', "", tag[0]), body
    )

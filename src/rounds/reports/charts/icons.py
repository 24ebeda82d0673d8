"""Our own icons: a shape and a letter each, so that neither colour nor shape alone carries the meaning."""

from dataclasses import dataclass

from markupsafe import Markup

from rounds.measures.definitions import Better
from rounds.reports.charts.theme import BLUE, GREY, INK, ORANGE

SHAPES = {
    "circle": '<circle cx="16" cy="16" r="14"/>',
    "triangle": '<path d="M16 1.5 L31 29.5 H1 Z"/>',
    "diamond": '<path d="M16 0.5 L31.5 16 L16 31.5 L0.5 16 Z"/>',
    "square": '<rect x="3" y="3" width="26" height="26"/>',
}


@dataclass(frozen=True, slots=True)
class Icon:
    """How an icon looks and what it means in words."""

    shape: str
    colour: str
    letter: str
    words: str


def icon(name: str, better: Better | None = None) -> Icon:
    """Return an icon by the name of a `Variation` or an `Assurance`.

    Args:
        name: as in `Insight.icons`.
        better: which way is better, so that an improvement can say whether it went high or low.

    >>> icon("improvement", Better.LOWER).words
    'Improvement: lower than usual'
    """
    letters = {Better.HIGHER: ("H", "L"), Better.LOWER: ("L", "H")}.get(better, ("I", "C")) if better else ("I", "C")
    ways = {"H": ": higher than usual", "L": ": lower than usual"}
    known = {
        "improvement": Icon("triangle", BLUE, letters[0], f"Improvement{ways.get(letters[0], '')}"),
        "concern": Icon("diamond", ORANGE, letters[1], f"Concern{ways.get(letters[1], '')}"),
        "neither_high": Icon("square", INK, "H", "Changed: higher than usual"),
        "neither_low": Icon("square", INK, "L", "Changed: lower than usual"),
        "changed": Icon("square", INK, "!", "Changed: chance alone would hardly do this"),
        "common_cause": Icon("circle", GREY, "–", "No clear change"),
        "consistently_passing": Icon("triangle", BLUE, "P", "Target consistently met"),
        "consistently_failing": Icon("diamond", ORANGE, "F", "Target will not be met without change"),
        "hit_and_miss": Icon("circle", GREY, "?", "Target met at times and missed at times"),
        "no_limits": Icon("square", GREY, "x", "Too few numbers to tell"),
    }
    return known[name]


def icon_svg(name: str, better: Better | None = None) -> Markup:
    """Return an icon as inline SVG with its meaning as its accessible name."""
    found = icon(name, better)
    baseline = 26 if found.shape == "triangle" else 21.5
    size = 13 if found.shape == "triangle" else 15
    return Markup(
        '<svg class="icon" role="img" aria-label="{words}" width="32" height="32" viewBox="0 0 32 32" '
        'focusable="false">'
        '<g fill="{colour}">{shape}</g>'
        '<text x="16" y="{baseline}" text-anchor="middle" font-family="Arial, sans-serif" '
        'font-size="{size}" font-weight="bold" '
        'fill="#ffffff">{letter}</text></svg>'
    ).format(
        words=found.words,
        colour=found.colour,
        shape=Markup(SHAPES[found.shape]),  # noqa: S704  # a constant above
        baseline=baseline,
        size=size,
        letter=found.letter,
    )

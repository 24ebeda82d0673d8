"""How a result shows itself: signs on a terminal, charts in a notebook."""

from collections.abc import Sequence

from markupsafe import Markup

from rounds.analyst.frames import TableError
from rounds.measures.definitions import Better
from rounds.reports.charts.icons import icon, icon_svg
from rounds.reports.charts.theme import WEB, Spec
from rounds.reports.content.wording import number

SIGNS = {"circle": "●", "triangle": "▲", "diamond": "◆", "square": "■"}
MOST_IN_A_NOTEBOOK = 12


def glyph(name: str, better: Better) -> str:
    """Return an icon as two signs for a terminal: its shape and its letter."""
    found = icon(name, better)
    return f"{SIGNS[found.shape]}{found.letter}"


def way_of(better: str) -> Better:
    """Return which way is improvement.

    Raises:
        TableError: if the word says no way.
    """
    try:
        return Better(better)
    except ValueError:
        raise TableError(f'better is "higher", "lower" or "neither", not "{better}"') from None


def with_unit(value: float, unit: str) -> str:
    """Return a number with its unit: "17.5% of attendances" or "3.2 per 1,000 bed_days"."""
    return f"{number(value)}{unit if unit.startswith('%') else f' {unit}'}"


def charts_as_html(charts: Sequence[tuple[str, str, Spec, str, Sequence[str]]], better: Better) -> str:
    """Return charts with their icons and sentences as HTML.

    Args:
        charts: (name, sentence, picture, text in its place, names of icons) of each.
        better: which way is improvement.
    """
    from rounds.reports.charts.render import SvgCache

    cache = SvgCache()
    parts = [
        Markup("<figure><figcaption>{icons} {sentence}</figcaption>{svg}</figure>").format(
            icons=Markup("").join(icon_svg(name, better) for name in icons),
            sentence=sentence,
            svg=cache.svg(spec, WEB, key=f"chart-{at}", name=name, description=alt_text),
        )
        for at, (name, sentence, spec, alt_text, icons) in enumerate(charts[:MOST_IN_A_NOTEBOOK])
    ]
    if len(charts) > MOST_IN_A_NOTEBOOK:
        more = len(charts) - MOST_IN_A_NOTEBOOK
        parts.append(Markup("<p>… and {more} more; .write(folder) writes them all.</p>").format(more=more))
    return str(Markup("").join(parts))

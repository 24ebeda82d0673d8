"""Writing a report's pages into a folder."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rounds.measures.definitions import Better
from rounds.measures.words import shown_words
from rounds.reports.charts.icons import icon_svg
from rounds.reports.charts.render import SvgCache
from rounds.reports.charts.theme import MOBILE, WEB
from rounds.reports.content.wording import better_words, number, numbers_apart, rate_text
from rounds.reports.insight import Cell, Estimate, Exhibit, Insight, Mark
from rounds.reports.pages.plan import home_path, measure_key, measure_path, organisation_path, pages_of
from rounds.reports.pages.views import VIEWS, audience_path
from rounds.reports.policy import POLICY
from rounds.reports.report import Report


def write_pages(
    folder: Path,
    *,
    report: Report,
    downloads: tuple[tuple[str, str], ...] = (),
    cache: SvgCache | None = None,
    done: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[Path, ...]:
    """Write a report's pages: an index, one for each audience, measure and organisation, and one about the round.

    The same report gives the same bytes.

    Args:
        folder: an existing folder, best an empty one that the caller swaps in when all is written.
        report: what to show.
        downloads: (file name in the folder, what it is) of files that are written beside the pages.
        cache: charts drawn earlier in this run.
        done: told after each page how many are done, of how many.

    Returns:
        The files written, in the order of `pages_of`, the style sheet last.
    """
    drawn = cache if cache is not None else SvgCache()
    pages = pages_of(report)
    environment = _environment(report, drawn)
    written = []
    for page in pages:
        text = environment.get_template(page.template).render(
            page=page, root=page.root, title=page.title, downloads=downloads, **page.context
        )
        written.append(_write(folder / page.path, text))
        done(len(written), len(pages))
    style = environment.loader.get_source(environment, "style.css")[0] if environment.loader else ""
    written.append(_write(folder / "style.css", style))
    return tuple(written)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _environment(report: Report, drawn: SvgCache) -> Environment:
    environment = Environment(
        loader=PackageLoader("rounds.reports.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def better_of(insight: Insight) -> Better | None:
        measure = report.measure_of(insight)
        return measure.better if measure else None

    def icons(insight: Insight) -> Markup:
        names = insight.icons or ("no_limits",)
        return Markup(" ").join(icon_svg(name, better_of(insight)) for name in names)

    def chart(insight: Insight, *, mobile: bool, key: str) -> Markup:
        profile = MOBILE if mobile else WEB
        return drawn.svg(
            insight.chart, profile, key=f"{key}-{profile.name}", name=insight.statement, description=insight.alt_text
        )

    def exhibit_chart(exhibit: Exhibit, *, mobile: bool, key: str) -> Markup:
        profile = MOBILE if mobile else WEB
        return drawn.svg(
            exhibit.chart, profile, key=f"{key}-{profile.name}", name=exhibit.title, description=exhibit.alt_text
        )

    environment.globals |= {
        "report": report,
        "policy": POLICY,
        "navigation": [(view.title, audience_path(view.audience)) for view in VIEWS],
        "icons": icons,
        "chart": chart,
        "exhibit_chart": exhibit_chart,
        "legend": lambda name: icon_svg(name, Better.HIGHER),
        "home": home_path,
        "measure_page": lambda insight: measure_path(measure_key(insight)),
        "measure_path": measure_path,
        "organisation_path": organisation_path,
        "rate_text": rate_text,
        "audience_path": audience_path,
    }
    environment.filters |= {
        "cell": _cell,
        "estimate": _estimate,
        "number": number,
        "day": lambda day: f"{day.day} {day:%B %Y}",
        "better": better_words,
        "shown": shown_words,
    }
    return environment


def _cell(cell: Cell) -> str:
    match cell:
        case Mark() | str():
            return str(cell)
        case int():
            return f"{cell:,}"
        case float():
            return number(cell)
        case _:
            return f"{cell.day} {cell:%b %Y}"


def _estimate(estimate: Estimate) -> str:
    """Return a number with its interval: never a bare number, and never a blank for a withheld one."""
    unit = estimate.unit if estimate.unit.startswith("%") else f" {estimate.unit}"
    percent = "%" if estimate.unit.startswith("%") else ""
    value, lower, upper = numbers_apart(estimate.value, (estimate.lower, estimate.upper))
    ends = f"{lower}{percent} to {upper}"
    if value is None:
        return f"{ends}{unit} ({estimate.interval}); the value itself is withheld or not known"
    if estimate.lower == estimate.upper == estimate.value:
        return f"{value}{unit} ({estimate.interval})"
    return f"{value}{unit}; {estimate.interval} {ends}{percent}"

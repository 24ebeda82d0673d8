"""The page about a site's records, and the lines that page, workbook and JSON share."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from rounds.reports.policy import POLICY

FAILED: Final = "failed"
PASSED: Final = "passed"
_VERDICTS: Final = (FAILED, PASSED, "not checked")
_CHART_MONTHS: Final = 60
_BAR, _HEIGHT = 10, 60
_REPORTS: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLine:
    """One check of one table, column or concept."""

    check: str
    title: str
    meaning: str
    remedy: str
    unit: str
    category: str
    table: str
    column: str
    subject: str
    verdict: str
    broken: int
    of: int
    percent: float
    at_most: float
    because: str
    query: str
    """SQL that shows the rows; none for what is not about rows"""

    @property
    def place(self) -> str:
        return ".".join(part for part in (self.table, self.column) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLine:
    """One table."""

    name: str
    rows: int
    people: int
    months: tuple[tuple[str, int], ...]
    """month, as 2024-03, and rows"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsLine:
    """A file of limits and who stands for it."""

    name: str
    title: str
    author: str
    reviewer: str
    next_review: date
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPage:
    """Everything that the page shows."""

    site: str
    made_on: date
    people: int
    tables: tuple[TableLine, ...]
    lines: tuple[QualityLine, ...]
    limits: tuple[LimitsLine, ...]
    code_version: str

    def with_verdict(self, verdict: str) -> tuple[QualityLine, ...]:
        """Return the lines with a verdict; of those that failed, the largest share comes first."""
        found = [line for line in self.lines if line.verdict == verdict]
        return tuple(sorted(found, key=lambda line: -line.percent) if verdict == FAILED else found)

    def failed_by_check(self) -> tuple[tuple[QualityLine, ...], ...]:
        """Return the lines that failed, those of one check together, the largest share first."""
        failed = self.with_verdict(FAILED)
        checks = dict.fromkeys(line.check for line in failed)
        return tuple(tuple(line for line in failed if line.check == check) for check in checks)

    @property
    def statement(self) -> str:
        """What came out, in a sentence."""
        failed, passed = len(self.with_verdict(FAILED)), len(self.with_verdict(PASSED))
        if not failed:
            return f"All {passed:,} checks passed"
        return f"{failed:,} of {failed + passed:,} checks failed"

    def tallies(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Return for each category how many lines failed, passed and were not checked."""
        categories = tuple(dict.fromkeys(line.category for line in self.lines))
        return tuple(
            (
                category,
                tuple(
                    sum(1 for line in self.lines if line.category == category and line.verdict == verdict)
                    for verdict in _VERDICTS
                ),
            )
            for category in categories
        )


def share(line: QualityLine) -> str:
    """Return a percentage that is never 0 where something was found, nor 100 where something was not."""
    if line.broken == 0 or line.of == 0:
        return "0 %"
    if line.percent < 0.01:
        return "less than 0.01 %"
    if line.broken < line.of and line.percent > 99.9:
        return "more than 99.9 %"
    digits = 2 if line.percent < 1 else 1
    return f"{line.percent:.{digits}f} %"


def write_page(folder: Path, page: QualityPage, *, downloads: tuple[tuple[str, str], ...] = ()) -> Path:
    """Write the page and its style sheet into a folder, and return the page. The same page gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("rounds.reports.quality"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "day": lambda day: f"{day.day} {day:%B %Y}",
        "number": lambda value: f"{value:,}",
        "share": share,
    }
    charts = {line.name: _bars(line) for line in page.tables if line.months}
    text = environment.get_template("quality.html").render(
        page=page, policy=POLICY, downloads=downloads, charts=charts, bar=_BAR, height=_HEIGHT
    )
    path = folder / "index.html"
    path.write_text(text, encoding="utf-8", newline="\n")
    # Read as files: importing the other pages would bring in what draws their charts, which a site need not have.
    sheets = (_REPORTS / "pages" / "templates" / "style.css", _REPORTS / "quality" / "templates" / "quality.css")
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    (folder / "style.css").write_text(style, encoding="utf-8", newline="\n")
    return path


def _bars(line: TableLine) -> tuple[tuple[str, int, float], ...]:
    """Return month, rows and height in pixels of each bar."""
    shown = line.months[-_CHART_MONTHS:]
    most = max((rows for _, rows in shown), default=0) or 1
    return tuple((month, rows, round(_HEIGHT * rows / most, 1)) for month, rows in shown)

"""The panel of impact as files: a workbook with every number, and pictures to paste."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rounds.analyst.files import book_of, pictures_of, rows_of
from rounds.storage.atomic import write_file

if TYPE_CHECKING:  # for its type alone: it calls this module
    from rounds.analyst.impact_result import ImpactResult

_NAMES = {"Estimators": "estimators", "Before and after": "before-and-after"}


def write_impact(result: "ImpactResult", folder: Path, *, pictures: int, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write `impact.xlsx`, and an SVG and a PNG of each chart."""
    charts = [("impact", "Counted and expected", result.spec, result.alt_text)]
    charts += [(_NAMES[one.name], one.title, one.chart, one.alt_text) for one in result.exhibits]
    written = pictures_of(folder, charts[:pictures], done)
    notes = [("Found", sentence) for sentence in result.sentences]
    book = book_of(result.source, "Did it work", result.guesses, notes)
    for exhibit in result.exhibits:
        book.table_sheet(
            _NAMES[exhibit.name],
            exhibit.name,
            exhibit.title,
            columns=exhibit.table.columns,
            rows=list(exhibit.table.rows),
        )
    table = result.table()
    if table.height:
        what = "rate per 1,000" if result.panel.mean_of is None else "mean"
        says = f"One row a period: the {what} as counted, from its lowest to its highest possible, and expected."
        book.table_sheet("periods", "Periods", says, columns=tuple(table.columns), rows=rows_of(table))
    write_file(folder / "impact.xlsx", book.finished())
    return (folder / "impact.xlsx", *written)

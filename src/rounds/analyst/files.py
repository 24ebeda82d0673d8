"""Results as files: pictures to paste, and a workbook with every number and charts that Excel draws itself."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rounds.reports.charts.render import SvgCache, png_of
from rounds.reports.charts.theme import WEB, Spec
from rounds.reports.insight import Mark
from rounds.reports.workbook import FIRST_ROW, Rows, Workbook
from rounds.storage.atomic import write_file

if TYPE_CHECKING:  # for their types alone: they call this module
    from rounds.analyst.before_after import ItsResult
    from rounds.analyst.early_warning import DeteriorationResult
    from rounds.analyst.funnels import FunnelResult
    from rounds.analyst.maps import MapResult
    from rounds.analyst.needs import NeedResult
    from rounds.analyst.over_time import SpcResult
    from rounds.analyst.spreading import SpreadResult
    from rounds.analyst.ward_arrests import ArrestsResult
    from rounds.analyst.worth import ValueResult

_CHART_ROWS = 18
"""Rows of a sheet that a chart covers."""
_FIGURES = {
    "roc": "ROC curve",
    "efficiency": "Efficiency curve",
    "calibration": "Risk by score",
    "decision": "Decision curve",
}
_SHORTHAND = (
    (str(Mark.WITHHELD), "Withheld by whoever published it. It is not zero."),
    (str(Mark.NOT_AVAILABLE), "Not available: there is no number, or it could not be worked out."),
)


def write_spc(result: "SpcResult", folder: Path, *, pictures: int, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write control charts: `spc.xlsx`, and `NAME.svg` and `NAME.png` of each series."""
    shown = result.series[:pictures]
    names = _file_names(one.line.name for one in shown)
    written = pictures_of(
        folder, [(name, one.line.name, one.spec, one.alt_text) for name, one in zip(names, shown, strict=True)], done
    )
    together = [] if result.together is None else [result.together.sentence]
    notes = _notes([together, *(one.notes for one in result.series)])
    book = book_of(result.source, "Control charts", result.guesses, notes)
    summary = result.summary()
    book.table_sheet("summary", "Summary", "One row a series.", columns=tuple(summary.columns), rows=rows_of(summary))
    points = result.table()
    numbers = book.table_sheet(
        "points",
        "Points",
        f"One row a period. {Mark.WITHHELD} means withheld, which is not zero.",
        columns=tuple(points.columns),
        rows=rows_of(points, hidden=points["withheld"]),
    )
    _drawn_by_excel(book, numbers, points, [one.line.name for one in shown], result.unit)
    write_file(folder / "spc.xlsx", book.finished())
    return (folder / "spc.xlsx", *written)


def write_funnels(result: "FunnelResult", folder: Path, *, pictures: int, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write funnels: `funnel.xlsx`, and `NAME.svg` and `NAME.png` of each and of what is believed beside it."""
    shown = result.plots[:pictures]
    names = _file_names(f"funnel {plot.name}" for plot in shown)
    written = pictures_of(
        folder, [(name, plot.name, plot.spec, plot.alt_text) for name, plot in zip(names, shown, strict=True)], done
    )
    believed = [(plot.name, plot.caterpillar) for plot in shown]
    names = _file_names(f"caterpillar {plot.name}" for plot in shown)
    written += pictures_of(
        folder,
        [
            (name, f"{title}, allowing for chance", one.spec, one.alt_text)
            for name, (title, one) in zip(names, believed, strict=True)
            if one is not None
        ],
        lambda: None,
    )
    notes = [*(plot.notes for plot in result.plots), *(one.notes for _, one in believed if one is not None)]
    book = book_of(result.source, "Funnel plots", result.guesses, _notes(notes))
    table = result.table()
    withheld = (table["status"] == "left out: withheld") | (
        table["numerator"].is_null() & table["lowest"].is_not_null()
    )
    says = f"One row an organisation{f'; {result.summed_over}' if result.summed_over else ''}."
    book.table_sheet(
        "organisations", "Organisations", says, columns=tuple(table.columns), rows=rows_of(table, hidden=withheld)
    )
    write_file(folder / "funnel.xlsx", book.finished())
    return (folder / "funnel.xlsx", *written)


def write_map(result: "MapResult", folder: Path, *, pictures: int, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write a map: `map.xlsx`, `map.svg` and `map.png`."""
    charts = [("map", "Map", result.spec, result.alt_text)][:pictures]
    written = pictures_of(folder, charts, done)
    book = book_of(result.source, "Map", result.guesses, _notes([result.notes]))
    table = result.table()
    says = f"One row a place{f'; {result.summed_over}' if result.summed_over else ''}."
    rows = rows_of(table, hidden=table["state"] == "withheld")
    book.table_sheet("places", "Places", says, columns=tuple(table.columns), rows=rows)
    write_file(folder / "map.xlsx", book.finished())
    return (folder / "map.xlsx", *written)


def write_spread(result: "SpreadResult", folder: Path, *, pictures: int, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write adoption: `spread.xlsx`, `spread.svg` and `spread.png`."""
    charts = [("spread", "Adoption", result.spec, result.alt_text)][:pictures]
    written = pictures_of(folder, charts, done)
    book = book_of(result.source, "Adoption", result.guesses, [("Found", sentence) for sentence in result.sentences])
    for name, title, says, table in (
        ("adoption", "Adoption by period", "Counted, then forecast with intervals of 80 % and 95 %.", result.table()),
        ("reached", "When it is reached", "Empty where that is later than was looked.", result.reached()),
    ):
        if table.height:
            book.table_sheet(name, title, says, columns=tuple(table.columns), rows=rows_of(table))
    write_file(folder / "spread.xlsx", book.finished())
    return (folder / "spread.xlsx", *written)


def write_its(result: "ItsResult", folder: Path, *, pictures: int, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write one organisation before and after: `its.xlsx`, `its.svg` and `its.png`."""
    written = pictures_of(folder, [("its", result.name, result.spec, result.alt_text)][:pictures], done)
    notes = [("Found", sentence) for sentence in result.sentences]
    notes += [
        ("Certainty", f"{result.certainty.capitalize()}: {result.because}"),
        *(("Note", note) for note in result.notes),
    ]
    book = book_of(result.source, "Before and after", result.guesses, notes)
    summary, table = result.summary(), result.table()
    if summary.height:
        says = "Level, slope and rate_ratio are ratios: 1 is no change."
        if "difference" in summary["what"]:
            says = "In the units of the mean: 0 is no change."
        book.table_sheet("change", "What changed", says, columns=tuple(summary.columns), rows=rows_of(summary))
    mixture = result.mixture()
    if mixture.height:
        says = "What the mixture of others nearest before is made of (synthetic control)."
        book.table_sheet("mixture", "Mixture", says, columns=tuple(mixture.columns), rows=rows_of(mixture))
    hidden = table["value"].is_null() & table["highest"].is_not_null()
    book.table_sheet(
        "periods", "Periods", "One row a period.", columns=tuple(table.columns), rows=rows_of(table, hidden=hidden)
    )
    write_file(folder / "its.xlsx", book.finished())
    return (folder / "its.xlsx", *written)


def write_deterioration(
    result: "DeteriorationResult", folder: Path, *, pictures: int, done: Callable[[], None]
) -> tuple[Path, ...]:
    """Write `deterioration.xlsx`, which holds aggregates alone, and an SVG and a PNG of each figure."""
    figures = () if result.warned is None else result.warned.figures[:pictures]
    titles = [(name, _FIGURES[name], figure.chart, figure.alt_text) for name, figure in figures]
    written = pictures_of(folder, titles, done)
    notes = [("Found", sentence) for sentence in result.sentences] + [("Note", note) for note in result.notes]
    book = book_of(result.source, "Deterioration", result.guesses, notes)
    for name, title, says, table in (
        ("areas", "Area under the ROC curve", "One row for what is taken of each stay.", result.areas()),
        ("thresholds", "Thresholds", "What calling for a review at a score would find.", result.thresholds()),
        ("scores", "Scores", "How many sets had each score, and the risk at it.", result.scores()),
        ("on-time", "Observations on time", f"{result.schedule}.", result.on_time()),
        ("decisions", "Net benefit", "For 1,000 sets, at a risk worth acting on.", result.decisions()),
    ):
        if table.height:
            book.table_sheet(name, title, says, columns=tuple(table.columns), rows=rows_of(table))
    write_file(folder / "deterioration.xlsx", book.finished())
    return (folder / "deterioration.xlsx", *written)


def write_value(result: "ValueResult", folder: Path, *, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write `value.xlsx`, and an SVG and a PNG of the plane and of the curves."""
    written = pictures_of(folder, list(result.charts), done)
    notes = [("Found", sentence.strip()) for sentence in result.sentences] + [("Note", note) for note in result.notes]
    book = book_of(result.source, "Value", result.guesses, notes)
    for name, title, says, table in (
        ("options", "Options", "One row an option.", result.options()),
        ("curves", "Curves", f"At each sum in {result.currency} that one {result.unit} may be worth.", result.table()),
    ):
        book.table_sheet(name, title, says, columns=tuple(table.columns), rows=rows_of(table))
    write_file(folder / "value.xlsx", book.finished())
    return (folder / "value.xlsx", *written)


def write_arrests(
    result: "ArrestsResult", folder: Path, *, pictures: int, done: Callable[[], None]
) -> tuple[Path, ...]:
    """Write arrests by ward: `arrests.xlsx`, `arrests.svg` and `arrests.png`."""
    written = pictures_of(folder, [("arrests", "Arrests by ward", result.spec, result.alt_text)][:pictures], done)
    notes = [("Found", sentence) for sentence in result.sentences] + [("Note", note) for note in result.notes]
    book = book_of(result.source, "Cardiac arrests by ward", result.guesses, notes)
    table = result.table()
    book.table_sheet("wards", "Wards", "One row a ward.", columns=tuple(table.columns), rows=rows_of(table))
    write_file(folder / "arrests.xlsx", book.finished())
    return (folder / "arrests.xlsx", *written)


def write_needs(result: "NeedResult", folder: Path, *, pictures: int, done: Callable[[], None]) -> tuple[Path, ...]:
    """Write need less use: `need.xlsx`, `need.svg` and `need.png`."""
    written = pictures_of(folder, [("need", "Need less use", result.spec, result.alt_text)][:pictures], done)
    notes = [("Found", sentence) for sentence in result.sentences] + [("Note", note) for note in result.notes]
    book = book_of(result.source, "Need less use", result.guesses, notes)
    table = result.table()
    book.table_sheet("groups", "Groups", "One row a group.", columns=tuple(table.columns), rows=rows_of(table))
    write_file(folder / "need.xlsx", book.finished())
    return (folder / "need.xlsx", *written)


def book_of(source: str, title: str, guesses: Iterable[Any], notes: list[tuple[str, str]]) -> Workbook:
    """Return a workbook with a sheet of what was read and noted."""
    book = Workbook(f"{title}: {source}", made_on=datetime.now(tz=UTC).date())
    read = [(f"Read as {guess.role}", f"{guess.column} ({guess.because})") for guess in guesses]
    book.text_sheet("notes", f"{title} of {source}", [*read, *_SHORTHAND, *notes], widths=(28, 110))
    return book


def _notes(of_each: Iterable[Iterable[str]]) -> list[tuple[str, str]]:
    """Return each note once, in the order in which they come."""
    return [("Note", note) for note in dict.fromkeys(note for notes in of_each for note in notes)]


def rows_of(frame: pl.DataFrame, *, hidden: pl.Series | None = None) -> Rows:
    """Return a frame's rows with a mark in each empty cell: withheld in hidden rows, else not available."""
    marks = (
        [Mark.NOT_AVAILABLE] * frame.height
        if hidden is None
        else [Mark.WITHHELD if one else Mark.NOT_AVAILABLE for one in hidden.fill_null(value=False)]
    )
    return [
        tuple(mark if cell is None else str(cell) if isinstance(cell, bool) else cell for cell in row)
        for row, mark in zip(frame.iter_rows(), marks, strict=True)
    ]


def _drawn_by_excel(book: Workbook, numbers: Any, points: pl.DataFrame, names: list[str], unit: str) -> None:
    """Add a sheet of charts that Excel draws from the sheet of points, so that people can restyle them."""
    sheet = book.book.add_worksheet("charts")
    place = {column: at for at, column in enumerate(points.columns)}
    ends = (
        points.with_row_index("at")
        .group_by("series", maintain_order=True)
        .agg(pl.col("at").min().alias("first"), pl.col("at").max().alias("last"))
    )
    for row in ends.filter(pl.col("series").is_in(names)).iter_rows(named=True):
        first, last = row["first"] + FIRST_ROW + 1, row["last"] + FIRST_ROW + 1
        chart = book.book.add_chart({"type": "line"})
        for column, line in (
            ("value", {"color": "#4c6272", "width": 1.5}),
            ("mean", {"color": "#212b32", "width": 1}),
            ("lower_limit", {"color": "#212b32", "width": 1, "dash_type": "dash"}),
            ("upper_limit", {"color": "#212b32", "width": 1, "dash_type": "dash"}),
        ):
            chart.add_series(
                {
                    "name": column.replace("_", " "),
                    "categories": [numbers.name, first, place["period"], last, place["period"]],
                    "values": [numbers.name, first, place[column], last, place[column]],
                    "line": line,
                    **({"marker": {"type": "circle", "size": 4}} if column == "value" else {}),
                }
            )
        chart.set_title({"name": row["series"], "name_font": {"size": 11}})
        chart.set_y_axis({"name": unit, "major_gridlines": {"visible": True, "line": {"color": "#e8edee"}}})
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 760, "height": 340})
        sheet.insert_chart(
            _CHART_ROWS * names.index(row["series"]), 0, chart, {"description": f"Control chart of {row['series']}"}
        )


def pictures_of(folder: Path, charts: list[tuple[str, str, Spec, str]], done: Callable[[], None]) -> tuple[Path, ...]:
    """Write an SVG and a PNG of each chart, given as (file name, title, chart, text in its place)."""
    cache = SvgCache()
    written = []
    for name, title, spec, alt_text in charts:
        svg = cache.svg(spec, WEB, key="chart", name=title, description=alt_text)
        write_file(folder / f"{name}.svg", str(svg).encode())
        write_file(folder / f"{name}.png", png_of(str(svg)))
        written += [folder / f"{name}.svg", folder / f"{name}.png"]
        done()
    return tuple(written)


def _file_names(titles: Iterable[str]) -> list[str]:
    """Return a file name for each title, no two alike whatever the case."""
    found: list[str] = []
    for title in titles:
        plain = re.sub(r"[^\w]+", "-", title.lower()).strip("-")[:60] or "series"
        name, again = plain, 1
        while name in found:
            again += 1
            name = f"{plain}-{again}"
        found.append(name)
    return found

"""The workbook: the same statements and numbers, laid out as government statistics are."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter

from rounds.reports.completeness import CompletenessLine
from rounds.reports.content.wording import sites_out_words, slug
from rounds.reports.insight import Cell, Insight, Kind, Mark
from rounds.reports.report import Report

SHEET_NAME_LIMIT = 31
SHORTHAND = (
    (
        Mark.WITHHELD,
        "Withheld to protect patients. It is not zero; the columns beside it give its lowest and highest "
        "possible value.",
    ),
    (Mark.NOT_AVAILABLE, "Not available: nothing was received, or it could not be worked out."),
    (Mark.NOT_APPLICABLE, "Not applicable."),
)
STATEMENT_COLUMNS = (
    "Statement",
    "Kind",
    "About",
    "Scope",
    "Measure",
    "Direction",
    "Certainty",
    "Because",
    "Value",
    "Lower",
    "Upper",
    "Interval",
    "Unit",
    "Compared with",
    "Benefit",
    "Benefit, lower",
    "Benefit, upper",
    "Benefit unit",
    "Action",
    "Owner",
    "Method",
    "Identifier",
)
COMPLETENESS_COLUMNS = (
    "Measure",
    "Measure's name",
    "Organisation",
    "ODS code",
    "What it looks at",
    "Per cent there",
    "Lower",
    "Upper",
    "Per cent needed",
    "Is the need met",
)
FIRST_ROW = 2
"""Title, what the sheet holds, then the table's heading."""


def write_workbook(path: Path, report: Report) -> Path:
    """Write a report as an Excel workbook: cover, contents, notes, statements, then one named table a sheet.

    A withheld number is `[c]`, with its bounds in columns of their own. The same report gives the same bytes.

    Args:
        path: the file to write; its folder exists.
        report: what to write.
    """
    moment = datetime.combine(report.as_of, datetime.min.time(), tzinfo=UTC).replace(tzinfo=None)
    # Made in memory: on a full disk xlsxwriter raises errors of its own, and this file's are the system's.
    made = BytesIO()
    book = xlsxwriter.Workbook(
        made, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    )
    book.set_properties(
        {"title": f"{report.network_name}: {report.round_title}", "author": "Rounds", "created": moment}
    )
    looks = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}),
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
        "date": book.add_format({"num_format": "d mmm yyyy", "align": "left"}),
    }
    tables = _tables(report)
    names = sheet_names(title for title, _, _ in tables)
    missing = {_table_title(insight): _missing(insight) for insight in report.insights}
    _cover(book, looks, report)
    _contents(book, looks, [(name, title) for name, (title, _, _) in zip(names, tables, strict=True)])
    _notes(book, looks, report)
    for index, (name, (title, columns, rows)) in enumerate(zip(names, tables, strict=True), start=1):
        about = (title, missing.get(title, ""))
        _sheet(book, looks, name=name, about=about, columns=columns, rows=rows, table_name=f"table_{index}")
    book.close()
    path.write_bytes(made.getvalue())
    return path


Rows = list[tuple[Cell, ...]]


def _tables(report: Report) -> list[tuple[str, tuple[str, ...], Rows]]:
    """Return every table as (title, columns, rows): the statements, then what they rest on, a table a measure."""
    found: dict[tuple[str, tuple[str, ...]], Rows] = {}
    for insight in report.insights:
        columns = ("Identifier", "About", *insight.table.columns)
        rows = found.setdefault((_table_title(insight), columns), [])
        rows += [(insight.id, insight.scope_name, *row) for row in insight.table.rows]
    tables: list[tuple[str, tuple[str, ...], Rows]] = [
        ("Statements", STATEMENT_COLUMNS, [_statement_row(insight) for insight in report.insights])
    ]
    tables += [(title, columns, rows) for (title, columns), rows in found.items()]
    if report.completeness:
        tables.append(
            ("Completeness of records", COMPLETENESS_COLUMNS, [_completeness(one) for one in report.completeness])
        )
    return tables


def _completeness(line: CompletenessLine) -> tuple[Cell, ...]:
    withheld = (line.lower, line.upper) == (0, 100)
    return (
        line.measure_title,
        line.measure,
        line.scope_name,
        line.scope,
        line.name,
        Mark.WITHHELD if withheld else f"{line.lower} to {line.upper}",
        line.lower,
        line.upper,
        Mark.NOT_APPLICABLE if line.need is None else line.need,
        str(line.met),
    )


def _table_title(insight: Insight) -> str:
    what = insight.kind.capitalize()
    if insight.kind is Kind.OVER_TIME and insight.scope == "network":
        what = "Partial total" if insight.provenance.sites_out else "Network total"
    return f"{what}: {insight.measure_title}"


def _missing(insight: Insight) -> str:
    """Return a sentence on the sites that a table is without; empty if none is missing."""
    words = sites_out_words(insight.provenance)
    return f" {words} ({', '.join(insight.provenance.sites_out)}): these numbers are without them." if words else ""


def _statement_row(insight: Insight) -> tuple[Cell, ...]:
    estimate, benefit, action = insight.certainty.estimate, insight.benefit, insight.action
    value: Cell = Mark.WITHHELD if estimate.value is None else estimate.value
    benefits: tuple[Cell, ...] = (Mark.NOT_APPLICABLE,) * 4
    if benefit is not None:
        patients = benefit.patients
        benefits = (
            Mark.NOT_AVAILABLE if patients.value is None else patients.value,
            patients.lower,
            patients.upper,
            patients.unit,
        )
    return (
        insight.statement,
        str(insight.kind),
        insight.scope_name,
        insight.scope,
        insight.measure,
        str(insight.direction),
        str(insight.certainty.level),
        insight.certainty.because,
        value,
        estimate.lower,
        estimate.upper,
        estimate.interval,
        estimate.unit,
        insight.comparator or Mark.NOT_APPLICABLE,
        *benefits,
        action.text if action else Mark.NOT_APPLICABLE,
        action.owner_role if action else Mark.NOT_APPLICABLE,
        insight.certainty.method,
        insight.id,
    )


def sheet_names(titles: Iterable[str]) -> list[str]:
    """Return a unique sheet name of at most 31 letters, digits and hyphens for each title.

    >>> sheet_names(["Over time: A&E attendances over four hours", "Over time: A&E attendances over four hours, all"])
    ['over-time-a-e-attendances-over', 'over-time-a-e-attendances-ove-2']
    """
    found: list[str] = []
    for title in titles:
        full = slug(title)
        name, again = full[:SHEET_NAME_LIMIT].rstrip("-"), 1
        while name in found or name in ("cover", "contents", "notes"):
            again += 1
            name = f"{full[: SHEET_NAME_LIMIT - 1 - len(str(again))].rstrip('-')}-{again}"
        found.append(name)
    return found


def _cover(book: Any, looks: dict[str, Any], report: Report) -> None:
    sheet = book.add_worksheet("cover")
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 90)
    sheet.write_string(0, 0, f"{report.network_name}: {report.round_title}", looks["title"])
    source = report.provenance
    lines = (
        ("Round", report.round_id),
        ("As of", report.as_of.isoformat()),
        ("Data as of", source.data_as_of.isoformat()),
        ("Sites in", f"{len(source.sites_in)}: {', '.join(source.sites_in) or 'none'}"),
        ("Sites missing", ", ".join(source.sites_out) or "none"),
        ("Withheld", f"{source.withheld_cells:,} of {source.total_cells:,} numbers withheld to protect patients"),
        ("Plan", source.plan_digest),
        ("Made with", f"Rounds {source.code_version}"),
        *(("Not said", silence) for silence in report.silences),
    )
    for row, (label, text) in enumerate(lines, start=FIRST_ROW):
        sheet.write_string(row, 0, label, looks["wrap"])
        sheet.write_string(row, 1, text, looks["wrap"])


def _contents(book: Any, looks: dict[str, Any], sheets: list[tuple[str, str]]) -> None:
    sheet = book.add_worksheet("contents")
    sheet.set_column(0, 0, 36)
    sheet.set_column(1, 1, 80)
    sheet.write_string(0, 0, "Contents", looks["title"])
    rows = [("notes", "Shorthand, words and methods"), *sheets]
    for row, (name, title) in enumerate(rows, start=FIRST_ROW):
        sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
        sheet.write_string(row, 1, title)


def _notes(book: Any, looks: dict[str, Any], report: Report) -> None:
    sheet = book.add_worksheet("notes")
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 110)
    sheet.write_string(0, 0, "Notes", looks["title"])
    sheet.write_string(
        1, 0, "Shorthand that stands where there is no number, then words, then what to know about each table."
    )
    methods = sorted({(insight.measure_title, note) for insight in report.insights for note in _general_notes(insight)})
    lines = [*((str(mark), words) for mark, words in SHORTHAND), *report.glossary, *methods]
    for row, (label, text) in enumerate(lines, start=FIRST_ROW):
        sheet.write_string(row, 0, label, looks["wrap"])
        sheet.write_string(row, 1, text, looks["wrap"])


def _general_notes(insight: Insight) -> tuple[str, ...]:
    """Return the notes that hold for a whole table, not those of one organisation's own chart."""
    return insight.notes if insight.scope == "network" else insight.notes[:3]


def _sheet(
    book: Any,
    looks: dict[str, Any],
    *,
    name: str,
    about: tuple[str, str],
    columns: tuple[str, ...],
    rows: Rows,
    table_name: str,
) -> None:
    """Write a sheet of one table. `about` is its title and a sentence on the sites that are missing from it."""
    title, missing = about
    sheet = book.add_worksheet(name)
    sheet.write_string(0, 0, title, looks["title"])
    sheet.write_string(
        1,
        0,
        f"This sheet holds one table of {len(rows)} rows. {Mark.WITHHELD} means withheld, which is not "
        f"zero; see notes.{missing}",
    )
    last = FIRST_ROW + max(len(rows), 1)
    headings = _unique(columns)
    sheet.add_table(
        FIRST_ROW,
        0,
        last,
        len(columns) - 1,
        {
            "name": table_name,
            "columns": [{"header": heading, "header_format": looks["head"]} for heading in headings],
            "style": "Table Style Light 1",
            "banded_rows": False,
        },
    )
    for at, row in enumerate(rows, start=FIRST_ROW + 1):
        for column, cell in enumerate(row):
            _write(sheet, at, column, cell, looks)
    for column, heading in enumerate(headings):
        sheet.set_column(column, column, _width(heading, [row[column] for row in rows[:200]]))
    sheet.freeze_panes(FIRST_ROW + 1, 1)


def _unique(columns: tuple[str, ...]) -> list[str]:
    """Return headings as a table needs them: no two alike, whatever the case."""
    found: list[str] = []
    for column in columns:
        name, again = column, 1
        while name.lower() in {other.lower() for other in found}:
            again += 1
            name = f"{column} ({again})"
        found.append(name)
    return found


def _write(sheet: Any, row: int, column: int, cell: Cell, looks: dict[str, Any]) -> None:
    match cell:
        case Mark() | str():
            sheet.write_string(row, column, str(cell))
        case int() | float():
            sheet.write_number(row, column, cell)
        case date():
            sheet.write_datetime(row, column, datetime.combine(cell, datetime.min.time()), looks["date"])


def _width(heading: str, cells: list[Cell]) -> float:
    longest = max((len(str(cell)) for cell in cells), default=0)
    return float(min(max(longest + 2, min(len(heading), 16) + 2, 9), 60))

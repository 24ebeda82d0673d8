"""The workbook: the same statements and numbers, laid out as government statistics are."""

from pathlib import Path

from rounds.reports.completeness import CompletenessLine
from rounds.reports.content.wording import sites_out_words
from rounds.reports.insight import Cell, Insight, Kind, Mark
from rounds.reports.report import Report
from rounds.reports.workbook import FIRST_ROW, Rows, Workbook, sheet_names

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


def write_workbook(path: Path, report: Report) -> Path:
    """Write a report as an Excel workbook: cover, contents, notes, statements, then one named table a sheet.

    A withheld number is `[c]`, with its bounds in columns of their own. The same report gives the same bytes.

    Args:
        path: the file to write; its folder exists.
        report: what to write.
    """
    made = Workbook(f"{report.network_name}: {report.round_title}", made_on=report.as_of)
    tables = _tables(report)
    names = sheet_names(title for title, _, _ in tables)
    missing = {_table_title(insight): _missing(insight) for insight in report.insights}
    _cover(made, report)
    _contents(made, [(name, title) for name, (title, _, _) in zip(names, tables, strict=True)])
    _notes(made, report)
    for name, (title, columns, rows) in zip(names, tables, strict=True):
        says = (
            f"This sheet holds one table of {len(rows)} rows. {Mark.WITHHELD} means withheld, which is not "
            f"zero; see notes.{missing.get(title, '')}"
        )
        made.table_sheet(name, title, says, columns=columns, rows=rows)
    path.write_bytes(made.finished())
    return path


def _tables(report: Report) -> list[tuple[str, tuple[str, ...], Rows]]:
    """Return every table as (title, columns, rows): the statements, then what they rest on, a table a measure."""
    found: dict[tuple[str, tuple[str, ...]], Rows] = {}
    for insight in report.insights:
        columns = ("Identifier", "About", *insight.table.columns)
        rows = found.setdefault((_table_title(insight), columns), [])
        rows += [(insight.id, insight.scope_name, *row) for row in insight.table.rows]
        for exhibit in insight.exhibits:
            columns = ("Identifier", "About", *exhibit.table.columns)
            rows = found.setdefault((f"{exhibit.name}: {insight.measure_title}", columns), [])
            rows += [(insight.id, insight.scope_name, *row) for row in exhibit.table.rows]
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


def _cover(made: Workbook, report: Report) -> None:
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
    made.text_sheet("cover", f"{report.network_name}: {report.round_title}", lines, widths=(24, 90))


def _contents(made: Workbook, sheets: list[tuple[str, str]]) -> None:
    sheet = made.text_sheet("contents", "Contents", (), widths=(36, 80))
    rows = [("notes", "Shorthand, words and methods"), *sheets]
    for row, (name, title) in enumerate(rows, start=FIRST_ROW):
        sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
        sheet.write_string(row, 1, title)


def _notes(made: Workbook, report: Report) -> None:
    methods = sorted({(insight.measure_title, note) for insight in report.insights for note in _general_notes(insight)})
    lines = [*((str(mark), words) for mark, words in SHORTHAND), *report.glossary, *methods]
    sheet = made.text_sheet("notes", "Notes", lines, widths=(28, 110))
    sheet.write_string(
        1, 0, "Shorthand that stands where there is no number, then words, then what to know about each table."
    )


def _general_notes(insight: Insight) -> tuple[str, ...]:
    """Return the notes that hold for a whole table, not those of one organisation's own chart."""
    return insight.notes if insight.scope == "network" else insight.notes[:3]

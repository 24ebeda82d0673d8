"""The quarterly return as an Excel workbook and as CSV files."""

from pathlib import Path

from rounds.reports.content.benefit_return import QuarterlyReturn
from rounds.reports.content.benefit_tables import ReturnTable, return_tables
from rounds.reports.excel import SHORTHAND
from rounds.reports.workbook import FIRST_ROW, Workbook, sheet_names
from rounds.storage.spreadsheet_text import csv_of

RETURN_WORKBOOK = "benefit-return.xlsx"
RETURN_FOLDER = "benefit-return"

WORDS = (
    ("Reached", "Who was in the measure's denominator in a period throughout which the innovation was in effect."),
    ("Benefited", "Events expected without the innovation less events counted (of good events the other way round)."),
    ("Below 0", "More events than expected: harm. It is counted like every benefit."),
    (
        "Value",
        "What the benefit is worth at declared prices less what was spent and not saved; below 0 it cost more than it "
        'brought. Where no price is known it says "not valued", which is not 0.',
    ),
    ("95%", "An interval made by a method that holds the true value 95 times in 100, if its assumptions hold."),
    ("Site-periods", "One site in one period of the measure, such as a month."),
)


def write_return(folder: Path, found: QuarterlyReturn, *, code_version: str) -> tuple[Path, ...]:
    """Write a quarterly return as a workbook and a folder of CSV files. The same return gives the same bytes.

    Args:
        folder: where to; it exists.
        found: what to write.
        code_version: of the program that made it.
    """
    tables = return_tables(found)
    workbook = folder / RETURN_WORKBOOK
    workbook.write_bytes(_workbook(found, tables, code_version))
    (folder / RETURN_FOLDER).mkdir(exist_ok=True)
    written = [workbook]
    for table in tables:
        path = folder / RETURN_FOLDER / f"{table.name}.csv"
        path.write_bytes(csv_of(table.columns, table.rows))
        written.append(path)
    return tuple(written)


def _workbook(found: QuarterlyReturn, tables: tuple[ReturnTable, ...], code_version: str) -> bytes:
    asked = found.asked
    title = f"{asked.network_name}: return for {asked.quarter.label}"
    made = Workbook(title, made_on=asked.as_of)
    year, number = asked.quarter.financial_year, asked.quarter.financial_number
    lines = [
        ("Network", f"{asked.network_name} ({asked.network_id})"),
        ("Quarter", f"{asked.quarter.label}: quarter {number} of {year} ({asked.quarter} of the calendar)"),
        ("Complete", "yes" if not found.incomplete else "NO: " + found.incomplete[0]),
        *(("", because) for because in found.incomplete[1:]),
        ("Ledger as of", asked.as_of.isoformat()),
        ("Data as of", found.data_as_of.isoformat()),
        ("Members", f"{found.members:,} belonged to the network at the end of the quarter"),
        ("Rounds", ", ".join(sorted({one.round_id for one in found.statements if one.entries}))),
        ("Methods", ", ".join(sorted({one.method for one in found.statements if one.entries}))),
        ("Rules", ", ".join(str(rule) for rule in found.rules)),
        ("Adds up", "Every total was checked to be the sum of its parts before this was written."),
        ("Made with", f"Rounds {code_version}"),
    ]
    made.text_sheet("cover", title, lines, widths=(24, 110))
    names = sheet_names(table.title for table in tables)
    sheet = made.text_sheet("contents", "Contents", (), widths=(36, 80))
    rows = [("notes", "Shorthand, words and what to know"), *zip(names, (table.title for table in tables), strict=True)]
    for row, (name, what) in enumerate(rows, start=FIRST_ROW):
        sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
        sheet.write_string(row, 1, what)
    notes = [*((str(mark), words) for mark, words in SHORTHAND), *WORDS, *(("Note", note) for note in found.notes)]
    made.text_sheet("notes", "Notes", notes, widths=(24, 110))
    for name, table in zip(names, tables, strict=True):
        made.table_sheet(name, table.title, table.says, columns=table.columns, rows=list(table.rows))
    return made.finished()

"""What an import leaves beside its tables: the report for people, the codes somebody should map, how it was made."""

from pathlib import Path
from typing import Final

from rounds.records.importing.made import write_made
from rounds.records.importing.report import ImportReport
from rounds.storage.spreadsheet_text import csv_of

REPORT: Final = "import-report.md"
UNMAPPED: Final = "unmapped-codes.csv"


def write_report(report: ImportReport, folder: Path) -> None:
    """Write a report beside the tables it is about."""
    (folder / REPORT).write_text(report.markdown(), encoding="utf-8")
    write_made(report.made, folder)
    if report.unmapped:
        columns = ("source_system", "source_code", "concept_id", "from", "rows")
        rows = [(code.system, code.code, None, code.origin, code.rows) for code in report.unmapped]
        (folder / UNMAPPED).write_bytes(csv_of(columns, rows))

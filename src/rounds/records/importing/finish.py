"""What an import leaves beside its tables: the report for people, and the list of codes somebody should map."""

import csv
import io
from pathlib import Path
from typing import Final

from rounds.records.importing.report import ImportReport

REPORT: Final = "import-report.md"
UNMAPPED: Final = "unmapped-codes.csv"


def write_report(report: ImportReport, folder: Path) -> None:
    """Write a report beside the tables it is about."""
    (folder / REPORT).write_text(report.markdown(), encoding="utf-8")
    if report.unmapped:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("source_system", "source_code", "concept_id", "from", "rows"))
        writer.writerows((code.system, code.code, "", code.origin, code.rows) for code in report.unmapped)
        (folder / UNMAPPED).write_text(text.getvalue(), encoding="utf-8")

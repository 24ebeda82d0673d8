"""Everything a round hands out, in one folder."""

from collections.abc import Callable
from pathlib import Path

from rounds.reports.benefit_files import RETURN_WORKBOOK, write_return
from rounds.reports.excel import write_workbook
from rounds.reports.json_file import insights_json
from rounds.reports.pages import write_pages
from rounds.reports.record_file import RECORD
from rounds.reports.report import Report

WORKBOOK = "insights.xlsx"
JSON = "insights.json"


def write_outputs(
    folder: Path,
    *,
    report: Report,
    with_record: bool = False,
    done: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[Path, ...]:
    """Write a report's pages, workbook and JSON file, and return what was written.

    The same report gives the same bytes.

    Args:
        folder: an existing, empty folder, which the caller swaps in when all is written.
        report: what to write.
        with_record: whether the pages link to a record, which `write_record` writes once everything else is there.
        done: told after each page how many are done, of how many.
    """
    (folder / JSON).write_bytes(insights_json(report))
    write_workbook(folder / WORKBOOK, report)
    downloads = [(WORKBOOK, "All statements and tables (Excel)"), (JSON, "All insights (JSON)")]
    returned: tuple[Path, ...] = ()
    if report.quarterly_return is not None:
        returned = write_return(folder, report.quarterly_return, code_version=report.provenance.code_version)
        quarter = report.quarterly_return.asked.quarter.label
        downloads.append((RETURN_WORKBOOK, f"Quarterly return, {quarter}: reached and benefited (Excel)"))
    if with_record:
        downloads.append((RECORD, "Record of this round (RO-Crate)"))
    pages = write_pages(folder, report=report, downloads=tuple(downloads), done=done)
    return (*pages, folder / WORKBOOK, folder / JSON, *returned)

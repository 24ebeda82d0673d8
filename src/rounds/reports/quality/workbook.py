"""The same lines as a workbook, to filter and to send to whoever maintains a feed inside the site."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from rounds.reports.quality.page import QualityPage

_CHECKS: Final = (
    ("Result", 12),
    ("Kind", 14),
    ("Check", 44),
    ("Table", 22),
    ("Column", 28),
    ("About", 44),
    ("Share, per cent", 10),
    ("Number", 12),
    ("Of", 14),
    ("Counted", 10),
    ("Limit, per cent", 10),
    ("Meaning", 60),
    ("What to do", 60),
    ("Why", 40),
    ("SQL", 60),
)


def write_workbook(path: Path, page: QualityPage) -> Path:
    """Write the checks, the tables by month and the limits, one named table a sheet. The same page, the same bytes."""
    made = BytesIO()
    book = xlsxwriter.Workbook(
        made, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    )
    moment = datetime.combine(page.made_on, datetime.min.time(), tzinfo=UTC).replace(tzinfo=None)
    book.set_properties({"title": f"Records of {page.site}", "author": "Rounds", "created": moment})
    bold = book.add_format({"bold": True, "font_size": 14})
    checks = [
        (
            line.verdict,
            line.category,
            line.title,
            line.table,
            line.column,
            line.subject,
            round(line.percent, 4),
            line.broken,
            line.of,
            line.unit,
            line.at_most,
            line.meaning,
            line.remedy,
            line.because,
            line.query,
        )
        for line in (*page.with_verdict("failed"), *page.with_verdict("not checked"), *page.with_verdict("passed"))
    ]
    stays = f"{page.site}, {page.made_on}: {page.statement}. These numbers are exact and stay at the site."
    _sheet(book, bold, "Checks", stays, _CHECKS, checks)
    months = [(table.name, month, rows) for table in page.tables for month, rows in table.months]
    _sheet(book, bold, "Rows by month", stays, (("Table", 24), ("Month", 12), ("Rows", 14)), months)
    limits = [
        (one.name, one.title, one.author, one.reviewer, one.next_review.isoformat(), one.because) for one in page.limits
    ]
    heads = (("File", 20), ("Title", 44), ("Author", 30), ("Reviewer", 30), ("Next review", 14), ("Because", 60))
    _sheet(book, bold, "Limits", stays, heads, limits)
    book.close()
    path.write_bytes(made.getvalue())
    return path


def _sheet(
    book: Any, bold: Any, name: str, says: str, heads: tuple[tuple[str, int], ...], rows: list[tuple[Any, ...]]
) -> None:
    sheet = book.add_worksheet(name)
    sheet.write_string(0, 0, says, bold)
    for number, (_, width) in enumerate(heads):
        sheet.set_column(number, number, width)
    sheet.add_table(
        2,
        0,
        2 + max(1, len(rows)),
        len(heads) - 1,
        {
            "name": name.replace(" ", "_"),
            "columns": [{"header": head} for head, _ in heads],
            "data": [list(row) for row in rows],
            "style": "Table Style Light 1",
        },
    )
    sheet.freeze_panes(3, 0)

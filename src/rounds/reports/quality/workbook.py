"""The same lines as a workbook, to filter and to send to whoever maintains a feed inside the site."""

from pathlib import Path
from typing import Any, Final

from rounds.reports.quality.page import QualityPage
from rounds.reports.workbook import Workbook

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
    made = Workbook(f"Records of {page.site}", made_on=page.made_on)
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
    _sheet(made, "Checks", stays, _CHECKS, checks)
    months = [(table.name, month, rows) for table in page.tables for month, rows in table.months]
    _sheet(made, "Rows by month", stays, (("Table", 24), ("Month", 12), ("Rows", 14)), months)
    limits = [
        (one.name, one.title, one.author, one.reviewer, one.next_review.isoformat(), one.because) for one in page.limits
    ]
    heads = (("File", 20), ("Title", 44), ("Author", 30), ("Reviewer", 30), ("Next review", 14), ("Because", 60))
    _sheet(made, "Limits", stays, heads, limits)
    path.write_bytes(made.finished())
    return path


def _sheet(
    made: Workbook, name: str, says: str, heads: tuple[tuple[str, int], ...], rows: list[tuple[Any, ...]]
) -> None:
    columns = tuple(head for head, _ in heads)
    sheet = made.table_sheet(name, says, "", columns=columns, rows=rows)
    for number, (_, width) in enumerate(heads):
        sheet.set_column(number, number, width)

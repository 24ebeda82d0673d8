"""Workbooks laid out as government statistics are: a title, what the sheet holds, then one named table."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from io import BytesIO
from math import ceil
from typing import Any

import xlsxwriter

from rounds.reports.content.wording import slug
from rounds.reports.insight import Cell, Mark

SHEET_NAME_LIMIT = 31
FIRST_ROW = 2
"""Title, what the sheet holds, then the table's heading."""

_LARGE = 10_000
"""From here on a number is shown in whole units and with separators."""
_LINE_HIGH = 15.0
"""of a line of text in points; a program that does not measure text itself would cut longer ones"""
_PAGE_WIDE = 200.0
"""Widths of columns that can still be read on one printed page; wider tables go over several"""
_A4 = 9

Rows = list[tuple[Cell, ...]]


class Workbook:
    """A workbook in the making. The same calls give the same bytes."""

    def __init__(self, title: str, *, made_on: date) -> None:
        # Made in memory: on a full disk xlsxwriter raises errors of its own, and a file's are the system's.
        self._made = BytesIO()
        options = {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "in_memory": True,
        }
        self.book: Any = xlsxwriter.Workbook(self._made, options)
        moment = datetime.combine(made_on, datetime.min.time(), tzinfo=UTC).replace(tzinfo=None)
        self.book.set_properties({"title": title, "author": "Rounds", "created": moment})
        self.looks: dict[str, Any] = {
            "title": self.book.add_format({"bold": True, "font_size": 14}),
            "head": self.book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}),
            "wrap": self.book.add_format({"text_wrap": True, "valign": "top"}),
            "large": self.book.add_format({"num_format": "#,##0"}),
            "date": self.book.add_format({"num_format": "d mmm yyyy", "align": "left"}),
        }
        self._tables = 0

    def text_sheet(self, name: str, title: str, lines: Iterable[tuple[str, str]], *, widths: tuple[int, int]) -> Any:
        """Add a sheet of labels and texts."""
        sheet = self._sheet(name, title)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        for row, (label, text) in enumerate(lines, start=FIRST_ROW):
            lines_high = max(ceil(len(part) / width) for part, width in zip((label, text), widths, strict=True))
            sheet.set_row(row, _LINE_HIGH * max(lines_high, 1))
            sheet.write_string(row, 0, label, self.looks["wrap"])
            sheet.write_string(row, 1, text, self.looks["wrap"])
        return sheet

    def table_sheet(self, name: str, title: str, says: str, *, columns: tuple[str, ...], rows: Rows) -> Any:
        """Add a sheet of one named table."""
        sheet = self._sheet(name, title)
        sheet.repeat_rows(FIRST_ROW)
        sheet.write_string(1, 0, says)
        self._tables += 1
        headings = unique_headings(columns)
        sheet.add_table(
            FIRST_ROW,
            0,
            FIRST_ROW + max(len(rows), 1),
            len(columns) - 1,
            {
                "name": f"table_{self._tables}",
                "columns": [{"header": heading, "header_format": self.looks["head"]} for heading in headings],
                "style": "Table Style Light 1",
                "banded_rows": False,
            },
        )
        for at, row in enumerate(rows, start=FIRST_ROW + 1):
            for column, cell in enumerate(row):
                self._write(sheet, at, column, cell)
        widths = [_width(heading, [row[column] for row in rows[:200]]) for column, heading in enumerate(headings)]
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        high = max(ceil((len(heading) + 2) / width) for heading, width in zip(headings, widths, strict=True))
        sheet.set_row(FIRST_ROW, _LINE_HIGH * high)
        sheet.fit_to_pages(ceil(sum(widths) / _PAGE_WIDE), 0)
        sheet.repeat_columns(0)
        sheet.freeze_panes(FIRST_ROW + 1, 1)
        return sheet

    def _sheet(self, name: str, title: str) -> Any:
        """Add a sheet that prints in landscape on A4, as long as it is, and one page wide unless it is a wide table."""
        sheet = self.book.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&RPage &P of &N")
        sheet.write_string(0, 0, title, self.looks["title"])
        return sheet

    def _write(self, sheet: Any, row: int, column: int, cell: Cell) -> None:
        match cell:
            case Mark() | str():
                sheet.write_string(row, column, str(cell))
            case int() | float():
                sheet.write_number(row, column, cell, self.looks["large"] if abs(cell) >= _LARGE else None)
            case date():
                sheet.write_datetime(row, column, datetime.combine(cell, datetime.min.time()), self.looks["date"])

    def finished(self) -> bytes:
        """Return the file's bytes. Nothing can be added after."""
        self.book.close()
        return self._made.getvalue()


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


def unique_headings(columns: tuple[str, ...]) -> list[str]:
    """Return headings as a table needs them: no two alike, whatever the case."""
    found: list[str] = []
    for column in columns:
        name, again = column, 1
        while name.lower() in {other.lower() for other in found}:
            again += 1
            name = f"{column} ({again})"
        found.append(name)
    return found


def _width(heading: str, cells: list[Cell]) -> float:
    longest = max((len(str(cell)) for cell in cells), default=0)
    return float(min(max(longest + 2, min(len(heading), 16) + 2, 9), 60))

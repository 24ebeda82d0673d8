"""Text from people in CSV files that others open in a spreadsheet, which runs a cell that begins like a formula.

Such a text gets an apostrophe in front, which a spreadsheet shows and never runs, and loses it when it is read back.
Numbers, dates and texts that are a plain number are left as they are. In a workbook nothing needs this: its texts are
written as texts (`reports.workbook`).

Source: OWASP, CSV Injection: a cell is dangerous that begins with =, +, -, @, tab or carriage return.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

_RUNS: Final = re.compile(r"'*(?!'*[-+]?\d+(\.\d+)?\Z)[\s=+\-@\uff1d\uff0b\uff0d\uff20]")
"""What begins like a formula, in the wide letters of East Asia too, apostrophes before it included; no plain number.
Space in front is part of it: some programs skip it."""
_UTF8_MARK: Final = "\ufeff"

CsvCell = str | int | float | date | None


def guarded(text: str) -> str:
    """Return a text that no spreadsheet runs; `unguarded` gives back what it was, whatever it was.

    >>> guarded("=1+1"), guarded("-5"), guarded("A&E")
    ("'=1+1", '-5', 'A&E')
    """
    return f"'{text}" if _RUNS.match(text) else text


def unguarded(text: str) -> str:
    """Return a text as it was before `guarded`.

    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")
    """
    return text[1:] if text.startswith("'") and _RUNS.match(text) else text


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[CsvCell]], *, for_excel: bool = False) -> bytes:
    """Return a CSV file in UTF-8 whose texts no spreadsheet runs.

    Args:
        columns: the names in its first row.
        rows: cells; None is an empty one, a date is written YYYY-MM-DD.
        for_excel: whether it begins with the mark by which Excel knows UTF-8.
    """
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow([guarded(name) for name in columns])
    writer.writerows([[_written(cell) for cell in row] for row in rows])
    return ((_UTF8_MARK if for_excel else "") + made.getvalue()).encode()


def _written(cell: CsvCell) -> str | int | float:
    match cell:
        case None:
            return ""
        case StrEnum():
            return cell.value
        case str():
            return guarded(cell)
        case date():
            return cell.isoformat()
        case _:
            return cell

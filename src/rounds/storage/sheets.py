"""Sheets as people keep them, Excel or CSV, as plain grids of cells: nothing is interpreted here but the file itself.

Merged cells hold their value in every cell. Colours, formulas and comments are left alone; of a formula the value that
Excel kept is read.
"""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from rounds.errors import RoundsError

Cell = str | float | bool | date | None
"""What a cell of a sheet can hold; a number is a float, a moment its day."""

MOST_BYTES: Final = 50_000_000
MOST_UNPACKED: Final = 500_000_000
MOST_CELLS: Final = 5_000_000
_ZIP: Final = b"PK\x03\x04"
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_SEPARATORS: Final = (",", ";", "\t")
_KINDS: Final = "an Excel workbook (.xlsx, .xls, .ods) or a CSV"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: its rows from the top, all of one width."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    first_row: int = 1
    """the number that people see beside the first of `rows`"""

    def place(self, row: int) -> str:
        """Return how to find a row, by its index in `rows`."""
        return f"sheet {self.name}, row {self.first_row + row}" if self.name else f"row {self.first_row + row}"


def is_workbook(path: Path) -> bool:
    """Return whether a file is a workbook, by its first bytes; a file that cannot be opened is none."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (_ZIP, _OLD_OFFICE)
    except OSError:
        return False


def read_sheets(path: Path, *, error: type[RoundsError], separator: str | None = None) -> tuple[Sheet, ...]:
    """Return the visible sheets of a workbook that hold anything, or the one of a CSV file.

    Args:
        path: the file. What it is, its first bytes say, not its name.
        error: what to raise, so that the refusal says what was wanted.
        separator: what stands between the cells of a CSV; guessed if left out.

    Raises:
        RoundsError: of class `error`, naming the file: it is not there, no sheet, protected by a password, damaged, too
            large, or holds nothing.
    """
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if path.is_file() and size <= MOST_BYTES else b""
    except FileNotFoundError:
        raise error(f"{path}: there is no such file; correct its name") from None
    except OSError as problem:
        raise error(f"{path}: the file cannot be opened ({problem.strerror}); give access") from None
    if not path.is_file():
        raise error(f"{path}: this is no file; name {_KINDS}")
    if size > MOST_BYTES:
        raise error(
            f"{path.name}: the file is larger than {MOST_BYTES // 1_000_000} MB; save only the sheet that is meant"
        )
    if not raw.strip():
        raise error(f"{path.name}: the file is empty; name {_KINDS}")
    sheets = (
        _workbook(path, raw, error) if raw.startswith((_ZIP, _OLD_OFFICE)) else (_csv(path, raw, error, separator),)
    )
    sheets = tuple(sheet for sheet in sheets if sheet.rows)
    if not sheets:
        raise error(f"{path.name}: every sheet is empty; fill one in, or name another file")
    return sheets


def _workbook(path: Path, raw: bytes, error: type[RoundsError]) -> tuple[Sheet, ...]:
    # Read late: a site has no workbooks to read, and goes without the library.
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

    _refuse_unpacked(path, raw, error)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        sheets = []
        for number, about in enumerate(book.sheets_metadata):
            if about.visible is SheetVisibleEnum.Visible and about.typ is SheetTypeEnum.WorkSheet:
                found = book.get_sheet_by_index(number)
                if found.total_height * found.total_width > MOST_CELLS:
                    raise error(
                        f"{path.name}, sheet {about.name}: more than {MOST_CELLS:,} cells; delete the empty rows and "
                        "columns at its end, or save only what is meant"
                    )
                sheets.append(
                    _sheet(about.name, found.to_python(skip_empty_area=False), found.merged_cell_ranges or [])
                )
    except PasswordError:
        raise error(f"{path.name}: the workbook is protected by a password; save a copy without one") from None
    except (CalamineError, OSError, ValueError, EOFError):
        # An encrypted workbook of today is a file of the old kind around one that cannot be read.
        if raw.startswith(_OLD_OFFICE) and "EncryptedPackage".encode("utf-16-le") in raw:
            raise error(f"{path.name}: the workbook is protected by a password; save a copy without one") from None
        raise error(f"{path.name}: this is not {_KINDS}, or it is damaged; open it and save it anew") from None
    return tuple(sheets)


def _refuse_unpacked(path: Path, raw: bytes, error: type[RoundsError]) -> None:
    if not raw.startswith(_ZIP):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
    except zipfile.BadZipFile:
        raise error(f"{path.name}: this is not {_KINDS}, or it is damaged; open it and save it anew") from None
    if unpacked > MOST_UNPACKED:
        raise error(
            f"{path.name}: the workbook unpacks to more than {MOST_UNPACKED // 1_000_000} MB; "
            "save only the sheet that is meant"
        )


def _sheet(
    name: str, cells: Sequence[Sequence[object]], merged: list[tuple[tuple[int, int], tuple[int, int]]]
) -> Sheet:
    rows = [[_cell(cell) for cell in row] for row in cells]
    for (top, left), (bottom, right) in merged:
        if top < len(rows) and left < len(rows[top]):
            for row in rows[top : bottom + 1]:
                row[left : right + 1] = [rows[top][left]] * len(row[left : right + 1])
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    return Sheet(name=name, rows=tuple(map(tuple, rows)))


def _cell(cell: object) -> Cell:
    match cell:
        case bool() | float():
            return cell
        case int():
            return float(cell)
        case datetime():
            return cell.date()
        case date():
            return cell
        case time() | timedelta():
            return str(cell)
        case str():
            return " ".join(cell.split()) or None
        case _:
            return None


def _csv(path: Path, raw: bytes, error: type[RoundsError], separator: str | None) -> Sheet:
    if (b"\0" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff"))) or raw.startswith(b"%PDF"):
        raise error(f"{path.name}: this is not {_KINDS}; save it as one of these")
    text = _text(raw)
    lines = [line for line in text.splitlines() if line.strip()][:50]
    separator = separator or max(_SEPARATORS, key=lambda mark: sum(line.count(mark) for line in lines))
    try:
        cells = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as problem:
        raise error(f"{path.name}: this is not {_KINDS}, or it is damaged ({problem}); save it anew") from None
    width = max(map(len, cells), default=0)
    if width * len(cells) > MOST_CELLS:
        raise error(f"{path.name}: more than {MOST_CELLS:,} cells; save only what is meant")
    return _sheet("", [[*row, *[""] * (width - len(row))] for row in cells], [])


def _text(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel saves as plain CSV; the few bytes without a letter become a mark that matches nothing.
        return raw.decode("cp1252", errors="replace")

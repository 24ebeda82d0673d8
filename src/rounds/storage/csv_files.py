"""CSV files as people really have them: read when it is safe, refused with the place and the remedy when it is not.

What is read without being told: UTF-8 with or without a byte-order mark, any line ends, spaces around cells, empty
rows. What must be declared, because a guess could be silently wrong: Latin-1, thousands separators, dates that are not
YYYY-MM-DD, marks that stand for "not published". A refusal names line and column and never repeats a cell.
"""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import polars as pl

from rounds.errors import RoundsError
from rounds.storage.suggestions import nearest

LINE: Final = "_line"
"""The column of `read_csv` that holds the line of the file on which a row starts; the header is usually line 1."""

THOUSANDS_MARKS: Final = (",", ".", " ", "'")
_LARGEST_COUNT: Final = 10**15
_SPACES: Final = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " "})
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_WORKBOOK_MARK: Final = b"PK\x03\x04"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class ColumnType(StrEnum):
    """What a column holds."""

    TEXT = "text"
    COUNT = "count"
    DATE = "date"


_POLARS_TYPES: Final[Mapping[ColumnType, pl.DataType]] = {
    ColumnType.TEXT: pl.String(),
    ColumnType.COUNT: pl.Int64(),
    ColumnType.DATE: pl.Date(),
}


class Encoding(StrEnum):
    """How a file's bytes become letters."""

    UTF_8 = "utf-8"
    LATIN_1 = "latin-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvDialect:
    """What somebody has declared about a file, and where they would declare more."""

    encoding: Encoding = Encoding.UTF_8
    thousands: str | None = None
    """one of `THOUSANDS_MARKS`, or None when numbers have digits only"""
    date_format: str | None = None
    """as in `datetime.strptime`; None is YYYY-MM-DD. Without a day of the month it is the first."""
    blank_marks: tuple[str, ...] = ()
    """cells that mean the same as an empty one, such as "*" """
    declared_in: str | None = None
    """for the reader of a refusal: the file and block that can declare these; None if nothing can be declared"""

    def __post_init__(self) -> None:
        if self.thousands is not None and self.thousands not in THOUSANDS_MARKS:
            raise ValueError(f"thousands separator {self.thousands!r} is none of {THOUSANDS_MARKS}")


def read_csv(
    path: Path,
    columns: Mapping[str, ColumnType],
    *,
    error: type[RoundsError],
    may_be_blank: Collection[str] = (),
    may_be_absent: Collection[str] = (),
    dialect: CsvDialect | None = None,
) -> pl.DataFrame:
    """Return the named columns of a CSV file, preceded by `LINE`, in the order of the file.

    Args:
        path: the file.
        columns: the columns to read and what they hold; columns not named here are left alone.
        error: what to raise, so that the refusal says whose file it is.
        may_be_blank: columns in which a cell may be empty; it is read as null.
        may_be_absent: columns that may be missing, or have empty cells; they are read as null.
        dialect: what has been declared about the file.

    Raises:
        RoundsError: of class `error`, naming file, line and column, and what to do next.
    """
    dialect = dialect or CsvDialect()
    rows = _rows(_text(path, dialect, error), path, error)
    line, header = next(rows, (0, []))
    if not header:
        raise error(f"{path.name}: the file is empty; it needs a first row that names its columns")
    present = {cell.strip() for cell in header}
    asked = {name: kind for name, kind in columns.items() if name in present or name not in may_be_absent}
    may_be_blank = {*may_be_blank, *may_be_absent}
    places = _places(header, asked, f"{path.name}, line {line}", error)
    parsers = [(name, places[name], _parser(kind, dialect)) for name, kind in asked.items()]
    found: dict[str, list[object]] = {LINE: [], **{name: [] for name in asked}}
    for line, row in rows:
        if len(row) != len(header):
            raise error(_ragged(f"{path.name}, line {line}", len(row), len(header)))
        found[LINE].append(line)
        for name, place, parse in parsers:
            cell = row[place].strip()
            blank = not cell or cell in dialect.blank_marks
            if blank and name not in may_be_blank:
                raise error(f"{path.name}, line {line}, column {name}: the cell is empty; fill it in")
            try:
                found[name].append(None if blank else parse(cell))
            except _UnreadableCell as problem:
                raise error(f"{path.name}, line {line}, column {name}: {problem}") from None
    found |= {name: [None] * len(found[LINE]) for name in columns if name not in asked}
    schema = {LINE: pl.Int64(), **{name: _POLARS_TYPES[kind] for name, kind in columns.items()}}
    return pl.DataFrame({name: found[name] for name in schema}, schema=schema)


def read_text_columns(path: Path, *, error: type[RoundsError]) -> pl.DataFrame:
    """Return every column of a CSV file as text, preceded by `LINE`; an empty cell is null.

    Args:
        path: the file, in UTF-8, with a first row that names its columns.
        error: what to raise, so that the refusal says whose file it is.

    Raises:
        RoundsError: of class `error`, naming file and line, and what to do next.
    """
    rows = _rows(_text(path, CsvDialect(), error), path, error)
    line, header = next(rows, (0, []))
    if not header:
        raise error(f"{path.name}: the file is empty; it needs a first row that names its columns")
    where = f"{path.name}, line {line}"
    named = [cell.strip() or f"column {place}" for place, cell in enumerate(header, start=1)]
    _separated_by_commas(named, where, error)
    for name in named:
        _only_one(name, named, where, error)
    lines: list[int] = []
    cells: list[list[str]] = []
    for line, row in rows:
        if len(row) != len(header):
            raise error(_ragged(f"{path.name}, line {line}", len(row), len(header)))
        lines.append(line)
        cells.append(row)
    columns = zip(*cells, strict=True) if cells else ((),) * len(header)
    found = {
        name: pl.Series(column, dtype=pl.String).str.strip_chars() for name, column in zip(named, columns, strict=True)
    }
    frame = pl.DataFrame({LINE: pl.Series(lines, dtype=pl.Int64), **found})
    return frame.with_columns(pl.col(pl.String).replace("", None))


class _UnreadableCell(Exception):
    """A cell is not what its column should hold. The text says why, without the cell."""


def _text(path: Path, dialect: CsvDialect, error: type[RoundsError]) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise error(f"{path.name}: there is no such file in {path.parent}; put it there") from None
    except OSError as problem:
        raise error(f"{path.name}: the file cannot be opened ({problem.strerror})") from None
    if raw.startswith(_WORKBOOK_MARK):
        raise error(f'{path.name}: this is an Excel workbook, whatever its name; save it as "CSV UTF-8"')
    if raw.startswith(_UTF16_MARKS) or b"\0" in raw:
        raise error(f'{path.name}: this is not a CSV in UTF-8 (perhaps "Unicode text"); save it as "CSV UTF-8"')
    raw = raw.removeprefix(_UTF8_MARK)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        if dialect.encoding is Encoding.LATIN_1:
            return _latin1_text(raw, path, error)
        place = _place_of_byte(raw, problem.start, path.name)
        raise error(
            f'{place}: a letter is not in UTF-8, so the file may be Latin-1; save it as "CSV UTF-8"'
            + _or_declare("encoding: latin-1", dialect)
        ) from None
    if dialect.encoding is Encoding.LATIN_1 and not raw.isascii():
        raise error(f"{path.name}: `encoding: latin-1` is declared, but the file is in UTF-8; remove the declaration")
    return text


def _latin1_text(raw: bytes, path: Path, error: type[RoundsError]) -> str:
    """Windows-1252, as browsers read what is declared as Latin-1: they differ only where Latin-1 has no letters."""
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError as problem:
        place = _place_of_byte(raw, problem.start, path.name)
        raise error(f'{place}: a letter is neither in UTF-8 nor in Latin-1; save it as "CSV UTF-8"') from None


def _place_of_byte(raw: bytes, offset: int, name: str) -> str:
    """Return file, line and column of a byte, found by reading the file up to it as if it were Latin-1."""
    reader = csv.reader(io.StringIO(raw[:offset].decode("latin-1") + "?", newline=""))
    header: list[str] = []
    line, row, next_line = 1, [""], 1
    try:
        for cells in reader:
            row, line, next_line = cells, next_line, reader.line_num + 1
            header = header or row
    except csv.Error:
        return f"{name}, line {next_line}"
    column = header[len(row) - 1].strip() if header is not row and len(row) <= len(header) else ""
    return f"{name}, line {line}, column {column or len(row)}"


def _rows(text: str, path: Path, error: type[RoundsError]) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which the row starts, cells) for every row in which something is written."""
    reader = csv.reader(io.StringIO(text.translate(_SPACES), newline=""), strict=True)
    line = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise error(
                f"{path.name}, line {line}: a quotation mark opens here and is not closed properly; correct the row"
            ) from None
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield line, row
        line = reader.line_num + 1


def _places(
    header: list[str], columns: Mapping[str, ColumnType], where: str, error: type[RoundsError]
) -> dict[str, int]:
    names = [cell.strip() for cell in header]
    if len(columns) > 1:
        _separated_by_commas(names, where, error)
    for name in columns:
        _only_one(name, names, where, error)
        if name not in names:
            raise error(f"{where}: there is no column {name}{nearest(name, filter(None, names), otherwise='add it')}")
    return {name: names.index(name) for name in columns}


def _separated_by_commas(names: list[str], where: str, error: type[RoundsError]) -> None:
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and mark in names[0]:
            raise error(f"{where}: the columns are separated by {word}; save the file with commas between them")


def _only_one(name: str, names: list[str], where: str, error: type[RoundsError]) -> None:
    if names.count(name) > 1:
        raise error(f"{where}: two columns are called {name}; rename or remove one")


def _ragged(where: str, cells: int, expected: int) -> str:
    hint = (
        "a comma inside a cell, as in a number with thousands separators, needs quotation marks around the cell"
        if cells > expected
        else "add the missing cells, empty if need be"
    )
    return f"{where}: the row has {cells} cells and the header {expected}; {hint}"


def _parser(kind: ColumnType, dialect: CsvDialect) -> Callable[[str], object]:
    match kind:
        case ColumnType.TEXT:
            return str
        case ColumnType.COUNT:
            return lambda cell: _count(cell, dialect)
        case ColumnType.DATE:
            return lambda cell: _day(cell, dialect)


def _or_declare(what: str, dialect: CsvDialect) -> str:
    return f" or declare `{what}` in {dialect.declared_in}" if dialect.declared_in else ""


def _count(cell: str, dialect: CsvDialect) -> int:
    mark = dialect.thousands
    if mark is not None and re.fullmatch(rf"[0-9]{{1,3}}({re.escape(mark)}[0-9]{{3}})+(\.0{{1,2}})?", cell):
        cell = cell.replace(mark, "")
    if re.fullmatch(r"[0-9]+(\.0{1,2})?", cell):
        number = int(cell.partition(".")[0])
        if number > _LARGEST_COUNT:
            raise _UnreadableCell("the number is too large to be a count; correct it")
        return number
    if re.fullmatch(r"[-\u2212][0-9., ']+", cell):
        raise _UnreadableCell("the count is below 0; correct it")
    if mark is None and (grouped := re.fullmatch(r"[0-9]{1,3}(?:([,. '])[0-9]{3})+", cell)):
        raise _UnreadableCell(
            "the number has a thousands separator; write it with digits only"
            + _or_declare(f'thousands: "{grouped[1]}"', dialect)
        )
    if re.fullmatch(r"[0-9]+[.,][0-9]+", cell):
        raise _UnreadableCell("the count is not a whole number; correct it")
    raise _UnreadableCell(
        "the cell is not a count; write a whole number" + _or_declare('not_published: ["the mark"]', dialect)
    )


def _day(cell: str, dialect: CsvDialect) -> date:
    if dialect.date_format is None:
        if _ISO_DATE.fullmatch(cell):
            try:
                return date.fromisoformat(cell)
            except ValueError:
                raise _UnreadableCell("there is no such day in the calendar; correct it") from None
        raise _UnreadableCell(
            "the date is not written as 2024-03-31; write it so" + _or_declare("date_format", dialect)
        )
    try:
        return datetime.strptime(cell, dialect.date_format).date()  # noqa: DTZ007 - a calendar day has no time zone
    except ValueError:
        raise _UnreadableCell(
            f'the date is not written as "{dialect.date_format}" says; correct it or the declared format'
        ) from None

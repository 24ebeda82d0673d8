"""Claims and evaluations of programmes as people keep them: a CSV or an Excel sheet, one row each."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final

from rounds.errors import DefinitionError
from rounds.learning.benefit.claims import Quantity, Said, Source
from rounds.learning.benefit.reconcile import precision_of
from rounds.storage.csv_files import LINE, read_text_columns
from rounds.storage.sheets import Cell, Sheet, is_workbook, read_sheets
from rounds.storage.suggestions import nearest

NEEDED: Final = (
    "id", "source", "by", "innovation", "scope", "quantity", "what", "number", "unit", "first", "last", "basis",
    "dated",
)  # fmt: skip
OPTIONAL: Final = ("lower", "upper", "part_of")
NETWORK_SCOPE: Final = "network"
MOST_ROWS_ABOVE: Final = 20
"""of a sheet, of titles and notes above the headings"""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]+)?")
_SOURCES: Final = (Source.CLAIM, Source.EVALUATION)
_EMPTY: Final = "the cell is empty, or a formula without a value"
_Row = tuple[str, Mapping[str, str | None]]
"""where a row stands, and its cells as text"""


def read_claim_file(
    path: Path, *, innovations: Collection[str], members: Collection[str], measures: Collection[str]
) -> tuple[Said, ...]:
    """Return the claims and evaluations in a CSV or a workbook, in the order of the file.

    Args:
        path: a table with the columns `NEEDED` and, if need be, `OPTIONAL`. `source` is claim or evaluation; `scope` an
            ODS code or network; `what` is a measure's id, of an effect also words; days are written 2024-03-31, or are
            dates of Excel. Of a workbook every sheet with such a heading is read, also below a title, and no other.
        innovations: ids of the innovations there are.
        members: ODS codes of the organisations there are.
        measures: ids of the measures there are.

    Raises:
        DefinitionError: naming file, sheet, row and column and what to correct.
    """
    places: dict[str, str] = {}
    found = []
    for where, row in _workbook_rows(path) if is_workbook(path) else _csv_rows(path):
        said = _said(row, where, innovations=innovations, members=members, measures=measures)
        if said.id in places:
            raise DefinitionError(f"{where}: {said.id} is at {places[said.id]} already; keep one row an id")
        places[said.id] = where
        found.append(said)
    return tuple(found)


def _csv_rows(path: Path) -> Iterator[_Row]:
    table = read_text_columns(path, error=DefinitionError)
    _refuse_missing([column for column in table.columns if column != LINE], path.name)
    for row in table.iter_rows(named=True):
        yield f"{path.name}, line {row[LINE]}", row


def _workbook_rows(path: Path) -> Iterator[_Row]:
    sheets = read_sheets(path, error=DefinitionError)
    headed = [(sheet, at) for sheet in sheets if (at := _heading(sheet)) is not None]
    if not headed:
        listed = ", ".join(sheet.name for sheet in sheets)
        raise DefinitionError(
            f"{path.name}: no sheet has a row of headings such as {', '.join(NEEDED)}; there is {listed}"
        )
    for sheet, heading in headed:
        names = [_text(cell).lower() for cell in sheet.rows[heading]]
        where = f"{path.name}, {sheet.place(heading)}"
        _refuse_missing([name for name in names if name], where)
        for name in (*NEEDED, *OPTIONAL):
            if names.count(name) > 1:
                raise DefinitionError(f"{where}: two columns are called {name}; rename or remove one")
        columns = {name: names.index(name) for name in (*NEEDED, *OPTIONAL) if name in names}
        for at in range(heading + 1, len(sheet.rows)):
            cells = {name: sheet.rows[at][column] for name, column in columns.items()}
            if any(cell is not None for cell in cells.values()):
                place = f"{path.name}, {sheet.place(at)}"
                yield place, {name: _readable(cell, f"{place}, column {name}") for name, cell in cells.items()}


def _heading(sheet: Sheet) -> int | None:
    """Return which row names the columns: of the first ones, the first that names at least half of those needed."""
    for at, row in enumerate(sheet.rows[:MOST_ROWS_ABOVE]):
        if 2 * len(set(NEEDED) & {_text(cell).lower() for cell in row}) >= len(NEEDED):
            return at
    return None


def _refuse_missing(names: Collection[str], where: str) -> None:
    for name in NEEDED:
        if name not in names:
            raise DefinitionError(f"{where}: there is no column {name}{nearest(name, names, otherwise='add it')}")


def _readable(cell: Cell, where: str) -> str:
    if isinstance(cell, bool):
        raise DefinitionError(f"{where}: the cell is TRUE or FALSE; write what is meant")
    return _text(cell)


def _text(cell: Cell) -> str:
    """Return a cell as it would stand in a CSV; a sum such as 0.1 + 0.2 without the dust of its last digits."""
    match cell:
        case None:
            return ""
        case date():
            return cell.isoformat()
        case bool() | str():
            return str(cell)
        case float():
            return f"{cell:.15g}"


def _said(
    row: Mapping[str, str | None],
    where: str,
    *,
    innovations: Collection[str],
    members: Collection[str],
    measures: Collection[str],
) -> Said:
    texts = {name: row.get(name) or "" for name in (*NEEDED, *OPTIONAL)}
    for name in NEEDED:
        if not texts[name] and not (name == "number" and texts["lower"] and texts["upper"]):
            raise DefinitionError(f"{where}, column {name}: {_EMPTY}; fill it in, or leave the row out")
    source = Source(_one_of(texts["source"], _SOURCES, where, "source"))
    quantity = Quantity(_one_of(texts["quantity"], tuple(Quantity), where, "quantity"))
    _known(texts["innovation"], innovations, f"{where}, column innovation", "innovation in the library")
    _known(texts["scope"], {*members, NETWORK_SCOPE}, f"{where}, column scope", "member")
    if quantity is not Quantity.EFFECT:
        _known(texts["what"], measures, f"{where}, column what", "measure in the library")
    numbers = {name: _number(texts[name], where, name) for name in ("number", "lower", "upper")}
    days = {name: _day(texts[name], where, name) for name in ("first", "last", "dated")}
    try:
        return Said(
            id=texts["id"],
            source=source,
            by=texts["by"],
            innovation=texts["innovation"],
            scope=texts["scope"],
            quantity=quantity,
            what=texts["what"],
            value=numbers["number"],
            lower=numbers["lower"],
            upper=numbers["upper"],
            unit=texts["unit"],
            basis=texts["basis"],
            part_of=texts["part_of"],
            precision=precision_of(texts["number"]) if texts["number"] else 0.0,
            **days,
        )
    except DefinitionError as problem:
        raise DefinitionError(f"{where}: {problem}") from None


def _one_of(text: str, choices: tuple[Source, ...] | tuple[Quantity, ...], where: str, column: str) -> str:
    names = [choice.value for choice in choices]
    if text not in names:
        raise DefinitionError(f"{where}, column {column}: write {' or '.join(names)}{nearest(text, names)}")
    return text


def _known(text: str, names: Collection[str], where: str, what: str) -> None:
    if text not in names:
        raise DefinitionError(f'{where}: there is no {what} "{text}"{nearest(text, names)}')


def _number(text: str, where: str, column: str) -> float | None:
    if not text:
        return None
    plain = text.replace("\u2212", "-")
    if not _NUMBER.fullmatch(plain):
        raise DefinitionError(
            f"{where}, column {column}: the cell is not a number; write digits only, such as 2300000, -153 or 0.58"
        )
    return float(plain)


def _day(text: str, where: str, column: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DefinitionError(f"{where}, column {column}: the date is not written as 2024-03-31; write it so") from None

"""A network's pipeline as tables: CSV files in `pipeline/`, or the sheets of one workbook. Each row becomes a value.

The columns of a table are the fields of its class (`network/pipeline.py`); only what has no default must be there.
"""

import re
import types
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from rounds.errors import DefinitionError
from rounds.network.pipeline import (
    Contact,
    Evidence,
    Outcome,
    Pipeline,
    PipelineInnovation,
    Regulatory,
    StageReached,
    Support,
    ValueClaim,
)
from rounds.storage.atomic import standing
from rounds.storage.sheets import Cell, Sheet, read_sheets
from rounds.storage.spreadsheet_text import csv_of, unguarded
from rounds.storage.suggestions import nearest

FOLDER: Final = "pipeline"
TABLES: Final[Mapping[str, type[Any]]] = {
    "innovations": PipelineInnovation,
    "stages": StageReached,
    "evidence": Evidence,
    "regulatory": Regulatory,
    "value": ValueClaim,
    "contacts": Contact,
    "support": Support,
    "outcomes": Outcome,
}
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_LETTERS: Final = 10_000
"""A cell of a workbook holds some more."""
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A row and where it stands."""

    place: str
    row: Any


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns of a table, those that must be filled first."""
    own = sorted(fields(TABLES[table]), key=lambda one: not _is_required(one))
    return tuple(one.name for one in own)


def needed_of(table: str) -> frozenset[str]:
    """Return the columns of a table that must be filled."""
    return frozenset(one.name for one in fields(TABLES[table]) if _is_required(one))


@dataclass(frozen=True, slots=True, kw_only=True)
class InLibrary:
    """Ids of what a pipeline may name besides its own innovations."""

    innovations: Collection[str] = ()
    measures: Collection[str] | None = None
    """None: any word is taken for one"""


_ANY: Final = InLibrary()


def read_pipeline(folder: Path, *, library: InLibrary = _ANY) -> Pipeline:
    """Return the pipeline in a network's folder; an empty one if nothing is recorded.

    Args:
        folder: the network's.
        library: what may be named besides.

    Raises:
        DefinitionError: naming file, row and column, and what to correct.
    """
    found: dict[str, list[Placed]] = {}
    where = standing(folder / FOLDER)
    for table in TABLES:
        path = where / f"{table}.csv"
        if path.exists():
            if not path.read_bytes().strip():
                raise DefinitionError(
                    f"{FOLDER}/{path.name}: the file is empty; write its first row ({','.join(columns_of(table))}), or "
                    "delete the file"
                )
            sheet = _unguarded(read_sheets(path, error=DefinitionError, separator=",")[0])
            found[table] = list(_rows(table, sheet, f"{FOLDER}/{path.name}", header=0))
    return _checked(found, library)


def read_pipeline_workbook(path: Path, *, library: InLibrary = _ANY, today: date | None = None) -> Pipeline:
    """Return the pipeline in a workbook that has a sheet for each table; other sheets are left alone.

    Args:
        path: the workbook; the first row of a sheet that names the table's columns is its header.
        library: what may be named besides.
        today: dates after it are refused.

    Raises:
        DefinitionError: naming file, sheet, row and column, and what to correct.
    """
    found: dict[str, list[Placed]] = {}
    names = []
    for sheet in read_sheets(path, error=DefinitionError):
        table = sheet.name.strip().lower()
        names.append(sheet.name)
        if table in TABLES:
            found[table] = list(
                _rows(table, sheet, f"{path.name}, sheet {sheet.name}", header=_header(table, sheet, path))
            )
    if not found:
        listed = ", ".join(names) or "a CSV"
        raise DefinitionError(
            f"{path.name}: no sheet is one of a pipeline's ({', '.join(TABLES)}); there is {listed}. "
            "`rounds pipeline export` writes an empty one to fill in"
        )
    for placed in (one for rows in found.values() for one in rows) if today else ():
        if (dated := getattr(placed.row, "date", None)) is not None and dated > today:
            raise DefinitionError(f"{placed.place}, column date: {dated} lies after today ({today}); correct it")
    return _checked(found, library)


def pipeline_csvs(pipeline: Pipeline) -> Mapping[str, bytes]:
    """Return the files of a pipeline by name, one for each table that has rows."""
    found = {}
    for table in TABLES:
        rows = getattr(pipeline, table)
        if rows:
            found[f"{table}.csv"] = csv_of(columns_of(table), cells_of(table, rows))
    return found


def cells_of(table: str, rows: Iterable[Any]) -> list[tuple[str | float | date | None, ...]]:
    """Return a table's rows as cells, in the order of its columns; an empty text is None."""
    names = columns_of(table)
    return [tuple(_plain(getattr(row, name)) for name in names) for row in rows]


def _plain(value: Any) -> str | float | date | None:
    if isinstance(value, StrEnum):
        return value.value
    found: str | float | date | None = value
    return None if value == "" else found


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _header(table: str, sheet: Sheet, path: Path) -> int:
    needed = needed_of(table)
    for index, row in enumerate(sheet.rows[:10]):
        if needed <= {_name(cell) for cell in row}:
            return index
    best = max(sheet.rows[:10], key=lambda row: len(needed & {_name(cell) for cell in row}))
    missing = sorted(needed - {_name(cell) for cell in best})
    raise DefinitionError(
        f"{path.name}, sheet {sheet.name}: no header is found; a row must name the columns, and {', '.join(missing)} "
        "is missing"
    )


def _rows(table: str, sheet: Sheet, where: str, *, header: int) -> Iterable[Placed]:
    kind, names = TABLES[table], [_name(cell) for cell in sheet.rows[header]]
    hints = get_type_hints(kind)
    places = {name: names.index(name) for name in names if name}
    for name in places:
        if name not in hints:
            raise DefinitionError(f"{where}: there is no column {name} in {table}{nearest(name, hints)}")
        if names.count(name) > 1:
            raise DefinitionError(f"{where}: two columns are called {name}; remove one")
    for name in sorted(needed_of(table) - set(places)):
        raise DefinitionError(f"{where}: there is no column {name}; add it")
    for index, row in enumerate(sheet.rows[header + 1 :], start=header + 1):
        if all(cell is None for cell in row):
            continue
        place = f"{where}, row {sheet.first_row + index}"
        values = {}
        for name, at in places.items():
            if row[at] is not None:
                values[name] = _value(row[at], hints[name], f"{place}, column {name}")
            elif name in needed_of(table):
                raise DefinitionError(f"{place}, column {name}: the cell is empty; fill it in")
        try:
            yield Placed(place=place, row=kind(**values))
        except DefinitionError as error:
            raise DefinitionError(f"{place}: {error}") from None


def _unguarded(sheet: Sheet) -> Sheet:
    rows = tuple(
        tuple(unguarded(cell).strip() if isinstance(cell, str) else cell for cell in row) for row in sheet.rows
    )
    return replace(sheet, rows=rows)


def _name(cell: Cell) -> str:
    return cell.strip().lower().replace(" ", "_") if isinstance(cell, str) else ""


def _value(cell: Cell, hint: Any, where: str) -> object:
    wanted = next(one for one in get_args(hint) if one is not type(None)) if _is_optional(hint) else hint
    if wanted is date:
        if isinstance(cell, date):
            return cell
        if isinstance(cell, str) and _ISO.fullmatch(cell):
            try:
                return date.fromisoformat(cell)
            except ValueError:
                pass
        raise DefinitionError(f"{where}: this is no date; write it as a date, or as 2024-03-31")
    if wanted is float:
        return _number(cell, where)
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        word = text.lower().replace(" ", "_").replace("-", "_")
        if word not in list(wanted):
            raise DefinitionError(f'{where}: unknown word "{text[:40]}"{nearest(word, list(wanted))}')
        return wanted(word)
    if len(text) > _MOST_LETTERS:
        raise DefinitionError(f"{where}: the text is longer than {_MOST_LETTERS:,} letters; shorten it")
    return text


def _number(cell: Cell, where: str) -> float:
    if isinstance(cell, str):
        plain = cell.replace(",", "").replace("£", "").strip()
        if re.fullmatch(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", plain, re.IGNORECASE):
            return _as_excel_keeps_it(float(plain))
    elif isinstance(cell, float):
        return _as_excel_keeps_it(cell)
    raise DefinitionError(f"{where}: this is no number; write it with digits, its unit left out")


def _as_excel_keeps_it(number: float) -> float:
    """Return a number of at most 15 digits, so that it comes back from a workbook as it went in."""
    return float(f"{number:.15g}")


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _checked(found: Mapping[str, list[Placed]], library: InLibrary) -> Pipeline:
    """Return the pipeline of some rows, each about an innovation that there is, and none twice."""
    seen: dict[object, str] = {}
    ids = {placed.row.id for placed in found.get("innovations", [])}
    known = {*ids, *library.innovations}
    for table, rows in found.items():
        for placed in rows:
            row, place = placed.row, placed.place
            if table == "innovations" and not _ID.fullmatch(row.id):
                raise DefinitionError(f"{place}, column id: use small letters, digits and hyphens")
            need = getattr(row, "need_measure", "")
            if need and library.measures is not None and need not in library.measures:
                instead = nearest(need, library.measures)
                raise DefinitionError(f'{place}, column need_measure: no measure "{need[:60]}" in the library{instead}')
            about = getattr(row, "innovation", "")
            if about and about not in known:
                raise DefinitionError(
                    f'{place}, column innovation: no innovation "{about[:60]}" in sheet innovations or the '
                    f"library{nearest(about, known)}"
                )
            key = _key(table, row)
            if key in seen:
                what = ", column date: two stages on one day as" if table == "stages" else ": the same row as"
                raise DefinitionError(f"{place}{what} in {seen[key]}; keep one")
            seen[key] = place
    return Pipeline(**{table: tuple(placed.row for placed in rows) for table, rows in found.items()})


def _key(table: str, row: Any) -> object:
    match table:
        case "innovations":
            return table, row.id
        case "stages":
            return table, row.innovation, row.date
        case "outcomes":
            return object()  # the same claim twice is what the counting rules are for
        case _:
            return table, row

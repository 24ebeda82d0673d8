"""A list of organisations that names are matched to: a CSV with a header, or ODS's own files, which have none."""

import re
from pathlib import Path
from typing import Final

from rounds.errors import DefinitionError
from rounds.network.matching import Organisation
from rounds.storage.sheets import Cell, Sheet, read_sheets

_CODE_HEADINGS: Final = ("ods_code", "ods code", "code", "org_code", "organisation code", "trust_code", "old_code")
_NAME_HEADINGS: Final = ("name", "organisation name", "org_name", "trust name", "title", "label")
_CODE: Final = re.compile(r"[A-Z0-9]{3,12}")


def read_register(path: Path) -> tuple[Organisation, ...]:
    """Return the organisations of a register.

    Args:
        path: a CSV or workbook with a column of codes (`ods_code`, `code`) and one of names, or a file that ODS
            publishes (`etr.csv`, `epraccur.csv`), whose first column is the code and second the name.

    Raises:
        DefinitionError: naming the file, and what is missing.
    """
    sheet = read_sheets(path, error=DefinitionError)[0]
    at = _by_heading(sheet) or _without_heading(sheet)
    if at is None:
        raise DefinitionError(
            f"{path.name}: no column of ODS codes stands beside one of names; name them ods_code and name"
        )
    code_at, name_at, first = at
    found = []
    for row in sheet.rows[first:]:
        code, name = _text(row[code_at]).upper(), _text(row[name_at])
        if _CODE.fullmatch(code) and name:
            found.append(Organisation(ods_code=code, name=name))
    if not found:
        raise DefinitionError(f"{path.name}: no row has an ODS code and a name; check that this is the register")
    return tuple(found)


def _by_heading(sheet: Sheet) -> tuple[int, int, int] | None:
    headings = [_text(cell).lower() for cell in sheet.rows[0]]
    codes = [headings.index(one) for one in _CODE_HEADINGS if one in headings]
    names = [headings.index(one) for one in _NAME_HEADINGS if one in headings]
    return (codes[0], names[0], 1) if codes and names else None


def _without_heading(sheet: Sheet) -> tuple[int, int, int] | None:
    some = sheet.rows[:20]
    if len(sheet.rows[0]) > 1 and all(_CODE.fullmatch(_text(row[0])) and _text(row[1]) for row in some):
        return (0, 1, 0)
    return None


def _text(cell: Cell) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip() if cell is not None else ""

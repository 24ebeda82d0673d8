"""Claims and evaluations of programmes as people keep them: a CSV or an Excel sheet, one row each."""

import re
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from rounds.errors import DefinitionError
from rounds.learning.benefit.claims import Quantity, Said, Source
from rounds.learning.benefit.reconcile import precision_of
from rounds.storage.csv_files import LINE, read_text_columns
from rounds.storage.suggestions import nearest

NEEDED: Final = (
    "id", "source", "by", "innovation", "scope", "quantity", "what", "number", "unit", "first", "last", "basis",
    "dated",
)  # fmt: skip
OPTIONAL: Final = ("lower", "upper", "part_of")
NETWORK_SCOPE: Final = "network"

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]+)?")
_SOURCES: Final = (Source.CLAIM, Source.EVALUATION)


def read_claim_file(
    path: Path, *, innovations: Collection[str], members: Collection[str], measures: Collection[str]
) -> tuple[Said, ...]:
    """Return the claims and evaluations in a CSV, in the order of the file.

    Args:
        path: a CSV with the columns `NEEDED` and, if need be, `OPTIONAL`. `source` is claim or evaluation; `scope` an
            ODS code or network; `what` is a measure's id, of an effect also words; days are written 2024-03-31.
        innovations: ids of the innovations there are.
        members: ODS codes of the organisations there are.
        measures: ids of the measures there are.

    Raises:
        DefinitionError: naming file, line and column and what to correct.
    """
    table = read_text_columns(path, error=DefinitionError)
    for name in NEEDED:
        if name not in table.columns:
            others = [column for column in table.columns if column != LINE]
            raise DefinitionError(f"{path.name}: there is no column {name}{nearest(name, others, otherwise='add it')}")
    table = table.with_columns(pl.lit(None, pl.String).alias(name) for name in OPTIONAL if name not in table.columns)
    lines: dict[str, int] = {}
    found = []
    for row in table.iter_rows(named=True):
        where = f"{path.name}, line {row[LINE]}"
        said = _said(row, where, innovations=innovations, members=members, measures=measures)
        if said.id in lines:
            raise DefinitionError(f"{where}: {said.id} is on line {lines[said.id]} already; keep one row an id")
        lines[said.id] = row[LINE]
        found.append(said)
    return tuple(found)


def _said(
    row: dict[str, str | None],
    where: str,
    *,
    innovations: Collection[str],
    members: Collection[str],
    measures: Collection[str],
) -> Said:
    texts = {name: row[name] or "" for name in (*NEEDED, *OPTIONAL)}
    for name in NEEDED:
        if not texts[name] and not (name == "number" and texts["lower"] and texts["upper"]):
            raise DefinitionError(f"{where}, column {name}: the cell is empty; fill it in, or leave the row out")
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

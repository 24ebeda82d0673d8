# ruff: noqa: S608  SQL is built from quoted names only
"""Writes one table of the CDM from a source's own columns: typed, in one pass, every wrong cell named."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rounds.errors import RecordsError
from rounds.records.cdm import CDM, CdmTable
from rounds.records.importing.casts import WANTED, cast, present
from rounds.records.importing.omop_sources import SURPLUS, SourceTable, stands_twice
from rounds.records.importing.session import Session, is_full
from rounds.storage.suggestions import nearest

_WRONG = "rounds: wrong type"
_ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCast:
    """One column of the new table and where it comes from."""

    name: str
    column: str
    sql: str
    present: str
    wanted: str


def plan_table(session: Session, table: SourceTable) -> tuple[list[ColumnCast], list[str], list[str]]:
    """Return how a table's columns are read, what is wrong with them, and what to tell about them."""
    cdm = CDM[table.name]
    found: dict[str, tuple[str, str]] = {}
    for name, kind in table.columns:
        found.setdefault(name.lower(), (name, kind))
    casts, problems, missing, used, said = [], [], [], set(), []
    where = f"site {session.site}: {table.label}"
    for column in cdm.columns:
        known = next((name for name in (column.name, *column.older_names) if name in found), None)
        if known is None:
            missing += [column.name]
            if column.required:
                others = [name for name in found if name not in _names(cdm)]
                near = close(column.name, others)
                problems.append(f"{where}: column `{column.name}` is missing{near}; add it to the export")
            continue
        used.add(known)
        if stands_twice(known, found):
            problems.append(f"{where}: column `{known}` stands twice in the header; rename or remove one")
        name, kind = found[known]
        sql = cast(name, kind, column.kind)
        if sql is None:
            plain = kind.partition("(")[0]
            problems.append(f"{where}, column `{name}`: the type {plain} is not {WANTED[column.kind]}; correct it")
            continue
        if kind.upper() == _ZONED:
            said.append(f"{table.label}: column `{name}` has a time zone: its times are taken in UTC")
        casts.append(
            ColumnCast(name=column.name, column=name, sql=sql, present=present(name, kind), wanted=WANTED[column.kind])
        )
    for name, (surplus, kind) in found.items():
        if surplus.startswith(SURPLUS):
            used.add(name)
            empty = present(surplus, kind)
            casts.append(ColumnCast(name="", column=surplus, sql="NULL", present=empty, wanted="empty"))
    optional = [name for name in missing if not cdm.column(name).required]
    unknown = [name for name in found if name not in used]
    said += [f"{table.label}: without the optional columns {', '.join(optional)}"] if optional else []
    said += [f"{table.label}: columns left alone: {', '.join(unknown)}"] if unknown else []
    return casts, problems, said


def close(word: str, others: Iterable[str]) -> str:
    """Return a suggestion only if one is near: what stands in a first row without a header may be a patient's."""
    hint = nearest(word, others)
    return hint if hint.startswith("; did you mean") else ""


def _names(cdm: CdmTable) -> set[str]:
    return {name for column in cdm.columns for name in (column.name, *column.older_names)}


def write_table(session: Session, table: SourceTable, casts: list[ColumnCast], path: Path) -> int:
    """Write one table in one pass; only if a cell is wrong is it read again, to say where."""
    with refusing_wrong_cells(session, table, casts), table.open() as scan:
        return session.write(checked(casts, scan), path, title=f"Importing {table.name}")
    raise AssertionError  # the block above returns or raises


def checked(casts: list[ColumnCast], scan: str) -> str:
    """Return SQL for columns in their types that fails at the first cell that is wrong."""
    select = ", ".join(
        f"CASE WHEN {one.present} IS NULL OR ({one.sql}) IS NOT NULL THEN {one.sql} ELSE error('{_WRONG}') END "
        f'AS "{one.name}"'
        for one in casts
        if one.name
    )
    surplus = " OR ".join(f"{one.present} IS NOT NULL" for one in casts if not one.name)
    where = f" WHERE CASE WHEN {surplus} THEN error('{_WRONG}') ELSE true END" if surplus else ""
    return f"SELECT {select} FROM {scan}{where}"


@contextmanager
def refusing_wrong_cells(session: Session, table: SourceTable, casts: list[ColumnCast]) -> Iterator[None]:
    """Turn what DuckDB says of a wrong cell or a damaged file into a refusal that names column and row.

    Raises:
        RecordsError: one line for each column.
    """
    try:
        yield
    except duckdb.InvalidInputException as error:
        if _WRONG not in str(error):
            raise damaged(session, table, error) from None
    except duckdb.ConversionException as error:
        raise damaged(session, table, error) from None
    except duckdb.IOException as error:
        if is_full(error, session.scratch):
            raise
        raise damaged(session, table, error) from None
    else:
        return
    raise RecordsError("\n".join(_wrong_cells(session, table, casts)))


def damaged(session: Session, table: SourceTable, error: duckdb.Error) -> RecordsError:
    """Return the refusal for a source that cannot be read to its end, with the line where DuckDB knows it."""
    line = re.search(r"[Ll]ine:? (\d+)", str(error))
    where = f", line {line[1]}" if line else ""
    if isinstance(error, duckdb.IOException):
        what = "the file cannot be read to its end (was it cut?)"
    elif "state machine" in str(error):
        what = "its lines end in different ways, as when files are put together, or a quotation mark stands alone"
    else:
        what = "the row does not fit the header, or the file is damaged or not in UTF-8"
    return RecordsError(f"site {session.site}: {table.label}{where}: {what}; export it again")


def _wrong_cells(session: Session, table: SourceTable, casts: list[ColumnCast]) -> list[str]:
    counted = ", ".join(
        f"count(*) FILTER (WHERE w{number}), min(rounds_row) FILTER (WHERE w{number})" for number in range(len(casts))
    )
    wrong = ", ".join(
        f"({one.present} IS NOT NULL AND ({one.sql}) IS NULL) AS w{number}" for number, one in enumerate(casts)
    )
    with table.open() as scan:
        (found,) = session.query(
            f"SELECT {counted} FROM (SELECT rounds_row, {wrong} "
            f"FROM (SELECT *, row_number() OVER () AS rounds_row FROM {scan}))"
        )
    problems = []
    for number, one in enumerate(casts):
        rows, first = found[2 * number], found[2 * number + 1]
        if rows:
            many = f"row {first}" if rows == 1 else f"{rows:,} rows, the first is row {first}"
            problems.append(
                f"site {session.site}: {table.label}, column `{one.column}`: not {one.wanted}: {many}; "
                "correct the export"
            )
    return problems or [f"site {session.site}: {table.label} changed while it was read; import it again"]

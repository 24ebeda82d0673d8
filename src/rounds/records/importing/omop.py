# ruff: noqa: S608  SQL is built from quoted names only
"""Imports OMOP CDM 5.3 or 5.4 from a folder of files, a DuckDB file or PostgreSQL."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from rounds.errors import RecordsError
from rounds.records.importing.casts import WANTED, cast, present
from rounds.records.importing.cdm import CDM, CdmTable
from rounds.records.importing.finish import write_report
from rounds.records.importing.generation import replace_records
from rounds.records.importing.observed import RULE, derive_observation_periods
from rounds.records.importing.omop_sources import (
    SURPLUS,
    OmopSource,
    SourceTable,
    duckdb_bytes,
    duckdb_source,
    folder_bytes,
    folder_source,
)
from rounds.records.importing.report import Finding, ImportReport
from rounds.records.importing.session import Limits, Session, working
from rounds.storage.progress import Progress
from rounds.storage.suggestions import nearest

Check = Callable[[Path], None]
OpenSource = Callable[[Session], OmopSource]

_WRONG = "rounds: wrong type"
_PERSON = "person"
_OBSERVED = "observation_period"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cast:
    """One column of the new table and where it comes from."""

    name: str
    column: str
    sql: str
    present: str
    wanted: str


def import_omop(
    source: Path,
    records: Path,
    *,
    site: str,
    today: date,
    progress: Progress,
    check: Check,
    limits: Limits | None = None,
    schema: str | None = None,
) -> ImportReport:
    """Import a folder of CSV, TSV or Parquet files or a DuckDB file, and serve what was in it from then on.

    Tables and columns may be named in any case; unknown ones are left alone and named in the report. Without a table
    observation_period, one is derived: see `observed.RULE`.

    Args:
        source: the folder, or the file.
        records: the site's records.
        site: the site's id, for messages.
        today: for the report.
        progress: told how far it is.
        check: raises if the new tables must not be served.
        limits: memory and threads it may use.
        schema: of a DuckDB file with several.

    Returns:
        What was imported, what was left alone and what was missing.

    Raises:
        RecordsError: naming file, row and column; the records that were there are still served then.
    """
    if source.is_dir():
        needed = folder_bytes(source)
    elif source.is_file():
        needed = duckdb_bytes(source)
    else:
        raise RecordsError(f"site {site}: there is no {source}; correct the name")

    def open_source(session: Session) -> OmopSource:
        return folder_source(session, source) if source.is_dir() else duckdb_source(session, source, schema=schema)

    return import_tables(
        open_source,
        records,
        needed_bytes=needed,
        site=site,
        today=today,
        progress=progress,
        check=check,
        limits=limits or Limits(),
    )


def import_tables(
    open_source: OpenSource,
    records: Path,
    *,
    needed_bytes: int,
    site: str,
    today: date,
    progress: Progress,
    check: Check,
    limits: Limits,
) -> ImportReport:
    """Import the tables of an OMOP source of any kind. See `import_omop`."""

    def build(folder: Path, scratch: Path) -> ImportReport:
        with working(scratch, site=site, limits=limits, progress=progress) as session:
            report = _write_tables(session, open_source(session), folder, today=today)
        write_report(report, folder)
        return report

    return replace_records(records, needed_bytes=needed_bytes, build=build, check=check)


def _write_tables(session: Session, source: OmopSource, folder: Path, *, today: date) -> ImportReport:
    names = {table.name for table in source.tables}
    if _PERSON not in names:
        near = close(_PERSON, source.left_alone)
        raise RecordsError(f"site {session.site}: {source.words}: there is no table person{near}; export it")
    plans = [(table, *_plan(session, table)) for table in source.tables]
    problems = [problem for *_, wrong, _ in plans for problem in wrong]
    if problems:
        raise RecordsError("\n".join(problems))
    rows, notes = {}, []
    for table, casts, _, said in plans:
        rows[table.name] = _write_table(session, table, casts, folder / f"{table.name}.parquet")
        notes += said
    if source.left_alone:
        notes.append(f"left alone, for Rounds does not use them: {', '.join(source.left_alone)}")
    findings: tuple[Finding, ...] = ()
    if _OBSERVED not in names:
        rows[_OBSERVED], findings = derive_observation_periods(session, folder)
        notes.append(f"there is no table observation_period: {RULE}")
    ordered = tuple((name, rows[name]) for name in CDM if name in rows)
    return ImportReport(
        site=session.site, source=source.words, day=today, rows=ordered, findings=findings, notes=tuple(notes)
    )


def _plan(session: Session, table: SourceTable) -> tuple[list[_Cast], list[str], list[str]]:
    """Return how a table's columns are read, what is wrong with them, and what to tell about them."""
    cdm = CDM[table.name]
    found: dict[str, tuple[str, str]] = {}
    for name, kind in table.columns:
        found.setdefault(name.lower(), (name, kind))
    casts, problems, missing, used = [], [], [], set()
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
        name, kind = found[known]
        sql = cast(name, kind, column.kind)
        if sql is None:
            plain = kind.partition("(")[0]
            problems.append(f"{where}, column `{name}`: the type {plain} is not {WANTED[column.kind]}; correct it")
            continue
        casts.append(
            _Cast(name=column.name, column=name, sql=sql, present=present(name, kind), wanted=WANTED[column.kind])
        )
    for name, (surplus, kind) in found.items():
        if surplus.startswith(SURPLUS):
            used.add(name)
            empty = present(surplus, kind)
            casts.append(_Cast(name="", column=surplus, sql="NULL", present=empty, wanted="empty"))
    optional = [name for name in missing if not cdm.column(name).required]
    unknown = [name for name in found if name not in used]
    said = [f"{table.label}: without the optional columns {', '.join(optional)}"] if optional else []
    said += [f"{table.label}: columns left alone: {', '.join(unknown)}"] if unknown else []
    return casts, problems, said


def close(word: str, others: Iterable[str]) -> str:
    """Return a suggestion only if one is near: what stands in a first row without a header may be a patient's."""
    hint = nearest(word, others)
    return hint if hint.startswith("; did you mean") else ""


def _names(cdm: CdmTable) -> set[str]:
    return {name for column in cdm.columns for name in (column.name, *column.older_names)}


def _write_table(session: Session, table: SourceTable, casts: list[_Cast], path: Path) -> int:
    """Write one table in one pass; only if a cell is wrong is it read again, to say where."""
    select = ", ".join(
        f"CASE WHEN {one.present} IS NULL OR ({one.sql}) IS NOT NULL THEN {one.sql} ELSE error('{_WRONG}') END "
        f'AS "{one.name}"'
        for one in casts
        if one.name
    )
    surplus = " OR ".join(f"{one.present} IS NOT NULL" for one in casts if not one.name)
    where = f" WHERE CASE WHEN {surplus} THEN error('{_WRONG}') ELSE true END" if surplus else ""
    try:
        with table.open() as scan:
            return session.write(f"SELECT {select} FROM {scan}{where}", path, title=f"Importing {table.name}")
    except duckdb.InvalidInputException as error:
        if _WRONG not in str(error):
            raise damaged(session, table, error) from None
    except duckdb.ConversionException as error:
        raise damaged(session, table, error) from None
    raise RecordsError("\n".join(_wrong_cells(session, table, casts)))


def damaged(session: Session, table: SourceTable, error: duckdb.Error) -> RecordsError:
    """Return the refusal for a source that cannot be read to its end, with the line where DuckDB knows it."""
    import re

    line = re.search(r"[Ll]ine:? (\d+)", str(error))
    where = f", line {line[1]}" if line else ""
    return RecordsError(
        f"site {session.site}: {table.label}{where}: the row does not fit the header, or the file is damaged or not "
        "in UTF-8; export it again"
    )


def _wrong_cells(session: Session, table: SourceTable, casts: list[_Cast]) -> list[str]:
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

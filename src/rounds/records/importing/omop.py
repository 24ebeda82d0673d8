"""Imports OMOP CDM 5.3 or 5.4 from a folder of files, a DuckDB file or PostgreSQL."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from rounds.errors import RecordsError
from rounds.records.cdm import CDM
from rounds.records.importing.adding.add import add_tables
from rounds.records.importing.bounded import bounded_values
from rounds.records.importing.finish import write_report
from rounds.records.importing.generation import replace_records
from rounds.records.importing.made import Made
from rounds.records.importing.omop_sources import (
    OmopSource,
    duckdb_bytes,
    duckdb_source,
    folder_bytes,
    folder_source,
)
from rounds.records.importing.omop_units import convert_units
from rounds.records.importing.report import Finding, ImportReport
from rounds.records.importing.session import Job, Session, working
from rounds.records.importing.typed import close, plan_table, write_table
from rounds.records.importing.whole import finished
from rounds.records.tables import TABLES

OpenSource = Callable[[Session], OmopSource]

_PERSON = "person"
_OBSERVED = "observation_period"
_MEASUREMENT = "measurement"
_CONCEPT = "concept"
_INSTEAD = {_PERSON: "", _OBSERVED: ", or leave it out to have observation derived from events"}


def import_omop(source: Path, job: Job, *, schema: str | None = None, add: bool = False) -> ImportReport:
    """Import a folder of CSV, TSV or Parquet files or a DuckDB file, and serve what was in it from then on.

    Tables and columns may be named in any case; unknown ones are left alone and named in the report. Without a table
    observation_period, one is derived: see `observed.RULE`.

    Args:
        source: the folder, or the file.
        job: whose records it makes.
        schema: of a DuckDB file with several.
        add: whether the tables are added to those that are served: see `adding.add.add_tables`.

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
        raise RecordsError(f"site {job.site}: there is no {source}; correct the name")

    def open_source(session: Session) -> OmopSource:
        return folder_source(session, source) if source.is_dir() else duckdb_source(session, source, schema=schema)

    return import_tables(open_source, job, needed_bytes=needed, add=add)


def import_tables(open_source: OpenSource, job: Job, *, needed_bytes: int, add: bool) -> ImportReport:
    """Import the tables of an OMOP source of any kind. See `import_omop`."""

    def build(folder: Path, scratch: Path) -> ImportReport:
        with working(scratch, job) as session:
            report = _write_tables(session, open_source(session), folder, today=job.today)
            report = finished(session, report, folder, derive=_OBSERVED not in dict(report.rows))
        write_report(report, folder)
        return report

    def read(session: Session, folder: Path, served: Path) -> tuple[ImportReport, Mapping[str, str]]:
        source = open_source(session)
        report = _write_tables(session, source, folder, today=job.today, served=served)
        return report, {table.name: table.label for table in source.tables}

    if add:
        return add_tables(read, job, needed_bytes=needed_bytes)
    return replace_records(job.records, needed_bytes=needed_bytes, build=build, check=job.check)


def _write_tables(
    session: Session, source: OmopSource, folder: Path, *, today: date, served: Path | None = None
) -> ImportReport:
    """Write the tables that a source has; `served` has the vocabulary if the source has none."""
    names = {table.name for table in source.tables}
    if _PERSON not in names:
        near = close(_PERSON, source.left_alone)
        raise RecordsError(f"site {session.site}: {source.words}: there is no table person{near}; export it")
    plans = [(table, *plan_table(session, table)) for table in source.tables]
    problems = [problem for *_, wrong, _ in plans for problem in wrong]
    if problems:
        raise RecordsError("\n".join(problems))
    rows, notes = {}, []
    for table, casts, _, said in plans:
        rows[table.name] = write_table(session, table, casts, folder / f"{table.name}.parquet")
        notes += said
    if source.left_alone:
        notes.append(f"left alone, for Rounds does not use them: {', '.join(source.left_alone)}")
    if served is None:  # of what is added a table may have nothing new
        for table, *_ in plans:
            if table.name in (_PERSON, _OBSERVED) and not rows[table.name]:
                raise RecordsError(
                    f"site {session.site}: {table.label} has no rows; export it again{_INSTEAD[table.name]}"
                )
        notes += _leave_out_empty(folder, rows)
    findings: tuple[Finding, ...] = ()
    if _MEASUREMENT in rows:
        findings += convert_units(session, folder, vocabulary=folder if served is None or _CONCEPT in rows else served)
        findings += bounded_values(session, folder)
    return ImportReport(
        site=session.site,
        source=source.words,
        day=today,
        rows=tuple((name, rows[name]) for name in CDM if name in rows),
        made=Made(kind="omop", periods_derived=False),
        findings=findings,
        notes=tuple(notes),
    )


def _leave_out_empty(folder: Path, rows: dict[str, int]) -> list[str]:
    """Take out the tables of events that nothing fills: a measure is refused then, where an empty one would count 0."""
    empty = [name for name, number in rows.items() if not number and name in TABLES and TABLES[name].is_event]
    for name in empty:
        (folder / f"{name}.parquet").unlink()
        del rows[name]
    return [f"{name} has no rows and is left out: do not ask measures of it" for name in empty]

# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Adds an extract to the records that are served: a new generation with the old files and the new rows."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from rounds.errors import RecordsError
from rounds.records.cdm import CDM, VOCABULARY_TABLES
from rounds.records.importing.adding.addition import Addition
from rounds.records.importing.adding.events import WITH_IDS, Events, Rows, keep, part_name
from rounds.records.importing.adding.others import BY_KEY, WHOLE, Keyed, Whole
from rounds.records.importing.finish import write_report
from rounds.records.importing.generation import current_folder, replace_records
from rounds.records.importing.made import Added, Made, missing_files, read_made
from rounds.records.importing.report import ImportReport, Outcome
from rounds.records.importing.session import Job, Session, working
from rounds.records.importing.whole import finished
from rounds.records.table_files import file_scan, table_in
from rounds.records.tables import EVENT_TABLES, OBSERVATION_PERIOD

ReadSource = Callable[[Session, Path, Path], tuple[ImportReport, Mapping[str, str]]]
"""Writes the tables of a source into a folder, given the generation that is served; says what the source calls each."""

_EVERYTHING: Final = "import everything (without `--add`)"
_WRAP: Final = 1 << 64
_ROOM: Final = 1.2
"""Of what the tables take that are written anew."""


def add_tables(read: ReadSource, job: Job, *, needed_bytes: int) -> ImportReport:
    """Add the tables of an OMOP source to the records that are served, and serve both from then on.

    Rows of events come as files of their own beside the old ones, which are shared, not copied. A row whose id is there
    already takes the place of that row. People, places, deaths and observation periods are replaced by their keys,
    vocabularies and eras as whole tables.

    Args:
        read: reads the source.
        job: whose records they are.
        needed_bytes: what reading the source will write at most.

    Returns:
        What was added, and how many rows every table has now.

    Raises:
        RecordsError: naming table, file and row, or why nothing can be added to what is served, which stays as it is.
    """
    where = f"site {job.site}"
    if not job.records.is_dir() or current_folder(job.records) == job.records:
        raise RecordsError(
            f"{where}: {job.records} holds no imported records, so that there is nothing to add to; {_EVERYTHING}"
        )
    source = ""

    def build(folder: Path, scratch: Path) -> ImportReport:
        nonlocal source
        served = current_folder(job.records)
        made = _refuse_unless_addable(read_made(served), where=where, served=served)
        incoming = scratch / "incoming"
        incoming.mkdir()
        with working(scratch, job) as session:
            report, labels = read(session, incoming, served)
            source = report.source
            addition = Addition(session=session, served=served, incoming=incoming, folder=folder, labels=labels)
            digest = _digest(addition)
            _refuse_repeated(made, digest, where=f"{where}: {source}")
            several = _held_against_served(addition, made, where=f"{where}: {source}")
            told = [one.rows for one in several]
            _refuse_nothing_new(told, where=f"{where}: {source}")
            for one in several:
                one.write()
            _keep_others(addition, made)
            report = _told(report, addition, told, replace(made, added=(*made.added, _added(folder, digest))))
            report = finished(session, report, folder, derive=made.periods_derived)
        write_report(report, folder)
        job.carry(served, folder)
        return report

    def check(folder: Path) -> None:
        try:
            job.check(folder)
        except RecordsError as error:
            raise RecordsError(
                f"{error}\n{where}: rows are those of the new records; {part_name(folder)} of a table holds what came "
                f"of {source} in its order, less what was there already"
            ) from None

    served = current_folder(job.records)
    anew = (path for name in BY_KEY if (path := table_in(served, name)) is not None and path.is_file())
    needed = needed_bytes + int(sum(path.stat().st_size for path in anew) * _ROOM)
    return replace_records(job.records, needed_bytes=needed, build=build, check=check)


def _refuse_unless_addable(made: Made | None, *, where: str, served: Path) -> Made:
    if made is None:
        raise RecordsError(
            f"{where}: {served.name} does not say how it was imported, for an earlier version did that; {_EVERYTHING} "
            "once, and add to that from then on"
        )
    if gone := missing_files(served):
        raise RecordsError(
            f"{where}: {', '.join(gone)} is missing from {served}; restore it from a copy (with what links lead to), "
            f"or {_EVERYTHING}"
        )
    if made.kind != "omop":
        raise RecordsError(
            f"{where}: {served.name} was made from {made.kind}, with numbers of people and rows that no OMOP export "
            f"knows; {_EVERYTHING}"
        )
    return made


def _refuse_repeated(made: Made, digest: str, *, where: str) -> None:
    for one in made.added:
        if one.digest == digest:
            raise RecordsError(f"{where}: the same rows were added before, as {one.generation}; nothing was changed")


def _refuse_nothing_new(told: list[Rows], *, where: str) -> None:
    changes = any(rows.new or rows.replaced for rows in told)
    events = [rows for rows in told if rows.table in WITH_IDS]
    # Such as an earlier month again: what it says of people may be no longer so.
    again = any(rows.there for rows in events) and not any(
        rows.new or (rows.replaced and rows in events) for rows in told
    )
    if again or not changes:
        raise RecordsError(
            f"{where}: nothing in it is new, and every row of events is served already; look whether it is the right "
            "export. Nothing was changed"
        )


def _held_against_served(addition: Addition, made: Made, *, where: str) -> list[Events | Keyed | Whole]:
    """Hold every table that comes against the one that is there.

    Raises:
        RecordsError: naming everything that is wrong.
    """
    problems = _table_problems(addition, made, where=where)
    several: list[Events | Keyed | Whole] = []
    for name in CDM:
        if name not in addition.names or not (addition.is_served(name) or name in VOCABULARY_TABLES):
            continue
        found: Events | Keyed | Whole | list[str]
        if name in WHOLE:
            found = Whole.held_against_served(addition, name)
        else:
            found = addition.column_problems(name)
            if not found:
                kind = Events if name in WITH_IDS else Keyed
                found = kind.held_against_served(addition, name)
        if isinstance(found, list):
            problems += found
        else:
            several.append(found)
    if problems:
        raise RecordsError("\n".join(problems))
    return several


def _table_problems(addition: Addition, made: Made, *, where: str) -> list[str]:
    """Return which tables come that cannot, and which do not come that have to."""
    problems, come = [], addition.names
    events = [name for name in come if name in set(EVENT_TABLES) and addition.rows(addition.comes(name))]
    for name in CDM:
        if name in come:
            if name == OBSERVATION_PERIOD.name and made.periods_derived:
                problems.append(
                    f"{addition.where(name)}: the served observation periods were derived from everything else; leave "
                    f"the table out, or {_EVERYTHING}"
                )
            elif not addition.is_served(name) and name not in VOCABULARY_TABLES and addition.rows(addition.comes(name)):
                problems.append(
                    f"{addition.where(name)}: the served records have no table {name}: with it, earlier months would "
                    f"look as if nothing had happened; {_EVERYTHING}"
                )
        elif addition.is_served(name):
            if name in WHOLE and name not in VOCABULARY_TABLES:
                problems.append(
                    f"{where}: there is no table {name}, which the served records have; export the whole table again, "
                    "for it is made of all months"
                )
            elif name in set(EVENT_TABLES):
                problems.append(
                    f"{where}: there is no table {name}, which the served records have, and it would look as if "
                    "nothing had happened; export it, with its header alone if there is nothing new"
                )
            elif name == OBSERVATION_PERIOD.name and events and not made.periods_derived:
                problems.append(
                    f"{where}: there is no table {name}, which says until when people are observed; export the periods "
                    "that are new or other than before"
                )
    return problems


def _keep_others(addition: Addition, made: Made) -> None:
    """Share the tables of which nothing comes."""
    for name in CDM:
        derived = name == OBSERVATION_PERIOD.name and made.periods_derived
        if addition.is_served(name) and not derived and table_in(addition.folder, name) is None:
            keep(addition, name)


def _told(report: ImportReport, addition: Addition, told: list[Rows], made: Made) -> ImportReport:
    outcomes = []
    for rows in told:
        outcomes += [
            Outcome(origin=rows.table, outcome=outcome, number=number)
            for outcome, number in (
                ("imported: new", rows.new),
                ("imported in place of what was there", rows.replaced),
                ("there already, just so", rows.there),
            )
            if number
        ]
    new = "; ".join(
        f"{rows.table} {rows.new:,}" + (f" and {rows.replaced:,} in place of what was there" if rows.replaced else "")
        for rows in told
        if rows.new or rows.replaced
    )
    nothing = [rows.table for rows in told if rows.table in WITH_IDS and not (rows.new or rows.replaced or rows.there)]
    notes = [f"new rows: {new}", *([f"no rows came of {', '.join(nothing)}"] if nothing else []), *report.notes]
    tables = ((name, path) for name in CDM if (path := table_in(addition.folder, name)) is not None)
    return replace(
        report,
        source=f"{report.source}, added to {addition.served.name},",
        rows=tuple((name, addition.rows(file_scan(path))) for name, path in tables),
        outcomes=tuple(outcomes),
        notes=tuple(notes),
        made=made,
    )


def _added(folder: Path, digest: str) -> Added:
    return Added(generation=f"generation-{folder.name.rpartition('-')[-1]}", digest=digest)


def _digest(addition: Addition) -> str:
    """Return a digest of every row that comes, whatever their order."""
    whole = hashlib.sha256()
    for name in addition.names:
        scan = addition.comes(name)
        # Hashed twice: DuckDB joins the hashes of columns bit by bit, and sums of such could cancel out.
        row = f"hash(hash({', '.join(sorted(addition.columns_of(scan)))}))"
        ((number, sum_of),) = addition.session.query(f"SELECT count(*), coalesce(sum({row}), 0) FROM {scan}")
        whole.update(f"{name} {number} {int(str(sum_of)) % _WRAP}\n".encode())
    return whole.hexdigest()

# ruff: noqa: S608  SQL is built from our own names, quoted paths and whole numbers only
"""Takes one person out of the records that imports have made: a new generation without them, and no old one left."""

import shutil
from pathlib import Path
from typing import Final

from rounds.records.importing.generation import (
    current_folder,
    generations,
    remove_other_generations,
    replace_records,
)
from rounds.records.importing.session import Job, Session, working
from rounds.records.importing.sql import pattern
from rounds.records.private_duckdb import private_duckdb
from rounds.records.table_files import file_scan, table_in

_MADE_LATER: Final = ("pack", "scratch")
_ROOM: Final = 1.2
"""Of what the tables take: they are written again."""


def generations_with(folder: Path, person_id: int) -> list[Path]:
    """Return the generations of a site's records that have somebody in their table `person`, the served one or not."""
    found = []
    with private_duckdb(threads=2, memory_limit="1GB") as connection:
        for generation in generations(folder):
            people = table_in(generation, "person")
            if people is None:  # no more than files that a later one links to
                continue
            counting = f"SELECT count(*) FROM {file_scan(people)} WHERE person_id = {person_id}"
            ((rows,),) = connection.execute(counting).fetchall()
            found += [generation] if rows else []
    return found


def erase_rows(job: Job, person_id: int) -> int:
    """Serve a generation without any row about somebody from now on, and delete every other generation.

    Their address goes too, unless somebody else, or a care site, is at it.

    Args:
        job: whose records; its check is made of the new generation.
        person_id: who.

    Returns:
        How many rows are gone.

    Raises:
        RecordsError: if the new generation must not be served; the old one stays then.
    """
    served = current_folder(job.records)
    files = [path for path in sorted(served.rglob("*")) if path.is_file() and _kept(path, served)]

    def build(folder: Path, scratch: Path) -> int:
        with working(scratch, job) as session:
            return sum(_written(session, path, folder / path.relative_to(served), served, person_id) for path in files)

    needed = int(sum(path.stat().st_size for path in files) * _ROOM)
    gone = replace_records(job.records, needed_bytes=needed, build=build, check=job.check)
    remove_other_generations(job.records)  # the one before would stay for whoever is still reading it
    return gone


def _kept(path: Path, served: Path) -> bool:
    return path.relative_to(served).parts[0] not in _MADE_LATER


def _written(session: Session, path: Path, into: Path, served: Path, person_id: int) -> int:
    """Write one file again and return how many of its rows were about somebody."""
    into.parent.mkdir(parents=True, exist_ok=True)
    table = path.relative_to(served).parts[0].removesuffix(".parquet").lower()  # a file, or a folder of files
    whose = _about(session, path, table, served, person_id) if path.suffix.lower() == ".parquet" else None
    if whose is None:
        shutil.copyfile(path, into)
        return 0
    scan = f"read_parquet({pattern(path)})"
    before = session.number(f"SELECT count(*) FROM {scan}")
    session.write(f"SELECT * FROM {scan} WHERE NOT ({whose})", into, title=f"writing {table}")
    return before - session.number(f"SELECT count(*) FROM read_parquet({pattern(into)})")


def _about(session: Session, path: Path, table: str, served: Path, person_id: int) -> str | None:
    """Return SQL that is true of the rows about somebody; None if a file has none about anybody."""
    columns = {str(name).lower() for name, *_ in session.query(f"DESCRIBE SELECT * FROM read_parquet({pattern(path)})")}
    if "person_id" in columns:
        return f"coalesce(person_id = {person_id}, false)"
    if table != "location":
        return None
    people, places = table_in(served, "person"), table_in(served, "care_site")
    if people is None or not _has_location(session, people):
        return None
    at = f"SELECT location_id FROM {file_scan(people)} WHERE location_id IS NOT NULL"
    theirs, others = f"{at} AND person_id = {person_id}", f"{at} AND person_id <> {person_id}"
    if places is not None and _has_location(session, places):
        others += f" UNION ALL SELECT location_id FROM {file_scan(places)} WHERE location_id IS NOT NULL"
    return f"location_id IN ({theirs}) AND location_id NOT IN ({others})"


def _has_location(session: Session, path: Path) -> bool:
    found = session.query(f"DESCRIBE SELECT * FROM {file_scan(path)}")
    return any(str(name).lower() == "location_id" for name, *_ in found)

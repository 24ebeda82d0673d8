# ruff: noqa: S608  SQL is built from our own table names and quoted paths only
"""Numbers for people and places whose source calls them by words: given once, kept for ever, the same in every import.

The file that ties them together stays in the site's folder, readable to its owner only: whoever has it can undo the
numbers.
"""

import os
from pathlib import Path

import duckdb

from rounds.errors import RecordsError
from rounds.records.importing.session import Session
from rounds.records.importing.sql import file, pattern

FOLDER = "identities"
ERASED = "erased:"
"""What stands before the number of somebody who was erased, instead of what the source calls them."""


def give_numbers(session: Session, records: Path, *, kind: str, wanted: str) -> None:
    """Make a table `identity_<kind>` (source_id, number) for every id that a query gives.

    Known ids keep their number; new ones get the next, in the order of their ids. A number is never given twice, even
    if the import fails after this.

    Args:
        session: the import.
        records: the site's records, where the identities are kept.
        kind: what is numbered: person, care_site.
        wanted: SQL with one column, `source_id`.

    Raises:
        RecordsError: if the file is damaged. Numbers must not be given anew then, for they would mean other people.
    """
    path = records / FOLDER / f"{kind}.parquet"
    table = f"identity_{kind}"
    known = f"(SELECT source_id, number FROM read_parquet({pattern(path)}))" if path.exists() else None
    try:
        session.query(
            f"CREATE TABLE {table} AS "
            + (f"FROM {known}" if known else "SELECT NULL::VARCHAR AS source_id, NULL::BIGINT AS number LIMIT 0")
        )
        twice = session.number(
            f"SELECT count(*) - least(count(DISTINCT source_id), count(DISTINCT number)) FROM {table}"
        )
    except duckdb.Error as error:
        if not known or isinstance(error, duckdb.OutOfMemoryException):
            raise
        twice = 1
    if twice:
        raise RecordsError(
            f"site {session.site}: {path} is damaged; restore it from a copy. Do not delete it: the same people would "
            "get other numbers"
        )
    before = session.number(f"SELECT count(*) FROM {table}")
    session.query(
        f"INSERT INTO {table} SELECT source_id, (SELECT coalesce(max(number), 0) FROM {table}) + "
        f"row_number() OVER (ORDER BY source_id) FROM (SELECT DISTINCT source_id FROM ({wanted}) "
        f"WHERE source_id IS NOT NULL) n WHERE NOT EXISTS (FROM {table} k WHERE k.source_id = n.source_id)"
    )
    if session.number(f"SELECT count(*) FROM {table}") > before:
        _keep(session, table, path)


def forget_number(session: Session, records: Path, *, kind: str, number: int) -> bool:
    """Take out what the source calls somebody. Their number stays, so that nobody else is ever given it.

    Args:
        session: to work in.
        records: the site's records, where the identities are kept.
        kind: what is numbered: person.
        number: whose.

    Returns:
        Whether there was anybody of that number.
    """
    path = records / FOLDER / f"{kind}.parquet"
    if not path.exists():
        return False
    table = f"identity_{kind}"
    erased = f"'{ERASED}{number}'"
    session.query(f"CREATE TABLE {table} AS FROM read_parquet({pattern(path)})")
    if not session.number(f"SELECT count(*) FROM {table} WHERE number = {number} AND source_id <> {erased}"):
        return False
    session.query(f"UPDATE {table} SET source_id = {erased} WHERE number = {number}")
    _keep(session, table, path)
    return True


def _keep(session: Session, table: str, path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        session.query(f"COPY (FROM {table} ORDER BY number) TO {file(partial)} (FORMAT parquet, COMPRESSION zstd)")
        descriptor = os.open(partial, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        partial.chmod(0o600)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

"""An SQLite file of a party's own: every change is one transaction that is on the disk, whole, when it is over."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rounds.errors import RoundsError

WAIT_SECONDS = 60.0
_MAKES = re.compile(r"\s*CREATE TABLE IF NOT EXISTS (?P<name>\w+)")


@contextmanager
def transaction(path: Path, *, schema: str) -> Iterator[sqlite3.Connection]:
    """Run what happens inside as one transaction: all of it is kept, or, if anything is raised, nothing.

    The file is made on first use, for its owner alone. It is in WAL mode and written through to the disk, `synchronous`
    being FULL. Who wants to write waits for who is writing. Do not nest: two transactions of one file wait for each
    other.

    Args:
        path: the file.
        schema: statements that make tables which are not there yet (`CREATE TABLE IF NOT EXISTS ...`).

    Raises:
        RoundsError: if it cannot be read or written: it is damaged, or the disk is full. Nothing was changed then.
    """
    _make_private(path)
    with _named(path), closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _refuse_damaged(connection, path)
        connection.execute("BEGIN IMMEDIATE")
        try:
            _make_tables(connection, schema)
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


@contextmanager
def reading(path: Path, *, schema: str) -> Iterator[sqlite3.Connection]:
    """Look into the file while the block runs; one that is not there is empty, and so is a table that is not.

    Nothing in its folder is changed, so that it may be read-only. Hold the lock of the party's folder meanwhile, if
    somebody may write.

    Args:
        path: the file.
        schema: statements that make the tables that are looked at.

    Raises:
        RoundsError: if it cannot be read: it is damaged.
    """
    there = path.exists()
    left_over = path.with_name(f"{path.name}-wal").exists()  # a killed writer's: it is taken in by opening the file
    how = "mode=rw" if left_over else "immutable=1"
    where = f"{path.absolute().as_uri()}?{how}" if there else ":memory:"
    with (
        _named(path),
        closing(sqlite3.connect(where, uri=there, timeout=WAIT_SECONDS, isolation_level=None)) as connection,
    ):
        if there:
            _refuse_damaged(connection, path)
        known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for statement in filter(str.strip, schema.split(";")):
            made = _MAKES.match(statement)
            if made and made["name"] not in known:  # nothing was ever kept in it: an empty one, in memory
                connection.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
        connection.execute("PRAGMA query_only = ON")
        yield connection


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RoundsError(
            f"{path}: {error}; nothing was changed. Make room if the disk is full; if the file is damaged, restore it "
            "from a copy, do not delete it"
        ) from None


def _refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise RoundsError(f"{path}: it is damaged; restore it from a copy, do not delete it. Nothing leaves until then")


def _make_tables(connection: sqlite3.Connection, schema: str) -> None:
    for statement in filter(str.strip, schema.split(";")):
        connection.execute(statement)


def _make_private(path: Path) -> None:
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise RoundsError(f"{path}: it cannot be made ({error.strerror}); nothing was changed") from None

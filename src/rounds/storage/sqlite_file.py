"""An SQLite file of a party's own: every change is one transaction that is on the disk, whole, when it is over."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rounds.errors import RoundsError

WAIT_SECONDS = 60.0


@contextmanager
def transaction(path: Path, *, schema: str) -> Iterator[sqlite3.Connection]:
    """Run what happens inside as one transaction: all of it is kept, or, if anything is raised, nothing.

    The file is made on first use, for its owner alone. It is in WAL mode and written through to the disk (`synchronous`
    is FULL). Who wants to write waits for who is writing. Do not nest: two transactions of one file wait for each
    other.

    Args:
        path: the file.
        schema: statements that make tables which are not there yet (`CREATE TABLE IF NOT EXISTS ...`).

    Raises:
        RoundsError: if it cannot be read or written: it is damaged, or the disk is full. Nothing was changed then.
    """
    _make_private(path)
    try:
        connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in filter(str.strip, schema.split(";")):
                    connection.execute(statement)
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RoundsError(
            f"{path}: {error}; nothing was changed. Make room if the disk is full; if the file is damaged, restore it "
            "from a copy, do not delete it"
        ) from None


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Look into the file while the block runs. Nothing in its folder is changed, so that it may be read-only.

    Hold the lock of the party's folder meanwhile, if somebody may write.

    Args:
        path: the file; it must exist.

    Raises:
        RoundsError: if it cannot be read: it is damaged.
    """
    left_over = path.with_name(f"{path.name}-wal").exists()  # a killed writer's: it is taken in by opening the file
    how = "mode=rw" if left_over else "immutable=1"
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=WAIT_SECONDS)
        try:
            connection.execute("PRAGMA query_only = ON")
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RoundsError(f"{path}: {error}; the file is damaged, restore it from a copy, do not delete it") from None


def _make_private(path: Path) -> None:
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise RoundsError(f"{path}: it cannot be made ({error.strerror}); nothing was changed") from None

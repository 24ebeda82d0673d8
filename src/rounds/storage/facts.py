"""The only way in which a site and the centre write: with the event that the audit log tells of it, or why none is due.

The event is logged first, so that whatever lies in a folder is told in the log, also after a kill between the two.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from rounds.audit.chain import Event
from rounds.storage import atomic
from rounds.storage.audit_log import LOG_SCHEMA, append, record
from rounds.storage.sqlite_file import transaction


class NoEvent(StrEnum):
    """Why no event is due for something that is written."""

    CACHE = "it may be deleted at any time and is then made anew"
    OWN_REPORT = "made from a party's own records for its own people; it goes nowhere and can be made anew"


class LoggedTransaction:
    """A transaction of a party's file that has to tell the log what it is about."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.told = False

    def tell(self, *events: Event) -> None:
        """Add events to the log, each unless it is told already."""
        append(self.connection, *events)
        self.told = self.told or bool(events)


@contextmanager
def logged_transaction(path: Path, *, schema: str = "") -> Iterator[LoggedTransaction]:
    """Run what happens inside as one transaction of a party's file, its events with it: all is kept, or nothing.

    Args:
        path: the party's file, the one that holds its log.
        schema: of the tables that are written besides the log's.

    Raises:
        ValueError: if nothing was told to the log. Nothing was changed then.
        RoundsError: if the file cannot be read or written.
    """
    with transaction(path, schema=LOG_SCHEMA + schema) as connection:
        one = LoggedTransaction(connection)
        yield one
        if not one.told:
            raise ValueError(f"{path}: something was to be written without an event; tell the log what happened")


def write_fact(path: Path, content: bytes, *, event: Event, log: Path) -> None:
    """Log an event, then write the file that it is about, whole or not at all."""
    record(log, event)
    atomic.write_file(path, content)


def write_private_fact(path: Path, content: bytes, *, event: Event, log: Path) -> None:
    """Log an event, then write the file that it is about, whole or not at all, readable by its owner alone."""
    record(log, event)
    atomic.write_private_file(path, content)


def write_fact_folder(
    path: Path, fill: Callable[[Path], None], *, event: Event | Callable[[Path], Event], log: Path
) -> None:
    """Fill a folder, log the event that it is about, then let the folder appear in one piece.

    Args:
        path: the folder to make or replace.
        fill: writes the content into the empty folder it is given.
        event: what the log tells of it; or what says so of the filled folder, where that decides the digest.
        log: the party's file that holds its log.
    """

    def filled_and_logged(folder: Path) -> None:
        fill(folder)
        record(log, event(folder) if callable(event) else event)

    atomic.write_folder(path, filled_and_logged)


def write_unlogged(path: Path, content: bytes, *, because: NoEvent) -> None:
    """Write a file of which the log says nothing, readable by its owner alone."""
    _ = because.value
    atomic.write_private_file(path, content)


def write_unlogged_folder(path: Path, fill: Callable[[Path], None], *, because: NoEvent) -> None:
    """Write a folder of which the log says nothing."""
    _ = because.value
    atomic.write_folder(path, fill)

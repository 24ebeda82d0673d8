"""A party's audit log in its SQLite file: its entries and the tree above them.

Adding to a log of n entries, and proving something of it, reads and writes in the order of log n rows.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rounds.audit import merkle
from rounds.audit.chain import Action, Entry, Event, checked, entry_of, following
from rounds.audit.heads import Head, head_of
from rounds.errors import AuditError
from rounds.storage.sqlite_file import reading, transaction

LOG_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_entries (
    sequence INTEGER PRIMARY KEY, action TEXT NOT NULL, round_id TEXT NOT NULL, party TEXT NOT NULL,
    digest TEXT NOT NULL, day TEXT NOT NULL, before TEXT NOT NULL, hash TEXT NOT NULL,
    UNIQUE (action, round_id, party, digest)
) STRICT;
CREATE TABLE IF NOT EXISTS log_nodes (
    level INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_given (
    party TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, signature BLOB NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (party, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log_held (
    party TEXT NOT NULL, key BLOB NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, signature BLOB,
    PRIMARY KEY (party, key, size)
) STRICT, WITHOUT ROWID;
"""
"""`log_given`: heads of this log that others were given. `log_held`: heads of others' logs, by the key that signed;
without a signature of its own where a signed head vouched for it. Give this, with your own, to `transaction`."""

LEDGER = "ledger.db"
"""The name of a party's SQLite file, in its folder."""


def append(connection: sqlite3.Connection, *events: Event) -> None:
    """Add events to the log within the caller's transaction, each unless the same event is in it already.

    Args:
        connection: of a transaction whose schema holds `LOG_SCHEMA`.
        events: in the order in which they happened.
    """
    size, node = tree(connection)
    last = entry_at(connection, size)
    for event in events:
        if _is_told(connection, event):
            continue
        last = following(last, event)
        row = (last.sequence, *event.same, event.day.isoformat(), last.before, last.hash)
        connection.execute("INSERT INTO log_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        grown = merkle.completed(last.sequence - 1, last.leaf, node)
        connection.executemany("INSERT INTO log_nodes VALUES (?, ?, ?)", list(grown))


def record(path: Path, *events: Event) -> None:
    """Add events to the log in a file as a transaction of its own. If all of them are told, the file is not touched."""
    if not is_recorded(path, *events):
        with transaction(path, schema=LOG_SCHEMA) as connection:
            append(connection, *events)


def is_recorded(path: Path, *events: Event) -> bool:
    """Return whether a log tells all of these events."""
    with reading_log(path) as connection:
        return all(_is_told(connection, event) for event in events)


def tells(path: Path, *, action: Action, round_id: str) -> bool:
    """Return whether a log tells that something happened to a round, whatever it was about."""
    with reading_log(path) as connection:
        query = "SELECT 1 FROM log_entries WHERE action = ? AND round_id = ?"
        return connection.execute(query, (action.value, round_id)).fetchone() is not None


def read_log(path: Path) -> tuple[Entry, ...]:
    """Return the entries of a log, having checked all of them and the tree above; an absent log is empty.

    Raises:
        AuditError: naming the first entry at which the log was changed.
        RoundsError: if the file is damaged.
    """
    with reading_log(path) as connection:
        (whole,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if whole != "ok":
            raise AuditError(f"{path}: {' '.join(whole.split())}; the file is damaged, restore it from a copy")
        entries = tuple(checked(_rows(connection, str(path)), source=str(path)))
        found = connection.execute("SELECT level, position, hash FROM log_nodes").fetchall()
    size, node = merkle.tree_of(entry.leaf for entry in entries)
    due = {(level, position) for level in range(size.bit_length()) for position in range(size >> level)}
    told = {(level, position): whole for level, position, whole in found}
    for level, position in sorted(due | told.keys()):
        if (level, position) not in due or told.get((level, position)) != node(level, position):
            entry = min((position << level) + 1, size + 1)
            raise AuditError(
                f"{path}, entry {entry}: the log's tree does not fit its entries from here: entries were changed, cut "
                "off or put in; restore the log from a copy"
            )
    return entries


@contextmanager
def reading_log(path: Path) -> Iterator[sqlite3.Connection]:
    """Look into a log without changing anything; where there is none yet, into an empty one.

    Raises:
        RoundsError: if the file is damaged.
    """
    with reading(path, schema=LOG_SCHEMA) as connection:
        yield connection


def tree(connection: sqlite3.Connection) -> tuple[int, merkle.Node]:
    """Return how many entries the log has, and the nodes of its tree, read as they are asked for."""

    def node(level: int, position: int) -> bytes:
        query = "SELECT hash FROM log_nodes WHERE level = ? AND position = ?"
        row = connection.execute(query, (level, position)).fetchone()
        if row is None:
            raise AuditError(
                f"the audit log's tree has a hole at entry {(position << level) + 1}; restore it from a copy"
            )
        return bytes(row[0])

    (size,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM log_entries").fetchone()
    return size, node


def head(connection: sqlite3.Connection, *, log: str) -> Head:
    """Return how the log stands.

    Args:
        connection: of a transaction or of `reading_log`.
        log: whose log it is.
    """
    size, node = tree(connection)
    return head_of(log, size, node)


def entry_at(connection: sqlite3.Connection, sequence: int) -> Entry | None:
    """Return one entry of the log, or None if there is none of that number."""
    row = connection.execute("SELECT * FROM log_entries WHERE sequence = ?", (sequence,)).fetchone()
    return _entry(row, "the audit log") if row else None


def _is_told(connection: sqlite3.Connection, event: Event) -> bool:
    query = "SELECT 1 FROM log_entries WHERE action = ? AND round_id = ? AND party = ? AND digest = ?"
    return connection.execute(query, event.same).fetchone() is not None


def _rows(connection: sqlite3.Connection, source: str) -> Iterator[Entry]:
    rows = connection.execute("SELECT * FROM log_entries ORDER BY sequence")
    for row in rows.fetchall():
        yield _entry(row, source)


def _entry(row: tuple[object, ...], source: str) -> Entry:
    sequence, action, round_id, party, digest, day, before, own = row
    event = {"action": action, "round_id": round_id, "party": party, "digest": digest, "day": day}
    try:
        return entry_of({"sequence": sequence, "event": event, "before": before, "hash": own})
    except ValueError:
        raise AuditError(f"{source}, entry {sequence}: it cannot be read; restore the log from a copy") from None

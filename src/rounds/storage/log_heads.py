"""Heads in a party's SQLite file: of its own log, as others were given them, and of the others' logs, as they came."""

import sqlite3

from rounds.audit.heads import Earlier, Head, SignedHead, earlier_of
from rounds.errors import AuditError
from rounds.storage.audit_log import tree


def give(connection: sqlite3.Connection, signed: SignedHead, *, to: str) -> tuple[Earlier, ...]:
    """Remember that a party is given a head of this log, and return the earlier ones that it may hold, with proofs.

    Those are what it was given since the newest head that it has acknowledged, and that one.
    """
    _keep_given(connection, signed, to=to)
    size, node = tree(connection)
    query = "SELECT size, root FROM log_given WHERE party = ? AND size < ? AND size >= ? ORDER BY size"
    rows = connection.execute(query, [to, size, acknowledged_size(connection, by=to)])
    log = signed.head.log
    return tuple(earlier_of(Head(log=log, size=at, root=root), size=size, node=node) for at, root in rows.fetchall())


def acknowledged_size(connection: sqlite3.Connection, *, by: str) -> int:
    """Return how many entries of this log a party is known to have been told of: it holds a head of so many."""
    query = "SELECT coalesce(max(size), 0) FROM log_given WHERE party = ? AND acknowledged"
    (size,) = connection.execute(query, [by]).fetchone()
    return int(size)


def acknowledge(connection: sqlite3.Connection, signed: SignedHead, *, by: str) -> None:
    """Remember that a party holds a head of this log."""
    _keep_given(connection, signed, to=by)
    connection.execute("UPDATE log_given SET acknowledged = 1 WHERE party = ? AND size = ?", (by, signed.head.size))


def was_given(connection: sqlite3.Connection, signed: SignedHead, *, to: str) -> None:
    """Remember that a party was given a head of this log, as a message shows that was given to it."""
    _keep_given(connection, signed, to=to)


def given(connection: sqlite3.Connection, *, log: str) -> tuple[tuple[str, SignedHead], ...]:
    """Return every head of this log that was given away, and to whom."""
    rows = connection.execute("SELECT party, size, root, signature FROM log_given ORDER BY party, size").fetchall()
    return tuple((party, _signed(log, size, root, signature)) for party, size, root, signature in rows)


def hold(connection: sqlite3.Connection, signed: SignedHead, *, earlier: tuple[Earlier, ...], key: bytes) -> None:
    """Remember a head of another party's log and the earlier ones that it vouches for. They must have been checked."""
    own = signed.head
    rows = [(own.log, key, one.head.size, one.head.root, None) for one in earlier]
    query = """
        INSERT INTO log_held VALUES (?, ?, ?, ?, ?) ON CONFLICT (party, key, size)
        DO UPDATE SET signature = coalesce(signature, excluded.signature)
    """
    connection.executemany(query, [*rows, (own.log, key, own.size, own.root, signed.signature)])


def newest_held(connection: sqlite3.Connection, *, party: str, key: bytes) -> SignedHead | None:
    """Return the longest head of a party's log that is held, signed with this key; None if none is."""
    query = """
        SELECT size, root, signature FROM log_held WHERE party = ? AND key = ? AND signature IS NOT NULL
        ORDER BY size DESC LIMIT 1
    """
    row = connection.execute(query, (party, key)).fetchone()
    return _signed(party, *row) if row else None


def is_held(connection: sqlite3.Connection, head: Head, *, key: bytes) -> bool:
    """Return whether a head of another party's log is held, or was vouched for."""
    query = "SELECT 1 FROM log_held WHERE party = ? AND key = ? AND size = ? AND root = ?"
    return connection.execute(query, (head.log, key, head.size, head.root)).fetchone() is not None


def all_held(connection: sqlite3.Connection) -> tuple[SignedHead, ...]:
    """Return every signed head of others' logs that is held."""
    query = "SELECT party, size, root, signature FROM log_held WHERE signature IS NOT NULL ORDER BY party, size"
    return tuple(_signed(*row) for row in connection.execute(query).fetchall())


def _keep_given(connection: sqlite3.Connection, signed: SignedHead, *, to: str) -> None:
    row = (to, signed.head.size, signed.head.root, signed.signature)
    query = "INSERT INTO log_given (party, size, root, signature) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    connection.execute(query, row)


def _signed(log: str, size: int, root: bytes, signature: bytes) -> SignedHead:
    try:
        return SignedHead(head=Head(log=log, size=size, root=bytes(root)), signature=bytes(signature))
    except ValueError:
        raise AuditError(
            f"a head of the log of {log} is not one; the file was changed, restore it from a copy"
        ) from None

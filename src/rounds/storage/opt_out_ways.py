"""Which way a site counts, with or without opt-outs, and up to which day what has left was counted each way.

Functions here work inside a transaction of the caller's, see `sqlite_file`.
"""

import json
import sqlite3
from collections.abc import Iterable
from datetime import date
from typing import Final

WAYS_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS ways (
    number INTEGER PRIMARY KEY, opt_outs INTEGER NOT NULL, last TEXT NOT NULL, day TEXT NOT NULL,
    adopted_by TEXT NOT NULL
) STRICT
"""
"""`last`: the last day of all that left this way; empty if nothing has left since it was adopted."""


def way_in_force(connection: sqlite3.Connection) -> bool | None:
    """Return whether people who have opted out are left out of what leaves; None if nothing has ever left."""
    row = connection.execute("SELECT opt_outs FROM ways ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else bool(row[0])


def last_day_counted(connection: sqlite3.Connection, *, opt_outs: bool) -> date | None:
    """Return the last day of all that left and was counted one way; None if nothing was."""
    (last,) = connection.execute("SELECT max(last) FROM ways WHERE opt_outs = ?", [opt_outs]).fetchone()
    return date.fromisoformat(last) if last else None


def keep_way(connection: sqlite3.Connection, *, opt_outs: bool, last: date, day: date) -> None:
    """Remember that something has left.

    Args:
        connection: in a transaction.
        opt_outs: whether people who have opted out are left out of it.
        last: the last day that it is about.
        day: today.
    """
    if way_in_force(connection) is not opt_outs:
        adopt_way(connection, opt_outs=opt_outs, day=day, adopted_by=())
    query = "UPDATE ways SET last = max(last, ?) WHERE number = (SELECT max(number) FROM ways)"
    connection.execute(query, [last.isoformat()])


def adopt_way(connection: sqlite3.Connection, *, opt_outs: bool, day: date, adopted_by: Iterable[str]) -> int:
    """Write down which way is counted from now on, and return the number of that: the first is 1."""
    row = [opt_outs, day.isoformat(), json.dumps(list(adopted_by))]
    connection.execute("INSERT INTO ways (opt_outs, last, day, adopted_by) VALUES (?, '', ?, ?)", row)
    (number,) = connection.execute("SELECT max(number) FROM ways").fetchone()
    return int(number)

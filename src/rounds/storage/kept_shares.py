"""How complete a site's records are, as it has left or was prepared: a step once told is told again.

Functions here work inside a transaction of the caller's, see `sqlite_file`.
"""

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from datetime import date
from typing import Final

from rounds.disclosure.completeness import BoundedShare
from rounds.errors import RoundsError
from rounds.measures.definitions import MeasureRef

SHARES_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS shares (
    digest TEXT NOT NULL, epoch INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL, place INTEGER NOT NULL,
    name TEXT NOT NULL, lower INTEGER NOT NULL, upper INTEGER NOT NULL, round TEXT NOT NULL, policy TEXT NOT NULL,
    opt_outs TEXT NOT NULL, has_left INTEGER NOT NULL, seal TEXT NOT NULL,
    PRIMARY KEY (digest, epoch, first, last, place)
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the ledger knows the completeness of one measure's records by."""

    measure: MeasureRef
    epoch: int
    first: date
    last: date
    """the days that were looked at"""

    @property
    def key(self) -> tuple[str, int, str, str]:
        return self.measure.digest, self.epoch, self.first.isoformat(), self.last.isoformat()


def kept_shares(connection: sqlite3.Connection, told: Told, *, policy: str, opt_outs: str) -> tuple[BoundedShare, ...]:
    """Return what has left, or was prepared under the same policy and with the same opt-outs and waits; else nothing.

    Raises:
        RoundsError: if it was changed after it was kept.
    """
    rows = connection.execute(
        "SELECT place, name, lower, upper, seal FROM shares WHERE digest = ? AND epoch = ? AND first = ? AND last = ? "
        "AND (has_left OR (policy = ? AND opt_outs = ?)) ORDER BY place",
        [*told.key, policy, opt_outs],
    ).fetchall()
    for *fields, seal in rows:
        if seal != _seal(told, *fields):
            raise RoundsError(
                f"ledger.db: how complete the records of measure {told.measure} are was changed after it was released; "
                "restore the file from a copy, nothing leaves until then"
            )
    return tuple(BoundedShare(name=name, lower=lower, upper=upper) for _, name, lower, upper, _ in rows)


def keep_shares(
    connection: sqlite3.Connection,
    told: Told,
    shares: tuple[BoundedShare, ...],
    *,
    round_id: str,
    policy: str,
    opt_outs: str,
) -> None:
    """Keep what is said for the first time. What waited under another policy, or with other opt-outs, is forgotten.

    Args:
        connection: in a transaction.
        told: of which measure and days.
        shares: as they would leave, in the measure's order.
        round_id: in which.
        policy: digest of the policy in force.
        opt_outs: what tells the list of who may be counted.
    """
    connection.execute(
        "DELETE FROM shares WHERE digest = ? AND epoch = ? AND first = ? AND last = ? AND NOT has_left "
        "AND (policy != ? OR opt_outs != ?)",
        [*told.key, policy, opt_outs],
    )
    rows = [
        (*told.key, place, one.name, one.lower, one.upper, round_id, policy, opt_outs, 0)
        for place, one in enumerate(shares)
    ]
    sealed = [(*row, _seal(told, *row[4:8])) for row in rows]
    connection.executemany(f"INSERT OR IGNORE INTO shares VALUES ({', '.join('?' * 13)})", sealed)  # noqa: S608 - marks


def mark_shares_left(connection: sqlite3.Connection, told: Told) -> None:
    """Remember that it has left the site."""
    query = "UPDATE shares SET has_left = 1 WHERE digest = ? AND epoch = ? AND first = ? AND last = ?"
    connection.execute(query, told.key)


def _seal(told: Told, *fields: object) -> str:
    return hashlib.sha256(json.dumps([*told.key, *fields]).encode()).hexdigest()

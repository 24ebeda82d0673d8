"""Counts that a site remembers, in an SQLite file that only its owner may read."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rounds.measures.periods import Period

Rows = list[list[Any]]
"""The cells of one period: the levels of its strata and its numbers."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS counts (measure TEXT, member TEXT, first TEXT, last TEXT, key TEXT, rows TEXT, "
    "seal TEXT, PRIMARY KEY (measure, member, first, last)) WITHOUT ROWID"
)


class CountStore:
    """For each measure, member and period the count that was made last, and the key it was made under.

    A file that cannot be read is as if it were not there: everything in it can be counted again.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; it need not exist."""
        self._path = path

    def get(self, measure: str, member: str, keys: Mapping[Period, str]) -> dict[Period, Rows]:
        """Return the counts that are there under the keys asked for.

        Args:
            measure: its digest.
            member: the ODS code the counts belong to.
            keys: by period, what its count depends on.
        """
        if not self._path.exists():
            return {}
        try:
            with self._open() as connection:
                stored = connection.execute(
                    "SELECT first, last, key, rows, seal FROM counts WHERE measure = ? AND member = ?",
                    [measure, member],
                ).fetchall()
        except sqlite3.DatabaseError:
            return {}
        by_days = {(first, last): rows for first, last, key, rows, seal in stored if seal == _seal(key, rows)}
        keys_there = {(first, last): key for first, last, key, _, _ in stored}
        found = {}
        for period, wanted in keys.items():
            days = (period.start.isoformat(), period.end.isoformat())
            if days in by_days and keys_there[days] == wanted:
                found[period] = json.loads(by_days[days])
        return found

    def put(self, counts: Iterable[tuple[str, str, Period, str, Rows]]) -> None:
        """Remember counts, all or none: of each its measure, member, period, key and rows."""
        told = []
        for measure, member, period, key, rows in counts:
            text = json.dumps(rows)
            told.append(
                (measure, member, period.start.isoformat(), period.end.isoformat(), key, text, _seal(key, text))
            )
        try:
            self._put(told)
        except sqlite3.OperationalError:
            return  # somebody else writes, or the disk is full: what is not remembered is counted again
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)
            self._put(told)

    def _put(self, told: Sequence[tuple[str, ...]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        with self._open() as connection, connection:
            connection.execute(_TABLE)
            connection.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?, ?, ?, ?)", told)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as connection:
            yield connection


def _seal(key: str, rows: str) -> str:
    return hashlib.sha256(f"{key} {rows}".encode()).hexdigest()

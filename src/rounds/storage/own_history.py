"""What a site tells itself with each message that leaves: enough to know again what it has released and spent.

That is the log's entries, the cells that leave with the message, what was charged, the policies and ways about opt-outs
that were in force, and signed acts. Of what has not left there are digests alone, and exact counts there are none: how
many people are behind rows is lost with a ledger, and the gate then takes for it the least and the most there can be.
"""

import base64
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from rounds.audit.chain import Event, event_of
from rounds.errors import AuditError
from rounds.network.roles import RequestState
from rounds.storage.approval_store import APPROVAL_SCHEMA, QueuedRequest, act_digest, request_row
from rounds.storage.audit_log import append, entry_at, tree
from rounds.storage.kept_shares import Told
from rounds.storage.log_heads import acknowledged_size
from rounds.storage.release_store import RELEASE_SCHEMA, Answer, keep_answer

HISTORY_SCHEMA: Final = f"{RELEASE_SCHEMA};{APPROVAL_SCHEMA}"
_VERSION: Final = 1
_WHOLE: Final = ("policies", "ways", "charges")
"""Tables that are told as they stand: they are short."""
_TABLES: Final = (*_WHOLE, "cells", "shares", "approval_acts")
_STATE, _REPLY, _REPLY_DIGEST, _REFUSAL = 3, 8, 9, 11
"""Places in a row of `approval_requests`."""

Row = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What leaves with a message."""

    round_id: str
    called: str
    """under which name the answer is kept"""
    epoch: int = 1
    cells: tuple[tuple[str, date], ...] = ()
    """digests of measures, as the ledger knows them, each with the first day of a period"""
    shares: tuple[Told, ...] = ()
    """of which measures it is said how complete their records are"""
    refused: QueuedRequest | None = None
    """what becomes of the request, if the message refuses it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a message has told its own sender."""

    called: str
    """under which name the answer is kept"""
    since: int
    """how many entries of the log came before those that it tells"""
    day: date
    """on which the message left"""
    events: tuple[Event, ...]
    tables: Mapping[str, list[Row]]


def encode_history(connection: sqlite3.Connection, leaving: Leaving, *, to: str, day: date) -> bytes:
    """Return what a message tells its own sender: all of the log that its reader has not acknowledged, and what leaves.

    Args:
        connection: of the transaction in which the message is signed; the log tells of it already.
        leaving: what leaves with it.
        to: its reader.
        day: today.
    """
    since, (size, _) = acknowledged_size(connection, by=to), tree(connection)
    entries = [entry_at(connection, number) for number in range(since + 1, size + 1)]
    events = [entry.event for entry in entries if entry is not None]
    tables = {name: _rows(connection, name) for name in _WHOLE}
    tables["cells"] = [
        row
        for digest, start in leaving.cells
        for row in _rows(connection, "cells", digest=digest, epoch=leaving.epoch, period=start.isoformat())
    ]
    tables["shares"] = [
        row
        for digest, epoch, first, last in (told.key for told in leaving.shares)
        for row in _rows(connection, "shares", digest=digest, epoch=epoch, first=first, last=last)
    ]
    tables["approval_acts"], tables["approval_requests"] = _approvals(connection, leaving, events)
    said = {
        "version": _VERSION,
        "called": leaving.called,
        "since": since,
        "day": day.isoformat(),
        "events": [event.fields for event in events],
        "tables": {name: [[_said(value) for value in row] for row in rows] for name, rows in tables.items()},
    }
    return zlib.compress(json.dumps(said, separators=(",", ":")).encode(), 9)


def decode_history(content: bytes, *, source: str) -> History:
    """Return what `encode_history` has told.

    Raises:
        AuditError: if it was told by another version.
    """
    told = json.loads(zlib.decompress(content))
    if told["version"] != _VERSION:
        raise AuditError(
            f"{source}: told by version {told['version']} of Rounds' history, this program reads {_VERSION}"
        )
    return History(
        called=told["called"],
        since=told["since"],
        day=date.fromisoformat(told["day"]),
        events=tuple(event_of(fields) for fields in told["events"]),
        tables={name: [[_read(value) for value in row] for row in rows] for name, rows in told["tables"].items()},
    )


def put_back(connection: sqlite3.Connection, told: History, *, answer: Answer, draft: bytes, refuses: bool) -> None:
    """Write back what a message has told its own sender, in the order in which the messages left.

    Args:
        connection: of a transaction with `HISTORY_SCHEMA`.
        told: what it has told. All that left before stands in the ledger.
        answer: the message.
        draft: what the message says.
        refuses: whether it is a refusal.
    """
    size, _ = tree(connection)
    append(connection, *told.events[max(0, size - told.since) :])
    for name in _TABLES:
        _replace(connection, name, told.tables[name])
    for row in told.tables["approval_requests"]:
        state = RequestState.REFUSED if refuses else RequestState.RELEASED
        row[_STATE], row[_REPLY], row[_REFUSAL] = state.value, *((b"", answer.reply) if refuses else (draft, b""))
        row[_REPLY_DIGEST] = hashlib.sha256(row[_REPLY]).hexdigest()
        _replace(connection, "approval_requests", [row])
    if not refuses:
        keep_answer(connection, told.called, answer, day=told.day)


def _approvals(
    connection: sqlite3.Connection, leaving: Leaving, events: Iterable[Event]
) -> tuple[list[Row], list[Row]]:
    digests = {event.digest for event in events}
    acts = [row for row in _rows(connection, "approval_acts") if act_digest(row[2], row[3]) in digests]
    requests = _rows(connection, "approval_requests", round_id=leaving.round_id)
    if leaving.refused is not None:
        requests = [list(request_row(leaving.refused))]
    for row in requests:
        row[_REPLY] = row[_REFUSAL] = b""  # one is the message itself; what was refused may leave in no form
    return acts, requests


def _rows(connection: sqlite3.Connection, table: str, **of: str | int) -> list[Row]:
    """Return rows of a table, which is made with the first of them."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone() is None:
        return []
    where = " AND ".join(f"{name} = ?" for name in of) or "TRUE"
    query = f"SELECT * FROM {table} WHERE {where}"  # noqa: S608 - our names
    return [list(row) for row in connection.execute(query, list(of.values()))]


def _replace(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our names


def _said(value: object) -> object:
    return [base64.b64encode(value).decode()] if isinstance(value, bytes) else value


def _read(value: object) -> object:
    return base64.b64decode(value[0]) if isinstance(value, list) else value

"""Requests that wait at a site, and every signed act upon them. Request, act and log change together."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from rounds.audit.chain import Action, Event
from rounds.errors import RoundsError
from rounds.network.roles import Act, Approval, RequestState
from rounds.storage.audit_log import LOG_SCHEMA, append
from rounds.storage.sqlite_file import reading, transaction

T = TypeVar("T")

APPROVAL_SCHEMA = """
CREATE TABLE IF NOT EXISTS approval_requests (
    round_id TEXT PRIMARY KEY,
    request_digest TEXT NOT NULL,
    asked TEXT NOT NULL,
    state TEXT NOT NULL,
    needs TEXT NOT NULL,
    expires TEXT NOT NULL,
    prepared_by TEXT NOT NULL,
    prepared_on TEXT NOT NULL,
    reply BLOB NOT NULL,
    reply_digest TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    refusal BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS approval_acts (
    number INTEGER PRIMARY KEY,
    round_id TEXT NOT NULL,
    statement BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
"""

_LOGGED_AS = {
    Act.PREPARE: Action.QUEUED,
    Act.PUT_BACK: Action.QUEUED,
    Act.APPROVE: Action.APPROVED,
    Act.REFUSE: Action.REFUSED,
    Act.WITHDRAW: Action.WITHDRAWN,
    Act.EXPIRE: Action.EXPIRED,
    Act.CHANGE: Action.CHANGED,
    Act.RELEASE: Action.RELEASED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for, as far as people at the site must know it."""

    measures: tuple[tuple[str, int], ...]
    """ids with versions"""
    first: date
    last: date
    asked_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRequest:
    """A request at a site, with the very bytes that would leave."""

    round_id: str
    request_digest: str
    asked: Asked
    state: RequestState
    needs: Approval
    """under which it was queued; a site that asks for less since does not change that"""
    expires: date
    """the last day on which it may be answered"""
    prepared_by: str | None
    """who made the reply; None if the program did, on nobody's behalf"""
    prepared_on: date
    """the date that the reply bears"""
    reply: bytes
    """empty where nothing was counted, for the request was refused at once"""
    approved_by: tuple[str, ...] = ()
    refusal: bytes = b""

    @property
    def digest(self) -> str:
        """The SHA-256 of the reply."""
        return hashlib.sha256(self.reply).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAct:
    """Something that was done to a request: who did what, in which role, on which day, signed with the site's key."""

    number: int
    round_id: str
    act: Act
    who: str
    role: str
    day: date
    request_digest: str
    reply_digest: str
    because: str
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        """What is signed."""
        return json.dumps(
            {
                "number": self.number,
                "round": self.round_id,
                "act": self.act,
                "who": self.who,
                "role": self.role,
                "day": self.day.isoformat(),
                "request": self.request_digest,
                "reply": self.reply_digest,
                "because": self.because,
            },
            sort_keys=True,
        ).encode()

    @property
    def digest(self) -> str:
        """The SHA-256 of the statement with its signature: what the audit log keeps."""
        return act_digest(self.statement, self.signature)

    @property
    def event(self) -> Event:
        """What the audit log says of it."""
        action = _LOGGED_AS[self.act]
        return Event(action=action, round_id=self.round_id, party=self.who, digest=self.digest, day=self.day)


Decide = Callable[[QueuedRequest | None, int], tuple[QueuedRequest, SignedAct]]
"""Given a request and the number of the next act, says what becomes of it and which act does that; or raises."""


def act_digest(statement: bytes, signature: bytes) -> str:
    """Return what the audit log keeps of a signed act."""
    return hashlib.sha256(statement + signature).hexdigest()


def change(
    path: Path, round_id: str, decide: Decide, *, first: Callable[[sqlite3.Connection], None] | None = None
) -> QueuedRequest:
    """Let `decide` move a request, and return what became of it. Two processes never decide at once.

    Args:
        path: the file.
        round_id: whose request.
        decide: says what becomes of it.
        first: what else is written in the same transaction, before it decides.

    Raises:
        RoundsError: as `decide` does, and if the file is damaged. Nothing was changed then.
    """
    with transaction(path, schema=APPROVAL_SCHEMA + LOG_SCHEMA) as connection:
        if first is not None:
            first(connection)
        (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM approval_acts").fetchone()
        request, act = decide(_read(connection, round_id, path), last + 1)
        row = request_row(request)
        connection.execute(f"INSERT OR REPLACE INTO approval_requests VALUES ({', '.join('?' * 12)})", row)  # noqa: S608
        connection.execute(
            "INSERT INTO approval_acts (number, round_id, statement, signature) VALUES (?, ?, ?, ?)",
            (act.number, act.round_id, act.statement, act.signature),
        )
        append(connection, act.event)
    return request


def read_request(path: Path, round_id: str) -> QueuedRequest | None:
    """Return a round's request, or None if it has never been in the queue."""
    return next(iter(_existing(path, lambda connection: [_read(connection, round_id, path)])), None)


def read_requests(path: Path) -> tuple[QueuedRequest, ...]:
    """Return every request that has ever been in the queue, by round."""

    def every(connection: sqlite3.Connection) -> list[QueuedRequest | None]:
        rounds = connection.execute("SELECT round_id FROM approval_requests ORDER BY round_id").fetchall()
        return [_read(connection, round_id, path) for (round_id,) in rounds]

    return tuple(request for request in _existing(path, every) if request is not None)


def read_acts(path: Path, *, round_id: str | None = None) -> tuple[SignedAct, ...]:
    """Return acts in the order in which they were done.

    Args:
        path: the file.
        round_id: upon which request; upon any if left out.
    """

    def every(connection: sqlite3.Connection) -> list[SignedAct]:
        rows = connection.execute(
            "SELECT statement, signature FROM approval_acts WHERE ? IS NULL OR round_id = ? ORDER BY number",
            (round_id, round_id),
        ).fetchall()
        return [_act(statement, signature, path) for statement, signature in rows]

    return tuple(_existing(path, every))


def _existing(path: Path, read: Callable[[sqlite3.Connection], list[T]]) -> list[T]:
    """Read without making anything: whoever only looks changes no file."""
    with reading(path, schema=APPROVAL_SCHEMA) as connection:
        return read(connection)


def request_row(request: QueuedRequest) -> tuple[str | bytes, ...]:
    """Return a request as the table holds it."""
    asked = {
        "measures": request.asked.measures,
        "first": request.asked.first.isoformat(),
        "last": request.asked.last.isoformat(),
        "asked_by": request.asked.asked_by,
    }
    return (
        request.round_id,
        request.request_digest,
        json.dumps(asked),
        request.state,
        request.needs,
        request.expires.isoformat(),
        request.prepared_by or "",
        request.prepared_on.isoformat(),
        request.reply,
        request.digest,
        json.dumps(request.approved_by),
        request.refusal,
    )


def _read(connection: sqlite3.Connection, round_id: str, path: Path) -> QueuedRequest | None:
    row = connection.execute("SELECT * FROM approval_requests WHERE round_id = ?", (round_id,)).fetchone()
    if row is None:
        return None
    try:
        asked = json.loads(row[2])
        request = QueuedRequest(
            round_id=row[0],
            request_digest=row[1],
            asked=Asked(
                measures=tuple((str(measure), int(version)) for measure, version in asked["measures"]),
                first=date.fromisoformat(asked["first"]),
                last=date.fromisoformat(asked["last"]),
                asked_by=asked["asked_by"],
            ),
            state=RequestState(row[3]),
            needs=Approval(row[4]),
            expires=date.fromisoformat(row[5]),
            prepared_by=row[6] or None,
            prepared_on=date.fromisoformat(row[7]),
            reply=row[8],
            approved_by=tuple(json.loads(row[10])),
            refusal=row[11],
        )
    except (ValueError, KeyError, TypeError):
        raise _damaged(path, round_id) from None
    if request.digest != row[9]:
        raise _damaged(path, round_id)
    return request


def _act(statement: bytes, signature: bytes, path: Path) -> SignedAct:
    try:
        said = json.loads(statement)
        act = SignedAct(
            number=said["number"],
            round_id=said["round"],
            act=Act(said["act"]),
            who=said["who"],
            role=said["role"],
            day=date.fromisoformat(said["day"]),
            request_digest=said["request"],
            reply_digest=said["reply"],
            because=said["because"],
            signature=signature,
        )
    except (ValueError, KeyError, TypeError):
        raise _damaged(path, "acts") from None
    if act.statement != statement:
        raise _damaged(path, said["round"])
    return act


def _damaged(path: Path, what: str) -> RoundsError:
    return RoundsError(
        f"{path}: what it says of {what} was changed or is damaged; restore the file from a copy, do not delete it"
    )

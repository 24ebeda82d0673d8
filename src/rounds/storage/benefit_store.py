"""The benefit ledger in the centre's `ledger.db`: rows are added and never changed, each told in the audit log."""

import hashlib
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from rounds.audit.chain import Action, Event
from rounds.errors import AuditError, DefinitionError
from rounds.learning.benefit.claims import Said
from rounds.learning.benefit.entries import Statement
from rounds.storage.audit_log import LOG_SCHEMA
from rounds.storage.benefit_json import decode_said, decode_statement, encode_said, encode_statement
from rounds.storage.facts import logged_transaction
from rounds.storage.held import RECORDED
from rounds.storage.sqlite_file import reading

BENEFIT_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS benefit_statements (
    sequence INTEGER PRIMARY KEY, round_id TEXT NOT NULL, inputs TEXT NOT NULL, programme TEXT NOT NULL,
    recorded TEXT NOT NULL, digest TEXT NOT NULL, content BLOB NOT NULL, UNIQUE (inputs, programme)
) STRICT;
CREATE TABLE IF NOT EXISTS benefit_claims (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, recorded TEXT NOT NULL, digest TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
"""
CLAIMS_ROUND: Final = "benefit-claims"
"""What the audit log calls the round of claims and evaluations."""
_NO_STATEMENTS: Final = (CLAIMS_ROUND, *(Path(name).stem for name in RECORDED))
"""What is recorded under these names is not what a round says of a programme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A statement as the ledger holds it."""

    statement: Statement
    on: date
    digest: str


def record_statements(
    path: Path, statements: Sequence[Statement], *, round_id: str, inputs: str, party: str, today: date
) -> bool:
    """Add what a round says of its programmes, all or nothing, and return whether anything was added.

    What was recorded from the same inputs stays as it is, and what it said last is not said again: a round that is run
    again adds nothing.

    Args:
        path: the party's `ledger.db`.
        statements: one a programme and measure.
        round_id: the round's.
        inputs: the digest of everything that decides what the round says.
        party: who records it.
        today: the day of recording.

    Raises:
        DefinitionError: if the audit log calls something else by the round's name.
    """
    if round_id in _NO_STATEMENTS:
        raise DefinitionError(
            f"a round cannot be called {round_id}: the audit log calls what is recorded of the network so; rename its "
            "file and its id"
        )
    encoded = [(" ".join(statement.programme), encode_statement(statement)) for statement in statements]
    with _reading(path) as connection:
        known = {
            programme
            for (programme,) in connection.execute(
                "SELECT programme FROM benefit_statements WHERE inputs = ?", (inputs,)
            )
        }
        query = "SELECT programme, digest FROM benefit_statements WHERE round_id = ? ORDER BY sequence"
        last = dict(connection.execute(query, (round_id,)).fetchall())
    new = [
        (programme, content, digest)
        for programme, content in encoded
        if programme not in known and last.get(programme) != (digest := hashlib.sha256(content).hexdigest())
    ]
    if not new:
        return False
    with logged_transaction(path, schema=BENEFIT_SCHEMA) as facts:
        for programme, content, digest in new:
            facts.connection.execute(
                "INSERT INTO benefit_statements (round_id, inputs, programme, recorded, digest, content) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (round_id, inputs, programme, today.isoformat(), digest, zlib.compress(content)),
            )
            facts.tell(Event(action=Action.RECORDED, round_id=round_id, party=party, digest=digest, day=today))
    return True


def read_statements(path: Path, *, as_of: date | None = None, party: str) -> tuple[Recorded, ...]:
    """Return the statements that were recorded by a day, in order; all of them if no day is given.

    Raises:
        AuditError: if one was changed, or the audit log does not tell it.
    """
    latest = date.max if as_of is None else as_of
    with _reading(path) as connection:
        rows = connection.execute(
            "SELECT sequence, round_id, recorded, digest, content FROM benefit_statements WHERE recorded <= ? "
            "ORDER BY sequence",
            (latest.isoformat(),),
        ).fetchall()
        found = []
        for sequence, round_id, recorded, digest, packed in rows:
            where = f"{path}, statement {sequence} on benefit"
            content = _checked(connection, where, packed, (Action.RECORDED.value, round_id, party, digest))
            found.append(
                Recorded(
                    statement=decode_statement(content, where=where), on=date.fromisoformat(recorded), digest=digest
                )
            )
        _refuse_gone(connection, path, "benefit_statements", "NOT IN", _NO_STATEMENTS)
    return tuple(found)


def record_claims(path: Path, said: Sequence[Said], *, party: str, today: date) -> int:
    """Add claims and evaluations, all or nothing, and return how many are new. Of one id the last one added holds.

    Args:
        path: the party's `ledger.db`.
        said: as they were imported.
        party: who records them.
        today: the day of recording.
    """
    encoded = [(one, encode_said(one)) for one in said]
    with _reading(path) as connection:
        held = dict(connection.execute("SELECT id, digest FROM benefit_claims ORDER BY sequence").fetchall())
    new = [(one, content) for one, content in encoded if held.get(one.id) != hashlib.sha256(content).hexdigest()]
    if not new:
        return 0
    with logged_transaction(path, schema=BENEFIT_SCHEMA) as facts:
        for one, content in new:
            digest = hashlib.sha256(content).hexdigest()
            facts.connection.execute(
                "INSERT INTO benefit_claims (id, recorded, digest, content) VALUES (?, ?, ?, ?)",
                (one.id, today.isoformat(), digest, zlib.compress(content)),
            )
            facts.tell(Event(action=Action.RECORDED, round_id=CLAIMS_ROUND, party=party, digest=digest, day=today))
    return len(new)


def read_claims(path: Path, *, as_of: date | None = None, party: str) -> tuple[Said, ...]:
    """Return the claims and evaluations in force on a day, in the order in which their ids were first recorded.

    Raises:
        AuditError: if one was changed, or the audit log does not tell it.
    """
    latest = date.max if as_of is None else as_of
    with _reading(path) as connection:
        rows = connection.execute(
            "SELECT sequence, id, digest, content FROM benefit_claims WHERE recorded <= ? ORDER BY sequence",
            (latest.isoformat(),),
        ).fetchall()
        found: dict[str, Said] = {}
        for sequence, name, digest, packed in rows:
            where = f"{path}, claim {sequence} on benefit"
            content = _checked(connection, where, packed, (Action.RECORDED.value, CLAIMS_ROUND, party, digest))
            found[name] = decode_said(content, where=where)
        _refuse_gone(connection, path, "benefit_claims", "IN", (CLAIMS_ROUND,))
    return tuple(found.values())


def _reading(path: Path) -> AbstractContextManager[sqlite3.Connection]:
    return reading(path, schema=LOG_SCHEMA + BENEFIT_SCHEMA)


def _checked(connection: sqlite3.Connection, where: str, packed: bytes, same: tuple[str, str, str, str]) -> bytes:
    try:
        content = zlib.decompress(packed)
    except zlib.error:
        content = b""
    if hashlib.sha256(content).hexdigest() != same[3]:
        raise AuditError(f"{where} was changed after it was recorded; restore the file from a copy")
    query = "SELECT 1 FROM log_entries WHERE action = ? AND round_id = ? AND party = ? AND digest = ?"
    if connection.execute(query, same).fetchone() is None:
        raise AuditError(f"{where} is not told in the audit log; restore the file from a copy")
    return content


def _refuse_gone(
    connection: sqlite3.Connection, path: Path, table: str, which: Literal["IN", "NOT IN"], rounds: tuple[str, ...]
) -> None:
    """Nothing is ever taken out: what the log tells of is there."""
    of_round = f"round_id {which} ({', '.join('?' * len(rounds))})"
    query = f"SELECT digest FROM log_entries WHERE action = ? AND {of_round} EXCEPT SELECT digest FROM {table}"  # noqa: S608
    if connection.execute(query, (Action.RECORDED.value, *rounds)).fetchone() is not None:
        raise AuditError(
            f"{path}: the audit log tells of something in the benefit ledger that is no longer there; restore the file "
            "from a copy"
        )

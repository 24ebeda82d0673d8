"""Messages: versioned, signed, addressed and dated. The only form in which anything travels.

A request carries the names of measures; a reply carries `Released` tables or `PooledShare`s, a refusal one sentence
without numbers. There is no way to encode anything else.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rounds.audit.heads import Standing
from rounds.disclosure.attempt import Attempt
from rounds.disclosure.pooled import PooledShare
from rounds.disclosure.release import Released
from rounds.errors import DisclosureRefusal, MessageError
from rounds.exchange.envelope import (
    CENTRE,
    Envelope,
    RefusalBody,
    ReplyBody,
    RequestBody,
    digest_of,
    open_envelope,
    to_bytes,
    unsigned,
    written,
)
from rounds.exchange.question import Question, read_day, read_question, wire_question
from rounds.exchange.shares import (
    ReceivedShare,
    read_attempt,
    read_share,
    wire_attempt,
    wire_share,
)
from rounds.exchange.signing import PublicKey, SigningKey
from rounds.exchange.tables import ReceivedTable, read_table, wire_table
from rounds.exchange.wire_log import WireLog, read_log_part, wire_log_part

_LONGEST_REASON = 300

Stamp = Callable[[str], Standing]
"""Takes the digest of what a message says, logs it, and returns how the logs stand then: nothing is sent unlogged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A verified request."""

    round_id: str
    site: str
    question: Question
    issued: date
    expires: date
    log: Standing
    digest: str
    """of the round, the site and the question: the same request issued again has the same digest"""
    asked_by: str | None = None
    pooled: Attempt | None = None
    """who takes part, if it is asked in the pooled lane"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A verified reply. Its tables are `Received`, whatever they were where they came from."""

    round_id: str
    site: str
    answers: str
    issued: date
    tables: tuple[ReceivedTable, ...]
    log: Standing
    digest: str
    """of all that it says but for the logs: what the site has logged as released"""
    shares: tuple[ReceivedShare, ...] = ()
    """in the pooled lane, instead of tables"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A verified refusal."""

    round_id: str
    site: str
    answers: str
    because: str
    log: Standing
    digest: str


def encode_request(
    *,
    round_id: str,
    site: str,
    question: Question,
    valid: tuple[date, date],
    key: SigningKey,
    stamp: Stamp,
    asked_by: str | None = None,
    pooled: Attempt | None = None,
) -> bytes:
    """Return a signed request.

    Args:
        round_id: the round it belongs to.
        site: whom it is for.
        question: what is asked.
        valid: the day it was issued and the last day on which it may be answered.
        key: the centre's.
        stamp: logs it and says how the logs stand.
        asked_by: who declared the round, if that is said.
        pooled: who takes part, if the measures are asked in the pooled lane.
    """
    attempt = None if pooled is None else wire_attempt(pooled)
    body = RequestBody(**wire_question(question).model_dump(), asked_by=asked_by, pooled=attempt)
    draft = written(round_id=round_id, sender=CENTRE, recipient=site, valid=valid, body=body)
    return send(draft, key=key, stamp=stamp)


def draft_reply(
    request: Request, tables: Sequence[Released], *, today: date, shares: Sequence[PooledShare] = ()
) -> bytes:
    """Return all that a reply says: releases, or shares of pooled sums, and nothing else. Signed it is not, see `send`.

    Args:
        request: what it answers.
        tables: what leaves.
        today: the day it is issued.
        shares: what leaves in the pooled lane, instead of tables.

    Raises:
        DisclosureRefusal: if a share is of another attempt than the request's, or tables answer a pooled request.
    """
    attempt = None if request.pooled is None else request.pooled.number
    if (tables and attempt is not None) or any(share.attempt != attempt for share in shares):
        raise DisclosureRefusal(f"round {request.round_id}: what is to be sent was not made for this request")
    body = ReplyBody(
        answers=request.digest,
        tables=[wire_table(table) for table in tables],
        shares=[wire_share(share) for share in shares],
    )
    valid = (today, request.expires)
    return written(round_id=request.round_id, sender=request.site, recipient=CENTRE, valid=valid, body=body)


def draft_refusal(request: Request, *, because: str, today: date) -> bytes:
    """Return all that a refusal of a request says.

    Raises:
        MessageError: if the reason holds a number, or is none.
    """
    if problem := _reason_problem(because):
        raise MessageError(f"the reason {problem}")
    body = RefusalBody(answers=request.digest, because=because)
    valid = (today, request.expires)
    return written(round_id=request.round_id, sender=request.site, recipient=CENTRE, valid=valid, body=body)


def read_draft(content: bytes, *, source: str) -> tuple[ReceivedTable, ...]:
    """Return the tables in the draft of a reply, as the centre will read them.

    Raises:
        MessageError: if it is no draft of a reply, or the centre could not read it.
    """
    try:
        body = ReplyBody.model_validate(json.loads(content)["body"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MessageError(f"{source}: not the draft of a reply; let the site prepare it again") from None
    return _read_reply(body, source=source)[0]


def send(draft: bytes, *, key: SigningKey, stamp: Stamp) -> bytes:
    """Return a message that can be laid down: what a draft says, how the logs stand, and a signature over both.

    Args:
        draft: what is said.
        key: the sender's.
        stamp: logs it and says how the logs stand.

    Raises:
        MessageError: if it is no draft, or a table in it is not properly bounded. Nothing was logged then.
    """
    message: dict[str, Any] = json.loads(draft)
    if message["body"]["kind"] == "reply":
        read_draft(draft, source=f"round {message['round_id']}")
    message["log"] = wire_log_part(stamp(digest_of(message))).model_dump(mode="json")
    message["signature"] = base64.b64encode(key.sign(unsigned(message))).decode()
    return to_bytes(message)


def _reason_problem(because: str) -> str | None:
    """A number in a reason could be a count that nobody has rounded."""
    if not because.strip() or len(because) > _LONGEST_REASON:
        return f"must have 1 to {_LONGEST_REASON} characters; write one sentence"
    if not because.isprintable():
        return "must be one line of plain text"
    if any(character.isnumeric() for character in because):
        return "must hold no number, for it leaves the site unrounded; say it in words"
    return None


def decode_request(content: bytes, *, source: str, site: str, key: PublicKey, today: date) -> Request:
    """Return the request in some bytes, for the site it is addressed to.

    Args:
        content: the message.
        source: the file's name, for messages to people.
        site: who reads.
        key: the centre's public key.
        today: to tell an expired request.

    Raises:
        MessageError: if it is not a message, was changed, is for somebody else, has expired or is of another version.
        DisclosureRefusal: if it is a pooled request of too few sites or too little noise.
    """
    envelope = open_envelope(content, source=source, sender=CENTRE, recipient=site, key=key)
    body = envelope.body
    if not isinstance(body, RequestBody):
        raise MessageError(f"{source}: a {body.kind} where a request was expected; remove the file")
    if body.asked_by is not None and not body.asked_by.isprintable():
        raise MessageError(f"{source}: field body.asked_by is not one line of plain text; ask the centre to correct it")
    expires = read_day(envelope.expires, source)
    if today > expires:
        raise MessageError(f"{source}: the request expired on {expires}; ask the centre to issue the round again")
    return Request(
        round_id=envelope.round_id,
        site=site,
        question=read_question(body, source=source),
        issued=read_day(envelope.issued, source),
        expires=expires,
        log=read_log_part(envelope.log, sender=CENTRE, reader=site, source=source),
        digest=digest_of(envelope.model_dump(mode="json")),
        asked_by=body.asked_by,
        pooled=None if body.pooled is None else read_attempt(body.pooled, round_id=envelope.round_id, source=source),
    )


def decode_reply(content: bytes, *, source: str, site: str, round_id: str, answers: str, key: PublicKey) -> Reply:
    """Return the reply in some bytes, for the centre.

    Args:
        content: the message.
        source: the file's name, for messages to people.
        site: whose reply is expected.
        round_id: the round it must belong to.
        answers: digest of the request it must answer.
        key: the site's public key.

    Raises:
        MessageError: if it is not a message, was changed, comes from another site, answers another request (a replay)
            or carries a table that is not properly bounded.
    """
    found = decode_answer(content, source=source, site=site, round_id=round_id, answers=answers, key=key)
    if isinstance(found, Refusal):
        raise MessageError(f"{source}: {site} has refused round {round_id}: {found.because}")
    return found


def decode_answer(
    content: bytes, *, source: str, site: str, round_id: str, answers: str, key: PublicKey
) -> Reply | Refusal:
    """Return the reply or the refusal in some bytes, for the centre. Arguments and errors as of `decode_reply`."""
    envelope = open_envelope(content, source=source, sender=site, recipient=CENTRE, key=key)
    body = envelope.body
    if isinstance(body, RequestBody):
        raise MessageError(f"{source}: a {body.kind} where a reply was expected; remove the file")
    if envelope.round_id != round_id or body.answers != answers:
        raise MessageError(
            f"{source}: a replay: it answers another request (round {envelope.round_id}), not this one of round "
            f"{round_id}; remove the file and let {site} answer"
        )
    log = read_log_part(envelope.log, sender=site, reader=CENTRE, source=source)
    digest = digest_of(envelope.model_dump(mode="json"))
    if isinstance(body, RefusalBody):
        if problem := _reason_problem(body.because):
            raise MessageError(f"{source}: the reason of the refusal {problem}; ask {site} to refuse again")
        return Refusal(round_id=round_id, site=site, answers=answers, because=body.because, log=log, digest=digest)
    tables, shares = _read_reply(body, source=source)
    return Reply(
        round_id=round_id,
        site=site,
        answers=answers,
        issued=read_day(envelope.issued, source),
        tables=tables,
        log=log,
        digest=digest,
        shares=shares,
    )


def _read_reply(body: ReplyBody, *, source: str) -> tuple[tuple[ReceivedTable, ...], tuple[ReceivedShare, ...]]:
    tables = tuple(read_table(table, source=source) for table in body.tables)
    return tables, tuple(read_share(share, source=source) for share in body.shares)


def standing_in(content: bytes) -> Standing | None:
    """Return what some bytes say of the logs of their sender and reader, if they are a message; nothing is checked.

    Whoever looks for signed heads checks the signature of each.
    """
    try:
        raw = json.loads(content)
        sender, reader, log = raw["sender"], raw["recipient"], WireLog.model_validate(raw["log"])
        return read_log_part(log, sender=str(sender), reader=str(reader), source="")
    except (ValueError, KeyError, TypeError, RecursionError, MessageError):
        return None


def reason_in(content: bytes) -> str:
    """Return why a refusal says that nothing leaves. It must be one of our own, which the ledger has kept."""
    return str(json.loads(content)["body"]["because"])


def draft_in(content: bytes) -> bytes:
    """Return what a message says, without how the logs stood and the signature: what was sent by `send`."""
    message: dict[str, Any] = json.loads(content)
    return to_bytes({name: told for name, told in message.items() if name not in ("log", "signature")})


def digest_in(content: bytes) -> str | None:
    """Return the digest of what some bytes say, as the log tells it, if they are a message; nothing is checked."""
    try:
        return digest_of(Envelope.model_validate(json.loads(content)).model_dump(mode="json"))
    except (ValueError, RecursionError):
        return None

"""Messages: versioned, signed, addressed and dated. The only form in which anything travels.

A request carries the names of measures; a reply carries `Released` tables or `PooledShare`s. There is no way to encode
anything else.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from rounds.disclosure.attempt import Attempt
from rounds.disclosure.pooled import PooledShare
from rounds.disclosure.release import Released
from rounds.errors import DisclosureRefusal, MessageError
from rounds.exchange.question import Question, Wire, WireQuestion, read_day, read_question, wire_question
from rounds.exchange.shares import (
    ReceivedShare,
    WireAttempt,
    WireNumbers,
    read_attempt,
    read_share,
    wire_attempt,
    wire_share,
)
from rounds.exchange.signing import PublicKey, SigningKey
from rounds.exchange.tables import ReceivedTable, WireTable, read_table, wire_table
from rounds.storage.identifiers import Identifier

FORMAT_VERSION = 1
CENTRE = "centre"


class RequestBody(WireQuestion):
    """What the centre asks. Never code."""

    kind: Literal["request"] = "request"
    pooled: WireAttempt | None = None
    """who takes part, if the measures are asked in the pooled lane; left out if they are not"""

    @model_serializer(mode="wrap")
    def _without_what_is_not_asked(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _unless_empty(whole(self), "pooled")


class ReplyBody(Wire):
    """What a site lets leave."""

    kind: Literal["reply"] = "reply"
    answers: str
    """digest of the request that this answers"""
    tables: list[WireTable]
    shares: list[WireNumbers] = Field(default_factory=list)
    """of the pooled lane; left out where there are none"""

    @model_serializer(mode="wrap")
    def _without_what_is_not_sent(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _unless_empty(whole(self), "shares")


def _unless_empty(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name or value}


class _Envelope(Wire):
    format: Literal["rounds-message"]
    version: int
    round_id: Identifier
    sender: Identifier
    recipient: Identifier
    issued: str
    expires: str
    body: Annotated[RequestBody | ReplyBody, Field(discriminator="kind")]
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A verified request."""

    round_id: str
    site: str
    question: Question
    issued: date
    expires: date
    digest: str
    """of the round, the site and the question: the same request issued again has the same digest"""
    pooled: Attempt | None = None
    """who takes part, if it is asked in the pooled lane"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A verified reply. Its tables are `Received`, whatever they were where they came from."""

    round_id: str
    site: str
    answers: str
    tables: tuple[ReceivedTable, ...]
    digest: str
    shares: tuple[ReceivedShare, ...] = ()
    """in the pooled lane, instead of tables"""


def encode_request(
    *,
    round_id: str,
    site: str,
    question: Question,
    valid: tuple[date, date],
    key: SigningKey,
    pooled: Attempt | None = None,
) -> bytes:
    """Return a signed request.

    Args:
        round_id: the round it belongs to.
        site: whom it is for.
        question: what is asked.
        valid: the day it was issued and the last day on which it may be answered.
        key: the centre's.
        pooled: who takes part, if the measures are asked in the pooled lane.
    """
    body = RequestBody(**wire_question(question).model_dump(), pooled=None if pooled is None else wire_attempt(pooled))
    return _sign(round_id=round_id, sender=CENTRE, recipient=site, valid=valid, body=body, key=key)


def encode_reply(
    request: Request,
    tables: Sequence[Released],
    *,
    today: date,
    key: SigningKey,
    shares: Sequence[PooledShare] = (),
) -> bytes:
    """Return a signed reply to a request. It carries releases, or shares of pooled sums, and nothing else.

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
    return _sign(round_id=request.round_id, sender=request.site, recipient=CENTRE, valid=valid, body=body, key=key)


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
    envelope = _open(content, source=source, sender=CENTRE, recipient=site, key=key)
    body = envelope.body
    if not isinstance(body, RequestBody):
        raise MessageError(f"{source}: a {body.kind} where a request was expected; remove the file")
    expires = read_day(envelope.expires, source)
    if today > expires:
        raise MessageError(f"{source}: the request expired on {expires}; ask the centre to issue the round again")
    return Request(
        round_id=envelope.round_id,
        site=site,
        question=read_question(body, source=source),
        issued=read_day(envelope.issued, source),
        expires=expires,
        digest=_digest(envelope, dated=False),
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
    envelope = _open(content, source=source, sender=site, recipient=CENTRE, key=key)
    body = envelope.body
    if not isinstance(body, ReplyBody):
        raise MessageError(f"{source}: a {body.kind} where a reply was expected; remove the file")
    if envelope.round_id != round_id or body.answers != answers:
        raise MessageError(
            f"{source}: a replay: it answers another request (round {envelope.round_id}), not this one of round "
            f"{round_id}; remove the file and let {site} answer"
        )
    return Reply(
        round_id=round_id,
        site=site,
        answers=answers,
        tables=tuple(read_table(table, source=source) for table in body.tables),
        digest=_digest(envelope),
        shares=tuple(read_share(share, source=source) for share in body.shares),
    )


def _open(content: bytes, *, source: str, sender: str, recipient: str, key: PublicKey) -> _Envelope:
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        raise MessageError(f"{source}: not a message (not JSON); copy it again from the sender") from None
    if not isinstance(raw, dict) or raw.get("format") != "rounds-message":
        raise MessageError(f"{source}: not a Rounds message; remove the file")
    if raw.get("version") != FORMAT_VERSION:
        raise MessageError(
            f"{source}: message version {raw.get('version')!r}, this program reads {FORMAT_VERSION}; "
            "update the older side"
        )
    try:
        envelope = _Envelope.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MessageError(
            f"{source}: field {where}: {first['msg']}; refuse it and ask {sender} to send it again"
        ) from None
    if envelope.sender != sender or envelope.recipient != recipient:
        raise MessageError(
            f"{source}: from {envelope.sender} to {envelope.recipient}, but expected from {sender} to {recipient}; "
            "it lies in the wrong place or was copied there"
        )
    try:
        signature = base64.b64decode(envelope.signature, validate=True)
    except ValueError:
        signature = b""
    if not key.verifies(signature, _unsigned(raw)):
        raise MessageError(
            f"{source}: the signature of {sender} does not fit: the message was changed after it was signed, or signed "
            f"by somebody else; remove the file and ask {sender} to send it again"
        )
    return envelope


def _sign(
    *,
    round_id: str,
    sender: str,
    recipient: str,
    valid: tuple[date, date],
    body: RequestBody | ReplyBody,
    key: SigningKey,
) -> bytes:
    message: dict[str, Any] = {
        "format": "rounds-message",
        "version": FORMAT_VERSION,
        "round_id": round_id,
        "sender": sender,
        "recipient": recipient,
        "issued": valid[0].isoformat(),
        "expires": valid[1].isoformat(),
        "body": body.model_dump(mode="json"),
    }
    message["signature"] = base64.b64encode(key.sign(_unsigned(message))).decode()
    return (json.dumps(message, sort_keys=True, indent=1) + "\n").encode()


def _unsigned(message: dict[str, Any]) -> bytes:
    bare = {name: value for name, value in message.items() if name != "signature"}
    return json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()


def _digest(envelope: _Envelope, *, dated: bool = True) -> str:
    message = envelope.model_dump(mode="json")
    if not dated:
        del message["issued"], message["expires"]
    return hashlib.sha256(_unsigned(message)).hexdigest()

"""The envelope of a message: what may stand in it, to the field, its bytes, and whether they are whose they claim."""

import base64
import hashlib
import json
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from rounds.errors import MessageError
from rounds.exchange.question import Wire, WireQuestion
from rounds.exchange.shares import WireAttempt, WireNumbers
from rounds.exchange.signing import PublicKey
from rounds.exchange.tables import WireTable
from rounds.exchange.wire_log import WireLog
from rounds.storage.identifiers import Identifier

FORMAT_VERSION: Final = 2
CENTRE: Final = "centre"
_SAID_IF_THERE: Final = ("asked_by", "pooled", "shares")


class RequestBody(WireQuestion):
    """What the centre asks. Never code."""

    kind: Literal["request"] = "request"
    asked_by: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """who declared the round, if the centre says so: they may approve no reply to it"""
    pooled: WireAttempt | None = None
    """who takes part, if the measures are asked in the pooled lane"""


class ReplyBody(Wire):
    """What a site lets leave."""

    kind: Literal["reply"] = "reply"
    answers: str
    """digest of the request that this answers"""
    tables: list[WireTable]
    shares: list[WireNumbers] = Field(default_factory=list)
    """of the pooled lane"""


class RefusalBody(Wire):
    """That a site lets nothing leave, and why, in words without numbers."""

    kind: Literal["refusal"] = "refusal"
    answers: str
    """digest of the request that is refused"""
    because: str


class Envelope(Wire):
    """A message as it travels."""

    format: Literal["rounds-message"]
    version: int
    round_id: Identifier
    sender: Identifier
    recipient: Identifier
    issued: str
    expires: str
    body: Annotated[RequestBody | ReplyBody | RefusalBody, Field(discriminator="kind")]
    log: WireLog
    signature: str


def open_envelope(content: bytes, *, source: str, sender: str, recipient: str, key: PublicKey) -> Envelope:
    """Return the message in some bytes.

    Raises:
        MessageError: if it is none, of another version, from or for somebody else, or not signed by the sender.
    """
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
        envelope = Envelope.model_validate(raw)
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
    if not key.verifies(signature, unsigned(raw)):
        raise MessageError(
            f"{source}: the signature of {sender} does not fit: the message was changed after it was signed, or signed "
            f"by somebody else; remove the file and ask {sender} to send it again"
        )
    return envelope


def written(
    *, round_id: str, sender: str, recipient: str, valid: tuple[date, date], body: RequestBody | ReplyBody | RefusalBody
) -> bytes:
    """Return all that a message says, neither logged nor signed."""
    return to_bytes(
        {
            "format": "rounds-message",
            "version": FORMAT_VERSION,
            "round_id": round_id,
            "sender": sender,
            "recipient": recipient,
            "issued": valid[0].isoformat(),
            "expires": valid[1].isoformat(),
            "body": said(body.model_dump(mode="json")),
        }
    )


def to_bytes(message: dict[str, Any]) -> bytes:
    """Return a message as it is written."""
    return (json.dumps(message, sort_keys=True, indent=1) + "\n").encode()


def unsigned(message: dict[str, Any]) -> bytes:
    """Return what a signature is over."""
    bare = {name: value for name, value in message.items() if name != "signature"}
    return json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()


def digest_of(message: dict[str, Any]) -> str:
    """Return the SHA-256 of what a message says: not of how the logs stood, and of a request not when it was issued."""
    left_out = {"log", "signature"} | ({"issued", "expires"} if message["body"]["kind"] == "request" else set())
    told_in = {name: told for name, told in message.items() if name not in left_out}
    return hashlib.sha256(unsigned(told_in | {"body": said(message["body"])})).hexdigest()


def said(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what most messages do not say: who asked, and all of the pooled lane."""
    return {name: told for name, told in body.items() if name not in _SAID_IF_THERE or told not in (None, [])}

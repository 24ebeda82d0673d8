"""How the logs stand, in the form in which it travels with a message."""

import base64
from typing import Annotated, Any, Final

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from rounds.audit.heads import MAX_SIZE, Earlier, Head, SignedHead, Standing
from rounds.errors import MessageError
from rounds.exchange.question import Wire

_Size = Annotated[int, Field(ge=0, le=MAX_SIZE)]
WireHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_LONGEST_PATH = 2 * MAX_SIZE.bit_length()
_LONGEST_SEALED: Final = 1 << 26
"""More characters than a site ever has to tell itself with one message."""


class WireHead(Wire):
    size: _Size
    root: WireHash
    signature: str


class WireEarlier(Wire):
    size: _Size
    root: WireHash
    path: Annotated[list[WireHash], Field(max_length=_LONGEST_PATH)]


class WireLog(Wire):
    """The head of the sender's log, heads of it that the reader may hold, and the head of the reader's log it holds."""

    head: WireHead
    earlier: list[WireEarlier]
    held: WireHead | None
    sealed: Annotated[str, Field(max_length=_LONGEST_SEALED)] | None = None
    """what the sender tells itself; left out if nothing"""

    @model_serializer(mode="wrap")
    def _only_if_said(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = written(self)
        return {name: told for name, told in fields.items() if name != "sealed" or told is not None}


class WireSignedHead(WireHead):
    """A head that stands alone and says whose log it is of."""

    log: str


def wire_log_part(standing: Standing) -> WireLog:
    """Return how the logs stand in the form in which it travels."""
    return WireLog(
        head=_wire(standing.own),
        earlier=[
            WireEarlier(size=one.head.size, root=one.head.root.hex(), path=[each.hex() for each in one.path])
            for one in standing.earlier
        ],
        held=_wire(standing.held) if standing.held else None,
        sealed=base64.b64encode(standing.sealed).decode() if standing.sealed else None,
    )


def read_log_part(wire: WireLog, *, sender: str, reader: str, source: str) -> Standing:
    """Return what a message says of the logs. No signature and no proof is checked.

    Args:
        wire: what came.
        sender: whose log the head is of.
        reader: whose log the held head is of.
        source: the file's name, for messages to people.

    Raises:
        MessageError: if a head is none.
    """
    try:
        earlier = tuple(
            Earlier(
                head=Head(log=sender, size=one.size, root=bytes.fromhex(one.root)),
                path=tuple(bytes.fromhex(each) for each in one.path),
            )
            for one in wire.earlier
        )
        held = read_head(wire.held, reader) if wire.held else None
        sealed = base64.b64decode(wire.sealed, validate=True) if wire.sealed else b""
        return Standing(own=read_head(wire.head, sender), earlier=earlier, held=held, sealed=sealed)
    except ValueError:
        raise MessageError(
            f"{source}: field log: not heads of logs; refuse it and ask {sender} to send it again"
        ) from None


def wire_signed_head(signed: SignedHead) -> WireSignedHead:
    """Return a head that stands alone in the form in which it travels."""
    return WireSignedHead(log=signed.head.log, **_wire(signed).model_dump())


def _wire(signed: SignedHead) -> WireHead:
    signature = base64.b64encode(signed.signature).decode()
    return WireHead(size=signed.head.size, root=signed.head.root.hex(), signature=signature)


def read_head(wire: WireHead, log: str) -> SignedHead:
    """Return a head as it came; its signature is not checked.

    Raises:
        ValueError: if it is none.
    """
    head = Head(log=log, size=wire.size, root=bytes.fromhex(wire.root))
    return SignedHead(head=head, signature=base64.b64decode(wire.signature, validate=True))

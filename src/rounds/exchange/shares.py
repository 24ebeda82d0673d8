"""The pooled lane on the wire: who takes part, and masked numbers of a fixed length."""

import base64
from dataclasses import dataclass

from rounds.disclosure.attempt import Attempt, Participant
from rounds.disclosure.pooled import NUMBER_BYTES, PooledShare
from rounds.errors import DisclosureRefusal, MessageError
from rounds.exchange.question import Wire
from rounds.measures.definitions import MeasureRef
from rounds.storage.identifiers import Identifier


class WireParticipant(Wire):
    site: Identifier
    key: str
    """the whole public key, not its fingerprint: what is signed is what is used"""


class WireAttempt(Wire):
    attempt: int
    variance: int
    participants: list[WireParticipant]


class WireNumbers(Wire):
    """One measure's masked numbers: as many bytes for every site, whatever was counted."""

    measure: str
    version: int
    digest: str
    numbers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedShare:
    """What the centre holds of one measure from one participant. It says nothing by itself."""

    measure: MeasureRef
    numbers: tuple[int, ...]


def wire_attempt(attempt: Attempt) -> WireAttempt:
    """Return an attempt in the form in which it travels."""
    return WireAttempt(
        attempt=attempt.number,
        variance=attempt.variance,
        participants=[
            WireParticipant(site=one.site, key=base64.b64encode(one.key).decode()) for one in attempt.participants
        ],
    )


def read_attempt(wire: WireAttempt, *, round_id: str, source: str) -> Attempt:
    """Return the attempt in a message.

    Raises:
        MessageError: if a key cannot be read.
        DisclosureRefusal: if too few take part, one is named twice, or too little noise is asked for.
    """
    try:
        participants = tuple(
            Participant(site=one.site, key=base64.b64decode(one.key, validate=True)) for one in wire.participants
        )
    except ValueError:
        raise MessageError(f"{source}: a participant's key cannot be read; ask the sender to send it again") from None
    try:
        return Attempt(round_id=round_id, number=wire.attempt, variance=wire.variance, participants=participants)
    except DisclosureRefusal as refusal:
        raise DisclosureRefusal(f"{source}: {refusal}") from None


def wire_share(share: PooledShare) -> WireNumbers:
    """Return a share in the form in which it travels."""
    content = b"".join(number.to_bytes(NUMBER_BYTES, "little") for number in share.numbers)
    return WireNumbers(
        measure=share.measure.id,
        version=share.measure.version,
        digest=share.measure.digest,
        numbers=base64.b64encode(content).decode(),
    )


def read_share(wire: WireNumbers, *, source: str) -> ReceivedShare:
    """Return a share that came in a message. How many numbers it must have is for who asked to say.

    Raises:
        MessageError: if its numbers cannot be read.
    """
    try:
        content = base64.b64decode(wire.numbers, validate=True)
    except ValueError:
        content = b"?"
    if len(content) % NUMBER_BYTES:
        raise MessageError(
            f"{source}: measure {wire.measure} v{wire.version}: its numbers cannot be read; ask the site to send it "
            "again"
        )
    return ReceivedShare(
        measure=MeasureRef(id=wire.measure, version=wire.version, digest=wire.digest),
        numbers=tuple(
            int.from_bytes(content[at : at + NUMBER_BYTES], "little") for at in range(0, len(content), NUMBER_BYTES)
        ),
    )

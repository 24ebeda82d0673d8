"""A hash chain of events: each entry names the hash of the one before, so an edit in the middle shows."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from rounds.errors import RoundsError

START = "0" * 64


class Action(StrEnum):
    """What can happen to a round, on either side, and to a site's records."""

    ASKED = "asked"
    ANSWERED = "answered"
    RECEIVED = "received"
    PUBLISHED = "published"
    IMPORTED = "imported"
    ERASED = "erased"
    OPT_OUTS_ASKED = "opt-outs asked"
    OPT_OUTS_TAKEN = "opt-outs taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: what, to which round, with whom, and the digest of the bytes it was about.

    Of an import the round is the generation of records that it made, and the party is the site itself. Of an erasure
    and of lists of opt-outs the digest is keyed: nobody without the site's own key can try identifiers against it.
    """

    action: Action
    round_id: str
    party: str
    digest: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    sequence: int
    event: Event
    before: str
    hash: str


def append(entries: tuple[Entry, ...], event: Event) -> tuple[Entry, ...]:
    """Return the log with an event added, or unchanged if the same thing is in it already.

    The same action on the same bytes is one event, whenever it is repeated, so a resumed round logs nothing twice.
    """
    for entry in entries:
        same = (entry.event.action, entry.event.round_id, entry.event.party, entry.event.digest)
        if same == (event.action, event.round_id, event.party, event.digest):
            return entries
    before = entries[-1].hash if entries else START
    sequence = len(entries) + 1
    return (*entries, Entry(sequence=sequence, event=event, before=before, hash=_hash(sequence, event, before)))


def encode(entries: tuple[Entry, ...]) -> bytes:
    """Return the log as JSON lines."""
    return b"".join((json.dumps(asdict(entry), sort_keys=True, default=str) + "\n").encode() for entry in entries)


def decode(content: bytes, *, source: str) -> tuple[Entry, ...]:
    """Return the log in some bytes, having checked its chain.

    Args:
        content: JSON lines as `encode` makes them.
        source: the file's name, for the message.

    Raises:
        RoundsError: if a line cannot be read or the chain is broken at it.
    """
    entries: list[Entry] = []
    before = START
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            fields = json.loads(line)
            told = fields["event"]
            event = Event(
                action=Action(told["action"]),
                round_id=told["round_id"],
                party=told["party"],
                digest=told["digest"],
                day=date.fromisoformat(told["day"]),
            )
            entry = Entry(sequence=fields["sequence"], event=event, before=fields["before"], hash=fields["hash"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise RoundsError(f"{source} line {number}: not an entry of an audit log; restore the log") from None
        if entry.sequence != number or entry.before != before or entry.hash != _hash(number, event, before):
            raise RoundsError(f"{source} line {number}: the chain is broken here; the log was changed, restore it")
        entries.append(entry)
        before = entry.hash
    return tuple(entries)


def _hash(sequence: int, event: Event, before: str) -> str:
    content = json.dumps([sequence, asdict(event), before], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()

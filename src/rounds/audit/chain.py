"""A hash chain of events: each entry names the hash of the one before, so an edit in the middle shows."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rounds.audit.merkle import leaf_hash
from rounds.errors import AuditError

START = "0" * 64


class Action(StrEnum):
    """What can happen to a round, on either side, and to a site's records."""

    PLANNED = "planned"
    ASKED = "asked"
    ANSWERED = "answered"
    RELEASED = "released"
    RECEIVED = "received"
    PUBLISHED = "published"
    RESTORED = "restored"
    IMPORTED = "imported"
    ERASED = "erased"
    OPT_OUTS_ASKED = "opt-outs asked"
    OPT_OUTS_TAKEN = "opt-outs taken"
    PSEUDONYMISED = "pseudonymised"
    KEY_MADE = "key made"
    KEY_PINNED = "key pinned"
    ADOPTED = "adopted"
    PREPARED = "prepared"
    QUEUED = "queued"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CHANGED = "changed"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: what, to which round, with whom, and the digest of the bytes it was about.

    Of an import the round is the generation of records that it made, and the party is the site itself. Of what becomes
    of a request at a site, from `queued` to `released`, the party is who did it, and the digest that of the signed act.
    What is recorded belongs to the benefit ledger: of claims and evaluations the round is `benefit-claims`.
    Of an erasure, of lists of opt-outs and of pseudonyms, whose round is their project, the digest is keyed: nobody
    without the site's own key can try identifiers against it. Of a key that is secret altogether it is a digest that is
    made with the key itself; of one that signs or masks, made or pinned, that of its public half.
    Of facts that a centre records the round is the file's name.
    """

    action: Action
    round_id: str
    party: str
    digest: str
    day: date

    @property
    def fields(self) -> dict[str, str]:
        """The event as JSON tells it, and as it is hashed."""
        return {
            "action": self.action.value,
            "day": self.day.isoformat(),
            "digest": self.digest,
            "party": self.party,
            "round_id": self.round_id,
        }

    @property
    def same(self) -> tuple[str, str, str, str]:
        """What makes two events one, whenever they are told: a resumed round logs nothing twice."""
        return self.action.value, self.round_id, self.party, self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event in its place. `hash` covers the sequence, the event and the hash of the entry before."""

    sequence: int
    """from 1"""
    event: Event
    before: str
    hash: str

    @property
    def content(self) -> bytes:
        """The bytes that the chain and the tree hash."""
        return json.dumps([self.sequence, self.event.fields, self.before], sort_keys=True).encode()

    @property
    def due_hash(self) -> str:
        """What `hash` must be."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def leaf(self) -> bytes:
        """The entry's leaf in the log's tree, 32 bytes."""
        return leaf_hash(self.content)

    def __str__(self) -> str:
        event = self.event
        return f"{self.sequence}. {event.day} {event.action} {event.party}, round {event.round_id}, {event.digest[:12]}"


def following(last: Entry | None, event: Event) -> Entry:
    """Return the entry of an event that comes after another, or first of all."""
    sequence, before = (last.sequence + 1, last.hash) if last else (1, START)
    bare = Entry(sequence=sequence, event=event, before=before, hash="")
    return Entry(sequence=sequence, event=event, before=before, hash=bare.due_hash)


def checked(entries: Iterable[Entry], *, source: str) -> Iterator[Entry]:
    """Give the entries of a log one by one, each once it has proved to follow the one before.

    Args:
        entries: from the first on.
        source: the log's name, for the message.

    Raises:
        AuditError: naming the first entry that was changed, moved, left out or put in twice.
    """
    last: Entry | None = None
    told: set[tuple[str, str, str, str]] = set()
    for number, entry in enumerate(entries, start=1):
        if entry != following(last, entry.event):
            raise AuditError(
                f"{source}, entry {number}: the chain is broken here: it was changed, moved or put in, or what came "
                "before it was taken out; restore the log from a copy"
            )
        if entry.event.same in told:
            raise AuditError(f"{source}, entry {number}: it is told twice; restore the log from a copy")
        told.add(entry.event.same)
        yield entry
        last = entry


def encode_entry(entry: Entry) -> str:
    """Return an entry as one line of JSON."""
    fields = {"sequence": entry.sequence, "event": entry.event.fields, "before": entry.before, "hash": entry.hash}
    return json.dumps(fields, sort_keys=True)


def decode_entry(line: str | bytes, *, source: str) -> Entry:
    """Return the entry in a line of JSON. Whether it follows the one before, `checked` tells.

    Raises:
        AuditError: if it is no entry.
    """
    try:
        return entry_of(json.loads(line))
    except (ValueError, RecursionError):
        raise AuditError(f"{source}: not an entry of an audit log; restore it from a copy") from None


def entry_of(fields: object) -> Entry:
    """Return the entry that some JSON tells.

    Raises:
        ValueError: if a field is missing, unknown or of another type.
    """
    if not isinstance(fields, dict) or fields.keys() != {"sequence", "event", "before", "hash"}:
        raise ValueError("not an entry")
    event, sequence = event_of(fields["event"]), fields["sequence"]
    if type(sequence) is not int or not isinstance(fields["hash"], str):
        raise ValueError("not an entry's types")
    return Entry(sequence=sequence, event=event, before=str(fields["before"]), hash=fields["hash"])


def event_of(fields: object) -> Event:
    """Return the event that some JSON tells.

    Raises:
        ValueError: if a field is missing, unknown or of another type.
    """
    if not isinstance(fields, dict) or fields.keys() != {"action", "round_id", "party", "digest", "day"}:
        raise ValueError("not an event")
    if not all(isinstance(word, str) for word in fields.values()):
        raise ValueError("not an event's types")
    return Event(
        action=Action(fields["action"]),
        round_id=fields["round_id"],
        party=fields["party"],
        digest=fields["digest"],
        day=date.fromisoformat(fields["day"]),
    )

"""Heads: how long a party's log was and the root of its tree then, signed; and what parties tell each other of them.

Every message carries its sender's `Standing`. A sender vouches there for each head that it may have sent to the reader
and that the reader has not yet acknowledged. So messages may arrive late, twice or in any order: an older head is known
by then to be the beginning of a newer one. A head that is neither longer and proved, nor known, is a refusal.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from rounds.audit.merkle import EMPTY_ROOT, HASH_BYTES, Node, consistency_path, grew, root
from rounds.errors import AuditError

Verifies = Callable[[bytes, bytes], bool]
"""Takes a signature and the bytes that were signed, and returns whether the one is of the other."""

MAX_SIZE = 1 << 48
"""More entries than any log will have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How a log stood: whose it is, how many entries it had and the root of their tree."""

    log: str
    """the party whose log it is"""
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES or (self.size == 0) != self._is_empty():
            raise ValueError(f"the log of {self.log} has no head of {self.size} entries with this root")

    @property
    def content(self) -> bytes:
        """The bytes that are signed."""
        fields = {
            "format": "rounds-log-head",
            "version": 1,
            "log": self.log,
            "size": self.size,
            "root": self.root.hex(),
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()

    def _is_empty(self) -> bool:
        return self.root == EMPTY_ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A head with its party's signature."""

    head: Head
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A head from before, and the proof that a later one begins with it."""

    head: Head
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a message says of the logs of both who write to each other."""

    own: SignedHead
    """of the sender's log, now"""
    earlier: tuple[Earlier, ...]
    """heads of the sender's log that the reader may hold"""
    held: SignedHead | None
    """the newest head of the reader's log that the sender holds, signed by the reader"""
    sealed: bytes = b""
    """what the sender tells itself: nobody else can read it; empty if nothing"""


def head_of(log: str, size: int, node: Node) -> Head:
    """Return the head that a log has, or had, at a size."""
    return Head(log=log, size=size, root=root(size, node))


def check_own(held: SignedHead, *, size: int, node: Node, verifies: Verifies, holder: str) -> None:
    """Raise unless a head of our log that somebody else holds is a beginning of our log.

    Args:
        held: the head of our log.
        size: entries of our log now.
        node: our log's tree.
        verifies: checks our own signature.
        holder: who holds the head, for the message.

    Raises:
        AuditError: if we have not signed it, or if our log is shorter or begins otherwise: then it was cut, rewritten
            or restored from an old backup, and nothing may be drawn or released from it.
    """
    head = held.head
    if not verifies(held.signature, head.content):
        raise AuditError(
            f"{holder} holds a head of the log of {head.log} that the key of {head.log} did not sign: that key was "
            f"replaced, or {holder} was deceived; clear it up with {holder} before anything else is done"
        )
    if head.size > size:
        raise AuditError(
            f"the log of {head.log} has {size} entries, but {holder} holds a signed head of {head.size}: it was cut or "
            "restored from an old backup, and what it forgot may not be done twice; restore the newest backup. A site "
            "can fetch what it has sent: rounds site restore FOLDER --exchange EXCHANGE"
        )
    if root(head.size, node) != head.root:
        raise AuditError(
            f"the log of {head.log} differs within its first {head.size} entries from the signed head that {holder} "
            "holds: it was rewritten, or restored from an old backup and gone on with; restore the newest backup"
        )


def check_theirs(standing: Standing, *, newest: Head | None, known: Callable[[Head], bool], verifies: Verifies) -> None:
    """Raise unless the head that a message brings goes together with every head of that party held so far.

    Args:
        standing: what the message says.
        newest: the longest head of the sender's log held so far.
        known: tells whether a head is held, or was vouched for, as a beginning of the newest.
        verifies: checks the sender's signature.

    Raises:
        AuditError: naming the party whose log was cut, rewritten or restored from an old backup.
    """
    own = standing.own.head
    if not verifies(standing.own.signature, own.content):
        raise AuditError(f"the head of the log of {own.log} is not signed by {own.log}; ask {own.log} to send it again")
    for one in standing.earlier:
        if not _begins(one, own):
            raise AuditError(_broken(own, f"its own proof from {one.head.size} entries fails"))
    if newest is None or known(own):
        return
    if own.size <= newest.size:
        raise AuditError(_broken(own, f"{newest.size} were seen before, and this is no beginning of them"))
    if newest not in {one.head for one in standing.earlier}:
        raise AuditError(_broken(own, f"it does not prove that it begins with the {newest.size} seen before"))


def earlier_of(head: Head, *, size: int, node: Node) -> Earlier:
    """Return a head of a log with the proof that the log, now of `size` entries, begins with it."""
    return Earlier(head=head, path=consistency_path(head.size, size, node))


def _begins(earlier: Earlier, own: Head) -> bool:
    then = earlier.head
    return then.log == own.log and grew(
        old_root=then.root, old=then.size, new_root=own.root, new=own.size, path=earlier.path
    )


def _broken(head: Head, why: str) -> str:
    return (
        f"the log of {head.log} comes with {head.size} entries, but {why}: its log was cut, rewritten or restored from "
        f"an old backup; nothing was taken in; clear it up with {head.log}, which must restore its newest backup"
    )

"""Heads of audit logs between parties: what goes with a message, and what is demanded of what came with one."""

from collections.abc import Iterable
from pathlib import Path
from sqlite3 import Connection

from rounds.audit.heads import SignedHead, Standing, check_own, check_theirs
from rounds.exchange.messages import standing_in
from rounds.exchange.signing import PublicKey, SigningKey
from rounds.storage.audit_log import head, tree
from rounds.storage.log_heads import acknowledge, give, hold, is_held, newest_held


def stand(connection: Connection, *, own: str, reader: str, key: SigningKey, reader_key: PublicKey | None) -> Standing:
    """Return what a message to a party says of both logs, and remember that the party was given it.

    Args:
        connection: of the transaction that logs what the message is about.
        own: whose log it is.
        reader: whom the message is for.
        key: the sender's.
        reader_key: the reader's, if it is known yet.
    """
    now = head(connection, log=own)
    signed = SignedHead(head=now, signature=key.sign(now.content))
    earlier = give(connection, signed, to=reader)
    held = newest_held(connection, party=reader, key=reader_key.raw) if reader_key else None
    return Standing(own=signed, earlier=earlier, held=held)


def check_standing(
    connection: Connection, standing: Standing, *, own_key: PublicKey | None, their_key: PublicKey
) -> None:
    """Raise if what came with a message shows that our log, or its sender's, was cut, rewritten or restored.

    Our own log comes first: what it forgot it cannot hold against anybody.

    Args:
        connection: of a transaction or of `reading_log`; nothing is written.
        standing: what the message says.
        own_key: ours; None if we have none yet.
        their_key: the sender's.

    Raises:
        AuditError: naming the party whose log it is.
    """
    sender = standing.own.head.log
    if standing.held is not None:
        size, node = tree(connection)
        verifies = own_key.verifies if own_key else _nothing_verifies
        check_own(standing.held, size=size, node=node, verifies=verifies, holder=sender)
    newest = newest_held(connection, party=sender, key=their_key.raw)
    check_theirs(
        standing,
        newest=newest.head if newest else None,
        known=lambda one: is_held(connection, one, key=their_key.raw),
        verifies=their_key.verifies,
    )


def accept_standing(connection: Connection, standing: Standing, *, own_key: PublicKey, their_key: PublicKey) -> None:
    """Check what came with a message, as `check_standing` does, and remember it within the caller's transaction.

    Raises:
        AuditError: naming the party whose log was cut, rewritten or restored.
    """
    check_standing(connection, standing, own_key=own_key, their_key=their_key)
    hold(connection, standing.own, earlier=standing.earlier, key=their_key.raw)
    if standing.held is not None:
        acknowledge(connection, standing.held, by=standing.own.head.log)


def is_accepted(connection: Connection, standing: Standing, *, their_key: PublicKey) -> bool:
    """Return whether the head that came with a message is held already."""
    return is_held(connection, standing.own.head, key=their_key.raw)


def check_own_messages(connection: Connection, paths: Iterable[Path], *, own: str, own_key: PublicKey | None) -> None:
    """Raise if a message that we have signed tells of a log of ours that ours now does not begin with.

    Args:
        connection: of a transaction or of `reading_log`.
        paths: messages, of which those of others, and forged ones, say nothing.
        own: who we are.
        own_key: ours; None if we have none yet.

    Raises:
        AuditError: naming the message.
    """
    size, node = tree(connection)
    for path in paths:
        standing = standing_in(path.read_bytes())
        for signed in (standing.own, standing.held) if standing else ():
            head = signed.head if signed else None
            if signed and head and head.log == own and own_key and own_key.verifies(signed.signature, head.content):
                check_own(signed, size=size, node=node, verifies=own_key.verifies, holder=str(path))


def _nothing_verifies(signature: bytes, content: bytes) -> bool:  # noqa: ARG001 - who has no key has signed nothing
    return False

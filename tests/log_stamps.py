"""How logs stand, for tests that make messages without a whole site or centre."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.audit.heads import SignedHead, Standing, head_of
from rounds.audit.merkle import leaf_hash, tree_of
from rounds.exchange.signing import PublicKey, SigningKey
from rounds.exchange.standing import stand
from rounds.storage.audit_log import LOG_SCHEMA, append
from rounds.storage.sqlite_file import transaction


def event(number: int = 1, *, action: Action = Action.ASKED, party: str = "site-1") -> Event:
    return Event(action=action, round_id=f"r{number}", party=party, digest=f"{number:064x}", day=date(2025, 1, 1))


def signed_head(log: str, key: SigningKey, *contents: bytes) -> SignedHead:
    """Return the signed head of a log with these leaves."""
    head = head_of(log, *tree_of(leaf_hash(content) for content in contents))
    return SignedHead(head=head, signature=key.sign(head.content))


def no_standing() -> Standing:
    """Return how the logs of nobody in particular stand, for replies that no message carried."""
    return Standing(own=SignedHead(head=head_of("s", *tree_of([])), signature=b""), earlier=(), held=None)


def first_standing(log: str, key: SigningKey) -> Callable[[str], Standing]:
    """Return a stamp that says always the same: a log of one entry, and nothing known of the reader's."""
    return lambda _: Standing(own=signed_head(log, key, b"entry"), earlier=(), held=None)


def logging_stamp(
    path: Path, *, own: str, reader: str, key: SigningKey, reader_key: PublicKey | None, told: Event
) -> Callable[[str], Standing]:
    """Return a stamp that logs an event in a party's file, whatever the message says."""

    def stamp(_: str) -> Standing:
        with transaction(path, schema=LOG_SCHEMA) as connection:
            append(connection, told)
            return stand(connection, own=own, reader=reader, key=key, reader_key=reader_key)

    return stamp

"""Is a party's audit log what it was? Its chain, its tree, the heads that were given away, and all that happened."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rounds.audit.chain import Action, Entry
from rounds.audit.heads import Head, SignedHead, check_own, head_of
from rounds.audit.merkle import tree_of
from rounds.errors import AuditError
from rounds.exchange.masking import masking_keys_told
from rounds.exchange.messages import digest_in, standing_in
from rounds.exchange.signing import keys_told, own_public_key
from rounds.storage.audit_log import LEDGER, read_log, reading_log
from rounds.storage.lock import only_one
from rounds.storage.log_heads import all_held, given

WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that a party's folder shows to have happened, and that its log must tell."""

    action: Action
    round_id: str
    party: str
    digest: str | None
    """None where the folder does not show it"""
    shown_by: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLog:
    """A log that proved to be whole."""

    entries: tuple[Entry, ...]
    head: Head
    heads: int
    """how many signed heads of it there were, here and with others, that it had to fit"""

    def tells(self, action: Action, round_id: str, party: str, digest: str | None) -> bool:
        return any(
            (event.action, event.round_id, event.party) == (action, round_id, party) and digest in {None, event.digest}
            for event in (entry.event for entry in self.entries)
        )


def check_log(
    folder: Path, *, party: str, happened: Iterable[Happened], abroad: Iterable[tuple[str, SignedHead]]
) -> CheckedLog:
    """Return a party's log, having checked all of it.

    Args:
        folder: the party's.
        party: whose log it is.
        happened: what the log must tell.
        abroad: heads of logs, of whomever, and who holds them. Those of this log that this party signed must fit it.

    Raises:
        AuditError: naming the first entry at which the log was changed, or the head it does not fit, or what it does
            not tell.
    """
    path, own = folder / LEDGER, own_public_key(folder)
    with only_one(folder, doing="writing its log", wait_seconds=WAIT_SECONDS):
        entries = read_log(path)
        with reading_log(path) as connection:
            due = [(f"{path}, as it was given to {to},", signed) for to, signed in given(connection, log=party)]
    size, node = tree_of(entry.leaf for entry in entries)
    if due and own is None:
        raise AuditError(
            f"{folder}: the party's key is gone, which signed the heads of its log; restore it from a copy"
        )
    if own is not None:
        due += [
            (holder, signed)
            for holder, signed in abroad
            if signed.head.log == party and own.verifies(signed.signature, signed.head.content)
        ]
        for holder, signed in due:
            check_own(signed, size=size, node=node, verifies=own.verifies, holder=holder)
    log = CheckedLog(entries=entries, head=head_of(party, size, node), heads=len({signed.head for _, signed in due}))
    for one in happened:
        if not log.tells(one.action, one.round_id, one.party, one.digest):
            raise AuditError(
                f"{path} does not tell what {one.shown_by} shows: {one.action} {one.party}, round {one.round_id}; the "
                "log was cut or that file was changed; restore both from the newest copy"
            )
    return log


def heads_in_messages(paths: Iterable[Path]) -> tuple[tuple[str, SignedHead], ...]:
    """Return every signed head in some messages, with the name of the file. No signature is checked."""
    found: list[tuple[str, SignedHead]] = []
    for path in paths:
        if standing := standing_in(path.read_bytes()):
            found.append((str(path), standing.own))
            found += [(str(path), standing.held)] if standing.held else []
    return tuple(found)


def heads_held(folder: Path) -> tuple[tuple[str, SignedHead], ...]:
    """Return every signed head of others' logs that the party in a folder holds, with the name of its file."""
    path = folder / LEDGER
    with only_one(folder, doing="writing its log", wait_seconds=WAIT_SECONDS), reading_log(path) as connection:
        return tuple((str(path), signed) for signed in all_held(connection))


def messages_happened(action: Action, paths: Iterable[Path], *, rounds: Path) -> tuple[Happened, ...]:
    """Return what kept messages show: files called `<party>.json`, in a folder that is called by the round.

    Args:
        action: of which they tell.
        paths: of the messages.
        rounds: the folder in which the rounds' folders lie.
    """
    return tuple(
        Happened(
            action=action,
            round_id=path.relative_to(rounds).parts[0],
            party=path.stem,
            digest=digest_in(path.read_bytes()) or "",
            shown_by=path,
        )
        for path in sorted(paths)
    )


def keys_happened(folder: Path, *, party: str) -> Iterator[Happened]:
    """Yield what the keys in a party's folder show: that it made its own, and which of others it has pinned."""
    for path, event in (*keys_told(folder, party=party), *masking_keys_told(folder, party=party)):
        yield Happened(
            action=event.action, round_id=event.round_id, party=event.party, digest=event.digest, shown_by=path
        )


def check_both_sides(centre: CheckedLog, site: CheckedLog, *, site_id: str) -> None:
    """Raise unless a site and the centre tell the same of what went from one to the other.

    Raises:
        AuditError: naming the entry that the other side does not tell.
    """
    released = {(e.event.round_id, e.event.digest) for e in site.entries if e.event.action is Action.RELEASED}
    asked = {
        (entry.event.round_id, entry.event.digest)
        for entry in centre.entries
        if entry.event.action is Action.ASKED and entry.event.party == site_id
    }
    for entry in centre.entries:
        event = entry.event
        received = event.action is Action.RECEIVED and event.party == site_id
        if received and (event.round_id, event.digest) not in released:
            raise AuditError(f"the log of {site_id} does not tell that it released what the centre's tells: {entry}")
    for entry in site.entries:
        if entry.event.action is Action.ANSWERED and (entry.event.round_id, entry.event.digest) not in asked:
            raise AuditError(f"the log of the centre does not tell that it asked what that of {site_id} tells: {entry}")

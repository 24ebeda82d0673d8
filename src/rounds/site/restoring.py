"""A ledger that was restored from an old backup fetches what it has forgotten, from the messages that it sent itself.

Each message tells its sender, sealed, what it must know again (`storage.own_history`). All that is put back, or none:
the log must then be as long as, and begin with, every head of it that this site ever signed and that is found.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from sqlite3 import Connection

from rounds.audit.chain import Action, Event
from rounds.audit.heads import SignedHead, Standing, check_own
from rounds.errors import AuditError, DefinitionError
from rounds.exchange.envelope import CENTRE, RefusalBody, RequestBody, digest_of, open_envelope
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import decode_request, draft_in
from rounds.exchange.sealing import unseal
from rounds.exchange.signing import PublicKey, SigningKey, own_key, trusted_key
from rounds.exchange.standing import accept_standing
from rounds.exchange.wire_log import read_log_part
from rounds.site.folder import Site
from rounds.site.ledger import sealed_about
from rounds.storage.audit_log import entry_at, reading_log, tree
from rounds.storage.clock import refuse_clock_set_back
from rounds.storage.facts import LoggedTransaction, logged_transaction
from rounds.storage.lock import only_one
from rounds.storage.log_heads import hold, is_held, was_given
from rounds.storage.own_history import HISTORY_SCHEMA, History, decode_history, put_back
from rounds.storage.release_store import Answer

WAIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a ledger knows again."""

    messages: tuple[str, ...]
    """the answers that it had forgotten, by the names under which it keeps them"""
    entries: int
    """of the log that it had forgotten"""
    acts: tuple[str, ...]
    """entries that concern more than the ledger: what was imported, erased or asked about opt-outs meanwhile"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A message that this site has signed."""

    path: Path
    content: bytes
    answers: str
    digest: str
    refuses: bool
    standing: Standing


def restore(site: Site, exchange: ExchangeFolder, *, today: date) -> Restored:
    """Put back what the site's ledger has forgotten and its own messages in the exchange folder tell.

    Args:
        site: whose ledger it is. Its key must be there.
        exchange: where its messages lie, and the centre's requests; `rounds centre give-back` lays them down again.
        today: the day.

    Returns:
        What was put back; nothing if the ledger has forgotten nothing of it.

    Raises:
        AuditError: if messages are missing or were changed, or the log was gone on with since it was restored. Nothing
            was changed then, and the site draws nothing.
        MessageError: if the site's key is not there, or a message is not what it claims.
    """
    if not site.folder.is_dir():
        raise DefinitionError(f"{site.folder}: there is no such folder")
    with only_one(site.folder, doing="restoring its ledger", wait_seconds=WAIT_SECONDS):
        refuse_clock_set_back(site.ledger_path, today=today)
        key, centre_key = own_key(site.folder), trusted_key(site.folder, exchange.path, party=CENTRE)
        sent = _sent_by(site, exchange, key)
        requests = [
            decode_request(path.read_bytes(), source=str(path), site=site.id, key=centre_key, today=date.min)
            for path in exchange.requests_to(site.id)
        ]
        asked = sorted((request.log for request in requests), key=_size)
        heads = [(str(one.path), one.standing.own) for one in sent]
        heads += [(CENTRE, one.held) for one in asked if one.held is not None]
        with reading_log(site.ledger_path) as log:
            before, _ = tree(log)
            if all(signed.head.size <= before for _, signed in heads):
                _check_all(heads, log, key.public)
                return Restored(messages=(), entries=0, acts=())
        with logged_transaction(site.ledger_path, schema=HISTORY_SCHEMA) as facts:
            names = _put_back(site, sent, key, facts)
            _check_all(heads, facts.connection, key.public)
            size, _ = tree(facts.connection)
            _know_heads(sent, asked, facts, own_key=key.public, centre_key=centre_key)
            new = [entry for number in range(before + 1, size + 1) if (entry := entry_at(facts.connection, number))]
            _refuse_missing([entry.event for entry in new], sent)
            newest = max((signed for _, signed in heads), key=lambda signed: signed.head.size)
            digest = newest.head.root.hex()
            facts.tell(Event(action=Action.RESTORED, round_id="ledger", party=site.id, digest=digest, day=today))
        acts = tuple(str(entry) for entry in new if entry.event.action in _MORE_THAN_THE_LEDGER)
        return Restored(messages=tuple(names), entries=size - before, acts=acts)


_MORE_THAN_THE_LEDGER = (
    Action.IMPORTED,
    Action.ERASED,
    Action.OPT_OUTS_ASKED,
    Action.OPT_OUTS_TAKEN,
    Action.PSEUDONYMISED,
)


def _check_all(heads: Iterable[tuple[str, SignedHead]], connection: Connection, own: PublicKey) -> None:
    """Raise unless the log begins with all that others were shown of it."""
    size, node = tree(connection)
    for holder, signed in heads:
        check_own(signed, size=size, node=node, verifies=own.verifies, holder=holder)


def _sent_by(site: Site, exchange: ExchangeFolder, key: SigningKey) -> list[_Sent]:
    """Return the messages that a site has signed, in the order in which they left."""
    found = []
    for path in exchange.replies_of(site.id):
        content, source = path.read_bytes(), str(path)
        envelope = open_envelope(content, source=source, sender=site.id, recipient=CENTRE, key=key.public)
        if isinstance(envelope.body, RequestBody):
            continue
        found.append(
            _Sent(
                path=path,
                content=content,
                answers=envelope.body.answers,
                digest=digest_of(envelope.model_dump(mode="json")),
                refuses=isinstance(envelope.body, RefusalBody),
                standing=read_log_part(envelope.log, sender=site.id, reader=CENTRE, source=source),
            )
        )
    return sorted(found, key=lambda one: _size(one.standing))


def _put_back(site: Site, sent: Iterable[_Sent], key: SigningKey, facts: LoggedTransaction) -> list[str]:
    names = []
    for one in sent:
        size, _ = tree(facts.connection)
        if _size(one.standing) <= size:
            continue
        told = _history(site, one, key)
        if told.since > size:
            raise AuditError(
                f"{one.path}: it tells of the log of {site.id} from entry {told.since + 1} on, and the ledger has "
                f"{size}: messages from before are missing; ask the centre to lay them down again (rounds centre "
                "give-back). Nothing was put back"
            )
        answer = Answer(request_digest=one.answers, reply=one.content)
        put_back(facts.connection, told, answer=answer, draft=draft_in(one.content), refuses=one.refuses)
        names.append(told.called)
    return names


def _history(site: Site, one: _Sent, key: SigningKey) -> History:
    if not one.standing.sealed:
        raise AuditError(
            f"{one.path}: it was sent by a version of Rounds that told its sender nothing; restore a backup from after "
            "it. Nothing was put back"
        )
    content = unseal(one.standing.sealed, key=key, about=sealed_about(site.id, one.digest), source=str(one.path))
    return decode_history(content, source=str(one.path))


def _know_heads(
    sent: Iterable[_Sent],
    asked: Iterable[Standing],
    facts: LoggedTransaction,
    *,
    own_key: PublicKey,
    centre_key: PublicKey,
) -> None:
    """Remember which heads the centre was given of this log, and this site of the centre's."""
    for one in sent:
        was_given(facts.connection, one.standing.own, to=CENTRE)
    for standing in asked:
        accept_standing(facts.connection, standing, own_key=own_key, their_key=centre_key)
    for one in sent:
        held = one.standing.held
        if held is not None and _is_new(held, facts, centre_key):
            hold(facts.connection, held, earlier=(), key=centre_key.raw)


def _is_new(held: SignedHead, facts: LoggedTransaction, centre_key: PublicKey) -> bool:
    signed = centre_key.verifies(held.signature, held.head.content)
    return signed and not is_held(facts.connection, held.head, key=centre_key.raw)


def _refuse_missing(events: Iterable[Event], sent: Iterable[_Sent]) -> None:
    """Raise if something has left of which the message is not there: what it held cannot be known again."""
    found = {one.digest for one in sent}
    for event in events:
        left = event.action in (Action.RELEASED, Action.REFUSED) and event.party == CENTRE
        if left and event.digest not in found:
            raise AuditError(
                f"the log tells that something left in round {event.round_id} on {event.day}, and that message is not "
                "in the exchange folder; ask the centre to lay it down again (rounds centre give-back). Nothing was "
                "put back"
            )


def _size(standing: Standing) -> int:
    return standing.own.head.size

"""The site's ledger: a round is answered once; what leaves, what it costs and the reply are written down together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from sqlite3 import Connection

from rounds.audit.chain import Action, Event
from rounds.audit.heads import Standing
from rounds.disclosure.budget import Costs
from rounds.disclosure.pooled import PooledShare
from rounds.disclosure.release import Released
from rounds.disclosure.rules import Draw
from rounds.errors import AuditError, DisclosureRefusal, MessageError
from rounds.exchange.envelope import CENTRE
from rounds.exchange.messages import Request, draft_reply, read_draft, send
from rounds.exchange.question import Question
from rounds.exchange.sealing import seal
from rounds.exchange.signing import PublicKey, make_own_key, own_key
from rounds.exchange.standing import accept_standing, stand
from rounds.measures.definitions import MeasureRef
from rounds.site.folder import Site
from rounds.site.noise import draw
from rounds.site.opt_outs import list_applied
from rounds.site.policies import adopt_policy
from rounds.site.releasing import Counted, Rules, keep, prepare, told_of
from rounds.storage.approval_store import QueuedRequest
from rounds.storage.audit_log import is_recorded
from rounds.storage.facts import LoggedTransaction, logged_transaction
from rounds.storage.kept_shares import mark_shares_left
from rounds.storage.opt_out_ways import keep_way
from rounds.storage.own_history import Leaving, encode_history
from rounds.storage.quiet import nothing_printed
from rounds.storage.release_store import (
    RELEASE_SCHEMA,
    Answer,
    attempt_name,
    charge,
    keep_answer,
    keep_draft,
    mark_left,
    read_answer,
    refuse_altered,
)
from rounds.storage.sqlite_file import reading


def stored_answer(site: Site, request: Request) -> Answer | None:
    """Return the reply that was given to a request, or None if none was.

    Raises:
        MessageError: if the round was answered before with another request.
        RoundsError: if the ledger is damaged. The site must not count again then, for a second answer could differ.
    """
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        refuse_altered(connection)
        stored = read_answer(connection, request.round_id)
    if stored is not None and stored.request_digest != request.digest:
        raise MessageError(
            f"round {request.round_id} was answered before with another request under the same id; the centre must use "
            "a new round id"
        )
    return stored


def has_answered(site: Site, round_id: str) -> bool:
    """Return whether a round was answered."""
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        return read_answer(connection, round_id) is not None


def answered_event(request: Request, today: date) -> Event:
    """Return what the log tells of a request that was answered."""
    return Event(action=Action.ANSWERED, round_id=request.round_id, party=CENTRE, digest=request.digest, day=today)


def prepare_reply(site: Site, request: Request, counted: Sequence[Counted], *, day: date) -> bytes:
    """Return all that a reply to a request would say. Nothing has left by then.

    Draws, costs, what would be said, the policy in force and what the log tells of it are one transaction. Prepared
    again it says the same, unless records, library, policy or opt-outs have changed.

    Args:
        site: who answers.
        request: what is answered.
        counted: exact counts with how complete the records are.
        day: the date that the reply bears.

    Raises:
        DisclosureRefusal: if something of it may not leave. Nothing was drawn or written then.
    """
    round_id = request.round_id
    with logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts:
        if adopted := adopt_policy(facts.connection, site.policy, site=site.id, today=day):
            facts.tell(adopted)
        rules = _rules(site, draw)
        with nothing_printed():
            prepared, _ = prepare(facts.connection, rules, counted, question=request.question)
        released = keep(facts.connection, prepared, rules, question=request.question, round_id=round_id)
        draft = draft_reply(request, released, today=day)
        digest = keep_draft(facts.connection, round_id, draft, day=day)
        facts.tell(Event(action=Action.PREPARED, round_id=round_id, party=site.id, digest=digest, day=day))
    return draft


def send_reply(site: Site, request: Request, draft: bytes, *, today: date, centre_key: PublicKey) -> Answer:
    """Let a reply leave: sign it with how the logs stand, keep it for ever, and remember that its cells have left.

    Args:
        site: who answers.
        request: what is answered.
        draft: what is said, as `prepare_reply` has made it and, where people must, people have approved it.
        today: the day on which it leaves.
        centre_key: that proved the request.

    Raises:
        AuditError: if the centre's log, or the site's, was cut, rewritten or restored. Nothing leaves then.
    """
    make_own_key(site.folder, party=site.id, today=today)
    with logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts:
        leaving = mark_released(facts.connection, request, draft, today=today)
        reply = _sent(site, request, draft, leaving, facts, today=today, centre_key=centre_key)
        answer = Answer(request_digest=request.digest, reply=reply)
        keep_answer(facts.connection, request.round_id, answer, day=today)
    return answer


def mark_released(connection: Connection, request: Request, draft: bytes, *, today: date) -> Leaving:
    """Remember that all has left that a draft holds, and which way about opt-outs that was counted; return what.

    Args:
        connection: in a transaction.
        request: what is answered.
        draft: what leaves.
        today: the day on which it does.
    """
    question = request.question
    over_all_dates = f"@{question.first}..{question.last}"
    tables = read_draft(draft, source=f"round {request.round_id}")
    leaving = [
        (digest, start)
        for table in tables
        for start in table.cells["period"].unique().sort()
        for digest in (table.measure.digest, table.measure.digest + over_all_dates)
    ]
    for opt_outs in mark_left(connection, leaving, epoch=question.epoch):
        keep_way(connection, opt_outs=opt_outs, last=question.last, day=today)
    shares = tuple(told_of(table.measure, question) for table in tables)
    for told in shares:
        mark_shares_left(connection, told)
    return Leaving(
        round_id=request.round_id,
        called=request.round_id,
        epoch=question.epoch,
        cells=tuple(leaving),
        shares=shares,
    )


def send_shares(
    site: Site,
    request: Request,
    make: Callable[[], Sequence[PooledShare]],
    costs: Mapping[MeasureRef, Costs],
    *,
    today: date,
    centre_key: PublicKey,
) -> Answer:
    """Let shares of pooled sums leave: draws, costs, policy, the log and the signed reply are one transaction.

    Args:
        site: who answers.
        request: for an attempt at pooled sums.
        make: draws the noise.
        costs: what the draws cost, by measure, as `pooled_costs` has allowed it.
        today: the day on which it leaves.
        centre_key: that proved the request.

    Raises:
        DisclosureRefusal: if the site's policy is weaker than the one in force. Nothing was drawn then.
        AuditError: as `send_reply` does.
    """
    make_own_key(site.folder, party=site.id, today=today)
    with logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts:
        if adopted := adopt_policy(facts.connection, site.policy, site=site.id, today=today):
            facts.tell(adopted)
        keep_way(facts.connection, opt_outs=site.opt_outs is not None, last=request.question.last, day=today)
        for ref, spent in costs.items():
            charge(facts.connection, spent, measure=str(ref), round_id=request.round_id)
        draft = draft_reply(request, (), today=today, shares=make())
        leaving = Leaving(round_id=request.round_id, called=answer_name(request))
        reply = _sent(site, request, draft, leaving, facts, today=today, centre_key=centre_key)
        answer = Answer(request_digest=request.digest, reply=reply)
        keep_answer(facts.connection, answer_name(request), answer, day=today)
    return answer


def sealed_about(site: str, digest: str) -> str:
    """Return what a message's history is sealed with: it belongs to that message."""
    return f"{site} {digest}"


def answer_name(request: Request) -> str:
    """Return under which name the answer to a request is kept."""
    attempt = request.pooled
    return request.round_id if attempt is None else attempt_name(request.round_id, attempt.number)


def tell_again(site: Site, request: Request, *, known: bool, today: date, centre_key: PublicKey) -> None:
    """Make sure that the log tells of an answer that was given before, and remember how the centre's log stands now.

    Args:
        site: who has answered.
        request: what was answered.
        known: whether the head of the centre's log that came with the request is known already.
        today: the day.
        centre_key: that proved the request.

    Raises:
        AuditError: if the log does not tell it.
    """
    if not is_recorded(site.ledger_path, answered_event(request, today)):
        raise AuditError(
            f"{site.ledger_path}: round {request.round_id} was answered, but the log does not tell it: it was cut or "
            "restored from an old backup; restore the newest backup"
        )
    if not known:
        with logged_transaction(site.ledger_path) as facts:
            own = own_key(site.folder).public
            accept_standing(facts.connection, request.log, own_key=own, their_key=centre_key)
            facts.tell(answered_event(request, today))


def sign_refusal(
    connection: Connection,
    site: Site,
    request: Request,
    draft: bytes,
    refused: QueuedRequest,
    *,
    today: date,
    centre_key: PublicKey,
) -> bytes:
    """Return a refusal, logged and signed. It is sent once what else is written in the transaction is kept.

    Args:
        connection: in a transaction.
        site: who refuses.
        request: what is refused.
        draft: what the refusal says.
        refused: what becomes of the request.
        today: the day.
        centre_key: that proved the request.

    Raises:
        AuditError: as `send_reply` does.
    """
    facts = LoggedTransaction(connection)
    leaving = Leaving(round_id=request.round_id, called=request.round_id, refused=refused)
    return _sent(site, request, draft, leaving, facts, today=today, centre_key=centre_key)


def _sent(
    site: Site,
    request: Request,
    draft: bytes,
    leaving: Leaving,
    facts: LoggedTransaction,
    *,
    today: date,
    centre_key: PublicKey,
) -> bytes:
    key = own_key(site.folder)
    accept_standing(facts.connection, request.log, own_key=key.public, their_key=centre_key)
    action = Action.REFUSED if leaving.refused else Action.RELEASED

    def stamp(digest: str) -> Standing:
        facts.tell(
            answered_event(request, today),
            Event(action=action, round_id=request.round_id, party=CENTRE, digest=digest, day=today),
        )
        told = encode_history(facts.connection, leaving, to=CENTRE, day=today)
        sealed = seal(told, key=key, about=sealed_about(site.id, digest))
        return replace(
            stand(facts.connection, own=site.id, reader=CENTRE, key=key, reader_key=centre_key), sealed=sealed
        )

    return send(draft, key=key, stamp=stamp)


def _no_draw(sigma: float, many: int) -> list[int]:
    raise DisclosureRefusal(
        f"{many} numbers would leave with noise of standard deviation {sigma:.1f}, drawn once, when the round is "
        "answered; a preview would be a second draw"
    )


def would_release(
    site: Site, question: Question, counted: Sequence[Counted]
) -> tuple[tuple[Released, ...], tuple[str, ...]]:
    """Return what would leave, and what the site's people should know of it. Writes nothing.

    Raises:
        DisclosureRefusal: as answering would; and where noise would be drawn, for two looks are two draws.
    """
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection, nothing_printed():
        prepared, told = prepare(connection, _rules(site, _no_draw), counted, question=question)
    return tuple(one.released for one in prepared), told


def _rules(site: Site, source: Draw) -> Rules:
    return Rules(
        policy=site.policy,
        library=site.library,
        already_public=site.already_public,
        opt_outs=list_applied(site),
        draw=source,
    )

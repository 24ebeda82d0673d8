"""What a site does with a request for pooled sums: look at who takes part, count, add noise and masks, remember, reply.

Each attempt at a round's sums is another draw of noise: the site answers one once, never with other participants, and
never one that is older than one it has answered. The centre can neither read a share nor ask for less noise.
"""

import secrets
from dataclasses import dataclass
from datetime import date
from math import sqrt

from rounds.disclosure.attempt import Attempt
from rounds.disclosure.budget import Costs
from rounds.disclosure.pooled import NUMBER_BYTES, QUANTITIES, PooledShare, charges, pool_share, pooled_keys
from rounds.disclosure.pooled_costs import pooled_costs, rho_per_year
from rounds.errors import DefinitionError, DisclosureRefusal, MessageError, NotPermitted
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.masking import (
    MaskingKey,
    Peer,
    fingerprint,
    make_masking_key,
    mask_streams,
    own_masking_key,
    pin_peer,
    publish_masking_key,
    trusted_peer,
)
from rounds.exchange.messages import Request, decode_request
from rounds.exchange.question import Question
from rounds.exchange.signing import PublicKey, make_own_key, pin_key, publish_key, trusted_key
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure, MeasureRef
from rounds.measures.periods import Period
from rounds.network.roles import RequestState
from rounds.site.agreements import refuse_not_agreed, refuse_without_standing_approval
from rounds.site.answer import WAIT_FOR_AN_EARLIER_ANSWER_SECONDS, Progress, count, own_measures, refuse_rolled_back
from rounds.site.folder import RecordsBlock, Site
from rounds.site.ledger import answer_name, send_shares, tell_again
from rounds.site.opt_out_ways import refuse_other_way
from rounds.site.policies import refuse_weaker
from rounds.site.releasing import refuse_another_epoch
from rounds.site.served import log_imported, served_generation
from rounds.storage.approval_store import read_request as read_queued
from rounds.storage.atomic import remove_partials
from rounds.storage.clock import refuse_clock_set_back
from rounds.storage.identifiers import check_identifier
from rounds.storage.lock import only_one
from rounds.storage.release_store import RELEASE_SCHEMA, Answer, answered_attempts, charged, read_answer, refuse_altered
from rounds.storage.sqlite_file import reading


def publish_keys(site: Site, exchange: ExchangeFolder, *, today: date) -> None:
    """Make the site's keys if it has none, and lay the public ones where centre and sites find them.

    Raises:
        DisclosureRefusal: if the clock was set back.
    """
    with only_one(site.folder, doing="publishing its keys", wait_seconds=WAIT_FOR_AN_EARLIER_ANSWER_SECONDS):
        refuse_clock_set_back(site.ledger_path, today=today)
        remove_partials(site.folder / "keys")
        for name in (f"{site.id}.pub", f"{site.id}.mask"):
            remove_partials(exchange.path / "keys", of=name)
        key = make_own_key(site.folder, party=site.id, today=today)
        masking = make_masking_key(site.folder, site=site.id, today=today)
        publish_key(exchange.path, party=site.id, key=key.public)
        publish_masking_key(exchange.path, site=site.id, key=masking.public, signed_by=key)


def asked_attempt(site: Site, exchange: ExchangeFolder, *, round_id: str) -> int | None:
    """Return the number of a round's latest attempt that asks a site; None if none does."""
    check_identifier(round_id, what="round", error=MessageError)
    found = exchange.pooled_path(round_id).glob(f"*/requests/{site.id}.json")
    return max((int(name) for path in found if (name := path.parent.parent.name).isdecimal()), default=None)


def answer_pooled(
    site: Site, exchange: ExchangeFolder, *, round_id: str, number: int, today: date, progress: Progress
) -> bool:
    """Answer an attempt at a round's pooled sums once: the second time the stored reply is laid down again.

    Args:
        site: who answers.
        exchange: where the request lies and the reply goes.
        round_id: the round.
        number: of the attempt.
        today: to tell an expired request, and the date on the reply.
        progress: told what is being done, for people to watch.

    Returns:
        Whether anything was counted.

    Raises:
        RoundsError: naming what is wrong; nothing was written then.
    """
    if not site.folder.is_dir():
        raise DefinitionError(f"{site.folder}: there is no such folder")
    replies = exchange.pooled_reply_path(round_id, number, site.id)
    with only_one(site.folder, doing="answering a request", wait_seconds=WAIT_FOR_AN_EARLIER_ANSWER_SECONDS):
        for folder in (site.folder, site.folder / "keys", site.folder / "trust"):
            remove_partials(folder)
        remove_partials(replies.parent, of=f"{site.id}.json")
        centre_key = trusted_key(site.folder, exchange.path, party=CENTRE)
        request, attempt = _read_request(site, exchange, round_id=round_id, number=number, today=today, key=centre_key)
        known = refuse_rolled_back(site, exchange, request, centre_key=centre_key)
        stored = _stored_answer(site, request, attempt)
        counted = stored is None
        if stored is None:
            refuse_clock_set_back(site.ledger_path, today=today)
            _refuse_unapproved(site, request, today=today)
            own = own_masking_key(site.folder)
            peers = _trusted_peers(site, exchange, attempt, own)
            asked = _asked(site, request.question, attempt)
            for line in _spending(site, asked):
                progress(f"{site.id}: {line}")
            log_imported(site, served_generation(site), today=today)
            found = tuple(one.count for one in count(site, request.question, today=today, progress=progress))
            pin_key(site.folder, party=CENTRE, key=centre_key, today=today)
            for peer in peers:
                pin_peer(site.folder, peer, today=today)

            def make() -> tuple[PooledShare, ...]:
                return _shares(site, request.question, attempt, asked, found, key=own)

            stored = send_shares(site, request, make, asked.costs, today=today, centre_key=centre_key)
        else:
            tell_again(site, request, known=known, today=today, centre_key=centre_key)
        exchange.put(replies, stored.reply)
        return counted


def preview_pooled(site: Site, exchange: ExchangeFolder, *, round_id: str, number: int, today: date) -> tuple[str, ...]:
    """Return in plain words what would become known if the site answered an attempt. Writes nothing, counts nothing.

    Args:
        site: who would answer.
        exchange: where the request lies.
        round_id: the round.
        number: of the attempt.
        today: to tell an expired request.

    Raises:
        RoundsError: naming why the site could not answer.
    """
    key = trusted_key(site.folder, exchange.path, party=CENTRE)
    request, attempt = _read_request(site, exchange, round_id=round_id, number=number, today=today, key=key)
    _refuse_unapproved(site, request, today=today)
    asked = _asked(site, request.question, attempt)
    return (
        f"Round {round_id}, pooled attempt {number}, asks {', '.join(attempt.sites)} for the sums of "
        f"{len(asked.measures)} measures. The centre would know the sums, each with noise of variance "
        f"{attempt.variance} times the square of what one person adds at most, and no site's own numbers.",
        *(f"  {one.site}: masking key {fingerprint(one.key)}" for one in attempt.participants),
        *(
            f"{measure.ref}: {len(QUANTITIES) * pooled_keys(measure, span).height} masked numbers would leave. Nobody "
            "can read them without those of all other participants."
            for measure, span in asked.measures
        ),
        *_spending(site, asked),
    )


def _spending(site: Site, asked: "_Asked") -> tuple[str, ...]:
    lines = []
    for measure, costs in asked.costs.items():
        dearest = max(rho for periods in costs.values() for rho in periods.values())
        # Pinsker's inequality: the chance to tell apart is at most the root of half the divergence.
        guess = 50 * (1 + min(1.0, sqrt(dearest / 2)))
        lines.append(
            f"{measure}: each period's pooled sums spend {dearest:.3f} zCDP: somebody who knows everything of all "
            f"others, and wants to know whether one person is counted, guesses right at most {guess:.0f} times in 100, "
            "and 50 by chance"
        )
    lines.append(f"All noise about one calendar year may spend {rho_per_year(site.policy):g} zCDP here.")
    return tuple(lines)


def _read_request(
    site: Site, exchange: ExchangeFolder, *, round_id: str, number: int, today: date, key: PublicKey
) -> tuple[Request, Attempt]:
    path = exchange.pooled_request_path(round_id, number, site.id)
    if not path.exists():
        raise MessageError(
            f"{path} is missing: the centre has not asked {site.id} in this attempt; run the centre first"
        )
    request = decode_request(path.read_bytes(), source=str(path), site=site.id, key=key, today=today)
    attempt = request.pooled
    if attempt is None or request.round_id != round_id or attempt.number != number:
        raise MessageError(f"{path}: a replay: it belongs to another round, attempt or lane; remove the file")
    return request, attempt


def _stored_answer(site: Site, request: Request, attempt: Attempt) -> Answer | None:
    """Return what was answered to an attempt, or None if nothing was and it may still be."""
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        refuse_altered(connection)
        stored = read_answer(connection, answer_name(request))
        later = [one for one in answered_attempts(connection, request.round_id) if one > attempt.number]
    name = f"round {request.round_id}, pooled attempt {attempt.number}"
    if stored is not None and stored.request_digest != request.digest:
        raise MessageError(
            f"{name} was answered before with other participants or another question; the centre must restart it under "
            "the next number"
        )
    if stored is None and later:
        raise MessageError(f"{name}: a replay: attempt {max(later)} was answered already; remove the older request")
    return stored


def _refuse_unapproved(site: Site, request: Request, *, today: date) -> None:
    """Raise unless the site's people let their records be pooled, by the same rules as in the site lane.

    Where people look at what leaves before it does, nothing is pooled: a share shows them nothing, and what it becomes
    part of nobody knows before all have answered.
    """
    name = ", ".join(str(ref) for ref in request.question.measures)
    if site.approval.queues:
        raise DisclosureRefusal(
            f"round {request.round_id}: pooled sums are asked of {site.id} ({name}), where people look at every reply "
            f"before it leaves (`approval: {site.approval}` in site.yaml), and a share of a sum shows them nothing; "
            "the centre must ask for them in the site lane, or without this site"
        )
    queued = read_queued(site.ledger_path, request.round_id)
    if queued is not None and queued.state in {RequestState.REFUSED, RequestState.WITHDRAWN}:
        raise NotPermitted(
            f"round {request.round_id}: {site.id} has {queued.state} it, so nothing of it is pooled either ({name})"
        )
    refuse_not_agreed(site, [(ref.id, ref.version) for ref in request.question.measures], today=today)
    refuse_without_standing_approval(site, request.question, today=today)


def _trusted_peers(site: Site, exchange: ExchangeFolder, attempt: Attempt, own: MaskingKey) -> tuple[Peer, ...]:
    """Return the other participants' keys, having made sure that the request names just these, and this site's own."""
    name = f"round {attempt.round_id}, pooled attempt {attempt.number}"
    if not isinstance(site.source, RecordsBlock):
        raise DisclosureRefusal(
            f"{name}: site {site.id} holds published data, which are not pooled; ask in the site lane"
        )
    peers = []
    for one in attempt.participants:
        if one.site == site.id:
            known = own.public
        else:
            peer = trusted_peer(site.folder, exchange.path, site=one.site)
            known = peer.masking
            peers.append(peer)
        if one.key != known:
            raise MessageError(
                f"{name}: the key that the centre names for {one.site} is not the one that {one.site} has published "
                f"and {site.id} knows; ask {one.site} by another way which is right, and let the centre ask again"
            )
    if len(peers) == len(attempt.participants):
        raise MessageError(
            f"{name}: {site.id} is asked and not named among the participants; the centre must ask again"
        )
    return tuple(peers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What an attempt asks of a site, and what it costs whatever the counts are."""

    measures: tuple[tuple[Measure, tuple[Period, ...]], ...]
    costs: dict[MeasureRef, Costs]


def _asked(site: Site, question: Question, attempt: Attempt) -> _Asked:
    measures = tuple(
        (measure, measure.periods(first=question.first, last=question.last)) for measure in own_measures(site, question)
    )
    refuse_another_epoch(site.policy, question.epoch)
    spent = tuple(one for measure, span in measures for one in charges(measure, periods=span, attempt=attempt))
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        refuse_weaker(connection, site.policy)
        fresh = [(measure.ref, span) for measure, span in measures]
        refuse_other_way(connection, fresh, opt_outs=site.opt_outs is not None)
        costs = pooled_costs(spent, charged(connection), site.policy, attempt=attempt)
    return _Asked(measures=measures, costs=costs)


def _shares(
    site: Site, question: Question, attempt: Attempt, asked: _Asked, counts: tuple[Count, ...], *, key: MaskingKey
) -> tuple[PooledShare, ...]:
    """Draw the noise and return the shares. What is drawn, charged, kept and logged belongs in one transaction."""
    return tuple(
        pool_share(
            found,
            measure=measure,
            periods=periods,
            attempt=attempt,
            site=site.id,
            streams=mask_streams(
                attempt,
                site=site.id,
                key=key,
                measure=measure.ref,
                question=question,
                length=NUMBER_BYTES * len(QUANTITIES) * pooled_keys(measure, periods).height,
            ),
            random_bits=secrets.randbits,
        )
        for (measure, periods), found in zip(asked.measures, counts, strict=True)
    )

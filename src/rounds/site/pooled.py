"""What a site does with a request for pooled sums: look at who takes part, count, add noise and masks, remember, reply.

Each attempt at a round's sums is another draw of noise: the site answers one once, never with other participants, and
never one that is older than one it has answered. The centre can neither read a share nor ask for less noise.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.disclosure.attempt import Attempt
from rounds.disclosure.pooled import NUMBER_BYTES, QUANTITIES, Charge, charges, pool_share, pooled_keys
from rounds.errors import DefinitionError, DisclosureRefusal, MessageError
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.masking import (
    MaskingKey,
    Peer,
    fingerprint,
    mask_streams,
    own_masking_key,
    pin_peer,
    publish_masking_key,
    trusted_peer,
)
from rounds.exchange.messages import CENTRE, Request, decode_request, encode_reply
from rounds.exchange.question import Question
from rounds.exchange.signing import PublicKey, own_key, pin_key, publish_key, trusted_key
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period
from rounds.site.answer import WAIT_FOR_AN_EARLIER_ANSWER_SECONDS, Progress, count_exactly, own_measures
from rounds.site.folder import RecordsBlock, Site
from rounds.site.ledger import Answer, read_answer, write_answer
from rounds.site.served import log_imported, served_generation
from rounds.storage.atomic import remove_partials
from rounds.storage.audit_log import record
from rounds.storage.identifiers import check_identifier
from rounds.storage.lock import only_one


def publish_keys(site: Site, exchange: ExchangeFolder) -> None:
    """Make the site's keys if it has none, and lay the public ones where centre and sites find them."""
    with only_one(site.folder, doing="publishing its keys", wait_seconds=WAIT_FOR_AN_EARLIER_ANSWER_SECONDS):
        remove_partials(site.folder / "keys")
        for name in (f"{site.id}.pub", f"{site.id}.mask"):
            remove_partials(exchange.path / "keys", of=name)
        key = own_key(site.folder)
        publish_key(exchange.path, party=site.id, key=key.public)
        publish_masking_key(exchange.path, site=site.id, key=own_masking_key(site.folder).public, signed_by=key)


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
    ledger = site.folder / "ledger" / "pooled" / round_id
    path, replies = ledger / f"{number}.json", exchange.pooled_reply_path(round_id, number, site.id)
    with only_one(site.folder, doing="answering a request", wait_seconds=WAIT_FOR_AN_EARLIER_ANSWER_SECONDS):
        for folder in (site.folder, ledger, site.folder / "keys", site.folder / "trust"):
            remove_partials(folder)
        remove_partials(replies.parent, of=f"{site.id}.json")
        centre_key = trusted_key(site.folder, exchange.path, party=CENTRE)
        request, attempt = _read_request(site, exchange, round_id=round_id, number=number, today=today, key=centre_key)
        stored = read_answer(path)
        _refuse_answered(ledger, stored, request, attempt)
        counted = stored is None
        if stored is None:
            own = own_masking_key(site.folder)
            peers = _trusted_peers(site, exchange, attempt, own)
            log_imported(site, served_generation(site), today=today)
            asked = _asked(site, request.question, attempt)
            spend(site, asked.spent, progress=progress)
            counts = count_exactly(site, request.question, progress=progress)
            pin_key(site.folder, party=CENTRE, key=centre_key)
            for peer in peers:
                pin_peer(site.folder, peer)
            stored = _share_once(site, request, attempt, asked, counts, key=own, today=today)
            write_answer(path, stored)
        event = Event(action=Action.ANSWERED, round_id=round_id, party=CENTRE, digest=request.digest, day=today)
        record(site.audit_path, event)
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
        *_spending(asked.spent),
    )


def spend(site: Site, spent: Sequence[Charge], *, progress: Progress) -> None:
    """Tell the site's people what an attempt costs, before anything is drawn. Here the yearly budget is charged.

    A refusal for want of budget belongs here: it must not depend on the data, and nothing has been drawn yet.
    """
    for line in _spending(spent):
        progress(f"{site.id}: {line}")


def _spending(spent: Sequence[Charge]) -> tuple[str, ...]:
    lines = []
    for measure in dict.fromkeys(charge.measure for charge in spent):
        dearest = max(charge.rho for charge in spent if charge.measure == measure)
        # Pinsker's inequality: the chance to tell apart is at most the root of half the divergence.
        guess = 50 * (1 + min(1.0, sqrt(dearest / 2)))
        lines.append(
            f"{measure}: each period's pooled sums spend {dearest:.3f} zCDP: somebody who knows everything of all "
            f"others, and wants to know whether one person is counted, guesses right at most {guess:.0f} times in 100, "
            "and 50 by chance"
        )
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


def _refuse_answered(ledger: Path, stored: Answer | None, request: Request, attempt: Attempt) -> None:
    name = f"round {request.round_id}, pooled attempt {attempt.number}"
    if stored is not None and stored.request_digest != request.digest:
        raise MessageError(
            f"{name} was answered before with other participants or another question; the centre must restart it under "
            "the next number"
        )
    later = [int(path.stem) for path in ledger.glob("*.json") if path.stem.isdecimal()]
    if stored is None and any(one > attempt.number for one in later):
        raise MessageError(f"{name}: a replay: attempt {max(later)} was answered already; remove the older request")


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
    spent: tuple[Charge, ...]


def _asked(site: Site, question: Question, attempt: Attempt) -> _Asked:
    measures = tuple(
        (measure, measure.periods(first=question.first, last=question.last)) for measure in own_measures(site, question)
    )
    spent = tuple(one for measure, span in measures for one in charges(measure, periods=span, attempt=attempt))
    return _Asked(measures=measures, spent=spent)


def _share_once(
    site: Site,
    request: Request,
    attempt: Attempt,
    asked: _Asked,
    counts: tuple[Count, ...],
    *,
    key: MaskingKey,
    today: date,
) -> Answer:
    """Draw the noise and return the reply. What is drawn, charged, kept and logged belongs in one transaction."""
    shares = [
        pool_share(
            count,
            measure=measure,
            periods=periods,
            attempt=attempt,
            site=site.id,
            streams=mask_streams(
                attempt,
                site=site.id,
                key=key,
                measure=measure.ref,
                question=request.question,
                length=NUMBER_BYTES * len(QUANTITIES) * pooled_keys(measure, periods).height,
            ),
            random_bits=secrets.randbits,
        )
        for (measure, periods), count in zip(asked.measures, counts, strict=True)
    ]
    reply = encode_reply(request, (), shares=shares, today=today, key=own_key(site.folder))
    return Answer(request_digest=request.digest, reply=reply)

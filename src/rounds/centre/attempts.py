"""Attempts at pooled sums: the centre asks all of them at once, and adds up only when every one has answered.

A site that is missing cannot be left out of a sum: its masks would stand in it. The sums are asked for again of the
others, under the next number, which each of them counts as another draw.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from rounds.audit.chain import Action, Event
from rounds.centre.plan import Plan
from rounds.centre.post import Desk, write_request
from rounds.centre.processes import SiteFailure, answer_sites, publish_keys
from rounds.disclosure.attempt import FEWEST_PARTICIPANTS, LEAST_VARIANCE, Attempt, Participant
from rounds.disclosure.pooled import QUANTITIES, pooled_keys
from rounds.errors import AuditError, MessageError, RoundsError
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.masking import pin_peer, published_masking_path, trusted_peer
from rounds.exchange.messages import Reply, Request, decode_reply, decode_request
from rounds.exchange.shares import WireAttempt, read_attempt, wire_attempt
from rounds.exchange.signing import PublicKey, make_own_key, own_key, pin_key, publish_key, trusted_key
from rounds.exchange.standing import accept_standing
from rounds.storage.audit_log import is_recorded
from rounds.storage.facts import logged_transaction, write_fact
from rounds.storage.progress import Progress


def lacking_keys(exchange: ExchangeFolder, plan: Plan) -> tuple[str, ...]:
    """Return the sites that are to be pooled and have not published their keys."""
    return tuple(site.site for site in plan.pooled if not published_masking_path(exchange.path, site.site).exists())


def current_attempt(desk: Desk, plan: Plan) -> Attempt | None:
    """Return a round's latest attempt; None if there was none.

    Raises:
        RoundsError: if what the centre has kept of it cannot be read.
    """
    numbers = [int(path.parent.name) for path in _folder(desk, plan).glob("*/attempt.json")]
    if not numbers:
        return None
    path = _folder(desk, plan) / str(max(numbers)) / "attempt.json"
    try:
        wire = WireAttempt.model_validate_json(path.read_bytes())
    except ValidationError:
        raise RoundsError(f"{path} cannot be read; restore it from a copy, do not delete it") from None
    return read_attempt(wire, round_id=plan.round_id, source=str(path))


def ask_attempt(desk: Desk, plan: Plan, *, today: date, without: Collection[str] = ()) -> Attempt:
    """Lay the signed requests of an attempt down: of the one that waits for answers, or of the next one.

    Args:
        desk: the centre's.
        plan: the round's.
        today: the date on new requests.
        without: sites that are not waited for. If one is in the attempt that waits, the next is asked of the others.

    Raises:
        DisclosureRefusal: if too few sites are left.
        MessageError: if a site's keys are missing, or are others than before.
    """
    attempt = current_attempt(desk, plan)
    if attempt is None or (set(without) & set(attempt.sites) and waited_for(desk, plan, attempt)):
        sites = sorted(site.site for site in plan.pooled if site.site not in without)
        peers = [trusted_peer(desk.folder, desk.exchange.path, site=site) for site in sites]
        before = attempt
        attempt = Attempt(
            round_id=plan.round_id,
            number=1 if before is None else before.number + 1,
            variance=LEAST_VARIANCE,
            participants=tuple(Participant(site=peer.site, key=peer.masking) for peer in peers),
        )
        for peer in peers:
            pin_peer(desk.folder, peer, today=today)
        content = wire_attempt(attempt).model_dump_json(indent=1).encode() + b"\n"
        digest = hashlib.sha256(content).hexdigest()
        event = Event(action=Action.PLANNED, round_id=plan.round_id, party=CENTRE, digest=digest, day=today)
        path = _folder(desk, plan) / str(attempt.number) / "attempt.json"
        write_fact(path, content, event=event, log=desk.audit_path)
        if before is not None:
            _take_back(desk, plan, before)
    _lay_down(desk, plan, attempt, today=today)
    return attempt


def received_path(desk: Desk, plan: Plan, attempt: Attempt, site: str) -> Path:
    """Return where the centre keeps a participant's answer to an attempt."""
    return _folder(desk, plan) / str(attempt.number) / "received" / f"{site}.json"


def waited_for(desk: Desk, plan: Plan, attempt: Attempt) -> tuple[str, ...]:
    """Return the participants of an attempt that have not answered it."""
    return tuple(
        site
        for site in attempt.sites
        if not received_path(desk, plan, attempt, site).exists()
        and not desk.exchange.pooled_reply_path(plan.round_id, attempt.number, site).exists()
    )


def receive_attempt(desk: Desk, plan: Plan, attempt: Attempt, *, today: date) -> tuple[Reply, ...] | None:
    """Take in what has come, and return the replies of all participants in their order, or None if one is missing.

    Raises:
        MessageError: if a reply is not what it claims, is not about what was asked, or is another than was kept.
    """
    posts = []
    for site in attempt.sites:
        arrived = desk.exchange.pooled_reply_path(plan.round_id, attempt.number, site)
        kept = received_path(desk, plan, attempt, site)
        found = arrived if arrived.exists() else kept
        if not found.exists():
            continue
        content, key = found.read_bytes(), trusted_key(desk.folder, desk.exchange.path, party=site)
        answers = _asked(desk, plan, attempt, site).digest
        reply = decode_reply(content, source=str(found), site=site, round_id=plan.round_id, answers=answers, key=key)
        if kept.exists() and content != kept.read_bytes():
            raise MessageError(
                f"{arrived}: {site} has answered attempt {attempt.number} before with other bytes, kept in {kept}; an "
                "attempt has one answer; remove the new file"
            )
        _check(reply, plan, source=str(found))
        posts.append(_Post(content=content, reply=reply, key=key, kept=kept, day=today))
    _take_in(desk, posts)
    return tuple(post.reply for post in posts) if len(posts) == len(attempt.sites) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Post:
    """One reply as it came, with the key that proved it, and where it is kept."""

    content: bytes
    reply: Reply
    key: PublicKey
    kept: Path
    day: date

    @property
    def event(self) -> Event:
        reply = self.reply
        return Event(
            action=Action.RECEIVED, round_id=reply.round_id, party=reply.site, digest=reply.digest, day=self.day
        )


def _take_in(desk: Desk, posts: Sequence[_Post]) -> None:
    new = [post for post in posts if not post.kept.exists()]
    for post in posts:
        if post not in new and not is_recorded(desk.audit_path, post.event):
            raise AuditError(
                f"{desk.audit_path}: {post.kept} was taken in, but the log does not tell it: it was cut or restored "
                "from an old backup; restore the newest backup"
            )
    own = own_key(desk.folder).public
    if new:
        with logged_transaction(desk.audit_path) as facts:
            for post in new:
                accept_standing(facts.connection, post.reply.log, own_key=own, their_key=post.key)
                facts.tell(post.event)
    for post in new:
        pin_key(desk.folder, party=post.reply.site, key=post.key, today=post.event.day)
        write_fact(post.kept, post.content, event=post.event, log=desk.audit_path)


def prepare_attempt(
    desk: Desk, plan: Plan, *, unable: Collection[str], today: date, progress: Progress
) -> tuple[SiteFailure, ...]:
    """Let the sites of a local network publish their keys, and ask for the pooled sums of those that can answer.

    Args:
        desk: the centre's.
        plan: the round's.
        unable: sites that are known not to be able to answer.
        today: the date on new requests.
        progress: told what is being done.

    Returns:
        The sites that could not publish their keys. If too few are left, nothing is asked.
    """
    lacking = [
        site for site in plan.pooled if site.site in lacking_keys(desk.exchange, plan) if site.site not in unable
    ]
    failures: tuple[SiteFailure, ...] = ()
    if lacking:
        progress.step("Exchanging the sites' keys", len(lacking))
        failures = publish_keys(lacking, exchange=desk.exchange.path, today=today, done=lambda _: progress.advance())
    _ask_of_the_others(desk, plan, without={*unable, *(failure.site for failure in failures)}, today=today)
    return failures


def complete_attempt(
    desk: Desk, plan: Plan, *, unable: Collection[str], restart: bool, today: date, progress: Progress
) -> tuple[SiteFailure, ...]:
    """Let the sites of a local network answer that have not, until all that are asked have or too few are left.

    Args:
        desk: the centre's.
        plan: the round's.
        unable: sites that are known not to be able to answer.
        restart: ask the others again, without the sites that fail.
        today: the date on new messages.
        progress: told what is being done.

    Returns:
        The sites that failed besides.
    """
    failures: tuple[SiteFailure, ...] = ()
    while True:
        without = {*unable, *(failure.site for failure in failures)}
        if not _ask_of_the_others(desk, plan, without=without, today=today):
            return failures
        attempt = current_attempt(desk, plan)
        waiting = [site for site in plan.pooled if attempt and site.site in waited_for(desk, plan, attempt)]
        if not waiting:
            return failures
        progress.step("Counting for the pooled sums", len(waiting))
        more = answer_sites(plan, waiting, exchange=desk.exchange.path, today=today, done=lambda _: progress.advance())
        failures += more
        if not more or not restart:
            return failures


def _ask_of_the_others(desk: Desk, plan: Plan, *, without: Collection[str], today: date) -> bool:
    """Ask unless too few are left, and return whether there is an attempt to which all can answer."""
    attempt = current_attempt(desk, plan)
    if attempt is not None and not waited_for(desk, plan, attempt):
        return True
    if sum(site.site not in without for site in plan.pooled) < FEWEST_PARTICIPANTS:
        return False
    ask_attempt(desk, plan, today=today, without=without)
    return True


def _lay_down(desk: Desk, plan: Plan, attempt: Attempt, *, today: date) -> None:
    key = make_own_key(desk.folder, party=CENTRE, today=today)
    publish_key(desk.exchange.path, party=CENTRE, key=key.public)
    for site in plan.pooled:
        if site.site not in attempt.sites:
            continue
        kept = _asked_path(desk, plan, attempt, site.site)
        waiting = not received_path(desk, plan, attempt, site.site).exists()
        if not kept.exists() or (waiting and today > _asked(desk, plan, attempt, site.site).expires):
            write_request(desk, plan, site, kept, today=today, key=key, pooled=attempt)
    for site_id in attempt.sites:
        path = desk.exchange.pooled_request_path(plan.round_id, attempt.number, site_id)
        desk.exchange.put(path, _asked_path(desk, plan, attempt, site_id).read_bytes())


def _take_back(desk: Desk, plan: Plan, attempt: Attempt) -> None:
    """Remove the requests that nobody waits for any longer: an answer would cost a draw and be of no use."""
    for site in waited_for(desk, plan, attempt):
        desk.exchange.pooled_request_path(plan.round_id, attempt.number, site).unlink(missing_ok=True)


def _check(reply: Reply, plan: Plan, *, source: str) -> None:
    if reply.tables or tuple(share.measure for share in reply.shares) != plan.pooled[0].question.measures:
        raise MessageError(
            f"{source}: {reply.site} has answered something else than was asked; let the site answer again"
        )
    declared = plan.declaration
    for share, measure in zip(reply.shares, plan.pooled_measures, strict=True):
        rows = pooled_keys(measure, measure.periods(first=declared.first, last=declared.last)).height
        if len(share.numbers) != rows * len(QUANTITIES):
            raise MessageError(
                f"{source}: {share.measure}: {reply.site} has sent {len(share.numbers)} numbers where "
                f"{rows * len(QUANTITIES)} were asked for; let the site answer again"
            )


def _folder(desk: Desk, plan: Plan) -> Path:
    return desk.folder / "rounds" / plan.round_id / "pooled"


def _asked_path(desk: Desk, plan: Plan, attempt: Attempt, site: str) -> Path:
    return _folder(desk, plan) / str(attempt.number) / "asked" / f"{site}.json"


def _asked(desk: Desk, plan: Plan, attempt: Attempt, site: str) -> Request:
    path = _asked_path(desk, plan, attempt, site)
    return decode_request(
        path.read_bytes(), source=str(path), site=site, key=own_key(desk.folder).public, today=date.min
    )

"""The centre's desk: it lays requests down, takes replies in and keeps what it has verified."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.audit.heads import Standing
from rounds.centre.answers import check_answer, check_members
from rounds.centre.plan import Plan, SitePlan
from rounds.disclosure.attempt import Attempt
from rounds.errors import AuditError, MessageError
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import Refusal, Reply, Request, decode_answer, decode_request, encode_request
from rounds.exchange.signing import (
    PublicKey,
    SigningKey,
    make_own_key,
    own_key,
    pin_key,
    pinned_key,
    publish_key,
    trusted_key,
)
from rounds.exchange.standing import accept_standing, stand
from rounds.network.members import Membership
from rounds.storage.audit_log import LEDGER, is_recorded
from rounds.storage.facts import logged_transaction, write_fact

ANSWER_WITHIN_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the centre keeps a round and where its post lies."""

    folder: Path
    exchange: ExchangeFolder

    @property
    def audit_path(self) -> Path:
        """The centre's SQLite file, which holds its audit log."""
        return self.folder / LEDGER

    def plan_path(self, round_id: str) -> Path:
        return self.folder / "rounds" / round_id / "plan.json"

    def asked_path(self, round_id: str, site: str) -> Path:
        return self.folder / "rounds" / round_id / "asked" / f"{site}.json"

    def received_path(self, round_id: str, site: str) -> Path:
        return self.folder / "rounds" / round_id / "received" / f"{site}.json"

    def refused_path(self, round_id: str, site: str) -> Path:
        return self.folder / "rounds" / round_id / "refused" / f"{site}.json"


def ask(desk: Desk, plan: Plan, *, today: date) -> None:
    """Fix the plan and lay a signed request down for each of its sites, once.

    Raises:
        RoundsError: if the round was started with another plan.
    """
    plan.fix(desk.plan_path(plan.round_id), log=desk.audit_path, today=today)
    key = make_own_key(desk.folder, party=CENTRE, today=today)
    publish_key(desk.exchange.path, party=CENTRE, key=key.public)
    for site in plan.sites:
        kept = desk.asked_path(plan.round_id, site.site)
        received = desk.received_path(plan.round_id, site.site).exists()
        if not kept.exists() or (not received and today > _asked(desk, plan.round_id, site.site).expires):
            write_request(desk, plan, site, kept, today=today, key=key)
    for site in plan.sites:
        kept = desk.asked_path(plan.round_id, site.site)
        desk.exchange.put(desk.exchange.request_path(plan.round_id, site.site), kept.read_bytes())


def give_back(desk: Desk, site: str) -> int:
    """Lay down again all that the centre keeps of what it asked a site and what that answered; return how much that is.

    A site whose ledger was restored from an old backup learns from it what it has released.
    """
    rounds, exchange, given = desk.folder / "rounds", desk.exchange, 0
    for name, folder in (("asked", "requests"), ("refused", "replies"), ("received", "replies")):
        for kept in sorted([*rounds.glob(f"*/{name}/{site}.json"), *rounds.glob(f"*/pooled/*/{name}/{site}.json")]):
            where = kept.parent.parent.relative_to(rounds)
            exchange.put(exchange.path / where / folder / kept.name, kept.read_bytes())
            given += 1
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class _Post:
    """One reply as it came, with the key that proved it."""

    content: bytes
    reply: Reply | Refusal
    key: PublicKey


def receive(desk: Desk, plan: Plan, *, membership: Membership, today: date) -> dict[str, Reply | None]:
    """Take in the replies that have come, and return each site's verified reply, or None where there is none yet.

    A reply that was taken in before must still lie in the exchange folder as it was, if it lies there at all.

    Raises:
        MessageError: if a reply is not what it claims, does not answer what was asked, speaks for somebody who is no
            member, or for a member for whom another site has answered already. Nothing was taken in then.
    """
    posts = {site.site: _open(desk, plan, site) for site in plan.sites}
    present = [post for post in posts.values() if post is not None]
    replies = {post.reply.site: post.reply for post in present if isinstance(post.reply, Reply)}
    check_members(list(replies.values()), membership)
    new = [post for post in present if not _kept(desk, post).exists()]
    for post in present:
        if post not in new and not is_recorded(desk.audit_path, _taken_in(post, today)):
            raise AuditError(
                f"{desk.audit_path}: the answer of {post.reply.site} to round {plan.round_id} was taken in, but the "
                "log does not tell it: it was cut or restored from an old backup; restore the newest backup"
            )
    own = own_key(desk.folder).public
    if new:
        with logged_transaction(desk.audit_path) as facts:
            for post in new:
                accept_standing(facts.connection, post.reply.log, own_key=own, their_key=post.key)
                facts.tell(_taken_in(post, today))
    for post in new:
        pin_key(desk.folder, party=post.reply.site, key=post.key, today=today)
        write_fact(_kept(desk, post), post.content, event=_taken_in(post, today), log=desk.audit_path)
    return {site: replies.get(site) for site in posts}


def asked_days(desk: Desk, plan: Plan) -> dict[str, date]:
    """Return the day on which each site was asked last, by the request that the centre keeps. Writes nothing.

    Raises:
        MessageError: if a request that is kept is not what the centre wrote.
    """
    return {site.site: _asked(desk, plan.round_id, site.site).issued for site in plan.sites}


def kept_replies(desk: Desk, plan: Plan) -> tuple[Reply, ...]:
    """Return the replies to a round that were taken in, verified anew. Writes nothing.

    Raises:
        MessageError: if one is not what it claims, or does not answer what the round asks now.
    """
    kept = [site for site in plan.sites if desk.received_path(plan.round_id, site.site).exists()]
    posts = [_open(desk, plan, site) for site in kept]
    return tuple(post.reply for post in posts if post is not None and isinstance(post.reply, Reply))


def refusals(desk: Desk, plan: Plan) -> dict[str, str]:
    """Return why sites have refused a round, by site. Writes nothing.

    Raises:
        MessageError: if an answer is not what it claims.
    """
    asked = [site for site in plan.sites if desk.asked_path(plan.round_id, site.site).exists()]
    posts = [_open(desk, plan, site) for site in asked if not desk.received_path(plan.round_id, site.site).exists()]
    return {post.reply.site: post.reply.because for post in posts if post and isinstance(post.reply, Refusal)}


def _kept(desk: Desk, post: _Post) -> Path:
    refused = isinstance(post.reply, Refusal)
    return (desk.refused_path if refused else desk.received_path)(post.reply.round_id, post.reply.site)


def _taken_in(post: _Post, today: date) -> Event:
    reply = post.reply
    action = Action.REFUSED if isinstance(reply, Refusal) else Action.RECEIVED
    return Event(action=action, round_id=reply.round_id, party=reply.site, digest=reply.digest, day=today)


def write_request(
    desk: Desk, plan: Plan, site: SitePlan, kept: Path, *, today: date, key: SigningKey, pooled: Attempt | None = None
) -> None:
    """Log a request to a site and write it down.

    Args:
        desk: the centre's.
        plan: of the round.
        site: whom it is for.
        kept: where the centre keeps it.
        today: the day of issue.
        key: the centre's.
        pooled: who takes part, in the pooled lane.
    """
    with logged_transaction(desk.audit_path) as facts:
        asked: list[Event] = []

        def stamp(digest: str) -> Standing:
            event = Event(action=Action.ASKED, round_id=plan.round_id, party=site.site, digest=digest, day=today)
            asked.append(event)
            facts.tell(event)
            known = pinned_key(desk.folder, party=site.site)
            return stand(facts.connection, own=CENTRE, reader=site.site, key=key, reader_key=known)

        request = encode_request(
            round_id=plan.round_id,
            site=site.site,
            question=site.question,
            valid=(today, today + timedelta(days=ANSWER_WITHIN_DAYS)),
            key=key,
            stamp=stamp,
            asked_by=plan.declaration.asked_by,
            pooled=pooled,
        )
    write_fact(kept, request, event=asked[0], log=desk.audit_path)


def _open(desk: Desk, plan: Plan, site: SitePlan) -> _Post | None:
    arrived = desk.exchange.reply_path(plan.round_id, site.site)
    kept = desk.received_path(plan.round_id, site.site)
    refused = desk.refused_path(plan.round_id, site.site)
    found = next((path for path in (arrived, kept, refused) if path.exists()), None)
    if found is None:
        return None
    content, key = found.read_bytes(), trusted_key(desk.folder, desk.exchange.path, party=site.site)
    answers = _asked(desk, plan.round_id, site.site).digest
    reply = decode_answer(content, source=str(found), site=site.site, round_id=plan.round_id, answers=answers, key=key)
    if kept.exists() and content != kept.read_bytes():
        raise MessageError(
            f"{arrived}: {site.site} has answered round {plan.round_id} before with other bytes, kept in {kept}; "
            "a round has one answer; remove the new file"
        )
    if isinstance(reply, Reply):
        check_answer(reply, question=site.question, measures=plan.measures, source=str(found))
    return _Post(content=content, reply=reply, key=key)


def _asked(desk: Desk, round_id: str, site: str) -> Request:
    path = desk.asked_path(round_id, site)
    key = own_key(desk.folder).public
    return decode_request(path.read_bytes(), source=str(path), site=site, key=key, today=date.min)

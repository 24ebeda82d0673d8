"""The centre's desk: it lays requests down, takes replies in and keeps what it has verified."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.centre.answers import check_answer, check_members
from rounds.centre.plan import Plan, SitePlan
from rounds.errors import MessageError
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import (
    CENTRE,
    Refusal,
    Reply,
    Request,
    decode_answer,
    decode_request,
    encode_request,
)
from rounds.exchange.signing import PublicKey, own_key, pin_key, publish_key, trusted_key
from rounds.network.members import Membership
from rounds.storage.atomic import write_file
from rounds.storage.audit_log import record

ANSWER_WITHIN_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the centre keeps a round and where its post lies."""

    folder: Path
    exchange: ExchangeFolder

    @property
    def audit_path(self) -> Path:
        return self.folder / "audit.jsonl"

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
    plan.fix(desk.plan_path(plan.round_id))
    key = own_key(desk.folder)
    publish_key(desk.exchange.path, party=CENTRE, key=key.public)
    events = []
    for site in plan.sites:
        kept = desk.asked_path(plan.round_id, site.site)
        received = desk.received_path(plan.round_id, site.site).exists()
        if not kept.exists() or (not received and today > _asked(desk, plan.round_id, site.site).expires):
            request = encode_request(
                round_id=plan.round_id,
                site=site.site,
                question=site.question,
                valid=(today, today + timedelta(days=ANSWER_WITHIN_DAYS)),
                key=key,
                asked_by=plan.declaration.asked_by,
            )
            write_file(kept, request)
        digest = _asked(desk, plan.round_id, site.site).digest
        events.append(Event(action=Action.ASKED, round_id=plan.round_id, party=site.site, digest=digest, day=today))
    record(desk.audit_path, *events)
    for site in plan.sites:
        kept = desk.asked_path(plan.round_id, site.site)
        desk.exchange.put(desk.exchange.request_path(plan.round_id, site.site), kept.read_bytes())


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
    events = []
    for post in present:
        site = post.reply.site
        refused = isinstance(post.reply, Refusal)
        kept = desk.refused_path(plan.round_id, site) if refused else desk.received_path(plan.round_id, site)
        action = Action.REFUSED if refused else Action.RECEIVED
        pin_key(desk.folder, party=site, key=post.key)
        if not kept.exists():
            write_file(kept, post.content)
        digest = post.reply.digest
        events.append(Event(action=action, round_id=plan.round_id, party=site, digest=digest, day=today))
    record(desk.audit_path, *events)
    return {site: replies.get(site) for site in posts}


def refusals(desk: Desk, plan: Plan) -> dict[str, str]:
    """Return why sites have refused a round, by site. Writes nothing.

    Raises:
        MessageError: if an answer is not what it claims.
    """
    asked = [site for site in plan.sites if desk.asked_path(plan.round_id, site.site).exists()]
    posts = [_open(desk, plan, site) for site in asked if not desk.received_path(plan.round_id, site.site).exists()]
    return {post.reply.site: post.reply.because for post in posts if post and isinstance(post.reply, Refusal)}


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

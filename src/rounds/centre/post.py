"""The centre's desk: it lays requests down, takes replies in and keeps what it has verified."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.centre.plan import Plan, SitePlan
from rounds.errors import MessageError
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import CENTRE, Reply, decode_reply, decode_request, encode_request
from rounds.exchange.signing import own_key, pin_key, publish_key, trusted_key
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


def ask(desk: Desk, plan: Plan, *, today: date) -> None:
    """Fix the plan and lay a signed request down for each of its sites, once.

    Raises:
        RoundsError: if the round was started with another plan.
    """
    plan.fix(desk.plan_path(plan.round_id))
    key = own_key(desk.folder)
    publish_key(desk.exchange.path, party=CENTRE, key=key.public)
    for site in plan.sites:
        kept = desk.asked_path(plan.round_id, site.site)
        if not kept.exists():
            request = encode_request(
                round_id=plan.round_id,
                site=site.site,
                question=site.question,
                valid=(today, today + timedelta(days=ANSWER_WITHIN_DAYS)),
                key=key,
            )
            write_file(kept, request)
        digest = _asked_digest(desk, plan.round_id, site.site)
        event = Event(action=Action.ASKED, round_id=plan.round_id, party=site.site, digest=digest, day=today)
        record(desk.audit_path, event)
        path = desk.exchange.request_path(plan.round_id, site.site)
        desk.exchange.put(path, kept.read_bytes())


def receive(desk: Desk, plan: Plan, *, membership: Membership, today: date) -> dict[str, Reply | None]:
    """Take in the replies that have come, and return each site's verified reply, or None where there is none yet.

    A reply that was taken in before is read from the centre's own copy, so that a later change of the file in the
    exchange folder is noticed and refused.

    Raises:
        MessageError: if a reply is not what it claims, speaks for somebody who is no member, or for a member for whom
            another site has answered already.
    """
    replies: dict[str, Reply | None] = {}
    fresh: list[tuple[Path, bytes, Reply]] = []
    for site in plan.sites:
        arrived = desk.exchange.reply_path(plan.round_id, site.site)
        kept = desk.received_path(plan.round_id, site.site)
        if not arrived.exists() and not kept.exists():
            replies[site.site] = None
            continue
        content = arrived.read_bytes() if arrived.exists() else kept.read_bytes()
        reply = _verified(desk, plan, site, content, source=str(arrived if arrived.exists() else kept))
        if kept.exists() and content != kept.read_bytes():
            raise MessageError(
                f"{arrived}: {site.site} has answered round {plan.round_id} before with other bytes, kept in {kept}; "
                "a round has one answer; remove the new file"
            )
        replies[site.site] = reply
        if not kept.exists():
            fresh.append((kept, content, reply))
    _check_members([reply for reply in replies.values() if reply], membership)
    for kept, content, reply in fresh:
        key = trusted_key(desk.folder, desk.exchange.path, party=reply.site)
        pin_key(desk.folder, party=reply.site, key=key)
        write_file(kept, content)
        event = Event(action=Action.RECEIVED, round_id=plan.round_id, party=reply.site, digest=reply.digest, day=today)
        record(desk.audit_path, event)
    return replies


def _verified(desk: Desk, plan: Plan, site: SitePlan, content: bytes, *, source: str) -> Reply:
    key = trusted_key(desk.folder, desk.exchange.path, party=site.site)
    reply = decode_reply(
        content,
        source=source,
        site=site.site,
        round_id=plan.round_id,
        answers=_asked_digest(desk, plan.round_id, site.site),
        key=key,
    )
    answered = tuple(table.measure for table in reply.tables)
    if answered != site.question.measures:
        raise MessageError(
            f"{source}: {site.site} was asked for {', '.join(map(str, site.question.measures))} and answered "
            f"{', '.join(map(str, answered)) or 'nothing'}; let the site answer again"
        )
    return reply


def _asked_digest(desk: Desk, round_id: str, site: str) -> str:
    path = desk.asked_path(round_id, site)
    return decode_request(
        path.read_bytes(), source=str(path), site=site, key=own_key(desk.folder).public, today=date.min
    ).digest


def _check_members(replies: list[Reply], membership: Membership) -> None:
    known = {member.ods_code for member in membership.members}
    spoken_for: dict[tuple[str, str], str] = {}
    for reply in replies:
        for table in reply.tables:
            for member in table.cells["member"].unique(maintain_order=True):
                if member not in known:
                    raise MessageError(
                        f"site {reply.site}, measure {table.measure}: it answers for {member}, which is not in "
                        "members.csv; add the member or correct the site's settings"
                    )
                other = spoken_for.setdefault((table.measure.id, member), reply.site)
                if other != reply.site:
                    raise MessageError(
                        f"sites {other} and {reply.site} both answer for member {member} on {table.measure}; "
                        "only one site may speak for a member"
                    )

"""An act upon a request at a site: permission, policy and the change, signed and logged, in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from sqlite3 import Connection

from rounds.errors import NotPermitted, RoundsError
from rounds.exchange.signing import SigningKey, make_own_key, own_key
from rounds.network.people import same_person
from rounds.network.roles import FINAL, PERMISSIONS, Act, Approval, RequestState, Role, next_state
from rounds.site.folder import Site
from rounds.storage.approval_store import QueuedRequest, SignedAct, change, read_acts
from rounds.storage.governance_files import read_people

Decided = Callable[[QueuedRequest | None, RequestState], QueuedRequest]
"""Given a request and the state that the act leads to, says what the request is then; or raises."""


def approval_of(site: Site, item: QueuedRequest | None) -> Approval:
    """Return who must say yes to a request: as the site asks now, or as it did when that was queued if stricter.

    So a site.yaml that was edited to ask for less lets nothing out of the queue any sooner.
    """
    return site.approval if item is None else site.approval.or_stricter(item.needs)


def act_upon(
    site: Site,
    round_id: str,
    act: Act,
    *,
    who: str | None,
    today: date,
    decided: Decided,
    because: str = "",
    first: Callable[[Connection], None] | None = None,
) -> QueuedRequest:
    """Do one act and return what the request is then. A second process waits until the first has done.

    Args:
        site: where the request is.
        round_id: the round.
        act: what is done.
        who: by whom; None for the program.
        today: the day.
        decided: says what the request is then, or raises.
        because: why, if somebody says so.
        first: what else is written in the same transaction, before `decided` is asked.

    Raises:
        NotPermitted: if that person may not do it, or it may not happen now. Nothing was changed.
    """
    role = role_of(site, act, who=who, today=today)
    key = make_own_key(site.folder, party=site.id, today=today)

    def decide(item: QueuedRequest | None, number: int) -> tuple[QueuedRequest, SignedAct]:
        to = refuse_unless_possible(site, item, act)
        after = decided(item, to)
        return after, _signed(after, act, who=who, role=role, number=number, day=today, because=because, key=key)

    return change(site.ledger_path, round_id, decide, first=first)


def _signed(
    item: QueuedRequest,
    act: Act,
    *,
    who: str | None,
    role: Role,
    number: int,
    day: date,
    because: str,
    key: SigningKey,
) -> SignedAct:
    done = SignedAct(
        number=number,
        round_id=item.round_id,
        act=act,
        who=who or str(Role.PROGRAM),
        role=role,
        day=day,
        request_digest=item.request_digest,
        reply_digest=item.digest,
        because=because,
    )
    return replace(done, signature=key.sign(done.statement))


def role_of(site: Site, act: Act, *, who: str | None, today: date) -> Role:
    """Return the role in which somebody may do something today. Without a name it is the program that acts.

    Raises:
        NotPermitted: if they may not.
    """
    allowed = " or ".join(str(role) for role in Role if role in PERMISSIONS[act])
    if who is None:
        if Role.PROGRAM in PERMISSIONS[act]:
            return Role.PROGRAM
        raise NotPermitted(f"to {act} takes a {allowed}; say who you are with --as NAME")
    people = read_people(site.people_path)
    role = people.role_for(act, name=who, day=today)
    if role is not None:
        return role
    held = [person for person in people.entries(who) if person.holds_on(today)]
    known = people.entries(who)
    if held:
        what = f"{who} is {' and '.join(str(person.role) for person in held)}"
    elif known:
        what = f"{who} has no role on {today} (the last: {known[-1].role}, {known[-1].since} to {known[-1].until})"
    else:
        what = f"{who} is not in it"
    raise NotPermitted(f"{site.people_path}: {what}; to {act} takes a {allowed}. Nothing was changed")


def refuse_unless_possible(site: Site, item: QueuedRequest | None, act: Act) -> RequestState:
    """Return the state that an act would lead to.

    Raises:
        NotPermitted: if it may not happen now.
    """
    state = RequestState.RECEIVED if item is None else item.state
    to = next_state(state, act, under=approval_of(site, item))
    if to is None:
        what = "has not been queued" if item is None else f"is {state}"
        last = " for good" if state in FINAL else ""
        under = f"; this site's approval is `{approval_of(site, item)}`"
        raise NotPermitted(f"{site.id}: cannot {act} now: the request {what}{last}{under}. Nothing was changed")
    return to


def refuse_unsigned(site: Site, item: QueuedRequest) -> None:
    """Raise unless signed acts bear a request's approvals out: a row that says it was approved is not enough.

    Raises:
        RoundsError: if there are fewer.
    """
    key = own_key(site.folder).public
    signed: list[str] = []
    for done in read_acts(site.ledger_path, round_id=item.round_id):
        if done.act in (Act.PREPARE, Act.PUT_BACK, Act.CHANGE, Act.WITHDRAW, Act.EXPIRE):
            signed = []
        upon = (done.request_digest, done.reply_digest) == (item.request_digest, item.digest)
        if done.act is Act.APPROVE and upon and key.verifies(done.signature, done.statement):
            signed += [] if any(same_person(done.who, other) for other in signed) else [done.who]
    needed = approval_of(site, item).people
    if len(signed) < needed:
        raise RoundsError(
            f"{site.ledger_path}: round {item.round_id} is said to be approved, but {len(signed)} signed approvals of "
            f"these bytes are found instead of {needed}; the file was changed, restore it from a copy"
        )

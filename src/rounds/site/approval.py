"""What becomes of a request where people must say yes before anything leaves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from sqlite3 import Connection

from rounds.errors import DisclosureRefusal, MessageError, NotPermitted, WaitsForApproval
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import Request, draft_refusal, reason_in
from rounds.exchange.signing import PublicKey, own_key, publish_key
from rounds.network.people import same_person
from rounds.network.roles import Act, RequestState, next_state
from rounds.site.acts import act_upon, approval_of, refuse_unless_possible, refuse_unsigned, role_of
from rounds.site.agreements import refuse_not_agreed, refuse_without_standing_approval
from rounds.site.folder import Site
from rounds.site.ledger import has_answered, mark_released, sign_refusal
from rounds.site.next_steps import how_far, what_to_type
from rounds.storage.approval_store import Asked, QueuedRequest, read_acts, read_request
from rounds.storage.clock import refuse_clock_set_back
from rounds.storage.lock import only_one

MakeReply = Callable[[Request, date], bytes]
"""Counts and applies the policy: the bytes that a reply would say to a request, bearing a date.

It is called when a request is queued and again when it is released. Unless something has changed it makes the same
bytes then: what a policy draws at random it must draw once and remember.
"""

WAIT_SECONDS = 600.0
"""A site that is counting holds its folder; approving waits until it has finished."""

_SHORTEST_DIGEST = 16
"""Sixteen hexadecimal digits are compared with the one reply that waits; nobody can make another that fits."""


def approved_reply(site: Site, exchange: ExchangeFolder, request: Request, *, make: MakeReply, today: date) -> bytes:
    """Return the bytes that may leave for a request now. Where people must look first, queue them and raise.

    Call it under the lock of the site's folder and outside any transaction of its ledger. What it returns is released:
    a second call returns the same bytes.

    Args:
        site: who is asked.
        exchange: where a refusal is laid down again.
        request: verified.
        make: counts and signs; called only if everything allows that.
        today: the day of the query.

    Raises:
        WaitsForApproval: if people must look at it first; the message says who has, and what to type.
        DisclosureRefusal: if no agreement or standing approval covers it, if the clock was set back, or if other bytes
            would leave now than were approved: these wait then, and nothing is released.
        NotPermitted: if the site has refused it.
    """
    item = _current(site, request, today=today)
    if item is not None and item.state is RequestState.REFUSED:
        _lay_refusal(site, exchange, item)
        raise NotPermitted(f"site {site.id} has refused: {reason_in(item.refusal)}")
    if item is not None and item.state is RequestState.RELEASED:
        return item.reply
    refuse_not_agreed(site, _measures(request), today=today)
    if item is None and not site.approval.queues:
        refuse_without_standing_approval(site, request.question, today=today)
        return make(request, today)
    refuse_clock_set_back(site.ledger_path, today=today)
    if item is None or item.state is RequestState.EXPIRED:
        item = _queue(site, request, Act.PREPARE, who=None, reply=make(request, today), today=today)
    if next_state(item.state, Act.RELEASE, under=approval_of(site, item)) is None:
        far = f"round {item.round_id} {how_far(item, approval_of(site, item))}. Nothing has left."
        raise WaitsForApproval("\n".join([far, *_typed(site, exchange, item)]))
    return _release(
        site, exchange, request, item, make(replace(request, expires=item.expires), item.prepared_on), today=today
    )


def queue(site: Site, request: Request, *, who: str, make: MakeReply, today: date) -> QueuedRequest:
    """Return a request with the bytes that would leave for it, made and queued on somebody's behalf if need be.

    Bytes that wait already are not made again, and whoever looks at them has not made them.

    Raises:
        NotPermitted: if that person may not see them, or the request was answered.
        DisclosureRefusal: as `approved_reply` does.
    """
    with _own_folder(site):
        refuse_clock_set_back(site.ledger_path, today=today)
        role_of(site, Act.VIEW, who=who, today=today)
        item = _current(site, request, today=today)
        if item is not None and next_state(item.state, Act.VIEW, under=approval_of(site, item)):
            return item
        _refuse_answered(site, request.round_id)
        refuse_not_agreed(site, _measures(request), today=today)
        act = Act.PUT_BACK if item is not None and item.state is RequestState.WITHDRAWN else Act.PREPARE
        refuse_unless_possible(site, item, act)
        role_of(site, act, who=who, today=today)
        return _queue(site, request, act, who=who, reply=make(request, today), today=today)


def approve(site: Site, *, round_id: str, who: str, digest: str, today: date) -> QueuedRequest:
    """Say yes to the very bytes that wait, and return what became of the request.

    Args:
        site: where it waits.
        round_id: the round.
        who: the person who says yes, as in people.yaml.
        digest: the SHA-256 of the bytes, or its first 16 or more digits, as the preview showed it.
        today: the day.

    Raises:
        NotPermitted: if that person has no such role today, has asked, made or approved it already or has written a
            measure in it, if other bytes wait, or if nothing waits.
        DisclosureRefusal: if no agreement covers it any more, or the clock was set back.
    """

    def decided(item: QueuedRequest | None, to: RequestState) -> QueuedRequest:
        waiting = _there(item, round_id)
        _refuse_other_bytes(waiting, digest)
        _refuse_own_work(site, waiting, who)
        return replace(waiting, state=to, approved_by=(*waiting.approved_by, who))

    with _own_folder(site):
        refuse_clock_set_back(site.ledger_path, today=today)
        item = _there(_expired_if_over(site, read_request(site.ledger_path, round_id), today=today), round_id)
        refuse_not_agreed(site, item.asked.measures, today=today)
        return act_upon(site, round_id, Act.APPROVE, who=who, today=today, decided=decided)


def withdraw(site: Site, *, round_id: str, who: str, because: str, today: date) -> QueuedRequest:
    """Take a request out of the queue until somebody puts it back; who approved it must look again.

    Raises:
        NotPermitted: if that person may not, or nothing waits.
    """

    def decided(item: QueuedRequest | None, to: RequestState) -> QueuedRequest:
        return replace(_there(item, round_id), state=to, approved_by=())

    with _own_folder(site):
        refuse_clock_set_back(site.ledger_path, today=today)
        _there(read_request(site.ledger_path, round_id), round_id)
        return act_upon(site, round_id, Act.WITHDRAW, who=who, today=today, decided=decided, because=because)


def refuse(
    site: Site,
    exchange: ExchangeFolder,
    request: Request,
    *,
    who: str,
    because: str,
    today: date,
    centre_key: PublicKey,
) -> QueuedRequest:
    """Answer the centre with a signed refusal, for good.

    Args:
        site: who refuses.
        exchange: where the refusal is laid down.
        request: verified.
        who: the person who refuses, as in people.yaml.
        because: one sentence without numbers; the centre shows it.
        today: the day.
        centre_key: that proved the request.

    Raises:
        NotPermitted: if that person may not, or the request was answered.
        MessageError: if the reason holds a number.
    """
    draft = draft_refusal(request, because=because, today=today)
    refusal = b""

    def sign(connection: Connection) -> None:
        nonlocal refusal
        refused = replace(item or _asked_only(site, request, today), state=RequestState.REFUSED)
        refusal = sign_refusal(connection, site, request, draft, refused, today=today, centre_key=centre_key)

    def decided(item: QueuedRequest | None, to: RequestState) -> QueuedRequest:
        return replace(item or _asked_only(site, request, today), state=to, refusal=refusal)

    with _own_folder(site):
        refuse_clock_set_back(site.ledger_path, today=today)
        item = _current(site, request, today=today)
        if item is None or item.state is not RequestState.REFUSED:
            _refuse_answered(site, request.round_id)
            item = act_upon(
                site,
                request.round_id,
                Act.REFUSE,
                who=who,
                today=today,
                decided=decided,
                because=because,
                first=sign,
            )
        _lay_refusal(site, exchange, item)
        return item


def _own_folder(site: Site) -> AbstractContextManager[None]:
    return only_one(site.folder, doing="answering a request", wait_seconds=WAIT_SECONDS)


def _current(site: Site, request: Request, *, today: date) -> QueuedRequest | None:
    read_acts(site.ledger_path, round_id=request.round_id)  # refuses acts that were changed
    item = _expired_if_over(site, read_request(site.ledger_path, request.round_id), today=today)
    if item is not None and item.request_digest != request.digest:
        raise MessageError(
            f"site {site.id}: round {request.round_id} was queued with another request under the same id (digest "
            f"{item.request_digest[:12]}, now {request.digest[:12]}); the centre must use a new round id"
        )
    return item


def _expired_if_over(site: Site, item: QueuedRequest | None, *, today: date) -> QueuedRequest | None:
    if (
        item is None
        or today <= item.expires
        or next_state(item.state, Act.EXPIRE, under=approval_of(site, item)) is None
    ):
        return item

    def decided(now: QueuedRequest | None, to: RequestState) -> QueuedRequest:
        return replace(now or item, state=to, approved_by=())

    return act_upon(site, item.round_id, Act.EXPIRE, who=None, today=today, decided=decided)


def _queue(site: Site, request: Request, act: Act, *, who: str | None, reply: bytes, today: date) -> QueuedRequest:
    def decided(item: QueuedRequest | None, to: RequestState) -> QueuedRequest:
        made = _asked_only(site, request, today)
        return replace(made, state=to, needs=approval_of(site, item), reply=reply, prepared_by=who)

    return act_upon(site, request.round_id, act, who=who, today=today, decided=decided)


def _asked_only(site: Site, request: Request, today: date) -> QueuedRequest:
    """Return a request as it came, nothing counted."""
    question = request.question
    asked = Asked(measures=_measures(request), first=question.first, last=question.last, asked_by=request.asked_by)
    return QueuedRequest(
        round_id=request.round_id,
        request_digest=request.digest,
        asked=asked,
        state=RequestState.RECEIVED,
        needs=site.approval,
        expires=request.expires,
        prepared_by=None,
        prepared_on=today,
        reply=b"",
    )


def _release(
    site: Site, exchange: ExchangeFolder, request: Request, item: QueuedRequest, now: bytes, *, today: date
) -> bytes:
    if now != item.reply:

        def changed(_: QueuedRequest | None, to: RequestState) -> QueuedRequest:
            return replace(item, state=to, reply=now, approved_by=(), prepared_by=None)

        waiting = act_upon(site, item.round_id, Act.CHANGE, who=None, today=today, decided=changed)
        raise DisclosureRefusal(
            f"round {item.round_id}: other bytes would leave now than were approved (digest "
            f"{waiting.digest[:16]}, approved {item.digest[:16]}): records, library, policy or opt-outs have "
            "changed since. Nothing was released; the approvals are void, and the new bytes wait to be looked at.\n"
            + "\n".join(_typed(site, exchange, waiting))
        )
    refuse_unsigned(site, item)

    def released(_: QueuedRequest | None, to: RequestState) -> QueuedRequest:
        return replace(item, state=to)

    def leave(connection: Connection) -> None:
        mark_released(connection, request, item.reply, today=today)

    done = act_upon(site, item.round_id, Act.RELEASE, who=None, today=today, decided=released, first=leave)
    return done.reply


def _refuse_other_bytes(item: QueuedRequest, digest: str) -> None:
    if len(digest) < _SHORTEST_DIGEST:
        raise NotPermitted(
            f"--digest {digest!r} is too short: give {_SHORTEST_DIGEST} digits or more. Nothing was changed"
        )
    if not item.digest.startswith(digest.lower()):
        raise NotPermitted(
            f"round {item.round_id}: what waits has the digest {item.digest[:16]}, not {digest[:16]}; look at the "
            "preview again. Nothing was changed"
        )


def _refuse_own_work(site: Site, item: QueuedRequest, who: str) -> None:
    asked, prepared = item.asked.asked_by, item.prepared_by
    own = [
        *((other, "approved this already") for other in item.approved_by),
        *([(asked, "asked for this")] if asked else []),
        *([(prepared, "had this reply prepared")] if prepared else []),
        *((site.library.measure(*one).author, f"written {one[0]} v{one[1]}") for one in item.asked.measures),
    ]
    for other, what in own:
        if same_person(who, other):
            raise NotPermitted(f"{who} has {what}; it takes somebody else to say yes. Nothing was changed")


def _refuse_answered(site: Site, round_id: str) -> None:
    if has_answered(site, round_id):
        raise NotPermitted(f"{site.id} has answered round {round_id} already, and a round has one answer")


def _there(item: QueuedRequest | None, round_id: str) -> QueuedRequest:
    if item is None:
        raise NotPermitted(f"round {round_id}: nothing of it waits here; `rounds site requests` shows what does")
    return item


def _measures(request: Request) -> tuple[tuple[str, int], ...]:
    return tuple((ref.id, ref.version) for ref in request.question.measures)


def _typed(site: Site, exchange: ExchangeFolder, item: QueuedRequest) -> tuple[str, ...]:
    return tuple(f"  {line}" for line in what_to_type(site.folder, exchange.path, item, approval_of(site, item)))


def _lay_refusal(site: Site, exchange: ExchangeFolder, item: QueuedRequest) -> None:
    publish_key(exchange.path, party=site.id, key=own_key(site.folder).public)
    exchange.put(exchange.reply_path(item.round_id, site.id), item.refusal)

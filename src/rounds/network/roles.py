"""Who may do what to a request at a site, and when: the tables that both the program and its documentation read.

Two questions, asked apart. *Permission*: may somebody with this role do it? *Policy*: may it happen to this request
now? A thing is done only if both say yes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody is to a site. A person may have several, each between dates."""

    GUARDIAN = "data guardian"
    CHECKER = "output checker"
    ANALYST = "analyst"
    LEAD = "programme lead"
    BOARD = "board"
    PUBLIC = "public"
    PROGRAM = "program"
    """Rounds itself, where nobody's name was given. Nobody can be made it."""


class Act(StrEnum):
    """What can be done."""

    LIST = "list"
    VIEW = "view"
    PREPARE = "prepare"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    PUT_BACK = "put back"
    CHANGE = "change"
    RELEASE = "release"
    EXPIRE = "expire"
    SIGN_OFF = "sign off"
    READ = "read"


class RequestState(StrEnum):
    """Where a request is at a site."""

    RECEIVED = "received"
    WAITING = "waiting"
    ONCE = "approved by one"
    TWICE = "approved by two"
    RELEASED = "released"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Approval(StrEnum):
    """Who must say yes before a reply leaves a site, from the least strict to the strictest."""

    LIBRARY = "library"
    STANDING = "standing"
    ONE = "one"
    TWO = "two"

    @property
    def queues(self) -> bool:
        """Whether each request waits for people."""
        return self in _QUEUED

    @property
    def people(self) -> int:
        """How many different people must approve a request."""
        return {Approval.ONE: 1, Approval.TWO: 2}.get(self, 0)

    def or_stricter(self, other: "Approval") -> "Approval":
        """Return the stricter of two."""
        order = list(Approval)
        return max(self, other, key=order.index)


_ANY: Final = frozenset(Approval)
_QUEUED: Final = frozenset({Approval.ONE, Approval.TWO})
_UNQUEUED: Final = _ANY - _QUEUED

APPROVAL_IN_WORDS: Final[Mapping[Approval, str]] = {
    Approval.LIBRARY: "whatever stands in the site's own library; who put it there has said yes",
    Approval.STANDING: "only measures that approvals.yaml names, by version and between dates",
    Approval.ONE: "each request waits until one person has looked at the very bytes and said yes",
    Approval.TWO: "each request waits until two different people have looked at the very bytes and said yes",
}

ACT_IN_WORDS: Final[Mapping[Act, str]] = {
    Act.LIST: "see which requests wait, without numbers",
    Act.VIEW: "see the numbers that would leave",
    Act.PREPARE: "count, make the reply and put it into the queue",
    Act.APPROVE: "say yes to the very bytes of a reply",
    Act.REFUSE: "answer the centre with a refusal, for good",
    Act.WITHDRAW: "take a request out of the queue; nothing leaves meanwhile",
    Act.PUT_BACK: "count a withdrawn request anew and put it back",
    Act.CHANGE: "find that other bytes would leave than were approved: everybody must look again",
    Act.RELEASE: "lay the approved bytes down for the centre",
    Act.EXPIRE: "notice that the last day to answer is over",
    Act.SIGN_OFF: "sign a standing approval of a measure off, in approvals.yaml",
    Act.READ: "read what the network has published",
}

PERMISSIONS: Final[Mapping[Act, frozenset[Role]]] = {
    Act.LIST: frozenset({Role.GUARDIAN, Role.CHECKER, Role.ANALYST, Role.PROGRAM}),
    Act.VIEW: frozenset({Role.GUARDIAN, Role.CHECKER, Role.ANALYST}),
    Act.PREPARE: frozenset({Role.GUARDIAN, Role.CHECKER, Role.ANALYST, Role.PROGRAM}),
    Act.APPROVE: frozenset({Role.GUARDIAN, Role.CHECKER}),
    Act.REFUSE: frozenset({Role.GUARDIAN, Role.CHECKER}),
    Act.WITHDRAW: frozenset({Role.GUARDIAN, Role.CHECKER, Role.ANALYST}),
    Act.PUT_BACK: frozenset({Role.GUARDIAN, Role.CHECKER, Role.ANALYST}),
    Act.CHANGE: frozenset({Role.PROGRAM}),
    Act.RELEASE: frozenset({Role.PROGRAM}),
    Act.EXPIRE: frozenset({Role.PROGRAM}),
    Act.SIGN_OFF: frozenset({Role.GUARDIAN}),
    Act.READ: frozenset(Role),
}
"""Permission: who may do what, whatever it is done to."""

SEEN_IN: Final[Mapping[Act, frozenset[RequestState]]] = {
    Act.LIST: frozenset(RequestState),
    Act.VIEW: frozenset({RequestState.WAITING, RequestState.ONCE, RequestState.TWICE, RequestState.RELEASED}),
    Act.READ: frozenset({RequestState.RELEASED}),
}
"""Policy for what changes nothing: the states in which it may happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Policy for what changes something: from which state it leads to which, and under which kinds of approval."""

    state: RequestState
    act: Act
    to: RequestState
    under: frozenset[Approval]


def _each(
    states: tuple[RequestState, ...], act: Act, to: RequestState, under: frozenset[Approval]
) -> tuple[Transition, ...]:
    return tuple(Transition(state=state, act=act, to=to, under=under) for state in states)


_OPEN: Final = (RequestState.WAITING, RequestState.ONCE, RequestState.TWICE)
_TWO: Final = frozenset({Approval.TWO})
_ONE: Final = frozenset({Approval.ONE})

TRANSITIONS: Final[tuple[Transition, ...]] = (
    *_each((RequestState.RECEIVED,), Act.RELEASE, RequestState.RELEASED, _UNQUEUED),
    *_each((RequestState.RECEIVED, RequestState.EXPIRED), Act.PREPARE, RequestState.WAITING, _QUEUED),
    *_each((RequestState.WITHDRAWN,), Act.PUT_BACK, RequestState.WAITING, _QUEUED),
    *_each((RequestState.WAITING,), Act.APPROVE, RequestState.ONCE, _QUEUED),
    *_each((RequestState.ONCE,), Act.APPROVE, RequestState.TWICE, _TWO),
    *_each((RequestState.ONCE,), Act.RELEASE, RequestState.RELEASED, _ONE),
    *_each((RequestState.TWICE,), Act.RELEASE, RequestState.RELEASED, _TWO),
    *_each((RequestState.ONCE,), Act.CHANGE, RequestState.WAITING, _ONE),
    *_each((RequestState.TWICE,), Act.CHANGE, RequestState.WAITING, _TWO),
    *_each(_OPEN, Act.WITHDRAW, RequestState.WITHDRAWN, _QUEUED),
    *_each((RequestState.RECEIVED,), Act.REFUSE, RequestState.REFUSED, _ANY),
    *_each((*_OPEN, RequestState.WITHDRAWN), Act.REFUSE, RequestState.REFUSED, _QUEUED),
    *_each((*_OPEN, RequestState.WITHDRAWN), Act.EXPIRE, RequestState.EXPIRED, _QUEUED),
)
"""Every change there is. A request keeps the approval it was queued under, or a stricter one, to its end."""

FINAL: Final = frozenset({RequestState.RELEASED, RequestState.REFUSED})
"""A round has one answer: what was released or refused stays so."""


def permits(role: Role, act: Act) -> bool:
    """Return whether somebody with a role may do something at all."""
    return role in PERMISSIONS[act]


def next_state(state: RequestState, act: Act, *, under: Approval) -> RequestState | None:
    """Return the state that an act leads to, or None if it may not happen to such a request now.

    What changes nothing leads to the same state.
    """
    if act in SEEN_IN:
        return state if state in SEEN_IN[act] else None
    found = (one.to for one in TRANSITIONS if one.state is state and one.act is act and under in one.under)
    return next(found, None)


def may(role: Role, act: Act, state: RequestState, *, under: Approval) -> bool:
    """Return whether somebody with a role may do something to a request now: permission and policy, both."""
    return permits(role, act) and next_state(state, act, under=under) is not None

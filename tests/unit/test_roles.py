"""Who may do what, when: every role, act, state and kind of approval, against a reading of the design made by hand."""

from itertools import product

import pytest

from rounds.network.roles import (
    ACT_IN_WORDS,
    APPROVAL_IN_WORDS,
    FINAL,
    PERMISSIONS,
    TRANSITIONS,
    Act,
    Approval,
    RequestState,
    Role,
    may,
    next_state,
    permits,
)

# Written by hand from the design, not from the tables in roles.py.
MAY = """
            guardian checker analyst lead board public program
list        y        y       y       -    -     -      y
view        y        y       y       -    -     -      -
prepare     y        y       y       -    -     -      y
approve     y        y       -       -    -     -      -
refuse      y        y       -       -    -     -      -
withdraw    y        y       y       -    -     -      -
put-back    y        y       y       -    -     -      -
change      -        -       -       -    -     -      y
release     -        -       -       -    -     -      y
expire      -        -       -       -    -     -      y
sign-off    y        -       -       -    -     -      -
read        y        y       y       y    y     y      y
"""
ROLES = {
    "guardian": Role.GUARDIAN,
    "checker": Role.CHECKER,
    "analyst": Role.ANALYST,
    "lead": Role.LEAD,
    "board": Role.BOARD,
    "public": Role.PUBLIC,
    "program": Role.PROGRAM,
}

# For each kind of approval: a row a state, a column an act; what stands there is the state it leads to.
# same: it may be looked at and stays as it is; -: it may not happen.
UNQUEUED = """
            list view prepare approve refuse  withdraw put-back change release  expire sign-off read
received    same -    -       -       refused -        -        -      released -      -        -
waiting     same same -       -       -       -        -        -      -        -      -        -
once        same same -       -       -       -        -        -      -        -      -        -
twice       same same -       -       -       -        -        -      -        -      -        -
released    same same -       -       -       -        -        -      -        -      -        same
refused     same -    -       -       -       -        -        -      -        -      -        -
expired     same -    -       -       -       -        -        -      -        -      -        -
withdrawn   same -    -       -       -       -        -        -      -        -      -        -
"""
ONE = """
            list view prepare approve refuse  withdraw  put-back change  release  expire  sign-off read
received    same -    waiting -       refused -         -        -       -        -       -        -
waiting     same same -       once    refused withdrawn -        -       -        expired -        -
once        same same -       -       refused withdrawn -        waiting released expired -        -
twice       same same -       -       refused withdrawn -        -       -        expired -        -
released    same same -       -       -       -         -        -       -        -       -        same
refused     same -    -       -       -       -         -        -       -        -       -        -
expired     same -    waiting -       -       -         -        -       -        -       -        -
withdrawn   same -    -       -       refused -         waiting  -       -        expired -        -
"""
TWO = """
            list view prepare approve refuse  withdraw  put-back change  release  expire  sign-off read
received    same -    waiting -       refused -         -        -       -        -       -        -
waiting     same same -       once    refused withdrawn -        -       -        expired -        -
once        same same -       twice   refused withdrawn -        -       -        expired -        -
twice       same same -       -       refused withdrawn -        waiting released expired -        -
released    same same -       -       -       -         -        -       -        -       -        same
refused     same -    -       -       -       -         -        -       -        -       -        -
expired     same -    waiting -       -       -         -        -       -        -       -        -
withdrawn   same -    -       -       refused -         waiting  -       -        expired -        -
"""
GRIDS = {Approval.LIBRARY: UNQUEUED, Approval.STANDING: UNQUEUED, Approval.ONE: ONE, Approval.TWO: TWO}
STATES = {"once": RequestState.ONCE, "twice": RequestState.TWICE} | {
    state.value: state for state in RequestState if " " not in state
}


def _grid(text: str) -> dict[tuple[str, str], str]:
    header, *rows = (line.split() for line in text.strip().splitlines())
    return {(row[0], column): cell for row in rows for column, cell in zip(header, row[1:], strict=True)}


def _act(name: str) -> Act:
    return Act(name.replace("-", " "))


def test_every_role_and_act() -> None:
    grid = _grid(MAY)
    assert len(grid) == len(Act) * len(Role)
    for (act, role), cell in grid.items():
        assert permits(ROLES[role], _act(act)) is (cell == "y"), (act, role)


@pytest.mark.parametrize("under", Approval)
def test_every_state_and_act(under: Approval) -> None:
    grid = _grid(GRIDS[under])
    assert len(grid) == len(Act) * len(RequestState)
    for (state, act), cell in grid.items():
        expected = {"-": None, "same": STATES[state]}.get(cell, STATES.get(cell))
        assert next_state(STATES[state], _act(act), under=under) is expected, (state, act)


def test_every_role_act_state_and_approval() -> None:
    """Both must say yes: 2,688 combinations, each against the two readings above."""
    permission, tried = _grid(MAY), 0
    for under, (state, at), role, act in product(Approval, STATES.items(), ROLES, Act):
        written = act.replace(" ", "-")
        expected = permission[written, role] == "y" and _grid(GRIDS[under])[state, written] != "-"
        assert may(ROLES[role], act, at, under=under) is expected, (under, state, role, act)
        tried += 1
    assert tried == 4 * 8 * 7 * 12


def test_a_state_and_an_act_lead_to_one_state() -> None:
    for under in Approval:
        ways = [(one.state, one.act) for one in TRANSITIONS if under in one.under]
        assert len(ways) == len(set(ways))


def test_every_state_but_the_final_ones_can_be_left_and_every_one_can_be_reached() -> None:
    left = {one.state for one in TRANSITIONS}
    reached = {one.to for one in TRANSITIONS} | {RequestState.RECEIVED}
    assert left == set(RequestState) - FINAL
    assert reached == set(RequestState)


def test_nothing_is_released_by_fewer_people_than_asked_for() -> None:
    """Walk every way there is: count who said yes since the bytes were last queued, and look at each release."""
    for under in (Approval.ONE, Approval.TWO):
        seen: set[tuple[RequestState, int]] = set()
        ways = [(RequestState.RECEIVED, 0)]
        while ways:
            state, yes = ways.pop()
            if (state, yes) in seen:
                continue
            seen.add((state, yes))
            for act in Act:
                to = next_state(state, act, under=under)
                if act is Act.RELEASE and to is not None:
                    assert yes == under.people, (under, state)
                if to is not None:
                    said = yes + 1 if act is Act.APPROVE else yes
                    ways.append((to, 0 if to in (RequestState.WAITING, RequestState.WITHDRAWN) else said))
        assert (RequestState.RELEASED, under.people) in seen


def test_the_stricter_of_two_is_kept() -> None:
    for one, other in product(Approval, Approval):
        assert one.or_stricter(other).people == max(one.people, other.people)
    assert Approval.LIBRARY.or_stricter(Approval.STANDING) is Approval.STANDING
    assert Approval.TWO.or_stricter(Approval.ONE) is Approval.TWO


def test_every_word_is_explained() -> None:
    assert set(ACT_IN_WORDS) == set(PERMISSIONS) == set(Act)
    assert set(APPROVAL_IN_WORDS) == set(Approval)

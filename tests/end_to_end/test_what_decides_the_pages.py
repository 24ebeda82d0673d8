"""A finished round is published again when something that decides its pages has changed, and only then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from log_stamps import no_standing

from rounds.centre.inputs import inputs_digest
from rounds.centre.plan import make_plan
from rounds.exchange.messages import Reply
from rounds.network.definition_changes import DefinitionChange
from rounds.network.successions import Succession, Successions
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.workspace import Workspace, read_workspace

REPLY = Reply(
    round_id="2024-12",
    site="hospital-01",
    answers="0" * 64,
    issued=date(2025, 5, 1),
    tables=(),
    log=no_standing(),
    digest="1" * 64,
)
Change = Callable[[Workspace], Workspace]


def _declared(**changes: object) -> Change:
    return lambda space: replace(space, rounds=(replace(space.rounds[0], **changes),))


def _another_name(space: Workspace) -> Workspace:
    first, *others = space.membership.members
    return replace(space, membership=replace(space.membership, members=(replace(first, name="Other"), *others)))


def _another_date(space: Workspace) -> Workspace:
    first, *others = space.adoptions
    return replace(space, adoptions=(replace(first, day=first.day - timedelta(days=1)), *others))


def _later_event(space: Workspace) -> Workspace:
    (declared,) = space.rounds
    return replace(space, adoptions=(*space.adoptions, replace(space.adoptions[0], day=declared.as_of + timedelta(1))))


def _became(days_after: int) -> Change:
    def change(space: Workspace) -> Workspace:
        (declared,) = space.rounds
        old, new = space.membership.members[:2]
        one = Succession(old_code=old.ods_code, new_code=new.ods_code, day=declared.as_of + timedelta(days_after))
        return replace(space, successions=Successions(all=(*space.successions.all, one)))

    return change


def _counted_otherwise(days_after: int, measure: str = "") -> Change:
    def change(space: Workspace) -> Workspace:
        (declared,) = space.rounds
        day = declared.as_of + timedelta(days_after)
        named = measure or declared.programmes[0].outcome
        one = DefinitionChange(measure=named, ods_code=None, day=day, reason="A new system")
        return replace(space, definition_changes=(*space.definition_changes, one))

    return change


def _another_target(space: Workspace) -> Workspace:
    measures = tuple(replace(measure, target=1.5) for measure in space.library.measures)
    return replace(space, library=replace(space.library, measures=measures))


def _another_owner(space: Workspace) -> Workspace:
    innovations = tuple(replace(innovation, owner="Somebody else") for innovation in space.library.innovations)
    return replace(space, library=replace(space.library, innovations=innovations))


DECIDES: dict[str, Change] = {
    "the round's title": _declared(title="Another title"),
    "who asks": _declared(asked_by="Somebody"),
    "what is being spread": _declared(programmes=()),
    "the network's name": lambda space: replace(space, name="Another network"),
    "a member's name": _another_name,
    "a day of adoption": _another_date,
    "who carries on whose work": _became(0),
    "what the outcome's counts mean": _counted_otherwise(0),
    "a measure's target": _another_target,
    "an innovation's owner": _another_owner,
}


def _digest(space: Workspace, *replies: Reply) -> str:
    (declared,) = space.rounds
    assert isinstance(declared, RoundDeclaration)
    return inputs_digest(space, make_plan(space, declared), replies)


@pytest.mark.parametrize("what", DECIDES)
def test_what_is_shown_decides(what: str, network: Path) -> None:
    space = read_workspace(network)
    assert _digest(DECIDES[what](space), REPLY) != _digest(space, REPLY)


def test_replies_decide(network: Path) -> None:
    space = read_workspace(network)
    found = [_digest(space), _digest(space, REPLY), _digest(space, replace(REPLY, digest="2" * 64))]
    assert len(set(found)) == 3


def test_what_happened_after_the_round_does_not_decide(network: Path) -> None:
    space = read_workspace(network)
    assert _digest(_later_event(space), REPLY) == _digest(space, REPLY) == _digest(read_workspace(network), REPLY)
    assert _digest(_became(1)(space), REPLY) == _digest(space, REPLY)
    assert _digest(_counted_otherwise(1)(space), REPLY) == _digest(space, REPLY)
    assert _digest(_counted_otherwise(0, "falls")(space), REPLY) == _digest(space, REPLY), "no outcome of the round"

"""People do whatever comes to mind, in any order: what leaves was said yes to by enough others, to the byte."""

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from approval_site import ADA, BEN, CAI, EVE, TODAY, Desk, make_desk
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rounds.errors import RoundsError, WaitsForApproval
from rounds.site.approval import approve, withdraw
from rounds.storage.approval_store import read_request

MAY_SAY_YES = {"ada example": ADA, "ada  example": ADA, "ben example": BEN}
TAKES = {"library": 0, "one": 1, "two": 2}
OFTEN = [("answer", ""), ("answer", ""), ("approve", ADA), ("approve", BEN), ("approve", BEN)]
SELDOM = [
    *(("approve", who) for who in (CAI, EVE, "ada  example", "Mallory")),
    *(("look", who) for who in (ADA, CAI, EVE)),
    *(("withdraw", who) for who in (CAI, EVE)),
    *(("refuse", who) for who in (ADA, CAI)),
    *(("policy", few) for few in ("12", "17")),
    *(("setting", word) for word in ("library", "one", "two")),
]
TWICE = [
    *(("answer", ""), ("approve", ADA), ("withdraw", CAI), ("answer", ""), ("look", CAI)),
    *(("approve", ADA), ("approve", ADA), ("approve", BEN)),
]
STEPS = st.sampled_from([*OFTEN * 5, *SELDOM])


@dataclass(kw_only=True)
class Model:
    """What a person who watched would have written down."""

    asked_now: int
    """how many people the site asks for"""
    queued: int = 0
    """how many it asked for when the request was queued"""
    waiting: bytes | None = None
    made_by: str | None = None
    yes: set[str] = field(default_factory=set)
    refused: bool = False
    left: bytes | None = None


def _try(step: str, who: str, desk: Desk) -> bool:
    """Return whether a step was let through."""
    try:
        match step:
            case "answer":
                desk.answer()
            case "approve":
                approve(desk.site, round_id="r1", who=who, digest=desk.queued().digest, today=TODAY)
            case "look":
                desk.queue(who)
            case "withdraw":
                withdraw(desk.site, round_id="r1", who=who, because="", today=TODAY)
            case "refuse":
                desk.refuse(who, "No.")
            case "policy":
                desk.withhold(int(who))
            case "setting":
                desk.setting(f"approval: {who}")
    except WaitsForApproval:
        return False
    except (RoundsError, AssertionError):
        return False
    return True


def _watch(model: Model, step: str, who: str, before: Any, after: Any, done: bool) -> None:
    """Write down what a step has done, from the bytes that waited before and after it."""
    if step == "setting":
        model.asked_now = TAKES[who]
    queued_anew = after is not None and after.reply and (before is None or after.reply != before.reply)
    if queued_anew or (step == "look" and done and before is not None and before.state == "withdrawn"):
        model.waiting, model.yes = after.reply, set()
        model.made_by = who if step == "look" else None
        queued = 0 if before is None else model.queued
        model.queued = max(queued, model.asked_now) if before is None or step == "look" else queued
    if step == "withdraw" and done:
        model.yes = set()
    if step == "approve" and done:
        assert who.lower() in MAY_SAY_YES, f"{who} may not"
        person = MAY_SAY_YES[who.lower()]
        assert person not in model.yes, "the same person twice"
        assert model.made_by is None or model.made_by.lower().split() != person.lower().split(), "one's own work"
        model.yes.add(person)
    model.refused = model.refused or (step == "refuse" and done)


def test_nothing_leaves_that_too_few_have_said_yes_to() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
    @example(first="library", steps=[("answer", "")])
    @example(first="one", steps=[("answer", ""), ("refuse", ADA), ("answer", ""), ("approve", BEN)])
    @example(first="two", steps=[*TWICE, ("policy", "17"), ("answer", ""), *TWICE, ("answer", "")])
    @given(first=st.sampled_from(sorted(TAKES)), steps=st.lists(STEPS, min_size=10, max_size=16))
    def play(first: str, steps: list[tuple[str, str]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            model = Model(asked_now=TAKES[first])
            seen.update(_play(make_desk(Path(folder), f"approval: {first}"), model, steps))

    play()
    every = {"waits", "approved", "released by people", "answered at once", "refused", "withdrawn", "found changed"}
    assert set(seen) >= every, seen


def _play(desk: Desk, model: Model, steps: list[tuple[str, str]]) -> list[str]:
    """Do the steps, hold what happens against the model, and return what was seen."""
    seen: list[str] = []
    for step, who in steps:
        before, lay_there = read_request(desk.site.ledger_path, "r1"), desk.reply()
        done = _try(step, who, desk)
        after, lies = read_request(desk.site.ledger_path, "r1"), desk.reply()
        _watch(model, step, who, before, after, done)
        if (
            after is not None
            and before is not None
            and before.approved_by
            and step == "answer"
            and not after.approved_by
        ):
            seen.append("found changed")
        if done and step in ("approve", "withdraw"):
            seen.append({"approve": "approved", "withdraw": "withdrawn"}[step])
        seen += ["waits"] if after is not None and after.state == "waiting" else []
        if lies == lay_there:
            continue
        assert lay_there is None, "a round has one answer"
        if step == "refuse":
            assert after is not None
            assert lies == after.refusal
            seen.append("refused")
            continue
        assert step == "answer"
        assert not model.refused
        if after is None:
            assert model.asked_now == 0, "only a site without a queue answers at once"
            seen.append("answered at once")
            continue
        assert desk.said() == model.waiting == after.reply
        assert len(model.yes) >= max(model.asked_now, model.queued)
        seen.append("released by people")
    return seen

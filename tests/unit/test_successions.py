"""Mergers, splits and changes of code: who carries on whose work, and what becomes of adoption."""

from datetime import date
from itertools import permutations

import pytest

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Fidelity, Stage, read_fidelity
from rounds.learning.spread.coverage import coverage, first_reached, reached_between, stage_reached
from rounds.learning.spread.succession import followed
from rounds.network.members import Member, Membership, Spell
from rounds.network.successions import Succession, Successions


def day(text: str) -> date:
    return date.fromisoformat(text)


def one(old: str, new: str, on: str) -> Succession:
    return Succession(old_code=old, new_code=new, day=day(on))


def event(code: str, stage: Stage, on: str, earliest: str = "") -> AdoptionEvent:
    first = day(earliest) if earliest else None
    return AdoptionEvent(ods_code=code, innovation="x", stage=stage, day=day(on), earliest=first)


MERGER = Successions(all=(one("RA1", "RB1", "2020-04-01"), one("RA2", "RB1", "2020-04-01")))
CHAIN = Successions(all=(one("RB1", "RC1", "2022-04-01"), one("RA1", "RB1", "2020-04-01")))
SPLIT = Successions(all=(one("RA1", "RB1", "2020-04-01"), one("RA1", "RB2", "2020-04-01")))
SAME_DAY = Successions(all=(one("RA1", "RB1", "2020-04-01"), one("RB1", "RC1", "2020-04-01")))


@pytest.mark.parametrize(
    ("successions", "on", "codes"),
    [
        (MERGER, "2020-03-31", ("RA1",)),
        (MERGER, "2020-04-01", ("RB1",)),
        (CHAIN, "2022-03-31", ("RB1",)),
        (CHAIN, "2022-04-01", ("RC1",)),
        (SPLIT, "2021-01-01", ("RB1", "RB2")),
        (SAME_DAY, "2020-04-01", ("RC1",)),
    ],
)
def test_who_carries_on_on_a_day(successions: Successions, on: str, codes: tuple[str, ...]) -> None:
    assert successions.after("RA1", day(on)) == codes


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_circle_is_refused_with_its_rows(order: tuple[int, ...]) -> None:
    rows = [one("RA1", "RB1", "2020-04-01"), one("RB1", "RC1", "2021-04-01"), one("RC1", "RA1", "2022-04-01")]
    with pytest.raises(DefinitionError, match=r"RA1 to RB1.*RB1 to RC1|RB1 to RC1.*RA1 to RB1"):
        Successions(all=tuple(rows[place] for place in order))


def test_an_organisation_cannot_succeed_itself() -> None:
    with pytest.raises(DefinitionError, match="circle: RA1 to RA1"):
        Successions(all=(one("RA1", "RA1", "2020-04-01"),))


def test_what_a_predecessor_reached_belongs_to_its_successor_from_that_day() -> None:
    events = followed([event("RA1", Stage.LIVE, "2019-05-01")], MERGER)
    before, after = (stage_reached(events, Stage.LIVE, day(on)) for on in ("2020-03-31", "2020-04-01"))
    assert "RB1" not in before
    assert "RB1" in after
    assert events[-1].reason == "taken over from RA1, live since 2019-05-01; 1 of 2 organisations that came together"


@pytest.mark.parametrize(
    ("successions", "code", "on"),
    [(CHAIN, "RC1", "2022-04-01"), (SAME_DAY, "RC1", "2020-04-01"), (SPLIT, "RB2", "2020-04-01")],
)
def test_it_is_followed_through_chains_and_splits(successions: Successions, code: str, on: str) -> None:
    events = followed([event("RA1", Stage.EMBEDDED, "2019-05-01")], successions)
    assert first_reached(events, "x", Stage.EMBEDDED)[code] == day(on)


@pytest.mark.parametrize(
    ("own", "stage"),
    [
        ([], Stage.LIVE),
        ([event("RB1", Stage.EMBEDDED, "2018-01-01")], Stage.EMBEDDED),  # further than what it takes over
        ([event("RB1", Stage.PLANNED, "2018-01-01")], Stage.LIVE),
        ([event("RB1", Stage.STOPPED, "2018-01-01")], Stage.LIVE),
        ([event("RB1", Stage.PLANNED, "2020-04-01")], Stage.PLANNED),  # what is recorded on the day stands
        ([event("RB1", Stage.STOPPED, "2021-04-01")], None),  # and what is recorded later
    ],
)
def test_the_successors_own_record_goes_before(own: list[AdoptionEvent], stage: Stage | None) -> None:
    events = followed([event("RA1", Stage.LIVE, "2019-05-01"), *own], MERGER)
    for wanted in (Stage.AWARE, Stage.PLANNED, Stage.LIVE, Stage.EMBEDDED):
        there = "RB1" in stage_reached(events, wanted, day("2022-01-01"))
        assert there == (stage is not None and list(Stage).index(stage) >= list(Stage).index(wanted))


def test_of_a_predecessor_that_stopped_nothing_is_taken_over() -> None:
    events = [event("RA1", Stage.LIVE, "2018-05-01"), event("RA1", Stage.STOPPED, "2019-05-01")]
    assert followed(events, MERGER) == tuple(events)


def test_54_of_54_against_the_membership_of_the_day() -> None:
    codes = [f"R{number:02}" for number in range(55)]
    merged = one("R00", "R01", "2023-04-01")
    membership = Membership(
        members=tuple(
            Member(
                ods_code=code,
                name=code,
                kind="trust",
                region="North",
                joined=day("2020-01-01"),
                left=day("2023-04-01") if code == "R00" else None,
            )
            for code in codes
        )
    )
    events = followed(
        [event(code, Stage.LIVE, "2022-01-01") for code in codes if code != "R01"], Successions(all=(merged,))
    )
    for on, adopted, members in (("2023-03-31", 54, 55), ("2023-04-01", 54, 54)):
        there = [member.ods_code for member in membership.on(day(on))]
        found = coverage(events, innovation="x", stage=Stage.LIVE, day=day(on), members_on_day=there)
        assert (found.adopted, found.members) == (adopted, members)


def test_a_member_may_leave_and_join_again() -> None:
    again = Member(
        ods_code="RA1",
        name="A",
        kind="trust",
        region="North",
        joined=day("2022-01-01"),
        earlier=(Spell(joined=day("2019-01-01"), left=day("2020-01-01")),),
    )
    belongs = [
        again.belongs_on(day(on)) for on in ("2018-12-31", "2019-12-31", "2020-01-01", "2021-12-31", "2022-01-01")
    ]
    assert belongs == [False, True, False, False, True]
    assert again.first_joined == day("2019-01-01")


def test_within_a_stretch_a_member_may_be_there() -> None:
    events = [event("RA1", Stage.LIVE, "2023-09-30", "2023-07-01"), event("RA2", Stage.LIVE, "2023-08-15")]
    for on, adopted, maybe in (
        ("2023-06-30", 0, ()),
        ("2023-07-01", 0, ("RA1",)),
        ("2023-08-31", 1, ("RA1",)),
        ("2023-09-30", 2, ()),
    ):
        found = coverage(events, innovation="x", stage=Stage.LIVE, day=day(on), members_on_day=["RA1", "RA2"])
        assert (found.adopted, found.maybe) == (adopted, maybe)
    assert reached_between(events, "x", Stage.LIVE)["RA1"] == (day("2023-07-01"), day("2023-09-30"))


def test_a_stretch_ends_before_the_next_stage() -> None:
    events = [event("RA1", Stage.PLANNED, "2023-09-30", "2023-07-01"), event("RA1", Stage.LIVE, "2023-08-01")]
    assert stage_reached(events, Stage.LIVE, day("2023-12-31")) == {"RA1"}
    assert reached_between(events, "x", Stage.PLANNED)["RA1"] == (day("2023-07-01"), day("2023-07-31"))


def test_a_stop_within_a_stretch_leaves_it_open() -> None:
    events = [event("RA1", Stage.LIVE, "2022-01-01"), event("RA1", Stage.STOPPED, "2023-09-30", "2023-07-01")]
    assert stage_reached(events, Stage.LIVE, day("2023-06-30")) == {"RA1"}
    found = coverage(events, innovation="x", stage=Stage.LIVE, day=day("2023-08-01"), members_on_day=["RA1"])
    assert (found.adopted, found.maybe) == (0, ("RA1",))


@pytest.mark.parametrize("text", ["85% of eligible patients", "12 of 14 wards", "full", "partial", "62.5%"])
def test_fidelity_is_read_as_it_is_written(text: str) -> None:
    assert str(read_fidelity(text)) == text


@pytest.mark.parametrize("text", ["150%", "15 of 14 wards", "5 of 0", "much", "", "-3%"])
def test_what_is_no_fidelity_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        read_fidelity(text)


def test_fidelity_is_one_of_two() -> None:
    with pytest.raises(DefinitionError, match="one of them only"):
        Fidelity()

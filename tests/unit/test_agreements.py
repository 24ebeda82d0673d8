"""People with dated roles and agreements with dates: the first and the last day count, the days around them do not."""

from datetime import date, timedelta

import pytest

from rounds.errors import DefinitionError
from rounds.network.agreements import Agreement, Covered, StandingApproval, uncovered
from rounds.network.people import People, Person, same_person
from rounds.network.roles import Act, Role

FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
DAY = timedelta(days=1)
COVERED = (Covered(id="arrests"), Covered(id="deaths", version=2))


def _agreement(measures: tuple[Covered, ...] | None = COVERED, *, name: str = "dsa-1") -> Agreement:
    return Agreement(id=name, between=("a", "b"), purpose="p", measures=measures, first=FIRST, last=LAST, reviewer="R")


@pytest.mark.parametrize(("day", "held"), [(FIRST - DAY, False), (FIRST, True), (LAST, True), (LAST + DAY, False)])
def test_the_first_and_the_last_day_count(day: date, held: bool) -> None:
    person = Person(name="Ada", role=Role.GUARDIAN, since=FIRST, until=LAST)
    standing = StandingApproval(measure="m", version=1, approved_by="Ada", first=FIRST, last=LAST)
    assert person.holds_on(day) is held
    assert standing.in_force(day) is held
    assert (not uncovered([_agreement(None)], [("m", 1)], day=day)) is held
    assert (People(people=(person,)).role_for(Act.APPROVE, name="ada", day=day) is Role.GUARDIAN) is held


def test_a_role_without_an_end_goes_on() -> None:
    assert Person(name="Ada", role=Role.GUARDIAN, since=FIRST).holds_on(date(2999, 1, 1))


def test_somebody_with_two_roles_acts_in_the_one_that_may() -> None:
    people = People(
        people=(
            Person(name="Ada", role=Role.ANALYST, since=FIRST),
            Person(name="ADA", role=Role.CHECKER, since=LAST),
        )
    )
    assert people.role_for(Act.APPROVE, name="Ada", day=FIRST) is None
    assert people.role_for(Act.APPROVE, name="Ada", day=LAST) is Role.CHECKER
    assert people.role_for(Act.LIST, name="Somebody else", day=LAST) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Example", "ada  example ", True),
        ("Zo\u00eb", "Zoe\u0308", True),
        ("Ada Example", "Ada Exampel", False),
        ("Stra\u00dfe", "STRASSE", True),
    ],
)
def test_a_name_is_the_same_however_it_is_written(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same


@pytest.mark.parametrize(
    ("measures", "day", "why"),
    [
        ([("arrests", 1), ("arrests", 7), ("deaths", 2)], FIRST, []),
        ([("deaths", 1)], FIRST, ["no agreement covers it"]),
        ([("arrests", 1)], LAST + DAY, ["agreement dsa-1 ended on 2025-12-31"]),
        ([("arrests", 1)], FIRST - DAY, ["agreement dsa-1 begins only on 2025-01-01"]),
    ],
)
def test_a_measure_that_is_not_covered_is_named_with_the_reason(
    measures: list[tuple[str, int]], day: date, why: list[str]
) -> None:
    assert [one.why for one in uncovered([_agreement()], measures, day=day)] == why


def test_one_agreement_in_force_is_enough() -> None:
    over = Agreement(
        id="old",
        between=("a", "b"),
        purpose="p",
        measures=None,
        first=date(2020, 1, 1),
        last=date(2021, 1, 1),
        reviewer="R",
    )
    assert uncovered([over, _agreement()], [("arrests", 1)], day=FIRST) == ()
    assert uncovered([], [("arrests", 1)], day=FIRST)[0].why == "no agreement covers it"


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DefinitionError, match="nobody can be `program`"):
        Person(name="Ada", role=Role.PROGRAM, since=FIRST)
    with pytest.raises(DefinitionError, match="has no name"):
        Person(name=" ", role=Role.ANALYST, since=FIRST)
    with pytest.raises(DefinitionError, match="is before since"):
        Person(name="Ada", role=Role.ANALYST, since=LAST, until=FIRST)
    with pytest.raises(DefinitionError, match="is before from"):
        Agreement(id="x", between=("a", "b"), purpose="p", measures=None, first=LAST, last=FIRST, reviewer="R")
    with pytest.raises(DefinitionError, match="is before since"):
        StandingApproval(measure="m", version=1, approved_by="Ada", first=LAST, last=FIRST)

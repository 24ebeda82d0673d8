"""What of a mean may leave a site: no sum that fewer than eleven people are behind, and none that tells of one."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rounds.disclosure.bounded import State
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import Released, release
from rounds.disclosure.rules import FEWEST_OF_A_MEAN
from rounds.errors import DisclosureRefusal
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import CountKind

REF = MeasureRef(id="stays", version=1, digest="d")
STEPS, MOST_EACH = 30, 2
MOST = STEPS * MOST_EACH


def _count(*cells: tuple[int, int, int, int]) -> Count:
    """Return sums, units, people who add anything and people with an amount, a period each."""
    rows = [("RX1", date(2000 + place, 1, 1), *cell, MOST, MOST_EACH) for place, cell in enumerate(cells)]
    frame = pl.DataFrame(rows, schema=count_schema((), CountKind.MEAN), orient="row")
    return Count(measure=REF, strata=(), cells=frame, kind=CountKind.MEAN)


def _released(*cells: tuple[int, int, int, int]) -> Released:
    return release(_count(*cells), terms=Terms(rule=Policy.HES), already_public=False)


def _shown(released: Released, name: str) -> list[tuple[str, int | None, int, int]]:
    parts = ("state", "value", "lower", "upper")
    return released.cells.select([f"{name}_{part}" for part in parts]).rows()


WITHHELD = (State.WITHHELD, None, 0, 600)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ((0, 0, 0, 0), (State.EXACT, 0, 0, 0)),
        ((30, 1, 1, 1), WITHHELD),
        ((600, 20, 10, 10), WITHHELD),
        ((0, 100, 0, 100), WITHHELD),
        ((0, 3, 0, 3), WITHHELD),
        ((420, 100, 7, 100), WITHHELD),
        ((149, 100, 100, 100), WITHHELD),
        ((150, 100, 100, 100), (State.ROUNDED, 300, 150, 450)),
        ((420, 100, 8, 100), (State.ROUNDED, 300, 150, 450)),
        ((660, 22, 11, 11), (State.ROUNDED, 600, 450, 750)),
        ((3000, 100, 100, 100), (State.ROUNDED, 3000, 2850, 3150)),
    ],
    ids=[
        "nobody",
        "one",
        "ten",
        "all of many at the lowest",
        "all of few at the lowest",
        "seven of many above the lowest",
        "rounded to nothing",
        "rounded to five people's most",
        "eight of many above the lowest",
        "eleven",
        "all at the highest",
    ],
)
def test_sums_are_shown_of_eleven_people_and_rounded_to_what_five_can_add(
    cell: tuple[int, int, int, int], shown: tuple[str, int | None, int, int]
) -> None:
    assert _shown(_released(cell), "numerator") == [shown]


@pytest.mark.parametrize(
    ("units", "people", "shown"),
    [
        (0, 0, (State.EXACT, 0, 0, 0)),
        (7, 7, (State.WITHHELD, None, 1, 14)),
        (14, 7, (State.WITHHELD, None, 1, 14)),
        (8, 8, (State.ROUNDED, 10, 5, 15)),
        (104, 60, (State.ROUNDED, 100, 95, 105)),
    ],
)
def test_units_are_rounded_to_as_many_as_five_people_can_have(
    units: int, people: int, shown: tuple[str, int | None, int, int]
) -> None:
    assert _shown(_released((0, units, 0, people)), "denominator") == [shown]


def test_neither_people_nor_most_leave() -> None:
    assert not [name for name in _released((900, 100, 90, 100)).cells.columns if "people" in name or "most" in name]


PERSON = st.lists(st.integers(0, STEPS), max_size=MOST_EACH)
WITH_AMOUNTS = st.lists(st.integers(0, STEPS), min_size=1, max_size=MOST_EACH)


def _cell(people: list[list[int]]) -> tuple[int, int, int, int]:
    return (
        sum(map(sum, people)),
        sum(map(len, people)),
        sum(sum(one) > 0 for one in people),
        sum(len(one) > 0 for one in people),
    )


@given(people=st.lists(PERSON, max_size=40))
def test_the_truth_is_inside_the_bounds_and_few_people_are_withheld(people: list[list[int]]) -> None:
    cell = _cell(people)
    released = _released(cell)
    for name, truth in (("numerator", cell[0]), ("denominator", cell[1])):
        ((state, value, lower, upper),) = _shown(released, name)
        assert lower <= truth <= upper
        assert (value is None) == (state == State.WITHHELD)
        assert value != 0 or not cell[3]
    sums = _shown(released, "numerator")[0]
    assert sums[0] == State.WITHHELD or not 1 <= cell[3] < FEWEST_OF_A_MEAN
    assert sums[0] == State.WITHHELD or not 1 <= cell[2] <= 7


@given(people=st.lists(WITH_AMOUNTS, min_size=12, max_size=40), other=WITH_AMOUNTS)
def test_one_person_moves_a_sum_by_no_more_than_one_step_of_rounding(people: list[list[int]], other: list[int]) -> None:
    """What is shown of two groups that differ in one person's amounts is the same, or next to it, or withheld."""
    shown = [_shown(_released(_cell(some)), "numerator")[0] for some in (people, [other, *people[1:]])]
    if all(state == State.ROUNDED for state, *_ in shown):
        first, second = (value or 0 for _, value, *_ in shown)
        assert abs(first - second) in (0, 5 * MOST)


@pytest.mark.parametrize(
    "cell",
    [(1, 1, 2, 2), (61, 2, 1, 1), (31, 1, 1, 1), (0, 3, 0, 1), (5, 1, 2, 1), (-1, 0, 0, 0)],
    ids=[
        "fewer units than people",
        "more than one can add",
        "more than a unit can add",
        "more units than one can have",
        "more people add than there are",
        "negative",
    ],
)
def test_what_cannot_be_is_no_count(cell: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"stays v1: (a number is below 0|there is less of a sum or fewer units)"):
        _count(cell)


def test_a_policy_without_a_rule_for_means_refuses() -> None:
    with pytest.raises(DisclosureRefusal, match="policy `open` has no rule for a mean, so nothing of it may leave"):
        release(_count((900, 100, 90, 100)), terms=Terms(rule=Policy.OPEN), already_public=True)

"""What of events and of time may leave a site: nothing that seven people or fewer are behind."""

from datetime import date
from itertools import product

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rounds.disclosure import rules
from rounds.disclosure.bounded import State
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import Released, release
from rounds.disclosure.rules import apply_terms
from rounds.errors import DisclosureRefusal
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import CountKind

REF = MeasureRef(id="falls", version=1, digest="d")
DAYS = 31
MOST_EVENTS = 15


def _count(*cells: tuple[int, int, int, int]) -> Count:
    """Return counts of events, days, people with events and people with days, a period each."""
    rows = [("RX1", date(2000 + place, 1, 1), *cell, MOST_EVENTS, DAYS) for place, cell in enumerate(cells)]
    frame = pl.DataFrame(rows, schema=count_schema((), CountKind.RATE), orient="row")
    return Count(measure=REF, strata=(), cells=frame, kind=CountKind.RATE)


def _released(*cells: tuple[int, int, int, int]) -> Released:
    return release(_count(*cells), terms=Terms(rule=Policy.HES), already_public=False)


def _shown(released: Released, name: str) -> list[tuple[str, int | None, int, int]]:
    parts = ("state", "value", "lower", "upper")
    return released.cells.select([f"{name}_{part}" for part in parts]).rows()


@pytest.mark.parametrize(
    ("events", "people", "shown"),
    [
        (0, 0, (State.EXACT, 0, 0, 0)),
        (1, 1, (State.WITHHELD, None, 1, 105)),
        (30, 2, (State.WITHHELD, None, 1, 105)),
        (105, 7, (State.WITHHELD, None, 1, 105)),
        (8, 8, (State.ROUNDED, 10, 8, 12)),
        (33, 9, (State.ROUNDED, 35, 33, 37)),
    ],
)
def test_events_are_shown_if_eight_people_had_them(
    events: int, people: int, shown: tuple[str, int | None, int, int]
) -> None:
    assert _shown(_released((events, 3100, people, 100)), "numerator") == [shown]


@pytest.mark.parametrize(
    ("days", "people", "shown"),
    [
        (0, 0, (State.EXACT, 0, 0, 0)),
        (31, 1, (State.WITHHELD, None, 1, 217)),
        (217, 7, (State.WITHHELD, None, 1, 217)),
        (8, 8, (State.WITHHELD, None, 1, 217)),
        (77, 8, (State.WITHHELD, None, 1, 217)),
        (78, 8, (State.ROUNDED, 155, 78, 232)),
        (3100, 100, (State.ROUNDED, 3100, 3023, 3177)),
    ],
)
def test_days_are_rounded_to_five_people_and_never_to_nothing(
    days: int, people: int, shown: tuple[str, int | None, int, int]
) -> None:
    assert _shown(_released((0, days, 0, people)), "denominator") == [shown]


def test_how_many_people_are_behind_a_number_does_not_leave() -> None:
    assert not [name for name in _released((9, 3100, 9, 100)).cells.columns if "people" in name or "most" in name]


@given(
    people=st.integers(0, 60),
    share=st.floats(0, 1),
    each=st.floats(0, 1),
    days=st.floats(0, 1),
)
def test_the_truth_is_inside_the_bounds_and_few_people_are_withheld(
    people: int, share: float, each: float, days: float
) -> None:
    with_events = int(share * people)
    events = with_events + int(each * with_events * (MOST_EVENTS - 1))
    of_days = people + int(days * people * (DAYS - 1))
    released = _released((events, of_days, with_events, people))
    for name, truth, behind in (("numerator", events, with_events), ("denominator", of_days, people)):
        ((state, value, lower, upper),) = _shown(released, name)
        assert lower <= truth <= upper
        assert (value is None) == (state == State.WITHHELD)
        assert not 1 <= behind <= 7 or state == State.WITHHELD
        assert value != 0 or truth == 0


@pytest.mark.parametrize(
    "cell",
    [(1, 31, 2, 1), (16, 31, 1, 1), (0, 32, 0, 1), (0, 0, 0, 1), (-1, 0, 0, 0)],
    ids=["fewer events than people", "more than one can have", "more days than there are", "nobody's days", "negative"],
)
def test_what_cannot_be_is_no_count(cell: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"falls v1: (a number is below 0|there are fewer events or days)"):
        _count(cell)


def test_a_policy_without_a_rule_for_a_kind_of_number_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DisclosureRefusal, match="policy `open` has no rule for a rate, so nothing of it may leave"):
        release(_count((9, 3100, 9, 100)), terms=Terms(rule=Policy.OPEN), already_public=True)
    monkeypatch.setattr(rules, "RELEASED", ())
    ruled = {
        (policy, kind)
        for policy, kind in product(set(Policy) - {Policy.NOISE}, CountKind)
        if apply_terms(Terms(rule=policy), kind) is not None
    }
    # Noise is no expression, see test_policies.
    # Another kind of number, or another policy, is refused until a rule is written for it, and named here.
    assert ruled == {
        (Policy.HES, CountKind.PROPORTION),
        (Policy.OPEN, CountKind.PROPORTION),
        (Policy.MIDPOINT6, CountKind.PROPORTION),
        (Policy.HES, CountKind.PROPORTION_OF_ROWS),
        (Policy.MIDPOINT6, CountKind.PROPORTION_OF_ROWS),
        (Policy.HES, CountKind.RATE),
        (Policy.HES, CountKind.MEAN),
    }

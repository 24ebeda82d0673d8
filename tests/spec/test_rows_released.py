"""What of visits and events may leave a site: nothing that seven people or fewer are behind, however many they are."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from every_engine import ENGINES, Engine
from hypothesis import example, given
from hypothesis import strategies as st
from small_site import drug_event, open_site, visits_measure, write_site

from rounds.disclosure.bounded import State, bounded_problem
from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import Released, release
from rounds.errors import DisclosureRefusal
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import MeasureRef
from rounds.measures.kinds import QUANTITIES, CountKind
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum

REF = MeasureRef(id="arrests", version=1, digest="d")
NAMES = ("numerator", "denominator")

Cell = tuple[int, int, int, int]
"""Rows in the numerator and in the denominator, and the people behind each."""
Shown = tuple[State, int | None, int, int]


def _count(*cells: Cell) -> Count:
    rows = [("RX1", date(2000 + place, 1, 1), *cell) for place, cell in enumerate(cells)]
    frame = pl.DataFrame(rows, schema=count_schema((), CountKind.PROPORTION_OF_ROWS), orient="row")
    return Count(measure=REF, strata=(), cells=frame, kind=CountKind.PROPORTION_OF_ROWS)


def _released(*cells: Cell) -> Released:
    return release(_count(*cells), terms=Terms(rule=Policy.HES), already_public=False)


def _shown(cell: Cell) -> tuple[Shown, Shown]:
    ((*both,),) = _released(cell).cells.drop("member", "period").rows()
    return tuple(both[:4]), tuple(both[4:])  # type: ignore[return-value]  # two times state, value, lower and upper


NONE: Shown = (State.EXACT, 0, 0, 0)
FEW: Shown = (State.WITHHELD, None, 1, 7)
TENS: Shown = (State.WITHHELD, None, 8, 70)
HUNDREDS: Shown = (State.WITHHELD, None, 71, 700)


def _rounded(value: int) -> Shown:
    return State.ROUNDED, value, value - 2, value + 2


def test_noise_has_no_rule_for_rows() -> None:
    """What one person adds to a number of rows is not bounded, so no noise is wide enough."""
    terms = Terms(rule=Policy.NOISE, budget=Budget(rho_per_year=0.5, periods_per_year=4))
    with pytest.raises(DisclosureRefusal, match=r"arrests v1: policy `noise` has no rule for a .*rows"):
        release(_count((20, 40, 20, 40)), terms=terms, already_public=False, draw=lambda _, many: [0] * many)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        pytest.param((0, 0, 0, 0), (NONE, NONE), id="nobody"),
        pytest.param((0, 40, 0, 30), (NONE, _rounded(40)), id="none of many"),
        pytest.param((3, 40, 3, 30), (FEW, _rounded(40)), id="few of many, as of people"),
        pytest.param((7, 14, 1, 8), (FEW, _rounded(15)), id="seven of one"),
        pytest.param((8, 9, 8, 9), (_rounded(10), _rounded(10)), id="eight of eight"),
        pytest.param((33, 200, 8, 90), (_rounded(35), _rounded(200)), id="many of eight"),
        pytest.param((2, 5, 1, 3), (FEW, FEW), id="few of few"),
        pytest.param((0, 30, 0, 2), (NONE, TENS), id="thirty visits of two people"),
        pytest.param((5, 30, 2, 2), (FEW, TENS), id="five of their thirty"),
        pytest.param((30, 30, 2, 2), (TENS, TENS), id="all of their thirty"),
        pytest.param((30, 300, 2, 90), (TENS, _rounded(300)), id="thirty of two among many"),
        pytest.param((70, 71, 7, 8), (TENS, _rounded(70)), id="the last of a decade, below the first of the next"),
        pytest.param((71, 800, 7, 90), (HUNDREDS, _rounded(800)), id="the next decade"),
        pytest.param((30, 40, 2, 12), (TENS, TENS), id="rounded, the denominator would bound the numerator"),
        pytest.param((701, 702, 1, 2), ((State.WITHHELD, None, 701, 7_000),) * 2, id="hundreds of one"),
    ],
)
def test_rows_are_shown_if_eight_people_are_behind_them(cell: Cell, shown: tuple[Shown, Shown]) -> None:
    assert _shown(cell) == shown


@pytest.mark.parametrize("people", range(1, 8))
@pytest.mark.parametrize("rows", [8, 12, 30, 69, 70])
def test_how_many_rows_few_people_have_cannot_be_told(rows: int, people: int) -> None:
    assert _shown((rows, 500, people, 400)) == (TENS, _rounded(500))
    assert _shown((rows, rows, people, people)) == (TENS, TENS)
    assert _shown((rows, rows + 1, people, people + 1)) in {(TENS, TENS), (TENS, HUNDREDS), (TENS, _rounded(70))}


def test_how_many_people_are_behind_a_number_does_not_leave() -> None:
    assert not [name for name in _released((9, 30, 9, 20)).cells.columns if "people" in name]


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    people = draw(st.integers(0, 30))
    each = draw(st.lists(st.integers(1, draw(st.sampled_from((1, 3, 20, 2_000)))), min_size=people, max_size=people))
    met = [draw(st.integers(0, number)) for number in each]
    return sum(met), sum(each), sum(map(bool, met)), people


@given(cell=cells())
@example(cell=(7 * 10**18, 7 * 10**18, 1, 1))
def test_the_truth_is_inside_the_bounds_and_few_people_are_withheld(cell: Cell) -> None:
    released = _released(cell)
    assert bounded_problem(released.cells, ()) is None
    both = _shown(cell)
    for (state, value, lower, upper), truth, behind in zip(both, cell[:2], cell[2:], strict=True):
        assert lower <= truth <= upper
        assert (value is None) == (state == State.WITHHELD)
        assert not 1 <= behind <= 7 or state == State.WITHHELD
        assert not 1 <= truth <= 7 or (lower, upper) == (1, 7), "as of people"
        assert value != 0 or truth == 0
    above, below = both
    assert above[3] <= below[3], "a part is not above its whole"
    if above[0] == State.WITHHELD:
        closest = min(above[3], below[3]) - above[2]
        assert closest >= 6, "no closer than of people"
        assert cell[0] <= 7 or closest >= 60, "nor can the whole say more of the part"


def test_rows_are_released_by_no_other_rule() -> None:
    with pytest.raises(DisclosureRefusal, match="policy `open` has no rule for a proportion of rows, so nothing of it"):
        release(_count((9, 30, 9, 20)), terms=Terms(rule=Policy.OPEN), already_public=True)


@pytest.mark.parametrize(
    "cell",
    [(4, 3, 1, 1), (3, 5, 4, 5), (3, 5, 1, 6), (3, 5, 0, 2), (0, 5, 0, 0), (3, 9, 3, 2), (3, 4, 1, 3), (-1, 0, 0, 0)],
    ids=[
        "more than all",
        "fewer rows than people",
        "fewer rows than people in all",
        "nobody's rows",
        "nobody's rows in all",
        "more people than all",
        "fewer other rows than other people",
        "negative",
    ],
)
def test_what_cannot_be_is_no_count(cell: Cell) -> None:
    problem = r"a number is below 0|a numerator is above its denominator, or rows and the people behind them disagree"
    with pytest.raises(ValueError, match=rf"arrests v1: ({problem})"):
        _count(cell)


SITE = {
    "person": "1 female 2002\n2 male 1980\n3 male 1980",
    "observation_period": "1 2018-01-01 2024-12-31\n2 2018-01-01 2024-12-31\n3 2018-01-01 2024-12-31",
    "drug_era": "1 11 2019-03-02\n1 11 2020-03-03\n2 11 2020-05-05",
    "visit_occurrence": (
        "1 1 9201 2019-03-01 2019-03-10\n2 1 9201 2020-03-01 2020-03-10\n3 1 9201 2020-06-01 2020-06-10\n"
        "4 2 9201 2020-05-01 2020-05-10\n5 2 9201 2020-05-04 2020-05-20\n6 3 9201 2020-07-01 2020-07-02"
    ),
}
"""Somebody who turns eighteen, somebody in two visits at a time, somebody with a visit alone."""


@pytest.fixture(params=ENGINES.values(), ids=ENGINES.keys())
def count(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


@pytest.mark.parametrize(
    ("strata", "expected"),
    [
        ((), [(4, 6, 2, 3)]),
        ((Stratum.SEX,), [(2, 3, 1, 1), (2, 3, 1, 2), (0, 0, 0, 0)]),
        ((Stratum.AGE_BAND,), [(1, 1, 1, 1), (1, 2, 1, 1), (2, 3, 1, 2), (0, 0, 0, 0), (0, 0, 0, 0)]),
    ],
    ids=["all", "by sex", "by age band"],
)
def test_somebody_is_behind_a_cell_once_whatever_the_age(
    count: Engine, tmp_path: Path, strata: tuple[Stratum, ...], expected: list[Cell]
) -> None:
    records = open_site(write_site(tmp_path, **SITE))
    measure = replace(visits_measure(drug_event(observed=False), grain=Grain.YEAR, strata=strata), span=2)
    periods = measure.periods(first=date(2019, 1, 1), last=date(2020, 12, 31))
    found = count(measure, records, member="RX1", periods=periods)
    assert found.kind is measure.kind is CountKind.PROPORTION_OF_ROWS
    assert found.cells.select(QUANTITIES[found.kind]).rows() == expected

"""The gate over the whole ledger: other records, other epochs, rates, rows, and numbers that wait."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from ledger_rounds import (
    EVERYBODY,
    FALLS,
    FEWER,
    HES,
    answer_in,
    counted_of,
    measure_of,
    one_cell,
    question_of,
    rules_of,
)

from rounds.disclosure.bounded import State
from rounds.disclosure.policy import Policy, SitePolicy, Terms
from rounds.disclosure.release import Released
from rounds.errors import DisclosureRefusal
from rounds.measures.amounts import Amount, Nights
from rounds.measures.choices import Extent
from rounds.measures.counts import Count, count_schema
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain
from rounds.measures.questions import PersonTime, RecordsQuestion, Rows
from rounds.site.noise import draw
from rounds.site.releasing import Counted, prepare
from rounds.storage.release_store import RELEASE_SCHEMA
from rounds.storage.sqlite_file import transaction

LATER = date(2026, 6, 1)
STRICT = replace(HES, name="strict", terms=Terms(rule=Policy.HES, highest_withheld=7, round_to=15))
MIDPOINT = replace(HES, name="midpoint6", terms=Terms(rule=Policy.MIDPOINT6))
SHOWN = ["numerator_state", "numerator_value", "numerator_lower", "numerator_upper"]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def row(released: Released) -> tuple[object, ...]:
    return released.cells.select(SHOWN).row(0)


def test_a_part_is_not_left_to_be_taken_from_its_whole_of_later_records(ledger: Path) -> None:
    answer_in(ledger, counted_of(0, 40, measure=FEWER))
    (later,) = answer_in(ledger, counted_of(0, 41), as_of=LATER, known=(FEWER,))
    assert later.cells["numerator_state"].to_list() == [State.EXACT, State.WITHHELD, State.EXACT]


@pytest.mark.parametrize(("now", "shown"), [(31, 30), (48, 50)])
def test_where_records_have_changed_nothing_can_be_taken_and_all_is_shown(ledger: Path, now: int, shown: int) -> None:
    answer_in(ledger, counted_of(0, 40, measure=FEWER))
    (later,) = answer_in(ledger, counted_of(0, now), as_of=LATER, known=(FEWER,))
    assert later.cells["numerator_value"].to_list() == [0, shown, 0]


@pytest.mark.parametrize("men", [101, 120])
def test_a_margin_of_later_records_does_not_give_a_cell_away(ledger: Path, men: int) -> None:
    answer_in(ledger, counted_of(7, 101))
    whole = one_cell(EVERYBODY, 7 + men, 1000)
    (later,) = answer_in(ledger, (whole,), as_of=LATER, known=(FALLS,))
    # 98 to 102 men and 108 to 112 people would be 6 or 7 women; 127 people are of other records, whatever one does.
    assert row(later)[0] == (State.WITHHELD if men == 101 else State.ROUNDED)


def test_records_that_change_under_the_same_date_are_no_refusal(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 101))
    (released,) = answer_in(ledger, (one_cell(EVERYBODY, 200, 1000),), left=False, known=(FALLS,))
    assert row(released)[:2] == (State.ROUNDED, 200)
    other = one_cell(replace(EVERYBODY, id="once-more"), 43, 1000)
    (again,) = answer_in(ledger, (other,), known=(FALLS, EVERYBODY))
    assert row(again)[:2] == (State.ROUNDED, 200), "what waits stands as well"


def of_days(*numerators: int) -> Counted:
    """Return a count of a day for each number."""
    measure = replace(EVERYBODY, grain=Grain.DAY)
    first = date(2025, 1, 1)
    periods = measure.periods(first=first, last=first + timedelta(days=len(numerators) - 1))
    rows = [("RX1", period.start, number, 900) for period, number in zip(periods, numerators, strict=True)]
    cells = pl.DataFrame(rows, schema=count_schema(()), orient="row")
    return Counted(
        measure=measure, periods=periods, count=Count(measure=measure.ref, strata=(), cells=cells), completeness=()
    )


@pytest.mark.parametrize("policy", [HES, MIDPOINT, STRICT])
def test_up_to_few_people_who_came_or_went_never_show_in_a_revision(ledger: Path, policy: SitePolicy) -> None:
    """Whoever knows all about everybody but so few people sees the same whatever is true of these."""
    few = policy.terms.few
    far = few + 2 * policy.terms.step
    changes = [
        (before, now) for before in (0, 3, 7, 8, 13, 22, 40) for now in range(max(before - far, 0), before + far)
    ]
    befores, nows = zip(*changes, strict=True)
    answer_in(ledger, (of_days(*befores),), policy=policy)
    (revised,) = answer_in(ledger, (of_days(*nows),), policy=policy, epoch=2, as_of=LATER)
    seen, shows = defaultdict(set), 0
    for (before, now), shown in zip(changes, revised.cells.select(SHOWN).rows(), strict=True):
        assert shown[2] <= now <= shown[3], "what is said of a revision that stands is true"
        if abs(now - before) <= few:
            seen[before].add(shown)
        shows += shown[0] == State.ROUNDED and shown[3] - shown[2] < policy.terms.step
    assert {len(one) for one in seen.values()} == {1}
    assert shows > len(changes) / 8, "a revision by more people shows"


def test_a_number_stands_under_the_name_of_another_measure(ledger: Path) -> None:
    (first,) = answer_in(ledger, counted_of(20, 40, denominators=(500, 300)))
    for place, numbers in enumerate(((20, 40), (26, 3), (0, 333))):
        other = measure_of(id=f"other-{place}", version=3)
        counted = counted_of(*numbers, measure=other, denominators=(600, 400))
        (again,) = answer_in(ledger, counted, as_of=LATER, left=False)
        assert again.cells.drop("member").equals(first.cells.drop("member"))


def test_a_numerator_above_a_denominator_that_stands_is_withheld(ledger: Path) -> None:
    answer_in(ledger, counted_of(40, 40, denominators=(500, 300)))
    (later,) = answer_in(ledger, counted_of(20, 390, measure=FEWER, denominators=(500, 400)), as_of=LATER)
    assert later.cells["denominator_value"].to_list() == [500, 300, 0]
    assert later.cells["numerator_state"].to_list() == [State.ROUNDED, State.WITHHELD, State.EXACT]
    assert later.cells["numerator_upper"].to_list()[1] == 302


def test_what_is_under_stricter_terms_is_withheld_where_it_would_stand(ledger: Path) -> None:
    answer_in(ledger, counted_of(20, 40))
    other = measure_of(id="other", version=3)
    strict = replace(HES, overrides={"other": Terms(rule=Policy.HES, highest_withheld=27)})
    (again,) = answer_in(ledger, counted_of(20, 40, measure=other), policy=strict, as_of=LATER)
    assert again.cells["numerator_state"].to_list() == [State.WITHHELD] * 3


def test_what_waits_to_leave_is_looked_at(ledger: Path) -> None:
    answer_in(ledger, counted_of(0, 40, measure=FEWER), left=False)
    (later,) = answer_in(ledger, counted_of(0, 41), known=(FEWER,))
    assert later.cells["numerator_state"].to_list() == [State.EXACT, State.WITHHELD, State.EXACT]


def test_a_definition_that_is_gone_is_told(ledger: Path) -> None:
    answer_in(ledger, counted_of(0, 40, measure=FEWER))
    counted = counted_of(0, 41)
    with transaction(ledger, schema=RELEASE_SCHEMA) as connection:
        _, told = prepare(connection, rules_of(HES, counted, draw), counted, question=question_of())
    assert told[-1].startswith("numbers of fell-on-a-visit v1 have left, and the library no longer has it as it was")


DIED, ILL = (
    Has(events=Events(table=table, codes=None)) for table in (EventTable.DEATH, EventTable.CONDITION_OCCURRENCE)
)
VISITS = Rows(events=Events(table=EventTable.VISIT_OCCURRENCE, codes=None))


def visits_of(*, grain: Grain = Grain.MONTH) -> Measure:
    question = RecordsQuestion(unit=VISITS, numerator=ILL)
    return replace(FALLS, id=f"visits-{grain}", grain=grain, strata=(), question=question, unit="visits")


def test_rows_that_few_people_are_behind_are_not_left_as_a_difference(ledger: Path) -> None:
    # 20 visits of those who were not ill: of 4 people who were never ill, and who knows whose else.
    few = one_cell(visits_of(), 180, 200, 116, 120)
    (released,) = answer_in(ledger, (few,))
    assert row(released) == (State.WITHHELD, None, 0, 202)
    many = one_cell(replace(visits_of(), id="others"), 180, 200, 100, 120)
    (released,) = answer_in(ledger.with_name("other.db"), (many,))
    assert row(released)[:2] == (State.ROUNDED, 180)


@pytest.mark.parametrize(("people", "state"), [(900, State.ROUNDED), (104, State.WITHHELD)])
def test_people_behind_rows_are_known_in_later_rounds_too(ledger: Path, people: int, state: State) -> None:
    answer_in(ledger, (one_cell(visits_of(), 80, 200, 60, 100),))
    year = visits_of(grain=Grain.YEAR)
    counted = one_cell(year, 800, 2000, min(people, 600), people)
    (later,) = answer_in(ledger, (counted,), as_of=LATER, known=(visits_of(),))
    assert later.cells["denominator_state"].to_list() == [state]


def test_rows_are_not_revised(ledger: Path) -> None:
    for people in (100, 3):
        counted = one_cell(visits_of(), 80, 200, min(people, 60), people)
        with pytest.raises(DisclosureRefusal, match="a revision of visits is asked for, and one person may have any"):
            answer_in(ledger, (counted,), epoch=2)


def falls_of(*, grain: Grain = Grain.MONTH) -> Measure:
    question = RecordsQuestion(unit=PersonTime(most_each=10), numerator=ILL)
    return replace(FALLS, id=f"illness-{grain}", grain=grain, strata=(), question=question, unit="person-years")


def test_days_of_few_people_are_not_left_as_a_difference(ledger: Path) -> None:
    assert falls_of().kind is CountKind.RATE
    answer_in(ledger, (one_cell(falls_of(), 200, 9000, 150, 300, 10, 31),))
    year = falls_of(grain=Grain.YEAR)
    # Of the other months 400 days, which may be one person's or two, and 30 events, which may be three people's.
    (later,) = answer_in(ledger, (one_cell(year, 230, 9400, 160, 310, 10, 365),), as_of=LATER, known=(falls_of(),))
    assert later.cells["denominator_state"].to_list() == [State.WITHHELD]
    assert later.cells["numerator_state"].to_list() == [State.WITHHELD]
    (far,) = answer_in(
        ledger.with_name("far.db"), (one_cell(year, 2300, 94_000, 1600, 3100, 10, 365),), known=(falls_of(),)
    )
    assert far.cells["numerator_state"].to_list() == [State.ROUNDED]


def test_a_sum_of_few_people_is_not_left_to_be_worked_out_from_a_margin(ledger: Path) -> None:
    stays = Rows(events=Events(table=EventTable.VISIT_OCCURRENCE, codes=None, without_end=Extent.ON_AND_ON))
    nights = Amount(of=Nights(), low=0, high=30, step=1, most_each=2)
    by_sex = replace(
        FALLS, id="stays", question=RecordsQuestion(unit=stays, amount=nights), unit="visits", shown_in="nights", per=1
    )
    of_all = replace(by_sex, id="stays-of-everybody", strata=())
    bounds = (60, 2)
    rows = [
        ("RX1", date(2025, 1, 1), "female", 200, 10, 9, 9, *bounds),  # of nine women nothing is shown
        ("RX1", date(2025, 1, 1), "male", 6000, 500, 300, 400, *bounds),
        ("RX1", date(2025, 1, 1), "unknown", 0, 0, 0, 0, *bounds),
    ]
    frame = pl.DataFrame(rows, schema=count_schema(by_sex.strata, CountKind.MEAN), orient="row")
    count = Count(measure=by_sex.ref, strata=by_sex.strata, cells=frame, kind=CountKind.MEAN)
    periods = by_sex.periods(first=date(2025, 1, 1), last=date(2025, 1, 31))
    (first,) = answer_in(ledger, (Counted(measure=by_sex, periods=periods, count=count, completeness=()),))
    assert first.cells["numerator_state"].to_list() == [State.WITHHELD, State.ROUNDED, State.EXACT]
    whole = one_cell(of_all, 6200, 510, 309, 409, *bounds)
    # 5,850 to 6,150 nights of men and 6,150 to 6,450 of all would leave women 0 to 600, as it was: nothing is told.
    (all_of_them,) = answer_in(ledger, (whole,), as_of=LATER, known=(by_sex,))
    assert all_of_them.cells["numerator_value"].to_list() == [6300]
    more = one_cell(replace(of_all, version=2), 6200, 510, 309, 409, *bounds)
    (again,) = answer_in(ledger, (more,), as_of=LATER, known=(by_sex, of_all))
    assert again.cells.equals(all_of_them.cells), "it stands under another name"
    less = one_cell(of_all, 5800, 510, 309, 409, *bounds)
    # 5,550 to 5,850 of all: 0 nights of nine women, and 5,850 of the men.
    other = ledger.with_name("less.db")
    answer_in(other, (Counted(measure=by_sex, periods=periods, count=count, completeness=()),))
    (withheld,) = answer_in(other, (less,), as_of=LATER, known=(by_sex,))
    assert withheld.cells["numerator_state"].to_list() == [State.WITHHELD]

"""On which days a change of the records may change a period's count."""

from dataclasses import fields
from datetime import date

import pytest

from rounds.measures import amounts, choices, criteria, questions, windows
from rounds.measures.choices import Covers, Touches
from rounds.measures.criteria import AllOf, Events, Has, Not, Scored
from rounds.measures.events import EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.periods import Period
from rounds.measures.questions import People, RecordsQuestion, Rows
from rounds.measures.reach import Reach, RowsReach, reach
from rounds.measures.strata import Stratum
from rounds.measures.traits import Observed
from rounds.measures.windows import EVER, THROUGHOUT, Anchor, Edge, Window

MARCH = Period(start=date(2024, 3, 1), end=date(2024, 3, 31))
IN_MARCH = (MARCH.start, MARCH.end)
DRUGS = Events(table=EventTable.DRUG_ERA, codes=None)
VISITS = Events(table=EventTable.VISIT_OCCURRENCE, codes=None)
CONDITIONS = Events(table=EventTable.CONDITION_OCCURRENCE, codes=None)


def of_people(numerator: criteria.Criterion, *, longest: dict[EventTable, int] | None = None) -> Reach:
    return reach(RecordsQuestion(unit=People(), numerator=numerator), MARCH, longest=longest or {})


def drugs(first: date, last: date, *, starting: bool = True) -> RowsReach:
    return RowsReach(table=EventTable.DRUG_ERA, first=first, last=last, starting=starting)


def test_people_depend_on_the_period_they_are_observed_in() -> None:
    found = of_people(Has(events=DRUGS, window=THROUGHOUT))
    assert found == Reach(rows=frozenset({drugs(*IN_MARCH)}), observed=frozenset({IN_MARCH}))


def test_a_window_reaches_back() -> None:
    window = Window(first=Edge(anchor=Anchor.START, months=-12), last=Edge(anchor=Anchor.START, days=-1))
    found = of_people(Not(of=AllOf(of=(Has(events=DRUGS, window=window),))))
    assert found.rows == {drugs(date(2023, 3, 1), date(2024, 2, 29))}


def test_first_ever_and_open_windows_reach_back_to_the_beginning() -> None:
    first_ever = Events(table=EventTable.DRUG_ERA, codes=None, first=True)
    assert of_people(Has(events=first_ever)).rows == {drugs(date.min, MARCH.end)}
    assert of_people(Has(events=DRUGS, window=EVER)).rows == {drugs(date.min, date.max)}


@pytest.mark.parametrize("touches", [Touches.ENDS, Touches.OVERLAPS])
def test_rows_that_started_before_are_looked_at_where_their_end_matters(touches: Touches) -> None:
    assert of_people(Has(events=DRUGS, touches=touches)).rows == {drugs(*IN_MARCH, starting=False)}


def test_what_is_asked_of_a_row_reaches_as_far_as_rows_last() -> None:
    week_after = Window(first=Edge(anchor=Anchor.END), last=Edge(anchor=Anchor.END, days=7))
    followed = Has(events=VISITS, provided=Has(events=DRUGS, window=week_after))
    found = of_people(followed, longest={EventTable.VISIT_OCCURRENCE: 30})
    assert drugs(date(2024, 3, 1), date(2024, 5, 7)) in found.rows


def test_counted_rows_depend_on_whose_they_are() -> None:
    observed_before = Observed(window=Window(first=Edge(anchor=Anchor.START, days=-365), last=None))
    question = RecordsQuestion(unit=Rows(events=VISITS), who=observed_before, numerator=Has(events=CONDITIONS))
    found = reach(question, MARCH, longest={EventTable.VISIT_OCCURRENCE: 10})
    visits = RowsReach(table=EventTable.VISIT_OCCURRENCE, first=MARCH.start, last=MARCH.end, starting=True)
    assert visits in found.rows
    assert any(one.whose and one.table is EventTable.VISIT_OCCURRENCE for one in found.rows)
    conditions = [one for one in found.rows if one.table is EventTable.CONDITION_OCCURRENCE]
    assert [(one.first, one.last) for one in conditions] == [(date(2024, 3, 1), date(2024, 4, 10))]
    assert found.observed == {(date(2023, 3, 2), date.max)}


def test_a_window_without_a_day_depends_on_nothing() -> None:
    never = Window(first=Edge(anchor=date(2025, 1, 1)), last=Edge(anchor=Anchor.END))
    assert not of_people(Has(events=DRUGS, window=never)).rows


def test_dates_at_the_ends_of_the_calendar_stay_in_it() -> None:
    year_before = Window(first=Edge(anchor=Anchor.START, months=-12), last=Edge(anchor=Anchor.START, months=-1))
    ever = Has(events=VISITS, window=EVER, provided=Has(events=DRUGS, window=year_before))
    (found,) = (one for one in of_people(ever).rows if one.table is EventTable.DRUG_ERA)
    assert (found.first, found.last) == (date.min, date(9999, 11, 30))
    # A row in the first year, a month before which is no year: the calendar's own rule stays in that year.
    assert found.last >= Edge(anchor=Anchor.START, months=-1).on(date(1, 1, 5), date(1, 1, 5))


def test_what_goes_on_depends_on_all_that_began_before() -> None:
    going_on = Events(table=EventTable.CONDITION_OCCURRENCE, codes=None, without_end=choices.Extent.ON_AND_ON)
    (found,) = of_people(Has(events=going_on, touches=Touches.OVERLAPS)).rows
    assert (found.first, found.last, found.starting) == (date.min, MARCH.end, True)
    (found,) = of_people(Has(events=going_on, touches=Touches.INSIDE)).rows
    assert (found.first, found.last, found.starting) == (MARCH.start, MARCH.end, True)


def test_a_question_that_names_the_period_reaches_its_days() -> None:
    named = Window(
        first=Edge(anchor=windows.PeriodAnchor.START, months=-12), last=Edge(anchor=windows.PeriodAnchor.END)
    )
    question = RecordsQuestion(unit=Rows(events=VISITS), numerator=Has(events=CONDITIONS, window=named))
    found = reach(question, MARCH, longest={EventTable.VISIT_OCCURRENCE: 10})
    (conditions,) = (one for one in found.rows if one.table is EventTable.CONDITION_OCCURRENCE)
    assert (conditions.first, conditions.last) == (date(2023, 3, 1), MARCH.end)


KNOWN = {
    criteria.Age: {"low", "high", "at", "by"},
    criteria.Sex: {"among"},
    criteria.InGroup: {"grouping", "among"},
    Grouping: {"id", "version", "title", "by", "attribute", "named", "values", "held_by_site"},
    Observed: {"window", "covers"},
    criteria.Value: {"units", "low", "high", "low_included", "high_included"},
    criteria.Answer: {"codes"},
    criteria.Marked: {"detail", "codes"},
    criteria.Result: set(),
    criteria.Lies: {"window", "touches"},
    Has: {"events", "window", "touches", "at_least", "distinct", "choose", "stands", "provided", "same_visit"},
    AllOf: {"of"},
    criteria.AnyOf: {"of", "at_least"},
    Not: {"of"},
    Events: {"table", "codes", "where", "first", "without_end"},
    Scored: {"score", "where", "first"},
    People: {"observed"},
    Rows: {"events", "counted_on"},
    questions.PersonTime: {"visits", "most_each"},
    RecordsQuestion: {"unit", "numerator", "who", "amount"},
    amounts.Amount: {"of", "low", "high", "step", "most_each", "if_missing"},
    amounts.Nights: set(),
    amounts.OwnValue: set(),
    amounts.FoundValue: {"rows", "take"},
    amounts.HowMany: {"rows"},
    Window: {"first", "last"},
    Edge: {"anchor", "months", "days"},
}


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.__name__)
def test_reach_knows_every_field_of_a_question(kind: type) -> None:
    said = {field.name for field in fields(kind)}
    assert said == KNOWN[kind], "say in measures/reach.py on which days the new field makes a count depend, then here"


def test_reach_knows_every_word_of_a_question() -> None:
    message = "say in measures/reach.py on which rows the new word makes a count depend, then here"
    grouped = {"ethnicity", "deprivation", "area", "care_site", "ward"}
    assert {*Stratum} == {"age_band", "sex", *grouped}, message
    assert {*Touches} == {"starts", "ends", "overlaps", "inside"}, message
    assert {*choices.Extent} == {"first day", "on and on"}, message
    assert {*choices.Stands} == {"at the moment", "lowest of the day"}, message
    assert {*windows.PeriodAnchor} == {"period start", "period end"}, message
    assert {*choices.Choose} == {"any", "first", "last"}, message
    assert {*choices.Distinct} == {"rows", "days", "codes"}, message
    assert {*Covers} == {"any day", "every day"}, message
    assert {*questions.ObservedOn} == {"any day", "first day", "last day", "every day"}, message
    assert {*Anchor} == {"start", "end"}, message

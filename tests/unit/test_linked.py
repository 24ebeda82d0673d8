"""What is said of the numbers of measures, rule by rule: `a.n` is the numerator of the first measure in its period."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from small_site import make_measure

from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue, Take
from rounds.measures.choices import AgeBy, Choose, Covers, Distinct, Extent, Statistic, Touches
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import (
    AllOf,
    AnyOf,
    Change,
    Criterion,
    Events,
    Given,
    Graded,
    Has,
    Lies,
    Not,
    Reaches,
    Summary,
)
from rounds.measures.definitions import Measure
from rounds.measures.events import Detail, EventTable
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.linked import Quantities, Relations, Table, Why, relations
from rounds.measures.periods import Grain, Period
from rounds.measures.questions import ObservedOn, People, PersonTime, PublishedQuestion, RecordsQuestion, Rows
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import AT_END, AT_START, EVER, THROUGHOUT, Anchor, Edge, PeriodAnchor, Window

FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)


def codes(*concepts: int, descendants: bool = False, excluded: tuple[int, ...] = ()) -> CodeList:
    return CodeList(
        id=f"list-{concepts}",
        version=1,
        title="A list",
        concepts=tuple((one, "c") for one in concepts),
        descendants=descendants,
        excluded=tuple((one, "c") for one in excluded),
    )


def rows(*concepts: int, table: EventTable = EventTable.CONDITION_OCCURRENCE, **said: Any) -> Events:
    return Events(table=table, codes=codes(*concepts) if concepts else None, **said)


def had(*concepts: int, table: EventTable = EventTable.CONDITION_OCCURRENCE, **said: Any) -> Has:
    return Has(events=rows(*concepts, table=table), **said)


def summary(of: Statistic, **limits: Any) -> Summary:
    return Summary(of=of, rows=WITH_VALUE, limits=Value(units=(), **limits))


def change(**limits: Any) -> Change:
    last, first = (replace(WITH_VALUE, choose=choose) for choose in (Choose.LAST, Choose.FIRST))
    return Change(of=last, since=first, limits=Value(units=(), **limits))


WITH_VALUE = Has(events=rows(1, table=EventTable.MEASUREMENT, where=Value(units=(8753,))))
MEAN, SUM, LOWEST, HIGHEST = Statistic.MEAN, Statistic.SUM, Statistic.LOWEST, Statistic.HIGHEST


def days(first: int | None, last: int | None, *, of: Anchor = Anchor.START) -> Window:
    edges = [None if day is None else Edge(anchor=of, days=day) for day in (first, last)]
    return Window(first=edges[0], last=edges[1])


def people(numerator: Criterion, who: Criterion | None = None, **said: Any) -> Measure:
    observed = said.pop("observed", ObservedOn.ANY_DAY)
    return make_measure(RecordsQuestion(unit=People(observed=observed), who=who, numerator=numerator), **said)


def visits(numerator: Criterion, who: Criterion | None = None, counted: Events | None = None, **said: Any) -> Measure:
    unit = Rows(
        events=counted or Events(table=EventTable.VISIT_OCCURRENCE, codes=None), counted_on=said.pop("on", Anchor.START)
    )
    return make_measure(RecordsQuestion(unit=unit, who=who, numerator=numerator), **said)


def nights(who: Criterion | None = None, events: Events | None = None, **said: Any) -> Measure:
    stays = Events(table=EventTable.VISIT_OCCURRENCE, codes=None)
    unit = PersonTime(visits=stays, most_each=said.pop("most_each", 15))
    question = RecordsQuestion(unit=unit, who=who, numerator=Has(events=events or rows(1)))
    return make_measure(question, unit="bed-days", **said)


def mean(of: Any, unit: People | Rows, who: Criterion | None = None, **said: Any) -> Measure:
    limits: dict[str, Any] = {"low": 0.0, "high": 10.0, "step": 1.0}
    limits |= {name: said.pop(name) for name in ("most_each", "if_missing", "high") if name in said}
    return make_measure(RecordsQuestion(unit=unit, who=who, amount=Amount(of=of, **limits)), **said)


def tables(*measures: Measure, first: date = FIRST, last: date = LAST) -> Quantities:
    named = [replace(one, id=f"m{place}") if one.id == "example" else one for place, one in enumerate(measures)]
    return Quantities(tables=tuple(Table(measure=one, periods=one.periods(first=first, last=last)) for one in named))


def said(quantities: Quantities) -> set[str]:
    """Return what is said of some quantities, in signs."""
    names: list[str] = []
    for place, table in enumerate(quantities.tables):
        for row in quantities.frame(place).iter_rows(named=True):
            period = f"{row['period']:%m}" if len(table.periods) > 1 else ""
            levels = [str(row[str(stratum)]) for stratum in table.measure.strata]
            names.append(f"{'abcdef'[place]}.{row['role'][0]}{period}{levels if levels else ''}".replace("'", ""))
    found = relations(quantities)
    lines = {f"{names[a]} < {names[b]}" for a, b in found.contained.tolist()}
    for one, other in found.sums():
        sides = sorted([" + ".join(sorted(names[a] for a in side)) or "0" for side in (one, other)])
        lines.add(" = ".join(sides))
    for (a, b), why in zip(found.overlapping.tolist(), found.why.tolist(), strict=True):
        lines.add(f"{' ~ '.join(sorted((names[a], names[b])))}: {Why(why).name}")
    return lines


OWN = {"a.n < a.d", "b.n < b.d"}


def between(a: Measure, b: Measure) -> set[str]:
    """Return what is said of two measures without strata in a year beside that numerators lie in denominators."""
    return said(tables(a, b)) - OWN


def numerators(stronger: Criterion, weaker: Criterion) -> str:
    """Return what is said of the numerators of two measures that ask everybody."""
    found = between(people(stronger), people(weaker)) - {"a.d = b.d", "b.n < a.d"}
    assert len(found) <= 1
    return (found.pop() if found else "").replace("a.n", "a").replace("b.n", "b")


def of_rows(stronger: Criterion, weaker: Criterion, table: EventTable = EventTable.MEASUREMENT) -> str:
    """Return what is said of people who had a row of which one thing is so, and another."""
    return numerators(had(1, table=table, provided=stronger), had(1, table=table, provided=weaker))


def test_a_numerator_lies_in_its_denominator_cell_by_cell() -> None:
    assert said(tables(people(had(1), strata=(Stratum.SEX,)))) == {
        "a.n[female] < a.d[female]",
        "a.n[male] < a.d[male]",
        "a.n[unknown] < a.d[unknown]",
    }


def test_two_measures_of_the_same_people_have_equal_denominators() -> None:
    assert between(people(had(1)), people(had(2))) == {"a.d = b.d", "b.n < a.d"}


def test_two_identical_questions_are_equal_throughout() -> None:
    assert between(people(had(1)), people(had(1))) == {"a.d = b.d", "a.n = b.n"}


def test_what_a_code_list_is_called_does_not_matter() -> None:
    renamed = had()
    renamed = replace(renamed, events=replace(rows(1), codes=replace(codes(1), id="other", title="Other", version=9)))
    assert numerators(had(1), renamed) == "a = b"


def test_a_numerator_may_be_the_denominator_of_another() -> None:
    asked = people(had(1), who=Sex(among=("female",)))
    assert between(asked, people(had(2), who=AllOf(of=(had(1), Sex(among=("female",)))))) == {
        "a.n = b.d",
        "b.n < a.d",
        "b.n < a.n",
    }


def test_more_criteria_are_met_by_fewer() -> None:
    assert between(people(had(1), who=AllOf(of=(had(2), had(3)))), people(had(1), who=had(2))) == {
        "a.d < b.d",
        "a.n < b.d",
        "a.n < b.n",
    }


def test_somebody_and_somebody_else_are_the_whole() -> None:
    assert between(people(had(1)), people(had(2), who=Not(of=had(1)))) == {
        "a.d = a.n + b.d",
        "b.d < a.d",
        "b.n < a.d",
    }


def test_what_is_not_all_of_several_and_what_is_are_the_whole() -> None:
    several = AllOf(of=(had(1), had(2)))
    assert "a.d = a.n + b.n" in between(people(several), people(Not(of=several)))


def test_ages_that_meet_are_the_whole() -> None:
    three = [people(had(1), who=age) for age in (Age(low=18, high=64), Age(low=65), Age(high=17))]
    assert "a.d + b.d + c.d = d.d" in said(tables(*three, people(had(1))))


def test_ages_that_overlap_or_leave_a_gap_are_not_the_whole() -> None:
    for first, last in ((60, 17), (66, 17)):
        three = [people(had(1), who=age) for age in (Age(low=18, high=64), Age(low=first), Age(high=last))]
        assert not any("+" in line for line in said(tables(*three, people(had(1)))))


def test_bands_that_are_cut_are_not_those_of_all() -> None:
    some = people(had(1), who=Age(low=20, high=64), strata=(Stratum.AGE_BAND,))
    found = said(tables(some, people(had(1), strata=(Stratum.AGE_BAND,))))
    assert {"a.d[40-59] = b.d[40-59]", "a.d[18-39] < b.d[18-39]", "0 = a.d[80+]"} <= found
    assert not any("a.d[18-39]" in line or "b.d[18-39]" in line for line in found if "=" in line)


def test_levels_add_up_to_margins() -> None:
    found = said(tables(people(had(1), strata=(Stratum.AGE_BAND, Stratum.SEX)), people(had(1), strata=(Stratum.SEX,))))
    ages = ("0-17", "18-39", "40-59", "60-79", "80+")
    assert " + ".join(f"a.d[{age}, male]" for age in ages) + " = b.d[male]" in found
    assert "a.n[80+, male] < b.n[male]" in found
    assert "a.n[80+, male] < b.n[female]" not in found


def test_tables_by_different_strata_have_the_same_whole() -> None:
    found = said(tables(people(had(1), strata=(Stratum.AGE_BAND,)), people(had(1), strata=(Stratum.SEX,))))
    left = "a.d[0-17] + a.d[18-39] + a.d[40-59] + a.d[60-79] + a.d[80+]"
    assert f"{left} = b.d[female] + b.d[male] + b.d[unknown]" in found


def test_strata_in_another_order_are_the_same_cells() -> None:
    both = (Stratum.AGE_BAND, Stratum.SEX)
    found = said(tables(people(had(1), strata=both), people(had(1), strata=both[::-1])))
    assert "a.n[80+, male] = b.n[male, 80+]" in found


def test_a_measure_of_women_is_a_level_of_another() -> None:
    found = said(tables(people(had(1), who=Sex(among=("female",))), people(had(1), strata=(Stratum.SEX,))))
    assert {"a.d = b.d[female]", "a.n = b.n[female]"} <= found
    assert not any("male]" in line and "a." in line and "female" not in line for line in found)


def test_an_age_in_completed_years_is_no_age_band() -> None:
    by_year = people(had(1), who=Age(low=18, high=39), strata=())
    bands = people(had(1), strata=(Stratum.AGE_BAND,))
    assert "a.d = b.d[18-39]" in said(tables(by_year, bands))
    by_birthday = people(had(1), who=Age(low=18, high=39, by=AgeBy.BIRTHDAY))
    assert not any(" = " in line for line in said(tables(by_birthday, bands)))


def test_nobody_is_in_a_cell_that_nobody_is_asked_about() -> None:
    found = said(tables(people(had(1), who=Age(low=18), strata=(Stratum.AGE_BAND,))))
    assert {"0 = a.d[0-17]", "0 = a.n[0-17]"} <= found
    assert "a.n[0-17] < a.d[0-17]" not in found


def test_nobody_meets_a_criterion_and_its_contrary() -> None:
    assert "0 = a.n" in said(tables(people(Not(of=had(1)), who=had(1))))


def test_visits_of_months_add_up_and_people_do_not() -> None:
    def quarter(made: Any) -> set[str]:
        two = made(had(1), grain=Grain.MONTH), made(had(1), grain=Grain.QUARTER)
        return said(tables(*two, last=date(2024, 3, 31)))

    assert "a.d01 + a.d02 + a.d03 = b.d" in quarter(visits)
    assert {"a.d01 < b.d", "a.n01 < b.d", "a.n01 < b.n"} <= quarter(visits)
    assert not any(" = " in line for line in quarter(people))
    assert {"a.d01 < b.d", "a.n03 < b.n"} <= quarter(people)


def test_twelve_months_that_move_on_are_made_of_months_and_overlap() -> None:
    rolling = visits(had(1), grain=Grain.MONTH, span=3)
    found = said(tables(visits(had(1), grain=Grain.MONTH), rolling, last=date(2024, 4, 30)))
    assert {"a.d01 + a.d02 + a.d03 = b.d01", "a.d02 + a.d03 + a.d04 = b.d02"} <= found
    assert "b.d01 ~ b.d02: PERIODS" in found
    assert "b.d01 < b.d02" not in found


@pytest.mark.parametrize(
    ("observed", "contained"),
    [(ObservedOn.ANY_DAY, True), (ObservedOn.FIRST_DAY, False), (ObservedOn.EVERY_DAY, False)],
)
def test_people_of_a_month_are_in_its_quarter_if_any_day_will_do(observed: ObservedOn, contained: bool) -> None:
    months, quarter = (people(had(1), observed=observed, grain=grain) for grain in (Grain.MONTH, Grain.QUARTER))
    found = said(tables(months, quarter, last=date(2024, 3, 31)))
    assert ("a.d02 < b.d" in found) is contained
    assert ("a.d01 = b.d" in found) is (observed is ObservedOn.FIRST_DAY)


def test_who_has_a_status_at_the_end_of_a_month_may_lose_it_by_the_end_of_the_year() -> None:
    status = had(
        1, table=EventTable.OBSERVATION, choose=Choose.LAST, window=Window(first=None, last=Edge(anchor=Anchor.END))
    )
    found = said(tables(*(people(status, grain=grain) for grain in (Grain.MONTH, Grain.YEAR))))
    assert "a.n11 < b.d" in found
    assert "a.n12 < b.n" in found
    plainer = replace(status, provided=Age(low=60, at=Anchor.END))
    for asked in (Observed(window=AT_END), plainer):
        found = said(tables(*(people(asked, grain=grain) for grain in (Grain.MONTH, Grain.YEAR))))
        assert "a.n11 < b.d" in found
        assert "a.n11 < b.n" not in found


def test_the_age_of_a_month_is_that_of_its_year_alone() -> None:
    by_age = people(had(1), strata=(Stratum.AGE_BAND,))
    months = replace(by_age, id="m", grain=Grain.MONTH)
    of_months = Table(measure=months, periods=months.periods(first=FIRST, last=LAST))

    def around(first: date) -> set[str]:
        return said(Quantities(tables=(of_months, Table(measure=by_age, periods=(Period(start=first, end=LAST),)))))

    assert "a.d06[80+] < b.d[80+]" in around(FIRST)
    assert not any(line.startswith("a.d06[80+] < b.") for line in around(date(2023, 1, 1)))


@pytest.mark.parametrize(
    ("observed", "within"),
    [
        (ObservedOn.EVERY_DAY, {ObservedOn.FIRST_DAY, ObservedOn.LAST_DAY, ObservedOn.ANY_DAY}),
        (ObservedOn.FIRST_DAY, {ObservedOn.ANY_DAY}),
        (ObservedOn.LAST_DAY, {ObservedOn.ANY_DAY}),
        (ObservedOn.ANY_DAY, set()),
    ],
)
def test_who_is_observed_every_day_is_observed_on_any(observed: ObservedOn, within: set[ObservedOn]) -> None:
    asked = {one for one in ObservedOn if one is not observed}
    some = {one: between(people(had(1), observed=observed), people(had(1), observed=one)) for one in asked}
    assert {one for one, found in some.items() if "a.d < b.d" in found} == within


SHORTER = Window(first=Edge(anchor=Anchor.START, days=30), last=Edge(anchor=Anchor.END, days=-30))
"""It holds no day where what it is laid on is short."""

HALF_YEAR, YEAR = days(-180, 0), days(-365, 0)


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (had(1), had(1, 2)),
        (had(1), had()),
        (had(1, window=HALF_YEAR), had(1, window=YEAR)),
        (had(1, window=AT_START), had(1, window=THROUGHOUT)),
        (had(1, window=THROUGHOUT), had(1, window=EVER)),
        (had(1, at_least=2), had(1)),
        (had(1, at_least=2, distinct=Distinct.DAYS), had(1, at_least=2)),
        (had(1, touches=Touches.INSIDE), had(1, touches=Touches.ENDS)),
        (had(1, touches=Touches.STARTS), had(1, touches=Touches.OVERLAPS)),
        (had(1, provided=Sex(among=("male",))), had(1)),
        (Has(events=rows(1, where=Observed())), had(1)),
        (Has(events=rows(1, first=True)), had(1)),
        (had(1, choose=Choose.FIRST), had(1)),
        (had(1, choose=Choose.LAST, provided=Age(low=60)), had(1, choose=Choose.LAST, provided=Age(low=50))),
        (Not(of=had(1)), Not(of=had(1, window=AT_START))),
        (had(1), AnyOf(of=(had(1), had(2)))),
        (AllOf(of=(had(1), had(2), had(3))), AnyOf(of=(had(1), had(2), had(3)), at_least=2)),
        (AnyOf(of=(had(1), had(2), had(3)), at_least=2), AnyOf(of=(had(1), had(2), had(3)))),
        (AnyOf(of=(had(1, at_least=3), had(1, at_least=2))), had(1)),
        (Not(of=had(1)), Not(of=AllOf(of=(had(1), had(2))))),
        (Observed(window=HALF_YEAR), Observed(window=YEAR, covers=Covers.ANY_DAY)),
        (Observed(window=YEAR), Observed(window=days(-365, -365), covers=Covers.ANY_DAY)),
        (Not(of=had(1, 2)), Not(of=had(1))),
        (Age(low=70), Age(low=60, high=None)),
        (Age(low=-3, high=5), Age(low=-3, high=5)),
        (Sex(among=("male",)), Sex(among=("male", "female"))),
    ],
)
def test_one_criterion_follows_from_another(stronger: Criterion, weaker: Criterion) -> None:
    assert numerators(stronger, weaker) == ("a = b" if stronger == weaker else "a < b")


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (summary(MEAN, low=8.0), summary(MEAN, low=5.0)),
        (summary(MEAN, low=5.0, low_included=False), summary(MEAN, low=5.0)),
        (summary(SUM, high=5.0, high_included=False), summary(SUM, high=5.0)),
        (summary(SUM, low=5.0, high=8.0), summary(SUM, high=9.0)),
        (summary(SUM, low=5.0, low_included=False, high=8.0), summary(SUM, low=5.0)),
        (summary(MEAN, high=5.0), WITH_VALUE),
        (Not(of=summary(MEAN, low=5.0)), Not(of=summary(MEAN, low=5.0, high=8.0))),
        (Not(of=WITH_VALUE), Not(of=summary(SUM, high=5.0))),
        (summary(LOWEST, low=5.0), summary(LOWEST, low=4.0)),
        (summary(LOWEST, low=5.0, high=8.0), WITH_VALUE),
        (summary(HIGHEST, high=5.0), summary(HIGHEST, high=6.0)),
        (change(low=5.0, high=8.0), change(low=5.0)),
        (change(high=-5.0), change(high=0.0, high_included=False)),
        (change(high=0.0), WITH_VALUE),
        (change(high=0.0), replace(WITH_VALUE, choose=Choose.LAST)),
    ],
)
def test_one_summary_of_values_follows_from_another(stronger: Criterion, weaker: Criterion) -> None:
    assert numerators(stronger, weaker) == "a < b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (summary(MEAN, low=8.0), summary(SUM, low=5.0)),
        (summary(MEAN, low=8.0), summary(MEAN, high=9.0)),
        (change(low=8.0), change(high=9.0)),
        (change(low=8.0), replace(change(low=5.0), since=replace(WITH_VALUE, choose=Choose.LAST))),
        (summary(SUM, low=5.0, high=8.0), summary(SUM, low=5.0, low_included=False)),
        (summary(MEAN, low=8.0), replace(summary(MEAN, low=5.0), rows=replace(WITH_VALUE, window=AT_START))),
    ],
)
def test_of_summaries_nothing_is_said_that_does_not_follow(one: Criterion, other: Criterion) -> None:
    assert "<" not in numerators(one, other)


@pytest.mark.parametrize(
    ("summarised", "of_single_values"),
    [
        (summary(HIGHEST, low=5.0), replace(WITH_VALUE, provided=Value(units=(), low=5.0))),
        (
            summary(LOWEST, low=5.0),
            AllOf(
                of=(WITH_VALUE, Not(of=replace(WITH_VALUE, provided=Value(units=(), high=5.0, high_included=False))))
            ),
        ),
    ],
)
def test_a_highest_and_a_lowest_are_what_single_values_are(summarised: Criterion, of_single_values: Criterion) -> None:
    assert numerators(summarised, of_single_values) == "a = b"


def test_means_on_both_sides_of_a_limit_are_all_that_have_one() -> None:
    high, low = summary(MEAN, low=5.0), summary(MEAN, high=5.0, high_included=False)
    assert "a.n + b.n = c.n" in said(tables(people(high), people(low), people(WITH_VALUE)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (had(1), had(2)),
        (had(1, window=days(-180, 0)), had(1, window=days(-90, 10))),
        (
            had(1, window=days(0, None, of=Anchor.END)),
            had(1, window=days(0, None, of=Anchor.END), at_least=2, choose=Choose.ANY, provided=Sex(among=("male",))),
        ),
        (had(1, touches=Touches.STARTS), had(1, touches=Touches.ENDS)),
        (Has(events=rows(1, first=True)), Has(events=rows(1, 2, first=True))),
        (had(1, choose=Choose.FIRST), had(1, choose=Choose.LAST, provided=Sex(among=("male",)))),
        (
            had(1, choose=Choose.LAST, window=AT_START, provided=Age(low=9)),
            had(1, choose=Choose.LAST, provided=Age(low=9)),
        ),
        (had(1, distinct=Distinct.CODES, at_least=2), had(1, distinct=Distinct.DAYS, at_least=2)),
        (Age(low=18, at=Anchor.START), Age(low=18, at=Anchor.END)),
        (Observed(window=THROUGHOUT), Observed(window=SHORTER)),
        (Observed(window=THROUGHOUT), Observed(window=SHORTER, covers=Covers.ANY_DAY)),
        (Age(low=18, by=AgeBy.YEAR), Age(low=18, by=AgeBy.BIRTHDAY)),
        (Age(low=-3, high=5), Age(low=-3, high=6)),
        (AnyOf(of=(had(1), had(2))), AnyOf(of=(had(1), had(3)))),
        (Observed(window=days(-10, 0), covers=Covers.ANY_DAY), Observed(window=days(0, 10), covers=Covers.ANY_DAY)),
    ],
)
def test_of_what_does_not_follow_nothing_is_said_for_certain(one: Criterion, other: Criterion) -> None:
    if isinstance(one, Has) and isinstance(other, Has) and other.provided is not None and other.at_least == 2:
        assert numerators(other, one) == "a < b"
        return
    found = {numerators(one, other), numerators(other, one)}
    assert not any("<" in line or "=" in line for line in found)


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (Value(units=(8753,), low=5.0, high=6.0), Value(units=(8753, 9529), low=4.0)),
        (Value(units=(8753,), low=5.0), Value(units=())),
        (Value(units=(), low=5.0, low_included=False), Value(units=(), low=5.0)),
        (Answer(codes=codes(7)), Answer(codes=codes(7, 8))),
        (Marked(detail=Detail.TYPE, codes=codes(7)), Marked(detail=Detail.TYPE, codes=codes(7, 8))),
        (
            Lies(window=Window(first=Edge(anchor=date(2024, 2, 1)), last=None)),
            Lies(window=EVER, touches=Touches.OVERLAPS),
        ),
        (Observed(), Observed(covers=Covers.ANY_DAY, window=days(-9, 9))),
    ],
)
def test_one_thing_follows_from_another_of_a_row(stronger: Criterion, weaker: Criterion) -> None:
    assert of_rows(stronger, weaker) == "a < b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Value(units=(), low=5.0), Value(units=(8753,), low=4.0)),
        (Value(units=(), low=5.0), Value(units=(), low=4.0, high=9.0)),
        (Answer(codes=codes(7)), Marked(detail=Detail.TYPE, codes=codes(7))),
        (Result(), Answer(codes=codes(7))),
    ],
)
def test_of_rows_nothing_is_said_of_what_does_not_follow(one: Criterion, other: Criterion) -> None:
    assert "<" not in of_rows(one, other) + of_rows(other, one)


@pytest.mark.parametrize(
    ("inner", "outer", "contained"),
    [
        (codes(1, descendants=True), codes(1, 2, descendants=True), True),
        (codes(1, descendants=True, excluded=(5, 6)), codes(1, descendants=True, excluded=(5,)), True),
        (codes(1, descendants=True, excluded=(5,)), codes(1, descendants=True, excluded=(6,)), False),
        (codes(1), codes(1, descendants=True), True),
        (codes(1), codes(1, descendants=True, excluded=(5,)), False),
        (codes(1, descendants=True), codes(1, 2), False),
        (codes(1, 2, excluded=(2,)), codes(1, 3), True),
    ],
)
def test_a_code_list_lies_in_another_whatever_the_vocabulary(inner: CodeList, outer: CodeList, contained: bool) -> None:
    a, b = (Has(events=Events(table=EventTable.CONDITION_OCCURRENCE, codes=one)) for one in (inner, outer))
    assert (numerators(a, b) == "a < b") is contained


def test_a_score_of_a_person_reaches_more_and_less() -> None:
    of = (
        Graded(given=(Given(points=2, to=had(1)), Given(points=1, to=had(2)))),
        Graded(given=(Given(points=1, to=had(3)),)),
    )
    high, low = (Reaches(title=title, of=of, at_least=least) for title, least in (("One", 3), ("Other", 2)))
    assert numerators(high, low) == "a < b"
    assert numerators(replace(high, at_least=2), low) == "a = b"


def ethnicity(
    *levels: tuple[str, tuple[str, ...]], by: Stratum = Stratum.ETHNICITY, attribute: Attribute = Attribute.RACE
) -> Grouping:
    return Grouping(
        id=f"by-{len(levels)}",
        version=1,
        title="Groups",
        by=by,
        attribute=attribute,
        named=tuple(level for level, _ in levels),
        values=tuple(sorted((value, level) for level, some in levels for value in some)),
    )


FINE = ethnicity(("one", ("1",)), ("two", ("2",)), ("three", ("3",)))
COARSE = ethnicity(("one or two", ("1", "2")))


def test_a_coarse_grouping_adds_up_the_levels_of_a_fine_one() -> None:
    fine, coarse = (people(had(1), strata=(Stratum.ETHNICITY,), groupings=(one,)) for one in (FINE, COARSE))
    found = said(tables(fine, coarse))
    assert {"a.d[one] + a.d[two] = b.d[one or two]", "a.d[three] + a.d[unknown] = b.d[unknown]"} <= found
    asked = people(had(1), who=InGroup(grouping=COARSE, among=("one or two",)))
    assert "a.d[one] + a.d[two] = b.d" in said(tables(fine, asked))


def test_two_groupings_of_one_column_are_compared_whatever_they_are_of() -> None:
    area = ethnicity(("A", ("E1", "E2")), by=Stratum.AREA, attribute=Attribute.AREA_CODE)
    deprived = ethnicity(("1", ("E1",)), ("2", ("E2",)), by=Stratum.DEPRIVATION, attribute=Attribute.AREA_CODE)
    found = said(
        tables(
            people(had(1), strata=(Stratum.AREA,), groupings=(area,)),
            people(had(1), strata=(Stratum.DEPRIVATION,), groupings=(deprived,)),
        )
    )
    assert "a.d[A] = b.d[1] + b.d[2]" in found


def test_groupings_that_cut_across_each_other_agree_only_as_a_whole() -> None:
    other = ethnicity(("two or three", ("2", "3")))
    fine, across = (people(had(1), strata=(Stratum.ETHNICITY,), groupings=(one,)) for one in (COARSE, other))
    found = said(tables(fine, across))
    assert "a.d[one or two] + a.d[unknown] = b.d[two or three] + b.d[unknown]" in found
    assert sum(" = " in line and "a.d" in line for line in found) == 1


def test_a_visit_at_two_places_may_be_of_a_coarse_level_and_of_no_fine_one() -> None:
    fine = ethnicity(("one", ("1",)), ("two", ("2",)), by=Stratum.CARE_SITE, attribute=Attribute.CARE_SITE_NAME)
    coarse = ethnicity(("both", ("1", "2")), by=Stratum.CARE_SITE, attribute=Attribute.CARE_SITE_NAME)
    split = [(Stratum.CARE_SITE,), (Stratum.CARE_SITE,)]
    of_rows = [visits(had(1), strata=by, groupings=(one,)) for by, one in zip(split, (fine, coarse), strict=True)]
    found = said(tables(*of_rows))
    assert "a.d[one] < b.d[both]" not in found
    assert "a.d[one] + a.d[two] = b.d[both]" not in found
    assert "a.d[one] ~ b.d[both]: ALIKE" in found
    assert "a.d[one] + a.d[two] + a.d[unknown] = b.d[both] + b.d[unknown]" in found
    of_people = [people(had(1), strata=by, groupings=(one,)) for by, one in zip(split, (fine, coarse), strict=True)]
    assert "a.d[one] + a.d[two] = b.d[both]" in said(tables(*of_people))


def test_what_a_site_says_itself_is_the_same_by_name_only() -> None:
    held = replace(FINE, held_by_site=True)
    other = replace(held, id="another")
    by = {"strata": (Stratum.ETHNICITY,)}
    assert "a.d[one] = b.d[one]" in said(
        tables(people(had(1), groupings=(held,), **by), people(had(1), groupings=(held,), **by))
    )
    assert "a.d[one] = b.d[one]" not in said(
        tables(people(had(1), groupings=(held,), **by), people(had(1), groupings=(other,), **by))
    )


def test_first_ever_events_lie_in_all_and_months_of_them_add_up() -> None:
    first, every = (visits(had(1), counted=rows(3, first=one)) for one in (True, False))
    assert {"a.d < b.d", "a.n < b.n"} <= between(first, every)
    wider = visits(had(1), counted=rows(3, 4, first=True))
    assert not any("a.d" in line and "b.d" in line and "~" not in line for line in between(first, wider))
    found = said(tables(replace(first, grain=Grain.MONTH), first, last=LAST))
    assert " + ".join(f"a.d{month:02}" for month in range(1, 13)) + " = b.d" in found


def test_what_is_asked_before_the_first_is_chosen_is_not_what_is_asked_after() -> None:
    before = visits(had(1), counted=rows(3, first=True, where=Sex(among=("male",))))
    after = visits(had(1), counted=rows(3, first=True), who=Sex(among=("male",)))
    assert not any("a.d" in line and "b.d" in line and "~" not in line for line in between(before, after))
    plain = [visits(had(1), counted=rows(3, where=Observed())), visits(had(1), counted=rows(3), who=Observed())]
    assert between(*plain) == {"a.d = b.d", "a.n = b.n"}


def test_visits_are_counted_on_one_day_or_another() -> None:
    starting, ending = visits(had(1)), visits(had(1), on=Anchor.END)
    assert between(starting, ending) == {"a.d ~ b.d: ALIKE", "a.n ~ b.n: ALIKE"}


def test_a_row_that_goes_on_is_another_row() -> None:
    counted = rows(3, without_end=Extent.ON_AND_ON)
    found = between(visits(had(1), counted=rows(3)), visits(had(1), counted=counted))
    assert found == {"a.d ~ b.d: ALIKE", "a.n ~ b.n: ALIKE"}


def test_a_visit_that_is_asked_about_the_period_is_another_in_each() -> None:
    asked = Lies(window=Window(first=None, last=Edge(anchor=PeriodAnchor.END, days=-30)))
    months, quarter = (visits(had(1), who=asked, grain=grain) for grain in (Grain.MONTH, Grain.QUARTER))
    found = said(tables(months, quarter, last=date(2024, 3, 31)))
    assert not any(" = " in line for line in found)
    assert "a.d01 < b.d" in found  # who came 30 days before the end of January came 30 days before that of March


def test_of_a_person_the_period_is_the_unit() -> None:
    named = had(1, window=Window(first=Edge(anchor=PeriodAnchor.START), last=Edge(anchor=PeriodAnchor.END)))
    assert numerators(named, had(1)) == "a = b"
    assert between(visits(named), visits(had(1))) == {"a.d = b.d", "b.n < a.d", "a.n ~ b.n: ALIKE"}


def test_what_happened_in_the_same_visit_happened() -> None:
    same, any_visit = (visits(had(1, same_visit=one)) for one in (True, False))
    assert between(same, any_visit) == {"a.d = b.d", "a.n < b.n", "b.n < a.d"}


def test_windows_of_different_months_are_compared_by_their_days() -> None:
    a_year = Window(first=Edge(anchor=Anchor.END, months=-12, days=1), last=Edge(anchor=Anchor.END))
    months, quarter = (people(had(1, window=a_year), grain=grain) for grain in (Grain.MONTH, Grain.QUARTER))
    found = said(tables(months, quarter, last=date(2024, 3, 31)))
    assert "a.n03 < b.n" in found
    assert "a.n01 < b.n" not in found  # what was eleven months before January is too long before the end of March


def test_nights_of_the_same_stays_are_equal_and_add_up() -> None:
    assert between(nights(), nights(events=rows(2))) == {"a.d = b.d"}
    found = said(tables(nights(grain=Grain.MONTH), nights(grain=Grain.QUARTER), last=date(2024, 3, 31)))
    assert "a.d01 + a.d02 + a.d03 = b.d" in found
    assert "a.n01 < b.n" in found
    assert not any("=" in line and ".n" in line for line in found)  # of one person at most so many count in a period
    some = between(nights(Sex(among=("male",))), nights(most_each=3))
    assert {"a.d < b.d", "a.n ~ b.n: ALIKE"} <= some


def test_nights_of_people_of_an_age_do_not_add_up_over_years() -> None:
    old = Age(low=80)
    found = said(tables(nights(old, grain=Grain.MONTH), nights(old, grain=Grain.YEAR)))
    assert " + ".join(f"a.d{month:02}" for month in range(1, 13)) + " = b.d" in found
    of_birthday = replace(old, by=AgeBy.BIRTHDAY)
    found = said(tables(nights(of_birthday, grain=Grain.MONTH), nights(of_birthday, grain=Grain.YEAR)))
    assert not any(" = " in line for line in found)


PEOPLE, STAYS = People(), Rows(
    events=Events(table=EventTable.VISIT_OCCURRENCE, codes=None, without_end=Extent.ON_AND_ON)
)  # fmt: skip
FOUND = FoundValue(rows=Has(events=rows(1, table=EventTable.MEASUREMENT, where=Value(units=()))), take=Take.HIGHEST)


def test_a_mean_of_all_has_the_denominator_of_a_proportion() -> None:
    assert "a.d = b.d" in between(mean(HowMany(rows=had(1)), PEOPLE), people(had(1)))
    assert "a.d = b.d" in between(mean(FOUND, PEOPLE, if_missing=0.0), people(had(1)))
    assert "a.d < b.d" in between(mean(FOUND, PEOPLE), people(had(1)))


def test_sums_of_a_mean_are_tied_where_each_adds_the_same() -> None:
    men = mean(FOUND, PEOPLE, Sex(among=("male",)))
    assert {"a.n < b.n", "a.d < b.d"} <= between(men, mean(FOUND, PEOPLE))
    assert "a.n ~ b.n: ALIKE" in between(mean(FOUND, PEOPLE), mean(FOUND, PEOPLE, high=20.0))
    assert not any("a.n <" in line for line in said(tables(men)))


def test_a_persons_first_stays_are_others_in_other_periods_and_of_others() -> None:
    of_stays = [mean(Nights(), STAYS, most_each=2, grain=grain) for grain in (Grain.MONTH, Grain.QUARTER)]
    found = said(tables(*of_stays, last=date(2024, 3, 31)))
    assert not any(" = " in line or "<" in line for line in found)
    found = between(mean(Nights(), STAYS, most_each=2), mean(Nights(), STAYS, Sex(among=("male",)), most_each=2))
    assert not any("<" in line for line in found)
    plain = visits(had(1), counted=STAYS.events)  # type: ignore[arg-type]  # they are events
    assert "a.d < b.d" in between(mean(Nights(), STAYS, most_each=2), plain)


def test_a_value_of_a_row_is_its_own() -> None:
    measured = Rows(events=rows(1, table=EventTable.MEASUREMENT, where=Value(units=())))
    assert "a.n = b.n" in between(mean(OwnValue(), measured), mean(OwnValue(), measured))


def test_published_counts_are_tied_to_nothing_but_their_own() -> None:
    question = PublishedQuestion(numerator="Seen late.", denominator="Seen.")
    assert said(tables(make_measure(question), make_measure(question))) == OWN


def test_versions_that_are_not_proved_to_be_tied_overlap() -> None:
    old = replace(people(had(1)), id="one")
    new = replace(people(had(2), who=had(3)), id="one", version=2)
    assert between(old, new) == {"b.d < a.d", "b.n < a.d", "a.n ~ b.n: VERSIONS"}


def test_questions_of_other_windows_or_lists_overlap() -> None:
    assert numerators(had(1, window=days(-180, 0)), had(1, window=days(-90, 10))) == "a ~ b: ALIKE"
    assert numerators(Has(events=rows(1, 2, first=True)), Has(events=rows(1, 2, 3, first=True))) == "a ~ b: ALIKE"
    assert numerators(Age(low=16, high=60), Age(low=18, high=64)) == "a ~ b: ALIKE"
    assert numerators(had(1), had(2)) == ""
    assert numerators(Age(low=16, high=60), Age(low=61)) == ""


def test_all_dates_up_to_another_last_day_are_nested() -> None:
    asked = people(had(1), grain=Grain.ALL)
    periods = [asked.periods(first=FIRST, last=last) for last in (date(2024, 11, 30), LAST)]
    two = Quantities(tables=tuple(Table(measure=asked, periods=one) for one in periods))
    assert {"a.d < b.d", "a.n < b.n"} <= said(two)
    unsure = people(had(1, choose=Choose.LAST, provided=Age(low=60)), grain=Grain.ALL)
    of_unsure = Quantities(tables=tuple(Table(measure=unsure, periods=one) for one in periods))
    assert "a.n ~ b.n: PERIODS" in said(of_unsure)
    assert "a.n < b.n" not in said(of_unsure)


def test_only_what_is_known_is_related() -> None:
    asked = tables(people(had(1), strata=(Stratum.SEX,)), people(had(1)))
    found = relations(asked)
    known = np.ones(len(asked), dtype=bool)
    known[asked.number(table=0, role="denominator", period=asked.tables[0].periods[0], levels=("male",))] = False
    left = found.among(known)
    assert isinstance(left, Relations)
    assert [len(one) + len(other) for one, other in left.sums()] == [4]
    assert len(left.contained) == len(found.contained) - 2
    assert found.among(np.ones(len(asked), dtype=bool)).sum_members.tolist() == found.sum_members.tolist()


def test_quantities_are_numbered_as_their_frames_say() -> None:
    asked = tables(people(had(1), strata=(Stratum.SEX, Stratum.AGE_BAND), grain=Grain.MONTH), people(had(2)))
    assert len(asked) == 12 * 2 * 15 + 2
    for place, table in enumerate(asked.tables):
        for number, role, start, *levels in asked.frame(place).iter_rows():
            period = next(one for one in table.periods if one.start == start)
            assert asked.number(table=place, role=role, period=period, levels=tuple(levels)) == number


def test_a_table_names_its_periods_in_order() -> None:
    asked = people(had(1), grain=Grain.MONTH)
    months = asked.periods(first=FIRST, last=LAST)
    with pytest.raises(ValueError, match="in order of their first day"):
        Table(measure=asked, periods=months[::-1])
    with pytest.raises(ValueError, match="each once"):
        Table(measure=asked, periods=())


def test_why_is_said_in_words() -> None:
    assert {why.words for why in Why} == {why.words for why in Why if why.words}

"""What is said of the numbers of measures, rule by rule: `a.n` is the numerator of the first measure in its period."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from small_site import make_measure

from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue, Take
from rounds.measures.choices import AgeBy, Choose, Covers, Distinct, Extent, Touches
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import AllOf, AnyOf, Criterion, Events, Given, Graded, Has, Lies, Not, Reaches
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
        lines.add(f"{names[a]} ~ {names[b]}: {Why(why).name}")
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

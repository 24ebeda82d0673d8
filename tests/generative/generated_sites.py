"""Strategies for engines' tests: small sites and measures over them, in which everything a measure can say turns up."""

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st
from small_site import make_measure, write_site

from rounds.errors import DefinitionError
from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue, Quantity, Take
from rounds.measures.choices import AgeBy, Choose, Covers, Distinct, Extent, Stands, Statistic, Touches
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.cohort import Cohort
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
    Scored,
    Summary,
)
from rounds.measures.definitions import Measure
from rounds.measures.events import WITH_DETAIL, WITH_END, WITH_STAY, WITH_VALUE, WITH_VISIT, WITHOUT_CODES, EventTable
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.in_period import names_period
from rounds.measures.periods import Grain, Period
from rounds.measures.questions import ObservedOn, People, PersonTime, RecordsQuestion, Rows
from rounds.measures.scores import Component, Score, ScoredTable, Step
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import THROUGHOUT, Anchor, Edge, PeriodAnchor, Window
from rounds.records.tables import EVENT_TABLES, TABLES, ColumnType

FIRST, LAST = date(2019, 10, 1), date(2021, 3, 31)
PARENT = CodeList(
    id="parent", version=1, title="Parent", concepts=((10, "Parent"),), descendants=True, excluded=((13, "c13"),)
)
DRUG = CodeList(id="drug", version=1, title="Drug", concepts=((11, "Drug"), (12, "c12")), descendants=False)
ANCESTORS = [(10, 10), (10, 11), (10, 13), (10, 14), (13, 13), (13, 14)]
CONCEPTS = [(concept, f"c{concept}") for concept in (10, 11, 12, 13, 14)]
GROUPINGS = {
    grouping.by: grouping
    for grouping in (
        Grouping(
            id=by.value,
            version=1,
            title=by.value,
            by=by,
            attribute=attribute,
            named=("one", "it's two"),
            values=values,
        )
        for by, attribute, values in (
            (Stratum.ETHNICITY, Attribute.RACE, (("8515", "one"), ("8516", "one"), ("8527", "it's two"))),
            (Stratum.DEPRIVATION, Attribute.AREA_CODE, (("E01", "one"), ("E02", "it's two"))),
            (Stratum.AREA, Attribute.POSTCODE, (("O'B", "it's two"), ("Z1", "one"))),
            (Stratum.CARE_SITE, Attribute.CARE_SITE_NAME, (("St John's", "one"), ("ward", "it's two"))),
            (Stratum.WARD, Attribute.CARE_SITE_NAME, (("St John's", "it's two"), ("ward", "one"))),
        )
    )
}
LOCATIONS = [(1, "E01", "O'B"), (2, " E02", "Z1"), (3, "\u00a0E02", None), (4, None, "Z1 ")]
CARE_SITES = [(1, "St John's"), (2, " ward "), (3, "other"), (4, None)]
STRATA = ((), (Stratum.SEX,), (Stratum.AGE_BAND,), (Stratum.AGE_BAND, Stratum.SEX), (Stratum.SEX, Stratum.AGE_BAND))

ANY_DAY = st.integers(-30, (LAST - FIRST).days + 30).map(lambda days: FIRST + timedelta(days=days))
EDGES = [
    date(2019, 12, 31),
    date(2020, 1, 1),
    date(2020, 1, 31),
    date(2020, 2, 29),
    date(2020, 6, 30),
    date(2020, 12, 31),
    date(2021, 2, 28),
]
PEOPLE = range(1, 5)
FILLER = {
    "person": 900_001,
    "concept": 12,
    "span": [date(2018, 1, 1), date(2018, 1, 2)],
    "lasting": True,
    "minute": 1,
    "value": 1.0,
    "unit": 1,
    "answer": 1,
    "visit": 9,
    "words": "positive",
    "detail": 11,
    "stay": 9,
    "site": 1,
}
"""A row of somebody nobody asks about: without a value in each column, a site lacks the column and cannot be asked."""
STRANGER = 5
"""Born in an impossible year: left out with their events while never observed and on no visit, else refused."""


@dataclass(frozen=True, kw_only=True)
class Site:
    people: list[tuple[int | None, ...]]
    observed: list[tuple[int, date, date]]
    events: dict[EventTable, list[dict[str, Any]]]


@st.composite
def sites(draw: st.DrawFn) -> Site:
    who = st.sampled_from(PEOPLE)
    # Few days, so that events meet visits, ends of observation and one another.
    days = st.sampled_from([*draw(st.lists(ANY_DAY, min_size=2, max_size=5, unique=True)), *EDGES])
    spans = st.tuples(days, days).map(sorted)
    # Years of birth that make ages fall on, and just beside, the limits that `LIMITS` draws.
    born = st.sampled_from((1939, 1940, 1979, 1980, 2002, 2003, 2018))
    months = st.sampled_from((None, 1, 2, 6, 12))
    days_of_birth = st.sampled_from((None, 1, 29, 30, 31))
    concept, place = st.sampled_from((None, 0, 8515, 8516, 8527)), st.sampled_from((None, 1, 2, 3, 4, 9))
    groups = st.tuples(concept, concept, concept, concept, place, place)
    people: list[tuple[int | None, ...]] = [
        (
            person,
            draw(st.sampled_from((8532, 8507, 0, 8551))),
            draw(born),
            draw(months),
            draw(days_of_birth),
            *draw(groups),
        )
        for person in PEOPLE
    ]
    stranger_born = draw(st.sampled_from((1, 1899, 2025)))
    people.append((STRANGER, draw(st.sampled_from((8532, 0))), stranger_born, None, None, *draw(groups)))
    people.append((800_001, 0, 1950, 1, 1, 0, 0, 0, 0, 1, 1))
    row = st.fixed_dictionaries(
        {
            "person": who,
            "concept": st.sampled_from((10, 11, 11, 12, 13, 14)),
            "span": spans,
            "lasting": st.booleans(),
            "minute": st.sampled_from((None, 0, 600, 600, 1439)),
            "value": st.sampled_from((None, 1.0, 6.5, 6.5, 48.1)),
            "unit": st.sampled_from((None, 0, 8753, 8753, 9529)),
            "answer": st.sampled_from((None, 0, 11, 13)),
            "visit": st.sampled_from((None, 1, 2, 3)),
            "words": st.sampled_from((None, None, " ", "positive")),
            "detail": st.sampled_from((None, 0, 11, 13)),
            "stay": st.sampled_from((None, 1, 2, 2)),
            "site": place,
        }
    )
    stranger = st.fixed_dictionaries({"person": st.just(STRANGER), "concept": st.just(11), "span": spans}).map(
        lambda found: {"lasting": True, "minute": None, **found}
    )
    events = {
        table: draw(st.lists(row if table is EventTable.VISIT_OCCURRENCE else row | stranger, max_size=7))
        for table in EVENT_TABLES
    }
    deaths = {found["person"]: found for found in events[EventTable.DEATH]}
    events[EventTable.DEATH] = list(deaths.values())
    observed = [(person, *span) for person, span in draw(st.lists(st.tuples(who, spans), max_size=8))]
    return Site(people=people, observed=observed, events=events)


LIMITS = st.sampled_from(((None, 17), (None, 41), (18, None), (40, None), (80, None), (17, 40), (2, 80), (0, 150)))
"""The youngest and oldest age, seldom narrow, or nearly every numerator would be 0."""

MOVES = st.sampled_from(((0, 0), (0, 0), (0, -1), (0, 1), (0, -40), (0, 40), (-1, 0), (1, 0), (-12, 1), (12, -1)))


@st.composite
def edges(draw: st.DrawFn) -> Edge | None:
    named = ("period start", "period end") if draw(st.integers(0, 7)) == 0 else ()
    kind = draw(st.sampled_from(named or ("open", "day", "start", "start", "end", "end")))
    if kind == "open":
        return None
    if kind == "day":
        return Edge(anchor=draw(st.sampled_from(EDGES)))
    months, days = draw(MOVES)
    return Edge(anchor=PeriodAnchor(kind) if named else Anchor(kind), months=months, days=days)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first, last = draw(edges()), draw(edges())
    try:
        return Window(first=first, last=last)
    except DefinitionError:
        return Window(first=last, last=first)


def _cohort(*, event: str, limit: str, ends: dict[str, object]) -> Cohort:
    items = [
        {"concept": {"CONCEPT_ID": 10, "CONCEPT_NAME": "Parent"}, "includeDescendants": True},
        {"concept": {"CONCEPT_ID": 13, "CONCEPT_NAME": "c13"}, "isExcluded": True},
    ]
    expression = {
        "ConceptSets": [{"id": 0, "name": "parent", "expression": {"items": items}}],
        "PrimaryCriteria": {
            "CriteriaList": [{event: {"CodesetId": 0}}],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": limit},
        },
        "ExpressionLimit": {"Type": limit},
        "EndStrategy": {"DateOffset": ends},
    }
    return Cohort(id=event.lower(), version=1, title=event, definition=read_circe(json.dumps(expression), name=event))


COHORTS = (
    _cohort(event="ConditionOccurrence", limit="First", ends={"DateField": "StartDate", "Offset": 200}),
    _cohort(event="DrugEra", limit="All", ends={"DateField": "EndDate", "Offset": 0}),
)


@st.composite
def fixed_windows(draw: st.DrawFn) -> Window:
    """Draw a window that stands in the calendar or in the period, wherever the unit lies."""
    months, days = draw(MOVES)
    first = draw(st.sampled_from((None, Edge(anchor=PeriodAnchor.START), Edge(anchor=EDGES[1]))))
    last = Edge(anchor=PeriodAnchor.END, months=max(months, 0), days=max(days, 0))
    return Window(first=first, last=draw(st.sampled_from((None, last, Edge(anchor=EDGES[-1])))))


@st.composite
def code_lists(draw: st.DrawFn, *, table: EventTable) -> CodeList | Cohort | None:
    if table is EventTable.COHORT:
        return draw(st.sampled_from(COHORTS))
    if table in WITHOUT_CODES:
        return None
    return draw(st.sampled_from((None, PARENT, PARENT, DRUG)))


@st.composite
def events_of(draw: st.DrawFn, *, depth: int, table: EventTable | None = None) -> Events:
    chosen = table or draw(st.sampled_from([*EventTable, EventTable.COHORT, *WITH_VALUE, *WITH_VALUE]))
    where = draw(criteria(of=chosen, depth=depth - 1)) if depth > 0 and draw(st.booleans()) else None
    lasting = chosen in WITH_END and chosen is not EventTable.COHORT and draw(st.integers(0, 3)) == 0
    return Events(
        table=chosen,
        codes=draw(code_lists(table=chosen)),
        where=where,
        first=draw(st.booleans()),
        without_end=Extent.ON_AND_ON if lasting else Extent.FIRST_DAY,
    )


SCORE = Score(
    id="score",
    version=1,
    title="Score",
    components=(
        Component(
            id="sign",
            codes=PARENT,
            units=(8753,),
            steps=(Step(up_to=1.0, points=3), Step(up_to=6.5, points=0), Step(up_to=None, points=2)),
        ),
        Component(id="spoken", codes=DRUG, answers=((PARENT, 2), (DRUG, 1)), if_missing=0),
        Component(
            id="asked", codes=DRUG, table=ScoredTable.OBSERVATION, steps=(Step(up_to=None, points=1),), if_missing=4
        ),
        Component(
            id="needed",
            codes=DRUG,
            steps=(Step(up_to=6.5, points=8), Step(up_to=None, points=16)),
            only_if=(("sign", 0), ("asked", 4)),
        ),
        Component(
            id="besides",
            codes=PARENT,
            table=ScoredTable.OBSERVATION,
            answers=((DRUG, 32),),
            if_missing=64,
            only_if=(("spoken", 2),),
        ),
    ),
)


@st.composite
def scored(draw: st.DrawFn, *, depth: int) -> Scored:
    asked = depth > 0 and draw(st.sampled_from((True, True, True, False)))
    where = draw(criteria(of=EventTable.MEASUREMENT, depth=depth - 1, like_rows=True)) if asked else None
    number = draw(st.sampled_from((1, 3, len(SCORE.components))))
    score = replace(SCORE, components=SCORE.components[:number])
    return Scored(score=score, where=where, first=draw(st.booleans()))


@st.composite
def criteria(  # noqa: PLR0912  one branch for each kind
    draw: st.DrawFn, *, of: EventTable | None, depth: int, like_rows: bool = False
) -> Criterion:
    """Draw a criterion that can be asked of rows of a table, of sets that are like them, or of people in periods."""
    kinds: list[type] = [Age, Sex, InGroup, Observed, Has, Has, Has]
    # Few, for the pack leaves most of them to SQL, and a measure with one anywhere says nothing of the pack.
    kinds += [Summary, Change] if draw(st.integers(0, 4)) == 0 else []
    kinds += [Value, Value] if of in WITH_VALUE else []
    kinds += [Answer] * 7 if of in WITH_VALUE and not like_rows else []
    kinds += [Result] * 4 if of in WITH_VALUE and not like_rows else []
    details = [] if like_rows else [detail for detail, tables in WITH_DETAIL.items() if of in tables]
    kinds += [Marked] * 2 if details else []
    kinds += [Lies] * 2 if draw(st.integers(0, 4)) == 0 else []
    kinds += [AllOf, AllOf, AnyOf, AnyOf, Reaches, Reaches, Not, Not] if depth > 0 else []
    kind = draw(st.sampled_from(kinds))
    inner = criteria(of=of, depth=depth - 1, like_rows=like_rows)
    if kind is Age:
        low, high = draw(LIMITS)
        at = draw(st.sampled_from((*Anchor, *Anchor, *Anchor, *PeriodAnchor, *EDGES[:2])))
        return Age(low=low, high=high, at=at, by=draw(st.sampled_from(AgeBy)))
    if kind is Marked:
        return Marked(detail=draw(st.sampled_from(details)), codes=draw(st.sampled_from((PARENT, DRUG))))
    if kind is Result:
        return Result()
    if kind is Lies:
        return Lies(window=draw(fixed_windows()), touches=draw(st.sampled_from(Touches)))
    if kind is Sex:
        return Sex(among=draw(st.sampled_from((("female",), ("male", "unknown")))))
    if kind is InGroup:
        grouping = GROUPINGS[draw(st.sampled_from(groups_of(of)))]
        return InGroup(grouping=grouping, among=draw(st.sampled_from((("one",), ("it's two", "unknown")))))
    if kind is Observed:
        return Observed(window=draw(windows()), covers=draw(st.sampled_from(Covers)))
    if kind is Value:
        return draw(values(like_rows=like_rows))
    if kind is Answer:
        return Answer(codes=draw(st.sampled_from((PARENT, DRUG))))
    if kind is Has:
        return draw(having(of=of, depth=depth))
    if kind is Summary:
        return draw(summaries(of=of, depth=depth))
    if kind is Change:
        return draw(changes(of=of))
    if kind is Not:
        return Not(of=draw(inner))
    if kind is Reaches:
        return draw(reaching(inner))
    several = tuple(draw(st.lists(inner, min_size=1, max_size=3)))
    return AllOf(of=several) if kind is AllOf else AnyOf(of=several, at_least=draw(st.integers(1, len(several))))


@st.composite
def reaching(draw: st.DrawFn, inner: st.SearchStrategy[Criterion]) -> Reaches:
    points = st.lists(st.sampled_from((1, 1, 2, 3, 5)), min_size=1, max_size=2, unique=True)
    of = [
        Graded(given=tuple(Given(points=one, to=draw(inner)) for one in sorted(draw(points), reverse=True)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    most = sum(graded.most for graded in of)
    return Reaches(title="Points", of=tuple(of), at_least=draw(st.sampled_from((1, max(1, most // 2), most))))


def groups_of(of: EventTable | None) -> list[Stratum]:
    """Return what rows of a table, or people, can be grouped by."""
    found = [Stratum.ETHNICITY, Stratum.DEPRIVATION, Stratum.AREA]
    found += [Stratum.CARE_SITE] if of is None or of in WITH_VISIT else []
    return [*found, Stratum.WARD] if of in WITH_STAY else found


@st.composite
def having(draw: st.DrawFn, *, of: EventTable | None, depth: int) -> Has:
    choose = draw(st.sampled_from((Choose.ANY, Choose.ANY, Choose.FIRST, Choose.LAST)))
    same_visit = of in WITH_VISIT and draw(st.booleans())
    table = draw(st.sampled_from(sorted(WITH_VISIT))) if same_visit else None
    events: Events | Scored = draw(events_of(depth=depth, table=table))
    if draw(st.integers(0, 3)) == 0:
        events = draw(scored(depth=depth))
    inner = criteria(of=events.table, depth=depth - 1, like_rows=isinstance(events, Scored))
    provided = draw(inner) if depth > 0 and draw(st.booleans()) else None
    lowest = choose is not Choose.ANY and events.table in WITH_VALUE and draw(st.booleans())
    return Has(
        events=events,
        window=draw(windows()),
        touches=draw(st.sampled_from(Touches)),
        at_least=draw(st.sampled_from((1, 1, 2))) if choose is Choose.ANY else 1,
        distinct=draw(st.sampled_from(Distinct)) if choose is Choose.ANY else Distinct.ROWS,
        choose=choose,
        stands=Stands.LOWEST_OF_THE_DAY if lowest else Stands.AT_THE_MOMENT,
        provided=provided,
        same_visit=same_visit,
    )


@st.composite
def summaries(draw: st.DrawFn, *, of: EventTable | None, depth: int) -> Summary:
    low, high = draw(st.sampled_from(((None, 6.5), (6.5, None), (1.0, 27.3), (20.5, None), (6.5, 27.3), (3.75, 13.0))))
    statistic = draw(st.sampled_from(Statistic))
    return Summary(
        of=statistic,
        rows=draw(plain_rows(of=of, depth=min(depth, draw(st.sampled_from((0, 1)))), measured=True)),
        limits=Value(units=(), low=low, high=high, low_included=draw(st.booleans()), high_included=draw(st.booleans())),
    )


@st.composite
def changes(draw: st.DrawFn, *, of: EventTable | None) -> Change:
    low, high = draw(st.sampled_from(((None, 0.0), (0.0, None), (-5.5, 5.5), (0.0, 41.6), (-47.1, 0.0))))
    value = draw(plain_rows(of=of, depth=draw(st.sampled_from((0, 0, 1))), measured=True))
    other = draw(plain_rows(of=of, depth=0, measured=True)) if draw(st.integers(0, 2)) == 0 else value
    if isinstance(value.events, Scored) or isinstance(other.events, Scored):
        other = value
    limits = Value(units=(), low=low, high=high, low_included=draw(st.booleans()), high_included=draw(st.booleans()))
    return Change(of=draw(one_row(value)), since=draw(one_row(other)), limits=limits)


@st.composite
def one_row(draw: st.DrawFn, rows: Has) -> Has:
    """Draw one of some rows."""
    choose = draw(st.sampled_from(Choose)) if rows.events.first else draw(st.sampled_from((Choose.FIRST, Choose.LAST)))
    stands = Stands.AT_THE_MOMENT if choose is Choose.ANY else draw(st.sampled_from(Stands))
    window = rows.window if draw(st.booleans()) else draw(windows())
    return replace(rows, choose=choose, stands=stands, window=window)


@st.composite
def plain_rows(draw: st.DrawFn, *, of: EventTable | None, depth: int, measured: bool) -> Has:
    """Draw rows to look for of which not one is chosen; rows that have a number if `measured`."""
    asked = replace(
        draw(having(of=of, depth=depth)),
        window=draw(st.sampled_from((Window(first=None, last=None), THROUGHOUT)) | windows()),
        choose=Choose.ANY,
        at_least=1,
        stands=Stands.AT_THE_MOMENT,
    )
    if not measured:
        return asked
    found = asked.events
    if isinstance(found, Events) and found.table not in WITH_VALUE:
        found = draw(events_of(depth=0, table=draw(st.sampled_from(sorted(WITH_VALUE)))))
        asked = replace(asked, events=found, provided=None)
    return replace(asked, events=draw(with_number(found)), distinct=Distinct.ROWS)


@st.composite
def values(draw: st.DrawFn, *, like_rows: bool) -> Value:
    low, high = draw(st.sampled_from(((None, 6.5), (6.5, None), (1.0, 48.1), (None, None), (6.5, 48.1))))
    return Value(
        units=() if like_rows else draw(st.sampled_from(((), (8753,), (8753, 9529)))),
        low=low,
        high=high,
        low_included=draw(st.booleans()),
        high_included=draw(st.booleans()),
    )


def periods_of(measure: Measure) -> tuple[Period, ...]:
    """Return the periods to count in: more than one plan takes at once, yet few enough for the reference engine."""
    last = FIRST + timedelta(days=75) if measure.grain is Grain.DAY else LAST
    return measure.periods(first=FIRST, last=last)


@st.composite
def measures(draw: st.DrawFn) -> Measure:
    kind = draw(st.sampled_from((People, People, Rows, Rows, PersonTime)))
    question = draw(time_questions()) if kind is PersonTime else draw(unit_questions(kind))
    of, timed = question.table, isinstance(question.unit, PersonTime)
    # A question that names the period is another one in each, so it is asked of few.
    few = (Grain.QUARTER, Grain.YEAR, Grain.ALL)
    grains = [one for one in (few if names_period(question) else Grain) if not (timed and one is Grain.ALL)]
    grain = draw(st.sampled_from(grains))
    span = 1 if grain in (Grain.ALL, Grain.YEAR) else draw(st.sampled_from((1, 1, 3)))
    plain = draw(st.sampled_from([some for some in STRATA if grain is not Grain.ALL or Stratum.AGE_BAND not in some]))
    groups = [by for by in groups_of(of) if by is not Stratum.CARE_SITE or not timed]
    grouped = draw(st.lists(st.sampled_from(groups), max_size=2, unique=True)) if draw(st.booleans()) else []
    strata = tuple(draw(st.permutations([*plain, *grouped])))
    groupings = tuple(GROUPINGS[stratum] for stratum in strata if stratum in GROUPINGS)
    return make_measure(question, grain=grain, strata=strata, groupings=groupings, span=span, unit=unit_of(question))


def unit_of(question: RecordsQuestion) -> str:
    """Return a unit in which the counts of a question may be shown."""
    if not isinstance(question.unit, PersonTime):
        return "people"
    return "person-days" if question.unit.visits is None else "bed-days"


@st.composite
def unit_questions(draw: st.DrawFn, kind: type) -> RecordsQuestion:
    unit: People | Rows
    if kind is People:
        unit = People(observed=draw(st.sampled_from(ObservedOn)))
    else:
        rows = scored(depth=2) if draw(st.booleans()) else events_of(depth=1)
        unit = Rows(events=draw(rows), counted_on=draw(st.sampled_from(Anchor)))
    # Few criteria of a mean and of some rows, or there would seldom be anything to add up, or two rows of one person.
    mean = draw(st.integers(0, 2)) == 0
    plain = mean or (kind is Rows and draw(st.integers(0, 2)) == 0)
    unit = draw(plain_units(unit)) if plain else unit
    of = unit.events.table if isinstance(unit, Rows) else None
    like_rows = isinstance(unit, Rows) and isinstance(unit.events, Scored)
    asked = draw(st.integers(0, 3)) == 0 if plain else draw(st.booleans())
    who = draw(criteria(of=of, depth=1, like_rows=like_rows)) if asked else None
    if mean:
        return draw(mean_questions(unit, who))
    return RecordsQuestion(unit=unit, who=who, numerator=draw(criteria(of=of, depth=2, like_rows=like_rows)))


@st.composite
def plain_units(draw: st.DrawFn, unit: People | Rows) -> People | Rows:
    """Draw units as they are, or rows of some table of which nothing is asked."""
    if isinstance(unit, People) or (isinstance(unit.events, Scored) and draw(st.booleans())):
        return unit
    tables = st.sampled_from((*WITH_VALUE, EventTable.VISIT_OCCURRENCE, EventTable.DRUG_ERA, EventTable.COHORT))
    return replace(unit, events=draw(events_of(depth=0, table=draw(tables)) | st.just(unit.events)))


BOUNDS = st.sampled_from(((0.0, 60.0, 1.0), (-1.0, 7.0, 0.1), (1.0, 48.0, 0.5), (5.0, 50.0, 15.0), (0.0, 1000.0, 1.0)))


@st.composite
def mean_questions(draw: st.DrawFn, unit: People | Rows, who: Criterion | None) -> RecordsQuestion:
    """Draw a question of what units have on average."""
    events = unit.events if isinstance(unit, Rows) else None
    like_rows = isinstance(events, Scored)
    kinds: list[type] = [FoundValue, FoundValue, HowMany]
    if events is not None and (like_rows or events.table in WITH_VALUE):
        kinds += [OwnValue] * 3
    if isinstance(events, Events) and events.table in WITH_END:
        kinds += [Nights] * 3
    kind = draw(st.sampled_from(kinds))
    of: Quantity = Nights() if kind is Nights else OwnValue()
    if kind in (FoundValue, HowMany):
        table = events.table if events is not None else None
        depth = draw(st.sampled_from((0, 0, 1)))
        asked = draw(plain_rows(of=table, depth=depth, measured=kind is FoundValue))
        of = FoundValue(rows=asked, take=draw(st.sampled_from(Take))) if kind is FoundValue else HowMany(rows=asked)
    if kind is OwnValue and events is not None and isinstance(unit, Rows):
        unit = replace(unit, events=draw(with_number(events)))
    if kind is Nights and isinstance(unit, Rows) and isinstance(events, Events):
        extent = Extent.FIRST_DAY if events.table is EventTable.COHORT else Extent.ON_AND_ON
        unit = replace(unit, events=replace(events, without_end=extent))
    low, high, step = (0.0, 3.0, 1.0) if kind is HowMany else draw(BOUNDS)
    amount = Amount(
        of=of,
        low=low,
        high=high,
        step=step,
        most_each=1 if isinstance(unit, People) else draw(st.sampled_from((1, 1, 2, 15))),
        if_missing=None if kind is HowMany else draw(st.sampled_from((None, None, low + step))),
    )
    return RecordsQuestion(unit=unit, who=who, amount=amount)


@st.composite
def with_number(draw: st.DrawFn, events: Events | Scored) -> Events | Scored:
    """Draw the same rows with a number in one of some units."""
    if isinstance(events, Scored):
        return events
    value = Value(units=draw(st.sampled_from(((), (8753,), (8753, 9529)))))
    return replace(events, where=value if events.where is None else AllOf(of=(events.where, value)))


@st.composite
def time_questions(draw: st.DrawFn) -> RecordsQuestion:
    stays = st.sampled_from((EventTable.VISIT_OCCURRENCE, EventTable.VISIT_DETAIL))
    visits = draw(events_of(depth=1, table=draw(stays))) if draw(st.booleans()) else None
    visits = visits and replace(visits, without_end=Extent.FIRST_DAY)
    events = draw(scored(depth=1) if draw(st.sampled_from((True, False, False))) else events_of(depth=1))
    provided = (
        draw(criteria(of=events.table, depth=0, like_rows=isinstance(events, Scored))) if draw(st.booleans()) else None
    )
    return RecordsQuestion(
        unit=PersonTime(visits=visits, most_each=draw(st.sampled_from((1, 2, 15)))),
        who=draw(criteria(of=None, depth=1)) if draw(st.booleans()) else None,
        numerator=Has(events=events, provided=provided, distinct=draw(st.sampled_from((Distinct.ROWS, Distinct.DAYS)))),
    )


def write_generated(folder: Path, site: Site) -> None:
    people = pl.DataFrame(
        site.people,
        schema={column.name: pl.Int64() for column in TABLES["person"].columns},
        orient="row",
    )
    write_site(
        folder,
        person=people,
        observation_period=site.observed,
        concept=CONCEPTS,
        concept_ancestor=ANCESTORS,
        location=_places("location", LOCATIONS),
        care_site=_places("care_site", CARE_SITES),
        **{table.value: _frame(table, rows) for table, rows in site.events.items()},
    )


def _places(table: str, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    names = {
        "location": ("location_id", "location_source_value", "zip"),
        "care_site": ("care_site_id", "care_site_name"),
    }
    kinds = {name: pl.Int64() if name.endswith("_id") else pl.String() for name in names[table]}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _frame(table: EventTable, rows: list[dict[str, Any]]) -> pl.DataFrame:
    of = EVENT_TABLES[table]
    kinds = {ColumnType.INTEGER: pl.Int64(), ColumnType.DATE: pl.Date(), ColumnType.NUMBER: pl.Float32()}
    kinds[ColumnType.TEXT] = pl.String()
    columns: dict[str, pl.Series] = {}
    for column in of.columns:
        cells = [_cell(table, column.name, number, row) for number, row in enumerate([*rows, FILLER], start=1)]
        columns[column.name] = pl.Series(cells, dtype=kinds.get(column.type, pl.Datetime("us")))
    return pl.DataFrame(columns)


def _cell(table: EventTable, column: str, number: int, row: dict[str, Any]) -> object:
    of = EVENT_TABLES[table]
    first, last = row["span"]
    required = of.column(column).required
    if column == of.key:
        return number
    if column == of.end:
        return last if required or row["lasting"] else None
    if column == of.time:
        return None if row["minute"] is None else datetime.combine(first, time(row["minute"] // 60, row["minute"] % 60))
    named = {"person_id": row["person"], of.concept: row["concept"], of.start: first}
    named |= {getattr(of, name): row.get(name) for name in ("value", "unit", "answer", "visit", "stay", "words")}
    named |= {name: row.get("detail") for name in of.details.values()}
    named["care_site_id"] = row.get("site")
    return named[column]

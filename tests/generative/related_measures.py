"""Strategies for measures that have something to do with one another: a measure, and others made of it."""

from dataclasses import replace
from typing import Any

from generated_sites import (
    COHORTS,
    DRUG,
    GROUPINGS,
    PARENT,
    STRATA,
    criteria,
    groups_of,
    having,
    time_questions,
    unit_of,
    unit_questions,
    windows,
)
from hypothesis import strategies as st
from small_site import make_measure

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import AllOf, AnyOf, Change, Criterion, Events, Has, Not, Reaches, Scored, Summary
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.groupings import Attribute, Grouping
from rounds.measures.in_period import names_period
from rounds.measures.periods import Grain
from rounds.measures.questions import ObservedOn, People, PersonTime, RecordsQuestion, Rows
from rounds.measures.strata import AGE_BANDS, LEVELS, UNKNOWN, Stratum
from rounds.measures.traits import Age, InGroup, Observed, Sex, Value

COARSE = {
    Stratum.ETHNICITY: Grouping(
        id="coarse-ethnicity",
        version=1,
        title="coarse",
        by=Stratum.ETHNICITY,
        attribute=Attribute.RACE,
        named=("both",),
        values=(("8515", "both"), ("8516", "both"), ("8527", "both")),
    ),
    Stratum.AREA: Grouping(
        id="area-by-code",
        version=1,
        title="area",
        by=Stratum.AREA,
        attribute=Attribute.AREA_CODE,
        named=("all of it",),
        values=(("E01", "all of it"), ("E02", "all of it"), ("E03", "all of it")),
    ),
    Stratum.CARE_SITE: Grouping(
        id="coarse-site",
        version=1,
        title="coarse",
        by=Stratum.CARE_SITE,
        attribute=Attribute.CARE_SITE_NAME,
        named=("both",),
        values=(("St John's", "both"), ("ward", "both")),
    ),
}
PARENT_ALL = CodeList(id="parent-all", version=1, title="P", concepts=((10, "Parent"),), descendants=True)
DRUG_LESS = CodeList(id="drug-less", version=1, title="D", concepts=((11, "Drug"),), descendants=False)
WIDER = {PARENT: PARENT_ALL, DRUG_LESS: DRUG}


@st.composite
def families(draw: st.DrawFn) -> list[Measure]:
    """Draw a few measures of which most are made of the first."""
    kind = draw(st.sampled_from((People, People, Rows, Rows, PersonTime)))
    first = draw(time_questions()) if kind is PersonTime else draw(unit_questions(kind))
    if draw(st.booleans()) and first.numerator is not None and not isinstance(first.unit, PersonTime):
        first = replace(first, numerator=draw(simple_criteria(of=first.table)))
    if draw(st.booleans()):
        first = replace(first, who=None)
    questions = [first]
    for _ in range(draw(st.integers(2, 5))):
        made = draw(relatives(draw(st.sampled_from(questions))))
        if made is not None:
            questions.append(made)
    return [draw(measures_of(question, number)) for number, question in enumerate([*questions, first])]


@st.composite
def simple_criteria(draw: st.DrawFn, *, of: EventTable | None) -> Criterion:
    """Draw a criterion that is often met."""
    kind = draw(st.sampled_from(("had", "sex", "age", "group")))
    if kind == "had":
        return draw(having(of=of, depth=0))
    if kind == "sex":
        return Sex(among=draw(st.sampled_from((("female",), ("male", "unknown"), ("male",)))))
    if kind == "group":
        grouping = draw(st.sampled_from([{**GROUPINGS, **COARSE}[by] for by in groups_of(of)]))
        return InGroup(grouping=grouping, among=(draw(st.sampled_from(grouping.levels)),))
    _, low, high = draw(st.sampled_from(AGE_BANDS))
    return Age(low=low or None, high=None if low == 80 else high)


@st.composite
def measures_of(draw: st.DrawFn, question: RecordsQuestion, number: int) -> Measure:
    of, timed = question.table, isinstance(question.unit, PersonTime)
    grains = [Grain.MONTH, Grain.MONTH, Grain.QUARTER, Grain.YEAR, Grain.WEEK]
    if names_period(question):
        grains = [Grain.QUARTER, Grain.YEAR]
    if not timed:
        grains.append(Grain.ALL)
    grain = draw(st.sampled_from(grains))
    span = draw(st.sampled_from((1, 1, 1, 3, 12))) if grain is Grain.MONTH else 1
    strata = [*draw(st.sampled_from(STRATA))]
    if grain is Grain.ALL:
        strata = [one for one in strata if one is not Stratum.AGE_BAND]
    groups = [by for by in groups_of(of) if by is not Stratum.CARE_SITE or not timed]
    strata += draw(st.lists(st.sampled_from(groups), max_size=1)) if draw(st.integers(0, 2)) == 0 else []
    groupings = tuple(
        draw(st.sampled_from([GROUPINGS[by], COARSE.get(by, GROUPINGS[by])])) for by in strata if by in GROUPINGS
    )
    made = make_measure(
        question, grain=grain, strata=tuple(strata), groupings=groupings, span=span, unit=unit_of(question)
    )
    return replace(made, id=draw(st.sampled_from((f"m{number}", "m"))), version=number + 1)


@st.composite
def relatives(draw: st.DrawFn, question: RecordsQuestion) -> RecordsQuestion | None:
    """Draw another question about much the same; None if it cannot be asked."""
    of = question.table
    like_rows = isinstance(question.unit, Rows) and isinstance(question.unit.events, Scored)
    how = draw(
        st.sampled_from(("who", "who", "contrary", "moved", "moved", "against", "changed", "changed", "unit", "cell"))
    )
    more: Criterion = draw(criteria(of=of, depth=1, like_rows=like_rows) | simple_criteria(of=of))
    try:
        match how:
            case "who":
                return replace(question, who=_and(question.who, more))
            case "contrary" if question.who is not None:
                return replace(question, who=_contrary(question.who))
            case "moved" if question.numerator is not None and not isinstance(question.unit, PersonTime):
                return replace(question, who=_and(question.who, question.numerator), numerator=more)
            case "against" if question.numerator is not None and not isinstance(question.unit, PersonTime):
                contrary = _contrary(question.numerator)
                if draw(st.booleans()):
                    return replace(question, numerator=contrary)
                return replace(question, who=_and(question.who, contrary), numerator=more)
            case "cell":
                return replace(question, who=_and(question.who, draw(simple_criteria(of=of))))
            case "unit":
                return replace(question, unit=draw(_other_units(question.unit)))
            case _:
                changed = draw(_changed(question.numerator)) if question.numerator is not None else None
                who = draw(_changed(question.who)) if question.who is not None else None
                if isinstance(question.unit, PersonTime):
                    return replace(question, who=who)
                return replace(question, numerator=changed, who=draw(st.sampled_from((who, question.who))))
    except DefinitionError:
        return None


def _and(one: Criterion | None, other: Criterion) -> Criterion:
    return other if one is None else AllOf(of=(one, other))


def _contrary(criterion: Criterion) -> Criterion:
    return criterion.of if isinstance(criterion, Not) else Not(of=criterion)


@st.composite
def _other_units(draw: st.DrawFn, unit: People | Rows | PersonTime) -> People | Rows | PersonTime:
    match unit:
        case People():
            return People(observed=draw(st.sampled_from(ObservedOn)))
        case Rows(events=events):
            return replace(unit, events=draw(_changed_rows(events)))
        case PersonTime():
            return replace(unit, most_each=draw(st.sampled_from((1, 2, 15))))


@st.composite
def _changed_rows(draw: st.DrawFn, events: Events | Scored) -> Events | Scored:
    how = draw(st.sampled_from(("first", "codes", "where")))
    if how == "first":
        return replace(events, first=not events.first)
    if how == "codes" and isinstance(events, Events) and events.codes not in COHORTS:
        codes: Any = draw(st.sampled_from((None, PARENT, DRUG, PARENT_ALL, DRUG_LESS)))
        return replace(events, codes=None if events.table is EventTable.DEATH else codes)
    return replace(events, where=None if draw(st.booleans()) else _and(events.where, Observed()))


@st.composite
def _changed(draw: st.DrawFn, criterion: Criterion) -> Criterion:  # noqa: PLR0912  one branch for each kind
    """Draw a criterion of the same kind that says a little more or less."""
    match criterion:
        case Age(low=low, high=high):
            wider = replace(criterion, low=None if high is not None else low, high=high if low is None else None)
            return draw(st.sampled_from((wider, criterion))) if (wider.low, wider.high) != (None, None) else criterion
        case Sex():
            return Sex(among=draw(st.sampled_from((("female",), ("female", "male"), ("male",), LEVELS[Stratum.SEX]))))
        case InGroup(among=among):
            return replace(criterion, among=tuple(dict.fromkeys((*among, UNKNOWN))))
        case Observed():
            return replace(criterion, window=draw(windows()), covers=draw(st.sampled_from([*type(criterion.covers)])))
        case Value():
            return replace(criterion, low=None, units=draw(st.sampled_from(((), criterion.units))))
        case Has():
            return draw(_changed_had(criterion))
        case Summary(rows=rows):
            how = draw(st.sampled_from(("rows", "limits", "any")))
            if how == "rows":
                return replace(criterion, rows=replace(rows, window=draw(windows())))
            limits = Value(units=(), low=1.0, low_included=draw(st.booleans()))
            return rows if how == "any" else replace(criterion, limits=limits)
        case Change(of=rows):
            limits = replace(criterion.limits, low=-1.0, high=None, low_included=draw(st.booleans()))
            return rows if draw(st.booleans()) else replace(criterion, limits=limits)
        case AllOf(of=several):
            parts = [draw(_changed(one)) if draw(st.booleans()) else one for one in several]
            return AllOf(of=tuple(parts[: draw(st.integers(1, len(parts)))]))
        case AnyOf(of=several):
            return replace(criterion, at_least=draw(st.integers(1, len(several))))
        case Reaches():
            return replace(criterion, at_least=1)
        case Not(of=one):
            return Not(of=draw(_changed(one)))
        case _:
            return criterion


@st.composite
def _changed_had(draw: st.DrawFn, had: Has) -> Has:
    how = draw(st.sampled_from(("window", "touches", "at_least", "rows", "provided", "choose", "visit", "distinct")))
    match how:
        case "window":
            one = draw(st.sampled_from(("first", "last")))
            return replace(had, window=replace(had.window, **{one: None}))
        case "touches":
            return replace(had, touches=draw(st.sampled_from([*type(had.touches)])))
        case "at_least" | "distinct":
            plain = type(had)(events=had.events, window=had.window, touches=had.touches, provided=had.provided)
            return replace(plain, same_visit=had.same_visit, at_least=draw(st.sampled_from((1, 2))))
        case "choose":
            plain = type(had)(events=had.events, window=had.window, touches=had.touches, provided=had.provided)
            return replace(plain, same_visit=had.same_visit)
        case "rows":
            return replace(had, events=draw(_changed_rows(had.events)))
        case "visit":
            return replace(had, same_visit=False)
        case _:
            return replace(had, provided=None)

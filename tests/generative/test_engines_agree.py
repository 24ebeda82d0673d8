"""Both engines give the same count on generated sites and measures, and every option of a measure was generated."""

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_site import DRUG, INPATIENT, make_measure, open_site, write_site

from rounds.engines import duck, reference
from rounds.errors import RecordsError
from rounds.measures.definitions import CodeList, Event, EventTable, Measure, PersonQuestion, VisitQuestion
from rounds.measures.periods import Grain, Period, periods_between
from rounds.measures.strata import Stratum

FIRST, LAST = date(2019, 10, 1), date(2021, 3, 31)
PARENT = CodeList(id="parent", version=1, title="Parent", concepts=((10, "Parent"),), descendants=True)
VISIT = CodeList(id="visit", version=1, title="Visit", concepts=((9200, "Visit"),), descendants=True)
ANCESTORS = [(10, 10), (10, 11), (10, 13), (9200, 9200), (9200, 9201), (9200, 9202)]
CONCEPTS = [(concept, f"c{concept}") for concept in (10, 11, 12, 13, 9200, 9201, 9202)]

STRATA = ((), (Stratum.SEX,), (Stratum.AGE_BAND,), (Stratum.AGE_BAND, Stratum.SEX), (Stratum.SEX, Stratum.AGE_BAND))

OPTIONS = frozenset(
    {
        *(f"{kind} of {table}" for kind, table in product(("people", "visits"), EventTable)),
        *(f"{name} {value}" for name, value in product(("first", "observed", "descendants"), (True, False))),
        *(f"event {limit}" for limit in ("age_min", "age_max")),
        *(f"denominator {limit}" for limit in ("age_min", "age_max")),
        *(f"grain {grain}" for grain in Grain),
        *(f"strata {'+'.join(strata)}" for strata in STRATA),
        "a numerator above 0",
        "a numerator below its denominator",
        "an event outside observation",
        "two events of a person on one day",
        "two observations of a person in one period",
        "a person never observed",
        "two visits of a person on one day",
        "events of somebody born in an impossible year",
    }
)
"""What a run has to have met; anything a measure can say belongs here."""

ANY_DAY = st.integers(-30, (LAST - FIRST).days + 30).map(lambda days: FIRST + timedelta(days=days))
EDGES = [
    date(2019, 12, 31),
    date(2020, 1, 1),
    date(2020, 6, 30),
    date(2020, 7, 1),
    date(2020, 12, 31),
    date(2021, 1, 1),
]
PEOPLE = range(1, 5)
STRANGER = 5
"""Born in an impossible year: left out with their events while never observed and on no visit, else refused."""


@dataclass(frozen=True, kw_only=True)
class Site:
    people: list[tuple[int, int, int]]
    observed: list[tuple[int, date, date]]
    events: dict[EventTable, list[tuple[int, int, date]]]
    visits: list[tuple[int, int, int, date, date]]
    deaths: list[tuple[int, date]]


@st.composite
def sites(draw: st.DrawFn) -> Site:
    who = st.sampled_from(PEOPLE)
    # Few days, so that events meet visits, ends of observation and one another.
    days = st.sampled_from([*draw(st.lists(ANY_DAY, min_size=3, max_size=8, unique=True)), *EDGES])
    spans = st.tuples(days, days).map(sorted)
    # Years of birth that make ages fall on, and just beside, the limits that `LIMITS` draws.
    years = st.sampled_from((1938, 1939, 1940, 1979, 1980, 2002, 2003, 2018, 2019))
    born = draw(st.lists(years, min_size=len(PEOPLE), max_size=len(PEOPLE)))
    sexes = draw(st.lists(st.sampled_from((8532, 8507, 0, 8551)), min_size=len(PEOPLE), max_size=len(PEOPLE)))
    anybody = st.sampled_from((*PEOPLE, STRANGER))
    event = st.tuples(anybody, st.sampled_from((10, 11, 11, 12, 13)), days)
    coded = [table for table in EventTable if table not in (EventTable.DEATH, EventTable.VISIT_OCCURRENCE)]
    visits = draw(st.lists(st.tuples(who, st.sampled_from((9201, 9201, 9202, 8)), spans), max_size=8))
    stranger = (STRANGER, draw(st.sampled_from((8532, 0))), draw(st.sampled_from((1, 1850, 1899, 2025, 9999))))
    return Site(
        people=[*((person, *rest) for person, *rest in zip(PEOPLE, sexes, born, strict=True)), stranger],
        observed=[(person, *span) for person, span in draw(st.lists(st.tuples(who, spans), max_size=8))],
        events={table: draw(st.lists(event, max_size=8)) for table in coded},
        visits=[(number, person, kind, *span) for number, (person, kind, span) in enumerate(visits)],
        deaths=[(person, day) for person, day in draw(st.dictionaries(anybody, days, max_size=2)).items()],
    )


LIMITS = st.sampled_from(
    (
        (None, None),
        (None, None),
        (None, 17),
        (None, 41),
        (None, 82),
        (18, None),
        (41, None),
        (80, None),
        (17, 40),
        (2, 80),
    )
)
"""The youngest and oldest age, seldom both, or nearly every numerator would be 0."""


@st.composite
def measures(draw: st.DrawFn, *, people: bool, table: EventTable) -> Measure:
    codes = None if table is EventTable.DEATH else VISIT if table is EventTable.VISIT_OCCURRENCE else PARENT
    if codes is not None and not draw(st.booleans()):
        codes = INPATIENT if codes is VISIT else DRUG
    (event_min, event_max), (asked_min, asked_max) = draw(LIMITS), draw(LIMITS)
    event = Event(
        table=table,
        codes=codes,
        first=draw(st.booleans()),
        observed=draw(st.booleans()),
        age_min=event_min,
        age_max=event_max,
    )
    limits = {"age_min": asked_min, "age_max": asked_max}
    question: PersonQuestion | VisitQuestion
    if people:
        question = PersonQuestion(numerator=event, **limits)
    else:
        question = VisitQuestion(visits=draw(st.sampled_from((VISIT, INPATIENT))), numerator=event, **limits)
    grain = draw(st.sampled_from(Grain))
    strata = draw(st.sampled_from([some for some in STRATA if grain is not Grain.ALL or Stratum.AGE_BAND not in some]))
    return make_measure(question, grain=grain, strata=strata)


EVERY_KIND = st.tuples(*(measures(people=people, table=table) for people in (True, False) for table in EventTable))


def _write(folder: Path, site: Site) -> None:
    write_site(
        folder,
        person=site.people,
        observation_period=site.observed,
        visit_occurrence=site.visits,
        death=site.deaths,
        concept=CONCEPTS,
        concept_ancestor=ANCESTORS,
        **{table.value: rows for table, rows in site.events.items()},
    )


@settings(max_examples=10)
@given(site=sites(), start=ANY_DAY, visit=st.booleans())
def test_nobody_born_in_an_impossible_year_is_in_a_denominator(site: Site, start: date, visit: bool) -> None:
    if visit:
        asked = replace(site, visits=[*site.visits, (len(site.visits), STRANGER, 9201, start, start)])
    else:
        asked = replace(site, observed=[*site.observed, (STRANGER, start, start)])
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), asked)
        with pytest.raises(RecordsError, match=r"person\.parquet, column `year_of_birth`: a year of birth outside"):
            open_site(Path(folder), outside="exclude")


@pytest.mark.slow
def test_engines_agree_and_every_option_was_met() -> None:
    met: Counter[str] = Counter()

    @settings(max_examples=10, suppress_health_check=list(HealthCheck))
    @given(site=sites(), asked=EVERY_KIND)
    def agree(site: Site, asked: tuple[Measure, ...]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), site)
            records = open_site(Path(folder), outside="exclude")
            for measure in asked:
                periods = periods_between(grain=measure.grain, first=FIRST, last=LAST)
                slow = reference.count(measure, records, member="RX1", periods=periods)
                fast = duck.count(measure, records, member="RX1", periods=periods)
                assert fast.cells.rows() == slow.cells.rows()
                met.update(_options(measure))
                met.update(_happened(slow.cells["numerator"].to_list(), slow.cells["denominator"].to_list()))
                met.update(_shapes(site, periods))

    agree()
    assert met.keys() == OPTIONS


def _options(measure: Measure) -> set[str]:
    question = measure.question
    assert isinstance(question, PersonQuestion | VisitQuestion)
    event = question.numerator
    return {
        f"{'people' if isinstance(question, PersonQuestion) else 'visits'} of {event.table}",
        f"first {event.first}",
        f"observed {event.observed}",
        *([f"descendants {event.codes.descendants}"] if event.codes else []),
        *(f"event {limit}" for limit in ("age_min", "age_max") if getattr(event, limit) is not None),
        *(f"denominator {limit}" for limit in ("age_min", "age_max") if getattr(question, limit) is not None),
        f"grain {measure.grain}",
        f"strata {'+'.join(measure.strata)}",
    }


def _happened(numerators: list[int], denominators: list[int]) -> set[str]:
    both = list(zip(numerators, denominators, strict=True))
    return {
        *(["a numerator above 0"] if any(above for above, _ in both) else []),
        *(["a numerator below its denominator"] if any(above < below for above, below in both) else []),
    }


def _shapes(site: Site, periods: tuple[Period, ...]) -> set[str]:
    events = [(person, day) for rows in site.events.values() for person, _, day in rows]
    inside = [any(who == person and lo <= day <= hi for who, lo, hi in site.observed) for person, day in events]
    observed = Counter(
        (person, period)
        for person, lo, hi in site.observed
        for period in periods
        if lo <= period.end and hi >= period.start
    )
    visits = Counter((person, start) for _, person, _, start, _ in site.visits)
    return {
        *(["events of somebody born in an impossible year"] if any(who == STRANGER for who, _ in events) else []),
        *(["an event outside observation"] if not all(inside) else []),
        *(["two events of a person on one day"] if any(n > 1 for n in Counter(events).values()) else []),
        *(["two observations of a person in one period"] if any(n > 1 for n in observed.values()) else []),
        *(["a person never observed"] if len({person for person, _, _ in site.observed}) < len(PEOPLE) else []),
        *(["two visits of a person on one day"] if any(n > 1 for n in visits.values()) else []),
    }

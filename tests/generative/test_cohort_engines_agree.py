"""The two cohort engines find the same people for random cohorts at random sites, and every option was met."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from random import Random

import duckdb
import pytest
from cohort_cases import (
    Site,
    load_site,
    make_cohort,
    make_counting_cohort,
    make_criterion,
    make_exit_cohort,
    make_site,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rounds.engines.cohorts import duck, reference
from rounds.engines.cohorts.event_sql import events_sql
from rounds.engines.cohorts.reference_concepts import resolve_concept_sets
from rounds.engines.cohorts.reference_events import find_events
from rounds.engines.cohorts.result import CohortResult
from rounds.engines.cohorts.tables import find_tables
from rounds.measures.cohorts.attributes import ATTRIBUTES, DEMOGRAPHIC, SOURCE_CONCEPT, Kind
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.criteria import Correlated, Criterion, Edge, Group, GroupKind, Occurrence, Times, Window
from rounds.measures.cohorts.definition import (
    CohortDefinition,
    ConceptItem,
    ContinuousExposure,
    DateOffset,
    Limit,
    ObservationEnd,
    PrimaryCriteria,
)
from rounds.measures.cohorts.domains import TABLES, CountColumn, Domain
from rounds.measures.cohorts.filters import (
    AbnormalFilter,
    CareSiteRegionFilter,
    Comparison,
    ConceptFilter,
    ConceptSetFilter,
    DateFilter,
    NumberFilter,
    Source,
    TextFilter,
)

ASKED_ATTRIBUTES = [(domain, name) for domain, attributes in ATTRIBUTES.items() for name in attributes]
EXITS = 40
COUNTED = [(domain, column) for domain, table in TABLES.items() for column in sorted(table.count_columns)]
FLAGS = (True, False)
UNSHRUNK = (Phase.generate,)
"""A smaller seed makes no simpler case."""

OPTIONS = frozenset(
    {
        *(f"criterion {domain}" for domain in Domain),
        *(f"correlated {domain}" for domain in Domain),
        *(f"nested in {domain}" for domain in Domain),
        *(f"first {domain}" for domain, table in TABLES.items() if table.has_first),
        *(f"source concept of {domain}" for domain in SOURCE_CONCEPT),
        *(f"adjusted {each}" for each in ("start with end", "start with start", "end with end", "end with start")),
        *(f"user period {each}" for each in ("start", "end")),
        *(f"counted {domain} {column}" for domain, column in COUNTED),
        *(f"{kind.__name__} {each}" for kind in (NumberFilter, DateFilter) for each in Comparison),
        *(
            f"{kind.__name__} exclude {each}"
            for kind in (ConceptFilter, ConceptSetFilter, TextFilter)
            for each in FLAGS
        ),
        *(f"source {each}" for each in Source),
        *(f"known only, exclude {each}" for each in FLAGS),
        AbnormalFilter.__name__,
        CareSiteRegionFilter.__name__,
        *(f"group {kind}" for kind in GroupKind),
        "group within a group",
        "demographic criteria",
        *(f"times {each}" for each in Times),
        *(f"zero {each}" for each in Times),
        *(f"same visit {each}" for each in FLAGS),
        *(f"ignore observation period {each}" for each in FLAGS),
        *(f"window from index end {each}, on event end {each_event}" for each in FLAGS for each_event in FLAGS),
        "end window",
        *(f"edge {sign} {kind}" for sign in (-1, 1) for kind in ("days", "unbounded")),
        *(f"primary limit {limit}" for limit in Limit),
        *(f"qualified limit {limit}" for limit in Limit),
        *(f"expression limit {limit}" for limit in Limit),
        *(f"observation {each}" for each in ("prior", "post")),
        *(kind.__name__ for kind in (ObservationEnd, DateOffset, ContinuousExposure)),
        *(f"offset from end {each}" for each in FLAGS),
        "days of supply replaced",
        "censoring",
        "era pad",
        *(f"censor window {each}" for each in ("start", "end")),
        *(f"concepts {each}" for each in ("excluded", "descendants", "mapped")),
        *(f"inclusion rules {number}" for number in range(4)),
        "an entry",
        "two entries of a person",
        "an event that meets some rules and not others",
        "a person whose best event is not the first",
        "nobody",
        "an empty concept set",
        "a site with observation periods that overlap",
    }
)
"""What a run has to have met; anything a cohort can say belongs here."""


def _cohorts(rng: Random) -> Iterator[CohortDefinition]:
    for number, (domain, name) in enumerate(ASKED_ATTRIBUTES):
        yield _read(make_cohort(rng, domain=domain, attribute=name), f"{domain} {name} {number}")
    for domain, column in COUNTED:
        yield _read(make_counting_cohort(rng, domain=domain, column=column), f"{domain} {column}")

    for number in range(EXITS):
        yield _read(make_exit_cohort(rng), f"exit {number}")


def _read(cohort: dict[str, object], name: str) -> CohortDefinition:
    return read_circe(json.dumps(cohort), name=name)


@pytest.mark.slow
def test_engines_agree_and_every_option_was_met() -> None:
    met: set[str] = set()

    @settings(max_examples=1, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32))
    def agree(seed: int) -> None:
        rng = Random(seed)  # noqa: S311
        with duckdb.connect(config={"threads": 1}) as connection:
            for number, definition in enumerate(_cohorts(rng)):
                if number % 20 == 0:
                    overlapping = number % 40 == 0
                    site = make_site(rng, rows=25, overlapping=overlapping)
                    load_site(connection, site)
                    met.update({"a site with observation periods that overlap"} if overlapping else set())
                slow = _compare(connection, site, definition)
                met.update(_options(definition))
                met.update(_happened(definition, slow))

    agree()
    assert sorted(OPTIONS - met) == []
    assert sorted(met - OPTIONS) == []


@pytest.mark.slow
@settings(max_examples=3, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_engines_agree_on_the_events_of_every_attribute(seed: int) -> None:
    rng = Random(seed)  # noqa: S311
    some = 0
    with duckdb.connect(config={"threads": 1}) as connection:
        site = make_site(rng, rows=25)
        load_site(connection, site)
        tables = find_tables(connection, schema="main")
        asked: list[tuple[Domain, str | None, CountColumn | None]]
        asked = [*((*each, None) for each in ASKED_ATTRIBUTES), *((domain, None, column) for domain, column in COUNTED)]
        for domain, name, column in asked:
            definition = _read(make_criterion(rng, domain=domain, attribute=name), f"{domain} {name} {column}")
            criterion = definition.primary.criteria[0]
            concepts = resolve_concept_sets(site, definition)
            sql = events_sql(criterion, tables=tables, concepts=partial(_listed, concepts=concepts), counted=column)
            slow = find_events(site, criterion, concepts, column)
            rows = [
                (each.person, each.key, each.start, each.end, each.visit, each.sort_day, each.counted) for each in slow
            ]
            assert Counter(connection.execute(sql).fetchall()) == Counter(rows), definition.name
            some += bool(slow)
    assert some > len(asked) / 2


def _listed(number: int, *, concepts: dict[int, frozenset[int]]) -> str:
    return f"(SELECT unnest({sorted(concepts[number])}::BIGINT[]))"


def _compare(connection: duckdb.DuckDBPyConnection, site: Site, definition: CohortDefinition) -> CohortResult:
    slow = reference.find_cohort(site, definition)
    fast = duck.find_cohort(connection, definition)
    assert fast.entries.rows() == slow.entries.rows()
    assert fast.qualifying_people == slow.qualifying_people
    assert fast.inclusion_counts == slow.inclusion_counts
    assert fast.judged == slow.judged
    assert fast.empty_concept_sets == slow.empty_concept_sets
    if not definition.rules:
        return slow
    with duck.cohort_table(connection, definition, into="joined") as table:
        assert connection.execute(f"FROM {table} ORDER BY ALL").fetchall() == slow.entries.rows()
    return slow


def _happened(definition: CohortDefinition, found: CohortResult) -> Iterator[str]:
    entries = found.entries.height
    people = found.entries["person_id"].n_unique()
    yield "an entry" if entries else "nobody"
    if people < entries:
        yield "two entries of a person"
    if any(0 < mask < (1 << len(definition.rules)) - 1 for mask in found.judged.events):
        yield "an event that meets some rules and not others"
    if definition.rules and found.judged.people != found.judged.events:
        yield "a person whose best event is not the first"
    if found.empty_concept_sets:
        yield "an empty concept set"


def _options(definition: CohortDefinition) -> set[str]:
    return set(_whole(definition)) | {option for part in _parts(definition) for option in _part(part)}


def _parts(value: object) -> Iterator[object]:
    """Give a value and all values inside it."""
    if isinstance(value, tuple):
        for each in value:
            yield from _parts(each)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from _parts(getattr(value, field.name))


def _whole(definition: CohortDefinition) -> Iterator[str]:
    yield from (f"criterion {each.domain}" for each in definition.primary.criteria)
    yield f"inclusion rules {len(definition.rules)}"
    yield f"expression limit {definition.expression_limit}"
    if definition.additional is not None:
        yield f"qualified limit {definition.qualified_limit}"
    if definition.censoring:
        yield "censoring"
    if definition.era_pad_days:
        yield "era pad"
    if definition.censor_start is not None:
        yield "censor window start"
    if definition.censor_end is not None:
        yield "censor window end"


def _part(part: object) -> Iterator[str]:
    match part:
        case PrimaryCriteria():
            yield f"primary limit {part.limit}"
            yield from (["observation prior"] if part.prior_days else [])
            yield from (["observation post"] if part.post_days else [])
        case Criterion():
            yield from _criterion(part)
        case Group():
            yield f"group {part.kind}"
            yield from ("group within a group" for each in part.members if isinstance(each, Group))
        case Correlated():
            yield f"correlated {part.criterion.domain}"
            yield f"same visit {part.same_visit}"
            yield f"ignore observation period {part.ignore_observation_period}"
            yield from (["end window"] if part.end_window is not None else [])
            if part.occurrence.distinct is not None:
                yield f"counted {part.criterion.domain} {part.occurrence.distinct}"
        case Occurrence():
            yield f"times {part.times}"
            yield from ([f"zero {part.times}"] if part.count == 0 else [])
        case Window():
            yield f"window from index end {part.from_index_end}, on event end {part.on_event_end}"
        case Edge():
            yield f"edge {part.sign} {'unbounded' if part.days is None else 'days'}"
        case ConceptItem():
            flags = {"excluded": part.excluded, "descendants": part.descendants, "mapped": part.mapped}
            yield from (f"concepts {name}" for name, flag in flags.items() if flag)
        case _:
            yield from _end_or_filter(part)


def _criterion(part: Criterion) -> Iterator[str]:
    if part.first:
        yield f"first {part.domain}"
    if part.source_concept_set is not None:
        yield f"source concept of {part.domain}"
    if part.adjustment is not None:
        yield f"adjusted start with {'end' if part.adjustment.start_with_end else 'start'}"
        yield f"adjusted end with {'end' if part.adjustment.end_with_end else 'start'}"
    if part.user_period is not None:
        yield from (["user period start"] if part.user_period.start is not None else [])
        yield from (["user period end"] if part.user_period.end is not None else [])
    if part.correlated is not None and part.correlated.members:
        yield f"nested in {part.domain}"


def _end_or_filter(part: object) -> Iterator[str]:
    name = type(part).__name__
    match part:
        case ObservationEnd() | AbnormalFilter() | CareSiteRegionFilter():
            yield name
        case DateOffset():
            yield name
            yield f"offset from end {part.from_end}"
        case ContinuousExposure():
            yield name
            yield from (["days of supply replaced"] if part.days_supply is not None else [])
        case NumberFilter() | DateFilter():
            yield f"{name} {part.comparison}"
            yield f"source {part.operand.source}"
        case ConceptSetFilter(concept_set=None):
            yield f"known only, exclude {part.exclude}"
        case ConceptFilter() | ConceptSetFilter() | TextFilter():
            yield f"{name} exclude {part.exclude}"
            yield f"source {part.operand.source}"
        case _:
            yield from (["demographic criteria"] if name == "Demographic" else [])


def test_every_attribute_has_a_kind_that_is_generated() -> None:
    kinds = {attribute.kind for attributes in ATTRIBUTES.values() for attribute in attributes.values()}
    assert kinds == set(Kind)
    assert {attribute.kind for attribute in DEMOGRAPHIC.values()} <= set(Kind)

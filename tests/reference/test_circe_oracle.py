"""Cohorts and criteria against the rows that OHDSI circe-be's own tests expect of PostgreSQL.

Each case of the data set is a small CDM (PREP), what is asked, and the rows expected (VERIFY). What is asked is in the
data set for cohorts; of criteria circe-be's tests say it in code: it is repeated here, in ATLAS's words.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cohort_cases import Site, load_site

from rounds.engines.cohorts import concept_sets, duck, reference
from rounds.engines.cohorts.event_sql import events_sql
from rounds.engines.cohorts.reference_concepts import resolve_concept_sets
from rounds.engines.cohorts.reference_events import find_events
from rounds.engines.cohorts.result import CohortResult
from rounds.engines.cohorts.tables import find_tables
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.criteria import Criterion
from rounds.measures.cohorts.definition import CohortDefinition
from rounds.records.omop_columns import OMOP_COLUMNS

HELD_AGAINST = (("ATLAS cohorts, criterion by criterion", "rows that OHDSI circe-be's own tests expect", "exact"),)

ORACLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "circe_oracle"

pytestmark = pytest.mark.skipif(not ORACLE.is_dir(), reason="the data set circe_oracle is not beside the checkout")

Json = dict[str, Any]
CODE_SETS = {1: frozenset({1}), 2: frozenset({2}), 3: frozenset({3})}
"""As `criteria/codesets.json` has them."""

MOVED = {"StartWith": "START_DATE", "StartOffset": 15, "EndWith": "END_DATE", "EndOffset": -10}
SEPTEMBER = {"StartDate": "2000-09-01", "EndDate": "2000-09-30"}


def _selected(**sets: int) -> Json:
    return {name: {"CodesetId": number, "IsExclusion": False} for name, number in sets.items()}


def _care(visit: int = 2, specialty: int = 3) -> Json:
    return _selected(GenderCS=1, VisitTypeCS=visit, ProviderSpecialtyCS=specialty)


CONCEPT_SETS: Mapping[str, Json] = {
    "ConditionEra": _selected(GenderCS=1),
    "ConditionOccurrence": _selected(ConditionTypeCS=1) | _care(),
    "Death": _selected(GenderCS=1, DeathTypeCS=1),
    "DeviceExposure": _selected(DeviceTypeCS=1) | _care(),
    "DoseEra": _selected(GenderCS=1, UnitCS=3),
    "DrugEra": _selected(GenderCS=1),
    "DrugExposure": _selected(DrugTypeCS=2, RouteConceptCS=3, DoseUnitCS=2) | _care(),
    "Measurement": _selected(OperatorCS=3, ValueAsConceptCS=2, UnitCS=1) | _care(),
    "Observation": _selected(ObservationTypeCS=1, QualifierCS=3, ValueAsConceptCS=2, UnitCS=1) | _care(),
    "ObservationPeriod": _selected(PeriodTypeCS=1),
    "ProcedureOccurrence": _selected(ModifierCS=3, ProcedureTypeCS=2) | _care(),
    "Specimen": _selected(GenderCS=1, SpecimenTypeCS=2, UnitCS=3, AnatomicSiteCS=2, DiseaseStatusCS=3),
    "VisitOccurrence": _selected(GenderCS=1, VisitTypeCS=2, ProviderSpecialtyCS=3, PlaceOfServiceCS=2),
}
"""Besides concept set 1 for what the event itself is."""

OFFSETS = (
    "ConditionEra",
    "ConditionOccurrence",
    "Death",
    "DeviceExposure",
    "DoseEra",
    "DrugEra",
    "DrugExposure",
    "Measurement",
    "Observation",
    "ObservationPeriod",
    "PayerPlanPeriod",
    "ProcedureOccurrence",
    "VisitDetail",
    "VisitOccurrence",
)
PERIODS = ("ObservationPeriod", "PayerPlanPeriod")


def _read(path: str) -> Json:
    found: Json = json.loads((ORACLE / path).read_text(encoding="utf-8"))
    return found


def _site(*paths: str) -> Site:
    site: Site = {name: [] for name in OMOP_COLUMNS}
    for path in paths:
        for name, rows in _read(path).items():
            table = name.removeprefix("cdm.").lower()
            columns = OMOP_COLUMNS[table]
            site[table] = [
                {
                    column.lower(): date.fromisoformat(value) if columns[column.lower()] == "DATE" else value
                    for column, value in row.items()
                    if column.lower() in columns and value is not None
                }
                for row in rows
            ]
    return site


def _criterion(domain: str, body: Json) -> Criterion:
    sets = [{"id": number, "expression": {"items": []}} for number in CODE_SETS]
    primary = {"CriteriaList": [{domain: body}], "ObservationWindow": {"PriorDays": 0, "PostDays": 0}}
    return read_circe(json.dumps({"ConceptSets": sets, "PrimaryCriteria": primary}), name=domain).primary.criteria[0]


def _events_in_sql(site: Site, criterion: Criterion) -> list[Json]:
    with duckdb.connect() as connection:
        load_site(connection, site)
        tables = find_tables(connection, schema="main")
        sql = events_sql(
            criterion, tables=tables, concepts=lambda number: f"({', '.join(map(str, CODE_SETS[number]))})"
        )
        assert not tables.missing
        return _dicts(connection, sql)


def _dicts(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Json]:
    result = connection.execute(f"SELECT * EXCLUDE (counted) FROM ({sql}) ORDER BY person_id, start_date")  # noqa: S608
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _events_in_python(site: Site, criterion: Criterion) -> list[Json]:
    events = find_events(site, criterion, CODE_SETS)
    return [
        {
            "person_id": event.person,
            "event_id": event.key,
            "start_date": event.start,
            "end_date": event.end,
            "visit_occurrence_id": event.visit,
            "sort_date": event.sort_day,
        }
        for event in sorted(events, key=lambda event: (event.person, event.start))
    ]


FindEvents = Callable[[Site, Criterion], list[Json]]


@pytest.fixture(params=[_events_in_sql, _events_in_python], ids=["duckdb", "reference"])
def events(request: pytest.FixtureRequest) -> FindEvents:
    found: FindEvents = request.param
    return found


def _check_events(events: FindEvents, case: str, asked: Mapping[str, tuple[str, Json]]) -> None:
    site = _site(f"criteria/{case}_PREP.json")
    verify = _read(f"criteria/{case}_VERIFY.json")
    assert set(verify) == set(asked)
    for name, (domain, body) in asked.items():
        found = events(site, _criterion(domain, body))
        shown = [
            {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}
            for row in found
        ]
        assert shown == verify[name], name


def _camel(domain: str) -> str:
    return domain[0].lower() + domain[1:]


@pytest.mark.parametrize("domain", CONCEPT_SETS)
def test_criteria_with_concept_sets(events: FindEvents, domain: str) -> None:
    own = {} if domain in PERIODS else {"CodesetId": 1}
    name = _camel(domain)
    _check_events(events, f"{name}ConceptSet", {f"{name}.conceptset": (domain, own | CONCEPT_SETS[domain])})


@pytest.mark.parametrize("domain", OFFSETS)
def test_criteria_with_moved_dates(events: FindEvents, domain: str) -> None:
    own: Json = {} if domain in PERIODS else {"CodesetId": 1}
    name, moved = _camel(domain), own | {"DateAdjustment": MOVED}
    asked = {f"{name}.simple": (domain, own), f"{name}.date_adjust": (domain, moved)}
    if domain in PERIODS:
        asked[f"{name}.user_defined"] = (domain, moved | {"UserDefinedPeriod": SEPTEMBER})
    _check_events(events, f"{name}DateOffset", asked)


def test_every_case_of_a_criterion_is_asked() -> None:
    cases = {f"{_camel(domain)}ConceptSet" for domain in CONCEPT_SETS} | {
        f"{_camel(each)}DateOffset" for each in OFFSETS
    }
    assert {path.stem.removesuffix("_VERIFY") for path in (ORACLE / "criteria").glob("*_VERIFY.json")} == cases


def _cohort_in_sql(site: Site, definition: CohortDefinition) -> CohortResult:
    with duckdb.connect() as connection:
        load_site(connection, site)
        return duck.find_cohort(connection, definition)


FindCohort = Callable[[Site, CohortDefinition], CohortResult]


@pytest.fixture(params=[_cohort_in_sql, reference.find_cohort], ids=["duckdb", "reference"])
def cohort(request: pytest.FixtureRequest) -> FindCohort:
    found: FindCohort = request.param
    return found


def _check_cohorts(cohort: FindCohort, folder: str, case: str, expressions: list[Json]) -> None:
    site = _site("datasets/vocabulary.json", f"cohortgeneration/{folder}/{case}_PREP.json")
    verify = _read(f"cohortgeneration/{folder}/{case}_VERIFY.json")
    rows, inclusion = [], []
    for number, expression in enumerate(expressions, start=1):
        result = cohort(site, read_circe(json.dumps(expression), name=f"{case} {number}"))
        rows += [(number, *row) for row in result.entries.rows()]
        inclusion += [(number, 0, mask, count) for mask, count in sorted(result.judged.events.items())]
        inclusion += [(number, 1, mask, count) for mask, count in sorted(result.judged.people.items())]
    checked = 0
    for name, expected in verify.items():
        checked += 1
        match name.rpartition(".")[2]:
            case "cohort":
                assert rows == [
                    (
                        row["cohort_definition_id"],
                        row["subject_id"],
                        date.fromisoformat(row["cohort_start_date"]),
                        date.fromisoformat(row["cohort_end_date"]),
                    )
                    for row in expected
                ]
            case "cohort_inclusion_result":
                assert inclusion == [
                    (row["cohort_definition_id"], row["mode_id"], row["inclusion_rule_mask"], row["person_count"])
                    for row in expected
                ]
            case other:
                pytest.fail(f"nobody looks at {other}")
    assert checked


def test_limits(cohort: FindCohort) -> None:
    asked = [_read("cohortgeneration/limits/limitExpression.json")]
    for limit in (
        ("ExpressionLimit",),
        ("QualifiedLimit",),
        ("PrimaryCriteria", "PrimaryCriteriaLimit"),
    ):
        asked.append(_with_limit(asked[-1], limit, "first"))
    asked.append(_with_limit(asked[-1], ("PrimaryCriteria", "PrimaryCriteriaLimit"), "last"))
    _check_cohorts(cohort, "limits", "limitTest", asked)


def _with_limit(expression: Json, path: tuple[str, ...], kind: str) -> Json:
    changed = deepcopy(expression)
    place = changed
    for key in path:
        place = place[key]
    place["Type"] = kind
    return changed


def test_first_occurrences(cohort: FindCohort) -> None:
    domains = (
        "ConditionEra ConditionOccurrence DeviceExposure DrugEra DrugExposure Measurement Observation "
        "ProcedureOccurrence Specimen VisitOccurrence PayerPlanPeriod"
    )
    asked = []
    for domain in domains.split():
        expression = _read("cohortgeneration/firstOccurrence/firstOccurrenceTestExpression.json")
        expression["PrimaryCriteria"]["CriteriaList"] = [{domain: {"First": True}}]
        asked.append(expression)
    _check_cohorts(cohort, "firstOccurrence", "firstOccurrenceTest", asked)


@pytest.mark.parametrize("case", ["fixedOffset", "fixedOffsetCensor"])
def test_exits(cohort: FindCohort, case: str) -> None:
    _check_cohorts(cohort, "exits", case, [_read(f"cohortgeneration/exits/{case}Expression.json")])


def test_inclusion_rules(cohort: FindCohort) -> None:
    asked = _read("cohortgeneration/inclusionRules/simpleInclusionRule.json")
    _check_cohorts(cohort, "inclusionRules", "simpleInclusionRule", [asked])


def test_condition_status(cohort: FindCohort) -> None:
    asked = []
    for status in (None, [], [{"CONCEPT_ID": 1}]):
        criterion = {"ConditionOccurrence": {"ConditionStatus": status}}
        window = {"PriorDays": 0, "PostDays": 0}
        asked.append({"PrimaryCriteria": {"CriteriaList": [criterion], "ObservationWindow": window}})
    _check_cohorts(cohort, "conditionOccurrence", "conditionStatusTest", asked)


def test_every_kind_of_criterion_runs(cohort: FindCohort) -> None:
    text = (ORACLE / "cohortgeneration" / "allCriteria" / "allCriteriaExpression.json").read_text(encoding="utf-8")
    definition = read_circe(text, name="all criteria")
    assert len({criterion.domain for criterion in definition.criteria()}) == 12
    assert cohort(_site("datasets/vocabulary.json"), definition).entries.is_empty()


def test_concept_sets_longer_than_a_list_of_sql() -> None:
    items = [
        {"concept": {"CONCEPT_ID": number}, "includeDescendants": True, "isExcluded": number % 2 == 0}
        for number in range(1, 4_000)
    ]
    criterion = {"ConditionOccurrence": {"CodesetId": 0}}
    expression = {
        "ConceptSets": [{"id": 0, "expression": {"items": items}}],
        "PrimaryCriteria": {"CriteriaList": [criterion], "ObservationWindow": {"PriorDays": 0, "PostDays": 0}},
    }
    definition = read_circe(json.dumps(expression), name="long")
    site = _site("datasets/vocabulary.json")
    expected = {row["concept_id"] for row in _read("conceptset/inClause_VERIFY.json")["inclause.result"]}
    assert resolve_concept_sets(site, definition) == {0: expected}
    with duckdb.connect() as connection:
        load_site(connection, site)
        tables = find_tables(connection, schema="main")
        assert concept_sets.resolve_concept_sets(
            lambda sql: connection.execute(sql).fetchall(), definition, tables
        ) == {0: expected}

"""One small site for each rule of a cohort, on both engines."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import duckdb
import pytest
from cohort_cases import Site, load_site

from rounds.engines.cohorts import duck, reference
from rounds.engines.cohorts.result import CohortResult, InclusionCount
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.definition import CohortDefinition
from rounds.records.omop_columns import OMOP_COLUMNS

Json = dict[str, Any]
Find = Callable[[Site, CohortDefinition], CohortResult]
Stretch = tuple[int, int, int]
"""Person, first and last day, counted from the first of January 2020."""

FIRST = date(2020, 1, 1)
ALL: Json = {"Type": "All"}
ANYTIME: Json = {"Start": {"Coeff": -1}, "End": {"Coeff": 1}}
ONE_DAY: Json = {"DateOffset": {"DateField": "StartDate", "Offset": 1}}


def _on_duckdb(site: Site, definition: CohortDefinition) -> CohortResult:
    with duckdb.connect(config={"threads": 2}) as connection:
        load_site(connection, site)
        return duck.find_cohort(connection, definition)


@pytest.fixture(params=[_on_duckdb, reference.find_cohort], ids=["duckdb", "reference"])
def find(request: pytest.FixtureRequest) -> Find:
    found: Find = request.param
    return found


def _day(offset: int) -> date:
    return FIRST + timedelta(days=offset)


def _site(*, visits: list[Stretch] | None = None, plans: list[Stretch] | None = None, people: int = 1) -> Site:
    site: Site = {name: [] for name in OMOP_COLUMNS}
    for person in range(1, people + 1):
        site["person"].append({"person_id": person, "year_of_birth": 1950, "gender_concept_id": 8532})
        site["observation_period"].append(
            {
                "observation_period_id": person,
                "person_id": person,
                "observation_period_start_date": _day(0),
                "observation_period_end_date": _day(365),
            }
        )
    for number, (person, first, last) in enumerate(visits or [], start=1):
        dates = {"visit_start_date": _day(first), "visit_end_date": _day(last)}
        site["visit_occurrence"].append({"visit_occurrence_id": number, "person_id": person, **dates})
    for number, (person, first, last) in enumerate(plans or [], start=1):
        dates = {"payer_plan_period_start_date": _day(first), "payer_plan_period_end_date": _day(last)}
        site["payer_plan_period"].append({"payer_plan_period_id": number, "person_id": person, **dates})
    return site


def _cohort(*, criterion: Json | None = None, limit: str = "All", **changed: object) -> CohortDefinition:
    cohort = {
        "PrimaryCriteria": {
            "CriteriaList": [criterion or {"VisitOccurrence": {}}],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": limit},
        },
        "ExpressionLimit": ALL,
        **changed,
    }
    return read_circe(json.dumps(cohort), name="a rule")


def _found(find: Find, site: Site, definition: CohortDefinition) -> list[Stretch]:
    rows = find(site, definition).entries.rows()
    return [(person, (first - FIRST).days, (last - FIRST).days) for person, first, last in rows]


def test_an_entry_ends_with_observation_unless_it_says_otherwise(find: Find) -> None:
    site = _site(visits=[(1, 10, 12)])
    assert _found(find, site, _cohort()) == [(1, 10, 365)]
    assert _found(find, site, _cohort(EndStrategy=ONE_DAY)) == [(1, 10, 11)]
    after = {"DateOffset": {"DateField": "EndDate", "Offset": 900}}
    assert _found(find, site, _cohort(EndStrategy=after)) == [(1, 10, 365)]


@pytest.mark.parametrize(
    ("visits", "pad", "expected"),
    [
        ([(1, 10, 20), (1, 20, 30)], 0, [(1, 10, 30)]),
        ([(1, 10, 20), (1, 21, 30)], 0, [(1, 10, 20), (1, 21, 30)]),
        ([(1, 10, 20), (1, 21, 30)], 1, [(1, 10, 30)]),
        ([(1, 10, 30), (1, 12, 15), (1, 29, 31)], 0, [(1, 10, 31)]),
    ],
    ids=["touching", "next to each other", "padded", "inside each other"],
)
def test_entries_that_touch_within_the_pad_become_one(
    find: Find, visits: list[Stretch], pad: int, expected: list[Stretch]
) -> None:
    end = {"DateOffset": {"DateField": "EndDate", "Offset": 0}}
    definition = _cohort(EndStrategy=end, CollapseSettings={"CollapseType": "ERA", "EraPad": pad})
    assert _found(find, _site(visits=visits), definition) == expected


def test_entries_that_are_alike_join_nothing_else(find: Find) -> None:
    people, days = range(1, 51), (10, 90, 200)
    visits = [(person, day, day) for person in people for day in days for _ in range(8)]
    # In this order a sort of DuckDB's takes alike rows in another order than the sort before it.
    Random(1).shuffle(visits)  # noqa: S311
    found = _found(find, _site(visits=visits, people=len(people)), _cohort(EndStrategy=ONE_DAY))
    assert found == [(person, day, day + 1) for person in people for day in days]


def test_the_censor_window_cuts_entries(find: Find) -> None:
    site = _site(visits=[(1, 10, 20), (1, 40, 50), (1, 80, 90)])
    end = {"DateOffset": {"DateField": "EndDate", "Offset": 0}}
    window = {"StartDate": _day(15).isoformat(), "EndDate": _day(45).isoformat()}
    assert _found(find, site, _cohort(EndStrategy=end, CensorWindow=window)) == [(1, 15, 20), (1, 40, 45)]


def test_an_entry_ends_at_the_first_censoring_event(find: Find) -> None:
    site = _site(visits=[(1, 10, 12)], plans=[(1, 5, 6), (1, 50, 60), (1, 70, 80)])
    assert _found(find, site, _cohort(CensoringCriteria=[{"PayerPlanPeriod": {}}])) == [(1, 10, 50)]


@pytest.mark.parametrize(("limit", "expected"), [("First", (1, 30, 40)), ("Last", (1, 30, 50))])
def test_a_period_of_the_users_is_in_the_order_of_the_records(find: Find, limit: str, expected: Stretch) -> None:
    site = _site(plans=[(1, 20, 50), (1, 10, 40)])
    criterion = {"PayerPlanPeriod": {"UserDefinedPeriod": {"StartDate": _day(30).isoformat()}}}
    end = {"DateOffset": {"DateField": "EndDate", "Offset": 0}}
    definition = _cohort(criterion=criterion, limit=limit, EndStrategy=end)
    assert _found(find, site, definition) == [expected]


def test_rules_are_counted_by_themselves_and_one_after_the_other(find: Find) -> None:
    site = _site(visits=[(1, 10, 20), (2, 10, 20), (3, 10, 20)], plans=[(1, 5, 6), (2, 60, 70)], people=3)

    def plan(name: str, window: Json) -> Json:
        counted = {"Type": 2, "Count": 1}
        member = {"Criteria": {"PayerPlanPeriod": {}}, "StartWindow": window, "Occurrence": counted}
        return {"name": name, "expression": {"Type": "ALL", "CriteriaList": [member]}}

    before = {"Start": {"Coeff": -1}, "End": {"Days": 0, "Coeff": -1}}
    found = find(site, _cohort(InclusionRules=[plan("ever", ANYTIME), plan("before", before)]))
    assert found.entries["person_id"].to_list() == [1]
    assert found.inclusion_counts == (
        InclusionCount(rule="ever", people_meeting=2, people_remaining=2, events_remaining=2),
        InclusionCount(rule="before", people_meeting=1, people_remaining=1, events_remaining=1),
    )
    assert (found.judged.events, found.qualifying_people) == ({0b11: 1, 0b01: 1, 0b00: 1}, 3)


def test_a_ratio_to_a_limit_of_nothing_is_not_known(find: Find) -> None:
    site = _site()
    for number, (value, low) in enumerate([(2.0, 0.0), (2.0, 1.0), (None, 1.0), (2.0, None)]):
        row = {"measurement_id": number, "person_id": 1, "measurement_date": _day(10 * number)}
        site["measurement"].append(row | {"value_as_number": value, "range_low": low})
    criterion = {"Measurement": {"RangeLowRatio": {"Value": 5, "Op": "!eq"}}}
    assert _found(find, site, _cohort(criterion=criterion, EndStrategy=ONE_DAY)) == [(1, 10, 11)]


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ({"CodesetId": 0}, [(1, 0, 1)]),
        ({"CodesetId": 0, "IsExclusion": True}, [(1, 10, 11)]),
        ({"CodesetId": 1}, []),
        ({"CodesetId": 1, "IsExclusion": True}, [(1, 0, 1), (1, 10, 11), (1, 20, 21)]),
        ({}, [(1, 0, 1), (1, 10, 11)]),
        ({"IsExclusion": True}, [(1, 20, 21)]),
    ],
    ids=["in", "not in", "in nothing", "not in nothing", "known", "not known"],
)
def test_what_is_not_known_is_neither_in_a_concept_set_nor_outside(
    find: Find, selected: Json, expected: list[Stretch]
) -> None:
    site = _site()
    site["concept"] = [{"concept_id": 7}]
    for number, unit in enumerate((7, 8, None)):
        row = {"measurement_id": number, "person_id": 1, "measurement_date": _day(10 * number)}
        site["measurement"].append(row | {"unit_concept_id": unit})
    sets = [
        {"id": 0, "expression": {"items": [{"concept": {"CONCEPT_ID": 7}}]}},
        {"id": 1, "expression": {"items": [{"concept": {"CONCEPT_ID": 9}}]}},
    ]
    definition = _cohort(criterion={"Measurement": {"UnitCS": selected}}, EndStrategy=ONE_DAY, ConceptSets=sets)
    assert _found(find, site, definition) == expected
    empty = ("1",) if selected.get("CodesetId") == 1 else ()
    assert find(site, definition).empty_concept_sets == empty


def test_tables_of_several_cohorts_stand_beside_each_other() -> None:
    site = _site(visits=[(1, 10, 12)], plans=[(1, 50, 60)])
    visits, plans = _cohort(), _cohort(criterion={"PayerPlanPeriod": {}})
    tables = "SELECT table_name FROM duckdb_tables() WHERE temporary ORDER BY ALL"
    with duckdb.connect() as connection:
        load_site(connection, site)
        with (
            duck.cohort_table(connection, visits) as first,
            duck.cohort_table(connection, plans, into="plans") as second,
        ):
            assert duck.find_cohort(connection, plans).entries.height == 1
            assert connection.execute(tables).fetchall() == [(second,), (first,)]
            rows = connection.execute(
                f"SELECT v.start_date, p.start_date FROM {first} v JOIN {second} p USING (person_id)"  # noqa: S608
            ).fetchall()
            assert rows == [(_day(10), _day(50))]
        assert connection.execute(tables).fetchall() == []
        with (
            pytest.raises(ValueError, match="is not the name of a table"),
            duck.cohort_table(connection, plans, into="a b"),
        ):
            pass

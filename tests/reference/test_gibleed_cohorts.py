"""Cohorts over GiBleed against the counts that OHDSI CohortGenerator publishes for the same data."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rounds.engines.cohorts import duck, reference
from rounds.engines.cohorts.result import InclusionCount
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.definition import CohortDefinition
from rounds.records.omop import Records, open_records
from rounds.records.omop_columns import create_omop_views

HELD_AGAINST = (("Cohorts over GiBleed", "OHDSI CohortGenerator's published counts", "exact"),)

GIBLEED = Path(__file__).resolve().parents[3] / "shared" / "data" / "omop_gibleed"
EXPECTED = GIBLEED / "cohortgenerator_expected"

pytestmark = pytest.mark.skipif(not EXPECTED.is_dir(), reason="the data set omop_gibleed is not beside the checkout")


@pytest.fixture(scope="module")
def records() -> Records:
    return open_records(GIBLEED, site="gibleed", as_of=date(2019, 12, 31), outside_observation="exclude")


def _definition(number: str) -> CohortDefinition:
    text = (EXPECTED / "id" / "cohorts" / f"{number}.json").read_text(encoding="utf-8")
    return read_circe(text, name=number)


def _expected(number: str) -> dict[str, int]:
    found: dict[str, int] = json.loads((EXPECTED / "expected_counts.json").read_text(encoding="utf-8"))[number]
    return found


@pytest.mark.parametrize("number", ["1", "2"])
def test_the_published_counts_are_reproduced(records: Records, number: str) -> None:
    expected = _expected(number)
    with records.connect() as connection:
        found = duck.find_cohort(connection, _definition(number), schema=create_omop_views(connection, records))
    assert found.entries.height == expected["cohort_entries"]
    assert found.entries["person_id"].n_unique() == expected["cohort_subjects"]
    if number == "2":
        assert found.qualifying_people == expected["base_count"]
        passing = expected["inclusion_rule_0_pass"]
        assert found.inclusion_counts == (
            InclusionCount(rule="Age > 40", people_meeting=passing, people_remaining=passing, events_remaining=passing),
        )


def test_the_views_every_site_has_are_enough_for_a_simple_cohort(records: Records) -> None:
    definition = read_circe(
        json.dumps(
            {
                "ConceptSets": [
                    {
                        "id": 0,
                        "expression": {"items": [{"concept": {"CONCEPT_ID": 1118084}, "includeDescendants": True}]},
                    }
                ],
                "PrimaryCriteria": {
                    "CriteriaList": [{"DrugExposure": {"CodesetId": 0}}],
                    "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
                },
            }
        ),
        name="celecoxib",
    )
    with records.connect() as connection:
        narrow = duck.find_cohort(connection, definition)
        wide = duck.find_cohort(connection, definition, schema=create_omop_views(connection, records))
    assert narrow.entries.height > 1_000
    # Without recorded ends an exposure ends the day after it starts, which nothing here asks about.
    assert narrow.entries.equals(wide.entries)


def test_the_reference_finds_the_same_people_among_a_few(records: Records) -> None:
    tables = {}
    for name in ("person", "observation_period", "drug_era", "concept", "concept_ancestor"):
        frame = pl.read_parquet(GIBLEED / f"{name}.parquet")
        if name.startswith("concept"):
            # What celecoxib means is a few rows of the vocabulary.
            column = "concept_id" if name == "concept" else "ancestor_concept_id"
            frame = frame.filter(pl.col(column) == 1118084)
        else:
            frame = frame.filter(pl.col("person_id") % 40 == 7)
        dates = [column for column in frame.columns if column.endswith("_date")]
        tables[name] = frame.with_columns(pl.col(dates).cast(pl.Date)).to_dicts()
    for number in ("1", "2"):
        definition = _definition(number)
        with records.connect() as connection:
            whole = duck.find_cohort(connection, definition, schema=create_omop_views(connection, records))
        few = whole.entries.filter(pl.col("person_id") % 40 == 7)
        assert few.height > 10
        assert reference.find_cohort(tables, definition).entries.equals(few)

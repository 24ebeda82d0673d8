"""Funnels: what the pack can tell, what is left to SQL and why, and what a site is shown."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_site import WORDS, open_site, write_site
from typer.testing import CliRunner

from rounds.cli.app import app
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.screen import screened
from rounds.engines.cohorts.duck import find_cohort
from rounds.engines.funnels import Funnel, Funnels, open_funnels
from rounds.engines.pack.build import build_pack
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.measures.cohorts.circe import read_circe

PEOPLE = 12
FIRST, LAST = date(2019, 1, 1), date(2021, 12, 31)


def _trial(criterion: dict[str, Any], **more: Any) -> str:
    items = [{"concept": {"CONCEPT_ID": WORDS["drug"], "CONCEPT_NAME": "Drug"}}]
    rule = {
        "name": "measured",
        "expression": {
            "Type": "ALL",
            "CriteriaList": [
                {
                    "Criteria": {"Measurement": {"CodesetId": 0, **criterion}},
                    "StartWindow": {"Start": {"Coeff": -1}, "End": {"Coeff": 1}},
                    "Occurrence": {"Type": 2, "Count": 1},
                    **more,
                }
            ],
        },
    }
    return json.dumps(
        {
            "ConceptSets": [{"id": 0, "name": "drug", "expression": {"items": items}}],
            "PrimaryCriteria": {
                "CriteriaList": [{"DrugEra": {"CodesetId": 0}}],
                "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
                "PrimaryCriteriaLimit": {"Type": "All"},
            },
            "InclusionRules": [rule],
            "ExpressionLimit": {"Type": "All"},
        }
    )


def _site(folder: Path, values: list[float]) -> Path:
    """Write a site of people of whom each started a drug, and had one measurement."""
    everybody = range(1, PEOPLE + 1)
    people = [(person, WORDS["female"], 1950) for person in everybody]
    drugs = pl.DataFrame(
        {
            "drug_era_id": everybody,
            "person_id": everybody,
            "drug_concept_id": WORDS["drug"],
            "drug_era_start_date": date(2020, 3, 1),
            "drug_era_end_date": date(2020, 4, 1),
        }
    )
    measured = pl.DataFrame(
        {
            "measurement_id": everybody,
            "person_id": everybody,
            "measurement_concept_id": WORDS["drug"],
            "measurement_date": date(2020, 3, 2),
            "value_as_number": pl.Series([values[each % len(values)] for each in everybody], dtype=pl.Float64()),
        }
    )
    observed = [(person, FIRST, LAST) for person in everybody]
    return write_site(folder, person=people, observation_period=observed, drug_era=drugs, measurement=measured)


@contextmanager
def _opened(folder: Path) -> Iterator[Funnels]:
    records = open_site(folder)
    with open_funnels(records, build_pack(records)) as funnels:
        yield funnels


def _same(funnels: Funnels, text: str) -> Funnel:
    definition = read_circe(text, name="trial")
    found, slow = funnels.funnel(definition), find_cohort(funnels.connection, definition, schema="omop")
    assert found.rules == slow.inclusion_counts
    assert found.qualifying_people == slow.qualifying_people == PEOPLE
    return found


@pytest.mark.parametrize(
    ("values", "limits", "told"),
    [
        ([48.0, 7.25], (7.2, 7.25, 48.0, 7.2000001), True),
        ([48.1, 7.2, 7.3], (7.2, 48.1, 48.0), True),
        ([48.1, 7.2, 7.3], (7.2000001,), True),
        ([7.2, 7.2000000001], (7.2, 48.0), False),
    ],
    ids=["single precision", "decimals", "a limit between", "neither"],
)
def test_numbers_are_compared_as_the_records_have_them(
    tmp_path: Path, values: list[float], limits: tuple[float, ...], told: bool
) -> None:
    with _opened(_site(tmp_path, values)) as funnels:
        for limit in limits:
            for operator in ("lt", "lte", "eq", "gt", "gte"):
                found = _same(funnels, _trial({"ValueAsNumber": {"Value": limit, "Op": operator}}))
                reason = None if told else "single precision cannot tell the numbers of measurement"
                assert found.fell_back == reason


LEFT_TO_SQL: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"MeasurementSourceConcept": 0}, {}, "source concepts are not in the pack"),
    ({"ValueAsNumber": {"Value": 1, "Op": "!bt", "Extent": 2}}, {}, "numbers that are not something"),
    ({}, {"RestrictVisit": True}, "the same visit"),
    (
        {},
        {"StartWindow": {"Start": {"Coeff": -1}, "End": {"Coeff": 1}, "UseIndexEnd": True}},
        "ends of index events",
    ),
    ({}, {"EndWindow": {"Start": {"Coeff": -1}, "End": {"Coeff": 1}, "UseEventEnd": True}}, "ends of Measurement"),
    ({"First": True, "ValueAsNumber": {"Value": 1, "Op": "gt"}}, {}, "the first is found by its key"),
)


def test_what_the_pack_cannot_tell_is_left_to_sql(tmp_path: Path) -> None:
    site = _site(tmp_path, [1.0, 3.0])
    measured = pl.read_parquet(site / "measurement.parquet")
    measured.with_columns(
        measurement_source_concept_id=pl.lit(WORDS["drug"]), visit_occurrence_id=pl.lit(None, dtype=pl.Int64())
    ).write_parquet(site / "measurement.parquet")
    with _opened(site) as funnels:
        for criterion, more, reason in LEFT_TO_SQL:
            found = _same(funnels, _trial(criterion, **more))
            assert found.fell_back is not None
            assert reason in found.fell_back


def test_a_changed_rule_is_not_what_it_was(tmp_path: Path) -> None:
    with _opened(_site(tmp_path, [1.0, 3.0])) as funnels:
        some = _same(funnels, _trial({"ValueAsNumber": {"Value": 2, "Op": "gt"}}))
        others = _same(funnels, _trial({"ValueAsNumber": {"Value": 2, "Op": "lt"}}))
        again = _same(funnels, _trial({"ValueAsNumber": {"Value": 2, "Op": "gt"}}))
    assert [found.rules[0].people_remaining for found in (some, others, again)] == [6, 6, 6]
    assert some == again


def test_a_site_is_shown_what_its_policy_shows(tmp_path: Path) -> None:
    _site(tmp_path / "records", [1.0, 3.0, 3.0])
    library = tmp_path / "library"
    for name in ("cohorts", "measures"):
        (library / name).mkdir(parents=True)
    header = (
        "id: trial\nversion: 1\ntitle: Trial\ndefinition: trial.json\nauthor: A\nreviewer: B\nnext_review: 2030-01-01\n"
    )
    (library / "cohorts" / "trial.yaml").write_text(header, encoding="utf-8")
    (library / "cohorts" / "trial.json").write_text(
        _trial({"ValueAsNumber": {"Value": 2, "Op": "lt"}}), encoding="utf-8"
    )
    settings = "site: site-a\npolicy: hes\nrecords: {member: RX1}\nlibrary: library\n"
    (tmp_path / "site.yaml").write_text(settings, encoding="utf-8")
    asked = ["site", "funnel", str(tmp_path), "--today", "2024-12-31", "--cohort"]
    shown = CliRunner().invoke(app, ["--json", *asked, "trial"])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["qualifying"] == {"state": "rounded", "value": 10, "lower": 8, "upper": 12}
    (step,) = found["steps"]
    assert step["rule"] == "measured"
    assert step["remaining"] == {"state": "withheld", "value": None, "lower": 1, "upper": 7}
    in_words = CliRunner().invoke(app, [*asked, "trial"])
    assert "withheld (1 to 7)" in in_words.output
    wrong = CliRunner().invoke(app, [*asked, "trail"])
    assert isinstance(wrong.exception, DefinitionError)
    assert "did you mean `trial`?" in str(wrong.exception)


def test_open_numbers_are_refused() -> None:
    with pytest.raises(DisclosureRefusal, match="choose `hes`"):
        screened((1,), terms=Terms(rule=Policy.OPEN))

"""Counts over GiBleed against those that OHDSI CohortGenerator publishes for the same data.

Expected: `cohortgenerator_expected/expected_counts.json` of the data set, cohort 1 (a first celecoxib era inside
observation) and cohort 2 (the same, older than 40 on that day). Without the observation rule every one of the 1,844
people with a celecoxib era counts.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rounds.engines import duck, reference
from rounds.measures.counts import Count
from rounds.measures.criteria import Has
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import RecordsQuestion
from rounds.records.omop import Records, open_records
from rounds.storage.library import read_library, shipped_library_folder

HELD_AGAINST = (("Counts over GiBleed", "OHDSI CohortGenerator's published counts", "exact"),)

GIBLEED = Path(__file__).resolve().parents[3] / "shared" / "data" / "omop_gibleed"
EXPECTED = GIBLEED / "cohortgenerator_expected" / "expected_counts.json"
SITES = 5
EVERYTHING = periods_between(grain=Grain.ALL, first=date(1900, 1, 1), last=date(2019, 12, 31))

pytestmark = pytest.mark.skipif(not EXPECTED.is_file(), reason="the data set omop_gibleed is not beside the checkout")

Engine = Callable[..., Count]


@pytest.fixture(params=[reference.count, duck.count], ids=["reference", "duckdb"])
def count(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


@pytest.fixture(scope="module")
def whole() -> Records:
    return _open(GIBLEED)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> list[Records]:
    """The people in five sites by the remainder of their id, each with its own rows and the whole vocabulary."""
    sites = []
    for site in range(SITES):
        folder = tmp_path_factory.mktemp(f"site-{site}")
        for name in ("person", "observation_period", "drug_era"):
            rows = pl.read_parquet(GIBLEED / f"{name}.parquet").filter(pl.col("person_id") % SITES == site)
            rows.write_parquet(folder / f"{name}.parquet")
        sites.append(_open(folder))
    return sites


def _open(folder: Path) -> Records:
    # 80 eras lie outside observation and 2,649 observation periods belong to people who are not in the data.
    return open_records(folder, site="gibleed", as_of=date(2019, 12, 31), outside_observation="exclude")


def _measure(name: str, *, observed: bool = True) -> Measure:
    measure = read_library(shipped_library_folder()).measure(name, 1)
    question = measure.question
    assert isinstance(question, RecordsQuestion)
    had = question.numerator
    assert isinstance(had, Has)
    if not observed:
        had = replace(had, events=replace(had.events, where=None))
    return replace(measure, question=replace(question, numerator=had))


def _expected(cohort: str) -> int:
    entries: int = json.loads(EXPECTED.read_text())[cohort]["cohort_subjects"]
    return entries


def _total(count: Engine, measure: Measure, sites: list[Records]) -> tuple[int, int]:
    cells = pl.concat([count(measure, records, member="RX1", periods=EVERYTHING).cells for records in sites])
    return cells["numerator"].sum(), cells["denominator"].sum()


@pytest.mark.parametrize(
    ("name", "cohort", "published"), [("celecoxib-ever", "1", 1_800), ("celecoxib-over-40-ever", "2", 569)]
)
def test_the_published_cohorts_are_reproduced(
    count: Engine, whole: Records, split: list[Records], name: str, cohort: str, published: int
) -> None:
    assert _expected(cohort) == published
    assert _total(count, _measure(name), [whole]) == (published, 2_694)
    assert _total(count, _measure(name), split) == (published, 2_694)


def test_without_the_observation_rule_everybody_with_an_era_counts(
    count: Engine, whole: Records, split: list[Records]
) -> None:
    measure = _measure("celecoxib-ever", observed=False)
    eras = pl.read_parquet(GIBLEED / "drug_era.parquet").filter(pl.col("drug_concept_id") == 1118084)
    assert eras["person_id"].n_unique() == 1_844
    assert _total(count, measure, [whole]) == (1_844, 2_694)
    assert _total(count, measure, split) == (1_844, 2_694)


def test_the_quality_report_counts_what_was_left_out(whole: Records) -> None:
    left_out = {item.file: item.rows for item in whole.quality.left_out}
    assert left_out["drug_era.parquet"] == 80
    assert left_out["observation_period.parquet"] == 2_649

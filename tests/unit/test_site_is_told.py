"""What a site leaves out of its answer is told to its own people, and only to them."""

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rounds.exchange.question import Question
from rounds.records.synthetic.tables import vocabulary_tables
from rounds.site.answer import check, count
from rounds.site.folder import Site, read_site

PUBLISHED = """site: publisher
policy: open
published:
  file: late.csv
  organisation: org
  period: month
  unknown_organisations: ignore
  measures:
    ae-over-4-hours: {numerator: late, denominator: all}
"""
RECORDS = """site: hospital
policy: hes
records: {member: ZZ1, outside_observation: exclude}
"""


def _question(site: Site, measure_id: str) -> Question:
    return Question(
        first=date(2024, 1, 1),
        last=date(2024, 3, 31),
        as_of=date(2024, 4, 1),
        measures=(site.library.measure(measure_id, 1).ref,),
        members=("ZZ1",),
    )


@pytest.fixture
def publisher(tmp_path: Path) -> Site:
    (tmp_path / "site.yaml").write_text(PUBLISHED)
    rows = [("org", "month", "late", "all"), ("ZZ1", "2024-01-01", 2, 20), ("ZZ1", "2024-02-01", "", 20)]
    with (tmp_path / "late.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([*rows, ("ZZ9", "2024-01-01", 1, 10)])
    return read_site(tmp_path)


@pytest.fixture
def hospital(tmp_path: Path) -> Site:
    (tmp_path / "site.yaml").write_text(RECORDS)
    people = pl.DataFrame({"person_id": range(1, 13)}).with_columns(
        gender_concept_id=pl.lit(8532), year_of_birth=pl.lit(1960)
    )
    spans = people.select(
        "person_id",
        observation_period_start_date=pl.date(2023, 1, 1),
        observation_period_end_date=pl.date(2024, 3, 31),
    )
    stray = people.head(3).select("person_id", death_date=pl.date(2024, 6, 1))
    visits = people.select(
        "person_id",
        visit_occurrence_id=pl.col("person_id"),
        visit_concept_id=pl.lit(9201),
        visit_start_date=pl.date(2024, 2, 1),
        visit_end_date=pl.date(2024, 2, 2),
    )
    tables = {"person": people, "observation_period": spans, "death": stray, "visit_occurrence": visits}
    (tmp_path / "records").mkdir()
    for name, table in (tables | vocabulary_tables()).items():
        table.write_parquet(tmp_path / "records" / f"{name}.parquet")
    return read_site(tmp_path)


def test_a_publisher_is_told_what_its_source_does_not_say(publisher: Site) -> None:
    question, told = _question(publisher, "ae-over-4-hours"), list[str]()
    check(publisher, question, progress=told.append)
    assert [line.partition(" are ")[0] for line in told] == [
        "publisher: ae-over-4-hours v1: 1 organisation-periods",
        "publisher: ae-over-4-hours v1: 1 organisations in the source",
    ]
    (counted,) = count(publisher, question, progress=lambda _: None)
    assert counted.count.cells.height == 1


def test_a_hospital_is_told_which_rows_are_left_out(hospital: Site) -> None:
    question, told = _question(hospital, "in-hospital-deaths"), list[str]()
    check(hospital, question, progress=told.append)
    (report,) = told
    assert report.startswith("hospital: 12 people\nhospital: death.parquet: 3 rows dated outside the person's")
    again: list[str] = []
    count(hospital, question, progress=again.append)
    assert report in again

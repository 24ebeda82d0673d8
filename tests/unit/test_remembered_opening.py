"""Records that were checked are not checked twice; anything that changed is."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from small_site import AS_OF, write_site

from rounds.errors import RecordsError
from rounds.records import remembered, value_checks
from rounds.records.keys import repeated_keys
from rounds.records.omop import Records, open_records
from rounds.records.quality import QualityReport, Rule, Source

GOOD = {
    "person": "1 female 1951\n2 female 1951",
    "observation_period": "1 2020-01-01 2022-12-31\n2 2020-01-01 2020-12-31\n2 2021-01-01 2022-12-31",
    "drug_era": "1 drug 2021-03-04\n2 drug 2023-03-04",
    "visit_occurrence": "1 1 inpatient 2021-03-04 2021-03-09\n2 2 inpatient 2021-04-01 2021-04-01",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(remembered, "_SETTLED_SECONDS", 0.0)
    return write_site(tmp_path / "records", **GOOD)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that the rows are checked."""
    made: list[int] = []
    check_values = value_checks.check_values

    def counted(
        connection: duckdb.DuckDBPyConnection, sources: tuple[Source, ...], *, site: str, exclude: bool, as_of: date
    ) -> tuple[list[str], QualityReport]:
        made.append(1)
        return check_values(connection, sources, site=site, exclude=exclude, as_of=as_of)

    monkeypatch.setattr(value_checks, "check_values", counted)
    return made


def _open(folder: Path, *, as_of: date = AS_OF, site: str = "site-a") -> Records:
    checked = folder.parent / "checked.json"
    return open_records(folder, site=site, as_of=as_of, outside_observation="exclude", checked=checked, keep=True)


def test_the_same_records_are_checked_once_and_say_the_same(folder: Path, checks: list[int]) -> None:
    first, second = _open(folder), _open(folder)
    assert len(checks) == 1
    assert first == second
    assert [item.rows for item in second.quality.left_out] == [1]


def _rewritten(folder: Path) -> None:
    path = folder / "drug_era.parquet"
    pl.read_parquet(path).with_columns(pl.col("drug_concept_id") + 1).write_parquet(path)


def _touched(folder: Path) -> None:
    (folder / "person.parquet").touch()


def _copied_back(folder: Path) -> None:
    path = folder / "person.parquet"
    shutil.copy2(path, folder / "aside")
    (folder / "aside").replace(path)


def _one_more(folder: Path) -> None:
    table = {"person_id": [1], "condition_concept_id": [7], "condition_start_date": [date(2021, 3, 4)]}
    pl.DataFrame(table).write_parquet(folder / "condition_occurrence.parquet")


def _one_less(folder: Path) -> None:
    (folder / "drug_era.parquet").unlink()


def _forgotten(folder: Path) -> None:
    (folder.parent / "checked.json").unlink()


def _cut_short(folder: Path) -> None:
    path = folder.parent / "checked.json"
    path.write_bytes(path.read_bytes()[:-20])


def _altered(folder: Path) -> None:
    path = folder.parent / "checked.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "left_out": []}))


@pytest.mark.parametrize(
    "change", [_rewritten, _touched, _copied_back, _one_more, _one_less, _forgotten, _cut_short, _altered]
)
def test_what_changed_is_checked_again(folder: Path, checks: list[int], change: Callable[[Path], None]) -> None:
    _open(folder)
    change(folder)
    _open(folder)
    assert len(checks) == 2


def test_other_rules_check_again(folder: Path, checks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    _open(folder)
    _open(folder, as_of=date(AS_OF.year + 1, 1, 1))
    _open(folder, site="site-b")
    monkeypatch.setattr(remembered, "MINIMUM_PEOPLE", 11)
    _open(folder)
    assert len(checks) == 4


def test_a_file_that_changed_just_now_is_not_trusted(
    folder: Path, checks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "_SETTLED_SECONDS", 60.0)
    _open(folder)
    assert not (folder.parent / "checked.json").exists()
    _open(folder)
    assert len(checks) == 2


def test_refused_records_are_not_remembered(folder: Path, checks: list[int]) -> None:
    path = folder / "visit_occurrence.parquet"
    pl.read_parquet(path).with_columns(pl.lit(1).alias("visit_occurrence_id")).write_parquet(path)
    for _ in range(2):
        with pytest.raises(RecordsError, match="the same id stands in more than one row"):
            _open(folder)
    assert len(checks) == 2
    assert not (folder.parent / "checked.json").exists()


def test_records_that_change_while_they_are_checked_are_not_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_values = value_checks.check_values

    def changing(*args: object, **named: object) -> object:
        _rewritten(folder)
        return check_values(*args, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(value_checks, "check_values", changing)
    _open(folder)
    assert not (folder.parent / "checked.json").exists()


def test_opening_for_a_look_writes_nothing(folder: Path) -> None:
    checked = folder.parent / "checked.json"
    open_records(folder, site="site-a", as_of=AS_OF, outside_observation="exclude", checked=checked)
    assert not checked.exists()


@pytest.mark.parametrize("spread", [1, 1_000, 100_000_000])
@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], []),
        ([None], []),
        ([5], []),
        ([3, 1, 2, None, None], []),
        ([3, 1, 2, 3], [(3, 2)]),
        ([-4, 9, -4, -4, 9, 0, None], [(-4, 3), (9, 2)]),
    ],
)
def test_repeated_keys(ids: list[int | None], expected: list[tuple[int, int]], spread: int) -> None:
    wide = [None if one is None else one * spread for one in ids]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE rows AS SELECT unnest($1::BIGINT[]) AS id", [wide])
        assert repeated_keys(connection, "FROM rows", "id", into="twice") == len(expected)
        found = connection.execute("SELECT id, copies FROM twice ORDER BY id").fetchall()
    assert found == [(one * spread, copies) for one, copies in expected]


def test_the_rules_judge_every_row_that_breaks_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what makes a row suspect, every row is held against every rule: both must find the same."""
    folder = write_site(
        tmp_path,
        person="1 female 1951\n2 female 1851\n3 female 1951\n4 male 1850\n5 female 2040",
        observation_period=(
            "1 2020-01-01 2022-12-31\n2 2020-01-01 2020-12-31\n3 2020-01-01 2020-03-31\n3 2021-01-01 2022-12-31\n"
            "9 2020-01-01 2020-12-31"
        ),
        drug_era="1 drug 2021-03-04\n1 drug 2019-03-04\n3 drug 2020-05-01\n3 drug 2021-05-01\n4 drug 2021-01-01\n"
        "8 drug 2021-01-01",
        visit_occurrence="1 1 inpatient 2021-03-04 2021-03-02\n1 3 inpatient 2020-06-01 2020-06-01\n"
        "3 5 inpatient 1900-06-01 1900-06-01",
    )

    def problems() -> list[str]:
        with pytest.raises(RecordsError) as caught:
            open_records(folder, site="site-a", as_of=AS_OF)
        return str(caught.value).splitlines()

    quick = problems()
    rules_of = value_checks.rules_of

    def without_suspects(*args: object, **named: object) -> list[Rule]:
        rules = rules_of(*args, **named)  # type: ignore[arg-type]  # passed through
        return [
            Rule(
                condition=rule.condition,
                problem=rule.problem,
                remedy=rule.remedy,
                column=rule.column,
                reason_left_out=rule.reason_left_out,
                outcome=rule.outcome,
                suspect="true",
            )
            for rule in rules
        ]

    monkeypatch.setattr(value_checks, "rules_of", without_suspects)
    assert problems() == quick
    assert len(quick) >= 8

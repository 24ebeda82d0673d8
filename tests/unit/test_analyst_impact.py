"""An analyst's table to whether it worked: what is guessed, said, written and refused."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from openpyxl import load_workbook

from rounds.analyst import impact
from rounds.analyst.columns import Reading
from rounds.analyst.frames import TableError
from rounds.cli import main
from rounds.learning.impact.effect import NoEffect

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from impact_coverage import draw

PANEL = draw(1, mean=40.0).exact


def table(**changes: list[Any]) -> pl.DataFrame:
    rows = []
    for row, site in enumerate(PANEL.sites):
        with_it = PANEL.treated[row]
        first = int(with_it.argmax())
        day = f"{2021 + first // 12}-{first % 12 + 1:02}-01" if with_it.any() else None
        for column in range(36):
            month = f"{2021 + column // 12}-{column % 12 + 1:02}"
            count, size = int(PANEL.lower[row, column]), int(PANEL.exposure[row, column])
            rows.append((site, month, count, size, day))
    found = pl.DataFrame(rows, schema=["trust", "month", "arrests", "admissions", "adopted"], orient="row")
    return found.with_columns(**{name: pl.Series(name, cells, dtype=pl.String) for name, cells in changes.items()})


TABLE = table()


def cells(name: str, at: int, value: str) -> dict[str, list[str | None]]:
    found = [None if cell is None else str(cell) for cell in TABLE[name]]
    found[at] = value
    return {name: found}


def test_columns_are_guessed_and_the_halving_is_told() -> None:
    found = impact(TABLE, placebos=19)
    assert [(guess.role, guess.column) for guess in found.guesses] == [
        ("adopted", "adopted"),
        ("period", "month"),
        ("numerator", "arrests"),
        ("denominator", "admissions"),
        ("series", "trust"),
    ]
    assert found.sentence.startswith("Arrests fell by 5")
    assert found.estimates().height >= 6
    assert found.steps()["organisations"].min() >= 3
    assert found.table()["expected"].drop_nulls().min() > 0
    assert found._repr_html_().count("<figure>") == 3


class _Stream:
    """A table that is nothing but an Arrow stream."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("kind", ["pandas", "arrow", "csv"])
def test_other_frames_say_the_same(kind: str, tmp_path: Path) -> None:
    if kind == "csv":
        TABLE.write_csv(tmp_path / "t.csv")
        data: Any = tmp_path / "t.csv"
    else:
        data = _Stream() if kind == "arrow" else pd.DataFrame(TABLE.to_dict(as_series=False))
    assert impact(data, placebos=0).sentences[2:] == impact(TABLE, placebos=0).sentences[2:]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (cells("arrests", 40, "-3"), r"row 41, column arrests: the number is below 0"),
        (cells("arrests", 40, "3.5"), r"row 41, column arrests: the number is no whole number"),
        (cells("arrests", 40, "[c]"), r"row 41, column arrests: the number is withheld .* --withheld-range"),
        (cells("adopted", 40, "2023-05-01"), r"row 37 and row 41, column adopted: two different days .*--stopped"),
        (cells("arrests", 40, "1000000000"), r"row 41, column arrests: more than 10,000,000 events"),
        (cells("arrests", 40, "0 to 90000000"), r"column arrests: .*(too wide|more than 10,000,000)"),
        (cells("adopted", 40, "soon"), r"row 41, column adopted: not all cells are dates"),
        (cells("admissions", 40, "0"), r"row 41: there are events in column arrests and 0 in column admissions"),
        (cells("month", 40, "2021-04"), r"row 40 and row 41 are of one organisation and one period"),
    ],
)
def test_what_is_wrong_is_refused_with_its_row(changes: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(TableError, match=message):
        impact(table(**changes), placebos=0)


def test_columns_that_are_not_there_are_refused() -> None:
    with pytest.raises(TableError, match="no column says when each organisation adopted"):
        impact(TABLE.drop("adopted"))
    with pytest.raises(TableError, match="there is no column adoptd"):
        impact(TABLE, adopted="adoptd")
    with pytest.raises(TableError, match="counts of events are needed"):
        impact(TABLE.drop("admissions"))
    with pytest.raises(TableError, match="0 or more"):
        impact(TABLE, placebos=-1)


def test_withheld_counts_are_known_between_their_bounds() -> None:
    rounded = ["1-7" if count <= 7 else str(count) for count in np.asarray(TABLE["arrests"]) // 4]
    found = impact(table(arrests=rounded), placebos=0)
    assert "withheld and known only between bounds" in found.because
    marked = ["[c]" if cell == "1-7" else cell for cell in rounded]
    same = impact(table(arrests=marked), placebos=0, reading=Reading(withheld_range=(1, 7)))
    assert same.sentence == found.sentence


def test_what_comes_after_stopping_is_left_out() -> None:
    stopped = ["2023-06-01" if site == "site 1" else None for site in TABLE["trust"]]
    found = impact(table(stopped=stopped), placebos=0)
    row = found.panel.sites.index("site 1")
    assert not found.panel.treated[row, 29:].any()
    assert found.panel.excluded[row, 29:].all()
    assert any("after it ended is left out at site 1" in note for note in found.notes)


def test_a_day_it_stopped_without_one_it_began_is_refused_with_its_row() -> None:
    never = TABLE.filter(pl.col("adopted").is_null())["trust"][0]
    stopped = ["2023-06-01" if site == never else None for site in TABLE["trust"]]
    first = TABLE["trust"].to_list().index(never) + 1
    with pytest.raises(TableError, match=f"row {first}: there is a day in column stopped and none in column adopted"):
        impact(table(stopped=stopped), placebos=0)


@pytest.mark.parametrize("gap", ["", "NaN"])
def test_numbers_that_are_not_there_are_counted_and_said(gap: str) -> None:
    found = impact(table(**cells("arrests", 40, gap)), placebos=0)
    assert (
        sum("no number or nobody at risk there: 1 of 540 organisations' periods" in note for note in found.notes) == 1
    )
    assert not any("no number" in note for note in impact(TABLE, placebos=0).notes)


def test_one_organisation_alone_is_shown_to_the_command_for_it() -> None:
    alone = TABLE.filter(pl.col("trust") == TABLE["trust"][0])
    with pytest.raises(TableError, match="of one organisation alone `rounds its`"):
        impact(alone, placebos=0)


def test_when_nobody_waits_the_reason_stands_in_place_of_a_number(tmp_path: Path) -> None:
    found = impact(TABLE.with_columns(adopted=pl.lit("2022-01-01")))
    assert isinstance(found.found, NoEffect)
    assert found.sentence.startswith("It cannot be said yet")
    assert "adopted at once" in found.because
    assert [path.name for path in found.write(tmp_path)] == ["impact.xlsx", "impact.svg", "impact.png"]


def test_the_command_prints_the_finding_and_writes_charts_and_a_workbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    TABLE.write_csv("arrests.csv")
    monkeypatch.setattr("sys.argv", ["rounds", "-q", "--json", "impact", "arrests.csv", "--placebos", "19"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["finding"].startswith("Arrests fell by 5")
    assert told["estimates"][0]["what"] == "Counts, imputed"
    assert sorted(path.name for path in Path("arrests-impact").iterdir()) == [
        "before-and-after.png",
        "before-and-after.svg",
        "estimators.png",
        "estimators.svg",
        "impact.png",
        "impact.svg",
        "impact.xlsx",
    ]
    assert {"estimators", "before-and-after", "periods"} <= set(load_workbook("arrests-impact/impact.xlsx").sheetnames)

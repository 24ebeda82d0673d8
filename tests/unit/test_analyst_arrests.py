"""An analyst's table of arrests by ward: rates with intervals, what going live did, and what is refused."""

from datetime import date
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest
from typer.testing import CliRunner

from rounds.analyst import arrests
from rounds.analyst.columns import Reading
from rounds.analyst.frames import TableError
from rounds.cli.app import app
from rounds.learning.deterioration.arrests import arrest_shares
from rounds.learning.impact.effect import Effect

WARDS, MONTHS, LIVE = 10, 24, date(2024, 1, 1)


def wards(*, ratio: float = 0.5, withheld: bool = False) -> pl.DataFrame:
    """Ten wards, five of which go live after a year; arrests fall by the ratio there."""
    rng = np.random.default_rng(8)
    rows = []
    for ward in range(WARDS):
        for month in range(MONTHS):
            live = ward < 5 and month >= 12
            count = int(rng.poisson(20 * (1 + ward / 10) * (ratio if live else 1.0)))
            rows.append(
                {
                    "ward": f"Ward {ward}",
                    "month": f"{2023 + month // 12}-{month % 12 + 1:02}",
                    "arrests": "[c]" if withheld and 1 <= count <= 7 else str(count),
                    "admissions": 400,
                    "went_live": LIVE.isoformat() if ward < 5 else None,
                }
            )
    return pl.DataFrame(rows)


def test_going_live_is_told_within_its_interval(tmp_path: Path) -> None:
    result = arrests(wards())
    assert isinstance(result.effect, Effect)
    assert result.effect.rate_ratio.lower < 0.5 < result.effect.rate_ratio.upper
    assert "Since going live at 5 wards arrests are fewer" in str(result)
    assert "avoided" in str(result)
    assert any(note.startswith("What going live did assumes:") for note in result.notes)
    table = result.table()
    assert table.height == WARDS
    (share,) = (
        one for one, ward in zip(arrest_shares(result.counts), result.counts.wards, strict=True) if ward == "Ward 3"
    )
    assert share is not None
    row = table.filter(pl.col("ward") == "Ward 3").row(0, named=True)
    assert row["per_1000"] == pytest.approx(1000 * share.value)  # type: ignore[operator]
    assert row["after_per_1000_upper_95"] < row["before_per_1000_lower_95"]
    assert table.filter(pl.col("ward") == "Ward 7").row(0, named=True)["live"] is None
    assert [path.name for path in result.write(tmp_path)] == ["arrests.xlsx", "arrests.svg", "arrests.png"]
    assert "wards" in openpyxl.load_workbook(tmp_path / "arrests.xlsx").sheetnames
    assert "<svg" in result._repr_html_()


def test_withheld_arrests_widen_what_is_told() -> None:
    exact, hidden = arrests(wards()), arrests(wards(withheld=True), reading=Reading(withheld_range=(1, 7)))
    for one, other in zip(exact.shares, hidden.shares, strict=True):
        assert one is not None
        assert other is not None
        assert other.interval.lower <= one.interval.lower <= one.interval.upper <= other.interval.upper
    assert isinstance(hidden.effect, Effect)
    assert hidden.effect.rate_ratio.lower < 0.5 < hidden.effect.rate_ratio.upper


def test_without_days_of_going_live_wards_are_compared_alone() -> None:
    result = arrests(wards().drop("went_live"))
    assert result.effect is None
    assert len(result.sentences) == 1
    none = arrests(wards().with_columns(went_live=pl.lit(None, dtype=pl.String)))
    assert none.effect is None
    everybody = arrests(wards().with_columns(went_live=pl.lit("2023-01-01")))
    assert "cannot be told" in str(everybody)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (pl.col("arrests").replace("21", "500"), "more arrests than admissions"),
        (pl.lit("[c]").alias("arrests"), "nobody says what they can be"),
        (pl.lit("soon").alias("went_live"), "column went_live: not all cells are dates"),
        (
            pl.when(pl.col("month") == "2023-05").then(pl.lit("2023-05-01")).otherwise("went_live").alias("went_live"),
            "has two days of going live",
        ),
        (pl.lit("2023-01").alias("month"), "are of one ward and would be added up|two rows of one period"),
        (pl.lit(0).alias("admissions"), "its admissions is 0"),
        (pl.lit(-1).alias("arrests"), "the count is below 0"),
    ],
)
def test_what_is_wrong_is_refused(change: pl.Expr, says: str) -> None:
    with pytest.raises(TableError, match=says):
        arrests(wards().with_columns(change), ward="ward", when="month", arrests="arrests", admissions="admissions")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wards().write_csv("w.csv")
    shown = CliRunner().invoke(app, ["arrests", "w.csv"], catch_exceptions=False)
    assert "went live    went_live  (its name)" in shown.stderr
    assert "10 wards, cardiac arrests for 1,000 admissions: highest at" in shown.stdout
    assert (tmp_path / "w-arrests" / "arrests.xlsx").exists()

"""Adoption from an analyst's table: organisations with dates, or numbers by period; what is refused."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from rounds.analyst import spread
from rounds.analyst.frames import TableError
from rounds.learning.spread.diffusion.forecast import NoForecast

TRACKER = pl.DataFrame(
    {
        "Trust": [f"T{at}" for at in range(20)],
        "Went live": [f"2023-{2 + at:02}-1{at % 3}" if at < 9 else None for at in range(20)],
    }
)
TOTALS = pl.DataFrame(
    {"Month": ["Jan 2023", "Feb 2023", "Mar 2023", "Apr 2023", "May 2023", "Jun 2023"], "Sites": [1, 3, 5, 9, 14, 17]}
)


def test_a_tracker_becomes_a_curve_with_a_forecast(tmp_path: Path) -> None:
    found = spread(TRACKER, as_of=date(2023, 12, 31), ahead=12)
    assert found.sentences[0] == "9 of 20 had adopted by 2023-12-31."
    assert found.sentences[1].startswith("Forecast: ")
    assert {guess.role: guess.column for guess in found.guesses} == {
        "adopted": "Went live",
        "organisation": "Trust",
        "possible from": "2023-01-11",
    }
    table = found.table()
    assert table["adopted"].drop_nulls().to_list()[-1] == 9
    assert (table["upper_95"].drop_nulls() <= 20).all()
    assert table["forecast"].drop_nulls().len() == 12
    assert [fit.curve.value for fit in found.fits] == ["logistic", "gompertz", "bass"]
    assert sorted(path.name for path in found.write(tmp_path)) == ["spread.png", "spread.svg", "spread.xlsx"]


def test_numbers_by_period_need_to_be_of_how_many() -> None:
    found = spread(TOTALS, members=30)
    assert found.sentences[0] == "17 of 30 had adopted by 2023-06-30."
    # A month is not a day: who adopted in January did so between its first and its last.
    assert found.times.adopted == 17
    assert sorted(set((found.times.upper - found.times.lower)[:17].round(2))) == pytest.approx([0.92, 0.99, 1.02])
    with pytest.raises(TableError, match="out of how many"):
        spread(TOTALS)


@pytest.mark.parametrize(
    ("frame", "more", "problem"),
    [
        (TOTALS, {"members": 16}, "row 6, column Sites: there are more adopters than the 16 members"),
        (TOTALS.with_columns(Sites=pl.Series([1, 3, 2, 9, 14, 17])), {"members": 30}, "row 3.*the number falls"),
        (TOTALS.with_columns(Sites=pl.Series([-1, 3, 5, 9, 14, 17])), {"members": 30}, "row 1.*0 or more"),
        (TOTALS.with_columns(Sites=pl.Series([1.5, 3, 5, 9, 14, 17])), {"members": 30}, "row 1.*whole number"),
        (TOTALS.with_columns(Month=pl.lit("Jan 2023")), {"members": 30}, "this period is there twice"),
        (TOTALS[:1], {"members": 30, "adopters": "Sites"}, "one number is no curve"),
        (TRACKER.with_columns(Trust=pl.lit("T1")), {}, "row 2: this organisation is already on row 1"),
        (TRACKER.with_columns(Trust=pl.lit(" ")), {}, "row 1: the organisation is empty"),
        (TRACKER, {"as_of": date(2023, 5, 1)}, "after 2023-05-01, up to which adoption is known"),
        (TRACKER, {"members": 10}, "20 organisations, more than the 10 members"),
        (TRACKER, {"when": "Trust"}, "no column reads as dates"),
        (TRACKER, {"when": "Wnt live"}, "no column Wnt live"),
        (TRACKER, {"ahead": 0}, "1 period ahead or more"),
        (TRACKER.with_columns(pl.lit(None, dtype=pl.String).alias("Went live")), {}, "no column reads as dates"),
    ],
)
def test_what_is_no_adoption_is_refused(frame: pl.DataFrame, more: dict[str, object], problem: str) -> None:
    with pytest.raises(TableError, match=problem):
        spread(frame, **more)  # type: ignore[arg-type]  # arguments by name


def test_too_few_are_drawn_without_a_forecast() -> None:
    found = spread(TRACKER[:12].with_columns(pl.col("Went live").head(12)).tail(5), as_of=date(2023, 12, 31))
    assert isinstance(found.forecast, NoForecast)
    assert found.sentences[1].startswith("No forecast: 2 adopters are too few")
    assert found.fits == ()
    assert found.reached().height == 0


def test_spans_of_days_are_kept() -> None:
    spans = TRACKER.with_columns(
        since=pl.when(pl.col("Went live").is_not_null()).then(pl.lit("2023-01-01")).otherwise(None)
    )
    found = spread(spans, when="Went live", organisation="Trust", earliest="since", as_of=date(2023, 12, 31))
    assert (found.times.lower[:9] < 1.1).all()
    with pytest.raises(TableError, match="row 1: since is after the last day it can be"):
        spread(
            spans.with_columns(since=pl.lit("2024-01-01")),
            when="Went live",
            organisation="Trust",
            earliest="since",
            as_of=date(2024, 12, 31),
        )

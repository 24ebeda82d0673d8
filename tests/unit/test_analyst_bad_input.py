"""What people get wrong in a table: at each door a clear error that names the row, or a chart that says why."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from rounds.analyst import funnel, spc
from rounds.analyst.frames import TableError
from rounds.learning.variation.between_sites.limits import Outlier

TODAY = date(2026, 1, 31)
MONTHS = pl.DataFrame(
    {
        "month": [f"{2023 + at // 12}-{at % 12 + 1:02}" for at in range(24)],
        "deaths": [10.0 + at % 4 for at in range(24)],
        "admissions": [200.0 + at % 5 for at in range(24)],
    }
)
SITES = pl.DataFrame(
    {
        "site": list("ABCDEFGH"),
        "deaths": [10.0, 12, 9, 30, 11, 12, 8, 10],
        "admissions": [100.0, 110, 90, 120, 100, 100, 90, 95],
    }
)
KINDS = ("xmr", "run", "i", "p", "p_prime", "u", "u_prime", "c", "i_prime", "mr")


def fourth(table: pl.DataFrame, column: str, value: Any) -> pl.DataFrame:
    changed = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(value)).otherwise(column)
    return table.with_columns(changed.alias(column))


def charted(table: pl.DataFrame, kind: str) -> Any:
    return spc(table, chart=kind, numerator="deaths", denominator="admissions", today=TODAY)


REFUSED = {
    "a zero denominator": ("admissions", 0.0, "row 4: there is a deaths and its admissions is 0"),
    "a missing denominator": ("admissions", None, "row 4: there is a deaths and its admissions is missing"),
    "a numerator above its denominator": ("deaths", 500.0, "row 4: deaths is above admissions, which it is in 1 of"),
    "a negative count": ("deaths", -1.0, "row 4, column deaths: the count is below 0"),
    "an infinite count": ("deaths", float("inf"), "row 4, column deaths: the number is infinite"),
    "an infinite denominator": ("admissions", float("inf"), "row 4, column admissions: the number is infinite"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_number_is_refused_by_row_at_every_door(what: str) -> None:
    column, value, says = REFUSED[what]
    for kind in KINDS:
        with pytest.raises(TableError, match=says):
            charted(fourth(MONTHS, column, value), kind)
    with pytest.raises(TableError, match=says):
        funnel(fourth(SITES, column, value), numerator="deaths", denominator="admissions")
    if what != "a numerator above its denominator":  # of ratios it is no mistake
        with pytest.raises(TableError, match=says):
            funnel(fourth(SITES, column, value), numerator="deaths", expected="admissions")


def test_rates_may_have_more_events_than_days_where_somebody_says_so_or_many_have() -> None:
    one = fourth(SITES, "deaths", 500.0)
    assert funnel(one, numerator="deaths", denominator="admissions", per=1000).plots[0].unit == "per 1,000 admissions"
    many = SITES.with_columns(deaths=pl.col("deaths") * 10)
    assert funnel(many, numerator="deaths", denominator="admissions").plots[0].unit == "per 1,000 admissions"


@pytest.mark.parametrize("kind", KINDS)
def test_dates_that_are_wrong_are_refused(kind: str) -> None:
    for table, says in (
        (pl.concat([MONTHS, MONTHS.head(1)]), "row 1 and row 25 are of one date and one series"),
        (
            MONTHS.with_columns(month=pl.col("month").replace("2024-12", "2027-01")),
            "row 24, column month: the date lies",
        ),
    ):
        with pytest.raises(TableError, match=says):
            charted(table, kind)
    days = pl.DataFrame({"month": [f"2023-01-{day:02}" for day in range(1, 25)], "deaths": [3.0] * 24})
    mixed = pl.concat(
        [
            MONTHS.with_columns(month=pl.col("month") + "-01", ward=pl.lit("A")),
            days.with_columns(admissions=pl.lit(10.0), ward=pl.lit("B")),
        ],
        how="diagonal",
    )
    with pytest.raises(TableError, match="by month and that of row 25 by day; draw them apart"):
        charted(mixed, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_few_or_equal_points_and_gaps_have_no_limits_and_a_reason(kind: str) -> None:
    for rows in (1, 2):
        few = charted(MONTHS.head(rows), kind).series[0]
        assert few.chart.no_limits is not None
        assert "limits need at least 3" in few.sentence
        assert few.spec["layer"]
    equal = charted(MONTHS.with_columns(deaths=pl.lit(10.0), admissions=pl.lit(200.0)), kind).series[0]
    by_chance_alone = kind in {"run", "p", "u", "c"}  # their limits, or the median, do not rest on how points vary
    assert (equal.chart.no_limits is None) is by_chance_alone
    gap = charted(MONTHS.filter(pl.col("month") != "2023-06"), kind).series[0]
    assert len(gap.labels) == 24
    if kind in {"xmr", "i"}:
        assert "1 is missing, and limits must not rest on guessed numbers" in gap.sentence


def test_one_organisation_all_alike_and_rows_twice() -> None:
    given = {"numerator": "deaths", "denominator": "admissions"}
    with pytest.raises(TableError, match="1 organisation with counts, and a funnel compares at least two"):
        funnel(SITES.head(1), organisation="site", **given)  # type: ignore[arg-type]
    alike = funnel(SITES.with_columns(deaths=pl.lit(10.0), admissions=pl.lit(100.0)), **given).plots[0]  # type: ignore[arg-type]
    assert set(alike.funnel.outliers) == {Outlier.INSIDE}
    assert "all inside the limits" in alike.sentence
    for nothing in (pl.lit(0.0), pl.col("admissions")):
        none = funnel(SITES.with_columns(nothing.alias("deaths")), **given).plots[0]  # type: ignore[arg-type]
        assert none.caterpillar is None
        assert "all inside the limits" in none.sentence
    for twice in (SITES.head(1), SITES.head(1).with_columns(deaths=pl.lit(11.0))):
        with pytest.raises(TableError, match="row 1 and row 9 are of one organisation and would be added up"):
            funnel(pl.concat([SITES, twice]), **given)  # type: ignore[arg-type]

"""What is read out of an analyst's table without being told, and what is refused."""

from datetime import date
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from rounds.analyst import funnel, spc
from rounds.analyst.columns import Columns, Reading, Understood, Wants, understand
from rounds.analyst.dates import dates_in, spacing_of
from rounds.analyst.frames import TableError, table_of
from rounds.analyst.numbers import numbers_in
from rounds.measures.periods import Grain

TODAY = date(2026, 1, 31)
MONTHS = [f"2024-{month:02}" for month in range(1, 13)]


def understood(frame: pl.DataFrame, given: Columns | None = None, *, needs_dates: bool = True) -> Understood:
    return understand(table_of(frame), given or Columns(), reading=Reading(), wants=Wants(dates=needs_dates))


@pytest.mark.parametrize(
    ("cells", "first", "written"),
    [
        (["2024-03-01", "2024-04-01"], date(2024, 3, 1), "%Y-%m-%d"),
        (["2024-03-01 00:00:00", "2024-04-01T00:00:00Z"], date(2024, 3, 1), "%Y-%m-%d"),
        (["31/03/2024", "30/04/2024"], date(2024, 3, 31), "%d/%m/%Y"),
        (["03/31/2024", "04/30/2024"], date(2024, 3, 31), "%m/%d/%Y"),
        (["01/03/2024", "01/04/2024"], date(2024, 3, 1), "%d/%m/%Y"),
        (["03/01/2024", "04/01/2024"], date(2024, 3, 1), "%m/%d/%Y"),
        (["Mar-24", "Apr-24"], date(2024, 3, 1), "%b-%y"),
        (["March 2024", "April 2024"], date(2024, 3, 1), "%B %Y"),
        (["1 Mar 2024", "1 Apr 2024"], date(2024, 3, 1), "%d %b %Y"),
        (["2024-03", "2024-04"], date(2024, 3, 1), "%Y-%m"),
        (["2024 Q1", "Q2 2024"], date(2024, 1, 1), "quarters"),
        (["2022/23", "2023/24"], date(2022, 4, 1), "financial years"),
        (["2010-11", "2011-12"], date(2010, 4, 1), "financial years"),
        (["2010-11", "2010-12"], date(2010, 11, 1), "%Y-%m"),
    ],
)
def test_dates_are_read_as_people_write_them(cells: list[str], first: date, written: str) -> None:
    found = dates_in(pl.Series("when", cells), named_so=False)
    assert found is not None
    assert (found.days[0], found.written) == (first, written)


@pytest.mark.parametrize("cells", [["2024"], ["202403"], ["20240301"]])
def test_plain_numbers_are_dates_only_by_their_columns_name(cells: list[str]) -> None:
    column = pl.Series("x", cells)
    assert dates_in(column, named_so=False) is None
    assert dates_in(column, named_so=True) is not None


def test_day_and_month_in_either_order_are_refused_unless_said() -> None:
    cells = pl.Series("day", ["02/03/2024", "04/05/2024"])
    with pytest.raises(TableError, match=r"column day: day and month may stand in either order.*--dates"):
        dates_in(cells, named_so=True)
    found = dates_in(cells, named_so=True, written="%d/%m/%Y")
    assert found is not None
    assert found.days.to_list() == [date(2024, 3, 2), date(2024, 5, 4)]


@pytest.mark.parametrize(
    ("days", "grain"),
    [
        ([date(2024, 1, 1), date(2024, 2, 1), date(2024, 4, 1)], Grain.MONTH),
        ([date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)], Grain.MONTH),
        ([date(2024, 1, 1), date(2024, 4, 1), date(2024, 7, 1)], Grain.QUARTER),
        ([date(2022, 4, 1), date(2023, 4, 1)], Grain.YEAR),
        ([date(2024, 1, 1), date(2024, 1, 8), date(2024, 1, 22)], Grain.WEEK),
        ([date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 4)], Grain.DAY),
        ([date(2024, 1, 1), date(2024, 1, 12), date(2024, 3, 4)], None),
    ],
)
def test_how_far_dates_lie_apart(days: list[date], grain: Grain | None) -> None:
    assert spacing_of(days, "%Y-%m-%d").grain is grain


def test_numbers_with_separators_signs_and_marks() -> None:
    found = numbers_in(pl.Series("n", ["1,234", " 5 ", "12.5%", "\u22123", "[c]", "<5", "1-7", "*", "..", None]))
    assert found is not None
    assert found.values.to_list() == [1234.0, 5.0, 12.5, -3.0, None, None, None, None, None, None]
    assert found.withheld.to_list() == [False, False, False, False, True, True, True, True, False, False]
    assert found.lower.to_list()[4:8] == [None, 0.0, 1.0, None]
    assert found.upper.to_list()[4:8] == [None, 4.0, 7.0, None]
    assert found.percent
    assert found.unreadable is None
    said = numbers_in(pl.Series("n", ["12", "[c]"]), withheld_range=(1, 7))
    assert said is not None
    assert (said.lower[1], said.upper[1]) == (1.0, 7.0)
    assert numbers_in(pl.Series("n", ["RX1", "RX2"])) is None


def test_columns_are_guessed_and_the_guess_is_said() -> None:
    frame = pl.DataFrame(
        {
            "org_code": ["RX1"] * 12 + ["RX2"] * 12,
            "month": MONTHS * 2,
            "org_name": ["One"] * 12 + ["Two"] * 12,
            "breaches": range(24),
            "attendances": range(100, 124),
            "standard": [5.0] * 24,
        }
    )
    found = understood(frame)
    assert found.columns == Columns(
        when="month", series=("org_code",), numerator="breaches", denominator="attendances", target="standard"
    )
    assert {guess.role for guess in found.guesses} == {"period", "series", "numerator", "denominator", "target"}
    assert "org_name" in found.left_out


def test_of_two_unnamed_numbers_the_smaller_is_of_the_larger() -> None:
    found = understood(pl.DataFrame({"month": MONTHS, "b": [10] * 12, "a": [3] * 12}))
    assert (found.columns.numerator, found.columns.denominator) == ("a", "b")


def test_what_cannot_be_guessed_is_asked_for() -> None:
    frame = pl.DataFrame({"month": MONTHS, "b": [10] * 12, "a": [3] * 12, "z": [4] * 12})
    with pytest.raises(
        TableError, match=r"cannot be guessed what is to be drawn \(columns of numbers: b, a, z\).*--value"
    ):
        understood(frame)
    with pytest.raises(TableError, match="no column reads as dates"):
        understood(pl.DataFrame({"a": [1, 2]}))
    with pytest.raises(TableError, match="there is no column mnth; did you mean `month`"):
        understood(frame, Columns(when="mnth"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("month,value\n", r"waits\.csv: there are no rows"),
        ("", r"waits\.csv: the file is empty"),
        ("month;value\n2024-01;3\n", "separated by semicolons"),
        ("month,value\n2024-01,3\n2024-02\n", r"waits\.csv, line 3: the row has 1 cells and the header 2"),
        ("month,month\n2024-01,3\n", "two columns are called month"),
        ("month,value\n2024-01,3\n2024-01,4\n", "line 2 and line 3 are of one date and one series"),
        ("month,value\n2024-01,3\n,4\n", "line 3, column month: the date is empty"),
        ("month,value\n2024-01,3\n2024-02,4\n2024-03,five\n", "line 4, column value: the cell is neither a number"),
        ("month,value\n2026-01,3\n2026-02,4\n", "line 3, column month: the date lies in the future"),
        ("month,deaths,admissions\n2024-01,-3,9\n", "line 2, column deaths: the count is below 0"),
        ("month,deaths,admissions\n2024-01,3,0\n", "line 2: there is a deaths and its admissions is 0"),
        (
            "month,deaths,admissions\n2024-01,3,\n2024-02,3,9\n",
            "line 2: there is a deaths and its admissions is missing",
        ),
        ("month,value,target\n2024-01,3,4\n2024-02,3,5\n", "column target: the target of this series changes"),
    ],
)
def test_bad_tables_are_refused_by_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "waits.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=says):
        spc(path, today=TODAY)


def test_daily_and_monthly_series_are_not_drawn_together() -> None:
    days = [date(2024, 1, day) for day in range(1, 11)] + [date(2024, month, 1) for month in range(1, 11)]
    frame = pl.DataFrame({"day": days, "site": ["A"] * 10 + ["B"] * 10, "value": range(20)})
    with pytest.raises(TableError, match="by day and that of row 11 by month"):
        spc(frame, today=TODAY)


def test_a_refusal_repeats_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "waits.csv"
    path.write_text("month,value\n2024-01,3\n2024-02,4\n2024-03,Mrs Smith\n")
    with pytest.raises(TableError) as refusal:
        spc(path, today=TODAY)
    assert "Smith" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "pandas with an index", "csv"])
def test_every_kind_of_table_gives_the_same(kind: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"month": MONTHS, "value": [5.0, 6, 5, 6, 5, 6, 5, 6, 5, 6, 5, 12]})
    pandas = pd.DataFrame({"month": MONTHS, "value": frame["value"].to_list()})
    path = tmp_path / "t.csv"
    frame.write_csv(path)
    given = {
        "polars": frame,
        "lazy": frame.lazy(),
        "pandas": pandas,
        "pandas with an index": pandas.set_index("month"),
        "csv": path,
    }[kind]
    assert str(spc(given, better="lower", today=TODAY)) == str(spc(frame, better="lower", today=TODAY))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TableError, match="a list is no table"):
        spc([1, 2, 3])
    with pytest.raises(TableError, match="no such file"):
        spc("nowhere.csv")


def test_pandas_dates_and_missing_cells_are_read() -> None:
    pandas = pd.DataFrame(
        {"day": pd.date_range("2024-01-01", periods=12, freq="MS"), "site": ["A"] * 12, "value": [1.0] * 11 + [None]}
    )
    result = spc(pandas, today=TODAY)
    assert result.series[0].labels[0] == "Jan 2024"
    assert "1 is missing" in str(result)


def test_a_funnel_needs_counts_and_organisations() -> None:
    with pytest.raises(TableError, match="no column tells one organisation from another"):
        funnel(pl.DataFrame({"deaths": [1, 2], "admissions": [10, 10]}))
    with pytest.raises(TableError, match="counts are needed"):
        funnel(pl.DataFrame({"site": ["A", "B"], "rate": [0.1, 0.2]}))
    with pytest.raises(TableError, match="1 organisation with counts"):
        funnel(pl.DataFrame({"site": ["A"], "deaths": [1], "admissions": [10]}), organisation="site")

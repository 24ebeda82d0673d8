"""An analyst's charts: the library's own numbers, in sentences, files and on a terminal."""

import doctest
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import polars as pl
import pytest
from typer.testing import CliRunner

import rounds.analyst.funnels
import rounds.analyst.over_time
from rounds.analyst import funnel, spc
from rounds.analyst.columns import Reading
from rounds.analyst.frames import TableError
from rounds.cli.app import app
from rounds.learning.variation.between_sites.bulk import FunnelKind
from rounds.learning.variation.between_sites.funnel import funnel_proportions, funnel_ratios
from rounds.learning.variation.between_sites.shrunken import shrunken
from rounds.learning.variation.case_mix.families import Family
from rounds.learning.variation.over_time.asked import NEEDS, chart_asked
from rounds.learning.variation.over_time.asked import Columns as ChartColumns
from rounds.learning.variation.over_time.chart import Kind, Told
from rounds.learning.variation.over_time.xmr import xmr_chart

TODAY = date(2026, 1, 31)
RISING = [5.0, 6, 5, 6, 5, 6, 5, 6, 5, 6, 5, 12]


def waits(values: list[float | None] | None = None) -> pl.DataFrame:
    found = RISING if values is None else values
    months = [date(2023 + at // 12, at % 12 + 1, 1) for at in range(len(found))]
    return pl.DataFrame({"month": months, "waits": found})


def trusts() -> pl.DataFrame:
    """Two trusts by month; the second has small counts, some of them withheld."""
    months = [f"{2023 + at // 12}-{at % 12 + 1:02}" for at in range(24)]
    large = [str(40 + at % 5) for at in range(24)]
    small = ["[c]" if at % 6 == 2 else str(9 + at % 4) for at in range(24)]
    return pl.DataFrame(
        {
            "month": months * 2,
            "trust": ["Large"] * 24 + ["Small"] * 24,
            "falls": large + small,
            "admissions": [1000] * 24 + [200] * 24,
        }
    )


def test_numbers_are_those_of_the_library() -> None:
    result = spc(waits(), better="lower", target=4, today=TODAY)
    expected = xmr_chart(values=np.array(RISING), better="lower", target=4)
    found = result["waits"].chart
    assert (found.mean, found.lower, found.upper) == (expected.mean, expected.lower, expected.upper)
    assert result["waits"].icons == ("concern", "hit_and_miss")
    table = result.table()
    assert table["upper_limit"].to_list() == [expected.upper] * 12
    assert table["signal"].to_list()[-1] == "outside the limits"


def test_rates_are_never_drawn_beyond_what_they_can_be() -> None:
    frame = pl.DataFrame({"month": waits()["month"], "deaths": [0, 1] * 6, "admissions": [10] * 12})
    one = spc(frame, today=TODAY).series[0]
    assert one.chart.lower is not None
    assert one.chart.lower < 0
    assert spc(frame, today=TODAY).table()["lower_limit"].to_list() == [0.0] * 12
    assert spc(frame, today=TODAY).unit == "% of admissions"
    assert spc(frame, per=1000, today=TODAY).unit == "per 1,000 admissions"


def two_levels() -> pl.DataFrame:
    """Three years of months: the last year lies higher."""
    values = [float(10 + at % 3) for at in range(24)] + [float(20 + at % 3) for at in range(12)]
    return waits(values)


def test_limits_are_recalculated_from_a_stated_period_for_a_stated_reason() -> None:
    result = spc(two_levels(), rebase={"Jan 2025": "a new ward opened"}, today=TODAY)
    one = result["waits"]
    assert [lines[0] for lines in one.lines] == pytest.approx([11.0] * 24 + [21.0] * 12)
    assert "Limits were recalculated from Jan 2025: a new ward opened." in one.notes
    assert one.icons == ("common_cause",)
    assert result.table()["mean"].to_list() == pytest.approx([11.0] * 24 + [21.0] * 12)
    drawn = json.dumps(one.spec)
    assert drawn.count('"Jan 2025"') > 3
    with pytest.raises(TableError, match="waits: limits are to be recalculated from May 2031, which is no period"):
        spc(two_levels(), rebase={"May 2031": "x"}, today=TODAY)
    with pytest.raises(TableError, match="no reason is given"):
        spc(two_levels(), rebase={"Jan 2025": " "}, today=TODAY)


@pytest.mark.parametrize(
    "kind", [kind for kind in Kind if "groups" not in NEEDS[kind] and kind not in (Kind.G, Kind.T)]
)
def test_every_kind_of_chart_is_the_librarys(kind: Kind) -> None:
    frame = pl.DataFrame(
        {
            "month": waits([0.0] * 24)["month"],
            "falls": [30 + at % 5 for at in range(24)],
            "admissions": [1000 + 10 * (at % 3) for at in range(24)],
        }
    )
    events, sizes = (frame[name].to_numpy().astype(float) for name in ("falls", "admissions"))
    columns = {"values": 100 * events / sizes, "events": events, "sizes": sizes}
    expected = chart_asked(kind, ChartColumns(**{name: columns[name] for name in NEEDS[kind]}), per=100)
    found = spc(frame, chart=str(kind), today=TODAY)["falls"]
    np.testing.assert_allclose(found.chart.centre_line, expected.centre_line, rtol=1e-12)
    np.testing.assert_allclose(found.chart.upper_limits, expected.upper_limits, rtol=1e-12)
    assert json.dumps(found.spec, allow_nan=False)


@pytest.mark.parametrize("kind", ["xbar", "s", "r"])
def test_several_numbers_a_period_are_a_subgroup(kind: str) -> None:
    months = [month for month in waits([0.0] * 12)["month"].to_list() for _ in range(4)]
    frame = pl.DataFrame({"month": months, "age": [float(60 + (7 * at) % 11) for at in range(48)]})
    one = spc(frame, chart=kind, today=TODAY)["age"]
    assert len(one.labels) == len(one.chart.values) == 12
    assert one.chart.mean is not None
    with pytest.raises(TableError, match="row 1 and row 2 are of one date"):
        spc(frame, today=TODAY)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"chart": "xnr"}, "there is no chart xnr; did you mean `xmr`"),
        ({"rules": ["nelsen"]}, "there are no rules nelsen; did you mean `nelson`"),
        ({"chart": "p"}, "waits: a p chart is made of counts; name them with --numerator"),
        ({"chart": "i_prime"}, "waits: a i_prime chart needs sizes"),
        ({"better": "up"}, "better is"),
    ],
)
def test_what_a_chart_cannot_be_made_of_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(TableError, match=says):
        spc(waits(), today=TODAY, **asked)


def test_a_rule_without_a_direction_has_an_icon_of_its_own() -> None:
    one = spc(two_levels(), chart="run", today=TODAY)["waits"]
    assert one.icons == ("changed",)
    assert "median" in one.sentence


def test_counts_between_bounds_are_flagged_for_certain_or_perhaps() -> None:
    one = spc(trusts(), chart="u", reading=Reading(withheld_range=(1, 7)), today=TODAY)["Small"]
    assert one.chart.bounded
    assert np.isnan(one.chart.values[2])
    assert one.chart.lowest[2] < one.chart.highest[2]
    assert any("known only between bounds" in note for note in one.notes)


def test_of_many_series_those_stand_out_that_chance_would_hardly_name() -> None:
    rng = np.random.default_rng(4)
    months = waits([0.0] * 24)["month"]
    frames = []
    for at in range(40):
        values = rng.normal(100, 5, 24)
        values[-1] += 60 if at < 3 else 0
        frames.append(pl.DataFrame({"month": months, "site": f"S{at:02}", "value": values}))
    result = spc(pl.concat(frames), today=TODAY)
    assert result.together is not None
    assert {at for at, named in enumerate(result.together.named) if named} >= {0, 1, 2}
    assert sum(result.together.named) <= 4
    assert str(result).startswith("40 series: the latest point of ")
    assert result.summary()["stands_out"].sum() == sum(result.together.named)
    assert spc(waits(), today=TODAY).together is None


def test_a_missing_month_is_a_gap_and_no_limits() -> None:
    frame = waits().filter(pl.col("month") != date(2023, 5, 1))
    one = spc(frame, today=TODAY).series[0]
    assert len(one.labels) == 12
    assert one.labels[4] == "May 2023"
    assert "of 12 points 1 is missing" in one.sentence


@pytest.mark.parametrize(("values", "why"), [([1.0, 2], "2 points"), ([3.0] * 12, "all 12 points are equal")])
def test_a_chart_says_why_it_has_no_limits(values: list[float | None], why: str) -> None:
    result = spc(waits(values), today=TODAY)
    assert why in str(result)
    assert result.series[0].icons == ("no_limits",)


def test_withheld_counts_without_bounds_leave_no_limits() -> None:
    one = spc(trusts(), today=TODAY)["Small"]
    assert "4 are withheld" in one.sentence
    assert one.chart.mean is None


def test_withheld_counts_with_bounds_have_limits_and_are_never_filled_in() -> None:
    result = spc(trusts(), reading=Reading(withheld_range=(1, 7)), today=TODAY)
    one = result["Small"]
    assert one.chart.mean is not None
    assert 1 / 2 < one.chart.mean < 13 / 2
    assert np.isnan(one.chart.values[2])
    assert one.chart.told[2] in (Told.NO, Told.POSSIBLE, Told.CERTAIN)
    row = result.table().filter(pl.col("series") == "Small").row(2, named=True)
    assert (row["value"], row["withheld"], row["lowest"], row["highest"]) == (None, True, 0.5, 3.5)


def test_a_workbook_holds_every_number_and_no_zero_for_a_withheld_one(tmp_path: Path) -> None:
    written = spc(trusts(), today=TODAY).write(tmp_path, pictures=1)
    assert [path.name for path in written] == ["spc.xlsx", "large.svg", "large.png"]
    assert (tmp_path / "large.png").read_bytes().startswith(b"\x89PNG")
    assert 'role="img"' in (tmp_path / "large.svg").read_text()
    book = openpyxl.load_workbook(tmp_path / "spc.xlsx")
    assert book.sheetnames == ["notes", "summary", "points", "charts"]
    rows = list(book["points"].iter_rows(min_row=4, values_only=True))
    heads = [cell.value for cell in book["points"][3]]
    assert len(rows) == 48
    hidden = [row for row in rows if row[heads.index("withheld")] == "True"]
    assert len(hidden) == 4
    assert {row[heads.index("value")] for row in hidden} == {"[c]"}
    assert len(book["charts"]._charts) == 1


def test_a_funnel_is_the_librarys(tmp_path: Path) -> None:
    frame = pl.DataFrame({"site": ["A", "B", "C"], "deaths": [10, 12, 60], "admissions": [100, 110, 200]})
    plot = funnel(frame, overdispersion=False).plots[0]
    expected = funnel_proportions(
        numerators=np.array([10.0, 12, 60]), denominators=np.array([100.0, 110, 200]), overdispersion=False
    )
    assert plot.funnel.outliers == expected.outliers
    assert plot.funnel.upper998.tolist() == expected.upper998.tolist()
    written = funnel(frame).write(tmp_path)
    assert [path.suffix for path in written] == [".xlsx", ".svg", ".png", ".svg", ".png"]


def test_beside_a_funnel_stands_what_is_believed_of_each(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"site": ["A", "B", "C", "D"], "deaths": [10, 12, 60, None], "admissions": [100, 110, 200, 150]}
    )
    result = funnel(frame)
    tops, sizes = np.array([10.0, 12, 60]), np.array([100.0, 110, 200])
    expected = shrunken(events_lower=tops, events_upper=tops, sizes=sizes, family=Family.BINOMIAL)
    table = result.table()
    assert table["shrunken"][:3].to_list() == (100 * expected.values).tolist()
    assert table["shrunken_lower_95"][:3].to_list() == (100 * expected.lower).tolist()
    assert table["shrunken_upper_95"][:3].to_list() == (100 * expected.upper).tolist()
    assert table["shrunken"][3] is None
    beside = result.plots[0].caterpillar
    assert beside is not None
    assert beside.sentence.startswith("Allowing for chance: ")
    assert beside.sentence in beside.alt_text
    assert result._repr_html_().count("<figure>") == 2
    result.write(tmp_path)
    assert "As counted" in next(tmp_path.glob("caterpillar-*.svg")).read_text()
    notes = [row[1] for row in openpyxl.load_workbook(tmp_path / "funnel.xlsx")["notes"].iter_rows(values_only=True)]
    assert set(expected.notes) <= set(notes)


RATIOS = pl.DataFrame(
    {
        "trust": ["A", "B", "C", "D", "E"],
        "deaths": [90, 100, 160, 40, 70],
        "expected_deaths": [100.25, 98.5, 99.0, 52.75, 66.5],
    }
)


@pytest.mark.parametrize(("method", "kind"), [("shmi", FunnelKind.RATIO_SHMI), ("cqc", FunnelKind.RATIO_CQC)])
def test_ratios_of_observed_to_expected_are_the_librarys(method: str, kind: FunnelKind) -> None:
    result = funnel(RATIOS, expected="expected_deaths", method=method)
    plot = result.plots[0]
    expected = funnel_ratios(
        observed=RATIOS["deaths"].to_numpy().astype(float), expected=RATIOS["expected_deaths"].to_numpy(), method=kind
    )
    assert plot.funnel.outliers == expected.outliers
    assert result.table()["upper_99_8"].to_list() == expected.upper998.tolist()
    assert str(result).startswith("5 organisations, compared with what is expected: ")
    assert plot.unit == "times as many deaths as expected"
    hundred = funnel(RATIOS, expected="expected_deaths", method=method, per=100)
    assert hundred.table()["value"].to_list() == pytest.approx((100 * expected.values).tolist())
    assert hundred.plots[0].unit == "deaths per 100 expected"
    assert any("what is expected of its own patients" in note for note in plot.notes)
    assert "As expected" in str(plot.spec)


def test_ratios_need_one_divisor_and_a_method_that_exists() -> None:
    with pytest.raises(TableError, match="a denominator or expected events, not both"):
        funnel(RATIOS, expected="expected_deaths", denominator="expected_deaths")
    with pytest.raises(TableError, match='by "shmi" or "cqc", not by "smr"'):
        funnel(RATIOS, expected="expected_deaths", method="smr")


def test_two_organisations_have_a_funnel_and_no_caterpillar(tmp_path: Path) -> None:
    result = funnel(pl.DataFrame({"site": ["A", "B"], "deaths": [10, 12], "admissions": [100, 110]}))
    assert result.plots[0].caterpillar is None
    assert result.table()["shrunken"].is_null().all()
    assert len(result.write(tmp_path)) == 3


def test_a_funnel_adds_up_dates_and_leaves_out_what_is_withheld() -> None:
    three = pl.concat([trusts(), trusts().filter(pl.col("trust") == "Large").with_columns(trust=pl.lit("Third"))])
    result = funnel(three)
    assert result.summed_over == "24 dates, Jan 2023 to Dec 2024, added up"
    assert result.plots[0].left_out == (("Small", "withheld"),)
    assert result.plots[0].funnel.denominators.tolist() == [24_000.0, 24_000.0]
    status = dict(result.table().select("organisation", "status").iter_rows())
    assert status["Small"] == "left out: withheld"


def test_a_notebook_shows_charts_with_names_that_cannot_break_out() -> None:
    frame = waits().with_columns(site=pl.lit("<script>"))
    html = spc(frame, series="site", today=TODAY)._repr_html_()
    assert html.count("<svg") >= 2
    assert "<script>" not in html


def test_the_command_says_what_it_guessed_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trusts().write_csv("falls.csv")
    shown = CliRunner().invoke(app, ["spc", "falls.csv", "--better", "lower"], catch_exceptions=False)
    assert "denominator  admissions" in shown.stderr
    assert "●– Large: no clear change" in shown.stdout
    assert sorted(path.name for path in Path("falls-spc").iterdir()) == [
        "large.png",
        "large.svg",
        "small.png",
        "small.svg",
        "spc.xlsx",
    ]
    with pytest.raises(TableError, match="1 organisation with counts"):  # the other has withheld ones
        CliRunner().invoke(app, ["funnel", "falls.csv"], catch_exceptions=False)
    assert not Path("falls-funnel").exists()


def test_the_command_gives_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    waits().write_csv("w.csv")
    shown = CliRunner().invoke(app, ["--json", "--quiet", "spc", "w.csv"], catch_exceptions=False)
    assert json.loads(shown.stdout)["series"][0]["latest"] == 12.0


@pytest.mark.parametrize("module", [rounds.analyst.over_time, rounds.analyst.funnels])
def test_examples_run(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # it is a module

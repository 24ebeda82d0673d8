"""XmR charts against NHSRplotthedots 0.2.2: every point and every icon of its cases."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rounds.learning.variation.over_time.bulk import nhs_charts
from rounds.learning.variation.over_time.chart import Assurance, Better, Chart, Variation
from rounds.learning.variation.over_time.rebasing import Rebase
from rounds.learning.variation.over_time.rules import Vector, limits_of, signals_of
from rounds.learning.variation.over_time.xmr import xmr_chart

HELD_AGAINST = (("XmR limits, rules, icons", "NHSRplotthedots 0.2.2", "1e-10; rules and icons exact"),)

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "spc"
NAMES = (
    "nhsr_ae_facet6",
    "nhsr_ae_icons_all_trusts_inc",
    "nhsr_ae_neutral_noscreen",
    "nhsr_ae_norebase_rrk",
    "nhsr_ae_rebase_rrk",
    "nhsr_ae_stable_rrk",
    "nhsr_fuzz_inc",
    "nhsr_rules_edge",
    "nhsr_rules_edge_dec",
)
TOLERANCE = 1e-10
"""Relative, as the cases' META files ask."""

BETTER = {"increase": Better.HIGHER, "decrease": Better.LOWER, "neutral": Better.NEITHER}
VARIATION = {
    "special_cause_improvement": Variation.IMPROVEMENT,
    "special_cause_concern": Variation.CONCERN,
    "special_cause_neutral_high": Variation.NEITHER_HIGH,
    "special_cause_neutral_low": Variation.NEITHER_LOW,
    "common_cause": Variation.COMMON_CAUSE,
}
ASSURANCE = {
    "consistent_pass": Assurance.CONSISTENTLY_PASSING,
    "consistent_fail": Assurance.CONSISTENTLY_FAILING,
    "inconsistent": Assurance.HIT_AND_MISS,
    "None": Assurance.NO_TARGET,
}
NOT_JUDGED = {"all_equal", "with_na"}
"""Series to which we give no limits and the package does; `test_where_we_draw_no_limits` covers them."""


@dataclass(frozen=True)
class Series:
    """One series of a case: what the package was given and what it said. A rebased series comes as its parts."""

    name: str
    better: Better
    target: float | None
    screen: bool
    points: pl.DataFrame
    summary: dict[str, object]

    @property
    def values(self) -> Vector:
        return self.points["y"].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def chart(self) -> Chart:
        return xmr_chart(values=self.values, better=self.better, target=self.target, screen=self.screen)


def series_of(case: str) -> list[Series]:
    folder = CASES / case
    if not folder.is_dir():
        pytest.skip(f"the reference results are not here: {folder.name} is kept outside the repository")
    options = json.loads((folder / "options.json").read_text())
    points = pl.read_csv(folder / "expected_points.csv", infer_schema_length=None)
    summary = pl.read_csv(folder / "expected_summary.csv", infer_schema_length=None)
    if "f" not in summary.columns:
        summary = summary.with_columns(f=pl.lit("no facet"))
    if "rebase_group" not in summary.columns:
        summary = summary.with_columns(rebase_group=pl.lit(0))
    return [
        Series(
            name=row["f"],
            better=BETTER[options["improvement_direction"]],
            target=options.get("target"),
            screen=options["screen_outliers"],
            points=points.filter((pl.col("f") == row["f"]) & (pl.col("rebase_group") == row["rebase_group"])),
            summary=row,
        )
        for row in summary.iter_rows(named=True)
    ]


def judged(case: str) -> list[Series]:
    return [series for series in series_of(case) if series.name not in NOT_JUDGED]


def rule_named(chart: Chart, point: int) -> str:
    """Return the first rule the package would name for a point."""
    for flags, rule in (
        (chart.outside, "outside"),
        (chart.trend, "trend"),
        (chart.near_limit, "2 in 3"),
        (chart.shift, "shift"),
    ):
        if flags[point]:
            return rule
    return "common"


PACKAGE_RULE = {
    "Above UCL": "outside",
    "Below LCL": "outside",
    "7 Point Trend (Increasing)": "trend",
    "7 Point Trend (Decreasing)": "trend",
    "2 in 3 Above CL": "2 in 3",
    "2 in 3 Below CL": "2 in 3",
    "7 Points Above CL": "shift",
    "7 Points Below CL": "shift",
    "Common Cause": "common",
}


@pytest.mark.parametrize("case", NAMES)
def test_limits(case: str) -> None:
    for series in judged(case):
        chart = series.chart()
        for name, value in (("mean_col", chart.mean), ("lpl", chart.lower), ("upl", chart.upper)):
            assert value == pytest.approx(series.summary[name], rel=TOLERANCE), (series.name, name)


@pytest.mark.parametrize("case", NAMES)
def test_each_point_has_the_packages_rule_and_meaning(case: str) -> None:
    for series in judged(case):
        chart = series.chart()
        rules = [rule_named(chart, point) for point in range(len(chart.values))]
        assert rules == [PACKAGE_RULE[name] for name in series.points["special_cause_type"]], series.name
        meanings = [VARIATION[name] for name in series.points["point_type"]]
        assert list(chart.point_variation) == meanings, series.name


@pytest.mark.parametrize("case", NAMES)
def test_each_point_lies_where_the_package_says(case: str) -> None:
    for series in judged(case):
        values = series.values[None, :]
        signals = signals_of(values, limits_of(values, screen=series.screen))
        assert signals.side[0].tolist() == series.points["relative_to_mean"].to_list(), series.name
        assert signals.outside[0].tolist() == series.points["outside_limits"].to_list(), series.name
        assert signals.close[0].tolist() == series.points["close_to_limits"].to_list(), series.name
        named_high = [
            1 if "Above" in name or "Increasing" in name else 0 if name == "Common Cause" else -1
            for name in series.points["special_cause_type"]
        ]
        assert signals.direction[0].tolist() == named_high, series.name


@pytest.mark.parametrize("case", NAMES)
def test_icons(case: str) -> None:
    for series in judged(case):
        chart = series.chart()
        assert chart.variation is VARIATION[str(series.summary["variation_type"])], series.name
        assert chart.assurance is ASSURANCE[str(series.summary.get("assurance_type"))], series.name


def test_columns_over_all_trusts_have_the_packages_icons() -> None:
    everything = judged("nhsr_ae_icons_all_trusts_inc")
    lengths = [len(series.values) for series in everything]
    values = np.full((len(everything), max(lengths)), np.nan)
    for row, series in zip(values, everything, strict=True):
        row[: len(series.values)] = series.values
    spans = (np.zeros(len(lengths), dtype=np.int64), np.array(lengths, dtype=np.int64))
    targets = [series.target for series in everything]
    icons = nhs_charts(values=values, better="higher", targets=targets, spans=spans).icons()
    assert icons["variation"].to_list() == [VARIATION[str(one.summary["variation_type"])] for one in everything]
    assert icons["assurance"].to_list() == [ASSURANCE[str(one.summary["assurance_type"])] for one in everything]
    np.testing.assert_allclose(icons["upper"], [float(str(one.summary["upl"])) for one in everything], rtol=TOLERANCE)


def test_a_rebased_series_as_one_chart() -> None:
    """The package was told 2018-07-01; here the reason is needed too."""
    parts = judged("nhsr_ae_rebase_rrk")
    dates = [str(day) for part in parts for day in part.points["x"]]
    moved = Rebase(since="2018-07-01", reason="as the vignette of the package asks")
    values = np.concatenate([part.values for part in parts])
    chart = xmr_chart(values=values, better=parts[0].better, rebases=(moved,), periods=tuple(dates))
    points = pl.concat([part.points for part in parts])
    for column, line in (("mean_col", chart.centre_line), ("lpl", chart.lower_limits), ("upl", chart.upper_limits)):
        np.testing.assert_allclose(line, points[column], rtol=TOLERANCE)
    assert [rule_named(chart, at) for at in range(len(values))] == [
        PACKAGE_RULE[name] for name in points["special_cause_type"]
    ]
    assert list(chart.point_variation) == [VARIATION[name] for name in points["point_type"]]
    assert [part.rebase for part in chart.parts] == [None, moved]


def test_the_cases_exercise_every_rule_and_icon() -> None:
    everything = [series for case in NAMES for series in judged(case)]
    points = pl.concat([series.points.select("special_cause_type", "point_type") for series in everything])
    assert set(points["special_cause_type"]) == set(PACKAGE_RULE)
    assert set(points["point_type"]) == set(VARIATION)
    assert {str(series.summary.get("assurance_type")) for series in everything} == set(ASSURANCE)
    assert points.height > 13_000


@pytest.mark.parametrize("case", ["nhsr_rules_edge", "nhsr_rules_edge_dec"])
def test_where_we_draw_no_limits(case: str) -> None:
    """The package judges an equal series "common cause, inconsistent" and bridges a gap. We say what is wrong."""
    left_out = {series.name: series.chart() for series in series_of(case) if series.name in NOT_JUDGED}
    assert set(left_out) == NOT_JUDGED
    for chart in left_out.values():
        assert (chart.mean, chart.lower, chart.upper, chart.variation, chart.assurance) == (None,) * 5
    assert "equal" in str(left_out["all_equal"].no_limits)
    assert "missing" in str(left_out["with_na"].no_limits)

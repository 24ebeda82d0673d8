"""Funnels against FunnelPlotR 0.6.0: dispersion, every limit, every outlier."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rounds.learning.variation.between_sites.bulk import FunnelKind, funnels
from rounds.learning.variation.between_sites.funnel import Funnel, funnel_proportions, funnel_rates, funnel_ratios
from rounds.learning.variation.between_sites.limits import Outlier, Vector, outliers

HELD_AGAINST = (
    ("Funnel limits, over-dispersion, outliers of proportions", "FunnelPlotR 0.6.0", "1e-8"),
    ("Funnel limits, over-dispersion, outliers of standardised ratios (SHMI, CQC)", "FunnelPlotR 0.6.0", "1e-8"),
)

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "funnel"
TOLERANCE = 1e-8
"""Relative, as the cases' META files ask."""
ADJUSTED = {"lower95": "OD95LCL", "upper95": "OD95UCL", "lower998": "OD99LCL", "upper998": "OD99UCL"}
PLAIN = {"lower95": "LCL95", "upper95": "UCL95", "lower998": "LCL99", "upper998": "UCL99"}
BEYOND_998 = {Outlier.HIGH_998, Outlier.LOW_998}


def case(name: str) -> tuple[pl.DataFrame, dict[str, object]]:
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"the reference results are not here: {folder.name} is kept outside the repository")
    units = pl.read_csv(folder / "expected_units.csv", infer_schema_length=None, schema_overrides={"group": pl.String})
    return units, json.loads((folder / "expected.json").read_text())


def column(units: pl.DataFrame, name: str) -> Vector:
    return units[name].cast(pl.Float64).to_numpy()


def proportions(units: pl.DataFrame, *, overdispersion: bool = True) -> Funnel:
    return funnel_proportions(
        numerators=column(units, "numerator"),
        denominators=column(units, "denominator"),
        overdispersion=overdispersion,
    )


def disagreements(funnel: Funnel, units: pl.DataFrame, columns: dict[str, str]) -> int:
    """Return how many limits the package draws below 1 where the arcsine passes 1, having asserted that others agree.

    Past a right angle the sine turns back. The package corrects that by comparing with the next row of its drawing
    grid, and misses rows next to the turn; our limit there is 1.
    """
    turned = 0
    angle = np.arcsin(np.sqrt(funnel.centre))
    spread = np.sqrt(1 / (4 * funnel.denominators) + funnel.tau2)
    for ours, theirs in columns.items():
        expected = column(units, theirs)
        z = {"lower95": -1.959964, "upper95": 1.959964, "lower998": -3.090232, "upper998": 3.090232}[ours]
        past = (angle + z * spread > np.pi / 2) & (expected < 1)
        np.testing.assert_allclose(getattr(funnel, ours)[past], 1)
        np.testing.assert_allclose(expected[past], np.sin(angle + z * spread[past]) ** 2, rtol=TOLERANCE)
        np.testing.assert_allclose(
            getattr(funnel, ours)[~past], expected[~past], rtol=TOLERANCE, atol=1e-14, err_msg=ours
        )
        turned += int(past.sum())
    return turned


TURNED_BACK = {"synth130_pr": 0, "medpar_pr_died": 2}
"""Two hospitals with one patient each, who died: above the package's upper 95 % limit, inside ours."""


@pytest.mark.parametrize("name", list(TURNED_BACK))
def test_proportions(name: str) -> None:
    units, expected = case(name)
    funnel = proportions(units)
    assert funnel.phi == pytest.approx(expected["phi"], rel=TOLERANCE)
    assert funnel.tau2 == pytest.approx(expected["tau2"], rel=TOLERANCE)
    np.testing.assert_allclose(funnel.values, column(units, "rr"), rtol=TOLERANCE)
    assert disagreements(funnel, units, ADJUSTED) == TURNED_BACK[name]
    beyond = [group for group, status in zip(units["group"], funnel.outliers, strict=True) if status in BEYOND_998]
    assert beyond == expected["outliers"]
    assert [status in BEYOND_998 for status in funnel.outliers] == (units["outlier"] == 1).to_list()


@pytest.mark.parametrize("name", list(TURNED_BACK))
def test_proportions_without_overdispersion(name: str) -> None:
    units, expected = case(name)
    funnel = proportions(units, overdispersion=False)
    assert disagreements(funnel, units, PLAIN) == TURNED_BACK[name]
    assert funnel.tau2 == 0
    assert funnel.phi == pytest.approx(expected["phi"], rel=TOLERANCE)


def ratios(units: pl.DataFrame, method: FunnelKind, *, overdispersion: bool = True) -> Funnel:
    return funnel_ratios(
        observed=column(units, "numerator"),
        expected=column(units, "denominator"),
        method=method,
        overdispersion=overdispersion,
    )


BEYOND = {"medpar_sr_shmi": BEYOND_998, "synth130_shmi": set(Outlier) - {Outlier.INSIDE}}
"""The outliers listed are outside the 99.8 % limits in one case, outside those of 95 % in the other."""


@pytest.mark.parametrize("name", list(BEYOND))
def test_ratios_by_the_shmi_method(name: str) -> None:
    units, expected = case(name)
    funnel = ratios(units, FunnelKind.RATIO_SHMI)
    assert (funnel.phi, funnel.tau2) == pytest.approx((expected["phi"], expected["tau2"]), rel=TOLERANCE)
    for ours, theirs in ADJUSTED.items():
        np.testing.assert_allclose(getattr(funnel, ours), column(units, theirs), rtol=TOLERANCE)
    beyond = [group for group, status in zip(units["group"], funnel.outliers, strict=True) if status in BEYOND[name]]
    assert beyond == expected["outliers"]


def test_expected_events_are_rounded_as_shmi_rounds_them() -> None:
    units, expected = case("medpar_sr_shmi")
    patients = pl.read_csv(CASES / "medpar_sr_shmi" / "input.csv", schema_overrides={"provnum": pl.String})
    summed = patients.group_by("provnum").agg(pl.col("los").sum(), pl.col("prds").sum()).sort("provnum")
    funnel = funnel_ratios(observed=column(summed, "los"), expected=column(summed, "prds"))
    assert funnel.tau2 == pytest.approx(expected["tau2"], rel=TOLERANCE)
    units = units.sort("group")
    np.testing.assert_allclose(funnel.denominators, column(units, "denominator"), rtol=1e-12)
    np.testing.assert_allclose(funnel.values, column(units, "rr"), rtol=TOLERANCE)


def test_ratios_by_the_cqc_method() -> None:
    """The package draws CQC's limits on the scale of roots, beside ratios: ours are carried back."""
    units, expected = case("medpar_sr_cqc")
    funnel = ratios(units, FunnelKind.RATIO_CQC)
    assert (funnel.phi, funnel.tau2) == pytest.approx((expected["phi"], expected["tau2"]), rel=TOLERANCE)
    for ours, theirs in ADJUSTED.items():
        np.testing.assert_allclose(np.sqrt(getattr(funnel, ours)), column(units, theirs), rtol=TOLERANCE)
    root = np.sqrt(funnel.values)
    theirs = [str(group) for group in expected["outliers"]]  # type: ignore[attr-defined]  # JSON
    beyond = {group for group, status in zip(units["group"], funnel.outliers, strict=True) if status in BEYOND_998}
    assert beyond < set(theirs)
    on_one_scale = (root < column(units, "OD99LCL")) | (root > column(units, "OD99UCL"))
    assert beyond == set(units["group"].to_numpy()[on_one_scale])


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("medpar_sr_unadj", FunnelKind.RATIO_SHMI),
        ("medpar_sr_shmi", FunnelKind.RATIO_SHMI),
        ("medpar_sr_cqc", FunnelKind.RATIO_CQC),
    ],
)
def test_ratios_without_overdispersion(name: str, method: FunnelKind) -> None:
    units, expected = case(name)
    funnel = ratios(units, method, overdispersion=False)
    for ours, theirs in PLAIN.items():
        np.testing.assert_allclose(getattr(funnel, ours), column(units, theirs), rtol=TOLERANCE)
    if name.endswith("unadj"):
        outside = [group for group, one in zip(units["group"], funnel.outliers, strict=True) if one in BEYOND_998]
        assert outside == expected["outliers"]


def test_many_measures_at_once_are_each_what_they_are_alone() -> None:
    draw = np.random.default_rng(1)
    sizes = draw.integers(20, 900, (12, 40)).astype(float)
    tops = draw.binomial(sizes.astype(int), 0.2).astype(float)
    tops[draw.random(tops.shape) < 0.15] = np.nan
    for kind, one in (
        (FunnelKind.PROPORTION, funnel_proportions),
        (FunnelKind.RATE, funnel_rates),
    ):
        found = funnels(numerators=tops, denominators=sizes, kind=kind)
        for index, row in enumerate(tops):
            there = ~np.isnan(row)
            alone = one(numerators=row[there], denominators=sizes[index][there])
            assert (found.phi[index], found.tau2[index]) == pytest.approx((alone.phi, alone.tau2), rel=1e-12)
            np.testing.assert_allclose(found.limits.upper998[index][there], alone.upper998, rtol=1e-12)
            assert outliers(found.places[index][there]) == alone.outliers
            assert np.isnan(found.values[index][~there]).all()
    ratio = funnels(numerators=tops, denominators=0.2 * sizes, kind=FunnelKind.RATIO_SHMI)
    there = ~np.isnan(tops[3])
    alone = funnel_ratios(observed=tops[3][there], expected=0.2 * sizes[3][there])
    assert (ratio.phi[3], ratio.tau2[3]) == pytest.approx((alone.phi, alone.tau2), rel=1e-12)

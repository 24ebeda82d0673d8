"""Funnels against FunnelPlotR 0.6.0: dispersion, every limit, every outlier."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rounds.learning.variation.between_sites.funnel import Funnel, funnel_proportions
from rounds.learning.variation.between_sites.limits import Outlier, Vector

HELD_AGAINST = (("Funnel limits, over-dispersion, outliers of proportions", "FunnelPlotR 0.6.0", "1e-8"),)

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

"""Inequality against ineq 0.2-13 and the calculators of the Office for Health Improvement and Disparities."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from openpyxl import load_workbook

from rounds.learning.variation.between_groups.concentration import (
    atkinson,
    concentration,
    gini,
    lorenz,
    mean_log_deviation,
    theil,
    theil_parts,
)
from rounds.learning.variation.between_groups.slopes import InequalitySlope, SlopeScale, inequality_slope

ORACLES = Path(__file__).resolve().parents[2].parent / "shared" / "oracles"
pytestmark = pytest.mark.skipif(
    not ORACLES.is_dir(), reason="the reference results are kept outside the repository, and are not here"
)
Vector = NDArray[np.float64]


def rows(name: str) -> list[dict[str, str]]:
    with (ORACLES / "inequality" / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def column(table: list[dict[str, str]], name: str) -> Vector:
    return np.array([float(row[name]) for row in table])


MEASURES: dict[str, Callable[[Vector], float]] = {
    "gini": gini,
    "gini_corr": lambda values: gini(values, corrected=True),
    "theil_T": theil,
    "theil_L": mean_log_deviation,
    "atkinson_.5": lambda values: atkinson(values, aversion=0.5),
    "atkinson_1": lambda values: atkinson(values, aversion=1),
}


def test_incomes_of_ilocos() -> None:
    table = rows("ineq_ilocos/input.csv")
    told = json.loads((ORACLES / "inequality" / "ineq_ilocos" / "expected.json").read_text())
    provinces = np.array([row["province"] for row in table])
    incomes = column(table, "income")
    parts = {"all": (incomes, told["all"])}
    parts |= {name: (incomes[provinces == name], one) for name, one in told["by_province"].items()}
    assert len(parts) == 5
    for values, expected in parts.values():
        for name, ours in MEASURES.items():
            assert ours(values) == pytest.approx(expected[name], rel=1e-8), name
    curve = lorenz(incomes)
    drawn = rows("ineq_ilocos/expected_lorenz.csv")
    np.testing.assert_allclose(curve.people, column(drawn, "p"), rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(curve.share, column(drawn, "L"), rtol=1e-8, atol=1e-15)
    within, between = theil_parts(incomes, np.unique(provinces, return_inverse=True)[1])
    assert within + between == pytest.approx(theil(incomes), rel=1e-12)
    assert between > 0


def test_weighted_lorenz_curve() -> None:
    table = rows("ineq_weighted/input.csv")
    people, values = column(table, "wt"), column(table, "x")
    curve = lorenz(values, people)
    drawn = rows("ineq_weighted/expected_lorenz.csv")
    np.testing.assert_allclose(curve.people, column(drawn, "p"), rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(curve.share, column(drawn, "L"), rtol=1e-8, atol=1e-15)
    told = json.loads((ORACLES / "inequality" / "ineq_weighted" / "expected.json").read_text())
    assert gini(values, people) == pytest.approx(told["gini_weighted"], rel=1e-8)
    # Ordered by itself, a value's concentration index is its Gini coefficient.
    order = np.argsort(values)
    assert concentration(values=values[order], people=people[order]).index == pytest.approx(told["gini_weighted"])


SLOPES = {
    "default (e.g. life expectancy) - default parameters": (SlopeScale.PLAIN, 1.0),
    "default (e.g. life expectancy) - intercept": (SlopeScale.PLAIN, 1.0),
    "rate (e.g. infant mortality) - default parameters": (SlopeScale.PLAIN, 1.0),
    "rate (e.g. infant mortality) - log transform with intercept": (SlopeScale.LOG, 1.0),
    "proportion (e.g. child obesity) - default parameters": (SlopeScale.PLAIN, 1.0),
    "proportion (e.g. child obesity) - logit transform with intercept": (SlopeScale.LOGIT, 1.0),
}
Z = 1.959963984540054


def _slope(group: list[dict[str, object]], scale: SlopeScale) -> InequalitySlope:
    """Fit as the calculators do: standard errors from limits on the scale of a rate's log or a proportion's logit."""
    values, people, low, high, error = (
        np.array([row[name] for row in group], dtype=np.float64)
        for name in ("Value", "Population", "LowerCL", "UpperCL", "StandardError")
    )
    kind = group[0]["ValueType"]
    if kind == 0:
        return inequality_slope(values=values, standard_errors=error, people=people, scale=scale)
    if kind == 1:
        error = (np.log(high) - np.log(low)) / 2 / Z
        error = error * values
    else:
        logit = [np.log(end / (1 - end)) for end in (low, high)]
        error = (logit[1] - logit[0]) / 2 / Z * values * (1 - values)
    if scale is SlopeScale.PLAIN:
        # Their line on the plain scale weighs by the errors on the transformed one, carried back.
        return inequality_slope(values=values, standard_errors=error, people=people)
    return inequality_slope(values=values, standard_errors=error, people=people, scale=scale)


def test_slope_and_relative_index() -> None:
    book = load_workbook(ORACLES / "phe" / "official_phe_tests" / "testdata_SII.xlsx", data_only=True)
    head, *lines = book["testdata_SII"].iter_rows(values_only=True)
    table = [dict(zip(map(str, head), line, strict=True)) for line in lines]
    compared: dict[str, int] = {}
    group: list[dict[str, object]] = []
    for row in [*table, {"Quantile": 1, "TestDescription": ""}]:
        if row["Quantile"] == 1 and group:
            name = str(group[0]["TestDescription"])
            if name in SLOPES and group[0]["sii"] is not None:
                found = _slope(group, SLOPES[name][0])
                close = 1e-6 if group[0]["ValueType"] == 0 else 2e-3
                assert found.sii == pytest.approx(group[0]["sii"], rel=close), name
                assert found.rii == pytest.approx(group[0]["rii"], rel=close), name
                if group[0]["sii_lowercl_1"] is not None and group[0]["ValueType"] == 0:
                    # Theirs are quantiles of 100,000 simulated slopes: some 0.6 % of the half width.
                    half = found.sii_upper - found.sii
                    assert found.sii_lower == pytest.approx(group[0]["sii_lowercl_1"], abs=0.03 * half)
                    assert found.sii_upper == pytest.approx(group[0]["sii_uppercl_1"], abs=0.03 * half)
                    assert found.rii_lower == pytest.approx(group[0]["rii_lowercl_1"], rel=2e-3)
                    assert found.rii_upper == pytest.approx(group[0]["rii_uppercl_1"], rel=2e-3)
                compared[name] = compared.get(name, 0) + 1
            group = []
        group.append(row)
    assert set(compared) == set(SLOPES)

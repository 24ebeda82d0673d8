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

HELD_AGAINST = (
    ("Gini, Theil, Atkinson, Lorenz curve", "ineq 0.2-13", "1e-8"),
    ("Slope and relative index of inequality", "OHID's calculators", "1e-9; intervals 2 % of their width, logs 8 %"),
)

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
    "default (e.g. life expectancy) - default parameters": SlopeScale.PLAIN,
    "default (e.g. life expectancy) - intercept": SlopeScale.PLAIN,
    "rate (e.g. infant mortality) - default parameters": SlopeScale.PLAIN,
    "rate (e.g. infant mortality) - log transform with intercept": SlopeScale.LOG,
    "proportion (e.g. child obesity) - default parameters": SlopeScale.PLAIN,
    "proportion (e.g. child obesity) - logit transform with intercept": SlopeScale.LOGIT,
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
                found = _slope(group, SLOPES[name])
                assert found.sii == pytest.approx(group[0]["sii"], rel=1e-9), name
                assert found.rii == pytest.approx(group[0]["rii"], rel=1e-9), name
                if group[0]["sii_lowercl_1"] is not None:
                    # Theirs are quantiles of 100,000 simulated slopes, good to 1 % of the width; of rates and
                    # proportions, which they simulate on another scale, they are lopsided by some 7 % of its half.
                    ends = [float(str(group[0][f"sii_{end}cl_1"])) for end in ("lower", "upper")]
                    width = found.sii_upper - found.sii_lower
                    # On the log scale their sheet is 3 and 7 % wider than what simulating the method gives, for a
                    # reason we did not find; coverage there is asserted in test_between_groups.py.
                    wide = 0.08 if SLOPES[name] is SlopeScale.LOG else 0.02
                    assert ends[1] - ends[0] == pytest.approx(width, rel=wide)
                    assert [found.sii_lower, found.sii_upper] == pytest.approx(ends, abs=0.05 * width)
                    assert found.rii_lower == pytest.approx(group[0]["rii_lowercl_1"], rel=2e-3)
                    assert found.rii_upper == pytest.approx(group[0]["rii_uppercl_1"], rel=2e-3)
                compared[name] = compared.get(name, 0) + 1
            group = []
        group.append(row)
    assert set(compared) == set(SLOPES)

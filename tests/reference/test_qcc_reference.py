"""Montgomery's textbook charts against qcc 2.7, and the CUSUM of outcomes against the R package cusum 0.4.1."""

import json
from typing import Any

import numpy as np
import pytest
from spc_oracles import folder_of, numbers, table

from rounds.learning.variation.over_time.attributes import c_chart, counts_alone, p_chart, u_chart
from rounds.learning.variation.over_time.chart import Chart
from rounds.learning.variation.over_time.counted import Counted
from rounds.learning.variation.over_time.cumulative import cusum, cusum_run_length, ewma_chart
from rounds.learning.variation.over_time.drawing import Reading
from rounds.learning.variation.over_time.individuals import i_chart
from rounds.learning.variation.over_time.rare_events import g_chart
from rounds.learning.variation.over_time.rebasing import Basis
from rounds.learning.variation.over_time.risk_adjusted import exact_limit, outcome_cusum
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.rules import Vector
from rounds.learning.variation.over_time.subgroups import (
    Subgroups,
    Within,
    r_chart,
    range_constants,
    s_chart,
    xbar_chart,
)
from rounds.learning.variation.over_time.windows import all_in_window

HELD_AGAINST = (
    ("Xbar, R, S, I, P, np, C, U, G charts, CUSUM, EWMA of Montgomery's tables", "qcc 2.7", "1e-8; flags exact"),
    ("CUSUM of outcomes, risk-adjusted, with restarts; its exact limit", "cusum 0.4.1", "1e-8; signals exact"),
    ("Average run lengths of CUSUM", "Montgomery (2009), table 9.3", "0.3 %"),
)

TOLERANCE = 1e-8
"""Relative, as the cases' META files ask."""
QCC_RANGES = (2.326, 0.8640855)
"""d2 and d3 of five as qcc's tables have them; exact, they are 2.3259289 and 0.8640819."""
LIMITS_ALONE = (RuleSet.SHEWHART,)


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder_of("qcc_textbook") / "expected.json").read_text())
    return found


def rings() -> Subgroups:
    given = table("qcc_textbook", "pistonrings.csv")
    return Subgroups.of(numbers(given, "diameter"), given["sample"].to_list())


def first(count: int) -> Reading:
    return Reading(rule_sets=LIMITS_ALONE, basis=Basis(freeze=count))


def agrees(chart: Chart, expected: dict[str, Any], *, points: int | None = None) -> None:
    """Hold lines and flags against the package, whose points count from 1."""
    count = len(chart.values) if points is None else points
    limits = np.broadcast_to(np.array(expected["limits"]), (count, 2))
    np.testing.assert_allclose(chart.centre_line[:count], expected["center"], rtol=TOLERANCE)
    np.testing.assert_allclose(chart.lower_limits[:count], limits[:, 0], rtol=TOLERANCE, atol=1e-12)
    np.testing.assert_allclose(chart.upper_limits[:count], limits[:, 1], rtol=TOLERANCE)
    assert (np.flatnonzero(chart.outside[:count]) + 1).tolist() == sorted(expected["beyond"])
    runs = expected["runs"] if isinstance(expected["runs"], list) else [expected["runs"]]
    away = (chart.values - chart.centre_line)[None, :count]
    sevens = all_in_window(away > 0, 7) | all_in_window(away < 0, 7)
    assert (np.flatnonzero(sevens) + 7).tolist() == runs


def test_xbar(said: dict[str, Any]) -> None:
    chart = xbar_chart(rings(), first(25), within=Within.MEAN_R)
    scale = QCC_RANGES[0] / range_constants(5)[0]
    np.testing.assert_allclose(chart.upper_limits - chart.centre_line, 3 * said["xbar"]["std.dev"] / 5**0.5 * scale)
    assert chart.mean == pytest.approx(said["xbar"]["center"], rel=TOLERANCE)
    assert (np.flatnonzero(chart.outside) + 1).tolist() == said["xbar"]["beyond"]


def test_range(said: dict[str, Any]) -> None:
    trial = slice(0, 25)
    groups = rings()
    some = Subgroups(
        sizes=groups.sizes[trial],
        means=groups.means[trial],
        deviations=groups.deviations[trial],
        ranges=groups.ranges[trial],
    )
    agrees(r_chart(some, Reading(rule_sets=LIMITS_ALONE), constants=QCC_RANGES), said["R"])
    agrees(s_chart(some, Reading(rule_sets=LIMITS_ALONE), within=Within.MEAN_S), said["S"])


@pytest.mark.parametrize(("size", "d2", "d3"), [(2, 1.128, 0.853), (5, 2.326, 0.864), (10, 3.078, 0.797)])
def test_range_constants(size: int, d2: float, d3: float) -> None:
    """Montgomery (2009), appendix table VI."""
    assert range_constants(size) == pytest.approx((d2, d3), abs=5e-4)


def test_single_values(said: dict[str, Any]) -> None:
    firsts = numbers(table("qcc_textbook", "pistonrings.csv"), "diameter")[::5]
    agrees(i_chart(firsts, Reading(rule_sets=LIMITS_ALONE), screen=False), said["xbar.one"])


def test_proportions(said: dict[str, Any]) -> None:
    given = table("qcc_textbook", "orangejuice.csv")
    counted = Counted.exact(numbers(given, "D"), numbers(given, "size"), proportion=True)
    agrees(p_chart(counted, first(30)), said["p"])
    agrees(p_chart(counted, first(30), per=50), said["np"], points=30)


def test_counts(said: dict[str, Any]) -> None:
    circuits = table("qcc_textbook", "circuit.csv")
    trial = circuits["trial"].to_numpy()
    agrees(c_chart(counts_alone(numbers(circuits, "x")), first(int(trial.sum()))), said["c"], points=26)
    computers = table("qcc_textbook", "pcmanufact.csv")
    counted = Counted.exact(numbers(computers, "x"), numbers(computers, "size"), proportion=False)
    agrees(u_chart(counted, Reading(rule_sets=LIMITS_ALONE)), said["u"])


def test_cases_between_events(said: dict[str, Any]) -> None:
    """The case has no input; limits follow from its mean. qcc counts the case with the event, and draws the mean."""
    between = np.array([9.0, 9, 9, 10])
    chart = g_chart(between, Reading(rule_sets=LIMITS_ALONE), counts_event=True)
    assert between.mean() == said["g"]["center"]
    assert (chart.lower, chart.upper) == pytest.approx(tuple(said["g"]["limits"][0]), rel=TOLERANCE)


def test_cusum(said: dict[str, Any]) -> None:
    expected = said["cusum"]
    found = cusum(rings().means, centre=expected["center"], sigma=expected["std.dev"] / 5**0.5)
    np.testing.assert_allclose(found.high.lowest, expected["pos"], rtol=TOLERANCE, atol=1e-9)
    np.testing.assert_allclose(found.low.lowest, expected["neg"], rtol=TOLERANCE, atol=1e-9)
    assert (np.flatnonzero(found.high.certain) + 1).tolist() == expected["violations"]["upper"]
    assert (np.flatnonzero(found.low.certain) + 1).tolist() == expected["violations"]["lower"]


def test_ewma(said: dict[str, Any]) -> None:
    expected = said["ewma"]
    centre, sigma = said["cusum"]["center"], said["cusum"]["std.dev"] / 5**0.5
    chart = ewma_chart(rings().means, weight=expected["lambda"], centre=centre, sigma=sigma)
    np.testing.assert_allclose(chart.values, expected["y"], rtol=TOLERANCE)
    np.testing.assert_allclose(chart.lower_limits, np.array(expected["limits"])[:, 0], rtol=TOLERANCE)
    np.testing.assert_allclose(chart.upper_limits, np.array(expected["limits"])[:, 1], rtol=TOLERANCE)


@pytest.mark.parametrize(
    ("shift", "decision", "points"), [(0.0, 4, 336), (0.0, 5, 930), (1.0, 4, 8.38), (1.0, 5, 10.4), (2.0, 5, 4.01)]
)
def test_run_lengths(shift: float, decision: float, points: float) -> None:
    """Montgomery (2009), table 9.3; of a steady process, one of two sums signals half as often as there."""
    found = cusum_run_length(allowance=0.5, decision=decision, shift=shift)
    assert found == pytest.approx(points, rel=3e-3)


def outcomes(name: str) -> Vector:
    return table("cusum_pkg", name)["y"].to_numpy().astype(np.float64)


@pytest.mark.parametrize(
    ("given", "expected", "odds_ratio", "limit", "signals"),
    [
        ("input_cusum.csv", "expected_cusum.csv", 2.0, 2.96, 106),
        ("input_cusum.csv", "expected_cusum_improve.csv", 0.5, -2.0, 0),
        ("input_racusum.csv", "expected_racusum.csv", 2.0, 2.96, 3),
    ],
)
def test_cusum_of_outcomes(given: str, expected: str, odds_ratio: float, limit: float, signals: int) -> None:
    """Where the sum signals the package writes the 0 from which it starts again; we write what the sum was."""
    frame = table("cusum_pkg", expected)
    at_risk = "p" if "p" in frame.columns else "failure_probability"
    found = outcome_cusum(outcomes(given), risks=numbers(frame, at_risk), odds_ratio=odds_ratio, limit=limit)
    assert found.certain.tolist() == (numbers(frame, "signal") == 1).tolist()
    assert found.certain.sum() == signals
    assert (np.abs(found.lowest[found.certain]) >= abs(limit)).all()
    np.testing.assert_allclose(
        np.where(found.certain, 0.0, found.lowest), numbers(frame, "ct"), rtol=TOLERANCE, atol=1e-9
    )


def test_exact_limit() -> None:
    expected = json.loads((folder_of("cusum_pkg") / "expected.json").read_text())["exact_limit_p.05_n12_alpha.05"]
    found = exact_limit(patients=12, risk=0.05, odds_ratio=2.0, alpha=0.05)
    assert found == pytest.approx(expected, rel=TOLERANCE)

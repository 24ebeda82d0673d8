"""Value against BCEA's definitions, closed forms, the Green Book's table, and simulation where the truth is known."""

import csv
import json
from math import exp, pi, sqrt
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from rounds.analyst import value
from rounds.learning.value.decision import curves, evppi, gained
from rounds.learning.value.equity import equally_distributed, equity_impact, split
from rounds.learning.value.frontier import Place, frontier_of
from rounds.learning.value.inputs import Shape, Uncertain, draw
from rounds.learning.value.simulations import Interval, Simulations, compare
from rounds.learning.value.years import discount_factors, present_value, yearly

HELD_AGAINST = (
    ("Incremental ratio, net benefit, acceptability, perfect information", "BCEA's vaccine example", "1e-8"),
    ("Perfect information, in all and of one input", "the closed form of a normal net benefit", "0.02, 0.03"),
    ("Discount factors", "the table of HM Treasury's Green Book", "the 4 printed digits"),
    ("Cost-effectiveness frontier", "the best of all options at every worth, one by one", "exact"),
    ("Parts of a benefit by group", "simulated truth, 500 sets", "coverage 95 % or more"),
)
ORACLE = Path(__file__).resolve().parents[2].parent / "shared" / "oracles" / "healthecon" / "bcea_vaccine"


@pytest.fixture(scope="module")
def vaccine() -> Simulations:
    if not ORACLE.is_dir():
        pytest.skip("the reference results are kept outside the repository, and are not here")
    with (ORACLE / "input.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    costs, effects = (np.array([[float(row[f"{what}{at}"]) for at in (0, 1)] for row in rows]) for what in "ce")
    return Simulations(options=("none", "vaccine"), costs=costs, effects=effects)


def test_the_vaccine_example(vaccine: Simulations) -> None:
    expected = json.loads((ORACLE / "expected.json").read_bytes())
    found = compare(vaccine, "vaccine", "none")
    assert found.icer == pytest.approx(expected["ICER"], rel=1e-8)
    assert found.cost.estimate == pytest.approx(expected["delta_c"], rel=1e-8)
    assert found.effect.estimate == pytest.approx(expected["delta_e"], rel=1e-8)
    assert gained(vaccine, "vaccine", "none", 25_000).estimate == pytest.approx(expected["EIB_25000"], rel=1e-8)


def test_the_vaccine_curves(vaccine: Simulations) -> None:
    with (ORACLE / "expected_curves.csv").open(encoding="utf-8", newline="") as lines:
        rows = [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(lines)]
    assert len(rows) == 501
    found = curves(vaccine, [row["k"] for row in rows])
    assert found.probability[:, 1] == pytest.approx([row["ceac"] for row in rows], rel=1e-8)
    assert found.expected[:, 1] - found.expected[:, 0] == pytest.approx([row["eib"] for row in rows], rel=1e-8)
    assert found.evpi == pytest.approx([row["evpi"] for row in rows], rel=1e-8)
    changes = found.worths[int((found.best == 1).argmax())]
    assert changes == json.loads((ORACLE / "expected.json").read_bytes())["kstar"]


def test_the_analysts_door_says_the_same(vaccine: Simulations) -> None:
    result = value(ORACLE / "input.csv", worths=[25_000])
    assert [guess.column for guess in result.guesses] == ["c0", "e0", "c1", "e1"]
    row = result.options().filter(result.options()["option"] == "1")
    assert row["icer"][0] == pytest.approx(20_097.5914781374, rel=1e-8)
    at = result.table().filter(result.table()["worth"] == 25_000)
    assert at["probability 1"][0] == pytest.approx(0.529, rel=1e-8)
    assert at["evpi"][0] == pytest.approx(2.41446695437447, rel=1e-8)


def _normal_loss(mean: float, deviation: float) -> float:
    """Return E max(X, 0) - max(mean, 0) of a normal X with a mean of 0 or more."""
    z = mean / deviation
    return deviation * exp(-z * z / 2) / sqrt(2 * pi) - mean * (1 - NormalDist().cdf(z))


def test_information_is_worth_what_the_closed_form_says() -> None:
    drawn = draw(
        [
            Uncertain(name=name, value=0, lower=-1.96 * size, upper=1.96 * size, shape=Shape.NORMAL)
            for name, size in (("a", 1.0), ("b", 2.0))
        ],
        draws=40_000,
        seed=3,
    )
    effect = 0.4 + drawn["a"] + drawn["b"]
    simulations = Simulations(
        options=("old", "new"), costs=np.zeros((40_000, 2)), effects=np.column_stack([np.zeros(40_000), effect])
    )
    assert float(curves(simulations, [1.0]).evpi[0]) == pytest.approx(_normal_loss(0.4, sqrt(5)), rel=0.02)
    assert evppi(simulations, 1.0, drawn["a"]) == pytest.approx(_normal_loss(0.4, 1.0), rel=0.03)
    assert evppi(simulations, 1.0, drawn["b"]) == pytest.approx(_normal_loss(0.4, 2.0), rel=0.03)
    both = evppi(simulations, 1.0, np.column_stack([drawn["a"], drawn["b"]]))
    assert both == pytest.approx(float(curves(simulations, [1.0]).evpi[0]), rel=0.01)


@pytest.mark.parametrize(("year", "printed"), [(0, 1.0), (1, 0.9662), (10, 0.7089), (30, 0.3563)])
def test_discount_factors_are_those_of_the_green_book(year: int, printed: float) -> None:
    assert round(float(discount_factors(31, 0.035)[year]), 4) == printed


def test_equal_yearly_sums_are_worth_the_purchase() -> None:
    each = yearly(100_000, 7, 0.035)
    assert float(present_value(np.full(7, each), 0.035)) == pytest.approx(100_000)


@pytest.mark.parametrize("seed", range(30))
def test_the_frontier_is_whoever_is_best_at_some_worth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 9))
    costs, effects = rng.integers(0, 40, count).astype(float), rng.integers(0, 8, count).astype(float)
    names = tuple(f"option {at}" for at in range(count))
    steps = frontier_of(names, tuple(costs), tuple(effects))
    # Ratios of whole numbers are at least 1/49 apart, so that this grid meets every option's own stretch.
    worths = np.concatenate([np.arange(0, 41, 0.009), [1e9]])
    best = {int(np.lexsort((np.arange(count), -effects, -(worth * effects - costs).round(9)))[0]) for worth in worths}
    on = {names.index(one.option) for one in steps if one.place is Place.ON_FRONTIER}
    assert on >= best
    ratios = [one.icer for one in steps if one.icer is not None]
    assert ratios == sorted(ratios)
    assert len(set(ratios)) == len(ratios)
    for extra in on - best:  # cheapest at a worth of 0 with nothing gained below it
        assert costs[extra] == costs.min()


def test_parts_of_a_benefit_hold_the_truth() -> None:
    rng = np.random.default_rng(11)
    shares = np.array([0.35, 0.25, 0.2, 0.12, 0.08])
    names = ("1", "2", "3", "4", "5")
    held = np.zeros(5)
    for _ in range(500):
        events = rng.multinomial(rng.poisson(160), shares).astype(float)
        low, high = np.where((events > 0) & (events < 8), 1, events), np.where((events > 0) & (events < 8), 7, events)
        seen = rng.normal(60, 10)
        parts = split(names, low, high, Interval(estimate=seen, lower=seen - 19.6, upper=seen + 19.6))
        held += [one.gained_lower <= 60 * share <= one.gained_upper for one, share in zip(parts, shares, strict=True)]
    assert (held / 500).min() >= 0.95


def test_less_inequality_is_worth_something_and_more_takes_it() -> None:
    levels, people = [60.0, 65.0, 70.0], [1000.0, 1000.0, 1000.0]
    assert equally_distributed(levels, people, 1.0) == pytest.approx((60 * 65 * 70) ** (1 / 3))
    assert equally_distributed(levels, people, 2.0) == pytest.approx(3 / (1 / 60 + 1 / 65 + 1 / 70))
    poor, rich = ([30.0, 0.0, 0.0], [0.0, 0.0, 30.0])
    assert equity_impact(levels, poor, people, 5.0).for_equality > 0
    assert equity_impact(levels, rich, people, 5.0).for_equality < 0
    assert equity_impact(levels, rich, people, 0.0).for_equality == pytest.approx(0, abs=1e-9)

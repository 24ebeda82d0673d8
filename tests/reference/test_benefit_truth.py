"""The benefit ledger holds the planted truth, for a site's quarter as for the network, and adds up to the effect.

`benchmarks/benefit_coverage.py` measures the same over 200 seeds and more.
"""

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from rounds.learning.benefit.attribution import EstimatedCells, attribute
from rounds.learning.benefit.entries import Statement
from rounds.learning.benefit.rules import SPLIT_EVENLY
from rounds.learning.benefit.totals import benefited, counted_once
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, Panel
from rounds.learning.intervals import Z95

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import benefit_coverage

HELD_AGAINST = (
    ("Benefit by site, quarter, year and network", "the planted truth", "inside its intervals, as often as it should"),
)

SEEDS = 24
SPREAD = {
    "site x month": 0.03,
    "site x quarter": 0.045,
    "site": 0.07,
    "quarter": 0.07,
    "year": 0.14,
    "network": 0.22,
}
"""The standard deviation of one seed's share of intervals that hold, over the benchmark's 200."""


def test_intervals_of_every_kind_of_total_hold_the_truth_as_often_as_they_say() -> None:
    found = [benefit_coverage.one_seed(seed) for seed in range(300, 300 + SEEDS)]
    assert set(SPREAD) == set(benefit_coverage.KINDS)
    for name, spread in SPREAD.items():
        share = np.mean([one.held[name][0] / one.held[name][1] for one in found])
        assert abs(share - 0.95) < 3.5 * spread / SEEDS**0.5, (name, share)
    assert max(one.apart for one in found) < 1e-9
    assert max(one.effect for one in found) < 1e-8


def _panel(seed: int, *, wander: float, alpha: float, bounded: bool, events: float = 9.0) -> Panel:
    rng = np.random.default_rng(seed)
    sites, periods = 8, 24
    exposure = rng.uniform(80.0, 120.0, (sites, periods))
    walk = np.cumsum(rng.normal(0.0, wander, (sites, periods)), axis=1)
    mean = events * exposure / 100.0 * np.exp(rng.normal(0.0, 0.3, (sites, 1)) + walk)
    treated = np.arange(periods) >= np.array([8, 10, 12, 14, 16, 18, 99, 99])[:, None]
    mean = np.where(treated, 0.7 * mean, mean)
    if alpha:
        mean = mean * rng.gamma(1 / alpha, alpha, mean.shape)
    counts = rng.poisson(mean).astype(np.float64)
    lower, upper = counts, counts
    if bounded:
        rounded = (counts + 2) // 5 * 5
        lower = np.select([counts == 0, counts <= 7], [0.0, 1.0], np.maximum(rounded - 2, 8))
        upper = np.select([counts == 0, counts <= 7], [0.0, 7.0], rounded + 2)
    return Panel(
        sites=tuple("abcdefgh"),
        lower=lower,
        upper=upper,
        exposure=exposure,
        treated=treated,
        excluded=np.zeros_like(treated),
    )


def _cells(panel: Panel, effect: Effect) -> EstimatedCells:
    assert effect.baseline is not None
    return EstimatedCells(
        lower=panel.lower,
        upper=panel.upper,
        exposure=panel.exposure,
        treated=panel.treated & np.isfinite(effect.counterfactual),
        counterfactual=effect.counterfactual,
        baseline=effect.baseline,
        log_ratio=float(np.log(effect.rate_ratio.estimate)),
        half_width=(effect.avoided.upper - effect.avoided.lower) / 2,
    )


def _interval(found: EstimatedCells, *, gained: bool = False) -> tuple[float, float]:
    """Return the sum over all cells and its half width, by the whole covariance matrix, cell by cell."""
    parts = attribute(found, gained=gained)
    size = len(parts.sources)
    rows = np.zeros((len(parts.cells), size))
    own, with_effect, values = [], [], []
    for row, avoided in enumerate(parts.cells.values()):
        for source, slope in avoided.slopes:
            rows[row, source] += slope
        own.append(avoided.own_variance)
        with_effect.append(avoided.own_with_effect)
        values.append(avoided.value)
    cross = np.outer(rows[:, 0], with_effect)
    covariance = rows @ parts.sources @ rows.T + np.diag(own) + cross + cross.T
    assert np.linalg.eigvalsh(covariance).min() > -1e-8, "no sum of parts has a variance below 0"
    return float(np.sum(values)), Z95 * float(np.sqrt(covariance.sum()))


@pytest.mark.parametrize("events", [9.0, 3.0])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize(("wander", "alpha"), [(0.0, 0.0), (0.0, 0.3), (0.15, 0.0)])
def test_parts_have_the_sum_and_the_interval_of_the_effect(
    wander: float, alpha: float, bounded: bool, events: float
) -> None:
    panel = _panel(5, wander=wander, alpha=alpha, bounded=bounded, events=events)
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect)
    found = _cells(panel, effect)
    value, half = _interval(found)
    assert value == pytest.approx(effect.avoided.estimate, abs=1e-8)
    assert half == pytest.approx(found.half_width, rel=1e-8)
    mirrored = _interval(found, gained=True)
    assert mirrored == pytest.approx((-value, half))
    if wander and events == 9.0:
        assert any("differ from one another" in note for note in effect.notes), "the case has sites that wander"


def test_a_narrower_interval_than_counting_allows_is_not_believed() -> None:
    panel = _panel(5, wander=0.0, alpha=0.0, bounded=False)
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect)
    found = _cells(panel, effect)
    assert _interval(replace(found, half_width=found.half_width / 2))[1] == pytest.approx(found.half_width, rel=1e-8)


def test_each_exact_part_is_counterfactual_less_observed() -> None:
    panel = _panel(7, wander=0.0, alpha=0.0, bounded=False)
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect)
    cells = attribute(_cells(panel, effect)).cells
    assert set(cells) == {(int(row), int(column)) for row, column in np.argwhere(panel.treated)}
    for at, avoided in cells.items():
        assert avoided.value == pytest.approx(effect.counterfactual[at] - panel.lower[at], abs=1e-7)
    assert any(avoided.value < 0 for avoided in cells.values()), "months that went badly stay in"


def test_errors_that_are_shared_do_not_vanish_in_a_sum() -> None:
    arrests = benefit_coverage.draw_arrests(benefit_coverage.SyntheticNetwork(seed=3))
    statement, _ = benefit_coverage.demo_statement(arrests)
    assert isinstance(statement, Statement)
    assert statement.data_as_of > date(2025, 3, 31)
    counting = counted_once([statement], rule=SPLIT_EVENLY)
    whole = benefited(counting)
    alone = [found for found in (benefited([one]) for one in counting) if found is not None]
    assert whole is not None
    squares = float(np.sqrt(sum(one.half_width**2 for one in alone)))
    assert 1.2 * squares < whole.half_width < sum(one.half_width for one in alone)

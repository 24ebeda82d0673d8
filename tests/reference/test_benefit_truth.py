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
from rounds.learning.benefit.entries import Matrix, Statement
from rounds.learning.benefit.rules import SPLIT_EVENLY
from rounds.learning.benefit.totals import benefited, counted_once
from rounds.learning.bounded.counts import Part
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


MERGED_SEEDS = 8


def test_what_was_avoided_before_a_merger_is_each_ones_own_as_often_as_it_says() -> None:
    found = [benefit_coverage.one_merged_seed(seed) for seed in range(300, 300 + MERGED_SEEDS)]
    for name, spread in {"predecessor x month": 0.05, "predecessor": 0.16, "both": 0.22, "all three": 0.22}.items():
        share = np.mean([one.held[name][0] / one.held[name][1] for one in found])
        assert abs(share - 0.95) < 3.5 * spread / MERGED_SEEDS**0.5, (name, share)
    assert max(one.apart for one in found) < 1e-9
    assert max(one.effect for one in found) < 1e-8


def _merged(panel: Panel) -> Panel:
    """The first two sites as one row of which all counts are sums."""
    parts = {
        ("ab", column): tuple(
            Part(
                lower=float(panel.lower[row, column]),
                upper=float(panel.upper[row, column]),
                size=float(panel.exposure[row, column]),
                of="ab"[row],
            )
            for row in (0, 1)
        )
        for column in range(panel.lower.shape[1])
    }
    both = np.array([1, 1, *[0] * 6], dtype=bool)

    def together(matrix: Matrix) -> Matrix:
        return np.vstack([matrix[both].sum(axis=0), matrix[~both]])

    mixed = panel.treated[0] ^ panel.treated[1]
    return Panel(
        sites=("ab", *panel.sites[2:]),
        lower=together(panel.lower),
        upper=together(panel.upper),
        exposure=together(panel.exposure),
        treated=np.vstack([panel.treated[0] & panel.treated[1], panel.treated[2:]]),
        excluded=np.vstack([mixed, panel.excluded[2:]]),
        parts=parts,
    )


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize(("wander", "alpha"), [(0.0, 0.0), (0.0, 0.3), (0.15, 0.0)])
def test_parts_of_a_merged_row_add_up_to_it_with_all_their_errors(wander: float, alpha: float, bounded: bool) -> None:
    panel = _merged(_panel(5, wander=wander, alpha=alpha, bounded=bounded))
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect)
    found = _cells(panel, effect)
    assert found.parts
    value, half = _interval(found)
    assert value == pytest.approx(effect.avoided.estimate, abs=1e-8)
    assert half == pytest.approx(found.half_width, rel=1e-8)
    made = attribute(found)
    assert set(made.parts) == {place for place in found.parts if place in made.cells}
    for place, several in made.parts.items():
        whole = made.cells[place]
        assert sum(one.value for one in several) == pytest.approx(whole.value, abs=1e-9)
        assert sum(one.own_variance for one in several) == pytest.approx(whole.own_variance)
        assert sum(one.own_with_effect for one in several) == pytest.approx(whole.own_with_effect)
        moved = np.zeros(len(made.sources))
        for sign, entries in ((1, several), (-1, (whole,))):
            for entry in entries:
                for source, slope in entry.slopes:
                    moved[source] += sign * slope
        assert np.abs(moved).max() < 1e-9
        if not bounded:
            counts = [part.lower for part in found.parts[place]]
            share = [one.value + count for one, count in zip(several, counts, strict=True)]
            assert sum(share) == pytest.approx(effect.counterfactual[place])
            assert min(share) > 0


def test_a_single_predecessor_has_all_that_was_avoided_before() -> None:
    panel = _merged(_panel(5, wander=0.0, alpha=0.0, bounded=False))
    alone = {
        key: (replace(parts[0], lower=lower, upper=lower),)
        for key, parts in panel.parts.items()
        for lower in (panel.lower[0, key[1]],)
    }
    panel = replace(panel, parts=alone)
    effect = estimate_effect(panel)
    assert isinstance(effect, Effect)
    made = attribute(_cells(panel, effect))
    assert made.parts
    assert all(several == (made.cells[place],) for place, several in made.parts.items())


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
        parts={(panel.sites.index(name), column): parts for (name, column), parts in panel.parts.items()},
    )


def _interval(found: EstimatedCells, *, gained: bool = False) -> tuple[float, float]:
    """Return the sum over all cells and its half width, by the whole covariance matrix, cell by cell."""
    parts = attribute(found, gained=gained)
    size = len(parts.sources)
    every = [one for place, whole in parts.cells.items() for one in parts.parts.get(place, (whole,))]
    rows = np.zeros((len(every), size))
    own, with_effect, values = [], [], []
    for row, avoided in enumerate(every):
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

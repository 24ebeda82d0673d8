"""Impact on simulated networks: do intervals hold the truth. `benchmarks/impact_coverage.py` asks it at length."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, Panel

SEEDS = 40


def load_benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "impact_coverage.py"
    spec = importlib.util.spec_from_file_location("impact_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["impact_coverage"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


benchmark = load_benchmark()


@pytest.mark.parametrize(
    ("mean", "alpha", "bias"), [(3.0, 0.0, 0.1), (8.0, 0.0, 0.06), (40.0, 0.0, 0.03), (40.0, 0.1, 0.06)]
)
def test_intervals_hold_the_truth_after_disclosure_control(mean: float, alpha: float, bias: float) -> None:
    """Of 40 intervals that each hold the truth with 0.95, fewer than 33 do so once in 4,000 times (binomial).

    `bias` is some three and a half standard errors of the mean of 40 estimates, by the widths in the benchmark.
    """
    networks = (benchmark.draw(seed, mean=mean, alpha=alpha) for seed in range(SEEDS))
    found = benchmark.tally(networks, benchmark.with_bounds)
    assert found.estimates == SEEDS
    assert found.ratio_coverage >= 33 / 40
    assert found.avoided_coverage >= 33 / 40
    assert abs(found.ratio_bias) < bias


def test_treating_withheld_counts_as_numbers_misleads() -> None:
    """The reason for the likelihood of bounds: the same networks with 1-7 dropped, set to 0 or set to 4."""
    for label in ("drop 1-7", "1-7 to 0", "1-7 to 4"):
        networks = (benchmark.draw(seed, mean=8.0) for seed in range(SEEDS))
        found = benchmark.tally(networks, benchmark.TREATMENTS[label])
        assert abs(found.ratio_bias) > 0.1, label


def test_the_placebo_seldom_finds_what_is_not_there() -> None:
    """Of 40 placebos that each miss 1 with 0.05, more than 7 do so once in 4,000 times (binomial)."""
    assert benchmark.placebo_rejections(SEEDS, mean=8.0) <= 7 / 40


@st.composite
def panels(draw: st.DrawFn) -> Panel:
    sites, periods = draw(st.integers(2, 5)), draw(st.integers(2, 8))
    counts = np.array(draw(st.lists(st.integers(0, 30), min_size=sites * periods, max_size=sites * periods)))
    starts = np.array(draw(st.lists(st.integers(0, periods), min_size=sites, max_size=sites)))
    treated = np.arange(periods) >= starts[:, None]
    events = counts.reshape(sites, periods).astype(np.float64)
    exact = Panel(
        sites=tuple("abcde"[:sites]),
        lower=events,
        upper=events,
        exposure=np.ones(events.shape),
        treated=treated,
        excluded=np.zeros_like(treated),
    )
    bounded: Panel = benchmark.with_bounds(exact)
    return draw(st.sampled_from([exact, bounded]))


@settings(max_examples=100)
@given(panels())
def test_any_panel_gives_a_proper_interval_or_a_reason(panel: Panel) -> None:
    found = estimate_effect(panel)
    if isinstance(found, Effect):
        for interval in (found.rate_ratio, found.avoided):
            assert np.isfinite([interval.lower, interval.upper]).all()
            assert interval.lower <= interval.estimate <= interval.upper
        assert found.rate_ratio.lower > 0
        assert found.treated_periods > 0
        assert np.isfinite(found.counterfactual).any()
    else:
        assert found.reason.endswith(".")


@settings(max_examples=40)
@given(panels(), st.randoms(use_true_random=False))
def test_the_order_of_sites_does_not_matter(panel: Panel, random: object) -> None:
    order = np.arange(len(panel.sites))
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis's Random
    turned = Panel(
        sites=tuple(panel.sites[row] for row in order),
        lower=panel.lower[order],
        upper=panel.upper[order],
        exposure=panel.exposure[order],
        treated=panel.treated[order],
        excluded=panel.excluded[order],
    )
    first, second = estimate_effect(panel), estimate_effect(turned)
    assert isinstance(first, Effect) == isinstance(second, Effect)
    if isinstance(first, Effect) and isinstance(second, Effect):
        assert second.rate_ratio.estimate == pytest.approx(first.rate_ratio.estimate, rel=1e-6)
        assert second.rate_ratio.upper == pytest.approx(first.rate_ratio.upper, rel=1e-4)

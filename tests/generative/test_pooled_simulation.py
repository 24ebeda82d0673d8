"""Rates, limits and outliers from bounds on simulated networks. `benchmarks/pooled_bounds.py` asks it at length."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rounds.learning.bounded.pooled import fit_cells, pooled_rate


def load_benchmark(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up, and one benchmark imports the other
    spec.loader.exec_module(module)
    return module


impact = sys.modules.get("impact_coverage") or load_benchmark("impact_coverage")
benchmark = load_benchmark("pooled_bounds")


@pytest.mark.parametrize(("mean", "most"), [(3.0, 0.03), (8.0, 0.012)])
def test_pooled_rates_are_unbiased_where_dropping_and_zeroing_are_not(mean: float, most: float) -> None:
    """`most` is some four standard errors of ten networks of 60 sites x 24 months."""
    found: list[float] = []
    dropped: list[float] = []
    zeroed: list[float] = []
    for seed in range(10):
        exact = impact.draw(seed, mean=mean, rate_ratio=1.0, sites=60, months=24).exact
        counted = exact.lower.sum() / exact.exposure.sum()
        rate = pooled_rate(benchmark.fitted(impact.with_bounds(exact)), np.ones(exact.lower.size, bool), over_time=True)
        assert rate is not None
        found.append(rate.rate / counted - 1)
        shown = benchmark.shown(exact, np.nan)
        dropped.append(np.nansum(shown) / exact.exposure[~np.isnan(shown)].sum() / counted - 1)
        zeroed.append(np.nansum(shown) / exact.exposure.sum() / counted - 1)
    assert abs(np.mean(found)) < most
    assert np.mean(np.abs(dropped)) > 0.1
    assert abs(np.mean(zeroed)) > 0.15


def test_intervals_of_pooled_rates_hold_the_truth() -> None:
    """Of 40 intervals that each hold the truth with 0.95, fewer than 33 do so once in 4,000 times (binomial)."""
    found = benchmark.small_network(range(40), mean=8.0, sites=8, months=8, alpha=0.1)
    assert found.coverage >= 33 / 40
    assert found.last_coverage >= 33 / 40
    assert abs(found.bias) < 0.05


def test_other_policies_are_bounds_and_noise_to_the_same_likelihood() -> None:
    """midpoint6: v stands for v - 2 to v + 3. Noise: a discrete Gaussian of sigma 3, and the bounds of five sigma."""
    rng = np.random.default_rng(8)
    exact = impact.draw(8, mean=3.0, rate_ratio=1.0, sites=60, months=24).exact
    true = exact.lower
    everything = np.ones(true.size, bool)
    middle = np.ceil(true / 6) * 6 - 3
    pulled = replace(exact, lower=np.where(true == 0, 0, middle - 2), upper=np.where(true == 0, 0, middle + 3))
    assert ((pulled.lower <= true) & (true <= pulled.upper)).all()
    steps = np.arange(-40, 41)
    weights = np.exp(-(steps**2) / 18)
    noisy = true + rng.choice(steps, true.shape, p=weights / weights.sum())
    assert (noisy < 0).any()
    bounds = {"lower": np.maximum(noisy - 15, 0), "upper": np.maximum(noisy + 15, 0)}
    loud = replace(exact, **bounds, noisy=noisy, sigma=np.full(true.shape, 3.0))
    for cells, most in ((benchmark.cells_of(pulled), 0.06), (benchmark.cells_of(loud), 0.12)):
        fitted = fit_cells(cells)
        assert fitted is not None
        rate = pooled_rate(fitted, everything, over_time=True)
        assert rate is not None
        assert rate.rate * exact.exposure.sum() == pytest.approx(true.sum(), rel=most)
        assert rate.lower95 < rate.rate < rate.upper95
    assert np.maximum(noisy, 0).sum() > 1.05 * true.sum()  # what clamping at 0 would have made of it


def test_limits_do_not_shrink() -> None:
    """Most points of most charts are withheld; writing 4 in for them makes limits a fifth to a half too narrow."""
    found = benchmark.limits(range(5), mean=5.0, months=24)
    assert found.withheld > 0.6
    assert abs(found.mean_bias) < 0.05
    assert -0.05 < found.sigma_bias < 0.12
    assert found.sigma_filled < -0.15


def test_what_is_certain_of_a_member_is_so_of_its_true_counts() -> None:
    found = benchmark.outliers(range(6), mean=8.0)
    assert found.certain > 10
    assert found.certain_wrong == 0
    assert found.missed == 0
    assert abs(found.centre_bias) < 0.03

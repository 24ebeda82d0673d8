"""Counts with noise of a known width: pooled rates, effects and control limits against those of the true counts.

    python benchmarks/noisy_counts.py           # 60 seeds, some six minutes of processor time
    python benchmarks/noisy_counts.py 10        # rougher

Networks as in `withheld_table.py`, every numerator released under the rule `noise` and read as the centre reads it:
what was drawn, and how wide the noise is. Beside it stands what noisy counts say when they are brought to 0 and taken
as they are. Control limits are of single sites over 36 months.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices of 48 rows: threads cost more than they bring

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from impact_coverage import draw
from pooled_bounds import cells_of
from withheld_table import Line, Said, filled, line_of, network, said_of

from rounds.centre.estimates import noise_of
from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.rules import Draw, add_noise
from rounds.learning.bounded.pooled import fit_cells
from rounds.learning.impact.effect import Panel
from rounds.learning.variation.over_time.rules import limits_of
from rounds.learning.variation.over_time.withheld import Known, limits_expected
from rounds.measures.kinds import CountKind

BUDGETS = (Budget(rho_per_year=2.0, periods_per_year=12), Budget(rho_per_year=0.5, periods_per_year=12))
MEANS = (3.0, 8.0, 40.0)


def source(rng: np.random.Generator) -> Draw:
    """Return a seeded discrete Gaussian, in place of the operating system's chance."""

    def drawn(sigma: float, many: int) -> list[int]:
        steps = np.arange(-int(12 * sigma), int(12 * sigma) + 1)
        weights = np.exp(-(steps**2) / (2 * sigma**2))
        return [int(step) for step in rng.choice(steps, many, p=weights / weights.sum())]

    return drawn


def with_noise(panel: Panel, budget: Budget, *, seed: int) -> Panel:
    """Return what the centre holds of a panel whose counts were released under the rule `noise`."""
    counts = panel.lower.ravel().astype(np.int64)
    cells = pl.DataFrame({"numerator": counts, "denominator": counts})
    terms = Terms(rule=Policy.NOISE, budget=budget)
    released = add_noise(cells, terms, CountKind.PROPORTION, source(np.random.default_rng([seed, 1])))
    assert released is not None
    noise, shape = noise_of(released, "numerator"), panel.lower.shape
    lower, upper = (released[f"numerator_{end}"].to_numpy().astype(float).reshape(shape) for end in ("lower", "upper"))
    return replace(panel, lower=lower, upper=upper, noisy=noise.drawn.reshape(shape), sigma=noise.sigma.reshape(shape))


def clamped(panel: Panel) -> Panel:
    """Return noisy counts brought to 0 and taken for true ones."""
    assert panel.noisy is not None
    return replace(filled(panel, np.maximum(panel.noisy, 0.0)), noisy=None, sigma=None)


def effects(seeds: int, mean: float, budget: Budget) -> dict[str, Line]:
    """Return rates and effects against those of the true counts of the same network."""
    true, noisy, at_zero = [list[Said]() for _ in range(3)]
    for seed in range(seeds):
        one = network(seed, mean)
        true.append(said_of(one, lambda panel: panel))
        noisy.append(said_of(one, lambda panel, seed=seed: with_noise(panel, budget, seed=seed)))  # type: ignore[misc]
        at_zero.append(said_of(one, lambda panel, seed=seed: clamped(with_noise(panel, budget, seed=seed))))  # type: ignore[misc]
    return {"likelihood": line_of(noisy, true), "brought to 0": line_of(at_zero, true)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Means and mean moving ranges of charts over those of the true counts, less 1, over the charts of all seeds."""

    mean: float
    sigma: float
    sigma_error: float
    """standard error, over networks"""
    sigma_taken: float
    """the same of noisy counts brought to 0 and taken for true ones"""


def limits(seeds: Iterable[int], *, mean: float, budget: Budget, sites: int = 15, **more: float) -> Limits:
    """Return how control limits compare."""
    rows = []
    for seed in seeds:
        exact = draw(seed, mean=mean, rate_ratio=1.0, sites=sites, months=36, **more).exact
        panel = with_noise(exact, budget, seed=seed)
        fit = fit_cells(cells_of(panel))
        assert fit is not None
        best, variance = (part.reshape(panel.lower.shape) for part in (fit.expected, fit.variance))
        size, taken = exact.exposure, clamped(panel).lower
        found = [
            limits_expected(
                Known(
                    lower=np.minimum(panel.lower[site], best[site]) / size[site],
                    upper=np.maximum(panel.upper[site], best[site]) / size[site],
                    expected=best[site] / size[site],
                    variance=variance[site] / size[site] ** 2,
                ),
                screen=False,
            )
            for site in range(sites)
        ]
        true, plain = (limits_of(counts / size, screen=False) for counts in (exact.lower, taken))
        rows.append(
            (
                sum(one.mean[0] for one in found) / true.mean.sum() - 1,
                sum(one.mean_range[0] for one in found) / true.mean_range.sum() - 1,
                plain.mean_range.sum() / true.mean_range.sum() - 1,
            )
        )
    columns = np.array(rows)
    means = columns.mean(axis=0).tolist()
    error = float(columns[:, 1].std(ddof=1) / np.sqrt(len(columns)))
    return Limits(mean=means[0], sigma=means[1], sigma_error=error, sigma_taken=means[2])


def main(seeds: int) -> None:
    """Print both tables, a line as soon as it is known."""
    began = time.process_time()
    print(f"{seeds} networks; bias (standard error) against the true counts of the same network; coverage")
    for budget in BUDGETS:
        print(f"sigma {budget.sigma:.2f}")
        for mean in MEANS:
            for label, line in effects(seeds, mean, budget).items():
                print(
                    f"  mean {mean:<4g}{label:<14} rate {line.rate_bias:+.2%} ({line.rate_error:.2%}) "
                    f"{line.rate_coverage:.0%}; effect {line.effect_bias:+.4f} ({line.effect_error:.4f}) "
                    f"{line.effect_coverage:.0%}",
                    flush=True,
                )
            options: tuple[dict[str, Any], ...] = ({}, {"alpha": 0.1}, {"drift": 0.15})
            for more in options:
                chart = limits(range(seeds), mean=mean, budget=budget, **more)
                print(
                    f"  mean {mean:<4g}limits {more or ''}: mean {chart.mean:+.1%}, sigma {chart.sigma:+.1%} "
                    f"({chart.sigma_error:.1%}), brought to 0 {chart.sigma_taken:+.1%}",
                    flush=True,
                )
    print(f"{time.process_time() - began:.0f} seconds of processor time")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)

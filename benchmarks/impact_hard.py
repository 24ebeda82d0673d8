"""Do impact intervals hold the truth where counts have noise, and where one month is a shock?

    python benchmarks/impact_hard.py            # 200 seeds, some four minutes of processor time
    python benchmarks/impact_hard.py 40

Networks are those of `impact_coverage.py`. Noise is that of the policy `noise` at its largest and a quarter of its
largest budget for monthly counts (sigma 2.4 and 4.9). A shock multiplies the rates of one month: at all sites, or at
one site before it adopts or after. What was to be expected without the innovation has the shock in it.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices of 51 rows: threads cost more than they bring

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from impact_coverage import RATE_RATIO, Drawn, draw, tally, with_bounds
from noisy_counts import BUDGETS, with_noise

from rounds.learning.impact.effect import Panel

MEANS = (3.0, 8.0, 40.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """What happens in one month, counted from 0, at one row or at all."""

    label: str
    month: int
    factor: float
    row: int | None = None


SHOCKS = (
    Shock(label="all sites x 2, month 21", month=20, factor=2.0),
    Shock(label="all sites x 2, month 31", month=30, factor=2.0),
    Shock(label="a site x 5 before it adopts", month=18, factor=5.0, row=9),
    Shock(label="a site x 5 after it adopted", month=24, factor=5.0, row=0),
)


def shocked(seed: int, mean: float, shock: Shock) -> Drawn:
    """Return a network in which one month is out of the ordinary."""
    sound = draw(seed, mean=mean)
    factor = np.ones(sound.counterfactual.shape)
    factor[slice(None) if shock.row is None else shock.row, shock.month] = shock.factor
    counterfactual = sound.counterfactual * factor
    expected = counterfactual * np.where(sound.exact.treated, RATE_RATIO, 1.0)
    counts = np.random.default_rng([seed, 7]).poisson(expected).astype(np.float64)
    return Drawn(exact=replace(sound.exact, lower=counts, upper=counts), counterfactual=counterfactual)


def _show(label: str, mean: float, networks: Iterator[Drawn], noise: int | None = None) -> None:
    seeds = count()

    def treat(panel: Panel) -> Panel:
        return with_bounds(panel) if noise is None else with_noise(panel, BUDGETS[noise], seed=next(seeds))

    found = tally(networks, treat)
    print(
        f"{label:<30}{mean:>5.0f}{found.estimates:>6} {found.ratio_coverage:>8.1%}{found.avoided_coverage:>8.1%}"
        f"{found.ratio_bias:>+8.1%}{found.avoided_bias:>+8.1%}",
        flush=True,
    )


def main(seeds: int) -> None:
    """Print a line a case: estimates, coverage and bias of the ratio and of events avoided."""
    print(f"{'case':<30} mean found cover rr      av bias rr      av")
    for mean in MEANS:
        for at, budget in enumerate(BUDGETS):
            _show(f"noise, sigma {budget.sigma:.1f}", mean, (draw(seed, mean=mean) for seed in range(seeds)), noise=at)
        for shock in SHOCKS:
            _show(shock.label, mean, (shocked(seed, mean, shock) for seed in range(seeds)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)

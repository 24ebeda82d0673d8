"""Whichever way withheld and rounded counts are treated: how far rates and effects are from those of the true counts.

    python benchmarks/withheld_table.py             # 200 seeds, some six minutes of processor time
    python benchmarks/withheld_table.py 40 8        # quicker and rougher, at a mean of 8 alone

120 sites x 48 months of unequal rates with a season and a trend, 96 adopting one after another, true log rate ratio
-0.20. Every treatment is held against the true counts of the same network, so that what chance did to both cancels:
the standard error of a bias is that of the mean of those differences.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices of 48 rows: threads cost more than they bring

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from impact_coverage import Drawn, disclosed, draw, with_bounds
from pooled_bounds import cells_of, fitted

from rounds.learning.bounded.pooled import PooledRate, fit_cells, pooled_rate
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, Matrix, Panel

LOG_RATIO = -0.20
MEANS = (3.0, 8.0, 40.0)
TRUE = "true counts"
BOUNDS = "likelihood of bounds"

Treatment = Callable[[Panel], Panel]


def network(seed: int, mean: float) -> Drawn:
    return draw(seed, mean=mean, rate_ratio=float(np.exp(LOG_RATIO)), sites=120, months=48)


def filled(panel: Panel, values: Matrix) -> Panel:
    return replace(panel, lower=values, upper=values)


def shown(panel: Panel, fill: float) -> Matrix:
    """Return what the HES rule shows, and `fill` where it withholds."""
    found: Matrix = disclosed(panel)["n_value"].cast(pl.Float64).fill_null(fill).to_numpy().reshape(panel.lower.shape)
    return found


def expected(panel: Panel) -> Matrix:
    """Return each count's expectation given its bounds, as a whole number: what an EM fill-in writes."""
    found: Matrix = np.rint(fitted(with_bounds(panel)).expected.reshape(panel.lower.shape))
    return found


TREATMENTS: dict[str, Treatment] = {
    TRUE: lambda panel: panel,
    "round to 5": lambda panel: filled(panel, 5.0 * np.floor((panel.lower + 2) / 5)),
    "drop 1-7": lambda panel: filled(panel, shown(panel, np.nan)),
    "1-7 to 0, round 5": lambda panel: filled(panel, shown(panel, 0.0)),
    "1-7 to 4, round 5": lambda panel: filled(panel, shown(panel, 4.0)),
    "EM fill-in": lambda panel: filled(panel, expected(panel)),
    BOUNDS: with_bounds,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one treatment of one network says."""

    rate: float
    effect: float
    """log rate ratio; NaN where there is none"""
    rate_holds: float
    effect_holds: float
    """whether the 95 % interval holds the truth"""


def said_of(drawn: Drawn, treatment: Treatment) -> Said:
    panel = treatment(drawn.exact)
    rate, effect = _rate(panel), estimate_effect(panel)
    ratio = effect.rate_ratio if isinstance(effect, Effect) else None
    return Said(
        rate=rate.rate if rate else np.nan,
        effect=float(np.log(ratio.estimate)) if ratio else np.nan,
        rate_holds=float(rate is not None and rate.lower95 <= true_rate(drawn) <= rate.upper95),
        effect_holds=float(ratio is not None and ratio.lower <= np.exp(LOG_RATIO) <= ratio.upper),
    )


def _rate(panel: Panel) -> PooledRate | None:
    """Return the rate of the cells that are there."""
    there = ~np.isnan(panel.lower).ravel()
    fit = fit_cells(cells_of(panel))
    return None if fit is None else pooled_rate(fit, np.ones(int(there.sum()), dtype=bool), over_time=True)


def true_rate(drawn: Drawn) -> float:
    """Return the rate that all counts come from."""
    events = drawn.counterfactual * np.where(drawn.exact.treated, np.exp(LOG_RATIO), 1.0)
    return float(events.sum() / drawn.exact.exposure.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table, over the seeds: differences are from the true counts of the same network."""

    rate_bias: float
    """relative"""
    rate_error: float
    """standard error of it"""
    effect: float
    effect_bias: float
    effect_error: float
    effect_apart: float
    """root mean square of the differences"""
    rate_coverage: float
    effect_coverage: float
    estimated: float
    """share of the networks with an effect"""


def line_of(found: Sequence[Said], true: Sequence[Said]) -> Line:
    rate = np.array([one.rate / other.rate - 1.0 for one, other in zip(found, true, strict=True)])
    effect = np.array([one.effect for one in found])
    apart = effect - np.array([one.effect for one in true])
    there = ~np.isnan(apart)
    return Line(
        rate_bias=float(rate.mean()),
        rate_error=_error(rate),
        effect=float(effect[there].mean()) if there.any() else np.nan,
        effect_bias=float(apart[there].mean()) if there.any() else np.nan,
        effect_error=_error(apart[there]),
        effect_apart=float(np.sqrt((apart[there] ** 2).mean())) if there.any() else np.nan,
        rate_coverage=float(np.mean([one.rate_holds for one in found])),
        effect_coverage=float(np.mean([one.effect_holds for one in found])),
        estimated=float(there.mean()),
    )


def _error(values: Matrix) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def table(seeds: int, mean: float, *, tell: Callable[[str], None] = lambda _: None) -> dict[str, Line]:
    """Return the rows at one mean count."""
    found: dict[str, list[Said]] = {label: [] for label in TREATMENTS}
    for seed in range(seeds):
        one = network(seed, mean)
        for label, treatment in TREATMENTS.items():
            found[label].append(said_of(one, treatment))
        tell(f"mean {mean:g}: {seed + 1} of {seeds} networks")
    return {label: line_of(lines, found[TRUE]) for label, lines in found.items()}


def main(seeds: int, means: Sequence[float]) -> None:
    """Print the table, and how far it has come meanwhile."""
    began = time.process_time()

    def tell(said: str) -> None:
        print(f"\r{said}, {time.process_time() - began:.0f} s ", end="", file=sys.stderr, flush=True)

    print(f"{seeds} networks; bias and its standard error are against the true counts of the same network")
    print(f"{'':<22}{'rate':>8}{'error':>8}{'cover':>7}{'effect':>9}{'bias':>9}{'error':>8}{'apart':>7}{'cover':>7}")
    for mean in means:
        rows = table(seeds, mean, tell=tell)
        print(f"\nmean {mean:g}")
        for label, line in rows.items():
            some = "" if line.estimated == 1 else f"  (an effect in {line.estimated:.0%})"
            print(
                f"{label:<22}{line.rate_bias:>+8.2%}{line.rate_error:>8.2%}{line.rate_coverage:>7.0%}"
                f"{line.effect:>+9.4f}{line.effect_bias:>+9.4f}{line.effect_error:>8.4f}{line.effect_apart:>7.3f}"
                f"{line.effect_coverage:>7.0%}{some}",
                flush=True,
            )
    print(f"{time.process_time() - began:.0f} seconds of processor time")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, [float(mean) for mean in sys.argv[2:]] or MEANS)

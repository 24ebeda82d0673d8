"""How often the impact intervals hold the truth, after disclosure control, and what simpler treatments would have said.

    python benchmarks/impact_coverage.py            # 200 seeds, some two minutes
    python benchmarks/impact_coverage.py 1000       # what docs/statistics/impact.md reports

Fifteen sites of unequal rates, 36 months with a season and a trend; twelve adopt one after another from month 9
on, three never; where the innovation is in effect the rate is halved. Counts are put through the HES policy.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.rules import apply_terms
from rounds.learning.impact.did import estimate_effect
from rounds.learning.impact.effect import Effect, Matrix, NoEffect, Panel
from rounds.learning.impact.placebo import placebo
from rounds.measures.kinds import CountKind

RATE_RATIO = 0.5
MEANS = (3.0, 8.0, 40.0)
SPARSE_MEANS = (2.0, 3.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One simulated network: its true counts, as a panel of exact counts, and what was to be expected."""

    exact: Panel
    counterfactual: Matrix

    @property
    def avoided(self) -> float:
        return float(self.counterfactual[self.exact.treated].sum() * (1.0 - RATE_RATIO))


def draw(
    seed: int,
    *,
    mean: float,
    alpha: float = 0.0,
    drift: float = 0.0,
    rate_ratio: float = RATE_RATIO,
    sites: int = 15,
    months: int = 36,
) -> Drawn:
    """Return a network whose counterfactual counts have the given mean per site-month.

    Args:
        seed: of the generator.
        mean: events per site and month without the innovation.
        alpha: over-dispersion of independent counts.
        drift: standard deviation of a site's own slow wandering (AR(1), 0.8 a month) on the log scale.
        rate_ratio: the true effect.
        sites: a fifth never adopt.
        months: the first adoption is after a quarter of them.
    """
    rng = np.random.default_rng(seed)
    month = np.arange(months)
    exposure = 1000.0 * rng.uniform(0.7, 1.4, (sites, 1)) * rng.uniform(0.95, 1.05, (sites, months))
    log_rate = rng.normal(0.0, 0.3, (sites, 1)) + 0.2 * np.cos(2 * np.pi * month / 12) - 0.1 * month / months
    if drift:
        wander = np.empty((sites, months))
        wander[:, 0] = rng.normal(0.0, 1.0, sites)
        for step in range(1, months):
            wander[:, step] = 0.8 * wander[:, step - 1] + 0.6 * rng.normal(0.0, 1.0, sites)
        log_rate = log_rate + drift * wander
    counterfactual = exposure * np.exp(log_rate)
    counterfactual *= mean / counterfactual.mean()
    adopters = sites * 4 // 5
    starts = months // 4 - 1 + np.arange(adopters) * (months * 2 // 3) // adopters
    treated = np.zeros((sites, months), dtype=np.bool_)
    treated[:adopters] = month >= starts[:, None]
    expected = counterfactual * np.where(treated, rate_ratio, 1.0)
    if alpha:
        expected = expected * rng.gamma(1.0 / alpha, alpha, expected.shape)
    counts = rng.poisson(expected).astype(np.float64)
    panel = Panel(
        sites=tuple(f"site {row + 1}" for row in range(sites)),
        lower=counts,
        upper=counts,
        exposure=exposure,
        treated=treated,
        excluded=np.zeros_like(treated),
        a_year=12,
    )
    return Drawn(exact=panel, counterfactual=counterfactual)


def disclosed(panel: Panel) -> pl.DataFrame:
    """Return state, value, lower and upper of each count under the HES policy, in row order."""
    counts = panel.lower.ravel().astype(np.int64)
    rule = apply_terms(Terms(rule=Policy.HES), CountKind.PROPORTION)
    assert rule is not None
    released = pl.DataFrame({"numerator": counts, "denominator": counts}).select(rule)
    return released.select(pl.col("^numerator_.*$").name.replace("numerator", "n"))


def with_bounds(panel: Panel) -> Panel:
    """Return what the centre holds: the counts' bounds."""
    seen, shape = disclosed(panel), panel.lower.shape
    lower, upper = (seen[name].to_numpy().reshape(shape).astype(np.float64) for name in ("n_lower", "n_upper"))
    return replace(panel, lower=lower, upper=upper)


def with_withheld_as(fill: float) -> Callable[[Panel], Panel]:
    """Return a treatment that takes rounded counts as they are and writes `fill` where a count is withheld."""

    def treat(panel: Panel) -> Panel:
        values = disclosed(panel)["n_value"].cast(pl.Float64).fill_null(fill).to_numpy().reshape(panel.lower.shape)
        return replace(panel, lower=values, upper=values)

    return treat


def in_quarters(panel: Panel) -> Panel:
    """Return the panel counted over quarters, then disclosed; quarters in which adoption falls are excluded."""

    def add(values: Matrix) -> Matrix:
        total: Matrix = values.reshape(len(panel.sites), -1, 3).sum(axis=2)
        return total

    treated = add(panel.treated.astype(np.float64))
    return with_bounds(
        replace(
            panel,
            lower=add(panel.lower),
            upper=add(panel.upper),
            exposure=add(panel.exposure),
            treated=treated == 3,
            excluded=(treated > 0) & (treated < 3),
            a_year=4,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What many seeds say about one estimator."""

    estimates: int
    ratio_coverage: float
    avoided_coverage: float
    ratio_bias: float
    """mean rate ratio over the truth, less 1"""
    avoided_bias: float
    """mean avoided events over the truth, less 1"""
    width: float
    """median upper over lower limit of the rate ratio"""


def tally(drawn: Iterator[Drawn], treat: Callable[[Panel], Panel]) -> Tally:
    """Return how estimates compare with the truth over many networks."""
    rows = []
    for network in drawn:
        panel = treat(network.exact)
        found = estimate_effect(panel)
        if isinstance(found, NoEffect):
            continue
        ratio, avoided = found.rate_ratio, found.avoided
        # a quarter in which a site adopts is left out, so the truth is that of the treated periods that are in
        truth = network.avoided if panel.lower.shape == network.exact.lower.shape else _quarterly_truth(network)
        rows.append(
            (
                ratio.lower <= RATE_RATIO <= ratio.upper,
                avoided.lower <= truth <= avoided.upper,
                ratio.estimate / RATE_RATIO - 1.0,
                avoided.estimate / truth - 1.0,
                ratio.upper / ratio.lower,
            )
        )
    means = np.mean(np.array(rows, dtype=np.float64), axis=0) if rows else np.full(5, np.nan)
    return Tally(
        estimates=len(rows),
        ratio_coverage=float(means[0]),
        avoided_coverage=float(means[1]),
        ratio_bias=float(means[2]),
        avoided_bias=float(means[3]),
        width=float(np.median([row[4] for row in rows])) if rows else float("nan"),
    )


def _quarterly_truth(network: Drawn) -> float:
    sites = len(network.exact.sites)
    whole = network.exact.treated.reshape(sites, -1, 3).all(axis=2)
    return float(network.counterfactual.reshape(sites, -1, 3).sum(axis=2)[whole].sum() * (1.0 - RATE_RATIO))


def placebo_rejections(seeds: int, *, mean: float, alpha: float = 0.0, drift: float = 0.0) -> float:
    """Return how often the placebo's interval misses 1, though nothing happened before adoption."""
    found = [placebo(with_bounds(draw(s, mean=mean, alpha=alpha, drift=drift).exact)) for s in range(seeds)]
    intervals = [each.rate_ratio for each in found if isinstance(each, Effect)]
    return float(np.mean([not each.lower <= 1.0 <= each.upper for each in intervals]))


TREATMENTS: dict[str, Callable[[Panel], Panel]] = {
    "bounds": with_bounds,
    "true counts": lambda panel: panel,
    "drop 1-7": with_withheld_as(np.nan),
    "1-7 to 0": with_withheld_as(0.0),
    "1-7 to 4": with_withheld_as(4.0),
}


def _show(label: str, mean: float, found: Tally) -> None:
    print(
        f"{label:<26}{mean:>6.0f}{found.estimates:>7}{found.ratio_coverage:>10.1%}{found.avoided_coverage:>10.1%}"
        f"{found.ratio_bias:>+10.1%}{found.avoided_bias:>+10.1%}{found.width:>8.2f}",
        flush=True,
    )


def main(seeds: int) -> None:
    """Print every table."""
    print(f"{seeds} seeds, true rate ratio {RATE_RATIO}; coverage and bias of the rate ratio and of events avoided")
    print("treatment                   mean  found  cover rr  cover av   bias rr   bias av   width")
    for mean in MEANS:
        for label, treat in TREATMENTS.items():
            _show(label, mean, tally((draw(seed, mean=mean) for seed in range(seeds)), treat))
    for mean in SPARSE_MEANS:
        _show("bounds", mean, tally((draw(seed, mean=mean) for seed in range(seeds)), with_bounds))
        _show("bounds, quarters", mean, tally((draw(seed, mean=mean) for seed in range(seeds)), in_quarters))
    for mean in MEANS:
        networks = (draw(seed, mean=mean, alpha=0.1) for seed in range(seeds))
        _show("bounds, alpha 0.1", mean, tally(networks, with_bounds))
    for mean in MEANS:
        networks = (draw(seed, mean=mean, drift=0.15) for seed in range(seeds))
        _show("bounds, sites wander 15 %", mean, tally(networks, with_bounds))
    print("placebo: how often its interval misses 1 (nominal 5 %)")
    for mean in MEANS:
        print(
            f"  mean {mean:.0f}: Poisson {placebo_rejections(seeds, mean=mean):.1%}, "
            f"alpha 0.1 {placebo_rejections(seeds, mean=mean, alpha=0.1):.1%}, "
            f"sites wander 15 % {placebo_rejections(seeds, mean=mean, drift=0.15):.1%}",
            flush=True,
        )
    print("seconds for one estimate")
    for sites, months in ((15, 36), (250, 120)):
        panel = with_bounds(draw(0, mean=8.0, alpha=0.1, sites=sites, months=months).exact)
        began = time.perf_counter()
        estimate_effect(panel)
        print(f"  {sites} sites x {months} months: {time.perf_counter() - began:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)

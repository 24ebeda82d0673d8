"""What may be said of counts that are withheld or rounded: rates of small networks, control limits and outliers.

    python benchmarks/pooled_bounds.py              # 100 seeds, some ten minutes on a quiet machine
    python benchmarks/pooled_bounds.py 40 charts    # quicker, rougher, one of: networks charts funnels

Counts are put through the HES rule. `withheld_table.py` holds every way to treat a withheld count against the bounds.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they bring

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from impact_coverage import disclosed, draw, with_bounds

from rounds.learning.bounded.pooled import BoundedCells, Fitted, fit_cells, pooled_rate
from rounds.learning.impact.effect import Matrix, Panel
from rounds.learning.variation.between_sites.funnel import Funnel, funnel_rates
from rounds.learning.variation.over_time.chart import Told
from rounds.learning.variation.over_time.rules import limits_of
from rounds.learning.variation.over_time.withheld import Known, limits_expected
from rounds.reports.content.observed import Known as Count
from rounds.reports.content.observed import Observed
from rounds.reports.content.verdicts import Verdict, verdicts

MEANS = (3.0, 8.0, 40.0)


def cells_of(panel: Panel) -> BoundedCells:
    """Return the cells of a panel that are there: a series a site."""
    there = ~np.isnan(panel.lower)
    series, period = np.nonzero(there)
    return BoundedCells(
        series=series,
        alike=np.zeros(len(series), dtype=np.int64),
        period=period,
        lower=panel.lower[there],
        upper=panel.upper[there],
        size=panel.exposure[there],
        noisy=None if panel.noisy is None else panel.noisy[there],
        sigma=None if panel.sigma is None else panel.sigma[there],
    )


def fitted(panel: Panel) -> Fitted:
    found = fit_cells(cells_of(panel))
    assert found is not None
    return found


def shown(panel: Panel, fill: float) -> Matrix:
    """Return what the HES rule shows, and `fill` where it withholds."""
    found: Matrix = disclosed(panel)["n_value"].cast(pl.Float64).fill_null(fill).to_numpy().reshape(panel.lower.shape)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """How the estimated rate of a small network compares with the truth."""

    bias: float
    coverage: float
    last_bias: float
    """of the latest month alone"""
    last_coverage: float


def small_network(seeds: Iterable[int], *, mean: float, sites: int = 15, months: int = 36, **more: float) -> Pooled:
    rows = []
    for seed in seeds:
        one = draw(seed, mean=mean, rate_ratio=1.0, sites=sites, months=months, **more)
        fit = fitted(with_bounds(one.exact))
        period = fit.cells.period
        for_all = np.ones(len(period), dtype=bool)
        row: list[float] = []
        for over in (for_all, period == period.max()):
            found = pooled_rate(fit, over, over_time=True)
            assert found is not None
            truth = one.counterfactual.ravel()[over].sum() / fit.cells.size[over].sum()
            row += [found.rate / truth - 1.0, found.lower95 <= truth <= found.upper95]
        rows.append(row)
    means = np.array(rows, dtype=float).mean(axis=0).tolist()
    return Pooled(bias=means[0], coverage=means[1], last_bias=means[2], last_coverage=means[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of charts with withheld points over those of the true counts, less 1."""

    withheld: float
    mean_bias: float
    sigma_bias: float
    """of the mean moving range"""
    sigma_filled: float
    """the same with 4 written in for every withheld count"""
    sigma_spread: float
    """standard deviation over the charts"""


def limits(seeds: Iterable[int], *, mean: float, sites: int = 15, months: int = 36, **more: float) -> Limits:
    """Return how limits compare, over the charts of at least 3 shown points."""
    rows = []
    for seed in seeds:
        one = draw(seed, mean=mean, rate_ratio=1.0, sites=sites, months=months, **more)
        panel, exposure = with_bounds(one.exact), one.exact.exposure
        fit = fitted(panel)
        best, variance = (part.reshape(panel.lower.shape) for part in (fit.expected, fit.variance))
        values, four = shown(one.exact, np.nan), shown(one.exact, 4.0)
        for site in range(sites):
            hidden = np.isnan(values[site])
            if not hidden.any() or (~hidden).sum() < 3:
                continue
            size = exposure[site]
            known = Known(
                lower=np.where(hidden, panel.lower[site], values[site]) / size,
                upper=np.where(hidden, panel.upper[site], values[site]) / size,
                expected=best[site] / size,
                variance=variance[site] / size**2,
            )
            found = limits_expected(known, screen=False)
            true, written = (
                limits_of(part[None, :] / size, screen=False) for part in (one.exact.lower[site], four[site])
            )
            rows.append(
                (
                    hidden.mean(),
                    found.mean[0] / true.mean[0] - 1,
                    found.mean_range[0] / true.mean_range[0],
                    written.mean_range[0] / true.mean_range[0],
                    true.mean_range[0],
                )
            )
    columns = np.array(rows)
    weights = columns[:, 4] / columns[:, 4].sum()
    return Limits(
        withheld=float(columns[:, 0].mean()),
        mean_bias=float(columns[:, 1].mean()),
        sigma_bias=float((weights * columns[:, 2]).sum() - 1),
        sigma_filled=float((weights * columns[:, 3]).sum() - 1),
        sigma_spread=float(columns[:, 2].std()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers:
    """What is said of members, a year each, of whom some are truly different."""

    certain: int
    possible: int
    certain_wrong: int
    """certain, but inside the limits of the funnel of the true counts"""
    missed: int
    """said no, but outside them"""
    truly_outside: int
    centre_bias: float


def outliers(seeds: Iterable[int], *, mean: float, members: int = 30) -> Outliers:
    """Return how certain, possible and no agree with the true funnel: one member in ten at triple rate."""
    certain = possible = wrong = missed = outside = 0
    centres = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        size = rng.uniform(700, 1400, (members, 1)) * np.ones(12)
        rate = (
            mean
            / 1000
            * rng.gamma(1 / 0.04, 0.04, (members, 1))
            * np.where(np.arange(members) % 10 == 0, 3.0, 1.0)[:, None]
        )
        counts = rng.poisson(size * rate).astype(float)
        exact = Panel(
            sites=tuple(map(str, range(members))),
            lower=counts,
            upper=counts,
            exposure=size,
            treated=np.zeros(counts.shape, dtype=bool),
            excluded=np.zeros(counts.shape, dtype=bool),
        )
        panel = with_bounds(exact)
        true, released, found = funnel_verdicts(exact, panel)
        centres.append(released / true.centre - 1)
        for verdict, truth in zip(found, true.outliers, strict=True):
            is_out = truth.value != "inside"
            outside += is_out
            certain += verdict.told is Told.CERTAIN
            possible += verdict.told is Told.POSSIBLE
            wrong += verdict.told is Told.CERTAIN and not is_out
            missed += verdict.told is Told.NO and is_out
    return Outliers(
        certain=certain,
        possible=possible,
        certain_wrong=wrong,
        missed=missed,
        truly_outside=outside,
        centre_bias=float(np.mean(centres)),
    )


def funnel_verdicts(exact: Panel, panel: Panel) -> tuple[Funnel, float, tuple[Verdict, ...]]:
    """Return the funnel of the true counts, the centre fitted to bounds, and the verdicts from bounds."""
    fit = fitted(panel)
    by_site = [part.reshape(panel.lower.shape).sum(axis=1) for part in (fit.expected, fit.variance, fit.prior_variance)]
    size = exact.exposure.sum(axis=1)
    information = np.clip(1 - by_site[1] / by_site[2], 0.01, 1)
    released = funnel_rates(numerators=by_site[0], denominators=size, information=information)
    observed = tuple(
        Observed(
            numerator=Count(value=None, lower=int(low), upper=int(high)),
            denominator=Count.exactly(int(people)),
            over_time=True,
        )
        for low, high, people in zip(panel.lower.sum(axis=1), panel.upper.sum(axis=1), size, strict=True)
    )
    whole = np.floor(size)
    true = funnel_rates(numerators=exact.lower.sum(axis=1), denominators=whole)
    return true, released.centre, verdicts(replace(released, denominators=whole), exact.sites, observed)


def networks(seeds: int) -> None:
    """Print bias and coverage of the rate of small networks."""
    print("small networks, 15 sites: bias and coverage of the rate over all months, and of the latest month")
    for mean in MEANS:
        options: tuple[dict[str, Any], ...] = ({}, {"alpha": 0.1})
        for more in options:
            found = small_network(range(max(seeds // 2, 4)), mean=mean, **more)
            print(
                f"  mean {mean:.0f} {more or ''}: {found.bias:+.1%}, {found.coverage:.0%}; "
                f"{found.last_bias:+.1%}, {found.last_coverage:.0%}",
                flush=True,
            )


def charts(seeds: int) -> None:
    """Print limits against those of the true counts."""
    print("control limits against true ones: share withheld, bias of mean and of sigma, of sigma with 4 for 1-7")
    for mean in (3.0, 5.0, 8.0, 20.0):
        options: tuple[dict[str, Any], ...] = ({}, {"alpha": 0.1}, {"drift": 0.15})
        for more in options:
            chart = limits(range(max(seeds // 10, 4)), mean=mean, **more)
            print(
                f"  mean {mean:.0f} {more or ''}: {chart.withheld:.0%}; {chart.mean_bias:+.1%}, "
                f"{chart.sigma_bias:+.1%} (one chart's: {chart.sigma_spread:.0%}); {chart.sigma_filled:+.0%}",
                flush=True,
            )


def funnels(seeds: int) -> None:
    """Print what is certain, possible and no against the funnel of the true counts."""
    print("funnels of 30 members, a year each, 3 at the triple rate, against the funnel of the true counts")
    for mean in (2.0, 4.0, 8.0, 40.0):
        out = outliers(range(max(seeds // 10, 4)), mean=mean)
        print(
            f"  mean {mean:.0f}: {out.truly_outside} outside; certain {out.certain} ({out.certain_wrong} of them "
            f"inside), possible {out.possible}, no but outside {out.missed}; centre {out.centre_bias:+.1%}",
            flush=True,
        )


PARTS = {"networks": networks, "charts": charts, "funnels": funnels}


def main(seeds: int, parts: list[str]) -> None:
    """Print the tables asked for, or all."""
    began = time.perf_counter()
    for name in parts or PARTS:
        PARTS[name](seeds)
    print(f"{time.perf_counter() - began:.0f} seconds")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, sys.argv[2:])

"""What a network's past counts say of it without the innovation: rates, their scatter, how unequally sites move.

Source: DerSimonian and Laird (1986), Control Clin Trials 7:177-188, for the variance between sites.
"""

from dataclasses import dataclass

import numpy as np

from rounds.learning.bounded.counts import IntervalCounts
from rounds.learning.bounded.two_way import Cells, NotConverged, fit_dispersed_two_way
from rounds.learning.impact.effect import Matrix, NoEffect, Panel, Vector
from rounds.learning.impact.identification import check_panel

FEWEST_SITES, FEWEST_PERIODS = 3, 6
"""With fewer nothing can be said of what is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the past says of a network without the innovation."""

    sites: tuple[str, ...]
    expected: Matrix
    """events expected in each past period, shape (sites, periods)"""
    alpha: float
    """negative-binomial over-dispersion of single counts"""
    site_variance: float
    """variance between sites of the log of how they moved from the first to the second half of the past, beyond what
    counting explains"""
    a_year: int | None


def learn_baseline(panel: Panel) -> Baseline | NoEffect:
    """Return what past counts say of a network's rates, their scatter and how unequally sites move.

    Args:
        panel: past counts, exact or between bounds; periods with the innovation are left out.

    Raises:
        ValueError: if the panel contradicts itself.
    """
    check_panel(panel)
    used = ~np.isnan(panel.lower) & ~panel.treated & ~panel.excluded
    rows = np.where(used, np.nan_to_num(panel.upper), 0.0).sum(axis=1) > 0
    columns = np.where(used, np.nan_to_num(panel.upper), 0.0).sum(axis=0) > 0
    if rows.sum() < FEWEST_SITES or columns.sum() < FEWEST_PERIODS:
        return NoEffect(
            reason=f"There are {rows.sum()} sites and {columns.sum()} periods with events; at least {FEWEST_SITES} "
            f"and {FEWEST_PERIODS} are needed to say what is usual."
        )
    used &= rows[:, None] & columns[None, :]
    site, period = np.nonzero(used)
    cells = Cells(
        site=site,
        period=period,
        counts=IntervalCounts(panel.lower[used], panel.upper[used]),
        log_exposure=np.log(panel.exposure[used]),
        shape=(used.shape[0], used.shape[1]),
    )
    middle = np.where(used, (panel.lower + panel.upper) / 2.0, 0.0).sum(axis=1)
    exposure = np.where(used, panel.exposure, 0.0).sum(axis=1)
    start = np.log(np.divide(middle, exposure, out=np.ones_like(middle), where=middle > 0))
    try:
        fitted = fit_dispersed_two_way(
            cells, free_periods=np.flatnonzero(columns)[1:], start=(start, np.zeros(used.shape[1]))
        )
    except NotConverged:
        return NoEffect(reason="The past rates cannot be fitted: too few events; give more periods or longer ones.")
    typical = np.nanmean(np.where(used, panel.exposure, np.nan)[rows], axis=1)
    expected = typical[:, None] * np.exp(fitted.site_effects[rows, None] + fitted.period_effects[None, columns])
    mean = np.exp(fitted.log_mean(cells))
    seen = cells.counts.evaluate(np.log(mean), fitted.alpha, cells.counts.log_weights(fitted.alpha))
    return Baseline(
        sites=tuple(name for name, kept in zip(panel.sites, rows, strict=True) if kept),
        expected=expected,
        alpha=fitted.alpha,
        site_variance=_between(cells, seen.residual, seen.residual_slope, seen.residual_variance),
        a_year=panel.a_year,
    )


def _between(cells: Cells, residual: Vector, slope: Vector, variance: Vector) -> float:
    """Return the variance between sites of how they moved, beyond what counting explains."""
    late = cells.period >= np.median(np.unique(cells.period))
    moved, noise = [], []
    for site in np.unique(cells.site):
        parts = [(cells.site == site) & half for half in (late, ~late)]
        falls = [max(float(slope[part].sum()), 1e-12) for part in parts]
        if not all(part.sum() >= 2 for part in parts):
            continue
        moved.append(float(residual[parts[0]].sum()) / falls[0] - float(residual[parts[1]].sum()) / falls[1])
        noise.append(sum(float(variance[part].sum()) / fall**2 for part, fall in zip(parts, falls, strict=True)))
    return site_variance(np.array(moved), np.array(noise))


def site_variance(change: Vector, noise: Vector) -> float:
    """Return the variance between sites of how they moved, beyond what chance explains.

    Args:
        change: of each site, shape (sites,).
        noise: its variance by chance alone, same shape.
    """
    if len(change) < FEWEST_SITES:
        return 0.0
    weight = 1.0 / np.maximum(noise, 1e-12)
    centre = float((weight * change).sum() / weight.sum())
    excess = float((weight * (change - centre) ** 2).sum()) - (len(change) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    return max(0.0, excess / scale)

"""Poisson two-way fixed effects: counts with one rate ratio, site and period effects, by pseudo-maximum likelihood."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.bounded.two_way import NotConverged, factor_of
from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import connected_parts
from rounds.learning.impact.panel.outcome import Design

_MOST_STEPS = 60
_ENOUGH = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonFit:
    """The log rate ratio and what each site adds to it."""

    log_ratio: float
    influence: Vector
    """score times inverse information, shape (sites,); adds up to 0"""


def poisson_two_way(counts: Matrix, exposure: Matrix, design: Design) -> PoissonFit:
    """Return the log rate ratio of a Poisson regression on the innovation with site and period effects.

    It uses late adopters to judge early ones, as two-way fixed effects do: where the effect is one and the same it is
    the most precise, and where effects differ it is off. The variance is a sandwich over sites, so that counts may
    vary more than Poisson ones.

    Args:
        counts: shape (sites, periods).
        exposure: same shape, > 0 where used.
        design: which are with the innovation and which without.

    Raises:
        NotConverged: if there is no maximum.

    Source: Wooldridge (1999), J Econometrics 90:77-97, for fixed effects Poisson with robust variance.
    """
    used = design.untreated | design.treated
    kept = used & (np.where(used, counts, 0.0).sum(axis=1) > 0)[:, None]
    kept &= (np.where(kept, counts, 0.0).sum(axis=0) > 0)[None, :]
    free = connected_parts(kept).free_periods
    with_it = np.where(kept & design.treated, 1.0, 0.0)
    if not with_it.any():
        raise NotConverged
    rate = np.where(kept, counts, 0.0).sum() / np.where(kept, exposure, 0.0).sum()
    log_exposure = np.log(np.where(kept, exposure, 1.0))
    linear = np.where(kept, np.log((counts + 0.5) / np.where(kept, exposure, 1.0)), np.log(rate))
    log_ratio = 0.0
    for _ in range(_MOST_STEPS):
        mean = np.where(kept, np.exp(np.clip(linear + log_exposure, -50, 50)), 0.0)
        working = np.where(kept, linear + (counts - mean) / np.where(kept, mean, 1.0), 0.0)
        left_of_it, left = _weighted_residuals(mean, with_it, free), _weighted_residuals(mean, working, free)
        information = float((mean * left_of_it * with_it).sum())
        if not information > _ENOUGH * max(1.0, float(mean.sum())):
            raise NotConverged
        step = float((mean * left_of_it * working).sum()) / information
        linear = working - (left - step * left_of_it)
        done = abs(step - log_ratio) < _ENOUGH
        log_ratio = step
        if done:
            break
    else:
        raise NotConverged
    mean = np.where(kept, np.exp(np.clip(linear + log_exposure, -50, 50)), 0.0)
    left_of_it = _weighted_residuals(mean, with_it, free)
    information = float((mean * left_of_it * with_it).sum())
    influence: Vector = (left_of_it * np.where(kept, counts - mean, 0.0)).sum(axis=1) / information
    return PoissonFit(log_ratio=log_ratio, influence=influence)


def _weighted_residuals(weights: Matrix, values: Matrix, free: NDArray[np.int64]) -> Matrix:
    """Return what site and period effects, fitted by weighted least squares, leave of values."""
    there = weights * values
    of_sites, of_periods = factor_of(weights, free).solve(there.sum(axis=1), there.sum(axis=0))
    left: Matrix = np.where(weights > 0, values - of_sites[:, None] - of_periods[None, :], 0.0)
    return left

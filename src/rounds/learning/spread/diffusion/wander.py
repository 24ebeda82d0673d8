"""How far adoption strays from its curve: campaigns, winters, a pandemic.

In each period those at risk adopt with a hazard that is the curve's times exp(d), and d wanders from period to period
as an autoregression. Given a curve and how much it wanders, d is integrated out by Laplace's approximation; for many
curves at once.

Source: Rue, Martino and Chopin (2009), J R Stat Soc B 71:319-392, for nested Laplace approximations.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.learning.spread.diffusion.curves import Vector
from rounds.learning.spread.diffusion.times import LifeTable

_STEPS: Final = 25
_LONGEST: Final = 2.0
_LEAST_HAZARD: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wandered:
    """What the numbers say of curves that wander. Vectors have shape (draws,)."""

    log_likelihood: Vector
    last: Vector
    """d in the last period, as far as it is known"""
    last_variance: Vector


def wandering(table: LifeTable, hazards: Vector, *, spread: Vector, memory: Vector) -> Wandered:
    """Return how likely numbers of adopters are under each of many curves, and where they ended.

    Args:
        table: adopters and members at risk.
        hazards: cumulative hazard in each period by the curve alone; shape (draws, periods).
        spread: standard deviation of d, > 0; shape (draws,).
        memory: correlation of d from one period to the next, from 0 to below 1; shape (draws,).
    """
    new, left = table.adopted, table.at_risk - table.adopted
    logs = np.log(np.maximum(hazards, _LEAST_HAZARD))
    draws, periods = logs.shape
    fresh = spread**2 * (1 - memory**2)
    ends, inner, beside = 1 / fresh, (1 + memory**2) / fresh, -memory / fresh
    diagonal = np.repeat(inner[:, None], periods, axis=1)
    diagonal[:, 0] = diagonal[:, -1] = ends
    if periods == 1:
        diagonal[:, 0] = 1 / spread**2
    strayed = np.zeros((draws, periods))
    for _ in range(_STEPS):
        slope, bend, _ = _terms(logs + strayed, new, left)
        pull = diagonal * strayed
        pull[:, 1:] += beside[:, None] * strayed[:, :-1]
        pull[:, :-1] += beside[:, None] * strayed[:, 1:]
        step, _ = _solved(diagonal + bend, beside, slope - pull)
        longest = np.abs(step).max(axis=1, keepdims=True)
        strayed = strayed + step * np.minimum(1.0, _LONGEST / np.maximum(longest, 1e-12))
        if longest.max() < 1e-4:
            break
    slope, bend, height = _terms(logs + strayed, new, left)
    pull = diagonal * strayed
    pull[:, 1:] += beside[:, None] * strayed[:, :-1]
    pull[:, :-1] += beside[:, None] * strayed[:, 1:]
    _, pivots = _solved(diagonal + bend, beside, slope)
    before = -periods * np.log(fresh) + np.log1p(-(memory**2)) if periods > 1 else -2 * np.log(spread)
    log_likelihood = height.sum(axis=1) - (strayed * pull).sum(axis=1) / 2 + (before - np.log(pivots).sum(axis=1)) / 2
    return Wandered(log_likelihood=log_likelihood, last=strayed[:, -1], last_variance=1 / pivots[:, -1])


def _terms(logs: Vector, new: Vector, left: Vector) -> tuple[Vector, Vector, Vector]:
    """Return slope, minus the second derivative and value of the log likelihood of each period."""
    hazard = np.exp(np.minimum(logs, 6.0))
    kept = np.exp(-hazard)
    gone = -np.expm1(-hazard)
    ratio = hazard * kept / gone
    slope = new * ratio - left * hazard
    bend = new * ratio * (hazard / gone - 1) + left * hazard
    return slope, np.maximum(bend, 0.0), new * np.log(gone) - left * hazard


def _solved(diagonal: Vector, beside: Vector, wanted: Vector) -> tuple[Vector, Vector]:
    """Return the solution of symmetric three-band systems, one a row, and their pivots."""
    periods = diagonal.shape[1]
    across, down = diagonal.T.copy(), wanted.T.copy()
    for at in range(1, periods):
        factor = beside / across[at - 1]
        across[at] -= factor * beside
        down[at] -= factor * down[at - 1]
    down[-1] /= across[-1]
    for at in range(periods - 2, -1, -1):
        down[at] = (down[at] - beside * down[at + 1]) / across[at]
    return down.T, across.T

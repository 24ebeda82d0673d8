"""What disclosure control leaves of a count's information, by the mean of the count.

Source: the variance of the expected score given how a count leaves, Louis (1982), J R Stat Soc B 44:226-233.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from rounds.learning.impact.effect import Matrix, Vector

_GRID = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Coarse:
    """How counts will leave the sites: 0 as it is, small ones withheld, others rounded."""

    withheld: tuple[int, int] | None = None
    """smallest and largest count that is withheld"""
    base: int = 1
    """others are rounded to a multiple of this; 1 is not at all"""

    def __post_init__(self) -> None:
        if self.base < 1 or (self.withheld is not None and not 0 < self.withheld[0] <= self.withheld[1]):
            raise ValueError("counts are rounded to 1 or more, and withheld from one number above 0 to another")

    def interval(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a number that is equal for counts that look alike."""
        found = counts if self.base == 1 else (counts + self.base // 2) // self.base + counts.max() + 1
        if self.withheld is not None:
            found = np.where((counts >= self.withheld[0]) & (counts <= self.withheld[1]), -1, found)
        return np.where(counts == 0, -2, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much of a count's information is left after disclosure control, by its mean."""

    log_mean: Vector
    left: Vector

    @classmethod
    def of(cls, coarse: Coarse, alpha: float, *, highest: float) -> "Kept":
        """Return it for counts of an over-dispersion, of means up to a highest."""
        if coarse == Coarse():
            return cls(log_mean=np.zeros(1), left=np.ones(1))
        log_mean = np.linspace(np.log(0.02), np.log(max(highest, 1.0)) + 0.1, _GRID)
        return cls(log_mean=log_mean, left=np.array([_left(coarse, alpha, float(np.exp(one))) for one in log_mean]))

    def share(self, mean: Matrix) -> Matrix:
        """Return the share that is left at each mean, 0 to 1."""
        found: Matrix = np.interp(np.log(np.maximum(mean, 1e-12)), self.log_mean, self.left)
        return found


def _left(coarse: Coarse, alpha: float, mean: float) -> float:
    """Return the variance of what a count is expected to be given how it leaves, over its variance."""
    variance = mean + alpha * mean**2
    counts = np.arange(int(mean + 12.0 * np.sqrt(variance) + 25.0))
    if alpha > 0:
        size = 1.0 / alpha
        log_p = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1.0) - size * np.log1p(alpha * mean)
        log_p += counts * (np.log(alpha * mean) - np.log1p(alpha * mean))
    else:
        log_p = counts * np.log(mean) - mean - gammaln(counts + 1.0)
    chance = np.exp(log_p)
    alike = np.unique(coarse.interval(counts), return_inverse=True)[1]
    of_each = np.bincount(alike, chance)
    middle = np.bincount(alike, chance * counts) / np.maximum(of_each, 1e-300)
    return float(min(1.0, (of_each * (middle - mean) ** 2).sum() / variance))

"""The likelihood of counts that are known only between bounds.

Y is Poisson (alpha = 0) or negative binomial with mean mu and variance mu + alpha mu^2; what is seen is that
lower <= Y <= upper. An exact count is an interval of width nothing, so there is one code path for all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from rounds.learning.impact.effect import Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The log-likelihood at given means and its derivatives in log mu. Arrays have shape (cells,)."""

    loglik: float
    score: Vector
    information: Vector
    """minus the second derivative"""
    residual: Vector
    """events expected given the interval, less events expected"""
    residual_slope: Vector
    """how fast the residual falls with log mu"""
    residual_variance: Vector
    """an estimate of the residual's variance; equal to the slope when alpha is 0"""


class IntervalCounts:
    """Cells with their bounds, laid out once so that each evaluation is a few passes over one flat array."""

    __slots__ = ("_cell", "_first", "_k", "_log_factorial", "_table_size", "size")

    def __init__(self, lower: Vector, upper: Vector) -> None:
        """Lay out the cells.

        Args:
            lower: shape (cells,), whole numbers >= 0.
            upper: shape (cells,), whole numbers >= lower.
        """
        self.size = len(lower)
        widths = (upper - lower).astype(np.int64) + 1
        self._first: NDArray[np.int64] = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
        self._cell: NDArray[np.int64] = np.repeat(np.arange(self.size), widths)
        self._k: NDArray[np.int64] = (
            np.arange(len(self._cell)) - self._first[self._cell] + lower.astype(np.int64)[self._cell]
        )
        self._log_factorial: Vector = gammaln(self._k + 1.0)
        self._table_size = int(self._k.max(initial=0)) + 1

    def log_weights(self, alpha: float) -> Vector:
        """Return the part of log P(Y = k) that does not depend on the mean, for every k of every cell.

        The sum of log(1 + alpha j) over j < k is lgamma(k + 1/alpha) - lgamma(1/alpha) + k log(alpha) without the
        cancellation that ruins those for small alpha; at alpha = 0 it vanishes and what is left is Poisson.
        """
        if alpha == 0.0:
            return -self._log_factorial
        rising = np.concatenate([[0.0], np.cumsum(np.log1p(alpha * np.arange(self._table_size - 1)))])
        table: Vector = rising[self._k] - self._log_factorial
        return table

    def evaluate(self, log_mean: Vector, alpha: float, log_weights: Vector) -> Fit:
        """Return log-likelihood, score and information at the given log means.

        With E and V the mean and variance of Y given its interval and c = 1 + alpha mu:
        score = (E - mu) / c, information = (mu (1 + alpha E) - V) / c^2. The residual E - mu falls by mu - V / c.

        Args:
            log_mean: shape (cells,).
            alpha: over-dispersion, >= 0.
            log_weights: from `log_weights(alpha)`.
        """
        mean = np.exp(log_mean)
        c = 1.0 + alpha * mean
        log_c = np.log1p(alpha * mean)
        terms = self._k * (log_mean - log_c)[self._cell] + log_weights
        highest = np.maximum.reduceat(terms, self._first)
        parts = np.exp(terms - highest[self._cell])
        total = np.add.reduceat(parts, self._first)
        expected = np.add.reduceat(parts * self._k, self._first) / total
        variance = np.add.reduceat(parts * (self._k - expected[self._cell]) ** 2, self._first) / total
        log_zero = -mean if alpha == 0.0 else -log_c / alpha
        spread = mean * (1.0 + alpha * expected) - variance
        return Fit(
            loglik=float(np.sum(highest + np.log(total) + log_zero)),
            score=(expected - mean) / c,
            information=spread / c**2,
            residual=expected - mean,
            residual_slope=mean - variance / c,
            residual_variance=spread,
        )

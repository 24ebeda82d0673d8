"""The likelihood of counts that are known only between bounds.

Y is Poisson (alpha = 0) or negative binomial with mean mu and variance mu + alpha mu^2; what is seen is that
lower <= Y <= upper and, where noise was added, Y + noise as well. An exact count is an interval of width nothing, so
there is one code path for all, whatever the policy: withheld, rounded, pulled to a midpoint or noisy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Vector = NDArray[np.float64]

MOST_EVENTS = 10_000_000
"""A count above this is no count of events but a sum of money or of people, or a slip: panels leave it out, by name."""
MOST_VALUES = 10_000_000
"""That counts can have between their bounds, all cells together: each takes some 60 bytes."""
_SUMMED = 1 << 16
"""Sums up to here are added up one by one; beyond, they are an integral: no count needs a table of its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The log-likelihood at given means and its derivatives in log mu. Arrays have shape (cells,)."""

    loglik: float
    expected: Vector
    """the mean of the count given what is seen of it"""
    variance: Vector
    """its variance given what is seen of it; 0 where it is exact"""
    score: Vector
    information: Vector
    """minus the second derivative"""
    residual: Vector
    """events expected given the interval, less events expected"""
    residual_slope: Vector
    """how fast the residual falls with log mu"""
    residual_variance: Vector
    """an estimate of the residual's variance; equal to the slope when alpha is 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several counts of which only the sum is of interest: sites that became one."""

    lower: float
    upper: float
    size: float
    """its denominator, > 0: the parts' rates are taken to be alike"""
    of: str = ""
    """whose count it is"""


class IntervalCounts:
    """Cells with their bounds, laid out once so that each evaluation is a few passes over one flat array."""

    __slots__ = ("_above", "_cell", "_first", "_k", "_log_factorial", "_log_noise", "_lower", "size")

    def __init__(
        self,
        lower: Vector,
        upper: Vector,
        *,
        noisy: Vector | None = None,
        sigma: Vector | None = None,
        parts: Mapping[int, tuple[Part, ...]] | None = None,
    ) -> None:
        """Lay out the cells.

        Args:
            lower: shape (cells,), whole numbers >= 0.
            upper: shape (cells,), whole numbers >= lower.
            noisy: shape (cells,), the count with discrete Gaussian noise added, which may be negative; NaN where none
                was. What is known is then both the bounds and this.
            sigma: shape (cells,), the noise's sigma as the policy states it, > 0 where `noisy` is a number.
            parts: by cell, the counts it is the sum of, each known between its own bounds: that says more of the sum
                than the sums of the bounds do.

        Raises:
            ValueError: if a bound is below 0, infinite or out of order, bounds hold more than `MOST_VALUES` numbers
                together, or a noisy count comes without its sigma.

        Source: Canonne, Kamath and Steinke (2020), NeurIPS 33, for the discrete Gaussian: P(j) is in proportion to
            exp(-j^2 / 2 sigma^2) over whole numbers j.
        """
        if len(lower) and not (np.all(lower >= 0) and np.all(upper >= lower)):
            at = int(np.argmax(~((lower >= 0) & (upper >= lower))))
            raise ValueError(f"cell {at + 1} has bounds {lower[at]:g} to {upper[at]:g}: give 0 <= lower <= upper")
        if not (np.isfinite(upper).all() and float((upper - lower).sum()) + len(lower) <= MOST_VALUES):
            at = int(np.argmax(upper - lower))
            raise ValueError(
                f"cell {at + 1} has bounds {lower[at]:g} to {upper[at]:g}; all bounds together hold more than "
                f"{MOST_VALUES:,} numbers: leave out counts of which so little is known"
            )
        self.size = len(lower)
        widths = (upper - lower).astype(np.int64) + 1
        self._lower = lower.astype(np.float64)
        self._first: NDArray[np.int64] = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
        self._cell: NDArray[np.int64] = np.repeat(np.arange(self.size), widths)
        self._k: NDArray[np.int64] = (
            np.arange(len(self._cell)) - self._first[self._cell] + lower.astype(np.int64)[self._cell]
        )
        self._above: Vector = self._k - self._lower[self._cell]
        self._log_factorial: Vector = gammaln(self._k + 1.0)
        self._log_noise = None if noisy is None else self._noise(noisy, sigma)
        if parts:
            self._log_noise = (np.zeros(len(self._k)) if self._log_noise is None else self._log_noise) + self._ways(
                parts
            )

    def _noise(self, noisy: Vector, sigma: Vector | None) -> Vector:
        """Return, for every k of every cell, the log of the chance that noise makes what was seen out of it."""
        there = ~np.isnan(noisy)
        if sigma is None or not np.all(sigma[there] > 0):
            raise ValueError("a noisy count needs the sigma of its noise, above 0")
        spread = np.where(there, sigma, 1.0)
        log_all = np.zeros(self.size)
        for value in np.unique(spread[there]):
            steps = np.arange(-int(np.ceil(12 * value)), int(np.ceil(12 * value)) + 1)
            log_all[spread == value] = np.log(np.exp(-(steps**2) / (2 * value**2)).sum())
        distance = np.where(there, noisy, 0.0)[self._cell] - self._k
        logs: Vector = np.where(there[self._cell], -(distance**2) / (2 * spread[self._cell] ** 2), 0.0)
        return logs - np.where(there, log_all, 0.0)[self._cell]

    def _ways(self, parts: Mapping[int, tuple[Part, ...]]) -> Vector:
        """Return, for every k of a sum, the log of the chance that its parts lie in their bounds if it is k.

        Given their sum, Poisson counts are multinomial with the shares of their means: the chance is k! times the
        convolution of share^j / j! over each part's bounds.
        """
        logs = np.zeros(len(self._k))
        for cell, of_cell in parts.items():
            whole = sum(part.size for part in of_cell)
            found = np.ones(1)
            for part in of_cell:
                values = np.arange(part.lower, part.upper + 1.0)
                one = np.exp(values * np.log(part.size / whole) - gammaln(values + 1.0) + gammaln(part.lower + 1.0))
                found = np.convolve(found, one / one.max())
            at = slice(int(self._first[cell]), int(self._first[cell]) + len(found))
            logs[at] = np.log(np.maximum(found, 1e-300)) + self._log_factorial[at]
        return logs

    def log_weights(self, alpha: float) -> Vector:
        """Return the part of log P(Y = k) that does not depend on the mean, for every k of every cell.

        The sum of log(1 + alpha j) over j < k is lgamma(k + 1/alpha) - lgamma(1/alpha) + k log(alpha) without the
        cancellation that ruins those for small alpha; at alpha = 0 it vanishes and what is left is Poisson.
        """
        seen = self._log_factorial if self._log_noise is None else self._log_factorial - self._log_noise
        if alpha == 0.0:
            return -seen
        return risen(self._k, alpha) - seen

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
        terms = self._above * (log_mean - log_c)[self._cell] + log_weights
        highest = np.maximum.reduceat(terms, self._first)
        parts = np.exp(terms - highest[self._cell])
        total = np.add.reduceat(parts, self._first)
        above = parts * self._above
        beyond = np.add.reduceat(above, self._first) / total
        variance = np.add.reduceat(above * self._above, self._first) / total - beyond**2
        expected = self._lower + beyond
        log_zero = -mean if alpha == 0.0 else -log_c / alpha
        spread = mean * (1.0 + alpha * expected) - variance
        return Fit(
            loglik=float(np.sum(self._lower * (log_mean - log_c) + highest + np.log(total) + log_zero)),
            expected=expected,
            variance=variance,
            score=(expected - mean) / c,
            information=spread / c**2,
            residual=expected - mean,
            residual_slope=mean - variance / c,
            residual_variance=spread,
        )

    def dispersion_score(self, log_mean: Vector, alpha: float, log_weights: Vector) -> float:
        """Return the derivative of the log-likelihood in alpha, at alpha above 0 and the given log means."""
        mean = np.exp(log_mean)
        c = 1.0 + alpha * mean
        terms = self._k * (log_mean - np.log1p(alpha * mean))[self._cell] + log_weights
        highest = np.maximum.reduceat(terms, self._first)
        parts = np.exp(terms - highest[self._cell])
        own = risen_slope(self._k, alpha) - (self._k + 1.0 / alpha) * (mean / c)[self._cell]
        expected = np.add.reduceat(parts * own, self._first) / np.add.reduceat(parts, self._first)
        return float(np.sum(expected + np.log1p(alpha * mean) / alpha**2))

    def draw(self, log_mean: Vector, alpha: float, uniform: Vector) -> Vector:
        """Return counts drawn from what is seen of them: within their bounds, as likely as the mean makes them.

        Args:
            log_mean: shape (cells,).
            alpha: over-dispersion, >= 0.
            uniform: a number in [0, 1) for each cell, shape (cells,).
        """
        terms = self._k * (log_mean - np.log1p(alpha * np.exp(log_mean)))[self._cell] + self.log_weights(alpha)
        parts = np.exp(terms - np.maximum.reduceat(terms, self._first)[self._cell])
        climbing = np.cumsum(parts)
        before = climbing[self._first] - parts[self._first]
        last = np.append(self._first[1:], len(parts)) - 1
        wanted = before + uniform * (climbing[last] - before)
        found = np.clip(np.searchsorted(climbing, wanted, side="right"), self._first, last)
        drawn: Vector = self._k[found].astype(np.float64)
        return drawn


def risen(k: NDArray[np.int64], alpha: float) -> Vector:
    """Return the sum of log(1 + alpha j) over j < k.

    Args:
        k: whole numbers, 0 or more, however large.
        alpha: above 0.

    Source: Euler and Maclaurin's formula beyond 65,536; the first term left out is below 1e-17.
    """

    def beyond(at: Vector) -> Vector:
        u = alpha * at
        found: Vector = ((1.0 + u) * np.log1p(u) - u) / alpha - np.log1p(u) / 2.0 + alpha / (1.0 + u) / 12.0
        return found

    return _added_up(k, lambda steps: np.log1p(alpha * steps), beyond)


def risen_slope(k: NDArray[np.int64], alpha: float) -> Vector:
    """Return the derivative of `risen` in alpha: the sum of j / (1 + alpha j) over j < k. Arguments as there."""

    def beyond(at: Vector) -> Vector:
        u = alpha * at
        found: Vector = (u - np.log1p(u)) / alpha**2 - at / (1.0 + u) / 2.0 + 1.0 / (1.0 + u) ** 2 / 12.0
        return found

    return _added_up(k, lambda steps: steps / (1.0 + alpha * steps), beyond)


def _added_up(k: NDArray[np.int64], term: Callable[[Vector], Vector], beyond: Callable[[Vector], Vector]) -> Vector:
    last = min(int(k.max(initial=0)), _SUMMED)
    table = np.concatenate([[0.0], np.cumsum(term(np.arange(last, dtype=np.float64)))])
    found: Vector = table[np.minimum(k, last)]
    far = k > last
    if far.any():
        found[far] += beyond(k[far].astype(np.float64)) - beyond(np.array([float(last)]))
    return found

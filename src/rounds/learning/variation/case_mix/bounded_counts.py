"""The likelihood of binomial or Poisson counts that are known only between bounds, at the canonical link."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from rounds.learning.variation.case_mix.families import LARGEST, Family

Vector = NDArray[np.float64]

MOST_VALUES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What bounds tell at some means. Arrays have shape (cells,)."""

    loglik: Vector
    expected: Vector
    """the count, given its bounds"""
    within: Vector
    """its variance given its bounds; 0 where it is exact"""


class BoundedCounts:
    """Cells with all that each may be, laid out once: P(Y = k) is in proportion to exp(k x linear) x base(k)."""

    __slots__ = ("_base", "_cell", "_first", "_k", "family", "trials")

    def __init__(self, family: Family, lower: Vector, upper: Vector, *, trials: Vector | None = None) -> None:
        """Lay out the cells.

        Args:
            family: binomial or Poisson.
            lower: shape (cells,), >= 0.
            upper: shape (cells,), equal where the count is exact.
            trials: of a binomial, shape (cells,), at least `upper`.

        Raises:
            ValueError: if bounds hold no whole number, or so many that withheld means unknown.
        """
        if family is Family.GAUSSIAN:
            raise ValueError("counts are binomial or Poisson")
        lowest, highest = np.ceil(lower), np.floor(upper)
        widths = np.maximum(highest - lowest, -1).astype(np.int64) + 1
        exact = lower == upper  # which need not be whole
        widths = np.where(exact, 1, widths)
        if (widths < 1).any() or widths.sum() > MOST_VALUES:
            raise ValueError("bounds of events hold no whole number, or far too many")
        self.family = family
        self.trials = np.ones_like(lower) if trials is None else trials
        self._first = np.concatenate([[0], np.cumsum(widths)[:-1]])
        self._cell = np.repeat(np.arange(len(widths)), widths)
        start = np.where(exact, lower, lowest)
        self._k: Vector = np.arange(len(self._cell)) - self._first[self._cell] + start[self._cell]
        self._base: Vector = -gammaln(self._k + 1)
        if family is Family.BINOMIAL:
            many = self.trials[self._cell]
            self._base = self._base + gammaln(many + 1) - gammaln(np.maximum(many - self._k, 0) + 1)

    def at(self, linear: Vector) -> Given:
        """Return log-likelihood, mean and variance given the bounds, at linear predictors of shape (cells,)."""
        linear = np.clip(linear, -LARGEST, LARGEST)
        terms = self._k * linear[self._cell] + self._base
        highest = np.maximum.reduceat(terms, self._first)
        parts = np.exp(terms - highest[self._cell])
        total = np.add.reduceat(parts, self._first)
        expected = np.add.reduceat(parts * self._k, self._first) / total
        within = np.add.reduceat(parts * (self._k - expected[self._cell]) ** 2, self._first) / total
        none = -self.trials * np.logaddexp(0.0, linear) if self.family is Family.BINOMIAL else -np.exp(linear)
        return Given(loglik=highest + np.log(total) + none, expected=expected, within=within)

"""Counts out of something, exact or known only between bounds."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.rules import Vector
from rounds.learning.variation.over_time.windows import Flags

SIZE_SPREAD = 0.1
"""How far apart the bounds of a size may lie, of their middle, for limits to rest on it."""
_STEPS = 200
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Events and what they are out of, one of each a period; shape (periods,).

    Bounds are inclusive; NaN at both ends where nothing was received. Nothing is written in for a withheld number.
    """

    events_lower: Vector
    events_upper: Vector
    sizes_lower: Vector
    sizes_upper: Vector
    proportion: bool
    """whether events are some of the people counted; if not, they may be more than what they are out of"""

    def __post_init__(self) -> None:
        parts = (self.events_lower, self.events_upper, self.sizes_lower, self.sizes_upper)
        if len({part.shape for part in parts}) != 1 or self.events_lower.ndim != 1:
            raise ValueError("events and sizes differ in shape: give one of each a period")
        for name, low, high in (
            ("events", self.events_lower, self.events_upper),
            ("sizes", self.sizes_lower, self.sizes_upper),
        ):
            _refuse(np.isinf(low) | np.isinf(high), f"{name} are infinite")
            _refuse(np.isnan(low) ^ np.isnan(high), f"{name} have one bound: give both, or neither where it is missing")
            _refuse(low < 0, f"{name} are below 0")
            _refuse(low > high, f"{name} have a lower bound above the upper")
        if self.proportion:
            _refuse(self.events_lower > self.sizes_upper, "there are more events than people counted")

    @classmethod
    def exact(cls, events: Vector, sizes: Vector, *, proportion: bool) -> "Counted":
        """Return counts that are known; NaN where one is missing."""
        made = (np.asarray(events, dtype=np.float64), np.asarray(sizes, dtype=np.float64))
        return cls(
            events_lower=made[0],
            events_upper=made[0],
            sizes_lower=made[1],
            sizes_upper=made[1],
            proportion=proportion,
        )

    @property
    def known(self) -> bool:
        """Whether every number is exact or missing."""
        return not ((self.events_lower < self.events_upper).any() or (self.sizes_lower < self.sizes_upper).any())

    @property
    def there(self) -> Flags:
        """Which points have a rate, if only between bounds: none that is missing or of which nobody is counted."""
        return ~np.isnan(self.events_lower) & (self.sizes_upper > 0)

    @property
    def sized(self) -> Flags:
        """Which sizes are known well enough for limits to rest on them: exactly, or rounded by 5 % at most either way.

        A rounded size is then taken as the middle of its bounds. A withheld one is not guessed.
        """
        return self.sizes_upper - self.sizes_lower <= SIZE_SPREAD * (self.sizes_upper + self.sizes_lower) / 2

    def rates(self) -> tuple[Vector, Vector]:
        """Return the lowest and the highest rate of each period; NaN where there is none.

        Where perhaps nobody was counted, the rate of the fewest that may have been: one.
        """
        there = self.there
        most, least = np.where(there, self.sizes_upper, 1.0), self.fewest
        lowest, highest = self.events_lower / most, self.events_upper / least
        if self.proportion:
            highest = np.minimum(highest, 1.0)
        return np.where(there, lowest, np.nan), np.where(there, highest, np.nan)

    @property
    def fewest(self) -> Vector:
        """The smallest size of each period that its rate is possible at; 1 where there is none."""
        smallest = np.where(self.sizes_lower > 0, self.sizes_lower, np.minimum(1.0, self.sizes_upper))
        if self.proportion:
            smallest = np.maximum(smallest, np.minimum(self.events_lower, self.sizes_upper))
        return np.where(self.there, smallest, 1.0)


def _refuse(wrong: Flags, what: str) -> None:
    if wrong.any():
        raise ValueError(f"point {int(np.argmax(wrong)) + 1}: {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """What counts are expected to be if one rate holds throughout; shape (periods,)."""

    rate: float
    events: Vector
    variance: Vector
    """of each count given its bounds; 0 where it is exact"""
    sizes: Vector


def steady_rate(counted: Counted, over: Flags) -> Steady | None:
    """Return the rate that makes the bounds likeliest if nothing changes, and what each count then is expected to be.

    That nothing changes is what limits describe. Events are binomial out of people, or Poisson; sizes between bounds
    are taken in the middle, with nothing said of how they spread.

    Args:
        counted: the counts.
        over: the points that the rate rests on, all of which are there and `sized`; shape (periods,).

    Returns:
        None where no count can be told from nothing: no lower bound is above 0 though some upper bounds are, so that a
        rate of 0 is as good as any.

    Source: Dempster, Laird and Rubin (1977), J R Stat Soc B 39:1-38, for the expectation of what is hidden.
    """
    sizes = (counted.sizes_lower + counted.sizes_upper) / 2
    low, high = counted.events_lower, counted.events_upper
    hidden = over & (low < high)
    exact = np.where(over & ~hidden, low, 0.0)
    total = float(sizes[over].sum())
    if not hidden.any():
        return Steady(rate=float(exact.sum()) / total, events=low, variance=np.zeros(len(low)), sizes=sizes)
    if not (low[over] > 0).any():
        return None
    inside = _Inside(low[hidden], high[hidden], sizes[hidden], proportion=counted.proportion)
    rate = float((exact.sum() + (low[hidden] + high[hidden]).sum() / 2) / total)
    for _ in range(_STEPS):
        found = (float(exact.sum()) + float(inside.moments(rate)[0].sum())) / total
        moved, rate = abs(found - rate), found
        if moved <= _TOLERANCE * rate:
            break
    events, variance = low.copy(), np.zeros(len(low))
    all_hidden = counted.there & (low < high)
    events[all_hidden], variance[all_hidden] = _Inside(
        low[all_hidden], high[all_hidden], sizes[all_hidden], proportion=counted.proportion
    ).moments(rate)
    return Steady(rate=rate, events=events, variance=variance, sizes=sizes)


class _Inside:
    """Counts between bounds, laid out as one row of whole numbers each."""

    __slots__ = ("_allowed", "_counts", "_fixed", "_proportion", "_sizes")

    def __init__(self, low: Vector, high: Vector, sizes: Vector, *, proportion: bool) -> None:
        from scipy.special import gammaln  # slow to load; most charts do without

        width = int((high - low).max()) + 1
        counts = low[:, None] + np.arange(width)
        self._sizes, self._proportion = sizes[:, None], proportion
        top = np.minimum(high, np.maximum(sizes, low)) if proportion else high
        self._allowed, self._counts = counts <= top[:, None], counts
        self._fixed = -gammaln(counts + 1)
        if proportion:
            self._fixed = self._fixed - gammaln(np.maximum(self._sizes - counts, 0.0) + 1)

    def moments(self, rate: float) -> tuple[Vector, Vector]:
        """Return the mean and the variance of each count at a rate, given its bounds."""
        from scipy.special import xlog1py, xlogy  # slow to load; most charts do without

        logs = self._fixed + xlogy(self._counts, rate * (1.0 if self._proportion else self._sizes))
        if self._proportion:
            logs = logs + xlog1py(np.maximum(self._sizes - self._counts, 0.0), -min(rate, 1 - 1e-12))
        logs = np.where(self._allowed, logs, -np.inf)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights * self._counts).sum(axis=1)
        return mean, (weights * (self._counts - mean[:, None]) ** 2).sum(axis=1)

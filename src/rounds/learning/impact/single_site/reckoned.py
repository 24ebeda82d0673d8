"""What the two ways beside interrupted time series say of one site, and how far they differ from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Interval, NoEffect, Vector
from rounds.learning.impact.single_site.interrupted import Interrupted
from rounds.learning.intervals import Z95

SYNTHETIC, STRUCTURAL = "Synthetic control", "Structural time series"

_Z_TOGETHER = 2.241402727604947
"""Two differences, 5 % together (Bonferroni)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Rows of donors and columns of periods in which all that are used have a count."""

    donors: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def periods(self) -> tuple[int, ...]:
        return (*self.before, *self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What one way says. Vectors have shape (periods of the panel,), NaN where nothing is said."""

    name: str
    method: str
    rate_ratio: Interval
    """limits are 0 and infinite where they cannot be told"""
    avoided: Interval
    expected: Vector
    """events without the innovation, in the periods with it"""
    p_value: float
    """placebo in space (synthetic control); tail area of the posterior (structural)"""
    assumes: str

    @property
    def limited(self) -> bool:
        return self.rate_ratio.lower > 0.0 and np.isfinite(self.rate_ratio.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Why a way says nothing."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What the synthetic control is made of and how good it is."""

    donors: tuple[str, ...]
    weights: Vector
    """shape (donors,), adding up to 1; their mean over completed counts"""
    ratio_range: tuple[float, float]
    """of the rate ratio, over all mixtures that are as near before"""
    misses: float
    """root mean squared difference before, over the mean rate"""
    as_far: int
    """donors that moved as far from their own nearest mixtures, after over before"""
    smallest_p: float
    importance: tuple[tuple[str, float], ...]
    """how much each characteristic counts, adding up to 1; empty where rates in each period before are matched"""
    best: bool
    """no other importance of characteristics comes nearer to the rates before"""

    @property
    def unique(self) -> bool:
        """Whether every mixture as near before says the same of the periods after."""
        return self.ratio_range[1] <= self.ratio_range[0] * 1.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One way against interrupted time series."""

    name: str
    ratio: float
    """of the two rate ratios"""
    statistic: float
    """log of that over its standard error, as if the two did not share the site's own counts"""
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The ways beside interrupted time series. None is chosen by its result."""

    synthetic: Reckoned | Untold
    structural: Reckoned | Untold
    mixture: Mixture | None
    """None where there is no synthetic control"""
    differences: tuple[Difference, ...]
    """empty where interrupted time series say nothing"""
    completed: int
    """sets of counts drawn from between their bounds; 1 where all are exact"""
    notes: tuple[str, ...]
    """who and what was left out, a sentence each"""

    @property
    def flagged(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.flagged)


def differences_of(leading: Interrupted | NoEffect, others: Sequence[Reckoned | Untold]) -> tuple[Difference, ...]:
    """Return each way against the leading one; errors are added as if the site's own counts were not in both, so that
    a flag is rarer than 5 %."""
    if isinstance(leading, NoEffect):
        return ()
    found = []
    for one in others:
        if isinstance(one, Untold) or not one.limited:
            continue
        apart = float(np.log(one.rate_ratio.estimate / leading.rate_ratio.estimate))
        error = float(np.hypot(_error(one.rate_ratio), _error(leading.rate_ratio)))
        statistic = apart / error if error > 0.0 else 0.0
        found.append(
            Difference(
                name=one.name,
                ratio=float(np.exp(apart)),
                statistic=statistic,
                flagged=abs(statistic) > _Z_TOGETHER,
            )
        )
    return tuple(found)


def _error(ratio: Interval) -> float:
    return float(np.log(ratio.upper / ratio.lower)) / (2.0 * Z95)


def avoided_of(seen: float, ratio: Interval) -> Interval:
    """Return events avoided where some were seen, with the limits of their ratio to those expected."""
    lower = seen * (1.0 / ratio.upper - 1.0)
    upper = seen * (1.0 / ratio.lower - 1.0) if ratio.lower > 0.0 else np.inf
    return Interval(estimate=seen * (1.0 / ratio.estimate - 1.0), lower=lower, upper=upper)

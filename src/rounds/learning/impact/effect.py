"""Did it work, and for how many: the result of a staggered difference-in-differences."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rounds.learning.bounded.counts import Part
from rounds.learning.bounded.two_way import TwoWay

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Counts per site and period with what is known of each. Matrices have shape (sites, periods)."""

    sites: tuple[str, ...]
    lower: Matrix
    """smallest possible count of events, >= 0"""
    upper: Matrix
    """largest possible count of events; equal to `lower` where the count is exact; NaN in both where it is missing"""
    exposure: Matrix
    """denominators, > 0 wherever a count is there"""
    treated: NDArray[np.bool_]
    """the innovation is in effect in that whole period"""
    excluded: NDArray[np.bool_]
    """left out of the fit: the periods between going live and being embedded, and periods after stopping"""
    noisy: Matrix | None = None
    """counts with noise as they were drawn, below 0 perhaps; NaN where none was added; None where nowhere"""
    sigma: Matrix | None = None
    """the standard deviation of that noise, > 0 wherever it was added"""
    a_year: int | None = None
    """how many periods make a year; None if that is not known or makes no season"""
    parts: Mapping[tuple[str, int], tuple[Part, ...]] = field(default_factory=dict)
    """by site and period, the counts of which its own is the sum; its bounds are then the sums of theirs"""
    of: Mapping[str, str] = field(default_factory=dict)
    """by row, whose counts it holds, where that is not its name: members whose counts have several levels"""
    in_effect: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """by member that became part of a row, before that: the periods throughout which the innovation was in effect
    there, be it or not in all the row is the sum of"""
    notes: tuple[str, ...] = ()
    """what was left out when it was put together, a sentence each"""

    def member_of(self, row: str) -> str:
        """Return whose counts a row holds."""
        return self.of.get(row, row)

    @property
    def with_noise(self) -> NDArray[np.bool_]:
        """Which counts have noise, shape (sites, periods)."""
        return np.zeros(self.lower.shape, dtype=np.bool_) if self.noisy is None else ~np.isnan(self.noisy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the innovation did where it was in effect."""

    rate_ratio: Interval
    """observed over counterfactual events in treated site-periods"""
    avoided: Interval
    """expected events avoided (counterfactual - with the innovation), summed over treated site-periods"""
    dispersion: float
    """negative-binomial alpha; 0 is Poisson"""
    counterfactual: Matrix
    """expected events without the innovation, shape (sites, periods); NaN where the panel is empty or excluded"""
    treated_sites: int
    treated_periods: int
    """site-periods with the innovation in effect"""
    comparison_sites: int
    """sites that contribute at least one period without the innovation"""
    withheld_share: float
    """share of the site-periods used whose count is known only between bounds"""
    method: str
    """name@version of the estimator"""
    assumes: str
    """what must hold for the estimate to mean what it says, in words"""
    baseline: TwoWay | None = None
    """the fit behind the counterfactual, from which any part of it has its interval; None if there is no such fit"""
    notes: tuple[str, ...] = ()
    """what was left out of the estimate and why, a sentence each"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEffect:
    """Why the data cannot say whether the innovation worked, and what would be needed."""

    reason: str

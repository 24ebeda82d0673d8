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
class MeanOf:
    """What a panel's numbers are if they are no counts of events: sums of values, of which means are taken."""

    low: float = 0.0
    """what a sum of 0 stands for, over each of the denominator, in the measure's units"""
    step: float = 1.0
    """how much 1 of a sum is, in the measure's units; above 0"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Counts per site and period with what is known of each. Matrices have shape (sites, periods)."""

    sites: tuple[str, ...]
    lower: Matrix
    """smallest possible count of events, >= 0; of means the smallest possible sum, whatever its sign"""
    upper: Matrix
    """largest possible count of events; equal to `lower` where the count is exact; NaN in both where it is missing;
    of means as far above the sum that is shown as `lower` is below it"""
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
    mean_of: MeanOf | None = None
    """what the numbers add up if means are taken of them; None for counts. A mean that was withheld is missing, and
    its denominator is there"""
    notes: tuple[str, ...] = ()
    """what was left out when it was put together, a sentence each"""

    def member_of(self, row: str) -> str:
        """Return whose counts a row holds."""
        return self.of.get(row, row)

    @property
    def means(self) -> Matrix:
        """The means that are shown, in the measure's units; NaN where there is none. Of a panel of means only."""
        if self.mean_of is None:
            raise ValueError("a panel of counts has no means")
        return self.mean_of.low + self.mean_of.step * (self.lower + self.upper) / 2.0 / self.exposure

    @property
    def reach(self) -> Matrix:
        """By how much a true mean can be off the one that is shown, because of rounding."""
        if self.mean_of is None:
            raise ValueError("a panel of counts has no means")
        return self.mean_of.step * (self.upper - self.lower) / 2.0 / self.exposure

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
class MeanEffect:
    """What the innovation did to a mean where it was in effect. Intervals are of 95 %."""

    difference: Interval
    """mean with the innovation less counterfactual mean, in the measure's units, weighted by denominators"""
    share: Interval | None
    """of the counterfactual mean, -0.1 being a tenth less; None where that mean may be 0 or below"""
    expected: float
    """the counterfactual mean"""
    total: Interval
    """the difference times the people or visits with the innovation: nights more, if it is a mean of nights"""
    rounding: float
    """by how much the difference can be off at most because means were rounded; 0 if they are exact"""
    counterfactual: Matrix
    """expected means without the innovation, shape (sites, periods); NaN where the panel is empty or excluded"""
    treated_sites: int
    treated_periods: int
    """site-periods with the innovation in effect"""
    comparison_sites: int
    withheld_share: float
    """share of the means that were withheld, and left out"""
    method: str
    assumes: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEffect:
    """Why the data cannot say whether the innovation worked, and what would be needed."""

    reason: str

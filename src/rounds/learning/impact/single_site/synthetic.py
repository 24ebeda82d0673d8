"""Classic synthetic control: one site beside the mixture of others that ran alongside it before a change."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.simplex import nearest_mixture, spread_of_mixtures
from rounds.learning.impact.single_site.importance import important, mixture_of, scaled

METHOD = "synthetic-control@1"
ASSUMES = (
    "Without the innovation the site's rate would have gone on alongside the mixture of others that was nearest to it "
    "before; none of these took it up or was touched by it."
)
FEWEST_FOR_LIMITS = 20
"""Periods: with fewer, no limits of 95 % can be told from the order of periods alone."""

_SAME = 1e-9
_FAR = 0.05
_BEYOND_CHANCE = 2.0
_LEVEL = 0.05
_REACH = 2.5
"""Log ratios looked at on either side of the estimate."""
_POINTS = 51
_HALVINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rates of a site and of the donors, in the periods that are used: those before the change, then those after."""

    own: Vector
    """shape (periods,), 0 or more"""
    donors: Matrix
    """shape (periods, donors), at least two donors"""
    exposure: Vector
    """of the site, shape (periods,), > 0"""
    before: int
    """how many periods are before, at least 1 and fewer than all"""

    def __post_init__(self) -> None:
        if self.donors.shape[1] < 2:
            raise ValueError(f"a mixture needs two other sites or more, not {self.donors.shape[1]}")
        if not 0 < self.before < len(self.own):
            raise ValueError(f"{self.before} of {len(self.own)} periods are before; some must be, and some after")
        for name, values in (("own", self.own), ("donors", self.donors), ("exposure", self.exposure)):
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise ValueError(f"`{name}` has a rate below 0, or one that is not finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """By what sites are alike other than their rates in each period before."""

    own: Vector
    """characteristics of the site before, shape (characteristics,)"""
    donors: Matrix
    """shape (characteristics, donors)"""
    importance: Vector
    """how much each counts, once in its standard deviations over all sites; shape (characteristics,)"""

    def swapped(self, place: int) -> "Likeness":
        """Return the same with another site as the one that changed: 0 for itself, else a donor from 1 on."""
        everybody = np.hstack([self.own[:, None], self.donors])
        return Likeness(own=everybody[:, place], donors=np.delete(everybody, place, axis=1), importance=self.importance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """The nearest mixture and what the site did beside it."""

    weights: Vector
    """shape (donors,)"""
    expected: Vector
    """rates of the mixture, shape (periods,)"""
    ratio: float
    """events with the innovation over those of the mixture, after"""
    ratio_range: tuple[float, float]
    """over all mixtures that are as near before; equal ends where that makes no difference"""
    misses: float
    """root mean squared difference before, over the site's mean rate"""
    off: float
    """mean difference before, over the site's mean rate"""
    out_of_reach: bool
    """even the nearest mixture lies on one side of the site before, by more than chance and 5 %"""


def mix(rates: Rates, likeness: Likeness | None = None) -> Mixed:
    """Return the mixture of donors nearest to a site before, and the rate ratio after.

    Where what is matched is the outcome in each period before, no importance of periods (V) comes nearer to it than
    equal importance, which is taken.

    Args:
        rates: of the site and of the donors.
        likeness: what to match in place of the rates in each period before.

    Source: Abadie, Diamond and Hainmueller (2010), JASA 105:493-505.
    """
    own = rates.own[: rates.before]
    features, target = _matched(rates, likeness)
    weights = nearest_mixture(features, target)
    expected = rates.donors @ weights
    exposure, after = rates.exposure[rates.before :], rates.own[rates.before :]
    seen = float(exposure @ after)
    events = exposure @ rates.donors[rates.before :]
    ends = spread_of_mixtures(features, target, weights, events)
    gap = own - expected[: rates.before]
    mean = float(own.mean()) or 1.0
    off, error = float(gap.mean()), float(gap.std()) / np.sqrt(rates.before)
    return Mixed(
        weights=weights,
        expected=expected,
        ratio=_over(seen, float(events @ weights)),
        ratio_range=(_over(seen, ends[1]), _over(seen, ends[0])),
        misses=float(np.sqrt(np.mean(gap**2))) / mean,
        off=off / mean,
        out_of_reach=abs(off) > _FAR * mean and abs(off) > _BEYOND_CHANCE * error,
    )


def limits(rates: Rates, likeness: Likeness | None = None) -> tuple[float, float] | None:
    """Return the 95 % limits of the rate ratio; None if there are fewer than 20 periods.

    For each ratio its effect is taken out of the periods after, the mixture is chosen on all periods, and the sum of
    the differences after is ranked among those of as many periods in a row begun anywhere (the end joined to the
    beginning). Ratios that rank within the highest 5 % are out. That needs no model of how counts vary, and holds
    where differences depend on earlier ones; it takes the ratio to be the same in all periods.

    Args:
        rates: of the site and of the donors.
        likeness: what the mixture matches in place of rates; the mixture is then the same for every ratio.

    Source: Chernozhukov, Wuethrich and Zhu (2021), JASA 116:1849-1864.
    """
    if len(rates.own) < FEWEST_FOR_LIMITS:
        return None
    mixed = mix(rates, likeness)
    middle = float(np.log(max(mixed.ratio, _SAME)))
    expected = None if likeness is None else mixed.expected

    def holds(log_ratio: float) -> bool:
        return _rank(rates, float(np.exp(log_ratio)), expected) > _LEVEL

    grid = np.linspace(middle - _REACH, middle + _REACH, _POINTS)
    held = np.flatnonzero([holds(one) for one in grid])
    if not len(held):  # every ratio leaves the periods after apart, so they differ by more than one ratio
        return 0.0, np.inf
    first, last = int(held[0]), int(held[-1])
    lower = -np.inf if first == 0 else _edge(holds, grid[first], grid[first - 1])
    upper = np.inf if last == _POINTS - 1 else _edge(holds, grid[last], grid[last + 1])
    return float(np.exp(min(lower, middle))), float(np.exp(max(upper, middle)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placebo:
    """How much each site moved away from its own nearest mixture after, over before."""

    own: float
    donors: Vector
    """shape (donors,)"""

    @property
    def p_value(self) -> float:
        """Share of all sites, this one with them, that moved as far."""
        return float((1 + np.sum(self.donors >= self.own * (1.0 - _SAME))) / (1 + len(self.donors)))

    @property
    def smallest(self) -> float:
        return 1.0 / (1 + len(self.donors))


def placebo(rates: Rates, likeness: Likeness | None = None) -> Placebo:
    """Return the ratio of mean squared differences after and before, as roots, for the site and for each donor.

    Each donor is held against the nearest mixture of all other sites, the one that changed among them: so all are
    alike if the change did nothing, and the rank is exact. Characteristics keep the importance they have for the site.

    Source: Abadie, Diamond and Hainmueller (2010), JASA 105:493-505, section 3.4.
    """
    everybody = np.hstack([rates.own[:, None], rates.donors])
    found = []
    for place in range(everybody.shape[1]):
        own, others = everybody[:, place], np.delete(everybody, place, axis=1)
        if likeness is None:
            weights = nearest_mixture(others[: rates.before], own[: rates.before])
        else:
            like = likeness.swapped(place)
            weights = mixture_of(*scaled(like.own, like.donors), like.importance)
        gap = own - others @ weights
        least = _SAME * (float(own.mean()) or 1.0)
        before, after = (float(np.sqrt(np.mean(part**2))) for part in (gap[: rates.before], gap[rates.before :]))
        found.append(max(after, least) / max(before, least))
    return Placebo(own=found[0], donors=np.array(found[1:]))


def _matched(rates: Rates, likeness: Likeness | None) -> tuple[Matrix, Vector]:
    if likeness is None:
        return rates.donors[: rates.before], rates.own[: rates.before]
    return important(*scaled(likeness.own, likeness.donors), likeness.importance)


def _rank(rates: Rates, ratio: float, expected: Vector | None) -> float:
    """Return the share of stretches whose differences add up to as much as those after, were this the ratio."""
    periods, after = len(rates.own), len(rates.own) - rates.before
    without = np.append(rates.own[: rates.before], rates.own[rates.before :] / ratio)
    if expected is None:
        expected = rates.donors @ nearest_mixture(rates.donors, without)
    gap = without - expected
    running = np.concatenate([[0.0], np.cumsum(np.append(gap, gap))])
    sums = np.abs(running[after : after + periods] - running[:periods])
    return float(np.mean(sums >= sums[rates.before] * (1.0 - _SAME) - _SAME * float(np.abs(without).max())))


def _edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2.0
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return outside


def _over(seen: float, expected: float) -> float:
    return seen / expected if expected > 0.0 else np.inf

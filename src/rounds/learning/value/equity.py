"""Who gains: a benefit split over groups whose counts may be withheld, and what inequality makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rounds.learning.intervals import normal_quantile, wilson_ends
from rounds.learning.value.simulations import Interval, Matrix, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One group's part of a benefit."""

    group: str
    share: float | None
    """of the events; None where counts of this group or another are withheld"""
    share_lower: float
    """95 %, chance and bounds together"""
    share_upper: float
    gained: float | None
    gained_lower: float
    """with the interval of the benefit itself too"""
    gained_upper: float


def split(
    groups: tuple[str, ...],
    lower: ArrayLike,
    upper: ArrayLike,
    benefit: Interval,
    *,
    values: Sequence[float | None] | None = None,
) -> tuple[Part, ...]:
    """Return how a benefit splits over groups if the innovation changes everybody's risk by the same factor.

    Each group's part is its part of the events. A share's interval is Wilson's at the counts within the bounds that
    make it least and most; the benefit's part takes the ends of both intervals, which is wider than it need be.

    Args:
        groups: names.
        lower: the fewest events of each, shape (groups,).
        upper: the most.
        benefit: of all groups together.
        values: the events of each as they are shown, None where they are withheld. If left out, those whose bounds are
            the same.

    Raises:
        ValueError: if shapes differ, a bound is impossible, a value lies outside its bounds, or there was certainly no
            event.
    """
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if low.shape != (len(groups),) or high.shape != low.shape:
        raise ValueError(
            f"{len(groups)} groups, and bounds of shapes {low.shape} and {high.shape}: give each one of both"
        )
    bad = ~(np.isfinite(low) & np.isfinite(high)) | (low < 0) | (low > high)
    if bad.any():
        raise ValueError(f"{groups[int(np.argmax(bad))]} has impossible bounds of its events")
    if high.sum() == 0:
        raise ValueError("there was no event in any group, so there is nothing to split")
    if values is None:
        values = [float(one) if one == other else None for one, other in zip(low, high, strict=True)]
    known = np.array([np.nan if value is None else value for value in values])
    outside = (known < low) | (known > high)
    if known.shape != low.shape or outside.any():
        raise ValueError(f"{groups[int(np.argmax(outside))]}: its events lie outside their bounds")
    parts = []
    z = normal_quantile(0.95)
    for at, group in enumerate(groups):
        others_low, others_high = low.sum() - low[at], high.sum() - high[at]
        least = _end(low[at], others_high, z, 0)
        most = _end(high[at], others_low, z, 1)
        share = None if np.isnan(known).any() or not known.any() else float(known[at] / known.sum())
        corners = [one * other for one in (least, most) for other in (benefit.lower, benefit.upper)]
        parts.append(
            Part(
                group=group,
                share=share,
                share_lower=least,
                share_upper=most,
                gained=None if share is None else share * benefit.estimate,
                gained_lower=min(corners),
                gained_upper=max(corners),
            )
        )
    return tuple(parts)


def _end(own: float, others: float, z: float, which: int) -> float:
    """Return one end of the interval of a share; with nothing known of anybody it is all or nothing."""
    size = own + others
    return float(which) if size == 0 else float(wilson_ends(own / size, size, z)[which])


def net_health(gained: Matrix, costs: Vector, burden: ArrayLike, worth: float) -> Matrix:
    """Return each group's health gained less the health that the money would have bought elsewhere, (draws, groups).

    Args:
        gained: health, shape (draws, groups).
        costs: net costs, shape (draws,).
        burden: which part of what is forgone each group bears, shape (groups,); adds up to 1. It is an assumption that
            somebody states: equal parts for equal numbers of people, or by who uses services.
        worth: what a unit of health costs at the margin elsewhere, > 0.

    Raises:
        ValueError: if shapes differ, the parts do not add up to 1, or `worth` is not above 0.

    Source: Asaria, Griffin and Cookson (2016), Med Decis Making 36:8-19.
    """
    parts = np.asarray(burden, dtype=np.float64)
    if gained.ndim != 2 or costs.shape != (len(gained),) or parts.shape != (gained.shape[1],):
        raise ValueError(
            f"health of shape {gained.shape}, costs {costs.shape} and parts {parts.shape} do not go together"
        )
    if not (np.isfinite(parts).all() and (parts >= 0).all() and abs(parts.sum() - 1) < 1e-9):
        raise ValueError("the parts of what is forgone must be 0 or more and add up to 1")
    if not (np.isfinite(worth) and worth > 0):
        raise ValueError("health is forgone at a worth above 0")
    return np.asarray(gained - costs[:, None] / worth * parts, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """One group's health gained less what it forgoes."""

    group: str
    net: float | None
    """mean; None where counts are withheld"""
    lower: float
    """95 %: of the simulations at the share's lower end"""
    upper: float


def net_by_group(
    parts: tuple[Part, ...], effects: Vector, costs: Vector, burden: ArrayLike, worth: float
) -> tuple[Net, ...]:
    """Return each group's net health, as `net_health` has it, with the interval of its share carried through.

    Args:
        parts: how events split, as `split` gives it.
        effects: health of all groups together, shape (draws,).
        costs: net costs, shape (draws,).
        burden: as in `net_health`.
        worth: as in `net_health`.

    Raises:
        ValueError: as `net_health`.
    """
    exact = all(one.share is not None for one in parts)
    ends = [
        net_health(effects[:, None] * np.array([getattr(one, end) for one in parts]), costs, burden, worth)
        for end in ("share_lower", "share_upper")
    ]
    # Where health is lost, a larger share is worse: the ends are of whichever is.
    lower = np.minimum(*(np.quantile(one, 0.025, axis=0) for one in ends))
    upper = np.maximum(*(np.quantile(one, 0.975, axis=0) for one in ends))
    means = None
    if exact:
        shares = np.array([one.share for one in parts], dtype=np.float64)
        means = net_health(effects[:, None] * shares, costs, burden, worth).mean(axis=0)
    return tuple(
        Net(
            group=one.group,
            net=None if means is None else float(means[at]),
            lower=float(lower[at]),
            upper=float(upper[at]),
        )
        for at, one in enumerate(parts)
    )


def equally_distributed(levels: ArrayLike, people: ArrayLike, aversion: float) -> float:
    """Return the level that would be as good as the levels there are, if everybody had it.

    Args:
        levels: of health in each group, > 0, shape (groups,).
        people: in each, > 0 in all.
        aversion: to inequality (Atkinson's epsilon): 0 does not mind it, and gives the mean.

    Raises:
        ValueError: if shapes differ or a number is impossible.

    Source: Atkinson (1970), J Econ Theory 2:244-263.

    >>> equally_distributed([60.0, 80.0], [1.0, 1.0], 0.0)
    70.0
    """
    health, weights = np.asarray(levels, dtype=np.float64), np.asarray(people, dtype=np.float64)
    if health.shape != weights.shape or health.ndim != 1 or not health.size:
        raise ValueError("give people to each level of health")
    if not (np.isfinite(health).all() and (health > 0).all()):
        raise ValueError("a level of health is missing, infinite or not above 0")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError("a number of people is impossible, or there is nobody")
    if not (np.isfinite(aversion) and aversion >= 0):
        raise ValueError("aversion to inequality is 0 or more")
    part = weights / weights.sum()
    if aversion == 1:
        return float(np.exp(part @ np.log(health)))
    largest = float(health.max())  # in its units, so that high powers stay finite
    return float(largest * (part @ (health / largest) ** (1 - aversion)) ** (1 / (1 - aversion)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityImpact:
    """What a change of health is worth to who minds inequality."""

    total: float
    """health gained by all together"""
    equivalent: float
    """gained by all together if it were the same for everybody and as good"""

    @property
    def for_equality(self) -> float:
        """What less inequality adds, below 0 what more of it takes."""
        return self.equivalent - self.total


def equity_impact(before: ArrayLike, change: ArrayLike, people: ArrayLike, aversion: float) -> EquityImpact:
    """Return what a change is worth in all, and with aversion to inequality.

    Args:
        before: health of a person in each group, > 0.
        change: of each group's health in all, as `net_health` gives it.
        people: in each group, > 0.
        aversion: as in `equally_distributed`.

    Raises:
        ValueError: as `equally_distributed`.
    """
    start, size = np.asarray(before, dtype=np.float64), np.asarray(people, dtype=np.float64)
    moved = np.asarray(change, dtype=np.float64)
    if moved.shape != start.shape or not (size > 0).all():
        raise ValueError("give a change, and people, to each group")
    everybody = float(size.sum())
    first = equally_distributed(start, size, aversion)
    return EquityImpact(
        total=float(moved.sum()),
        equivalent=everybody * (equally_distributed(start + moved / size, size, aversion) - first),
    )

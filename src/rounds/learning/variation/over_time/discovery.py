"""A budget of false discoveries over many sites and measures.

Thousands of charts flag some latest points by chance alone. Here each latest point gets a p-value against the points
before it, and the points are named that keep the expected share of false ones among all named below a stated rate.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rounds.learning.variation.over_time.chart import Chart
from rounds.learning.variation.over_time.counted import Counted
from rounds.learning.variation.over_time.rules import Matrix, Vector
from rounds.learning.variation.over_time.windows import Flags


class Dependence(StrEnum):
    """How p-values may depend on each other."""

    POSITIVE = "positive"
    """not at all, or so that they rise and fall together (Benjamini and Hochberg)"""
    ANY = "any"
    """in any way (Benjamini and Yekutieli); names fewer"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discoveries:
    """Which latest points are named. Arrays have the shape of the p-values."""

    certain: Flags
    """named for every value that what is withheld can have"""
    possible: Flags
    """named for some; holds the certain ones"""
    tested: int
    rate: float
    dependence: Dependence

    @property
    def controls(self) -> str:
        """What the budget promises, a sentence for a reader."""
        how = (
            "if sites and measures do not depend on each other, or rise and fall together"
            if self.dependence is Dependence.POSITIVE
            else "however sites and measures depend on each other"
        )
        return (
            f"Of {self.tested} latest points {int(self.certain.sum())} are named. Were this done each round, at most "
            f"{self.rate:.0%} of those named would on average be chance alone, {how}. It says nothing of points before "
            "the latest, and a series that drifts or has seasons is named too often."
        )


def discoveries(
    p_values: Vector | Matrix,
    *,
    highest: Vector | Matrix | None = None,
    rate: float = 0.05,
    dependence: Dependence = Dependence.POSITIVE,
) -> Discoveries:
    """Return which points to name so that the expected share of false ones among them is at most `rate`.

    Args:
        p_values: of each site and measure, any shape; NaN where there was nothing to test.
        highest: where what is withheld leaves a p-value open, the highest it can be; `p_values` are then the lowest.
        rate: the share, between 0 and 1.
        dependence: what is assumed of them.

    Returns:
        Points are named for certain if they are with every p-value at its highest: lower ones never name fewer.

    Raises:
        ValueError: if a p-value or `rate` is out of range, or bounds are out of order.

    Source: Benjamini and Hochberg (1995), J R Stat Soc B 57:289-300; Benjamini and Yekutieli (2001), Ann Stat
        29:1165-1188.
    """
    if not 0 < rate < 1:
        raise ValueError(f"a share of false discoveries of {rate}: give one between 0 and 1")
    most = p_values if highest is None else highest
    tested = ~np.isnan(p_values)
    if most.shape != p_values.shape or (np.isnan(most) == tested).any():
        raise ValueError("`highest` is to have a number where, and only where, `p_values` has one")
    low, high = p_values[tested], most[tested]
    if ((low < 0) | (high > 1) | (low > high)).any():
        raise ValueError("p-values lie between 0 and 1, the lowest not above the highest")
    certain, possible = np.zeros(p_values.shape, dtype=bool), np.zeros(p_values.shape, dtype=bool)
    certain[tested] = _named(high, rate, dependence)
    possible[tested] = _named(low, rate, dependence)
    return Discoveries(certain=certain, possible=possible, tested=int(tested.sum()), rate=rate, dependence=dependence)


def _named(p_values: Vector, rate: float, dependence: Dependence) -> Flags:
    count = len(p_values)
    if not count:
        return np.zeros(0, dtype=bool)
    places = np.arange(1, count + 1)
    share = rate if dependence is Dependence.POSITIVE else rate / float((1 / places).sum())
    ordered = np.sort(p_values)
    small = np.flatnonzero(ordered <= places * share / count)
    return p_values <= ordered[small[-1]] if small.size else np.zeros(count, dtype=bool)


def latest_p_values(values: Matrix) -> Vector:
    """Return, for each series, how likely a latest point at least so far off is if nothing changed; shape (series,).

    Two-sided, by Student's t of the latest point against the mean and the standard deviation of those before it.

    Args:
        values: shape (series, points). NaN makes a series' p-value NaN, as do fewer than 4 points, or equal ones.

    Source: the prediction interval of a normal sample; Hahn and Meeker (1991), Statistical Intervals, 4.7. It assumes
        normal points that do not depend on each other.
    """
    from scipy.special import stdtr  # slow to load; most charts do without

    count = values.shape[1] - 1
    if count < 3:
        return np.full(len(values), np.nan)
    before = values[:, :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        error = before.std(axis=1, ddof=1) * np.sqrt(1 + 1 / count)
        t = np.where(error > 0, np.abs(values[:, -1] - before.mean(axis=1)) / error, np.nan)
    found: Vector = 2 * stdtr(count - 1, -t)
    return found


def latest_p_bounds(chart: Chart) -> tuple[float, float]:
    """Return between what the p-value of a chart's latest point lies; NaN twice where it cannot be tested.

    As `latest_p_values`, over the points since limits last started anew. Where points are withheld, the least and the
    most that the test statistic can be: the distance from the mean at its longest over the spread at its smallest,
    and the other way round, so the true p-value lies between the two.

    Args:
        chart: any; without limits, or with a point missing, it is not tested.

    >>> from rounds.learning.variation.over_time.individuals import i_chart
    >>> low, high = latest_p_bounds(i_chart(np.array([5.0, 6, 5, 6, 5, 6, 5, 6, 5, 6, 5, 12])))
    >>> low == high < 0.001
    True
    """
    low, high = (line[chart.latest.first : chart.latest.end] for line in (chart.lowest, chart.highest))
    count = len(low) - 1
    if chart.no_limits is not None or count < 3 or np.isnan(low).any() or np.isnan(high).any():
        return np.nan, np.nan
    if (low == high).all():
        p_value = float(latest_p_values(low[None, :])[0])
        return p_value, p_value
    from scipy.special import stdtr  # as above

    means = float(low[:-1].mean()), float(high[:-1].mean())
    nearest = max(0.0, low[-1] - means[1], means[0] - high[-1])
    furthest = max(high[-1] - means[0], means[1] - low[-1])
    least, most = _squares(low[:-1], high[:-1])
    found = []
    for distance, squares in ((furthest, least), (nearest, most)):
        error = np.sqrt(squares / (count - 1) * (1 + 1 / count))
        t = distance / error if error > 0 else np.inf if distance > 0 else 0.0
        found.append(float(2 * stdtr(count - 1, -t)))
    return found[0], found[1]


def _squares(low: Vector, high: Vector) -> tuple[float, float]:
    """Return bounds of the sum of squares about the mean of points that lie between bounds.

    It is the least, over all centres, of the sum about that centre: so no less than if each point were as near as its
    bounds allow to the best of centres, and no more than about any one centre with each as far as they allow.
    """
    left, right = float(low.min()), float(high.max())
    for _ in range(60):  # the sum of squares from the nearest ends is convex: where its slope changes sign
        centre = (left + right) / 2
        slope = np.maximum(centre - high, 0).sum() - np.maximum(low - centre, 0).sum()
        left, right = (left, centre) if slope > 0 else (centre, right)
    nearest = np.maximum(left - high, 0) + np.maximum(low - left, 0)
    middle = float((low + high).mean()) / 2
    furthest = np.maximum(np.abs(low - middle), np.abs(high - middle))
    return float((nearest**2).sum()), float((furthest**2).sum())


def latest_count_p_values(counted: Counted) -> tuple[float, float]:
    """Return between what the p-value of the latest count of one series lies, exactly equal where all is known.

    Given all events, those of the latest period are binomial with its share of the exposure, or hypergeometric among
    the people: two-sided, twice the smaller tail. It is exact, whatever the rate.

    Args:
        counted: the series; missing points before the latest are left out.

    Returns:
        NaN twice where the latest is missing, there are fewer than 3 points before it, or a size is withheld: then
        there is no share of the exposure to hold the count against.

    Source: Przyborowski and Wilenski (1940), Biometrika 31:313-323; Fisher's exact test. It assumes that only chance
        makes counts differ: over-dispersed series are named too often.
    """
    from scipy.stats import binom, hypergeom  # they take half a second to load

    there = counted.there & (counted.sizes_lower == counted.sizes_upper)
    before = np.flatnonzero(there[:-1])
    if not there.size or not there[-1] or len(before) < 3:
        return np.nan, np.nan
    if (counted.there & ~there).any():
        return np.nan, np.nan
    low, high = counted.events_lower, counted.events_upper
    sizes, last = counted.sizes_lower, len(there) - 1
    latest = np.arange(low[last], high[last] + 1)
    earlier = np.arange(low[before].sum(), high[before].sum() + 1)
    mine, all_events = latest[:, None], latest[:, None] + earlier[None, :]
    if counted.proportion:
        people = sizes[before].sum() + sizes[last]
        law = hypergeom(people, all_events, sizes[last])
    else:
        law = binom(all_events, sizes[last] / (sizes[before].sum() + sizes[last]))
    p = np.minimum(1.0, 2 * np.minimum(law.cdf(mine), law.sf(mine - 1)))
    return float(p.min()), float(p.max())

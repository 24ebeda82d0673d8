"""Charts of subgroups of values: their means (Xbar), standard deviations (S) and ranges (R)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.drawing import Lines, Points, Reading, draw
from rounds.learning.variation.over_time.rebasing import Stretch
from rounds.learning.variation.over_time.rules import Vector
from rounds.learning.variation.over_time.windows import Flags


class Within(StrEnum):
    """How the spread within subgroups is estimated."""

    POOLED = "pooled"
    """the root of the mean variance, weighted by degrees of freedom"""
    MEAN_S = "mean_s"
    """the mean of each standard deviation over its c4"""
    MEAN_R = "mean_r"
    """the mean of each range over its d2"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroups:
    """What is known of each subgroup; shape (periods,)."""

    sizes: Vector
    means: Vector
    deviations: Vector
    """standard deviations with n - 1; NaN for a subgroup of one"""
    ranges: Vector
    """largest less smallest; NaN where it was not told"""

    def __post_init__(self) -> None:
        parts = (self.sizes, self.means, self.deviations, self.ranges)
        if len({part.shape for part in parts}) != 1 or self.sizes.ndim != 1:
            raise ValueError("sizes, means, deviations and ranges differ in shape: give one of each a subgroup")
        wrong = ~(np.isfinite(self.sizes) & (self.sizes >= 1) & np.isfinite(self.means))
        if wrong.any():
            raise ValueError(
                f"subgroup {int(np.argmax(wrong)) + 1} has nobody in it or no finite mean: leave it out; a "
                "mean that is withheld has no proper method here"
            )

    @classmethod
    def of(cls, values: Vector, groups: Sequence[Hashable]) -> "Subgroups":
        """Return the subgroups of single values, in the order in which they first appear.

        Args:
            values: finite, shape (values,).
            groups: which subgroup each is of.

        Raises:
            ValueError: if a value is missing or infinite, or the two differ in length.
        """
        if len(values) != len(groups):
            raise ValueError(f"{len(values)} values and {len(groups)} subgroups: give one of each")
        if not np.isfinite(values).all():
            place = int(np.argmax(~np.isfinite(values))) + 1
            raise ValueError(f"value {place} is missing or infinite: leave it out and say so")
        names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
        number = np.array([names[group] for group in groups])
        counts = np.bincount(number).astype(np.float64)
        means = np.bincount(number, values) / counts
        squares = np.bincount(number, (values - means[number]) ** 2)
        most, least = np.full(len(names), -np.inf), np.full(len(names), np.inf)
        np.maximum.at(most, number, values)
        np.minimum.at(least, number, values)
        with np.errstate(invalid="ignore", divide="ignore"):
            deviations = np.where(counts > 1, np.sqrt(squares / (counts - 1)), np.nan)
        return cls(sizes=counts, means=means, deviations=deviations, ranges=most - least)

    def spread(self, over: Flags, within: Within) -> float:
        """Return the standard deviation within subgroups over some of them, all of two or more.

        Source: Montgomery (2009), Introduction to Statistical Quality Control, 6.2, 6.3 and equation 6.31.
        """
        sizes, used = self.sizes[over], self.sizes[over] > 1
        if not used.any():
            return 0.0
        if within is Within.POOLED:
            free = sizes[used] - 1
            return float(np.sqrt((free * self.deviations[over][used] ** 2).sum() / free.sum()))
        if within is Within.MEAN_S:
            return float((self.deviations[over][used] / _c4(sizes[used])).mean())
        constants = np.array([range_constants(int(size))[0] for size in sizes[used]])
        return float((self.ranges[over][used] / constants).mean())


def xbar_chart(subgroups: Subgroups, reading: Reading | None = None, *, within: Within = Within.POOLED) -> Chart:
    """Return the chart of subgroup means: the mean of all values +- 3 sigma / sqrt(n).

    Args:
        subgroups: at least three with two values or more.
        reading: limits alone and Anhøj's rules by default.
        within: how sigma is estimated. With POOLED the limits are widened by 1 / c4(n), as tables of A3 have them.

    Source: Montgomery (2009), 6.2 and 6.3. It assumes that values within a subgroup do not depend on each other and
        that subgroups differ by chance alone: with large subgroups nearly every point is outside; draw an I chart of
        the means.
    """

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        own = slice(stretch.first, stretch.end)
        sizes, over = subgroups.sizes[own], _padded(baseline, stretch, len(subgroups.sizes))
        sigma = subgroups.spread(over, within)
        if not sigma > 0:
            return _no_spread()
        centre = float((subgroups.sizes[over] * subgroups.means[over]).sum() / subgroups.sizes[over].sum())
        spread = sigma / np.sqrt(sizes)
        if within is Within.POOLED:
            spread = spread / _c4(sizes)
        return Lines(
            centre=np.full(len(sizes), centre), sigma=spread, lower=centre - 3 * spread, upper=centre + 3 * spread
        )

    points = Points(lowest=subgroups.means, highest=subgroups.means)
    return draw(Kind.XBAR, points, lines_of, reading or Reading())


def s_chart(subgroups: Subgroups, reading: Reading | None = None, *, within: Within = Within.POOLED) -> Chart:
    """Return the chart of subgroup standard deviations, with limits B3 and B4 times their mean.

    Args:
        subgroups: each of two or more.
        reading: limits alone and Anhøj's rules by default.
        within: POOLED takes the pooled deviation as the centre, MEAN_S the mean of the deviations.

    Source: Montgomery (2009), 6.3; c4 exactly, by the gamma function. It assumes normal values.
    """
    if within is Within.MEAN_R:
        raise ValueError("an S chart rests on standard deviations: give POOLED or MEAN_S, or draw an R chart")

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        own = slice(stretch.first, stretch.end)
        over, c4 = _padded(baseline, stretch, len(subgroups.sizes)), _c4(subgroups.sizes[own])
        sigma = subgroups.spread(over, within)
        if not sigma > 0:
            return _no_spread()
        centre = sigma if within is Within.POOLED else float(np.nanmean(subgroups.deviations[over]))
        # B3 and B4 times the centre; of means of s the centre is c4 sigma, which cancels.
        unit = centre / c4 if within is Within.POOLED else np.full(len(c4), sigma)
        spread = unit * np.sqrt(1 - c4**2)
        return Lines(
            centre=np.full(len(c4), centre),
            sigma=spread,
            lower=np.maximum(centre - 3 * spread, 0.0),
            upper=centre + 3 * spread,
        )

    points = Points(lowest=subgroups.deviations, highest=subgroups.deviations)
    return draw(Kind.S, points, lines_of, reading or Reading())


def r_chart(
    subgroups: Subgroups, reading: Reading | None = None, *, constants: tuple[float, float] | None = None
) -> Chart:
    """Return the chart of subgroup ranges, of subgroups of one size: mean range +- 3 d3 / d2 times it.

    Args:
        subgroups: of one size, two or more.
        reading: limits alone and Anhøj's rules by default.
        constants: d2 and d3 of a table, to agree with it; by default exact ones.

    Raises:
        ValueError: if sizes differ, or as `draw`.

    Source: Montgomery (2009), 6.2. It assumes normal values; above ten values a subgroup, an S chart uses more of them.
    """
    if len(set(subgroups.sizes.tolist())) != 1 or subgroups.sizes[0] < 2:
        raise ValueError("an R chart is of subgroups of one size, two or more: draw an S chart")
    d2, d3 = constants or range_constants(int(subgroups.sizes[0]))

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        size = stretch.end - stretch.first
        centre = float(subgroups.ranges[stretch.first : stretch.end][baseline].mean())
        spread = d3 * centre / d2
        if not spread > 0:
            return _no_spread()
        lines = (centre, spread, max(centre - 3 * spread, 0.0), centre + 3 * spread)
        middle, sigma, lower, upper = (np.full(size, line) for line in lines)
        return Lines(centre=middle, sigma=sigma, lower=lower, upper=upper)

    points = Points(lowest=subgroups.ranges, highest=subgroups.ranges)
    return draw(Kind.R, points, lines_of, reading or Reading())


def _no_spread() -> str:
    return "No limits are drawn: values within subgroups are all equal, or alone, so there is no variation to measure."


def _padded(baseline: Flags, stretch: Stretch, count: int) -> Flags:
    found = np.zeros(count, dtype=bool)
    found[stretch.first : stretch.end] = baseline
    return found


def _c4(sizes: Vector) -> Vector:
    """Return how far below sigma the mean standard deviation of normal subgroups lies; NaN for a size of one."""
    from scipy.special import gammaln  # slow to load; most charts do without

    with np.errstate(divide="ignore", invalid="ignore"):
        found: Vector = np.sqrt(2 / (sizes - 1)) * np.exp(gammaln(sizes / 2) - gammaln((sizes - 1) / 2))
    return np.where(sizes > 1, found, np.nan)


@lru_cache(maxsize=256)
def range_constants(size: int) -> tuple[float, float]:
    """Return d2 and d3: the mean and the standard deviation of the range of normal values, in sigma.

    Source: Tippett (1925), Biometrika 17:364-387: the density of the range r of n is n (n - 1) times the integral over
        x of f(x) f(x + r) (F(x + r) - F(x))^(n - 2).
    """
    from scipy.special import ndtr  # slow to load; most charts do without

    nodes, weights = np.polynomial.legendre.leggauss(160)
    ranges, weights = 8 * (nodes + 1), 8 * weights
    at = np.arange(-22, 9, 0.05)[:, None]
    inside = np.exp(-(at**2 + (at + ranges) ** 2) / 2) / (2 * np.pi) * (ndtr(at + ranges) - ndtr(at)) ** (size - 2)
    density = size * (size - 1) * inside.sum(axis=0) * 0.05
    first, second = ((weights * density * ranges**power).sum() for power in (1, 2))
    return float(first), float(np.sqrt(second - first**2))

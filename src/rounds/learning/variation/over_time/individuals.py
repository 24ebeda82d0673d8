"""Charts of single values: I, its moving ranges (MR), and I' where values rest on unequal numbers of people."""

from collections.abc import Callable

import numpy as np

from rounds.learning.variation.over_time.bulk import why_no_limits
from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.drawing import Lines, LinesOf, Points, Reading, draw
from rounds.learning.variation.over_time.rebasing import Stretch
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.rules import (
    NEAR_FACTOR,
    SCREEN_FACTOR,
    Limits,
    Vector,
    limits_of,
    mean_of,
)
from rounds.learning.variation.over_time.windows import Flags
from rounds.learning.variation.over_time.withheld import Known, limits_expected

RANGE_TO_SIGMA = 1.128
"""d2 of two, to the three decimals of the tables."""


def i_chart(values: Vector | Known, reading: Reading | None = None, *, screen: bool = True) -> Chart:
    """Return a chart of single values: mean +- 3 mean moving ranges / 1.128.

    Its limits are those of an XmR chart but for the rounding of 3 / 1.128 = 2.6596 to 2.66, which the NHS rules ask
    for: read by those, the chart is `xmr_chart`'s.

    Args:
        values: shape (periods,), NaN where missing; or what is known of points of which some are withheld or rounded.
        reading: how it is read; limits alone and Anhøj's rules by default.
        screen: leave moving ranges of 3.267 x their mean or more out of the limits.

    Returns:
        The chart. A missing point leaves its stretch without limits: a range across a gap is no moving range. Points
        left out on purpose (`Basis.exclude`) are stepped over.

    Raises:
        ValueError: if a value is infinite, or as `draw`.

    Source: Wheeler (2000), Understanding Variation; Nelson (1982), J Qual Technol 14:172-173, for the screening. It
        assumes values that do not depend on each other and spread about evenly on both sides.
    """
    known = _known(values)
    how = reading or Reading()
    kind = Kind.XMR if RuleSet.NHS in (how.rule_sets or ()) else Kind.I
    return draw(kind, Points(lowest=known[0], highest=known[1]), individual_lines(values, kind, screen=screen), how)


def individual_lines(values: Vector | Known, kind: Kind, *, screen: bool) -> LinesOf:
    """Return what gives each stretch of single values its lines."""

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        size = stretch.end - stretch.first
        part = _part(values, slice(stretch.first, stretch.end))
        reason = _why_none(part)
        if reason is not None:
            return reason
        kept = _kept(part, baseline)
        if isinstance(kept, Known):
            limits = limits_expected(kept, screen=screen)
        else:
            reason = why_no_limits(kept, np.zeros(len(kept), dtype=bool))
            if reason is not None:
                return reason
            limits = limits_of(kept[None, :], screen=screen)
        if not limits.mean_range[0] > 0:
            return "No limits are drawn: there is no variation to measure."
        return _lines(limits, size, nhs=kind is Kind.XMR)

    return lines_of


def _lines(limits: Limits, size: int, *, nhs: bool) -> Lines:
    mean, mean_range = float(limits.mean[0]), float(limits.mean_range[0])
    if nhs:
        sigma, lower, upper = NEAR_FACTOR * mean_range / 2, float(limits.lower[0]), float(limits.upper[0])
    else:
        sigma = mean_range / RANGE_TO_SIGMA
        lower, upper = mean - 3 * sigma, mean + 3 * sigma
    centre, spread, low, high = (np.full(size, line) for line in (mean, sigma, lower, upper))
    return Lines(centre=centre, sigma=spread, lower=low, upper=high)


def mr_chart(values: Vector, reading: Reading | None = None) -> Chart:
    """Return the chart of moving ranges: their mean, and 3.267 times it as the upper limit.

    Args:
        values: shape (periods,), NaN where missing. The first point has no range.
        reading: limits alone by default. Ranges of neighbours share a point and so depend on each other: Anhøj's rules
            flag more than half of steady series of 60 points.

    Source: Montgomery (2009), 6.4: D4 of two.
    """
    ranges = np.full(len(values), np.nan)
    ranges[1:] = np.abs(np.diff(_finite(values)))

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        own = ranges[stretch.first : stretch.end]
        mean = float(mean_of(own[baseline][None, :])[0])
        if not mean > 0:
            return "No limits are drawn: all points are equal, so there is no variation to measure."
        size = stretch.end - stretch.first
        centre, sigma, lower, upper = (
            np.full(size, line) for line in (mean, (SCREEN_FACTOR - 1) * mean / 3, 0.0, SCREEN_FACTOR * mean)
        )
        return Lines(centre=centre, sigma=sigma, lower=lower, upper=upper)

    return draw(Kind.MR, Points(lowest=ranges, highest=ranges), lines_of, reading or Reading())


def i_prime_chart(values: Vector, sizes: Vector, reading: Reading | None = None, *, screen: bool = True) -> Chart:
    """Return a chart of single values that rest on unequal numbers: limits narrow with the root of the size.

    Args:
        values: rates or means, shape (periods,), NaN where missing.
        sizes: how many each rests on, > 0; shape (periods,).
        reading: as in `i_chart`.
        screen: as in `i_chart`, on the standardised ranges.

    Raises:
        ValueError: if a size is not above 0, or as `i_chart`.

    Source: Taylor (2017), Normalized Individuals (I') Chart. Mean weighted by size; sigma = mean of sqrt(pi / 2) x
        |difference| / sqrt(1/n + 1/n'). It assumes that all variation falls with the size.
    """
    if len(sizes) != len(values) or not (np.isfinite(sizes) & (sizes > 0))[~np.isnan(values)].all():
        raise ValueError("sizes are one a point, each above 0: leave out the periods in which nobody was counted")

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        own = slice(stretch.first, stretch.end)
        kept, weights = values[own][baseline], sizes[own][baseline]
        centre = float((kept * weights).sum() / weights.sum())
        between = np.sqrt(1 / weights[1:] + 1 / weights[:-1])
        steps = np.sqrt(np.pi / 2) * np.abs(np.diff(kept)) / between
        sigma = float(steps.mean())
        if screen:
            sigma = float(steps[steps < SCREEN_FACTOR * sigma].mean()) if sigma > 0 else 0.0
        if not sigma > 0:
            return "No limits are drawn: all points are equal, so there is no variation to measure."
        spread = sigma / np.sqrt(sizes[own])
        return Lines(
            centre=np.full(len(spread), centre), sigma=spread, lower=centre - 3 * spread, upper=centre + 3 * spread
        )

    found = _finite(values)
    return draw(Kind.I_PRIME, Points(lowest=found, highest=found), lines_of, reading or Reading())


def run_chart(values: Vector | tuple[Vector, Vector], reading: Reading | None = None) -> Chart:
    """Return the chart with the median as its centre and no limits, read by Anhøj's rules.

    Args:
        values: shape (periods,), NaN where missing; or the lowest and the highest that each point can be.
        reading: by default Anhøj's rules.

    Returns:
        The chart. Where the bounds of withheld points leave the median open, it has no centre and says so.

    Source: Anhøj and Olesen (2014), PLoS ONE 9:e113825. It assumes that points do not depend on each other, and nothing
        of how they spread.
    """
    lowest, highest = values if isinstance(values, tuple) else (values, values)
    _finite(lowest)
    _finite(highest)

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        own = slice(stretch.first, stretch.end)
        ends = [float(np.median(line[own][baseline])) for line in (lowest, highest)]
        if ends[0] < ends[1]:
            return (
                "No centre line is drawn: with what is withheld the median lies between "
                f"{ends[0]:.6g} and {ends[1]:.6g}, and it must not rest on guessed numbers."
            )
        nothing = np.full(stretch.end - stretch.first, np.nan)
        return Lines(centre=np.full(len(nothing), ends[0]), sigma=nothing, lower=nothing, upper=nothing)

    return draw(Kind.RUN, Points(lowest=lowest, highest=highest), lines_of, reading or Reading())


def _known(values: Vector | Known) -> tuple[Vector, Vector]:
    if isinstance(values, Known):
        return values.lower, values.upper
    found = _finite(values)
    return found, found


def _finite(values: Vector) -> Vector:
    if values.ndim != 1:
        raise ValueError(f"a series has one dimension, these values have shape {values.shape}")
    if np.isinf(values).any():
        place = int(np.argmax(np.isinf(values))) + 1
        raise ValueError(f"point {place} is infinite: a rate with nobody in it is NaN")
    return values


def _part(values: Vector | Known, own: slice) -> Vector | Known:
    return _chosen(values, lambda line: line[own])


def _kept(values: Vector | Known, baseline: Flags) -> Vector | Known:
    return _chosen(values, lambda line: line[baseline])


def _chosen(values: Vector | Known, choose: Callable[[Vector], Vector]) -> Vector | Known:
    if isinstance(values, Known):
        return Known(
            lower=choose(values.lower),
            upper=choose(values.upper),
            expected=choose(values.expected),
            variance=choose(values.variance),
        )
    return choose(values)


def _why_none(values: Vector | Known) -> str | None:
    """Return why a stretch has no limits if a point is missing; what a point is left out for is looked at later."""
    if isinstance(values, Known) or not np.isnan(values).any():
        return None
    return why_no_limits(values, np.zeros(len(values), dtype=bool))

"""P, U and C charts of counts, and Laney's P' and U' for large denominators.

Limits rest on the rate over the baseline and on each point's own denominator. Where counts are withheld or rounded they
rest on what is expected given the bounds (`counted.steady_rate`), and the rules say certain, possible or no.
"""

from dataclasses import replace

import numpy as np

from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.counted import Counted, Steady, steady_rate
from rounds.learning.variation.over_time.drawing import FEWEST_POINTS, Lines, Points, Reading, draw
from rounds.learning.variation.over_time.rebasing import Stretch
from rounds.learning.variation.over_time.rules import Vector, mean_range_of
from rounds.learning.variation.over_time.windows import Flags
from rounds.learning.variation.over_time.withheld import Known, mean_range_expected

RANGE_TO_SIGMA = 1.128
"""The mean moving range of two normal values in standard deviations, to the three decimals of the tables."""


def p_chart(counted: Counted, reading: Reading | None = None, *, prime: bool = False, per: float = 1.0) -> Chart:
    """Return a chart of proportions: p +- 3 sqrt(p (1 - p) / n), not below 0 or above 1.

    Args:
        counted: events out of people.
        reading: how it is read; limits alone and Anhøj's rules by default.
        prime: widen the limits by how much points vary beyond binomial chance (Laney's P').
        per: what rates are plotted per; 100 for percent.

    Raises:
        ValueError: if `counted` is not of proportions, or as `draw`.

    Source: Montgomery (2009), Introduction to Statistical Quality Control, 7.2; Laney (2002), Quality Engineering
        14:531-537. It assumes that people are independent, with one probability throughout.
    """
    if not counted.proportion:
        raise ValueError("a P chart is of events out of people: give counts with proportion=True, or draw a U chart")
    return _draw(Kind.P_PRIME if prime else Kind.P, counted, reading, prime=prime, per=per)


def u_chart(counted: Counted, reading: Reading | None = None, *, prime: bool = False, per: float = 1.0) -> Chart:
    """Return a chart of rates: u +- 3 sqrt(u / n), not below 0.

    Args:
        counted: events over an exposure, as bed-days.
        reading: as in `p_chart`.
        prime: as in `p_chart` (Laney's U').
        per: what rates are plotted per; 1000 for events per 1,000 bed-days.

    Raises:
        ValueError: if `counted` is of proportions, or as `draw`.

    Source: Montgomery (2009), 7.3; Laney (2002). It assumes that events are Poisson, with one rate throughout.
    """
    if counted.proportion:
        raise ValueError("a U chart is of events over time: give counts with proportion=False, or draw a P chart")
    return _draw(Kind.U_PRIME if prime else Kind.U, counted, reading, prime=prime, per=per)


def c_chart(events: Counted, reading: Reading | None = None) -> Chart:
    """Return a chart of counts over equal exposures: c +- 3 sqrt(c), not below 0.

    Args:
        events: their sizes are not looked at; see `counts_alone`.
        reading: as in `p_chart`.

    Source: Montgomery (2009), 7.3. It assumes that events are Poisson and every period equally long.
    """
    return _draw(Kind.C, counts_alone(events.events_lower, events.events_upper), reading, prime=False, per=1.0)


def counts_alone(lower: Vector, upper: Vector | None = None) -> Counted:
    """Return counts that are out of nothing but their period."""
    ones = np.ones(len(lower))
    return Counted(
        events_lower=lower,
        events_upper=lower if upper is None else upper,
        sizes_lower=ones,
        sizes_upper=ones,
        proportion=False,
    )


def _draw(kind: Kind, counted: Counted, reading: Reading | None, *, prime: bool, per: float) -> Chart:
    lowest, highest = counted.rates()

    def lines_of(stretch: Stretch, baseline: Flags) -> Lines | str:
        part = _some(counted, stretch)
        return _lines(part, baseline, prime=prime)

    points = Points(lowest=lowest, highest=highest, scale=lambda line: line * per)
    how = reading or Reading()
    return draw(kind, points, lines_of, how)


def _some(counted: Counted, stretch: Stretch) -> Counted:
    own = slice(stretch.first, stretch.end)
    return replace(
        counted,
        events_lower=counted.events_lower[own],
        events_upper=counted.events_upper[own],
        sizes_lower=counted.sizes_lower[own],
        sizes_upper=counted.sizes_upper[own],
    )


def _lines(counted: Counted, baseline: Flags, *, prime: bool) -> Lines | str:
    baseline = baseline & counted.sized
    if np.count_nonzero(baseline) < FEWEST_POINTS:
        return "No limits are drawn: too many denominators are withheld, and limits must not rest on guessed numbers."
    steady = steady_rate(counted, baseline)
    if steady is None:
        return "No limits are drawn: every count that is not 0 is withheld, and a rate of 0 fits as well as any."
    if steady.rate <= 0 or (counted.proportion and steady.rate >= 1):
        return (
            f"No limits are drawn: {'no event was' if steady.rate <= 0 else 'all people were'} counted, so there is no "
            "variation to measure."
        )
    widen = 1.0
    if prime:
        widen = _beyond_chance(counted, steady, baseline)
        if not widen > 0:
            return "No limits are drawn: all points are equal, so there is no variation to measure."
    most = np.where(counted.there, counted.sizes_upper, np.nan)
    lines = _around(steady.rate, most, widen, proportion=counted.proportion)
    if counted.known:
        return lines
    lines = replace(lines, rests_on=baseline)
    fewest = np.where(counted.there, counted.fewest, np.nan)
    widest = _around(steady.rate, fewest, widen, proportion=counted.proportion)
    return replace(lines, at_highest=widest)


def _around(rate: float, sizes: Vector, widen: float, *, proportion: bool) -> Lines:
    sigma = widen * _chance(rate, sizes, proportion=proportion)
    upper = rate + 3 * sigma
    return Lines(
        centre=np.full(len(sizes), rate),
        sigma=sigma,
        lower=np.maximum(rate - 3 * sigma, 0.0),
        upper=np.minimum(upper, 1.0) if proportion else upper,
    )


def _chance(rate: float, sizes: Vector, *, proportion: bool) -> Vector:
    spread: Vector = np.sqrt(rate * (1 - rate) / sizes if proportion else rate / sizes)
    return spread


def _beyond_chance(counted: Counted, steady: Steady, baseline: Flags) -> float:
    """Return by how much points vary from one to the next beyond chance: 1 for none.

    The mean moving range of standardised points, without jumps of 3.267 times it or more, over 1.128.
    """
    chance = _chance(steady.rate, steady.sizes[baseline], proportion=counted.proportion)
    scaled = (steady.events[baseline] / steady.sizes[baseline] - steady.rate) / chance
    variance = steady.variance[baseline] / (steady.sizes[baseline] * chance) ** 2
    if not variance.any():
        return float(mean_range_of(scaled[None, :], screen=True)[0]) / RANGE_TO_SIGMA
    known = Known(lower=scaled, upper=scaled, expected=scaled, variance=variance)
    return mean_range_expected(known, screen=True) / RANGE_TO_SIGMA

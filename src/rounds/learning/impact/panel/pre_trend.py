"""Were sites that adopt moving apart from the others already? And which drift would such a test have missed?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtr, fdtri, ncfdtrinc, stdtr, stdtrit

from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.estimate import groups_of, jackknifed, left_out, pool
from rounds.learning.impact.panel.event_study import EventStudy
from rounds.learning.impact.panel.linear import two_way_residuals
from rounds.learning.impact.panel.outcome import Design, Outcome

POWER = 0.8
_FEWEST_TREATED = 4
_FEWEST_NEVER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Whether the steps before adoption differ from the last of them, all tested together."""

    statistic: float
    """F"""
    p_value: float
    steps: int
    detectable_drift: float
    """the steady drift a period, on the scale of the steps, that this test would notice 4 times in 5"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How fast sites that adopt move apart from those that never do, while neither has the innovation."""

    per_period: float
    """on the scale of the outcome: logs of rates, or means"""
    lower: float
    upper: float
    p_value: float
    detectable: float
    """the drift a period that this test would notice 4 times in 5"""
    adding_up_to: float
    """what the drift found would amount to, on that scale, over the middle time with the innovation"""
    hidden: float
    """what the smallest drift that is noticed 4 times in 5 would amount to, likewise"""


def together(study: EventStudy) -> Together | None:
    """Test the steps before adoption together; None where too few steps or sites are there.

    Source: Hotelling (1931), Ann Math Stat 2:360-378; Roth (2022), Am Econ Rev: Insights 4:305-322, for the power.
    """
    treated = study.treated_sites
    # the covariance comes from so many sites: with as many steps as half of them it says nothing
    most = max(1, (treated - 1) // 2) if treated >= _FEWEST_TREATED else 0
    before = list(range(study.before))[-most:] if most else []
    if not before:
        return None
    values = np.array([study.steps[at].value for at in before])
    block = study.covariance[np.ix_(before, before)]
    number, rest = len(before), treated - len(before)
    statistic = float(values @ np.linalg.solve(block, values)) * rest / (number * (treated - 1))
    path = np.array([study.steps[at].first + study.width for at in before])  # in periods from the reference step
    noticed = float(ncfdtrinc(number, rest, 1 - POWER, float(fdtri(number, rest, 0.95))))
    return Together(
        statistic=statistic,
        p_value=float(1 - fdtr(number, rest, statistic)),
        steps=number,
        detectable_drift=float(np.sqrt(noticed / (path @ np.linalg.solve(block, path)))),
    )


def drift(outcome: Outcome) -> Drift | str:
    """Return how fast adopters move apart from those that never adopt before they do, or why it cannot be told.

    Least squares on site-periods without the innovation: site and period effects and one slope more for adopters.
    Where everybody adopts sooner or later, a common drift towards adoption cannot be told from the passing of time.

    Source: Borusyak, Jaravel and Spiess (2024), section 4.4, for testing on untreated data alone; Welch (1947),
        Biometrika 34:28-35, for the degrees of freedom.
    """
    design = outcome.design
    adopts: Mask = np.asarray(design.treated.any(axis=1))
    before = design.untreated & adopts[:, None]
    never: Mask = np.asarray(design.untreated.any(axis=1) & ~adopts)
    if int(never.sum()) < _FEWEST_NEVER or int(before.any(axis=1).sum()) < _FEWEST_NEVER:
        return "it takes two sites that never adopt, and two with periods before adoption"
    weights = _slope(design, adopts)
    if weights is None:
        return "adopters and the others have too few periods before adoption in common"

    def value(of: Matrix) -> Vector:
        found: Vector = np.tensordot(outcome.values, of, axes=([1, 2], [0, 1]))
        return found

    def without(rows: Mask) -> Vector | None:
        rest = _slope(design.without(rows), adopts)
        return None if rest is None else value(rest)

    groups = groups_of(len(adopts))
    influence = jackknifed(left_out(without, groups, draws=outcome.draws))
    if influence is None:
        return "too few sites are there to tell how much the drift varies"
    by_draw = value(weights)
    pooled = pool(by_draw, (influence**2).sum(axis=1), degrees=_welch(influence, groups, adopts, never))
    error = float(np.sqrt(pooled.variance))
    if not error > 1e-12:
        return "all sites say exactly the same, so that there is nothing to tell its error by"
    limit = float(stdtrit(pooled.degrees, 0.975))
    detectable = (limit + float(stdtrit(pooled.degrees, POWER))) * error
    apart = _time_between(design)
    return Drift(
        per_period=pooled.value,
        lower=pooled.value - limit * error,
        upper=pooled.value + limit * error,
        p_value=float(2 * stdtr(pooled.degrees, -abs(pooled.value) / error)),
        detectable=detectable,
        adding_up_to=pooled.value * apart,
        hidden=detectable * apart,
    )


def _slope(design: Design, adopts: Mask) -> Matrix | None:
    periods = design.untreated.shape[1]
    ramp = np.where(adopts[:, None], np.arange(periods) - (periods - 1) / 2, 0.0)
    try:
        left = two_way_residuals(ramp, design.untreated, sizes=design.sizes)
    except NotConverged:
        return None
    found: Matrix = left * design.weighed(design.untreated)
    size = float((found * left).sum())
    return found / size if size > 1e-9 else None


def _welch(influence: Matrix, groups: NDArray[np.int64], adopts: Mask, never: Mask) -> float:
    """Return the degrees of freedom of a difference between two sets of sites."""
    variance = (influence**2).mean(axis=0)
    parts, spent = 0.0, 0.0
    for rows in (adopts, never):
        here = np.unique(groups[rows])
        own = float(variance[here].sum())
        parts, spent = parts + own, spent + own**2 / max(len(here) - 1, 1)
    return parts**2 / spent if spent > 0 else 1.0


def _time_between(design: Design) -> float:
    """Return the periods from the middle of adopters' time before to the middle of their time with it."""
    columns = np.arange(design.treated.shape[1])
    gaps = [
        columns[with_it].mean() - columns[before].mean()
        for before, with_it in zip(design.untreated, design.treated, strict=True)
        if before.any() and with_it.any()
    ]
    return float(np.mean(gaps)) if gaps else 0.0

"""Whether acting on a score does more good than harm: net benefit against acting on everybody, or on nobody."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Known, NoAnswer, Vector
from rounds.learning.intervals import Z95

Index = NDArray[np.int64]

EMPTY = "There may be nobody in the table, so no benefit can be told; count over a longer time or over more sites."
ONE_KIND = (
    "There may be nobody with the outcome, or nobody without it; with a prevalence from elsewhere both are needed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """Net benefit for each unit. Arrays have shape (thresholds,)."""

    value: Vector
    """NaN where something in the table is withheld"""
    lower: Vector
    upper: Vector
    """the least and the most it can be"""
    lower95: Vector
    upper95: Vector
    """95 % confidence limits over these; NaN where the prevalence is from elsewhere"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCurve:
    """Net benefit at thresholds of risk. Arrays have shape (thresholds,)."""

    thresholds: Vector
    by_score: Benefit
    """of acting where the foretold risk is at or above the threshold"""
    for_all: Benefit
    """of acting on everybody; that of acting on nobody is 0"""
    avoided: Vector
    """interventions avoided for each unit, against acting on everybody, without missing more events"""


def decision_curve(
    table: ScoreTable, *, foretold: Vector, thresholds: Vector, prevalence: float | None = None
) -> DecisionCurve | NoAnswer:
    """Return the net benefit of acting on foretold risks at each threshold, or why it cannot be told.

    Net benefit = TP / n - FP / n x p / (1 - p): the threshold p says how many needless interventions are worth one that
    is needed.

    Args:
        table: of one site, or of several added up; cells may be withheld or rounded.
        foretold: the risk of each score, shape (levels,), which must not fall as the score rises.
        thresholds: risks from 0 to below 1, shape (thresholds,).
        prevalence: of the outcome where the table is not of a whole population, such as cases and controls.

    Raises:
        ValueError: if shapes or ranges are wrong.

    Source: Vickers and Elkin (2006), Med Decis Making 26:565-574; interventions avoided: Vickers and others (2008), BMC
        Med Inform Decis Mak 8:53; the variance is that of proportions of a multinomial.
    """
    _check(table, foretold, thresholds, prevalence)
    if table.events.lower.sum() + table.others.lower.sum() == 0:
        return NoAnswer(reason=EMPTY)
    if prevalence is not None and min(table.events.lower.sum(), table.others.lower.sum()) == 0:
        return NoAnswer(reason=ONE_KIND)
    weight = thresholds / (1 - thresholds)
    first = np.searchsorted(foretold, thresholds, side="left").astype(np.int64)
    by_score = _benefit(table, first, weight, prevalence)
    for_all = _benefit(table, np.zeros_like(first), weight, prevalence)
    gain = by_score.value - for_all.value
    avoided = np.divide(gain, weight, out=np.full_like(gain, np.nan), where=weight > 0)
    return DecisionCurve(thresholds=thresholds, by_score=by_score, for_all=for_all, avoided=avoided)


def _check(table: ScoreTable, foretold: Vector, thresholds: Vector, prevalence: float | None) -> None:
    if foretold.shape != table.scores.shape or not ((foretold >= 0) & (foretold <= 1)).all():
        raise ValueError(f"give a risk from 0 to 1 for each of the {len(table.scores)} scores")
    if (np.diff(foretold) < 0).any():
        raise ValueError("a foretold risk falls as the score rises; order the table by risk, or fit one that rises")
    if not ((thresholds >= 0) & (thresholds < 1)).all():
        raise ValueError("a threshold of risk is 0 or more and below 1")
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError("a prevalence is above 0 and below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    """Units at or above each threshold, and below. Each has shape (thresholds,)."""

    hit: Vector
    missed: Vector
    alarm: Vector
    quiet: Vector


def _benefit(table: ScoreTable, first: Index, weight: Vector, prevalence: float | None) -> Benefit:
    """Return net benefit with its bounds: it rises with true alarms and falls with false ones, whatever the rest is."""
    from_first, below = _cumulated(table.events, first)
    alarms, quiet = _cumulated(table.others, first)
    told = _Split(hit=from_first.value, missed=below.value, alarm=alarms.value, quiet=quiet.value)
    value, _ = _net(told, weight, prevalence)
    lower, upper = np.full_like(value, np.inf), np.full_like(value, -np.inf)
    lower95, upper95 = lower.copy(), upper.copy()
    ends = ((from_first.lower, alarms.upper), (from_first.upper, alarms.lower))
    rests = (
        (below.lower, quiet.lower),
        (below.upper, quiet.lower),
        (below.lower, quiet.upper),
        (below.upper, quiet.upper),
    )
    for hit, alarm in ends:
        for missed, still in rests:
            net, error = _net(_Split(hit=hit, missed=missed, alarm=alarm, quiet=still), weight, prevalence)
            lower, upper = np.fmin(lower, net), np.fmax(upper, net)
            lower95, upper95 = np.fmin(lower95, net - Z95 * error), np.fmax(upper95, net + Z95 * error)
    if prevalence is not None:
        lower95, upper95 = np.full_like(lower, np.nan), np.full_like(lower, np.nan)
    return Benefit(value=value, lower=lower, upper=upper, lower95=lower95, upper95=upper95)


def _cumulated(counts: Known, first: Index) -> tuple[Known, Known]:
    """Return the sums from the first level of each threshold on, and below it."""
    sums = [np.concatenate([[0.0], np.cumsum(numbers)]) for numbers in (counts.value, counts.lower, counts.upper)]
    backwards = [
        np.concatenate([np.cumsum(numbers[::-1])[::-1], [0.0]])
        for numbers in (counts.value, counts.lower, counts.upper)
    ]
    value, lower, upper = (numbers[first] for numbers in backwards)
    rest, rest_lower, rest_upper = (numbers[first] for numbers in sums)
    return (
        Known(value=value, lower=lower, upper=upper),
        Known(value=rest, lower=rest_lower, upper=rest_upper),
    )


def _net(split: _Split, weight: Vector, prevalence: float | None) -> tuple[Vector, Vector]:
    events, others = split.hit + split.missed, split.alarm + split.quiet
    size = events + others
    if prevalence is None:
        hit, alarm = _part(split.hit, size), _part(split.alarm, size)
    else:
        hit = _part(split.hit, events) * prevalence
        alarm = _part(split.alarm, others) * (1 - prevalence)
    net = hit - weight * alarm
    variance = np.maximum(hit + weight**2 * alarm - net**2, 0.0)
    return net, np.sqrt(_part(variance, size))


def _part(part: Vector, whole: Vector) -> Vector:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)

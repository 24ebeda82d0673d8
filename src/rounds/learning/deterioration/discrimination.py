"""Whether those who deteriorate have higher scores: the area under the ROC curve, with DeLong's interval."""

from collections.abc import Callable
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Amount, Interval, Known, NoAnswer, Vector
from rounds.learning.intervals import Z95

METHOD = "delong-from-table@1"
ASSUMES = (
    "Units are independent of one another. Several sets of observations of one patient are not: their interval is too "
    "narrow unless it is reckoned by patient (`clustered`), or one set is taken of each admission."
)
FEW = 100
FEW_EVENTS = (
    "With fewer than 100 units with the outcome, DeLong's interval holds the true area less often than in 95 of 100 "
    "tables (about 91 at 30 units and an area of 0.87); that on the scale of log odds does so a little more often."
)
TOO_FEW = (
    "There are fewer than two {what} in the table for certain, so how well the score tells them apart cannot be told; "
    "count over a longer time or over more sites."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auroc:
    """The chance that a unit with the outcome has a higher score than one without; ties count half."""

    value: float | None
    """None where something in the table is withheld"""
    lower: float
    upper: float
    """the least and the most it can be; equal to the value where the table is exact"""
    interval: Interval | None
    """DeLong's; None where the scores separate perfectly, or may do so: the variance is then not told"""
    logit_interval: Interval | None
    """the same variance on the scale of log odds: better where there are few events or the area is near 1"""
    standard_error: float | None
    """DeLong's; None unless the table is exact"""
    events: Amount
    others: Amount
    notes: tuple[str, ...] = ()
    method: str = METHOD
    assumes: str = ASSUMES


def auroc(table: ScoreTable) -> Auroc | NoAnswer:
    """Return the area under the ROC curve with its interval, or why it cannot be told.

    Where cells are known only between bounds, the area lies between two numbers that are both reached: it rises most
    with events at high and others at low scores, so only tables need be looked at that hold the most events from some
    score on and the least below, and the others the other way about. For the interval the tables with the lowest and
    the highest limit are looked for among these and then by steps, one cell at a time, while that leads further:
    that none is further away was tried, and is not proved.

    Args:
        table: of one site, or of several added up.

    Source: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837-845; each placement is that of a score, and a
        score's placement is read from the table.
    """
    events, others = table.events.total(), table.others.total()
    for amount, what in ((events, "units with the outcome"), (others, "units without it")):
        if amount.lower < 2:
            return NoAnswer(reason=TOO_FEW.format(what=what))
    area, variance = _delong(table.events.value, table.others.value)
    lowest, highest = _extreme(table, highest=False), _extreme(table, highest=True)
    return Auroc(
        value=None if np.isnan(area) else float(area),
        lower=float(_delong(*lowest)[0].min()),
        upper=float(_delong(*highest)[0].max()),
        interval=_interval(table, lowest, highest, _plain),
        logit_interval=_interval(table, lowest, highest, _log_odds),
        standard_error=float(np.sqrt(variance)) if table.is_exact else None,
        events=events,
        others=others,
        notes=(FEW_EVENTS,) if events.lower < FEW else (),
    )


Tables = tuple[Vector, Vector]
"""Events and others of several exact tables, each of shape (tables, levels)."""
Limit = Callable[[Vector, Vector, int], Vector]
"""From areas, their standard errors and -1 or 1, the lower or upper limits."""


def _extreme(table: ScoreTable, *, highest: bool) -> Tables:
    """Return tables among which the one with the lowest or highest area is."""
    if table.is_exact:
        return table.events.value[None], table.others.value[None]
    levels = np.arange(len(table.scores))
    from_cut = levels >= np.arange(len(levels) + 1)[:, None]
    many = np.where(from_cut == highest, table.events.upper, table.events.lower)
    few = np.where(from_cut == highest, table.others.lower, table.others.upper)
    return np.repeat(many, len(few), axis=0), np.tile(few, (len(many), 1))


def _interval(table: ScoreTable, lowest: Tables, highest: Tables, limit: Limit) -> Interval | None:
    lower = _furthest(table, lowest, limit, -1)
    upper = _furthest(table, highest, limit, 1)
    return None if lower is None or upper is None else Interval(lower=max(0.0, lower), upper=min(1.0, upper))


def _furthest(table: ScoreTable, start: Tables, limit: Limit, side: int) -> float | None:
    """Return the lowest (side -1) or highest limit that is found, or None if a table has no variance.

    It is looked for from the table that is furthest to begin with, and from that with the largest variance.
    """
    areas, variances = _delong(*start)
    if not (variances > 0).all():
        return None
    if table.is_exact:
        return float(limit(areas, np.sqrt(variances), side)[0])
    first = {int((side * limit(areas, np.sqrt(variances), side)).argmax()), int(variances.argmax())}
    found = [_climb(table, (start[0][at], start[1][at]), limit, side) for at in sorted(first)]
    told = [one for one in found if one is not None]
    return None if len(told) < len(found) else side * max(side * one for one in told)


def _climb(table: ScoreTable, at: Tables, limit: Limit, side: int) -> float | None:
    """Return the limit at the end of steps of one cell each, every time that which leads furthest."""
    best = -np.inf
    while True:
        steps = at[0][None], at[1][None]
        if best > -np.inf:
            by_events, by_others = _moved(at[0], table.events), _moved(at[1], table.others)
            steps = (
                np.concatenate([by_events, np.broadcast_to(at[0], by_others.shape)]),
                np.concatenate([np.broadcast_to(at[1], by_events.shape), by_others]),
            )
        areas, variances = _delong(*steps)
        if not (variances > 0).all():
            return None
        found = side * limit(areas, np.sqrt(variances), side)
        if not len(found) or found.max() <= best + 1e-12:
            return float(side * best)
        best, at = float(found.max()), (steps[0][found.argmax()], steps[1][found.argmax()])


def _moved(counts: Vector, known: Known) -> Vector:
    """Return the counts with one of them at either of its ends, or one more or less: a row for each way."""
    wide = np.flatnonzero(known.lower < known.upper)
    found = np.tile(counts, (4 * len(wide), 1))
    at, here = np.arange(len(wide)), counts[wide]
    lower, upper = known.lower[wide], known.upper[wide]
    ways = (lower, upper, np.maximum(here - 1, lower), np.minimum(here + 1, upper))
    for number, values in enumerate(ways):
        found[number * len(wide) + at, wide] = values
    return found


def _plain(areas: Vector, errors: Vector, side: int) -> Vector:
    return areas + side * Z95 * errors


def _log_odds(areas: Vector, errors: Vector, side: int) -> Vector:
    """Return limits on the scale of log odds, carried back.

    Source: Pepe (2003), The Statistical Evaluation of Medical Tests, section 5.2.
    """
    middle, half = np.log(areas / (1 - areas)), Z95 * errors / (areas * (1 - areas))
    return np.asarray(1 / (1 + np.exp(-side * half - middle)))


def _delong(events: Vector, others: Vector) -> tuple[Vector, Vector]:
    """Return areas and their variances; levels are on the last axis, tables on those before it."""
    of_events, of_others = placements(events, others)
    area = (events * of_events).sum(-1) / events.sum(-1)
    spread_events = _spread(events, of_events, area)
    spread_others = _spread(others, of_others, area)
    return area, spread_events / events.sum(-1) + spread_others / others.sum(-1)


def _spread(counts: Vector, placed: Vector, area: Vector) -> Vector:
    squares: Vector = (counts * (placed - area[..., None]) ** 2).sum(-1) / (counts.sum(-1) - 1)
    return squares


def placements(events: Vector, others: Vector) -> tuple[Vector, Vector]:
    """Return, for each score, the part of those without the outcome that lie below it, and of those with it above.

    Args:
        events: exact counts, shape (..., levels).
        others: same shape.
    """
    below = np.cumsum(others, axis=-1) - others / 2
    above = events.sum(-1, keepdims=True) - np.cumsum(events, axis=-1) + events / 2
    return below / others.sum(-1, keepdims=True), above / events.sum(-1, keepdims=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One score's area under the ROC curve less another's, over the same units."""

    first: float
    second: float
    difference: float
    interval: Interval
    p: float
    """two-sided, of no difference"""


def compare_scores(events: NDArray[Any], others: NDArray[Any]) -> Difference | NoAnswer:
    """Return the difference of two scores' areas over the same units, or why it cannot be told.

    Args:
        events: exact counts of units with the outcome by both scores, shape (first's levels, second's levels); those of
            several sites are added up.
        others: of units without it, same shape.

    Raises:
        ValueError: if shapes differ or a count is missing or below 0: where a cell is withheld this cannot be told.

    Source: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837-845.
    """
    if events.ndim != 2 or events.shape != others.shape:
        raise ValueError(f"shapes {events.shape} and {others.shape}: give two tables of both scores")
    if not (np.isfinite(events).all() and np.isfinite(others).all() and (events >= 0).all() and (others >= 0).all()):
        raise ValueError("a cell of the two scores' table is withheld or below 0: compare over sites that know it")
    if events.sum() < 2 or others.sum() < 2:
        return NoAnswer(reason=TOO_FEW.format(what="units with or without the outcome"))
    areas, spread = [], np.zeros((2, *events.shape))
    spread_others = spread.copy()
    for axis in (0, 1):
        its = placements(events.sum(1 - axis).astype(np.float64), others.sum(1 - axis).astype(np.float64))
        area = float((events.sum(1 - axis) * its[0]).sum() / events.sum())
        areas.append(area)
        shape = (-1, 1) if axis == 0 else (1, -1)
        spread[axis] += (its[0] - area).reshape(shape)
        spread_others[axis] += (its[1] - area).reshape(shape)
    variance = 0.0
    for counts, deviations in ((events, spread), (others, spread_others)):
        total = float(counts.sum())
        variance += float((counts * (deviations[0] - deviations[1]) ** 2).sum()) / (total - 1) / total
    difference = areas[0] - areas[1]
    if variance == 0 and difference != 0:
        return NoAnswer(
            reason="Every unit is placed alike by both scores, so chance in their difference cannot be told."
        )
    half = Z95 * sqrt(variance)
    p = erfc(abs(difference) / sqrt(2 * variance)) if variance else 1.0
    return Difference(
        first=areas[0],
        second=areas[1],
        difference=difference,
        interval=Interval(lower=difference - half, upper=difference + half),
        p=p,
    )

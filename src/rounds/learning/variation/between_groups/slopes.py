"""Slope and relative index of inequality: how a value changes from the most to the least deprived."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from rounds.learning.exact_intervals import student_quantile
from rounds.learning.intervals import Vector, normal_quantile

FEWEST_GROUPS = 3


class SlopeScale(StrEnum):
    """On which values fall in a line."""

    PLAIN = "plain"
    LOG = "log"
    """rates"""
    LOGIT = "logit"
    """proportions"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InequalitySlope:
    """The line through groups in order, least advantaged first, over the share of people before each."""

    sii: float
    """value at the very end less that at the very start: how much the best off have more than the worst off"""
    sii_lower: float
    sii_upper: float
    rii: float
    """the one over the other"""
    rii_lower: float
    rii_upper: float
    intercept: float
    """at the very start"""
    positions: Vector
    """of each group: people before it and half its own, of all, shape (groups,)"""
    misfit: float
    """weighted squares about the line over their degrees of freedom: well above 1, it is no line"""
    notes: tuple[str, ...]


def inequality_slope(
    *,
    values: Vector,
    standard_errors: Vector,
    people: Vector,
    scale: SlopeScale = SlopeScale.PLAIN,
    confidence: float = 0.95,
) -> InequalitySlope:
    """Return slope and relative index of inequality.

    Args:
        values: of groups in order of disadvantage, the worst off first, shape (groups,).
        standard_errors: of the values, same shape, each > 0.
        people: in each group, each > 0; each end of the bounds of withheld ones moves positions, not values.
        scale: on which a line is fitted. Standard errors are carried to it.
        confidence: above 0, below 1. The slope's interval takes the standard errors as known.

    Raises:
        ValueError: if shapes differ, there are fewer than three groups, or a number is impossible.

    Source: Mackenbach and Kunst (1997), Soc Sci Med 44:757-771; Low and Low (2004), J Public Health 26:117-120. The
        line weighs groups by their people, as in PHEindicatormethods 2.1.0, `phe_sii`, which finds the interval by
        simulating values; this is what that tends to, in closed form, on the scale of the line.

    >>> found = inequality_slope(
    ...     values=np.array([10.0, 12, 14]), standard_errors=np.array([1.0, 1, 1]), people=np.array([50.0, 50, 50])
    ... )
    >>> (round(found.sii, 9), round(found.rii, 4))
    (6.0, 1.6667)
    """
    _check(values, standard_errors, people, scale)
    positions = (np.cumsum(people) - people / 2) / people.sum()
    y, error = _forward(values, standard_errors, scale)
    design = np.column_stack([np.ones_like(positions), positions])
    weighted = design * people[:, None]
    maker = np.linalg.inv(design.T @ weighted) @ weighted.T
    start, slope = maker @ y
    covariance = (maker * error**2) @ maker.T
    misfit = float((((y - design @ np.array([start, slope])) / error) ** 2).sum() / (len(y) - 2))
    z = normal_quantile(confidence)
    ends = np.array([start, start + slope])
    first, last = _back(ends, scale)
    # Both indices as functions of intercept and slope, by the delta method; the relative one on the log scale.
    at_first, at_last = _slope_back(ends, scale)
    of_sii = np.array([at_last - at_first, at_last])
    half = z * float(np.sqrt(of_sii @ covariance @ of_sii))
    sii = float(last - first)
    rii = float(last / first) if first != 0 else np.nan
    of_log = np.array([at_last / last - at_first / first, at_last / last]) if first * last > 0 else np.full(2, np.nan)
    wide = z * float(np.sqrt(of_log @ covariance @ of_log))
    return InequalitySlope(
        sii=sii,
        sii_lower=sii - half,
        sii_upper=sii + half,
        rii=rii,
        rii_lower=rii * float(np.exp(-wide)),
        rii_upper=rii * float(np.exp(wide)),
        intercept=float(first),
        positions=positions,
        misfit=misfit,
        notes=_notes(misfit, len(y), confidence),
    )


def _notes(misfit: float, groups: int, confidence: float) -> tuple[str, ...]:
    found = [
        "The index compares the two ends of a line through all groups, not the last group with the first. It says how "
        "values go along with deprivation, not that deprivation makes them so.",
    ]
    if misfit > student_quantile(confidence, max(groups - 2, 1)):
        found.append(f"Groups lie off the line by more than chance ({misfit:.1f} times): look at them one by one.")
    return tuple(found)


def _forward(values: Vector, errors: Vector, scale: SlopeScale) -> tuple[Vector, Vector]:
    if scale is SlopeScale.LOG:
        return np.log(values), errors / values
    if scale is SlopeScale.LOGIT:
        return np.log(values / (1 - values)), errors / (values * (1 - values))
    return values, errors


def _back(ends: Vector, scale: SlopeScale) -> Vector:
    if scale is SlopeScale.LOG:
        return np.asarray(np.exp(ends), dtype=np.float64)
    if scale is SlopeScale.LOGIT:
        return np.asarray(1 / (1 + np.exp(-ends)), dtype=np.float64)
    return ends


def _slope_back(ends: Vector, scale: SlopeScale) -> NDArray[np.float64]:
    back = _back(ends, scale)
    if scale is SlopeScale.LOG:
        return back
    return np.asarray(back * (1 - back), dtype=np.float64) if scale is SlopeScale.LOGIT else np.ones(2)


def _check(values: Vector, errors: Vector, people: Vector, scale: SlopeScale) -> None:
    if values.ndim != 1 or values.shape != errors.shape or values.shape != people.shape:
        raise ValueError("give a value, a standard error and a number of people to each group")
    if len(values) < FEWEST_GROUPS:
        raise ValueError(f"give at least {FEWEST_GROUPS} groups in order: two make a gap, no slope")
    highest = 1.0 if scale is SlopeScale.LOGIT else np.inf
    for bad, problem in (
        (~(np.isfinite(values) & np.isfinite(errors) & np.isfinite(people)), "has a missing or infinite number"),
        (errors <= 0, "has no standard error above 0"),
        (people <= 0, "has nobody in it"),
        ((scale is not SlopeScale.PLAIN) & ((values <= 0) | (values >= highest)), f"has a value without a {scale}"),
    ):
        if bad.any():
            raise ValueError(f"group {int(np.argmax(bad)) + 1} {problem}: leave it out and say so")

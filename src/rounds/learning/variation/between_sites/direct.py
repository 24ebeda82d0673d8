"""Directly standardised rates of many areas at once, by the intervals in use."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, chdtri

from rounds.learning.intervals import Vector, byar, normal_quantile

Matrix = NDArray[np.float64]

FEWEST_EVENTS = 10
"""Below which the Office for Health Improvement and Disparities shows no directly standardised rate."""


class DirectMethod(StrEnum):
    """How the interval is made."""

    DOBSON = "dobson"
    """Byar's interval of all events, carried over"""
    GAMMA = "gamma"
    """Fay and Feuer's, which covers at least as often as it says"""
    BETA = "beta"
    """a beta distribution of the same mean and variance; narrower, and can cover too seldom"""
    NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRates:
    """Rates as they would be in the standard population, per 1. Arrays have shape (areas,), NaN where there is none."""

    values: Vector
    lower: Vector
    upper: Vector
    events: Vector
    reasons: tuple[str | None, ...]
    """of each area: None, or a whole sentence saying why it has no rate"""


def direct_rates(
    *,
    events: Matrix,
    sizes: Matrix,
    weights: Vector,
    method: DirectMethod = DirectMethod.DOBSON,
    confidence: float = 0.95,
    fewest_events: int = FEWEST_EVENTS,
    squares: Matrix | None = None,
) -> DirectRates:
    """Return the directly standardised rate of each area.

    Args:
        events: shape (areas, groups), each 0 or more; NaN where a count is withheld.
        sizes: people or time, same shape; NaN where withheld.
        weights: people of the standard population, shape (groups,), each > 0.
        method: of the interval.
        confidence: above 0, below 1.
        fewest_events: without which an area has no rate. By Dobson's and the normal method 0 events have no interval.
        squares: where one person may have several events, the sum over people of the square of their number of events,
            same shape; the interval then allows for events that come together.

    Raises:
        ValueError: if shapes differ, a count is infinite or below 0, or a weight is not above 0.

    Source: Dobson et al. (1991), Stat Med 10:457-462, as in PHEindicatormethods 2.1.0; Fay and Feuer (1997), Stat Med
        16:791-801; Tiwari, Clegg and Zou (2006), Stat Methods Med Res 15:547-569.
    """
    share = _share(events, sizes, weights)
    reasons = _reasons(events, sizes, max(fewest_events, 1 if method is not DirectMethod.GAMMA else 0))
    fine = np.array([reason is None for reason in reasons])
    top, bottom = np.where(fine[:, None], events, 1.0), np.where(fine[:, None], sizes, 1.0)
    factor = share / bottom
    values = (factor * top).sum(axis=1)
    variance = (factor**2 * (top if squares is None else np.where(fine[:, None], squares, 1.0))).sum(axis=1)
    number = top.sum(axis=1)
    if method is DirectMethod.DOBSON:
        low, high = _dobson(values, variance, number, confidence)
    elif method is DirectMethod.GAMMA:
        low, high = _gamma(values, variance, factor.max(axis=1), confidence)
    elif method is DirectMethod.BETA:
        low, high = _beta(values, variance, confidence)
    else:
        half = normal_quantile(confidence) * np.sqrt(variance)
        low, high = np.maximum(values - half, 0.0), values + half
    return DirectRates(
        values=np.where(fine, values, np.nan),
        lower=np.where(fine, low, np.nan),
        upper=np.where(fine, high, np.nan),
        events=events.sum(axis=1),
        reasons=reasons,
    )


def _dobson(values: Vector, variance: Vector, number: Vector, confidence: float) -> tuple[Vector, Vector]:
    low, high = byar(number, confidence=confidence)
    spread = np.sqrt(variance / number)
    return np.maximum(values + spread * (low - number), 0.0), values + spread * (high - number)


def _gamma(values: Vector, variance: Vector, largest: Vector, confidence: float) -> tuple[Vector, Vector]:
    tail = (1 - confidence) / 2
    none = values <= 0
    some, spread = np.where(none, 1.0, values), np.where(none, 1.0, variance)
    low = np.where(none, 0.0, spread / (2 * some) * chdtri(2 * some**2 / spread, 1 - tail))
    up, wide = values + largest, variance + largest**2
    return low, wide / (2 * up) * chdtri(2 * up**2 / wide, tail)


def _beta(values: Vector, variance: Vector, confidence: float) -> tuple[Vector, Vector]:
    tail = (1 - confidence) / 2
    size = np.maximum(values * (1 - values) / variance - 1, 1e-300)
    a, b = values * size, (1 - values) * size
    return betaincinv(a, b, tail), betaincinv(a, b, 1 - tail)


def _share(events: Matrix, sizes: Matrix, weights: Vector) -> Vector:
    if events.ndim != 2 or events.shape != sizes.shape or weights.shape != events.shape[1:]:
        raise ValueError("give events and sizes as areas by groups, and one weight to each group")
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise ValueError("each group of the standard population has a weight above 0")
    for part, name in ((events, "events"), (sizes, "size")):
        if np.isinf(part).any() or (part < 0).any():
            at = np.argwhere(np.isinf(part) | (part < 0))[0]
            raise ValueError(f"area {at[0] + 1}, group {at[1] + 1}: {name} below 0 or infinite")
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _reasons(events: Matrix, sizes: Matrix, fewest: int) -> tuple[str | None, ...]:
    found: list[str | None] = []
    for top, bottom in zip(events, sizes, strict=True):
        if np.isnan(top).any() or np.isnan(bottom).any():
            found.append("A count is withheld: ask for the rate between bounds.")
        elif (bottom == 0).any():
            found.append("Nobody is counted in a group of the standard population, so its rate is not known.")
        elif top.sum() < fewest:
            found.append(f"There are fewer than {fewest} events: too few for a standardised rate.")
        else:
            found.append(None)
    return tuple(found)

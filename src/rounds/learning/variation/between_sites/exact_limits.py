"""Limits of a funnel without over-dispersion that do not lean on a normal curve, for drawing and for judging."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, poisson

from rounds.learning.exact_intervals import exact_count
from rounds.learning.intervals import normal_quantile
from rounds.learning.variation.between_sites.limits import FunnelLimits, Vector

TAILS = (0.025, 0.975, 0.001, 0.999)


def exact_proportion_limits(*, centre: float, denominators: Vector) -> FunnelLimits:
    """Return limits of a proportion, interpolated between what whole numbers of events can be.

    With r the p-quantile of the binomial, the limit is (r - (P(X <= r) - p) / P(X = r)) / n, cut off at 0 and 1.

    Args:
        centre: the network's proportion, above 0 and below 1.
        denominators: whole numbers, each > 0.

    Raises:
        ValueError: if either is out of range.

    Source: Spiegelhalter (2005), Stat Med 24:1185-1202, appendix A.1.1.
    """
    if not 0 < centre < 1:
        raise ValueError("where nothing or everything is an event there are no limits: the centre is 0 or 1")
    sizes = _above_zero(denominators)
    return _limits(
        *(np.clip(_interpolated(binom(sizes, centre), tail) / sizes, 0.0, 1.0) for tail in TAILS),
    )


def exact_ratio_limits_interpolated(*, expected: Vector) -> FunnelLimits:
    """Return limits of observed over expected events, interpolated; arguments and source as above, with a Poisson."""
    mean = _above_zero(expected)
    return _limits(*(np.maximum(_interpolated(poisson(mean), tail) / mean, 0.0) for tail in TAILS))


def score_limits(*, centre: float, denominators: Vector) -> FunnelLimits:
    """Return the proportions at which Wilson's interval just reaches the centre, cut off at 0 and 1.

    Args:
        centre: the network's proportion, 0 to 1.
        denominators: each > 0.

    Source: PHEindicatormethods 2.1.0, `calculate_funnel_limits`; Wilson's interval is the score test turned round, so
        these are centre +- z sqrt(centre (1 - centre) / n).
    """
    spread = np.sqrt(centre * (1 - centre) / _above_zero(denominators))
    near, far = normal_quantile(0.95), normal_quantile(0.998)
    return _limits(*(np.clip(centre + z * spread, 0.0, 1.0) for z in (-near, near, -far, far)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizesAtLimits:
    """How large a denominator is at which so many events lie on a limit. Arrays have shape (events,)."""

    lower95: Vector
    upper95: Vector
    lower998: Vector
    upper998: Vector


def sizes_at_limits(*, events: Vector, centre: float = 1.0) -> SizesAtLimits:
    """Return, for numbers of events, the time or the expected events at which they are on a limit: exact, of a rate.

    Divide the events by them for the limit's height.

    Args:
        events: each > 0.
        centre: the network's rate, above 0; 1 of standardised ratios.

    Source: PHEindicatormethods 2.1.0, `calculate_funnel_limits`; Garwood (1936), Biometrika 28:437-442.
    """
    if not centre > 0:
        raise ValueError("without events the network has no rate, and no limits")
    low95, high95 = exact_count(_above_zero(events), confidence=0.95)
    low998, high998 = exact_count(events, confidence=0.998)
    return SizesAtLimits(
        lower95=high95 / centre, upper95=low95 / centre, lower998=high998 / centre, upper998=low998 / centre
    )


def exact_places(*, events: ArrayLike, expected: ArrayLike) -> NDArray[np.int8]:
    """Return where counts lie against what is expected of them, by their exact intervals: -2 (99.8 %) to 2; 0 inside.

    Args:
        events: each 0 or more.
        expected: by the network's rate or by a case-mix model, each > 0.

    Source: PHEindicatormethods 2.1.0, `assign_funnel_significance`.
    """
    mean = np.asarray(expected, dtype=np.float64)
    low95, high95 = exact_count(events, confidence=0.95)
    low998, high998 = exact_count(events, confidence=0.998)
    above = (low95 > mean).astype(np.int8) + (low998 > mean)
    below = (high95 < mean).astype(np.int8) + (high998 < mean)
    found: NDArray[np.int8] = (above - below).astype(np.int8)
    return found


def _interpolated(distribution: object, tail: float) -> Vector:
    quantile = distribution.ppf(tail)  # type: ignore[attr-defined]  # scipy's frozen distributions have no types
    beyond = distribution.cdf(quantile) - tail  # type: ignore[attr-defined]  # as above
    at = distribution.pmf(quantile)  # type: ignore[attr-defined]  # as above
    return np.asarray(quantile - beyond / at, dtype=np.float64)


def _above_zero(sizes: Vector) -> Vector:
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise ValueError("a limit belongs to a finite size above 0: leave out what has none, and say so")
    return sizes


def _limits(low95: Vector, high95: Vector, low998: Vector, high998: Vector) -> FunnelLimits:
    return FunnelLimits(lower95=low95, upper95=high95, lower998=low998, upper998=high998)

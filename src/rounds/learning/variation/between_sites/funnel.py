"""Funnel plots of proportions, and of rates over time, between organisations, with over-dispersion.

On the scale of the arcsine of its root, the sampling variance of a proportion is 1 / 4n, n being the denominator. So
it is for a rate of events over time, on the scale of its root.
Over-dispersion is judged, and limits are drawn, on that scale and carried back.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

Z95 = 1.959964
Z998 = 3.090232
"""Normal quantiles, rounded as FunnelPlotR rounds them, so that limits can be compared with its own to 1e-8."""
WINSORISED_SHARE = 0.1
"""The share of organisations at each end whose z-scores are pulled in before over-dispersion is measured."""


class Outlier(StrEnum):
    """Where an organisation lies, after over-dispersion."""

    HIGH_998 = "high_99.8"
    HIGH_95 = "high_95"
    INSIDE = "inside"
    LOW_95 = "low_95"
    LOW_998 = "low_99.8"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelLimits:
    """Limits at some denominators, for drawing. Arrays have the shape of those denominators."""

    lower95: Vector
    upper95: Vector
    lower998: Vector
    upper998: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Proportions of organisations against their size. Arrays have shape (organisations,)."""

    values: Vector
    denominators: Vector
    centre: float
    """the network's proportion: sum of numerators / sum of denominators"""
    phi: float
    """over-dispersion ratio: the mean squared winsorised z-score; 1 or less means none. Told even when unused"""
    tau2: float
    """between-organisation variance on the transformed scale; 0 where there is none or it was not asked for"""
    lower95: Vector
    upper95: Vector
    lower998: Vector
    upper998: Vector
    """limits at each organisation's own denominator, over-dispersion included when tau2 > 0"""
    outliers: tuple[Outlier, ...]
    """status judged from the value and the over-dispersed limits"""
    estimated: bool = False
    """centre and over-dispersion rest on what withheld counts are expected to be, and not only on those that are
    shown; those organisations have limits and no value"""


def funnel_proportions(
    *, numerators: Vector, denominators: Vector, overdispersion: bool = True, information: Vector | None = None
) -> Funnel:
    """Return each organisation's proportion against the network's, with its limits and status.

    Args:
        numerators: shape (organisations,), each from 0 to its denominator; may be rounded.
        denominators: shape (organisations,), each > 0.
        overdispersion: widen the limits by the variance between organisations that chance does not explain.
        information: shape (organisations,), above 0 to 1: how much of what an exact numerator tells of the rate each
            tells that is expected from its bounds. It weighs as one of so much smaller a denominator when the
            over-dispersion is judged. None where all are known; limits are always those of the denominators given.

    Returns:
        The funnel. With equal proportions everywhere, or all 0 or all 1, there is no over-dispersion and nobody is an
        outlier.

    Raises:
        ValueError: if shapes differ, there are fewer than two organisations, or a count is missing, infinite or
            impossible. Where a count is withheld give what it is expected to be, with its information, or leave the
            organisation out, and say so beside the funnel.

    Source: Spiegelhalter (2005), Stat Med 24:1185-1202, section 3; Spiegelhalter et al. (2012), J R Stat Soc A
        175:1-47; FunnelPlotR 0.6.0, data type "PR".

    >>> deaths, admissions = np.array([10.0, 12, 60]), np.array([100.0, 110, 200])
    >>> plain = funnel_proportions(numerators=deaths, denominators=admissions, overdispersion=False)
    >>> [status.value for status in plain.outliers]
    ['low_95', 'low_95', 'high_99.8']
    """
    _check(numerators, denominators)
    if (numerators > denominators).any():
        at = int(np.argmax(numerators > denominators))
        raise ValueError(f"organisation {at + 1} has a numerator above its denominator: a proportion is at most 1")
    centre = float(numerators.sum() / denominators.sum())
    values = numerators / denominators
    weighing = _weighing(denominators, information)
    z_scores = 2 * np.sqrt(weighing) * (np.arcsin(np.sqrt(values)) - np.arcsin(np.sqrt(centre)))
    phi, tau2 = _dispersion(z_scores, weighing)
    tau2 = tau2 if overdispersion else 0.0
    limits = proportion_limits(centre=centre, tau2=tau2, denominators=denominators)
    return _funnel(values, denominators, centre, phi, tau2, limits)


def funnel_rates(
    *, numerators: Vector, denominators: Vector, overdispersion: bool = True, information: Vector | None = None
) -> Funnel:
    """Return each organisation's rate of events over time against the network's, with its limits and status.

    Args:
        numerators: events, shape (organisations,), each 0 or more; may be rounded.
        denominators: time, shape (organisations,), each > 0.
        overdispersion: as in `funnel_proportions`.
        information: as in `funnel_proportions`.

    Raises:
        ValueError: as in `funnel_proportions`, but a numerator may be above its denominator.

    Source: Spiegelhalter (2005), Stat Med 24:1185-1202, section 3 and appendix A.3: the root of a rate.

    >>> falls, days = np.array([10.0, 12, 60]), np.array([1000.0, 1100, 2000])
    >>> plain = funnel_rates(numerators=falls, denominators=days, overdispersion=False)
    >>> [status.value for status in plain.outliers]
    ['low_95', 'low_95', 'high_99.8']
    """
    _check(numerators, denominators)
    centre = float(numerators.sum() / denominators.sum())
    values = numerators / denominators
    weighing = _weighing(denominators, information)
    z_scores = 2 * np.sqrt(weighing) * (np.sqrt(values) - np.sqrt(centre))
    phi, tau2 = _dispersion(z_scores, weighing)
    tau2 = tau2 if overdispersion else 0.0
    limits = rate_limits(centre=centre, tau2=tau2, denominators=denominators)
    return _funnel(values, denominators, centre, phi, tau2, limits)


def rate_limits(*, centre: float | Vector, tau2: float, denominators: Vector) -> FunnelLimits:
    """Return limits for a rate at any denominators; arguments as in `proportion_limits`, the centre 0 or more."""
    spread = np.sqrt(1 / (4 * denominators) + tau2)

    def at(z: float) -> Vector:
        return np.asarray(np.maximum(np.sqrt(centre) + z * spread, 0) ** 2, dtype=np.float64)

    return FunnelLimits(lower95=at(-Z95), upper95=at(Z95), lower998=at(-Z998), upper998=at(Z998))


def proportion_limits(*, centre: float | Vector, tau2: float, denominators: Vector) -> FunnelLimits:
    """Return limits for a proportion at any denominators, for the funnel's curves.

    Args:
        centre: the network's proportion, 0 to 1; one for all, or one for each denominator.
        tau2: as in `Funnel`.
        denominators: each > 0, any shape.
    """
    spread = np.sqrt(1 / (4 * denominators) + tau2)
    middle = np.arcsin(np.sqrt(centre))

    def at(z: float) -> Vector:
        # Beyond 0 and a right angle the sine turns back, and a limit with it. There the limit is 0 or 1.
        return np.asarray(np.sin(np.clip(middle + z * spread, 0, np.pi / 2)) ** 2, dtype=np.float64)

    return FunnelLimits(lower95=at(-Z95), upper95=at(Z95), lower998=at(-Z998), upper998=at(Z998))


def _check(numerators: Vector, denominators: Vector) -> None:
    if numerators.ndim != 1 or numerators.shape != denominators.shape:
        raise ValueError(f"shapes {numerators.shape} and {denominators.shape}: give one of each per organisation")
    if len(numerators) < 2:
        raise ValueError("a funnel compares organisations: give at least two")
    for bad, problem in (
        (~np.isfinite(numerators) | ~np.isfinite(denominators), "has no finite count: leave it out and say so"),
        (denominators <= 0, "has nobody in its denominator: leave it out and say so"),
        (numerators < 0, "has a numerator below 0"),
    ):
        if bad.any():
            raise ValueError(f"organisation {int(np.argmax(bad)) + 1} {problem}")


def _weighing(denominators: Vector, information: Vector | None) -> Vector:
    """Return the denominators at which exact numerators would tell as much as these do."""
    if information is None:
        return denominators
    if information.shape != denominators.shape or not ((information > 0) & (information <= 1)).all():
        raise ValueError("information is above 0 and at most 1: give one for each organisation")
    return denominators * information


def _dispersion(z_scores: Vector, sizes: Vector) -> tuple[float, float]:
    """Return phi and tau2 from z-scores whose squared standard errors are 1 / 4n.

    tau2 is DerSimonian and Laird's, with n x phi for their Q.
    """
    low, high = np.quantile(z_scores, [WINSORISED_SHARE, 1 - WINSORISED_SHARE])
    n = len(z_scores)
    phi = float(np.mean(np.clip(z_scores, low, high) ** 2))
    weights = 4 * sizes
    excess = n * phi - (n - 1)
    return phi, max(0.0, float(excess / (weights.sum() - (weights**2).sum() / weights.sum())))


def _funnel(
    values: Vector, denominators: Vector, centre: float, phi: float, tau2: float, limits: FunnelLimits
) -> Funnel:
    return Funnel(
        values=values,
        denominators=denominators,
        centre=centre,
        phi=phi,
        tau2=tau2,
        lower95=limits.lower95,
        upper95=limits.upper95,
        lower998=limits.lower998,
        upper998=limits.upper998,
        outliers=_outliers(values, limits),
    )


def _outliers(values: Vector, limits: FunnelLimits) -> tuple[Outlier, ...]:
    """Return where each value lies. A value on a limit is inside it."""
    status = np.select(
        [
            values > limits.upper998,
            values > limits.upper95,
            values < limits.lower998,
            values < limits.lower95,
        ],
        [0, 1, 4, 3],
        default=2,
    )
    order = tuple(Outlier)
    return tuple(order[at] for at in status.tolist())

"""Funnel plots of proportions, rates over time and standardised ratios between organisations, with over-dispersion.

On the scale of the arcsine of its root, the sampling variance of a proportion is 1 / 4n, n being the denominator. So
it is for a rate of events over time, on the scale of its root.
Over-dispersion is judged, and limits are drawn, on that scale and carried back.
"""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.between_sites.bulk import FunnelKind, exact_ratio_limits, funnels
from rounds.learning.variation.between_sites.limits import FunnelLimits, Outlier, Vector, limits_on, outliers


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Values of organisations against their size. Arrays have shape (organisations,)."""

    values: Vector
    denominators: Vector
    """of ratios the expected events; by the SHMI method as it rounds them"""
    centre: float
    """the network's own: sum of numerators / sum of denominators; 1 of ratios"""
    phi: float
    """over-dispersion ratio: the mean squared z-score that counts; 1 or less means none. Told even when unused"""
    tau2: float
    """between-organisation variance on the transformed scale; 0 where there is none or it was not asked for"""
    lower95: Vector
    upper95: Vector
    lower998: Vector
    upper998: Vector
    """limits at each organisation's own denominator, over-dispersion included when tau2 > 0"""
    outliers: tuple[Outlier, ...]
    """status judged from the value and the over-dispersed limits"""
    kind: FunnelKind = FunnelKind.PROPORTION
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
    return _one(FunnelKind.PROPORTION, numerators, denominators, overdispersion, information)


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

    >>> falls, days = np.array([10.0, 12, 70]), np.array([1000.0, 1100, 2000])
    >>> plain = funnel_rates(numerators=falls, denominators=days, overdispersion=False)
    >>> [status.value for status in plain.outliers]
    ['low_99.8', 'low_95', 'high_99.8']
    """
    _check(numerators, denominators)
    return _one(FunnelKind.RATE, numerators, denominators, overdispersion, information)


def funnel_ratios(
    *,
    observed: Vector,
    expected: Vector,
    method: FunnelKind = FunnelKind.RATIO_SHMI,
    overdispersion: bool = True,
    information: Vector | None = None,
) -> Funnel:
    """Return each organisation's standardised ratio, observed over expected events, against 1.

    Args:
        observed: events, shape (organisations,), each 0 or more.
        expected: events that the network's rates or case-mix model give its patients, each > 0.
        method: `RATIO_SHMI` takes logarithms, rounds expected events to 2 decimals and truncates; `RATIO_CQC` takes
            roots and winsorises.
        overdispersion: widen the limits. Else, or where there is none, they are those of an exact Poisson count.
        information: as in `funnel_proportions`.

    Returns:
        The funnel. An organisation with no event is judged, but has no logarithm: it is no part of SHMI's phi and tau.

    Raises:
        ValueError: as in `funnel_rates`, or if the method is not one of ratios.

    Source: NHS Digital, SHMI methodology; Spiegelhalter et al. (2012), J R Stat Soc A 175:1-47 (CQC); FunnelPlotR
        0.6.0, data type "SR", which draws CQC's limits on the scale of roots: ours are their squares.

    >>> sizes = np.array([100.0, 100, 100])
    >>> found = funnel_ratios(observed=np.array([90.0, 100, 130]), expected=sizes, overdispersion=False)
    >>> [status.value for status in found.outliers]
    ['inside', 'inside', 'high_95']
    """
    if not method.ratio:
        raise ValueError(f"{method} is no way to compare ratios: ask for ratio_shmi or ratio_cqc")
    _check(observed, expected)
    return _one(method, observed, expected, overdispersion, information)


def limits_of(funnel: Funnel, *, denominators: Vector, centre: float | Vector | None = None) -> FunnelLimits:
    """Return a funnel's limits at any denominators, over-dispersion included as in the funnel.

    Args:
        funnel: the funnel.
        denominators: each > 0.
        centre: about another centre than the funnel's, one for all or one for each denominator; of ratios leave it out.
    """
    if funnel.kind.ratio and funnel.tau2 == 0:
        return exact_ratio_limits(denominators)
    middle = funnel.centre if centre is None else centre
    return limits_on(funnel.kind.scale, centre=middle, tau2=funnel.tau2, denominators=denominators)


def _one(
    kind: FunnelKind, numerators: Vector, denominators: Vector, overdispersion: bool, information: Vector | None
) -> Funnel:
    if information is not None and (
        information.shape != denominators.shape or not ((information > 0) & (information <= 1)).all()
    ):
        raise ValueError("information is above 0 and at most 1: give one for each organisation")
    found = funnels(
        numerators=numerators[None, :],
        denominators=denominators[None, :],
        kind=kind,
        widen=overdispersion,
        information=None if information is None else information[None, :],
    )
    limits = found.limits
    return Funnel(
        values=found.values[0],
        denominators=found.denominators[0],
        centre=float(found.centre[0]),
        phi=float(found.phi[0]),
        tau2=float(found.tau2[0]),
        lower95=limits.lower95[0],
        upper95=limits.upper95[0],
        lower998=limits.lower998[0],
        upper998=limits.upper998[0],
        outliers=outliers(found.places[0]),
        kind=kind,
    )


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

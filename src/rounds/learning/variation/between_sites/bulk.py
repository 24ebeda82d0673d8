"""Funnels of many measures at once: arrays of measures by organisations, with gaps."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from rounds.learning.variation.between_sites.dispersion import Extremes, overdispersion
from rounds.learning.variation.between_sites.limits import (
    ANGLE,
    LOG,
    ROOT,
    FunnelLimits,
    Matrix,
    Places,
    Scale,
    Vector,
    limits_on,
    places,
)

FEWEST = 2
"""Organisations without which there is nobody to compare."""
SHMI_DECIMALS = 2


class FunnelKind(StrEnum):
    """What is compared, and how."""

    PROPORTION = "proportion"
    """numerators are part of their denominators; the arcsine of the root"""
    RATE = "rate"
    """events over time; the root"""
    RATIO_SHMI = "ratio_shmi"
    """observed over expected events; logarithms, truncated"""
    RATIO_CQC = "ratio_cqc"
    """observed over expected events; roots, winsorised"""

    @property
    def scale(self) -> Scale:
        """On which values vary by chance about equally."""
        return {FunnelKind.PROPORTION: ANGLE, FunnelKind.RATIO_SHMI: LOG}.get(self, ROOT)

    @property
    def ratio(self) -> bool:
        """Whether denominators are expected events, so that the centre is 1."""
        return self in (FunnelKind.RATIO_SHMI, FunnelKind.RATIO_CQC)

    @property
    def extremes(self) -> Extremes:
        """What becomes of the extreme z-scores."""
        return Extremes.LEFT_OUT if self is FunnelKind.RATIO_SHMI else Extremes.PULLED_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnels:
    """Funnels of several measures. Matrices have shape (measures, organisations), NaN where one has no number."""

    kind: FunnelKind
    values: Matrix
    denominators: Matrix
    centre: Vector
    """shape (measures,): the network's own, or 1 of ratios; NaN where a measure has no funnel"""
    phi: Vector
    tau2: Vector
    limits: FunnelLimits
    places: Places
    """-2 (below the 99.8 % limit) to 2; 0 inside, and where there is no number"""
    reasons: tuple[str | None, ...]
    """of each measure: None, or a whole sentence saying why it has no limits"""


def funnels(
    *,
    numerators: Matrix,
    denominators: Matrix,
    kind: FunnelKind,
    widen: bool = True,
    information: Matrix | None = None,
) -> Funnels:
    """Return the funnels of several measures over the same organisations.

    Args:
        numerators: shape (measures, organisations), each 0 or more; NaN where an organisation has none.
        denominators: people, time or expected events, same shape, each > 0; NaN where an organisation has none.
        kind: of all these measures.
        widen: the limits by the variance between organisations that chance does not explain. Ratios whose limits are
            not widened, because it is False or nothing was found, keep the exact limits of a Poisson count.
        information: as in `funnel_proportions`, same shape.

    Returns:
        The funnels. A measure with fewer than two organisations has no limits, and a reason.

    Raises:
        ValueError: if shapes differ, or a count is infinite or impossible; it says of which measure and organisation.

    Source: as `overdispersion` and `limits_on`.

    >>> deaths = np.array([[10.0, 12, 60], [np.nan, np.nan, 4]])
    >>> found = funnels(
    ...     numerators=deaths, denominators=np.full((2, 3), 200.0), kind=FunnelKind.PROPORTION, widen=False
    ... )
    >>> found.places.tolist(), found.reasons[1]
    ([[-2, -2, 2], [0, 0, 0]], 'Only 1 organisation has numbers: a funnel compares at least 2.')
    """
    there = _there(numerators, denominators, kind)
    enough = there.sum(axis=1) >= FEWEST
    there &= enough[:, None]
    top, bottom = np.where(there, numerators, np.nan), np.where(there, denominators, np.nan)
    values = top / bottom
    if kind is FunnelKind.RATIO_SHMI:
        bottom = np.round(bottom, SHMI_DECIMALS)
    totals = np.where(enough, np.nansum(bottom, axis=1), np.nan)
    centre = np.where(enough, 1.0, np.nan) if kind.ratio else np.nansum(top, axis=1) / totals
    scale = kind.scale
    weights = scale.weight * (bottom if information is None else bottom * information)
    placed = np.where(values > scale.below, top / bottom, np.nan)
    z_scores = np.sqrt(weights) * (scale.forward(placed) - scale.forward(centre)[:, None])
    phi, tau2 = overdispersion(z_scores, weights, kind.extremes)
    if not widen:
        tau2 = np.zeros_like(tau2)
    limits = limits_on(scale, centre=centre[:, None], tau2=tau2[:, None], denominators=bottom)
    if kind.ratio:
        limits = _exact_in(tau2 == 0, limits, bottom)
    return Funnels(
        kind=kind,
        values=values,
        denominators=bottom,
        centre=centre,
        phi=phi,
        tau2=tau2,
        limits=limits,
        places=places(values, limits),
        reasons=tuple(
            None if fine else _reason(int(count))
            for fine, count in zip(
                enough.tolist(), (~np.isnan(numerators) & ~np.isnan(denominators)).sum(axis=1), strict=True
            )
        ),
    )


def exact_ratio_limits(expected: Vector) -> FunnelLimits:
    """Return limits of observed over expected events by chance alone.

    Args:
        expected: events, each > 0, any shape.

    Source: the interval of Garwood (1936), Biometrika 28:437-442, about the events expected, as FunnelPlotR draws them.
    """

    def at(share: float) -> Vector:
        freedom = 2 * expected if share < 0.5 else 2 * expected + 2
        return np.asarray(chdtri(freedom, 1 - share) / 2 / expected, dtype=np.float64)

    return FunnelLimits(lower95=at(0.025), upper95=at(0.975), lower998=at(0.001), upper998=at(0.999))


def _exact_in(rows: NDArray[np.bool_], limits: FunnelLimits, expected: Matrix) -> FunnelLimits:
    """Return limits with those of chance alone, which are slow to find, in some rows."""
    if not rows.any():
        return limits
    exact = exact_ratio_limits(expected[rows])
    found = {}
    for name in ("lower95", "upper95", "lower998", "upper998"):
        found[name] = getattr(limits, name).copy()
        found[name][rows] = getattr(exact, name)
    return FunnelLimits(**found)


def _reason(count: int) -> str:
    have = "No organisation has" if count == 0 else f"Only {count} organisation has"
    return f"{have} numbers: a funnel compares at least {FEWEST}."


def _there(numerators: Matrix, denominators: Matrix, kind: FunnelKind) -> NDArray[np.bool_]:
    """Return which cells have numbers, all of them possible."""
    if numerators.ndim != 2 or numerators.shape != denominators.shape:
        raise ValueError(f"shapes {numerators.shape} and {denominators.shape}: give one of each a measure and site")
    there = ~np.isnan(numerators) & ~np.isnan(denominators)
    for bad, problem in (
        (np.isinf(numerators) | np.isinf(denominators), "has an infinite count"),
        (denominators <= 0, "has nothing in its denominator: give no number (NaN), and say so"),
        (numerators < 0, "has a numerator below 0"),
        (
            (numerators > denominators) & (kind is FunnelKind.PROPORTION),
            "has a numerator above its denominator: a proportion is at most 1",
        ),
    ):
        wrong = bad & there
        if wrong.any():
            measure, organisation = np.argwhere(wrong)[0]
            raise ValueError(f"measure {measure + 1}: organisation {organisation + 1} {problem}")
    return there

"""The scales on which organisations are compared, the limits drawn on them, and where a value lies against those."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Places = NDArray[np.int8]

Z95 = 1.959964
Z998 = 3.090232
"""Normal quantiles, rounded as FunnelPlotR rounds them, so that limits can be compared with its own to 1e-8."""


class Outlier(StrEnum):
    """Where an organisation lies, after over-dispersion."""

    HIGH_998 = "high_99.8"
    HIGH_95 = "high_95"
    INSIDE = "inside"
    LOW_95 = "low_95"
    LOW_998 = "low_99.8"


UPWARDS = (Outlier.LOW_998, Outlier.LOW_95, Outlier.INSIDE, Outlier.HIGH_95, Outlier.HIGH_998)
"""From lowest to highest: a place -2 to 2 is the entry at 2 + place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelLimits:
    """Limits at some denominators. Arrays have the shape of those denominators."""

    lower95: Vector
    upper95: Vector
    lower998: Vector
    upper998: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where values vary by chance about as much whatever their level is."""

    forward: Callable[[Vector], Vector]
    back: Callable[[Vector], Vector]
    """carried back, 0 or 1 where the scale ends"""
    weight: float
    """a value's precision for each one of its denominator: 1 / (weight x denominator) is its sampling variance"""
    below: float = 0.0
    """a value must lie above it to have a place on the scale; one at it is still judged against the limits"""


def _of_angle(angle: Vector) -> Vector:
    # Beyond 0 and a right angle the sine turns back, and a limit with it. There the limit is 0 or 1.
    return np.asarray(np.sin(np.clip(angle, 0, np.pi / 2)) ** 2, dtype=np.float64)


ANGLE = Scale(forward=lambda value: np.arcsin(np.sqrt(value)), back=_of_angle, weight=4.0, below=-1.0)
"""Of proportions: the arcsine of the root."""
ROOT = Scale(forward=np.sqrt, back=lambda root: np.maximum(root, 0.0) ** 2, weight=4.0, below=-1.0)
"""Of events over time, or over what is expected of them."""
LOG = Scale(forward=np.log, back=np.exp, weight=1.0)
"""Of events over what is expected of them; no events have no logarithm."""


def limits_on(scale: Scale, *, centre: float | Vector, tau2: float | Vector, denominators: Vector) -> FunnelLimits:
    """Return limits around a centre on a scale, carried back.

    Args:
        scale: as of the funnel.
        centre: one for all, or such that it broadcasts to the denominators.
        tau2: variance between organisations on the scale, likewise.
        denominators: each > 0.
    """
    spread = np.sqrt(1 / (scale.weight * denominators) + tau2)
    middle = scale.forward(np.asarray(centre, dtype=np.float64))

    def at(z: float) -> Vector:
        return np.asarray(scale.back(middle + z * spread), dtype=np.float64)

    return FunnelLimits(lower95=at(-Z95), upper95=at(Z95), lower998=at(-Z998), upper998=at(Z998))


def proportion_limits(*, centre: float | Vector, tau2: float, denominators: Vector) -> FunnelLimits:
    """Return limits for a proportion at any denominators, for the funnel's curves.

    Args:
        centre: the network's proportion, 0 to 1; one for all, or one for each denominator.
        tau2: as in `Funnel`.
        denominators: each > 0, any shape.
    """
    return limits_on(ANGLE, centre=centre, tau2=tau2, denominators=denominators)


def places(values: Vector, limits: FunnelLimits) -> Places:
    """Return where values lie, from -2 (below 99.8 %) to 2; 0 is inside. One on a limit, or not a number, is inside."""
    above = (values > limits.upper95).astype(np.int8) + (values > limits.upper998)
    below = (values < limits.lower95).astype(np.int8) + (values < limits.lower998)
    found: Places = (above - below).astype(np.int8)
    return found


def outliers(found: Places) -> tuple[Outlier, ...]:
    """Return places, shape (organisations,), by their names."""
    return tuple(UPWARDS[2 + place] for place in found.tolist())

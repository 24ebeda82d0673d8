"""Curves of diffusion: which share of those who will ever adopt has adopted by a time."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]


class Curve(StrEnum):
    """The shapes that are known. The first three are forecast from; the others are there to be compared with."""

    LOGISTIC = "logistic"
    GOMPERTZ = "gompertz"
    BASS = "bass"
    GAMMA_GOMPERTZ = "gamma-shifted gompertz"
    WEIBULL = "weibull"


FORECAST_FROM: Final = (Curve.LOGISTIC, Curve.GOMPERTZ, Curve.BASS)

NAMES: Final = {
    Curve.LOGISTIC: ("middle", "scale"),
    Curve.GOMPERTZ: ("displacement", "decay"),
    Curve.BASS: ("innovation", "imitation"),
    Curve.GAMMA_GOMPERTZ: ("displacement", "decay", "shape"),
    Curve.WEIBULL: ("scale", "shape"),
}
"""What the parameters of `share` are, in order."""


def share(curve: Curve, times: ArrayLike, parameters: ArrayLike) -> Vector:
    """Return the share of eventual adopters that has adopted by each time.

    Logistic and Gompertz have no beginning: what they give at time 0 had adopted by then. The others are 0 at time 0.

    | curve | share at time t |
    |---|---|
    | logistic | 1 / (1 + exp((middle - t) / scale)) |
    | Gompertz | exp(-displacement decay^t), 0 < decay < 1 |
    | Bass | (1 - exp(-(p + q) t)) / (1 + (q / p) exp(-(p + q) t)), p innovation, q imitation |
    | gamma-shifted Gompertz | (1 - exp(-b t)) (1 + a exp(-b t))^-c, decay exp(-b) |
    | Weibull | 1 - exp(-(t / scale)^shape) |

    Args:
        times: since adoption became possible, in periods; shape (times,).
        parameters: as `NAMES` lists them, shape (parameters,), or (parameters, draws, 1) for one curve a draw.

    Returns:
        Shape (times,), or (draws, times).

    Source: Bass (1969), Management Science 15:215-227; Bemmaor (1994) in Research Traditions in Marketing 201-223.

    >>> share(Curve.LOGISTIC, [0.0, 12.0], [12.0, 3.0]).round(3).tolist()
    [0.018, 0.5]
    """
    at = np.asarray(times, dtype=np.float64)
    values = np.asarray(parameters, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        match curve:
            case Curve.LOGISTIC:
                middle, scale = values
                return np.asarray(1 / (1 + np.exp((middle - at) / scale)))
            case Curve.GOMPERTZ:
                displacement, decay = values
                return np.asarray(np.exp(-displacement * decay**at))
            case Curve.BASS:
                p, q = values
                left = np.exp(-(p + q) * np.maximum(at, 0.0))
                return np.asarray((1 - left) / (1 + q / p * left))
            case Curve.GAMMA_GOMPERTZ:
                displacement, decay, shape = values
                left = decay ** np.maximum(at, 0.0)
                return np.asarray((1 - left) * (1 + displacement * left) ** -shape)
            case Curve.WEIBULL:
                scale, shape = values
                return np.asarray(-np.expm1(-((np.maximum(at, 0.0) / scale) ** shape)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A curve by two numbers that mean the same for each: when its half is reached, and how it gets there."""

    half: Vector
    """time at which half of the eventual adopters have adopted, > 0"""
    form: Vector
    """of the logistic half / scale, of Gompertz the displacement, of Bass q / p; > 0"""


def natural(curve: Curve, shape: Shape) -> Vector:
    """Return the parameters of `share` of a curve that is forecast from, shape (2, ...)."""
    half, form = shape.half, shape.form
    match curve:
        case Curve.LOGISTIC:
            return np.stack([half, half / form])
        case Curve.GOMPERTZ:
            # displacement decay^half = log 2; below log 2 half have adopted before time 0, and the form is kept above.
            displacement = np.log(2.0) * (1 + form)
            return np.stack([displacement, np.exp(-np.log1p(form) / half)])
        case Curve.BASS:
            both = np.log(2 + form) / half
            return np.stack([both / (1 + form), both * form / (1 + form)])
        case _:
            raise ValueError(f"nothing is forecast from the {curve} curve")

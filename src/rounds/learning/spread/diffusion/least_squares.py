"""Curves through numbers of adopters by least squares, as most reports draw them.

Kept to agree with other software and to show what is wrong with it: cumulative numbers are no independent
observations, so its standard errors are several times too small (docs/statistics/spread.md says how many). Nothing
that is published uses them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from rounds.learning.exact_intervals import student_quantile
from rounds.learning.spread.diffusion.curves import NAMES, Curve, Vector, share


class Of(StrEnum):
    """What the squares are of."""

    CUMULATIVE = "cumulative"
    """numbers that have adopted by each time"""
    NEW = "new"
    """numbers that adopted in each period"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastSquares:
    """A curve of least squares. Vectors have shape (1 + parameters of the curve,), the ceiling first."""

    curve: Curve
    names: tuple[str, ...]
    estimates: Vector
    standard_errors: Vector
    """too small: see the head of this module"""
    wald_lower: Vector
    wald_upper: Vector
    residual_deviation: float
    """square root of the squares over the degrees of freedom"""
    mean_square: float
    aic: float
    bic: float

    def at(self, times: Vector) -> Vector:
        """Return the curve's number of adopters by each time."""
        return np.asarray(self.estimates[0] * share(self.curve, times, self.estimates[1:]))


_FEWEST_OVER: Final = 1
"""Degrees of freedom that must be left."""


def fit_least_squares(curve: Curve, times: Vector, numbers: Vector, *, of: Of = Of.CUMULATIVE) -> LeastSquares:
    """Return the curve of least squares through numbers of adopters.

    Args:
        curve: which shape.
        times: since adoption became possible, rising, shape (times,).
        numbers: adopters by each time or in each period, as `of` says; any unit; shape (times,).
        of: what the squares are of.

    Raises:
        ValueError: if there are too few numbers, one is missing or below 0, cumulative numbers fall, or no curve of
            this shape fits.

    Source: the standard errors are those of R's `nls`: residual deviation x (J'J)^-1.
    """
    at, seen = np.asarray(times, dtype=np.float64), np.asarray(numbers, dtype=np.float64)
    _check(curve, at, seen, of)
    whole = float(seen.max() if of is Of.CUMULATIVE else seen.sum())

    def predicted(logs: Vector) -> Vector:
        values = _natural(curve, logs)
        by_time = whole * values[0] * share(curve, at, values[1:])
        return by_time if of is Of.CUMULATIVE else np.diff(by_time, prepend=0.0)

    best = None
    for start in _starts(curve, at, seen if of is Of.CUMULATIVE else np.cumsum(seen)):
        found = least_squares(
            lambda logs: (predicted(logs) - seen) / whole, start, method="trf", xtol=1e-14, ftol=1e-14, gtol=1e-14
        )
        if np.isfinite(found.cost) and (best is None or found.cost < best.cost):
            best = found
    if best is None:
        raise ValueError(f"no {curve} curve fits these numbers; draw them without one")
    values = _natural(curve, best.x)
    estimates = np.concatenate([[whole * values[0]], values[1:]])
    squares = float(2 * best.cost * whole**2)
    freedom = len(seen) - len(estimates)
    deviation = float(np.sqrt(squares / freedom))
    slopes = _slopes(curve, at, estimates, of)
    errors = deviation * np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))
    likelihood = -len(seen) / 2 * (np.log(2 * np.pi) + 1 + np.log(squares / len(seen)))
    counted, half = len(estimates) + 1, student_quantile(0.95, freedom) * errors
    return LeastSquares(
        curve=curve,
        names=("ceiling", *NAMES[curve]),
        estimates=estimates,
        standard_errors=errors,
        wald_lower=estimates - half,
        wald_upper=estimates + half,
        residual_deviation=deviation,
        mean_square=squares / len(seen),
        aic=float(-2 * likelihood + 2 * counted),
        bic=float(-2 * likelihood + np.log(len(seen)) * counted),
    )


def _check(curve: Curve, at: Vector, seen: Vector, of: Of) -> None:
    if at.shape != seen.shape or at.ndim != 1:
        raise ValueError(f"shapes {at.shape} and {seen.shape}: give a number of adopters to each time")
    needed = len(NAMES[curve]) + 1 + _FEWEST_OVER
    if len(seen) < needed:
        raise ValueError(f"{len(seen)} numbers are too few for a {curve} curve, which needs {needed} or more")
    if not (np.isfinite(at).all() and np.isfinite(seen).all()):
        raise ValueError("a time or a number of adopters is missing or infinite: leave it out")
    if (np.diff(at) <= 0).any():
        raise ValueError("the times of a curve must rise, each once")
    if (seen < 0).any():
        raise ValueError(f"number {int(np.argmax(seen < 0)) + 1} of adopters is below 0")
    if of is Of.CUMULATIVE and (np.diff(seen) < 0).any():
        place = int(np.argmax(np.diff(seen) < 0)) + 2
        raise ValueError(
            f"number {place} of cumulative adopters is below the one before; count each member from its first day of "
            "use, and those that stopped apart"
        )
    if not seen.any():
        raise ValueError("nobody has adopted yet: there is no curve to fit")


def _natural(curve: Curve, logs: Vector) -> Vector:
    """Return ceiling (as a multiple) and parameters from an unbounded vector; a decay is exp(-exp(.))."""
    values = np.exp(np.clip(logs, -40.0, 40.0))
    if curve in (Curve.GOMPERTZ, Curve.GAMMA_GOMPERTZ):
        values[2] = np.exp(-values[2])
    if curve is Curve.LOGISTIC:
        values[1] = logs[1]
    return values


def _starts(curve: Curve, at: Vector, by_time: Vector) -> list[Vector]:
    """Return where to start from: half the ceiling where half of those seen were there, and elsewhere."""
    half = float(at[int(np.argmax(by_time >= by_time[-1] / 2))]) or float(at[-1]) / 2
    width = max(float(at[-1] - at[0]), 1e-6)
    found: list[list[float]] = []
    for middle in (half, 1.3 * half):
        for steep in (width / 10, width / 4):
            match curve:
                case Curve.LOGISTIC:
                    found.append([0.0, middle, np.log(steep)])
                case Curve.GOMPERTZ:
                    found.append([0.05, np.log(np.log(2.0)) + middle / (1.5 * steep), np.log(1 / (1.5 * steep))])
                case Curve.BASS:
                    both = 1 / steep
                    ratio = max(np.exp(min(both * middle, 20.0)) - 2, 0.1)
                    found.append([0.05, np.log(both / (1 + ratio)), np.log(both * ratio / (1 + ratio))])
                case Curve.GAMMA_GOMPERTZ:
                    found += [
                        [0.05, np.log(shift), np.log(1 / steep), power]
                        for shift, power in ((3.0, 0.0), (10.0, 0.7), (1.0, 2.0))
                    ]
                case Curve.WEIBULL:
                    found.append([0.05, np.log(1.2 * middle), np.log(2.0 * middle / (2 * steep) / 2 + 0.5)])
    return [np.array(start) for start in found]


def _slopes(curve: Curve, at: Vector, estimates: Vector, of: Of) -> Vector:
    columns = []
    for place, value in enumerate(estimates):
        step = 1e-5 * max(abs(value), 1e-8)
        ends = []
        for side in (1, -1):
            moved = estimates.copy()
            moved[place] += side * step
            by_time = moved[0] * share(curve, at, moved[1:])
            ends.append(by_time if of is Of.CUMULATIVE else np.diff(by_time, prepend=0.0))
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=1)

"""Curves by maximum likelihood: each member adopts between two times, or has not by now, or never will.

The number in each span of time is multinomial given the members there are, so that errors are those of members and
not of points on a curve. Who has not adopted is censored on the right; a share of members that never adopts is
estimated with the curve. Intervals are by profile likelihood.

Source: Turnbull (1976), J R Stat Soc B 38:290-295, for the likelihood of interval-censored times; Schmittlein and
Mahajan (1982), Marketing Science 1:57-78, for diffusion curves by maximum likelihood in place of least squares.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from rounds.learning.spread.diffusion.curves import FORECAST_FROM, Curve, Shape, Vector, natural, share
from rounds.learning.spread.diffusion.times import AdoptionTimes, life_table

FEWEST_ADOPTERS: Final = 5
"""Below this no curve is fitted."""
_DROP_95: Final = 1.9207294103470
"""Half of chi-squared's 95 % point with one degree of freedom."""
_WIDEST: Final = 12.0
"""How far a parameter is looked for on its own scale (logit or logarithm)."""
_LEVEL: Final = 7.0
"""Where that search begins at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """An estimate and its 95 % profile-likelihood interval; an end is infinite, 0 or 1 where the data give none."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFit:
    """A curve of maximum likelihood."""

    curve: Curve
    ever: Profiled
    """share of members that adopts in the end; the rest never does"""
    half: Profiled
    """time at which half of those have, in periods"""
    parameters: Vector
    """of `share`"""
    log_likelihood: float
    aic: float
    dispersion: float
    """Pearson's chi-squared over its degrees of freedom, by period; 1 where members adopt independently"""

    def at(self, times: Vector) -> Vector:
        """Return the share of members expected to have adopted by each time."""
        return self.ever.value * share(self.curve, times, self.parameters)


def why_no_fit(times: AdoptionTimes) -> str | None:
    """Return why the data cannot carry a curve, as a sentence; None if they can."""
    if times.adopted == 0:
        return "Nobody has adopted yet, and dates of others say nothing about when the first will."
    if times.members == 1:
        return "One member makes no curve."
    if times.adopted < FEWEST_ADOPTERS:
        return f"{times.adopted} adopters are too few for a curve; from {FEWEST_ADOPTERS} on one is drawn."
    known = np.isfinite(times.upper)
    if times.upper[known].min() >= times.lower[known].max() + 1e-9:
        return "All adoptions may have been at one time, and one time makes no curve."
    return None


def fit_curve(curve: Curve, times: AdoptionTimes, *, profile: bool = True) -> CurveFit:
    """Return the curve of maximum likelihood through adoption times.

    Args:
        curve: one of `FORECAST_FROM`.
        times: known between bounds, or not yet.
        profile: whether to find intervals; without, they are the estimate itself.

    Raises:
        ValueError: if the data cannot carry a curve (`why_no_fit`), or the curve is another.
    """
    if curve not in FORECAST_FROM:
        raise ValueError(f"the {curve} curve is fitted by least squares alone")
    if reason := why_no_fit(times):
        raise ValueError(reason)
    loss = _loss(curve, times)
    best = _minimum(loss, _starts(curve, times))
    ends = [_profile(loss, best, place) if profile else (best[0][place],) * 2 for place in (0, 1)]
    logit, log_half, log_form = best[0]
    parameters = natural(curve, Shape(half=np.exp(log_half), form=np.exp(log_form)))
    ever = Profiled(value=_part(logit), lower=_part(ends[0][0]), upper=_part(ends[0][1]))
    half = Profiled(value=float(np.exp(log_half)), lower=float(np.exp(ends[1][0])), upper=float(np.exp(ends[1][1])))
    return CurveFit(
        curve=curve,
        ever=ever,
        half=half,
        parameters=parameters,
        log_likelihood=-best[1],
        aic=2 * best[1] + 6,
        dispersion=_dispersion(curve, times, ever.value, parameters),
    )


def _part(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit))) if np.isfinite(logit) else float(logit > 0)


Loss = Callable[[Vector], float]


def _loss(curve: Curve, times: AdoptionTimes) -> Loss:
    rows, counts = np.unique(np.stack([times.entry, times.lower, times.upper], axis=1), axis=0, return_counts=True)
    entry, lower, upper = rows.T
    adopted, beyond = np.isfinite(upper), np.where(np.isfinite(upper), upper, 0.0)

    def loss(at: Vector) -> float:
        ever = 1 / (1 + np.exp(-np.clip(at[0], -30, 30)))
        shape = Shape(half=np.exp(np.clip(at[1], -30, 30)), form=np.exp(np.clip(at[2], -30, 30)))
        parameters = natural(curve, shape)
        left = 1 - ever * share(curve, lower, parameters)
        # What had happened by time 0 is in the first span of who was there from the beginning.
        left = np.where(lower <= 0, 1.0, left)
        gone = np.where(adopted, left - (1 - ever * share(curve, beyond, parameters)), left)
        there = np.where(entry <= 0, 1.0, 1 - ever * share(curve, entry, parameters))
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(gone, 1e-300)) - np.log(np.maximum(there, 1e-300))
        return float(-(counts * logs).sum())

    return loss


def _starts(curve: Curve, times: AdoptionTimes) -> list[Vector]:
    part = min(max(times.adopted / times.members, 0.02), 0.98)
    forms = {Curve.LOGISTIC: (3.0, 8.0), Curve.GOMPERTZ: (3.0, 10.0), Curve.BASS: (2.0, 30.0)}[curve]
    middle = float(np.median(times.upper[np.isfinite(times.upper)]))
    higher = (part + 1) / 2
    return [
        np.array([np.log(ever / (1 - ever)), np.log(half), np.log(form)])
        for form in forms
        for ever, half in ((min(part * 1.02, 0.985), middle), (higher, middle * higher / part))
    ]


def _minimum(loss: Loss, starts: list[Vector]) -> tuple[Vector, float]:
    tried = [minimize(loss, start, method="BFGS", options={"gtol": 1e-4}) for start in starts]
    first = min(tried, key=lambda found: float(found.fun))
    # Ridges towards "everybody, in the end" are long and flat: a simplex after the gradient does not stop on them.
    found = minimize(loss, first.x, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000})
    return found.x, float(found.fun)


def _profile(loss: Loss, best: tuple[Vector, float], place: int) -> tuple[float, float]:
    """Return both ends of an interval on the parameter's own scale; infinite where the likelihood has none."""
    found, low = best
    # Beyond this a share is 0 or 1 to any reader, and the likelihood is level.
    middle = np.clip(found, -_LEVEL, _LEVEL)
    others = [at for at in range(3) if at != place]

    def beyond(value: float, near: Vector) -> tuple[float, Vector]:
        def held(rest: Vector) -> float:
            whole = np.empty(3)
            whole[place], whole[others] = value, rest
            return loss(whole)

        found = minimize(held, near, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5, "maxiter": 600})
        return float(found.fun - low - _DROP_95), found.x

    ends = []
    for side in (-1.0, 1.0):
        step, inside, near = 0.25, float(middle[place]), middle[others]
        while True:
            outside = float(middle[place]) + side * step
            height, rest = beyond(outside, near)
            if height >= 0 or step > _WIDEST:
                break
            inside, near, step = outside, rest, step * 2
        if height < 0:
            ends.append(side * np.inf)
            continue
        while abs(outside - inside) > 4e-3:
            between = (outside + inside) / 2
            height, rest = beyond(between, near)
            if height < 0:
                inside, near = between, rest
            else:
                outside = between
        ends.append((inside + outside) / 2)
    return ends[0], ends[1]


def _dispersion(curve: Curve, times: AdoptionTimes, ever: float, parameters: Vector) -> float:
    table = life_table(times)
    left = 1 - ever * share(curve, table.edges, parameters)
    left[0] = 1.0
    hazard = 1 - left[1:] / left[:-1]
    expected = table.at_risk * hazard
    # Periods in which hardly anybody was expected are joined: Pearson's measure needs some in each.
    chi, periods, seen, hoped, variance = 0.0, 0, 0.0, 0.0, 0.0
    for new, mean, chance in zip(table.adopted, expected, hazard, strict=True):
        seen, hoped, variance = seen + new, hoped + mean, variance + mean * (1 - chance)
        if hoped >= 1:
            chi, periods = chi + (seen - hoped) ** 2 / max(variance, 1e-9), periods + 1
            seen = hoped = variance = 0.0
    return chi / max(periods - 3, 1)

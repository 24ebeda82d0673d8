"""How far from parallel may trends have been before the finding falls? Two ways of saying "how far"."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import erf, exp, pi, sqrt

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import ndtri, stdtrit

from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.panel.event_study import EventStudy
from rounds.learning.intervals import Z95

METHOD = "honest-sensitivity@1"
MAGNITUDES = (0.5, 1.0, 1.5, 2.0)
_MOST = 100.0
_ROOT2 = sqrt(2.0)
_NEWTON_STEPS = 12
_ABOUT = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Robust:
    """The interval of the mean effect after adoption that holds though trends were not parallel."""

    allowed: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How the finding fares as less is assumed: the mean of the steps after adoption, on the scale of the steps."""

    value: float
    parallel: Robust
    """with trends parallel; allows nothing"""
    relative: tuple[Robust, ...]
    """allows a change from step to step so many times as large as the largest one seen before"""
    relative_breakdown: float
    """up to how many times the interval still excludes no change; 0 if it never did, infinite if always"""
    smooth: tuple[Robust, ...]
    """allows the drift to change by so much from step to step; the first allows a straight line"""
    smooth_breakdown: float
    """up to how large a change of drift a step; 0 if a straight line is enough to undo the finding"""


def sensitivity(study: EventStudy) -> Sensitivity | str:
    """Return how robust the mean of the steps after adoption is, or why it cannot be told.

    Args:
        study: steps before and after that follow each other without a gap.

    Source: Rambachan and Roth (2023), Rev Econ Stud 90:2555-2591: bounds on relative magnitudes and on smoothness.
    """
    before, after = study.before, len(study.steps) - study.before
    firsts = [step.first for step in study.steps]
    expected = [study.width * at for at in (*range(-before - 1, -1), *range(after))]
    if before < 1 or after < 1 or firsts != expected:
        return "it takes steps before and after adoption that follow each other without a gap"
    values = np.array([step.value for step in study.steps])
    # Student's t in place of the normal: the covariance comes from few sites
    scale = float(stdtrit(study.degrees, 0.975) / ndtri(0.975))
    covariance = study.covariance * scale**2
    weights = np.full(after, 1.0 / after)
    mean, error = _moments(values, covariance, np.concatenate([np.zeros(before), weights]))
    half = float(ndtri(0.975)) * error
    parallel = Robust(allowed=0.0, lower=mean - half, upper=mean + half)

    @cache
    def relative(allowed: float) -> Robust:
        return relative_magnitudes(values, covariance, before=before, allowed=allowed)

    @cache
    def smooth(allowed: float) -> Robust:
        return smoothness(values, covariance, before=before, allowed=allowed)

    pace = abs(mean) / (2 * after)
    return Sensitivity(
        value=mean,
        parallel=parallel,
        relative=tuple(relative(allowed) for allowed in MAGNITUDES),
        relative_breakdown=_breakdown(relative, parallel),
        smooth=tuple(smooth(allowed) for allowed in (0.0, pace / 4, pace / 2, pace)) if before > 1 else (),
        smooth_breakdown=_breakdown(smooth, smooth(0.0)) if before > 1 else 0.0,
    )


def relative_magnitudes(values: Vector, covariance: Matrix, *, before: int, allowed: float) -> Robust:
    """Return an interval that holds if no step after adoption changes by more than `allowed` times the largest before.

    For each step before that may have been the largest, in either direction, the mean lies between two linear
    combinations of the steps; the interval reaches from the lowest lower end to the highest upper one, each with its
    own error. It holds at least 95 times in 100, and is wider than the conditional tests of the paper, which take
    half a minute a panel.

    Args:
        values: of the steps, in order of time, without the reference, shape (before + after,).
        covariance: of them.
        before: how many lie before adoption; the reference follows on them.
        allowed: times the largest change from one step to the next before adoption.
    """
    after = len(values) - before
    weights = np.concatenate([np.zeros(before), np.full(after, 1.0 / after)])
    reach = allowed * float(np.cumsum(weights[before:][::-1]).sum())
    jumps = np.diff(np.vstack([np.eye(before, len(values)), np.zeros((1, len(values)))]), axis=0)
    lower, upper = np.inf, -np.inf
    critical = float(ndtri(0.975))
    for jump in (*jumps, *-jumps):
        low, low_error = _moments(values, covariance, weights - reach * jump)
        high, high_error = _moments(values, covariance, weights + reach * jump)
        lower, upper = min(lower, low - critical * low_error), max(upper, high + critical * high_error)
    return Robust(allowed=allowed, lower=lower, upper=upper)


def smoothness(values: Vector, covariance: Matrix, *, before: int, allowed: float) -> Robust:
    """Return the shortest interval of fixed length that holds if drift changes by at most `allowed` from step to step.

    A straight line is taken off by the steps before; how to weigh them is a trade between bias and variance. Needs two
    steps before the reference or more to choose, one to have any.

    Args:
        values: as in `relative_magnitudes`.
        covariance: of them.
        before: how many lie before adoption.
        allowed: the largest second difference of the drift.
    """
    after = len(values) - before
    times = np.array([*range(-before, 0), *range(1, after + 1)], dtype=np.float64)
    turns = np.arange(-before + 1, after)
    # what a turn of the drift at u adds to the step at t, the drift being straight from 0 to 1
    grows = np.maximum(times[:, None] - turns[None, :], 0.0) * ((times[:, None] > 0) & (turns[None, :] >= 1))
    grows += np.maximum(turns[None, :] - times[:, None], 0.0) * ((times[:, None] < 0) & (turns[None, :] <= 0))
    wanted = np.full(after, 1.0 / after)
    # weights before must undo a straight line: one is fixed by the others
    slope = float(wanted @ times[before:])
    start = np.zeros(before)
    start[-1] = slope
    free = np.vstack([np.eye(before - 1), times[: before - 1]]) if before > 1 else np.zeros((1, 0))

    whole = np.concatenate([start, wanted])
    lift = np.vstack([free, np.zeros((after, before - 1))])
    # all in terms of what is chosen, for it is tried some hundred times: variance and bias are those of its weights
    spread, cross, plain = lift.T @ covariance @ lift, lift.T @ covariance @ whole, float(whole @ covariance @ whole)
    turned, straight = allowed * (grows.T @ lift), allowed * (grows.T @ whole)

    def half(chosen: Vector) -> float:
        error = sqrt(plain + float(chosen @ (2.0 * cross + spread @ chosen)))
        bias = float(np.abs(straight + turned @ chosen).sum())
        return _folded(bias / error) * error

    chosen = np.zeros(before - 1)
    if before > 1:
        # least variance to begin with, which is the answer where nothing but a line is allowed
        chosen = -np.linalg.solve(spread, cross)
        if allowed > 0:
            options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000, "maxfev": 4000}
            chosen = minimize(half, chosen, method="Nelder-Mead", options=options).x
    mean, width = float((whole + lift @ chosen) @ values), half(chosen)
    return Robust(allowed=allowed, lower=mean - width, upper=mean + width)


def _moments(values: Vector, covariance: Matrix, weights: Vector) -> tuple[float, float]:
    return float(weights @ values), float(np.sqrt(weights @ covariance @ weights))


def _folded(shift: float) -> float:
    """Return the 95th percentile of |N(shift, 1)|, by Newton's method from where it lies for a large shift."""
    at = max(shift + 1.6448536269514722, Z95 if shift < 0.05 else 0.0)
    for _ in range(_NEWTON_STEPS):
        inside = 0.5 * (erf((at - shift) / _ROOT2) + erf((at + shift) / _ROOT2))
        density = (exp(-0.5 * (at - shift) ** 2) + exp(-0.5 * (at + shift) ** 2)) / sqrt(2 * pi)
        step = (inside - 0.95) / density
        at -= step
        if abs(step) < 1e-12:
            break
    return at


def _breakdown(interval: Callable[[float], Robust], start: Robust) -> float:
    if start.lower <= 0 <= start.upper:
        return 0.0

    def excess(allowed: float) -> float:
        found = interval(allowed)
        return found.lower if start.lower > 0 else -found.upper

    reach = 0.01
    while excess(reach) > 0:
        reach *= 2
        if reach > _MOST:
            return np.inf
    return float(brentq(excess, 0.0, reach, xtol=_ABOUT * reach)) if excess(0.0) > 0 else 0.0

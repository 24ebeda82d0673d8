"""Curves that the data allow, as a weighted sample: what is not known of a curve goes into its forecast.

Priors say what is known of any diffusion before a number is seen, in units of how long it has been watched, and are
the same for every curve: one time in four everybody adopts in the end, else any share may (Jeffreys' prior of a
proportion); half of those are reached at somewhere between a tenth of that time and ten times it; the start is more or
less slow; hazards stray from the curve by up to twice or half, and keep straying for some periods. The sample is drawn
by adaptive importance sampling from quasi-random numbers, so it is the same every time.

Source: Cornuet, Marin, Mira and Robert (2012), Scand J Stat 39:798-812, for adaptive multiple importance sampling.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, gammaln, ndtri
from scipy.stats import qmc

from rounds.learning.spread.diffusion.curves import Curve, Shape, Vector, natural, share
from rounds.learning.spread.diffusion.times import LifeTable
from rounds.learning.spread.diffusion.wander import wandering

_FORMS: Final = {
    Curve.LOGISTIC: (np.log(5.0), 0.7),
    Curve.GOMPERTZ: (np.log(6.0), 0.9),
    Curve.BASS: (np.log(20.0), 1.5),
}
"""Mean and deviation of the logarithm of each curve's form."""
_EVER_DEVIATION: Final = 2.5
"""Of the logit of the share that ever adopts, where the first points are drawn; its prior is Jeffreys'."""
_HALF_DEVIATION: Final = 1.2
_SPREAD: Final = (np.log(0.7), 1.0)
"""Much as half of a standard normal distribution, which is customary for deviations on a logarithmic scale."""
_MEMORY: Final = (1.0, 1.5)
"""Mean and deviation of the logit of the correlation of hazards from one period to the next."""
_MOST_MEMORY: Final = 0.97
_EVERYBODY: Final = 25.0
"""The logit of a share that is all."""
_FIRST, _NEXT, _STAGES = 1024, 512, 4
_FREEDOM: Final = 5.0
_ENOUGH: Final = 60.0
"""Effective draws that a proposal is fitted to; weights are flattened until there are as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Curves of one shape. Vectors have shape (draws,)."""

    curve: Curve
    everybody: bool
    """whether everybody adopts in the end under all of them"""
    ever: Vector
    """share of members that adopts in the end"""
    parameters: Vector
    """of `share`, shape (2, draws)"""
    spread: Vector
    """standard deviation of the logarithm of hazard over the curve's"""
    memory: Vector
    """its correlation from one period to the next"""
    last: Vector
    last_variance: Vector
    weights: Vector
    """they add up to 1"""
    log_evidence: float
    """how likely the data are under this shape, whatever its numbers; up to a constant that all shapes share"""

    @property
    def effective(self) -> float:
        """How many equal draws would be as good."""
        return float(1 / (self.weights**2).sum())

    def left(self, times: Vector) -> Vector:
        """Return the share of members that has not adopted by each time under each draw, shape (draws, times)."""
        return left_by(self.curve, self.ever, self.parameters, times)


def left_by(curve: Curve, ever: Vector, parameters: Vector, times: Vector) -> Vector:
    """Return the share of members that has not adopted by each time; all of them at time 0. Shape (draws, times)."""
    left = 1 - ever[:, None] * share(curve, times, parameters[:, :, None])
    return np.where(times <= 0, 1.0, left)


def sample_curves(curve: Curve, table: LifeTable, *, everybody: bool = False) -> Sampled:
    """Return curves of a shape with how much the data speak for each.

    Args:
        curve: one of `FORECAST_FROM`.
        table: adopters and members at risk, with an adopter in it.
        everybody: whether everybody adopts in the end, rather than a share that is not known.
    """
    kept_from = 1 if everybody else 0
    watched = float(table.edges[-1])
    prior_mean = np.array([0.0, np.log(watched), _FORMS[curve][0], _SPREAD[0], _MEMORY[0]])
    prior_deviation = np.array([_EVER_DEVIATION, _HALF_DEVIATION, _FORMS[curve][1], _SPREAD[1], _MEMORY[1]])
    prior_mean, prior_deviation = prior_mean[kept_from:], prior_deviation[kept_from:]
    points = prior_mean + prior_deviation * ndtri(_uniform(_FIRST, 0, len(prior_mean)))
    drawn, target, found = [], [], []
    proposals = [(prior_mean, np.diag(prior_deviation**2), np.inf, _FIRST)]
    for stage in range(_STAGES + 1):
        drawn.append(points)
        one = _at(curve, _whole(points, everybody=everybody), table)
        found.append(one)
        target.append(one[0] + _log_prior(points, prior_mean, prior_deviation, everybody=everybody))
        everything, logs = np.concatenate(drawn), np.concatenate(target)
        weighted = logs - _log_mixture(everything, proposals)
        if stage == _STAGES:
            break
        mean, spread = _moments(everything, _flattened(weighted))
        proposals.append((mean, spread, _FREEDOM, _NEXT))
        points = _t_points(mean, spread, _uniform(_NEXT, _FIRST + (stage + 1) * _NEXT, len(mean) + 1))
    highest = float(weighted.max())
    weights = np.exp(weighted - highest)
    total = float(weights.sum())
    kept = weights > 1e-9 * weights.max()
    ever, parameters, spread_of, memory = _meaning(curve, _whole(everything[kept], everybody=everybody))
    return Sampled(
        curve=curve,
        everybody=everybody,
        ever=ever,
        parameters=parameters,
        spread=spread_of,
        memory=memory,
        last=np.concatenate([one[1] for one in found])[kept],
        last_variance=np.concatenate([one[2] for one in found])[kept],
        weights=weights[kept] / weights[kept].sum(),
        log_evidence=highest + float(np.log(total / len(everything))),
    )


def _whole(points: Vector, *, everybody: bool) -> Vector:
    """Return points with the logit of the share that ever adopts in front."""
    return np.column_stack([np.full(len(points), _EVERYBODY), points]) if everybody else points


def _at(curve: Curve, points: Vector, table: LifeTable) -> tuple[Vector, Vector, Vector]:
    ever, parameters, spread, memory = _meaning(curve, points)
    left = left_by(curve, ever, parameters, table.edges)
    hazards = -np.diff(np.log(np.maximum(left, 1e-12)), axis=1)
    strayed = wandering(table, hazards, spread=spread, memory=memory)
    return (
        np.where(np.isfinite(strayed.log_likelihood), strayed.log_likelihood, -1e9),
        strayed.last,
        strayed.last_variance,
    )


def _meaning(curve: Curve, points: Vector) -> tuple[Vector, Vector, Vector, Vector]:
    logit, log_half, log_form, log_spread, to_memory = np.clip(points, -25, 25).T
    parameters = natural(curve, Shape(half=np.exp(log_half), form=np.exp(log_form)))
    return expit(logit), parameters, np.exp(np.clip(log_spread, -5.0, 1.5)), _MOST_MEMORY * expit(to_memory)


def _log_prior(points: Vector, mean: Vector, deviation: Vector, *, everybody: bool) -> Vector:
    rest = slice(0 if everybody else 1, None)
    scaled = (points[:, rest] - mean[rest]) / deviation[rest]
    normal = -(scaled**2).sum(axis=1) / 2 - np.log(deviation[rest]).sum() - 2 * np.log(2 * np.pi)
    if everybody:
        return np.asarray(normal)
    # Jeffreys' prior of the share that ever adopts, Beta(1/2, 1/2), on the logit's scale.
    logit = points[:, 0]
    ever = -(np.logaddexp(0, logit) + np.logaddexp(0, -logit)) / 2 - np.log(np.pi)
    return np.asarray(ever + normal)


Proposal = tuple[Vector, Vector, float, int]


def _log_mixture(points: Vector, proposals: list[Proposal]) -> Vector:
    total = sum(count for *_, count in proposals)
    logs = [
        np.log(count / total) + _log_density(points, mean, spread, freedom)
        for mean, spread, freedom, count in proposals
    ]
    return np.asarray(np.logaddexp.reduce(logs, axis=0))


def _log_density(points: Vector, mean: Vector, spread: Vector, freedom: float) -> Vector:
    lower = np.linalg.cholesky(spread)
    far = (np.linalg.solve(lower, (points - mean).T) ** 2).sum(axis=0)
    root = float(np.log(np.diag(lower)).sum())
    size = len(mean)
    if np.isinf(freedom):
        return np.asarray(-far / 2 - root - size / 2 * np.log(2 * np.pi))
    constant = gammaln((freedom + size) / 2) - gammaln(freedom / 2) - size / 2 * np.log(freedom * np.pi) - root
    return np.asarray(constant - (freedom + size) / 2 * np.log1p(far / freedom))


def _flattened(logs: Vector) -> Vector:
    """Return weights, flattened by a power until enough points share them."""
    power = 1.0
    while True:
        weights = np.exp(power * (logs - logs.max()))
        weights /= weights.sum()
        if 1 / (weights**2).sum() >= _ENOUGH or power < 1e-3:
            return np.asarray(weights)
        power *= 0.8


def _moments(points: Vector, weights: Vector) -> tuple[Vector, Vector]:
    mean = weights @ points
    apart = points - mean
    spread = (apart * weights[:, None]).T @ apart
    return mean, spread * 1.1 + np.diag(1e-6 + 1e-3 * np.diag(spread))


def _t_points(mean: Vector, spread: Vector, uniform: Vector) -> Vector:
    """Return points of Student's distribution from uniform numbers, shape (points, dimensions + 1)."""
    from scipy.special import chdtri

    stretched = np.sqrt(_FREEDOM / chdtri(_FREEDOM, uniform[:, -1]))
    normal = ndtri(uniform[:, :-1]) @ np.linalg.cholesky(spread).T
    return np.asarray(mean + normal * stretched[:, None])


def _uniform(count: int, skip: int, dimensions: int) -> Vector:
    sequence = qmc.Sobol(dimensions, scramble=False)
    sequence.fast_forward(max(skip, 1))  # the first point is 0
    return np.asarray(np.clip(sequence.random(count), 1e-6, 1 - 1e-6))

"""A structural time series of one site: a level that wanders, and how the site moved with others, by exact draws.

The posterior is not sampled by a chain: given three standard deviations all else is Gaussian, and those three are
summed over a grid. Every draw is independent of the others, so there is nothing that could fail to converge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.impact.effect import Matrix, Vector

METHOD = "structural-time-series@1"

Mask = NDArray[np.bool_]

_NOISE = np.geomspace(0.02, 1.5, 32)
"""Standard deviations of single periods about the level, in those of the series before the change."""
_STEP = np.geomspace(0.002, 1.0, 28)
"""Of what the level moves by from one period to the next."""
_STEP_SCALE = 0.05
"""Half of the prior's steps are shorter (half-Cauchy); CausalImpact's own prior is close to 0.01, "safer" is 0.1."""
_PULL = np.geomspace(0.05, 3.0, 10)
"""Of the sites' coefficients all together, each site's being this over the root of their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What is believed of a series after its periods before the change."""

    paths: Matrix
    """the series as it may have been without the change, single periods' chance included; shape (draws, after)"""
    coefficients: Matrix
    """of each regressor, in units of the series a unit of it; shape (draws, regressors)"""
    noise: Vector
    """standard deviation of single periods about the level, in units of the series; shape (draws,)"""
    step: Vector
    """standard deviation of the level's steps from one period to the next, shape (draws,)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """The Gaussian posterior given the three standard deviations, for each of several triples g; n periods before."""

    loglik: Vector
    """of what was seen, coefficients integrated out, up to a constant; shape (g,)"""
    centre: Matrix
    """of the coefficients, shape (g, terms)"""
    root: NDArray[np.float64]
    """R with R R' their covariance, shape (g, terms, terms)"""


def structural(  # noqa: PLR0913 - a series, what it goes with, and how to draw
    series: Vector,
    regressors: Matrix,
    *,
    fixed: Matrix,
    before: Mask,
    after: Mask,
    draws: int,
    generator: np.random.Generator,
) -> Posterior:
    """Return draws of what a series would have been after a change, from a local level with regression.

    y_t = level_t + x_t'b + noise_t, level_t = level_(t-1) + step_t. The first level is flat, b is normal about 0 with a
    spread that is learned (so that collinear or many regressors are no problem), the noise's standard deviation flat
    on the log scale, the step's half-Cauchy.

    Args:
        series: shape (periods,), finite where `before`.
        regressors: shape (periods, p), finite where `before` or `after`; p may be 0.
        fixed: known functions of time such as a season, shape (periods, q); q may be 0.
        before: periods to learn from, at least 3; gaps are allowed and count as time.
        after: periods to tell.
        draws: how many.
        generator: the source of chance.

    Raises:
        ValueError: if there are fewer than 3 periods before or the series does not vary before.

    Source: Brodersen, Gallusser, Koehler, Remy and Scott (2015), Ann Appl Stat 9:247-274, for the model; Harvey (1989),
        Forecasting, Structural Time Series Models and the Kalman Filter, section 2.4, for its covariance.
    """
    if int(before.sum()) < 3:
        raise ValueError(f"a level is learned from 3 periods or more, not {int(before.sum())}")
    middle, spread = float(series[before].mean()), float(series[before].std(ddof=1))
    if not spread > 0.0:
        raise ValueError("the series is the same in every period before the change, so nothing tells how it varies")
    middles, spreads = regressors[before].mean(axis=0), regressors[before].std(axis=0, ddof=1)
    moved = (regressors - middles) / np.where(spreads > 0.0, spreads, np.inf)
    terms = np.hstack([np.ones((len(series), 1)), fixed, moved])
    seen = (series[before] - middle) / spread
    times = np.flatnonzero(before).astype(np.float64)
    values, turn = _steps_of(times)
    sites = moved.shape[1]
    pulls = _PULL if sites else _PULL[:1]
    noise, step, pull = (each.ravel() for each in np.meshgrid(_NOISE, _STEP, pulls, indexing="ij"))
    prior = np.zeros((len(pull), terms.shape[1]))
    prior[:, 1 : 1 + fixed.shape[1]] = 1.0
    prior[:, 1 + fixed.shape[1] :] = max(sites, 1) / pull[:, None] ** 2
    given = conditional(turn.T @ seen, turn.T @ terms[before], values, noise=noise, step=step, prior=prior)
    log_weight = given.loglik - np.log1p((step / _STEP_SCALE) ** 2) + np.log(step)
    weight = np.exp(log_weight - log_weight.max())
    cell = generator.choice(len(weight), size=draws, p=weight / weight.sum())
    chosen = given.centre[cell] + np.einsum(
        "dij,dj->di", given.root[cell], generator.standard_normal((draws, terms.shape[1]))
    )
    level = _levels(seen - chosen @ terms[before].T, values, turn, times, noise[cell], step[cell], generator)
    gaps = np.diff(np.append(times[-1], np.flatnonzero(after)))
    steps = generator.standard_normal((draws, len(gaps))) * np.sqrt(gaps) * step[cell][:, None]
    chance = generator.standard_normal((draws, len(gaps))) * noise[cell][:, None]
    paths = level[:, None] + np.cumsum(steps, axis=1) + chosen @ terms[after].T + chance
    return Posterior(
        paths=middle + spread * paths,
        coefficients=chosen[:, 1 + fixed.shape[1] :] * spread / np.where(spreads > 0.0, spreads, np.inf),
        noise=spread * noise[cell],
        step=spread * step[cell],
    )


def conditional(
    seen: Vector, terms: Matrix, values: Vector, *, noise: Vector, step: Vector, prior: Matrix
) -> Conditional:
    """Return the posterior of the coefficients and the likelihood, given each triple of standard deviations.

    Args:
        seen: the series, turned so that its covariance is diagonal, shape (n,).
        terms: what it is regressed on, turned likewise, shape (n, terms).
        values: eigenvalues of the covariance of a random walk of unit steps, shape (n,).
        noise: standard deviations of the noise, shape (g,).
        step: of the steps, shape (g,).
        prior: precision of each coefficient, 0 for a flat prior; shape (g, terms).
    """
    variance = noise[:, None] ** 2 + step[:, None] ** 2 * values
    precision = np.einsum("ni,gn,nj->gij", terms, 1.0 / variance, terms, optimize=True)
    precision += prior[:, :, None] * np.eye(terms.shape[1])
    towards = (seen / variance) @ terms
    lower = np.linalg.cholesky(precision)
    half = np.linalg.solve(lower, towards[:, :, None])[:, :, 0]
    root = np.swapaxes(np.linalg.inv(lower), 1, 2)
    loglik = (
        -0.5 * np.log(variance).sum(axis=1)
        - np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        + 0.5 * np.log(np.where(prior > 0.0, prior, 1.0)).sum(axis=1)
        - 0.5 * (seen**2 / variance).sum(axis=1)
        + 0.5 * (half**2).sum(axis=1)
    )
    return Conditional(loglik=loglik, centre=np.einsum("gij,gj->gi", root, half), root=root)


def _steps_of(times: Vector) -> tuple[Vector, Matrix]:
    """Return eigenvalues and -vectors of the covariance of a random walk that starts at the first time."""
    walk = np.minimum(times[:, None], times[None, :]) - times[0]
    values, turn = np.linalg.eigh(walk)
    return np.maximum(values, 0.0), turn


def _levels(  # noqa: PLR0913, PLR0917 - the pieces of one formula
    left: Matrix,
    values: Vector,
    turn: Matrix,
    times: Vector,
    noise: Vector,
    step: Vector,
    generator: np.random.Generator,
) -> Vector:
    """Return a draw of the level in the last period before, given the rest, for each draw; shape (draws,)."""
    variance = noise[:, None] ** 2 + step[:, None] ** 2 * values
    with_last = (times - times[0]) @ turn  # the walk's covariance with its last period, turned
    reach = step[:, None] ** 2 * with_last / variance
    mean = (reach * (left @ turn)).sum(axis=1)
    own = step**2 * (times[-1] - times[0])
    spread = own - step**2 * (reach * with_last).sum(axis=1)
    found: Vector = mean + np.sqrt(np.maximum(spread, 0.0)) * generator.standard_normal(len(mean))
    return found

"""A structural time series of one site: a level that wanders, and how the site moved with others, by exact draws.

The posterior is not sampled by a chain: given three standard deviations all else is Gaussian, and those three are
summed over a grid. Every draw is independent of the others, so there is nothing that could fail to converge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.impact.effect import Matrix, Vector

METHOD = "structural-time-series@1"
ASSUMES = (
    "Without the innovation the site's level would have gone on wandering as it did before, and its rate would have "
    "moved with those of the others as it did before; the innovation did not touch them."
)

Mask = NDArray[np.bool_]

_NOISE = np.geomspace(0.02, 1.5, 32)
"""Standard deviations of single periods about the level, in those of the series before the change."""
_STEP = np.geomspace(0.002, 1.0, 28)
"""Of what the level moves by from one period to the next."""
STEP_SCALE = 0.05
"""Half of the prior's steps are shorter (half-Cauchy). CausalImpact takes 0.01, and 0.1 "when in doubt"."""
_MANY_TERMS = 40
"""With more coefficients every second of these is taken, for an eighth of the work."""
_AT_ONCE = 4_000_000
"""Numbers in the matrices that are solved at once."""
_PULL = np.geomspace(0.05, 3.0, 10)
"""Of the sites' coefficients all together, each site's being this over the root of their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """What is believed of a series after its periods before the change."""

    expected: Matrix
    """the level and what goes with the regressors, without the change; shape (draws, after)"""
    chance: Matrix
    """single periods' departures from that, shape (draws, after)"""
    coefficients: Matrix
    """of each regressor, in units of the series a unit of it; shape (draws, regressors)"""
    noise: Vector
    """standard deviation of single periods about the level, in units of the series; shape (draws,)"""
    step: Vector
    """standard deviation of the level's steps from one period to the next, shape (draws,)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What was seen, weighed by the covariance that each of g pairs of standard deviations gives it."""

    noise: Vector
    """standard deviation of single periods, shape (g,)"""
    step: Vector
    """of the level's steps, shape (g,)"""
    precision: NDArray[np.float64]
    """that the data give the coefficients, shape (g, terms, terms)"""
    towards: Matrix
    """precision times the coefficients that the data alone suggest, shape (g, terms)"""
    rest: Vector
    """log-likelihood of what was seen were all coefficients 0, up to a constant; shape (g,)"""

    def at(self, pair: NDArray[np.int64]) -> "Weighed":
        """Return some of the pairs."""
        return Weighed(
            noise=self.noise[pair],
            step=self.step[pair],
            precision=self.precision[pair],
            towards=self.towards[pair],
            rest=self.rest[pair],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """The Gaussian posterior of the coefficients, given the standard deviations."""

    loglik: Vector
    """of what was seen, coefficients integrated out, up to a constant; shape (g,)"""
    lower: NDArray[np.float64]
    """L with L L' the posterior precision, shape (g, terms, terms)"""
    half: Matrix
    """L' times the posterior mean, shape (g, terms)"""

    def draw(self, chance: Matrix) -> Matrix:
        """Return coefficients, shape (g, terms), from standard normal numbers of that shape; 0 gives the mean."""
        found = np.linalg.solve(np.swapaxes(self.lower, 1, 2), (self.half + chance)[:, :, None])[:, :, 0]
        return found.astype(np.float64, copy=False)


def structural(
    series: Vector,
    regressors: Matrix,
    *,
    fixed: Matrix,
    before: Mask,
    after: Mask,
    draws: int,
    generator: np.random.Generator,
    step_scale: float = STEP_SCALE,
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
        step_scale: what half of the level's steps are shorter than a priori, in standard deviations of the series.

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
    own = np.hstack([np.ones((len(series), 1)), fixed])
    moved, back = _directions(regressors, before=before, used=before | after)
    terms = np.hstack([own, moved])
    seen = (series[before] - middle) / spread
    times = np.flatnonzero(before).astype(np.float64)
    values, turn = walk_of(times)
    thin = slice(None, None, 2 if terms.shape[1] > _MANY_TERMS else 1)
    noise, step = (each.ravel() for each in np.meshgrid(_NOISE[thin], _STEP[thin], indexing="ij"))
    data = weighed(turn.T @ seen, turn.T @ terms[before], values, noise=noise, step=step)
    pulls = _PULL[thin] if moved.shape[1] else _PULL[:1]
    prior = np.zeros((len(pulls), terms.shape[1]))
    prior[:, 1 : own.shape[1]] = 1.0
    prior[:, own.shape[1] :] = max(regressors.shape[1], 1) / pulls[:, None] ** 2
    flat = np.log(step) - np.log1p((step / step_scale) ** 2)
    log_weight = np.array([conditional(data, one).loglik + flat for one in prior])
    weight = np.exp(log_weight - log_weight.max()).ravel()
    of_pull, pair = np.divmod(generator.choice(len(weight), size=draws, p=weight / weight.sum()), len(noise))
    chosen = np.empty((draws, terms.shape[1]))
    for some in np.array_split(np.arange(draws), max(1, draws * terms.shape[1] ** 2 // _AT_ONCE)):
        given = conditional(data.at(pair[some]), prior[of_pull[some]])
        chosen[some] = given.draw(generator.standard_normal((len(some), terms.shape[1])))
    noise, step = noise[pair], step[pair]
    level = _levels(seen - chosen @ terms[before].T, values, turn, times, noise, step, generator)
    gaps = np.diff(np.append(times[-1], np.flatnonzero(after)))
    steps = generator.standard_normal((draws, len(gaps))) * np.sqrt(gaps) * step[:, None]
    chance = generator.standard_normal((draws, len(gaps))) * noise[:, None]
    return Posterior(
        expected=middle + spread * (level[:, None] + np.cumsum(steps, axis=1) + chosen @ terms[after].T),
        chance=spread * chance,
        coefficients=spread * chosen[:, own.shape[1] :] @ back.T,
        noise=spread * noise,
        step=spread * step,
    )


def weighed(seen: Vector, terms: Matrix, values: Vector, *, noise: Vector, step: Vector) -> Weighed:
    """Return what a series says of its coefficients, given each pair of standard deviations.

    Args:
        seen: the series, turned so that its covariance is diagonal, shape (n,).
        terms: what it is regressed on, turned likewise, shape (n, terms).
        values: eigenvalues of the covariance of a random walk of unit steps, shape (n,).
        noise: standard deviations of the noise, shape (g,).
        step: of the steps, shape (g,).
    """
    variance = noise[:, None] ** 2 + step[:, None] ** 2 * values
    return Weighed(
        noise=noise,
        step=step,
        precision=np.einsum("ni,gn,nj->gij", terms, 1.0 / variance, terms, optimize=True),
        towards=(seen / variance) @ terms,
        rest=-0.5 * np.log(variance).sum(axis=1) - 0.5 * (seen**2 / variance).sum(axis=1),
    )


def conditional(data: Weighed, prior: Matrix) -> Conditional:
    """Return the posterior of the coefficients and the likelihood, for each pair.

    Args:
        data: of g pairs.
        prior: precision of each coefficient, 0 for a flat prior; shape (terms,) or (g, terms).
    """
    precision = data.precision + prior[..., :, None] * np.eye(data.towards.shape[1])
    lower = np.linalg.cholesky(precision).astype(np.float64, copy=False)
    half = np.linalg.solve(lower, data.towards[:, :, None])[:, :, 0].astype(np.float64, copy=False)
    loglik = (
        data.rest
        - np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        + 0.5 * np.log(np.where(prior > 0.0, prior, 1.0)).sum(axis=-1)
        + 0.5 * (half**2).sum(axis=1)
    )
    return Conditional(loglik=loglik, lower=lower, half=half)


def walk_of(times: Vector) -> tuple[Vector, Matrix]:
    """Return eigenvalues and -vectors of the covariance of a random walk of unit steps from the first time on."""
    walk = np.minimum(times[:, None], times[None, :]) - times[0]
    values, turn = np.linalg.eigh(walk)
    return np.maximum(values, 0.0), turn


def _directions(regressors: Matrix, *, before: Mask, used: Mask) -> tuple[Matrix, Matrix]:
    """Return the regressors in their standard deviations before, turned so that there are no more than periods used.

    Coefficients are alike a priori, so turning changes nothing; many sites then cost no more than periods do.

    Returns:
        The turned regressors, shape (periods, r), and the matrix that turns their coefficients back, shape (p, r).
    """
    spread = regressors[before].std(axis=0, ddof=1)
    by = np.where(spread > 0.0, spread, np.inf)
    moved = (regressors - regressors[before].mean(axis=0)) / by
    turn = np.eye(moved.shape[1])
    if moved.shape[1] > int(used.sum()):
        turn = np.linalg.svd(moved[used], full_matrices=False)[2].T
    return moved @ turn, turn / by[:, None]


def _levels(
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

"""Log-linear regression of counts known exactly or between bounds, with standard errors that know of autocorrelation.

Exact counts are the special case of a generalised linear model: coefficients, standard errors and Newey-West errors
are then those of R's `glm`, `MASS::glm.nb` and `sandwich::NeweyWest`.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import brentq

from rounds.learning.bounded.counts import Fit, IntervalCounts, Vector
from rounds.learning.bounded.two_way import NotConverged

Matrix = NDArray[np.float64]

_MAX_STEPS = 100
_STEP_TOLERANCE = 1e-11
_LEAST_EXTRA = 1e-4
"""Of variance over Poisson's, at the mean count: less than this is none."""
_GREATEST_ALPHA = 10.0
_LOG_ALPHA_TOLERANCE = 1e-12


class Family(StrEnum):
    """How a count varies about its mean mu."""

    POISSON = "poisson"
    """variance mu"""
    QUASI_POISSON = "quasi_poisson"
    """variance phi mu; exact counts only"""
    NEGATIVE_BINOMIAL = "negative_binomial"
    """variance mu + alpha mu^2"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """What was fitted. n cells, p coefficients."""

    coefficients: Vector
    covariance: Matrix
    """of the coefficients if counts are independent, shape (p, p)"""
    alpha: float
    """negative-binomial over-dispersion; 0 for the other families"""
    phi: float
    """variance over the mean, of quasi-Poisson; of one that means are of, of the normal; else 1"""
    loglik: float
    mean: Vector
    """fitted counts or means, shape (n,)"""
    scores: Matrix
    """each cell's part of the likelihood equations, shape (n, p)"""
    bread: Matrix
    """inverse information, shape (p, p)"""
    residuals: Vector
    """Pearson residuals of what counts are expected to be given their bounds, shape (n,)"""
    degrees_of_freedom: int


def fit_counts(counts: IntervalCounts, design: Matrix, log_exposure: Vector, *, family: Family) -> Regression:
    """Return the regression of counts on a design, by maximum likelihood.

    Args:
        counts: the cells, exact or between bounds.
        design: shape (cells, p), of full rank.
        log_exposure: shape (cells,).
        family: how counts vary.

    Raises:
        ValueError: if there are not more cells than coefficients, or quasi-Poisson is asked for of bounded counts.
        NotConverged: if the likelihood has no maximum.

    Source: McCullagh and Nelder (1989), Generalized Linear Models, chapters 2 and 6; Venables and Ripley (2002),
        Modern Applied Statistics with S, section 7.4, for the negative binomial.
    """
    cells, terms = design.shape
    if cells <= terms:
        raise ValueError(f"{cells} counts cannot tell {terms} coefficients; give more periods")
    first = counts.evaluate(np.zeros(cells), 0.0, counts.log_weights(0.0))
    start = np.linalg.lstsq(design, np.log(np.maximum(first.expected, 0.5)) - log_exposure, rcond=None)[0]
    found = _climb(counts, design, log_exposure, np.asarray(start, dtype=np.float64), 0.0)
    alpha = 0.0
    if family is Family.NEGATIVE_BINOMIAL:
        alpha, found = _dispersed(counts, design, log_exposure, found)
    coefficients, fit = found
    mean = np.exp(design @ coefficients + log_exposure)
    bread = _inverse(design, _information(fit, mean, alpha))
    squared = fit.residual**2 / (mean * (1.0 + alpha * mean))
    phi = float(squared.sum()) / (cells - terms) if family is Family.QUASI_POISSON else 1.0
    if family is Family.QUASI_POISSON and np.any(fit.variance > 0.0):
        raise ValueError("quasi-Poisson needs exact counts; use the negative binomial for withheld or rounded ones")
    return Regression(
        coefficients=coefficients,
        covariance=phi * bread,
        alpha=alpha,
        phi=phi,
        loglik=fit.loglik,
        mean=mean,
        scores=design * fit.score[:, None],
        bread=bread,
        residuals=fit.residual / np.sqrt(mean * (1.0 + alpha * mean)),
        degrees_of_freedom=cells - terms,
    )


def fit_means(means: Vector, sizes: Vector, design: Matrix) -> Regression:
    """Return the regression of means on a design, by least squares weighted by how many each is of.

    Args:
        means: shape (cells,).
        sizes: same shape, > 0.
        design: shape (cells, p), of full rank.

    Raises:
        ValueError: if there are not more cells than coefficients.
        NotConverged: if the coefficients cannot be told apart.

    Source: Aitken (1936), Proc R Soc Edinb 55:42-48, for the weights.
    """
    cells, terms = design.shape
    if cells <= terms:
        raise ValueError(f"{cells} means cannot tell {terms} coefficients; give more periods")
    bread = _inverse(design, sizes)
    coefficients: Vector = bread @ (design.T @ (sizes * means))
    mean: Vector = design @ coefficients
    apart = means - mean
    phi = float((sizes * apart**2).sum()) / (cells - terms)
    logs = np.log(2.0 * np.pi * max(phi, np.finfo(np.float64).tiny) / sizes)
    return Regression(
        coefficients=coefficients,
        covariance=phi * bread,
        alpha=0.0,
        phi=phi,
        loglik=float(-0.5 * (logs.sum() + (cells - terms))),
        mean=mean,
        scores=design * (sizes * apart)[:, None],
        bread=bread,
        residuals=np.sqrt(sizes) * apart,
        degrees_of_freedom=cells - terms,
    )


def newey_west(regression: Regression, period: NDArray[np.int64], *, lag: int, adjust: bool = False) -> Matrix:
    """Return the covariance of the coefficients that allows for autocorrelation up to a lag, shape (p, p).

    Cells of one period are added up first, so that series that are hit by the same event are not taken for
    independent.

    Args:
        regression: what was fitted.
        period: of each cell, whole numbers in order of time; gaps count as time.
        lag: the longest, 0 or more, with Bartlett's weights.
        adjust: multiply by n / (n - p).

    Source: Newey and West (1987), Econometrica 55:703-708; Driscoll and Kraay (1998), Rev Econ Stat 80:549-560, for
        several series.
    """
    places = int(period.max()) + 1
    moments = np.zeros((places, regression.scores.shape[1]))
    np.add.at(moments, period, regression.scores)
    meat = moments.T @ moments
    for step in range(1, min(lag, places - 1) + 1):
        shared = moments[step:].T @ moments[:-step]
        meat = meat + (1.0 - step / (lag + 1.0)) * (shared + shared.T)
    cells = len(regression.scores)
    found: Matrix = regression.bread @ meat @ regression.bread
    return found * (cells / regression.degrees_of_freedom) if adjust else found


def usual_lag(periods: int) -> int:
    """Return how far Newey-West errors look back by default: 4 (n / 100)^(2/9), as Newey and West advise."""
    return int(np.floor(4.0 * (periods / 100.0) ** (2.0 / 9.0)))


def _climb(
    counts: IntervalCounts, design: Matrix, log_exposure: Vector, start: Vector, alpha: float
) -> tuple[Vector, Fit]:
    log_weights = counts.log_weights(alpha)

    def at(coefficients: Vector) -> Fit:
        return counts.evaluate(design @ coefficients + log_exposure, alpha, log_weights)

    now, fit = start, at(start)
    for _ in range(_MAX_STEPS):
        mean = np.exp(design @ now + log_exposure)
        step = _inverse(design, _information(fit, mean, alpha)) @ (design.T @ fit.score)
        largest = float(np.abs(step).max())
        scale = min(1.0, 3.0 / largest) if largest > 0 else 1.0
        for _ in range(40):
            following = at(now + scale * step)
            if following.loglik >= fit.loglik - 1e-9 * abs(fit.loglik):
                break
            scale /= 2.0
        else:
            raise NotConverged
        now, fit = now + scale * step, following
        if scale * largest < _STEP_TOLERANCE * max(1.0, float(np.abs(now).max())):
            return now, fit
    raise NotConverged


def _dispersed(
    counts: IntervalCounts, design: Matrix, log_exposure: Vector, poisson: tuple[Vector, Fit]
) -> tuple[float, tuple[Vector, Fit]]:
    """Return alpha where the profile likelihood is highest, and the fit there; 0 where that is best."""
    found = poisson

    def slope(log_alpha: float) -> float:
        nonlocal found
        alpha = float(np.exp(log_alpha))
        found = _climb(counts, design, log_exposure, found[0], alpha)
        return counts.dispersion_score(design @ found[0] + log_exposure, alpha, counts.log_weights(alpha))

    mean = float(np.exp(design @ poisson[0] + log_exposure).mean())
    least, most = float(np.log(_LEAST_EXTRA / mean)), float(np.log(_GREATEST_ALPHA))
    if slope(least) <= 0.0:
        return 0.0, poisson
    if slope(most) >= 0.0:
        raise NotConverged
    alpha = float(np.exp(brentq(slope, least, most, xtol=_LOG_ALPHA_TOLERANCE)))
    return alpha, _climb(counts, design, log_exposure, found[0], alpha)


def _information(fit: Fit, mean: Vector, alpha: float) -> Vector:
    """Expected information of exact counts, observed information of bounded Poisson ones; never below 0."""
    weights: Vector = np.maximum(fit.residual_slope / (1.0 + alpha * mean), 1e-12)
    return weights


def _inverse(design: Matrix, weights: Vector) -> Matrix:
    try:
        factor = cho_factor(design.T @ (design * weights[:, None]))
    except (LinAlgError, ValueError) as error:
        raise NotConverged from error
    found: Matrix = cho_solve(factor, np.eye(design.shape[1]))
    return found

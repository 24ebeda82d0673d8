"""Random-effects pooling of what sites estimate, each with its variance: the mean, the spread, and every site's own."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri

from rounds.learning.exact_intervals import student_quantile
from rounds.learning.intervals import Vector, normal_quantile

Matrix = NDArray[np.float64]

MOST_STEPS = 200


class Spread(StrEnum):
    """How the variance between sites, tau squared, is estimated."""

    NONE = "none"
    """one effect for all"""
    DL = "dersimonian_laird"
    PM = "paule_mandel"
    REML = "reml"
    ML = "ml"
    HE = "hedges"
    HS = "hunter_schmidt"
    SJ = "sidik_jonkman"


class Interval(StrEnum):
    """How the interval of the mean is made."""

    WALD = "wald"
    """normal: too narrow with few sites"""
    HKSJ = "hartung_knapp_sidik_jonkman"
    """Student's t about the spread that is seen; can be narrower than with one effect for all"""
    HKSJ_AT_LEAST = "hksj_ad_hoc"
    """the same, but never with a smaller standard error than Wald's"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomEffects:
    """The pooled mean (or the coefficients of moderators) and the spread. Arrays have shape (coefficients,)."""

    coefficients: Vector
    standard_errors: Vector
    lower: Vector
    upper: Vector
    tau2: float
    q: float
    """Cochran's, about one effect for all"""
    q_probability: float
    i2: float
    """percent of the variance that is between sites"""
    h2: float
    sites: int
    covariance: Matrix
    quantile: float
    """standard errors on each side of the interval"""

    def prediction(self) -> tuple[float, float]:
        """Return the interval of a new site's true effect, of a mean without moderators."""
        half = self.quantile * np.sqrt(self.standard_errors[0] ** 2 + self.tau2)
        return float(self.coefficients[0] - half), float(self.coefficients[0] + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesOwn:
    """What is believed of each site, its own estimate drawn towards the mean. Arrays have shape (sites,)."""

    values: Vector
    standard_errors: Vector
    """the mean's own uncertainty included"""
    lower: Vector
    upper: Vector
    weights: Vector
    """of the site's own estimate, from 0 to 1"""


def pooled_effects(
    *,
    effects: Vector,
    variances: Vector,
    moderators: Matrix | None = None,
    spread: Spread = Spread.REML,
    interval: Interval = Interval.HKSJ_AT_LEAST,
    confidence: float = 0.95,
) -> RandomEffects:
    """Return the mean of sites' effects and how much they differ.

    Args:
        effects: shape (sites,), such as log ratios.
        variances: of each by chance, same shape, each > 0.
        moderators: what explains part of the differences, shape (sites, coefficients), with a column of 1 for the
            level; None for a mean alone.
        spread: the estimator of tau squared.
        interval: of the mean.
        confidence: above 0, below 1.

    Raises:
        ValueError: if shapes differ, a number is missing, infinite or impossible, or there are no more sites than
            coefficients.

    Source: DerSimonian and Laird (1986), Control Clin Trials 7:177-188; Paule and Mandel (1982); Viechtbauer (2005), J
        Educ Behav Stat 30:261-293; Knapp and Hartung (2003), Stat Med 22:2693-2710; metafor 3.8 as judge.

    >>> found = pooled_effects(effects=np.array([0.1, 0.3, 0.2]), variances=np.array([0.04, 0.04, 0.04]))
    >>> (found.coefficients.round(3).tolist(), found.tau2)
    ([0.2], 0.0)
    """
    design = _design(effects, variances, moderators)
    k, p = design.shape
    q, trace, _ = _about(effects, variances, design, 0.0)
    tau2 = tau_squared(effects, variances, design, spread)
    squares, _, covariance = _about(effects, variances, design, tau2)
    coefficients = covariance @ (design.T @ (effects / (variances + tau2)))
    quantile = normal_quantile(confidence)
    if interval is not Interval.WALD:
        quantile = student_quantile(confidence, k - p)
        factor = squares / (k - p)
        covariance = covariance * (factor if interval is Interval.HKSJ else max(1.0, factor))
    errors = np.sqrt(np.diag(covariance))
    typical = (k - p) / trace
    between = tau2 if spread is not Spread.NONE else max(0.0, (q - (k - p)) / trace)
    return RandomEffects(
        coefficients=coefficients,
        standard_errors=errors,
        lower=coefficients - quantile * errors,
        upper=coefficients + quantile * errors,
        tau2=tau2,
        q=q,
        q_probability=float(chdtrc(k - p, q)),
        i2=100 * between / (between + typical),
        h2=between / typical + 1,
        sites=k,
        covariance=np.asarray(covariance, dtype=np.float64),
        quantile=quantile,
    )


def sites_own(
    pooled: RandomEffects, *, effects: Vector, variances: Vector, moderators: Matrix | None = None
) -> SitesOwn:
    """Return the best guess of each site's effect, given all sites: shrunken towards what its like have.

    Args:
        pooled: of the same effects.
        effects: as given to `pooled_effects`.
        variances: likewise.
        moderators: likewise.

    Source: Raudenbush and Bryk (1985), J Educ Stat 10:75-98; metafor 3.8, `blup`.
    """
    design = _design(effects, variances, moderators)
    weights = pooled.tau2 / (pooled.tau2 + variances)
    values = weights * effects + (1 - weights) * (design @ pooled.coefficients)
    of_mean = np.einsum("ij,jk,ik->i", design, pooled.covariance, design)
    errors = np.sqrt(weights * variances + (1 - weights) ** 2 * of_mean)
    half = pooled.quantile * errors
    return SitesOwn(values=values, standard_errors=errors, lower=values - half, upper=values + half, weights=weights)


def tau_interval(
    *, effects: Vector, variances: Vector, moderators: Matrix | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Return an interval of tau squared: those that make the spread seen no surprise.

    Args:
        effects: as in `pooled_effects`.
        variances: likewise.
        moderators: likewise.
        confidence: above 0, below 1.

    Source: Viechtbauer (2007), Stat Med 26:37-52 (Q-profile).
    """
    design = _design(effects, variances, moderators)
    freedom = design.shape[0] - design.shape[1]
    tail = (1 - confidence) / 2
    ends = [_root(effects, variances, design, float(chdtri(freedom, share))) for share in (tail, 1 - tail)]
    return ends[0], ends[1]


def leave_one_out(*, effects: Vector, variances: Vector, spread: Spread = Spread.REML) -> tuple[RandomEffects, ...]:
    """Return the pooled mean without each site in turn; at least three sites."""
    every = np.arange(len(effects))
    return tuple(
        pooled_effects(
            effects=effects[every != at], variances=variances[every != at], spread=spread, interval=Interval.WALD
        )
        for at in every
    )


def tau_squared(effects: Vector, variances: Vector, design: Matrix, spread: Spread) -> float:
    """Return the variance between sites by one of its estimators, never below 0; arguments as in `pooled_effects`."""
    k, p = design.shape
    q, trace, _ = _about(effects, variances, design, 0.0)
    if spread is Spread.NONE:
        return 0.0
    if spread is Spread.DL:
        return max(0.0, float(q - (k - p)) / trace)
    if spread is Spread.HS:
        return max(0.0, float(q - k) / float((1 / variances).sum()))
    if spread is Spread.HE:
        left = np.eye(k) - design @ np.linalg.pinv(design)
        return max(0.0, float(effects @ left @ effects - np.diag(left) @ variances) / float(k - p))
    if spread is Spread.SJ:
        rough = float(effects.var())
        return float(rough * _about(effects, variances, design, rough)[0] / (k - p)) if rough > 0 else 0.0
    if spread is Spread.PM:
        return _root(effects, variances, design, float(k - p))
    return _likeliest(effects, variances, design, restricted=spread is Spread.REML)


def _likeliest(effects: Vector, variances: Vector, design: Matrix, *, restricted: bool) -> float:
    """Return the maximum of the (restricted) likelihood by Fisher scoring, halved so that it stays above 0."""
    tau2: float = tau_squared(effects, variances, design, Spread.HE)
    for _ in range(MOST_STEPS):
        weights = 1 / (variances + tau2)
        weighted = design * weights[:, None]
        projection = np.diag(weights) - weighted @ np.linalg.inv(design.T @ weighted) @ weighted.T
        pull = float(effects @ projection @ projection @ effects)
        level, slope = (projection.trace(), (projection**2).sum()) if restricted else (weights.sum(), weights @ weights)
        step = (pull - float(level)) / float(slope)
        while tau2 + step < 0:
            if tau2 < 1e-12:
                return 0.0
            step = max(step / 2, -tau2)
        tau2 = float(tau2 + step)
        if abs(step) < 1e-12 * max(1.0, tau2):
            break
    return tau2


def _root(effects: Vector, variances: Vector, design: Matrix, target: float) -> float:
    """Return the tau squared at which the weighted squares are as many as `target`; 0 if they are fewer at 0."""

    def excess(tau2: float) -> float:
        return _about(effects, variances, design, tau2)[0] - target

    if excess(0.0) <= 0:
        return 0.0
    high = float(max(effects.var(), variances.max(), 1e-12))
    while excess(high) > 0:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-15, rtol=1e-14))


def _about(effects: Vector, variances: Vector, design: Matrix, tau2: float) -> tuple[float, float, Matrix]:
    """Return the weighted squares about the fit, the trace of the projection, and the covariance of the fit."""
    weights = 1 / (variances + tau2)
    weighted = design * weights[:, None]
    covariance = np.linalg.inv(design.T @ weighted)
    left = effects - design @ (covariance @ (weighted.T @ effects))
    trace = float(weights.sum() - np.trace(covariance @ (weighted.T @ weighted)))
    return float((weights * left**2).sum()), trace, np.asarray(covariance, dtype=np.float64)


def _design(effects: Vector, variances: Vector, moderators: Matrix | None) -> Matrix:
    if effects.ndim != 1 or effects.shape != variances.shape:
        raise ValueError("give one effect and one variance a site")
    design = np.ones((len(effects), 1)) if moderators is None else moderators
    if design.ndim != 2 or len(design) != len(effects):
        raise ValueError("give moderators as sites by coefficients")
    for part, what in ((effects, "an effect"), (variances, "a variance"), (design, "a moderator")):
        if not np.isfinite(part).all():
            raise ValueError(f"{what} is missing or infinite: leave the site out and say so")
    if (variances <= 0).any():
        raise ValueError(f"site {int(np.argmax(variances <= 0)) + 1} has no variance above 0: leave it out and say so")
    if len(effects) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("there are too few sites, or moderators that say the same, for so many coefficients")
    return design

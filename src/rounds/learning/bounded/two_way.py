"""Rates by site and period: effects of each on the log scale, fitted to counts known between bounds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.optimize import minimize_scalar

from rounds.learning.bounded.counts import Fit, IntervalCounts, Vector

Matrix = NDArray[np.float64]
Index = NDArray[np.int64]

_MAX_STEPS = 100
STEP_TOLERANCE = 1e-9
"""Newton's error after a step this small is far below rounding."""
_LEAST_EXTRA_VARIANCE = 1e-3  # relative to Poisson, at the mean count: less than this is none
_GREATEST_ALPHA = 10.0


class NotConverged(ArithmeticError):
    """The maximum of the likelihood does not exist or was not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Site-periods as flat arrays of shape (cells,)."""

    site: Index
    period: Index
    counts: IntervalCounts
    log_exposure: Vector
    shape: tuple[int, int]
    """sites, periods"""

    def by_site(self, values: Vector) -> Vector:
        return np.bincount(self.site, values, minlength=self.shape[0]).astype(np.float64)

    def by_period(self, values: Vector) -> Vector:
        return np.bincount(self.period, values, minlength=self.shape[1]).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """The information matrix of site and period effects, ready to be solved with.

    It is [[S, W], [W', P]] with diagonal S and P. Sites are eliminated, so the only dense matrix is periods x periods:
    a network has many sites and few periods.
    """

    site_information: Vector
    weights: Matrix
    """shape (sites, free periods)"""
    free: Index
    """periods that are estimated; the others are zero by convention or have no data"""
    schur: tuple[Matrix, bool]

    def solve(self, site_part: Vector, period_part: Vector) -> tuple[Vector, Vector]:
        """Return the two parts of V g for g = (site_part, period_part), V the inverse information."""
        scaled = np.divide(
            site_part, self.site_information, out=np.zeros_like(site_part), where=self.site_information > 0
        )
        solved = cho_solve(self.schur, period_part[self.free] - self.weights.T @ scaled)
        back = self.weights @ solved
        sites = scaled - np.divide(
            back, self.site_information, out=np.zeros_like(back), where=self.site_information > 0
        )
        periods = np.zeros_like(period_part)
        periods[self.free] = solved
        return sites, periods

    def variance_of(self, site_part: Vector, period_part: Vector) -> float:
        """Return g' V g."""
        sites, periods = self.solve(site_part, period_part)
        return float(site_part @ sites + period_part @ periods)

    def draw(self, generator: np.random.Generator, *, periods: int) -> tuple[Vector, Vector]:
        """Return a normal draw of (site effects, period effects) with mean 0 and variance V.

        Args:
            generator: the source of chance.
            periods: how many period effects there are; those that are not free are 0.
        """
        of_periods = np.zeros(periods)
        of_periods[self.free] = solve_triangular(self.schur[0], generator.standard_normal(len(self.free)))
        seen = self.site_information > 0
        information = np.where(seen, self.site_information, 1.0)
        of_sites = generator.standard_normal(len(seen)) / np.sqrt(information)
        of_sites -= self.weights @ of_periods[self.free] / information
        return np.where(seen, of_sites, 0.0), of_periods

    @property
    def log_determinant(self) -> float:
        seen = self.site_information[self.site_information > 0]
        return float(np.sum(np.log(seen)) + 2.0 * np.sum(np.log(np.diag(self.schur[0]))))


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseFactor:
    """The information matrix of site and period effects under a `Prior`, ready to be solved with."""

    sites: int
    upper: Matrix
    """its Cholesky factor U, of which only the upper triangle means anything: U' U"""

    def solve(self, site_part: Vector, period_part: Vector) -> tuple[Vector, Vector]:
        """Return the two parts of V g for g = (site_part, period_part), V the inverse information."""
        solved = dpotrs(self.upper, np.concatenate([site_part, period_part]), lower=False)[0]
        return solved[: self.sites], solved[self.sites :]

    def variance_of(self, site_part: Vector, period_part: Vector) -> float:
        """Return g' V g."""
        sites, periods = self.solve(site_part, period_part)
        return float(site_part @ sites + period_part @ periods)

    def draw(self, generator: np.random.Generator, *, periods: int) -> tuple[Vector, Vector]:
        """Return a normal draw of (site effects, period effects) with mean 0 and variance V."""
        found = solve_triangular(self.upper, generator.standard_normal(self.sites + periods))
        return found[: self.sites], found[self.sites :]

    @property
    def log_determinant(self) -> float:
        return float(2.0 * np.sum(np.log(np.diag(self.upper))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed of effects before counts are looked at: normal, with these inverse variances about 0.

    Where a matrix has no full rank, nothing is believed in the direction that is missing.
    """

    site: Matrix
    """shape (sites, sites)"""
    period: Matrix
    """shape (periods, periods)"""

    def pull(self, sites: Vector, periods: Vector) -> tuple[Vector, Vector]:
        """Return how strongly the prior draws each effect towards 0."""
        return self.site @ sites, self.period @ periods


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWay:
    """The fitted rates."""

    site_effects: Vector
    period_effects: Vector
    alpha: float
    loglik: float
    """less the prior's cost, where there is a prior"""
    factor: Factor | DenseFactor

    def log_mean(self, cells: Cells) -> Vector:
        """Return the log of the events expected in `cells`."""
        return self.site_effects[cells.site] + self.period_effects[cells.period] + cells.log_exposure


def fit_two_way(
    cells: Cells,
    *,
    free_periods: Index,
    start: tuple[Vector, Vector],
    alpha: float,
    prior: Prior | None = None,
    tolerance: float = STEP_TOLERANCE,
) -> TwoWay:
    """Return the maximum-likelihood site and period effects at a given over-dispersion, by Newton's method.

    With a prior, those of the highest posterior density; all periods are free then.

    Args:
        cells: the site-periods to fit; for a counterfactual the untreated ones.
        free_periods: the periods with an effect to estimate: all that have data, less one in each connected part.
        start: site and period effects to start from.
        alpha: negative-binomial over-dispersion; 0 is Poisson.
        prior: what is believed of the effects; None for nothing.
        tolerance: the step after which Newton's method has arrived; what is left is about its square.

    Raises:
        NotConverged: if there is no maximum or Newton's method does not find it.
    """
    log_weights = cells.counts.log_weights(alpha)
    sites, periods = start

    def evaluate(sites: Vector, periods: Vector) -> tuple[Fit, float]:
        log_mean = sites[cells.site] + periods[cells.period] + cells.log_exposure
        fit = cells.counts.evaluate(log_mean, alpha, log_weights)
        if prior is None:
            return fit, fit.loglik
        of_sites, of_periods = prior.pull(sites, periods)
        return fit, fit.loglik - 0.5 * float(sites @ of_sites + periods @ of_periods)

    def factor_at(fit: Fit) -> Factor | DenseFactor:
        if prior is None:
            return _factor(cells, free_periods, fit.information)
        return _dense_factor(cells, prior, fit.information)

    now, height = evaluate(sites, periods)
    for _ in range(_MAX_STEPS):
        site_score, period_score = cells.by_site(now.score), cells.by_period(now.score)
        if prior is not None:
            of_sites, of_periods = prior.pull(sites, periods)
            site_score, period_score = site_score - of_sites, period_score - of_periods
        site_step, period_step = factor_at(now).solve(site_score, period_score)
        largest = max(np.abs(site_step).max(), np.abs(period_step).max())
        scale = min(1.0, 3.0 / largest) if largest > 0 else 1.0
        for _ in range(40):
            following, higher = evaluate(sites + scale * site_step, periods + scale * period_step)
            if higher >= height - 1e-9 * abs(height):
                break
            scale /= 2.0
        else:
            raise NotConverged
        sites, periods = sites + scale * site_step, periods + scale * period_step
        now, height = following, higher
        if scale * largest < tolerance:
            break
    else:
        raise NotConverged
    return TwoWay(site_effects=sites, period_effects=periods, alpha=alpha, loglik=height, factor=factor_at(now))


def fit_dispersed_two_way(
    cells: Cells, *, free_periods: Index, start: tuple[Vector, Vector], adjusted: bool = True
) -> TwoWay:
    """Return the effects with over-dispersion estimated by (adjusted) profile likelihood; 0 if that is the best.

    Args:
        cells: the site-periods to fit; for a counterfactual the untreated ones.
        free_periods: as in `fit_two_way`.
        start: as in `fit_two_way`.
        adjusted: subtract half the log determinant of the information (Cox and Reid 1987). Without it the many site
            and period effects soak up over-dispersion and intervals come out too narrow.

    Raises:
        NotConverged: if there is no maximum.

    Source: McCarthy, Chen and Smyth (2012), Nucleic Acids Res 40:4288-4297, for the adjustment in count models.
    """
    best = fit_two_way(cells, free_periods=free_periods, start=start, alpha=0.0)
    poisson = best

    def criterion(effects: TwoWay) -> float:
        return effects.loglik - (0.5 * effects.factor.log_determinant if adjusted else 0.0)

    def loss(log_alpha: float) -> float:
        nonlocal best
        fitted = fit_two_way(
            cells,
            free_periods=free_periods,
            start=(best.site_effects, best.period_effects),
            alpha=float(np.exp(log_alpha)),
        )
        if criterion(fitted) > criterion(best):
            best = fitted
        return -criterion(fitted)

    least = float(np.log(_LEAST_EXTRA_VARIANCE / np.exp(poisson.log_mean(cells)).mean()))
    if loss(least) >= -criterion(poisson):
        return poisson
    minimize_scalar(loss, bounds=(least, np.log(_GREATEST_ALPHA)), method="bounded", options={"xatol": 1e-4})
    return best


def _factor(cells: Cells, free_periods: Index, information: Vector) -> Factor:
    weights = np.zeros(cells.shape)
    # a cell whose interval holds next to no information can come out at a rounding error below zero
    weights[cells.site, cells.period] = np.maximum(information, 1e-12)
    return factor_of(weights, free_periods)


def factor_of(weights: Matrix, free_periods: Index) -> Factor:
    """Return the information matrix of site and period effects from that of each cell, 0 where there is none.

    Args:
        weights: shape (sites, periods).
        free_periods: as in `fit_two_way`.

    Raises:
        NotConverged: if the effects cannot be told apart.
    """
    site_information, period_information = weights.sum(axis=1), weights.sum(axis=0)
    weights = weights[:, free_periods]
    seen = site_information > 0
    shared = weights[seen].T @ (weights[seen] / site_information[seen, None])
    try:
        schur = cho_factor(np.diag(period_information[free_periods]) - shared)
    except LinAlgError as error:
        raise NotConverged from error
    return Factor(site_information=site_information, weights=weights, free=free_periods, schur=schur)


def _dense_factor(cells: Cells, prior: Prior, information: Vector) -> DenseFactor:
    sites, periods = cells.shape
    # as `_factor` does; only the upper triangle is read
    weights = np.maximum(information, 1e-12)
    whole = np.zeros((sites + periods, sites + periods), order="F")
    whole[:sites, :sites], whole[sites:, sites:] = prior.site, prior.period
    whole[cells.site, sites + cells.period] = weights
    whole.ravel(order="K")[:: sites + periods + 1] += np.concatenate([cells.by_site(weights), cells.by_period(weights)])
    # LAPACK without SciPy's wrapper, which takes as long as the factor itself: a fit asks for a hundred of them
    upper, failed = dpotrf(whole, lower=False, clean=False, overwrite_a=True)
    if failed:
        raise NotConverged
    return DenseFactor(sites=sites, upper=upper)

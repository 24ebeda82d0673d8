"""Rates by site and period where nearly every count is withheld: sites alike, and periods that change gradually.

With a free effect of each site and period the likelihood of sparse bounds pulls rates towards that at which withheld
counts are likeliest (3.4 for 1-7), period by period. Here a period's effect is a level, a trend and a season, all
free, and a random walk about them; a site's is normal about a line in how much of the panel it spends with the
innovation, so that sites which adopt early because they are bad are not drawn to those that never do.
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from rounds.learning.bounded.counts import Vector
from rounds.learning.bounded.two_way import STEP_TOLERANCE, Cells, Matrix, Prior, TwoWay, fit_two_way

_START = (0.1, 0.005)
"""Variances of sites and of a period's step to try first."""
_LEAST, _MOST = 1e-4, 3.0
_LEAST_EXTRA_VARIANCE = 1e-3  # relative to Poisson, at the mean count: less than this is none
_GREATEST_ALPHA = 10.0
_NONE = 1e12
_SEARCH_TOLERANCE = 1e-4
"""While variances are chosen: after such a step the criterion is right to some 1e-7, and .02 of it decide."""
_NEAREST = 9
_FARTHEST = 30.0
"""Weights that add up to more than this are those of an extrapolation that leads nowhere."""


def fit_gradual(cells: Cells, *, tells_site: Vector, a_year: int | None) -> TwoWay:
    """Return site and period effects, how much they vary and the over-dispersion chosen by marginal likelihood.

    Args:
        cells: the site-periods to fit; for a counterfactual the untreated ones.
        tells_site: shape (sites,), what a site's level may go with: the share of its periods that are treated.
        a_year: how many periods make a year, where a season can be told; None for no season.

    Raises:
        NotConverged: if no effects fit.

    Source: Mundlak (1978), Econometrica 46:69-85, for levels that go with treatment; Rue and Held (2005), Gaussian
        Markov Random Fields, section 3.3, for random walks; Breslow and Clayton (1993), J Am Stat Assoc 88:9-25, for
        Laplace's approximation to the marginal likelihood.
    """
    sites, periods = cells.shape
    flat = _free_in_time(periods, a_year)
    site_unit = _without(np.eye(sites), tells_site[:, None] - tells_site.mean())
    steps = np.eye(periods) - np.eye(periods, k=-1)
    period_unit = _without(steps.T @ steps, flat)
    site_rank, period_rank = sites - int(np.ptp(tells_site) > 0), periods - flat.shape[1]
    first_look = cells.counts.evaluate(np.zeros(cells.counts.size), 0.0, cells.counts.log_weights(0.0))
    rate = np.log(max(float(first_look.expected.sum()), 0.5) / float(np.exp(cells.log_exposure).sum()))
    start = np.concatenate([np.zeros(sites), np.full(periods, rate)])
    every_period = np.arange(periods, dtype=np.int64)

    def fitted(log_variances: Vector, alpha: float, start: Vector, tolerance: float) -> tuple[float, TwoWay]:
        site_variance, period_variance = np.exp(log_variances)
        found = fit_two_way(
            cells,
            free_periods=every_period,
            start=(start[:sites], start[sites:]),
            alpha=alpha,
            prior=Prior(site=site_unit / site_variance, period=period_unit / period_variance),
            tolerance=tolerance,
        )
        ranks = site_rank * log_variances[0] + period_rank * log_variances[1]
        return found.loglik - 0.5 * (found.factor.log_determinant + float(ranks)), found

    of_variances = _Trail(start)

    def loss(log_variances: Vector) -> float:
        if not np.all((log_variances >= np.log(_LEAST)) & (log_variances <= np.log(_MOST))):
            return _NONE
        height, found = fitted(log_variances, 0.0, of_variances.ahead(log_variances), _SEARCH_TOLERANCE)
        of_variances.add(log_variances, found)
        return -height

    first = np.log(np.array(_START))
    simplex = first + np.array([[0.0, 0.0], [0.8, 0.0], [0.0, -0.8]])
    options = {"initial_simplex": simplex, "xatol": 0.1, "fatol": 0.02, "maxiter": 60}
    chosen = np.asarray(minimize(loss, first, method="Nelder-Mead", options=options).x, dtype=np.float64)
    height, poisson = fitted(chosen, 0.0, of_variances.ahead(chosen), STEP_TOLERANCE)
    least = float(np.log(_LEAST_EXTRA_VARIANCE / np.exp(poisson.log_mean(cells)).mean()))
    of_alpha = _Trail(_effects(poisson))

    def loss_of_alpha(log_alpha: float) -> float:
        at = np.array([log_alpha])
        height, found = fitted(chosen, float(np.exp(log_alpha)), of_alpha.ahead(at), _SEARCH_TOLERANCE)
        of_alpha.add(at, found)
        return -height

    bounds = (least, np.log(_GREATEST_ALPHA))
    best = minimize_scalar(loss_of_alpha, bounds=bounds, method="bounded", options={"xatol": 0.1})
    if -best.fun <= height:
        return poisson
    return fitted(chosen, float(np.exp(best.x)), of_alpha.ahead(np.array([best.x])), STEP_TOLERANCE)[1]


class _Trail:
    """The effects found at the points a search has been to. They foretell those at the next, by a polynomial through
    the nearest, so that Newton's method has a step or two to go in place of five."""

    __slots__ = ("_effects", "_points", "_start")

    def __init__(self, start: Vector) -> None:
        """Begin with the effects to start from where nothing has been found yet."""
        self._start = start
        self._points: list[Vector] = []
        self._effects: list[Vector] = []

    def add(self, point: Vector, found: TwoWay) -> None:
        """Remember what was found at a point."""
        self._points.append(point.copy())
        self._effects.append(_effects(found))

    def ahead(self, point: Vector) -> Vector:
        """Return what the effects at a point are likely to be: nothing but a start for Newton's method."""
        if not self._points:
            return self._start
        away = np.array(self._points) - point
        nearest = np.argsort((away**2).sum(axis=1), kind="stable")[:_NEAREST]
        away, effects = away[nearest], np.array([self._effects[at] for at in nearest])
        squares = [away[:, one] * away[:, two] for one in range(len(point)) for two in range(one, len(point))]
        powers = np.column_stack([np.ones(len(away)), away, *squares])
        for terms in (powers.shape[1], 1 + len(point)):
            if len(away) >= terms:
                weights = _interpolating(powers[:, :terms])
                if np.abs(weights).sum() <= _FARTHEST:
                    return np.asarray(weights @ effects, dtype=np.float64)
        return np.asarray(effects[0], dtype=np.float64)


def _interpolating(powers: Matrix) -> Vector:
    """Return the least weights that make a polynomial at 0 of its values at points; NaN where points coincide."""
    scaled = powers / np.maximum(np.abs(powers).max(axis=0), 1e-12)
    try:
        weights: Vector = scaled @ np.linalg.solve(scaled.T @ scaled, np.eye(powers.shape[1])[0])
    except np.linalg.LinAlgError:
        return np.full(len(powers), np.nan)
    return weights


def _effects(found: TwoWay) -> Vector:
    return np.concatenate([found.site_effects, found.period_effects])


def _free_in_time(periods: int, a_year: int | None) -> Matrix:
    """Return level, trend and season as columns, shape (periods, 2 or 4): no season without two years of it."""
    place = np.arange(periods)
    columns = [np.ones(periods), (place - place.mean()) / periods]
    if a_year is not None and a_year > 2 and periods >= 2 * a_year:
        columns += [np.cos(2 * np.pi * place / a_year), np.sin(2 * np.pi * place / a_year)]
    return np.stack(columns, axis=1)


def _without(unit: Matrix, free: Matrix) -> Matrix:
    """Return an inverse variance with nothing believed of some directions: the flat-prior limit of a regression."""
    shared = unit @ free
    inner = free.T @ shared
    if not inner.any():
        return unit
    left: Matrix = unit - shared @ np.linalg.solve(inner, shared.T)
    return (left + left.T) / 2.0

"""Interactive fixed effects: what the ups and downs of sites have in common, and how much each site has of it.

Every site has its own level; all share what happens in a period; beyond that a few factors move sites, each by its own
loading. Factors are estimated on sites that never adopt; an adopter's loadings on its own time before it adopted.

Source: Xu (2017), Political Analysis 25:57-76 (generalised synthetic control); Bai (2009), Econometrica 77:1229-1279.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask

MOST_FACTORS = 5
LEAST_GAIN = 1e-3
"""By how much of itself the error must fall for a further factor; as in gsynth."""

_MOST_ROUNDS = 5000
_STANDS_STILL = 1e-11
_NO_VARIATION = 1e-9
_SINGULAR = 1e12

Cube = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonFactors:
    """What sites that never adopt have in common."""

    factors: Matrix
    """shape (periods, number), each of mean square 1"""
    period_means: Vector
    """mean over sites less the covariates' part, shape (periods,)"""
    slopes: Vector
    """of the covariates, shape (covariates,)"""
    residuals: Matrix
    """shape (sites, periods)"""
    variance: float
    """of the residuals, with the parameters taken off"""


def fit_factors(
    values: Matrix, *, number: int, covariates: Cube | None = None, stop: float | None = None
) -> CommonFactors:
    """Return the factors of sites without a gap, by least squares beside site and period effects.

    Without covariates they are principal components, to machine precision. With covariates slopes and factors are
    fitted in turn, from the slopes without factors on, until the slopes stand still.

    Args:
        values: of sites that never adopt, shape (sites, periods), all finite.
        number: of factors, at most two less than there are sites, and than there are periods.
        covariates: shape (covariates, sites, periods).
        stop: largest change of the slopes at which they count as standing still; None for 1e-11 of their size.
            gsynth's is .001.

    Raises:
        ValueError: if a value is not finite, there are too many factors, or a covariate is the same everywhere beside
            its site and period means, or a sum of others.
        NotConverged: if the slopes do not come to stand still.

    >>> common = np.sin(np.arange(8.0))
    >>> shares = np.array([[1.0], [2.0], [4.0]])
    >>> fit_factors(shares * common, number=1).residuals.round(12).any()
    np.False_
    """
    of = np.zeros((0, *values.shape)) if covariates is None else covariates
    _check(values, of, number)
    left, explaining = without_means(values), without_means(of)
    slopes, factors, common = np.zeros(len(of)), *_principal(left, number if not len(of) else 0)
    if len(of):
        slopes, factors, common = _in_turn(left, explaining, number, stop)
    residuals = left - np.tensordot(slopes, explaining, axes=1) - common
    rest = values - np.tensordot(slopes, of, axes=1)
    return CommonFactors(
        factors=factors,
        period_means=rest.mean(axis=0),
        slopes=slopes,
        residuals=residuals,
        variance=float((residuals**2).sum()) / max(_degrees(values.shape, number, len(of)), 1),
    )


def effects_of(fitted: CommonFactors, values: Matrix, before: Mask, covariates: Cube | None = None) -> Matrix:
    """Return values less what they would have been without the innovation, shape (adopters, periods).

    Args:
        fitted: of sites that never adopt.
        values: of those that do, same periods; NaN where missing.
        before: where they were without it, from which level and loadings are fitted.
        covariates: shape (covariates, adopters, periods).

    Returns:
        Effects; NaN in every period of a site whose time before does not tell its loadings.
    """
    basis, inverse, left = _loading(fitted, values, before, covariates)
    moments = np.where(before, left, 0.0) @ basis
    loadings = np.einsum("skl,sl->sk", inverse, moments)
    effects: Matrix = left - loadings @ basis.T
    return effects


def prediction_error(fitted: CommonFactors, values: Matrix, before: Mask, covariates: Cube | None = None) -> float:
    """Return the mean square of what adopters' periods before differ by from a fit without each; infinite if none.

    Leaving a period out of a regression multiplies its residual by 1 / (1 - leverage), so nothing is fitted again.
    The factors stay as they were, as in gsynth.
    """
    basis, inverse, left = _loading(fitted, values, before, covariates)
    loadings = np.einsum("skl,sl->sk", inverse, np.where(before, left, 0.0) @ basis)
    leverage = np.einsum("tk,skl,tl->st", basis, inverse, basis)
    missed = ((left - loadings @ basis.T) / (1.0 - leverage))[before]
    error = float((missed**2).mean()) if missed.size else np.inf
    return error if np.isfinite(error) else np.inf


def choose_number(errors: Vector) -> int:
    """Return the number of factors (0, 1, ...) whose error is least, where each counts only if it is clearly less.

    Args:
        errors: by number of factors, from 0 on.

    >>> choose_number(np.array([2.37, 1.717, 1.1454, 1.1449, 1.2]))
    2
    """
    best, found = np.inf, 0
    for number, error in enumerate(errors):
        if np.isfinite(error) and (np.isinf(best) or best - error > LEAST_GAIN * best):
            best, found = error, number
    return found


def without_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values less their site and period means, of the last two axes."""
    of_sites, of_periods = values.mean(axis=-1, keepdims=True), values.mean(axis=-2, keepdims=True)
    left: NDArray[np.float64] = values - of_sites - of_periods + of_sites.mean(axis=-2, keepdims=True)
    return left


def _check(values: Matrix, covariates: Cube, number: int) -> None:
    if values.ndim != 2 or covariates.ndim != 3 or covariates.shape[1:] != values.shape:
        raise ValueError(f"values of shape {values.shape} do not fit covariates of shape {covariates.shape}")
    if not (np.isfinite(values).all() and np.isfinite(covariates).all()):
        raise ValueError("a value or covariate of a site to compare with is missing or not finite; leave the site out")
    most = max(min(values.shape) - 2, 0)
    if not 0 <= number <= most:
        raise ValueError(f"{number} factors need more than {values.shape[0]} sites and {values.shape[1]} periods")


def _principal(left: Matrix, number: int) -> tuple[Matrix, Matrix]:
    """Return the first factors of what is left, and their part in it."""
    sites, periods = left.shape
    if number == 0:
        return np.zeros((periods, 0)), np.zeros_like(left)
    if sites < periods:
        shares = np.linalg.eigh(left @ left.T)[1][:, ::-1][:, :number]
        raw = left.T @ shares
        length = np.linalg.norm(raw, axis=0)
        return raw * (np.sqrt(periods) / np.where(length > 0, length, 1.0)), shares @ raw.T
    unit = np.linalg.eigh(left.T @ left)[1][:, ::-1][:, :number]
    return unit * np.sqrt(periods), left @ unit @ unit.T


def _in_turn(left: Matrix, explaining: Cube, number: int, stop: float | None) -> tuple[Vector, Matrix, Matrix]:
    """Return slopes, factors and their part, fitted in turn."""
    flat = explaining.reshape(len(explaining), -1)
    products = flat @ flat.T
    size = np.sqrt(np.diag(products))
    if not (size > _NO_VARIATION * max(float(np.abs(left).max()), 1.0)).all() or (
        np.linalg.cond(products / np.outer(size, size)) > _SINGULAR
    ):
        raise ValueError(
            "a covariate does not vary beside its site and period means, or is a sum of others; leave it out"
        )
    common = np.zeros_like(left)
    slopes = np.linalg.solve(products, flat @ left.ravel())
    for _ in range(_MOST_ROUNDS):
        factors, common = _principal(left - np.tensordot(slopes, explaining, axes=1), number)
        again = np.linalg.solve(products, flat @ (left - common).ravel())
        moved, slopes = float(np.linalg.norm(again - slopes)), again
        if moved <= (_STANDS_STILL * max(float(np.linalg.norm(slopes)), 1e-300) if stop is None else stop):
            return slopes, *_principal(left - np.tensordot(slopes, explaining, axes=1), number)
    raise NotConverged


def _degrees(shape: tuple[int, ...], number: int, covariates: int) -> int:
    sites, periods = shape
    return (sites - 1) * (periods - 1) - covariates - number * (sites + periods - 2) + number**2


def _loading(
    fitted: CommonFactors, values: Matrix, before: Mask, covariates: Cube | None
) -> tuple[Matrix, Cube, Matrix]:
    """Return factors with a constant, each site's inverse of their products before, and what loadings must explain."""
    periods = len(fitted.factors)
    if values.shape[1:] != (periods,) or before.shape != values.shape:
        raise ValueError(f"adopters of shape {values.shape} do not fit factors of {periods} periods")
    left = values - fitted.period_means
    if covariates is not None:
        left = left - np.tensordot(fitted.slopes, covariates, axes=1)
    basis = np.hstack([fitted.factors, np.ones((periods, 1))])
    products = np.einsum("tk,st,tl->skl", basis, before.astype(np.float64), basis)
    return basis, _inverses(products), left


def _inverses(products: Cube) -> Cube:
    """Return the inverse of each matrix; NaN where it has none."""
    eigenvalues = np.linalg.eigvalsh(products)
    sound = eigenvalues[:, 0] * _SINGULAR > eigenvalues[:, -1]
    found = np.full_like(products, np.nan)
    found[sound] = np.linalg.inv(products[sound])
    return found

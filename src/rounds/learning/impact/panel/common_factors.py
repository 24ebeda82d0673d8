"""Interactive fixed effects: what the ups and downs of sites have in common, and how much each site has of it.

Every site has its own level; all share what happens in a period; beyond that a few factors move sites, each by its own
loading. Factors are estimated on sites that never adopt; an adopter's loadings on its own time before it adopted.

Source: Xu (2017), Political Analysis 25:57-76 (generalised synthetic control); Bai (2009), Econometrica 77:1229-1279.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

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
_NO_ROOM = 1e-9

Cube = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values of some sites, and what else is known to move them."""

    values: Matrix
    """shape (sites, periods)"""
    covariates: Cube | None = None
    """shape (covariates, sites, periods)"""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.explaining.ndim != 3 or self.explaining.shape[1:] != self.values.shape:
            raise ValueError(
                f"values of shape {self.values.shape} do not fit covariates of shape {self.explaining.shape}"
            )

    @property
    def explaining(self) -> Cube:
        """Covariates, shape (covariates, sites, periods); with none, the first is 0."""
        return np.zeros((0, *self.values.shape)) if self.covariates is None else self.covariates

    def of(self, rows: NDArray[np.int64] | Mask) -> "Series":
        """Return the series of some sites; a site can stand in it more than once."""
        return Series(
            values=self.values[rows], covariates=None if self.covariates is None else self.covariates[:, rows]
        )

    def again(self, values: Matrix) -> "Series":
        """Return other values with the same covariates."""
        return Series(values=values, covariates=self.covariates)


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


def fit_factors(controls: Series, *, number: int, stop: float | None = None) -> CommonFactors:
    """Return the factors of sites without a gap, by least squares beside site and period effects.

    Without covariates they are principal components, to machine precision. With covariates slopes and factors are
    fitted in turn, from the slopes without factors on, until the slopes stand still.

    Args:
        controls: sites that never adopt, all values finite.
        number: of factors, at most two less than there are sites, and than there are periods.
        stop: largest change of the slopes at which they count as standing still; None for 1e-11 of their size.
            gsynth's is .001.

    Raises:
        ValueError: if a value is not finite, there are too many factors, or a covariate is the same everywhere beside
            its site and period means, or a sum of others.
        NotConverged: if the slopes do not come to stand still.

    >>> common = np.sin(np.arange(8.0))
    >>> shares = np.array([[1.0], [2.0], [4.0]])
    >>> bool(np.abs(fit_factors(Series(values=shares * common), number=1).residuals).max() < 1e-12)
    True
    """
    _check(controls, number)
    left, explaining = without_means(controls.values), without_means(controls.explaining)
    slopes = _slopes(left, explaining, number, stop) if len(explaining) else np.zeros(0)
    left = left - np.tensordot(slopes, explaining, axes=1)
    factors, common = _principal(left, number)
    residuals = left - common
    rest = controls.values - np.tensordot(slopes, controls.explaining, axes=1)
    return CommonFactors(
        factors=factors,
        period_means=rest.mean(axis=0),
        slopes=slopes,
        residuals=residuals,
        variance=float((residuals**2).sum()) / max(_degrees(rest.shape, number, len(slopes)), 1),
    )


def effects_of(fitted: CommonFactors, adopters: Series, before: Mask) -> Matrix:
    """Return values less what they would have been without the innovation, shape (adopters, periods).

    Args:
        fitted: of sites that never adopt.
        adopters: sites that do, in the same periods; NaN where missing.
        before: where they were without it, from which level and loadings are fitted.

    Returns:
        Effects; NaN in every period of a site whose time before does not tell its loadings.

    Raises:
        ValueError: if shapes differ, or a value before is missing.
    """
    basis, inverses, left = _loading(fitted, adopters, before)
    return left - _shares(basis, inverses, left, before) @ basis.T


def prediction_error(fitted: CommonFactors, adopters: Series, before: Mask) -> float:
    """Return the mean square of what adopters' periods before differ by from a fit without each; infinite if none.

    Leaving a period out of a regression multiplies its residual by 1 / (1 - leverage), so nothing is fitted again.
    The factors stay as they were, as in gsynth.
    """
    basis, inverses, left = _loading(fitted, adopters, before)
    missed = (left - _shares(basis, inverses, left, before) @ basis.T)[before]
    room = 1.0 - np.einsum("tk,skl,tl->st", basis, inverses, basis)[before]
    if not room.size or not (room > _NO_ROOM).all():  # a period that alone tells a loading; NaN where nothing does
        return np.inf
    return float(((missed / room) ** 2).mean())


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


def _check(controls: Series, number: int) -> None:
    sites, periods = controls.values.shape
    if min(sites, periods) < 2 or not 0 <= number <= min(sites, periods) - 2:
        raise ValueError(f"{sites} sites that never adopt and {periods} periods are too few for {number} factors")
    if not (np.isfinite(controls.values).all() and np.isfinite(controls.explaining).all()):
        raise ValueError("a value or covariate of a site to compare with is missing or not finite; leave the site out")


def _principal(left: Matrix, number: int) -> tuple[Matrix, Matrix]:
    """Return the first factors of what is left, and their part in it."""
    sites, periods = left.shape
    if number == 0:
        return np.zeros((periods, 0)), np.zeros_like(left)
    # of the smaller product only the few largest are wanted; a whole decomposition costs 4 times as much on one
    # processor, and far more where its threads wait for others
    product = left @ left.T if sites < periods else left.T @ left
    last = len(product) - 1
    vectors = eigh(product, subset_by_index=[last - number + 1, last], check_finite=False)[1][:, ::-1]
    if sites >= periods:
        return vectors * np.sqrt(periods), left @ vectors @ vectors.T
    raw = left.T @ vectors
    length = np.linalg.norm(raw, axis=0)
    return raw * (np.sqrt(periods) / np.where(length > 0, length, 1.0)), vectors @ raw.T


def _slopes(left: Matrix, explaining: Cube, number: int, stop: float | None) -> Vector:
    """Return the slopes of covariates beside factors, both fitted in turn."""
    flat = explaining.reshape(len(explaining), -1)
    products = flat @ flat.T
    size = np.sqrt(np.diag(products))
    if not (size > _NO_VARIATION).all() or np.linalg.cond(products / np.outer(size, size)) > _SINGULAR:
        raise ValueError(
            "a covariate does not vary beside its site and period means, or is a sum of others; leave it out"
        )
    inverse = np.linalg.inv(products).astype(np.float64)
    slopes: Vector = inverse @ (flat @ left.ravel())
    for _ in range(_MOST_ROUNDS if number else 0):
        _, common = _principal(left - np.tensordot(slopes, explaining, axes=1), number)
        again: Vector = inverse @ (flat @ (left - common).ravel())
        moved, slopes = float(np.linalg.norm(again - slopes)), again
        if moved <= (_STANDS_STILL * float(np.linalg.norm(slopes)) if stop is None else stop):
            return slopes
    if number:
        raise NotConverged
    return slopes


def _degrees(shape: tuple[int, ...], number: int, covariates: int) -> int:
    sites, periods = shape
    return (sites - 1) * (periods - 1) - covariates - number * (sites + periods - 2) + number**2


def _loading(fitted: CommonFactors, adopters: Series, before: Mask) -> tuple[Matrix, Cube, Matrix]:
    """Return factors with a constant, each site's inverse of their products before, and what loadings must explain."""
    periods = len(fitted.factors)
    if adopters.values.shape[1:] != (periods,) or before.shape != adopters.values.shape:
        raise ValueError(f"adopters of shape {adopters.values.shape} do not fit factors of {periods} periods")
    left = adopters.values - fitted.period_means - np.tensordot(fitted.slopes, adopters.explaining, axes=1)
    if not np.isfinite(left[before]).all():
        raise ValueError("a value or covariate before an adoption is missing or not finite; take it for not seen")
    basis = np.hstack([fitted.factors, np.ones((periods, 1))])
    return basis, _inverses(np.einsum("tk,st,tl->skl", basis, before.astype(np.float64), basis)), left


def _shares(basis: Matrix, inverses: Cube, left: Matrix, before: Mask) -> Matrix:
    """Return each site's loadings and level, shape (sites, factors + 1)."""
    shares: Matrix = np.einsum("skl,sl->sk", inverses, np.where(before, left, 0.0) @ basis)
    return shares


def _inverses(products: Cube) -> Cube:
    """Return the inverse of each matrix; NaN where it has none."""
    eigenvalues = np.linalg.eigvalsh(products)
    sound = eigenvalues[:, 0] * _SINGULAR > eigenvalues[:, -1]
    found = np.full_like(products, np.nan)
    found[sound] = np.linalg.inv(products[sound])
    return found

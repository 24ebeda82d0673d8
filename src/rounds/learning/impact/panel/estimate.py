"""What every estimator of the panel returns, and how draws and sites become a standard error."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from rounds.learning.impact.effect import Interval, Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.scale import Scale

MOST_GROUPS = 50
"""With more sites than this, the jackknife leaves out groups of them."""
FEWER_GROUPS = 25
"""Then, where each costs a fit; pairs of the others."""
_FEWEST_TREATED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One estimator's answer: with the innovation over without it, as the log of a ratio, or less it, of means."""

    name: str
    method: str
    """name@version"""
    scale: Scale
    value: float
    """on that scale"""
    half: float
    """width of its 95 % interval to each side"""
    standard_error: float
    degrees: float
    """of freedom of Student's t behind the interval; infinite for a normal one"""
    assumes: str
    left_out: str
    """what this estimator does not use, in words; empty if it uses all that the leading one does"""
    influence: Matrix | None
    """by how much each group of sites moves the value, shape (draws, groups), with fewer draws or one if they are alike
    in all or cost a fit; its squares add up to the variance between sites; None for an estimator that is not held
    against the others"""
    by_draw: Vector
    """the value in each completed panel, shape (draws,); one where numbers are exact"""

    @property
    def effect(self) -> Interval:
        """The rate ratio or the difference, with its 95 % interval."""
        return self.scale.interval(self.value, self.half)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEstimate:
    """Why an estimator does not apply."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """Estimates of completed panels as one, by Rubin's rules."""

    value: float
    variance: float
    degrees: float


def pool(by_draw: Vector, within: Vector, *, degrees: float) -> Pooled:
    """Return one estimate of several completed panels.

    Args:
        by_draw: the estimate in each, shape (draws,).
        within: its variance in each, shape (draws,).
        degrees: of freedom with complete data; may be infinite.

    Source: Barnard and Rubin (1999), Biometrika 86:948-955, for the degrees of freedom.

    >>> pool(np.array([1.0]), np.array([0.25]), degrees=9).variance
    0.25
    """
    value, inside = float(by_draw.mean()), float(within.mean())
    draws = len(by_draw)
    between = float(by_draw.var(ddof=1)) * (1 + 1 / draws) if draws > 1 else 0.0
    whole = inside + between
    if between <= 1e-12 * whole or whole == 0.0:
        return Pooled(value=value, variance=whole, degrees=degrees)
    share = between / whole
    of_draws = (draws - 1) / share**2
    of_data = np.inf if np.isinf(degrees) else (degrees + 1) / (degrees + 3) * degrees * (1 - share)
    return Pooled(value=value, variance=whole, degrees=1 / (1 / of_draws + (0.0 if np.isinf(of_data) else 1 / of_data)))


def groups_of(sites: int, *, costly: bool = False) -> NDArray[np.int64]:
    """Return the group of each site: its own up to 50 sites, and above that one of 50, or of 25 if each costs a fit."""
    return np.arange(sites) % (sites if sites <= MOST_GROUPS else FEWER_GROUPS if costly else MOST_GROUPS)


def merged(influence: Matrix, *, groups: int) -> Matrix:
    """Return influences of sites in as many groups, shape (draws, groups), as large as a jackknife's over those.

    Args:
        influence: shape (draws, a multiple of `groups`), group i in group i modulo `groups` of the answer.
        groups: how many.
    """
    draws, number = influence.shape
    if number == groups:
        return influence
    added = influence.reshape(draws, number // groups, groups).sum(axis=1)
    larger: Matrix = added * np.sqrt((1 - 1 / number) / (1 - 1 / groups))
    return larger


def left_out(estimate: Callable[[Mask], Vector | None], groups: NDArray[np.int64], *, draws: int) -> Matrix:
    """Return an estimate without each group of sites, shape (draws, groups); NaN where there is none then.

    Args:
        estimate: gives it, shape (draws,), without the sites of a mask.
        groups: of each site.
        draws: how many completed panels there are.
    """
    found = np.full((draws, int(groups.max()) + 1), np.nan)
    for group in range(found.shape[1]):
        without = estimate(groups == group)
        if without is not None:
            found[:, group] = without
    return found


def jackknifed(without: Matrix) -> Matrix | None:
    """Return by how much each group of sites moves an estimate, shape (draws, groups).

    Args:
        without: the estimate without each group, shape (draws, groups); NaN where there is none.

    Returns:
        Influences whose squares add up to the delete-a-group jackknife's variance; None if half are missing.

    Source: Efron and Stein (1981), Ann Stat 9:586-596.
    """
    number = without.shape[1]
    there = ~np.isnan(without).any(axis=0)
    count = int(there.sum())
    if count < max(2, number // 2):
        return None
    centre = without[:, there].mean(axis=1, keepdims=True)
    # a group without which nothing can be estimated tells nothing of the variance; the others stand in for it
    spread: Matrix = np.sqrt((number - 1) / count) * np.where(there, centre - without, 0.0)
    return spread


def estimate_of(
    name: str,
    method: str,
    *,
    scale: Scale,
    by_draw: Vector,
    influence: Matrix | None,
    treated_sites: int,
    assumes: str,
    left_out: str = "",
) -> Estimate | NoEstimate:
    """Return an estimate with its interval from its values in each completed panel and its influences."""
    if treated_sites < _FEWEST_TREATED or influence is None:
        return NoEstimate(
            name=name,
            reason="its standard error comes from how much sites differ, which takes two sites with the innovation and "
            "two to compare with",
        )
    found = from_variance(
        name,
        method,
        scale=scale,
        by_draw=by_draw,
        within=(influence**2).sum(axis=1),
        degrees=treated_sites - 1,
        assumes=assumes,
        left_out=left_out,
    )
    return replace(found, influence=influence) if isinstance(found, Estimate) else found


def from_variance(
    name: str,
    method: str,
    *,
    scale: Scale,
    by_draw: Vector,
    within: Vector,
    degrees: int,
    assumes: str,
    left_out: str = "",
) -> Estimate | NoEstimate:
    """Return an estimate with its interval from its values and variances in each completed panel.

    `degrees` are those of Student's t with complete data; at least 1 is taken.
    """
    pooled = pool(by_draw, within, degrees=max(degrees, 1))
    error = float(np.sqrt(pooled.variance))
    if not (np.isfinite(error) and error > 1e-12):
        return NoEstimate(name=name, reason="all sites say exactly the same, so there is nothing to tell its error by")
    return Estimate(
        name=name,
        method=method,
        scale=scale,
        value=pooled.value,
        half=float(stdtrit(pooled.degrees, 0.975)) * error,
        standard_error=error,
        degrees=pooled.degrees,
        assumes=assumes,
        left_out=left_out,
        influence=None,
        by_draw=by_draw,
    )

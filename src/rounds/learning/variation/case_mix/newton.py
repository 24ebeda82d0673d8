"""What the centre does with the sums of sites: the next coefficients, until they are those of all records together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.case_mix.families import Family
from rounds.learning.variation.case_mix.site_sums import SiteSums

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

MOST_STEPS = 50
MOST_HALVINGS = 20
CLOSE_ENOUGH = 1e-9
"""Of a step in standard errors. Newton's next step is its square: one more is made, and the error is rounding."""
ALIASED = 1e-11
"""Of a column's information, what others leave of it: below this it is a combination of them."""
VANISHED = 1e-7
"""Of the information in any direction at the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """Where the search stands. `reason` or `finished` ends it; else ask every site for its sums at `coefficients`."""

    coefficients: Vector | None = None
    """None at the first step"""
    total: SiteSums | None = None
    """of all sites, at the coefficients before"""
    step: Vector | None = None
    first: Matrix | None = None
    """the information at the start"""
    asked: int = 0
    halved: int = 0
    last: bool = False
    finished: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMix:
    """A model of all sites' records. Arrays have shape (columns,), and are NaN where there is a reason."""

    names: tuple[str, ...]
    family: Family
    coefficients: Vector
    standard_errors: Vector
    """taking rows as independent; of a Gaussian with the residual variance, of counts with that of their means"""
    covariance: Matrix
    loglik: float
    deviance: float
    dispersion: float
    """Pearson's chi-squared over its degrees of freedom; of a Gaussian the residual variance"""
    rows: int
    asked: int
    """how often each site was asked"""
    reason: str | None
    """None, or a whole sentence saying why there is no model"""


def added(sums: Sequence[SiteSums]) -> SiteSums:
    """Return the sums of several sites together.

    Raises:
        ValueError: if there are none, or sites do not look at the same columns of the same family.
    """
    if not sums:
        raise ValueError("no site has sent sums")
    first = sums[0]
    for number, other in enumerate(sums, start=1):
        if (other.names, other.family) != (first.names, first.family):
            raise ValueError(f"site {number} looks at other columns than the first, or at another family")
        if not (np.isfinite(other.gradient).all() and np.isfinite(other.information).all()):
            raise ValueError(f"site {number} has sent sums that are not finite")
    return SiteSums(
        names=first.names,
        family=first.family,
        gradient=np.sum([one.gradient for one in sums], axis=0),
        information=np.sum([one.information for one in sums], axis=0),
        loglik=sum(one.loglik for one in sums),
        saturated=sum(one.saturated for one in sums),
        pearson=sum(one.pearson for one in sums),
        rows=sum(one.rows for one in sums),
        observed=sum(one.observed for one in sums),
        expected=sum(one.expected for one in sums),
    )


def newton_step(descent: Descent, total: SiteSums) -> Descent:
    """Return where the search stands once all sites have answered.

    A step that lowers the likelihood is halved. Nothing is random, and nothing is kept but what is returned: a round
    can be interrupted and resumed between any two steps.

    Args:
        descent: that the sites were asked for.
        total: their sums at its coefficients, `added`.
    """
    asked = descent.asked + 1
    if descent.last:
        return replace(descent, total=total, asked=asked, finished=True)
    before = descent.total
    if before is not None and descent.step is not None and total.loglik < before.loglik - 1e-9 * abs(before.loglik):
        if descent.halved >= MOST_HALVINGS or descent.coefficients is None:
            return replace(descent, asked=asked, reason="The model could not be fitted: no step improves it.")
        shorter = descent.step / 2
        return replace(
            descent,
            coefficients=descent.coefficients - shorter,
            step=shorter,
            asked=asked,
            halved=descent.halved + 1,
        )
    reason = (
        aliased(total.names, total.information)
        if descent.coefficients is None
        else _separated(descent.first, descent.coefficients, total)
    )
    if reason is not None:
        return replace(descent, total=total, asked=asked, reason=reason)
    if asked > MOST_STEPS:
        return replace(descent, total=total, asked=asked, reason=f"No fit was found in {MOST_STEPS} steps.")
    scale = np.sqrt(np.diag(total.information))
    step = np.linalg.solve(total.information / np.outer(scale, scale), total.gradient / scale)
    exact = total.family is Family.GAUSSIAN or (descent.coefficients is not None and np.abs(step).max() < CLOSE_ENOUGH)
    step = step / scale
    start = np.zeros_like(step) if descent.coefficients is None else descent.coefficients
    return Descent(
        coefficients=start + step,
        total=total if descent.coefficients is not None else None,
        step=step,
        first=total.information if descent.first is None else descent.first,
        asked=asked,
        last=exact,
    )


def fit_across(sites: Sequence[Callable[[Vector | None], SiteSums]]) -> CaseMix:
    """Return the model of all sites' records, asking each for nothing but its sums.

    Args:
        sites: each returns its sums at the coefficients it is asked for (`site_sums` with its design).

    Raises:
        ValueError: as `added`.

    Source: as `site_sums`. The maximum is that of the pooled records: only the order of additions differs.

    >>> from rounds.learning.variation.case_mix.site_sums import Design, site_sums
    >>> def site(events, trials):
    ...     design = Design(
    ...         names=("all",), columns=np.ones((1, 1)), response=np.array([events]),
    ...         trials=np.array([trials]), family=Family.BINOMIAL,
    ...     )
    ...     return lambda coefficients: site_sums(design, coefficients)
    >>> found = fit_across([site(10.0, 40.0), site(20.0, 60.0)])
    >>> round(float(1 / (1 + np.exp(-found.coefficients[0]))), 12)
    0.3
    """
    descent = Descent()
    while not descent.finished and descent.reason is None:
        descent = newton_step(descent, added([site(descent.coefficients) for site in sites]))
    return result(descent)


def result(descent: Descent) -> CaseMix:
    """Return the model that a search ended with, or the reason why there is none.

    Raises:
        ValueError: if the search has not ended.
    """
    total = descent.total
    if descent.reason is None and not descent.finished:
        raise ValueError("the search has not ended: ask the sites again")
    names = () if total is None else total.names
    nothing = np.full(len(names), np.nan)
    if total is None or descent.coefficients is None or descent.reason is not None:
        return CaseMix(
            names=names,
            family=Family.BINOMIAL if total is None else total.family,
            coefficients=nothing,
            standard_errors=nothing,
            covariance=np.full((len(names), len(names)), np.nan),
            loglik=np.nan,
            deviance=np.nan,
            dispersion=np.nan,
            rows=0 if total is None else total.rows,
            asked=descent.asked,
            reason=descent.reason,
        )
    freedom = total.rows - len(names)
    dispersion = total.pearson / freedom if freedom > 0 else np.nan
    covariance = np.asarray(
        np.linalg.inv(total.information) * (1.0 if total.family.counts else dispersion), dtype=np.float64
    )
    return CaseMix(
        names=names,
        family=total.family,
        coefficients=descent.coefficients,
        standard_errors=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        loglik=total.loglik,
        deviance=2 * (total.saturated - total.loglik),
        dispersion=dispersion,
        rows=total.rows,
        asked=descent.asked,
        reason=None,
    )


def aliased(names: tuple[str, ...], information: Matrix) -> str | None:
    """Return which column is a combination of those before it at all sites together, in a sentence; None if none is."""
    sizes = np.diag(information)
    for at, name in enumerate(names):
        if sizes[at] <= 0:
            return f"{name} is 0 in every row of every site: leave it out."
        scale = np.sqrt(sizes[:at])
        across = information[:at, at] / scale
        inside = information[:at, :at] / np.outer(scale, scale)
        if at and sizes[at] - across @ np.linalg.lstsq(inside, across, rcond=None)[0] < ALIASED * sizes[at]:
            return f"{name} says nothing that the columns before it do not say together: leave it out."
    return None


def _separated(first: Matrix | None, coefficients: Vector | None, total: SiteSums) -> str | None:
    """Return a sentence if coefficients grow without end, naming the columns that do; None if none does.

    Where they do, what the rows say in some direction vanishes against what they said at the start.
    """
    if first is None or coefficients is None or not total.family.counts:
        return None
    root = np.linalg.inv(np.linalg.cholesky(first))
    if np.linalg.eigvalsh(root @ total.information @ root.T)[0] > VANISHED:
        return None
    grown = np.abs(coefficients) / np.sqrt(np.diag(np.linalg.inv(first)))
    named = [name for name, part in zip(total.names, grown / grown.max(), strict=True) if part > 0.2]
    return (
        f"Events are told apart completely by {' and '.join(named)}, so no coefficient is large enough: "
        "leave it out or join its levels."
    )

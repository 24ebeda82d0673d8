"""Sun and Abraham's interaction-weighted estimator, by least squares, with or without covariates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.bounded.two_way import NotConverged
from rounds.learning.impact.effect import Matrix, Vector
from rounds.learning.impact.identification import Mask
from rounds.learning.impact.panel.linear import two_way_residuals

MOST_TERMS = 300
"""Cohort-by-period terms above which it is left out of the panel: its cost grows with their square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SunAbraham:
    """Means over cohorts, weighted by the site-periods of each."""

    effect: float
    """over all periods with the innovation"""
    standard_error: float
    event_times: NDArray[np.int64]
    """periods from adoption, -1 left out, shape (times,)"""
    by_event_time: Vector
    errors: Vector
    covariates: Vector
    """coefficients, shape (covariates,)"""
    covariate_errors: Vector


def sun_abraham(
    values: Matrix,
    start: NDArray[np.int64],
    *,
    clustered: bool,
    covariates: Matrix | None = None,
    sizes: Matrix | None = None,
) -> SunAbraham:
    """Return the effect by event time and over all.

    A regression with site and period effects and a term for every cohort and distance from adoption but the last
    period before; sites that never adopt are the comparison.

    Args:
        values: shape (sites, periods); NaN where missing.
        start: the column of adoption of each site, the number of columns or more if never. Sites that have it from
            the first column on are left out.
        clustered: whether errors may go together within a site (with fixest's small-sample correction), or are
            independent and alike.
        covariates: shape (covariates, sites, periods).
        sizes: how much each site-period counts; all alike if left out.

    Raises:
        NotConverged: if terms cannot be told apart, as without sites that never adopt.

    Source: Sun and Abraham (2021), J Econometrics 225:175-199.
    """
    periods = values.shape[1]
    adopts = start < periods
    used: Mask = np.isfinite(values) & (start > 0)[:, None]
    if covariates is not None:
        used &= np.isfinite(covariates).all(axis=0)
    distance = np.arange(periods)[None, :] - start[:, None]
    terms = [
        (cohort, away)
        for cohort in np.unique(start[adopts & used.any(axis=1)])
        for away in np.unique(distance[(start == cohort)[:, None] & used])
        if away != -1
    ]
    if not terms:
        raise NotConverged
    columns = [(start == cohort)[:, None] & (distance == away) for cohort, away in terms]
    extra = [] if covariates is None else list(covariates)
    counting = np.ones(used.shape) if sizes is None else sizes
    root = np.sqrt(counting[used])

    def left_of(column: Matrix) -> Vector:
        found: Vector = two_way_residuals(column, used, sizes=sizes)[used] * root
        return found

    left = np.stack([left_of(column * 1.0) for column in (*columns, *extra)], axis=1)
    outcome = left_of(values)
    gram = left.T @ left
    if np.linalg.matrix_rank(gram) < len(gram):
        raise NotConverged
    inverse = np.linalg.inv(gram).astype(np.float64)
    found = inverse @ (left.T @ outcome)
    rest = outcome - left @ found
    variance = _variance(left, rest, inverse, used, clustered=clustered)
    sizes = np.array([float(counting[column & used].sum()) for column in columns])
    away = np.array([one for _, one in terms])
    times = np.unique(away)
    mixes = np.stack([np.where(away == time, sizes, 0.0) for time in times])
    mixes /= mixes.sum(axis=1, keepdims=True)
    overall = np.where(away >= 0, sizes, 0.0)
    overall /= overall.sum()
    number = len(terms)
    own = variance[:number, :number]
    return SunAbraham(
        effect=float(overall @ found[:number]),
        standard_error=float(np.sqrt(overall @ own @ overall)),
        event_times=times.astype(np.int64),
        by_event_time=mixes @ found[:number],
        errors=np.sqrt(np.einsum("ti,ij,tj->t", mixes, own, mixes)),
        covariates=found[number:],
        covariate_errors=np.sqrt(np.diag(variance)[number:]),
    )


def _variance(left: Matrix, rest: Vector, inverse: Matrix, used: Mask, *, clustered: bool) -> Matrix:
    cells = len(rest)
    of_sites, of_periods = int(used.any(axis=1).sum()), int(used.any(axis=0).sum())
    if not clustered:
        degrees = cells - left.shape[1] - of_sites - of_periods + 1
        iid: Matrix = inverse * float(rest @ rest) / degrees
        return iid
    row = np.nonzero(used)[0]
    scores = np.zeros((used.shape[0], left.shape[1]))
    np.add.at(scores, row, left * rest[:, None])
    # site effects lie within clusters and are not counted as spent
    correction = of_sites / (of_sites - 1) * (cells - 1) / (cells - left.shape[1] - of_periods)
    sandwich: Matrix = correction * inverse @ (scores.T @ scores) @ inverse
    return sandwich

"""Estimators that are sums of weights times log rates, or means. The weights depend on who adopted when, not on these.

So one set of weights serves every completed panel, and every placebo or left-out site costs one set of weights.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rounds.learning.bounded.two_way import NotConverged, factor_of
from rounds.learning.impact.effect import Matrix
from rounds.learning.impact.identification import Mask, connected_parts
from rounds.learning.impact.panel.outcome import Design

_CELLS_AT_ONCE = 120_000


def imputation_weights(designs: Sequence[Design]) -> list[Matrix | None]:
    """Return the weights of the imputation estimator in each design, shape (sites, periods); None if nothing compares.

    Site and period effects are fitted to site-periods without the innovation by least squares, weighted by their sizes;
    the estimate is the mean of what is left of those with it, weighted likewise. Designs are done together, because
    networks are small and designs many.

    Args:
        designs: of one network, made up or with sites left out.

    Source: Borusyak, Jaravel and Spiess (2024), Rev Econ Stud 91:3253-3285.
    """
    found: list[Matrix | None] = []
    at_once = max(1, _CELLS_AT_ONCE // designs[0].untreated.size) if designs else 1
    for first in range(0, len(designs), at_once):
        some = designs[first : first + at_once]
        weights, there = _imputation_weights(
            np.stack([one.weighed(one.untreated) for one in some]), np.stack([one.weighed(one.treated) for one in some])
        )
        found.extend(one if compares else None for one, compares in zip(weights, there.tolist(), strict=True))
    return found


def _imputation_weights(untreated: Matrix, treated: Matrix) -> tuple[Matrix, Mask]:
    """Return weights of shape (designs, sites, periods), and in which designs anything compares.

    As `factor_of` solves one: sites are eliminated, and one period of each connected part is 0. Both arguments are how
    much site-periods count, 0 where they do not.
    """
    site, period = _parts(untreated > 0)
    nowhere = untreated.shape[1]
    usable = treated * ((site[:, :, None] == period[:, None, :]) & (site < nowhere)[:, :, None])
    number = usable.sum(axis=(1, 2))
    wanted = usable / np.where(number > 0, number, 1.0)[:, None, None]
    repeated = np.tril(period[:, :, None] == period[:, None, :], k=-1).any(axis=2)
    free = (period < nowhere) & repeated
    of_site = untreated.sum(axis=2)
    of_site = np.where(of_site > 0, of_site, 1.0)
    shares = untreated / of_site[:, :, None]
    weights = np.where(free[:, None, :], untreated, 0.0)
    schur = -np.matmul(weights.transpose(0, 2, 1), np.where(free[:, None, :], shares, 0.0))
    places = np.arange(untreated.shape[2])
    schur[:, places, places] += np.where(free, untreated.sum(axis=1), 1.0)
    of_period = np.where(free, wanted.sum(axis=1) - np.einsum("dsp,ds->dp", shares, wanted.sum(axis=2)), 0.0)
    of_periods = np.linalg.solve(schur, of_period[:, :, None])[:, :, 0]
    of_sites = wanted.sum(axis=2) / of_site
    of_sites -= np.einsum("dsp,dp->ds", shares, of_periods)
    return wanted - untreated * (of_sites[:, :, None] + of_periods[:, None, :]), number > 0


def _parts(untreated: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for sites and periods of each design, the first site that data join them to; the number of sites if none.

    As `connected_parts`, for many designs at once.
    """
    nowhere = untreated.shape[1]
    site = np.where(untreated.any(axis=2), np.arange(nowhere), nowhere)
    while True:
        period = np.where(untreated, site[:, :, None], nowhere).min(axis=1)
        joined = np.where(untreated, period[:, None, :], nowhere).min(axis=2)
        if np.array_equal(joined, site):
            return site, period
        site = joined


def callaway_santanna_weights(design: Design) -> Matrix | None:
    """Return the weights of Callaway and Sant'Anna's estimator; None if nothing can be compared.

    Each site-period with the innovation is compared with the site's last period before it, and that change with the
    mean change of all sites that have not adopted yet, weighted by their sizes. No covariates, no anticipation, all
    site-periods of a site alike ("simple" aggregation; not-yet-treated comparison).

    Source: Callaway and Sant'Anna (2021), J Econometrics 225:200-230.
    """
    untreated, treated = design.untreated, design.treated
    sizes = design.site_sizes[:, None]
    weights = np.zeros(untreated.shape)
    compared = 0.0
    periods = np.arange(untreated.shape[1])
    first = np.where(treated.any(axis=1), treated.argmax(axis=1), -1)
    before = untreated & (periods[None, :] < first[:, None])
    base = np.where(before.any(axis=1), before.shape[1] - 1 - before[:, ::-1].argmax(axis=1), -1)
    for column in np.unique(base[base >= 0]):
        others = untreated & untreated[:, [column]]
        number = (others * sizes).sum(axis=0)
        cells = (treated & (base == column)[:, None] & (number > 0)[None, :]) * sizes
        if not cells.any():
            continue
        compared += float(cells.sum())
        weights += cells
        weights[:, column] -= cells.sum(axis=1)
        share = others * sizes * (cells.sum(axis=0) / np.where(number > 0, number, 1.0))[None, :]
        weights -= share
        weights[:, column] += share.sum(axis=1)
    return weights / compared if compared else None


def two_way_weights(design: Design) -> Matrix | None:
    """Return the weights of two-way fixed effects: of regressing on the innovation with site and period effects.

    They compare late adopters with early ones too, and can weigh some site-periods with the innovation negatively;
    with unequal effects the estimate then says little. It is looked at, never led with.

    Source: de Chaisemartin and D'Haultfoeuille (2020), Am Econ Rev 110:2964-2996, for the weights.
    """
    used = design.untreated | design.treated
    try:
        left = two_way_residuals(design.treated.astype(np.float64), used, sizes=design.sizes)
    except NotConverged:
        return None
    found: Matrix = left * design.weighed(used)
    size = float((found * left).sum())
    if size < 1e-9 * max(1.0, float(design.weighed(design.treated).sum())):
        return None
    return found / size


def two_way_residuals(values: Matrix, used: Mask, *, sizes: Matrix | None = None) -> Matrix:
    """Return what site and period effects, fitted by least squares, leave of values; 0 where not used.

    Args:
        values: shape (sites, periods).
        used: the site-periods to fit, same shape.
        sizes: how much each counts; all alike if left out.

    Raises:
        NotConverged: if the effects cannot be told apart.
    """
    counting = used.astype(np.float64) if sizes is None else np.where(used, sizes, 0.0)
    factor = factor_of(counting, connected_parts(used).free_periods)
    there = np.where(used, values, 0.0)
    of_sites, of_periods = factor.solve((counting * there).sum(axis=1), (counting * there).sum(axis=0))
    left: Matrix = np.where(used, there - of_sites[:, None] - of_periods[None, :], 0.0)
    return left

"""Estimators that are sums of weights times log rates. The weights depend on who adopted when, not on the rates.

So one set of weights serves every completed panel, and every placebo or left-out site costs one set of weights.
"""

import numpy as np

from rounds.learning.bounded.two_way import NotConverged, factor_of
from rounds.learning.impact.effect import Matrix
from rounds.learning.impact.identification import Mask, connected_parts
from rounds.learning.impact.panel.outcome import Design


def imputation_weights(design: Design) -> Matrix | None:
    """Return the weights of the imputation estimator, shape (sites, periods); None if nothing can be compared.

    Site and period effects are fitted to site-periods without the innovation by least squares; the estimate is the
    mean of what is left of those with it.

    Source: Borusyak, Jaravel and Spiess (2024), Rev Econ Stud 91:3253-3285.
    """
    parts = connected_parts(design.untreated)
    usable = design.treated & (parts.site[:, None] == parts.period[None, :]) & (parts.site[:, None] >= 0)
    if not usable.any():
        return None
    wanted = usable / usable.sum()
    try:
        factor = factor_of(design.untreated.astype(np.float64), parts.free_periods)
    except NotConverged:
        return None
    of_sites, of_periods = factor.solve(wanted.sum(axis=1), wanted.sum(axis=0))
    weights: Matrix = wanted - design.untreated * (of_sites[:, None] + of_periods[None, :])
    return weights


def callaway_santanna_weights(design: Design) -> Matrix | None:
    """Return the weights of Callaway and Sant'Anna's estimator; None if nothing can be compared.

    Each site-period with the innovation is compared with the site's last period before it, and that change with the
    mean change of all sites that have not adopted yet. No covariates, no anticipation, all site-periods alike
    ("simple" aggregation; not-yet-treated comparison).

    Source: Callaway and Sant'Anna (2021), J Econometrics 225:200-230.
    """
    untreated, treated = design.untreated, design.treated
    weights = np.zeros(untreated.shape)
    compared = 0
    periods = np.arange(untreated.shape[1])
    first = np.where(treated.any(axis=1), treated.argmax(axis=1), -1)
    before = untreated & (periods[None, :] < first[:, None])
    base = np.where(before.any(axis=1), before.shape[1] - 1 - before[:, ::-1].argmax(axis=1), -1)
    for column in np.unique(base[base >= 0]):
        others = untreated & untreated[:, [column]]
        number = others.sum(axis=0)
        cells = treated & (base == column)[:, None] & (number > 0)[None, :]
        if not cells.any():
            continue
        compared += int(cells.sum())
        weights += cells
        weights[:, column] -= cells.sum(axis=1)
        share = others * (cells.sum(axis=0) / np.maximum(number, 1))[None, :]
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
        left = two_way_residuals(design.treated.astype(np.float64), used)
    except NotConverged:
        return None
    size = float((left**2).sum())
    if size < 1e-9 * max(1, design.treated.sum()):
        return None
    return left / size


def two_way_residuals(values: Matrix, used: Mask) -> Matrix:
    """Return what site and period effects, fitted by least squares, leave of values; 0 where not used.

    Args:
        values: shape (sites, periods).
        used: the site-periods to fit, same shape.

    Raises:
        NotConverged: if the effects cannot be told apart.
    """
    factor = factor_of(used.astype(np.float64), connected_parts(used).free_periods)
    there = np.where(used, values, 0.0)
    of_sites, of_periods = factor.solve(there.sum(axis=1), there.sum(axis=0))
    left: Matrix = np.where(used, there - of_sites[:, None] - of_periods[None, :], 0.0)
    return left

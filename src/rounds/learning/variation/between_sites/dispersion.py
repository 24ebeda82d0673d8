"""How much more organisations differ than chance explains: phi and tau squared, for many measures at once."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

PULLED_SHARE = 0.1
"""The share of organisations at each end whose z-scores are pulled in, or left out, before it is measured."""


class Extremes(StrEnum):
    """What becomes of the z-scores at both ends."""

    PULLED_IN = "pulled_in"
    """winsorised: those beyond the 10th and 90th percentile count as these"""
    LEFT_OUT = "left_out"
    """truncated: the lowest and the highest of ten equal groups of ranks do not count"""


def overdispersion(z_scores: Matrix, weights: Matrix, extremes: Extremes) -> tuple[Vector, Vector]:
    """Return phi and tau squared of each measure.

    phi = mean of the squared z-scores that count; tau squared = max(0, (n phi - (n - 1)) / (W - sum w^2 / W)), with
    W = sum w over them: DerSimonian and Laird's, with n phi for their Q.

    Args:
        z_scores: shape (measures, organisations); not a number where an organisation has none.
        weights: precision of each, 1 / s^2, same shape.
        extremes: winsorised (CQC, proportions and rates) or truncated (SHMI).

    Returns:
        Two of shape (measures,): not a number and 0 where no z-score counts.

    Source: Spiegelhalter (2005), Stat Med 24:1185-1202, section 3; Spiegelhalter et al. (2012), J R Stat Soc A
        175:1-47; NHS Digital, Summary Hospital-level Mortality Indicator, methodology; FunnelPlotR 0.6.0 for which
        ranks are truncated (the lowest and the highest tenth of rank / (n + 1)).
    """
    there = ~np.isnan(z_scores)
    if extremes is Extremes.PULLED_IN:
        counted, kept = _pulled_in(z_scores, there), there
    else:
        counted, kept = z_scores, _middle(z_scores, there)
    n = kept.sum(axis=1)
    some = np.maximum(n, 1)
    phi = np.where(n > 0, np.where(kept, counted, 0.0).__pow__(2).sum(axis=1) / some, np.nan)
    w = np.where(kept, weights, 0.0)
    total = w.sum(axis=1)
    slack = total - (w**2).sum(axis=1) / np.where(total > 0, total, 1.0)
    excess = n * np.where(n > 0, phi, 0.0) - (n - 1)
    return phi, np.where(slack > 0, np.maximum(excess, 0.0) / np.where(slack > 0, slack, 1.0), 0.0)


def _pulled_in(z_scores: Matrix, there: NDArray[np.bool_]) -> Matrix:
    in_order = np.sort(z_scores, axis=1)  # not a number comes last
    last = np.maximum(there.sum(axis=1) - 1, 0)

    def quantile(share: float) -> Matrix:
        at = share * last
        below = np.floor(at).astype(np.int64)
        rows = np.arange(len(z_scores))
        low, high = in_order[rows, below], in_order[rows, np.minimum(below + 1, last)]
        found: Matrix = (low + (at - below) * (high - low))[:, None]
        return found

    pulled: Matrix = np.clip(z_scores, quantile(PULLED_SHARE), quantile(1 - PULLED_SHARE))
    return pulled


def _middle(z_scores: Matrix, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.stats import rankdata  # it takes half a second to load, and limits alone do without

    ranks = rankdata(np.where(there, z_scores, np.inf), axis=1)
    tenth = np.floor(ranks / (PULLED_SHARE * (there.sum(axis=1, keepdims=True) + 1)) + 1e-9)
    middle: NDArray[np.bool_] = there & (tenth >= 1) & (tenth < round(1 / PULLED_SHARE) - 1)
    return middle

"""Which events avoided fall on which site and period, and how their errors hang together.

A row that is the sum of sites before they became one is taken apart once more, by `rounds.learning.benefit.sharing`.

An effect is estimated over a whole network. Its sum of events avoided is taken apart here into site-periods,
counterfactual less observed, so that the parts add up to it exactly; a withheld count stands as what is expected of it
given its bounds. An error of a part has three sources: the site and period effects of the counterfactual, the shared
effect (of withheld counts), and its own count. The first two are common to many parts and add up; the last is the
part's own. All are carried, so that any sum of parts has its own interval.

Source: two-step M-estimation as in Newey and McFadden (1994), Handbook of Econometrics 4:2111-2245, section 6, for one
cell instead of the sum over all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rounds.learning.benefit.entries import EFFECT, Avoided, Matrix
from rounds.learning.benefit.sharing import Share, Whole, shared_out
from rounds.learning.bounded.counts import Fit, IntervalCounts, Part, Vector
from rounds.learning.bounded.two_way import Cells, Index, TwoWay
from rounds.learning.intervals import Z95

Mask = NDArray[np.bool_]

_SAME = 1e-9
"""Relative difference of variances that is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedCells:
    """What an effect was estimated from, and what it found. Matrices have shape (sites, periods)."""

    lower: Matrix
    """smallest possible counts; NaN where missing"""
    upper: Matrix
    exposure: Matrix
    treated: Mask
    """in which the effect was estimated"""
    counterfactual: Matrix
    """events expected without the innovation"""
    baseline: TwoWay
    """the fit behind it"""
    log_ratio: float
    """log of events with the innovation over events without it"""
    half_width: float
    """half the 95 % interval of the sum of events avoided, wider than counting explains if sites differ"""
    noisy: Matrix | None = None
    sigma: Matrix | None = None
    parts: Mapping[tuple[int, int], tuple[Part, ...]] = field(default_factory=dict)
    """by site and period, as positions, the counts of which its own is the sum"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Events avoided by site-period. `cells` maps (site, period), as positions, to what was avoided there.

    `parts` maps those that are a sum to what was avoided at each it is the sum of, in their order: it adds up to the
    cell's own, and so does its error, each part's with each other's.
    """

    sources: Matrix
    cells: dict[tuple[int, int], Avoided]
    parts: dict[tuple[int, int], tuple[Avoided, ...]] = field(default_factory=dict)


def attribute(found: EstimatedCells, *, gained: bool = False) -> Attribution:
    """Return the events avoided in each treated site-period, with what their errors share.

    Where the effect's interval is wider than counting explains, the rest is laid on the sites: each wanders on its own,
    in proportion to what was expected there, alike in all its periods. The sum over all parts then has the effect's own
    interval.

    Args:
        found: the panel and its effect.
        gained: return events gained instead, where more of them are better.

    """
    sign, baseline, after = -1.0 if gained else 1.0, found.baseline, _cells(found)
    expected = found.counterfactual[found.treated]
    fitted = baseline.log_mean(after) + found.log_ratio
    seen = after.counts.evaluate(fitted, baseline.alpha, after.counts.log_weights(baseline.alpha))
    # How far a count that is known between bounds follows its mean: not at all if it is exact.
    follows = np.exp(fitted) - seen.residual_slope
    sites, site_at = np.unique(after.site, return_inverse=True)
    periods, period_at = np.unique(after.period, return_inverse=True)
    shared = _shared(after, seen, baseline, sites, periods)
    moves = expected - follows
    noise = seen.residual_variance
    with_effect = noise / seen.residual_slope.sum()
    wander = _wander(found, expected, follows, moves, shared, (site_at, period_at), seen)
    size = len(shared)
    if wander > 0:
        shared = np.block([[shared, np.zeros((size, len(sites)))], [np.zeros((len(sites), size)), np.eye(len(sites))]])
    cells = {}
    for at in range(len(expected)):
        slopes = [(EFFECT, -follows[at]), (1 + site_at[at], moves[at]), (1 + len(sites) + period_at[at], moves[at])]
        if wander > 0:
            slopes.append((size + site_at[at], wander * expected[at]))
        cells[int(after.site[at]), int(after.period[at])] = Avoided(
            value=sign * float(expected[at] - seen.expected[at]),
            slopes=tuple((int(source), sign * float(slope)) for source, slope in slopes),
            own_variance=float(noise[at]),
            own_with_effect=-sign * float(with_effect[at]),
        )
    wholes = {
        place: Whole(
            expected=float(expected[at]),
            fitted=float(np.exp(fitted[at])),
            seen=float(seen.expected[at]),
            follows=float(follows[at]),
            moves_with=(1 + int(site_at[at]), 1 + len(sites) + int(period_at[at])),
            wanders_with=(size + int(site_at[at]), wander) if wander > 0 else None,
            avoided=cells[place],
        )
        for at, place in enumerate(cells)
        if place in found.parts
    }
    sources, parts = shared_out(wholes, _shares(found), shared, sign=sign, alpha=baseline.alpha)
    return Attribution(sources=sources, cells=cells, parts=parts)


def _shares(found: EstimatedCells) -> list[Share]:
    """Return what each site counted while it was a part of a row, against what is fitted to the row there."""
    shares = []
    for (row, column), parts in found.parts.items():
        mean = found.counterfactual[row, column]
        if np.isfinite(mean):
            treated = bool(found.treated[row, column])
            fitted = float(mean) * (float(np.exp(found.log_ratio)) if treated else 1.0)
            rate = fitted / sum(part.size for part in parts)
            shares.append(Share(place=(row, column), parts=parts, rate=rate, treated=treated))
    return shares


def _shared(after: Cells, seen: Fit, baseline: TwoWay, sites: Index, periods: Index) -> Matrix:
    """Return the covariance of the effect, the site effects and the period effects, in this order."""
    slope = float(seen.residual_slope.sum())
    through_sites, through_periods = (part(seen.residual_slope) / slope for part in (after.by_site, after.by_period))
    moved_sites, moved_periods = baseline.factor.solve(through_sites, through_periods)
    count = len(sites) + len(periods)
    found = np.zeros((1 + count, 1 + count))
    own = float(seen.residual_variance.sum()) / slope**2
    found[0, 0] = own + through_sites @ moved_sites + through_periods @ moved_periods
    found[0, 1:] = -np.concatenate([moved_sites[sites], moved_periods[periods]])
    nothing_s, nothing_p = np.zeros(after.shape[0]), np.zeros(after.shape[1])
    for row in range(count):
        unit_s, unit_p = nothing_s.copy(), nothing_p.copy()
        if row < len(sites):
            unit_s[sites[row]] = 1.0
        else:
            unit_p[periods[row - len(sites)]] = 1.0
        solved_s, solved_p = baseline.factor.solve(unit_s, unit_p)
        found[1 + row, 1:] = np.concatenate([solved_s[sites], solved_p[periods]])
    found[1:, 0] = found[0, 1:]
    return np.asarray((found + found.T) / 2.0)


def _wander(
    found: EstimatedCells,
    expected: Vector,
    follows: Vector,
    moves: Vector,
    shared: Matrix,
    places: tuple[Index, Index],
    seen: Fit,
) -> float:
    """Return the standard deviation, relative to what was expected, of sites that wander; 0 if they need not."""
    site_at, period_at = places
    whole = np.zeros(len(shared))
    whole[EFFECT] = -follows.sum()
    site_count = int(site_at.max()) + 1
    np.add.at(whole, 1 + site_at, moves)
    np.add.at(whole, 1 + site_count + period_at, moves)
    noise = float(seen.residual_variance.sum())
    counted = whole @ shared @ whole + noise + 2.0 * follows.sum() * noise / seen.residual_slope.sum()
    excess = (found.half_width / Z95) ** 2 - counted
    if excess <= _SAME * counted:
        return 0.0
    return float(np.sqrt(excess / np.sum(np.bincount(site_at, expected) ** 2)))


def _cells(found: EstimatedCells) -> Cells:
    mask = found.treated
    site, period = np.nonzero(mask)
    return Cells(
        site=site,
        period=period,
        counts=IntervalCounts(
            found.lower[mask],
            found.upper[mask],
            noisy=None if found.noisy is None else found.noisy[mask],
            sigma=None if found.sigma is None else found.sigma[mask],
            parts={
                at: found.parts[place]
                for at, place in enumerate(zip(site.tolist(), period.tolist(), strict=True))
                if place in found.parts
            },
        ),
        log_exposure=np.log(found.exposure[mask]),
        shape=(mask.shape[0], mask.shape[1]),
    )

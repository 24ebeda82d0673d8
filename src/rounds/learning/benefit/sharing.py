"""What was avoided at each of several sites that are one row of an estimate, before they became one.

By the rule `own-before-merger@1` each counts its share of what was expected of the row without the innovation, less its
own count. A share is that of events which the site's denominators would have had at its own rate; by how much its rate
is above the row's is learned from the periods before the innovation, in which it cannot be mistaken for an effect.

With r_i a site's rate over the row's and e_i its denominator, the share is p_i = r_i e_i / sum r_j e_j, and

    error of a part = p_i (error of the row's expected events) + sum_j (mu0 p_i - D_i) (1[i = j] - p_j) d log r_j - e_i

with D_i how far a withheld count follows its mean, so that parts, and all their errors, add up to the row's own. Given
their sum, how Poisson counts divide says nothing of the sum: d log r is independent of the row's own error.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from rounds.learning.benefit.entries import EFFECT, Avoided, Matrix
from rounds.learning.bounded.counts import IntervalCounts, Part, Vector

Place = tuple[int, int]
"""A row and a column of an estimate."""

_HALF = 0.5
"""An event that is added to each site's: then one without any has a rate, and an error."""
_WIDEST_LOG_RATE = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One cell of a row that is a sum, and the rate fitted to the whole row there."""

    place: Place
    parts: tuple[Part, ...]
    rate: float
    treated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What was avoided in a cell that is a sum, and where it comes from."""

    expected: float
    """without the innovation"""
    fitted: float
    """with it"""
    seen: float
    """events, as far as their bounds tell"""
    follows: float
    """how far what is seen follows the log of the mean: 0 where counts are exact"""
    moves_with: tuple[int, int]
    """the sources of its row's and its period's level"""
    wanders_with: tuple[int, float] | None
    """the source of its row's wandering, and by how much of what was expected it moves with it"""
    avoided: Avoided


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rate:
    """The log of a site's rate over its row's, and the variance of its error."""

    log: float
    variance: float


def shared_out(
    wholes: Mapping[Place, Whole], shares: Sequence[Share], sources: Matrix, *, sign: float, alpha: float
) -> tuple[Matrix, dict[Place, tuple[Avoided, ...]]]:
    """Return what was avoided at each site of each sum, and the covariance of what all entries share.

    Args:
        wholes: by cell, what was avoided in it.
        shares: all cells that are sums and have a fitted rate, those without the innovation too.
        sources: the covariance that the wholes refer to; sources of the sites' rates are put behind.
        sign: 1 for events avoided, -1 for events gained.
        alpha: over-dispersion of counts.
    """
    parts_of = {share.place: share.parts for share in shares}
    rates = _rates(shares, alpha)
    at = {key: len(sources) + place for place, key in enumerate(rates)}
    wide = np.zeros((len(sources) + len(rates),) * 2)
    wide[: len(sources), : len(sources)] = sources
    for key, rate in rates.items():
        wide[at[key], at[key]] = rate.variance
    found = {}
    for place, whole in wholes.items():
        row, parts = place[0], parts_of[place]
        known = [rates[row, part.of] for part in parts]
        sized = np.array([part.size for part in parts]) * np.exp([rate.log for rate in known])
        found[place] = _divided(
            whole, parts, sized / sized.sum(), [at[row, part.of] for part in parts], sign=sign, alpha=alpha
        )
    return wide, found


def _divided(
    whole: Whole, parts: Sequence[Part], share: Vector, rate_at: Sequence[int], *, sign: float, alpha: float
) -> tuple[Avoided, ...]:
    """Return what was avoided at each part. A single part is the whole under another name."""
    if len(parts) == 1:
        return (whole.avoided,)
    counts = _counts(parts)
    fit = counts.evaluate(np.log(whole.fitted * share), alpha, counts.log_weights(alpha))
    open_ = fit.variance / fit.variance.sum() if fit.variance.sum() > 0 else share
    # What is not known of each is reckoned at its own rate, and of their sum at one: the difference is theirs.
    seen = fit.expected + open_ * (whole.seen - fit.expected.sum())
    follows = open_ * whole.follows
    own = fit.residual_variance / fit.residual_variance.sum()
    # A withheld count follows its own rate, too; what all of them follow it by is in the whole already.
    alone = whole.fitted * share - fit.residual_slope
    expected = share * whole.expected
    moves = expected - follows
    found = []
    for place in range(len(parts)):
        slopes = [(EFFECT, -float(follows[place])), *((source, float(moves[place])) for source in whole.moves_with)]
        if whole.wanders_with is not None:
            source, relative = whole.wanders_with
            slopes.append((source, relative * float(expected[place])))
        for other, source in enumerate(rate_at):
            moved = (np.arange(len(parts)) == other) - share[other]
            seen_moves = alone[place] * moved[place] - open_[place] * float(alone @ moved)
            slopes.append((source, float(expected[place] * moved[place] - seen_moves)))
        found.append(
            Avoided(
                value=sign * float(expected[place] - seen[place]),
                slopes=tuple((source, sign * slope) for source, slope in slopes),
                own_variance=whole.avoided.own_variance * float(own[place]),
                own_with_effect=whole.avoided.own_with_effect * float(own[place]),
            )
        )
    return tuple(found)


def _rates(shares: Iterable[Share], alpha: float) -> dict[tuple[int, str], _Rate]:
    """Return each site's rate over that of the row that it became part of, by row and site."""
    cells: dict[tuple[int, str], list[tuple[Part, Share]]] = defaultdict(list)
    for share in shares:
        for part in share.parts:
            cells[share.place[0], part.of].append((part, share))
    found = {}
    for key, own in cells.items():
        without = [one for one in own if not one[1].treated]
        found[key] = _rate(without or own, alpha)  # one that was there with the innovation only
    return found


def _rate(cells: Sequence[tuple[Part, Share]], alpha: float) -> _Rate:
    counts, alpha = _counts([part for part, _ in cells]), min(alpha, 1.0)  # a single cell has a rate then, too
    offset = np.log([part.size * share.rate for part, share in cells])
    log_weights = counts.log_weights(alpha)

    def score(log_rate: float) -> float:
        fit = counts.evaluate(offset + log_rate, alpha, log_weights)
        return float(fit.score.sum()) + _HALF

    log_rate = float(brentq(score, -_WIDEST_LOG_RATE, _WIDEST_LOG_RATE, xtol=1e-10))
    information = float(counts.evaluate(offset + log_rate, alpha, log_weights).information.sum())
    return _Rate(log=log_rate, variance=1.0 / information)


def _counts(parts: Sequence[Part]) -> IntervalCounts:
    return IntervalCounts(np.array([part.lower for part in parts]), np.array([part.upper for part in parts]))

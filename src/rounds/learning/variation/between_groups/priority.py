"""What to look at first, and how sure that order is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rounds.learning.intervals import Vector, normal_quantile
from rounds.learning.variation.between_sites.shrunken import Shrunken

Matrix = NDArray[np.float64]
DRAWS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """Places in order of what could be gained. Arrays have shape (places,), in the order given."""

    expected: Vector
    """the gain that is expected of each"""
    chance_of_top: Vector
    """the probability that it belongs to the first so many, 0 to 1"""
    chance_of_gain: Vector
    """the probability that there is any gain at all"""
    rank_lower: NDArray[np.int64]
    """95 % of draws rank it between these; 1 is first"""
    rank_upper: NDArray[np.int64]
    order: NDArray[np.int64]
    """places, the one most likely among the first so many first"""
    sure: NDArray[np.bool_]
    """in at least 95 % of draws among the first so many"""
    notes: tuple[str, ...]


def gains_at_the_rate_of_all(found: Shrunken, *, sizes: Vector, fewer_is_better: bool) -> tuple[Vector, Vector]:
    """Return events that each place would have fewer (or more) of at the rate of all together, and standard errors.

    Args:
        found: what is believed of each place.
        sizes: people or time of each, shape (places,).
        fewer_is_better: whether what is counted is to be avoided.

    Returns:
        Gains, below 0 where a place is better than all together, and their standard errors, from the
        95 % intervals. Both have shape (places,). The rate of all is taken as known.
    """
    rate = float((found.values * sizes).sum() / sizes.sum())
    sign = 1.0 if fewer_is_better else -1.0
    half_width = (found.upper - found.lower) / 2
    return sign * sizes * (found.values - rate), sizes * half_width / normal_quantile(0.95)


def priority(
    *, gains: Vector, standard_errors: Vector, top: int, generator: np.random.Generator, draws: int = DRAWS
) -> Priority:
    """Return the order of places by gain, with how sure it is.

    Args:
        gains: what each could gain, such as people with unmet need; of withheld counts the middle of the bounds, with
            a quarter of their width in the standard error. Best shrunken first (`shrunken`), as the first of many by
            chance are those that chance favours.
        standard_errors: of the gains, same shape, each 0 or more.
        top: how many can be looked at.
        generator: of randomness; the same seed gives the same list.
        draws: how many orders are drawn.

    Raises:
        ValueError: if shapes differ, a number is impossible, or `top` is not between 1 and the number of places.

    Source: Marshall and Spiegelhalter (1998), BMJ 316:1701-1704 (ranks are far less sure than values); Laird and
        Louis (1989), J Educ Stat 14:29-46.
    """
    if gains.ndim != 1 or gains.shape != standard_errors.shape or not 1 <= top <= len(gains):
        raise ValueError("give a gain and a standard error to each place, and how many of them to look at")
    if not (np.isfinite(gains).all() and np.isfinite(standard_errors).all() and (standard_errors >= 0).all()):
        raise ValueError("a gain is missing or infinite, or a standard error below 0: leave the place out and say so")
    drawn: Matrix = gains + standard_errors * generator.standard_normal((draws, len(gains)))
    ranks = np.argsort(np.argsort(-drawn, axis=1, kind="stable"), axis=1, kind="stable") + 1
    chance = (ranks <= top).mean(axis=0)
    lower, upper = np.quantile(ranks, [0.025, 0.975], axis=0, method="nearest")
    sure = chance >= 0.95
    return Priority(
        expected=gains,
        chance_of_top=chance,
        chance_of_gain=(drawn > 0).mean(axis=0),
        rank_lower=lower.astype(np.int64),
        rank_upper=upper.astype(np.int64),
        order=np.lexsort((-gains, -chance)),
        sure=sure,
        notes=(
            f"{int(sure.sum())} of {len(gains)} places belong to the first {top} with at least 95% probability, and "
            f"{int((chance > 0.05).sum())} may belong to them: the list says where to ask first, and is no ranking.",
        ),
    )

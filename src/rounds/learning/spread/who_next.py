"""Whom to help next: where most patients would benefit, and how sure that order is.

Patients benefited at a member = chance that it adopts within the horizon if it is helped x eligible patients a year x
what the innovation does for each. Each of the three is known between bounds, which go through to the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.learning.spread.hazard import Matrix, Vector

CERTAIN: Final = 0.9
"""Probability of being among the first from which a place there is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A member that has not adopted, and how many patients a year it could be for."""

    member: str
    eligible_lower: float
    """patients a year; below `eligible_upper` where the number is withheld"""
    eligible_upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A member's place, with what it rests on. Intervals are of 95 %."""

    member: str
    place: int
    """the same for members that are level"""
    level: bool
    """whether others share its place"""
    patients: float
    """expected to benefit in a year, once it is used"""
    lower: float
    upper: float
    probability: float
    """that it adopts within the horizon"""
    eligible: tuple[float, float]
    first: float
    """probability that it belongs among the first, as many as are looked for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoNext:
    """Members by how many patients would benefit if they were helped."""

    ranked: tuple[Ranked, ...]
    first: int
    """how many are looked for"""
    certain: bool
    """whether each of them belongs there with a probability of 90 % or more"""


def who_next(
    candidates: Sequence[Candidate],
    *,
    probability: Vector,
    probability_draws: Matrix,
    effect_draws: Vector,
    generator: np.random.Generator,
    first: int = 5,
) -> WhoNext:
    """Return members by the patients who would benefit.

    A withheld number of patients is anything between its bounds with equal chance, drawn apart for each member.

    Args:
        candidates: members that have not adopted.
        probability: that each adopts within the horizon, shape (candidates,).
        probability_draws: as far as that is known, shape (draws, candidates).
        effect_draws: what the innovation does for an eligible patient, as far as that is known; above 0 is good;
            shape (draws,).
        generator: of withheld numbers.
        first: how many to look for.

    Raises:
        ValueError: if shapes differ, or a number cannot be.
    """
    count = len(candidates)
    if probability.shape != (count,) or probability_draws.shape != (len(effect_draws), count):
        raise ValueError("give each candidate a probability, and each draw an effect")
    if not count:
        return WhoNext(ranked=(), first=0, certain=True)
    if not (np.isfinite(effect_draws).all() and ((probability >= 0) & (probability <= 1)).all()):
        raise ValueError("a probability lies not between 0 and 1, or an effect is missing")
    low = np.array([one.eligible_lower for one in candidates], dtype=np.float64)
    high = np.array([one.eligible_upper for one in candidates], dtype=np.float64)
    if not (np.isfinite(high).all() and (low >= 0).all() and (low <= high).all()):
        bad = int(np.argmin(np.isfinite(high) & (low >= 0) & (low <= high)))
        raise ValueError(f"member {candidates[bad].member}: patients a year between {low[bad]:g} and {high[bad]:g}")
    first = min(first, count)
    uniform = generator.random(probability_draws.shape)
    patients = probability_draws * (low + (high - low) * uniform) * effect_draws[:, None]
    middle = probability * (low + high) / 2 * float(effect_draws.mean())
    # Level members share what is left of the first places: a tiny number breaks ties by chance in each draw.
    jitter = 1e-9 * generator.random(patients.shape) * max(float(np.abs(middle).max()), 1e-9)
    places = np.argsort(np.argsort(-(patients + jitter), axis=1), axis=1)
    among = (places < first).mean(axis=0)
    ends = np.quantile(patients, [0.025, 0.975], axis=0)
    order = np.lexsort((np.array([one.member for one in candidates]), -middle))
    ranked = []
    for at in order:
        same = np.isclose(middle, middle[at], rtol=1e-6, atol=1e-12)
        ranked.append(
            Ranked(
                member=candidates[at].member,
                place=int((middle > middle[at]).sum() - (same & (middle > middle[at])).sum()) + 1,
                level=bool(same.sum() > 1),
                patients=float(middle[at]),
                lower=float(ends[0, at]),
                upper=float(ends[1, at]),
                probability=float(probability[at]),
                eligible=(float(low[at]), float(high[at])),
                first=float(among[at]),
            )
        )
    certain = all(one.first >= CERTAIN for one in ranked[:first])
    return WhoNext(ranked=tuple(ranked), first=first, certain=certain)

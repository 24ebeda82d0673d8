"""What two-way fixed effects really compare: the Goodman-Bacon decomposition of a complete panel."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from rounds.learning.impact.effect import Matrix

TREATED_UNTREATED = "Treated vs Untreated"
EARLIER_LATER = "Earlier vs Later Treated"
LATER_EARLIER = "Later vs Earlier Treated"
LATER_ALWAYS = "Later vs Always Treated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One two-by-two comparison within two-way fixed effects."""

    treated: int
    """column of adoption of the sites that change"""
    untreated: int
    """column of adoption of those that they are compared with; the number of columns if they never adopt"""
    kind: str
    estimate: float
    weight: float
    """all weights add up to 1"""


def goodman_bacon(values: Matrix, start: NDArray[np.int64]) -> tuple[Comparison, ...]:
    """Return the comparisons whose weighted mean is the two-way fixed effects estimate.

    "Later vs Earlier" compares sites that adopt with sites that already have: where effects grow or fade, these
    mislead, and their weight says how much of the estimate they are.

    Args:
        values: shape (sites, periods), without a gap.
        start: the column from which each site has the innovation; the number of columns if never, 0 if always.

    Raises:
        ValueError: if there is a gap, or fewer than two times of adoption.

    Source: Goodman-Bacon (2021), J Econometrics 225:254-277, theorem 1.
    """
    periods = values.shape[1]
    if not np.all(np.isfinite(values)):
        raise ValueError("the decomposition takes a number at every site in every period")
    times = sorted(set(np.clip(start, 0, periods).tolist()))
    if len(times) < 2:
        raise ValueError("the decomposition takes sites that adopt at different times, or that never do")
    rows = {time: start == time if time < periods else start >= periods for time in times}
    share = {time: float(np.mean(of)) for time, of in rows.items()}
    mean = {time: values[of].mean(axis=0) for time, of in rows.items()}
    found = []
    for treated, other in permutations(times, 2):
        if treated in (0, periods):
            continue
        one = _comparison(mean, share, treated, other, periods)
        if one is not None:
            found.append(one)
    total = sum(one[1] for one in found)
    return tuple(
        Comparison(treated=treated, untreated=other, kind=kind, estimate=estimate, weight=weight / total)
        for estimate, weight, treated, other, kind in found
    )


def _comparison(
    mean: dict[int, Matrix], share: dict[int, float], treated: int, other: int, periods: int
) -> tuple[float, float, int, int, str] | None:
    """Return (estimate, weight not yet divided by the total, treated, other, kind)."""
    with_it = (periods - treated) / periods
    pair = share[treated] + share[other]
    within = share[treated] / pair
    gap = mean[treated] - mean[other]
    if other in (0, periods):
        kind = TREATED_UNTREATED if other == periods else LATER_ALWAYS
        estimate = gap[treated:].mean() - gap[:treated].mean()
        weight = pair**2 * within * (1 - within) * with_it * (1 - with_it)
    elif treated < other:
        kind, other_with_it = EARLIER_LATER, (periods - other) / periods
        estimate = gap[treated:other].mean() - gap[:treated].mean()
        weight = (pair * (1 - other_with_it)) ** 2 * within * (1 - within)
        weight *= (with_it - other_with_it) / (1 - other_with_it) * (1 - with_it) / (1 - other_with_it)
    else:
        kind, other_with_it = LATER_EARLIER, (periods - other) / periods
        estimate = gap[treated:].mean() - gap[other:treated].mean()
        weight = (pair * other_with_it) ** 2 * within * (1 - within)
        weight *= with_it / other_with_it * (other_with_it - with_it) / other_with_it
    return float(estimate), float(weight), treated, other, kind

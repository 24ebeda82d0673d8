"""How many different people several sites count together, when nobody may know who is seen at more than one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctPeople:
    """The fewest and the most people that there can be."""

    lower: int
    upper: int

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper:
            raise ValueError("bounds of a number of people are in order, and not below 0")


def distinct_people(
    *,
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    regions: Sequence[str] | None = None,
    shared_at_least: float = 0.0,
    shared_at_most: float = 1.0,
) -> DistinctPeople:
    """Return bounds on how many different people some sites count.

    With nothing known of who is seen where, they are at least as many as at the largest site, and at most the sum.
    Where each site shares at most a part `b` of its people with others, `(1 - b) * sum + b * max` is the least: nobody
    unshared is at two sites, and all who are shared may be those of the site that shares most. Where each shares at
    least a part `a`, whoever is shared is counted twice or more: `(1 - a / 2) * sum` at most.

    Args:
        lower: the fewest people that each site counts, shape (sites,), each at least 0.
        upper: the most, same shape; where a count is withheld its bounds differ.
        regions: of each site; nobody is seen in two of them. All sites are in one if not said.
        shared_at_least: a published part, from 0 to 1, of each site's people who are also seen at another site.
        shared_at_most: the same from above.

    Raises:
        ValueError: if there are no sites, shapes differ or a part is out of range or order.

    Source: inclusion and exclusion (Bonferroni); the bounds are reached, see tests/unit/test_overlap.py.
    """
    if not len(lower) or len(lower) != len(upper) or (regions is not None and len(regions) != len(lower)):
        raise ValueError("each of at least one site has a lower bound, an upper bound and, if given, a region")
    if not 0 <= shared_at_least <= shared_at_most <= 1:
        raise ValueError("the parts that sites share lie between 0 and 1, the lesser first")
    names = (
        np.zeros(len(lower), dtype=np.int64) if regions is None else np.unique(list(regions), return_inverse=True)[1]
    )
    fewest = most = 0
    for region in np.unique(names):
        here = names == region
        low, high = lower[here], upper[here]
        if len(low) == 1:  # nobody to share with
            fewest, most = fewest + int(low[0]), most + int(high[0])
            continue
        shared = np.floor(shared_at_most * low.astype(np.float64) + 1e-9).astype(np.int64)
        fewest += int((low - shared).sum() + shared.max())
        twice = np.ceil(shared_at_least * high.astype(np.float64) - 1e-9).astype(np.int64)
        most += int(high.sum() - twice.sum() + twice.sum() // 2)
    return DistinctPeople(lower=fewest, upper=max(fewest, most))

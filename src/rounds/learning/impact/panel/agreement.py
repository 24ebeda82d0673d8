"""Do the estimators agree? Differences between them, judged by how much sites move them together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from rounds.learning.impact.effect import Interval
from rounds.learning.impact.panel.estimate import Estimate, merged, pool

METHOD = "joint-jackknife-differences@1"
LEVEL = 0.05
"""The chance of any flag where all assumptions hold, if the jackknife's variance is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One estimator against the leading one."""

    name: str
    apart: Interval
    """ratio of the two rate ratios, or difference of the two differences, with an interval that holds for all
    estimators together"""
    statistic: float
    """the difference in its standard errors"""
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Whether estimators say different things about the same panel."""

    leading: str
    differences: tuple[Difference, ...]

    @property
    def flagged(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.flagged)


def agreement(leading: Estimate, others: Sequence[Estimate], *, treated_sites: int) -> Agreement:
    """Return how far each estimator is from the leading one.

    All look at the same counts, so their errors go together; the difference's variance comes from what leaving out
    each group of sites does to both at once (and from the draws, where counts have bounds only). A difference is
    flagged if it is larger than Student's t for all differences together (Bonferroni, 5 %, as many degrees of freedom
    as there are sites with the innovation, less one).

    Args:
        leading: what the others are held against.
        others: with influences over the same groups, or over groups of those.
        treated_sites: how many sites have the innovation.

    Source: Hausman (1978), Econometrica 46:1251-1271, for the idea; Efron and Stein (1981) for the variance.
    """
    found = []
    for one in others:
        if one.influence is None or leading.influence is None:
            raise ValueError(f"{one.name} has no influences of sites, so its difference cannot be judged")
        apart = one.influence - merged(leading.influence, groups=one.influence.shape[1])
        pooled = pool(one.by_draw - leading.value, (apart**2).sum(axis=1), degrees=float(max(treated_sites - 1, 1)))
        error = float(np.sqrt(pooled.variance))
        statistic = pooled.value / error if error > 1e-9 else 0.0
        limit = float(stdtrit(pooled.degrees, 1 - LEVEL / (2 * len(others))))
        found.append(
            Difference(
                name=one.name,
                apart=leading.scale.interval(pooled.value, limit * error),
                statistic=statistic,
                flagged=abs(statistic) > limit,
            )
        )
    return Agreement(leading=leading.name, differences=tuple(found))

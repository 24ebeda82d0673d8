"""Where organisations lie against the limits of a funnel, whatever withheld and rounded counts truly are."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.between_sites.funnel import (
    Funnel,
    FunnelLimits,
    Outlier,
    Vector,
    proportion_limits,
    rate_limits,
)
from rounds.learning.variation.over_time.chart import Told
from rounds.reports.content.observed import Observed, total

UPWARDS = (Outlier.LOW_998, Outlier.LOW_95, Outlier.INSIDE, Outlier.HIGH_95, Outlier.HIGH_998)
WORDS = {
    Outlier.HIGH_998: "higher (outside 99.8% limits)",
    Outlier.HIGH_95: "perhaps higher (outside 95% limits)",
    Outlier.INSIDE: "inside the limits",
    Outlier.LOW_95: "perhaps lower (outside 95% limits)",
    Outlier.LOW_998: "lower (outside 99.8% limits)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The lowest and the highest place against the limits that an organisation can have."""

    code: str
    lowest: Outlier
    highest: Outlier

    @property
    def certain(self) -> bool:
        """Whether all that is possible lies on one side of the limits, or inside them."""
        return self.lowest is self.highest or Outlier.INSIDE not in self._possible

    @property
    def status(self) -> Outlier:
        """What holds for certain: of two places outside on one side, the one nearer the limits."""
        if not self.certain:
            raise ValueError(f"{self.code}: what its counts allow lies on both sides of a limit; ask `certain` first")
        return min(self._possible, key=lambda place: abs(UPWARDS.index(place) - UPWARDS.index(Outlier.INSIDE)))

    @property
    def told(self) -> Told:
        """Whether it is outside the 95 % limits on one side for every value within the bounds, for some or for none."""
        if self._possible == (Outlier.INSIDE,):
            return Told.NO
        return Told.CERTAIN if self.certain else Told.POSSIBLE

    @property
    def words(self) -> str:
        """What a table says of it."""
        if self.certain:
            return WORDS[self.status]
        outside = [WORDS[place] for place in (self.lowest, self.highest) if place is not Outlier.INSIDE]
        return f"possible: inside the limits or {' or '.join(outside)}"

    @property
    def _possible(self) -> tuple[Outlier, ...]:
        return UPWARDS[UPWARDS.index(self.lowest) : UPWARDS.index(self.highest) + 1]


def centre_bounds(funnel: Funnel, observed: tuple[Observed, ...]) -> tuple[float, float]:
    """Return the lowest and the highest proportion that the network as a whole can have.

    A funnel is fitted without withheld counts, so its own centre can lie outside the bounds of the sum. They are
    widened to hold it.
    """
    lower, upper = total(observed).rate_bounds(1)
    return min(lower, funnel.centre), max(upper, funnel.centre)


def verdicts(funnel: Funnel, members: tuple[str, ...], observed: tuple[Observed, ...]) -> tuple[Verdict, ...]:
    """Return each organisation's verdict: both ends of its bounds, against limits around the network's rate then.

    Where an organisation's count is at its lowest, the others' are taken at their highest, and the other way round, so
    that what is certain holds for every true count behind the bounds. The over-dispersion is taken as it is.
    """
    lower, upper = _furthest_centres(funnel, observed)
    limits_of = rate_limits if any(item.over_time for item in observed) else proportion_limits
    around_lower, around_upper = (
        limits_of(centre=centres, tau2=funnel.tau2, denominators=funnel.denominators) for centres in (lower, upper)
    )
    found = []
    for index, (code, item) in enumerate(zip(members, observed, strict=True)):
        lowest, highest = item.rate_bounds(1)
        found.append(
            Verdict(
                code=code,
                lowest=_place(lowest, around_upper, index),
                highest=_place(highest, around_lower, index),
            )
        )
    return tuple(found)


def _furthest_centres(funnel: Funnel, observed: tuple[Observed, ...]) -> tuple[Vector, Vector]:
    """Return, for each organisation, the network's lowest rate with its own highest one, and the other way round."""
    most = np.inf if any(item.over_time for item in observed) else 1.0
    tops, bottoms = (
        np.array([(known.lower, known.upper) for known in column], dtype=float)
        for column in ([item.numerator for item in observed], [item.denominator for item in observed])
    )
    (top_lower, top_upper), (bottom_lower, bottom_upper) = tops.T, bottoms.T
    lower = (top_lower.sum() - top_lower + top_upper) / (bottom_upper.sum() - bottom_upper + bottom_lower)
    upper = (top_upper.sum() - top_upper + top_lower) / (bottom_lower.sum() - bottom_lower + bottom_upper)
    return np.minimum(lower, funnel.centre), np.clip(upper, funnel.centre, most)


def _place(rate: float, limits: FunnelLimits, index: int) -> Outlier:
    """Return where a rate lies. One on a limit is inside it."""
    if rate > limits.upper998[index]:
        return Outlier.HIGH_998
    if rate > limits.upper95[index]:
        return Outlier.HIGH_95
    if rate < limits.lower998[index]:
        return Outlier.LOW_998
    return Outlier.LOW_95 if rate < limits.lower95[index] else Outlier.INSIDE

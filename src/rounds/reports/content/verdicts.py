"""Where organisations lie against the limits of a funnel, whatever withheld and rounded counts truly are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.between_sites.funnel import Funnel
from rounds.learning.variation.between_sites.limits import UPWARDS, Outlier, outliers
from rounds.learning.variation.between_sites.within_bounds import CountBounds, PlacesWithin, places_of
from rounds.learning.variation.over_time.chart import Told
from rounds.reports.content.observed import Observed, total

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
    ends = np.array([item.rate_bounds(1) for item in observed])
    return verdicts_within(members, places_of(funnel, _bounds(observed), ends=(ends[:, 0], ends[:, 1])))


def verdicts_within(members: Sequence[str], found: PlacesWithin) -> tuple[Verdict, ...]:
    """Return the verdicts of organisations by where they can lie."""
    return tuple(
        Verdict(code=code, lowest=low, highest=high)
        for code, low, high in zip(members, outliers(found.lowest), outliers(found.highest), strict=True)
    )


def _bounds(observed: tuple[Observed, ...]) -> CountBounds:
    tops, bottoms = (
        np.array([(known.lower, known.upper) for known in column], dtype=float)
        for column in ([item.numerator for item in observed], [item.denominator for item in observed])
    )
    return CountBounds(
        numerators_lower=tops[:, 0],
        numerators_upper=tops[:, 1],
        denominators_lower=bottoms[:, 0],
        denominators_upper=bottoms[:, 1],
    )

"""From what was received to what is said between groups of people: rates, a gradient, and where to look first."""

from typing import Final

import numpy as np

from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.learning.variation.between_groups.gaps import GroupBounds
from rounds.learning.variation.between_groups.priority import gains_at_the_rate_of_all, priority
from rounds.learning.variation.between_groups.slope_bounds import SlopeWithin, slope_within
from rounds.learning.variation.between_sites.shrunken import comparable, shrunken
from rounds.learning.variation.case_mix.families import Family
from rounds.measures.definitions import Better
from rounds.measures.groupings import GROUPED
from rounds.measures.kinds import CountKind
from rounds.measures.strata import UNKNOWN, Stratum
from rounds.network.members import Membership
from rounds.reports.content.equity import equity
from rounds.reports.content.gradient import First, Gradient
from rounds.reports.content.observed import Observed, observed_from_cells
from rounds.reports.insight import Insight, Provenance

SEED: Final = 0
"""Of the draws behind a priority list: the same answers make the same list."""

MOST_FIRST: Final = 3
"""How many groups are looked at first; of few groups no more than half."""


def equity_insights(found: PooledMeasure, *, membership: Membership, provenance: Provenance) -> list[Insight]:
    """Return how rates differ between the levels of each stratum of a measure.

    Args:
        found: the pooled measure.
        membership: to name the members.
        provenance: where the numbers come from.
    """
    said = []
    for stratum in found.measure.strata:
        sums = totals(found.in_recent(found.cells), by=[str(stratum)])
        by_level = dict(zip(sums[str(stratum)], observed_from_cells(sums, found.measure), strict=True))
        groups = {level: by_level[level] for level in found.measure.levels(stratum) if level in by_level}
        if any(group.denominator.upper for group in groups.values()):
            said.append(
                equity(
                    groups=groups,
                    stratum=stratum,
                    over=found.recent_words,
                    member="network",
                    measure=found.measure,
                    membership=membership,
                    provenance=provenance,
                    gradient=Gradient(slope=_slope(groups, found, stratum), first=_first(groups, found, stratum)),
                )
            )
    return said


def _named(groups: dict[str, Observed]) -> dict[str, Observed]:
    """Return the groups with anybody in them, without those of whom it is not known."""
    return {level: item for level, item in groups.items() if level != UNKNOWN and item.denominator.upper}


def _plain(groups: dict[str, Observed], found: PooledMeasure) -> str | None:
    """Return why counts let nothing be fitted, or None."""
    if found.measure.kind is CountKind.MEAN or any(item.noisy for item in groups.values()):
        return "it is not worked out of means and of counts with noise"
    if any(item.denominator.value is None for item in groups.values()):
        return "how many people are in a group is withheld"
    return None


def _bounds(groups: dict[str, Observed], found: PooledMeasure) -> GroupBounds:
    over_time = found.measure.kind is CountKind.RATE
    sizes = np.array([item.denominator.value for item in groups.values()], dtype=float)
    lower, upper = (
        np.array([getattr(item.numerator, end) for item in groups.values()], dtype=float) for end in ("lower", "upper")
    )
    if not over_time:
        lower, upper = np.minimum(lower, sizes), np.minimum(upper, sizes)
    return GroupBounds(events_lower=lower, events_upper=upper, size_lower=sizes, size_upper=sizes, over_time=over_time)


def _slope(groups: dict[str, Observed], found: PooledMeasure, stratum: Stratum) -> SlopeWithin | str | None:
    """Return the gradient over deprivation, or why there is none; None of strata without an order."""
    if stratum is not Stratum.DEPRIVATION:
        return None
    named = _named(groups)
    return _plain(named, found) or slope_within(_bounds(named, found))


def _first(groups: dict[str, Observed], found: PooledMeasure, stratum: Stratum) -> First | None:
    """Return where most could be gained; None where groups differ by age or sex, or neither way is better."""
    named = _named(groups)
    if stratum not in GROUPED or found.measure.better is Better.NEITHER or not named or _plain(named, found):
        return None
    bounds = _bounds(named, found)
    family = Family.POISSON if bounds.over_time else Family.BINOMIAL
    lower, upper, sizes = bounds.events_lower, bounds.events_upper, bounds.size_lower
    if not (sizes > 0).all() or not comparable(events_lower=lower, events_upper=upper, sizes=sizes, family=family):
        return None
    believed = shrunken(events_lower=lower, events_upper=upper, sizes=sizes, family=family)
    gains, errors = gains_at_the_rate_of_all(
        believed, sizes=sizes, fewer_is_better=found.measure.better is Better.LOWER
    )
    top = min(MOST_FIRST, len(named) // 2)
    ranked = priority(gains=gains, standard_errors=errors, top=top, generator=np.random.default_rng(SEED))
    return First(levels=tuple(named), top=top, ranked=ranked)

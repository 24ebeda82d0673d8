"""From two measures of the same people to need less use: by organisation, and by each stratum that both have."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.learning.variation.between_groups.gaps import GroupBounds, unmet_need
from rounds.learning.variation.between_groups.unmet import unmet_priority
from rounds.measures.strata import UNKNOWN
from rounds.network.members import Membership
from rounds.reports.content.gradient import First
from rounds.reports.content.need import Group, need_less_use
from rounds.reports.content.observed import Observed, observed_from_cells
from rounds.reports.content.silences import silent_need
from rounds.reports.insight import Insight, Provenance

SEED: Final = 0
MOST_FIRST: Final = 3
"""As of priority lists of one measure (`centre.groups`)."""


def need_insights(
    need: PooledMeasure, use: PooledMeasure, *, membership: Membership, provenance: Provenance
) -> tuple[tuple[Insight, ...], tuple[str, ...]]:
    """Return need less use by organisation and by stratum, and why any of it cannot be told.

    Args:
        need: the measure of who needs something.
        use: of who has it, among the same people.
        membership: to name the members.
        provenance: where the numbers come from.
    """
    said: list[Insight] = []
    silent: list[str] = []
    strata = [str(stratum) for stratum in need.measure.strata if stratum in use.measure.strata]
    for by in ("member", *strata):
        levels = _levels(need, by, membership)
        groups, why = _groups(_observed(need, by), _observed(use, by), levels)
        if why is not None:
            silent.append(silent_need(need.measure, use.measure, by.replace("_", " "), why))
            continue
        needed, used = _bounds([group.need for group in groups]), _bounds([group.use for group in groups])
        named = [at for at, group in enumerate(groups) if group.level != UNKNOWN]
        levels_known = tuple(groups[at].level for at in named)
        top = min(MOST_FIRST, len(named) // 2)
        ranked = (
            unmet_priority(_chosen(needed, named), _chosen(used, named), top=top, generator=np.random.default_rng(SEED))
            if top
            else None
        )
        said.append(
            need_less_use(
                groups=groups,
                unmet=unmet_need(needed, used),
                first=None if ranked is None else First(levels=levels_known, top=top, ranked=ranked),
                by="organisation" if by == "member" else by.replace("_", " "),
                over=need.recent_words,
                need=need.measure,
                use=use.measure,
                provenance=provenance,
            )
        )
    return tuple(said), tuple(silent)


def _levels(need: PooledMeasure, by: str, membership: Membership) -> dict[str, str]:
    """Return each level and what it is called, in the order shown."""
    if by == "member":
        return {code: membership.name_of(code) for code in need.members(membership)}
    stratum = next(one for one in need.measure.strata if str(one) == by)
    return {level: level for level in need.measure.levels(stratum)}


def _observed(found: PooledMeasure, by: str) -> dict[str, Observed]:
    sums = totals(found.in_recent(found.series if by == "member" else found.cells), by=[by])
    return dict(zip(sums[by], observed_from_cells(sums, found.measure), strict=True))


def _groups(
    needs: Mapping[str, Observed], uses: Mapping[str, Observed], levels: Mapping[str, str]
) -> tuple[tuple[Group, ...], str | None]:
    """Return the groups of which both are known, or why there is nothing to tell."""
    found = tuple(
        Group(level=level, name=name, need=needs[level], use=uses[level])
        for level, name in levels.items()
        if level in needs and level in uses and needs[level].denominator.upper and uses[level].denominator.upper
    )
    if len([group for group in found if group.level != UNKNOWN]) < 2:
        return (), "fewer than two groups have numbers of both"
    if any(group.need.noisy or group.use.noisy for group in found):
        return (), "it is not worked out of counts with noise"
    for group in found:
        one, two = group.need.denominator, group.use.denominator
        if one.lower > two.upper or two.lower > one.upper:
            return (), f"they are not of the same people: the denominators for {group.name} differ"
    return found, None


def _bounds(observed: Sequence[Observed]) -> GroupBounds:
    sizes = [np.array([getattr(one.denominator, end) for one in observed], dtype=float) for end in ("lower", "upper")]
    events = [np.array([getattr(one.numerator, end) for one in observed], dtype=float) for end in ("lower", "upper")]
    return GroupBounds(
        events_lower=np.minimum(events[0], sizes[1]),
        events_upper=np.minimum(events[1], sizes[1]),
        size_lower=sizes[0],
        size_upper=sizes[1],
    )


def _chosen(bounds: GroupBounds, at: Sequence[int]) -> GroupBounds:
    where = list(at)
    return GroupBounds(
        events_lower=bounds.events_lower[where],
        events_upper=bounds.events_upper[where],
        size_lower=bounds.size_lower[where],
        size_upper=bounds.size_upper[where],
    )

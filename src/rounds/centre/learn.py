"""From what was received to what is said of one measure: over time, between members, between groups."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.centre.compared import compared_insights
from rounds.centre.estimates import Estimates, estimates_of, known_points
from rounds.centre.groups import equity_insights
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.learning.overlap import DistinctPeople, distinct_people
from rounds.learning.variation.over_time.rebasing import Rebase
from rounds.learning.variation.over_time.xmr import noise_hides, without_limits, xmr_chart
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period
from rounds.measures.questions import People, PublishedQuestion, RecordsQuestion
from rounds.network.innovations import Innovation
from rounds.network.members import Membership
from rounds.network.rebases import StatedRebase
from rounds.reports.content.observed import Observed, observed_from_cells
from rounds.reports.content.over_time import over_time
from rounds.reports.content.peers import Peer, better_peer
from rounds.reports.content.pooled import pooled
from rounds.reports.insight import Insight, Provenance

FEWEST_PERIODS_FOR_A_CHART = 3


def variation_insights(
    found: PooledMeasure,
    *,
    membership: Membership,
    provenance: Provenance,
    embedded: Mapping[str, Innovation],
    rebases: Sequence[StatedRebase] = (),
) -> tuple[Insight, ...]:
    """Return what a measure says over time, between members and between groups.

    Args:
        found: the pooled measure.
        membership: to name the members.
        provenance: where the numbers come from.
        embedded: by ODS code, an innovation meant to improve this measure that the member has embedded.
        rebases: from when, and why, whose control limits of this measure start anew.
    """
    estimates = estimates_of(found.cells, found.measure)
    said = [_pooled_insight(found, membership, provenance, estimates)]
    # Points that share patients are not independent, as every rule of a control chart takes them to be.
    if len(found.periods) >= FEWEST_PERIODS_FOR_A_CHART and found.measure.span == 1:
        said += _over_time_insights(found, membership, provenance, embedded, estimates, rebases)
    said += compared_insights(found, membership=membership, provenance=provenance, estimates=estimates)
    said += equity_insights(found, membership=membership, provenance=provenance)
    return tuple(said)


def _pooled_insight(
    found: PooledMeasure, membership: Membership, provenance: Provenance, estimates: Estimates | None
) -> Insight:
    sums = totals(found.cells, by=["period"])
    by_period = dict(zip(sums["period"], observed_from_cells(sums, found.measure), strict=True))
    members = dict(found.series.group_by("period").agg(pl.col("member").n_unique()).iter_rows())
    ever = set(found.members(membership))
    expected = [
        {member.ods_code for member in membership.on(period.start) if member.ods_code in ever}
        for period in found.periods
    ]
    return pooled(
        periods=found.labels,
        observed=tuple(by_period.get(period.start) for period in found.periods),
        members=tuple(members.get(period.start, 0) for period in found.periods),
        expected=tuple(len(codes) for codes in expected),
        not_published=_not_published(found, expected),
        distinct=_distinct_people(found),
        estimates=tuple(estimates.rate(pl.col("period") == period.start) for period in found.periods)
        if estimates
        else (),
        measure=found.measure,
        provenance=provenance,
    )


def _distinct_people(found: PooledMeasure) -> DistinctPeople | None:
    """Return how many different people the latest total is of; None if it is not of people, or of one site."""
    question = found.measure.question
    if not isinstance(question, RecordsQuestion) or not isinstance(question.unit, People):
        return None
    counted = found.cells.filter(pl.col("denominator_upper") > 0)
    sites = totals(counted.filter(pl.col("period") == counted["period"].max()), by=["site"])
    if sites.height < 2:
        return None
    return distinct_people(lower=sites["denominator_lower"].to_numpy(), upper=sites["denominator_upper"].to_numpy())


def _not_published(found: PooledMeasure, expected: Sequence[set[str]]) -> int:
    """Return how many members' periods a published source has no number for; records always answer for each."""
    if not isinstance(found.measure.question, PublishedQuestion):
        return 0
    sent = set(found.series.select("period", "member").iter_rows())
    wanted = {(period.start, code) for period, codes in zip(found.periods, expected, strict=True) for code in codes}
    return len(wanted - sent)


def _rebases_of(
    stated: Sequence[StatedRebase], member: str, periods: Sequence[Period], labels: Sequence[str]
) -> tuple[Rebase, ...]:
    """Return from which of a member's periods limits start anew; from the first they would in any case."""
    found: dict[str, str] = {}
    for one in sorted(stated, key=lambda rebase: rebase.since):
        place = next((at for at, period in enumerate(periods) if period.start <= one.since <= period.end), None)
        if one.ods_code == member and place:
            reasons = [*([found[labels[place]]] if labels[place] in found else []), one.reason]
            found[labels[place]] = "; ".join(reasons)
    return tuple(Rebase(since=since, reason=reason) for since, reason in found.items())


def _over_time_insights(
    found: PooledMeasure,
    membership: Membership,
    provenance: Provenance,
    embedded: Mapping[str, Innovation],
    estimates: Estimates | None,
    rebases: Sequence[StatedRebase],
) -> list[Insight]:
    recent = totals(found.in_recent(found.series), by=["member"])
    recent_totals = dict(zip(recent["member"], observed_from_cells(recent, found.measure), strict=True))
    expected = estimates.counts(["member", "period"]) if estimates else None
    said = []
    for member in found.members(membership):
        observed = _member_series(found, member)
        present = [index for index, item in enumerate(observed) if item is not None]
        span = slice(present[0], present[-1] + 1)
        values, withheld = _rates(observed[span], found.measure)
        noisy = np.array([item is not None and item.noisy for item in observed[span]])
        known = None
        if expected is not None and (withheld | noisy).any() and not (np.isnan(values) & ~withheld).any():
            periods = [period.start for period in found.periods[span]]
            known = known_points(observed[span], expected.filter(pl.col("member") == member), periods, found.measure)
        if known is None and noisy.any():
            chart = without_limits(values, noise_hides(int(noisy.sum()), len(values)))
        else:
            chart = xmr_chart(
                values=values,
                better=found.measure.better,
                target=found.measure.target,
                withheld=withheld,
                known=known,
                rebases=_rebases_of(rebases, member, found.periods[span], found.labels[span]),
                periods=found.labels[span],
            )
        peer: Peer | None = better_peer(
            member=member,
            totals=recent_totals,
            measure=found.measure,
            membership=membership,
            over=found.recent_words,
            embedded=embedded,
        )
        said.append(
            over_time(
                chart=chart,
                periods=found.labels[span],
                observed=observed[span],
                member=member,
                measure=found.measure,
                membership=membership,
                provenance=provenance,
                peer=peer,
            )
        )
    return said


def _member_series(found: PooledMeasure, member: str) -> tuple[Observed | None, ...]:
    rows = found.series.filter(pl.col("member") == member)
    by_period = dict(zip(rows["period"], observed_from_cells(rows, found.measure), strict=True))
    return tuple(by_period.get(period.start) for period in found.periods)


def _rates(observed: Sequence[Observed | None], measure: Measure) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    rates = [item.rate(measure.scale) if item else None for item in observed]
    values = np.array([np.nan if rate is None else rate for rate in rates])
    withheld = np.array([item is not None and item.withheld for item in observed])
    return values, withheld

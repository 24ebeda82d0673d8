"""From what was received to what is said of members side by side: a funnel, a caterpillar, and who moved since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.centre.estimates import Estimates
from rounds.centre.funnels import FEWEST_MEMBERS_FOR_A_FUNNEL, funnel_of
from rounds.centre.pooled_measure import PooledMeasure, within
from rounds.centre.pooling import totals
from rounds.disclosure.bounded import State
from rounds.learning.variation.between_sites.funnel import Funnel
from rounds.learning.variation.between_sites.limits import Outlier
from rounds.learning.variation.between_sites.moved import BoundedTimes, moved
from rounds.learning.variation.between_sites.shrunken import comparable, shrunken
from rounds.learning.variation.case_mix.families import Family
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Period
from rounds.network.members import Membership
from rounds.reports.content.between_sites import between_sites
from rounds.reports.content.not_compared import means_compared, not_compared
from rounds.reports.content.observed import observed_from_cells
from rounds.reports.content.shrunken import allowing_for_chance
from rounds.reports.content.since import Side, moved_since
from rounds.reports.content.verdicts import verdicts
from rounds.reports.insight import Insight, Provenance

Vector = NDArray[np.float64]

CANNOT_BE_TOLD = (
    "Whether organisations that stood out over {then} have moved since by more than chance alone moves them cannot be "
    "told: {why}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Totals of members over some periods, by what may be compared."""

    sums: pl.DataFrame
    shown: pl.DataFrame
    """those whose denominator is shown and above 0; first those whose numerator is, in the order of the funnel"""
    left_out: pl.DataFrame
    funnel: Funnel | None


def compared_insights(
    found: PooledMeasure, *, membership: Membership, provenance: Provenance, estimates: Estimates | None
) -> list[Insight]:
    """Return what is said of members side by side: which differ, what is believed of each, and who moved since.

    Args:
        found: the pooled measure.
        membership: to name the members.
        provenance: where the numbers come from.
        estimates: what withheld counts are expected to be, if that can be told.
    """
    sums = _sums(found, found.recent)
    mean = found.measure.kind is CountKind.MEAN
    recent = None if mean or _noisy(sums) else _stretch(found, found.recent, estimates)
    if recent is None or recent.funnel is None:
        hidden = {State.WITHHELD, State.NOISY} & {*sums["numerator_state"], *sums["denominator_state"]}
        if sums.height < FEWEST_MEMBERS_FOR_A_FUNNEL or not (mean or hidden):
            return []
        side_by_side = means_compared if mean else not_compared
        return [
            side_by_side(
                members=tuple(sums["member"]),
                observed=observed_from_cells(sums, found.measure),
                over=found.recent_words,
                measure=found.measure,
                membership=membership,
                provenance=provenance,
            )
        ]
    members, observed = tuple(recent.shown["member"]), observed_from_cells(recent.shown, found.measure)
    funnel = between_sites(
        funnel=recent.funnel,
        members=members,
        observed=observed,
        over=found.recent_words,
        measure=found.measure,
        membership=membership,
        provenance=provenance,
        left_out=tuple(recent.left_out["member"]),
    )
    believed = []
    family = Family.POISSON if found.measure.kind is CountKind.RATE else Family.BINOMIAL
    lower, upper, sizes = _bounds(recent.shown, family)
    if comparable(events_lower=lower, events_upper=upper, sizes=sizes, family=family):
        believed.append(
            allowing_for_chance(
                found=shrunken(events_lower=lower, events_upper=upper, sizes=sizes, family=family),
                members=members,
                observed=observed,
                over=found.recent_words,
                measure=found.measure,
                membership=membership,
                provenance=provenance,
            )
        )
    since, untold = _since(found, membership, provenance, estimates, family)
    return [replace(funnel, notes=(*funnel.notes, *untold)), *believed, *since]


def _since(
    found: PooledMeasure,
    membership: Membership,
    provenance: Provenance,
    estimates: Estimates | None,
    family: Family,
) -> tuple[list[Insight], tuple[str, ...]]:
    """Return whether those that stood out before have moved by more than chance, or why that cannot be told."""
    stretches = found.then_and_since
    if stretches is None:
        return [], ()
    then, since = stretches
    before, after = _stretch(found, then, estimates), _sums(found, since)

    def untold(why: str) -> tuple[list[Insight], tuple[str, ...]]:
        return [], (CANNOT_BE_TOLD.format(then=found.words(then), why=why),)

    if before.sums.height < FEWEST_MEMBERS_FOR_A_FUNNEL:
        return [], ()
    if before.funnel is None:
        return untold("too much was withheld then")
    judged = verdicts(before.funnel, tuple(before.shown["member"]), observed_from_cells(before.shown, found.measure))
    stood_out = {item.code: item.status for item in judged if item.certain and item.status is not Outlier.INSIDE}
    if not stood_out:
        return [], ()
    sized = (pl.col("denominator_state") != State.WITHHELD) & (pl.col("denominator_value") > 0)
    both = before.shown.join(after.filter(sized), on="member", how="inner", suffix="_after", maintain_order="left")
    before_lower, before_upper, sizes_before = _bounds(both, family)
    after_lower, after_upper, sizes_after = _bounds(both, family, "_after")
    if not comparable(events_lower=before_lower, events_upper=before_upper, sizes=sizes_before, family=family):
        return untold("too few have numbers at both times")
    times = BoundedTimes(
        before_lower=before_lower,
        before_upper=before_upper,
        sizes_before=sizes_before,
        after_lower=after_lower,
        after_upper=after_upper,
        sizes_after=sizes_after,
        family=family,
    )
    codes = tuple(both["member"])
    sides, why = [], None
    for high in (True, False):
        picked = np.array([stood_out.get(code) in (_HIGH if high else _LOW) for code in codes])
        if not picked.any():
            continue
        result = moved(times, picked=picked)
        why = why or result.reason
        if result.reason is None:
            sides.append(Side(higher=high, moved=result, picked=picked))
    if not sides:
        return untold(why.rstrip(".").lower() if why else "those that stood out have no numbers since")
    return [
        moved_since(
            sides=tuple(sides),
            members=codes,
            lost=tuple(sorted(set(stood_out) - set(codes))),
            then=found.words(then),
            since=found.words(since),
            measure=found.measure,
            membership=membership,
            provenance=provenance,
        )
    ], ()


_HIGH, _LOW = (Outlier.HIGH_95, Outlier.HIGH_998), (Outlier.LOW_95, Outlier.LOW_998)


def _sums(found: PooledMeasure, periods: Sequence[Period]) -> pl.DataFrame:
    return totals(within(found.series, periods), by=["member"]).filter(pl.col("denominator_upper") > 0)


def _noisy(sums: pl.DataFrame) -> bool:
    return State.NOISY in {*sums["numerator_state"], *sums["denominator_state"]}


def _stretch(found: PooledMeasure, periods: Sequence[Period], estimates: Estimates | None) -> _Stretch:
    sums = _sums(found, periods)
    sizeless = pl.col("denominator_state") == State.WITHHELD
    left_out, sized = sums.filter(sizeless), sums.filter(~sizeless & (pl.col("denominator_value") > 0))
    hidden = pl.col("numerator_state") == State.WITHHELD
    known, withheld = sized.filter(~hidden), sized.filter(hidden)
    over = pl.col("period").is_in([period.start for period in periods])
    expected = estimates.counts(["member"], over=over) if estimates else None
    return _Stretch(
        sums=sums,
        shown=pl.concat([known, withheld]),
        left_out=left_out,
        funnel=None if _noisy(sums) else funnel_of(known, withheld, found.measure.kind, expected=expected),
    )


def _bounds(sums: pl.DataFrame, family: Family, suffix: str = "") -> tuple[Vector, Vector, Vector]:
    """Return lowest and highest events, no more than a rounded denominator where they are part of it, and that."""
    columns = ("numerator_lower", "numerator_upper", "denominator_value")
    lower, upper, sizes = (sums[f"{column}{suffix}"].to_numpy().astype(float) for column in columns)
    if family is Family.POISSON:
        return lower, upper, sizes
    return np.minimum(lower, sizes), np.minimum(upper, sizes), sizes

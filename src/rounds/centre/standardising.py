"""Standardised rates of the members and of all together, from the counts by age band and sex that they sent."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import totals
from rounds.disclosure.bounded import State
from rounds.learning.variation.between_sites.standardised import GroupCounts, StandardisedRate, standardised_rate
from rounds.measures.definitions import Measure
from rounds.measures.kinds import CountKind
from rounds.measures.standards import STANDARD_GROUPS, Standard
from rounds.measures.strata import Stratum
from rounds.network.members import Membership
from rounds.reports.content.standardised import standardised
from rounds.reports.insight import Insight, Provenance

FEWEST_MEMBERS = 2
_KEYS = [str(Stratum.AGE_BAND), str(Stratum.SEX)]


def standardised_insights(
    found: PooledMeasure, *, membership: Membership, provenance: Provenance
) -> tuple[Insight, ...]:
    """Return how members compare once age and sex are allowed for; nothing if the measure names no standard.

    Args:
        found: the pooled measure.
        membership: to name the members.
        provenance: where the numbers come from.
    """
    standard = found.measure.standard
    if standard is None:
        return ()
    recent = found.in_recent(found.cells)
    together = _rate(totals(recent, by=_KEYS), found.measure, standard)
    by_member = {
        code: _rate(totals(recent.filter(pl.col("member") == code), by=_KEYS), found.measure, standard)
        for code in found.members(membership)
    }
    rates = {code: rate for code, rate in by_member.items() if rate is not None}
    if together is None or len(rates) < FEWEST_MEMBERS:
        return ()
    return (
        standardised(
            rates=rates,
            together=together,
            left_out=tuple(code for code, rate in by_member.items() if rate is None),
            over=found.recent_words,
            measure=found.measure,
            membership=membership,
            provenance=provenance,
        ),
    )


def _rate(cells: pl.DataFrame, measure: Measure, standard: Standard) -> StandardisedRate | None:
    by_group = {(row[_KEYS[0]], row[_KEYS[1]]): row for row in cells.iter_rows(named=True)}
    rows: Sequence[dict[str, object]] = [by_group.get(group, {}) for group in STANDARD_GROUPS]

    def numbers(name: str, part: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        unsure = (State.WITHHELD, State.NOISY)
        hidden = [row.get(f"{name}_state") in unsure and part == "value" for row in rows]
        return np.array(
            [np.nan if no else row.get(f"{name}_{part}", 0) for row, no in zip(rows, hidden, strict=True)], dtype=float
        )

    counts = GroupCounts(
        events_lower=numbers("numerator", "lower"),
        events_upper=numbers("numerator", "upper"),
        size_lower=numbers("denominator", "lower"),
        size_upper=numbers("denominator", "upper"),
        events=numbers("numerator", "value"),
        size=numbers("denominator", "value"),
        over_time=measure.kind is CountKind.RATE,
    )
    return standardised_rate(counts, weights=np.array([number for _, number in standard.people], dtype=float))

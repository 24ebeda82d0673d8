"""One measure from all sites that answered it: its cells, its periods, and those that are spoken of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from rounds.centre.pooling import pooled_cells, totals
from rounds.exchange.messages import Reply
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain, Period
from rounds.network.members import Membership

RECENT = timedelta(days=366)
FEWEST_PERIODS_IN_HALVES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledMeasure:
    """One measure, from all sites that answered."""

    measure: Measure
    periods: tuple[Period, ...]
    cells: pl.DataFrame
    """every received cell, with its `site`"""
    series: pl.DataFrame
    """bounded totals by member and period"""

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.measure.label(period.start) for period in self.periods)

    def members(self, membership: Membership) -> tuple[str, ...]:
        """Return who has numbers, in the order of the membership."""
        present = set(self.series["member"])
        return tuple(member.ods_code for member in membership.members if member.ods_code in present)

    @property
    def recent(self) -> tuple[Period, ...]:
        """The periods of the last twelve months counted, or the one there is."""
        last = self.periods[-1].end
        if self.measure.span > 1:  # summed, periods that overlap would count people twice
            return self.periods[-1:]
        return tuple(period for period in self.periods if period.start > last - RECENT) or self.periods[-1:]

    @property
    def then_and_since(self) -> tuple[tuple[Period, ...], tuple[Period, ...]] | None:
        """The twelve months before the recent ones and those; the two halves where there is no more than a year.

        None where periods overlap, and share patients, or there are too few for halves.
        """
        if self.measure.span > 1:
            return None
        recent = self.recent
        first = recent[0].start
        before = tuple(period for period in self.periods if first - RECENT <= period.start < first)
        if before:
            return before, recent
        half = len(recent) // 2
        return (recent[:half], recent[half:]) if len(recent) >= FEWEST_PERIODS_IN_HALVES else None

    @property
    def recent_words(self) -> str:
        """The recent periods in words."""
        return self.words(self.recent)

    def words(self, periods: Sequence[Period]) -> str:
        """Return periods that follow each other in words: "Jan 2024 to Dec 2024"."""
        if self.measure.grain is Grain.ALL:
            return f"{self.periods[0].start.year} to {self.periods[-1].end.year}"
        first, last = (self.measure.label(period.start) for period in (periods[0], periods[-1]))
        return first if first == last else f"{first} to {last}"

    def in_recent(self, cells: pl.DataFrame) -> pl.DataFrame:
        return within(cells, self.recent)


def within(cells: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return the cells of some periods."""
    return cells.filter(pl.col("period").is_in([period.start for period in periods]))


def pool_measure(replies: Sequence[Reply], measure: Measure, *, first: date, last: date) -> PooledMeasure | None:
    """Return a measure pooled over the sites that answered it, or None if there is nothing to say of it.

    That is: no site answered it, nothing was in the answers, or every denominator is 0.
    """
    cells = pooled_cells(replies, measure.ref)
    if not cells.height or not int(cells["denominator_upper"].sum()):
        return None
    return PooledMeasure(
        measure=measure,
        periods=measure.periods(first=first, last=last),
        cells=cells,
        series=totals(cells, by=["member", "period"]),
    )

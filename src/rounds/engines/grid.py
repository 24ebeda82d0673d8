"""The complete table a count has: every period and every level of every stratum, zeros included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise, product
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rounds.measures.counts import Count, Keys, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.kinds import QUANTITIES, TALLIED, CountKind
from rounds.measures.periods import Period
from rounds.measures.questions import PersonTime, RecordsQuestion

Cell = tuple[date, tuple[str, ...]]
"""The first day of the period, and one level for each of the measure's strata in their order."""

Tally = tuple[int, ...]
"""The numbers of a cell: numerator and denominator, and unless units are people, how many people are in each."""


def check_periods(measure: Measure, periods: tuple[Period, ...]) -> None:
    """Raise unless a measure can be counted over these periods.

    Raises:
        ValueError: if there is none, they are out of order, or overlap where the measure's do not.
    """
    if not periods:
        raise ValueError(f"{measure.ref}: there is no period to count; see periods_between")
    for before, after in pairwise(periods):
        if after.start <= (before.end if measure.span == 1 else before.start):
            raise ValueError(f"{measure.ref}: periods must follow each other; {after.start} is not after {before.end}")


def complete_count(
    measure: Measure,
    *,
    member: str,
    periods: tuple[Period, ...],
    tallies: Mapping[Cell, Tally],
) -> Count:
    """Return a count with every cell; cells that are not given are 0.

    Args:
        measure: what was counted.
        member: the ODS code the counts belong to.
        periods: in order of their first day.
        tallies: the first numbers of its kind, as many as `TALLIED` says; 0 or more.
    """
    none = (0,) * TALLIED[measure.kind]
    rows: list[tuple[object, ...]] = []
    for period in periods:
        most = _most(measure, period)
        for levels in product(*(measure.levels(stratum) for stratum in measure.strata)):
            rows.append((member, period.start, *levels, *tallies.get((period.start, levels), none), *most))
    schema = count_schema(measure.strata, measure.kind)
    cells = pl.DataFrame(rows, schema=schema, orient="row").sort(["member", "period", *map(str, measure.strata)])
    return Count(measure=measure.ref, strata=measure.strata, cells=cells, kind=measure.kind)


def _most(measure: Measure, period: Period) -> tuple[int, ...]:
    """Return the most of one person in the numbers of a period; nothing where that is 1, or nobody knows."""
    amount = measure.amount
    if amount is not None:
        return (amount.steps * amount.most_each, amount.most_each)
    question = measure.question
    if not isinstance(question, RecordsQuestion) or not isinstance(question.unit, PersonTime):
        return ()
    return (question.unit.most_each, (period.end - period.start).days + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The key columns that proportions with the same periods and levels share, to be filled from arrays."""

    keys: Keys
    order: npt.NDArray[Any]
    """For each row of `keys` its place among periods and levels in their own order."""

    @classmethod
    def of(cls, measure: Measure, *, member: str, periods: tuple[Period, ...]) -> Self:
        """Return the grid of some periods and a measure's strata."""
        strata = measure.strata
        levels = [measure.levels(stratum) for stratum in strata]
        rows = [(member, period.start, *level) for period in periods for level in product(*levels)]
        schema = {
            name: kind for name, kind in count_schema(strata).items() if name not in QUANTITIES[CountKind.PROPORTION]
        }
        keys = pl.DataFrame(rows, schema=schema, orient="row").with_row_index("place").sort(list(schema))
        return cls(keys=Keys(keys.drop("place")), order=keys["place"].to_numpy())

    def count(self, measure: Measure, numbers: Sequence[npt.NDArray[Any]]) -> Count:
        """Return the count of a measure.

        Args:
            measure: one with the grid's strata, that counts a proportion.
            numbers: each of its kind's, for every period and, within it, every level of the strata; the last stratum's
                change first.
        """
        named = zip(QUANTITIES[measure.kind], numbers, strict=True)
        columns = [pl.Series(name, one[self.order].astype(np.int64, copy=False)) for name, one in named]
        return Count.over(self.keys, columns, measure=measure.ref, kind=measure.kind)


@dataclass(slots=True)
class Grids:
    """The grids of a batch. They are few: to look through them takes less than to hash what all their periods are."""

    _known: list[tuple[tuple[Period, ...], Measure, Grid]] = field(default_factory=list)

    def of(self, measure: Measure, *, member: str, periods: tuple[Period, ...]) -> Grid:
        """Return the grid that a measure shares with all others of the same periods, strata and groupings."""
        asked = measure.strata, measure.groupings
        for known, other, grid in self._known:
            if known == periods and (other.strata, other.groupings) == asked:
                return grid
        grid = Grid.of(measure, member=member, periods=periods)
        self._known.append((periods, measure, grid))
        return grid

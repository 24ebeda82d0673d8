"""The complete table a count has: every period and every level of every stratum, zeros included."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise, product

import polars as pl

from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period

Cell = tuple[date, tuple[str, ...]]
"""The first day of the period, and one level for each of the measure's strata in their order."""


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
    numerators: Mapping[Cell, int],
    denominators: Mapping[Cell, int],
) -> Count:
    """Return a count with every cell; cells that are not given are 0."""
    rows = []
    for period in periods:
        for levels in product(*(measure.levels(stratum) for stratum in measure.strata)):
            cell = (period.start, levels)
            rows.append((member, *(period.start, *levels), numerators.get(cell, 0), denominators.get(cell, 0)))
    schema = count_schema(measure.strata)
    cells = pl.DataFrame(rows, schema=schema, orient="row").sort(["member", "period", *map(str, measure.strata)])
    return Count(measure=measure.ref, strata=measure.strata, cells=cells)

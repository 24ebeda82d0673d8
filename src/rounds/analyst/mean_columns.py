"""A table of means and how many each is of: checked row by row, as sums with what rounding leaves open."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.analyst.columns import Understood
from rounds.analyst.counted import A_YEAR, Counted, days_of
from rounds.analyst.frames import TableError
from rounds.analyst.numbers import Numbers
from rounds.analyst.points import lines_of
from rounds.learning.impact.effect import MeanOf, Panel
from rounds.reports.content.impact_words import Words

Vector = NDArray[np.float64]

UNITS = "units"
"""What a mean is said to be in where nobody says it."""
_ROW = "_row_of_mean"
_FARTHEST = 1e12
"""Means and numbers farther from 0 lose digits in sums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanColumns:
    """Sums behind the means of a table. Arrays have shape (rows,)."""

    lower: Vector
    """the smallest that a sum can be; NaN where the mean is missing or withheld"""
    upper: Vector
    size: Vector
    """how many each is of; NaN where the mean is missing, but not where it is withheld"""


def mean_words(shown_in: str | None) -> Words:
    """Return how effects on a table's means are spoken of."""
    return Words(shown_in=shown_in or UNITS)


def alike_note(understood: Understood) -> tuple[str, ...]:
    """Return, in a sentence, that means count alike where no column says how many each is of."""
    if understood.columns.denominator is not None:
        return ()
    return ("No column says how many each mean is of, so all count alike; name one with --denominator.",)


def mean_columns(understood: Understood, *, rounded_to: float) -> MeanColumns:
    """Return the sums behind a table's means.

    Args:
        understood: a table with a value, and perhaps a denominator.
        rounded_to: of what shown means are multiples, because they were rounded; 0 if they were not.

    Raises:
        TableError: if a number is too large, below 0 or missing beside a mean, or `rounded_to` is below 0.
    """
    table, columns, numbers = understood.table, understood.columns, understood.numbers
    if columns.value is None:
        raise ValueError("means need a column of values")
    if not (np.isfinite(rounded_to) and rounded_to >= 0):
        raise TableError(f"means are rounded to a multiple of a number above 0, not of {rounded_to:g}")
    told = numbers[columns.value]

    values = told.values.cast(pl.Float64)
    known = values.is_not_null() & values.is_not_nan()
    table.refuse(values.abs() > _FARTHEST, columns.value, "the mean is too far from 0 to be added up; correct it")
    sizes = pl.repeat(1.0, len(values), dtype=pl.Float64, eager=True)
    if columns.denominator is not None:
        name = columns.denominator
        of = numbers[name]
        sizes = of.values.cast(pl.Float64)
        table.refuse(sizes < 0, name, "the number is below 0; correct it")
        table.refuse(sizes > _FARTHEST, name, "the number is too large to be added up; correct it")
        missing = sizes.is_null() | sizes.is_nan() | (sizes == 0)
        table.refuse(missing & known & ~of.withheld, name, "there is a mean, and it is of nobody; correct it")
    shown = np.where((known & ~told.withheld).to_numpy(), values.fill_null(np.nan).to_numpy(), np.nan)
    size = sizes.fill_null(np.nan).to_numpy().astype(np.float64)
    size = np.where(size > 0, size, np.nan)
    half = rounded_to / 2.0
    return MeanColumns(
        lower=(shown - half) * size,
        upper=(shown + half) * size,
        size=np.where((known | told.withheld).to_numpy(), size, np.nan),
    )


def _rows_as_numbers(height: int) -> Numbers:
    """Return the numbers of a table's rows, so that series of rows can be made as series of numbers are."""
    rows = pl.int_range(height, eager=True).cast(pl.Float64)
    nothing = pl.repeat(False, height, dtype=pl.Boolean, eager=True)
    return Numbers(values=rows, withheld=nothing, lower=rows, upper=rows, percent=False, unreadable=None)


def means_over_time(understood: Understood, *, shown_in: str | None, today: date, rounded_to: float) -> Counted:
    """Return a table's means by series and period, as a panel in which nobody has the innovation yet.

    Args:
        understood: as in `mean_columns`.
        shown_in: what the means are in; None if nobody says.
        today: dates after it are mistakes.
        rounded_to: as in `mean_columns`.

    Raises:
        TableError: as `mean_columns`; and if periods are not evenly spaced or a date comes twice.
    """
    told = mean_columns(understood, rounded_to=rounded_to)
    rows = pl.DataFrame({"lower": told.lower, "upper": told.upper, "size": told.size})
    table = replace(understood.table, frame=understood.table.frame.with_columns(pl.int_range(pl.len()).alias(_ROW)))
    numbered = replace(
        understood,
        table=table,
        columns=replace(understood.columns, value=_ROW, denominator=None),
        numbers={_ROW: _rows_as_numbers(table.frame.height)},
    )
    lines = lines_of(numbered, per=None, today=today)
    if lines.spacing.grain is None:
        raise TableError(
            f"{understood.table.name}: the dates are not evenly spaced; give one row a month, quarter, week or day"
        )
    days = days_of(lines)
    lower, upper, size = (np.full((len(lines.lines), len(days)), np.nan) for _ in range(3))
    for row, line in enumerate(lines.lines):
        at = lines.spacing.steps(days[0], line.days[0]) + np.flatnonzero(~np.isnan(line.values))
        of = line.values[~np.isnan(line.values)].astype(np.int64)
        for matrix, name in ((lower, "lower"), (upper, "upper"), (size, "size")):
            matrix[row, at] = rows[name].to_numpy()[of]
    nobody = np.zeros(lower.shape, dtype=np.bool_)
    panel = Panel(
        sites=tuple(line.name if understood.columns.series else understood.columns.value or "" for line in lines.lines),
        lower=lower,
        upper=upper,
        exposure=size,
        treated=nobody,
        excluded=nobody,
        a_year=A_YEAR.get(lines.spacing.grain),
        mean_of=MeanOf(),
        notes=alike_note(understood),
    )
    return Counted(panel=panel, days=days, spacing=lines.spacing, scale=1.0, unit=shown_in or UNITS)

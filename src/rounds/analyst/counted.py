"""A table's counts as a panel: organisations by periods, with bounds where counts are withheld."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from rounds.analyst.columns import Understood
from rounds.analyst.dates import Spacing
from rounds.analyst.frames import TableError
from rounds.analyst.points import Line, Lines, lines_of
from rounds.learning.bounded.counts import MOST_EVENTS
from rounds.learning.impact.effect import Matrix, Panel
from rounds.measures.periods import Grain

A_YEAR = {Grain.WEEK: 52, Grain.MONTH: 12, Grain.QUARTER: 4}
"""How many periods make a year, where that makes a season."""
_WHOLE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Counts, or means, of every series, and the days of their periods."""

    panel: Panel
    """nobody has the innovation in it yet"""
    days: tuple[date, ...]
    """first day of each period, as the table writes it"""
    spacing: Spacing
    scale: float
    unit: str

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.spacing.label(day) for day in self.days)

    @property
    def ends(self) -> tuple[date, ...]:
        """The last day of each period."""
        following = (*self.days[1:], self.spacing.after(self.days[-1]))
        return tuple(day - timedelta(days=1) for day in following)

    def day_of(self, text: str, option: str) -> date:
        """Return the day that a period's label, a month or a date says.

        Raises:
            TableError: if it is none of these.
        """
        for label, day in zip(self.labels, self.days, strict=True):
            if text.strip().lower() == label.lower():
                return day
        try:
            return date.fromisoformat(text if len(text) > 7 else f"{text}-01")
        except ValueError:
            raise TableError(
                f"{option}: {text} is no period of the table ({self.labels[0]} to {self.labels[-1]}) and no date such "
                "as 2024-05-01"
            ) from None

    def site_of(self, name: str) -> str:
        """Return the name of a series as the table writes it, whatever the case.

        Raises:
            TableError: if there is none of that name.
        """
        for site in self.panel.sites:
            if site.lower() == name.strip().lower():
                return site
        some = ", ".join(self.panel.sites[:5])
        raise TableError(
            f"there is no series {name} in the table; it has {some}{', …' if len(self.panel.sites) > 5 else ''}"
        )


def counted(understood: Understood, *, per: float | None, today: date, rounded_to: int = 1) -> Counted:
    """Return a table's counts by series and period.

    Args:
        understood: a table of whole numbers: a numerator with its denominator, or counts alone.
        per: as in `spc`.
        today: dates after it are mistakes.
        rounded_to: of what shown counts are multiples, because they were rounded; 1 if they were not.

    Raises:
        TableError: if periods are not evenly spaced, a date comes twice, a number is no count, or counts are withheld
            and nobody says between what they lie.
    """
    lines = lines_of(understood, per=per, today=today)
    if lines.spacing.grain is None:
        raise TableError(
            f"{understood.table.name}: the dates are not evenly spaced; give one row a month, quarter, week or day"
        )
    days = days_of(lines)
    first = days[0]
    shape = (len(lines.lines), len(days))
    lower, upper, exposure = (np.full(shape, np.nan) for _ in range(3))
    for row, line in enumerate(lines.lines):
        at = lines.spacing.steps(first, line.days[0])
        there = slice(at, at + len(line.days))
        if (hidden := line.withheld & np.isnan(line.lower)).any():
            raise TableError(
                f"{understood.table.name}: {int(hidden.sum())} numbers of series {line.name} are withheld, and leaving "
                "them out would mislead; say between what they lie with --withheld-range, as in 1-7"
            )
        ends = _bounds(understood, line, lines.scale)
        if rounded_to > 1:
            ends = _unrounded(understood, line, ends, rounded_to)
        lower[row, there], upper[row, there], exposure[row, there] = ends
    known = ~np.isnan(lower) & ~np.isnan(upper) & (exposure > 0)
    for matrix in (lower, upper, exposure):
        matrix[~known] = np.nan
    nobody = np.zeros(shape, dtype=np.bool_)
    panel = Panel(
        sites=tuple(line.name for line in lines.lines),
        lower=lower,
        upper=upper,
        exposure=exposure,
        treated=nobody,
        excluded=nobody,
        a_year=A_YEAR.get(lines.spacing.grain),
    )
    return Counted(panel=panel, days=days, spacing=lines.spacing, scale=lines.scale, unit=lines.unit)


def days_of(lines: Lines) -> tuple[date, ...]:
    """Return the first day of every period from the first of any series to the last."""
    days = [min(line.days[0] for line in lines.lines)]
    last = max(line.days[-1] for line in lines.lines)
    while days[-1] < last:
        days.append(lines.spacing.after(days[-1]))
    return tuple(days)


def _bounds(understood: Understood, line: Line, scale: float) -> tuple[Matrix, Matrix, Matrix]:
    """Return lowest and highest counts, and what each is of."""
    if line.numerator is None or line.denominator is None:
        sizes, ends = np.ones(len(line.days)), (line.lower, line.upper)
    else:
        sizes = line.denominator
        with np.errstate(invalid="ignore"):
            ends = (line.lower * sizes / scale, line.upper * sizes / scale)
    for values in ends:
        shown = values[~np.isnan(values)]
        if (shown < 0).any() or (np.abs(shown - np.round(shown)) > _WHOLE * np.maximum(1.0, shown)).any():
            column = understood.columns.numerator or understood.columns.value
            raise TableError(
                f"{understood.table.name}, column {column}: series {line.name} has numbers that are no counts; give "
                "whole numbers of events, 0 or more, with --numerator and --denominator"
            )
        if (shown > MOST_EVENTS).any():
            raise TableError(
                f"{understood.table.name}: series {line.name} has counts above {MOST_EVENTS:,}; give events a period, "
                "or shorter periods"
            )
    return np.round(ends[0]), np.round(ends[1]), sizes


def _unrounded(
    understood: Understood, line: Line, ends: tuple[Matrix, Matrix, Matrix], base: int
) -> tuple[Matrix, Matrix, Matrix]:
    """Return between what counts that were rounded to a multiple of `base` lie; withheld ones as they are."""
    lower, upper, sizes = ends
    shown = ~line.withheld & ~np.isnan(lower)
    if (lower[shown] % base).any():
        raise TableError(
            f"{understood.table.name}: series {line.name} has counts that are no multiples of {base}; correct "
            "--rounded-to, or leave it out if they were not rounded"
        )
    most_withheld = float(np.nanmax(np.where(line.withheld, upper, np.nan))) if line.withheld.any() else -1.0
    lowest = np.where(lower == 0, 0.0, np.maximum(lower - base // 2, most_withheld + 1.0))
    highest = np.where((lower == 0) & (most_withheld >= 0), 0.0, lower + (base - 1) // 2)
    return np.where(shown, lowest, lower), np.where(shown, highest, upper), sizes

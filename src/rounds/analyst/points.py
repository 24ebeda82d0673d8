"""A table's rows as series: one number a period, whole, in order, with what is known of withheld ones."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.analyst.columns import Understood
from rounds.analyst.dates import Spacing, spacing_of
from rounds.analyst.frames import TableError
from rounds.analyst.rates import scale_of

_FEW_ABOVE = 0.2
"""Up to this share of rows with more in the numerator than in the denominator they are mistakes, above it rates."""
Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series. Arrays have shape (periods,); NaN where there is no number."""

    name: str
    days: tuple[date, ...]
    numerator: Vector | None
    denominator: Vector | None
    values: Vector
    """what is drawn: the value, or `scale` x numerator / denominator"""
    withheld: Flags
    """a number exists and is not shown"""
    lower: Vector
    """the lowest that what is drawn can be; NaN where nobody says"""
    upper: Vector
    target: float | None
    ends: tuple[float, float]
    """the lowest and the highest that a number can be: of a rate 0 and, where it is a share, `scale`"""

    groups: tuple[int, ...] | None = None
    """which period each number is of, where there are several a period; arrays then have shape (numbers,)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """All series of a table, in the order in which they first appear."""

    lines: tuple[Line, ...]
    spacing: Spacing
    scale: float
    unit: str
    """what the numbers are: "% of attendances", "per 1,000 bed_days", or the name of the value's column"""


def lines_of(understood: Understood, *, per: float | None, today: date, several: bool = False) -> Lines:
    """Return the series of a table.

    Args:
        understood: the table and its columns.
        per: rates are per this many of the denominator; None for what `scale_of` chooses.
        today: dates after it are mistakes.
        several: whether a series may have several numbers of one date, which are a subgroup.

    Raises:
        TableError: if a date lies ahead or comes twice in one series, series are of different spacing, a count is below
            0, a denominator is 0 or missing beside a numerator, or a target changes.
    """
    table, columns, dates = understood.table, understood.columns, understood.dates
    if dates is None or columns.when is None:
        raise ValueError("a series over time needs a column of dates")
    ahead = (dates.days > today).arg_true()
    if len(ahead):
        raise TableError(
            f"{table.name}, {table.place(int(ahead[0]))}, column {columns.when}: the date lies in the future; correct "
            "it or leave the row out"
        )
    quantities, scale, unit = _quantities(understood, per)
    rows = table.frame.select(pl.struct(columns.series).rank("dense") if columns.series else pl.lit(1)).to_series()
    frame = pl.DataFrame(
        {
            "at": pl.int_range(table.frame.height, eager=True),
            "series": rows.new_from_index(0, table.frame.height) if len(rows) == 1 else rows,
            "day": dates.days,
            "name": names_of(understood),
        }
    ).sort("day", "at")
    if not several:
        _no_date_twice(understood, frame)
    groups = frame.group_by("series", maintain_order=False)
    parts = sorted((part for _, part in groups), key=lambda part: part["at"].sort()[0])
    spacing = _spacing(understood, parts, dates.written)
    make = _subgroups if several else _line
    return Lines(
        lines=tuple(make(understood, part, quantities, spacing) for part in parts),
        spacing=spacing,
        scale=scale,
        unit=unit,
    )


def names_of(understood: Understood) -> pl.Series:
    """Return the name of the series that each row is of, shape (rows,)."""
    columns, frame = understood.columns, understood.table.frame
    if not columns.series:
        what = columns.value or columns.numerator or ""
        return pl.repeat(what, frame.height, dtype=pl.String, eager=True)
    return frame.select(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("(blank)") for name in columns.series], separator=", ")
    ).to_series()


def _no_date_twice(understood: Understood, frame: pl.DataFrame) -> None:
    twice = frame.filter(pl.struct("series", "day").is_duplicated())
    if not twice.height:
        return
    first, second = twice.sort("series", "day", "at")["at"].to_list()[:2]
    table, columns = understood.table, understood.columns
    others = [name for name in understood.left_out if table.frame[name].dtype == pl.String]
    how = f" (perhaps {' or '.join(others)})" if others else ""
    raise TableError(
        f"{table.name}: {table.place(first)} and {table.place(second)} are of one date and one series; name the "
        f"columns that tell them apart with --series{how}, or leave one out"
        + (f"; --series is {' and '.join(columns.series)} now" if columns.series else "")
    )


def _spacing(understood: Understood, parts: list[pl.DataFrame], written: str) -> Spacing:
    found: dict[str, tuple[Spacing, int]] = {}
    for part in parts:
        days = part["day"].unique().sort().to_list()
        if len(days) > 2:
            one = spacing_of(days, written)
            found.setdefault(str(one.grain), (one, int(part["at"][0])))
    if len(found) > 1:
        every = spacing_of(sorted({day for part in parts for day in part["day"].to_list()}), written)
        months = {"month", "quarter", "year"}
        if {"day", "week"} & set(found) and months & set(found):
            (one, first), (two, second) = list(found.values())[:2]
            table = understood.table
            raise TableError(
                f"{table.name}: the series of {table.place(first)} is by {one.grain} and that of "
                f"{table.place(second)} by {two.grain}; draw them apart"
            )
        return every
    if found:
        return next(iter(found.values()))[0]
    return spacing_of(sorted({day for part in parts for day in part["day"].to_list()}), written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numerators and denominators of a table, null where they are not shown. All have shape (rows,)."""

    numerator: pl.Series
    denominator: pl.Series
    withheld: pl.Series
    lower: pl.Series
    """the lowest that a numerator can be; null where nobody says"""
    upper: pl.Series


def counts_of(understood: Understood, *, part: bool) -> Counts:
    """Return a table's counts.

    Args:
        understood: the table.
        part: whether numerators are to be part of their denominators, if they mostly are.

    Raises:
        TableError: if a count is below 0, a denominator is 0 or missing beside a numerator, or a few numerators are
            above their denominators.
    """
    columns, numbers = understood.columns, understood.numbers
    if columns.numerator is None or columns.denominator is None:
        raise ValueError("counts need a numerator and a denominator")
    _no_mistakes(understood, columns.numerator, columns.denominator, part=part)
    top, bottom = numbers[columns.numerator], numbers[columns.denominator]
    return Counts(
        numerator=top.values,
        denominator=bottom.values,
        withheld=top.withheld | bottom.withheld,
        lower=top.lower,
        upper=top.upper,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quantities:
    """Whole columns. Arrays have shape (rows,)."""

    numerator: Vector | None
    denominator: Vector | None
    values: Vector
    withheld: Flags
    lower: Vector
    upper: Vector
    target: Vector | None
    ends: tuple[float, float]


def _quantities(understood: Understood, per: float | None) -> tuple[_Quantities, float, str]:
    columns, numbers = understood.columns, understood.numbers
    target = None if columns.target is None else _floats(numbers[columns.target].values)
    if columns.value is not None:
        found = numbers[columns.value]
        unit = columns.value + (" (%)" if found.percent else "")
        quantities = _Quantities(
            numerator=None,
            denominator=None,
            values=_floats(found.values),
            withheld=found.withheld.to_numpy(),
            lower=_floats(found.lower),
            upper=_floats(found.upper),
            target=target,
            ends=(-np.inf, np.inf),
        )
        return quantities, 1.0, unit
    if columns.numerator is None or columns.denominator is None:
        raise ValueError("a series needs a value, or a numerator and a denominator")
    top, bottom = numbers[columns.numerator], numbers[columns.denominator]
    _no_mistakes(understood, columns.numerator, columns.denominator, part=per is None)
    over, under = _floats(top.values), _floats(bottom.values)
    shown = (top.values / bottom.values).is_finite().fill_null(value=False)
    known = float(bottom.values.filter(shown).sum())
    scale = scale_of(
        centre=float(top.values.filter(shown).sum()) / known if known else 0.0,
        share=not (top.values > bottom.values).fill_null(value=False).any(),
        denominator=columns.denominator,
        per=per,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        values = scale.per * over / under
        lower = scale.per * _floats(top.lower) / _floats(bottom.upper)
        upper = scale.per * _floats(top.upper) / _floats(bottom.lower)
    upper = np.where(np.isfinite(upper), np.minimum(upper, scale.per) if scale.share else upper, np.nan)
    quantities = _Quantities(
        numerator=over,
        denominator=under,
        values=values,
        withheld=(top.withheld | bottom.withheld).to_numpy(),
        lower=lower,
        upper=upper,
        target=target,
        ends=(0.0, scale.per if scale.share else np.inf),
    )
    return quantities, scale.per, scale.unit


def _no_mistakes(understood: Understood, numerator: str, denominator: str, *, part: bool) -> None:
    table, numbers = understood.table, understood.numbers
    top, bottom = numbers[numerator], numbers[denominator]
    for name in (numerator, denominator):
        table.refuse(numbers[name].values < 0, name, "the count is below 0; correct it")
    known = top.values.is_not_null() | top.withheld
    for bad, problem in (
        ((bottom.values == 0).fill_null(value=False) & (top.values > 0).fill_null(value=False), "is 0"),
        (bottom.values.is_null() & ~bottom.withheld & known, "is missing"),
    ):
        at = bad.arg_true()
        if len(at):
            raise TableError(
                f"{table.name}, {table.place(int(at[0]))}: there is a {numerator} and its {denominator} {problem}; "
                "correct it or leave the row out"
            )
    above = (top.values > bottom.values).fill_null(value=False)
    if part and 0 < above.sum() <= _FEW_ABOVE * len(above):
        raise TableError(
            f"{table.name}, {table.place(int(above.arg_true()[0]))}: {numerator} is above {denominator}, which it is "
            f"in {int(above.sum())} of {len(above):,} rows; correct it, or say --per 1000 if these are rates and that "
            "may be"
        )


def _line(understood: Understood, part: pl.DataFrame, all_rows: _Quantities, spacing: Spacing) -> Line:
    days = part["day"].to_list()
    rows = part["at"].to_numpy()
    if spacing.grain is not None:
        places = np.array([spacing.steps(days[0], day) for day in days])
        whole = _whole(days, places, spacing)
    else:
        places, whole = np.arange(len(days)), tuple(days)

    def spread(column: Vector | None) -> Vector | None:
        if column is None:
            return None
        found = np.full(len(whole), np.nan)
        found[places] = column[rows]
        return found

    values, lower, upper = (spread(column) for column in (all_rows.values, all_rows.lower, all_rows.upper))
    withheld = np.zeros(len(whole), dtype=bool)
    withheld[places] = all_rows.withheld[rows]
    if values is None or lower is None or upper is None:
        raise AssertionError("a series has values")
    return Line(
        name=str(part["name"][0]),
        days=whole,
        numerator=spread(all_rows.numerator),
        denominator=spread(all_rows.denominator),
        values=np.where(withheld, np.nan, values),
        withheld=withheld,
        lower=lower,
        upper=upper,
        target=_target(understood, all_rows.target, rows),
        ends=all_rows.ends,
    )


def _subgroups(understood: Understood, part: pl.DataFrame, all_rows: _Quantities, spacing: Spacing) -> Line:  # noqa: ARG001 - as `_line`
    """Return a series with several numbers a period. Periods without any have no subgroup, and the chart no gap."""
    rows, days = part["at"].to_numpy(), tuple(part["day"].unique().sort().to_list())
    place = {day: at for at, day in enumerate(days)}
    return Line(
        name=str(part["name"][0]),
        days=days,
        numerator=None,
        denominator=None,
        values=all_rows.values[rows],
        withheld=all_rows.withheld[rows],
        lower=all_rows.lower[rows],
        upper=all_rows.upper[rows],
        target=_target(understood, all_rows.target, rows),
        ends=all_rows.ends,
        groups=tuple(place[day] for day in part["day"].to_list()),
    )


def _whole(days: list[date], places: NDArray[np.int64], spacing: Spacing) -> tuple[date, ...]:
    """Return a day for each period from the first to the last, whether or not the table has it."""
    by_place = dict(zip(places.tolist(), days, strict=True))
    found = [days[0]]
    for place in range(1, int(places[-1]) + 1):
        found.append(by_place.get(place) or spacing.after(found[-1]))
    return tuple(found)


def _target(understood: Understood, column: Vector | None, rows: NDArray[np.int64]) -> float | None:
    if column is None:
        return None
    known = column[rows][~np.isnan(column[rows])]
    if not known.size:
        return None
    if np.ptp(known) > 0:
        table = understood.table
        raise TableError(
            f"{table.name}, {table.place(int(rows[0]))}, column {understood.columns.target}: the target of this series "
            "changes; give one with --target, or leave the column out with --target none"
        )
    return float(known[0])


def _floats(column: pl.Series) -> Vector:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()

"""Times of day as people write them, read as a whole column, to the minute."""

import re
from typing import Final

import polars as pl

from rounds.analyst.dates import dates_in
from rounds.analyst.frames import Table, TableError

_MOMENT: Final = (
    r"^(?P<day>.+?)[T ]\s*(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?\s*"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?$"
)
_CLOCK_IN_FORMAT: Final = re.compile(r"[T ]*%H.*$")
_DAY_MINUTES: Final = 24 * 60


def minutes_in(table: Table, name: str, *, written: str | None, may_be_empty: bool) -> pl.Series:
    """Return a column of dates with a time of day in minutes from 1970, seconds left out; null where it is empty.

    Args:
        table: the table.
        name: its column.
        written: how its dates are written, as in "%d/%m/%Y", where the column cannot tell.
        may_be_empty: whether a cell without a time means that there was none.

    Raises:
        TableError: if a cell is no date with a time of day, or day and month may stand in either order.
    """
    column = table.frame[name]
    if column.dtype == pl.Datetime:
        found = column.dt.epoch("s") // 60
    elif column.dtype == pl.String:
        found = _from_text(table, name, column, written)
    else:
        raise TableError(f"{table.name}, column {name}: it does not hold dates with a time of day; name another column")
    if not may_be_empty and (empty := found.is_null().arg_true()).len():
        raise TableError(f"{table.name}, {table.place(int(empty[0]))}, column {name}: the time is empty; fill it in")
    return found


def _from_text(table: Table, name: str, column: pl.Series, written: str | None) -> pl.Series:
    text = pl.select(pl.when(column.str.strip_chars() != "").then(column.str.strip_chars())).to_series()
    parts = text.str.extract_groups(_MOMENT).struct.unnest()
    if (strange := (text.is_not_null() & parts["day"].is_null()).arg_true()).len():
        raise TableError(
            f"{table.name}, {table.place(int(strange[0]))}, column {name}: the cell is no date with a time of day, as "
            "2024-03-01 14:05; hours and minutes are needed"
        )
    zoned = parts["zone"].is_not_null() & (parts["zone"] != "")
    if zoned.any() and (without := (text.is_not_null() & ~zoned).arg_true()).len():
        raise TableError(
            f"{table.name}, {table.place(int(without[0]))}, column {name}: other cells say how far they are from "
            "Greenwich and this one does not; write all in one way"
        )
    days = dates_in(
        parts["day"].rename(name),
        named_so=True,
        written=_CLOCK_IN_FORMAT.sub("", written) if written else None,
        of_periods=False,
    )
    if text.is_null().all():
        return pl.Series(name, [None] * len(text), dtype=pl.Int64)
    if days is None or ("%d" not in days.written):
        raise TableError(
            f"{table.name}, column {name}: not all cells are dates written in one way; correct them, or say how they "
            'are written, as in --dates "%d/%m/%Y"'
        )
    clock = parts["hour"].cast(pl.Int64) * 60 + parts["minute"].cast(pl.Int64)
    found: pl.Series = days.days.cast(pl.Int32).cast(pl.Int64) * _DAY_MINUTES + clock - _offset(parts["zone"])
    return found


def _offset(zone: pl.Series) -> pl.Series:
    """Return how many minutes ahead of Greenwich each cell says it is; 0 where it says nothing."""
    digits = zone.str.replace(":", "")
    minutes = digits.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(3, 2).cast(
        pl.Int64, strict=False
    )
    return pl.select(pl.when(digits.str.starts_with("-")).then(-minutes).otherwise(minutes).fill_null(0)).to_series()

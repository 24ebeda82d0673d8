"""Dates as people write them, read as a whole column: one way of writing must fit every cell of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

import polars as pl

from rounds.analyst.frames import TableError
from rounds.measures.periods import Grain, period_label
from rounds.measures.windows import add_months

_DAY_FIRST: Final = ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d.%m.%Y")
_MONTH_FIRST: Final = ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m.%d.%Y")
_PLAIN: Final = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%Y-%m",
    "%Y/%m",
    "%b %Y",
    "%b-%Y",
    "%b-%y",
    "%b %y",
    "%B %Y",
    "%m/%Y",
)
_BY_NAME: Final = ("%Y%m%d", "%Y%m", "%Y")
"""Ways of writing that are also plain numbers: tried only where the column's name says that it holds dates."""
_CLOCK: Final = re.compile(r"[T ]00:00(:00(\.0+)?)?Z?$")
_QUARTER: Final = re.compile(r"(?:(?P<y>\d{4})[ -]?Q(?P<q>[1-4])|Q(?P<q2>[1-4])[ -]?(?P<y2>\d{4}))", re.IGNORECASE)
_MONTHS: Final = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
_FINANCIAL: Final = re.compile(r"(\d{4})[/-](?:\d{2})?(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """A column read as dates."""

    days: pl.Series
    """shape (rows,), the first day of what each cell names; null where the cell is empty"""
    written: str
    """how they are written: a format of `strptime`, "quarters", "financial years" or "dates\""""


def dates_in(column: pl.Series, *, named_so: bool, written: str | None = None, of_periods: bool = True) -> Dates | None:
    """Return a column as dates, or None if no one way of writing fits all its cells.

    Args:
        column: any type; text is tried in the ways people write dates, months, quarters and years.
        named_so: whether its name says that it holds dates, so that 202403 and 2024 may be some.
        written: the format of `strptime` to read it by, where somebody has said so.
        of_periods: whether they are likely the first days of months, which tells where the month stands; days on which
            something happened are not.

    Raises:
        TableError: if day and month may stand in either order and nothing in the column tells which.
    """
    if column.dtype == pl.Date:
        return Dates(days=column, written="dates")
    if column.dtype == pl.Datetime:
        return Dates(days=column.dt.date(), written="dates")
    if column.dtype.is_integer() and named_so:
        column = column.cast(pl.String)
    if column.dtype != pl.String:
        return None
    cells = column.drop_nulls().unique(maintain_order=True)
    texts = [_CLOCK.sub("", cell.strip()) for cell in cells.to_list()]
    if not texts or not all(any(sign.isdigit() for sign in text) for text in texts):
        return None
    found = _read(texts, column.name, named_so=named_so, written=written, of_periods=of_periods)
    if found is None:
        return None
    days, how = found
    return Dates(days=column.replace_strict(cells, pl.Series(days, dtype=pl.Date), default=None), written=how)


def _read(
    texts: list[str], name: str, *, named_so: bool, written: str | None, of_periods: bool
) -> tuple[list[date], str] | None:
    if written is not None:
        days = _by_format(texts, written)
        return None if days is None else (days, written)
    for reader, how in ((_financial_year, "financial years"), (_quarter, "quarters")):
        days = _each(texts, reader)
        if days is not None and (how == "quarters" or named_so or len(texts) > 1):
            return days, how
    for form in _PLAIN + (_BY_NAME if named_so else ()):
        days = _by_format(texts, form)
        if days is not None:
            return days, form
    return _either_order(texts, name, firsts_tell=of_periods)


def _either_order(texts: list[str], name: str, *, firsts_tell: bool) -> tuple[list[date], str] | None:
    """Return dates whose order of day and month only the whole column can tell."""
    for day_first, month_first in zip(_DAY_FIRST, _MONTH_FIRST, strict=True):
        british, american = _by_format(texts, day_first), _by_format(texts, month_first)
        if british is None and american is None:
            continue
        if british is None or american is None or british == american:
            return (american, month_first) if british is None and american is not None else (british or [], day_first)
        firsts = [all(day.day == 1 for day in days) for days in (british, american)]
        if firsts_tell and firsts[0] != firsts[1]:
            return (british, day_first) if firsts[0] else (american, month_first)
        raise TableError(
            f"column {name}: day and month may stand in either order, and no cell tells which; say "
            f'--dates "{day_first}" or --dates "{month_first}"'
        )
    return None


def _by_format(texts: list[str], form: str) -> list[date] | None:
    if form == "%Y" and not all(re.fullmatch(r"(19|20|21)\d\d", text) for text in texts):
        return None
    if form in ("%Y%m%d", "%Y%m") and not all(re.fullmatch(rf"(19|20|21)\d{{{len(form)}}}", text) for text in texts):
        return None
    # strptime would read "1/2/203" in more than one way; a year has two digits or four.
    if "%Y" in form and not all(re.search(r"(?<!\d)\d{4}(?!\d)|^\d{6,8}$", text) for text in texts):
        return None
    return _each(texts, lambda text: datetime.strptime(text, form).date())  # noqa: DTZ007 - a calendar day


def _each(texts: list[str], reader: Callable[[str], date]) -> list[date] | None:
    try:
        return [reader(text) for text in texts]
    except ValueError:
        return None


def _quarter(text: str) -> date:
    found = _QUARTER.fullmatch(text)
    if not found:
        raise ValueError("no quarter")
    year, quarter = int(found["y"] or found["y2"]), int(found["q"] or found["q2"])
    return date(year, 3 * quarter - 2, 1)


def _financial_year(text: str) -> date:
    found = _FINANCIAL.fullmatch(text)
    if not found or (int(found[1]) + 1) % 100 != int(found[2]):
        raise ValueError("no financial year")
    return date(int(found[1]), 4, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """How far apart the dates of a table lie."""

    grain: Grain | None
    """None where they are not evenly spaced"""
    written: str

    def steps(self, first: date, last: date) -> int:
        """Return how many grains lie between two dates."""
        match self.grain:
            case Grain.DAY:
                return (last - first).days
            case Grain.WEEK:
                return (last - first).days // 7
            case Grain.MONTH | Grain.QUARTER | Grain.YEAR:
                return (12 * (last.year - first.year) + last.month - first.month) // _MONTHS[self.grain]
            case _:
                raise ValueError("dates that are not evenly spaced have no steps")

    def after(self, day: date) -> date:
        """Return the date one grain later, on the last day of a month if this is one."""
        match self.grain:
            case Grain.DAY | Grain.WEEK:
                return day + timedelta(days=7 if self.grain is Grain.WEEK else 1)
            case Grain.MONTH | Grain.QUARTER | Grain.YEAR:
                if day.toordinal() + 1 == _next_month(day):
                    return add_months(day + timedelta(days=1), _MONTHS[self.grain]) - timedelta(days=1)
                return add_months(day, _MONTHS[self.grain])
            case _:
                raise ValueError("dates that are not evenly spaced have no next")

    def label(self, day: date) -> str:
        """Return how people write a date of the table."""
        if self.written == "financial years":
            return f"{day.year}/{(day.year + 1) % 100:02}"
        if self.grain is None or self.grain is Grain.ALL:
            return day.isoformat()
        return period_label(day, self.grain)


def spacing_of(days: list[date], written: str) -> Spacing:
    """Return how far apart dates lie, of their distinct days in order.

    Months are dates on one day of the month, or on its last: 31 January and 29 February are a month apart.
    """
    if len(days) < 2:
        return Spacing(grain=Grain.MONTH if "%d" not in written else Grain.DAY, written=written)
    if len({day.day for day in days}) == 1 or all((day.toordinal() + 1 == _next_month(day)) for day in days):
        months = [12 * (b.year - a.year) + b.month - a.month for a, b in pairwise(days)]
        for grain, length in ((Grain.YEAR, 12), (Grain.QUARTER, 3), (Grain.MONTH, 1)):
            if all(month % length == 0 for month in months):
                return Spacing(grain=grain, written=written)
    gaps = [(b - a).days for a, b in pairwise(days)]
    if all(gap % 7 == 0 for gap in gaps):
        return Spacing(grain=Grain.WEEK, written=written)
    # Days on which something happened, weeks apart, are not a daily series full of gaps.
    daily = sum(gaps) <= 2 * len(gaps)
    return Spacing(grain=Grain.DAY if daily else None, written=written)


def _next_month(day: date) -> int:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1).toordinal()

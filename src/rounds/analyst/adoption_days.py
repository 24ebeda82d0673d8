"""Which days of adoption an analyst's table tells: of each organisation, or as numbers by period."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from rounds.analyst.columns import Guess, Reading
from rounds.analyst.dates import Dates, dates_in
from rounds.analyst.frames import Table, TableError
from rounds.analyst.names import best
from rounds.analyst.numbers import numbers_in
from rounds.learning.spread.diffusion.times import DAYS_A_MONTH

_ADOPTED: Final = ("adopted", "live", "adoption", "go_live", "started", "start", "implemented", "date", "when", "month")
_ORGANISATION: Final = ("organisation", "organization", "org", "trust", "site", "practice", "provider", "code", "name")
_ADOPTERS: Final = ("adopters", "cumulative", "adopted", "live", "sites", "total", "count", "n")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionDays:
    """What a table says: for each member the first and the last day on which it may have adopted."""

    spans: tuple[tuple[str, date | None, date | None], ...]
    period_days: float
    last: date
    """the last day that the table speaks of"""


def dates_of(
    table: Table, when: str | None, adopters: str | None, reading: Reading, guesses: list[Guess]
) -> tuple[str, Dates]:
    """Return the column of days of adoption, or of periods, and the days; empty cells are null.

    Args:
        table: the table.
        when: the column, if it was named.
        adopters: a column that holds no dates.
        reading: how dates are written, if that was said.
        guesses: what was guessed is added.

    Raises:
        TableError: if no column reads as dates.
    """
    frame = table.frame
    tried = [when] if when is not None else [name for name in frame.columns if name != adopters]
    found = {}
    for name in tried:
        column = frame[name]
        if column.dtype == pl.String:
            column = column.set(column.str.strip_chars() == "", None)
        dates = dates_in(column, named_so=when is not None or _says_date(name), written=reading.dates, of_periods=False)
        if dates is not None and dates.days.drop_nulls().len():
            found[name] = dates
    if not found:
        raise TableError(
            f"{table.name}: no column reads as dates ({', '.join(tried)}); name it with --when, and leave it empty for "
            "who has not adopted"
        )
    chosen = when or best(list(found), _ADOPTED) or next(iter(found))
    if when is None:
        guesses.append(Guess(role="adopted", column=chosen, because=f"every cell is a date ({found[chosen].written})"))
    return chosen, found[chosen]


def _says_date(name: str) -> bool:
    return any(word in name.lower() for word in ("date", "year", "month", "quarter", "period", "live", "adopt", "when"))


def numbers_of(table: Table, when: str, organisation: str | None, earliest: str | None) -> str | None:
    """Return the column of cumulative numbers of a table without organisations; None where there is none."""
    if organisation is not None or earliest is not None:
        return None
    rest = [name for name in table.frame.columns if name != when]
    numeric = [name for name in rest if numbers_in(table.frame[name]) is not None]
    if not rest or len(numeric) < len(rest):
        return None
    return best(numeric, _ADOPTERS) or (numeric[0] if len(numeric) == 1 else None)


def organisations_of(table: Table, when: str, guesses: list[Guess]) -> str | None:
    """Return the column whose name says that it holds organisations; None if none does. It is added to the guesses."""
    rest = [name for name in table.frame.columns if name != when]
    chosen = best(rest, _ORGANISATION)
    if chosen is not None:
        guesses.append(Guess(role="organisation", column=chosen, because="its name"))
    return chosen


def by_member(
    table: Table, organisation: str | None, dates: Dates, earliest: str | None, members: int | None, reading: Reading
) -> AdoptionDays:
    """Return on which days each organisation may have adopted, of a table with a row for each.

    Args:
        table: the table.
        organisation: its column of organisations; None where rows have no names.
        dates: the last day each may have; null where it has not.
        earliest: a column of the first day.
        members: how many could adopt, where the table does not list all.
        reading: how dates are written, if that was said.

    Raises:
        TableError: if an organisation is empty or comes twice, days contradict each other, or nobody has adopted.
    """
    names = (
        [f"row {at}" for at in range(table.frame.height)]
        if organisation is None
        else table.frame[organisation].cast(pl.String).to_list()
    )
    first = None
    if earliest is not None:
        first = dates_in(table.frame[earliest], named_so=True, written=reading.dates, of_periods=False)
        if first is None:
            raise TableError(f"{table.name}: column {earliest} does not read as dates")
    spans: list[tuple[str, date | None, date | None]] = []
    seen: dict[str, int] = {}
    for at, name in enumerate(names):
        if name is None or not name.strip():
            raise TableError(f"{table.name}, {table.place(at)}: the organisation is empty; fill it in")
        if name in seen:
            raise TableError(
                f"{table.name}, {table.place(at)}: this organisation is already on {table.place(seen[name])}; keep its "
                "first day of use"
            )
        seen[name] = at
        day = dates.days[at]
        begin, end = (None, None) if day is None else _span(day, dates.written)
        if first is not None and end is not None and first.days[at] is not None:
            begin = first.days[at]
            if begin > end:
                raise TableError(f"{table.name}, {table.place(at)}: {earliest} is after the last day it can be")
        spans.append((name, begin, end))
    if members is not None:
        if members < len(spans):
            raise TableError(f"{table.name}: it has {len(spans)} organisations, more than the {members} members")
        spans += [(f"another {at}", None, None) for at in range(members - len(spans))]
    if not any(end is not None for _, _, end in spans):
        raise TableError(f"{table.name}: nobody has adopted yet: there is no curve to draw")
    last = max(end for _, _, end in spans if end is not None)
    return AdoptionDays(spans=tuple(spans), period_days=_length(dates), last=last)


def by_period(table: Table, adopters: str, dates: Dates, members: int | None, reading: Reading) -> AdoptionDays:
    """Return on which days adopters may have adopted, of a table with a number for each period.

    Args:
        table: the table.
        adopters: its column of numbers that had adopted by the end of each period.
        dates: of the periods.
        members: how many could adopt.
        reading: which marks mean that there is no number.

    Raises:
        TableError: if `members` is not said, a period comes twice, or a number is none, falls or is above `members`.
    """
    found = numbers_in(table.frame[adopters], missing_marks=reading.missing_marks)
    if found is None or found.unreadable is not None:
        at = 0 if found is None or found.unreadable is None else found.unreadable
        raise TableError(f"{table.name}, {table.place(at)}, column {adopters}: this is no number")
    if members is None:
        raise TableError(
            f"{table.name}: a number of adopters is out of how many? Say --members; without it who has not adopted "
            "would be left out"
        )
    rows = sorted(
        (day, value, at)
        for at, (day, value) in enumerate(zip(dates.days, found.values, strict=True))
        if day is not None and value is not None
    )
    if len(rows) < 2:
        raise TableError(f"{table.name}: one number is no curve; give the number by the end of each period")
    spans: list[tuple[str, date | None, date | None]] = []
    before, begin = 0, None
    for day, value, at in rows:
        where = f"{table.name}, {table.place(at)}, column {adopters}"
        end = _span(day, dates.written)[1]
        if begin is not None and end < begin:
            raise TableError(f"{where}: this period is there twice; keep one row a period")
        if value != round(value) or value < 0:
            raise TableError(f"{where}: a number of adopters is a whole number of 0 or more")
        if value < before:
            raise TableError(
                f"{where}: the number falls; count each from its first day of use on, and who stopped elsewhere"
            )
        if value > members:
            raise TableError(f"{where}: there are more adopters than the {members} members; correct one of them")
        since = begin or _span(day, dates.written)[0]
        spans += [(f"{at}-{one}", since, end) for one in range(round(value) - before)]
        before, begin = round(value), end + timedelta(days=1)
    spans += [(f"another {at}", None, None) for at in range(members - before)]
    return AdoptionDays(spans=tuple(spans), period_days=_length(dates), last=_span(rows[-1][0], dates.written)[1])


def _span(day: date, written: str) -> tuple[date, date]:
    """Return the first and the last day that a cell stands for: a month or a year is not one day."""
    if written == "quarters":
        month = day.month + 2
        return day, date(day.year, month, monthrange(day.year, month)[1])
    if written == "financial years":
        return day, date(day.year + 1, 3, 31)
    if "%d" in written or written == "dates":
        return day, day
    if "%m" in written or "%b" in written or "%B" in written:
        return day, date(day.year, day.month, monthrange(day.year, day.month)[1])
    return date(day.year, 1, 1), date(day.year, 12, 31)


def _length(dates: Dates) -> float:
    first = dates.days.drop_nulls()[0]
    begin, end = _span(first, dates.written)
    days = (end - begin).days + 1
    return 365.25 if days > 200 else 3 * DAYS_A_MONTH if days > 60 else DAYS_A_MONTH

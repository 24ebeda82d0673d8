"""The periods of a series: one grain, in order, none twice, none in the future; gaps are found, not closed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Step(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_FORMS = (
    (Step.DAY, re.compile(r"(\d{4})-(\d{2})-(\d{2})")),
    (Step.WEEK, re.compile(r"(\d{4})-W(\d{2})")),
    (Step.MONTH, re.compile(r"(\d{4})-(\d{2})")),
    (Step.QUARTER, re.compile(r"(\d{4})-Q([1-4])")),
    (Step.YEAR, re.compile(r"(\d{4})")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The periods of a series from its first to its last, with those that no row is of."""

    step: Step
    labels: tuple[str, ...]
    rows: tuple[int | None, ...]
    """for each label, which of the given rows it is; None for a gap"""

    @property
    def gaps(self) -> tuple[str, ...]:
        return tuple(label for label, row in zip(self.labels, self.rows, strict=True) if row is None)


def calendar_of(periods: Sequence[str | date], *, as_of: date | None = None) -> Calendar:
    """Return the periods in order of time, with gaps as periods of their own.

    Args:
        periods: one a row, in any order: dates, or "2024", "2024-Q1", "2024-03", "2024-W09", "2024-03-31". Dates that
            are all the first of a month are months, or quarters or years where they lie so.
        as_of: the day on which the data were taken; None to let any date be.

    Raises:
        ValueError: naming the row (from 1), if a period cannot be read, is there twice, is of another length than the
            first, or begins after `as_of`.
    """
    if not periods:
        raise ValueError("a series has at least one period; this has none")
    read = [_read(period, row) for row, period in enumerate(periods, start=1)]
    step = read[0][0]
    for row, (found, _) in enumerate(read, start=1):
        if found is not step:
            raise ValueError(
                f"row {row} ({periods[row - 1]}) is a {found}, row 1 ({periods[0]}) a {step}: give one kind"
            )
    starts = [start for _, start in read]
    seen: dict[date, int] = {}
    for row, start in enumerate(starts, start=1):
        if start in seen:
            raise ValueError(f"rows {seen[start]} and {row} are both {periods[row - 1]}: give one row a period")
        seen[start] = row
        if as_of is not None and start > as_of:
            raise ValueError(f"row {row} ({periods[row - 1]}) begins after {as_of}, the day the data are of")
    step = _coarsest(step, starts)
    every, at = [], min(starts)
    while at <= max(starts):
        every.append(at)
        at = _next(at, step)
    rows = tuple(seen[start] - 1 if start in seen else None for start in every)
    return Calendar(step=step, labels=tuple(_label(start, step) for start in every), rows=rows)


def _read(period: str | date, row: int) -> tuple[Step, date]:
    if isinstance(period, date):
        return Step.DAY, date(period.year, period.month, period.day)
    for step, form in _FORMS:
        found = form.fullmatch(period.strip())
        if found:
            try:
                return step, _start(step, [int(part) for part in found.groups()])
            except ValueError:
                break
    raise ValueError(f'row {row}: "{period}" is no period; write 2024, 2024-Q1, 2024-03, 2024-W09 or 2024-03-31')


def _start(step: Step, parts: list[int]) -> date:
    match step:
        case Step.DAY:
            return date(*parts)
        case Step.WEEK:
            return date.fromisocalendar(parts[0], parts[1], 1)
        case Step.MONTH:
            return date(parts[0], parts[1], 1)
        case Step.QUARTER:
            return date(parts[0], 3 * parts[1] - 2, 1)
        case Step.YEAR:
            return date(parts[0], 1, 1)


def _coarsest(step: Step, starts: list[date]) -> Step:
    """Return the longest period that dates can be the first days of, if they are days; they must be two or more."""
    if step is not Step.DAY or len(starts) < 2:
        return step
    if all(start.day == 1 for start in starts):
        months = {start.month for start in starts}
        if len(months) == 1:
            return Step.YEAR
        return Step.QUARTER if months <= {1, 4, 7, 10} else Step.MONTH
    return Step.WEEK if len({start.weekday() for start in starts}) == 1 else Step.DAY


def _next(start: date, step: Step) -> date:
    if step is Step.DAY:
        return start + timedelta(days=1)
    if step is Step.WEEK:
        return start + timedelta(days=7)
    months = {Step.MONTH: 1, Step.QUARTER: 3, Step.YEAR: 12}[step]
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, start.day)


def _label(start: date, step: Step) -> str:
    match step:
        case Step.DAY:
            return start.isoformat()
        case Step.WEEK:
            year, week, weekday = start.isocalendar()
            return f"{year}-W{week:02}" if weekday == 1 else start.isoformat()
        case Step.MONTH:
            return f"{start:%Y-%m}"
        case Step.QUARTER:
            return f"{start.year}-Q{(start.month + 2) // 3}"
        case Step.YEAR:
            return f"{start:%Y}" if start.month == 1 else start.isoformat()

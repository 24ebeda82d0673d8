# ruff: noqa: S608  SQL is built from our own names, whole numbers and dates only
"""Criteria asked of people in periods: each becomes a table of people with a mask, one bit a period.

All periods of a person are one whole number, so that they cost little more than one period. A plan takes at most
`MOST_PERIODS` at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from rounds.engines.sql.groups import group_joins
from rounds.engines.sql.plan import FARTHEST_DAYS, Plan, date_sql, day_before
from rounds.engines.sql.rows import (
    VALUE_OF_IT,
    events,
    meeting,
    number_of,
    observed,
    one_row,
    people,
    places_of,
    rows_with_values,
    touching,
)
from rounds.engines.sql.summaries import change_sql, summary_sql, with_values
from rounds.measures.choices import AgeBy, Choose, Covers, Touches
from rounds.measures.criteria import AllOf, AnyOf, Change, Criterion, Has, Lies, Not, Reaches, Summary
from rounds.measures.periods import Period
from rounds.measures.person_scores import added_up
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import Window, add_months

MOST_PERIODS = 62
"""The bits of a whole number in every database, less the sign and one to spare."""

CALENDAR = "calendar"
"""A table that every engine lays down: `day`, each day from 1899-12-31 to 2200-01-01."""
CALENDAR_DAYS = (date(1899, 12, 31), date(2200, 1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """Compiles criteria for some periods."""

    plan: Plan
    periods: tuple[Period, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.periods) <= MOST_PERIODS:
            raise ValueError(f"a plan takes 1 to {MOST_PERIODS} periods, not {len(self.periods)}")

    @property
    def full(self) -> int:
        return (1 << len(self.periods)) - 1

    def table(self, criterion: Criterion) -> str:  # noqa: PLR0912  one branch for each kind
        """Return the table (person_id, mask) of the periods in which a criterion holds; nobody twice."""
        match criterion:
            case Age():
                return self._age(criterion)
            case Sex():
                named = ", ".join(repr(sex) for sex in criterion.among)
                sql = f"SELECT person_id, {self.full} AS mask FROM {people(self.plan)} p WHERE sex IN ({named})"
                return self.plan.step("sex", sql)
            case InGroup():
                join, (place,) = group_joins(self.plan, (criterion.grouping,), "p", of_rows=False)
                sql = f"SELECT p.person_id, {self.full} AS mask FROM {people(self.plan)} p {join} "
                return self.plan.step("group", sql + f"WHERE {place} IN ({places_of(criterion)})")
            case Observed():
                return self._observed(criterion)
            case Has():
                return self._has(criterion)
            case Summary():
                return self._summary(criterion)
            case Change():
                return self._change(criterion)
            case AllOf():
                return self._combined([self.table(part) for part in criterion.of], " & ".join)
            case AnyOf(at_least=1):
                return self._combined([self.table(part) for part in criterion.of], " | ".join)
            case AnyOf():
                return self._at_least([self.table(part) for part in criterion.of], criterion.at_least)
            case Reaches():
                return self._reaching(criterion)
            case Not():
                return self._combined([self.table(criterion.of)], lambda masks: f"{self.full} - {masks[0]}")
            case Lies():
                held = self._lying(criterion)
                return self.plan.step("lies", f"SELECT person_id, {held} AS mask FROM {people(self.plan)} p")
            case Value() | Answer() | Marked() | Result():
                raise ValueError("a person in a period has no value")

    def _combined(self, tables: list[str], join: Callable[[Sequence[str]], str]) -> str:
        masks = [f"coalesce({table}.mask, 0)" for table in tables]
        joins = " ".join(f"LEFT JOIN {table} ON {table}.person_id = p.person_id" for table in dict.fromkeys(tables))
        return self.plan.step("mask", f"SELECT p.person_id, {join(masks)} AS mask FROM {people(self.plan)} p {joins}")

    def _at_least(self, tables: list[str], number: int) -> str:
        """Return the periods in which at least so many masks have their bit set: one layer of counters for each."""
        joins = " ".join(f"LEFT JOIN {table} ON {table}.person_id = p.person_id" for table in dict.fromkeys(tables))
        masks = ", ".join(f"coalesce({table}.mask, 0) AS m{place}" for place, table in enumerate(tables))
        zeros = ", ".join(f"CAST(0 AS BIGINT) AS n{count}" for count in range(1, number + 1))
        sql = f"SELECT p.person_id, {masks}, {zeros} FROM {people(self.plan)} p {joins}"
        kept = ", ".join(f"m{place}" for place in range(len(tables)))
        for place in range(len(tables)):
            raised = [f"n1 | m{place} AS n1", *(f"n{c} | (n{c - 1} & m{place}) AS n{c}" for c in range(2, number + 1))]
            sql = f"SELECT person_id, {kept}, {', '.join(raised)} FROM ({sql}) l{place}"
        return self.plan.step("mask", f"SELECT person_id, n{number} AS mask FROM ({sql}) l")

    def _reaching(self, asked: Reaches) -> str:
        """Return the periods in which the points of the masks that have their bit set are enough."""
        given = " UNION ALL ".join(
            f"SELECT person_id, mask, {one.points} AS points FROM {self.table(one.to)}" for one in added_up(asked)
        )
        bits = ", ".join(f"({1 << place})" for place in range(len(self.periods)))
        enough = (
            f"SELECT g.person_id, b.bit FROM ({given}) g JOIN (VALUES {bits}) AS b(bit) ON (g.mask & b.bit) <> 0 "
            f"GROUP BY g.person_id, b.bit HAVING sum(g.points) >= {asked.at_least}"
        )
        return self._of_bits(enough)

    def _spans(self, window: Window) -> list[tuple[date, date]]:
        """Return each period's window; one that holds no day, or that no record can reach, ends before it begins."""
        return [window.on(period.start, period.end) for period in self.periods]

    def _days(self, kind: str, mask_of: Callable[[date], int], turns: set[date]) -> str:
        """Return the table (day, mask) of a mask that changes on some days only. Days without a bit are left out."""
        first, last = CALENDAR_DAYS
        starts = sorted({first, *(day for day in turns if first < day <= last)})
        pieces = [(start, day_before(following), mask_of(start)) for start, following in pairwise([*starts, date.max])]
        values = ", ".join(f"({date_sql(lo)}, {date_sql(hi)}, {mask})" for lo, hi, mask in pieces if mask)
        values = values or f"({date_sql(FARTHEST_DAYS[1])}, {date_sql(FARTHEST_DAYS[1])}, 0)"
        return self.plan.step(
            kind,
            f"SELECT c.day, CAST(s.mask AS BIGINT) AS mask FROM {CALENDAR} c "
            f"JOIN (VALUES {values}) AS s(lo, hi, mask) ON c.day BETWEEN s.lo AND s.hi",
        )

    def _bits(self, spans: list[tuple[date, date]], holds: Callable[[date, date], bool]) -> int:
        return sum(1 << place for place, (lo, hi) in enumerate(spans) if lo <= hi and holds(lo, hi))

    def _age(self, asked: Age) -> str:
        days = [asked.day(period.start, period.end) for period in self.periods]
        low, high = asked.low or 0, asked.high
        if asked.by is AgeBy.YEAR:
            born = range(CALENDAR_DAYS[0].year, CALENDAR_DAYS[1].year + 1)
            ages = {
                year: sum(
                    1 << place
                    for place, day in enumerate(days)
                    if (asked.low is None or day.year - year >= low) and (high is None or day.year - year <= high)
                )
                for year in born
            }
            values = ", ".join(f"({year}, {mask})" for year, mask in ages.items() if mask) or "(0, 0)"
            sql = f"SELECT p.person_id, CAST(a.mask AS BIGINT) AS mask FROM {people(self.plan)} p "
            return self.plan.step("age", sql + f"JOIN (VALUES {values}) AS a(born, mask) ON a.born = p.born")
        # Somebody is so old from the birthday on: born on that day, so many years before, or earlier.
        youngest = [add_months(day, -12 * low) if asked.low is not None else date.max for day in days]
        oldest = [add_months(day, -12 * (high + 1)) if high is not None else date.min for day in days]

        def mask_of(day: date) -> int:
            return sum(1 << place for place in range(len(days)) if oldest[place] < day <= youngest[place])

        turns = {date.fromordinal(min(day.toordinal() + 1, date.max.toordinal())) for day in (*youngest, *oldest)}
        born_on = self._days("born", mask_of, turns)
        return self.plan.step(
            "age", f"SELECT p.person_id, d.mask FROM {people(self.plan)} p JOIN {born_on} d ON d.day = p.birth"
        )

    def _observed(self, asked: Observed) -> str:
        spans = self._spans(asked.window)
        if asked.covers is Covers.ANY_DAY:
            return self._over(observed(self.plan), spans, overlap=True)
        # Covered are the windows that begin on the observation's first day or later and end on its last or earlier.
        begins = self._days(
            "begins", lambda day: self._bits(spans, lambda lo, _: lo >= day), {_after(lo) for lo, _ in spans}
        )
        ends = self._days("ends", lambda day: self._bits(spans, lambda _, hi: hi <= day), {hi for _, hi in spans})
        return self._united(observed(self.plan), begins, ends)

    def _has(self, asked: Has) -> str:
        found = events(self.plan, asked.events)
        provided = meeting(self.plan, found, asked.provided, of=asked.events.table)
        spans = self._spans(asked.window)
        if asked.choose is Choose.ANY and asked.at_least == 1:
            match asked.touches:
                case Touches.OVERLAPS:
                    return self._over(provided, spans, overlap=True)
                case Touches.INSIDE:
                    return self._inside(provided, spans)
                case Touches.STARTS | Touches.ENDS:
                    return self._over(provided, spans, overlap=False, day=_DAY[asked.touches])
        windows, condition = self._windows(asked)
        if asked.choose is Choose.ANY:
            number = number_of(asked.distinct)
            each = (
                f"SELECT e.person_id, w.bit FROM {provided} e JOIN {windows} ON {condition} "
                f"GROUP BY e.person_id, w.bit HAVING {number} >= {asked.at_least}"
            )
        else:
            each = one_row(asked, f"FROM {found} e JOIN {windows} ON {condition}", provided, keys=_IN_A_PERIOD)
        return self._of_bits(each)

    def _summary(self, asked: Summary) -> str:
        rows = asked.rows
        provided = meeting(self.plan, events(self.plan, rows.events), rows.provided, of=rows.events.table)
        found = with_values(self.plan, provided, asked)
        windows, condition = self._windows(rows)
        return self._of_bits(
            f"SELECT e.person_id, w.bit FROM {found} e JOIN {windows} ON {condition} "
            f"GROUP BY e.person_id, w.bit HAVING {summary_sql(asked)}"
        )

    def _change(self, asked: Change) -> str:
        of, since = self._value(asked.of), self._value(asked.since)
        both = f"{of} a JOIN {since} b ON b.person_id = a.person_id AND b.bit = a.bit"
        return self._of_bits(f"SELECT a.person_id, a.bit FROM {both} WHERE {change_sql(asked)}")

    def _value(self, asked: Has) -> str:
        """Return the table (person_id, bit, chosen, millionths) of the one row that is looked for."""
        found, provided = rows_with_values(self.plan, asked)
        windows, condition = self._windows(asked)
        matched = f"FROM {found} e JOIN {windows} ON {condition}"
        return self.plan.step("value", one_row(asked, matched, provided, keys=_IN_A_PERIOD, more=VALUE_OF_IT))

    def _windows(self, asked: Has) -> tuple[str, str]:
        """Return the windows of all periods as a table `w`, and when a row, called `e`, is in one."""
        spans = enumerate(self._spans(asked.window))
        values = ", ".join(f"({1 << place}, {date_sql(lo)}, {date_sql(hi)})" for place, (lo, hi) in spans)
        return f"(VALUES {values}) AS w(bit, lo, hi)", touching(asked.touches, "w.lo", "w.hi")

    def _of_bits(self, each: str) -> str:
        """Return the masks of people of whom a query gives each period apart, as a bit."""
        sql = f"SELECT person_id, CAST(sum(bit) AS BIGINT) AS mask FROM ({each}) b GROUP BY person_id"
        return self.plan.step("mask", sql)

    def _over(self, rows: str, spans: list[tuple[date, date]], *, overlap: bool, day: str = "first") -> str:
        """Return the masks of the windows that rows overlap, or on a day of which they start or end."""
        if not overlap:
            turns = {lo for lo, _ in spans} | {_after(hi) for _, hi in spans}
            inside = self._days("inside", lambda day: self._bits(spans, lambda lo, hi: lo <= day <= hi), turns)
            sql = f"SELECT e.person_id, bit_or(d.mask) AS mask FROM {rows} e JOIN {inside} d "
            return self.plan.step("mask", sql + f"ON d.day = {_known_day(f'e.{day}')} GROUP BY e.person_id")
        lasting = self._days(
            "lasting", lambda day: self._bits(spans, lambda _, hi: hi >= day), {_after(hi) for _, hi in spans}
        )
        begun = self._days("begun", lambda day: self._bits(spans, lambda lo, _: lo <= day), {lo for lo, _ in spans})
        return self._united(rows, lasting, begun)

    def _inside(self, rows: str, spans: list[tuple[date, date]]) -> str:
        """Return the masks of the windows in which rows start and end."""
        begun = self._days("begun", lambda day: self._bits(spans, lambda lo, _: lo <= day), {lo for lo, _ in spans})
        ended = self._days(
            "ended", lambda day: self._bits(spans, lambda _, hi: hi >= day), {_after(hi) for _, hi in spans}
        )
        return self._united(rows, begun, ended)

    def _lying(self, asked: Lies) -> int:
        spans = zip(self.periods, self._spans(asked.window), strict=True)
        return sum(
            1 << place
            for place, (period, span) in enumerate(spans)
            if asked.touches.holds((period.start, period.end), span)
        )

    def _united(self, rows: str, of_first: str, of_last: str) -> str:
        """Return what a mask of the first day and one of the last day have in common, over all rows of a person."""
        return self.plan.step(
            "mask",
            f"SELECT e.person_id, bit_or(a.mask & b.mask) AS mask FROM {rows} e "
            f"JOIN {of_first} a ON a.day = {_known_day('e.first')} "
            f"JOIN {of_last} b ON b.day = {_known_day('e.last')} GROUP BY e.person_id",
        )


_IN_A_PERIOD = ("e.person_id", "w.bit")
"""What tells people in periods apart."""

_DAY = {Touches.STARTS: "first", Touches.ENDS: "last"}


def _known_day(day: str) -> str:
    """Return a day inside the calendar: beyond its ends nothing turns."""
    first, last = CALENDAR_DAYS
    return f"least(greatest({day}, {date_sql(first)}), {date_sql(last)})"


def _after(day: date) -> date:
    return date.fromordinal(min(day.toordinal() + 1, date.max.toordinal()))

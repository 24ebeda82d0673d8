# ruff: noqa: S608  SQL is built from our own names, whole numbers and dates only
"""The last step of a question: how many, by whatever its strata are made of."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rounds.engines.grid import Cell
from rounds.engines.sql.people import MOST_PERIODS, Masks
from rounds.engines.sql.plan import Plan, date_sql
from rounds.engines.sql.rows import events, meeting, people
from rounds.measures.in_period import asked_apart
from rounds.measures.periods import Period
from rounds.measures.questions import People, RecordsQuestion, Rows
from rounds.measures.strata import Stratum, age_band
from rounds.measures.windows import Anchor

Fetch = Callable[[str], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A query to be run after the plan's steps, and the periods whose numbers it speaks of."""

    question: RecordsQuestion
    sql: str
    periods: tuple[Period, ...]


def finals(plan: Plan, question: RecordsQuestion, periods: tuple[Period, ...]) -> tuple[Final, ...]:
    """Add a question's steps to a plan, and return what to ask in the end: one query for every 62 periods.

    A question that names the period is another question in each, with a query for each.
    """
    return tuple(final for apart, some in asked_apart(question, periods) for final in _finals(plan, apart, some))


def _finals(plan: Plan, question: RecordsQuestion, periods: tuple[Period, ...]) -> tuple[Final, ...]:
    chunks = [periods[at : at + MOST_PERIODS] for at in range(0, len(periods), MOST_PERIODS)]
    if isinstance(question.unit, Rows):
        return (Final(question=question, sql=_rows_sql(plan, question, question.unit, periods), periods=periods),)
    return tuple(
        Final(question=question, sql=_people_sql(plan, question, question.unit, chunk), periods=chunk)
        for chunk in chunks
    )


def cells(
    final: Final, rows: Iterable[tuple[Any, ...]], strata: tuple[Stratum, ...]
) -> tuple[dict[Cell, int], dict[Cell, int]]:
    """Return the numerators and the denominators that the rows of a final query speak of."""
    numerators: dict[Cell, int] = defaultdict(int)
    denominators: dict[Cell, int] = defaultdict(int)
    for period, sex, age, number, met in _expanded(final, rows):
        cell = (period.start, tuple(sex if stratum is Stratum.SEX else age_band(age) for stratum in strata))
        denominators[cell] += number
        numerators[cell] += met
    return numerators, denominators


def _expanded(final: Final, rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Period, str, int, int, int]]:
    if isinstance(final.question.unit, Rows):
        for place, sex, age, number, met in rows:
            yield final.periods[place], sex, age, number, met
        return
    for sex, born, asked, met, number in rows:
        for place, period in enumerate(final.periods):
            if asked >> place & 1:
                yield period, sex, period.start.year - born, number, number * (met >> place & 1)


def _people_sql(plan: Plan, question: RecordsQuestion, unit: People, periods: tuple[Period, ...]) -> str:
    masks = Masks(plan=plan, periods=periods)
    asked = masks.table(unit.criterion)
    who = "-1" if question.who is None else "coalesce(w.mask, 0)"
    joined = "" if question.who is None else f"LEFT JOIN {masks.table(question.who)} w ON w.person_id = p.person_id"
    return (
        "SELECT sex, born, asked, asked & met AS met, count(*) AS people FROM ("
        f"SELECT p.sex, p.born, a.mask & {who} AS asked, coalesce(n.mask, 0) AS met FROM {people(plan)} p "
        f"JOIN {asked} a ON a.person_id = p.person_id {joined} "
        f"LEFT JOIN {masks.table(question.numerator)} n ON n.person_id = p.person_id) g "
        "WHERE asked <> 0 GROUP BY sex, born, asked, asked & met"
    )


def _rows_sql(plan: Plan, question: RecordsQuestion, unit: Rows, periods: tuple[Period, ...]) -> str:
    asked = meeting(plan, events(plan, unit.events), question.who, of=unit.events.table)
    met = meeting(plan, asked, question.numerator, of=unit.events.table)
    values = ", ".join(
        f"({place}, {date_sql(period.start)}, {date_sql(period.end)})" for place, period in enumerate(periods)
    )
    day = "u.first" if unit.counted_on is Anchor.START else "u.last"
    return (
        "SELECT t.place, p.sex, CAST(extract(year FROM u.first) AS BIGINT) - p.born AS age, count(*) AS units, "
        f"count(m.row) AS met FROM {asked} u JOIN {people(plan)} p ON p.person_id = u.person_id "
        f"LEFT JOIN {met} m ON m.row = u.row "
        f"JOIN (VALUES {values}) AS t(place, lo, hi) ON {day} BETWEEN t.lo AND t.hi "
        "GROUP BY t.place, p.sex, CAST(extract(year FROM u.first) AS BIGINT) - p.born"
    )

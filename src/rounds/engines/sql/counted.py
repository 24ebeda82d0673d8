# ruff: noqa: S608  SQL is built from our own names, whole numbers and dates only
"""The last step of a question: how many, by whatever its strata are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rounds.engines.asked import records_question
from rounds.engines.grid import Cell, Tally
from rounds.engines.sql.groups import band_sql, group_joins, numbered
from rounds.engines.sql.means import mean_sql
from rounds.engines.sql.people import MOST_PERIODS, Masks
from rounds.engines.sql.person_time import time_sql
from rounds.engines.sql.plan import Plan, periods_sql
from rounds.engines.sql.rows import events, meeting, people
from rounds.measures.definitions import Measure
from rounds.measures.in_period import asked_apart
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, Rows
from rounds.measures.strata import Stratum, age_band
from rounds.measures.windows import Anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A query to be run after the plan's steps, and the periods whose numbers it speaks of."""

    measure: Measure
    sql: str
    periods: tuple[Period, ...]


def finals(plan: Plan, measure: Measure, periods: tuple[Period, ...]) -> tuple[Final, ...]:
    """Add a measure's steps to a plan, and return what to ask in the end: one query for every 62 periods.

    A question that names the period is another question in each, with a query for each.
    """
    return tuple(
        final
        for apart, some in asked_apart(records_question(measure), periods)
        for final in _finals(plan, replace(measure, question=apart), some)
    )


def _finals(plan: Plan, measure: Measure, periods: tuple[Period, ...]) -> tuple[Final, ...]:
    question = records_question(measure)
    chunks = [periods[at : at + MOST_PERIODS] for at in range(0, len(periods), MOST_PERIODS)]
    if question.amount is not None:
        return tuple(
            Final(measure=measure, sql=mean_sql(plan, measure, question.amount, chunk), periods=chunk)
            for chunk in chunks
        )
    if isinstance(question.unit, Rows):
        return (Final(measure=measure, sql=_rows_sql(plan, measure, question.unit, periods), periods=periods),)
    if isinstance(question.unit, PersonTime):
        return tuple(
            Final(measure=measure, sql=time_sql(plan, measure, question.unit, chunk), periods=chunk) for chunk in chunks
        )
    return tuple(
        Final(measure=measure, sql=_people_sql(plan, measure, question.unit, chunk), periods=chunk) for chunk in chunks
    )


def cells(final: Final, rows: Iterable[tuple[Any, ...]]) -> dict[Cell, Tally]:
    """Return the numbers of the cells that the rows of a final query speak of."""
    found: dict[Cell, Tally] = {}
    for period, levels, tally in _expanded(final, rows):
        cell = (period.start, levels)
        found[cell] = tuple(a + b for a, b in zip(found[cell], tally, strict=True)) if cell in found else tally
    return found


def _expanded(final: Final, rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Period, tuple[str, ...], Tally]]:
    unit = records_question(final.measure).unit
    if final.measure.amount is not None:
        for place, sex, age, steps, number, people_with, people, *groups in rows:
            levels = _levels(final.measure, sex, age, groups)
            yield final.periods[place], levels, (int(steps), number, people_with, people)
        return
    if isinstance(unit, PersonTime):
        for place, sex, born, events, days, people_with, people, *groups in rows:
            period = final.periods[place]
            levels = _levels(final.measure, sex, period.start.year - born, groups)
            yield period, levels, (int(events), int(days), people_with, people)
        return
    if isinstance(unit, Rows):
        for place, sex, age, met, number, people_met, people, *groups in rows:
            levels = _levels(final.measure, sex, age, groups)
            yield final.periods[place], levels, (int(met), int(number), people_met, people)
        return
    for sex, born, asked, met, number, *groups in rows:
        for place, period in enumerate(final.periods):
            if asked >> place & 1:
                levels = _levels(final.measure, sex, period.start.year - born, groups)
                yield period, levels, (number * (met >> place & 1), number)


def _levels(measure: Measure, sex: str, age: int, groups: Sequence[int]) -> tuple[str, ...]:
    level = {Stratum.SEX: sex}
    if Stratum.AGE_BAND in measure.strata:
        level[Stratum.AGE_BAND] = age_band(age)
    level |= {grouping.by: grouping.levels[place] for grouping, place in zip(measure.groupings, groups, strict=True)}
    return tuple(level[stratum] for stratum in measure.strata)


def _people_sql(plan: Plan, measure: Measure, unit: People, periods: tuple[Period, ...]) -> str:
    question = records_question(measure)
    masks = Masks(plan=plan, periods=periods)
    asked = masks.table(unit.criterion)
    who = "-1" if question.who is None else "coalesce(w.mask, 0)"
    joined = "" if question.who is None else f"LEFT JOIN {masks.table(question.who)} w ON w.person_id = p.person_id"
    leading, places = group_joins(plan, measure.groupings, "p", of_rows=False)
    shown, names = numbered(places)
    return (
        f"SELECT sex, born, asked, asked & met AS met, count(*) AS people{names} FROM ("
        f"SELECT p.sex, p.born, a.mask & {who} AS asked, coalesce(n.mask, 0) AS met{shown} FROM {people(plan)} p "
        f"JOIN {asked} a ON a.person_id = p.person_id {joined} "
        f"LEFT JOIN {masks.table(question.met)} n ON n.person_id = p.person_id {leading}) g "
        f"WHERE asked <> 0 GROUP BY sex, born, asked, asked & met{names}"
    )


def _rows_sql(plan: Plan, measure: Measure, unit: Rows, periods: tuple[Period, ...]) -> str:
    question = records_question(measure)
    asked = meeting(plan, events(plan, unit.events), question.who, of=unit.events.table)
    met = meeting(plan, asked, question.met, of=unit.events.table)
    day = "u.first" if unit.counted_on is Anchor.START else "u.last"
    leading, places = group_joins(plan, measure.groupings, "u", of_rows=True)
    shown, names = numbered(places)
    rows = (
        f"SELECT t.place, p.person_id, p.sex, CAST(extract(year FROM u.first) AS BIGINT) - p.born AS age, "
        f"m.row AS met{shown} "
        f"FROM {asked} u JOIN {people(plan)} p ON p.person_id = u.person_id LEFT JOIN {met} m ON m.row = u.row "
        f"JOIN {periods_sql(periods)} ON {day} BETWEEN t.lo AND t.hi {leading}"
    )
    by_person = (
        f"SELECT place, person_id, sex, band, count(met) AS met, count(*) AS units{names} FROM "
        f"(SELECT g.*, {band_sql(measure)} AS band FROM ({rows}) g) b GROUP BY place, person_id, sex, band{names}"
    )
    return (
        "SELECT place, sex, band, CAST(sum(met) AS BIGINT) AS met, CAST(sum(units) AS BIGINT) AS units, "
        f"count(CASE WHEN met > 0 THEN 1 END) AS people_met, count(*) AS people{names} FROM ({by_person}) c "
        f"GROUP BY place, sex, band{names}"
    )

# ruff: noqa: S608  SQL is built from our own names, whole numbers and dates only
"""Time at risk: the days that people are observed, or the nights they are in visits, and the events in that time."""

from rounds.engines.asked import records_question
from rounds.engines.sql.groups import group_joins, numbered
from rounds.engines.sql.people import Masks
from rounds.engines.sql.plan import Plan, periods_sql
from rounds.engines.sql.rows import birth_sql, events, meeting, number_of, observed, people
from rounds.measures.criteria import Events
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Period
from rounds.measures.questions import PersonTime


def time_sql(plan: Plan, measure: Measure, unit: PersonTime, periods: tuple[Period, ...]) -> str:
    """Return a query of place, sex, year of birth, events, days, people with events, people with days and levels.

    Args:
        plan: to which the steps are added.
        measure: what is counted.
        unit: of its question.
        periods: at most as many as a mask has bits.
    """
    question = records_question(measure)
    windows = periods_sql(periods, bits=True)
    at_risk = _alive(plan) if unit.visits is None else _in_visits(plan, unit.visits)
    counted = at_risk if unit.visits is None else _nights(plan, unit.visits)
    days = plan.step(
        "days",
        "SELECT s.person_id, t.place, CAST(sum(date_diff('day', greatest(s.first, t.lo), least(s.last, t.hi)) + 1) AS "
        f"BIGINT) AS days FROM {counted} s JOIN {windows} ON s.first <= t.hi AND s.last >= t.lo "
        "GROUP BY s.person_id, t.place",
    )
    asked = question.happening
    found = meeting(plan, events(plan, asked.events), asked.provided, of=asked.events.table)
    happened = plan.step(
        "happened",
        f"SELECT e.person_id, t.place, least({number_of(asked.distinct)}, {unit.most_each}) AS events FROM {found} e "
        f"JOIN {at_risk} s ON s.person_id = e.person_id AND e.first BETWEEN s.first AND s.last "
        f"JOIN {windows} ON e.first BETWEEN t.lo AND t.hi GROUP BY e.person_id, t.place",
    )
    both = (
        f"SELECT person_id, place, max(days) AS days, max(events) AS events FROM (SELECT person_id, place, days, 0 AS "
        f"events FROM {days} UNION ALL SELECT person_id, place, 0 AS days, events FROM {happened}) b "
        "GROUP BY person_id, place"
    )
    who, of_whom = "", "true"
    if question.who is not None:
        who = f"LEFT JOIN {Masks(plan=plan, periods=periods).table(question.who)} w ON w.person_id = p.person_id"
        of_whom = "(coalesce(w.mask, 0) & t.bit) <> 0"
    leading, places = group_joins(plan, measure.groupings, "p", of_rows=False)
    shown, names = numbered(places)
    return (
        "SELECT place, sex, born, CAST(sum(events) AS BIGINT) AS events, CAST(sum(days) AS BIGINT) AS days, "
        "count(CASE WHEN events > 0 THEN 1 END) AS people_with, count(CASE WHEN days > 0 THEN 1 END) AS people"
        f"{names} FROM (SELECT u.place, p.sex, p.born, u.events, u.days{shown} FROM ({both}) u "
        f"JOIN {windows} ON t.place = u.place JOIN {people(plan)} p ON p.person_id = u.person_id {who} {leading} "
        f"WHERE {of_whom}) g GROUP BY place, sex, born{names}"
    )


def _alive(plan: Plan) -> str:
    """Return the stretches of days that people are observed and alive; none overlaps another of the same person.

    Of somebody whose month or day of birth is not known it is every day of that year or month.
    """
    earliest = (f"CAST(coalesce({part}_of_birth, 1) AS INTEGER)" for part in ("month", "day"))
    birth = birth_sql("year_of_birth", *earliest)
    born = plan.step("born", f"SELECT person_id, {birth} AS birth FROM person")
    died = _died(plan)
    spans = plan.step(
        "alive",
        "SELECT o.person_id, greatest(o.first, b.birth) AS first, least(o.last, coalesce(d.day, o.last)) AS last "
        f"FROM {observed(plan)} o JOIN {born} b ON b.person_id = o.person_id "
        f"LEFT JOIN {died} d ON d.person_id = o.person_id",
    )
    return _united(plan, spans)


def _died(plan: Plan) -> str:
    """Return the table of people's first recorded day of death."""
    return plan.step("died", f"SELECT person_id, min(death_date) AS day FROM {EventTable.DEATH} GROUP BY person_id")


def _in_visits(plan: Plan, asked: Events) -> str:
    visits = plan.step("visits", f"SELECT person_id, first, last FROM {events(plan, asked)} v")
    return _united(plan, visits)


def _nights(plan: Plan, asked: Events) -> str:
    last = "CAST(v.last - INTERVAL '1' DAY AS DATE)"
    nights = plan.step("nights", f"SELECT person_id, first, {last} AS last FROM {events(plan, asked)} v")
    return _united(plan, nights)


def _united(plan: Plan, spans: str) -> str:
    """Return stretches of days without those that hold none, and with those that overlap made one."""
    order = "PARTITION BY person_id ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND"
    before = f"max(last) OVER ({order} 1 PRECEDING)"
    opened = (
        f"SELECT person_id, first, last, CASE WHEN first <= {before} THEN 0 ELSE 1 END AS opens FROM {spans} s "
        "WHERE first <= last"
    )
    stretches = f"SELECT person_id, first, last, sum(opens) OVER ({order} CURRENT ROW) AS stretch FROM ({opened}) o"
    return plan.step(
        "stretches",
        f"SELECT person_id, min(first) AS first, max(last) AS last FROM ({stretches}) n GROUP BY person_id, stretch",
    )

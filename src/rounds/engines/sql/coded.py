# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""The rows that criteria are asked of: those of a table that carry some codes, and sets that have a score."""

from rounds.engines.rows import rows_sql
from rounds.engines.sql.plan import Plan, conditions
from rounds.measures.choices import Extent
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.events import EventTable
from rounds.measures.scores import Component, Score


def coded(
    plan: Plan, table: EventTable, codes: CodeList | Cohort | None, without_end: Extent = Extent.FIRST_DAY
) -> str:
    """Return the table of the rows of a table of the site that carry one of some codes."""
    where = "" if codes is None else f" WHERE {in_sql('concept', plan.concepts[codes])}"
    return plan.step("rows", f"SELECT * FROM ({rows_sql(table, without_end)}) r{where}")


def scored(plan: Plan, score: Score) -> str:
    """Return the table of the sets that have a score, in the same columns as rows."""
    given = [_points(plan, component) for component in score.components]
    moment = "person_id, first, minute"
    sets = " UNION ".join(f"SELECT {moment} FROM {table}" for table in given)
    points = {one.id: _or_missing(place, one.if_missing) for place, one in enumerate(score.components)}
    joins, needed, adding = [], [], []
    highest: dict[str, list[str]] = {"visit": [], "stay": []}
    for place, (table, component) in enumerate(zip(given, score.components, strict=True)):
        on = " AND ".join(f"c{place}.{name} = s.{name}" for name in moment.split(", "))
        joins.append(f"{'JOIN' if component.required else 'LEFT JOIN'} {table} c{place} ON {on}")
        asked = " AND ".join(f"{points[named]} = {number}" for named, number in component.only_if)
        adding.append(_if(asked, points[component.id], "0"))
        for name, each in highest.items():
            each.append(_if(asked, f"coalesce(c{place}.{name}, -1)", "-1"))
        if asked and component.if_missing is None:
            needed.append(f"(c{place}.points IS NOT NULL OR NOT ({asked}))")
    named = {name: f"greatest({', '.join(each)})" if len(each) > 1 else each[0] for name, each in highest.items()}
    return plan.step(
        "scored",
        f"SELECT row_number() OVER (ORDER BY s.person_id, s.first, s.minute) AS row, s.person_id, "
        "CAST(-1 AS BIGINT) AS concept, s.first, s.first AS last, s.minute, "
        f"CAST({' + '.join(adding)} AS REAL) AS value, CAST(-1 AS BIGINT) AS unit, CAST(-1 AS BIGINT) AS answer, "
        f"{named['visit']} AS visit, {named['stay']} AS stay FROM ({sets}) s {' '.join(joins)}"
        + (f" WHERE {conditions(*needed)}" if needed else ""),
    )


def _or_missing(place: int, if_missing: int | None) -> str:
    return f"c{place}.points" if if_missing is None else f"coalesce(c{place}.points, {if_missing})"


def _if(asked: str, sql: str, otherwise: str) -> str:
    return f"CASE WHEN {asked} THEN {sql} ELSE {otherwise} END" if asked else sql


def _points(plan: Plan, component: Component) -> str:
    """Return the table of what a component gives at each moment at which it gives anything."""
    found = coded(plan, EventTable(component.table), component.codes)
    if component.answers:
        # Of lists that share an answer the one with the most points is named first.
        by_points = sorted(component.answers, key=lambda found: -found[1])
        cases = [f"WHEN {in_sql('answer', plan.concepts[codes])} THEN {points}" for codes, points in by_points]
        known = "true"
    else:
        cases = [
            "WHEN true" if step.up_to is None else f"WHEN value <= CAST({step.up_to!r} AS REAL)"
            for step in component.steps
        ]
        cases = [f"{case} THEN {step.points}" for case, step in zip(cases, component.steps, strict=True)]
        known = conditions("value IS NOT NULL", in_sql("unit", component.units) if component.units else None)
    points = f"CASE {' '.join(cases)} END"
    rows = f"SELECT person_id, first, minute, visit, stay, {points} AS points FROM {found} WHERE {known}"
    return plan.step(
        "points",
        f"SELECT person_id, first, minute, max(points) AS points, max(visit) AS visit, max(stay) AS stay "
        f"FROM ({rows}) r WHERE points IS NOT NULL GROUP BY person_id, first, minute",
    )


def in_sql(column: str, concepts: tuple[int, ...]) -> str:
    """Return the condition that a column holds one of some concepts."""
    return f"{column} IN ({', '.join(map(str, concepts))})"

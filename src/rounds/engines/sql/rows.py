# ruff: noqa: S608  SQL is built from our own names, whole numbers and dates only
"""Criteria asked of rows: each becomes the table of those rows of which it holds."""

from rounds.engines.rows import MOMENT_ORDER, OBSERVED, PEOPLE, marked_sql, result_sql, rows_sql
from rounds.engines.sql.groups import group_joins
from rounds.engines.sql.plan import Plan, conditions, date_sql, window_sql
from rounds.engines.sql.summaries import summary_sql, with_millionths
from rounds.measures.choices import AgeBy, Choose, Covers, Distinct, Extent, Stands, Touches
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.criteria import AllOf, AnyOf, Criterion, Events, Graded, Has, Lies, Not, Reaches, Scored, Summary
from rounds.measures.events import EventTable
from rounds.measures.scores import Component, Score
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import Anchor, PeriodAnchor

_MOMENT_LAST = ", ".join(f"e.{name} DESC NULLS LAST" for name in MOMENT_ORDER)
_LOWEST = f"e.value NULLS LAST, e.minute, {_MOMENT_LAST}"
_ORDER = {
    (Choose.FIRST, Stands.AT_THE_MOMENT): f"e.first, e.minute, {_MOMENT_LAST}",
    (Choose.LAST, Stands.AT_THE_MOMENT): f"e.first DESC, e.minute DESC, {_MOMENT_LAST}",
    (Choose.FIRST, Stands.LOWEST_OF_THE_DAY): f"e.first, {_LOWEST}",
    (Choose.LAST, Stands.LOWEST_OF_THE_DAY): f"e.first DESC, {_LOWEST}",
}


def people(plan: Plan) -> str:
    """Return the table of people, with their date of birth."""
    birth = birth_sql("born", "month", "day")
    return plan.step("people", f"SELECT person_id, born, sex, {birth} AS birth FROM ({PEOPLE}) p")


def birth_sql(year: str, month: str, day: str) -> str:
    """Return SQL for a date of birth; a day that the month does not have is its last."""
    first = f"make_date(CAST({year} AS INTEGER), {month}, 1)"
    return f"least({first} + ({day} - 1), CAST({first} + INTERVAL '1' MONTH AS DATE) - 1)"


def observed(plan: Plan) -> str:
    """Return the table of observation periods."""
    return plan.step("observed", OBSERVED)


def events(plan: Plan, asked: Events | Scored) -> str:
    """Return the table of the rows that are meant."""
    if isinstance(asked, Scored):
        coded = scored(plan, asked.score)
    else:
        coded = _coded(plan, asked.table, asked.codes, asked.without_end)
    found = meeting(plan, coded, asked.where, of=asked.table)
    if not asked.first:
        return found
    ranked = f"row_number() OVER (PARTITION BY e.person_id ORDER BY {order_of(Choose.FIRST)}) AS place"
    return plan.step("first", f"SELECT * FROM (SELECT e.*, {ranked} FROM {found} e) r WHERE place = 1")


def order_of(choose: Choose, stands: Stands = Stands.AT_THE_MOMENT) -> str:
    """Return the order of rows, called `e`, in which the one that is chosen comes first."""
    return _ORDER[choose, stands]


def _coded(
    plan: Plan, table: EventTable, codes: CodeList | Cohort | None, without_end: Extent = Extent.FIRST_DAY
) -> str:
    where = "" if codes is None else f" WHERE {_in('concept', plan.concepts[codes])}"
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
    coded = _coded(plan, EventTable(component.table), component.codes)
    if component.answers:
        # Of lists that share an answer the one with the most points is named first.
        by_points = sorted(component.answers, key=lambda found: -found[1])
        cases = [f"WHEN {_in('answer', plan.concepts[codes])} THEN {points}" for codes, points in by_points]
        known = "true"
    else:
        cases = [
            "WHEN true" if step.up_to is None else f"WHEN value <= CAST({step.up_to!r} AS REAL)"
            for step in component.steps
        ]
        cases = [f"{case} THEN {step.points}" for case, step in zip(cases, component.steps, strict=True)]
        known = conditions("value IS NOT NULL", _in("unit", component.units) if component.units else None)
    points = f"CASE {' '.join(cases)} END"
    rows = f"SELECT person_id, first, minute, visit, stay, {points} AS points FROM {coded} WHERE {known}"
    return plan.step(
        "points",
        f"SELECT person_id, first, minute, max(points) AS points, max(visit) AS visit, max(stay) AS stay "
        f"FROM ({rows}) r WHERE points IS NOT NULL GROUP BY person_id, first, minute",
    )


def meeting(plan: Plan, units: str, criterion: Criterion | None, *, of: EventTable) -> str:
    """Return the table of those of some rows of which a criterion holds.

    Args:
        plan: where steps are added.
        units: the table of the rows.
        criterion: what is asked of them.
        of: the table of the site that they are rows of.
    """
    if criterion is None:
        return units
    joins, condition = asked_of(plan, units, criterion, of=of)
    return plan.step("met", f"SELECT u.* FROM {units} u {joins} WHERE {condition}")


def asked_of(plan: Plan, units: str, criterion: Criterion, *, of: EventTable) -> tuple[str, str]:
    """Return the joins and the condition that say of the rows of a table, called `u`, whether a criterion holds."""
    joined: dict[str, str] = {}
    condition = _Asked(plan=plan, units=units, of=of, joined=joined).sql(criterion)
    # Somebody who is not in `person` is in no count.
    who = f"JOIN {people(plan)} p ON p.person_id = u.person_id"
    return " ".join([who, *joined.values()]), condition


class _Asked:
    def __init__(self, *, plan: Plan, units: str, of: EventTable, joined: dict[str, str]) -> None:
        self.plan, self.units, self.of, self.joined = plan, units, of, joined

    def sql(self, criterion: Criterion) -> str:  # noqa: PLR0912  one branch for each kind
        match criterion:
            case Age():
                return _age(criterion)
            case Sex():
                return f"p.sex IN ({', '.join(repr(sex) for sex in criterion.among)})"
            case Value():
                return _value(criterion)
            case Answer():
                return _in("u.answer", self.plan.concepts[criterion.codes])
            case InGroup():
                return self._in_group(criterion)
            case Marked():
                concepts = self.plan.concepts[criterion.codes]
                return self._flag(self.plan.step("marked", marked_sql(self.of, criterion.detail, concepts)))
            case Result():
                return self._flag(self.plan.step("result", result_sql(self.of)))
            case Lies():
                lo, hi = window_sql(criterion.window, "u.first", "u.last")
                return f"({touching(criterion.touches, lo, hi, rows='u')})"
            case Observed():
                return self._flag(_observed(self.plan, self.units, criterion))
            case Has():
                return self._flag(_has(self.plan, self.units, criterion))
            case Summary():
                return self._flag(_summary(self.plan, self.units, criterion))
            case AllOf():
                return "(" + " AND ".join(self.sql(part) for part in criterion.of) + ")"
            case AnyOf(at_least=1):
                return "(" + " OR ".join(self.sql(part) for part in criterion.of) + ")"
            case AnyOf():
                met = " + ".join(f"CASE WHEN {self.sql(part)} THEN 1 ELSE 0 END" for part in criterion.of)
                return f"({met} >= {criterion.at_least})"
            case Reaches():
                return f"({' + '.join(map(self._points, criterion.of))} >= {criterion.at_least})"
            case Not():
                return f"(NOT {self.sql(criterion.of)})"

    def _points(self, graded: Graded) -> str:
        cases = " ".join(f"WHEN {self.sql(given.to)} THEN {given.points}" for given in graded.given)
        return f"CASE {cases} ELSE 0 END"

    def _in_group(self, asked: InGroup) -> str:
        join, (place,) = group_joins(self.plan, (asked.grouping,), "u", of_rows=True)
        self.joined[join] = join
        return f"({place} IN ({places_of(asked)}))"

    def _flag(self, table: str) -> str:
        self.joined[table] = f"LEFT JOIN {table} ON {table}.row = u.row"
        return f"({table}.row IS NOT NULL)"


def age_day(asked: Age) -> str:
    """Return SQL for the day on which rows, called `u`, are asked for an age."""
    if isinstance(asked.at, PeriodAnchor):
        raise TypeError("the period has not been put in")
    if isinstance(asked.at, Anchor):
        return "u.first" if asked.at is Anchor.START else "u.last"
    return date_sql(asked.at)


def places_of(asked: InGroup) -> str:
    """Return the places of the levels that are meant, among all of their grouping."""
    levels = asked.grouping.levels
    return ", ".join(str(levels.index(level)) for level in asked.among)


def _age(asked: Age) -> str:
    day = age_day(asked)
    age = f"extract(year FROM {day}) - p.born"
    if asked.by is AgeBy.BIRTHDAY:
        later = (
            f"extract(month FROM {day}) * 100 + extract(day FROM {day}) "
            "< extract(month FROM p.birth) * 100 + extract(day FROM p.birth)"
        )
        age = f"({age} - CASE WHEN {later} THEN 1 ELSE 0 END)"
    low = f"{age} >= {asked.low}" if asked.low is not None else None
    high = f"{age} <= {asked.high}" if asked.high is not None else None
    return f"({conditions(low, high)})"


def _value(asked: Value) -> str:
    low, high = (None if limit is None else f"CAST({limit!r} AS REAL)" for limit in (asked.low, asked.high))
    return (
        "("
        + conditions(
            "u.value IS NOT NULL",
            _in("u.unit", asked.units) if asked.units else None,
            f"u.value {'>=' if asked.low_included else '>'} {low}" if low else None,
            f"u.value {'<=' if asked.high_included else '<'} {high}" if high else None,
        )
        + ")"
    )


def _observed(plan: Plan, units: str, asked: Observed) -> str:
    lo, hi = window_sql(asked.window, "u.first", "u.last")
    if asked.covers is Covers.ANY_DAY:
        touching = conditions(f"o.first <= {hi}" if hi else None, f"o.last >= {lo}" if lo else None)
    else:
        touching = conditions(f"o.first <= {lo}", f"o.last >= {hi}") if lo and hi else "false"
    days = f"{lo} <= {hi}" if lo and hi else None
    return plan.step(
        "in_observation",
        f"SELECT DISTINCT u.row FROM {units} u JOIN {observed(plan)} o ON o.person_id = u.person_id "
        f"WHERE {conditions(touching, days)}",
    )


def touching(how: Touches, lo: str | None, hi: str | None, *, rows: str = "e") -> str:
    """Return the condition that a row touches a window."""
    first, last = f"{rows}.first", f"{rows}.last"
    if how is Touches.OVERLAPS:
        parts = [f"{first} <= {hi}" if hi else None, f"{last} >= {lo}" if lo else None]
    elif how is Touches.INSIDE:
        parts = [f"{first} >= {lo}" if lo else None, f"{last} <= {hi}" if hi else None]
    else:
        day = first if how is Touches.STARTS else last
        parts = [f"{day} >= {lo}" if lo else None, f"{day} <= {hi}" if hi else None]
    return conditions(*parts, f"{lo} <= {hi}" if lo and hi else None)


def _has(plan: Plan, units: str, asked: Has) -> str:
    found = events(plan, asked.events)
    provided = meeting(plan, found, asked.provided, of=asked.events.table)
    lo, hi = window_sql(asked.window, "u.first", "u.last")
    found_with = together(asked, lo, hi)
    if asked.choose is not Choose.ANY:
        place = f"row_number() OVER (PARTITION BY u.row ORDER BY {order_of(asked.choose, asked.stands)}) AS place"
        picked = f"SELECT u.row, e.row AS chosen, {place} FROM {units} u JOIN {found} e ON {found_with}"
        return plan.step(
            "has", f"SELECT c.row FROM ({picked}) c JOIN {provided} m ON m.row = c.chosen WHERE c.place = 1"
        )
    if asked.at_least == 1:
        return plan.step("has", f"SELECT DISTINCT u.row FROM {units} u JOIN {provided} e ON {found_with}")
    number = number_of(asked.distinct)
    return plan.step(
        "has",
        f"SELECT u.row FROM {units} u JOIN {provided} e ON {found_with} "
        f"GROUP BY u.row HAVING {number} >= {asked.at_least}",
    )


def _summary(plan: Plan, units: str, asked: Summary) -> str:
    rows = asked.rows
    provided = with_millionths(
        plan, meeting(plan, events(plan, rows.events), rows.provided, of=rows.events.table), asked
    )
    lo, hi = window_sql(rows.window, "u.first", "u.last")
    return plan.step(
        "summary",
        f"SELECT u.row FROM {units} u JOIN {provided} e ON {together(rows, lo, hi)} "
        f"GROUP BY u.row HAVING {summary_sql(asked)}",
    )


def together(asked: Has, lo: str | None, hi: str | None) -> str:
    """Return the condition that a row, called `e`, is looked for by a unit, called `u`, in a window."""
    visit = "e.visit = u.visit AND u.visit <> -1" if asked.same_visit else None
    return f"e.person_id = u.person_id AND {conditions(touching(asked.touches, lo, hi), visit)}"


def number_of(distinct: Distinct) -> str:
    """Return SQL that counts rows, called `e`."""
    match distinct:
        case Distinct.ROWS:
            return "count(*)"
        case Distinct.DAYS:
            return "count(DISTINCT e.first)"
        case Distinct.CODES:
            return "count(DISTINCT e.concept)"


def _in(column: str, concepts: tuple[int, ...]) -> str:
    return f"{column} IN ({', '.join(map(str, concepts))})"

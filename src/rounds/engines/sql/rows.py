# ruff: noqa: S608  SQL is built from our own names, whole numbers and dates only
"""Criteria asked of rows: each becomes the table of those rows of which it holds."""

from rounds.engines.rows import MOMENT_ORDER, OBSERVED, PEOPLE, marked_sql, result_sql
from rounds.engines.sql.coded import coded, in_sql, scored
from rounds.engines.sql.groups import group_joins
from rounds.engines.sql.plan import Plan, conditions, date_sql, window_sql
from rounds.engines.sql.summaries import change_sql, summary_sql, with_millionths, with_values
from rounds.measures.choices import AgeBy, Choose, Covers, Distinct, Stands, Touches
from rounds.measures.criteria import (
    AllOf,
    AnyOf,
    Change,
    Criterion,
    Events,
    Graded,
    Has,
    Lies,
    Not,
    Reaches,
    Scored,
    Summary,
)
from rounds.measures.events import EventTable
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
        rows = scored(plan, asked.score)
    else:
        rows = coded(plan, asked.table, asked.codes, asked.without_end)
    found = meeting(plan, rows, asked.where, of=asked.table)
    if not asked.first:
        return found
    ranked = f"row_number() OVER (PARTITION BY e.person_id ORDER BY {order_of(Choose.FIRST)}) AS place"
    return plan.step("first", f"SELECT * FROM (SELECT e.*, {ranked} FROM {found} e) r WHERE place = 1")


def order_of(choose: Choose, stands: Stands = Stands.AT_THE_MOMENT) -> str:
    """Return the order of rows, called `e`, in which the one that is chosen comes first."""
    return _ORDER[choose, stands]


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
                return in_sql("u.answer", self.plan.concepts[criterion.codes])
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
            case Change():
                return self._flag(_change(self.plan, self.units, criterion))
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
            in_sql("u.unit", asked.units) if asked.units else None,
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
        return plan.step(
            "has", one_row(asked, f"FROM {units} u JOIN {found} e ON {found_with}", provided, keys=("u.row",))
        )
    if asked.at_least == 1:
        return plan.step("has", f"SELECT DISTINCT u.row FROM {units} u JOIN {provided} e ON {found_with}")
    number = number_of(asked.distinct)
    return plan.step(
        "has",
        f"SELECT u.row FROM {units} u JOIN {provided} e ON {found_with} "
        f"GROUP BY u.row HAVING {number} >= {asked.at_least}",
    )


def one_row(asked: Has, matched: str, provided: str, *, keys: tuple[str, ...], more: str = "") -> str:
    """Return a query of the units of which the one row that is chosen meets what it must.

    Args:
        asked: what is looked for: one row.
        matched: joins units and rows, called `e`, that are in their window.
        provided: the table of the rows that meet what a chosen one must.
        keys: the columns that tell units apart.
        more: other columns that are wanted, of the chosen row, called `m`.
    """
    if asked.choose is Choose.ANY:  # somebody's first ever is one already
        return f"SELECT {', '.join(keys)}{more} {matched} JOIN {provided} m ON m.row = e.row"
    order = order_of(asked.choose, asked.stands)
    place = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {order}) AS place"
    names = ", ".join(f"c.{key.partition('.')[2]}" for key in keys)
    return (
        f"SELECT {names}{more} FROM (SELECT {', '.join(keys)}, e.row AS chosen, {place} {matched}) c "
        f"JOIN {provided} m ON m.row = c.chosen WHERE c.place = 1"
    )


VALUE_OF_IT = ", m.row AS chosen, m.millionths"
"""What is wanted of a row whose value is compared with another."""


def rows_with_values(plan: Plan, asked: Has) -> tuple[str, str]:
    """Return the tables of the rows among which one is chosen, and of those that meet what it must, in millionths."""
    found = events(plan, asked.events)
    return found, with_millionths(plan, meeting(plan, found, asked.provided, of=asked.events.table))


def _summary(plan: Plan, units: str, asked: Summary) -> str:
    rows = asked.rows
    found = meeting(plan, events(plan, rows.events), rows.provided, of=rows.events.table)
    lo, hi = window_sql(rows.window, "u.first", "u.last")
    return plan.step(
        "summary",
        f"SELECT u.row FROM {units} u JOIN {with_values(plan, found, asked)} e ON {together(rows, lo, hi)} "
        f"GROUP BY u.row HAVING {summary_sql(asked)}",
    )


def _change(plan: Plan, units: str, asked: Change) -> str:
    def value_of(had: Has) -> str:
        found, provided = rows_with_values(plan, had)
        lo, hi = window_sql(had.window, "u.first", "u.last")
        matched = f"FROM {units} u JOIN {found} e ON {together(had, lo, hi)}"
        return plan.step("value", one_row(had, matched, provided, keys=("u.row",), more=VALUE_OF_IT))

    both = f"{value_of(asked.of)} a JOIN {value_of(asked.since)} b ON b.row = a.row"
    return plan.step("change", f"SELECT a.row FROM {both} WHERE {change_sql(asked)}")


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

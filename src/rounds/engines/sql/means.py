# ruff: noqa: S608  SQL is built from our own names, whole numbers, numbers of definitions and dates only
"""Means: what each unit adds to a sum, in whole steps, and how many people and units there are."""

from rounds.engines.asked import records_question
from rounds.engines.rows import GOES_ON_TO
from rounds.engines.sql.groups import band_sql, group_joins, numbered
from rounds.engines.sql.people import Masks
from rounds.engines.sql.plan import Plan, date_sql, periods_sql, window_sql
from rounds.engines.sql.rows import events, meeting, number_of, order_of, people, together, touching
from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue, Quantity, Take
from rounds.measures.choices import Choose
from rounds.measures.criteria import Has
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion, Rows
from rounds.measures.windows import Anchor


def mean_sql(plan: Plan, measure: Measure, amount: Amount, periods: tuple[Period, ...]) -> str:
    """Return a query of place, sex, oldest age of the band, steps, units, people who add any, people and levels.

    Args:
        plan: to which the steps are added.
        measure: what is counted.
        amount: what each unit adds.
        periods: at most as many as a mask has bits.
    """
    question = records_question(measure)
    match question.unit:
        case People():
            units, names = _of_people(plan, measure, question.unit, amount, periods)
        case Rows():
            units, names = _of_rows(plan, measure, question.unit, amount, periods)
        case PersonTime():
            raise TypeError("time has no mean")
    return (
        "SELECT place, sex, band, CAST(sum(steps) AS BIGINT) AS steps, count(*) AS units, "
        "count(DISTINCT CASE WHEN steps > 0 THEN person_id END) AS people_with, count(DISTINCT person_id) AS people"
        f"{names} FROM (SELECT g.*, {band_sql(measure)} AS band FROM ({units}) g) b GROUP BY place, sex, band{names}"
    )


def _of_people(
    plan: Plan, measure: Measure, unit: People, amount: Amount, periods: tuple[Period, ...]
) -> tuple[str, str]:
    """Return a query of every person and period with an amount, and the names of the columns of levels."""
    question = records_question(measure)
    masks = Masks(plan=plan, periods=periods)
    who = "" if question.who is None else " & coalesce(w.mask, 0)"
    joined = "" if question.who is None else f"LEFT JOIN {masks.table(question.who)} w ON w.person_id = p.person_id"
    leading, places = group_joins(plan, measure.groupings, "p", of_rows=False)
    shown, names = numbered(places)
    found = _found_by_people(plan, question, masks)
    age = "CAST(extract(year FROM t.lo) AS BIGINT) - p.born"
    sql = (
        f"SELECT p.person_id, t.place, p.sex, {age} AS age, {_steps(amount, 'v.value')} AS steps{shown} "
        f"FROM {people(plan)} p JOIN {masks.table(unit.criterion)} a ON a.person_id = p.person_id {joined} "
        f"JOIN {periods_sql(periods, bits=True)} ON (a.mask{who} & t.bit) <> 0 "
        f"LEFT JOIN {found} v ON v.person_id = p.person_id AND v.place = t.place {leading}"
    )
    return f"SELECT * FROM ({sql}) s WHERE steps IS NOT NULL", names


def _found_by_people(plan: Plan, question: RecordsQuestion, masks: Masks) -> str:
    """Return the table (person_id, place, value) of what is found of people in periods."""
    asked = _looks_for(question)
    windows = (asked.window.on(period.start, period.end) for period in masks.periods)
    values = ", ".join(f"({place}, {date_sql(lo)}, {date_sql(hi)})" for place, (lo, hi) in enumerate(windows))
    provided = _provided(plan, asked)
    matched = (
        f"FROM {provided} e JOIN (VALUES {values}) AS w(place, lo, hi) ON {touching(asked.touches, 'w.lo', 'w.hi')}"
    )
    return plan.step("found", _taken(_amount(question).of, "e.person_id, w.place", "person_id, place", matched))


def _of_rows(plan: Plan, measure: Measure, unit: Rows, amount: Amount, periods: tuple[Period, ...]) -> tuple[str, str]:
    """Return a query of every row and period with an amount, the first ones of each person."""
    question = records_question(measure)
    units = meeting(plan, events(plan, unit.events), question.who, of=unit.events.table)
    joined, value = "", ""
    match amount.of:
        case Nights():
            days = "CAST(date_diff('day', e.first, e.last) AS BIGINT)"
            value = f"CASE WHEN e.last < {date_sql(GOES_ON_TO)} THEN {days} END"
        case OwnValue():
            value = "e.value"
        case FoundValue() | HowMany():
            asked = _looks_for(question)
            lo, hi = window_sql(asked.window, "u.first", "u.last")
            matched = f"FROM {units} u JOIN {_provided(plan, asked)} e ON {together(asked, lo, hi)}"
            found = plan.step("found", _taken(amount.of, "u.row", "row", matched))
            joined, value = f"LEFT JOIN {found} v ON v.row = e.row", "v.value"
    leading, places = group_joins(plan, measure.groupings, "e", of_rows=True)
    shown, names = numbered(places)
    day = "e.first" if unit.counted_on is Anchor.START else "e.last"
    sized = plan.step("sized", f"SELECT e.*, {_steps(amount, value)} AS steps FROM {units} e {joined}")
    ranked = f"row_number() OVER (PARTITION BY e.person_id, t.place ORDER BY {order_of(Choose.FIRST)}) AS turn"
    sql = (
        "SELECT e.person_id, t.place, p.sex, CAST(extract(year FROM e.first) AS BIGINT) - p.born AS age, e.steps, "
        f"{ranked}{shown} FROM {sized} e JOIN {people(plan)} p ON p.person_id = e.person_id "
        f"JOIN {periods_sql(periods)} ON {day} BETWEEN t.lo AND t.hi {leading} WHERE e.steps IS NOT NULL"
    )
    return f"SELECT person_id, place, sex, age, steps{names} FROM ({sql}) s WHERE turn <= {amount.most_each}", names


def _taken(of: Quantity, keys: str, names: str, matched: str) -> str:
    """Return a query of the values that are taken of the rows, called `e`, that were matched to units."""
    match of:
        case HowMany(rows=asked):
            return f"SELECT {keys}, {number_of(asked.distinct)} AS value {matched} GROUP BY {keys}"
        case FoundValue(take=Take.LOWEST | Take.HIGHEST as take):
            end = "min" if take is Take.LOWEST else "max"
            return f"SELECT {keys}, {end}(e.value) AS value {matched} GROUP BY {keys}"
        case FoundValue(take=take):
            order = order_of(Choose.FIRST if take is Take.FIRST else Choose.LAST)
            turn = f"row_number() OVER (PARTITION BY {keys} ORDER BY {order}) AS turn"
            return f"SELECT {names}, value FROM (SELECT {keys}, e.value, {turn} {matched}) t WHERE turn = 1"
        case _:
            raise TypeError("nothing is looked for")


def _provided(plan: Plan, asked: Has) -> str:
    return meeting(plan, events(plan, asked.events), asked.provided, of=asked.events.table)


def _steps(amount: Amount, value: str) -> str:
    """Return SQL for an amount in steps above the lowest, by the formula of `Amount`."""
    low, high, step, half = (f"CAST('{number!r}' AS DOUBLE)" for number in (amount.low, amount.high, amount.step, 0.5))
    steps = (
        f"CAST(floor((least(greatest(CAST({value} AS DOUBLE), {low}), {high}) - {low}) / {step} + {half}) AS BIGINT)"
    )
    missing = amount.in_steps(0) if isinstance(amount.of, HowMany) else amount.steps_if_missing
    return f"CASE WHEN {value} IS NOT NULL THEN {steps} ELSE {'NULL' if missing is None else missing} END"


def _amount(question: RecordsQuestion) -> Amount:
    if question.amount is None:
        raise TypeError("the question is not about a mean")
    return question.amount


def _looks_for(question: RecordsQuestion) -> Has:
    if question.looks_for is None:
        raise TypeError("the mean looks for no rows")
    return question.looks_for

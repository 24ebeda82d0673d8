# ruff: noqa: S608  SQL is built from our own names, whole numbers and numbers of definitions only
"""Values taken together: the conditions that their mean or their sum, or how two differ, lies in a range."""

from collections.abc import Callable

from rounds.engines.sql.plan import Plan, conditions
from rounds.measures.choices import Statistic
from rounds.measures.criteria import Change, Summary
from rounds.measures.millionths import FARTHEST, MILLION, PARTS, limit_in_millionths
from rounds.measures.traits import Value

_EXACT = "DECIMAL(38, 0)"
"""What every database adds up whole numbers in without an end being reached."""


def with_millionths(plan: Plan, rows: str) -> str:
    """Return the table of rows that have a value, with it in millionths."""
    lowest, highest = _number(-FARTHEST), _number(FARTHEST)
    held = f"SELECT r.*, least(greatest(CAST(r.value AS DOUBLE), {lowest}), {highest}) AS held FROM {rows} r"
    return plan.step("millionths", f"SELECT h.*, {_millionths('h.held')} AS millionths FROM ({held}) h")


def with_values(plan: Plan, rows: str, asked: Summary) -> str:
    """Return the table of rows that have a value, with what a summary is made of."""
    return rows if asked.of in (Statistic.LOWEST, Statistic.HIGHEST) else with_millionths(plan, rows)


def change_sql(asked: Change) -> str:
    """Return the condition on a row, called `a`, and another, called `b`, both with `chosen` and `millionths`."""
    # Rows of two tables may have one number; a score is only compared with itself.
    two = "a.chosen <> b.chosen" if asked.of.events.table is asked.since.events.table else None
    change = "a.millionths - b.millionths"
    return conditions(two, _beyond_limits(asked.limits, lambda sign, limit: f"{change} {sign} {_whole(limit)}"))


def summary_sql(asked: Summary) -> str:
    """Return the condition on a group of rows, as `with_values` gives them."""
    return _beyond_limits(asked.limits, lambda sign, limit: _beyond(asked.of, sign, limit))


def _beyond_limits(limits: Value, beyond: Callable[[str, float], str]) -> str:
    low = None if limits.low is None else beyond(">=" if limits.low_included else ">", limits.low)
    high = None if limits.high is None else beyond("<=" if limits.high_included else "<", limits.high)
    return conditions(low, high)


def _beyond(of: Statistic, sign: str, limit: float) -> str:
    match of:
        case Statistic.LOWEST:
            return f"min(e.value) {sign} CAST({limit!r} AS REAL)"
        case Statistic.HIGHEST:
            return f"max(e.value) {sign} CAST({limit!r} AS REAL)"
        case Statistic.SUM:
            return f"sum(CAST(e.millionths AS {_EXACT})) {sign} {_whole(limit)}"
        case Statistic.MEAN:
            # A mean is above a limit if all that is above it outweighs what is below: nothing need be divided.
            return f"sum(CAST(e.millionths - ({_whole(limit)}) AS {_EXACT})) {sign} 0"


def _whole(limit: float) -> int:
    found = limit_in_millionths(limit)
    if found is None:
        raise ValueError("a limit that is refused where it is written")
    return found


def _millionths(held: str) -> str:
    """Return SQL for a number in millionths, by the formula of `in_millionths`."""
    cases = " ".join(
        f"WHEN abs({held}) < {_number(below)} THEN {_in_parts(held, parts)} * {MILLION // parts}"
        for below, parts in PARTS
    )
    return f"CASE {cases} ELSE {_in_parts(held, 1)} * {MILLION} END"


def _in_parts(held: str, parts: int) -> str:
    return f"CAST(floor({held} * {_number(parts)} + {_number(0.5)}) AS BIGINT)"


def _number(number: float) -> str:
    return f"CAST('{float(number)!r}' AS DOUBLE)"

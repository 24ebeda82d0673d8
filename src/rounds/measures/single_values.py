"""Summaries that can be said of single values: the lowest is at least 5 if there is a value and none is below 5."""

from dataclasses import replace

from rounds.measures.choices import Statistic
from rounds.measures.criteria import AllOf, Criterion, Has, Not, Summary
from rounds.measures.traits import Value

_ANY = Value(units=())


def by_single_values(summary: Summary) -> Criterion | None:
    """Return a criterion that is met just where a summary is, and asks of each value alone; None if there is none.

    There is none for a mean and a sum.
    """
    if summary.of not in (Statistic.LOWEST, Statistic.HIGHEST):
        return None
    limits = summary.limits
    up_to = replace(_ANY, high=limits.high, high_included=limits.high_included or limits.high is None)
    from_on = replace(_ANY, low=limits.low, low_included=limits.low_included or limits.low is None)
    if summary.of is Statistic.LOWEST:
        some, none = up_to, replace(_ANY, high=limits.low, high_included=not from_on.low_included)
    else:
        some, none = from_on, replace(_ANY, low=limits.high, low_included=not up_to.high_included)
    reached = _provided(summary.rows, some)
    if none.low is None and none.high is None:
        return reached
    return AllOf(of=(reached, Not(of=_provided(summary.rows, none))))


def _provided(rows: Has, value: Value) -> Has:
    if value == _ANY:
        return rows
    return replace(rows, provided=value if rows.provided is None else AllOf(of=(rows.provided, value)))

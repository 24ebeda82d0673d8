"""Values taken together: their mean, their sum, the lowest and the highest of them, and how two differ."""

from collections.abc import Sequence
from fractions import Fraction

from rounds.engines.reference.rows import Row, between, single
from rounds.measures.choices import Statistic
from rounds.measures.criteria import Change, Summary
from rounds.measures.millionths import MILLION, in_millionths


def lies_between(asked: Summary, values: Sequence[float]) -> bool:
    """Say whether what is asked of some values lies in its range; of no values it does not."""
    if not values:
        return False
    low, high = asked.limits.low, asked.limits.high
    match asked.of:
        case Statistic.LOWEST:
            return between(asked.limits, min(values), low=single(low), high=single(high))
        case Statistic.HIGHEST:
            return between(asked.limits, max(values), low=single(low), high=single(high))
        case Statistic.SUM:
            found = Fraction(sum(map(in_millionths, values)), MILLION)
        case Statistic.MEAN:
            found = Fraction(sum(map(in_millionths, values)), MILLION * len(values))
    return between(asked.limits, found, low=_written(low), high=_written(high))


def has_changed(asked: Change, of: Sequence[Row], since: Sequence[Row]) -> bool:
    """Say whether the value of one row less that of another lies in a range; of one row alone it does not.

    Args:
        asked: what is asked.
        of: the row, or none.
        since: the other one, or none.
    """
    values = [row.value for row in (*of, *since) if row.value is not None]
    if len(values) < 2 or of[0] == since[0]:
        return False
    value, other = map(in_millionths, values)
    change = Fraction(value - other, MILLION)
    return between(asked.limits, change, low=_written(asked.limits.low), high=_written(asked.limits.high))


def _written(limit: float | None) -> Fraction | None:
    """Return a limit as it was written: 0.1 is a tenth."""
    return None if limit is None else Fraction(repr(float(limit)))

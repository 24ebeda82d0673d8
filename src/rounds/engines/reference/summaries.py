"""Values taken together: their mean, their sum, the lowest and the highest of them."""

from collections.abc import Sequence
from fractions import Fraction

from rounds.engines.reference.rows import between, single
from rounds.measures.choices import Statistic
from rounds.measures.criteria import Summary
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


def _written(limit: float | None) -> Fraction | None:
    """Return a limit as it was written: 0.1 is a tenth."""
    return None if limit is None else Fraction(repr(float(limit)))

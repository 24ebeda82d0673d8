"""Amounts: what each unit adds to a mean, never less than a lowest and never more than a highest.

An amount is counted in whole steps above the lowest, so that sums are whole numbers and every engine has the same, and
so that it is known how much one person can change a sum.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from rounds.errors import DefinitionError
from rounds.measures.choices import Distinct, Extent
from rounds.measures.criteria import MOST_TIMES, Events, Has, Scored, check_measured, check_plain
from rounds.measures.events import WITH_END, EventTable

MOST_STEPS: Final = 1000
"""From the lowest to the highest. What leaves a site is rounded to so much more that finer steps would say nothing."""


_FARTHEST: Final = 1e6


class Take(StrEnum):
    """Which of the values found is meant. Of several at the same moment it is the highest, as for a first row."""

    FIRST = "first"
    LAST = "last"
    LOWEST = "lowest"
    HIGHEST = "highest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """How many nights a row lasts: its last day less its first. One whose end is not recorded has no amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnValue:
    """The number of the row that is counted, or the score of the set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundValue:
    """The number, or the score, of one of the rows that a plain `had` finds, of those that have one."""

    rows: Has
    take: Take

    def __post_init__(self) -> None:
        check_plain(self.rows, by="a mean")
        if self.rows.distinct is not Distinct.ROWS:
            raise DefinitionError("a value is of one row; remove `distinct`", field="distinct")
        check_measured(self.rows.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class HowMany:
    """How many rows, days or codes a plain `had` finds. It is never missing, for none is 0."""

    rows: Has

    def __post_init__(self) -> None:
        check_plain(self.rows, by="a mean")


Quantity = Nights | OwnValue | FoundValue | HowMany


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What one unit adds to a mean: a quantity, at least `low` and at most `high`, to the nearest of the steps between.

    A quantity `v` counts as `floor((min(max(v, low), high) - low) / step + 0.5)` steps, in double precision, so that
    halves are rounded up: away from the lowest. Values are as single precision holds them.
    """

    of: Quantity
    low: float
    high: float
    step: float
    most_each: int = 1
    """Of one person's units in a period that have an amount, at most so many count: the first ones."""
    if_missing: float | None = None
    """What a unit without the quantity counts as; without it such a unit is left out."""

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            if not abs(getattr(self, name)) <= _FARTHEST:
                raise DefinitionError(f"this is from {-_FARTHEST:,.0f} to {_FARTHEST:,.0f}", field=name)
        if self.high <= self.low:
            raise DefinitionError(f"the highest, {self.high:g}, is not above the lowest, {self.low:g}", field="high")
        if self.step <= 0:
            raise DefinitionError(f"a step is above 0, not {self.step:g}", field="step")
        span, step = _exact(self.high) - _exact(self.low), _exact(self.step)
        if span % step:
            raise DefinitionError(
                f"steps of {self.step:g} do not lead from {self.low:g} to {self.high:g}; correct one of the three",
                field="step",
            )
        if span / step > MOST_STEPS:
            raise DefinitionError(
                f"these are {float(span / step):,.0f} steps from {self.low:g} to {self.high:g}, and {MOST_STEPS:,} "
                "is the most; write a longer step",
                field="step",
            )
        if not 1 <= self.most_each <= MOST_TIMES:
            raise DefinitionError(f"this is from 1 to {MOST_TIMES}, not {self.most_each}", field="most_each")
        self._check_missing()
        if isinstance(self.of, HowMany) and (_exact(self.low) % 1 or _exact(self.step) % 1):
            raise DefinitionError("a number of rows is a whole one; so are its limits and its step", field="step")

    def _check_missing(self) -> None:
        if self.if_missing is None:
            return
        if isinstance(self.of, HowMany):
            raise DefinitionError("a number of rows is never missing; remove this", field="if_missing")
        inside = math.isfinite(self.if_missing) and self.low <= self.if_missing <= self.high
        if not inside or (_exact(self.if_missing) - _exact(self.low)) % _exact(self.step):
            raise DefinitionError(
                f"{self.if_missing:g} is none of the steps of {self.step:g} from {self.low:g} to {self.high:g}",
                field="if_missing",
            )

    @property
    def steps(self) -> int:
        """How many steps the highest is above the lowest: the most that one unit adds."""
        return int((_exact(self.high) - _exact(self.low)) / _exact(self.step))

    @property
    def steps_if_missing(self) -> int | None:
        """How many steps a unit without the quantity counts as; None if it is left out."""
        return None if self.if_missing is None else self.in_steps(self.if_missing)

    @property
    def looks_for(self) -> Has | None:
        """The rows that are looked for."""
        return self.of.rows if isinstance(self.of, FoundValue | HowMany) else None

    def in_steps(self, value: float) -> int:
        """Return how many steps above the lowest a quantity counts as.

        >>> Amount(of=Nights(), low=0.0, high=60.0, step=0.5).in_steps(2.25), Amount(
        ...     of=Nights(), low=10.0, high=60.0, step=5.0).in_steps(99)
        (5, 10)
        """
        return math.floor((min(max(float(value), self.low), self.high) - self.low) / self.step + 0.5)


def check_amount(amount: Amount, *, events: Events | Scored | None) -> None:
    """Raise unless an amount can be asked of rows, or of people in a period if there are none.

    Raises:
        DefinitionError: if such a unit has no such quantity.
    """
    if events is None and amount.most_each != 1:
        raise DefinitionError("a person is counted once a period; remove `most_each`", field="mean")
    if events is None and isinstance(amount.of, Nights | OwnValue):
        raise DefinitionError("a person in a period has no nights and no value; count rows that have", field="mean")
    if isinstance(amount.of, Nights):
        if isinstance(events, Scored) or (events is not None and events.table not in WITH_END):
            raise DefinitionError(f"only rows of {' or '.join(sorted(WITH_END))} have nights", field="mean")
        if events is not None and events.table is not EventTable.COHORT and events.without_end is Extent.FIRST_DAY:
            raise DefinitionError("a stay whose end is not recorded has not ended: it goes `on and on`", field="mean")
    if isinstance(amount.of, OwnValue) and events is not None:
        check_measured(events)


def _exact(number: float) -> Fraction:
    """Return a number as it was written: 0.1 is a tenth."""
    return Fraction(repr(float(number)))

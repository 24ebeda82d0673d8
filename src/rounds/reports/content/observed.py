"""Observed counts as they may be shown: a value where there is one, and always its bounds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, hypot, sqrt

import polars as pl

from rounds.disclosure.bounded import State
from rounds.learning.intervals import Z95, wilson_ends
from rounds.measures.definitions import Measure
from rounds.measures.kinds import CountKind
from rounds.reports.insight import Cell, Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a count: `value` is None exactly when it is withheld, `lower` and `upper` always hold."""

    value: int | None
    lower: int
    upper: int
    noisy: int | None = None
    """as it was drawn, where noise was added: below 0 perhaps; `value` is what is shown for it"""
    has_noise: bool = False
    """whether noise was added to it, or to a part of it where another part is withheld"""

    def __post_init__(self) -> None:
        if not 0 <= self.lower <= self.upper:
            raise ValueError(f"bounds must satisfy 0 <= lower <= upper, not {self.lower} and {self.upper}")
        if self.value is not None and not self.lower <= self.value <= self.upper:
            raise ValueError(f"the value {self.value} lies outside its bounds {self.lower} to {self.upper}")

    @classmethod
    def exactly(cls, value: int) -> "Known":
        return cls(value=value, lower=value, upper=value)

    @classmethod
    def drawn(cls, value: int, *, lower: int, upper: int) -> "Known":
        """Return a number with noise. Only what is shown of it is brought within its bounds."""
        return cls(value=min(max(value, lower), upper), lower=lower, upper=upper, noisy=value, has_noise=True)

    @property
    def cell(self) -> Cell:
        """What a table shows for it."""
        return Mark.WITHHELD if self.value is None else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A numerator and its denominator in one period, member or stratum."""

    numerator: Known
    denominator: Known
    over_time: bool = False
    """The denominator is time, of which a numerator is no part: a rate has no upper end."""
    lowest: float = 0.0
    """What a numerator of 0 stands for, over each of the denominator: of a mean its lowest, in steps."""
    most: int = 1
    """The most that one of the denominator adds to the numerator: of a mean its steps."""

    @property
    def withheld(self) -> bool:
        return self.numerator.value is None or self.denominator.value is None

    @property
    def noisy(self) -> bool:
        """Whether noise was added to it, or to a part of it."""
        return self.numerator.has_noise or self.denominator.has_noise

    def rate(self, per: float) -> float | None:
        """Return the rate per `per`, or None where it is withheld or its denominator is 0; of a mean per step."""
        top, bottom = self.numerator.value, self.denominator.value
        return None if top is None or not bottom else self._at_most(per * self.lowest + per * top / bottom, per)

    def _at_most(self, rate: float, per: float) -> float:
        return rate if self.over_time else min(rate, self._ends(per)[1])

    def _ends(self, per: float) -> tuple[float, float]:
        """Return the lowest and the highest there can be, but of events over time."""
        return per * self.lowest, float(per * (self.lowest + self.most))

    def share(self, rate: float) -> float:
        """Return where a rate per 1 lies between the lowest, which is 0, and the highest, which is 1."""
        return rate if self.over_time else min(max((rate - self.lowest) / self.most, 0.0), 1.0)

    def rate_bounds(self, per: float) -> tuple[float, float]:
        """Return the lowest and highest rate per `per` that the bounds allow.

        A numerator never exceeds its denominator, so no rate exceeds `per`; of events over time it is as many as there
        may be in a day. A mean lies between the lowest and the highest that one can add.
        """
        if self.denominator.upper == 0:
            return self._ends(per)
        lowest = per * self.lowest + per * self.numerator.lower / self.denominator.upper
        if self.denominator.lower:
            highest = per * self.lowest + per * self.numerator.upper / self.denominator.lower
        else:
            highest = per * max(self.numerator.upper, 1) if self.over_time else self._ends(per)[1]
        return self._at_most(lowest, per), self._at_most(highest, per)

    def interval95(self, per: float, *, dispersion: float = 1.0) -> tuple[float, float]:
        """Return a 95 % interval per `per` that holds whatever the true count between the bounds is.

        Args:
            per: the rate is per this many.
            dispersion: how many times the count varies as much as chance makes it; 1 or more, see `dispersion_of`.

        Source: Wilson (1927), J Am Stat Assoc 22:209-212, evaluated at both ends of the bounds, with the denominator
            divided by the dispersion; of events over time Rao's score interval of a Poisson count, likewise. A mean
            is placed between its ends as a proportion is between 0 and 1: with ends and mean given, nothing varies
            more than what is at one end or the other (Bhatia and Davis 2000, Am Math Mon 107:353-357), so the
            interval is at least as wide as independent units need. Several of one person are taken as independent, as
            they are in a proportion of visits.
        """
        if self.denominator.upper == 0:
            return self._ends(per)
        if self.over_time:
            least, most = self.numerator.lower, self.numerator.upper
            low, high = _poisson(least, dispersion)[0], _poisson(most, dispersion)[1]
            return per * low / self.denominator.upper, per * high / max(self.denominator.lower, 1)
        size = max(self.denominator.lower, 1) / dispersion
        lowest, highest = (self.share(rate / per) for rate in self.rate_bounds(per))
        ends = float(wilson_ends(lowest, size, Z95)[0]), float(wilson_ends(highest, size, Z95)[1])
        return per * (self.lowest + self.most * ends[0]), per * (self.lowest + self.most * ends[1])


def _poisson(events: int, dispersion: float) -> tuple[float, float]:
    """Return the limits of a count's mean: those at which it lies 1.96 standard errors away."""
    spread = Z95**2 * dispersion
    half = sqrt(spread * events + spread**2 / 4)
    return max(0.0, events + spread / 2 - half), events + spread / 2 + half


def total(parts: Iterable[Observed]) -> Observed:
    """Return the sum of several: its bounds are the sums of the bounds, and it has a value only if every part has.

    >>> part = Observed(numerator=Known(value=None, lower=1, upper=7), denominator=Known.exactly(100))
    >>> total([part, part]).rate_bounds(1000)
    (10.0, 70.0)
    """
    found = list(parts)
    return Observed(
        numerator=_sum([part.numerator for part in found]),
        denominator=_sum([part.denominator for part in found]),
        over_time=any(part.over_time for part in found),
        lowest=found[0].lowest if found else 0.0,
        most=found[0].most if found else 1,
    )


def dispersion_of(*stretches: Sequence[Observed]) -> float:
    """Return how many times as much as chance alone the periods of each stretch vary about its own rate.

    A withheld period is taken where its bounds come nearest to that rate: what it could be besides is in the bounds of
    the sum already, and counting it twice hides changes (`docs/statistics/variation.md`). Never less than 1.

    Args:
        stretches: periods within which the rate is taken to be one and the same; a stretch of one period tells nothing.

    Source: Pearson's chi-squared over its degrees of freedom (McCullagh and Nelder 1989, Generalized Linear Models,
        section 4.5).

    >>> steady = [Observed(numerator=Known.exactly(20), denominator=Known.exactly(100))] * 6
    >>> dispersion_of(steady)
    1.0
    """
    squares, freedom = 0.0, 0
    for stretch in stretches:
        together = total(stretch)
        rate = sum(together.share(end) for end in together.rate_bounds(1)) / 2
        over_time = any(period.over_time for period in stretch)
        if len(stretch) < 2 or rate <= 0 or (rate >= 1 and not over_time):
            continue
        for period in stretch:
            lower, upper = (period.share(end) for end in period.rate_bounds(1))
            shown = period.rate(1)
            shown = None if shown is None else period.share(shown)
            distance = (shown if shown is not None else min(max(rate, lower), upper)) - rate
            squares += period.denominator.upper * distance**2 / (rate if over_time else rate * (1 - rate))
        freedom += len(stretch) - 1
    return max(1.0, squares / freedom) if freedom else 1.0


def _sum(parts: list[Known]) -> Known:
    """Return a sum. Noise is added up before anything is brought to 0; it grows with the root of how many there are."""
    sure = [part for part in parts if part.noisy is None]
    lower, upper = sum(part.lower for part in sure), sum(part.upper for part in sure)
    drawn = [(part.noisy, part.upper - part.noisy) for part in parts if part.noisy is not None]
    values = [part.value for part in sure if part.value is not None]
    shown = len(values) == len(sure)
    if not drawn:
        has_noise = any(part.has_noise for part in parts)
        return Known(value=sum(values) if shown else None, lower=lower, upper=upper, has_noise=has_noise)
    noisy, reach = sum(value for value, _ in drawn), ceil(hypot(*(reach for _, reach in drawn)))
    lower, upper = lower + max(0, noisy - reach), upper + max(0, noisy + reach)
    if not shown:
        return Known(value=None, lower=lower, upper=upper, has_noise=True)
    return Known.drawn(sum(values) + noisy, lower=lower, upper=upper)


def observed_from_cells(cells: pl.DataFrame, measure: Measure) -> tuple[Observed, ...]:
    """Return one `Observed` a row of a table whose columns are those of `rounds.disclosure.bounded.bounded_schema`.

    Of sums there may be a column more of each quantity, `_has_noise`: where a part is withheld, the state does not say.
    """
    over_time, amount = measure.kind is CountKind.RATE, measure.amount
    lowest, most = (0.0, 1) if amount is None else (amount.low / amount.step, amount.steps)
    found = []
    for row in cells.iter_rows(named=True):
        pair = {}
        for quantity in ("numerator", "denominator"):
            state, value = row[f"{quantity}_state"], row[f"{quantity}_value"]
            lower, upper = row[f"{quantity}_lower"], row[f"{quantity}_upper"]
            if state == State.NOISY:
                pair[quantity] = Known.drawn(value, lower=lower, upper=upper)
            else:
                shown = None if state == State.WITHHELD else value
                has_noise = row.get(f"{quantity}_has_noise", False)
                pair[quantity] = Known(value=shown, lower=lower, upper=upper, has_noise=has_noise)
        found.append(Observed(**pair, over_time=over_time, lowest=lowest, most=most))
    return tuple(found)

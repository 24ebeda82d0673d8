"""What the benefit of a return has cost and is worth, line by line, where somebody has declared prices.

Whole units of the currency add up as events do: each member's quarter is rounded, and every total is their sum.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from rounds.learning.benefit.rules import ONE_DAY
from rounds.learning.benefit.totals import Benefited, Counting, Quarter, benefited, quarter_of
from rounds.learning.intervals import Z95
from rounds.learning.value.programme import Declared, Per
from rounds.learning.value.realised import DRAWS, Amounts, Money, Taken, ends, expected
from rounds.learning.value.simulations import Interval, Matrix, Vector
from rounds.reports.content.benefit_lines import ALL_PROGRAMMES, Level, Line, Places, Span
from rounds.reports.content.wording import listing

SEED: Final = 0
"""Of the simulations behind intervals: the same ledger and prices make the same return."""
NOT_FOUND: Final = "no benefit was found that could be valued, and without one there is no net benefit"
DRAWS_OF_A_SITE: Final = 2_000
"""Behind an interval of one site, which is wide; there are many of them."""
UNTOLD: Final = "nothing can be expected without the innovation, so nobody is said to have benefited"
_HUNDREDTHS: Final = 100
"""of a unit of health, in which it is added up"""
_DAYS_A_YEAR: Final = 365.25
_OVER_TIME: Final = (Per.ONCE, Per.YEAR, Per.SITE_ONCE, Per.SITE_YEAR)
_TIMES: Final = len(_OVER_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What programmes are declared to cost and their effect to be worth."""

    declared: tuple[Declared, ...] = ()
    unread: tuple[str, ...] = ()
    """why files could not be read"""

    def of(self, innovation: str, measure: str) -> Declared | str:
        """Return the prices of a programme in a measure, or why there are none."""
        found = [one for one in self.declared if (one.innovation, one.measure) == (innovation, measure)]
        if len(found) > 1:
            return f"{listing([one.id for one in found])} price it; keep one of the files"
        if found:
            return found[0]
        elsewhere = [one.measure for one in self.declared if one.innovation == innovation]
        if elsewhere:
            return f"what it costs is counted once, with {listing(elsewhere)}"
        return "; ".join(("no prices are declared for it", *self.unread))


NO_PRICES: Final = Prices()


def with_money(lines: Sequence[Line], kept: Sequence[Counting], *, places: Places, prices: Prices) -> tuple[Line, ...]:
    """Return the lines of a return with what their benefit has cost and is worth, or why that is not said.

    Args:
        lines: from `return_lines`.
        kept: what they are the sums of.
        places: under whose code an entry counts.
        prices: what has been declared.
    """
    by_programme: dict[tuple[str, str], list[Counting]] = {}
    for one in kept:
        by_programme.setdefault(one.statement.programme, []).append(one)
    found: dict[int, Money | str] = {}
    for (innovation, measure), counting in by_programme.items():
        own = [at for at, line in enumerate(lines) if (line.innovation, line.measure) == (innovation, measure)]
        declared = prices.of(innovation, measure)
        whole = next(
            lines[at].total for at in own if lines[at].level is Level.NETWORK and lines[at].window.span is Span.ALL
        )
        if whole.benefited is not None and whole.benefited.lower <= 0 and not isinstance(declared, str):
            declared = NOT_FOUND
        if isinstance(declared, str):
            found |= dict.fromkeys(own, declared)
            continue
        found |= dict.fromkeys(own, UNTOLD)
        told = [at for at in own if lines[at].total.benefited is not None]
        for draws, some in (
            (DRAWS, [at for at in told if lines[at].level is not Level.SITE]),
            (DRAWS_OF_A_SITE, [at for at in told if lines[at].level is Level.SITE]),
        ):
            made = _priced(declared, [lines[at] for at in some], counting, places, draws=draws)
            found |= dict(zip(some, made, strict=True))
    valued = [replace(line, money=found.get(at, UNTOLD)) for at, line in enumerate(lines)]
    return tuple(
        replace(line, money=_together(line, valued)) if line.innovation == ALL_PROGRAMMES else line for line in valued
    )


def _priced(
    declared: Declared, lines: Sequence[Line], counting: Sequence[Counting], places: Places, *, draws: int
) -> list[Money]:
    """Return the money of lines in which somebody is said to have benefited, all of one programme."""
    if not lines:
        return []
    by_code: dict[str, list[Counting]] = {}
    for one in counting:
        by_code.setdefault(places.of(one), []).append(one)
    codes = sorted(by_code)
    regions = [places.member(code).region for code in codes]
    first = min(quarter_of(one.entry.start) for one in counting)
    quarters = sorted({quarter_of(one.entry.start) for one in counting})
    years = np.array([_year(quarter) - _year(first) for quarter in quarters])
    rates = (declared.discounting.costs, declared.discounting.health)
    factors = tuple((1.0 + rate) ** -years.astype(np.float64) for rate in rates)
    row = {code: at for at, code in enumerate(codes)}
    column = {quarter: at for at, quarter in enumerate(quarters)}
    cells = np.zeros((_TIMES + 1, len(codes), len(quarters)))
    for one, times in zip(counting, _times(counting), strict=True):
        if one.entry.avoided is not None:
            at = row[places.of(one)], column[quarter_of(one.entry.start)]
            cells[:, at[0], at[1]] += [*times, one.share * one.entry.avoided.value]
    inside = [(_rows(line, row, regions), _columns(line, quarters)) for line in lines]
    factor_of = {quarter: (float(factors[0][at]), float(factors[1][at])) for quarter, at in column.items()}
    own = [
        [one for at in rows for one in by_code[codes[at]]] if line.window.span is Span.ALL else []
        for line, (rows, _) in zip(lines, inside, strict=True)
    ]
    events = (
        [(_told(line), _told(line)) for line in lines],
        [_discounted(line, counted, factor_of) for line, counted in zip(lines, own, strict=True)],
    )
    both = []
    for told, (money, health) in zip(events, ((np.ones(len(quarters)),) * 2, factors), strict=True):
        in_cells = Taken(
            times=dict(zip(_OVER_TIME, (cells[:_TIMES] * money).reshape(_TIMES, -1), strict=True)),
            events=(cells[_TIMES] * money).ravel(),
            error=np.zeros(0),
            health_events=(cells[_TIMES] * health).ravel(),
            health_error=np.zeros(0),
        )
        shown = _whole(declared, in_cells).reshape(-1, len(codes), len(quarters))
        sums = np.concatenate([cells[:_TIMES] * money, shown])
        summed = np.array([sums[:, rows][:, :, columns].sum(axis=(1, 2)) for rows, columns in inside])
        taken = Taken(
            times=dict(zip(_OVER_TIME, summed[:, :_TIMES].T, strict=True)),
            events=np.array([one.value for one, _ in told]),
            error=np.array([one.half_width / Z95 for one, _ in told]),
            health_events=np.array([one.value for _, one in told]),
            health_error=np.array([one.half_width / Z95 for _, one in told]),
        )
        both.append(_amounts(declared, summed[:, _TIMES:], ends(declared, taken, seed=SEED, draws=draws)))
    return [
        Money(declared=(declared,), now=now, present=present, since=first.financial_year)
        for now, present in zip(*both, strict=True)
    ]


def _times(counting: Sequence[Counting]) -> list[tuple[float, ...]]:
    """Return, in the order of `_OVER_TIME`, how often each cost fell due in each entry.

    What a programme costs however many use it is laid evenly on those that use it, day by day; what falls due once, on
    the first period, if the ledger knows of the time before it.
    """
    entries = [one.entry for one in counting]
    begins = min(one.statement.first for one in counting)
    edges = sorted({day for one in entries for day in (one.start, one.end + ONE_DAY)})
    place = {day: at for at, day in enumerate(edges)}
    change = np.zeros(len(edges))
    for one in entries:
        change[place[one.start]] += 1
        change[place[one.end + ONE_DAY]] -= 1
    using = np.maximum(np.cumsum(change)[:-1], 1)
    parts = np.concatenate([[0.0], np.cumsum([(two - one).days for one, two in pairwise(edges)] / using)])
    earliest = min(one.start for one in entries)
    at_first = [one for one in entries if one.start == earliest]
    starts = all(one.since >= begins for one in at_first)
    own_first: dict[str, int] = {}
    for at, one in enumerate(entries):
        if one.member not in own_first or one.start < entries[own_first[one.member]].start:
            own_first[one.member] = at
    return [
        (
            float(starts and one.start == earliest) / len(at_first),
            float(parts[place[one.end + ONE_DAY]] - parts[place[one.start]]) / _DAYS_A_YEAR,
            float(own_first[one.member] == at and one.since >= begins),
            one.days / _DAYS_A_YEAR,
        )
        for at, one in enumerate(entries)
    ]


def _rows(line: Line, row: Mapping[str, int], regions: Sequence[str]) -> list[int]:
    match line.level:
        case Level.NETWORK:
            return list(row.values())
        case Level.REGION:
            return [at for at, region in enumerate(regions) if region == line.region]
        case Level.SITE:
            return [row[line.scope]]


def _columns(line: Line, quarters: Sequence[Quarter]) -> slice:
    held = [at for at, quarter in enumerate(quarters) if line.window.holds(quarter.start)]
    return slice(held[0], held[-1] + 1)


def _year(quarter: Quarter) -> int:
    return int(quarter.financial_year[:4])


def _told(line: Line) -> Benefited:
    if line.total.benefited is None:
        raise ValueError("only lines in which somebody is said to have benefited are valued")
    return line.total.benefited


def _discounted(
    line: Line, counted: Sequence[Counting], factor_of: Mapping[Quarter, tuple[float, float]]
) -> tuple[Benefited, Benefited]:
    """Return the events of a line, discounted as money and as health; of a line over several years from its entries."""
    told = _told(line)
    if line.window.span is not Span.ALL:
        within = next(one for quarter, one in factor_of.items() if line.window.holds(quarter.start))
        return _times_factor(told, within[0]), _times_factor(told, within[1])
    found = []
    for which in (0, 1):
        less = [replace(one, share=one.share * factor_of[quarter_of(one.entry.start)][which]) for one in counted]
        found.append(benefited(less) or told)
    return found[0], found[1]


def _times_factor(found: Benefited, factor: float) -> Benefited:
    return Benefited(value=found.value * factor, lower=found.lower * factor, upper=found.upper * factor)


def _whole(declared: Declared, cells: Taken) -> Matrix:
    """Return what is added up: spent, saved, health in hundredths, its worth; whole, shape (quantities, cells)."""
    found = expected(declared, cells)
    return np.rint(np.stack([found.spent, found.saved, _HUNDREDTHS * found.health, *found.worth]))


def _amounts(declared: Declared, summed: Matrix, found: Matrix) -> list[Amounts]:
    return [
        Amounts(
            spent=_held(spent, between[0]),
            saved=_held(saved, between[1]),
            net_cost=_held(spent - saved, between[2]),
            health=None if declared.health is None else _held(health / _HUNDREDTHS, between[3], digits=2),
            net_benefit=tuple(
                _held(worth - spent + saved, one) for worth, one in zip(worths, between[4:], strict=True)
            ),
        )
        for (spent, saved, health, *worths), between in zip(summed.tolist(), found, strict=True)
    ]


def _held(value: float, between: Vector, *, digits: int = 0) -> Interval:
    """Return a number with its interval, which holds it whatever was rounded."""
    low, high = (round(float(one), digits) for one in between)
    return Interval(estimate=value, lower=min(low, value), upper=max(high, value))


def _together(line: Line, lines: Iterable[Line]) -> Money | str:
    """Return the money of all programmes in one measure: sums of theirs, whose errors add up as those of events do."""
    own = [
        one
        for one in lines
        if one.measure == line.measure and one.level is Level.NETWORK and one.innovation != ALL_PROGRAMMES
        if one.window.span is line.window.span
        if line.window.start <= one.window.start and one.window.end <= line.window.end
    ]
    parts = []
    for one in own:
        if isinstance(one.money, str):
            return f"{one.innovation} is not valued: {one.money}"
        parts.append(one.money)
    if not parts:
        return UNTOLD
    ways = {
        (one.since, one.worths, first.currency, first.price_year, first.unit, first.discounting)
        for one in parts
        for first in one.declared[:1]
    }
    if len(ways) > 1:
        return "its programmes are priced in different ways: in currency, price year, discounting or worth"
    return Money(
        declared=tuple(declared for one in parts for declared in one.declared),
        now=_added([one.now for one in parts]),
        present=_added([one.present for one in parts]),
        since=parts[0].since,
    )


def _added(parts: Sequence[Amounts]) -> Amounts:
    health = [one.health for one in parts if one.health is not None]
    return Amounts(
        spent=_sum([one.spent for one in parts]),
        saved=_sum([one.saved for one in parts]),
        net_cost=_sum([one.net_cost for one in parts]),
        health=_sum(health) if len(health) == len(parts) else None,
        net_benefit=tuple(_sum(list(same)) for same in zip(*(one.net_benefit for one in parts), strict=True)),
    )


def _sum(parts: Sequence[Interval]) -> Interval:
    return Interval(
        estimate=sum(one.estimate for one in parts),
        lower=sum(one.lower for one in parts),
        upper=sum(one.upper for one in parts),
    )

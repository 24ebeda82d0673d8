"""The totals of a network's return, whole as they are shown, and the check that they are the sums of their parts."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from rounds.learning.benefit.reconcile import Shown, Sum, refuse_unreconciled
from rounds.learning.benefit.rounding import whole_parts
from rounds.learning.benefit.totals import Counting, Quarter, Total, quarter_of, total, totals_by
from rounds.learning.value.realised import Money
from rounds.network.members import Member, Membership

ALL_PROGRAMMES = "all programmes"
SINCE_START = "since the start"
_EXACT = 1e-9
_HALF_A_HUNDREDTH = 0.005
"""Money adds up in whole units of its currency, health in hundredths."""


class Level(StrEnum):
    SITE = "site"
    REGION = "region"
    NETWORK = "network"


class Span(StrEnum):
    """How long a period of the return is."""

    QUARTER = "quarter"
    YEAR = "financial year"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A period of the return: a quarter, a financial year so far, or everything so far."""

    span: Span
    label: str
    start: date
    end: date

    def holds(self, day: date) -> bool:
        return self.start <= day <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One total of the return."""

    innovation: str
    """id, or `ALL_PROGRAMMES`"""
    measure: str
    """id, without the version"""
    level: Level
    scope: str
    scope_name: str
    region: str
    """empty for the network"""
    window: Window
    total: Total
    shown: int | None
    """those benefited as a whole number; None if nothing can be said"""
    money: Money | str = "nobody has priced it"
    """what it has cost and is worth, or why that is not said"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Who an entry counts under, and where that is."""

    membership: Membership
    counts_under: Callable[[str, date], str]

    def inside(self, counting: Iterable[Counting]) -> tuple[list[Counting], list[Counting]]:
        """Return what counts for the network, and what does not because its member did not belong."""
        known = {member.ods_code: member for member in self.membership.members}
        kept: list[Counting] = []
        outside: list[Counting] = []
        for one in counting:
            member = known.get(self.of(one))
            belongs = member is not None and member.belongs_on(one.entry.start)
            (kept if belongs else outside).append(one)
        return kept, outside

    def of(self, one: Counting) -> str:
        return self.counts_under(one.entry.member, one.entry.start)

    def member(self, code: str) -> Member:
        return next(member for member in self.membership.members if member.ods_code == code)


def windows(quarters: Sequence[Quarter]) -> tuple[Window, ...]:
    """Return each quarter, each financial year as far as it goes, and everything."""
    found = [
        Window(span=Span.QUARTER, label=quarter.label, start=quarter.start, end=quarter.end) for quarter in quarters
    ]
    for year in dict.fromkeys(quarter.financial_year for quarter in quarters):
        own = [quarter for quarter in quarters if quarter.financial_year == year]
        whole = own[-1].financial_number == 4
        label = year if whole else f"{year} to {own[-1].end:%b %Y}"
        found.append(Window(span=Span.YEAR, label=label, start=own[0].start, end=own[-1].end))
    found.append(Window(span=Span.ALL, label=SINCE_START, start=quarters[0].start, end=quarters[-1].end))
    return tuple(found)


def return_lines(kept: Sequence[Counting], places: Places, last: Quarter) -> tuple[Line, ...]:
    """Return every total by site, region and network, for each quarter, financial year and all together.

    Args:
        kept: what counts for the network.
        places: under whose code it counts.
        last: the latest quarter.
    """
    by_measure: dict[str, list[Counting]] = {}
    for one in kept:
        by_measure.setdefault(one.statement.programme[1], []).append(one)
    lines: list[Line] = []
    for measure, same in by_measure.items():
        programmes: dict[str, list[Counting]] = {}
        for one in same:
            programmes.setdefault(one.statement.innovation, []).append(one)
        own: list[Line] = []
        for innovation, counting in programmes.items():
            own += _programme_lines(innovation, measure, counting, places, last)
        lines += own
        if len(programmes) > 1:
            lines += _together(measure, same, own, windows(_quarters(same, last)))
    return tuple(lines)


def _quarters(counting: Sequence[Counting], last: Quarter) -> list[Quarter]:
    """Return every quarter from the first with an entry to the last asked for, also those without any."""
    found = [min(quarter_of(one.entry.start) for one in counting)]
    while found[-1] < last:
        found.append(quarter_of(date.fromordinal(found[-1].end.toordinal() + 1)))
    return found


def _programme_lines(
    innovation: str, measure: str, counting: Sequence[Counting], places: Places, last: Quarter
) -> list[Line]:
    quarters = _quarters(counting, last)
    codes = sorted({places.of(one) for one in counting})
    members = [places.member(code) for code in codes]
    regions = sorted({member.region for member in members})
    shown = _shown(counting, places, codes, quarters, [[m.region == region for m in members] for region in regions])
    spans = windows(quarters)
    by_code: dict[str, list[Counting]] = {}
    for one in counting:
        by_code.setdefault(places.of(one), []).append(one)
    scopes = [
        (Level.NETWORK, "network", "the network", "", codes),
        *(
            (Level.REGION, region, region, region, [m.ods_code for m in members if m.region == region])
            for region in regions
        ),
        *((Level.SITE, member.ods_code, member.name, member.region, [member.ods_code]) for member in members),
    ]
    found = []
    for level, scope, name, region, inside in scopes:
        own = [one for code in inside for one in by_code[code]]
        for window in spans:
            part = total([one for one in own if window.holds(one.entry.start)])
            whole = [
                shown[code, quarter]
                for code in inside
                for quarter in quarters
                if window.holds(quarter.start) and (code, quarter) in shown
            ]
            if part.entries:
                found.append(
                    Line(
                        innovation=innovation,
                        measure=measure,
                        level=level,
                        scope=scope,
                        scope_name=name,
                        region=region,
                        window=window,
                        total=part,
                        shown=sum(whole) if whole else None,
                    )
                )
    return found


def _shown(
    counting: Sequence[Counting],
    places: Places,
    codes: Sequence[str],
    quarters: Sequence[Quarter],
    regions: Sequence[Sequence[bool]],
) -> dict[tuple[str, Quarter], int]:
    """Return each member's quarter as a whole number, where there is one."""
    told = [one for one in counting if one.entry.avoided is not None]
    exact = totals_by(told, lambda one: (places.of(one), quarter_of(one.entry.start)))
    values = np.zeros((len(codes), len(quarters)))
    row, column = ({key: at for at, key in enumerate(keys)} for keys in (codes, quarters))
    for (code, quarter), found in exact.items():
        if found.benefited is not None:
            values[row[code], column[quarter]] = found.benefited.value
    years = dict.fromkeys(quarter.financial_year for quarter in quarters)
    whole = whole_parts(
        values,
        rows=[np.array(region) for region in regions],
        columns=[np.array([quarter.financial_year == year for quarter in quarters]) for year in years],
    )
    return {(code, quarter): int(whole[row[code], column[quarter]]) for code, quarter in exact}


def _together(measure: str, counting: Sequence[Counting], own: Sequence[Line], spans: Sequence[Window]) -> list[Line]:
    """Return the network's totals over all programmes of a measure."""
    found = []
    for window in spans:
        parts = [
            line.shown
            for line in own
            if line.level is Level.NETWORK and line.window.start >= window.start and line.window.span is Span.QUARTER
            if line.window.end <= window.end and line.shown is not None
        ]
        inside = [one for one in counting if window.holds(one.entry.start)]
        if inside:
            found.append(
                Line(
                    innovation=ALL_PROGRAMMES,
                    measure=measure,
                    level=Level.NETWORK,
                    scope="network",
                    scope_name="the network",
                    region="",
                    window=window,
                    total=total(inside),
                    shown=sum(parts) if parts else None,
                )
            )
    return found


def check_lines(lines: Sequence[Line], *, what: str) -> None:
    """Make sure that every total shown is the sum of the parts shown: sites, regions, network; quarters, years, all.

    What is compared are the numbers of the lines themselves, whole as they are shown and before they were rounded.

    Raises:
        Unreconciled: naming each total that is not.
    """
    shown = [line for line in lines if line.shown is not None]
    refuse_unreconciled(_sums(_parts(shown), lambda line: float(line.shown or 0)), what=what)
    exact = [line for line in shown if line.total.benefited is not None]
    largest = max((abs(_value(line)) for line in exact), default=0.0)
    within = _EXACT * max(largest, 1.0)
    refuse_unreconciled(_sums(_parts(exact), _value), what=f"{what}, before rounding", tolerance=within)
    amounts = {id(line): _amounts(line) for line in lines}
    parts = _parts([line for line in lines if amounts[id(line)]])
    for name in sorted({name for found in amounts.values() for name in found}):
        own = [(whole, some) for whole, some in parts if name in amounts[id(whole)]]
        values = {at: found[name] for at, found in amounts.items() if name in found}
        refuse_unreconciled(_sums(own, _known(values)), what=f"{what}, {name}", tolerance=_HALF_A_HUNDREDTH)


def _known(values: Mapping[int, float]) -> Callable[[Line], float]:
    return lambda line: values[id(line)]


def _amounts(line: Line) -> dict[str, float]:
    """Return every sum of money of a line by its name; none where it is not valued."""
    if isinstance(line.money, str):
        return {}
    both = (("", line.money.now), (", present value", line.money.present))
    return {f"{name}{when}": one.estimate for when, amounts in both for name, one in amounts.named.items()}


def _value(line: Line) -> float:
    return line.total.benefited.value if line.total.benefited is not None else math.nan


def _sums(parts: Iterable[tuple[Line, Sequence[Line]]], value: Callable[[Line], float]) -> list[Sum]:
    def shown(line: Line) -> Shown:
        return Shown(
            place=f"{line.innovation}, {line.measure}, {line.scope_name}, {line.window.label}", value=value(line)
        )

    return [Sum(total=shown(whole), parts=tuple(shown(part) for part in some)) for whole, some in parts]


def _parts(lines: Sequence[Line]) -> list[tuple[Line, Sequence[Line]]]:
    """Return every total with the lines that it is the sum of."""
    found: list[tuple[Line, Sequence[Line]]] = []
    at: dict[tuple[str, str, Level, Window], list[Line]] = {}
    over: dict[tuple[str, str, Level, str, Span], list[Line]] = {}
    for line in lines:
        at.setdefault((line.innovation, line.measure, line.level, line.window), []).append(line)
        over.setdefault((line.innovation, line.measure, line.level, line.scope, line.window.span), []).append(line)
    for line in lines:
        own = (line.innovation, line.measure)
        if line.innovation == ALL_PROGRAMMES:
            parts = [one for one in lines if one.measure == line.measure and one.innovation != ALL_PROGRAMMES]
            parts = [one for one in parts if one.level is Level.NETWORK and _inside(one, line, Span.QUARTER)]
            found.append((line, parts))
            continue
        if line.level is Level.NETWORK:
            found.append((line, at.get((*own, Level.REGION, line.window), [])))
        if line.level is Level.REGION:
            sites = at.get((*own, Level.SITE, line.window), [])
            found.append((line, [one for one in sites if one.region == line.region]))
        finer = {Span.YEAR: Span.QUARTER, Span.ALL: Span.YEAR}.get(line.window.span)
        if finer is not None:
            inside = over.get((*own, line.level, line.scope, finer), [])
            found.append((line, [one for one in inside if _inside(one, line, finer)]))
    return found


def _inside(part: Line, whole: Line, span: Span) -> bool:
    return part.window.span is span and whole.window.start <= part.window.start and part.window.end <= whole.window.end

"""Several networks' returns added up: the nation."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rounds.errors import DefinitionError
from rounds.learning.benefit.entries import Counted
from rounds.learning.benefit.reconcile import Shown, Sum, refuse_unreconciled
from rounds.reports.content.benefit_lines import SINCE_START, Line, Span
from rounds.reports.content.benefit_money_tables import NOT_VALUED, value_of
from rounds.reports.content.benefit_return import QuarterlyReturn
from rounds.reports.content.benefit_tables import asked_for, benefited_words, reached_words


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalLine:
    """One total over networks, with the parts it is the sum of."""

    innovation: str
    measure_title: str
    label: str
    networks: int
    sites: int
    reached_lower: int
    reached_upper: int
    reached_unit: str
    shown: int | None
    """those benefited; the sum of what the networks show"""
    lower: int
    upper: int
    benefited_unit: str
    value: tuple[float, float, float] | None
    """what it is worth, with its interval; None if some network's part is not valued, or valued in another way"""
    value_is: str
    """what the value is, or why there is none"""
    parts: tuple[tuple[str, int | None], ...]
    """(network, those benefited)"""

    @property
    def fields(self) -> dict[str, object]:
        return asdict(self)


def national_lines(returns: Sequence[QuarterlyReturn]) -> tuple[NationalLine, ...]:
    """Return the sums of several networks' returns for one quarter: its own, its year so far, and since the start.

    Networks are independent, so that their errors add up in squares.

    Raises:
        DefinitionError: if the returns are of different quarters, two are of one network, or a member is in two.
        Unreconciled: if a total is not the sum of its parts.
    """
    _refuse_unlike(returns)
    groups: dict[tuple[str, str, Span], list[tuple[QuarterlyReturn, Line]]] = {}
    for one in returns:
        for line in asked_for(one):
            groups.setdefault((line.innovation, line.measure, line.window.span), []).append((one, line))
    found = tuple(_added(innovation, span, parts) for (innovation, _, span), parts in groups.items())
    sums = [
        Sum(
            total=Shown(place=f"the nation, {line.innovation}, {line.label}", value=float(line.shown or 0)),
            parts=tuple(Shown(place=name, value=float(value or 0)) for name, value in line.parts),
        )
        for line in found
    ]
    refuse_unreconciled(sums, what="the nation's return")
    return found


def _added(innovation: str, span: Span, parts: Sequence[tuple[QuarterlyReturn, Line]]) -> NationalLine:
    first, line = parts[0]
    worth, worth_is = _worth(parts)
    statement = first.statement_of(line)
    reached = [part.total.reached for _, part in parts]
    people = statement.reached_counted is Counted.PEOPLE
    told = [part.total.benefited for _, part in parts if part.total.benefited is not None]
    shown = [part.shown for _, part in parts if part.shown is not None]
    value = math.fsum(one.value for one in told)
    half = math.sqrt(math.fsum(one.half_width**2 for one in told))
    return NationalLine(
        innovation=innovation,
        measure_title=statement.measure_title,
        label=SINCE_START if span is Span.ALL else line.window.label,
        networks=len(parts),
        sites=sum(part.total.sites for _, part in parts),
        reached_lower=max(one.lower for one in reached) if people else sum(one.lower for one in reached),
        reached_upper=sum(one.upper for one in reached),
        reached_unit=reached_words(statement),
        shown=sum(shown) if shown else None,
        lower=round(value - half),
        upper=round(value + half),
        benefited_unit=benefited_words(statement),
        value=worth,
        value_is=worth_is,
        parts=tuple((one.asked.network_name, part.shown) for one, part in parts),
    )


def _worth(parts: Sequence[tuple[QuarterlyReturn, Line]]) -> tuple[tuple[float, float, float] | None, str]:
    """Return the value of networks together: never of some of them, and never over currencies, years or worths."""
    found = []
    for one, line in parts:
        worth = value_of(line)
        if isinstance(worth, str):
            return None, f"{worth} ({one.asked.network_name})"
        found.append(worth)
    ways = sorted({what for _, what in found})
    if len(ways) > 1:
        return None, f"{NOT_VALUED}: networks value it in different ways: {'; '.join(ways)}"
    value = math.fsum(one.estimate for one, _ in found)
    below = math.sqrt(math.fsum((one.estimate - one.lower) ** 2 for one, _ in found))
    above = math.sqrt(math.fsum((one.upper - one.estimate) ** 2 for one, _ in found))
    return (value, float(round(value - below)), float(round(value + above))), ways[0]


def _refuse_unlike(returns: Sequence[QuarterlyReturn]) -> None:
    quarters = {one.asked.quarter for one in returns}
    if len(quarters) > 1:
        raise DefinitionError("returns of different quarters are not added up; make them for one quarter")
    owner: dict[str, str] = {}
    names: set[str] = set()
    for one in returns:
        if one.asked.network_id in names:
            raise DefinitionError(f"{one.asked.network_name} is there twice; name each network once")
        names.add(one.asked.network_id)
        for statement in one.statements:
            for entry in statement.entries:
                other = owner.setdefault(entry.member, one.asked.network_name)
                if other != one.asked.network_name:
                    raise DefinitionError(
                        f"{entry.member} is in {other} and in {one.asked.network_name}, so its patients would count "
                        "twice; take it out of one of them"
                    )

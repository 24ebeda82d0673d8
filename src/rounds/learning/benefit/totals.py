"""Sums of the ledger: by member, region, network and nation, by quarter and year, each with its own interval."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

import numpy as np

from rounds.errors import DefinitionError
from rounds.learning.benefit.entries import EFFECT, Counted, Entry, Reached, Statement
from rounds.learning.benefit.rules import Line, Rule, reached_together, shares
from rounds.learning.intervals import Z95

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefited:
    """Events avoided or gained, with a 95 % interval."""

    value: float
    lower: float
    upper: float

    @property
    def half_width(self) -> float:
        return (self.upper - self.lower) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """One entry, and which part of its benefit is counted."""

    statement: Statement
    entry: Entry
    share: float
    """1 unless another programme counts a part of it"""

    @property
    def line(self) -> Line:
        return Line(self.statement.innovation, self.statement.programme[1], self.entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A sum of entries."""

    sites: int
    """members with an entry"""
    reached: Reached
    benefited: Benefited | None
    """None if nothing can be said of any entry"""
    told: int
    """entries with an estimate"""
    entries: int
    shared: int
    """entries of whose benefit another programme counts a part"""


def counted_once(statements: Sequence[Statement], *, rule: Rule) -> tuple[Counting, ...]:
    """Return every entry in force with the part of its benefit that is counted.

    Args:
        statements: those in force, from `latest`; of any number of programmes, measures and networks.
        rule: how programmes that overlap in one measure share.

    Raises:
        DefinitionError: if a member is in two networks, or two statements of one programme speak of the same days.
    """
    _refuse_two_networks(statements)
    found: list[Counting] = []
    by_measure: dict[str, list[Statement]] = {}
    for statement in statements:
        by_measure.setdefault(statement.programme[1], []).append(statement)
    for same in by_measure.values():
        pairs = [(statement, entry) for statement in same for entry in statement.entries]
        lines = [Line(statement.innovation, statement.programme[1], entry) for statement, entry in pairs]
        parts = shares(lines, rule=rule)
        found += [
            Counting(statement=statement, entry=entry, share=part)
            for (statement, entry), part in zip(pairs, parts, strict=True)
        ]
    return tuple(found)


def _refuse_two_networks(statements: Sequence[Statement]) -> None:
    networks: dict[str, str] = {}
    for statement in statements:
        for entry in statement.entries:
            other = networks.setdefault(entry.member, statement.network)
            if other != statement.network:
                raise DefinitionError(
                    f"{entry.member} is in {other} and in {statement.network}, so its patients would count twice; take "
                    "it out of one of them"
                )


def benefited(counting: Sequence[Counting]) -> Benefited | None:
    """Return the sum of what is counted, with its interval; None if no entry has an estimate.

    What entries of one statement share adds up with its sign, what is their own in squares; see the rule `errors-add`.
    """
    of: dict[int, list[Counting]] = {}
    for one in counting:
        if one.entry.avoided is not None:
            of.setdefault(id(one.statement), []).append(one)
    if not of:
        return None
    value = 0.0
    error: dict[str, float] = {}
    for same in of.values():
        statement = same[0].statement
        part, variance = _sum_of(statement, same)
        value += part
        error[statement.network] = error.get(statement.network, 0.0) + float(np.sqrt(max(variance, 0.0)))
    half = Z95 * float(np.sqrt(sum(one**2 for one in error.values())))
    return Benefited(value=value, lower=value - half, upper=value + half)


def _sum_of(statement: Statement, same: Sequence[Counting]) -> tuple[float, float]:
    moves = np.zeros(len(statement.sources))
    value = own = with_effect = 0.0
    for one in same:
        avoided = one.entry.avoided
        if avoided is None:
            continue
        value += one.share * avoided.value
        own += one.share**2 * avoided.own_variance
        with_effect += one.share * avoided.own_with_effect
        for source, slope in avoided.slopes:
            moves[source] += one.share * slope
    return value, float(moves @ statement.sources @ moves) + own + 2.0 * float(moves[EFFECT]) * with_effect


def total(counting: Sequence[Counting]) -> Total:
    """Return a sum of entries, which are of one measure or of none other than the same unit reached."""
    counted = {one.statement.reached_counted for one in counting}
    return Total(
        sites=len({one.entry.member for one in counting}),
        reached=reached_together(
            [one.line for one in counting], counted=Counted.PEOPLE if Counted.PEOPLE in counted else Counted.EVENTS
        ),
        benefited=benefited(counting),
        told=sum(one.entry.avoided is not None for one in counting),
        entries=len(counting),
        shared=sum(one.share < 1.0 for one in counting),
    )


def totals_by(counting: Sequence[Counting], key: Callable[[Counting], Group | None]) -> dict[Group, Total]:
    """Return sums by a key, in the order of the keys' first entries; entries whose key is None are left out."""
    groups: dict[Group, list[Counting]] = {}
    for one in counting:
        group = key(one)
        if group is not None:
            groups.setdefault(group, []).append(one)
    return {group: total(members) for group, members in groups.items()}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Quarter:
    """Three months of a calendar; financial years begin in April."""

    year: int
    """the calendar year"""
    number: int
    """1 to 4: January to March is 1"""

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 4 or not 1900 <= self.year <= 9998:
            raise DefinitionError(f"{self.year}-Q{self.number} is no quarter; write it as 2024-Q3")

    @property
    def start(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def end(self) -> date:
        following = date(self.year + self.number // 4, 3 * (self.number % 4) + 1, 1)
        return date.fromordinal(following.toordinal() - 1)

    @property
    def financial_year(self) -> str:
        """Such as "2024/25": the quarter of January to March is the last of a year."""
        first = self.year - (self.number == 1)
        return f"{first}/{(first + 1) % 100:02}"

    @property
    def financial_number(self) -> int:
        return (self.number - 2) % 4 + 1

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"

    @property
    def label(self) -> str:
        """Such as "Oct to Dec 2024": the number of a quarter means one thing in a calendar and another in the NHS."""
        return f"{self.start:%b} to {self.end:%b %Y}"


def quarter_of(day: date) -> Quarter:
    return Quarter(year=day.year, number=(day.month + 2) // 3)


def read_quarter(text: str) -> Quarter:
    """Return the quarter written as 2024-Q3, of the calendar.

    Raises:
        DefinitionError: if it is none.
    """
    year, dash, number = text.partition("-Q")
    if not (dash and year.isdigit() and number.isdigit()):
        raise DefinitionError(f"`{text}` is no quarter; write it as 2024-Q3 (July to September 2024)")
    return Quarter(year=int(year), number=int(number))


def latest(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return what is in force: of each programme, member and day what the latest round says, by `latest-round`.

    Args:
        statements: in the order in which they were recorded.
    """
    ordered = sorted(enumerate(statements), key=lambda one: (one[1].data_as_of, one[0]), reverse=True)
    said: dict[tuple[str, str, str], list[Statement]] = {}
    found = []
    for _, statement in ordered:
        later = said.setdefault((statement.network, *statement.programme), [])
        kept = tuple(entry for entry in statement.entries if not any(_covers(other, entry) for other in later))
        later.append(statement)
        found.append(statement if len(kept) == len(statement.entries) else replace(statement, entries=kept))
    return tuple(reversed(found))


def _covers(later: Statement, entry: Entry) -> bool:
    """A period that a later statement reaches into is superseded: months and their quarter never stand together."""
    return entry.member in later.members and entry.start <= later.last and later.first <= entry.end

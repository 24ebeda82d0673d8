"""Scores of people: points for what somebody has had, and for who they are, such as CHA2DS2-VASc.

A score is declared once and asked in many measures, so it does not say itself on which day it is asked, nor how far
back it looks. Its criteria are written of a window whose first day is `start` and whose last is `end`; a measure that
asks for the score says where these are, and what comes of it is a criterion like any other.
"""

from dataclasses import dataclass, replace
from datetime import date

from rounds.errors import DefinitionError
from rounds.measures.criteria import (
    AllOf,
    AnyOf,
    Change,
    Criterion,
    Given,
    Graded,
    Has,
    Lies,
    Not,
    Reaches,
    Summary,
    check_askable,
    parts,
)
from rounds.measures.traits import Age, Observed
from rounds.measures.windows import Anchor, Edge, PeriodAnchor, Window

MOST_POINTS = 100
"""The most that a score can add up to: engines keep a bit of each person for every point that is asked for."""

Day = Anchor | PeriodAnchor | date
"""The day on which a score is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonScore:
    """Points that add up, for what is true of a person."""

    id: str
    version: int
    title: str
    of: tuple[Graded, ...]

    def __post_init__(self) -> None:
        most = sum(graded.most for graded in self.of)
        if not 1 <= most <= MOST_POINTS:
            raise DefinitionError(
                f"score {self.id}: its points add up to 1 to {MOST_POINTS}, not to {most}", field="points"
            )
        for graded in self.of:
            for given in graded.given:
                check_in_score(given.to)

    def reached(self, at_least: int, *, first: Edge | None, on: Day) -> Reaches:
        """Return the criterion that a score is at least so many points.

        Args:
            at_least: how many.
            first: the first day that is looked at; None if it is any day.
            on: the day on which the score is asked, the last that is looked at.

        Raises:
            DefinitionError: if a window would end before it begins, or the score has never so many points.
        """
        put_in = _Days(first=first, on=on)
        of = tuple(
            Graded(given=tuple(Given(points=one.points, to=put_in.to(one.to)) for one in graded.given))
            for graded in self.of
        )
        return Reaches(title=self.title, of=of, at_least=at_least)


def added_up(asked: Reaches) -> tuple[Given, ...]:
    """Return the same score as points that all add up: what each criterion gives above the next lower of its kind.

    >>> graded = Graded(given=(Given(points=2, to=Age(low=75)), Given(points=1, to=Age(low=65))))
    >>> [one.points for one in added_up(Reaches(title="Of age", of=(graded,), at_least=2))]
    [1, 1]
    """
    found = []
    for graded in asked.of:
        for place, one in enumerate(graded.given):
            lower = graded.given[place + 1].points if place + 1 < len(graded.given) else 0
            any_of_these = AnyOf(of=tuple(more.to for more in graded.given[: place + 1]))
            found.append(Given(points=one.points - lower, to=any_of_these))
    return tuple(found)


def check_in_score(criterion: Criterion) -> None:
    """Raise unless a criterion can be asked of a person wherever a measure puts the days of a score.

    Raises:
        DefinitionError: if it asks for what only rows have, or names days of its own.
    """
    check_askable(criterion, of=None)
    for part in parts(criterion):
        match part:
            case Lies() | Reaches():
                raise DefinitionError("points of a score are for what a person has or is; ask for something else")
            case Age(at=at) if at is not Anchor.END:
                raise DefinitionError("an age in a score is that on the last day it looks at; write `on: end`")
            case Observed(window=window) | Has(window=window):
                _check_window(window)


def _check_window(window: Window) -> None:
    # Only the last day may be moved: the first may have been moved by the measure already. And nothing may last until
    # the first: a measure that looks back to any time has none.
    starts = window.first is None or window.first.anchor is Anchor.END or window.first == Edge(anchor=Anchor.START)
    if not (starts and (window.last is None or window.last.anchor is Anchor.END)):
        raise DefinitionError(
            "a window in a score runs from `start`, `end` or `end` moved to `end` or `end` moved, or is open (`any "
            "time`); the measure says where they are"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    """Puts the days of a score into its criteria. Those of the rows it looks for are left alone."""

    first: Edge | None
    on: Day

    def to(self, criterion: Criterion) -> Criterion:
        match criterion:
            case Age():
                return replace(criterion, at=self.on)
            case Observed(window=window) | Has(window=window):
                return replace(criterion, window=self._window(window))
            case Summary(rows=rows):
                return replace(criterion, rows=replace(rows, window=self._window(rows.window)))
            case Change(of=one, since=other):
                moved = (replace(rows, window=self._window(rows.window)) for rows in (one, other))
                return replace(criterion, of=next(moved), since=next(moved))
            case AllOf(of=several) | AnyOf(of=several):
                return replace(criterion, of=tuple(map(self.to, several)))
            case Not(of=one):
                return Not(of=self.to(one))
            case _:
                return criterion

    def _window(self, window: Window) -> Window:
        return Window(first=self._edge(window.first), last=self._edge(window.last))

    def _edge(self, edge: Edge | None) -> Edge | None:
        if edge is None:
            return None
        if edge.anchor is Anchor.START:
            return self.first
        if isinstance(self.on, date):
            return Edge(anchor=edge.on(self.on, self.on))
        return replace(edge, anchor=self.on)

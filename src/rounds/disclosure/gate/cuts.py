"""Which statements must be withheld, at the least cost: what every safe choice has to satisfy, found one by one.

A choice is tried by the attacker's linear programme. Where that shows a value to be impossible its duals say which
statements, if withheld, could make it possible: a cut. The cheapest choice that satisfies all cuts is tried next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from rounds.disclosure.gate.narrowing import Part
from rounds.disclosure.gate.solver import ANYTHING, CLOSE, Columns, Effort, Reals, Solution, Solver, reals
from rounds.disclosure.gate.statements import Problem, Terms
from rounds.errors import DisclosureRefusal

SMALLEST: Final = 1e-7
"""Less than this share of a cut is numerical noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row of a part whose statement can be withheld."""

    row: int
    weight: int
    shown: tuple[float, float]
    withheld: tuple[float, float]
    name: str

    @property
    def room_above(self) -> float:
        """How much more is possible at the top if it is withheld."""
        return 0.0 if self.withheld[1] == self.shown[1] else self.withheld[1] - self.shown[1]

    def shows(self, value: float) -> bool:
        """Return whether the statement, shown, allows a value."""
        return self.shown[0] - CLOSE <= value <= self.shown[1] + CLOSE


def candidates(part: Part, problem: Problem) -> tuple[Candidate, ...]:
    """Return the rows of a part whose statements can be withheld."""
    found = []
    for number, row in enumerate(part.rows):
        one = problem.statements[row.of]
        if one.withheld is not None and one.withheld != one.shown:
            found.append(
                Candidate(
                    row=number,
                    weight=one.weight,
                    shown=reals(one.shown, settled=row.settled),
                    withheld=reals(one.withheld, settled=row.settled),
                    name=one.name,
                )
            )
    return tuple(found)


def ends_owed(part: Part, problem: Problem) -> list[tuple[int, int]]:
    """Return (which is asked, value) for the least and largest value that each protected sum of a part must have."""
    return [
        (place, value)
        for place, row in enumerate(part.asked)
        for value in sorted({problem.protected[row.of].owed[0], problem.protected[row.of].owed[-1]})
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What was found about one value of a protected sum."""

    needs: frozenset[int] | None = None
    """The candidates that must be withheld so that it is possible as it was found; None if it is impossible."""
    cut: tuple[tuple[int, float], ...] = ()
    """If it is impossible: (candidate, share), of which what is withheld must add up to 1."""


class Reach:
    """How far a value is from being possible, by the attacker's linear programme, and what could make it possible."""

    def __init__(self, part: Part, problem: Problem, choice: Sequence[Candidate], *, effort: Effort) -> None:
        self._part, self._choice = part, choice
        self._rows, self._columns = len(part.rows), len(part.lower)
        spare = len(part.asked)
        terms: list[Terms] = [row.terms for row in part.rows]
        for number, row in enumerate(part.asked):
            missing, over = self._columns + number, self._columns + spare + number
            terms.append((*row.terms, (missing, 1), (over, -1)))
        self._bounds = [
            *(reals(problem.statements[row.of].shown, settled=row.settled) for row in part.rows),
            *[ANYTHING] * spare,
        ]
        self._ends = Columns(
            costs=np.concatenate([np.zeros(self._columns), np.ones(2 * spare)]),
            lower=np.concatenate([part.lower.astype(np.float64), np.zeros(2 * spare)]),
            upper=np.array([np.inf if one is None else one for one in part.upper] + [np.inf] * (2 * spare)),
        )
        self._linear = Solver(self._ends, terms, self._bounds, effort=effort)
        self._hidden: set[int] = set()

    def hide(self, hidden: set[int]) -> None:
        """Withhold just these candidates, by number."""
        for number in hidden ^ self._hidden:
            one = self._choice[number]
            self._linear.bound_row(one.row, *(one.withheld if number in hidden else one.shown))
        self._hidden = set(hidden)

    def to(self, asked: int, value: int) -> "Reached":
        """Return whether a protected sum can have a value."""
        row = self._rows + asked
        target = float(value - self._part.asked[asked].settled)
        self._linear.bound_row(row, target, target)
        found = self._linear.optimum("what is published contradicts itself")
        self._linear.bound_row(row, *ANYTHING)
        if found.objective > CLOSE:
            return Reached(cut=self._cut(found, row, target))
        outside = (
            number
            for number in self._hidden
            if not self._choice[number].shows(float(found.rows[self._choice[number].row]))
        )
        return Reached(needs=frozenset(outside))

    def _cut(self, found: Solution, row: int, target: float) -> tuple[tuple[int, float], ...]:
        """Return what weak duality says of every choice of what is withheld."""
        duals, reduced = _clean(found.duals), _clean(found.reduced)
        at = np.where(reduced > 0, self._ends.lower, self._ends.upper)
        least = float((reduced[reduced != 0] * at[reduced != 0]).sum()) + float(duals[row]) * target
        for number in np.flatnonzero(duals[: self._rows]).tolist():
            least += float(duals[number]) * self._bounds[number][0 if duals[number] > 0 else 1]
        cut = []
        for number, one in enumerate(self._choice):
            dual = float(duals[one.row])
            if dual == 0.0:
                continue
            gain = (one.shown[0] - one.withheld[0]) if dual > 0 else one.room_above
            share = min(1.0, abs(dual) * gain / least)
            if share > SMALLEST:
                cut.append((number, 1.0 if share > 1 - SMALLEST else share))
        return tuple(cut)


class Cheapest:
    """The cheapest choice that satisfies every cut so far."""

    def __init__(self, choice: Sequence[Candidate], *, effort: Effort) -> None:
        columns = Columns(
            costs=np.array([one.weight for one in choice], dtype=np.float64),
            lower=np.zeros(len(choice)),
            upper=np.ones(len(choice)),
        )
        self._master = Solver(columns, [], [], effort=effort, whole=True, may_stop=True)
        self._cuts: set[tuple[tuple[int, float], ...]] = set()
        self.least = 0
        """No safe choice costs less."""
        self.worked = 0
        """Steps of the simplex method so far."""

    def add(self, cut: tuple[tuple[int, float], ...]) -> None:
        """Take in a cut.

        Raises:
            DisclosureRefusal: if nothing can satisfy it.
        """
        if not cut:
            raise DisclosureRefusal("the gate refuses: even if all that can be withheld is, too much is told")
        if cut not in self._cuts:
            self._cuts.add(cut)
            self._master.add_row(cut, 1.0)

    def choose(self) -> set[int]:
        """Return the numbers of the candidates to withhold."""
        found = self._master.optimum("even if all that can be withheld is, too much is told")
        self.least = max(self.least, ceil(found.bound - CLOSE))
        self.worked += found.steps
        return {int(number) for number in np.flatnonzero(found.columns > 0.5)}


def _clean(values: Reals) -> Reals:
    return np.where(np.abs(values) < SMALLEST, 0.0, values)

"""The cheapest way to make one value possible: which statements a world in which it is so would contradict."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rounds.disclosure.gate.cuts import Candidate
from rounds.disclosure.gate.narrowing import Part
from rounds.disclosure.gate.solver import ANYTHING, CLOSE, Columns, Effort, Solver, reals
from rounds.disclosure.gate.statements import Problem, Terms

SHARPENED: Final = 3
"""How often costs are set anew, so that few statements change much rather than many a little."""


class Flows:
    """Worlds that contradict candidates at a cost: so much for each person that a statement is wrong by."""

    def __init__(
        self, part: Part, problem: Problem, choice: Sequence[Candidate], *, effort: Effort, whole: bool = False
    ) -> None:
        self._part, self._choice, self._whole = part, choice, whole
        columns, spare = len(part.lower), len(choice)
        over = {one.row: columns + number for number, one in enumerate(choice)}
        terms: list[Terms] = [
            (*row.terms, (over[number], -1), (over[number] + spare, 1)) if number in over else row.terms
            for number, row in enumerate(part.rows)
        ]
        terms += [row.terms for row in part.asked]
        bounds = [
            *(reals(problem.statements[row.of].shown, settled=row.settled) for row in part.rows),
            *[ANYTHING] * len(part.asked),
        ]
        ends = Columns(
            costs=np.zeros(columns + 2 * spare),
            lower=np.concatenate([part.lower.astype(np.float64), np.zeros(2 * spare)]),
            upper=np.concatenate(
                [
                    np.array([np.inf if one is None else one for one in part.upper]),
                    np.array([one.room_above for one in choice]),
                    np.array([one.shown[0] - one.withheld[0] for one in choice]),
                ]
            ),
        )
        self._first, self._rows = columns, len(part.rows)
        self._weights = np.array([one.weight for one in choice], dtype=np.float64)
        self._solver = Solver(ends, terms, bounds, effort=effort, whole=whole, may_stop=True)

    def to(self, asked: int, value: int, *, hidden: set[int]) -> set[int]:
        """Return the candidates to withhold, besides those that are, so that a protected sum can have a value.

        Raises:
            DisclosureRefusal: if nothing can make it possible.
        """
        spare, row = len(self._choice), self._rows + asked
        target = float(value - self._part.asked[asked].settled)
        index = np.arange(self._first, self._first + 2 * spare, dtype=np.int32)
        free = np.array([number in hidden for number in range(spare)])
        costs = np.where(free, 0.0, self._weights)
        wrong = np.zeros(spare)
        self._solver.bound_row(row, target, target)
        for _ in range(1 if self._whole else SHARPENED):
            self._solver.cost(index, np.concatenate([costs, costs]))
            found = self._solver.optimum("even if all that can be withheld is, too much is told")
            beyond = found.columns[self._first :]
            wrong = beyond[:spare] + beyond[spare:]
            costs = np.where(free, 0.0, self._weights / (wrong + 0.1))
        self._solver.bound_row(row, *ANYTHING)
        return {int(number) for number in np.flatnonzero((wrong > CLOSE) & ~free)}

"""From one world to another that differs as little as can be: such moves are nearly always in whole numbers.

The corners of a table in three directions are often fractions. The shortest move from a world in whole numbers to one
in which a cell has another value seldom is.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rounds.disclosure.gate.solver import ANYTHING, Columns, Effort, Solution, Solver
from rounds.disclosure.gate.statements import Sums, Terms, Whole

FARTHEST: Final = 1_000_000
"""How many people a move may add to an atom that nothing limits."""

OTHER_LENGTHS: Final = (7919, 104729, 1299709)
"""If the shortest move is a fraction, columns are given other lengths, always the same, and it is tried again."""


class Moves:
    """Shortest moves from a world: what is added to each column and what is taken away."""

    def __init__(
        self,
        columns: Columns,
        rows: Sequence[Terms],
        bounds: Sequence[tuple[float, float]],
        *,
        start: Whole,
        effort: Effort,
    ) -> None:
        self._start, self._sums = start, Sums(rows)
        self._columns = len(start)
        values = self._sums.of(start)
        self._values = values
        up = np.minimum(columns.upper - start, FARTHEST)
        number = np.arange(2 * self._columns)
        self._lengths = [np.ones(2 * self._columns), *(1.0 + number * step % 101 / 50 for step in OTHER_LENGTHS)]
        moved = Columns(
            costs=self._lengths[0],
            lower=np.zeros(2 * self._columns),
            upper=np.concatenate([up, start - columns.lower]),
        )
        # A row that any single column obeys, an asked cell, is no row here: its column is bounded instead.
        self._cells = {
            row: terms[0][0]
            for row, (terms, limits) in enumerate(zip(rows, bounds, strict=True))
            if limits == ANYTHING and len(terms) == 1 and terms[0][1] == 1
        }
        kept = [row for row in range(len(rows)) if row not in self._cells]
        self._place = {row: place for place, row in enumerate(kept)}
        both = [(*rows[row], *((column + self._columns, -times) for column, times in rows[row])) for row in kept]
        left = [(bounds[row][0] - float(values[row]), bounds[row][1] - float(values[row])) for row in kept]
        self._ends = moved.upper
        self._linear = Solver(moved, both, left, effort=effort)
        self._given = (moved, both, left, effort)
        self._whole: Solver | None = None

    def to(self, row: int, value: int) -> Whole | None:
        """Return a world in which a row has a value; None if there is none.

        Raises:
            DisclosureRefusal: if the solver cannot settle it.
        """
        change = value - int(self._values[row])
        moved = None
        for lengths in self._lengths:
            self._linear.start_afresh()
            self._linear.cost(np.arange(2 * self._columns, dtype=np.int32), lengths)
            found = self._asked(self._linear, row, change)
            if found is None:
                return None
            moved = found.whole()
            if moved is not None:
                break
        if moved is None:
            if self._whole is None:
                programme, rows, left, effort = self._given
                self._whole = Solver(programme, rows, left, effort=effort, whole=True, any_will_do=True)
            found = self._asked(self._whole, row, change)
            moved = None if found is None else found.whole()
        if moved is None:
            return None
        world: Whole = self._start + moved[: self._columns] - moved[self._columns :]
        return world

    def _asked(self, solver: Solver, row: int, change: int) -> Solution | None:
        column = self._cells.get(row)
        if column is None:
            solver.bound_row(self._place[row], change, change)
            found = solver.solve()
            solver.bound_row(self._place[row], *ANYTHING)
            return found
        added, taken = column, column + self._columns
        if not -self._ends[taken] <= change <= self._ends[added]:
            return None
        for one, exact in ((added, max(change, 0)), (taken, max(-change, 0))):
            solver.bound_column(one, exact, exact)
        found = solver.solve()
        for one in (added, taken):
            solver.bound_column(one, 0.0, self._ends[one])
        return found

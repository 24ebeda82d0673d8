"""Measures of rows: every row of a block is asked, and added to the periods that its day lies in."""

from dataclasses import dataclass

import numpy as np

from rounds.engines.pack.blocks import Block
from rounds.engines.pack.cell_kernels import tally_rows
from rounds.engines.pack.cells import Cells, band_of_age
from rounds.engines.pack.days import DAYS, day_number, years
from rounds.engines.pack.layout import Array, NotCovered
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.measures.periods import Period
from rounds.measures.questions import RecordsQuestion, Rows
from rounds.measures.windows import Anchor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowsTask:
    """Counts rows and whose they are. Its totals have the shape (rows met, rows, people with each; cells; periods)."""

    question: RecordsQuestion
    unit: Rows
    cells: Cells
    criteria: RowCriteria
    first_place: Array
    last_place: Array
    number: int
    """How many periods there are."""

    @classmethod
    def of(
        cls, rows: RowCriteria, question: RecordsQuestion, unit: Rows, periods: tuple[Period, ...], cells: Cells
    ) -> "RowsTask":
        """Return the task of a question.

        Raises:
            NotCovered: if the pack cannot tell.
        """
        rows.check(unit.events, question.who, question.met)
        rows.refuse_vague(unit.events)
        first, last = places_of_days(periods)
        return cls(
            question=question,
            unit=unit,
            cells=cells,
            criteria=rows,
            first_place=first,
            last_place=last,
            number=len(periods),
        )

    def room(self) -> Array:
        """Return totals of nothing."""
        return np.zeros((4, self.cells.number, self.number), dtype=np.int64)

    def add(self, block: Block, kept: Array, total: Array) -> None:  # noqa: ARG002  other tasks need what is kept
        """Add the rows of a block to the totals."""
        rows = self.criteria.rows(block, self.unit.events)
        asked = self.criteria.flags(rows, self.question.who)
        met = self.criteria.flags(rows, self.question.met)
        counted_on = rows.days("first" if self.unit.counted_on is Anchor.START else "last")
        pack = block.pack
        tally_rows(
            rows.days("first"),
            self.first_place[counted_on],
            self.last_place[counted_on],
            rows.person(),
            asked,
            met,
            self.cells.of_rows(self.criteria.levels, rows),
            pack.sex,
            pack.born,
            years(),
            band_of_age(),
            *self.cells.weights,
            np.zeros((2, self.cells.number, self.number), dtype=np.int32),
            total,
        )


def places_of_days(periods: tuple[Period, ...]) -> tuple[Array, Array]:
    """Return the first and the last period that each day lies in; all between hold it too. None: last before first.

    Raises:
        NotCovered: if a period ends before one that starts before it.
    """
    starts = np.array([day_number(period.start) for period in periods])
    ends = np.array([day_number(period.end) for period in periods])
    if np.any(np.diff(ends) < 0):
        raise NotCovered("a period ends before one that starts before it")
    days = np.arange(DAYS)
    return np.searchsorted(ends, days, side="left"), np.searchsorted(starts, days, side="right") - 1

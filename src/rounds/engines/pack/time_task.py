"""Measures of time at risk: of everybody in a block the days, and the events in them, are added to their periods."""

from dataclasses import dataclass

import numpy as np

from rounds.engines.pack.blocks import Block, RowSet
from rounds.engines.pack.cells import Cells, band_of_age
from rounds.engines.pack.days import LAST_DAY, day_number
from rounds.engines.pack.layout import Array, NotCovered
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.engines.pack.rows_task import places_of_days
from rounds.engines.pack.time_kernels import AtRisk, Happened, InPeriods, Persons, alive, tally_time
from rounds.measures.choices import Distinct
from rounds.measures.criteria import Events
from rounds.measures.events import EventTable
from rounds.measures.periods import Period
from rounds.measures.questions import PersonTime, RecordsQuestion

_DEATHS = Events(table=EventTable.DEATH, codes=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeTask:
    """Counts time and events. Its totals have the shape (events, days, people with each; cells; periods)."""

    question: RecordsQuestion
    unit: PersonTime
    cells: Cells
    criteria: RowCriteria
    periods: InPeriods
    asked: int | None
    """Which of the masks that the program keeps says who is asked about; None for everybody."""

    @classmethod
    def of(
        cls,
        rows: RowCriteria,
        question: RecordsQuestion,
        unit: PersonTime,
        periods: tuple[Period, ...],
        cells: Cells,
        asked: int | None,
    ) -> "TimeTask":
        """Return the task of a question.

        Args:
            rows: the criteria of rows.
            question: what is asked.
            unit: of the question.
            periods: as many as a mask has bits at most.
            cells: what people are counted by.
            asked: which of the masks that the program keeps says who is asked about; None for everybody.

        Raises:
            NotCovered: if the pack cannot tell.
        """
        rows.check(question.happening.events, question.happening.provided)
        rows.check(unit.visits or _DEATHS)
        vague = rows.pack.observed_vague if unit.visits is None else "last" in rows.table(unit.visits.table).vague
        start = np.array([day_number(period.start) for period in periods])
        end = np.array([day_number(period.end) for period in periods])
        if vague and (start.min() < 1 or end.max() >= LAST_DAY - 1):
            raise NotCovered("a period reaches beyond 1900 to 2079, and so does the time at risk")
        first_place, last_place = places_of_days(periods)
        year = np.array([period.start.year for period in periods])
        return cls(
            question=question,
            unit=unit,
            cells=cells,
            criteria=rows,
            periods=InPeriods(start=start, end=end, first_place=first_place, last_place=last_place, year=year),
            asked=asked,
        )

    def room(self) -> Array:
        """Return totals of nothing."""
        return np.zeros((4, self.cells.number, len(self.periods.start)), dtype=np.int64)

    def add(self, block: Block, kept: Array, total: Array) -> None:
        """Add the people of a block to the totals."""
        everybody = np.full(block.people, ~np.uint64(0), dtype=np.uint64)
        asked = everybody if self.asked is None else kept[self.asked, : block.people]
        happening, pack = self.question.happening, block.pack
        rows = self.criteria.rows(block, happening.events)
        by_sex, by_band = self.cells.weights
        tally_time(
            block.base,
            asked,
            self.cells.of_people(self.criteria.levels, block),
            self._alive(block) if self.unit.visits is None else _days_of(self.criteria.rows(block, self.unit.visits)),
            self.unit.visits is not None,
            Happened(begin=rows.begin, day=rows.column("first"), meant=self.criteria.flags(rows, happening.provided)),
            happening.distinct is Distinct.DAYS,
            self.unit.most_each,
            self.periods,
            Persons(sex=pack.sex, born=pack.born, band=band_of_age(), by_sex=by_sex, by_band=by_band),
            total,
        )

    def _alive(self, block: Block) -> AtRisk:
        pack, deaths = block.pack, self.criteria.rows(block, _DEATHS)
        died = np.full(block.people, LAST_DAY, dtype=np.uint16)
        dead = np.flatnonzero(np.diff(deaths.begin))
        died[dead] = deaths.column("first")[deaths.begin[dead]]
        start = pack.observed_start
        number = int(start[block.base + block.people] - start[block.base])
        found = AtRisk(
            begin=np.empty(block.people + 1, dtype=np.int64),
            first=np.empty(number, dtype=np.uint16),
            last=np.empty(number, dtype=np.uint16),
        )
        born = pack.earliest if len(pack.earliest) else pack.birth
        alive(start, pack.observed_first, pack.observed_last, block.base, born, died, found)
        return found


def _days_of(visits: RowSet) -> AtRisk:
    return AtRisk(begin=visits.begin, first=visits.column("first"), last=visits.column("last"))

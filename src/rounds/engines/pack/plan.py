"""What is done for a batch of measures: criteria as steps of one program, and tasks that go through rows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from rounds.engines.codes import records_question
from rounds.engines.duck import Asked
from rounds.engines.grid import Grid
from rounds.engines.pack.blocks import Block
from rounds.engines.pack.cell_kernels import BANDS
from rounds.engines.pack.cells import SEXES, Cells, sexes_and_bands
from rounds.engines.pack.layout import TIME_IN_SQL, Array, NotCovered
from rounds.engines.pack.leveled import LeveledTallies
from rounds.engines.pack.masks import MOST_PERIODS, PeriodMasks
from rounds.engines.pack.program import Program, Tally
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.engines.pack.rows_task import RowsTask
from rounds.engines.pack.steps import Shared
from rounds.measures.counts import Count
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion, Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chunk:
    """Periods that are counted together."""

    number: int
    masks: PeriodMasks
    periods: tuple[Period, ...]


@dataclass(slots=True, kw_only=True)
class Plan:
    """Counts measures that do not name the period, over one pass of all people."""

    rows: RowCriteria
    asked: Sequence[Asked]
    not_covered: dict[int, str] = field(default_factory=dict)
    """The places of measures that the pack cannot tell, and why."""
    _chunks: dict[tuple[Period, ...], _Chunk] = field(default_factory=dict)
    _tallies: list[Tally] = field(default_factory=list)
    _denominators: dict[tuple[Shared, Cells], int] = field(default_factory=dict)
    _tasks: list[RowsTask] = field(default_factory=list)
    _of_people: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """For each measure of people the tallies of its denominator and its numerator, for each chunk of periods."""
    _of_rows: dict[int, int] = field(default_factory=dict)
    """For each measure of rows its task, which counts both."""
    _totals: dict[int, Array] = field(default_factory=dict)
    """Of each tally."""
    _task_totals: list[Array] = field(default_factory=list)

    def run(self, threads: int) -> None:
        """Count them, but for those in `not_covered`."""
        for place, one in enumerate(self.asked):
            try:
                self._add(place, one, self.rows)
            except NotCovered as reason:
                self.not_covered[place] = str(reason)
        self._work_out(threads)

    def _add(self, place: int, one: Asked, rows: RowCriteria) -> None:
        question, cells = records_question(one.measure), Cells.of(one.measure)
        match question.unit:
            case PersonTime():
                raise NotCovered(TIME_IN_SQL)
            case Rows() as unit:
                self._tasks.append(RowsTask.of(rows, question, unit, one.periods, cells))
                self._of_rows[place] = len(self._tasks) - 1
            case People() as unit:
                chunks = [self._chunk(rows, periods) for periods in _chunks_of(one.periods)]
                self._of_people[place] = [self._add_people(chunk, question, unit, cells) for chunk in chunks]

    def _chunk(self, rows: RowCriteria, periods: tuple[Period, ...]) -> _Chunk:
        if periods not in self._chunks:
            masks = PeriodMasks(rows=rows, periods=periods)
            self._chunks[periods] = _Chunk(number=len(self._chunks), masks=masks, periods=periods)
        return self._chunks[periods]

    def _add_people(self, chunk: _Chunk, question: RecordsQuestion, unit: People, cells: Cells) -> tuple[int, int]:
        asked = chunk.masks.all_of(unit.criterion, question.who)
        met = chunk.masks.step(question.numerator)
        everybody = Tally(asked=asked, met=None, chunk=chunk.number, periods=len(chunk.periods), cells=cells)
        if (asked, cells) not in self._denominators:
            self._denominators[asked, cells] = len(self._tallies)
            self._tallies.append(everybody)
        self._tallies.append(replace(everybody, met=met))
        return self._denominators[asked, cells], len(self._tallies) - 1

    def _work_out(self, threads: int) -> None:
        pack, edges = self.rows.pack, self.rows.edges
        program = Program(
            pack=pack,
            groups=sexes_and_bands(pack, [chunk.periods for chunk in self._chunks.values()]),
            group_number=SEXES * BANDS,
            tallies=self._tallies,
            leveled=LeveledTallies(levels=self.rows.levels),
        )
        blocks: Iterator[int] = iter(range(len(edges) - 1))

        def work() -> tuple[Array, Array, list[Array]]:
            runner = program.runner()
            totals = [task.room() for task in self._tasks]
            for number in blocks:
                people = int(edges[number + 1] - edges[number])
                block = Block(pack=pack, number=number, base=int(edges[number]), people=people)
                if self._tallies:
                    runner.run(block)
                for task, total in zip(self._tasks, totals, strict=True):
                    task.add(block, runner.kept, total)
            return runner.totals, runner.leveled.arrays.totals, totals

        with ThreadPoolExecutor(threads) as pool:
            found = [worker.result() for worker in [pool.submit(work) for _ in range(threads)]]
        tallied, leveled = (np.sum([one[part] for one in found], axis=0) for part in (0, 1))
        self._totals = {number: program.totals_of(number, tallied, leveled) for number in range(len(self._tallies))}
        self._task_totals = [np.sum(parts, axis=0) for parts in zip(*(totals for *_, totals in found), strict=True)]

    def result(self, place: int, one: Asked, *, member: str, grids: dict[object, Grid]) -> Count:
        """Return the count of a covered measure."""
        if place in self._of_rows:
            of, met = self._task_totals[self._of_rows[place]]
        else:
            of, met = (
                np.concatenate([self._totals[numbers[part]] for numbers in self._of_people[place]], axis=1)
                for part in (0, 1)
            )
        cells, measure = Cells.of(one.measure), one.measure
        key = (one.periods, measure.strata, cells)
        if key not in grids:
            grids[key] = Grid.of(measure, member=member, periods=one.periods)
        return grids[key].count(
            measure, numerators=cells.in_order(met, measure), denominators=cells.in_order(of, measure)
        )


def _chunks_of(periods: tuple[Period, ...]) -> list[tuple[Period, ...]]:
    return [periods[start : start + MOST_PERIODS] for start in range(0, len(periods), MOST_PERIODS)]

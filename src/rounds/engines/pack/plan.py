"""What is done for a batch of measures: criteria as steps of one program, and tasks that go through rows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Protocol

import numpy as np

from rounds.engines.asked import Asked, records_question
from rounds.engines.grid import Grids, complete_count
from rounds.engines.pack.blocks import Block
from rounds.engines.pack.cell_kernels import BANDS
from rounds.engines.pack.cells import SEXES, Cells, sexes_and_bands
from rounds.engines.pack.layout import MEANS_IN_SQL, Array, NotCovered
from rounds.engines.pack.leveled import LeveledTallies
from rounds.engines.pack.masks import MOST_PERIODS, PeriodMasks
from rounds.engines.pack.program import Program, Tally
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.engines.pack.rows_task import RowsTask
from rounds.engines.pack.runner import runner_of
from rounds.engines.pack.steps import Shared
from rounds.engines.pack.time_task import TimeTask
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion, Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chunk:
    """Periods that are counted together."""

    number: int
    masks: PeriodMasks
    periods: tuple[Period, ...]


class Task(Protocol):
    """Something that is counted block by block besides the program."""

    def room(self) -> Array:
        """Return totals of nothing."""

    def add(self, block: Block, kept: Array, total: Array) -> None:
        """Add a block to the totals; `kept` are the masks of its people that the program kept."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """Counts measures that do not name the period, over one pass of all people."""

    rows: RowCriteria
    asked: Sequence[Asked]
    not_covered: dict[int, str] = field(default_factory=dict)
    """The places of measures that the pack cannot tell, and why."""
    _chunks: list[_Chunk] = field(default_factory=list)
    """Few: to look through them takes less than to hash what all their periods are."""
    _tallies: list[Tally] = field(default_factory=list)
    _denominators: dict[tuple[Shared, Cells], int] = field(default_factory=dict)
    _tasks: list[Task] = field(default_factory=list)
    _kept: list[Shared] = field(default_factory=list)
    """Masks that tasks need."""
    _of_people: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """For each measure of people the tallies of its denominator and its numerator, for each chunk of periods."""
    _of_tasks: dict[int, range] = field(default_factory=dict)
    """For each other measure its tasks, which count all there is to count in some periods."""
    _totals: dict[int, Array] = field(default_factory=dict)
    """Of each tally."""
    _task_totals: list[Array] = field(default_factory=list)

    def run(self, threads: int) -> None:
        """Count them, but for those in `not_covered`."""
        for place, one in enumerate(self.asked):
            try:
                self._add(place, one)
            except NotCovered as reason:
                self.not_covered[place] = str(reason)
        self._work_out(threads)

    def _add(self, place: int, one: Asked) -> None:
        question, cells = records_question(one.measure), Cells.of(one.measure)
        if question.amount is not None:
            raise NotCovered(MEANS_IN_SQL)
        match question.unit:
            case PersonTime() as unit:
                tasks = [self._time_task(question, unit, periods, cells) for periods in _chunks_of(one.periods)]
                self._of_tasks[place] = self._with(tasks)
            case Rows() as unit:
                self._of_tasks[place] = self._with([RowsTask.of(self.rows, question, unit, one.periods, cells)])
            case People() as unit:
                chunks = [self._chunk(periods) for periods in _chunks_of(one.periods)]
                self._of_people[place] = [self._add_people(chunk, question, unit, cells) for chunk in chunks]

    def _with(self, tasks: Sequence[Task]) -> range:
        self._tasks += tasks
        return range(len(self._tasks) - len(tasks), len(self._tasks))

    def _time_task(
        self, question: RecordsQuestion, unit: PersonTime, periods: tuple[Period, ...], cells: Cells
    ) -> TimeTask:
        asked = None
        if question.who is not None:
            self._kept.append(self._chunk(periods).masks.step(question.who))
            asked = len(self._kept) - 1
        return TimeTask.of(self.rows, question, unit, periods, cells, asked)

    def _chunk(self, periods: tuple[Period, ...]) -> _Chunk:
        for chunk in self._chunks:
            if chunk.periods == periods:
                return chunk
        masks = PeriodMasks(rows=self.rows, periods=periods)
        self._chunks.append(_Chunk(number=len(self._chunks), masks=masks, periods=periods))
        return self._chunks[-1]

    def _add_people(self, chunk: _Chunk, question: RecordsQuestion, unit: People, cells: Cells) -> tuple[int, int]:
        asked = chunk.masks.all_of(unit.criterion, question.who)
        met = chunk.masks.step(question.met)
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
            groups=sexes_and_bands(pack, [chunk.periods for chunk in self._chunks]),
            group_number=SEXES * BANDS,
            tallies=self._tallies,
            leveled=LeveledTallies(levels=self.rows.levels),
            kept=self._kept,
        )
        blocks: Iterator[int] = iter(range(len(edges) - 1))

        def work() -> tuple[Array, Array, list[Array]]:
            runner = runner_of(program)
            totals = [task.room() for task in self._tasks]
            for number in blocks:
                people = int(edges[number + 1] - edges[number])
                block = Block(pack=pack, number=number, base=int(edges[number]), people=people)
                if self._tallies or self._kept:
                    runner.run(block)
                for task, total in zip(self._tasks, totals, strict=True):
                    task.add(block, runner.kept, total)
            return runner.totals, runner.leveled.arrays.totals, totals

        with ThreadPoolExecutor(threads) as pool:
            found = [worker.result() for worker in [pool.submit(work) for _ in range(threads)]]
        tallied, leveled, *_ = found[0]
        for other in found[1:]:
            tallied += other[0]
            leveled += other[1]
        self._totals = {number: program.totals_of(number, tallied, leveled) for number in range(len(self._tallies))}
        self._task_totals = [np.sum(parts, axis=0) for parts in zip(*(totals for *_, totals in found), strict=True)]

    def result(self, place: int, one: Asked, *, member: str, grids: Grids) -> Count:
        """Return the count of a covered measure."""
        cells, measure = Cells.of(one.measure), one.measure
        if place in self._of_tasks:
            totals = list(np.concatenate([self._task_totals[number] for number in self._of_tasks[place]], axis=2))
        else:
            of_both = [[self._totals[both[part]] for both in self._of_people[place]] for part in (1, 0)]
            totals = [several[0] if len(several) == 1 else np.concatenate(several, axis=1) for several in of_both]
        numbers = [cells.in_order(each, measure) for each in totals]
        if measure.kind is CountKind.RATE:
            return _rate(measure, numbers, member=member, periods=one.periods)
        return grids.of(measure, member=member, periods=one.periods).count(measure, numbers)


def _rate(measure: Measure, totals: Sequence[Array], *, member: str, periods: tuple[Period, ...]) -> Count:
    of_strata = product(*(measure.levels(stratum) for stratum in measure.strata))
    keys = product((period.start for period in periods), of_strata)
    numbers = zip(*(one.tolist() for one in totals), strict=True)
    return complete_count(measure, member=member, periods=periods, tallies=dict(zip(keys, numbers, strict=True)))


def _chunks_of(periods: tuple[Period, ...]) -> list[tuple[Period, ...]]:
    return [periods[start : start + MOST_PERIODS] for start in range(0, len(periods), MOST_PERIODS)]

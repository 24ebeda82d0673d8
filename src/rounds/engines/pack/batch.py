"""Counts measures over a pack: block after block of people, all measures of a batch together."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from rounds.engines import duck
from rounds.engines.codes import records_question
from rounds.engines.cohorts.entries import cohorts_of
from rounds.engines.duck import MEMORY_LIMIT, Asked
from rounds.engines.grid import Grid, check_periods
from rounds.engines.pack.blocks import Block, block_edges
from rounds.engines.pack.build import build_pack
from rounds.engines.pack.cell_kernels import BANDS
from rounds.engines.pack.cells import SEXES, Cells, sexes_and_bands
from rounds.engines.pack.codes import concepts_of
from rounds.engines.pack.entries import with_entries
from rounds.engines.pack.layout import MEANS_IN_SQL, TIME_IN_SQL, Array, NotCovered, Pack, open_pack
from rounds.engines.pack.leveled import LeveledTallies
from rounds.engines.pack.levels import Levels
from rounds.engines.pack.masks import MOST_PERIODS, PeriodMasks
from rounds.engines.pack.program import Program, Tally
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.engines.pack.rows_task import RowsTask
from rounds.engines.pack.steps import Shared
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure, MeasureRef
from rounds.measures.in_period import names_period
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion, Rows
from rounds.records.omop import Records

THREADS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FellBack:
    """A measure that SQL counted, and why the pack could not."""

    measure: MeasureRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The counts of a batch in its order, and which of them the pack did not cover."""

    counts: tuple[Count, ...]
    fell_back: tuple[FellBack, ...]


def count(
    measure: Measure, records: Records, *, member: str, periods: tuple[Period, ...], threads: int = THREADS
) -> Count:
    """Return exact counts of one measure over a site's records; as `count_all`."""
    return count_all((Asked(measure=measure, periods=periods),), records, member=member, threads=threads)[0]


def count_all(
    asked: Sequence[Asked], records: Records, *, member: str, threads: int = THREADS, pack: Pack | None = None
) -> tuple[Count, ...]:
    """Return exact counts of measures over a site's records, in their order; as `count_saying_how`."""
    return count_saying_how(asked, records, member=member, threads=threads, pack=pack).counts


def count_saying_how(
    asked: Sequence[Asked],
    records: Records,
    *,
    member: str,
    threads: int = THREADS,
    memory_limit: str = MEMORY_LIMIT,
    pack: Pack | None = None,
) -> Counted:
    """Return exact counts of measures over a site's records, and which of them SQL had to count.

    Records may reach beyond the last period, and beyond the round's `as_of`; a later row counts where a measure's
    window reaches as far.

    Args:
        asked: measures that are counted from records.
        records: the site's.
        member: the ODS code the counts belong to.
        threads: at most this many.
        memory_limit: for DuckDB, where it must help.
        pack: opened before; otherwise the one beside the records, built if it is not there or out of date.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer a measure; one line for each problem.
        ValueError: if the periods are not in order.
    """
    for one in asked:
        check_periods(one.measure, one.periods)
    pack = pack or open_pack(records) or build_pack(records)
    measures = [one.measure for one in asked]
    if cohorts_of(measures):
        pack = with_entries(pack, records, measures, threads=threads, memory_limit=memory_limit)
    plan = _Plan(pack=pack, records=records, asked=asked)
    plan.run(threads)
    fell_back = [asked[place] for place in plan.not_covered]
    by_sql = dict(
        zip(
            plan.not_covered,
            duck.count_all(fell_back, records, member=member, threads=threads, memory_limit=memory_limit)
            if fell_back
            else (),
            strict=True,
        )
    )
    grids: dict[object, Grid] = {}
    counts = [
        by_sql[place] if place in by_sql else plan.result(place, one, member=member, grids=grids)
        for place, one in enumerate(asked)
    ]
    return Counted(
        counts=tuple(counts),
        fell_back=tuple(
            FellBack(measure=asked[place].measure.ref, reason=reason) for place, reason in plan.not_covered.items()
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chunk:
    """Periods that are counted together."""

    number: int
    masks: PeriodMasks
    periods: tuple[Period, ...]


@dataclass(slots=True, kw_only=True)
class _Plan:
    pack: Pack
    records: Records
    asked: Sequence[Asked]
    not_covered: dict[int, str] = field(default_factory=dict)
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
        edges = block_edges(self.pack.people)
        measures = [one.measure for one in self.asked]
        concepts = concepts_of(measures, self.records, self.pack)
        levels = Levels(pack=self.pack, edges=edges)
        levels.learn(measures, self.records)
        rows = RowCriteria(pack=self.pack, concepts=concepts, levels=levels, edges=edges)
        for place, one in enumerate(self.asked):
            try:
                self._add(place, one, rows)
            except NotCovered as reason:
                self.not_covered[place] = str(reason)
        self._work_out(edges, levels, threads)

    def _add(self, place: int, one: Asked, rows: RowCriteria) -> None:
        question, cells = records_question(one.measure), Cells.of(one.measure)
        _refuse_named_period(question)
        if question.amount is not None:
            raise NotCovered(MEANS_IN_SQL)
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
        met = chunk.masks.step(question.met)
        everybody = Tally(asked=asked, met=None, chunk=chunk.number, periods=len(chunk.periods), cells=cells)
        if (asked, cells) not in self._denominators:
            self._denominators[asked, cells] = len(self._tallies)
            self._tallies.append(everybody)
        self._tallies.append(replace(everybody, met=met))
        return self._denominators[asked, cells], len(self._tallies) - 1

    def _work_out(self, edges: Array, levels: Levels, threads: int) -> None:
        program = Program(
            pack=self.pack,
            groups=sexes_and_bands(self.pack, [chunk.periods for chunk in self._chunks.values()]),
            group_number=SEXES * BANDS,
            tallies=self._tallies,
            leveled=LeveledTallies(levels=levels),
        )
        blocks: Iterator[int] = iter(range(len(edges) - 1))

        def work() -> tuple[Array, Array, list[Array]]:
            runner = program.runner()
            totals = [task.room() for task in self._tasks]
            for number in blocks:
                people = int(edges[number + 1] - edges[number])
                block = Block(pack=self.pack, number=number, base=int(edges[number]), people=people)
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


def _refuse_named_period(question: RecordsQuestion) -> None:
    if names_period(question):
        raise NotCovered("a question that names the period is asked of each period in SQL")


def _chunks_of(periods: tuple[Period, ...]) -> list[tuple[Period, ...]]:
    return [periods[start : start + MOST_PERIODS] for start in range(0, len(periods), MOST_PERIODS)]

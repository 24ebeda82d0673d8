"""Counts measures over a pack: block after block of people, all measures of a batch together."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from rounds.engines import duck
from rounds.engines.codes import records_question
from rounds.engines.cohorts.entries import cohorts_of
from rounds.engines.duck import MEMORY_LIMIT, Asked
from rounds.engines.grid import Grid, check_periods
from rounds.engines.pack.blocks import Block, block_edges
from rounds.engines.pack.build import build_pack
from rounds.engines.pack.codes import concepts_of
from rounds.engines.pack.days import DAYS, day_number, years
from rounds.engines.pack.entries import with_entries
from rounds.engines.pack.layout import GROUPED_IN_SQL, MEANS_IN_SQL, TIME_IN_SQL, Array, NotCovered, Pack, open_pack
from rounds.engines.pack.masks import MOST_PERIODS, PeriodMasks
from rounds.engines.pack.program import Program, Tally
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.engines.pack.steps import Shared
from rounds.engines.pack.tallies import tally_rows
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure, MeasureRef
from rounds.measures.in_period import names_period
from rounds.measures.periods import Period
from rounds.measures.questions import People, PersonTime, RecordsQuestion, Rows
from rounds.measures.strata import AGE_BANDS, LEVELS, Stratum
from rounds.measures.windows import Anchor
from rounds.records.omop import Records

THREADS: Final = 2
_BANDS: Final = len(AGE_BANDS) + 1
"""The last is for ages that have no band."""
OLDEST_AGE: Final = AGE_BANDS[-1][2]
_GROUPS: Final = len(LEVELS[Stratum.SEX]) * _BANDS


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _RowsTask:
    question: RecordsQuestion
    unit: Rows
    periods: tuple[Period, ...]
    first_place: Array
    """The place of the first period that a day lies in."""
    last_place: Array
    """The place of the last; before the first if it lies in none. Periods in between hold the day too."""


@dataclass(slots=True, kw_only=True)
class _Plan:
    pack: Pack
    records: Records
    asked: Sequence[Asked]
    not_covered: dict[int, str] = field(default_factory=dict)
    _chunks: dict[tuple[Period, ...], _Chunk] = field(default_factory=dict)
    _tallies: list[Tally] = field(default_factory=list)
    _denominators: dict[Shared, int] = field(default_factory=dict)
    _row_tasks: list[_RowsTask] = field(default_factory=list)
    _of_people: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """For each measure of people the tallies of its denominator and its numerator, for each chunk of periods."""
    _of_rows: dict[int, int] = field(default_factory=dict)
    """For each measure of rows its task, which counts both."""
    _tallied: Array = field(default_factory=lambda: np.empty(0))
    _row_totals: list[Array] = field(default_factory=list)

    def run(self, threads: int) -> None:
        edges = block_edges(self.pack.people)
        rows = RowCriteria(
            pack=self.pack,
            concepts=concepts_of([one.measure for one in self.asked], self.records, self.pack),
            edges=edges,
        )
        for place, one in enumerate(self.asked):
            question = records_question(one.measure)
            if one.measure.groupings:
                self.not_covered[place] = GROUPED_IN_SQL
                continue
            if question.amount is not None:
                self.not_covered[place] = MEANS_IN_SQL
                continue
            if isinstance(question.unit, PersonTime):
                self.not_covered[place] = TIME_IN_SQL
                continue
            try:
                if isinstance(question.unit, Rows):
                    self._of_rows[place] = self._add_rows(rows, question, question.unit, one.periods)
                else:
                    self._of_people[place] = [
                        self._add_people(self._chunk(rows, periods), question, question.unit)
                        for periods in _chunks_of(one.periods)
                    ]
            except NotCovered as reason:
                self.not_covered[place] = str(reason)
        self._work_out(edges, rows, threads)

    def _chunk(self, rows: RowCriteria, periods: tuple[Period, ...]) -> _Chunk:
        if periods not in self._chunks:
            masks = PeriodMasks(rows=rows, periods=periods)
            self._chunks[periods] = _Chunk(number=len(self._chunks), masks=masks, periods=periods)
        return self._chunks[periods]

    def _add_people(self, chunk: _Chunk, question: RecordsQuestion, unit: People) -> tuple[int, int]:
        _refuse_named_period(question)
        asked = chunk.masks.all_of(unit.criterion, question.who)
        met = chunk.masks.step(question.met)
        if asked not in self._denominators:
            self._denominators[asked] = len(self._tallies)
            self._tallies.append(Tally(asked=asked, met=None, chunk=chunk.number, periods=len(chunk.periods)))
        self._tallies.append(Tally(asked=asked, met=met, chunk=chunk.number, periods=len(chunk.periods)))
        return self._denominators[asked], len(self._tallies) - 1

    def _add_rows(self, rows: RowCriteria, question: RecordsQuestion, unit: Rows, periods: tuple[Period, ...]) -> int:
        _refuse_named_period(question)
        rows.check(unit.events, question.who, question.numerator)
        if rows.table(unit.events.table).vague:
            raise NotCovered(f"{unit.events.table} has rows that end after 2079")
        starts = np.array([day_number(period.start) for period in periods])
        ends = np.array([day_number(period.end) for period in periods])
        if np.any(np.diff(ends) < 0):
            raise NotCovered("a period ends before one that starts before it")
        days = np.arange(DAYS)
        self._row_tasks.append(
            _RowsTask(
                question=question,
                unit=unit,
                periods=periods,
                first_place=np.searchsorted(ends, days, side="left"),
                last_place=np.searchsorted(starts, days, side="right") - 1,
            )
        )
        return len(self._row_tasks) - 1

    def _work_out(self, edges: Array, rows: RowCriteria, threads: int) -> None:
        program = Program(
            pack=self.pack,
            groups=_groups(self.pack, [chunk.periods for chunk in self._chunks.values()]),
            group_number=_GROUPS,
            tallies=self._tallies,
        )
        blocks: Iterator[int] = iter(range(len(edges) - 1))

        def work() -> tuple[Array, list[Array]]:
            runner = program.runner()
            totals = [np.zeros((2, _GROUPS, len(task.periods)), dtype=np.int64) for task in self._row_tasks]
            for number in blocks:
                people = int(edges[number + 1] - edges[number])
                block = Block(pack=self.pack, number=number, base=int(edges[number]), people=people)
                if self._tallies:
                    runner.run(block)
                for task, total in zip(self._row_tasks, totals, strict=True):
                    _tally_rows(block, task, rows, total)
            return runner.totals, totals

        with ThreadPoolExecutor(threads) as pool:
            found = [worker.result() for worker in [pool.submit(work) for _ in range(threads)]]
        self._tallied = np.sum([tallied for tallied, _ in found], axis=0)
        self._row_totals = [np.sum(parts, axis=0) for parts in zip(*(totals for _, totals in found), strict=True)]

    def result(self, place: int, one: Asked, *, member: str, grids: dict[object, Grid]) -> Count:
        """Return the count of a covered measure."""
        key = (one.periods, one.measure.strata)
        if key not in grids:
            grids[key] = Grid.of(member=member, periods=one.periods, strata=one.measure.strata)
        if place in self._of_rows:
            of, met = self._row_totals[self._of_rows[place]]
        else:
            lengths = [self._tallies[number].periods for number, _ in self._of_people[place]]
            of, met = (
                np.concatenate(
                    [
                        self._tallied[numbers[part], :, :length]
                        for numbers, length in zip(self._of_people[place], lengths, strict=True)
                    ],
                    axis=1,
                )
                for part in (0, 1)
            )
        return grids[key].count(one.measure, numerators=_cells(met, one.measure), denominators=_cells(of, one.measure))


def _refuse_named_period(question: RecordsQuestion) -> None:
    if names_period(question):
        raise NotCovered("a question that names the period is asked of each period in SQL")


def _chunks_of(periods: tuple[Period, ...]) -> list[tuple[Period, ...]]:
    return [periods[start : start + MOST_PERIODS] for start in range(0, len(periods), MOST_PERIODS)]


def _tally_rows(block: Block, task: _RowsTask, criteria: RowCriteria, total: Array) -> None:
    rows = criteria.rows(block, task.unit.events)
    asked = criteria.flags(rows, task.question.who)
    met = criteria.flags(rows, task.question.numerator)
    counted_on = rows.days("first" if task.unit.counted_on is Anchor.START else "last")
    pack = block.pack
    tally_rows(
        rows.days("first"),
        task.first_place[counted_on],
        task.last_place[counted_on],
        rows.person(),
        asked,
        met,
        pack.sex,
        pack.born,
        years(),
        _band_of_age(),
        total,
    )


def _groups(pack: Pack, chunks: Sequence[tuple[Period, ...]]) -> Array:
    """Return the group of every range of people in every period: their sex, and the age band on its first day."""
    starts = pack.ranges[:-1]
    found = np.zeros((len(chunks), len(starts), max(map(len, chunks), default=0)), dtype=np.int64)
    for place, periods in enumerate(chunks):
        age = np.array([period.start.year for period in periods]) - pack.born[starts].astype(np.int64)[:, None]
        band = _band_of_age()[np.clip(age, 0, OLDEST_AGE + 1)]
        found[place, :, : len(periods)] = pack.sex[starts].astype(np.int64)[:, None] * _BANDS + band
    return found


def _band_of_age() -> Array:
    """Return the band of each age from 0 to one above the oldest; whoever is not yet 0 is in the first."""
    ages = np.arange(OLDEST_AGE + 2)
    return np.searchsorted([high for _, _, high in AGE_BANDS], ages, side="left")


def _cells(totals: Array, measure: Measure) -> Array:
    """Return totals, of shape (groups, periods), for every period and level of the measure's strata, in that order."""
    by_sex_and_band = totals.reshape(len(LEVELS[Stratum.SEX]), _BANDS, -1)
    if Stratum.AGE_BAND in measure.strata:
        if by_sex_and_band[:, -1].any():
            raise ValueError(f"{measure.ref}: an age above {OLDEST_AGE} has no age band")
        by_sex_and_band = by_sex_and_band[:, :-1]
    axes = {Stratum.SEX: 0, Stratum.AGE_BAND: 1}
    others = tuple(axis for stratum, axis in axes.items() if stratum not in measure.strata)
    found = by_sex_and_band.sum(axis=others, keepdims=True)
    return np.asarray(found.transpose([2, *(axes[stratum] for stratum in measure.strata), *others]).ravel())

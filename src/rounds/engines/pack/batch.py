"""Counts measures over a pack: block after block of people, all measures of a batch together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from rounds.engines import duck
from rounds.engines.codes import records_question
from rounds.engines.cohorts.entries import cohorts_of
from rounds.engines.duck import MEMORY_LIMIT, Asked
from rounds.engines.grid import Cell, check_periods, complete_count
from rounds.engines.pack.blocks import Block, block_edges
from rounds.engines.pack.build import build_pack
from rounds.engines.pack.codes import concepts_of
from rounds.engines.pack.days import DAYS, Masks, day_number, years
from rounds.engines.pack.entries import with_entries
from rounds.engines.pack.layout import GROUPED_IN_SQL, TIME_IN_SQL, Array, NotCovered, Pack, open_pack
from rounds.engines.pack.masks import MOST_PERIODS, PeriodMasks
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.engines.pack.steps import Shared
from rounds.engines.pack.tallies import tally, tally_rows
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
    counts = [
        by_sql[place] if place in by_sql else plan.result(place, one, member=member) for place, one in enumerate(asked)
    ]
    return Counted(
        counts=tuple(counts),
        fell_back=tuple(
            FellBack(measure=asked[place].measure.ref, reason=reason) for place, reason in plan.not_covered.items()
        ),
    )


@dataclass(slots=True, kw_only=True, eq=False)
class _Chunk:
    """Periods that are counted together, and the group that every range of people is in, in each of them."""

    masks: PeriodMasks
    periods: tuple[Period, ...]
    groups: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _PeopleTask:
    """People in some periods: those asked about, and those met among them. Tasks that are alike are one."""

    chunk: _Chunk
    asked: Shared
    met: Shared | None


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
    _tasks: list[_PeopleTask | _RowsTask] = field(default_factory=list)
    _of: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """For each measure the places of its tasks: denominator and numerator; of rows one task is both."""
    _totals: list[Array] = field(default_factory=list)

    def run(self, threads: int) -> None:
        edges = block_edges(self.pack.people)
        rows = RowCriteria(
            pack=self.pack,
            concepts=concepts_of([one.measure for one in self.asked], self.records, self.pack),
            edges=edges,
        )
        chunks: dict[tuple[Period, ...], _Chunk] = {}
        denominators: dict[Shared, int] = {}
        for place, one in enumerate(self.asked):
            question = records_question(one.measure)
            if one.measure.groupings:
                self.not_covered[place] = GROUPED_IN_SQL
                continue
            if isinstance(question.unit, PersonTime):
                self.not_covered[place] = TIME_IN_SQL
                continue
            try:
                if isinstance(question.unit, Rows):
                    self._of[place] = [self._add_rows(rows, question, question.unit, one.periods)]
                    continue
                found = []
                for start in range(0, len(one.periods), MOST_PERIODS):
                    periods = one.periods[start : start + MOST_PERIODS]
                    if periods not in chunks:
                        chunks[periods] = _Chunk(
                            masks=PeriodMasks(rows=rows, periods=periods),
                            periods=periods,
                            groups=_groups(self.pack, periods),
                        )
                    found.append(self._add_people(chunks[periods], question, question.unit, denominators))
                self._of[place] = found
            except NotCovered as reason:
                self.not_covered[place] = str(reason)
        self._totals = self._worked_out(edges, rows, threads)

    def _add_people(
        self, chunk: _Chunk, question: RecordsQuestion, unit: People, denominators: dict[Shared, int]
    ) -> tuple[int, int]:
        _refuse_named_period(question)
        asked = chunk.masks.all_of(unit.criterion, question.who)
        met = chunk.masks.step(question.numerator)
        if asked not in denominators:
            denominators[asked] = len(self._tasks)
            self._tasks.append(_PeopleTask(chunk=chunk, asked=asked, met=None))
            asked.uses += 1
        self._tasks.append(_PeopleTask(chunk=chunk, asked=asked, met=met))
        return denominators[asked], len(self._tasks) - 1

    def _add_rows(
        self, rows: RowCriteria, question: RecordsQuestion, unit: Rows, periods: tuple[Period, ...]
    ) -> tuple[int, int]:
        _refuse_named_period(question)
        rows.check(unit.events, question.who, question.numerator)
        if rows.table(unit.events.table).vague:
            raise NotCovered(f"{unit.events.table} has rows that end after 2079")
        starts = np.array([day_number(period.start) for period in periods])
        ends = np.array([day_number(period.end) for period in periods])
        if np.any(np.diff(ends) < 0):
            raise NotCovered("a period ends before one that starts before it")
        days = np.arange(DAYS)
        self._tasks.append(
            _RowsTask(
                question=question,
                unit=unit,
                periods=periods,
                first_place=np.searchsorted(ends, days, side="left"),
                last_place=np.searchsorted(starts, days, side="right") - 1,
            )
        )
        return len(self._tasks) - 1, len(self._tasks) - 1

    def _worked_out(self, edges: Array, rows: RowCriteria, threads: int) -> list[Array]:
        blocks: Iterator[int] = iter(range(len(edges) - 1))

        def work() -> list[Array]:
            spare: list[Masks] = []
            totals = [np.zeros((2, _GROUPS, _periods_of(task)), dtype=np.int64) for task in self._tasks]
            for number in blocks:
                block = Block(
                    pack=self.pack,
                    number=number,
                    base=int(edges[number]),
                    people=int(edges[number + 1] - edges[number]),
                    spare=spare,
                )
                for task, total in zip(self._tasks, totals, strict=True):
                    if isinstance(task, _PeopleTask):
                        _tally_people(block, task, total)
                    else:
                        _tally_rows(block, task, rows, total)
            return totals

        with ThreadPoolExecutor(threads) as pool:
            workers = [pool.submit(work) for _ in range(threads)]
            totals = [worker.result() for worker in workers]
        return [sum(parts[1:], start=parts[0]) for parts in zip(*totals, strict=True)]

    def result(self, place: int, one: Asked, *, member: str) -> Count:
        """Return the count of a covered measure."""
        numerators: Counter[Cell] = Counter()
        denominators: Counter[Cell] = Counter()
        for of, met in self._of[place]:
            periods = _periods(self._tasks[of])
            _add(denominators, self._totals[of][0], periods, one.measure)
            _add(numerators, self._totals[met][1], periods, one.measure)
        tallies = {cell: (numerators[cell], denominators[cell]) for cell in denominators}
        return complete_count(one.measure, member=member, periods=one.periods, tallies=tallies)


def _refuse_named_period(question: RecordsQuestion) -> None:
    if names_period(question):
        raise NotCovered("a question that names the period is asked of each period in SQL")


def _periods(task: _PeopleTask | _RowsTask) -> tuple[Period, ...]:
    return task.chunk.periods if isinstance(task, _PeopleTask) else task.periods


def _periods_of(task: _PeopleTask | _RowsTask) -> int:
    return len(_periods(task))


def _tally_people(block: Block, task: _PeopleTask, total: Array) -> None:
    ranges = block.pack.ranges
    first_range = int(np.searchsorted(ranges, block.base, side="right")) - 1
    asked = task.asked.masks(block)
    met = asked if task.met is None else task.met.masks(block)
    tally(asked, met, block.base, ranges, first_range, task.chunk.groups, total[0 if task.met is None else 1])
    task.asked.done(block, asked)
    if task.met is not None:
        task.met.done(block, met)


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


def _groups(pack: Pack, periods: tuple[Period, ...]) -> Array:
    """Return the group of every range of people in every period: their sex, and the age band on its first day."""
    starts = pack.ranges[:-1]
    age = np.array([period.start.year for period in periods]) - pack.born[starts].astype(np.int64)[:, None]
    return pack.sex[starts].astype(np.int64)[:, None] * _BANDS + _band_of_age()[np.clip(age, 0, OLDEST_AGE + 1)]


def _band_of_age() -> Array:
    """Return the band of each age from 0 to one above the oldest; whoever is not yet 0 is in the first."""
    ages = np.arange(OLDEST_AGE + 2)
    return np.searchsorted([high for _, _, high in AGE_BANDS], ages, side="left")


def _add(cells: Counter[Cell], totals: Array, periods: tuple[Period, ...], measure: Measure) -> None:
    by_sex_and_band = totals.reshape(len(LEVELS[Stratum.SEX]), _BANDS, len(periods))
    if Stratum.AGE_BAND in measure.strata and by_sex_and_band[:, -1].any():
        raise ValueError(f"{measure.ref}: an age above {OLDEST_AGE} has no age band")
    if Stratum.AGE_BAND not in measure.strata:
        by_sex_and_band = by_sex_and_band.sum(axis=1, keepdims=True)
    if Stratum.SEX not in measure.strata:
        by_sex_and_band = by_sex_and_band.sum(axis=0, keepdims=True)
    levels = {Stratum.SEX: LEVELS[Stratum.SEX], Stratum.AGE_BAND: LEVELS[Stratum.AGE_BAND]}
    for sex, bands in zip(levels[Stratum.SEX], by_sex_and_band.tolist(), strict=False):
        for band, numbers in zip(levels[Stratum.AGE_BAND], bands, strict=False):
            of = tuple(sex if stratum is Stratum.SEX else band for stratum in measure.strata)
            for period, number in zip(periods, numbers, strict=True):
                if number:
                    cells[period.start, of] += number

"""Counts measures over a pack: block after block of people, all measures of a batch together.

What few batches need, such as SQL, cohorts and the building of a pack, is imported by those that do: a new process
would otherwise wait for it longer than for the counts.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from rounds.engines.asked import MEMORY_LIMIT, THREADS, Asked, cohorts_of, records_question
from rounds.engines.grid import Grids, check_periods
from rounds.engines.pack.blocks import block_edges
from rounds.engines.pack.codes import concepts_of
from rounds.engines.pack.layout import Pack, open_pack
from rounds.engines.pack.levels import Levels
from rounds.engines.pack.plan import Plan
from rounds.engines.pack.row_criteria import RowCriteria
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure, MeasureRef
from rounds.measures.in_period import asked_apart
from rounds.measures.periods import Period
from rounds.records.omop import Records


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
    pack = pack or open_pack(records) or _built(records)
    measures = [one.measure for one in asked]
    if cohorts_of(measures):
        from rounds.engines.pack.entries import with_entries

        pack = with_entries(pack, records, measures, threads=threads, memory_limit=memory_limit)
    found, not_covered = _counted(_rows(pack, records, measures), asked, member=member, threads=threads)
    fell_back = [asked[place] for place in not_covered]
    if fell_back:
        from rounds.engines import duck

        by_sql = duck.count_all(fell_back, records, member=member, threads=threads, memory_limit=memory_limit)
        found |= dict(zip(not_covered, by_sql, strict=True))
    return Counted(
        counts=tuple(found[place] for place in range(len(asked))),
        fell_back=tuple(
            FellBack(measure=asked[place].measure.ref, reason=reason) for place, reason in not_covered.items()
        ),
    )


def _built(records: Records) -> Pack:
    from rounds.engines.pack.build import build_pack

    return build_pack(records)


def _rows(pack: Pack, records: Records, measures: Sequence[Measure]) -> RowCriteria:
    edges = block_edges(pack.people)
    concepts = concepts_of(measures, records, pack)
    levels = Levels(pack=pack, edges=edges)
    levels.learn(measures, records)
    return RowCriteria(pack=pack, concepts=concepts, levels=levels, edges=edges)


def _counted(
    rows: RowCriteria, asked: Sequence[Asked], *, member: str, threads: int
) -> tuple[dict[int, Count], dict[int, str]]:
    """Return the counts of the measures that the pack covers, by place, and why it does not cover the others.

    A question that names the period is another in each: the first period of every such measure is counted with all
    other measures, then the second of every one, and so on, so that memory does not grow with the number of periods.
    """
    parts: dict[int, list[Count]] = defaultdict(list)
    not_covered: dict[int, str] = {}
    grids = Grids()
    for together in _passes(asked):
        known = {place: one for place, one in together.items() if place not in not_covered}
        plan = Plan(rows=rows, asked=tuple(known.values()))
        plan.run(threads)
        for number, (place, one) in enumerate(known.items()):
            if number in plan.not_covered:
                not_covered[place] = plan.not_covered[number]
            else:
                parts[place].append(plan.result(number, one, member=member, grids=grids))
    found = {
        place: _joined(asked[place].measure, several) for place, several in parts.items() if place not in not_covered
    }
    return found, not_covered


def _passes(asked: Sequence[Asked]) -> Iterator[dict[int, Asked]]:
    """Yield what can be counted together, by place."""
    apart = {place: tuple(_asked_apart(one)) for place, one in enumerate(asked)}
    for number in range(max(map(len, apart.values()), default=0)):
        yield {place: several[number] for place, several in apart.items() if number < len(several)}


def _asked_apart(one: Asked) -> Iterator[Asked]:
    question = records_question(one.measure)
    for apart, periods in asked_apart(question, one.periods):
        measure = one.measure if apart is question else replace(one.measure, question=apart)
        yield Asked(measure=measure, periods=periods)


def _joined(measure: Measure, several: Sequence[Count]) -> Count:
    """Return the count of a measure of which each part is the count of some periods."""
    if len(several) == 1 and several[0].measure == measure.ref:
        return several[0]
    keys = ["member", "period", *map(str, measure.strata)]
    return replace(several[0], measure=measure.ref, cells=pl.concat([one.cells for one in several]).sort(keys))

# ruff: noqa: S608  SQL is built from our own names only
"""The DuckDB engine: the same counts as the reference engine, in SQL over the site's files."""

from collections.abc import Sequence

import duckdb

from rounds.engines.asked import MEMORY_LIMIT, THREADS, Asked
from rounds.engines.codes import prepare
from rounds.engines.cohorts.entries import check_cohorts, lay_down_entries
from rounds.engines.grid import Cell, Tally, check_periods, complete_count
from rounds.engines.sql.counted import cells, finals
from rounds.engines.sql.people import CALENDAR, CALENDAR_DAYS
from rounds.engines.sql.plan import Plan, date_sql
from rounds.measures.counts import Count
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period
from rounds.records.omop import Records


def check(measures: Sequence[Measure], records: Records) -> None:
    """Raise `RecordsError` if `count_all` would. Counts nothing."""
    with records.connect(threads=THREADS, memory_limit=MEMORY_LIMIT) as connection:
        prepare(connection, measures, records)
        check_cohorts(connection, measures, records)


def count(
    measure: Measure,
    records: Records,
    *,
    member: str,
    periods: tuple[Period, ...],
    threads: int = THREADS,
    memory_limit: str = MEMORY_LIMIT,
) -> Count:
    """Return exact counts of one measure over a site's records; as `count_all`."""
    asked = (Asked(measure=measure, periods=periods),)
    return count_all(asked, records, member=member, threads=threads, memory_limit=memory_limit)[0]


def count_all(
    asked: Sequence[Asked],
    records: Records,
    *,
    member: str,
    threads: int = THREADS,
    memory_limit: str = MEMORY_LIMIT,
) -> tuple[Count, ...]:
    """Return exact counts of measures over a site's records, in their order. What they share is worked out once.

    Records may reach beyond the last period, and beyond the round's `as_of`; a later row counts where a measure's
    window reaches as far.

    Args:
        asked: measures that are counted from records.
        records: the site's.
        member: the ODS code the counts belong to.
        threads: at most this many.
        memory_limit: as DuckDB writes it; beyond it DuckDB spills to a private folder.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer a measure; one line for each problem.
        ValueError: if the periods are not as above.
    """
    for one in asked:
        check_periods(one.measure, one.periods)
    with records.connect(threads=threads, memory_limit=memory_limit) as connection:
        measures = [one.measure for one in asked]
        plan = Plan(concepts=prepare(connection, measures, records))
        if cohorts := check_cohorts(connection, measures, records):
            lay_down_entries(connection, cohorts)
        queries = [finals(plan, one.measure, one.periods) for one in asked]
        _lay_down(connection, plan)
        counts = []
        for one, parts in zip(asked, queries, strict=True):
            tallies: dict[Cell, Tally] = {}
            for part in parts:
                tallies |= cells(part, connection.execute(part.sql).fetchall())
            counts.append(complete_count(one.measure, member=member, periods=one.periods, tallies=tallies))
    return tuple(counts)


def _lay_down(connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    first, last = CALENDAR_DAYS
    connection.execute(
        f"CREATE TEMP TABLE {CALENDAR} AS SELECT CAST(day AS DATE) AS day FROM "
        f"generate_series({date_sql(first)}, {date_sql(last)}, INTERVAL '1' DAY) AS s(day)"
    )
    for name, sql in plan.steps.items():
        connection.execute(f"CREATE TEMP TABLE {name} AS {sql}")

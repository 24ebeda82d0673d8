# ruff: noqa: S608  SQL is built from our own table names only
"""Counts what a round asks from a site's records: by its pack where that pays, else in SQL, and says which and why."""

from collections.abc import Callable, Sequence
from typing import Final

from rounds.engines import duck
from rounds.engines.asked import Asked
from rounds.measures.counts import Count
from rounds.records.omop import Records

LEAST_ROWS: Final = 10_000_000
"""Fewer rows SQL has counted before a pack's kernels are loaded, or compiled on a new machine; see docs/decisions."""


def count_records(
    asked: Sequence[Asked],
    records: Records,
    *,
    needed: Records | None = None,
    member: str,
    tell: Callable[[str], None],
    build: bool = True,
    least_rows: int = LEAST_ROWS,
) -> tuple[Count, ...]:
    """Return exact counts of measures over a site's records, in their order.

    Args:
        asked: measures that are counted from records.
        records: the site's.
        needed: the same, with no more than the rows that the measures depend on: SQL reads those.
        member: the ODS code the counts belong to.
        tell: told what is not counted from the pack, and why.
        build: whether a pack may be written beside the records if there is none.
        least_rows: of records with fewer rows of events no pack is made.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer a measure; one line for each problem.
    """
    if event_rows(records) < least_rows:
        return duck.count_all(asked, needed or records, member=member)
    # Numba takes half a second to load, which sites with few records need not wait for.
    from rounds.engines import pack

    found = pack.served_pack(records, build=build, tell=tell)
    if isinstance(found, str):
        tell(f"{records.site}: counted in SQL, which is slower: {found}")
        return duck.count_all(asked, needed or records, member=member)
    counted = pack.count_saying_how(asked, records, member=member, pack=found)
    for one in counted.fell_back:
        tell(f"{records.site}: {one.measure}: counted in SQL, which is slower: {one.reason}")
    return counted.counts


def event_rows(records: Records) -> int:
    """Return how many rows of events a site has."""
    events = [source.table.name for source in records.sources if source.table.is_event]
    with records.connect() as connection:
        return sum(int(connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]) for name in events)

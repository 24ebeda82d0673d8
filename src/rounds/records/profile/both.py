"""Looks at two tables at a time: much of what is asked of one keeps a single thread, or the disk, busy."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import duckdb

from rounds.records.quality import Source
from rounds.records.table_files import parts_of
from rounds.storage.progress import Progress

T = TypeVar("T")

_AT_ONCE: Final = 2


def both(
    connection: duckdb.DuckDBPyConnection,
    sources: Sequence[Source],
    look: Callable[[duckdb.DuckDBPyConnection, Source], T],
    progress: Progress | None = None,
) -> list[T]:
    """Return what a look at each table gives, in their order; the largest are looked at first.

    Args:
        connection: `look` gets a cursor of it, which sees its views and tables but none that is temporary.
        sources: the tables.
        look: from a cursor and a table.
        progress: told of each table.
    """

    def at(source: Source) -> T:
        with connection.cursor() as cursor:
            return look(cursor, source)

    pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
    try:
        largest = sorted(sources, key=lambda one: -sum(part.stat().st_size for part in parts_of(one.path)))
        started = {source.table.name: pool.submit(at, source) for source in largest}
        found = []
        for source in sources:
            found.append(started[source.table.name].result())
            if progress is not None:
                progress.advance()
        return found
    finally:
        pool.shutdown(cancel_futures=True)

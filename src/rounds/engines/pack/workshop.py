"""What all tables of a pack are built with, several threads at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import duckdb
import numpy as np

from rounds.engines.pack.build_table import TableBuild
from rounds.engines.pack.files import room_aside
from rounds.engines.pack.people import Observation, People
from rounds.engines.pack.reading import Batch
from rounds.engines.pack.scratch import Scratch
from rounds.engines.pack.together import all_of, workers
from rounds.measures.events import EventTable

T = TypeVar("T")
R = TypeVar("R")

_TABLES_AT_ONCE: Final = 2
"""While the last rows of one are read, or sorted, the threads begin with those of the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The people of a pack and when they are observed, and what the rest is built with."""

    folder: Path
    connection: duckdb.DuckDBPyConnection
    pool: Executor
    people: People
    observation: Observation
    scratch: Scratch = field(default_factory=Scratch)

    def all_of(self, work: Callable[[T], R], several: Iterable[T]) -> list[R]:
        """Do some work for each of several; the first error ends it."""
        return all_of(self.pool, work, several)

    def each_table(self, work: Callable[[T], R], several: Iterable[T]) -> list[R]:
        """Do some work for each of several tables, more than one at a time; the first error ends it."""
        with workers(_TABLES_AT_ONCE) as of_tables:
            return all_of(of_tables, work, several)

    def build(self, folder: Path, table: EventTable, several: list[Batch], stored: list[str]) -> TableBuild:
        """Return a table with the rows of some batches, sorted, in a folder."""
        found = TableBuild.planned(folder, table, self.people, several, stored, self.scratch)
        self.all_of(lambda number: found.read(number, self.connection), range(len(several)))
        chunks = found.chunks()
        shape = len(chunks), len(found.concepts.ids)
        counts = room_aside(folder, shape[0] * shape[1], "int64").reshape(shape)

        def count(place: int) -> None:
            counts[place] = found.count(chunks[place])

        room = [partial(found.make_room, name) for name in stored]
        self.all_of(lambda work: work(), [*room, *(partial(count, place) for place in range(len(chunks)))])
        of_all = counts.sum(axis=0)
        place = np.cumsum(of_all) - of_all
        for of_chunk in counts:
            of_chunk[:], place = place, place + of_chunk
        self.all_of(lambda number: found.sort(chunks[number], counts[number], self.observation), range(len(chunks)))
        found.finish(of_all)
        return found

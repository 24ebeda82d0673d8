# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""What funnels read: a site's pack and, for the few things it cannot tell, the records it was built from."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

import duckdb
import numpy as np

from rounds.engines.cohorts.tables import find_tables
from rounds.engines.pack.blocks import places_of
from rounds.engines.pack.layout import Array, NotCovered, Pack, PackTable
from rounds.measures.cohorts.definition import ConceptItem, ConceptSet
from rounds.measures.events import EventTable
from rounds.records.tables import EVENT_TABLES

R = TypeVar("R")

CHUNKS: Final = 8
"""People are taken in so many stretches, so that threads that are held up hold up little."""


class Precision(Enum):
    """How the numbers in the pack, which are in single precision, must be compared to give what the records would."""

    AS_THEY_ARE = "as they are"
    """Single precision holds every number exactly."""
    DECIMALS = "decimals"
    """Every number is the decimal that single precision writes: a limit is to be rounded as the numbers were."""
    NEITHER = "neither"


@dataclass(slots=True, kw_only=True, eq=False)
class Source:
    """A pack, a connection to its records, and what has been asked of them before."""

    pack: Pack
    connection: duckdb.DuckDBPyConnection
    """With the views of `create_omop_views` in the schema `omop`."""
    pool: ThreadPoolExecutor
    edges: Array = field(init=False)
    _invalid: Array | None = None
    _meant: dict[ConceptSet, frozenset[int]] = field(default_factory=dict)
    _precision: dict[tuple[EventTable, frozenset[int] | None], Precision] = field(default_factory=dict)
    _ends: dict[EventTable, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.edges = np.linspace(0, self.pack.people, CHUNKS + 1).astype(np.int64)
        if self.pack.observed_vague:
            raise NotCovered("there are observation periods before 1900 or after 2079")
        if _overlap(self.pack):
            raise NotCovered("observation periods of a person overlap")

    def people(self, chunk: int) -> tuple[int, int]:
        """Return the first person of a chunk, and the one after its last."""
        return int(self.edges[chunk]), int(self.edges[chunk + 1])

    def each_chunk(self, work: Callable[[int], R]) -> list[R]:
        """Do something for every chunk of people, by several threads."""
        return list(self.pool.map(work, range(CHUNKS)))

    def table(self, name: str) -> PackTable:
        """Return a table of the pack.

        Raises:
            NotCovered: if it is not there, or does not hold the days exactly.
        """
        table = EventTable(name) if name in set(EventTable) else None
        if table is None or table not in self.pack.tables:
            raise NotCovered(f"{name} is not in the pack")
        found = self.pack.tables[table]
        if found.vague:
            raise NotCovered(f"{name} has dates before 1900 or after 2079, or concepts above 2,147,483,647")
        return found

    def meant(self, concept_set: ConceptSet) -> frozenset[int]:
        """Return the concepts that a concept set means, as `resolve_concept_sets` does.

        Raises:
            NotCovered: if the pack's vocabulary cannot tell.
        """
        if concept_set not in self._meant:
            included = [item for item in concept_set.items if not item.excluded]
            excluded = [item for item in concept_set.items if item.excluded]
            self._meant[concept_set] = frozenset(self._concepts(included) - self._concepts(excluded))
        return self._meant[concept_set]

    def _concepts(self, items: Iterable[ConceptItem]) -> set[int]:
        found: set[int] = set()
        for item in items:
            if item.mapped:
                raise NotCovered("concepts that map to others are looked up in SQL")
            listed = np.array([item.concept_id])
            if not len(self.pack.concept) or len(places_of(listed, self.pack.concept)):
                found.add(item.concept_id)
            if item.descendants:
                found |= self._valid_descendants(item.concept_id)
        return found

    def _valid_descendants(self, concept: int) -> set[int]:
        if not len(self.pack.ancestor):
            raise NotCovered("there is no concept_ancestor in the pack")
        start, stop = np.searchsorted(self.pack.ancestor, [concept, concept + 1])
        below = np.unique(self.pack.descendant[start:stop])
        if not len(self.pack.concept):
            return set(below.tolist())
        known = self.pack.concept[places_of(below, self.pack.concept)]
        return set(np.setdiff1d(known, self._no_longer_valid()).tolist())

    def _no_longer_valid(self) -> Array:
        if self._invalid is None:
            columns = find_tables(self.connection, schema="omop").columns
            where = "invalid_reason IS NOT NULL" if "invalid_reason" in columns.get("concept", ()) else "false"
            rows = self.connection.execute(f"SELECT concept_id FROM omop.concept WHERE {where}").fetchnumpy()
            self._invalid = np.asarray(rows["concept_id"], dtype=np.int64)
        return self._invalid

    def precision(self, table: EventTable, concepts: frozenset[int] | None) -> Precision:
        """Say how the numbers of the rows that carry some concepts must be compared."""
        key = (table, concepts)
        if key not in self._precision:
            self._precision[key] = self._looked_up(table, concepts)
        return self._precision[key]

    def _looked_up(self, table: EventTable, concepts: frozenset[int] | None) -> Precision:
        of = EVENT_TABLES[table]
        number, single = f"CAST({of.value} AS DOUBLE)", f"CAST({of.value} AS REAL)"
        where = "true" if concepts is None else f"{of.concept} IN ({', '.join(map(str, sorted(concepts))) or 'NULL'})"
        # Values are few where numbers are many.
        ((exact, decimal),) = self.connection.execute(
            f"SELECT coalesce(bool_and(CAST(single AS DOUBLE) = number), true), "
            "coalesce(bool_and(CAST(single AS VARCHAR) = CAST(number AS VARCHAR)), true) FROM "
            f"(SELECT DISTINCT {number} AS number, {single} AS single FROM omop.{table} "
            f"WHERE {where} AND {of.value} IS NOT NULL)"
        ).fetchall()
        if exact:
            return Precision.AS_THEY_ARE
        return Precision.DECIMALS if decimal else Precision.NEITHER

    def knows_ends(self, table: EventTable) -> bool:
        """Say whether every row of a table ends on a recorded day, and none before it starts."""
        if table not in self._ends:
            of = EVENT_TABLES[table]
            sql = f"SELECT count(*) FROM omop.{table} WHERE {of.end} IS NULL OR {of.end} < {of.start}"
            there = of.end in find_tables(self.connection, schema="omop").columns[table]
            self._ends[table] = there and self.connection.execute(sql).fetchall() == [(0,)]
        return self._ends[table]


def _overlap(pack: Pack) -> bool:
    """Say whether two observation periods of one person share a day."""
    if len(pack.observed_first) < 2:
        return False
    person = np.repeat(np.arange(pack.people), np.diff(pack.observed_start))
    order = np.lexsort((pack.observed_first, person))
    same = person[order][1:] == person[order][:-1]
    return bool(np.any(same & (pack.observed_first[order][1:] <= pack.observed_last[order][:-1])))

"""Funnels from the pack, and from SQL where the pack cannot tell."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Final, TypeVar

import duckdb
import numpy as np

from rounds.engines.cohorts.duck import find_cohort
from rounds.engines.cohorts.result import InclusionCount
from rounds.engines.funnels import kernels
from rounds.engines.funnels.index import Index, holds, limited, primary_events
from rounds.engines.funnels.rows import Concepts
from rounds.engines.funnels.source import Source
from rounds.engines.pack.layout import Array, NotCovered, Pack
from rounds.measures.cohorts.criteria import Group
from rounds.measures.cohorts.definition import CohortDefinition
from rounds.records.omop import Records
from rounds.records.omop_columns import create_omop_views

T = TypeVar("T")

THREADS: Final = 2
_MOST_KEPT: Final = 64
"""Rules and sets of index events that are kept, each; the oldest goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How many people each inclusion rule of a cohort leaves at one site. Exact: nothing of it leaves uncounted."""

    qualifying_people: int
    """People with an event that the inclusion rules were asked about."""
    rules: tuple[InclusionCount, ...]
    """As in `CohortResult.inclusion_counts`."""
    fell_back: str | None
    """Why SQL had to count; None if the pack did."""


@dataclass(slots=True, kw_only=True, eq=False)
class Funnels:
    """Counts funnels over one site's records. Made by `open_funnels`; what a rule found is kept for the next funnel."""

    source: Source | None
    reason: str | None
    """Why there is no source."""
    connection: duckdb.DuckDBPyConnection = field(repr=False)
    _indexes: dict[object, Index] = field(default_factory=dict)
    _rules: dict[object, Array] = field(default_factory=dict)

    def funnel(self, definition: CohortDefinition) -> Funnel:
        """Return how many people each inclusion rule of a cohort leaves.

        Args:
            definition: of the cohort; how its entries end does not matter.

        Raises:
            RecordsError: if the records lack a table or a column that the definition asks for.
        """
        if self.source is None:
            return self._from_sql(definition, str(self.reason))
        try:
            return self._from_pack(self.source, definition)
        except NotCovered as reason:
            return self._from_sql(definition, str(reason))

    def forget(self) -> None:
        """Forget what rules found, so that the next funnel is counted from the beginning."""
        self._indexes.clear()
        self._rules.clear()

    def _from_sql(self, definition: CohortDefinition, reason: str) -> Funnel:
        found = find_cohort(self.connection, definition, schema="omop")
        return Funnel(qualifying_people=found.qualifying_people, rules=found.inclusion_counts, fell_back=reason)

    def _from_pack(self, source: Source, definition: CohortDefinition) -> Funnel:
        used = definition.used_concept_sets()
        concepts = {each.id: source.meant(each) for each in definition.concept_sets if each.id in used}
        about = (definition.primary, definition.additional, definition.qualified_limit)
        key = (about, _meanings(about, concepts))
        index = _kept(self._indexes, key, lambda: _qualified(source, definition, concepts))
        flags = [self._rule(source, rule.group, index, concepts) for rule in definition.rules]
        return _tallied(source, definition, index, flags)

    def _rule(self, source: Source, group: Group, index: Index, concepts: Concepts) -> Array:
        key = (index, group, _meanings(group, concepts))  # of an index that is no longer kept nothing is found
        return _kept(self._rules, key, lambda: holds(source, group, index, concepts))


@contextmanager
def open_funnels(records: Records, pack: Pack | str, *, threads: int = THREADS) -> Iterator[Funnels]:
    """Open a site's records to count funnels.

    Args:
        records: the site's.
        pack: built from them, or why there is none; SQL counts then.
        threads: at most this many.

    Yields:
        What counts funnels until the block ends.

    Raises:
        RecordsError: if the records can no longer be read.
    """
    with records.connect(threads=threads) as connection, ThreadPoolExecutor(threads) as pool:
        create_omop_views(connection, records)
        source, reason = None, pack if isinstance(pack, str) else None
        if not isinstance(pack, str):
            try:
                source = Source(pack=pack, connection=connection, pool=pool)
            except NotCovered as refused:
                reason = str(refused)
        yield Funnels(source=source, reason=reason, connection=connection)


def _qualified(source: Source, definition: CohortDefinition, concepts: Concepts) -> Index:
    index = primary_events(source, definition.primary, concepts)
    if definition.additional is None:
        return index
    flags = holds(source, definition.additional, index, concepts)
    return limited(index, flags, definition.qualified_limit)


def _tallied(source: Source, definition: CohortDefinition, index: Index, flags: Sequence[Array]) -> Funnel:
    rules = len(definition.rules)

    def work(chunk: int) -> tuple[int, Array]:
        some = slice(index.begin[source.edges[chunk]], index.begin[source.edges[chunk + 1]])
        person, totals = index.person[some], np.zeros((3, rules), dtype=np.int64)
        met = np.zeros(len(person), dtype=np.uint64)
        for number, flagged in enumerate(flags):
            kernels.mark(met, flagged[some], number)
        return kernels.tally(person, met, totals[0], totals[1], totals[2], rules), totals

    chunks = source.each_chunk(work)
    people = sum(number for number, _ in chunks)
    counts = zip(definition.rules, *np.sum([totals for _, totals in chunks], axis=0).tolist(), strict=True)
    return Funnel(
        qualifying_people=people,
        rules=tuple(
            InclusionCount(rule=rule.name, people_meeting=some, people_remaining=left, events_remaining=left_events)
            for rule, some, left, left_events in counts
        ),
        fell_back=None,
    )


def _kept(among: dict[object, T], key: object, make: Callable[[], T]) -> T:
    """Return what was made before of something alike, or make it."""
    if key not in among:
        found = make()
        if len(among) >= _MOST_KEPT:
            del among[next(iter(among))]
        among[key] = found
    return among[key]


def _meanings(part: object, concepts: Concepts) -> tuple[tuple[int, frozenset[int]], ...]:
    """Return what the concept sets that a part of a definition refers to mean."""
    return tuple((number, concepts[number]) for number in sorted(set(_referred(part))))


def _referred(part: object) -> Iterator[int]:
    if isinstance(part, tuple):
        for each in part:
            yield from _referred(each)
    elif is_dataclass(part):
        for one in fields(part):
            value = getattr(part, one.name)
            if one.name in ("concept_set", "source_concept_set"):
                if value is not None:
                    yield value
            else:
                yield from _referred(value)

"""Funnels from the pack, and from SQL where the pack cannot tell."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Final, TypeVar

import duckdb
import numpy as np

from rounds.engines.cohorts.duck import find_cohort
from rounds.engines.cohorts.result import InclusionCount
from rounds.engines.funnels import kernels
from rounds.engines.funnels.filters import Concepts
from rounds.engines.funnels.index import Events, Judge, holds, index_events
from rounds.engines.funnels.source import Source
from rounds.engines.pack.layout import Array, NotCovered, Pack
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
    _indexes: dict[object, tuple[Events, ...]] = field(default_factory=dict)
    """By what was asked, in chunks of people."""
    _rules: dict[object, tuple[Array, ...]] = field(default_factory=dict)
    """By index and what was asked of it: of which events it holds. Of an index no longer kept nothing is found."""

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
        index = self._indexes.get(key)
        find = index_events(source, definition, concepts) if index is None else index.__getitem__
        asked = [(rule.group, _meanings(rule.group, concepts)) for rule in definition.rules]
        known = [None if index is None else self._rules.get((index, *each)) for each in asked]
        judges = [
            holds(source, group, concepts) if flags is None else partial(_as_found, flags)
            for (group, _), flags in zip(asked, known, strict=True)
        ]
        chunks = source.each_chunk(lambda chunk: _judged(find(chunk), judges))
        if index is None:
            index = tuple(each.events for each in chunks)
            _keep(self._indexes, key, index)
        for number, each in enumerate(asked):
            _keep(self._rules, (index, *each), tuple(chunk.flags[number] for chunk in chunks))
        return _summed(definition, chunks)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What was found in a chunk of people."""

    events: Events
    flags: list[Array]
    """By rule, of which events it holds."""
    people: int
    meeting: Array
    """By rule, people with an event that meets it."""
    far: Array
    """Shape (2, rules + 1): people, and events, by how many rules they meet from the first on without a gap."""


def _judged(events: Events, judges: list[Judge]) -> _Judged:
    flags = [judge(events) for judge in judges]
    met = np.zeros(len(events.person), dtype=np.uint64)
    meeting, far = np.zeros(len(judges), dtype=np.int64), np.zeros((2, len(judges) + 1), dtype=np.int64)
    for number, flagged in enumerate(flags):
        kernels.mark(met, flagged, number)
    people = kernels.tally(events.person, met, meeting, far[0], far[1])
    return _Judged(events=events, flags=flags, people=people, meeting=meeting, far=far)


def _as_found(flags: tuple[Array, ...], events: Events) -> Array:
    return flags[events.chunk]


def _summed(definition: CohortDefinition, chunks: list[_Judged]) -> Funnel:
    meeting = np.sum([each.meeting for each in chunks], axis=0)
    far = np.sum([each.far for each in chunks], axis=0)
    left = np.cumsum(far[:, :0:-1], axis=1)[:, ::-1]  # who comes farther was left by every rule before
    counts = zip(definition.rules, meeting.tolist(), *left.tolist(), strict=True)
    return Funnel(
        qualifying_people=sum(each.people for each in chunks),
        rules=tuple(
            InclusionCount(rule=rule.name, people_meeting=some, people_remaining=left, events_remaining=left_events)
            for rule, some, left, left_events in counts
        ),
        fell_back=None,
    )


def _keep(among: dict[object, T], key: object, found: T) -> None:
    """Keep what was found, and forget the oldest of too many."""
    if key not in among and len(among) >= _MOST_KEPT:
        del among[next(iter(among))]
    among[key] = found


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

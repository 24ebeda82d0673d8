"""Criteria as rows: which rows of the pack a criterion of a cohort means."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rounds.engines.funnels.filters import EMPTY, Concepts, asked_of_rows
from rounds.engines.funnels.kernels import Asked, first_days, keep
from rounds.engines.funnels.source import CHUNKS, Source
from rounds.engines.pack.blocks import coded
from rounds.engines.pack.days import LAST_DAY
from rounds.engines.pack.layout import Array, NotCovered, PackTable
from rounds.measures.cohorts.criteria import Criterion
from rounds.measures.cohorts.domains import TABLES, Domain, End

NO_DAYS: Final = EMPTY["int32"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Rows in parts that are each sorted by person, and where each chunk of people begins and ends in each part."""

    person: Array
    day: Array
    last: Array
    """Empty where it was not asked for."""
    starts: Array
    """Shape (chunks, parts)."""
    stops: Array
    asked: Asked | None = None
    """What rows must still be."""

    @property
    def no_more(self) -> bool:
        """Whether nothing but a value is still asked of rows."""
        asked = self.asked
        others = () if asked is None else (asked.unit, asked.answer, asked.born, asked.sexes)
        dated = asked is not None and (asked.first_day > 0 or asked.last_day < LAST_DAY)
        return not dated and not any(len(other) for other in others)

    @property
    def rows(self) -> int:
        return int(np.sum(self.stops - self.starts))


def plain_rows(
    source: Source, criterion: Criterion, concepts: Concepts, *, ends: bool = False, later: bool = False
) -> Found:
    """Return the rows that a criterion's own attributes leave.

    Args:
        source: where to look.
        criterion: what is correlated is not looked at.
        concepts: what concept sets mean.
        ends: whether the last days are needed.
        later: whether filters may be left to be looked at later, as `asked`.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    table = _table(source, criterion)
    chosen = None if criterion.concept_set is None else tuple(sorted(concepts[criterion.concept_set]))
    rows = coded((criterion.domain, chosen), table, chosen, source.edges)
    if ends and (TABLES[criterion.domain].ends is not End.RECORDED or not source.knows_ends(table.table)):
        raise NotCovered(f"the ends of {criterion.domain} are not all recorded")
    bounds = np.ascontiguousarray(rows.bounds.T)
    found = Found(
        person=table.columns["person"],
        day=table.first,
        last=table.last if ends else EMPTY["uint16"],
        starts=bounds[:-1],
        stops=bounds[1:],
    )
    if not criterion.filters and not criterion.first:
        return found
    asked = asked_of_rows(source, table, criterion, concepts)
    if criterion.first and (len(asked.value) or len(asked.unit) or len(asked.answer)):
        raise NotCovered("of rows on one day the first is found by its key")
    if not criterion.first and later:
        return replace(found, asked=asked)
    if ends:
        raise NotCovered("the ends of rows that are filtered are not kept")
    if criterion.first:
        found = _first_rows(source, found)
    return _kept(source, found, asked) if criterion.filters else found


def _table(source: Source, criterion: Criterion) -> PackTable:
    if criterion.source_concept_set is not None:
        raise NotCovered("source concepts are not in the pack")
    if criterion.adjustment is not None or criterion.user_period is not None:
        raise NotCovered("dates that are moved are looked up in SQL")
    if criterion.domain is Domain.DEATH and criterion.concept_set is not None:
        raise NotCovered("causes of death are not in the pack")
    return source.table(TABLES[criterion.domain].name)


def _first_rows(source: Source, found: Found) -> Found:
    def work(chunk: int) -> tuple[Array, Array]:
        base, stop = source.people(chunk)
        best = np.full(stop - base, LAST_DAY, dtype=np.uint16)
        first_days(found.person, found.day, found.starts[chunk], found.stops[chunk], base, best)
        people = np.flatnonzero(best < LAST_DAY)
        return (people + base).astype(np.int32), best[people]

    return _joined([(person, day, np.array([len(person)])) for person, day in source.each_chunk(work)])


def _kept(source: Source, found: Found, asked: Asked) -> Found:
    def work(chunk: int) -> tuple[Array, Array, Array]:
        starts, stops = found.starts[chunk], found.stops[chunk]
        room = int(np.sum(stops - starts))
        person, day = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.uint16)
        ends = np.zeros(len(starts), dtype=np.int64)
        keep(found.person, found.day, starts, stops, asked, person, day, ends)
        number = int(ends[-1]) if len(ends) else 0
        return person[:number], day[:number], ends

    return _joined(source.each_chunk(work))


def _joined(chunks: list[tuple[Array, Array, Array]]) -> Found:
    """Return the rows of all chunks, of each of which is said where its parts end."""
    parts = max((len(ends) for _, _, ends in chunks), default=0)
    starts, stops = np.zeros((CHUNKS, parts), dtype=np.int64), np.zeros((CHUNKS, parts), dtype=np.int64)
    at = 0
    for chunk, (person, _, ends) in enumerate(chunks):
        stops[chunk] = at + ends
        starts[chunk] = at + np.concatenate([[0], ends[:-1]])
        at += len(person)
    return Found(
        person=np.concatenate([person for person, _, _ in chunks]),
        day=np.concatenate([day for _, day, _ in chunks]),
        last=EMPTY["uint16"],
        starts=starts,
        stops=stops,
    )


def joined_rows(several: list[Found]) -> Found:
    """Return the rows of several criteria together."""
    if len(several) == 1:
        return several[0]
    shifts = np.cumsum([0, *(len(found.person) for found in several[:-1])])
    return Found(
        person=np.concatenate([found.person for found in several]),
        day=np.concatenate([found.day for found in several]),
        last=EMPTY["uint16"],
        starts=np.concatenate([found.starts + at for found, at in zip(several, shifts, strict=True)], axis=1),
        stops=np.concatenate([found.stops + at for found, at in zip(several, shifts, strict=True)], axis=1),
    )


def own_rows(source: Source, person: Array, day: Array) -> Found:
    """Return rows that are sorted by person as what was found."""
    edges = np.searchsorted(person, source.edges)
    return Found(
        person=person,
        day=day,
        last=EMPTY["uint16"],
        starts=np.ascontiguousarray(edges[:-1, None]),
        stops=np.ascontiguousarray(edges[1:, None]),
    )

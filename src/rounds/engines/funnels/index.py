"""Index events: the events that a cohort's inclusion rules are asked about, and of which of them a group holds."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rounds.engines.funnels import kernels
from rounds.engines.funnels.kernels import NO_DAY
from rounds.engines.funnels.rows import (
    NO_DAYS,
    Concepts,
    Found,
    joined_rows,
    nothing_asked,
    own_rows,
    person_flags,
    plain_rows,
)
from rounds.engines.funnels.source import Source
from rounds.engines.pack.layout import Array, NotCovered
from rounds.measures.cohorts.criteria import Correlated, Criterion, Demographic, Edge, Group, GroupKind, Times, Window
from rounds.measures.cohorts.definition import Limit, PrimaryCriteria

MOST_TIMES: Final = 60_000
"""Counts are kept in 16 bits."""
_FAR: Final = 1_000_000
_ROWS_AN_EVENT: Final = 4
"""A pass over the events costs as much as one over so many rows for each event."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Index:
    """Events, each in an observation period, sorted by person and day."""

    person: Array
    day: Array
    observed_first: Array
    observed_last: Array
    begin: Array
    """Where everybody's events begin: as many as there are people in the pack, and one."""

    def where(self, flags: Array) -> "Index":
        """Return the events that are flagged."""
        return _index(
            person=self.person[flags],
            day=self.day[flags],
            observed_first=self.observed_first[flags],
            observed_last=self.observed_last[flags],
            people=len(self.begin) - 1,
        )


def _index(*, person: Array, day: Array, observed_first: Array, observed_last: Array, people: int) -> Index:
    begin = np.empty(people + 1, dtype=np.int32)
    kernels.begins(person, begin)
    return Index(person=person, day=day, observed_first=observed_first, observed_last=observed_last, begin=begin)


def primary_events(source: Source, primary: PrimaryCriteria, concepts: Concepts) -> Index:
    """Return the events that may start a person's time in a cohort.

    Args:
        source: where to look.
        primary: criteria.
        concepts: what concept sets mean.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    found = joined_rows([criterion_rows(source, criterion, concepts) for criterion in primary.criteria])
    if primary.limit is Limit.ALL:
        return _every_event(source, found, prior=primary.prior_days, post=primary.post_days)
    return _one_event(source, found, primary, last=primary.limit is Limit.LAST)


def _one_event(source: Source, found: Found, primary: PrimaryCriteria, *, last: bool) -> Index:
    pack = source.pack

    def work(chunk: int) -> tuple[Array, Array, Array]:
        base, stop = int(source.edges[chunk]), int(source.edges[chunk + 1])
        best = np.full(stop - base, NO_DAY, dtype=np.int32)
        period = np.zeros(stop - base, dtype=np.int32)
        rows = (found.person, found.day, found.starts[chunk], found.stops[chunk], base)
        observed = (pack.observed_start, pack.observed_first, pack.observed_last)
        kernels.one_event(*rows, *observed, primary.prior_days, primary.post_days, last, best, period)
        there = np.flatnonzero(best != NO_DAY)
        return (there + base).astype(np.int32), best[there], period[there]

    person, day, period = (np.concatenate(parts) for parts in zip(*source.each_chunk(work), strict=True))
    return _within(source, person, day, period)


def _every_event(source: Source, found: Found, *, prior: int, post: int) -> Index:
    pack = source.pack

    def work(chunk: int) -> tuple[Array, Array, Array]:
        starts, stops = found.starts[chunk], found.stops[chunk]
        room = int(np.sum(stops - starts))
        person, day, periods = (np.empty(room, dtype=np.int32) for _ in range(3))
        observed = (pack.observed_start, pack.observed_first, pack.observed_last)
        rows = (found.person, found.day, starts, stops)
        number = kernels.every_event(*rows, *observed, prior, post, person, day, periods)
        person, day, periods = person[:number], day[:number], periods[:number]
        if len(starts) == 1:  # sorted already
            return person, day, periods
        order = np.argsort((person.astype(np.int64) << 16) | day, kind="stable")
        return person[order], day[order], periods[order]

    person, day, period = (np.concatenate(parts) for parts in zip(*source.each_chunk(work), strict=True))
    return _within(source, person, day, period)


def _within(source: Source, person: Array, day: Array, period: Array) -> Index:
    pack = source.pack
    return _index(
        person=person,
        day=day,
        observed_first=pack.observed_first[period].astype(np.int32),
        observed_last=pack.observed_last[period].astype(np.int32),
        people=pack.people,
    )


def criterion_rows(
    source: Source, criterion: Criterion, concepts: Concepts, *, ends: bool = False, later: bool = False
) -> Found:
    """Return the rows that a criterion means, those correlated with others looked at; else as `plain_rows`."""
    group = criterion.correlated
    if group is None or not group.members:
        return plain_rows(source, criterion, concepts, ends=ends, later=later)
    if ends:
        raise NotCovered("the ends of rows that are correlated with others are not kept")
    index = _every_event(source, plain_rows(source, criterion, concepts), prior=0, post=0)
    flags = holds(source, group, index, concepts)
    return own_rows(source, index.person[flags], index.day[flags].astype(np.uint16))


def limited(index: Index, flags: Array, limit: Limit) -> Index:
    """Return the flagged events, or everybody's first or last of them."""
    flags = flags.copy()
    if limit is not Limit.ALL:
        kernels.choose(index.person, index.day, flags, limit is Limit.LAST)
    return index.where(flags)


def holds(source: Source, group: Group, index: Index, concepts: Concepts) -> Array:
    """Return of which index events a group holds.

    Args:
        source: where to look.
        group: conditions.
        index: events.
        concepts: what concept sets mean.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    if not group.members:
        return np.ones(len(index.person), dtype=np.bool_)
    flags = (_member(source, member, index, concepts) for member in group.members)
    match group.kind:
        case GroupKind.ALL:
            return np.asarray(np.logical_and.reduce(list(flags)))
        case GroupKind.ANY:
            return np.asarray(np.logical_or.reduce(list(flags)))
        case GroupKind.AT_LEAST | GroupKind.AT_MOST:
            held = np.sum(list(flags), axis=0)
            most = group.kind is GroupKind.AT_MOST
            return np.asarray(held <= (group.count or 0) if most else held >= (group.count or 0))


def _member(source: Source, member: Correlated | Demographic | Group, index: Index, concepts: Concepts) -> Array:
    match member:
        case Group():
            return holds(source, member, index, concepts)
        case Demographic():
            return person_flags(source, member.filters, index.person, index.day)
        case Correlated():
            return _correlated(source, member, index, concepts)


def _correlated(source: Source, member: Correlated, index: Index, concepts: Concepts) -> Array:
    asked = member.occurrence
    if asked.distinct is not None or member.same_visit or asked.count > MOST_TIMES:
        raise NotCovered("different values, the same visit and very many times are counted in SQL")
    windows = [window for window in (member.start_window, member.end_window) if window is not None]
    if any(window.from_index_end for window in windows):
        raise NotCovered("ends of index events are not in the pack")
    within = not member.ignore_observation_period
    start = _bounds(index, [window for window in windows if not window.on_event_end], within=within, clipped=within)
    by_end = [window for window in windows if window.on_event_end]
    found = criterion_rows(source, member.criterion, concepts, ends=bool(by_end), later=True)
    end = _bounds(index, by_end, within=within, clipped=False) if by_end else (NO_DAYS, NO_DAYS)
    enough = asked.count + (asked.times is not Times.AT_LEAST)
    times = _times(source, found, index, start, end, enough=enough)
    match asked.times:
        case Times.EXACTLY:
            return np.asarray(times == asked.count)
        case Times.AT_MOST:
            return np.asarray(times <= asked.count)
        case Times.AT_LEAST:
            return np.asarray(times >= asked.count)


def _bounds(index: Index, windows: list[Window], *, within: bool, clipped: bool) -> tuple[Array, Array]:
    """Return the first and the last day of what all of some windows leave around each index event.

    Args:
        index: events.
        windows: around their days.
        within: whether what is without an edge ends with the observation period.
        clipped: whether everything does.
    """
    low, high = index.observed_first, index.observed_last
    if not clipped:
        low, high = np.full_like(low, -_FAR), np.full_like(high, _FAR)
    for window in windows:
        for edge, is_start in ((window.start, True), (window.end, False)):
            day = _edge(index, edge, within=within)
            if day is None:
                continue
            if is_start:
                low = np.maximum(low, day)
            else:
                high = np.minimum(high, day)
    return low, high


def _edge(index: Index, edge: Edge, *, within: bool) -> Array | None:
    if edge.offset_days is not None:
        return np.asarray(index.day + np.int32(edge.offset_days))
    if within:
        return index.observed_first if edge.sign == -1 else index.observed_last
    return None


def _times(
    source: Source,
    found: Found,
    index: Index,
    start: tuple[Array, Array],
    end: tuple[Array, Array],
    *,
    enough: int,
) -> Array:
    """Return how many rows lie in the windows of each index event, at most so many as are enough."""
    times = np.zeros(len(index.day), dtype=np.uint16)
    asked = (found.no_more, found.asked or nothing_asked(source))

    def work(chunk: int) -> None:
        base, stop = int(source.edges[chunk]), int(source.edges[chunk + 1])
        starts, stops = found.starts[chunk], found.stops[chunk]
        first, last = int(index.begin[base]), int(index.begin[stop])
        rows = (found.person, found.day, found.last, starts, stops)
        if int(np.sum(stops - starts)) > _ROWS_AN_EVENT * (last - first) * max(1, len(starts)):
            kernels.count_by_event(*rows, index.person, first, last, *start, *end, *asked, enough, times)
        else:
            kernels.count_by_row(*rows, index.begin, *start, *end, *asked, enough, times)

    source.each_chunk(work)
    return times

"""Index events: the events that a cohort's inclusion rules are asked about, and of which of them a group holds.

What a definition asks is looked up once, for all people. What comes of that finds and judges the events of one chunk of
people after the other, in any thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rounds.engines.funnels import kernels
from rounds.engines.funnels.filters import Concepts, asked_of_people, nothing_asked, person_flags
from rounds.engines.funnels.kernels import NO_DAY
from rounds.engines.funnels.rows import NO_DAYS, Found, joined_rows, own_rows, plain_rows
from rounds.engines.funnels.source import Source
from rounds.engines.pack.layout import Array, NotCovered
from rounds.measures.cohorts.criteria import Correlated, Criterion, Demographic, Edge, Group, GroupKind, Times, Window
from rounds.measures.cohorts.definition import CohortDefinition, Limit, PrimaryCriteria

MOST_TIMES: Final = 60_000
"""Counts are kept in 16 bits."""
_FAR: Final = 1_000_000
_ROWS_AN_EVENT: Final = 4
"""A pass over the events costs as much as one over so many rows for each event."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Events of one chunk of people, each in an observation period, sorted by person and day."""

    chunk: int
    person: Array
    day: Array
    observed_first: Array
    observed_last: Array
    base: int
    """The first person of the chunk."""
    begin: Array
    """Where everybody's events begin: as many as there are people in the chunk, and one."""

    def where(self, flags: Array) -> "Events":
        """Return the events that are flagged."""
        person, begin = self.person[flags], np.empty_like(self.begin)
        kernels.begins(person, self.base, begin)
        return replace(
            self,
            person=person,
            day=self.day[flags],
            observed_first=self.observed_first[flags],
            observed_last=self.observed_last[flags],
            begin=begin,
        )


Find = Callable[[int], Events]
"""Finds the events of a chunk of people."""
Judge = Callable[[Events], Array]
"""Says of which events something holds."""


def index_events(source: Source, definition: CohortDefinition, concepts: Concepts) -> Find:
    """Return what finds the events that a cohort's inclusion rules are asked about.

    Args:
        source: where to look.
        definition: of the cohort.
        concepts: what concept sets mean.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    find = _primary_events(source, definition.primary, concepts)
    if definition.additional is None:
        return find
    judge, limit = holds(source, definition.additional, concepts), definition.qualified_limit
    return lambda chunk: _limited(find(chunk), judge, limit)


def _primary_events(source: Source, primary: PrimaryCriteria, concepts: Concepts) -> Find:
    found = joined_rows([criterion_rows(source, criterion, concepts) for criterion in primary.criteria])
    if primary.limit is Limit.ALL:
        return _every_event(source, found, prior=primary.prior_days, post=primary.post_days)
    return _one_event(source, found, primary, last=primary.limit is Limit.LAST)


def _one_event(source: Source, found: Found, primary: PrimaryCriteria, *, last: bool) -> Find:
    pack = source.pack

    def find(chunk: int) -> Events:
        base, stop = source.people(chunk)
        best = np.full(stop - base, NO_DAY, dtype=np.int32)
        period = np.zeros(stop - base, dtype=np.int32)
        rows = (found.person, found.day, found.starts[chunk], found.stops[chunk], base)
        observed = (pack.observed_start, pack.observed_first, pack.observed_last)
        kernels.one_event(*rows, *observed, primary.prior_days, primary.post_days, last, best, period)
        there = np.flatnonzero(best != NO_DAY)
        return _events(source, chunk, (there + base).astype(np.int32), best[there], period[there])

    return find


def _every_event(source: Source, found: Found, *, prior: int, post: int) -> Find:
    pack = source.pack

    def find(chunk: int) -> Events:
        starts, stops = found.starts[chunk], found.stops[chunk]
        room = int(np.sum(stops - starts))
        person, day, periods = (np.empty(room, dtype=np.int32) for _ in range(3))
        observed = (pack.observed_start, pack.observed_first, pack.observed_last)
        rows = (found.person, found.day, starts, stops)
        number = kernels.every_event(*rows, *observed, prior, post, person, day, periods)
        person, day, periods = person[:number], day[:number], periods[:number]
        if len(starts) != 1:  # else they are sorted already
            order = np.argsort((person.astype(np.int64) << 16) | day, kind="stable")
            person, day, periods = person[order], day[order], periods[order]
        return _events(source, chunk, person, day, periods)

    return find


def _events(source: Source, chunk: int, person: Array, day: Array, period: Array) -> Events:
    base, stop = source.people(chunk)
    begin = np.empty(stop - base + 1, dtype=np.int32)
    kernels.begins(person, base, begin)
    return Events(
        chunk=chunk,
        person=person,
        day=day,
        observed_first=source.pack.observed_first[period].astype(np.int32),
        observed_last=source.pack.observed_last[period].astype(np.int32),
        base=base,
        begin=begin,
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
    find = _every_event(source, plain_rows(source, criterion, concepts), prior=0, post=0)
    judge = holds(source, group, concepts)

    def rows(chunk: int) -> tuple[Array, Array]:
        events = find(chunk)
        flags = judge(events)
        return events.person[flags], events.day[flags].astype(np.uint16)

    person, day = (np.concatenate(parts) for parts in zip(*source.each_chunk(rows), strict=True))
    return own_rows(source, person, day)


def _limited(events: Events, judge: Judge, limit: Limit) -> Events:
    """Return the events that are judged to hold, or everybody's first or last of them."""
    flags = judge(events)
    if limit is not Limit.ALL:
        kernels.choose(events.person, events.day, flags, limit is Limit.LAST)
    return events.where(flags)


def holds(source: Source, group: Group, concepts: Concepts) -> Judge:
    """Return what says of which index events a group holds, in an array of its own.

    Args:
        source: where to look.
        group: conditions.
        concepts: what concept sets mean.

    Raises:
        NotCovered: if the pack cannot tell.
    """
    judges = [_member(source, member, concepts) for member in group.members]
    if not judges:
        return lambda events: np.ones(len(events.person), dtype=np.bool_)
    match group.kind:
        case GroupKind.ALL:
            return lambda events: np.asarray(np.logical_and.reduce([judge(events) for judge in judges]))
        case GroupKind.ANY:
            return lambda events: np.asarray(np.logical_or.reduce([judge(events) for judge in judges]))
        case GroupKind.AT_LEAST:
            return lambda events: np.asarray(_held(judges, events) >= (group.count or 0))
        case GroupKind.AT_MOST:
            return lambda events: np.asarray(_held(judges, events) <= (group.count or 0))


def _held(judges: list[Judge], events: Events) -> Array:
    return np.asarray(np.sum([judge(events) for judge in judges], axis=0))


def _member(source: Source, member: Correlated | Demographic | Group, concepts: Concepts) -> Judge:
    match member:
        case Group():
            return holds(source, member, concepts)
        case Demographic():
            asked = asked_of_people(source, member.filters)
            return lambda events: person_flags(source, asked, events.person, events.day)
        case Correlated():
            return _correlated(source, member, concepts)


def _correlated(source: Source, member: Correlated, concepts: Concepts) -> Judge:
    wanted = member.occurrence
    if wanted.distinct is not None or member.same_visit or wanted.count > MOST_TIMES:
        raise NotCovered("different values, the same visit and very many times are counted in SQL")
    windows = [window for window in (member.start_window, member.end_window) if window is not None]
    if any(window.from_index_end for window in windows):
        raise NotCovered("ends of index events are not in the pack")
    within = not member.ignore_observation_period
    by_start = [window for window in windows if not window.on_event_end]
    by_end = [window for window in windows if window.on_event_end]
    found = criterion_rows(source, member.criterion, concepts, ends=bool(by_end), later=True)
    asked = (found.no_more, found.asked or nothing_asked(source))
    enough = wanted.count + (wanted.times is not Times.AT_LEAST)

    def judge(events: Events) -> Array:
        start = _bounds(events, by_start, within=within, clipped=within)
        end = _bounds(events, by_end, within=within, clipped=False) if by_end else (NO_DAYS, NO_DAYS)
        times = np.zeros(len(events.day), dtype=np.uint16)
        starts, stops = found.starts[events.chunk], found.stops[events.chunk]
        rows = (found.person, found.day, found.last, starts, stops)
        if int(np.sum(stops - starts)) > _ROWS_AN_EVENT * len(times) * max(1, len(starts)):
            kernels.count_by_event(*rows, events.person, *start, *end, *asked, enough, times)
        else:
            kernels.count_by_row(*rows, events.base, events.begin, *start, *end, *asked, enough, times)
        match wanted.times:
            case Times.EXACTLY:
                return np.asarray(times == wanted.count)
            case Times.AT_MOST:
                return np.asarray(times <= wanted.count)
            case Times.AT_LEAST:
                return np.asarray(times >= wanted.count)

    return judge


def _bounds(events: Events, windows: list[Window], *, within: bool, clipped: bool) -> tuple[Array, Array]:
    """Return the first and the last day of what all of some windows leave around each index event.

    Args:
        events: around their days.
        windows: what they leave.
        within: whether what is without an edge ends with the observation period.
        clipped: whether everything does.
    """
    low, high = events.observed_first, events.observed_last
    if not clipped:
        low, high = np.full_like(low, -_FAR), np.full_like(high, _FAR)
    for window in windows:
        for edge, is_start in ((window.start, True), (window.end, False)):
            day = _edge(events, edge, within=within)
            if day is None:
                continue
            if is_start:
                low = np.maximum(low, day)
            else:
                high = np.minimum(high, day)
    return low, high


def _edge(events: Events, edge: Edge, *, within: bool) -> Array | None:
    if edge.offset_days is not None:
        return np.asarray(events.day + np.int32(edge.offset_days))
    if within:
        return events.observed_first if edge.sign == -1 else events.observed_last
    return None

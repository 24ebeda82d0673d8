"""The reference engine for cohorts: plain Python, slow and obvious. It defines what a definition means."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from rounds.engines.cohorts.reference_concepts import resolve_concept_sets
from rounds.engines.cohorts.reference_events import Concepts, Event, Row, Tables, find_events, passes, subject
from rounds.engines.cohorts.result import ENTRIES_SCHEMA, CohortResult, InclusionCount, Judged, empty_names
from rounds.measures.cohorts.criteria import Correlated, Criterion, Demographic, Group, GroupKind, Times, Window
from rounds.measures.cohorts.definition import (
    CohortDefinition,
    ContinuousExposure,
    DateOffset,
    Limit,
    ObservationEnd,
)
from rounds.measures.cohorts.domains import CountColumn, Domain

Stretch = tuple[int, date, date]
"""Person, first and last day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """An event within an observation period."""

    number: int
    """Of the person's events, in their order."""
    person: int
    start: date
    end: date | None
    observed_from: date
    observed_to: date
    visit: int | None


def find_cohort(tables: Tables, definition: CohortDefinition) -> CohortResult:
    """Return who is in a cohort.

    Args:
        tables: of the site, with its vocabulary if concept sets are to be looked up there.
        definition: of the cohort.
    """
    concepts = resolve_concept_sets(tables, definition)
    events = _primary_events(tables, definition, concepts)
    if definition.additional is not None:
        additional = definition.additional
        events = [each for each in events if _holds(additional, each, tables, concepts)]
        events = _limited(events, definition.qualified_limit)
    met = [
        frozenset(n for n, rule in enumerate(definition.rules) if _holds(rule.group, each, tables, concepts))
        for each in events
    ]
    every = frozenset(range(len(definition.rules)))
    included = [each for each, rules in zip(events, met, strict=True) if rules == every]
    included = _limited(included, definition.expression_limit)
    entries = [
        (each.person, each.start, min(ends))
        for each in included
        if (ends := [end for end in _ends(each, tables, definition, concepts) if end >= each.start])
    ]
    rows = _censored(_runs(_pad(entries, definition.era_pad_days), definition.era_pad_days), definition)
    return CohortResult(
        entries=pl.DataFrame(sorted(rows), schema=ENTRIES_SCHEMA, orient="row"),
        qualifying_people=len({each.person for each in events}),
        inclusion_counts=_inclusion_counts(definition, events, met),
        judged=_judged(events, met),
        empty_concept_sets=empty_names(definition, concepts),
    )


def _observed(tables: Tables, person: int) -> list[tuple[date, date]]:
    return [
        (_date(row["observation_period_start_date"]), _date(row["observation_period_end_date"]))
        for row in tables["observation_period"]
        if row["person_id"] == person
    ]


def _primary_events(tables: Tables, definition: CohortDefinition, concepts: Concepts) -> list[_Index]:
    primary = definition.primary
    found = []
    for number, criterion in enumerate(primary.criteria):
        for event in _events(tables, criterion, concepts):
            for first, last in _observed(tables, event.person):
                if (
                    first <= event.start <= last
                    and first + timedelta(days=primary.prior_days) <= event.start
                    and event.start + timedelta(days=primary.post_days) <= last
                ):
                    found.append((event, number, first, last))
    direction = -1 if primary.limit is Limit.LAST else 1
    found.sort(
        key=lambda each: (
            each[0].person,
            direction * each[0].sort_day.toordinal(),
            each[0].key,
            each[1],
            each[0].end or date.max,
            math.inf if each[0].visit is None else each[0].visit,
            each[2],
            each[3],
        )
    )
    so_far: Counter[int] = Counter()
    events = []
    for event, _, first, last in found:
        so_far[event.person] += 1
        if primary.limit is Limit.ALL or so_far[event.person] == 1:
            events.append(
                _Index(
                    number=so_far[event.person],
                    person=event.person,
                    start=event.start,
                    end=event.end,
                    observed_from=first,
                    observed_to=last,
                    visit=event.visit,
                )
            )
    return events


def _limited(events: list[_Index], limit: Limit) -> list[_Index]:
    if limit is Limit.ALL:
        return events
    direction = -1 if limit is Limit.LAST else 1
    kept: dict[int, _Index] = {}
    for each in sorted(events, key=lambda each: (direction * each.start.toordinal(), each.number)):
        kept.setdefault(each.person, each)
    return list(kept.values())


def _events(
    tables: Tables, criterion: Criterion, concepts: Concepts, counted: CountColumn | None = None
) -> list[Event]:
    """Return a criterion's events, of which those with correlated criteria meet them while observed."""
    events = find_events(tables, criterion, concepts, counted)
    group = criterion.correlated
    if group is None or not group.members:
        return events
    return [event for event in events if _event_holds(group, event, tables, concepts)]


def _event_holds(group: Group, event: Event, tables: Tables, concepts: Concepts) -> bool:
    indexes = [
        _Index(
            number=0,
            person=event.person,
            start=event.start,
            end=event.end,
            observed_from=first,
            observed_to=last,
            visit=event.visit,
        )
        for first, last in _observed(tables, event.person)
        if first <= event.start <= last
    ]
    return any(_holds(group, index, tables, concepts) for index in indexes)


def _holds(group: Group, index: _Index, tables: Tables, concepts: Concepts) -> bool:
    if not group.members:
        return True
    held = sum(_member_holds(member, index, tables, concepts) for member in group.members)
    match group.kind:
        case GroupKind.ALL:
            return held == len(group.members)
        case GroupKind.ANY:
            return held > 0
        case GroupKind.AT_LEAST:
            return held >= (group.count or 0)
        case GroupKind.AT_MOST:
            return held <= (group.count or 0)


def _member_holds(member: Correlated | Demographic | Group, index: _Index, tables: Tables, concepts: Concepts) -> bool:
    match member:
        case Group():
            return _holds(member, index, tables, concepts)
        case Demographic():
            known = any(row["person_id"] == index.person for row in tables["person"])
            whole = subject(tables, person=index.person, start=index.start, end=index.end)
            return known and all(passes(each, whole, concepts) for each in member.filters)
        case Correlated():
            return _correlated_holds(member, index, tables, concepts)


def _correlated_holds(member: Correlated, index: _Index, tables: Tables, concepts: Concepts) -> bool:
    occurrence = member.occurrence
    events = [
        event
        for event in _events(tables, member.criterion, concepts, occurrence.distinct)
        if event.person == index.person and _around(event, member, index)
    ]
    times = len(events)
    if occurrence.distinct is not None:
        times = len({event.counted for event in events if event.counted is not None})
    match occurrence.times:
        case Times.EXACTLY:
            return times == occurrence.count
        case Times.AT_MOST:
            return times <= occurrence.count
        case Times.AT_LEAST:
            return times >= occurrence.count


def _around(event: Event, member: Correlated, index: _Index) -> bool:
    within = not member.ignore_observation_period
    if within and not index.observed_from <= event.start <= index.observed_to:
        return False
    if member.same_visit and (event.visit is None or event.visit != index.visit):
        return False
    windows = [window for window in (member.start_window, member.end_window) if window is not None]
    return all(_in_window(event, window, index, within=within) for window in windows)


def _in_window(event: Event, window: Window, index: _Index, *, within: bool) -> bool:
    day = event.end if window.on_event_end else event.start
    origin = index.end if window.from_index_end else index.start
    for edge, is_start in ((window.start, True), (window.end, False)):
        if edge.offset_days is not None:
            limit = None if origin is None else origin + timedelta(days=edge.offset_days)
        elif within:
            limit = index.observed_from if edge.sign == -1 else index.observed_to
        else:
            continue
        if day is None or limit is None or (day < limit if is_start else day > limit):
            return False
    return True


def _ends(index: _Index, tables: Tables, definition: CohortDefinition, concepts: Concepts) -> list[date]:
    ends = []
    match definition.end:
        case ObservationEnd():
            ends.append(index.observed_to)
        case DateOffset(from_end=from_end, offset_days=days):
            origin = index.end if from_end else index.start
            if origin is not None:
                ends.append(min(origin + timedelta(days=days), index.observed_to))
        case ContinuousExposure():
            ends.append(index.observed_to)
            exposures = _exposures(tables, definition.end, concepts, index.person)
            runs = _runs(exposures, definition.end.gap_days)
            ends += [last for _, first, last in runs if first <= index.start <= last]
    for criterion in definition.censoring:
        ends += [
            event.start
            for event in _events(tables, criterion, concepts)
            if event.person == index.person and index.start <= event.start <= index.observed_to
        ]
    return ends


def _exposures(tables: Tables, strategy: ContinuousExposure, concepts: Concepts, person: int) -> list[Stretch]:
    # Dates as the domain has them; the concept may be the standard or the source concept.
    listed = concepts[strategy.concept_set]
    rows: list[Row] = [
        row
        for row in tables.get("drug_exposure", ())
        if row["drug_concept_id"] in listed or row.get("drug_source_concept_id") in listed
    ]
    events = find_events({"drug_exposure": rows}, Criterion(domain=Domain.DRUG_EXPOSURE), concepts)
    stretches = []
    for event in events:
        if event.person == person and event.end is not None:
            supply = strategy.days_supply
            end = event.end if supply is None else event.start + timedelta(days=supply)
            stretches.append((person, event.start, end + timedelta(days=strategy.gap_days + strategy.offset_days)))
    return stretches


def _pad(stretches: Iterable[Stretch], days: int) -> list[Stretch]:
    return [(person, first, last + timedelta(days=days)) for person, first, last in stretches]


def _runs(padded: Iterable[Stretch], pad_days: int) -> list[Stretch]:
    """Return the runs of stretches that touch, without the days their ends were padded by."""
    runs: list[Stretch] = []
    reached: date | None = None
    for person, first, last in sorted(padded):
        if runs and runs[-1][0] == person and reached is not None and reached >= first:
            reached = max(reached, last)
            runs[-1] = (person, runs[-1][1], max(runs[-1][2], last))
        else:
            reached = last if not runs or runs[-1][0] != person or reached is None else max(reached, last)
            runs.append((person, first, last))
    return [(person, first, last - timedelta(days=pad_days)) for person, first, last in runs]


def _censored(rows: Iterable[Stretch], definition: CohortDefinition) -> list[Stretch]:
    earliest, latest = definition.censor_start or date.min, definition.censor_end or date.max
    cut = [(person, max(first, earliest), min(last, latest)) for person, first, last in rows]
    return [(person, first, last) for person, first, last in cut if first <= last]


def _inclusion_counts(
    definition: CohortDefinition, events: list[_Index], met: list[frozenset[int]]
) -> tuple[InclusionCount, ...]:
    judged = list(zip(events, met, strict=True))
    counts = []
    for number, rule in enumerate(definition.rules):
        meeting = {event.person for event, rules in judged if number in rules}
        remaining = [event.person for event, rules in judged if rules.issuperset(range(number + 1))]
        counts.append(
            InclusionCount(
                rule=rule.name,
                people_meeting=len(meeting),
                people_remaining=len(set(remaining)),
                events_remaining=len(remaining),
            )
        )
    return tuple(counts)


def _judged(events: list[_Index], met: list[frozenset[int]]) -> Judged:
    masks = [sum(1 << rule for rule in rules) for rules in met]
    order = sorted(
        range(len(events)),
        key=lambda n: (-len(met[n]), min(met[n], default=0), events[n].start, events[n].number),
    )
    best: dict[int, int] = {}
    for number in order:
        best.setdefault(events[number].person, masks[number])
    return Judged(events=dict(Counter(masks)), people=dict(Counter(best.values())))


def _date(value: object) -> date:
    if not isinstance(value, date):
        raise TypeError("a date is missing")
    return value

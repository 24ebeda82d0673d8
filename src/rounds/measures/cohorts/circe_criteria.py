"""Reads criteria and groups of conditions."""

from collections.abc import Iterator
from typing import Final, Literal

from rounds.measures.cohorts.attributes import ATTRIBUTES, DEMOGRAPHIC, SOURCE_CONCEPT
from rounds.measures.cohorts.circe_filters import concept_set_id, read_filters
from rounds.measures.cohorts.criteria import (
    Correlated,
    Criterion,
    DateAdjustment,
    Demographic,
    Edge,
    Group,
    GroupKind,
    Occurrence,
    Times,
    UserPeriod,
    Window,
)
from rounds.measures.cohorts.domains import TABLES, CountColumn, Domain
from rounds.measures.cohorts.json_node import Node

_TIMES: Final = {0: Times.EXACTLY, 1: Times.AT_MOST, 2: Times.AT_LEAST}
_DATE_TYPES: Final = {"START_DATE": False, "END_DATE": True}
_PERIODS: Final = (Domain.OBSERVATION_PERIOD, Domain.PAYER_PLAN_PERIOD)
_UNADJUSTED: Final = (Domain.SPECIMEN, Domain.LOCATION_REGION)
"""Circe reads a date adjustment of these and does nothing with it."""
_MEMBERS: Final = ("CriteriaList", "DemographicCriteriaList", "Groups")
_DOMAINS: Final = ", ".join(Domain)


def read_criteria(node: Node, key: str, known: frozenset[int]) -> tuple[Criterion, ...]:
    """Return the criteria of a list, leaving out those that have problems."""
    read = (read_criterion(each, known) for each in node.children(key))
    return tuple(each for each in read if each is not None)


def read_criterion(node: Node, known: frozenset[int]) -> Criterion | None:
    """Return the one criterion in an object such as `{"Measurement": {...}}`.

    Args:
        node: the object.
        known: the ids of the definition's concept sets.
    """
    names = [name for name in node.value if name in set(Domain)]
    for name in node.value:
        if name not in names:
            node.refuse(name, f"this kind of criterion is not supported; use one of {_DOMAINS}")
            node.has(name)
    if len(names) != 1:
        if len(node.value) != 1:
            node.problems.append(f"{node.path}: write exactly one criterion here")
        return None
    domain = Domain(names[0])
    child = node.child(domain)
    return None if child is None else _criterion(child, domain, known)


def _criterion(node: Node, domain: Domain, known: frozenset[int]) -> Criterion:
    table = TABLES[domain]
    source = SOURCE_CONCEPT.get(domain)
    if domain in _UNADJUSTED:
        node.has("DateAdjustment")
    criterion = Criterion(
        domain=domain,
        concept_set=concept_set_id(node, "CodesetId", known) if table.concept is not None else None,
        source_concept_set=None if source is None else concept_set_id(node, source, known),
        first=table.has_first and node.flag("First"),
        filters=read_filters(node, ATTRIBUTES[domain], known),
        adjustment=None if domain in _UNADJUSTED else _adjustment(node, domain),
        user_period=_user_period(node) if domain in _PERIODS else None,
        correlated=read_group(node, "CorrelatedCriteria", known),
    )
    node.refuse_rest()
    return criterion


def _adjustment(node: Node, domain: Domain) -> DateAdjustment | None:
    child = node.child("DateAdjustment")
    if child is None:
        return None
    start_with_end = _ends(child, "StartWith", default=False)
    end_with_end = _ends(child, "EndWith", default=True)
    adjustment = DateAdjustment(
        # Of a death Circe adjusts the day itself and the day after, whatever is written.
        start_with_end=start_with_end and domain is not Domain.DEATH,
        start_offset_days=child.days("StartOffset") or 0,
        end_with_end=end_with_end or domain is Domain.DEATH,
        end_offset_days=child.days("EndOffset") or 0,
    )
    child.refuse_rest()
    return adjustment


def _ends(node: Node, key: str, *, default: bool) -> bool:
    text = node.text(key)
    if text is None:
        return default
    if text not in _DATE_TYPES:
        node.refuse(key, f"write one of {', '.join(_DATE_TYPES)}")
    return _DATE_TYPES.get(text, default)


def _user_period(node: Node) -> UserPeriod | None:
    child = node.child("UserDefinedPeriod")
    if child is None:
        return None
    period = UserPeriod(start=child.day("StartDate"), end=child.day("EndDate"))
    child.refuse_rest()
    if period.start is not None and period.end is not None and period.end < period.start:
        child.refuse("EndDate", "the period ends before it starts; exchange its dates or correct them")
    return None if period.start is None and period.end is None else period


def read_group(node: Node, key: str, known: frozenset[int]) -> Group | None:
    """Return the group of conditions at a key, or nothing if there is none or it has problems."""
    child = node.child(key)
    return None if child is None else _group(child, known)


def _group(node: Node, known: frozenset[int]) -> Group | None:
    members = tuple(_members(node, known))
    written = sum(len(found) for key in _MEMBERS if isinstance(found := node.value.get(key), list))
    text, count = node.text("Type"), node.integer("Count")
    node.refuse_rest()
    kind = None if text is None else next((each for each in GroupKind if each == text.upper()), None)
    if kind is None and not members:
        # ATLAS leaves the type out of a group without members, which always holds.
        kind = GroupKind.ALL if text is None else None
    if kind is None:
        node.refuse("Type", f"write one of {', '.join(GroupKind)}")
        return None
    if kind is GroupKind.AT_LEAST and count is not None and 0 < written < count:
        node.refuse(
            "Count", f"the group has {written} conditions, so that it would never hold; write {written} or less"
        )
        return None
    try:
        return Group(kind=kind, count=count if kind.startswith("AT_") else None, members=members)
    except ValueError as problem:
        node.refuse("Count", str(problem))
        return None


def _members(node: Node, known: frozenset[int]) -> Iterator[Correlated | Demographic | Group]:
    for child in node.children("CriteriaList"):
        correlated = _correlated(child, known)
        if correlated is not None:
            yield correlated
    for child in node.children("DemographicCriteriaList"):
        yield Demographic(filters=read_filters(child, DEMOGRAPHIC, known))
        child.refuse_rest()
    for child in node.children("Groups"):
        group = _group(child, known)
        if group is not None:
            yield group


def _correlated(node: Node, known: frozenset[int]) -> Correlated | None:
    inner = node.needed("Criteria")
    criterion = None if inner is None else read_criterion(inner, known)
    start = node.needed("StartWindow")
    start_window = None if start is None else _window(start, event_end_default=False)
    end = node.child("EndWindow")
    # An end window written before ATLAS had the choice means the event's end.
    end_window = None if end is None else _window(end, event_end_default=True)
    counted = node.needed("Occurrence")
    occurrence = None if counted is None or criterion is None else _occurrence(counted, criterion.domain)
    same_visit, ignored = node.flag("RestrictVisit"), node.flag("IgnoreObservationPeriod")
    node.refuse_rest()
    if criterion is None or start_window is None or occurrence is None:
        return None
    return Correlated(
        criterion=criterion,
        start_window=start_window,
        end_window=end_window,
        occurrence=occurrence,
        same_visit=same_visit,
        ignore_observation_period=ignored,
    )


def _window(node: Node, *, event_end_default: bool) -> Window | None:
    start, end = _edge(node, "Start"), _edge(node, "End")
    from_index_end = node.flag("UseIndexEnd")
    on_event_end = node.flag("UseEventEnd", event_end_default)
    node.refuse_rest()
    if start is None or end is None:
        return None
    try:
        return Window(start=start, end=end, from_index_end=from_index_end, on_event_end=on_event_end)
    except ValueError as problem:
        node.problems.append(f"{node.path}: {problem}; correct its days")
        return None


def _edge(node: Node, key: str) -> Edge | None:
    child = node.needed(key)
    if child is None:
        return None
    days, coefficient = child.days("Days"), child.integer("Coeff")
    child.refuse_rest()
    signs: dict[int | None, Literal[-1, 1]] = {-1: -1, 1: 1}
    if coefficient not in signs:
        child.refuse("Coeff", "write -1 for before or 1 for after")
        return None
    return Edge(days=days, sign=signs[coefficient])


def _occurrence(node: Node, domain: Domain) -> Occurrence | None:
    written, count = node.integer("Type"), node.integer("Count")
    is_distinct = node.flag("IsDistinct")
    column = node.text("CountColumn")
    node.refuse_rest()
    times = _TIMES.get(0 if written is None else written)
    if times is None:
        node.refuse("Type", "write 0 for exactly, 1 for at most or 2 for at least")
    distinct = None
    if is_distinct:
        # Before ATLAS had the choice, different concepts were meant.
        allowed = TABLES[domain].count_columns
        distinct = next((each for each in allowed if each == (column or CountColumn.DOMAIN_CONCEPT)), None)
        if distinct is None:
            node.refuse("CountColumn", f"{domain} has no {column} to count; use one of {', '.join(sorted(allowed))}")
            return None
    if times is None:
        return None
    try:
        return Occurrence(times=times, count=count or 0, distinct=distinct)
    except ValueError as problem:
        node.refuse("Count", str(problem))
        return None

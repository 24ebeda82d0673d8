# ruff: noqa: S608  SQL is built from our own names only
"""The reference's events: what a criterion's own attributes leave of a table's rows, one row at a time."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import duckdb

from rounds.engines.cohorts.filter_sql import ABNORMAL_CONCEPTS, FAR_FUTURE
from rounds.engines.cohorts.tables import find_tables
from rounds.measures.cohorts.criteria import Criterion
from rounds.measures.cohorts.domains import TABLES, CountColumn, Domain, DomainTable, End
from rounds.measures.cohorts.filters import (
    AbnormalFilter,
    CareSiteRegionFilter,
    Comparison,
    ConceptFilter,
    ConceptSetFilter,
    DateFilter,
    Filter,
    NumberFilter,
    Operand,
    Source,
    TextFilter,
)

Row = Mapping[str, object]
Tables = Mapping[str, Sequence[Row]]
"""OMOP tables by name; a row may leave out what it does not know."""
Concepts = Mapping[int, frozenset[int]]

_KEYS: Final = {table.name: table.id for table in TABLES.values() if table.name != "death"}

_COMPARE: Final[Mapping[Comparison, Callable[[float, float], bool]]] = {
    Comparison.LT: lambda value, other: value < other,
    Comparison.LTE: lambda value, other: value <= other,
    Comparison.EQ: lambda value, other: value == other,
    Comparison.NOT_EQ: lambda value, other: value != other,
    Comparison.GT: lambda value, other: value > other,
    Comparison.GTE: lambda value, other: value >= other,
}


def omop_rows(connection: duckdb.DuckDBPyConnection, *, schema: str = "omop") -> Tables:
    """Return every row of every table and view of a schema. Real sites have more than memory can hold."""
    found = {}
    for name in find_tables(connection, schema=schema).columns:
        asked = connection.execute(f"SELECT * FROM {schema}.{name}")
        columns = [column[0] for column in asked.description or ()]
        found[name] = [dict(zip(columns, row, strict=True)) for row in asked.fetchall()]
        if key := _KEYS.get(name):
            # Rows without a key are in the order in which they are read.
            found[name] = [{key: number, **row} for number, row in enumerate(found[name], start=1)]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row of a domain's table as a dated event."""

    person: int
    key: int
    start: date
    end: date | None
    visit: int | None
    sort_day: date
    """The start before a user-defined period takes its place."""
    counted: object
    """The value of the column whose different values are counted."""


def find_events(
    tables: Tables, criterion: Criterion, concepts: Concepts, counted: CountColumn | None = None
) -> list[Event]:
    """Return the events that a criterion's own attributes leave.

    Args:
        tables: of the site.
        criterion: what is correlated is not looked at.
        concepts: what concept sets mean.
        counted: the column whose values are asked for.
    """
    table = TABLES[criterion.domain]
    rows = [row for row in _rows(tables, criterion.domain) if _has_concepts(row, table, criterion, concepts)]
    if criterion.first:
        rows = list(_first_rows(rows, table))
    events = []
    for row in rows:
        start, end = _dates(row, table, criterion)
        if criterion.adjustment is not None and (end is None or end < start):
            continue
        whole = _Subject(tables=tables, row=row, person=_integer(row[table.person]) or 0, start=start, end=end)
        if all(passes(each, whole, concepts) for each in criterion.filters) and _in_user_period(criterion, start, end):
            events.append(_event(whole, table, criterion, counted))
    return events


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What a filter looks at."""

    tables: Tables
    row: Row
    person: int
    start: date
    end: date | None


def subject(tables: Tables, *, person: int, start: date, end: date | None) -> _Subject:
    """Return an index event as what demographic filters look at."""
    return _Subject(tables=tables, row={}, person=person, start=start, end=end)


def _rows(tables: Tables, domain: Domain) -> Iterator[Row]:
    rows = tables.get(TABLES[domain].name, ())
    if domain is not Domain.LOCATION_REGION:
        yield from rows
        return
    for row in rows:
        for place in tables.get("location", ()):
            if row.get("domain_id") == "PERSON" and row["location_id"] == place["location_id"]:
                yield {**row, "region_concept_id": place.get("region_concept_id")}


def _has_concepts(row: Row, table: DomainTable, criterion: Criterion, concepts: Concepts) -> bool:
    asked = ((table.concept, criterion.concept_set), (table.source_concept, criterion.source_concept_set))
    return all(
        row.get(column) in concepts[concept_set]
        for column, concept_set in asked
        if column is not None and concept_set is not None
    )


def _first_rows(rows: list[Row], table: DomainTable) -> Iterator[Row]:
    seen = set()
    for row in sorted(rows, key=lambda row: (_day(row[table.start]), _key_order(row[table.id]))):
        if row[table.person] not in seen:
            seen.add(row[table.person])
            yield row


def _key_order(value: object) -> tuple[bool, int]:
    """Return what orders keys; rows without one come last."""
    return value is None, _integer(value) or 0


def _dates(row: Row, table: DomainTable, criterion: Criterion) -> tuple[date, date | None]:
    start = _day(row[table.start])
    if start is None:
        raise ValueError("every event needs a start")
    end = _end(row, table, start)
    adjusted = criterion.adjustment
    if adjusted is None:
        return start, end
    moved_start = _moved(end if adjusted.start_with_end else start, adjusted.start_offset_days)
    moved_end = _moved(end if adjusted.end_with_end else start, adjusted.end_offset_days)
    # Without a start it cannot end after it: the caller drops it.
    return (moved_start or date.max), moved_end


def _end(row: Row, table: DomainTable, start: date) -> date | None:
    recorded = None if table.end is None else _day(row.get(table.end))
    if recorded is not None or table.ends is End.RECORDED:
        return recorded
    supply = _integer(row.get("days_supply")) if table.ends is End.DRUG else None
    if table.ends is End.RECORDED_OR_2099:
        return FAR_FUTURE
    return start + timedelta(days=1 if supply is None else supply)


def _moved(day: date | None, days: int) -> date | None:
    return None if day is None else day + timedelta(days=days)


def _in_user_period(criterion: Criterion, start: date, end: date | None) -> bool:
    period = criterion.user_period
    if period is None:
        return True
    return all(asked is None or (end is not None and start <= asked <= end) for asked in (period.start, period.end))


def _event(whole: _Subject, table: DomainTable, criterion: Criterion, counted: CountColumn | None) -> Event:
    period = criterion.user_period
    start = whole.start if period is None or period.start is None else period.start
    end = whole.end if period is None or period.end is None else period.end
    visit = None if table.visit is None else _integer(whole.row.get(table.visit))
    match counted:
        case None:
            value: object = None
        case CountColumn.START_DATE:
            value = start
        case CountColumn.END_DATE:
            value = end
        case CountColumn.VISIT_ID:
            value = visit
        case CountColumn.DURATION:
            value = None if end is None else (end - start).days
        case _:
            value = whole.row.get(table.counted[counted])
            value = 0 if value is None and table.name == "death" else value
    return Event(
        person=whole.person,
        key=_integer(whole.row[table.id]) or 0,
        start=start,
        end=end,
        visit=visit,
        sort_day=whole.start,
        counted=value,
    )


def passes(each: Filter, whole: _Subject, concepts: Concepts) -> bool:
    """Say whether a filter is certainly met; what is not known meets nothing.

    Args:
        each: the filter.
        whole: the event, its person and what else it names.
        concepts: what concept sets mean.
    """
    match each:
        case AbnormalFilter():
            return _abnormal(whole.row)
        case CareSiteRegionFilter():
            return _in_region(each, whole, concepts)
    # Nobody is filtered by a person, visit or care site that is not there; a provider may be missing.
    found = list(_linked(whole, each.operand))
    return any(_meets(each, _value(each.operand, whole, row), concepts) for row in found)


def _linked(whole: _Subject, operand: Operand) -> list[Row]:
    """Return the rows that an operand is read from, which may be none."""
    match operand.source:
        case Source.PERSON | Source.AGE_AT_START | Source.AGE_AT_END:
            return [row for row in whole.tables["person"] if row["person_id"] == whole.person]
        case Source.VISIT:
            return [
                row
                for row in whole.tables.get("visit_occurrence", ())
                if row["visit_occurrence_id"] == whole.row.get("visit_occurrence_id")
                and row["person_id"] == whole.person
            ]
        case Source.PROVIDER:
            provider = whole.row.get("provider_id")
            return [row for row in whole.tables.get("provider", ()) if row["provider_id"] == provider] or [{}]
        case Source.CARE_SITE:
            site = whole.row.get("care_site_id")
            return [row for row in whole.tables.get("care_site", ()) if row["care_site_id"] == site]
        case _:
            return [whole.row]


def _value(operand: Operand, whole: _Subject, row: Row) -> object:
    match operand.source:
        case Source.START:
            return whole.start
        case Source.END:
            return whole.end
        case Source.AGE_AT_START | Source.AGE_AT_END:
            asked, born = whole.start if operand.source is Source.AGE_AT_START else whole.end, row.get("year_of_birth")
            return None if asked is None or born is None else asked.year - (_integer(born) or 0)
        case Source.DAYS:
            return None if whole.end is None else (whole.end - whole.start).days
        case Source.RATIO:
            number, limit = _number(row.get("value_as_number")), _number(row.get(operand.column))
            return number / limit if number is not None and limit else None
        case _:
            return row.get(operand.column)


def _meets(each: Filter, value: object, concepts: Concepts) -> bool:
    match each:
        case ConceptSetFilter(concept_set=None):
            return (value is None) == each.exclude
        case ConceptSetFilter(concept_set=int()):
            members = concepts[each.concept_set or 0]
            # As in SQL, nothing is not in an empty list, not even what is unknown.
            return (not members or value is not None) and value not in members if each.exclude else value in members
    if value is None:
        return False
    match each:
        case ConceptFilter():
            return (value in each.concepts) != each.exclude
        case TextFilter():
            return _like(str(value), each.pattern) != each.exclude
        case DateFilter() if isinstance(value, date):
            extent = None if each.extent is None else each.extent.toordinal()
            return _in_range(value.toordinal(), each.comparison, each.value.toordinal(), extent)
        case NumberFilter():
            return _in_range(_number(value) or 0.0, each.comparison, each.value, each.extent)
    raise ValueError("a value of another kind than its filter")


def _in_range(value: float, comparison: Comparison, first: float, extent: float | None) -> bool:
    if extent is not None:
        return (first <= value <= extent) == (comparison is Comparison.BETWEEN)
    return _COMPARE[comparison](value, first)


def _like(text: str, pattern: str) -> bool:
    parts = (".*" if mark == "%" else "." if mark == "_" else re.escape(mark) for mark in pattern)
    return re.fullmatch("".join(parts), text, flags=re.DOTALL) is not None


def _abnormal(row: Row) -> bool:
    value, low, high = (_number(row.get(name)) for name in ("value_as_number", "range_low", "range_high"))
    below = value is not None and low is not None and value < low
    above = value is not None and high is not None and value > high
    return below or above or row.get("value_as_concept_id") in ABNORMAL_CONCEPTS


def _in_region(each: CareSiteRegionFilter, whole: _Subject, concepts: Concepts) -> bool:
    for stay in whole.tables.get("location_history", ()):
        for place in whole.tables.get("location", ()):
            begins, ends = _day(stay["start_date"]), _day(stay.get("end_date")) or FAR_FUTURE
            if (
                stay.get("domain_id") == "CARE_SITE"
                and whole.row.get("care_site_id") is not None
                and stay["entity_id"] == whole.row.get("care_site_id")
                and stay["location_id"] == place["location_id"]
                and place.get("region_concept_id") in concepts[each.concept_set]
                and begins is not None
                and begins <= whole.start
                and whole.end is not None
                and whole.end <= ends
            ):
                return True
    return False


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None

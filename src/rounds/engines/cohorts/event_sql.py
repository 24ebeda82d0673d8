# ruff: noqa: S608  SQL is built from our own names, whole numbers, dates and quoted patterns only
"""The events of one criterion, without what is correlated with them, as SQL."""

from typing import Final

from rounds.engines.cohorts.filter_sql import FAR_FUTURE, ConceptList, day, filter_sql, join_sql, own_columns
from rounds.engines.cohorts.tables import OmopTables
from rounds.measures.cohorts.criteria import Criterion
from rounds.measures.cohorts.domains import TABLES, CountColumn, Domain, DomainTable, End

EVENT_COLUMNS: Final = (
    "person_id",
    "event_id",
    "start_date",
    "end_date",
    "visit_occurrence_id",
    "sort_date",
    "counted",
)


def events_sql(
    criterion: Criterion,
    *,
    tables: OmopTables,
    concepts: ConceptList,
    among: str | None = None,
    counted: CountColumn | None = None,
) -> str:
    """Return a query for the events, in `EVENT_COLUMNS`, that a criterion's own attributes leave.

    Args:
        criterion: what is correlated is not looked at.
        tables: where the events are.
        concepts: what concept sets mean.
        among: the name of a table with the only people looked at, in a column person_id.
        counted: the column whose values are asked for in `counted`.
    """
    table = TABLES[criterion.domain]
    conditions = [filter_sql(each, tables, concepts) for each in criterion.filters]
    if criterion.adjustment is not None:
        conditions.append("c.end_date >= c.start_date")
    start, end = "c.start_date", "c.end_date"
    if criterion.user_period is not None:
        for asked in (criterion.user_period.start, criterion.user_period.end):
            if asked is not None:
                conditions.append(f"c.start_date <= {day(asked)} AND c.end_date >= {day(asked)}")
        start = start if criterion.user_period.start is None else day(criterion.user_period.start)
        end = end if criterion.user_period.end is None else day(criterion.user_period.end)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows, joins = _rows_sql(criterion, tables, concepts, among, counted), join_sql(criterion.filters, tables)
    return (
        f"SELECT c.person_id, c.event_id, {start} AS start_date, {end} AS end_date, c.visit_occurrence_id, "
        f"c.start_date AS sort_date, {_counted(counted, table, start, end)} AS counted "
        f"FROM ({rows}) c {joins} {where}"
    )


def _counted(counted: CountColumn | None, table: DomainTable, start: str, end: str) -> str:
    match counted:
        case None:
            return "NULL"
        case CountColumn.START_DATE:
            return start
        case CountColumn.END_DATE:
            return end
        case CountColumn.VISIT_ID:
            return "c.visit_occurrence_id"
        case CountColumn.DURATION:
            return f"date_diff('day', {start}, {end})"
        case _:
            value = f"c.own_{table.counted[counted]}"
            return f"coalesce({value}, 0)" if table.name == "death" else value


def _rows_sql(
    criterion: Criterion,
    tables: OmopTables,
    concepts: ConceptList,
    among: str | None,
    counted: CountColumn | None,
) -> str:
    table = TABLES[criterion.domain]
    source, conditions = _source(criterion, tables, concepts)
    if among is not None:
        conditions.append(f"t.{table.person} IN (SELECT person_id FROM {among})")
    key = _key(table, tables, criterion)
    start, end = _dates(criterion, table, tables)
    visit = "CAST(NULL AS BIGINT)" if table.visit is None else tables.optional("t", table.name, table.visit, "BIGINT")
    own = sorted(
        frozenset[str]().union(*(own_columns(each) for each in criterion.filters)) | _own_counted(counted, table)
    )
    columns = "".join(f", {_own(name, table, tables)} AS own_{name}" for name in own)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    first = ""
    if criterion.first:
        order = tables.column("t", table.name, table.start)
        first = f"QUALIFY row_number() OVER (PARTITION BY t.{table.person} ORDER BY {order}, {key}) = 1"
    return (
        f"SELECT t.{table.person} AS person_id, {key} AS event_id, {start} AS start_date, {end} AS end_date, "
        f"{visit} AS visit_occurrence_id{columns} FROM {source} {where} {first}"
    )


def _source(criterion: Criterion, tables: OmopTables, concepts: ConceptList) -> tuple[str, list[str]]:
    """Return the tables that the events come from, and the conditions that the concept sets make."""
    table = TABLES[criterion.domain]
    source = f"{tables.table(table.name)} t"
    if criterion.first and not _has_key(table, tables) and not tables.in_database:
        source = f"(SELECT *, row_number() OVER () AS rounds_key FROM {tables.table(table.name)}) t"
    conditions = []
    if criterion.domain is Domain.LOCATION_REGION:
        source += f" JOIN {tables.table('location')} l ON l.location_id = t.location_id"
        conditions.append("t.domain_id = 'PERSON'")
    for column, concept_set in (
        (table.concept, criterion.concept_set),
        (table.source_concept, criterion.source_concept_set),
    ):
        if column is not None and concept_set is not None:
            conditions.append(f"{_own(column, table, tables)} IN {concepts(concept_set)}")
    return source, conditions


def _own(name: str, table: DomainTable, tables: OmopTables) -> str:
    if name == "region_concept_id":
        return tables.column("l", "location", name)
    return tables.column("t", table.name, name)


def _own_counted(counted: CountColumn | None, table: DomainTable) -> frozenset[str]:
    return frozenset({table.counted[counted]}) if counted is not None and counted in table.counted else frozenset()


def _has_key(table: DomainTable, tables: OmopTables) -> bool:
    return table.id in tables.columns.get(table.name, frozenset())


def _key(table: DomainTable, tables: OmopTables, criterion: Criterion) -> str:
    """Return the event's key. Records without one are taken in the order they are in, if they are in one."""
    if _has_key(table, tables) or tables.in_database:
        return tables.column("t", table.name, table.id)
    # A window cannot be ordered by another.
    return "t.rounds_key" if criterion.first else "row_number() OVER ()"


def _dates(criterion: Criterion, table: DomainTable, tables: OmopTables) -> tuple[str, str]:
    start = f"CAST({tables.column('t', table.name, table.start)} AS DATE)"
    end = _end(start, table, tables)
    adjusted = criterion.adjustment
    if adjusted is None:
        return start, end
    moved_start = f"({end if adjusted.start_with_end else start}) + {adjusted.start_offset_days}"
    moved_end = f"({end if adjusted.end_with_end else start}) + {adjusted.end_offset_days}"
    return moved_start, moved_end


def _end(start: str, table: DomainTable, tables: OmopTables) -> str:
    name = table.end
    if name is None:
        return f"{start} + 1"
    if table.ends is End.RECORDED:
        return f"CAST({tables.column('t', table.name, name)} AS DATE)"
    recorded = f"CAST({tables.optional('t', table.name, name, 'DATE')} AS DATE)"
    match table.ends:
        case End.RECORDED_OR_2099:
            return f"coalesce({recorded}, {day(FAR_FUTURE)})"
        case End.DRUG:
            supply = f"CAST({tables.optional('t', table.name, 'days_supply', 'INTEGER')} AS INTEGER)"
            return f"coalesce({recorded}, {start} + {supply}, {start} + 1)"
        case _:
            return f"coalesce({recorded}, {start} + 1)"

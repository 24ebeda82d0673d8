# ruff: noqa: S608  SQL is built from our own names, whole numbers, dates and quoted patterns only
"""Filters as SQL conditions on an event `c` and what it belongs to."""

from collections.abc import Callable
from datetime import date
from typing import Final

from rounds.engines.cohorts.tables import OmopTables
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

ABNORMAL_CONCEPTS: Final = (4155142, 4155143)
"""Abnormally high and abnormally low."""
FAR_FUTURE: Final = date(2099, 12, 31)
"""Where a location without an end ends."""

_OPERATORS: Final = {
    Comparison.LT: "<",
    Comparison.LTE: "<=",
    Comparison.EQ: "=",
    Comparison.NOT_EQ: "<>",
    Comparison.GT: ">",
    Comparison.GTE: ">=",
}
_JOINED: Final = {
    Source.PERSON: ("p", "person"),
    Source.VISIT: ("v", "visit_occurrence"),
    Source.PROVIDER: ("pr", "provider"),
    Source.CARE_SITE: ("cs", "care_site"),
}

ConceptList = Callable[[int], str]
"""Gives the SQL of a list, in brackets, of the concepts of a concept set."""


def day(value: date) -> str:
    """Return a date as SQL."""
    return f"DATE '{value.isoformat()}'"


def own_columns(each: Filter) -> frozenset[str]:
    """Return the columns of the event's own table that a filter reads."""
    if isinstance(each, AbnormalFilter):
        return frozenset({"value_as_number", "range_low", "range_high", "value_as_concept_id"})
    if isinstance(each, CareSiteRegionFilter):
        return frozenset({"care_site_id"})
    operand = each.operand
    match operand.source:
        case Source.OWN:
            return frozenset({operand.column})
        case Source.RATIO:
            return frozenset({"value_as_number", operand.column})
        case Source.VISIT:
            return frozenset({"visit_occurrence_id"})
        case Source.PROVIDER:
            return frozenset({"provider_id"})
        case Source.CARE_SITE:
            return frozenset({"care_site_id"})
        case Source.START | Source.END | Source.AGE_AT_START | Source.AGE_AT_END | Source.DAYS | Source.PERSON:
            return frozenset()


def join_sql(filters: tuple[Filter, ...], tables: OmopTables) -> str:
    """Return the joins that filters need besides the event `c`."""
    sources = {each.operand.source for each in filters if not isinstance(each, AbnormalFilter | CareSiteRegionFilter)}
    joins = []
    if sources & {Source.PERSON, Source.AGE_AT_START, Source.AGE_AT_END}:
        joins.append(f"JOIN {tables.table('person')} p ON p.person_id = c.person_id")
    if Source.VISIT in sources:
        joins.append(
            f"JOIN {tables.table('visit_occurrence')} v "
            "ON v.visit_occurrence_id = c.own_visit_occurrence_id AND v.person_id = c.person_id"
        )
    if Source.PROVIDER in sources:
        joins.append(f"LEFT JOIN {tables.table('provider')} pr ON pr.provider_id = c.own_provider_id")
    if Source.CARE_SITE in sources:
        joins.append(f"JOIN {tables.table('care_site')} cs ON cs.care_site_id = c.own_care_site_id")
    return " ".join(joins)


def filter_sql(each: Filter, tables: OmopTables, concepts: ConceptList) -> str:
    """Return a filter as a condition; where it is neither true nor false the event is left out."""
    match each:
        case NumberFilter():
            value = f"CAST({_operand(each.operand, tables)} AS DOUBLE)"
            extent = None if each.extent is None else _number(each.extent)
            return _range(value, each.comparison, _number(each.value), extent)
        case DateFilter():
            extent = None if each.extent is None else day(each.extent)
            return _range(_operand(each.operand, tables), each.comparison, day(each.value), extent)
        case ConceptFilter():
            listed = f"({', '.join(map(str, each.concepts))})"
            return f"{_operand(each.operand, tables)} {_not(each.exclude)}IN {listed}"
        case ConceptSetFilter():
            value = _operand(each.operand, tables)
            if each.concept_set is None:
                return f"{value} IS {_not(not each.exclude)}NULL"
            return f"{value} {_not(each.exclude)}IN {concepts(each.concept_set)}"
        case TextFilter():
            sign = "\\\\" if tables.in_database else "\\"
            pattern = each.pattern.replace("'", "''").replace("\\", sign)
            return f"CAST({_operand(each.operand, tables)} AS VARCHAR) {_not(each.exclude)}LIKE '{pattern}'"
        case AbnormalFilter():
            listed = ", ".join(map(str, ABNORMAL_CONCEPTS))
            return (
                "(c.own_value_as_number < c.own_range_low OR c.own_value_as_number > c.own_range_high "
                f"OR c.own_value_as_concept_id IN ({listed}))"
            )
        case CareSiteRegionFilter():
            return _region(each, tables, concepts)


def _not(negated: bool) -> str:
    return "NOT " if negated else ""


def _number(value: float) -> str:
    return f"CAST({value!r} AS DOUBLE)"


def _operand(operand: Operand, tables: OmopTables) -> str:
    match operand.source:
        case Source.START:
            return "c.start_date"
        case Source.END:
            return "c.end_date"
        case Source.AGE_AT_START | Source.AGE_AT_END:
            asked = "c.start_date" if operand.source is Source.AGE_AT_START else "c.end_date"
            return f"(year({asked}) - {tables.column('p', 'person', 'year_of_birth')})"
        case Source.DAYS:
            return "date_diff('day', c.start_date, c.end_date)"
        case Source.OWN:
            return f"c.own_{operand.column}"
        case Source.RATIO:
            return f"(CAST(c.own_value_as_number AS DOUBLE) / nullif(CAST(c.own_{operand.column} AS DOUBLE), 0))"
        case Source.PERSON | Source.VISIT | Source.PROVIDER | Source.CARE_SITE:
            alias, table = _JOINED[operand.source]
            return tables.column(alias, table, operand.column)


def _range(value: str, comparison: Comparison, first: str, extent: str | None) -> str:
    if comparison.has_extent:
        negated = _not(comparison is Comparison.NOT_BETWEEN)
        return f"{value} {negated}BETWEEN {first} AND {extent}"
    return f"{value} {_OPERATORS[comparison]} {first}"


def _region(each: CareSiteRegionFilter, tables: OmopTables, concepts: ConceptList) -> str:
    region = tables.column("l", "location", "region_concept_id")
    return (
        f"EXISTS (SELECT 1 FROM {tables.table('location_history')} h "
        f"JOIN {tables.table('location')} l ON l.location_id = h.location_id "
        "WHERE h.domain_id = 'CARE_SITE' AND h.entity_id = c.own_care_site_id "
        "AND c.start_date >= CAST(h.start_date AS DATE) "
        f"AND c.end_date <= coalesce(CAST(h.end_date AS DATE), {day(FAR_FUTURE)}) "
        f"AND {region} IN {concepts(each.concept_set)})"
    )

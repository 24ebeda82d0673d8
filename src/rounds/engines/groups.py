"""What groupings need of a site: the tables and columns that say of which level a person or a row is."""

from collections.abc import Iterator

from rounds.engines.site_tables import SiteTables
from rounds.measures.criteria import parts
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.questions import RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.measures.traits import InGroup
from rounds.records.tables import EVENT_TABLES, PERSON, VISIT_OCCURRENCE

Asked = tuple[EventTable | None, Grouping]
"""A grouping, and the table of whose rows it is asked; None for people."""


def groupings_asked(measure: Measure) -> tuple[Asked, ...]:
    """Return every grouping that the strata and criteria of a measure ask about, each once."""
    question = measure.question
    if not isinstance(question, RecordsQuestion):
        return ()
    found: list[Asked] = [(question.table, grouping) for grouping in measure.groupings]
    for of, criterion in question.asked:
        found += [(of, part.grouping) for part in parts(criterion) if isinstance(part, InGroup)]
    return tuple(dict.fromkeys(found))


def columns_of(of: EventTable | None, grouping: Grouping) -> tuple[tuple[str, str], ...]:
    """Return the columns, as (table, column), that lead from people or rows of a table to their level."""
    attribute = grouping.attribute
    if attribute.is_concept:
        return ((PERSON.name, attribute.column),)
    value = (attribute.table, attribute.column)
    if grouping.by is Stratum.WARD and of is not None:
        detail = EVENT_TABLES[EventTable.VISIT_DETAIL]
        return ((of.value, str(EVENT_TABLES[of].stay)), (detail.name, str(detail.stay)), (detail.name, _SITE), value)
    if grouping.by is Stratum.CARE_SITE and of is not None:
        return ((of.value, str(EVENT_TABLES[of].visit)), (VISIT_OCCURRENCE.name, _SITE), value)
    return ((PERSON.name, _SITE if grouping.by is Stratum.CARE_SITE else "location_id"), value)


def tables_needed(measures: tuple[Measure, ...]) -> set[str]:
    """Return the tables that the groupings of some measures need, those they are asked of included."""
    return {table for one in measures for of, grouping in groupings_asked(one) for table, _ in columns_of(of, grouping)}


def grouping_problems(measure: Measure, records: SiteTables) -> Iterator[str]:
    """Yield why a site cannot say of which level its people or rows are; a level that is unknown is no reason."""
    where = f"site {records.site}: measure {measure.ref}"
    missing: dict[str, None] = {}
    for of, grouping in groupings_asked(measure):
        named = f"{where}, grouping {grouping.id} v{grouping.version}"
        if grouping.values is None:
            missing[
                f"{named}: every site says itself which of its own belong to {', '.join(grouping.named)}, and "
                f"groupings/{grouping.id}.csv is not there; write it, with the columns value and level"
            ] = None
        for table, column in columns_of(of, grouping):
            if not records.has(table):
                missing[
                    f"{named} needs the table {table}, and there is no {records.file_of(table)}; export it, or leave "
                    "this site out of the measure"
                ] = None
            elif records.lacks(table, column):
                missing[
                    f"{named} needs the column `{column}` of {records.file_of(table)}, and it is missing or empty; "
                    "export it, or leave this site out of the measure"
                ] = None
    yield from missing


_SITE = "care_site_id"

"""Reading a site's people: when they were observed, their rows, and what is true of these."""

import calendar
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import duckdb

from rounds.engines.codes import Concepts
from rounds.engines.cohorts.reference import find_cohort
from rounds.engines.cohorts.reference_events import omop_rows
from rounds.engines.reference.groups import Groups
from rounds.engines.reference.people import Facts, Person, Span
from rounds.engines.reference.rows import Row
from rounds.engines.rows import OBSERVED, PEOPLE, ROW_COLUMNS, marked_sql, result_sql, rows_sql
from rounds.measures.choices import Extent
from rounds.measures.criteria import Events
from rounds.measures.events import WITH_DETAIL, WITH_VALUE, EventTable
from rounds.measures.questions import RecordsQuestion
from rounds.measures.traits import Marked, Result

_EARLIEST_BIRTH = "SELECT person_id, year_of_birth, coalesce(month_of_birth, 1), coalesce(day_of_birth, 1) FROM person"


def read_people(
    connection: duckdb.DuckDBPyConnection, question: RecordsQuestion, concepts: Concepts, groups: Groups
) -> list[Person]:
    """Return everybody, with the rows that a question looks at."""
    observed: dict[int, list[Span]] = defaultdict(list)
    for person_id, first, last in connection.execute(OBSERVED).fetchall():
        observed[person_id].append((first, last))
    rows: dict[int, dict[tuple[EventTable, Extent], list[Row]]] = defaultdict(lambda: defaultdict(list))
    for table in question.tables:
        for extent in _extents(question):
            for values in connection.execute(rows_sql(table, extent)).fetchall():
                row = Row(table=table, **dict(zip(ROW_COLUMNS, values, strict=True)))
                rows[row.person_id][table, extent].append(row)
    births = {
        person_id: date(born, month, min(day, calendar.monthrange(born, month)[1]))
        for person_id, born, month, day in connection.execute(_EARLIEST_BIRTH).fetchall()
    }
    for row in _entries(connection, question, concepts):
        rows[row.person_id][EventTable.COHORT, Extent.FIRST_DAY].append(row)
    facts = _facts(connection, question, concepts)
    return [
        Person(
            id=person_id,
            sex=sex,
            year_of_birth=born,
            birthday=(month, min(day, calendar.monthrange(born, month)[1])),
            earliest_birth=births[person_id],
            observed=tuple(observed[person_id]),
            rows=rows[person_id],
            facts=facts,
            concepts=concepts,
            groups=groups,
        )
        for person_id, born, month, day, sex in connection.execute(PEOPLE).fetchall()
    ]


def _facts(connection: duckdb.DuckDBPyConnection, question: RecordsQuestion, concepts: Concepts) -> Facts:
    found: dict[tuple[EventTable, Marked | Result], frozenset[int]] = {}
    for table in question.tables:
        for criterion in question.criteria:
            if isinstance(criterion, Marked) and table in WITH_DETAIL[criterion.detail]:
                sql = marked_sql(table, criterion.detail, concepts[criterion.codes])
            elif isinstance(criterion, Result) and table in WITH_VALUE:
                sql = result_sql(table)
            else:
                continue
            found[table, criterion] = frozenset(row for (row,) in connection.execute(sql).fetchall())
    return found


def _extents(question: RecordsQuestion) -> set[Extent]:
    return {Extent.FIRST_DAY, *(events.without_end for events in question.events if isinstance(events, Events))}


def _entries(connection: duckdb.DuckDBPyConnection, question: RecordsQuestion, concepts: Concepts) -> Iterator[Row]:
    tables = omop_rows(connection) if question.cohorts else {}
    for cohort in question.cohorts:
        for number, (person_id, first, last) in enumerate(find_cohort(tables, cohort.definition).entries.rows()):
            yield Row(
                table=EventTable.COHORT,
                row=number,
                person_id=person_id,
                concept=concepts[cohort][0],
                first=first,
                last=last,
                minute=0,
                value=None,
                unit=-1,
                answer=-1,
                visit=-1,
                stay=-1,
            )

"""Reading a site's people: when they were observed, their rows, and what is true of these."""

import calendar
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

import duckdb

from rounds.engines.asked import cohorts_of, records_question
from rounds.engines.codes import Concepts
from rounds.engines.cohorts.reference import find_cohort
from rounds.engines.cohorts.reference_events import omop_rows
from rounds.engines.reference.groups import read_groups
from rounds.engines.reference.people import Facts, Person, Span
from rounds.engines.reference.rows import Row
from rounds.engines.rows import OBSERVED, PEOPLE, ROW_COLUMNS, marked_sql, result_sql, rows_sql
from rounds.measures.choices import Extent
from rounds.measures.criteria import Events
from rounds.measures.definitions import Measure
from rounds.measures.events import WITH_DETAIL, WITH_VALUE, EventTable
from rounds.measures.questions import RecordsQuestion
from rounds.measures.traits import Marked, Result

_EARLIEST_BIRTH = "SELECT person_id, year_of_birth, coalesce(month_of_birth, 1), coalesce(day_of_birth, 1) FROM person"


def read_people(connection: duckdb.DuckDBPyConnection, measures: Sequence[Measure], concepts: Concepts) -> list[Person]:
    """Return everybody, with the rows that some measures look at."""
    questions = [records_question(measure) for measure in measures]
    observed: dict[int, list[Span]] = defaultdict(list)
    for person_id, first, last in connection.execute(OBSERVED).fetchall():
        observed[person_id].append((first, last))
    rows: dict[int, dict[tuple[EventTable, Extent], list[Row]]] = defaultdict(lambda: defaultdict(list))
    wanted = ((table, extent) for question in questions for table in question.tables for extent in _extents(question))
    for table, extent in dict.fromkeys(wanted):
        for values in connection.execute(rows_sql(table, extent)).fetchall():
            row = Row(table=table, **dict(zip(ROW_COLUMNS, values, strict=True)))
            rows[row.person_id][table, extent].append(row)
    births = {
        person_id: date(born, month, min(day, calendar.monthrange(born, month)[1]))
        for person_id, born, month, day in connection.execute(_EARLIEST_BIRTH).fetchall()
    }
    for row in _entries(connection, measures):
        rows[row.person_id][EventTable.COHORT, Extent.FIRST_DAY].append(row)
    facts = _facts(connection, questions, concepts)
    groups = read_groups(connection, measures)
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


def _facts(connection: duckdb.DuckDBPyConnection, questions: Sequence[RecordsQuestion], concepts: Concepts) -> Facts:
    found: dict[tuple[EventTable, Marked | Result], frozenset[int]] = {}
    for table, criterion in dict.fromkeys(
        (of, part) for one in questions for of in one.tables for part in one.criteria
    ):
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


def _entries(connection: duckdb.DuckDBPyConnection, measures: Sequence[Measure]) -> Iterator[Row]:
    cohorts = cohorts_of(measures)
    tables = omop_rows(connection) if cohorts else {}
    for cohort, (concept,) in cohorts.items():
        for number, (person_id, first, last) in enumerate(find_cohort(tables, cohort.definition).entries.rows()):
            yield Row(
                table=EventTable.COHORT,
                row=number,
                person_id=person_id,
                concept=concept,
                first=first,
                last=last,
                minute=0,
                value=None,
                unit=-1,
                answer=-1,
                visit=-1,
                stay=-1,
            )

# ruff: noqa: S608  SQL is built from our own table and column names only
"""What engines see of a site: its people and the rows of its tables, in the same few columns whatever the table."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from rounds.engines.cohorts.entries import ENTRIES
from rounds.measures.choices import Extent
from rounds.measures.events import Detail, EventTable
from rounds.measures.strata import SEX_BY_CONCEPT
from rounds.records.tables import EVENT_TABLES

SEX: Final = (
    "CASE gender_concept_id "
    + " ".join(f"WHEN {concept} THEN '{sex}'" for concept, sex in SEX_BY_CONCEPT.items())
    + " ELSE 'unknown' END"
)
"""A person's sex, from a row of `person`."""

PEOPLE: Final = (
    "SELECT person_id, year_of_birth AS born, CAST(coalesce(month_of_birth, 7) AS INTEGER) AS month, "
    f"CAST(coalesce(day_of_birth, 1) AS INTEGER) AS day, {SEX} AS sex FROM person"
)
"""A person: year, month and day of birth (July and the first where they are not known) and sex."""

OBSERVED: Final = (
    "SELECT person_id, observation_period_start_date AS first, observation_period_end_date AS last "
    "FROM observation_period"
)

ROW_COLUMNS: Final = (
    "row",
    "person_id",
    "concept",
    "first",
    "last",
    "minute",
    "value",
    "unit",
    "answer",
    "visit",
    "stay",
)

MOMENT_ORDER: Final = ("value", "last", "unit", "answer", "visit", "stay", "row")
"""Of rows at the same minute the highest of these, in this order, comes first.

Rows that agree in all but their number are alike, unless a question looks at their details or words.
"""


GOES_ON_TO: Final = date(2199, 12, 31)
"""The last day of what goes on and on."""

_ENTRIES_SQL: Final = (
    "SELECT row, person_id, concept, first, last, 0 AS minute, CAST(NULL AS REAL) AS value, "
    "CAST(-1 AS BIGINT) AS unit, CAST(-1 AS BIGINT) AS answer, CAST(-1 AS BIGINT) AS visit, "
    f"CAST(-1 AS BIGINT) AS stay FROM {ENTRIES}"
)


def rows_sql(
    table: EventTable, without_end: Extent = Extent.FIRST_DAY, *, more: Mapping[str, str] | None = None
) -> str:
    """Return SQL for the rows of a table, in the order of `ROW_COLUMNS`, and then more of its columns, by name.

    `row` tells rows of the table apart; ids of events do not, for real sites repeat them. `last` is what `without_end`
    says where none is recorded, or one before the first day, which cannot be. `minute` is the minute of the first day,
    0 where no time is recorded. `value` is a number in single precision, so that a value reads the same however a site
    stores it; `concept`, `unit`, `answer`, `visit` and `stay` (in a unit) are -1 where there is none.
    """
    if table is EventTable.COHORT:
        return _ENTRIES_SQL
    of = EVENT_TABLES[table]
    unknown = str(of.start) if without_end is Extent.FIRST_DAY else f"DATE '{GOES_ON_TO.isoformat()}'"
    columns = {
        "row": "rounds_row",
        "person_id": "person_id",
        "concept": of.concept or "-1",
        "first": of.start,
        "last": f"CASE WHEN {of.end} >= {of.start} THEN {of.end} ELSE {unknown} END" if of.end else of.start,
        "minute": _minute_sql(of.time, str(of.start)) if of.time else "0",
        "value": f"CAST({of.value} AS REAL)" if of.value else "CAST(NULL AS REAL)",
        "unit": f"coalesce({of.unit}, -1)" if of.unit else "-1",
        "answer": f"coalesce({of.answer}, -1)" if of.answer else "-1",
        "visit": f"coalesce({of.visit}, -1)" if of.visit else "-1",
        "stay": f"coalesce({of.stay}, -1)" if of.stay else "-1",
    }
    wide = {"row", "concept", "unit", "answer", "visit", "stay"}
    shown = (
        f"CAST({sql} AS BIGINT) AS {name}" if name in wide else f"{sql} AS {name}" for name, sql in columns.items()
    )
    also = (f"{column} AS {name}" for name, column in (more or {}).items())
    return f"SELECT {', '.join([*shown, *also])} FROM {of.name}"


def marked_sql(table: EventTable, detail: Detail, concepts: tuple[int, ...]) -> str:
    """Return SQL for the rows of a table (`row`) of which a detail is one of some concepts."""
    column = EVENT_TABLES[table].details[detail]
    return f"SELECT CAST(rounds_row AS BIGINT) AS row FROM {table} WHERE {column} IN ({', '.join(map(str, concepts))})"


def result_sql(table: EventTable) -> str:
    """Return SQL for the rows of a table (`row`) that hold a number, a coded answer that is not 0, or words."""
    of = EVENT_TABLES[table]
    return (
        f"SELECT CAST(rounds_row AS BIGINT) AS row FROM {table} WHERE {of.value} IS NOT NULL "
        f"OR coalesce({of.answer}, 0) <> 0 OR coalesce(trim(BOTH ' ' FROM {of.words}), '') <> ''"
    )


def _minute_sql(time: str, day: str) -> str:
    minute = f"CAST(extract(hour FROM {time}) * 60 + extract(minute FROM {time}) AS INTEGER)"
    return f"CASE WHEN CAST({time} AS DATE) = {day} THEN {minute} ELSE 0 END"

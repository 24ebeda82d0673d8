# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""Cohorts in a database: a site's tables by the names that definitions use, and the entries found there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rounds.engines.asked import cohorts_of
from rounds.engines.cohorts.compile import compile_cohort
from rounds.engines.cohorts.concept_sets import is_written_out, listed_sql, resolve_concept_sets, table_of
from rounds.engines.cohorts.entries import ENTRIES, problems_with
from rounds.engines.cohorts.program import PREFIX
from rounds.engines.cohorts.tables import OmopTables
from rounds.engines.warehouse.connection import Connection, mentions
from rounds.engines.warehouse.typed import cast_of
from rounds.errors import RecordsError
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.definitions import Measure
from rounds.records.omop_columns import ABOUT_PEOPLE, OMOP_COLUMNS
from rounds.records.tables import PERSON, ColumnType

_TABLE: Final = "rounds_omop_"
_EVERYBODY: Final = "rounds_everybody_"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyCohorts:
    """Cohorts that can be found in a session."""

    tables: OmopTables
    numbers: Mapping[Cohort, tuple[int]]
    concepts: Mapping[Cohort, Mapping[int, frozenset[int]]]
    """What the concept sets of each mean."""


def ready_cohorts(
    connection: Connection, measures: Sequence[Measure], names: Mapping[str, str], *, site: str
) -> ReadyCohorts | None:
    """Make sure that every cohort that measures ask about can be found; nothing if they ask about none.

    Args:
        connection: to the database; has views of its tables afterwards.
        measures: some that are counted from records.
        names: what the database calls each table.
        site: the site's id, for messages.

    Raises:
        RecordsError: one line for each problem, as `check_cohorts` has for files.
    """
    numbers = cohorts_of(measures)
    if not numbers:
        return None
    tables = omop_tables(connection, names)
    concepts, wrong = {}, {}
    for cohort in numbers:
        concepts[cohort] = resolve_concept_sets(connection.rows, cohort.definition, tables)
        wrong[cohort] = problems_with(cohort, tables, concepts[cohort])
        tables.missing.clear()
    problems = [
        f"site {site}: measure {measure.ref}, {problem}"
        for measure in measures
        for cohort in cohorts_of([measure])
        for problem in wrong[cohort]
    ]
    if problems:
        raise RecordsError("\n".join(problems))
    return ReadyCohorts(tables=tables, numbers=numbers, concepts=concepts)


def omop_tables(connection: Connection, names: Mapping[str, str]) -> OmopTables:
    """Give each table that a cohort may ask for a view, with the columns that are there, in our types.

    As of files, a value that is not of its column's type counts as empty.

    Args:
        connection: to the database.
        names: what the database calls each table.

    Raises:
        RecordsError: if a table has a column twice.
    """
    found: dict[str, frozenset[str]] = {}
    unfit: set[str] = set()
    for name in (name for name in OMOP_COLUMNS if name in names):
        source = connection.source(names[name])
        read = _columns(connection.words, name, source)
        unfit |= {f"{name}.{column}" for column, cast in read.items() if cast is None}
        if columns := {column: cast for column, cast in read.items() if cast is not None}:
            # Who is not a person that may be counted is left out once it is known who is.
            connection.view(f"{_EVERYBODY if name in ABOUT_PEOPLE else _TABLE}{name}", source.select(**columns))
            found[name] = frozenset(columns)
    return OmopTables(columns=found, prefix=_TABLE, in_database=True, unfit=frozenset(unfit))


def _columns(words: str, name: str, source: Any) -> dict[str, Any]:
    """Return the columns that are there in our types; nothing for one whose type cannot become ours."""
    columns: dict[str, Any] = {}
    for column, kind in OMOP_COLUMNS[name].items():
        own = [source[each] for each in source.columns if each.lower() == column]
        if len(own) > 1:
            raise RecordsError(f"{words}: {name}: the column `{column}` is there twice; give a view with one")
        for each in own:
            # Whole numbers stay of their own type, so that the database can use its own index.
            whole = kind is ColumnType.INTEGER and each.type().is_integer()
            columns[column] = each if whole else cast_of(each, kind, single=False)
    return columns


def leave_out_others(connection: Connection) -> None:
    """Make the tables about people, of those in the table `person` only."""
    for name in ABOUT_PEOPLE:
        known = f"person_id IN (SELECT person_id FROM {PERSON.name})"
        connection.step(f"{_TABLE}{name}", f"SELECT * FROM {_EVERYBODY}{name} WHERE {known}")


def lay_down_entries(connection: Connection, cohorts: ReadyCohorts) -> None:
    """Make the table `ENTRIES`. Each cohort is found once.

    Args:
        connection: with the table `person` of everybody who may be counted.
        cohorts: from `ready_cohorts`, in the same session.
    """
    leave_out_others(connection)
    entries = []
    for cohort, (number,) in cohorts.numbers.items():
        found = _find(connection, cohort, cohorts, prefix=f"{PREFIX}{number}_")
        entries.append(
            f"SELECT CAST(person_id AS BIGINT) AS person_id, CAST({number} AS BIGINT) AS concept, "
            f"start_date AS first, end_date AS last FROM {found}"
        )
    numbered = "CAST(row_number() OVER (ORDER BY e.concept, e.person_id, e.first) AS BIGINT) AS row"
    connection.step(ENTRIES, f"SELECT {numbered}, e.* FROM ({' UNION ALL '.join(entries)}) e")


def _find(connection: Connection, cohort: Cohort, cohorts: ReadyCohorts, *, prefix: str) -> str:
    """Return the table of a cohort's entries: person_id, start_date and end_date."""
    concepts = cohorts.concepts[cohort]
    for number, ids in concepts.items():
        if not is_written_out(ids):
            values = ", ".join(f"({concept})" for concept in sorted(ids)) or "(0)"
            listed = f"SELECT concept_id FROM (VALUES {values}) AS v(concept_id){'' if ids else ' WHERE false'}"
            connection.step(table_of(number, prefix=prefix), listed)
    program = compile_cohort(
        cohort.definition,
        tables=cohorts.tables,
        concepts=lambda number: listed_sql(number, concepts, prefix=prefix),
        into=f"{prefix}whole",
        every_rule=False,
        prefix=prefix,
    )
    often = mentions(sql for _, sql in program.steps)
    for name, sql in program.steps:
        connection.step(name, sql, shared=often[name] > 1)
    return f"{prefix}whole"

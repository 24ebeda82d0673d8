# ruff: noqa: S608  SQL is built from our own column names; values are bound
"""What a measure needs of a site before it can be counted: its tables, and its codes as the site knows them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rounds.engines.asked import cohorts_of, records_question
from rounds.engines.groups import grouping_problems
from rounds.engines.site_tables import SiteTables
from rounds.errors import RecordsError
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.criteria import Criterion, Has, Scored, parts
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.questions import PublishedQuestion, RecordsQuestion
from rounds.measures.traits import Answer, Marked, Value
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR, EVENT_TABLES, Table

if TYPE_CHECKING:  # with a vocabulary in a pack nobody asks it
    import duckdb

Concepts = Mapping[CodeList | Cohort, tuple[int, ...]]
"""What each code list means at a site: concepts, sorted. Of a cohort it is the number that stands for it."""


def prepare(connection: "duckdb.DuckDBPyConnection", measures: Sequence[Measure], records: SiteTables) -> Concepts:
    """Return what the code lists of some measures mean at a site, or refuse.

    A refusal may name a concept of the vocabulary, never a row.

    Args:
        connection: has the tables `concept` and `concept_ancestor` if the site has.
        measures: some that are counted from records.
        records: the site's.

    Raises:
        RecordsError: one line for each problem: a table or column a measure needs is missing, a concept is not in the
            site's vocabulary, a code list is empty after its exclusions, descendants are meant and there is no
            `concept_ancestor`, or a measure counts published data.
    """
    problems = [problem for measure in measures for problem in _problems(connection, measure, records)]
    if problems:
        raise RecordsError("\n".join(problems))
    lists = dict.fromkeys(codes for measure in measures for codes in records_question(measure).code_lists)
    return {codes: _concepts(connection, codes) for codes in lists} | cohorts_of(measures)


def _problems(connection: "duckdb.DuckDBPyConnection", measure: Measure, records: SiteTables) -> Iterator[str]:
    question = measure.question
    if isinstance(question, PublishedQuestion):
        yield (
            f"site {records.site}: measure {measure.ref} is counted from published data, not from records; "
            "leave this site out of it (`sites` in the round)"
        )
        return
    for table in question.tables:
        if not records.has(table):
            yield (
                f"site {records.site}: measure {measure.ref} needs the table {table}, and there is no "
                f"{records.file_of(table)} in {records.folder}; export it, or leave this site out of the measure"
            )
    for table, column in sorted(set(columns_needed(question))):
        if records.lacks(table, column):
            yield (
                f"site {records.site}: measure {measure.ref} needs the column `{column}` of {records.file_of(table)}, "
                "and it is missing or empty; export it, or leave this site out of the measure"
            )
    yield from grouping_problems(measure, records)
    for codes in question.code_lists:
        yield from _code_problems(connection, codes, measure, records)


def columns_needed(question: RecordsQuestion) -> Iterator[tuple[EventTable, str]]:
    """Yield the columns beyond the required ones without which a question would find nothing at a site."""
    for scored in (events for events in question.events if isinstance(events, Scored)):
        for component in scored.score.components:
            table = EVENT_TABLES[EventTable(component.table)]
            yield EventTable(component.table), str(table.value if component.steps else table.answer)
    for of, criterion in question.asked:
        for part in parts(criterion):
            # Both must name the visit that is the same: the rows looked for, and what they are looked for from.
            tables = [of, part.events.table] if isinstance(part, Has) and part.same_visit else [of]
            for name in tables:
                column = _column(part, EVENT_TABLES[name]) if name in EVENT_TABLES else None
                if name and column:
                    yield name, column


def _column(part: Criterion, table: Table) -> str | None:
    """Return the column that a criterion looks at in a table."""
    match part:
        case Value():
            return table.value
        case Answer():
            return table.answer
        case Marked(detail=detail):
            return table.details[detail]
        case Has(same_visit=True):
            return table.visit
        case _:
            return None


def _code_problems(
    connection: "duckdb.DuckDBPyConnection", codes: CodeList, measure: Measure, records: SiteTables
) -> list[str]:
    where = f"site {records.site}: measure {measure.ref}, code list {codes.id} v{codes.version}"
    if codes.descendants and not records.has(CONCEPT_ANCESTOR.name):
        # Counting the listed concepts alone would look right and be too few.
        return [
            f"{where}: it means descendants too, and there is no {records.file_of(CONCEPT_ANCESTOR.name)} in "
            f"{records.folder}; export that table, or use a code list that names every concept and says "
            "`descendants: false`"
        ]
    problems = []
    if records.has(CONCEPT.name):
        # An exclusion that nobody can look up would exclude nothing, and too many would be counted.
        for concept_id, name in (*codes.concepts, *codes.excluded):
            known = connection.execute("SELECT count(*) FROM concept WHERE concept_id = ?", [concept_id]).fetchall()
            if known == [(0,)]:
                problems.append(
                    f"{where}: concept {concept_id} ({name}) is not in {records.file_of(CONCEPT.name)}"
                    f"{_nearest_concept(connection, name)}; bring the site's vocabulary up to date, correct the code "
                    "list, or leave this site out of the measure"
                )
    if not problems and not _concepts(connection, codes):
        problems.append(f"{where}: every concept it means is among those it excludes; correct the code list")
    return problems


def _nearest_concept(connection: "duckdb.DuckDBPyConnection", name: str) -> str:
    near = connection.execute(
        "SELECT concept_id, concept_name FROM concept "
        "WHERE jaro_winkler_similarity(lower(concept_name), lower($1)) >= 0.9 "
        "ORDER BY jaro_winkler_similarity(lower(concept_name), lower($1)) DESC, concept_id LIMIT 1",
        [name],
    ).fetchall()
    return f", whose nearest name is {near[0][1]} ({near[0][0]})" if near else ""


def _concepts(connection: "duckdb.DuckDBPyConnection", codes: CodeList) -> tuple[int, ...]:
    named, left_out = codes.concept_ids, codes.excluded_ids
    if codes.descendants:
        named, left_out = _with_descendants(connection, named), _with_descendants(connection, left_out)
    return tuple(sorted(set(named) - set(left_out)))


def _with_descendants(connection: "duckdb.DuckDBPyConnection", concepts: tuple[int, ...]) -> tuple[int, ...]:
    if not concepts:
        return ()
    rows = connection.execute(
        "SELECT DISTINCT descendant_concept_id FROM concept_ancestor "
        f"WHERE ancestor_concept_id IN ({', '.join(map(str, concepts))})"
    ).fetchall()
    return (*concepts, *(row[0] for row in rows))

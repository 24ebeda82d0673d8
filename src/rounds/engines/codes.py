# ruff: noqa: S608  SQL is built from our own column names; values are bound
"""What a measure needs of a site before it can be counted: its tables, and its codes as the site knows them."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from rounds.errors import RecordsError
from rounds.measures.definitions import (
    CodeList,
    Event,
    EventTable,
    Measure,
    PersonQuestion,
    PublishedQuestion,
    VisitQuestion,
)
from rounds.records.omop import Records
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A measure's question with every code list turned into the concepts of this site, sorted."""

    question: PersonQuestion | VisitQuestion
    events: tuple[int, ...] | None
    """Concepts of the numerator's event; None for a death."""
    visits: tuple[int, ...] | None
    """Concepts of the denominator's visits; None if people are counted."""


def prepare(connection: duckdb.DuckDBPyConnection, measure: Measure, records: Records) -> Prepared:
    """Return what is to be counted at a site, or refuse. A refusal may name a concept of the vocabulary, never a row.

    Args:
        connection: from `records.connect()`.
        measure: about people or visits.
        records: the site's.

    Raises:
        RecordsError: one line for each problem: a table the measure needs is missing, a concept is not in the site's
            vocabulary, descendants are meant and there is no `concept_ancestor`, or the measure counts published data.
    """
    question = measure.question
    if isinstance(question, PublishedQuestion):
        raise RecordsError(
            f"site {records.site}: measure {measure.ref} is counted from published data, not from records; "
            "leave this site out of it (`sites` in the round)"
        )
    problems = [
        f"site {records.site}: measure {measure.ref} needs the table {table}, and there is no "
        f"{records.file_of(table)} in {records.folder}; export it, or leave this site out of the measure"
        for table in _tables(question)
        if not records.has(table)
    ]
    for codes in _code_lists(question):
        problems += _code_problems(connection, codes, measure, records)
    if problems:
        raise RecordsError("\n".join(problems))
    event_codes = question.numerator.codes
    return Prepared(
        question=question,
        events=None if event_codes is None else _concepts(connection, event_codes),
        visits=_concepts(connection, question.visits) if isinstance(question, VisitQuestion) else None,
    )


def _tables(question: PersonQuestion | VisitQuestion) -> Iterator[str]:
    needed = {question.numerator.table}
    if isinstance(question, VisitQuestion):
        needed.add(EventTable.VISIT_OCCURRENCE)
    yield from sorted(table.value for table in needed)


def _code_lists(question: PersonQuestion | VisitQuestion) -> Iterator[CodeList]:
    event: Event = question.numerator
    if event.codes is not None:
        yield event.codes
    if isinstance(question, VisitQuestion):
        yield question.visits


def _code_problems(
    connection: duckdb.DuckDBPyConnection, codes: CodeList, measure: Measure, records: Records
) -> list[str]:
    where = f"site {records.site}: measure {measure.ref}, code list {codes.id} v{codes.version}"
    problems = []
    if codes.descendants and not records.has(CONCEPT_ANCESTOR.name):
        # Counting the listed concepts alone would look right and be too few.
        problems.append(
            f"{where}: it means descendants too, and there is no {CONCEPT_ANCESTOR.name}.parquet in {records.folder}; "
            "export that table, or use a code list that names every concept and says `descendants: false`"
        )
    if records.has(CONCEPT.name):
        for concept_id, name in codes.concepts:
            known = connection.execute("SELECT count(*) FROM concept WHERE concept_id = ?", [concept_id]).fetchall()
            if known == [(0,)]:
                problems.append(
                    f"{where}: concept {concept_id} ({name}) is not in {records.file_of(CONCEPT.name)}"
                    f"{_nearest_concept(connection, name)}; bring the site's vocabulary up to date, correct the code "
                    "list, or leave this site out of the measure"
                )
    return problems


def _nearest_concept(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    near = connection.execute(
        "SELECT concept_id, concept_name FROM concept "
        "WHERE jaro_winkler_similarity(lower(concept_name), lower($1)) >= 0.9 "
        "ORDER BY jaro_winkler_similarity(lower(concept_name), lower($1)) DESC, concept_id LIMIT 1",
        [name],
    ).fetchall()
    return f", whose nearest name is {near[0][1]} ({near[0][0]})" if near else ""


def _concepts(connection: duckdb.DuckDBPyConnection, codes: CodeList) -> tuple[int, ...]:
    found = set(codes.concept_ids)
    if codes.descendants:
        listed = ", ".join(map(str, codes.concept_ids))
        rows = connection.execute(
            f"SELECT DISTINCT descendant_concept_id FROM concept_ancestor WHERE ancestor_concept_id IN ({listed})"
        ).fetchall()
        found.update(row[0] for row in rows)
    return tuple(sorted(found))

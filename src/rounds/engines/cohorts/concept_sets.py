# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""What concept sets mean with a site's vocabulary."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rounds.engines.cohorts.tables import OmopTables
from rounds.measures.cohorts.definition import CohortDefinition, ConceptItem, ConceptSet

LONGEST_LITERAL: Final = 500
"""Concept sets up to so many concepts are written out, so that files sorted by concept are read in part only."""

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
"""Gives the rows of a query in DuckDB's dialect."""


def resolve_concept_sets(ask: Ask, definition: CohortDefinition, tables: OmopTables) -> dict[int, frozenset[int]]:
    """Return the concepts of each concept set that the definition uses.

    A concept that is listed must be in `concept`; descendants must be there and valid. Without the table `concept` both
    are taken as they are, and where it has no `invalid_reason` descendants are taken as valid.

    Args:
        ask: of where the vocabulary is.
        definition: whose concept sets to resolve.
        tables: found there; what is missing is noted there.
    """
    used = definition.used_concept_sets()
    return {each.id: _resolved(ask, each, tables) for each in definition.concept_sets if each.id in used}


def _resolved(ask: Ask, concept_set: ConceptSet, tables: OmopTables) -> frozenset[int]:
    included = [item for item in concept_set.items if not item.excluded]
    excluded = [item for item in concept_set.items if item.excluded]
    return frozenset(_meant(ask, included, tables) - _meant(ask, excluded, tables))


def _meant(ask: Ask, items: Iterable[ConceptItem], tables: OmopTables) -> set[int]:
    listed = {item.concept_id for item in items}
    if not listed:
        return set()
    below = {item.concept_id for item in items if item.descendants}
    mapped = {item.concept_id for item in items if item.mapped}
    found = _concepts(ask, listed, below, tables)
    if mapped:
        targets = _concepts(ask, mapped, mapped & below, tables)
        found |= _mapped(ask, targets, tables)
    return found


def _concepts(ask: Ask, listed: set[int], below: set[int], tables: OmopTables) -> set[int]:
    known = listed
    if "concept" in tables.columns:
        known = _ids(ask, f"SELECT concept_id FROM {tables.table('concept')} WHERE concept_id IN ", listed)
    if not below:
        return known
    # A table that is not there is noted as missing, and refused before anything is counted.
    descendants = tables.table("concept_ancestor")
    if "concept_ancestor" not in tables.columns:
        return known
    valid = ""
    if "concept" in tables.columns:
        still = "AND c.invalid_reason IS NULL" if tables.has("concept", "invalid_reason") else ""
        valid = f"JOIN {tables.table('concept')} c ON c.concept_id = a.descendant_concept_id {still}"
    sql = f"SELECT a.descendant_concept_id FROM {descendants} a {valid} WHERE a.ancestor_concept_id IN "
    return known | _ids(ask, sql, below)


def _mapped(ask: Ask, targets: set[int], tables: OmopTables) -> set[int]:
    name = "concept_relationship"
    table = tables.table(name)
    if name not in tables.columns or not targets:
        return set()
    valid = "invalid_reason IS NULL AND" if tables.has(name, "invalid_reason") else ""
    sql = f"SELECT concept_id_1 FROM {table} WHERE {valid} relationship_id = 'Maps to' AND concept_id_2 IN "
    return _ids(ask, sql, targets)


def _ids(ask: Ask, sql: str, ids: set[int]) -> set[int]:
    listed = ", ".join(map(str, sorted(ids)))
    return {row[0] for row in ask(f"SELECT DISTINCT * FROM ({sql} ({listed})) i")}


def is_written_out(ids: frozenset[int]) -> bool:
    """Say whether a list of concepts is short enough to stand in SQL; otherwise it is a table."""
    return 0 < len(ids) <= LONGEST_LITERAL


def table_of(number: int, *, prefix: str) -> str:
    """Return the name of the table, with a column concept_id, of a concept set that is not written out."""
    return f"{prefix}concepts_{number}".replace("-", "_")


def listed_sql(number: int, concepts: Mapping[int, frozenset[int]], *, prefix: str) -> str:
    """Return the SQL of a list, in brackets, of the concepts of a concept set.

    Args:
        number: of the concept set.
        concepts: of each concept set.
        prefix: begins the names of tables.
    """
    ids = concepts[number]
    if is_written_out(ids):
        return f"({', '.join(map(str, sorted(ids)))})"
    return f"(SELECT concept_id FROM {table_of(number, prefix=prefix)})"

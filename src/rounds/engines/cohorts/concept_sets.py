# ruff: noqa: S608  SQL is built from our own names and whole numbers only
"""What concept sets mean with a site's vocabulary."""

from collections.abc import Iterable

import duckdb

from rounds.engines.cohorts.tables import OmopTables
from rounds.measures.cohorts.definition import CohortDefinition, ConceptItem, ConceptSet


def resolve_concept_sets(
    connection: duckdb.DuckDBPyConnection, definition: CohortDefinition, tables: OmopTables
) -> dict[int, frozenset[int]]:
    """Return the concepts of each concept set that the definition uses.

    A concept that is listed must be in `concept`; descendants must be there and valid. Without the table `concept` both
    are taken as they are, and where it has no `invalid_reason` descendants are taken as valid.

    Args:
        connection: with the vocabulary.
        definition: whose concept sets to resolve.
        tables: found in the connection; what is missing is noted there.
    """
    used = definition.used_concept_sets()
    return {each.id: _resolved(connection, each, tables) for each in definition.concept_sets if each.id in used}


def _resolved(connection: duckdb.DuckDBPyConnection, concept_set: ConceptSet, tables: OmopTables) -> frozenset[int]:
    included = [item for item in concept_set.items if not item.excluded]
    excluded = [item for item in concept_set.items if item.excluded]
    return frozenset(_meant(connection, included, tables) - _meant(connection, excluded, tables))


def _meant(connection: duckdb.DuckDBPyConnection, items: Iterable[ConceptItem], tables: OmopTables) -> set[int]:
    listed = {item.concept_id for item in items}
    if not listed:
        return set()
    below = {item.concept_id for item in items if item.descendants}
    mapped = {item.concept_id for item in items if item.mapped}
    found = _concepts(connection, listed, below, tables)
    if mapped:
        targets = _concepts(connection, mapped, mapped & below, tables)
        found |= _mapped(connection, targets, tables)
    return found


def _concepts(connection: duckdb.DuckDBPyConnection, listed: set[int], below: set[int], tables: OmopTables) -> set[int]:
    known = listed
    if "concept" in tables.columns:
        known = _ids(connection, f"SELECT concept_id FROM {tables.table('concept')} WHERE concept_id IN ", listed)
    if not below:
        return known
    # A table that is not there is noted as missing, and refused before anything is counted.
    descendants = tables.table("concept_ancestor")
    if "concept_ancestor" not in tables.columns:
        return known
    valid = ""
    if "concept" in tables.columns:
        still = "AND c.invalid_reason IS NULL" if "invalid_reason" in tables.columns["concept"] else ""
        valid = f"JOIN {tables.table('concept')} c ON c.concept_id = a.descendant_concept_id {still}"
    sql = f"SELECT a.descendant_concept_id FROM {descendants} a {valid} WHERE a.ancestor_concept_id IN "
    return known | _ids(connection, sql, below)


def _mapped(connection: duckdb.DuckDBPyConnection, targets: set[int], tables: OmopTables) -> set[int]:
    name = "concept_relationship"
    table = tables.table(name)
    if name not in tables.columns or not targets:
        return set()
    valid = "invalid_reason IS NULL AND" if "invalid_reason" in tables.columns[name] else ""
    sql = f"SELECT concept_id_1 FROM {table} WHERE {valid} relationship_id = 'Maps to' AND concept_id_2 IN "
    return _ids(connection, sql, targets)


def _ids(connection: duckdb.DuckDBPyConnection, sql: str, ids: set[int]) -> set[int]:
    listed = ", ".join(map(str, sorted(ids)))
    return {row[0] for row in connection.execute(f"SELECT DISTINCT * FROM ({sql} ({listed}))").fetchall()}

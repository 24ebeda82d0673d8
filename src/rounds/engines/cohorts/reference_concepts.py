"""The reference's concept sets: one item at a time."""

from rounds.engines.cohorts.reference_events import Tables
from rounds.measures.cohorts.definition import CohortDefinition, ConceptItem


def resolve_concept_sets(tables: Tables, definition: CohortDefinition) -> dict[int, frozenset[int]]:
    """Return the concepts of each concept set that the definition uses.

    Args:
        tables: with `concept`, `concept_ancestor` and `concept_relationship` as far as they are known.
        definition: whose concept sets to resolve.
    """
    used = definition.used_concept_sets()
    return {
        each.id: _meant([item for item in each.items if not item.excluded], tables)
        - _meant([item for item in each.items if item.excluded], tables)
        for each in definition.concept_sets
        if each.id in used
    }


def _meant(items: list[ConceptItem], tables: Tables) -> frozenset[int]:
    meant: set[int] = set()
    for item in items:
        below = _below(item, tables)
        meant |= below
        if item.mapped:
            meant |= {
                _whole(row["concept_id_1"])
                for row in tables.get("concept_relationship", ())
                if row["relationship_id"] == "Maps to"
                and row["concept_id_2"] in below
                and row.get("invalid_reason") is None
            }
    return frozenset(meant)


def _below(item: ConceptItem, tables: Tables) -> set[int]:
    known = {_whole(row["concept_id"]) for row in tables["concept"]} if "concept" in tables else None
    valid = {row["concept_id"] for row in tables.get("concept", ()) if row.get("invalid_reason") is None}
    found = {item.concept_id} if known is None or item.concept_id in known else set()
    if item.descendants:
        found |= {
            _whole(row["descendant_concept_id"])
            for row in tables.get("concept_ancestor", ())
            if row["ancestor_concept_id"] == item.concept_id
            and (known is None or row["descendant_concept_id"] in valid)
        }
    return found


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a concept id is missing")
    return value

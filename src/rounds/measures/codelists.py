"""Code lists: the standard concepts that together mean one thing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rounds.errors import DefinitionError

NamedConcepts = tuple[tuple[int, str], ...]
"""(concept id, concept name) pairs, sorted by id."""

ANY_CODE: Final = "any"
"""What measures write where the code does not matter, so that no list can be called so."""

_LARGEST_CONCEPT: Final = 2**63 - 1


def check_concepts(concept_ids: Iterable[int], *, field: str) -> None:
    """Raise unless every one of some numbers may be a concept.

    Raises:
        DefinitionError: if one is below 0, where engines keep what is missing, or too large for any table.
    """
    for concept_id in concept_ids:
        if not 0 <= concept_id <= _LARGEST_CONCEPT:
            raise DefinitionError(f"{concept_id} is no concept; correct the number", field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """Concepts, with or without their descendants, less those left out. With `descendants` both lists mean them too."""

    id: str
    version: int
    title: str
    concepts: NamedConcepts
    descendants: bool
    excluded: NamedConcepts = ()

    def __post_init__(self) -> None:
        if self.id == ANY_CODE:
            raise DefinitionError(f"`{ANY_CODE}` means any code at all; give the list another name", field="id")
        check_concepts(self.concept_ids, field="concepts")
        check_concepts(self.excluded_ids, field="excluded")
        if not self.concepts:
            raise DefinitionError("a code list without concepts means nothing; name at least one", field="concepts")
        if not set(self.concept_ids) - set(self.excluded_ids):
            raise DefinitionError(
                "every concept that is named is excluded too; take one out of `excluded`", field="excluded"
            )

    def __hash__(self) -> int:
        # Lists are keys wherever a batch is planned; to hash every name of every concept each time takes longer.
        return hash((self.id, self.version, len(self.concepts)))

    @property
    def concept_ids(self) -> tuple[int, ...]:
        return tuple(concept_id for concept_id, _ in self.concepts)

    @property
    def excluded_ids(self) -> tuple[int, ...]:
        return tuple(concept_id for concept_id, _ in self.excluded)

    @property
    def meaning(self) -> dict[str, object]:
        """What decides which rows carry the code; no title, name, id or version does."""
        return {
            "concepts": sorted(set(self.concept_ids)),
            "descendants": self.descendants,
            "excluded": sorted(set(self.excluded_ids)),
        }

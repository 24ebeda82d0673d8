"""Code lists: the standard concepts that together mean one thing."""

from dataclasses import dataclass

from rounds.errors import DefinitionError

NamedConcepts = tuple[tuple[int, str], ...]
"""(concept id, concept name) pairs, sorted by id."""


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

"""Innovations: what a network spreads, who looks after it and how far its evidence reaches."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rounds.errors import DefinitionError


class EvidenceStage(StrEnum):
    """How far an innovation has come, from an idea to something everybody should have."""

    DEVELOPMENT = "development"
    PILOT = "pilot"
    EVALUATION = "evaluation"
    ADOPTION = "adoption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Innovation:
    """A change in care with an owner, a reviewer and a stage of evidence."""

    id: str
    title: str
    description: str
    stage: EvidenceStage
    owner: str
    author: str
    reviewer: str
    next_review: date

    def __post_init__(self) -> None:
        if self.author == self.reviewer:
            raise DefinitionError(
                f"innovation {self.id}: the reviewer must be somebody other than the author", field="reviewer"
            )

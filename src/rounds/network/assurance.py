"""Assurance: the statements of a standard, and what this software says to each."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rounds.errors import DefinitionError


class By(StrEnum):
    """Who can satisfy a statement."""

    SOFTWARE = "software"
    HELPED = "helped"
    ORGANISATION = "organisation"


class Met(StrEnum):
    """Whether the software does what it could satisfy alone."""

    MET = "met"
    PARTLY = "partly"
    NOT_YET = "not-yet"


class Level(StrEnum):
    """How much a standard wants something."""

    MANDATORY = "mandatory"
    RECOMMENDED = "recommended"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a standard, by its number and topic, and what is said to it."""

    id: str
    level: Level
    topic: str
    by: By
    state: Met | None = None
    claim: str = ""
    tests: tuple[str, ...] = ()
    """Files of tests that prove the claim, as paths from the project's root."""
    evidence: tuple[str, ...] = ()
    """Names of generated evidence."""

    def __post_init__(self) -> None:
        alone = self.by is By.SOFTWARE
        if alone != (self.state is not None) or alone != bool(self.claim):
            raise DefinitionError(f"{self.id}: what the software satisfies, and nothing else, has a state and a claim")
        if self.tests and not alone:
            raise DefinitionError(f"{self.id}: only what the software satisfies has tests")
        if self.state is Met.MET and not self.tests:
            raise DefinitionError(f"{self.id}: nothing is met without a test")
        if (self.by is By.HELPED) != bool(self.evidence):
            raise DefinitionError(f"{self.id}: what the software helps with, and nothing else, names its evidence")

    @property
    def part(self) -> str:
        """The number of the part of the standard that it is in, such as 1.4."""
        return self.id.rpartition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """Every statement of a standard, in its order."""

    id: str
    version: int
    title: str
    source: str
    statements: tuple[Statement, ...]
    author: str
    reviewer: str
    next_review: date

    def __post_init__(self) -> None:
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        ids = [one.id for one in self.statements]
        for one in ids:
            if ids.count(one) > 1:
                raise DefinitionError(f"statement {one} is listed twice; keep one", field="statements")

    def of(self, by: By) -> tuple[Statement, ...]:
        """Return the statements that somebody can satisfy."""
        return tuple(one for one in self.statements if one.by is by)

    def tally(self) -> tuple[tuple[Level, int, int, int, int], ...]:
        """Return for each level: how many the software could satisfy, and how many are met, partly met, not yet met."""
        rows = []
        for level in Level:
            alone = [one.state for one in self.of(By.SOFTWARE) if one.level is level]
            met, partly, not_yet = (alone.count(state) for state in Met)
            rows.append((level, len(alone), met, partly, not_yet))
        return tuple(rows)

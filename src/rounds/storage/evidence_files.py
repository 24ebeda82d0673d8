"""What the YAML of a standard's statements looks like: `library/evidence/*.yaml`."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from rounds.errors import DefinitionError
from rounds.network.assurance import Assurance, By, Level, Met, Statement
from rounds.storage.criteria_parts import refuse_here
from rounds.storage.identifiers import Identifier
from rounds.storage.library import shipped_library_folder
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition, read_yaml

Words = Annotated[str, Field(min_length=1)]


class StatementFile(Definition):
    """`{id: 1.4.02, level: mandatory, by: software, topic: ..., state: met, claim: ..., tests: [...]}`."""

    id: Words
    level: Words
    by: Words
    topic: Words
    state: Words | None = None
    claim: str = ""
    tests: tuple[Words, ...] = ()
    evidence: tuple[Words, ...] = ()

    @model_validator(mode="after")
    def _holds(self) -> Self:
        refuse_here(self.to_statement)
        return self

    def to_statement(self) -> Statement:
        for field, given, known in (("level", self.level, Level), ("by", self.by, By), ("state", self.state, Met)):
            if given is not None and given not in set(known):
                raise DefinitionError(f"there is no `{given}`{nearest(given, list(known))}", field=field)
        return Statement(
            id=self.id,
            level=Level(self.level),
            by=By(self.by),
            topic=self.topic,
            state=Met(self.state) if self.state else None,
            claim=self.claim,
            tests=self.tests,
            evidence=self.evidence,
        )


class AssuranceFile(Definition):
    """A standard, and every statement of it."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    source: Words
    author: Words
    reviewer: Words
    next_review: date
    statements: tuple[StatementFile, ...] = Field(min_length=1)


def read_assurance(name: str = "satre-2.0.1") -> Assurance:
    """Return what the shipped library says to a standard.

    Raises:
        DefinitionError: if the file cannot be read.
    """
    path = shipped_library_folder() / "evidence" / f"{name}.yaml"
    file = read_yaml(path, AssuranceFile)
    try:
        return Assurance(
            id=file.id,
            version=file.version,
            title=file.title,
            source=file.source,
            author=file.author,
            reviewer=file.reviewer,
            next_review=file.next_review,
            statements=tuple(one.to_statement() for one in file.statements),
        )
    except DefinitionError as error:
        raise DefinitionError(f"{path}: {error}") from None

"""What the YAML of a cohort looks like: who answers for the ATLAS definition that stands in the JSON file beside it."""

from datetime import date
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationInfo, model_validator

from rounds.errors import DefinitionError
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.cohort import Cohort
from rounds.storage.criteria_parts import refuse_here
from rounds.storage.identifiers import Identifier
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]

_MAX_BYTES: Final = 20_000_000
"""The longest definitions name some thousands of concepts; this is something else put in their place."""


class CohortFile(Definition):
    """`library/cohorts/*.yaml`. The validation context is the folder."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    definition: Words
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _lies_beside(self, info: ValidationInfo) -> Self:
        folder = info.context
        refuse_here(self._check_reviewed)
        if isinstance(folder, Path):
            refuse_here(lambda: self._path(folder))
        return self

    def _check_reviewed(self) -> None:
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")

    def _path(self, folder: Path) -> Path:
        others = sorted(path.name for path in folder.glob("*.json"))
        if self.definition not in others:
            hint = nearest(self.definition, others, otherwise="export the cohort from ATLAS as JSON into this folder")
            raise DefinitionError(f"there is no `{self.definition}` beside this file{hint}", field="definition")
        return folder / self.definition

    def to_cohort(self, folder: Path) -> Cohort:
        """Return the cohort, whose definition is read from a folder.

        Raises:
            DefinitionError: naming the JSON path of what is wrong in the definition.
        """
        definition = read_circe(_text(self._path(folder)), name=self.id)
        return Cohort(id=self.id, version=self.version, title=self.title, definition=definition)


def _text(path: Path) -> str:
    if path.stat().st_size > _MAX_BYTES:
        raise DefinitionError(f"{path.name}: this is too long for a cohort definition; is it another file?")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise DefinitionError(f"{path.name} cannot be read as UTF-8; export the cohort from ATLAS again") from None

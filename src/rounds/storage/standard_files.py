"""What the YAML of a standard population looks like, and how it becomes one of our own types."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from rounds.errors import DefinitionError
from rounds.measures.standards import STANDARD_GROUPS, Standard
from rounds.storage.criteria_parts import refuse_here
from rounds.storage.identifiers import Identifier
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]
Bands = dict[str, Annotated[int, Field(ge=1)]]


class StandardFile(Definition):
    """`library/standards/*.yaml`: how many people of each age band, of women and of men."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    female: Bands
    male: Bands
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        refuse_here(self.to_standard)
        return self

    def to_standard(self) -> Standard:
        """Return the population.

        Raises:
            DefinitionError: if an age band is missing or unknown, or nobody else reviewed it.
        """
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        bands = tuple(dict.fromkeys(band for band, _ in STANDARD_GROUPS))
        for sex in ("female", "male"):
            if set(getattr(self, sex)) != set(bands):
                raise DefinitionError(f"it needs just the age bands {', '.join(bands)}", field=sex)
        people = tuple(((band, sex), getattr(self, sex)[band]) for band, sex in STANDARD_GROUPS)
        return Standard(id=self.id, version=self.version, title=self.title, people=people)

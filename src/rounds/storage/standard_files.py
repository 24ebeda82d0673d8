"""What the YAML of a standard population looks like, and how it becomes one of our own types."""

from datetime import date
from typing import Annotated

from pydantic import Field

from rounds.errors import DefinitionError
from rounds.measures.standards import STANDARD_GROUPS, Standard
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

    def to_standard(self) -> Standard:
        """Return the population.

        Raises:
            DefinitionError: if an age band is missing or unknown, or nobody else reviewed it.
        """
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        given = {(band, sex): n for sex in ("female", "male") for band, n in getattr(self, sex).items()}
        if set(given) != set(STANDARD_GROUPS):
            bands = ", ".join(dict.fromkeys(band for band, _ in STANDARD_GROUPS))
            raise DefinitionError(f"`female` and `male` each need just the age bands {bands}")
        people = tuple((group, given[group]) for group in STANDARD_GROUPS)
        return Standard(id=self.id, version=self.version, title=self.title, people=people)

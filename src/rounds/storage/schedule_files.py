"""What the YAML of a schedule of observations looks like, and how it becomes one of our own types."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator

from rounds.errors import DefinitionError
from rounds.measures.schedules import Band, Schedule
from rounds.storage.criteria_parts import ScoreName, refuse_here
from rounds.storage.defined import Defined
from rounds.storage.identifiers import Identifier
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]
Minutes = Annotated[int, Field(ge=1)]


class SingleFile(Definition):
    """`{points: 3, minutes: 60}`: what one component alone calls for."""

    points: Annotated[int, Field(ge=1)]
    minutes: Minutes


class ScheduleFile(Definition):
    """`library/schedules/*.yaml`: after how many minutes the next set of observations is due."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    source: Words
    scores: Annotated[tuple[ScoreName, ...], Field(min_length=1)]
    bands: dict[Annotated[int, Field(ge=0)], Minutes]
    """The lowest total of a band: minutes."""
    single: SingleFile
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _can_be_kept(self, info: ValidationInfo) -> Self:
        defined = info.context
        if defined is not None:
            refuse_here(lambda: self.to_schedule(defined))
        return self

    def to_schedule(self, defined: Defined) -> Schedule:
        """Return the schedule.

        Raises:
            DefinitionError: if bands contradict themselves, a score is not in the library, or nobody else reviewed it.
        """
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        return Schedule(
            id=self.id,
            version=self.version,
            title=self.title,
            scores=tuple(defined.score(named).id for named in self.scores),
            bands=tuple(Band(at_least=lowest, minutes=minutes) for lowest, minutes in sorted(self.bands.items())),
            single=Band(at_least=self.single.points, minutes=self.single.minutes),
        )

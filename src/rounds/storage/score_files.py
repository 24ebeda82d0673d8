"""What the YAML of a score looks like, and how it becomes one of our own types."""

from datetime import date
from typing import Annotated

from pydantic import Field

from rounds.errors import DefinitionError
from rounds.measures.scores import Component, Score, ScoredTable, Step
from rounds.storage.criteria_parts import CodesName
from rounds.storage.defined import Defined
from rounds.storage.identifiers import Identifier
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]


class StepFile(Definition):
    """`{up_to: 8, points: 3}`; the last step has no limit."""

    up_to: float | None = None
    points: int


class ComponentFile(Definition):
    """`{codes: heart-rate, units: {8541: per minute}, steps: [...]}` or `{codes: ..., answers: {alert: 0}}`."""

    codes: CodesName
    table: ScoredTable = ScoredTable.MEASUREMENT
    units: dict[int, str] = Field(default_factory=dict)
    steps: tuple[StepFile, ...] = ()
    answers: dict[CodesName, int] = Field(default_factory=dict)
    if_missing: int | None = None

    def to_component(self, component_id: str, defined: Defined) -> Component:
        return Component(
            id=component_id,
            codes=defined.codes(self.codes),
            table=self.table,
            units=tuple(sorted(self.units)),
            steps=tuple(Step(up_to=step.up_to, points=step.points) for step in self.steps),
            answers=tuple((defined.codes(named), points) for named, points in self.answers.items()),
            if_missing=self.if_missing,
        )


class ScoreFile(Definition):
    """`library/scores/*.yaml`."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    components: dict[Identifier, ComponentFile] = Field(min_length=1)
    author: Words
    reviewer: Words
    next_review: date

    def to_score(self, defined: Defined) -> Score:
        if self.author == self.reviewer:
            raise DefinitionError(f"score {self.id}: the reviewer must be somebody other than the author")
        components = tuple(one.to_component(name, defined) for name, one in self.components.items())
        return Score(id=self.id, version=self.version, title=self.title, components=components)

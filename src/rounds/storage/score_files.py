"""What the YAML of a score looks like, and how it becomes one of our own types."""

from datetime import date
from functools import partial
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, model_validator

from rounds.errors import DefinitionError
from rounds.measures.criteria import Given, Graded
from rounds.measures.person_scores import PersonScore, check_in_score
from rounds.measures.scores import Component, Score, ScoredTable, check_only_if
from rounds.measures.scores import Step as ScoreStep
from rounds.storage.criteria_files import CriterionFile, Written, all_of, alone, written
from rounds.storage.criteria_parts import CodesName, refuse_here
from rounds.storage.defined import Defined
from rounds.storage.identifiers import Identifier
from rounds.storage.yaml_files import Definition, Step

Words = Annotated[str, Field(min_length=1)]


Points = Annotated[int, Field(ge=1)]


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
    only_if: dict[Identifier, int] = Field(default_factory=dict)
    """`{oxygen: 2}`: asked only in sets in which the component `oxygen` gives 2 points."""

    def to_component(self, component_id: str, defined: Defined) -> Component:
        return Component(
            id=component_id,
            codes=defined.codes(self.codes),
            table=self.table,
            units=tuple(sorted(self.units)),
            steps=tuple(ScoreStep(up_to=step.up_to, points=step.points) for step in self.steps),
            answers=tuple((defined.codes(named), points) for named, points in self.answers.items()),
            if_missing=self.if_missing,
            only_if=tuple(self.only_if.items()),
        )


class ScoreFile(Definition):
    """`library/scores/*.yaml`: of observations, with `components`, or of people, with `points`."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    source: Words
    components: dict[Identifier, ComponentFile] = Field(default_factory=dict)
    points: dict[Identifier, Annotated[dict[Points, Written], Field(min_length=1)]] = Field(default_factory=dict)
    """What is counted once, and how many points are given for what: `age: {2: {age: {from: 75, on: end}}, 1: ...}`."""
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _can_be_asked(self, info: ValidationInfo) -> Self:
        defined = info.context
        if defined is not None:
            for component, given in self.points.items():
                for points, criteria in given.items():
                    _check_given(criteria, defined, "points", component, points)
            for component in self.components:
                refuse_here(partial(self._check_component, component, defined), None, "components", component)
            refuse_here(lambda: self.to_score(defined))
        return self

    def _check_component(self, named: str, defined: Defined) -> None:
        component = self.components[named].to_component(named, defined)
        others = (one.to_component(name, defined) for name, one in self.components.items() if name != named)
        check_only_if(component, tuple(others))

    def to_score(self, defined: Defined) -> Score | PersonScore:
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        if bool(self.components) == bool(self.points):
            raise DefinitionError(
                "name either `components`, of observations at the same minute, or `points`, for what people have had"
            )
        if self.points:
            of = tuple(_graded(given, defined) for given in self.points.values())
            return PersonScore(id=self.id, version=self.version, title=self.title, of=of)
        components = tuple(one.to_component(name, defined) for name, one in self.components.items())
        return Score(id=self.id, version=self.version, title=self.title, components=components)


def _check_given(criteria: Any, defined: Defined, *at: Step) -> None:
    """Refuse, where it stands, what no points can be given for."""
    for steps, criterion in alone(criteria, at):

        def ask(asked: CriterionFile = criterion) -> None:
            check_in_score(asked.to_criterion(defined))

        refuse_here(ask, None, *steps)


def _graded(given: dict[int, Any], defined: Defined) -> Graded:
    return Graded(
        given=tuple(
            Given(points=points, to=criterion)
            for points, criteria in sorted(given.items(), reverse=True)
            for criterion in [all_of(written(criteria, defined))]
            if criterion is not None
        )
    )

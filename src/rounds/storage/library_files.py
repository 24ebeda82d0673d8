"""What the YAML files of a library look like, and how each becomes one of our own types."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, RootModel

from rounds.errors import DefinitionError
from rounds.measures.definitions import (
    Better,
    CodeList,
    Event,
    EventTable,
    Measure,
    PersonQuestion,
    PublishedQuestion,
    Question,
    VisitQuestion,
)
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum
from rounds.network.innovations import EvidenceStage, Innovation
from rounds.storage.identifiers import Identifier
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]
Version = Annotated[int, Field(ge=1)]


class CodeListFile(Definition):
    """`library/codelists/*.yaml`."""

    id: Identifier
    version: Version
    title: Words
    descendants: bool
    concepts: dict[int, Words] = Field(min_length=1)
    author: Words
    reviewer: Words
    next_review: date

    def to_code_list(self) -> CodeList:
        if self.author == self.reviewer:
            raise DefinitionError(f"code list {self.id}: the reviewer must be somebody other than the author")
        return CodeList(
            id=self.id,
            version=self.version,
            title=self.title,
            concepts=tuple(sorted(self.concepts.items())),
            descendants=self.descendants,
        )


class InnovationFile(Definition):
    """`library/innovations/*.yaml`."""

    id: Identifier
    title: Words
    description: Words
    stage: EvidenceStage
    owner: Words
    author: Words
    reviewer: Words
    next_review: date

    def to_innovation(self) -> Innovation:
        return Innovation(**{name: getattr(self, name) for name in type(self).model_fields})


class _Age(Definition):
    from_: int | None = Field(default=None, alias="from", ge=0, le=150)
    to: int | None = Field(default=None, ge=0, le=150)


class _Event(Definition):
    event: EventTable
    codes: str | None = None
    which: Literal["any", "first"] = "any"
    inside_observation: bool = True
    age: _Age = _Age()

    def to_event(self, code_lists: tuple[CodeList, ...]) -> Event:
        return Event(
            table=self.event,
            codes=None if self.codes is None else _code_list(self.codes, code_lists),
            first=self.which == "first",
            observed=self.inside_observation,
            age_min=self.age.from_,
            age_max=self.age.to,
        )


class _MeasureBase(Definition):
    id: Identifier
    version: Version
    title: Words
    description: Words
    grain: Grain
    per: int
    unit: Words
    better: Better
    target: float | None = None
    author: Words
    reviewer: Words
    next_review: date

    def _measure(self, question: Question, strata: tuple[Stratum, ...]) -> Measure:
        return Measure(
            id=self.id,
            version=self.version,
            title=self.title,
            description=self.description,
            question=question,
            grain=self.grain,
            strata=strata,
            per=self.per,
            unit=self.unit,
            better=self.better,
            author=self.author,
            reviewer=self.reviewer,
            next_review=self.next_review,
            target=self.target,
        )


class _PeopleFile(_MeasureBase):
    count: Literal["people"]
    numerator: _Event
    age: _Age = _Age()
    strata: tuple[Stratum, ...] = ()

    def to_measure(self, code_lists: tuple[CodeList, ...]) -> Measure:
        question = PersonQuestion(
            numerator=self.numerator.to_event(code_lists), age_min=self.age.from_, age_max=self.age.to
        )
        return self._measure(question, self.strata)


class _VisitsFile(_MeasureBase):
    count: Literal["visits"]
    visits: str
    numerator: _Event
    age: _Age = _Age()
    strata: tuple[Stratum, ...] = ()

    def to_measure(self, code_lists: tuple[CodeList, ...]) -> Measure:
        question = VisitQuestion(
            visits=_code_list(self.visits, code_lists),
            numerator=self.numerator.to_event(code_lists),
            age_min=self.age.from_,
            age_max=self.age.to,
        )
        return self._measure(question, self.strata)


class _PublishedFile(_MeasureBase):
    count: Literal["published"]
    numerator: Words
    denominator: Words

    def to_measure(self, code_lists: tuple[CodeList, ...]) -> Measure:  # noqa: ARG002  one call for all three kinds
        return self._measure(PublishedQuestion(numerator=self.numerator, denominator=self.denominator), ())


class MeasureFile(RootModel[Annotated[_PeopleFile | _VisitsFile | _PublishedFile, Field(discriminator="count")]]):
    """`library/measures/*.yaml`: `count` says what one of the denominator is."""

    def to_measure(self, code_lists: tuple[CodeList, ...]) -> Measure:
        return self.root.to_measure(code_lists)


def _code_list(named: str, code_lists: tuple[CodeList, ...]) -> CodeList:
    """Return the code list that "aspirin" or "aspirin v2" names."""
    by_name = {f"{found.id} v{found.version}": found for found in code_lists}
    if named in by_name:
        return by_name[named]
    same_id = [name for name, found in by_name.items() if found.id == named]
    if len(same_id) == 1:
        return by_name[same_id[0]]
    if same_id:
        raise DefinitionError(f"code list `{named}` has several versions; write one of {', '.join(same_id)}")
    raise DefinitionError(f"there is no code list `{named}`{nearest(named, [found.id for found in code_lists])}")

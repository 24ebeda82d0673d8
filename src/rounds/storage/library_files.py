"""What the YAML files of a library look like, and how each becomes one of our own types."""

import re
from abc import abstractmethod
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    RootModel,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.completeness import Need
from rounds.measures.criteria import MOST_TIMES, Events
from rounds.measures.definitions import Better, Measure
from rounds.measures.events import EventTable
from rounds.measures.groupings import Grouping
from rounds.measures.periods import LONGEST_SPAN, Grain
from rounds.measures.questions import (
    ObservedOn,
    People,
    PersonTime,
    PublishedQuestion,
    Question,
    RecordsQuestion,
    Rows,
)
from rounds.measures.standards import Standard
from rounds.measures.strata import Stratum
from rounds.measures.windows import Anchor
from rounds.network.innovations import EvidenceStage, Innovation
from rounds.storage.criteria_files import CountedEventsFile, Written, all_of, check_written, written
from rounds.storage.criteria_parts import CodesName, CohortName, codes_named, refuse_here
from rounds.storage.defined import Defined
from rounds.storage.identifiers import Identifier
from rounds.storage.mean_files import MeanFile
from rounds.storage.yaml_files import Definition

Words = Annotated[str, Field(min_length=1)]
_PERCENT = "^[0-9]{1,3} ?%$"


def _is_percent(found: Any) -> Any:
    if not isinstance(found, str) or not re.search(_PERCENT, found):
        raise ValueError("write a whole percentage, such as `95 %`")
    return found


Percent = Annotated[str, BeforeValidator(_is_percent), WithJsonSchema({"pattern": _PERCENT, "type": "string"})]
Version = Annotated[int, Field(ge=1)]


class CodeListFile(Definition):
    """`library/codelists/*.yaml`."""

    id: Identifier
    version: Version
    title: Words
    descendants: bool
    concepts: dict[int, Words] = Field(min_length=1)
    excluded: dict[int, Words] = Field(default_factory=dict)
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        refuse_here(self.to_code_list)
        return self

    def to_code_list(self) -> CodeList:
        if self.author == self.reviewer:
            raise DefinitionError("the reviewer must be somebody other than the author", field="reviewer")
        return CodeList(
            id=self.id,
            version=self.version,
            title=self.title,
            concepts=tuple(sorted(self.concepts.items())),
            descendants=self.descendants,
            excluded=tuple(sorted(self.excluded.items())),
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

    @model_validator(mode="after")
    def _is_reviewed(self) -> Self:
        refuse_here(self.to_innovation)
        return self

    def to_innovation(self) -> Innovation:
        return Innovation(**{name: getattr(self, name) for name in type(self).model_fields})


class _MeasureBase(Definition):
    id: Identifier
    version: Version
    title: Words
    description: Words
    grain: Grain
    span: Annotated[int, Field(ge=1, le=LONGEST_SPAN)] = 1
    per: Annotated[int, Field(ge=1)]
    unit: Words
    better: Better
    target: float | None = None
    needs: dict[Words, Percent] = Field(default_factory=dict)
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _can_be_asked(self, info: ValidationInfo) -> Self:
        defined = info.context
        if defined is not None:
            self._check_asked(defined)
            refuse_here(lambda: self.to_measure(defined))
        return self

    def _check_asked(self, defined: Defined) -> None:
        """Refuse what cannot be asked of what is counted."""

    @abstractmethod
    def to_measure(self, defined: Defined) -> Measure:
        """Return the measure, or raise `DefinitionError`."""

    def _measure(
        self,
        question: Question,
        strata: tuple[Stratum, ...] = (),
        groupings: tuple[Grouping, ...] = (),
        standard: Standard | None = None,
        shown_in: str | None = None,
    ) -> Measure:
        return Measure(
            id=self.id,
            version=self.version,
            title=self.title,
            description=self.description,
            question=question,
            grain=self.grain,
            span=self.span,
            strata=strata,
            groupings=groupings,
            standard=standard,
            shown_in=shown_in,
            per=self.per,
            unit=self.unit,
            better=self.better,
            author=self.author,
            reviewer=self.reviewer,
            next_review=self.next_review,
            target=self.target,
            needs=tuple(
                Need(name=name, at_least=int(percent.removesuffix("%"))) for name, percent in self.needs.items()
            ),
        )


PlainStratum = Literal[Stratum.AGE_BAND, Stratum.SEX]
GroupedStratum = Annotated[
    dict[
        Literal[Stratum.ETHNICITY, Stratum.DEPRIVATION, Stratum.AREA, Stratum.CARE_SITE, Stratum.WARD],
        Annotated[str, Field(min_length=1)],
    ],
    Field(min_length=1, max_length=1),
]


def _plain_or_grouped(found: Any) -> str:
    return "grouped" if isinstance(found, dict) else "plain"


StratumFile = Annotated[
    Annotated[PlainStratum, Tag("plain")] | Annotated[GroupedStratum, Tag("grouped")], Discriminator(_plain_or_grouped)
]
"""`age_band`, `sex`, or a stratum and the grouping that says its levels: `{ethnicity: ethnic-group-5}`."""


class _RecordsFile(_MeasureBase):
    who: Written | None = None
    numerator: Written | None = None
    mean: MeanFile | None = None
    strata: tuple[StratumFile, ...] = ()
    standard: Annotated[str, Field(min_length=1)] | None = None

    @property
    @abstractmethod
    def _table(self) -> EventTable | None:
        """The table whose rows are counted; None if people are."""

    @property
    def _scored(self) -> bool:
        """Whether sets that have a score are counted."""
        return False

    def _check_asked(self, defined: Defined) -> None:
        check_written(self.who, defined, of=self._table, at="who", scored=self._scored)
        check_written(self.numerator, defined, of=self._table, at="numerator", scored=self._scored)

    def _of(self, unit: People | Rows | PersonTime, defined: Defined) -> Measure:
        if self.mean is not None:
            return self._mean_of(self.mean, unit, defined)
        if self.numerator is None:
            raise DefinitionError("nothing is asked; write a `numerator`, or a `mean`", field="numerator")
        numerator = all_of(written(self.numerator, defined))
        question = RecordsQuestion(unit=unit, who=all_of(written(self.who, defined)), numerator=numerator)
        return self._measure(question, *self._strata(defined), self._standard(defined))

    def _mean_of(self, mean: MeanFile, unit: People | Rows | PersonTime, defined: Defined) -> Measure:
        if isinstance(unit, PersonTime) or self.numerator is not None:
            less = "days have no mean" if isinstance(unit, PersonTime) else "a mean stands instead of a `numerator`"
            raise DefinitionError(f"{less}; remove one", field="mean")
        question = RecordsQuestion(
            unit=mean.to_unit(unit), who=all_of(written(self.who, defined)), amount=mean.to_amount(defined)
        )
        return self._measure(question, *self._strata(defined), self._standard(defined), shown_in=mean.shown_in)

    def _standard(self, defined: Defined) -> Standard | None:
        try:
            return None if self.standard is None else defined.standard(self.standard)
        except DefinitionError as error:
            raise DefinitionError(str(error), field="standard") from error

    def _strata(self, defined: Defined) -> tuple[tuple[Stratum, ...], tuple[Grouping, ...]]:
        strata: list[Stratum] = []
        groupings: list[Grouping] = []
        for one in self.strata:
            if isinstance(one, Stratum):
                strata.append(one)
                continue
            for stratum, named in one.items():
                strata.append(stratum)
                groupings.append(_grouping(defined, named, stratum))
        return tuple(strata), tuple(groupings)


def _grouping(defined: Defined, named: str, stratum: Stratum) -> Grouping:
    try:
        return defined.grouping(named, stratum)
    except DefinitionError as error:
        raise DefinitionError(str(error), field="strata") from error


class _PeopleFile(_RecordsFile):
    count: Literal["people"]
    observed: ObservedOn = ObservedOn.ANY_DAY

    @property
    def _table(self) -> None:
        return None

    def to_measure(self, defined: Defined) -> Measure:
        return self._of(People(observed=self.observed), defined)


class _VisitsFile(_RecordsFile):
    count: Literal["visits"]
    visits: CodesName
    counted_on: Anchor = Anchor.START

    @property
    def _table(self) -> EventTable:
        return EventTable.VISIT_OCCURRENCE

    def to_measure(self, defined: Defined) -> Measure:
        events = Events(table=EventTable.VISIT_OCCURRENCE, codes=codes_named(self.visits, defined))
        return self._of(Rows(events=events, counted_on=self.counted_on), defined)


class _EventsFile(_RecordsFile):
    count: Literal["events"]
    events: CountedEventsFile

    @property
    def _table(self) -> EventTable:
        return self.events.table or EventTable.MEASUREMENT

    @property
    def _scored(self) -> bool:
        return self.events.score is not None

    def to_measure(self, defined: Defined) -> Measure:
        return self._of(Rows(events=self.events.to_events(defined), counted_on=self.events.counted_on), defined)


class _EntriesFile(_RecordsFile):
    count: Literal["cohort entries"]
    cohort: CohortName
    which: Literal["any", "first ever"] = "any"
    counted_on: Anchor = Anchor.START

    @property
    def _table(self) -> EventTable:
        return EventTable.COHORT

    def to_measure(self, defined: Defined) -> Measure:
        cohort, first = defined.cohort(self.cohort), self.which == "first ever"
        events = Events(table=EventTable.COHORT, codes=cohort, first=first)
        return self._of(Rows(events=events, counted_on=self.counted_on), defined)


class _TimeFile(_RecordsFile):
    """Events over time: `time: observed` in days observed, or `time: nights` in the nights of some visits."""

    count: Literal["time"]
    time: Literal["observed", "nights"]
    visits: CodesName | None = None
    most_each: Annotated[int, Field(ge=1, le=MOST_TIMES)] = MOST_TIMES

    @property
    def _table(self) -> None:
        return None

    def to_measure(self, defined: Defined) -> Measure:
        if (self.time == "nights") != (self.visits is not None):
            raise DefinitionError("nights are of `visits`: name their code list, and only then", field="visits")
        visits = None
        if self.visits is not None:
            visits = Events(table=EventTable.VISIT_OCCURRENCE, codes=codes_named(self.visits, defined))
        return self._of(PersonTime(visits=visits, most_each=self.most_each), defined)


class _PublishedFile(_MeasureBase):
    count: Literal["published"]
    numerator: Words
    denominator: Words

    def to_measure(self, defined: Defined) -> Measure:  # noqa: ARG002  one call for every kind
        return self._measure(PublishedQuestion(numerator=self.numerator, denominator=self.denominator))


class MeasureFile(
    RootModel[
        Annotated[
            _PeopleFile | _VisitsFile | _EventsFile | _EntriesFile | _TimeFile | _PublishedFile,
            Field(discriminator="count"),
        ]
    ]
):
    """`library/measures/*.yaml`: `count` says what one of the denominator is."""

    def to_measure(self, defined: Defined) -> Measure:
        return self.root.to_measure(defined)

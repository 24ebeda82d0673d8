"""How people write criteria and events in YAML, and how each becomes one of our own types."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from rounds.errors import DefinitionError
from rounds.measures.choices import Choose, Distinct, Extent, Stands, Statistic, Touches
from rounds.measures.codelists import ANY_CODE
from rounds.measures.criteria import (
    MOST_TIMES,
    AllOf,
    AnyOf,
    Change,
    Criterion,
    Events,
    Has,
    Not,
    Scored,
    Summary,
    check_askable,
    check_each_row,
    check_one_row,
)
from rounds.measures.events import WITHOUT_CODES, EventTable
from rounds.measures.groupings import GROUPED
from rounds.measures.strata import Stratum
from rounds.measures.traits import Answer, InGroup, Observed, Result, Sex
from rounds.measures.windows import AT_START, Anchor
from rounds.storage.criteria_named import GroupFile, InCohortFile, ScoresFile
from rounds.storage.criteria_parts import (
    AgeFile,
    CodesName,
    CohortName,
    EdgeText,
    LiesFile,
    LimitsFile,
    MarkedFile,
    ObservedFile,
    Part,
    ScoreName,
    UnitsFile,
    ValueFile,
    codes_named,
    measured,
    refuse_here,
    to_window,
)
from rounds.storage.defined import Defined
from rounds.storage.yaml_files import Step

SexLevel = Literal["female", "male", "unknown"]


def _one_or_several(found: Any) -> str:
    return "several" if isinstance(found, list | tuple) else "one"


_Sexes = Annotated[
    Annotated[SexLevel, Tag("one")] | Annotated[tuple[SexLevel, ...], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]

Several = Annotated[tuple["CriterionFile", ...], Field(min_length=1)]


class EventsFile(Part):
    """`{event: drug_era, codes: celecoxib}`: rows of one table; `{score: news2}`: sets that have a score; or
    `{cohort: stroke}`: entries into a cohort.
    """

    event: EventTable | None = None
    score: ScoreName | None = None
    cohort: CohortName | None = None
    codes: CodesName | None = None
    inside_observation: bool | None = None
    """Whether rows must begin while observed: yes if nothing is said. A cohort has said itself what it needs."""
    where: "Written | None" = None
    without_end: Extent = Extent.FIRST_DAY

    def _check_rows(self, defined: Defined) -> None:
        check_written(self.where, defined, of=self.table, at="where", scored=self.score is not None)

    @property
    def table(self) -> EventTable | None:
        """The table whose rows are meant, or are like what is meant."""
        if self.cohort is not None:
            return EventTable.COHORT
        return self.event if self.score is None else EventTable.MEASUREMENT

    def _events(self, defined: Defined, *, first: bool) -> Events | Scored:
        inside = self.cohort is None if self.inside_observation is None else self.inside_observation
        where = [Observed(window=AT_START)] if inside else []
        if self.cohort is not None:
            if self.event is not None or self.codes is not None or self.score is not None:
                raise DefinitionError("a cohort finds its own rows; remove `event`, `codes`, `score`", field="cohort")
            if self.without_end is not Extent.FIRST_DAY:
                raise DefinitionError(
                    "a cohort says how long an entry lasts; remove `without_end`", field="without_end"
                )
            criterion = all_of([*where, *written(self.where, defined)])
            found = defined.cohort(self.cohort)
            return Events(table=EventTable.COHORT, codes=found, where=criterion, first=first)
        if self.score is not None:
            if self.without_end is not Extent.FIRST_DAY:
                raise DefinitionError("a set of observations lasts one day; remove `without_end`", field="without_end")
            if self.event is not None or self.codes is not None:
                raise DefinitionError("a score names its own rows; remove `event` and `codes`", field="score")
            criterion = all_of([*where, *written(self.where, defined)])
            return Scored(score=defined.score(self.score), where=criterion, first=first)
        if self.event is None:
            raise DefinitionError("field `event` is missing; add it, `score` or `cohort`")
        if self.event is EventTable.COHORT:
            raise DefinitionError("write `cohort` and the name of a cohort instead", field="event")
        if self.codes is None and self.event not in WITHOUT_CODES:
            raise DefinitionError(
                f"{self.event} needs `codes`: the name of a code list, or `{ANY_CODE}`", field="event"
            )
        return Events(
            table=self.event,
            codes=None if self.codes is None else codes_named(self.codes, defined),
            where=all_of([*where, *written(self.where, defined)]),
            first=first,
            without_end=self.without_end,
        )


class CountedEventsFile(EventsFile):
    """What `count: events` counts."""

    which: Literal["any", "first ever"] = "any"
    counted_on: Anchor = Anchor.START

    def to_criterion(self, defined: Defined) -> None:
        self.to_events(defined)

    def to_events(self, defined: Defined) -> Events | Scored:
        return self._events(defined, first=self.which == "first ever")


class HadFile(EventsFile):
    """`had: {event: measurement, codes: hba1c, which: last, from: end - 1 year, to: end, provided: {...}}`."""

    names: ClassVar = {"last": "to", "choose": "which"}

    which: Literal["any", "first ever", "first", "last"] = "any"
    from_: EdgeText = Field(default="start", alias="from")
    to: EdgeText = "end"
    touching: Touches = Touches.STARTS
    at_least: Annotated[int, Field(ge=1, le=MOST_TIMES)] | None = None
    at_most: Annotated[int, Field(ge=0, le=MOST_TIMES - 1)] | None = None
    distinct: Distinct = Distinct.ROWS
    stands: Stands = Stands.AT_THE_MOMENT
    provided: "Written | None" = None
    same_visit: bool = False

    def _check_rows(self, defined: Defined) -> None:
        EventsFile._check_rows(self, defined)
        check_written(self.provided, defined, of=self.table, at="provided", scored=self.score is not None)

    def to_criterion(self, defined: Defined) -> Criterion:
        events = self._events(defined, first=self.which == "first ever")

        def has(times: int) -> Has:
            return Has(
                events=events,
                window=to_window(self.from_, self.to),
                touches=self.touching,
                at_least=times,
                distinct=self.distinct,
                choose=Choose(self.which) if self.which in ("first", "last") else Choose.ANY,
                stands=self.stands,
                provided=all_of(written(self.provided, defined)),
                same_visit=self.same_visit,
            )

        if self.at_most is None:
            return has(self.at_least or 1)
        few = Not(of=has(self.at_most + 1))
        if self.at_least is None:
            return few
        if self.at_most < self.at_least:
            raise DefinitionError(
                f"`at_most` {self.at_most} is below `at_least` {self.at_least}; exchange them", field="at_most"
            )
        return AllOf(of=(has(self.at_least), few))


class SummaryFile(LimitsFile):
    """`summary: {of: mean, had: {event: measurement, ...}, units: {8876: mmHg}, below: 140}`."""

    of: Statistic
    had: HadFile
    units: UnitsFile | None = None

    def to_criterion(self, defined: Defined) -> Summary:
        had, by, limits = self.had, "a summary", self.limits()
        refuse_here(lambda: check_each_row(plain_rows(had, defined, by=by)), had.names, "had")
        rows = plain_rows(had, defined, by=by)
        return Summary(
            of=self.of, rows=replace(rows, events=measured(rows.events, self.units, at="had")), limits=limits
        )


class ChangeFile(LimitsFile):
    """`change: {of: {event: ..., which: last}, since: {event: ..., which: first}, units: {...}, below: 0}`."""

    of: HadFile
    since: HadFile
    units: UnitsFile | None = None

    def to_criterion(self, defined: Defined) -> Change:
        limits = self.limits()
        return Change(of=self._row("of", defined), since=self._row("since", defined), limits=limits)

    def _row(self, named: str, defined: Defined) -> Has:
        had: HadFile = getattr(self, named)

        def one() -> Has:
            rows = plain_rows(had, defined, by="a change")
            check_one_row(rows)
            return rows

        refuse_here(one, had.names, named)
        rows = one()
        return replace(rows, events=measured(rows.events, self.units, at=named))


def plain_rows(had: HadFile, defined: Defined, *, by: str) -> Has:
    """Return the rows that a `had` finds of which something is made, or raise `DefinitionError`.

    Args:
        had: what finds them.
        defined: what it may name.
        by: what is made of them, such as "a mean".
    """
    rows = had.to_criterion(defined)
    if not isinstance(rows, Has) or had.at_least is not None:
        field = "at_most" if had.at_most is not None else "at_least"
        raise DefinitionError(f"{by} says itself how many rows there are; remove this", field=field)
    return rows


class AtLeastFile(Part):
    """`at_least: {number: 2, of: [...]}`."""

    names: ClassVar = {"at_least": "number"}

    number: int
    of: Several

    def to_criterion(self, defined: Defined) -> AnyOf:
        return AnyOf(of=_each(self.of, defined), at_least=self.number)


class CriterionFile(Part):
    """One criterion: a mapping with one of these names."""

    age: AgeFile | None = None
    sex: _Sexes | None = None
    ethnicity: GroupFile | None = None
    deprivation: GroupFile | None = None
    area: GroupFile | None = None
    care_site: GroupFile | None = None
    ward: GroupFile | None = None
    observed: ObservedFile | None = None
    value: ValueFile | None = None
    answer: CodesName | None = None
    marked: MarkedFile | None = None
    result: Literal["recorded"] | None = None
    lies: LiesFile | None = None
    had: HadFile | None = None
    summary: SummaryFile | None = None
    change: ChangeFile | None = None
    in_cohort: InCohortFile | None = None
    scores: ScoresFile | None = None
    all: "Several | None" = None
    any: "Several | None" = None
    at_least: AtLeastFile | None = None
    not_: "CriterionFile | None" = Field(default=None, alias="not")

    @property
    def named(self) -> list[str]:
        """What the criterion says, as files write it: one name if it is right."""
        return [info.alias or name for name, info in type(self).model_fields.items() if getattr(self, name) is not None]

    def to_criterion(self, defined: Defined) -> Criterion:
        named = self.named
        if not named:
            names = ", ".join(f"`{info.alias or name}`" for name, info in type(self).model_fields.items())
            raise DefinitionError(f"this criterion says nothing; write one of {names}")
        if len(named) > 1:
            found = " and ".join(f"`{name}`" for name in named)
            raise DefinitionError(
                f"a criterion says one thing, and here are {found}; make them a list, with a dash before each, "
                "if all must be met, or name them in `any`",
                field=named[1],
            )
        of_rows = (self.value, self.marked, self.lies)
        looked_for = (self.had, self.summary, self.change, self.in_cohort)
        for part in (self.age, self.observed, *of_rows, *looked_for, self.scores, self.at_least):
            if part is not None:
                return part.to_criterion(defined)
        if self.sex is not None:
            return Sex(among=(self.sex,) if isinstance(self.sex, str) else tuple(sorted(self.sex)))
        if named[0] in tuple(GROUPED):
            return self._in_group(Stratum(named[0]), defined)
        if self.answer is not None:
            return Answer(codes=defined.codes(self.answer))
        if self.result is not None:
            return Result()
        if self.not_ is not None:
            return Not(of=self.not_.to_criterion(defined))
        return AllOf(of=_each(self.all, defined)) if self.all is not None else AnyOf(of=_each(self.any or (), defined))

    def _in_group(self, by: Stratum, defined: Defined) -> InGroup:
        group: GroupFile = getattr(self, by.value)
        refuse_here(lambda: group.to_group(by, defined), None, by.value)
        return group.to_group(by, defined)


Written = Annotated[
    Annotated[CriterionFile, Tag("one")] | Annotated[tuple[CriterionFile, ...], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]
"""Where criteria may stand: one, or a list of which all must hold."""


def check_written(criteria: Any, defined: Defined, *, of: EventTable | None, at: str, scored: bool = False) -> None:
    """Refuse, where it stands, what cannot be asked of rows of a table, or of people if there is no table.

    Raises:
        Misplaced: if a value, a visit or a detail is asked of what has none.
    """
    for steps, criterion in alone(criteria, (at,)):

        def ask(asked: CriterionFile = criterion) -> None:
            check_askable(asked.to_criterion(defined), of=of, scored=scored)

        refuse_here(ask, None, *steps)


def alone(criteria: Any, at: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], CriterionFile]]:
    """Yield the criteria that are not made of others, each with the way to it."""
    if isinstance(criteria, tuple):
        for number, one in enumerate(criteria):
            yield from alone(one, (*at, number))
    elif isinstance(criteria, CriterionFile):
        here = (*at, *criteria.named)
        if criteria.at_least is not None:
            yield from alone(criteria.at_least.of, (*here, "of"))
        elif made_of := criteria.all or criteria.any or criteria.not_:
            yield from alone(made_of, here)
        else:
            yield here, criteria


def written(criteria: Any, defined: Defined) -> tuple[Criterion, ...]:
    """Return the criteria that stand in a place."""
    if criteria is None:
        return ()
    return _each((criteria,) if isinstance(criteria, CriterionFile) else criteria, defined)


def all_of(criteria: list[Criterion] | tuple[Criterion, ...]) -> Criterion | None:
    """Return the criterion that all of some are met; nothing if there is none."""
    if not criteria:
        return None
    return criteria[0] if len(criteria) == 1 else AllOf(of=tuple(criteria))


def _each(criteria: tuple[CriterionFile, ...], defined: Defined) -> tuple[Criterion, ...]:
    return tuple(criterion.to_criterion(defined) for criterion in criteria)


for _model in (EventsFile, CountedEventsFile, HadFile, SummaryFile, ChangeFile, AtLeastFile, CriterionFile):
    # They name each other; until then Pydantic does not say what their fields are, nor can a refusal.
    _model.model_rebuild()

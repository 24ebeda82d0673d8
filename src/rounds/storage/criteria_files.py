"""How people write criteria and events in YAML, and how each becomes one of our own types."""

import re
from abc import abstractmethod
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import (
    Age,
    AgeBy,
    AllOf,
    Answer,
    AnyOf,
    Choose,
    Covers,
    Criterion,
    Distinct,
    Events,
    Has,
    Not,
    Observed,
    Sex,
    Touches,
    Value,
)
from rounds.measures.events import WITHOUT_CODES, EventTable
from rounds.measures.windows import AT_START, Anchor, Edge, Window
from rounds.storage.yaml_files import Definition

FindCodes = Callable[[str], CodeList]
"""Gives the code list that a name stands for, or raises."""

ANY_CODE = "any"
ANY_TIME = "any time"
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_EDGE = re.compile(r"(start|end|[0-9]{4}-[0-9]{2}-[0-9]{2})((?: [+-] [0-9]{1,4} (?:day|week|month|year)s?)*)")
_MOVE = re.compile(r" ([+-]) ([0-9]+) (day|week|month|year)")


def _known(named: str, info: ValidationInfo) -> str:
    find = info.context
    if find is not None:
        _refused(lambda: codes_named(named, find))
    return named


def _readable(text: str) -> str:
    _refused(lambda: _edge(text))
    return text


def _refused(attempt: Callable[[], object]) -> None:
    """Make what we refuse a refusal of the place in the file that is being read."""
    try:
        attempt()
    except DefinitionError as error:
        raise ValueError(str(error)) from error


CodesName = Annotated[str, AfterValidator(_known)]
"""The name of a code list, or `any`. The validation context is what finds code lists."""

EdgeText = Annotated[str, AfterValidator(_readable)]
"""`start`, `end`, a date or `any time`, moved by days, weeks, months or years."""

_Age = Annotated[int, Field(ge=0, le=150)]


class _Part(Definition):
    """A part of a file that is turned into one of our types, and refused where it stands if it cannot be."""

    @abstractmethod
    def to_criterion(self, find: FindCodes) -> Criterion | None:
        """Return what the part says, or raise `DefinitionError`."""

    @model_validator(mode="after")
    def _says_something(self, info: ValidationInfo) -> Self:
        find = info.context
        if find is not None:
            _refused(lambda: self.to_criterion(find))
        return self


class AgeFile(_Part):
    """`age: {from: 18, to: 74, on: start, by: year}`."""

    from_: _Age | None = Field(default=None, alias="from")
    to: _Age | None = None
    on: Anchor = Anchor.START
    by: AgeBy = AgeBy.YEAR

    def to_criterion(self, find: FindCodes) -> Age:  # noqa: ARG002
        return Age(low=self.from_, high=self.to, at=self.on, by=self.by)


class ObservedFile(_Part):
    """`observed: {from: end - 12 months, to: end, covers: every day}`."""

    from_: EdgeText = Field(default="start", alias="from")
    to: EdgeText = "end"
    covers: Covers = Covers.EVERY_DAY

    def to_criterion(self, find: FindCodes) -> Observed:  # noqa: ARG002
        return Observed(window=to_window(self.from_, self.to), covers=self.covers)


class ValueFile(_Part):
    """`value: {from: 48, below: 58, units: {8753: mmol/mol}}`; without units any unit or none is taken."""

    from_: float | None = Field(default=None, alias="from")
    above: float | None = None
    to: float | None = None
    below: float | None = None
    units: dict[int, str] = Field(default_factory=dict)

    def to_criterion(self, find: FindCodes) -> Value:  # noqa: ARG002
        if self.from_ is not None and self.above is not None:
            raise DefinitionError("`from` and `above` are both lower limits; keep one")
        if self.to is not None and self.below is not None:
            raise DefinitionError("`to` and `below` are both upper limits; keep one")
        return Value(
            units=tuple(sorted(self.units)),
            low=self.from_ if self.above is None else self.above,
            high=self.to if self.below is None else self.below,
            low_included=self.above is None,
            high_included=self.below is None,
        )


class EventsFile(_Part):
    """`{event: drug_era, codes: celecoxib}`: rows of one table."""

    event: EventTable
    codes: CodesName | None = None
    inside_observation: bool = True
    where: "Written | None" = None

    def _events(self, find: FindCodes, *, first: bool) -> Events:
        if self.codes is None and self.event not in WITHOUT_CODES:
            raise DefinitionError(f"{self.event} needs `codes`: the name of a code list, or `{ANY_CODE}`")
        where = [Observed(window=AT_START)] if self.inside_observation else []
        return Events(
            table=self.event,
            codes=None if self.codes is None else codes_named(self.codes, find),
            where=all_of([*where, *written(self.where, find)]),
            first=first,
        )


class CountedEventsFile(EventsFile):
    """What `count: events` counts."""

    which: Literal["any", "first ever"] = "any"
    counted_on: Anchor = Anchor.START

    def to_criterion(self, find: FindCodes) -> None:
        self.to_events(find)

    def to_events(self, find: FindCodes) -> Events:
        return self._events(find, first=self.which == "first ever")


class HadFile(EventsFile):
    """`had: {event: measurement, codes: hba1c, which: last, from: end - 1 year, to: end, provided: {...}}`."""

    which: Literal["any", "first ever", "first", "last"] = "any"
    from_: EdgeText = Field(default="start", alias="from")
    to: EdgeText = "end"
    touching: Touches = Touches.STARTS
    at_least: Annotated[int, Field(ge=1)] | None = None
    at_most: Annotated[int, Field(ge=0)] | None = None
    distinct: Distinct = Distinct.ROWS
    provided: "Written | None" = None
    same_visit: bool = False

    def to_criterion(self, find: FindCodes) -> Criterion:
        events = self._events(find, first=self.which == "first ever")

        def has(times: int) -> Has:
            return Has(
                events=events,
                window=to_window(self.from_, self.to),
                touches=self.touching,
                at_least=times,
                distinct=self.distinct,
                choose=Choose(self.which) if self.which in ("first", "last") else Choose.ANY,
                provided=all_of(written(self.provided, find)),
                same_visit=self.same_visit,
            )

        if self.at_most is None:
            return has(self.at_least or 1)
        few = Not(of=has(self.at_most + 1))
        if self.at_least is None:
            return few
        if self.at_most < self.at_least:
            raise DefinitionError(f"`at_most` {self.at_most} is below `at_least` {self.at_least}; exchange them")
        return AllOf(of=(has(self.at_least), few))


class AtLeastFile(_Part):
    """`at_least: {number: 2, of: [...]}`."""

    number: int
    of: tuple["CriterionFile", ...]

    def to_criterion(self, find: FindCodes) -> AnyOf:
        return AnyOf(of=_each(self.of, find), at_least=self.number)


class CriterionFile(_Part):
    """One criterion: a mapping with one of these names."""

    age: AgeFile | None = None
    sex: str | tuple[str, ...] | None = None
    observed: ObservedFile | None = None
    value: ValueFile | None = None
    answer: CodesName | None = None
    had: HadFile | None = None
    all: "tuple[CriterionFile, ...] | None" = None
    any: "tuple[CriterionFile, ...] | None" = None
    at_least: AtLeastFile | None = None
    not_: "CriterionFile | None" = Field(default=None, alias="not")

    def to_criterion(self, find: FindCodes) -> Criterion:
        named = [
            info.alias or name for name, info in type(self).model_fields.items() if getattr(self, name) is not None
        ]
        if len(named) != 1:
            found = " and ".join(f"`{name}`" for name in named) or "none"
            raise DefinitionError(f"a criterion says one thing, and here is {found}; write a list of criteria for more")
        if self.age is not None:
            return self.age.to_criterion(find)
        if self.sex is not None:
            return Sex(among=(self.sex,) if isinstance(self.sex, str) else tuple(sorted(self.sex)))
        if self.observed is not None:
            return self.observed.to_criterion(find)
        if self.value is not None:
            return self.value.to_criterion(find)
        if self.answer is not None:
            return Answer(codes=find(self.answer))
        if self.had is not None:
            return self.had.to_criterion(find)
        if self.at_least is not None:
            return self.at_least.to_criterion(find)
        if self.not_ is not None:
            return Not(of=self.not_.to_criterion(find))
        return AllOf(of=_each(self.all, find)) if self.all is not None else AnyOf(of=_each(self.any or (), find))


def _one_or_several(found: Any) -> str:
    return "several" if isinstance(found, list | tuple) else "one"


Written = Annotated[
    Annotated[CriterionFile, Tag("one")] | Annotated[tuple[CriterionFile, ...], Tag("several")],
    Discriminator(_one_or_several),
]
"""Where criteria may stand: one, or a list of which all must hold."""


def codes_named(named: str, find: FindCodes) -> CodeList | None:
    """Return the code list that a name stands for; nothing if any code will do."""
    return None if named == ANY_CODE else find(named)


def written(criteria: Any, find: FindCodes) -> tuple[Criterion, ...]:
    """Return the criteria that stand in a place."""
    if criteria is None:
        return ()
    return _each((criteria,) if isinstance(criteria, CriterionFile) else criteria, find)


def all_of(criteria: list[Criterion] | tuple[Criterion, ...]) -> Criterion | None:
    """Return the criterion that all of some are met; nothing if there is none."""
    if not criteria:
        return None
    return criteria[0] if len(criteria) == 1 else AllOf(of=tuple(criteria))


def to_window(first: str, last: str) -> Window:
    """Return the window from one edge to another.

    >>> to_window("end - 12 months + 1 day", "end").on(date(2024, 1, 1), date(2024, 1, 31))
    (datetime.date(2023, 2, 1), datetime.date(2024, 1, 31))
    """
    return Window(first=_edge(first), last=_edge(last))


def _edge(text: str) -> Edge | None:
    if text == ANY_TIME:
        return None
    found = _EDGE.fullmatch(text)
    if not found:
        raise DefinitionError(
            f"`{text}` is no edge of a window; write `start`, `end`, a date such as 2024-01-31 or `{ANY_TIME}`, and "
            "move it by ` + ` or ` - ` and a number of days, weeks, months or years, such as `end - 12 months + 1 day`"
        )
    months = days = 0
    for sign, number, unit in _MOVE.findall(found[2]):
        moved = int(number) if sign == "+" else -int(number)
        months += moved * _MONTHS.get(unit, 0)
        days += moved * _DAYS.get(unit, 0)
    if found[1] in tuple(Anchor):
        return Edge(anchor=Anchor(found[1]), months=months, days=days)
    try:
        return Edge(anchor=date.fromisoformat(found[1]), months=months, days=days)
    except ValueError as error:
        raise DefinitionError(f"`{found[1]}` is no day of the calendar; correct it") from error


def _each(criteria: tuple[CriterionFile, ...], find: FindCodes) -> tuple[Criterion, ...]:
    return tuple(criterion.to_criterion(find) for criterion in criteria)

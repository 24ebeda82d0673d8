"""The parts of criteria that are made of nothing else, as people write them in YAML: ages, windows, values."""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from rounds.errors import DefinitionError
from rounds.measures.choices import AgeBy, Covers, Touches
from rounds.measures.codelists import ANY_CODE, CodeList
from rounds.measures.criteria import AllOf, Criterion, Events, Lies, Scored
from rounds.measures.events import WITH_VALUE, Detail
from rounds.measures.traits import Age, Marked, Observed, Value
from rounds.measures.windows import Anchor, Edge, PeriodAnchor, Window, check_named
from rounds.storage.defined import Defined
from rounds.storage.yaml_files import Definition, Misplaced, Step

ANY_TIME = "any time"
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_EDGE = re.compile(
    r"(start|end|period start|period end|[0-9]{4}-[0-9]{2}-[0-9]{2})((?: [+-] [0-9]{1,4} (?:day|week|month|year)s?)*)"
)
_MOVE = re.compile(r" ([+-]) ([0-9]+) (day|week|month|year)")


def _known_codes(named: str, info: ValidationInfo) -> str:
    defined = info.context
    if defined is not None:
        refuse_here(lambda: codes_named(named, defined))
    return named


def _known_code_list(named: str, info: ValidationInfo) -> str:
    defined = info.context
    if defined is not None:
        refuse_here(lambda: defined.codes(named))
    return named


def _known_score(named: str, info: ValidationInfo) -> str:
    defined = info.context
    if defined is not None:
        refuse_here(lambda: defined.score(named))
    return named


def _known_person_score(named: str, info: ValidationInfo) -> str:
    defined = info.context
    if defined is not None:
        refuse_here(lambda: defined.person_score(named))
    return named


def _known_cohort(named: str, info: ValidationInfo) -> str:
    defined = info.context
    if defined is not None:
        refuse_here(lambda: defined.cohort(named))
    return named


def _readable(text: str) -> str:
    refuse_here(lambda: to_edge(text))
    return text


def refuse_here(attempt: Callable[[], object], names: Mapping[str, str] | None = None, *at: Step) -> None:
    """Make what an attempt refuses a refusal of the place in the file that is being read.

    Args:
        attempt: makes one of our own types.
        names: what files call the fields of our types, where it is not the same.
        at: the way from the place to what is refused.

    Raises:
        Misplaced: if the attempt raises `DefinitionError`.
    """
    try:
        attempt()
    except DefinitionError as error:
        field = (names or {}).get(error.field, error.field)
        raise Misplaced(str(error), at=(*at, field) if field else at) from error


CodesName = Annotated[str, AfterValidator(_known_codes)]
"""The name of a code list, or `any`. The validation context is what is defined."""

NamedCodes = Annotated[str, AfterValidator(_known_code_list)]
"""The name of a code list. The validation context is what is defined."""

ScoreName = Annotated[str, AfterValidator(_known_score)]
"""The name of a score of observations."""

PersonScoreName = Annotated[str, AfterValidator(_known_person_score)]
"""The name of a score of people."""

CohortName = Annotated[str, AfterValidator(_known_cohort)]
"""The name of a cohort."""

EdgeText = Annotated[str, AfterValidator(_readable)]
"""`start`, `end`, `period start`, `period end`, a date or `any time`, moved by days, weeks, months or years."""

_Age = Annotated[int, Field(ge=0, le=150)]


class Part(Definition):
    """A part of a file that is turned into one of our types, and refused where it stands if it cannot be."""

    names: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def to_criterion(self, defined: Defined) -> Criterion | None:
        """Return what the part says, or raise `DefinitionError`."""

    @model_validator(mode="after")
    def _says_something(self, info: ValidationInfo) -> Self:
        defined = info.context
        if defined is not None:
            self._check_rows(defined)
            refuse_here(lambda: self.to_criterion(defined), self._fields())
        return self

    def _fields(self) -> Mapping[str, str]:
        """Return what this part calls the fields of our types, where it is not the same."""
        return self.names

    def _check_rows(self, defined: Defined) -> None:
        """Refuse what cannot be asked of the rows of a table; a part without rows has nothing to refuse."""


class AgeFile(Part):
    """`age: {from: 18, to: 74, on: start, by: year}`."""

    names: ClassVar = {"high": "to"}

    from_: _Age | None = Field(default=None, alias="from")
    to: _Age | None = None
    on: Anchor | PeriodAnchor | date = Anchor.START
    by: AgeBy = AgeBy.YEAR

    def to_criterion(self, defined: Defined) -> Age:  # noqa: ARG002
        if isinstance(self.on, date):
            check_named(self.on)
        return Age(low=self.from_, high=self.to, at=self.on, by=self.by)


class ObservedFile(Part):
    """`observed: {from: end - 12 months, to: end, covers: every day}`."""

    names: ClassVar = {"last": "to"}

    from_: EdgeText = Field(default="start", alias="from")
    to: EdgeText = "end"
    covers: Covers = Covers.EVERY_DAY

    def to_criterion(self, defined: Defined) -> Observed:  # noqa: ARG002
        return Observed(window=to_window(self.from_, self.to), covers=self.covers)


class LiesFile(Part):
    """`lies: {from: period start, to: period end, touching: inside}`: where the unit itself lies."""

    names: ClassVar = {"last": "to", "window": "from"}

    from_: EdgeText = Field(default="period start", alias="from")
    to: EdgeText = "period end"
    touching: Touches = Touches.STARTS

    def to_criterion(self, defined: Defined) -> Lies:  # noqa: ARG002
        return Lies(window=to_window(self.from_, self.to), touches=self.touching)


class MarkedFile(Part):
    """`marked: {by: discharged to, codes: hospice}`: a detail of a row."""

    names: ClassVar = {"detail": "by"}

    by: Detail
    codes: NamedCodes

    def to_criterion(self, defined: Defined) -> Marked:
        return Marked(detail=self.by, codes=defined.codes(self.codes))


class LimitsFile(Part):
    """`from` and `to`, which are included, `above` and `below`, which are not: the limits of a number."""

    from_: float | None = Field(default=None, alias="from")
    above: float | None = None
    to: float | None = None
    below: float | None = None

    def _fields(self) -> Mapping[str, str]:
        low, high = ("from" if self.above is None else "above"), ("to" if self.below is None else "below")
        return {"low": low, "high": high}

    def limits(self) -> Value:
        """Return the limits as they are asked of one value, whatever its unit, or raise `DefinitionError`."""
        if self.from_ is not None and self.above is not None:
            raise DefinitionError("`from` and `above` are both lower limits; keep one", field="above")
        if self.to is not None and self.below is not None:
            raise DefinitionError("`to` and `below` are both upper limits; keep one", field="below")
        return Value(
            units=(),
            low=self.from_ if self.above is None else self.above,
            high=self.to if self.below is None else self.below,
            low_included=self.above is None,
            high_included=self.below is None,
        )


class ValueFile(LimitsFile):
    """`value: {from: 48, below: 58, units: {8753: mmol/mol}}`; without units any unit or none is taken."""

    units: dict[int, str] = Field(default_factory=dict)

    def to_criterion(self, defined: Defined) -> Value:  # noqa: ARG002
        return replace(self.limits(), units=tuple(sorted(self.units)))


def _word_or_units(found: object) -> str:
    return "word" if isinstance(found, str) else "units"


UnitsFile = Annotated[
    Annotated[Literal["any"], Tag("word")] | Annotated[dict[int, str], Field(min_length=1), Tag("units")],
    Discriminator(_word_or_units),
]
"""The concepts of units, or `any`: then there is one, or none."""


def measured(events: Events | Scored, units: str | dict[int, str] | None, *, at: str) -> Events | Scored:
    """Return rows that have a number in one of some units.

    Args:
        events: the rows.
        units: their concepts with their names, or `any`; None if nothing is said.
        at: the field that names the rows.

    Raises:
        DefinitionError: if the rows have no value, or the units are not said where there are any.
    """
    if isinstance(events, Scored):
        if units is not None:
            raise DefinitionError("a score has no unit; remove `units`", field="units")
        return events
    if units is None:
        raise DefinitionError(
            "say in which units the value is, with `units`: their concepts, each with its name, or `any`",
            field="units",
        )
    if events.table not in WITH_VALUE:
        raise DefinitionError(
            f"a row of {events.table} has no value; rows of {' or '.join(sorted(WITH_VALUE))} have, and scores",
            field=at,
        )
    value = Value(units=() if isinstance(units, str) else tuple(sorted(units)))
    return replace(events, where=value if events.where is None else AllOf(of=(events.where, value)))


def codes_named(named: str, defined: Defined) -> CodeList | None:
    """Return the code list that a name stands for; nothing if any code will do."""
    return None if named == ANY_CODE else defined.codes(named)


def to_window(first: str, last: str) -> Window:
    """Return the window from one edge to another.

    Raises:
        DefinitionError: if an edge is none, or the window can never hold a day.

    >>> to_window("end - 12 months + 1 day", "end").on(date(2024, 1, 1), date(2024, 1, 31))
    (datetime.date(2023, 2, 1), datetime.date(2024, 1, 31))
    """
    edges = to_edge(first), to_edge(last)
    try:
        return Window(first=edges[0], last=edges[1])
    except DefinitionError as error:
        raise DefinitionError(
            f"the window from `{first}` to `{last}` ends before it begins; exchange its ends or correct them",
            field=error.field,
        ) from error


def to_edge(text: str) -> Edge | None:
    """Return the edge of a window; nothing if the window is open there.

    Raises:
        DefinitionError: if the text says none.
    """
    if text == ANY_TIME:
        return None
    found = _EDGE.fullmatch(text)
    if not found:
        raise DefinitionError(
            f"`{text}` is no edge of a window; write `start`, `end`, `period start`, `period end`, a date such as "
            f"2024-01-31 or `{ANY_TIME}`, and "
            "move it by ` + ` or ` - ` and a number of days, weeks, months or years, such as `end - 12 months + 1 day`"
        )
    months = days = 0
    for sign, number, unit in _MOVE.findall(found[2]):
        moved = int(number) if sign == "+" else -int(number)
        months += moved * _MONTHS.get(unit, 0)
        days += moved * _DAYS.get(unit, 0)
    for anchors in (Anchor, PeriodAnchor):
        if found[1] in tuple(anchors):
            return Edge(anchor=anchors(found[1]), months=months, days=days)
    try:
        day = date.fromisoformat(found[1])
    except ValueError as error:
        raise DefinitionError(f"`{found[1]}` is no day of the calendar; correct it") from error
    check_named(day)
    return Edge(anchor=day, months=months, days=days)

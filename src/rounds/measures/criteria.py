"""Criteria: what must be true of something counted. Frozen, self-validating values that engines only interpret.

A criterion is asked of a *unit*: a person in a period, or a row of a table (a visit, an event). Every unit has a
person, a first and a last day. Rows are found by criteria too, so that criteria nest: "a fall, followed within three
days by a scan" is a fall of which it is true that the same person had a scan in the three days after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rounds.errors import DefinitionError
from rounds.measures.choices import Choose, Distinct, Extent, Stands, Statistic, Touches
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.events import (
    WITH_DETAIL,
    WITH_END,
    WITH_VALUE,
    WITH_VISIT,
    WITHOUT_CODES,
    EventTable,
    asked_of,
)
from rounds.measures.groupings import check_grouped
from rounds.measures.scores import Score
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.windows import NO_DAY, THROUGHOUT, Anchor, Window

MOST_TIMES = 15
"""The largest `at_least`: counts above it say more about the recording than about the care."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lies:
    """The unit itself lies in a window, measured from the period that is counted or a date of the calendar."""

    window: Window
    touches: Touches = Touches.STARTS

    def __post_init__(self) -> None:
        for edge in (self.window.first, self.window.last):
            if edge is not None and isinstance(edge.anchor, Anchor) and self.window != NO_DAY:
                raise DefinitionError(
                    f"what lies in a window does not say where the window is; write `period {edge.anchor}`, or a date",
                    field="window",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Rows of one table that carry one of a list of codes and of which a criterion holds; or entries into a cohort.

    With `first`, only a person's first such row of all, at any time.
    """

    table: EventTable
    codes: CodeList | Cohort | None
    """None if the code does not matter."""
    where: "Criterion | None" = None
    first: bool = False
    without_end: Extent = Extent.FIRST_DAY

    def __post_init__(self) -> None:
        if self.without_end is Extent.ON_AND_ON and (self.table not in WITH_END or self.table is EventTable.COHORT):
            raise DefinitionError(f"a row of {self.table} does not go on; remove `without_end`", field="without_end")
        if (self.table is EventTable.COHORT) != isinstance(self.codes, Cohort):
            raise DefinitionError("entries are into a cohort; name it with `cohort`", field="cohort")
        if self.codes is not None and self.table in WITHOUT_CODES:
            raise DefinitionError(f"a row of {self.table} has no code; remove the code list", field="codes")
        check_askable(self.where, of=self.table)

    @property
    def reads(self) -> tuple[tuple[EventTable, CodeList | None], ...]:
        """The tables of the site whose rows are looked at, and the codes these carry; None for any."""
        return () if isinstance(self.codes, Cohort) else ((self.table, self.codes),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Sets of observations that have a score, and of which a criterion holds; the score is their value.

    A set lasts one day, and is of the visit that its rows name, of several the highest. With `first`, only a person's
    first such set of all, at any time.
    """

    score: Score
    where: "Criterion | None" = None
    first: bool = False

    def __post_init__(self) -> None:
        check_askable(self.where, of=self.table, scored=True)

    @property
    def table(self) -> EventTable:
        """The table whose rows a set is like: it has a value and a visit, as measurements do."""
        return EventTable.MEASUREMENT

    @property
    def reads(self) -> tuple[tuple[EventTable, CodeList | None], ...]:
        """The tables whose rows are looked at, and the codes these carry."""
        return tuple((EventTable(one.table), one.codes) for one in self.score.components)


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """The person has rows in a window.

    With `choose` any, at least so many of the rows in the window meet `provided`. With first or last, that one row
    does, and where there is none the criterion is not met.
    """

    events: Events | Scored
    window: Window = THROUGHOUT
    touches: Touches = Touches.STARTS
    at_least: int = 1
    distinct: Distinct = Distinct.ROWS
    choose: Choose = Choose.ANY
    stands: Stands = Stands.AT_THE_MOMENT
    provided: "Criterion | None" = None
    same_visit: bool = False
    """Only rows that carry the same visit as the unit. Only asked of rows of tables that name one."""

    def __post_init__(self) -> None:
        if not 1 <= self.at_least <= MOST_TIMES:
            raise DefinitionError(f"this is from 1 to {MOST_TIMES}, not {self.at_least}", field="at_least")
        if self.choose is not Choose.ANY and (self.at_least > 1 or self.distinct is not Distinct.ROWS):
            raise DefinitionError(
                f"the {self.choose} row is one row; `at_least` and `distinct` do not go with it", field="choose"
            )
        if self.stands is Stands.LOWEST_OF_THE_DAY and (self.choose is Choose.ANY or not _has_value(self.events)):
            raise DefinitionError(
                f"the lowest of a day is of the first or the last row of {' or '.join(sorted(WITH_VALUE))}",
                field="stands",
            )
        if self.same_visit and self.events.table not in WITH_VISIT:
            raise DefinitionError(
                f"a row of {self.events.table} does not say during which visit it happened; remove `same_visit`",
                field="same_visit",
            )
        check_askable(self.provided, of=self.events.table, scored=isinstance(self.events, Scored))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The values of the rows that a plain `had` finds, taken together, lie in a range. Without a value they do not.

    A mean and a sum are of the values in millionths (`rounds.measures.millionths`), exact, and so are their limits. The
    lowest and the highest are compared as any value is.
    """

    of: Statistic
    rows: Has
    limits: Value
    """Of any unit: the rows say theirs."""

    def __post_init__(self) -> None:
        check_each_row(self.rows)
        check_measured(self.rows.events)
        self.limits.check_asked_of_several(self.of, added_up=self.of in (Statistic.MEAN, Statistic.SUM))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The value of one row less that of another lies in a range: of two rows, for no value has changed since itself.

    Values are taken in millionths, and the limits exactly, as in a sum.
    """

    of: Has
    """One row: the first, the last or somebody's first ever."""
    since: Has
    limits: Value
    """Of any unit: the rows say theirs."""

    def __post_init__(self) -> None:
        for one in (self.of, self.since):
            check_one_row(one)
            check_measured(one.events)
        scores = [one.events.score if isinstance(one.events, Scored) else None for one in (self.of, self.since)]
        if scores[0] != scores[1]:
            raise DefinitionError("a score is compared with the same score, and with nothing else", field="since")
        self.limits.check_asked_of_several("change", added_up=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every one of some criteria is met."""

    of: tuple["Criterion", ...]

    def __post_init__(self) -> None:
        _check_not_empty(self.of)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least so many of some criteria are met; one if nothing else is said."""

    of: tuple["Criterion", ...]
    at_least: int = 1

    def __post_init__(self) -> None:
        _check_not_empty(self.of)
        if not 1 <= self.at_least <= len(self.of):
            raise DefinitionError(
                f"this is from 1 to the number of criteria, which is {len(self.of)}, not {self.at_least}",
                field="at_least",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Points, and what they are given for."""

    points: int
    to: "Criterion"

    def __post_init__(self) -> None:
        if self.points < 1:
            raise DefinitionError(f"a criterion gives one point or more, not {self.points}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What counts once in a score: of the criteria that are met only the one with the most points, named first."""

    given: tuple[Given, ...]

    def __post_init__(self) -> None:
        points = [one.points for one in self.given]
        if not points or points != sorted(set(points), reverse=True):
            raise DefinitionError("name at least one criterion, each with other points, the most first")

    @property
    def most(self) -> int:
        return self.given[0].points


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaches:
    """The points of a score, for what is true of the person, add up to at least so many."""

    title: str
    """What the score is called."""
    of: tuple[Graded, ...]
    at_least: int

    def __post_init__(self) -> None:
        most = sum(graded.most for graded in self.of)
        if not 1 <= self.at_least <= most:
            raise DefinitionError(f"“{self.title}” is from 1 to {most}, not {self.at_least}", field="at_least")

    @property
    def criteria(self) -> tuple["Criterion", ...]:
        """What points are given for."""
        return tuple(given.to for graded in self.of for given in graded.given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """A criterion is not met. What is not recorded is not met, so its contrary is."""

    of: "Criterion"


Criterion = (
    Age
    | Sex
    | InGroup
    | Observed
    | Value
    | Answer
    | Marked
    | Result
    | Lies
    | Has
    | Summary
    | Change
    | AllOf
    | AnyOf
    | Reaches
    | Not
)


def check_askable(criterion: Criterion | None, *, of: EventTable | None, scored: bool = False) -> None:
    """Raise unless a criterion can be asked of rows of a table, or of people in a period if there is no table.

    Args:
        criterion: what is asked.
        of: the table whose rows are asked.
        scored: whether sets with a score are asked, which are only like rows.

    Raises:
        DefinitionError: if it asks for a value, a visit or a detail that such a unit does not have.
    """
    for part in parts(criterion):
        if isinstance(part, Value | Answer | Result) and of not in WITH_VALUE:
            raise DefinitionError(
                f"{asked_of(of)} has no value; ask for it in `provided` of {' or '.join(sorted(WITH_VALUE))}"
            )
        if isinstance(part, Answer | Result | Marked) and scored:
            raise DefinitionError("a set of observations has a score and nothing else; ask for it in another way")
        if isinstance(part, Value) and part.units and scored:
            # In no unit it would be met by nobody.
            raise DefinitionError("a score has no unit; remove `units`", field="units")
        if isinstance(part, Marked) and of not in WITH_DETAIL[part.detail]:
            tables = " or ".join(sorted(WITH_DETAIL[part.detail]))
            raise DefinitionError(f"{asked_of(of)} has no `{part.detail}`; ask for it in `provided` of {tables}")
        if isinstance(part, InGroup):
            check_grouped(part.grouping, of=of)
        if isinstance(part, Has) and part.same_visit and of not in WITH_VISIT:
            raise DefinitionError(
                f"{asked_of(of)} does not say during which visit it happened; remove `same_visit`", field="same_visit"
            )


def parts(criterion: Criterion | None) -> Iterator[Criterion]:
    """Yield a criterion and those it is made of that are asked of the same unit, outermost first."""
    if criterion is None:
        return
    yield criterion
    match criterion:
        case AllOf(of=several) | AnyOf(of=several) | Reaches(criteria=several):
            for part in several:
                yield from parts(part)
        case Change(of=one, since=other):
            yield from parts(one)
            yield from parts(other)
        case Not(of=one) | Summary(rows=one):
            yield from parts(one)


def everything_in(criterion: Criterion | None) -> Iterator[Criterion]:
    """Yield a criterion and all it is made of, those asked of the rows it looks for included."""
    for part in parts(criterion):
        yield part
        if isinstance(part, Has):
            yield from everything_in(part.events.where)
            yield from everything_in(part.provided)


def check_plain(rows: Has, *, by: str) -> None:
    """Raise unless nothing is said of which rows, or how many, are meant: whatever is made of them says it itself.

    Args:
        rows: what is looked for.
        by: what says it, such as "a mean".
    """
    if rows != Has(
        events=rows.events,
        window=rows.window,
        touches=rows.touches,
        distinct=rows.distinct,
        provided=rows.provided,
        same_visit=rows.same_visit,
    ):
        raise DefinitionError(
            f"{by} says itself which of the rows it takes; remove `which`, `at_least`, `at_most` and `stands`",
            field="choose" if rows.choose is not Choose.ANY else "at_least" if rows.at_least > 1 else "stands",
        )


def check_each_row(rows: Has) -> None:
    """Raise unless a summary can be made of the values of all rows that are looked for."""
    check_plain(rows, by="a summary")
    if rows.distinct is not Distinct.ROWS:
        raise DefinitionError("every row has its value; remove `distinct`", field="distinct")


def check_one_row(rows: Has) -> None:
    """Raise unless one row is looked for, or none."""
    if rows.choose is Choose.ANY and not rows.events.first:
        raise DefinitionError("say which row it is: `first`, `last` or `first ever`", field="choose")
    if rows.at_least != 1 or rows.distinct is not Distinct.ROWS:
        raise DefinitionError("one row is looked for; remove `at_least`, `at_most` and `distinct`", field="at_least")


def check_measured(events: Events | Scored) -> None:
    """Raise unless rows have a number, in one kind of unit: of millimoles and per cent there is no mean."""
    if isinstance(events, Scored):
        return
    if events.table not in WITH_VALUE:
        raise DefinitionError(f"only rows of {' or '.join(sorted(WITH_VALUE))}, and scores, have a value")
    met = events.where.of if isinstance(events.where, AllOf) else (events.where,)
    if not any(isinstance(one, Value) for one in met):
        raise DefinitionError("say in which units the value is, with `units`", field="units")


def _check_not_empty(criteria: tuple[Criterion, ...]) -> None:
    if not criteria:
        raise DefinitionError("name at least one criterion")


def _has_value(events: Events | Scored) -> bool:
    return isinstance(events, Scored) or events.table in WITH_VALUE

"""Traits: what is true of a person, or of a row, by itself. The simplest criteria, of which the others are made."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from rounds.errors import DefinitionError
from rounds.measures.choices import AgeBy, Covers
from rounds.measures.codelists import CodeList, check_concepts
from rounds.measures.events import Detail
from rounds.measures.groupings import Grouping
from rounds.measures.millionths import FARTHEST, limit_in_millionths
from rounds.measures.strata import LEVELS, Stratum
from rounds.measures.windows import AT_START, Anchor, PeriodAnchor, Window

LARGEST_VALUE: Final = 3.4028234663852886e38
"""The largest number that single precision holds, in which values are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """The person's age in years lies in a range, both ends included, on a day: the unit's first or last, the period's
    first or last, or one of the calendar."""

    low: int | None = None
    high: int | None = None
    at: Anchor | PeriodAnchor | date = Anchor.START
    by: AgeBy = AgeBy.YEAR

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise DefinitionError("an age needs a lower limit, an upper limit or both")
        if self.low is not None and self.high is not None and self.high < self.low:
            raise DefinitionError(
                f"no age is from {self.low} to {self.high}; exchange or correct the limits", field="high"
            )

    def day(self, first: date, last: date) -> date:
        """Return the day on which something with a first and a last day is asked for the age."""
        if isinstance(self.at, PeriodAnchor):
            raise TypeError("the days of the period have not been put in")
        if isinstance(self.at, Anchor):
            return first if self.at is Anchor.START else last
        return self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Sex:
    """The person's sex is one of these levels of the stratum."""

    among: tuple[str, ...]

    def __post_init__(self) -> None:
        for level in self.among:
            if level not in LEVELS[Stratum.SEX]:
                raise DefinitionError(f"sex is one of {', '.join(LEVELS[Stratum.SEX])}, not `{level}`")
        if not self.among or len(set(self.among)) != len(self.among):
            raise DefinitionError("name each sex that is meant once, and at least one", field="sex")


@dataclass(frozen=True, slots=True, kw_only=True)
class InGroup:
    """The unit's level of a grouping is one of these: the person's ethnicity or area, the care site, the ward.

    The care site of a row is that of the visit it names, and its ward that of the stay in a unit it names; the care
    site of a person in a period is the one the person belongs to, such as a practice.
    """

    grouping: Grouping
    among: tuple[str, ...]

    def __post_init__(self) -> None:
        for level in self.among:
            if level not in self.grouping.levels:
                raise DefinitionError(
                    f"the levels of “{self.grouping.title}” are {', '.join(self.grouping.levels)}; not `{level}`",
                    field="among",
                )
        if not self.among or len(set(self.among)) != len(self.among):
            raise DefinitionError("name each level that is meant once, and at least one", field="among")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """An observation period covers the window. A window of no days is covered by none."""

    window: Window = AT_START
    covers: Covers = Covers.EVERY_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A row's number lies in a range and is in one of the units. A row without a number, or in another unit, does not.

    Only asked of rows of tables that carry values.
    """

    units: tuple[int, ...]
    """Unit concepts, sorted; empty if the number has no unit, and then any unit or none is taken."""
    low: float | None = None
    high: float | None = None
    low_included: bool = True
    high_included: bool = True

    def __post_init__(self) -> None:
        check_concepts(self.units, field="units")
        for name, limit in (("low", self.low), ("high", self.high)):
            check_limit(limit, field=name)
        if self.low is not None and self.high is not None:
            empty = self.high == self.low and not (self.low_included and self.high_included)
            if self.high < self.low or empty:
                raise DefinitionError(
                    f"no value lies between {self.low:g} and {self.high:g}; correct the limits", field="high"
                )

    def check_asked_of_several(self, what: str, *, added_up: bool) -> None:
        """Raise `DefinitionError` unless what is made of several values can be asked to lie in this range.

        Args:
            what: what is made of them, such as "mean".
            added_up: whether it is made by adding up; then limits are among the numbers that values add up to.
        """
        if self.units:
            raise DefinitionError("the rows say in which units their values are; remove `units` of the limits")
        if self.low is None and self.high is None:
            raise DefinitionError(f"say what the {what} must be; add `from`, `above`, `to` or `below`")
        for field, limit in (("low", self.low), ("high", self.high)):
            if limit is None or not added_up or limit_in_millionths(limit) is not None:
                continue
            if not abs(limit) <= FARTHEST:
                raise DefinitionError(f"a limit is from {-FARTHEST:,.0f} to {FARTHEST:,.0f}", field=field)
            raise DefinitionError(
                f"values add up in millionths, and {limit!r} is none; write at most six decimals", field=field
            )


def check_limit(limit: float | None, *, field: str) -> None:
    """Raise unless values can be compared with a limit; nothing to compare with is no limit.

    Raises:
        DefinitionError: if it is not a number, or larger than any value.
    """
    if limit is not None and not abs(limit) <= LARGEST_VALUE:
        raise DefinitionError(f"no value is beyond {LARGEST_VALUE:.1e}; correct the limit", field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A row's coded answer is one of a list. Only asked of rows of tables that carry values."""

    codes: CodeList


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A detail of a row, such as where a patient was discharged to, is one of a list."""

    detail: Detail
    codes: CodeList


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A row holds a result of any kind: a number, a coded answer or words. Only asked of tables that carry values."""

"""What a site's records are checked for, and how much of each fault is borne: text that people wrote and reviewed."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from rounds.measures.strata import SEX_BY_CONCEPT


class Category(StrEnum):
    """The three kinds of data quality of Kahn and others (2016), which OHDSI's DataQualityDashboard uses too."""

    CONFORMANCE = "conformance"
    COMPLETENESS = "completeness"
    PLAUSIBILITY = "plausibility"


class Check(StrEnum):
    """Everything that is looked for. `docs/quality.md` says what each is."""

    TABLE_MISSING = "table-missing"
    COLUMN_MISSING = "column-missing"
    WRONG_TYPE = "wrong-type"
    EMPTY_REQUIRED = "empty-required"
    DUPLICATED_KEY = "duplicated-key"
    UNKNOWN_PERSON = "unknown-person"
    UNKNOWN_VISIT = "unknown-visit"
    UNKNOWN_PLACE = "unknown-place"
    UNKNOWN_CONCEPT = "unknown-concept"
    NOT_STANDARD = "not-standard"
    OTHER_DOMAIN = "other-domain"
    UNMAPPED = "unmapped"
    MISSING = "missing"
    PEOPLE_WITHOUT = "people-without"
    BEFORE_BIRTH = "before-birth"
    AFTER_DEATH = "after-death"
    IN_FUTURE = "in-future"
    END_BEFORE_START = "end-before-start"
    OUTSIDE_OBSERVATION = "outside-observation"
    OVERLAPPING_PERIODS = "overlapping-periods"
    YEAR_OF_BIRTH = "year-of-birth"
    SEVERAL_DEATHS = "several-deaths"
    OTHER_UNIT = "other-unit"
    VALUE_OUT_OF_RANGE = "value-out-of-range"
    OTHER_SEX = "other-sex"
    VOLUME_JUMP = "volume-jump"


CATEGORY: Final[dict[Check, Category]] = {
    **dict.fromkeys(tuple(Check)[:11], Category.CONFORMANCE),
    **dict.fromkeys((Check.UNMAPPED, Check.MISSING, Check.PEOPLE_WITHOUT), Category.COMPLETENESS),
    **dict.fromkeys(tuple(Check)[14:], Category.PLAUSIBILITY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much of a fault is borne, everywhere or in one table or column."""

    check: Check
    at_most: float
    """per cent of the rows; of a table, column or month, of those"""
    table: str | None = None
    column: str | None = None
    because: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.at_most <= 100:
            raise ValueError("`at_most` is a percentage from 0 to 100")
        if self.column is not None and self.table is None:
            raise ValueError("a `column` needs its `table`")

    @property
    def precise(self) -> int:
        """How narrowly it is meant: the narrowest limit that fits holds."""
        return (self.table is not None) + (self.column is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlausibleValues:
    """The units a quantity is recorded in, and between what its values lie in a living person."""

    title: str
    concepts: tuple[int, ...]
    units: tuple[int, ...]
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if self.lowest >= self.highest:
            raise ValueError("`from` must be below `to`")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSex:
    """Concepts that only women or only men can have."""

    title: str
    sex: str
    concepts: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.sex not in SEX_BY_CONCEPT.values():
            raise ValueError(f"`only` is {' or '.join(sorted(SEX_BY_CONCEPT.values()))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A file of limits: which, and who stands for it."""

    id: str
    version: int
    title: str
    author: str
    reviewer: str
    next_review: date
    because: str = ""
    """why a site's own differ from the ones shipped"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """All that is expected of a site's records: the shipped limits, and over them the site's own."""

    files: tuple[Reviewed, ...]
    limits: tuple[Limit, ...]
    """in the order of the files; of those that are as precise the last holds"""
    values: tuple[PlausibleValues, ...] = field(default=())
    sexes: tuple[OneSex, ...] = field(default=())
    jump_factor: float = 2.0
    """how many times as many rows as in the month before, or as few, is a jump"""

    def limit(self, check: Check, table: str, column: str | None = None) -> Limit:
        """Return the limit that holds: the most precise, and of several the last."""
        fitting = [
            limit
            for limit in self.limits
            if limit.check is check and limit.table in (None, table) and limit.column in (None, column)
        ]
        if not fitting:
            return Limit(check=check, at_most=0)
        return max(enumerate(fitting), key=lambda pair: (pair[1].precise, pair[0]))[1]

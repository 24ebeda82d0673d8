"""What a criterion may ask of one event: a value of the event, or of whom and what it belongs to, and a condition."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Source(StrEnum):
    """Where a value comes from."""

    START = "start date"
    END = "end date"
    AGE_AT_START = "age at start"
    """The calendar year of the start date minus the year of birth."""
    AGE_AT_END = "age at end"
    DAYS = "days from start to end"
    OWN = "the event's own column"
    RATIO = "value_as_number over the event's own column"
    PERSON = "a column of the person"
    VISIT = "a column of the person's visit that the event names"
    PROVIDER = "a column of the provider that the event names"
    CARE_SITE = "a column of the care site that the event names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A value that each event has, or lacks."""

    source: Source
    column: str = ""
    """The OMOP column, for the sources that have several."""


class Comparison(StrEnum):
    """How a value is compared; a missing value satisfies none of them."""

    LT = "lt"
    LTE = "lte"
    EQ = "eq"
    NOT_EQ = "!eq"
    GT = "gt"
    GTE = "gte"
    BETWEEN = "bt"
    """Both ends included."""
    NOT_BETWEEN = "!bt"

    @property
    def has_extent(self) -> bool:
        return self in (Comparison.BETWEEN, Comparison.NOT_BETWEEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFilter:
    """The value lies in a range. ATLAS keeps four decimal places, or none where the attribute is a whole number."""

    operand: Operand
    comparison: Comparison
    value: float
    extent: float | None = None

    def __post_init__(self) -> None:
        if (self.extent is not None) != self.comparison.has_extent:
            raise ValueError("a second value is for `bt` and `!bt` only, and they need one")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFilter:
    """The date lies in a range."""

    operand: Operand
    comparison: Comparison
    value: date
    extent: date | None = None

    def __post_init__(self) -> None:
        if (self.extent is not None) != self.comparison.has_extent:
            raise ValueError("a second date is for `bt` and `!bt` only, and they need one")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptFilter:
    """The value is one of these concepts or, with `exclude`, is known and none of them."""

    operand: Operand
    concepts: tuple[int, ...]
    exclude: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptSetFilter:
    """The value is in a concept set.

    With `exclude` it is known and not in it; a set that is empty excludes nothing, not even what is unknown. Without a
    concept set the value is only known or, with `exclude`, unknown.
    """

    operand: Operand
    concept_set: int | None
    exclude: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFilter:
    """The text matches an SQL pattern (`%` is any text, `_` any character), or with `exclude` is known and does not."""

    operand: Operand
    pattern: str
    exclude: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AbnormalFilter:
    """The number lies outside its reference range, or the value is the concept for abnormally low or high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CareSiteRegionFilter:
    """The visit's care site lay, during the whole visit, at a location in a region of the concept set."""

    concept_set: int


Filter = (
    NumberFilter | DateFilter | ConceptFilter | ConceptSetFilter | TextFilter | AbnormalFilter | CareSiteRegionFilter
)

"""What a measure is: frozen, self-validating values that engines only interpret.

A measure is a numerator over a denominator, per period and stratum. Ages follow the OHDSI convention: the calendar year
of the day asked about minus the year of birth.
"""

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import StrEnum

from rounds.errors import DefinitionError
from rounds.measures.periods import Grain
from rounds.measures.strata import Stratum


class Better(StrEnum):
    """Which way is improvement."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class EventTable(StrEnum):
    """The OMOP tables whose rows can be counted as events."""

    CONDITION_OCCURRENCE = "condition_occurrence"
    CONDITION_ERA = "condition_era"
    DRUG_EXPOSURE = "drug_exposure"
    DRUG_ERA = "drug_era"
    PROCEDURE_OCCURRENCE = "procedure_occurrence"
    MEASUREMENT = "measurement"
    OBSERVATION = "observation"
    VISIT_OCCURRENCE = "visit_occurrence"
    DEATH = "death"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """Standard concepts that together mean one thing, with or without their descendants."""

    id: str
    version: int
    title: str
    concepts: tuple[tuple[int, str], ...]
    """(concept id, concept name) pairs, sorted by id."""
    descendants: bool

    def __post_init__(self) -> None:
        if not self.concepts:
            raise DefinitionError(f"code list {self.id} has no concepts; name at least one")

    @property
    def concept_ids(self) -> tuple[int, ...]:
        return tuple(concept_id for concept_id, _ in self.concepts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Rows of one OMOP table that carry one of a list of codes.

    With `first`, only a person's first such row counts, chosen among the rows that pass `observed`; of rows on the same
    day any one stands for all, for only the day matters. Only `death` has no code list.
    """

    table: EventTable
    codes: CodeList | None
    first: bool = False
    observed: bool = True
    """Count a row only if its date lies inside one of the person's observation periods."""
    age_min: int | None = None
    """Youngest age in years on the day of the event, included."""
    age_max: int | None = None

    def __post_init__(self) -> None:
        if (self.codes is None) != (self.table is EventTable.DEATH):
            raise DefinitionError("every event needs a code list, except a death, which has none")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonQuestion:
    """Of the people observed on at least one day of the period, how many had the event in the period?

    Strata and the age limits of the denominator use the first day of the period. A numerator counts only people who are
    in the denominator.
    """

    numerator: Event
    age_min: int | None = None
    age_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitQuestion:
    """Of the visits that started in the period, in how many did the event happen?

    An event belongs to a visit of the same person if it is dated from the visit's first to its last day, both included.
    Strata and age limits use the first day of the visit.
    """

    visits: CodeList
    numerator: Event
    age_min: int | None = None
    age_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedQuestion:
    """A numerator and a denominator that somebody else has counted and published, described in words."""

    numerator: str
    denominator: str


Question = PersonQuestion | VisitQuestion | PublishedQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A reviewed question with an id and a version. Its digest fixes its meaning."""

    id: str
    version: int
    title: str
    description: str
    question: Question
    grain: Grain
    strata: tuple[Stratum, ...]
    per: int
    """The rate is shown per this many: 100 for a percentage, 1000 for a rate per 1,000."""
    unit: str
    """What one of the denominator is, in the plural: "admissions", "people", "attendances"."""
    better: Better
    author: str
    reviewer: str
    next_review: date
    target: float | None = None
    """What the network aims at, in the units of the rate."""

    def __post_init__(self) -> None:
        if self.version < 1:
            raise DefinitionError(f"measure {self.id}: a version is 1 or more, not {self.version}")
        if self.per < 1:
            raise DefinitionError(f"measure {self.id}: `per` is 1 or more, not {self.per}")
        if self.author == self.reviewer:
            raise DefinitionError(f"measure {self.id}: the reviewer must be somebody other than the author")
        if len(set(self.strata)) != len(self.strata):
            raise DefinitionError(f"measure {self.id}: a stratum is named twice")
        if isinstance(self.question, PublishedQuestion) and self.strata:
            raise DefinitionError(f"measure {self.id}: published counts have no strata here; remove `strata`")
        if self.grain is Grain.ALL and Stratum.AGE_BAND in self.strata:
            raise DefinitionError(f"measure {self.id}: a person has no one age over all dates; remove `age_band`")

    @property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what is counted.

        Of a code list that is which concepts it names and whether their descendants are meant; its id, version, title
        and the names of its concepts are not in it, and neither is any word about the measure. Published counts are
        the exception: what they mean is said in words only, so the words of their question are in it.
        """
        meaning = {
            "id": self.id,
            "version": self.version,
            "kind": type(self.question).__name__,
            "question": _meaning(self.question),
            "grain": self.grain,
            "strata": self.strata,
        }
        text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def ref(self) -> "MeasureRef":
        return MeasureRef(id=self.id, version=self.version, digest=self.digest)


def _meaning(part: object) -> object:
    """Return what decides the count in a part of a question. A new field is in it unless it is left out here."""
    if isinstance(part, CodeList):
        return {"concepts": sorted(set(part.concept_ids)), "descendants": part.descendants}
    if is_dataclass(part):
        return {field.name: _meaning(getattr(part, field.name)) for field in fields(part)}
    return part


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MeasureRef:
    """How a request names a measure: nothing more than a site needs to look it up in its own library."""

    id: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.id} v{self.version}"

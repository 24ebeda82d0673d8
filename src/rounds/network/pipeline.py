"""The pipeline: innovations from development to adoption, what is known of each, and the support that innovators had.

Each class is a row of a table, its fields the columns in their order; dates are when something was, not when it was
written down. An empty text, and None, mean that nobody has said.
"""

import math
from dataclasses import dataclass, fields
from datetime import date as Date  # noqa: N812 - the tables have a column called date
from enum import StrEnum

from rounds.errors import DefinitionError
from rounds.network.innovations import EvidenceStage


class Design(StrEnum):
    """How a study was made, the strongest first."""

    SYSTEMATIC_REVIEW = "systematic_review"
    RANDOMISED = "randomised"
    CONTROLLED = "controlled"
    BEFORE_AFTER = "before_after"
    OBSERVATIONAL = "observational"
    MODEL = "model"
    QUALITATIVE = "qualitative"
    OPINION = "opinion"
    NOT_STATED = "not_stated"


class Better(StrEnum):
    """Which way an outcome is better."""

    LOWER = "lower"
    HIGHER = "higher"


class Approval(StrEnum):
    """Where an approval stands."""

    HELD = "held"
    IN_PROGRESS = "in_progress"
    NOT_STARTED = "not_started"
    NOT_NEEDED = "not_needed"
    REFUSED = "refused"
    EXPIRED = "expired"


class OutcomeKind(StrEnum):
    """What support to an innovator came to."""

    JOBS_CREATED = "jobs_created"
    JOBS_SAFEGUARDED = "jobs_safeguarded"
    INVESTMENT_GBP = "investment_gbp"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineInnovation:
    """An innovation in the pipeline, who looks after it and the need that it addresses."""

    id: str
    title: str
    owner: str
    description: str = ""
    innovator: str = ""
    """the company or team that makes it"""
    need_measure: str = ""
    """the id of a measure that shows the need"""
    need_stated: str = ""
    """the need in words, where no measure shows it"""
    need_by: str = ""
    """who says so"""
    people_lower: float | None = None
    """people in the network and year whom the need concerns, at least"""
    people_upper: float | None = None

    def __post_init__(self) -> None:
        _refuse_odd_numbers(self)
        if (self.people_lower is None) != (self.people_upper is None):
            raise DefinitionError("people_lower and people_upper come together; repeat the number if it is known")
        if not 0 <= (self.people_lower or 0) <= (self.people_upper or 0):
            raise DefinitionError("people_lower must be 0 or more, and no more than people_upper; correct them")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReached:
    """An innovation came to a stage on a day."""

    innovation: str
    stage: EvidenceStage
    date: Date


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one study found."""

    innovation: str
    study: str
    design: Design
    finding: str
    outcome: str = ""
    value: float | None = None
    lower: float | None = None
    """of the 95 % interval"""
    upper: float | None = None
    no_effect: float | None = None
    """the value that means no effect: 1 for a ratio, 0 for a difference"""
    better: Better | None = None
    source: str = ""
    date: Date | None = None

    def __post_init__(self) -> None:
        _refuse_odd_numbers(self)
        if (self.lower is None) != (self.upper is None):
            raise DefinitionError("an interval has a lower and an upper end; give both or none")
        if self.lower is not None and self.upper is not None:
            if self.lower > self.upper:
                raise DefinitionError("lower is above upper; correct the interval")
            if self.value is not None and not self.lower <= self.value <= self.upper:
                raise DefinitionError("the value lies outside its interval; correct one of them")
            if self.no_effect is None or self.better is None:
                raise DefinitionError(
                    "an interval says nothing without no_effect (1 for a ratio, 0 for a difference) and better (lower "
                    "or higher); fill both in"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Regulatory:
    """An approval, a conformity mark or guidance, such as UKCA, CE, DTAC, CQC, NICE."""

    innovation: str
    kind: str
    status: Approval
    reference: str = ""
    date: Date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueClaim:
    """What somebody says that an innovation is worth."""

    innovation: str
    says: str
    by: str
    amount: float | None = None
    unit: str = ""
    basis: str = ""
    date: Date | None = None

    def __post_init__(self) -> None:
        _refuse_odd_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """An innovator and a programme were in touch."""

    company: str
    date: Date
    programme: str
    company_number: str = ""
    """of Companies House: what makes two spellings one company"""
    innovation: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A programme supported an innovator."""

    company: str
    date: Date
    programme: str
    what: str
    company_number: str = ""
    innovation: str = ""
    value_gbp: float | None = None
    """what the support was worth, if somebody has said"""

    def __post_init__(self) -> None:
        _refuse_odd_numbers(self, below_zero=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A programme says what its support to an innovator came to."""

    company: str
    date: Date
    programme: str
    kind: OutcomeKind
    amount: float
    company_number: str = ""
    innovation: str = ""
    reference: str = ""
    """of the grant, the deal or the post: what makes two claims one"""
    source: str = ""

    def __post_init__(self) -> None:
        _refuse_odd_numbers(self, below_zero=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Everything that is recorded of a network's pipeline."""

    innovations: tuple[PipelineInnovation, ...] = ()
    stages: tuple[StageReached, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    regulatory: tuple[Regulatory, ...] = ()
    value: tuple[ValueClaim, ...] = ()
    contacts: tuple[Contact, ...] = ()
    support: tuple[Support, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    def up_to(self, day: Date) -> "Pipeline":
        """Return what was known on a day: everything dated later is left out; what has no date stays."""
        parts = {
            one.name: tuple(
                row for row in getattr(self, one.name) if (dated := getattr(row, "date", None)) is None or dated <= day
            )
            for one in fields(self)
        }
        return Pipeline(**parts)


def _refuse_odd_numbers(row: object, *, below_zero: bool = True) -> None:
    for one in fields(row):  # type: ignore[arg-type]  # every row is a dataclass
        value = getattr(row, one.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise DefinitionError(f"{one.name} is not a finite number; correct it", field=one.name)
        if isinstance(value, float) and value < 0 and not below_zero:
            raise DefinitionError(f"{one.name} is below 0; correct it", field=one.name)

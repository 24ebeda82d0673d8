"""What a column map looks like: which file holds what, in which column, written how."""

import re
from datetime import date
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from rounds.storage.identifiers import Identifier
from rounds.storage.yaml_files import Definition

T = TypeVar("T")
Words = Annotated[str, Field(min_length=1)]
Sex = Literal["female", "male", "other", "unknown"]
VisitClass = Literal["inpatient", "outpatient", "emergency", "emergency-inpatient", "day-case", "home", "telephone"]
Fact = Literal["measurement", "observation", "condition", "procedure", "drug", "device"]

VISIT_CLASSES: Final[dict[str, int]] = {
    "inpatient": 9201,
    "outpatient": 9202,
    "emergency": 9203,
    "emergency-inpatient": 262,
    "day-case": 9201,
    "home": 581476,
    "telephone": 5083,
}
FACT_TABLES: Final[dict[str, str]] = {
    "measurement": "measurement",
    "observation": "observation",
    "condition": "condition_occurrence",
    "procedure": "procedure_occurrence",
    "drug": "drug_exposure",
    "device": "device_exposure",
}


_ZONE: Final = "%z"
_DIRECTIVE: Final = re.compile(r"%(-[A-Za-z]|.|$)", re.DOTALL)
_DIRECTIVES: Final = frozenset("aAwudbhBmyYHIpMSfgnjUWcxXGV%") | {f"-{letter}" for letter in "dmyHIMSj"}
_LARGEST_CONCEPT: Final = 2**63 - 1


def without_zone(form: str) -> str | None:
    """Return a format of dates less the zone at its end; None if it has none."""
    return form.removesuffix(_ZONE).rstrip() if form.endswith(_ZONE) else None


def _told_apart(words: dict[str, T]) -> dict[str, T]:
    lowered = [word.lower() for word in words]
    twice = next((word for word in words if lowered.count(word.lower()) > 1), None)
    if twice is not None:
        raise ValueError(f"`{twice}` is listed twice, for capitals do not matter; keep one")
    return words


class SexColumn(Definition):
    """Where the sex stands and what its words mean."""

    column: Words
    words: Annotated[dict[str, Sex], AfterValidator(_told_apart)] = Field(min_length=1)


class ClassColumn(Definition):
    """Where the kind of visit stands and what its words mean."""

    column: Words
    words: Annotated[dict[str, VisitClass], AfterValidator(_told_apart)] = Field(min_length=1)


class CodedColumn(Definition):
    """Where codes of one system stand."""

    column: Words
    system: Words


class Code(Definition):
    """A code of a system; or a concept of OMOP."""

    system: Words = "concept"
    code: Words

    @field_validator("code", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _is_concept(self) -> "Code":
        if self.system == "concept" and not (
            self.code.isascii() and self.code.isdigit() and int(self.code) <= _LARGEST_CONCEPT
        ):
            raise ValueError(f"`{self.code}` is no concept of OMOP; write its number, or name the code's `system`")
        return self


class People(Definition):
    """Columns about the patients themselves."""

    id: Words
    born: Words
    sex: SexColumn
    died: Words | None = None
    postcode: Words | None = None
    ethnicity: CodedColumn | None = None


class Visits(Definition):
    """Columns about stays and attendances. A stay without an end goes on."""

    id: Words
    person: Words
    start: Words
    end: Words
    kind: VisitClass | ClassColumn
    hospital: Words | None = None
    ward: Words | None = None
    admitted_from: CodedColumn | None = None
    discharged_to: CodedColumn | None = None


class Value(Definition):
    """One column of a wide table: what it measures, in which unit."""

    column: Words
    code: Code
    unit: str = ""
    unit_column: Words | None = None
    table: Fact = "measurement"
    words: Annotated[dict[str, int], AfterValidator(_told_apart)] = Field(default_factory=dict)
    """concepts of values that are words, such as A, V, P, U of ACVPU"""
    other_words: Literal["refuse", "keep as text"] = "refuse"


class _Event(Definition):
    person: Words
    visit: Words | None = None
    at: Words


class Wide(_Event):
    """A row for each set of observations, a column for each observation."""

    shape: Literal["wide"]
    values: tuple[Value, ...] = Field(min_length=1)


class Long(_Event):
    """A row for each observation, which says itself what it is."""

    shape: Literal["long"]
    item: CodedColumn
    value: Words | None = None
    unit: str = ""
    unit_column: Words | None = None
    table: Fact = "measurement"
    words: Annotated[dict[str, int], AfterValidator(_told_apart)] = Field(default_factory=dict)
    other_words: Literal["refuse", "keep as text"] = "refuse"


class Log(_Event):
    """A row for each time that one thing happened, such as a cardiac arrest."""

    shape: Literal["log"]
    code: Code
    table: Fact


class ExtractFile(Definition):
    """One file, or all whose names match."""

    file: Words
    date_formats: tuple[Words, ...] = ()
    """as in strptime, tried in turn, times as they are written, without their zone; none: YYYY-MM-DD, with or without a
    time of day"""
    blank_marks: tuple[str, ...] = ()
    people: People | None = None
    visits: Visits | None = None
    events: tuple[Annotated[Wide | Long | Log, Field(discriminator="shape")], ...] = ()

    @field_validator("file")
    @classmethod
    def _below(cls, value: str) -> str:
        if value.startswith("/") or not value.strip("./") or ".." in value.split("/"):
            raise ValueError(
                f"`{value}` is no name of a file in the folder of the data; write one such as `admissions*.csv`"
            )
        return value

    @field_validator("date_formats")
    @classmethod
    def _written(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for form in value:
            found = _DIRECTIVE.findall(without_zone(form) or form)
            wrong = next((one for one in found if one not in _DIRECTIVES), None)
            if wrong is not None or not found:
                what = f"`%{wrong}` means nothing" if wrong else "it names no part of a date"
                raise ValueError(f"`{form}`: {what}; write `%d/%m/%Y %H:%M`, with `%z` for a zone only at the end")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> "ExtractFile":
        if self.people is None and self.visits is None and not self.events:
            raise ValueError(f"{self.file}: say what the file holds: `people`, `visits` or `events`")
        if self.people is not None and any("%y" in form.replace("%%", "") for form in self.date_formats):
            raise ValueError(
                f"{self.file}: `%y` cannot tell who was born in 1924 from who was born in 2024; export the year of "
                "birth with four digits and write `%Y`"
            )
        return self


class ColumnMapFile(Definition):
    """`imports/*.yaml`."""

    id: Identifier
    version: int = Field(ge=1)
    title: Words
    files: tuple[ExtractFile, ...] = Field(min_length=1)
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _reviewed(self) -> "ColumnMapFile":
        if self.author == self.reviewer:
            raise ValueError("the reviewer must be somebody other than the author")
        if not any(file.people for file in self.files):
            raise ValueError("no file says who the people are; add `people` to one")
        return self

"""The question of a round, as one site is asked it: registered measures over a span of days. Data, never code."""

from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rounds.errors import MessageError
from rounds.measures.definitions import MeasureRef


class Wire(BaseModel):
    """What every part of a message builds on: strict types, no unknown fields, unchangeable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WireMeasure(Wire):
    id: str
    version: int
    digest: str


class WireQuestion(Wire):
    first: str
    last: str
    as_of: str
    measures: list[WireMeasure]
    members: list[str]
    epoch: int = Field(default=1, ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a site."""

    first: date
    """first day that may be counted"""
    last: date
    """last day that may be counted, included"""
    as_of: date
    """the day the records are meant to reach"""
    measures: tuple[MeasureRef, ...]
    members: tuple[str, ...]
    """ODS codes of everybody who ever belonged to the network; a site answers for nobody else"""
    epoch: int = 1
    """1 asks for a number once and for all; 2 for its revision, which is counted anew and charged"""


def wire_question(question: Question) -> WireQuestion:
    """Return a question in the form in which it travels."""
    return WireQuestion(
        first=question.first.isoformat(),
        last=question.last.isoformat(),
        as_of=question.as_of.isoformat(),
        measures=[WireMeasure(id=ref.id, version=ref.version, digest=ref.digest) for ref in question.measures],
        members=list(question.members),
        epoch=question.epoch,
    )


def read_question(wire: WireQuestion, *, source: str) -> Question:
    """Return the question in a message.

    Raises:
        MessageError: if a date is none, or the dates are not in order.
    """
    question = Question(
        first=read_day(wire.first, source),
        last=read_day(wire.last, source),
        as_of=read_day(wire.as_of, source),
        measures=tuple(MeasureRef(id=one.id, version=one.version, digest=one.digest) for one in wire.measures),
        members=tuple(wire.members),
        epoch=wire.epoch,
    )
    if not question.first <= question.last <= question.as_of:
        raise MessageError(f"{source}: first, last and as_of are not in order; ask the sender to send it again")
    return question


def parse_question(text: str, *, source: str) -> Question:
    """Return a question that stands alone, outside any message, as a site is shown it before it is asked.

    Raises:
        MessageError: if it cannot be read.
    """
    try:
        wire = WireQuestion.model_validate_json(text)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise MessageError(f"{source}: not a question: {where or 'the whole'} is wrong; write it anew") from None
    return read_question(wire, source=source)


def read_day(text: str, source: str) -> date:
    """Return an ISO date.

    Raises:
        MessageError: if it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MessageError(f"{source}: {text!r} is not a date; ask the sender to send it again") from None

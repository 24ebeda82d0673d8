"""How complete the records are that a measure looks at: what may be missing, and how much of it the measure needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import Criterion, Events, Has, Scored, parts
from rounds.measures.events import EventTable
from rounds.measures.questions import Question, RecordsQuestion, Rows
from rounds.measures.strata import Stratum
from rounds.measures.traits import Answer, Sex, Value

STEP_PERCENT = 5
"""Shares leave a site in steps of so many per cent, so no measure can ask for anything finer."""


class Aspect(StrEnum):
    """What of a person or a row may be missing."""

    SEX = "sex"
    VALUE = "value"
    UNIT = "unit"
    ANSWER = "answer"
    VISIT = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Something that a measure looks at and that may be missing: people's sex, or a column of rows with some codes."""

    aspect: Aspect
    table: EventTable | None = None
    codes: CodeList | None = None

    @property
    def name(self) -> str:
        """What a measure's `needs` and the pages call it."""
        if self.table is None:
            return self.aspect.value
        return f"{self.aspect} of {self.codes.id if self.codes else self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How much of something a measure needs to be there, in per cent."""

    name: str
    at_least: int

    def __post_init__(self) -> None:
        if not STEP_PERCENT <= self.at_least <= 100 - STEP_PERCENT or self.at_least % STEP_PERCENT:
            raise DefinitionError(
                f"`{self.name}: {self.at_least} %`: sites say how complete records are in steps of {STEP_PERCENT} %; "
                f"write one from {STEP_PERCENT} % to {100 - STEP_PERCENT} %",
                field="needs",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Of how many people or rows something is there, exactly. It never leaves the site."""

    name: str
    filled: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.filled <= self.of:
            raise ValueError(f"{self.name}: more are filled than there are")

    def __repr__(self) -> str:
        return f"Share({self.name})"


def looked_at(question: Question, strata: tuple[Stratum, ...]) -> tuple[Looked, ...]:
    """Return what a measure looks at that may be missing, each once, sorted by name."""
    if not isinstance(question, RecordsQuestion):
        return ()
    found = set(_of_events(question))
    if Stratum.SEX in strata or any(isinstance(part, Sex) for _, part in _asked(question)):
        found.add(Looked(aspect=Aspect.SEX))
    return tuple(sorted(found, key=lambda one: (one.name, one.codes.version if one.codes else 0)))


def check_needs(needs: tuple[Need, ...], question: Question, strata: tuple[Stratum, ...]) -> None:
    """Raise `DefinitionError` if a measure needs something that it does not look at, or says so twice."""
    names = [one.name for one in looked_at(question, strata)]
    for need in needs:
        if need.name not in names:
            there = f"it looks at {', '.join(f'`{name}`' for name in names)}" if names else "nothing it looks at may be"
            raise DefinitionError(f"the measure does not look at `{need.name}`; {there}", field="needs")
    if len({need.name for need in needs}) != len(needs):
        raise DefinitionError("something is needed twice; keep one", field="needs")


def _asked(question: RecordsQuestion) -> Iterator[tuple[Events | Scored | None, Criterion]]:
    """Yield every criterion with the rows it is asked of; None for people."""
    counted = question.unit.events if isinstance(question.unit, Rows) else None
    for whole in (question.who, question.numerator, question.looks_for):
        yield from ((counted, part) for part in parts(whole))
    for events in question.events:
        yield from ((events, part) for part in parts(events.where))
    for one in question.criteria:
        if isinstance(one, Has):
            yield from ((one.events, part) for part in parts(one.provided))


def _of_events(question: RecordsQuestion) -> Iterator[Looked]:
    for events, part in _asked(question):
        if isinstance(events, Events):
            if isinstance(part, Value):
                yield from _seen(events, Aspect.VALUE)
                if part.units:
                    yield from _seen(events, Aspect.UNIT)
            elif isinstance(part, Answer):
                yield from _seen(events, Aspect.ANSWER)
        if isinstance(part, Has) and part.same_visit and isinstance(part.events, Events):
            yield from _seen(part.events, Aspect.VISIT)
    for scored in (one for one in question.events if isinstance(one, Scored)):
        for component in scored.score.components:
            table = EventTable(component.table)
            aspects = [Aspect.VALUE] if component.steps else [Aspect.ANSWER]
            aspects += [Aspect.UNIT] if component.units else []
            yield from (Looked(aspect=aspect, table=table, codes=component.codes) for aspect in aspects)


def _seen(events: Events, aspect: Aspect) -> Iterator[Looked]:
    # Who enters a cohort is found by rules of its own; which columns these read is not said here.
    for table, codes in events.reads:
        yield Looked(aspect=aspect, table=table, codes=codes)

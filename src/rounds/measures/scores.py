"""Scores: declared derived values, such as NEWS2 from seven vital signs.

A score is reckoned for each *set* of a person's observations: those at the same minute of the same day. Each component
gives points, and the score of the set is their sum. A set has a score only if every component that is required was
recorded in it.
"""

from dataclasses import dataclass
from enum import StrEnum

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.events import EventTable


class ScoredTable(StrEnum):
    """The tables whose rows have a number or a coded answer that can give points."""

    MEASUREMENT = EventTable.MEASUREMENT.value
    OBSERVATION = EventTable.OBSERVATION.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Points for a value up to a limit, which is included; the last step has no limit."""

    up_to: float | None
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """What one observation gives. Of several in one set the one with the most points counts.

    Points come from the number, by `steps`, or from the coded answer, by `answers`. A row without a number in one of
    the units, or with an answer in none of the lists, is as if it were not there. Values and limits are compared in
    single precision.
    """

    id: str
    codes: CodeList
    table: ScoredTable = ScoredTable.MEASUREMENT
    units: tuple[int, ...] = ()
    """Unit concepts, sorted; empty if any unit or none is taken."""
    steps: tuple[Step, ...] = ()
    answers: tuple[tuple[CodeList, int], ...] = ()
    if_missing: int | None = None
    """Points where nothing was recorded; None if the component is required."""

    def __post_init__(self) -> None:
        if bool(self.steps) == bool(self.answers):
            raise DefinitionError(f"component {self.id}: name either `steps` of a number or `answers`")
        limits = [step.up_to for step in self.steps]
        if self.steps and (limits[-1] is not None or None in limits[:-1]):
            raise DefinitionError(f"component {self.id}: every step but the last has a limit, and the last has none")
        numbers = [limit for limit in limits if limit is not None]
        if numbers != sorted(set(numbers)):
            raise DefinitionError(f"component {self.id}: the limits of the steps must rise")
        if self.units and not self.steps:
            raise DefinitionError(f"component {self.id}: a coded answer has no unit; remove `units`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Components whose points add up."""

    id: str
    version: int
    title: str
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        ids = [component.id for component in self.components]
        if len(set(ids)) != len(ids):
            raise DefinitionError(f"score {self.id}: a component is named twice")
        if all(component.if_missing is not None for component in self.components):
            raise DefinitionError(f"score {self.id}: at least one component must be required")

    @property
    def code_lists(self) -> tuple[CodeList, ...]:
        """Every code list of the score, each once."""
        lists = [codes for one in self.components for codes in (one.codes, *(answer for answer, _ in one.answers))]
        return tuple(dict.fromkeys(lists))

    @property
    def meaning(self) -> dict[str, object]:
        """What decides the score of a set; no id, title or version does."""
        return {
            "components": [
                {
                    "codes": one.codes.meaning,
                    "table": one.table,
                    "units": one.units,
                    "steps": [(step.up_to, step.points) for step in one.steps],
                    "answers": [(codes.meaning, points) for codes, points in one.answers],
                    "if_missing": one.if_missing,
                }
                for one in self.components
            ]
        }

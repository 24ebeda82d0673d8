"""Scores: declared derived values, such as NEWS2 from seven vital signs.

A score is reckoned for each *set* of a person's observations: those at the same minute of the same day. Each component
gives points, and the score of the set is their sum. A set has a score only if every component that is required was
recorded in it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList, check_concepts
from rounds.measures.events import EventTable
from rounds.measures.traits import check_limit

MOST_OF_ONE: Final = 1000
"""The most points that one component gives, and the least below 0."""


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
    only_if: tuple[tuple[str, int], ...] = ()
    """Other components and the points they must give. In any other set it is as if the score had no such component."""

    def __post_init__(self) -> None:
        if bool(self.steps) == bool(self.answers):
            raise DefinitionError(f"component {self.id}: name either `steps` of a number or `answers`", field="steps")
        limits = [step.up_to for step in self.steps]
        if self.steps and (limits[-1] is not None or None in limits[:-1]):
            raise DefinitionError(
                f"component {self.id}: every step but the last has a limit, and the last has none", field="steps"
            )
        numbers = [limit for limit in limits if limit is not None]
        for number in numbers:
            check_limit(number, field="steps")
        check_concepts(self.units, field="units")
        if numbers != sorted(set(numbers)):
            raise DefinitionError(f"component {self.id}: the limits of the steps must rise", field="steps")
        if any(abs(points) > MOST_OF_ONE for points in self.gives):
            raise DefinitionError(f"component {self.id}: it gives {MOST_OF_ONE:,} points at most", field="points")
        if self.units and not self.steps:
            raise DefinitionError(f"component {self.id}: a coded answer has no unit; remove `units`", field="units")

    @property
    def gives(self) -> tuple[int, ...]:
        """Every number of points that it may give, sorted."""
        of_rows = {step.points for step in self.steps} | {points for _, points in self.answers}
        return tuple(sorted(of_rows | ({self.if_missing} if self.if_missing is not None else set())))

    @property
    def required(self) -> bool:
        """Whether no set without it has a score."""
        return self.if_missing is None and not self.only_if


def check_only_if(component: Component, among: tuple[Component, ...]) -> None:
    """Raise `DefinitionError` unless what a component depends on are others that do not, and points that these give."""
    always = {one.id: one for one in among if not one.only_if}
    for named, points in component.only_if:
        if named not in always:
            others = " or ".join(f"`{one}`" for one in always)
            raise DefinitionError(
                f"component {component.id}: it may depend on {others or 'a component without `only_if`'}, "
                f"not on `{named}`",
                field="only_if",
            )
        if points not in always[named].gives:
            gives = " or ".join(map(str, always[named].gives))
            raise DefinitionError(
                f"component {component.id}: `{named}` gives {gives} points, never {points}", field="only_if"
            )


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
        if not any(component.required for component in self.components):
            raise DefinitionError(f"score {self.id}: at least one component must be required", field="components")
        for component in self.components:
            check_only_if(component, self.components)

    @property
    def code_lists(self) -> tuple[CodeList, ...]:
        """Every code list of the score, each once."""
        lists = [codes for one in self.components for codes in (one.codes, *(answer for answer, _ in one.answers))]
        return tuple(dict.fromkeys(lists))

    @property
    def meaning(self) -> dict[str, object]:
        """What decides the score of a set; no id, title or version does."""
        places = {one.id: place for place, one in enumerate(self.components)}
        return {
            "components": [
                {
                    "codes": one.codes.meaning,
                    "table": one.table,
                    "units": one.units,
                    "steps": [(step.up_to, step.points) for step in one.steps],
                    "answers": [(codes.meaning, points) for codes, points in one.answers],
                    "if_missing": one.if_missing,
                    # Left out where nothing is said, as it was before it could be: digests stay.
                    **({"only_if": [(places[named], points) for named, points in one.only_if]} if one.only_if else {}),
                }
                for one in self.components
            ]
        }

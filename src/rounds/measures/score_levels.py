"""A score table as measures: one for each band of a score, of the sets in it and those that the outcome followed.

Whatever is done with a measure holds for these: an engine counts them, disclosure control releases them, a policy
refuses them. Bands share no set, so that a site's counts of all bands are its score table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from rounds.errors import DefinitionError
from rounds.measures.criteria import AllOf, Scored
from rounds.measures.definitions import Measure
from rounds.measures.questions import RecordsQuestion, Rows
from rounds.measures.scores import Component, Score
from rounds.measures.traits import Value

_BAND: Final = re.compile(r"(?P<whole>.+)-at-(?P<low>[0-9]{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelBand:
    """Totals from one number to another, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise DefinitionError(f"a band of a score goes from 0 or more upwards, not from {self.low} to {self.high}")

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"


_STARTS: Final = (*range(9), 9, 11)
"""Single totals where there are many sets, wider bands where there are few: fewer cells are withheld."""


def level_bands(score: Score) -> tuple[LevelBand, ...]:
    """Return the bands that a score's table has: 0 to 8 each alone, 9 to 10, and all above.

    Raises:
        DefinitionError: if a total may be below 0, which no band has.
    """
    if any(component.gives[0] < 0 for component in score.components):
        raise DefinitionError(f"score {score.id}: a component gives less than 0 points, so that it has no score table")
    ways: list[list[Component]] = []
    for component in score.components:
        # A sign that is scored in two ways, of which a set has one, gives points once.
        same = (one for one in ways if all(_exclude(component, other) for other in one))
        if (known := next(same, None)) is None:
            ways.append([component])
        else:
            known.append(component)
    highest = sum(max(component.gives[-1] for component in one) for one in ways)
    starts = [start for start in _STARTS if start <= highest]
    return tuple(
        LevelBand(low=low, high=after - 1) for low, after in zip(starts, [*starts[1:], highest + 1], strict=True)
    )


def _exclude(one: Component, other: Component) -> bool:
    """Say whether no set is asked for both of two components."""
    asked = dict(other.only_if)
    return any(asked.get(named, points) != points for named, points in one.only_if)


def whole_of(measure_id: str) -> str | None:
    """Return the id of the measure that an id is a band of; None if it is that of no band."""
    found = _BAND.fullmatch(measure_id)
    return None if found is None else found["whole"]


def bands_of(measure: Measure) -> tuple[Measure, ...]:
    """Return the measures that make up a measure's score table.

    Raises:
        DefinitionError: if it does not count sets of a score.
    """
    return measures_by_level(measure, level_bands(score_of(measure)))


def measures_by_level(measure: Measure, bands: Sequence[LevelBand]) -> tuple[Measure, ...]:
    """Return one measure for each band of the score whose sets a measure counts.

    Args:
        measure: counts the sets of a score of observations; its numerator is the outcome, such as a death on the same
            day or the next. Records know days, so "within 24 hours" is that.
        bands: rising, no total in two of them.

    Raises:
        DefinitionError: if it counts something else, or bands overlap.
    """
    score, question = score_of(measure), measure.question
    assert isinstance(question, RecordsQuestion)  # noqa: S101  # or there was no score
    for lower, higher in pairwise(bands):
        if higher.low <= lower.high:
            raise DefinitionError(f"the bands {lower} and {higher} of a score overlap or do not rise")
    return tuple(
        replace(
            measure,
            id=f"{measure.id}-at-{band.low}",
            title=f"{measure.title}: {score.title} of {band}",
            question=replace(question, who=_both(question, band)),
        )
        for band in bands
    )


def score_of(measure: Measure) -> Score:
    """Return the score whose sets a measure counts.

    Raises:
        DefinitionError: if it counts something else.
    """
    question = measure.question
    if not (isinstance(question, RecordsQuestion) and isinstance(question.unit, Rows)):
        raise DefinitionError(
            f"{measure.id} does not count sets of a score of observations; write `events: {{score: ...}}`"
        )
    if not isinstance(question.unit.events, Scored):
        raise DefinitionError(f"{measure.id} counts rows that are no sets of a score; write `events: {{score: ...}}`")
    return question.unit.events.score


def _both(question: RecordsQuestion, band: LevelBand) -> Value | AllOf:
    inside = Value(units=(), low=band.low, high=band.high)
    return inside if question.who is None else AllOf(of=(question.who, inside))

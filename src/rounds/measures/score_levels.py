"""A score table as measures: one for each band of a score, of the sets in it and those that the outcome followed.

Whatever is done with a measure holds for these: an engine counts them, disclosure control releases them, a policy
refuses them. Bands share no set, so that a site's counts of all bands are its score table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rounds.errors import DefinitionError
from rounds.measures.criteria import AllOf, Scored
from rounds.measures.definitions import Measure
from rounds.measures.questions import RecordsQuestion, Rows
from rounds.measures.traits import Value


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


NEWS2_BANDS = (
    *(LevelBand(low=score, high=score) for score in range(9)),
    LevelBand(low=9, high=10),
    LevelBand(low=11, high=20),
)
"""Single totals where there are many sets, wider bands where there are few: fewer cells are withheld."""


def measures_by_level(measure: Measure, bands: Sequence[LevelBand]) -> tuple[Measure, ...]:
    """Return one measure for each band of the score whose sets a measure counts.

    Args:
        measure: counts the sets of a score of observations; its numerator is the outcome, such as a death on the same
            day or the next. Records know days, so "within 24 hours" is that.
        bands: rising, no total in two of them.

    Raises:
        DefinitionError: if it counts something else, or bands overlap.
    """
    question = measure.question
    if not (isinstance(question, RecordsQuestion) and isinstance(question.unit, Rows)):
        raise DefinitionError(
            f"{measure.id} does not count sets of a score of observations; write `events: {{score: ...}}`"
        )
    if not isinstance(question.unit.events, Scored):
        raise DefinitionError(f"{measure.id} counts rows that are no sets of a score; write `events: {{score: ...}}`")
    for lower, higher in pairwise(bands):
        if higher.low <= lower.high:
            raise DefinitionError(f"the bands {lower} and {higher} of a score overlap or do not rise")
    return tuple(
        replace(
            measure,
            id=f"{measure.id}-at-{band.low}",
            title=f"{measure.title}: {question.unit.events.score.title} of {band}",
            question=replace(question, who=_both(question, band)),
        )
        for band in bands
    )


def _both(question: RecordsQuestion, band: LevelBand) -> Value | AllOf:
    inside = Value(units=(), low=band.low, high=band.high)
    return inside if question.who is None else AllOf(of=(question.who, inside))

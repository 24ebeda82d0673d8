"""What an engine is asked to count, and what it may take for it unless it is told otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.definitions import Measure
from rounds.measures.periods import Period
from rounds.measures.questions import RecordsQuestion

THREADS: Final = 2
MEMORY_LIMIT: Final = "2GB"
"""Of DuckDB, as it writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A measure and the periods it is to be counted in, in order of their first day."""

    measure: Measure
    periods: tuple[Period, ...]


def records_question(measure: Measure) -> RecordsQuestion:
    """Return the question of a measure that is counted from records; any other is the caller's mistake."""
    if not isinstance(measure.question, RecordsQuestion):
        raise TypeError(f"{measure.ref} is not counted from records")
    return measure.question


def cohorts_of(measures: Sequence[Measure]) -> dict[Cohort, tuple[int]]:
    """Return the cohorts that measures ask about, each with the number that stands for it where concepts stand."""
    questions = [measure.question for measure in measures if isinstance(measure.question, RecordsQuestion)]
    found = dict.fromkeys(cohort for question in questions for cohort in question.cohorts)
    return {cohort: (number,) for number, cohort in enumerate(found)}

"""The score table: how many sets of observations had each score, with and without the outcome.

One table a site is all that discrimination, thresholds, calibration and decision curves need. Tables add up, so what is
reckoned from the sum is what the pooled rows would say, to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rounds.learning.deterioration.shares import Known, Vector

NEWS2_LEVELS: Final = tuple(float(score) for score in range(21))
"""Every total that NEWS2 can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """Counts of units by score and outcome, at one site or several."""

    scores: Vector
    """shape (levels,), rising; a higher one warns of more"""
    events: Known
    """units with the outcome, shape (levels,)"""
    others: Known
    """units without it, shape (levels,)"""

    def __post_init__(self) -> None:
        levels = self.scores.shape
        if len(levels) != 1 or not levels[0] or self.events.value.shape != levels or self.others.value.shape != levels:
            raise ValueError(
                f"a score table has a count with and one without the outcome for each score: the shapes are {levels}, "
                f"{self.events.value.shape} and {self.others.value.shape}"
            )
        if not (np.isfinite(self.scores).all() and (np.diff(self.scores) > 0).all()):
            raise ValueError("the scores of a table are finite, rise, and stand once each")

    @property
    def is_exact(self) -> bool:
        """Whether no cell is withheld or rounded."""
        return self.events.is_exact and self.others.is_exact

    @property
    def withheld(self) -> int:
        """How many cells have no value."""
        return self.events.withheld + self.others.withheld

    def __add__(self, other: "ScoreTable") -> "ScoreTable":
        if not np.array_equal(self.scores, other.scores):
            raise ValueError(
                "two score tables have different scores, so they do not add up: count both by the same levels"
            )
        return ScoreTable(scores=self.scores, events=self.events + other.events, others=self.others + other.others)


def add_tables(tables: Sequence[ScoreTable]) -> ScoreTable:
    """Return the table of all sites together. Bounds add up as they are: each cell is some number within its own.

    Raises:
        ValueError: if there is none, or they have different scores.
    """
    if not tables:
        raise ValueError("there is no score table to add up: no site sent one")
    found = tables[0]
    for table in tables[1:]:
        found = found + table
    return found


def count_scores(
    scores: NDArray[Any], outcomes: NDArray[np.bool_], *, levels: Sequence[float] = NEWS2_LEVELS
) -> ScoreTable:
    """Return the table of a site's own rows. It is exact, and does not leave the site as it is.

    Args:
        scores: shape (units,), each one of `levels`. Leave out units that have no score.
        outcomes: shape (units,).
        levels: every score that there can be, rising.

    Raises:
        ValueError: if shapes differ, outcomes are not true or false, or a score is not among the levels.
    """
    if scores.shape != outcomes.shape or scores.ndim != 1:
        raise ValueError(f"shapes {scores.shape} and {outcomes.shape}: give a score and an outcome for each unit")
    if outcomes.dtype != np.bool_:
        raise ValueError(f"outcomes are {outcomes.dtype}; give true or false for each unit")
    known = np.asarray(levels, dtype=np.float64)
    at = np.minimum(np.searchsorted(known, scores), len(known) - 1)
    strangers = int(np.count_nonzero(known[at] != scores))
    if strangers:
        raise ValueError(
            f"{strangers:,} of {len(scores):,} scores are not among the {len(known)} levels of the table; leave out "
            "partial sets, which have no score"
        )
    events = np.bincount(at[outcomes], minlength=len(known)).astype(np.float64)
    others = np.bincount(at[~outcomes], minlength=len(known)).astype(np.float64)
    return ScoreTable(scores=known, events=Known.exact(events), others=Known.exact(others))


def table_of_released(*, scores: Vector, numerators: Known, denominators: Known) -> ScoreTable:
    """Return the table of released counts: of the units at each score (denominator) those with the outcome (numerator).

    Those without the outcome are the difference, between bounds that hold whatever the two are.

    Args:
        scores: shape (levels,), rising.
        numerators: units with the outcome at each score, with bounds.
        denominators: all units at each score, with bounds.
    """
    lower = np.maximum(denominators.lower - numerators.upper, 0.0)
    upper = np.maximum(denominators.upper - numerators.lower, 0.0)
    value = denominators.value - numerators.value
    # Rounded numbers may differ by what their bounds do not allow; and bounds may leave one number only.
    value = np.where(lower == upper, lower, np.clip(value, lower, upper))
    return ScoreTable(scores=scores, events=numerators, others=Known(value=value, lower=lower, upper=upper))

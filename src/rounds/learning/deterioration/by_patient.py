"""The interval of the area under the ROC curve where patients have several sets each, from sums that sites add up."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rounds.learning.deterioration.discrimination import auroc, placements
from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Interval, NoAnswer
from rounds.learning.intervals import Z95


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSums:
    """What a site tells of its patients for an interval that allows for their having several sets. Sums add up."""

    patients: int
    with_events: int
    with_others: int
    events_squared: float
    others_squared: float
    product: float

    def __add__(self, other: "ClusterSums") -> "ClusterSums":
        return ClusterSums(
            patients=self.patients + other.patients,
            with_events=self.with_events + other.with_events,
            with_others=self.with_others + other.with_others,
            events_squared=self.events_squared + other.events_squared,
            others_squared=self.others_squared + other.others_squared,
            product=self.product + other.product,
        )


def cluster_sums(
    pooled: ScoreTable, *, scores: NDArray[Any], outcomes: NDArray[np.bool_], patients: NDArray[Any]
) -> ClusterSums:
    """Return a site's sums over its patients, given the table of all sites.

    Args:
        pooled: exact, of all sites together, this one included.
        scores: this site's, shape (sets,), each a score of the table.
        outcomes: shape (sets,).
        patients: who each set is of, shape (sets,).

    Raises:
        ValueError: if the table is not exact, shapes differ, or a score is not in the table.

    Source: Obuchowski (1997), Biometrics 53:567-578.
    """
    if not pooled.is_exact:
        raise ValueError("sums by patient need an exact table: this one has withheld or rounded cells")
    if outcomes.dtype != np.bool_:
        raise ValueError(f"outcomes are {outcomes.dtype}; give true or false for each set")
    if not scores.shape == outcomes.shape == patients.shape:
        raise ValueError(f"shapes {scores.shape}, {outcomes.shape} and {patients.shape}: give one of each for each set")
    events, others = pooled.events.value, pooled.others.value
    of_events, of_others = placements(events, others)
    area = float((events * of_events).sum() / events.sum())
    at = np.minimum(np.searchsorted(pooled.scores, scores), len(pooled.scores) - 1)
    if strangers := int(np.count_nonzero(pooled.scores[at] != scores)):
        raise ValueError(f"{strangers:,} scores are not in the pooled table; leave partial sets out, as it does")
    names, who = np.unique(patients, return_inverse=True)
    size = len(names)
    above = np.bincount(who, weights=np.where(outcomes, of_events[at] - area, 0.0), minlength=size)
    below = np.bincount(who, weights=np.where(outcomes, 0.0, of_others[at] - area), minlength=size)
    return ClusterSums(
        patients=size,
        with_events=int(np.unique(who[outcomes]).size),
        with_others=int(np.unique(who[~outcomes]).size),
        events_squared=float(above @ above),
        others_squared=float(below @ below),
        product=float(above @ below),
    )


def clustered(table: ScoreTable, sums: ClusterSums) -> Interval | NoAnswer:
    """Return the interval of the area under the ROC curve that allows for several sets of one patient.

    With one set of each patient it is DeLong's.

    Args:
        table: exact, of all sites.
        sums: of all sites, added up.

    Source: Obuchowski (1997), Biometrics 53:567-578.
    """
    found = auroc(table)
    if isinstance(found, NoAnswer):
        return found
    if not table.is_exact or found.value is None or min(sums.with_events, sums.with_others) < 2:
        return NoAnswer(
            reason="An interval by patient needs an exact table, and two patients with the outcome and without."
        )
    events, others = found.events.value, found.others.value
    variance = (
        sums.with_events / (sums.with_events - 1) * sums.events_squared / events**2
        + sums.with_others / (sums.with_others - 1) * sums.others_squared / others**2
        + 2 * sums.patients / (sums.patients - 1) * sums.product / (events * others)
    )
    half = Z95 * sqrt(max(variance, 0.0))
    return Interval(lower=max(0.0, found.value - half), upper=min(1.0, found.value + half))

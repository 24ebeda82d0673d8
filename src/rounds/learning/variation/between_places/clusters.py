"""Where high rates lie beside high rates, and low beside low: Moran's I of rates, whole and by place."""

import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.between_places.neighbours import Neighbours, without

Vector = NDArray[np.float64]

FEWEST_PLACES: Final = 10
"""With fewer, hardly any arrangement by chance is rarer than the usual limits for a finding."""
PERMUTATIONS: Final = 9_999
"""Arrangements by chance. The smallest p-value is then 1 in 5,000, which passes the discovery budget of 250 places."""


class Cluster(StrEnum):
    """What a place and those beside it are."""

    HIGH = "high beside high"
    LOW = "low beside low"
    HIGH_OUTLIER = "high beside low"
    LOW_OUTLIER = "low beside high"
    NONE = "no cluster"


_QUADRANTS: Final = {1: Cluster.HIGH, 2: Cluster.LOW_OUTLIER, 3: Cluster.LOW, 4: Cluster.HIGH_OUTLIER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Spatial clusters of rates. Arrays have shape (places,)."""

    morans_i: float
    """about 0 where rates lie as chance would have them, 1 where neighbours are alike"""
    p_value: float
    """one-sided, of the whole map: how often chance gives neighbours as alike or more, by its moments"""
    places: tuple[Cluster, ...]
    p_values: Vector
    """two-sided, of each place, from the arrangements by chance; NaN for a place without neighbours"""


def spatial_clusters(
    *,
    events: Vector,
    populations: Vector,
    neighbours: Neighbours,
    seed: int,
    permutations: int = PERMUTATIONS,
    false_discovery: float = 0.05,
) -> Clusters:
    """Return where rates are alike between neighbours, allowing for small places' rates varying more.

    Rates are standardised by their expected variance given their population (Assuncao and Reis), so that a small place
    is not an outlier by its size alone. Each place's statistic is held against random arrangements of the others, and
    the share of false findings among those named is held to `false_discovery` (Benjamini-Hochberg).

    Args:
        events: shape (places,), each 0 or more.
        populations: shape (places,), each > 0.
        neighbours: of each place, as `touching` gives them.
        seed: of the arrangements by chance.
        permutations: how many.
        false_discovery: the share of named places that may be false, on average.

    Returns:
        The clusters. A place without neighbours is in none.

    Raises:
        ValueError: if shapes differ, there are fewer than 10 places with neighbours, a count is missing, infinite or
            impossible, or all rates are equal. Leave withheld places out (`without`) and say so.
        ImportError: if the extra `places` is not installed.

    Source: Anselin (1995), Geogr Anal 27:93-115; Assuncao and Reis (1999), Stat Med 18:2147-2162; computed by PySAL's
        esda, `Moran_Local_Rate`.
    """
    _check(events, populations, neighbours)
    linked = np.array([len(others) > 0 for others in neighbours])
    if linked.sum() < FEWEST_PLACES:
        raise ValueError(
            f"{int(linked.sum())} places have neighbours, and clusters need at least {FEWEST_PLACES}: give more, or "
            "boundaries that were simplified together"
        )
    rates = events / populations
    if np.ptp(rates) <= 1e-12 * rates.max(initial=0.0):
        raise ValueError("all rates are equal: there are no clusters to find")
    from esda import Moran_Local_Rate, Moran_Rate
    from libpysal.weights import W
    from scipy.stats import false_discovery_control

    # An island is beside nothing and in no cluster. It has no neighbours, so leaving it out cuts no link.
    joined, kept = without(neighbours, np.flatnonzero(~linked).tolist())
    among = np.array(kept)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own compiling and of parts of the map that do not touch
        weights = W({place: list(others) for place, others in enumerate(joined)}, silence_warnings=True)
        whole = Moran_Rate(events[among], populations[among], weights, permutations=0, two_tailed=False)
        local = Moran_Local_Rate(events[among], populations[among], weights, permutations=permutations, seed=seed)
    p_values = np.full(len(events), np.nan)
    # Its p-values are of whichever tail a place lies in; twice that is of either.
    p_values[among] = np.minimum(1.0, 2 * np.asarray(local.p_sim, dtype=np.float64))
    named = np.zeros(len(events), dtype=bool)
    named[among] = false_discovery_control(p_values[among]) <= false_discovery
    quadrants = np.zeros(len(events), dtype=np.int64)
    quadrants[among] = local.q
    return Clusters(
        morans_i=float(whole.I),
        p_value=float(whole.p_rand),
        places=tuple(
            _QUADRANTS[quadrant] if found else Cluster.NONE
            for quadrant, found in zip(quadrants.tolist(), named.tolist(), strict=True)
        ),
        p_values=p_values,
    )


def _check(events: Vector, populations: Vector, neighbours: Neighbours) -> None:
    if events.ndim != 1 or not events.shape == populations.shape == (len(neighbours),):
        raise ValueError(
            f"shapes {events.shape} and {populations.shape} of {len(neighbours)} places: give one of each a place"
        )
    for bad, problem in (
        (~np.isfinite(events) | ~np.isfinite(populations), "has no finite count: leave it out and say so"),
        (populations <= 0, "has nobody in it: leave it out and say so"),
        (events < 0, "has a count below 0"),
    ):
        if bad.any():
            raise ValueError(f"place {int(np.argmax(bad)) + 1} {problem}")

"""Where high or low rates lie together on a map, for certain or possibly where some counts are withheld."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rounds.analyst.sums import BETWEEN, SHOWN
from rounds.learning.variation.between_places.clusters import FEWEST_PLACES, Cluster, Clusters, spatial_clusters
from rounds.learning.variation.between_places.neighbours import Neighbours, touching, without
from rounds.learning.variation.over_time.chart import Told
from rounds.reports.content.wording import plural
from rounds.storage.geojson import Boundary

_MOST_HIDDEN = 0.2
"""Of places without a number, of all: with more, what is left is no map."""
_MOST_WORST_CASES = 40
"""Of places that are tried at what speaks most against them; more take long."""
_HIGH_SIDE = (Cluster.HIGH, Cluster.LOW_OUTLIER)
"""Kinds whose neighbours are high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedClusters:
    """What was found. Tuples have shape (places,)."""

    clusters: tuple[Cluster | None, ...]
    """None where it was not looked for"""
    told: tuple[Told | None, ...]
    """whether it is so for certain, or possibly, whatever withheld counts are; no where there is none"""
    notes: tuple[str, ...]


def clusters_of(rows: pl.DataFrame, outlines: Sequence[Boundary], seed: int) -> PlacedClusters:
    """Return each place's cluster, and what a reader must know.

    Args:
        rows: of `Summed`, one a place. Those between bounds take part at either end of these; others without a number
            do not.
        outlines: of each place.
        seed: of the arrangements by chance.
    """
    hidden = rows.with_row_index("at").filter(~pl.col("state").is_in([SHOWN, BETWEEN]))["at"].to_list()
    neighbours, kept = without(touching([outline.rings for outline in outlines]), hidden)
    linked = sum(1 for others in neighbours if others)
    if linked < FEWEST_PLACES:
        return _none(rows, f"{linked} places touch another, and {FEWEST_PLACES} are needed")
    if len(hidden) > _MOST_HIDDEN * rows.height:
        return _none(rows, f"{len(hidden)} of {rows.height} places have no number")
    known = rows[list(kept)]
    lower, upper = known["lower"].to_numpy(), known["upper"].to_numpy()

    def looked(events: np.ndarray) -> Clusters:
        sizes = known["denominator"].to_numpy()
        return spatial_clusters(events=events, populations=sizes, neighbours=neighbours, seed=seed)

    try:
        first = looked(lower)
        found = _judged(lower, upper, neighbours, looked, first)
    except ImportError:
        return _none(rows, 'that needs the extra "places" (pip install "rounds[places]")')
    except ValueError as problem:
        return _none(rows, str(problem))
    by_place = dict(zip(kept, found, strict=True))
    told = [by_place.get(at, (None, None)) for at in range(rows.height)]
    return PlacedClusters(
        clusters=tuple(one for one, _ in told),
        told=tuple(one for _, one in told),
        notes=_notes(first, len(hidden), int((lower < upper).sum())),
    )


def _judged(
    lower: np.ndarray,
    upper: np.ndarray,
    neighbours: Neighbours,
    looked: Callable[[np.ndarray], Clusters],
    first: Clusters,
) -> list[tuple[Cluster, Told]]:
    """Return each place's cluster: certain if it is there at both ends of all bounds and at its worst case."""
    if (lower == upper).all():
        return [(one, Told.NO if one is Cluster.NONE else Told.CERTAIN) for one in first.places]
    other = looked(upper)
    found = []
    worst_cases = _worst_cases(first, other, lower, upper, neighbours)
    against = {at: looked(events).places[at] for at, events in worst_cases}
    for at, (low, high) in enumerate(zip(first.places, other.places, strict=True)):
        named = next((one for one in (low, high) if one is not Cluster.NONE), Cluster.NONE)
        sure = low is high and against.get(at) is low
        found.append((named, Told.NO if named is Cluster.NONE else Told.CERTAIN if sure else Told.POSSIBLE))
    return found


def _worst_cases(
    first: Clusters, other: Clusters, lower: np.ndarray, upper: np.ndarray, neighbours: Neighbours
) -> Iterator[tuple[int, np.ndarray]]:
    """Return what speaks most against each place that is in one cluster at both ends.

    Of a high place beside high ones: it and its neighbours at their lowest, all others at their highest.
    """
    tried = 0
    for at, (low, high) in enumerate(zip(first.places, other.places, strict=True)):
        if low is Cluster.NONE or low is not high or tried == _MOST_WORST_CASES:
            continue
        tried += 1
        around = list(neighbours[at])
        beside_high = low in _HIGH_SIDE
        events = np.where(beside_high, upper, lower).astype(float)
        events[around] = (lower if beside_high else upper)[around]
        events[at] = (lower if low in (Cluster.HIGH, Cluster.HIGH_OUTLIER) else upper)[at]
        yield at, events


def _none(rows: pl.DataFrame, why: str) -> PlacedClusters:
    none = (None,) * rows.height
    return PlacedClusters(clusters=none, told=none, notes=(f"No clusters are looked for: {why}.",))


def _notes(found: Clusters, hidden: int, between: int) -> tuple[str, ...]:
    notes = [
        f"Neighbours' rates are {'alike' if found.p_value < 0.05 else 'not clearly alike'} (Moran's I "
        f"{found.morans_i:.2f}, p {found.p_value:.2g}), standardised for how much small places vary.",
        "A place is named where its neighbours are so like or unlike it that, of the places named, at most 5% are "
        "expected to be so by chance (local Moran's I, 9,999 arrangements, Benjamini-Hochberg). A cluster is a prompt "
        "to ask why.",
    ]
    if between:
        notes.append(
            f"{plural(between, 'place')} with withheld counts: a cluster is certain if it is there with all of them at "
            "their lowest, at their highest and at what speaks most against it, and possible (?) if only at some; "
            "Moran's I is that of the lowest. No value is written in for them."
        )
    if hidden:
        notes.append(f"{plural(hidden, 'place')} without a number took no part; a cluster beside them may be missed.")
    return tuple(notes)

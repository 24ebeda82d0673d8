"""Which places touch, from their outlines."""

from collections import defaultdict
from collections.abc import Sequence

Point = tuple[float, float]
Outline = tuple[tuple[Point, ...], ...]
"""The rings of one place, each a closed line of (longitude, latitude) in degrees."""

Neighbours = tuple[tuple[int, ...], ...]
"""For each place, in order, the numbers of those that touch it, ascending."""


def touching(outlines: Sequence[Outline]) -> Neighbours:
    """Return which places share a corner or an edge ("queen" contiguity).

    Args:
        outlines: of each place. Published boundaries that were simplified together share their corners exactly; those
            that were not do not, and then no place has a neighbour.

    Returns:
        A tuple for each place. An island has none.

    >>> left = (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)),)
    >>> right = (((1.0, 0.0), (2.0, 0.0), (1.0, 1.0), (1.0, 0.0)),)
    >>> touching([left, right])
    ((1,), (0,))
    """
    at_corner: dict[Point, set[int]] = defaultdict(set)
    for number, outline in enumerate(outlines):
        for ring in outline:
            for point in ring:
                at_corner[point].add(number)
    found: list[set[int]] = [set() for _ in outlines]
    for places in at_corner.values():
        for place in places:
            found[place] |= places - {place}
    return tuple(tuple(sorted(others)) for others in found)


def without(neighbours: Neighbours, left_out: Sequence[int]) -> tuple[Neighbours, tuple[int, ...]]:
    """Return neighbours among the places that remain when some are left out, and which remain.

    Args:
        neighbours: of all places.
        left_out: numbers of places.
    """
    gone = set(left_out)
    kept = tuple(place for place in range(len(neighbours)) if place not in gone)
    number = {place: at for at, place in enumerate(kept)}
    return tuple(tuple(number[other] for other in neighbours[place] if other not in gone) for place in kept), kept

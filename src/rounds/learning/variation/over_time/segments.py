"""Which periods of which series share limits, where series differ in when they begin, end and are rebased."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.rebasing import Basis, Rebase, Stretch

Index = NDArray[np.int64]


def in_order(rebases: Mapping[int, tuple[Rebase, ...]], periods: Sequence[str] | None) -> dict[int, tuple[Rebase, ...]]:
    """Return the rebases of each series that has any, in order of time."""

    def place(rebase: Rebase) -> int:
        if isinstance(rebase.since, int):
            return rebase.since
        return list(periods).index(rebase.since) if periods is not None and rebase.since in periods else -1

    return {series: tuple(sorted(given, key=place)) for series, given in sorted(rebases.items()) if given}


def segments_of(
    shape: tuple[int, ...],
    spans: tuple[Index, Index] | None,
    rebases: Mapping[int, tuple[Rebase, ...]],
    periods: Sequence[str] | None,
) -> tuple[Index, Index, Index]:
    """Return the series, the first period and the one after the last of each stretch with limits of its own.

    Raises:
        ValueError: if a span or a rebase does not fit, naming the series (from 1).
    """
    count, length = shape
    first, end = (np.zeros(count, np.int64), np.full(count, length, np.int64)) if spans is None else spans
    if len(first) != count or len(end) != count:
        raise ValueError(f"spans are of {len(first)} and {len(end)} series; there are {count}")
    wrong = (first < 0) | (end > length) | (first > end)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"series {at + 1} is said to have periods {first[at]} to {end[at]} of {length}")
    series = np.arange(count, dtype=np.int64)
    if not rebases:
        return series, first, end
    extra: list[tuple[int, int, int]] = []
    for one, given in rebases.items():
        if not 0 <= one < count:
            raise ValueError(f"there is no series {one} to rebase: give 0 to {count - 1}")
        extra += [
            (one, part.first, part.end)
            for part in _stretches(one, given, (int(first[one]), int(end[one])), length, periods)
        ]
    keep = np.ones(count, dtype=bool)
    keep[list(rebases)] = False
    added = np.array(extra, dtype=np.int64)
    all_three = [np.concatenate([kept[keep], added[:, place]]) for place, kept in enumerate((series, first, end))]
    order = np.lexsort((all_three[1], all_three[0]))
    return all_three[0][order], all_three[1][order], all_three[2][order]


def _stretches(
    series: int, given: tuple[Rebase, ...], span: tuple[int, int], length: int, periods: Sequence[str] | None
) -> tuple[Stretch, ...]:
    first, end = span
    try:
        found = Basis(rebases=given).stretches(length, periods)
    except ValueError as error:
        raise ValueError(f"series {series + 1}: {error}") from error
    if found[1].first <= first or found[-1].first >= end:
        raise ValueError(f"series {series + 1} is to be rebased outside its periods {first + 1} to {end}")
    return (
        Stretch(first=first, end=found[0].end, rebase=None),
        *found[1:-1],
        Stretch(first=found[-1].first, end=end, rebase=found[-1].rebase),
    )


def alike(first: Index, end: Index) -> list[tuple[tuple[int, int], Index]]:
    """Return the segments that hold the same periods, with these."""
    if not len(first):
        return []
    if (first == first[0]).all() and (end == end[0]).all():
        return [((int(first[0]), int(end[0])), np.arange(len(first)))]
    pairs, place = np.unique(np.stack([first, end], axis=1), axis=0, return_inverse=True)
    order = np.argsort(place, kind="stable")
    cuts = np.cumsum(np.bincount(place.ravel()))[:-1]
    return [((int(low), int(high)), rows) for (low, high), rows in zip(pairs, np.split(order, cuts), strict=True)]

"""Covering: units that fall apart into others, such as those of whom something is so and those of whom it is not."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from rounds.measures.linked.conditions import ANYTHING, NOT_SO, Limits, SomeOf, Trait, both
from rounds.measures.linked.reading import Levels, Shape

_MOST_PARTS: Final = 12
"""More than these are not tried: the ways to put them together double with each."""


def covers(shapes: Sequence[Shape]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield sets of shapes that share no unit and together hold just the units of another, and that one.

    They differ in one trait, or one is all of whom not everything is so of which another holds. They have the same
    strata, so that it is true of each cell.

    Args:
        shapes: some, no two alike; they are named by their places.
    """
    places = {(shape.box.kind, shape.levels, shape.box.limits): place for place, shape in enumerate(shapes)}
    apart: dict[tuple[tuple[object, ...], Levels, Limits, Trait], list[tuple[int, int]]] = defaultdict(list)
    for place, shape in enumerate(shapes):
        kind, levels, limits = shape.box.kind, shape.levels, shape.box.limits
        parted = {trait for trait, _ in levels}
        for trait, allowed in limits:
            rest = limits - {(trait, allowed)}
            if trait not in parted and allowed != 0:
                apart[kind, levels, rest, trait].append((allowed, place))
            if allowed == NOT_SO and trait[0] == "is" and isinstance(trait[1], SomeOf) and len(trait[1].of) == 1:
                ((together, times),) = trait[1].of
                part, all_of_it = (kind, levels, both(rest, together)), (kind, levels, rest)
                if times == trait[1].at_least == 1 and part in places and all_of_it in places:
                    yield (place, places[part]), places[all_of_it]
    for (kind, levels, rest, _), parts in apart.items():
        whole = places.get((kind, levels, rest))
        for allowed, target in [*parts, *([] if whole is None else [(ANYTHING, whole)])]:
            some = [(values, place) for values, place in parts if values & ~allowed == 0 and values != allowed]
            if 2 <= len(some) <= _MOST_PARTS:
                for found in _made_up(allowed, some):
                    yield found, target


def _made_up(allowed: int, parts: Sequence[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    if allowed == 0:
        yield ()
        return
    lowest = allowed & -allowed
    for values, place in parts:
        if values & lowest and values & ~allowed == 0:
            for rest in _made_up(allowed & ~values, parts):
                yield (place, *rest)

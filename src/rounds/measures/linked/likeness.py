"""Likeness: two numbers that nothing ties to one another for certain, and that largely count the same units."""

from typing import Final

from rounds.measures.linked.conditions import (
    Answered,
    Box,
    Changed,
    Coded,
    First,
    Looked,
    Points,
    SomeOf,
    Summarised,
    Trait,
)
from rounds.measures.linked.reading import Shape

_SHARED: Final = 0.5
"""Two lists of codes are alike if of all their codes they share so many."""


def alike(one: Box, other: Box) -> bool:
    """Say whether two boxes differ only in windows, limits, lists or how the same things are asked.

    If something is changed, one limit may have nothing like it in the other. Boxes that cannot
    have a unit in common are not alike.
    """
    if one.empty or other.empty or not _kinds(one.kind, other.kind):
        return False
    mine, theirs = one.by_trait, other.by_trait
    if any(mine[trait] & theirs[trait] == 0 for trait in mine.keys() & theirs.keys()):
        return False
    left = [trait for trait in mine if trait not in theirs]
    right = [trait for trait in theirs if trait not in mine]
    changed = sum(mine[trait] != theirs[trait] for trait in mine.keys() & theirs.keys())
    changed += one.kind != other.kind and one.kind[0] != "rows"
    unmatched = 0
    for trait in left:
        match = next((found for found in right if _traits(trait, found) and mine[trait] & theirs[found]), None)
        if match is None:
            unmatched += 1
        else:
            right.remove(match)
            changed += 1
    unmatched += len(right)
    # With one limit more and nothing changed the one is a part of the other, and may be a small one.
    return unmatched == 0 or (unmatched == 1 and changed > 0)


def cut_otherwise(one: Shape, other: Shape) -> bool:
    """Say whether two tables are parted by places in two ways that values alone do not bring together.

    Who is at two places may be of one level in the one and of none in the other.
    """
    mine, theirs = ({trait for trait, _ in shape.levels if trait[0] == "level"} for shape in (one, other))
    return bool(mine ^ theirs) and bool(mine) and bool(theirs)


def _kinds(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    if one == other:
        return True
    if one[0] != other[0]:
        return False
    match one, other:
        case ("rows", a, *_), ("rows", b, *_):
            return a == b
        case ("days", _), ("days", _):
            return True
        case ("happenings", _, Box() as a, *_), ("happenings", _, Box() as b, *_):
            return _boxes(a, b)
        case ("steps", _, (str(a), *_), *_), ("steps", _, (str(b), *_), *_):
            return a == b
        case _:
            return False


def _traits(one: Trait, other: Trait) -> bool:
    if one[0] != other[0]:
        return False
    return _opaque(one[1], other[1]) if one[0] == "is" else one[0] == "age"


def _opaque(one: object, other: object) -> bool:
    one, other = _looked(one), _looked(other)
    if type(one) is not type(other):
        return False
    match one, other:
        case Coded(), Coded():
            return _codes(one, other)
        case Answered(), Answered():
            return one.detail == other.detail and _codes(one.codes, other.codes)
        case Looked(), Looked():
            return _boxes(one.rows, other.rows)
        case First(), First():
            return _boxes(one.of, other.of)
        case SomeOf(), SomeOf():
            return bool(one.of & other.of)
        case Points(), Points():
            return bool(one.of & other.of)
        case _:
            return True


def _looked(found: object) -> object:
    """Return the rows whose values are taken together: a mean says much of whether one of them is high."""
    match found:
        case Summarised(values=rows) | Changed(of=rows):
            return rows
        case _:
            return found


def _boxes(one: Box, other: Box) -> bool:
    """Say whether two boxes of rows are of the same table and like codes."""
    mine, theirs = _listed(one), _listed(other)
    return _kinds(one.kind, other.kind) and (mine is None) == (theirs is None) and _codes(mine, theirs)


def _listed(box: Box) -> Coded | None:
    return next((trait[1] for trait, _ in box.limits if trait[0] == "is" and isinstance(trait[1], Coded)), None)


def _codes(one: Coded | None, other: Coded | None) -> bool:
    if one == other:
        return True
    if one is None or other is None or one.cohort is not None or other.cohort is not None:
        return False
    shared = len(one.concepts & other.concepts)
    return shared >= _SHARED * len(one.concepts | other.concepts)

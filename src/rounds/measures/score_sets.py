"""Scoring millions of sets of observations at once, by the same declared table that engines count by.

Engines find the sets in a site's records; here they are given, one row a set: an extract of an electronic chart, a
study's table. What the table says is read from the `Score`; nothing of it is written here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rounds.measures.scores import Component, Score

Column = NDArray[Any]

NO_TOTAL: Final = np.iinfo(np.int16).min
"""In `ScoredSets.totals`: a set without something that is required has no total."""

_NO_POINTS: Final = np.iinfo(np.int16).min
_AT_ONCE: Final = 1 << 15
"""Sets scored at a time: so many that their columns stay in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSets:
    """Scores of sets of observations. Arrays have shape (sets,)."""

    totals: NDArray[np.int16]
    """`NO_TOTAL` where the set is partial"""
    highest: NDArray[np.int16]
    """the most points that one recorded component gives; of a partial set that of what was recorded"""
    parts: dict[str, NDArray[np.int16]]
    """points by component where they were asked for; `NO_TOTAL` where nothing was recorded or it was not asked"""
    lacking: dict[str, int]
    """how many sets lack each required component, by its id"""

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which sets have a total."""
        return np.asarray(self.totals != NO_TOTAL)


def columns_of(score: Score) -> tuple[str, ...]:
    """Return the columns that `score_sets` needs: the code list of each component, each once.

    A component that is scored in two ways, such as saturation with and without oxygen, is one column.
    """
    return tuple(dict.fromkeys(component.codes.id for component in score.components))


def score_sets(score: Score, columns: Mapping[str, Column], *, with_parts: bool = False) -> ScoredSets:
    """Return the total of each set of observations.

    A set that lacks a required component has no total: nothing is assumed to be normal. A component that is declared
    with `if_missing`, or asked only beside another, may be missing as declared.

    Args:
        score: a declared score, for example `news2` of the library.
        columns: by the ids in `columns_of`, shape (sets,). Numbers in the component's own unit, NaN where none was
            recorded; answers as the ids of the concepts that the answers' code lists name, 0 where none was recorded.
            Descendants of concepts are not looked up: give the concepts themselves. Values are compared in single
            precision, as engines compare them.
        with_parts: return the points of each component too: 2 bytes a set and component.

    Raises:
        ValueError: if a column is missing, of another length or no row of numbers.

    Source: the declared table's; for NEWS2, Royal College of Physicians (2017), chart 1.
    """
    sets = _checked(score, columns)
    totals = np.empty(sets, dtype=np.int16)
    highest = np.empty(sets, dtype=np.int16)
    parts = {one.id: np.empty(sets, dtype=np.int16) for one in score.components} if with_parts else {}
    lacking = {one.id: 0 for one in score.components if one.required}
    for begin in range(0, sets, _AT_ONCE):
        here = slice(begin, min(begin + _AT_ONCE, sets))
        points = {one.id: _points(one, columns[one.codes.id][here]) for one in score.components}
        for name in lacking:
            lacking[name] += int(np.count_nonzero(points[name] == _NO_POINTS))
        totals[here], highest[here] = _added(score, points)
        for name, whole in parts.items():
            whole[here] = points[name]
    return ScoredSets(totals=totals, highest=highest, parts=parts, lacking=lacking)


def _checked(score: Score, columns: Mapping[str, Column]) -> int:
    needed = columns_of(score)
    if absent := [name for name in needed if name not in columns]:
        raise ValueError(
            f"score {score.id} needs the column {', '.join(absent)}; give it, empty where nothing was taken"
        )
    shapes = {name: columns[name].shape for name in needed}
    if len(set(shapes.values())) != 1 or len(shapes[needed[0]]) != 1:
        said = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"score {score.id}: one value a set in each column; the shapes are {said}")
    for name in needed:
        if columns[name].dtype.kind not in "iuf":
            raise ValueError(f"column {name} of score {score.id} holds {columns[name].dtype}; give numbers")
    return int(shapes[needed[0]][0])


def _points(component: Component, column: Column) -> NDArray[np.int16]:
    if component.steps:
        return _by_steps(component, column.astype(np.float32, copy=False))
    found = np.full(len(column), _missing(component), dtype=np.int16)
    best = np.full(len(column), _NO_POINTS, dtype=np.int16)
    for codes, points in component.answers:
        among = np.isin(column, np.setdiff1d(codes.concept_ids, codes.excluded_ids))
        np.maximum(best, np.int16(points), out=best, where=among)
    return np.where(best == _NO_POINTS, found, best)


def _by_steps(component: Component, values: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the points of each value: those of the lowest step, and at each limit that it is above what that adds."""
    points = np.full(len(values), component.steps[0].points, dtype=np.int16)
    for lower, higher in zip(component.steps, component.steps[1:], strict=False):
        points += (values > np.float32(lower.up_to)) * np.int16(higher.points - lower.points)
    points[np.isnan(values)] = _missing(component)
    return points


def _missing(component: Component) -> np.int16:
    return np.int16(_NO_POINTS if component.if_missing is None else component.if_missing)


def _added(score: Score, points: dict[str, NDArray[np.int16]]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return totals and the highest points of one component; what is not asked of a set is taken out of `points`."""
    sets = len(points[score.components[0].id])
    total = np.zeros(sets, dtype=np.int16)
    highest = np.zeros(sets, dtype=np.int16)
    partial = np.zeros(sets, dtype=np.bool_)
    for component in score.components:
        its = points[component.id]
        none = its == _NO_POINTS
        if component.only_if:
            asked = np.logical_and.reduce([points[name] == value for name, value in component.only_if])
            partial |= asked & none
            its[~asked] = _NO_POINTS
            none = its == _NO_POINTS
        else:
            partial |= none
        total += np.where(none, np.int16(0), its)
        np.maximum(highest, its, out=highest)
    total[partial] = NO_TOTAL
    return total, highest

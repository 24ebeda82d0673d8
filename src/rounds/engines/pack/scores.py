"""Sets of observations that have a score, as rows of a block."""

from collections.abc import Sequence

import numpy as np

from rounds.engines.codes import Concepts
from rounds.engines.pack.blocks import Block, RowSet
from rounds.engines.pack.layout import COLUMN_TYPES, Array, PackTable, empty_array
from rounds.engines.pack.score_kernels import NO_POINTS, Given, sets_of
from rounds.engines.pack.sorting import mark_inside
from rounds.measures.events import EventTable
from rounds.measures.scores import Component, Score


def sets_with_score(block: Block, score: Score, of_components: Sequence[RowSet], concepts: Concepts) -> RowSet:
    """Return the sets of a block's people that have a score, which is their value; they stand in no table.

    Args:
        block: of people.
        score: what is reckoned.
        of_components: the rows that carry the codes of each component.
        concepts: what code lists mean.
    """
    required = [one.required for one in score.components]
    room = min(len(rows.at) for rows, needed in zip(of_components, required, strict=True) if needed)
    begin = np.empty(block.people + 1, dtype=np.int64)
    columns = {name: empty_array(kind) for name, kind in COLUMN_TYPES.items()}
    written = ("first", "minute", "value", "visit", "stay")
    columns |= {name: np.empty(room, dtype=COLUMN_TYPES[name]) for name in written}
    if_missing = [NO_POINTS if one.if_missing is None else one.if_missing for one in score.components]
    given = _given(score.components, of_components, concepts)
    asked = np.array(if_missing, dtype=np.int32), _only_if(score.components)
    number = sets_of(given, *asked, begin, *(columns[name] for name in written))
    columns |= {name: columns[name][:number] for name in written}
    columns |= {name: np.full(number, -1, dtype=COLUMN_TYPES[name]) for name in ("unit", "answer")}
    columns["person"] = np.repeat(np.arange(block.base, block.base + block.people, dtype=np.int32), np.diff(begin))
    columns["inside"] = np.empty(number, dtype=np.uint8)
    pack = block.pack
    observed = (pack.observed_start, pack.observed_first, pack.observed_last)
    mark_inside(columns["person"], columns["first"], *observed, columns["inside"])
    table = PackTable(
        table=EventTable.MEASUREMENT,
        concepts=empty_array("int64"),
        codes=empty_array("int32"),
        starts=empty_array("int64"),
        stops=empty_array("int64"),
        columns=columns,
        vague=(),
    )
    return RowSet(block=block, table=table, at=np.arange(number), begin=begin)


def _given(components: Sequence[Component], of_components: Sequence[RowSet], concepts: Concepts) -> Given:
    before = np.cumsum([0, *(len(rows.at) for rows in of_components)])
    return Given(
        begin=np.array([rows.begin + start for rows, start in zip(of_components, before, strict=False)]),
        first=np.concatenate([rows.column("first") for rows in of_components]),
        minute=np.concatenate([rows.minutes() for rows in of_components]),
        points=np.concatenate(
            [_points(one, rows, concepts) for one, rows in zip(components, of_components, strict=True)]
        ),
        visit=np.concatenate([_named(rows, "visit") for rows in of_components]),
        stay=np.concatenate([_named(rows, "stay") for rows in of_components]),
    )


def _only_if(components: Sequence[Component]) -> Array:
    places = {one.id: place for place, one in enumerate(components)}
    found = np.full((len(components), len(components)), NO_POINTS, dtype=np.int32)
    for place, one in enumerate(components):
        for named, points in one.only_if:
            found[place, places[named]] = points
    return found


def _named(rows: RowSet, column: str) -> Array:
    found = rows.column(column)
    return found if len(found) else np.full(len(rows.at), -1, dtype=np.int64)


def _points(component: Component, rows: RowSet, concepts: Concepts) -> Array:
    """Return what each row gives."""
    found = np.full(len(rows.at), NO_POINTS, dtype=np.int32)
    if component.answers:
        answer = rows.column("answer")
        for codes, points in sorted(component.answers, key=lambda one: one[1]):  # of several lists the most points
            found[np.isin(answer, np.asarray(concepts[codes], dtype=np.int64))] = points
        return found
    value = rows.column("value")
    known = ~np.isnan(value)
    if component.units:
        known &= np.isin(rows.column("unit"), component.units)
    limits = np.array([step.up_to for step in component.steps[:-1]], dtype=np.float32)
    of_step = np.array([step.points for step in component.steps], dtype=np.int32)
    found[known] = of_step[np.searchsorted(limits, value[known], side="left")]
    return found

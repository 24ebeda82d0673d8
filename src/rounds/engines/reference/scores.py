"""Scores: the sets of a person's observations that have one, each as a row whose value is the score."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from rounds.engines.codes import Concepts
from rounds.engines.reference.rows import Row, single
from rounds.measures.choices import Extent
from rounds.measures.events import EventTable
from rounds.measures.scores import Component, Score


def scored_sets(score: Score, rows: Mapping[tuple[EventTable, Extent], list[Row]], concepts: Concepts) -> list[Row]:
    """Return the sets of a person's rows that have a score: those of one moment in which nothing needed is missing."""
    sets: dict[tuple[date, int], list[Row]] = defaultdict(list)
    for table in sorted({EventTable(component.table) for component in score.components}):
        for row in rows.get((table, Extent.FIRST_DAY), []):
            sets[row.first, row.minute].append(row)
    found = []
    for (day, minute), together in sets.items():
        by_id = {component.id: _points(component, together, concepts) for component in score.components}
        asked = [one for one in score.components if all(by_id[named][0] == points for named, points in one.only_if)]
        given = [by_id[component.id] for component in asked]
        total = sum(points for points, _ in given if points is not None)
        giving = [row for _, scored in given for row in scored]
        if all(points is not None for points, _ in given) and giving:
            found.append(_set_of(giving, day, minute, value=float(total)))
    return found


def _points(component: Component, rows: list[Row], concepts: Concepts) -> tuple[int | None, list[Row]]:
    """Return what a component gives in a set, and the rows that say so."""
    scored = [
        (points, row)
        for row in rows
        if row.table is EventTable(component.table) and row.concept in concepts[component.codes]
        for points in [_points_of(component, row, concepts)]
        if points is not None
    ]
    if not scored:
        return component.if_missing, []
    return max(points for points, _ in scored), [row for _, row in scored]


def _points_of(component: Component, row: Row, concepts: Concepts) -> int | None:
    if component.answers:
        lists = [points for codes, points in component.answers if row.answer in concepts[codes]]
        return max(lists, default=None)
    if row.value is None or (component.units and row.unit not in component.units):
        return None
    for step in component.steps:
        limit = single(step.up_to)
        if limit is None or row.value <= limit:
            return step.points
    return None


def _set_of(rows: list[Row], day: date, minute: int, *, value: float) -> Row:
    return Row(
        table=EventTable.MEASUREMENT,
        row=0,
        person_id=rows[0].person_id,
        concept=-1,
        first=day,
        last=day,
        minute=minute,
        value=value,
        unit=-1,
        answer=-1,
        visit=max(row.visit for row in rows),
        stay=max(row.stay for row in rows),
    )

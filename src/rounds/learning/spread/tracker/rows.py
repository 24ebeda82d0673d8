"""The rows of a tracker: whom each is about, and which stages it says were reached when."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from rounds.learning.spread.adoption import Stage
from rounds.learning.spread.tracker.columns import Cells, Layout, Role
from rounds.learning.spread.tracker.moments import Mark, When, read_moment
from rounds.learning.spread.tracker.statuses import DECLINED, NoStage, read_status

_TOTAL: Final = re.compile(
    r"(?:grand |sub ?-?|overall )?totals?\b.*|sum|count|overall|average|mean|key\b.*|notes?:.*|source:.*|n ?= ?\d+|"
    r"all (?:sites|trusts|organisations|members)",
    re.IGNORECASE,
)
_FEWEST_FOR_MONTHS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A row says that a stage was reached."""

    stage: Stage
    when: When | None
    """None: it says no date"""
    heading: str
    is_status: bool = False
    """it stands in the column of statuses: that is where the organisation is now"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerRow:
    """What one row says."""

    place: str
    as_written: str
    """the organisation's name, or its code where there is no name"""
    code: str
    stated: tuple[Stated, ...]
    planned_for: When | None = None
    fidelity: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something of a tracker that is not used, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows:
    """A tracker as it was read."""

    rows: tuple[TrackerRow, ...]
    left_out: tuple[LeftOut, ...]
    guessed: tuple[str, ...]
    """what was guessed, in sentences"""


@dataclass(slots=True, kw_only=True)
class _Reading:
    rows: Sequence[Cells]
    layout: Layout
    place: Callable[[int], str]
    said: Mapping[str, Stage | None]
    left_out: list[LeftOut] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)


def read_rows(
    rows: Sequence[Cells],
    layout: Layout,
    *,
    place: Callable[[int], str],
    said: Mapping[str, Stage | None] | None = None,
) -> ReadRows:
    """Return what the rows below a header say.

    Totals, repeated headers, and rows that are about no organisation are left out; so is each cell that cannot be read,
    by itself.

    Args:
        rows: the sheet's cells.
        layout: its header and columns.
        place: says how to find a row, by its index.
        said: what somebody has said of statuses; see `read_status`.
    """
    reading = _Reading(rows=rows, layout=layout, place=place, said=said or {})
    for column in layout.columns:
        what = "the dates of stage " if isinstance(column.meaning, Stage) else ""
        reading.guessed.append(f'Column "{column.heading}" is read as {what}{column.meaning.replace("_", " ")}.')
    if layout.left_alone:
        reading.guessed.append(f"Columns left alone: {', '.join(layout.left_alone)}.")
    dated = {
        column.at: _column(reading, column.at, column.heading)
        for column in layout.columns
        if _holds_dates(column.meaning)
    }
    found = []
    for index in range(layout.header + 1, len(rows)):
        row = _row(reading, index, dated)
        if row is not None:
            found.append(row)
    return ReadRows(rows=tuple(found), left_out=tuple(reading.left_out), guessed=tuple(reading.guessed))


def _holds_dates(meaning: Role | Stage) -> bool:
    return isinstance(meaning, Stage) or meaning in (Role.STATUS_DATE, Role.UPDATED, Role.PLANNED_FOR)


_Moments = Mapping[int, When | Mark | None]


def _column(reading: _Reading, at: int, heading: str) -> _Moments:
    """Return a column's moments by row; in what order day and month stand, and what an x means, the column tells."""
    cells = {
        index: row[at]
        for index, row in enumerate(reading.rows)
        if index > reading.layout.header and row[at] is not None
    }
    day_first = True
    british = {index: read_moment(cell) for index, cell in cells.items()}
    if any(moment is None for moment in british.values()):
        american = {index: read_moment(cell, day_first=False) for index, cell in cells.items()}
        unread = [sum(moment is None for moment in one.values()) for one in (british, american)]
        if unread[1] < unread[0]:
            day_first, british = False, american
    moments = british
    if any(
        isinstance(cell, str) and re.fullmatch(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}", cell.strip())
        for cell in cells.values()
    ):
        order = "the day before the month" if day_first else "the month before the day"
        reading.guessed.append(f'Dates in column "{heading}" are read with {order}.')
    days = [cell for cell in cells.values() if isinstance(cell, date)]
    if len(days) >= _FEWEST_FOR_MONTHS and all(day.day == 1 for day in days):
        reading.guessed.append(
            f'All dates in column "{heading}" are the first of a month: each is read as that whole month.'
        )
        for index, cell in cells.items():
            if isinstance(cell, date):
                moments[index] = read_moment(f"{cell:%Y-%m}")
    crosses = [index for index, moment in moments.items() if moment is Mark.CROSS]
    if crosses:
        yes = all(moment in (Mark.CROSS, Mark.UNKNOWN) or isinstance(moment, When) for moment in moments.values())
        reading.guessed.append(
            f'An x in column "{heading}" is read as {"yes" if yes else "no, because others are ticked"}.'
        )
        moments |= dict.fromkeys(crosses, Mark.YES if yes else Mark.NO)
    notes = sorted({moment.note for moment in moments.values() if isinstance(moment, When) and moment.note})
    reading.guessed += [f'In column "{heading}": {note}.' for note in notes]
    return moments


def _row(reading: _Reading, index: int, dated: Mapping[int, _Moments]) -> TrackerRow | None:
    cells, layout, place = reading.rows[index], reading.layout, reading.place(index)
    if all(cell is None for cell in cells):
        return None
    name, code = _words(cells, layout.at(Role.ORGANISATION)), _words(cells, layout.at(Role.CODE)).upper()
    header = reading.rows[layout.header]
    if all(cells[column.at] == header[column.at] for column in layout.columns):
        reading.left_out.append(LeftOut(place=place, why="the header once more"))
        return None
    who = [at for at in (layout.at(Role.ORGANISATION), layout.at(Role.CODE)) if at is not None]
    if any(_TOTAL.fullmatch(cell) for cell in cells[: max(who) + 1] if isinstance(cell, str)):
        reading.left_out.append(LeftOut(place=place, why="a total or a note, not an organisation"))
        return None
    if (not name and not code) or name.replace(".", "").isdigit():
        reading.left_out.append(LeftOut(place=place, why="it names no organisation"))
        return None
    if sum(cell is not None for cell in cells) == 1:
        reading.left_out.append(LeftOut(place=place, why="it says nothing but a name"))
        return None
    stated = []
    for column in layout.columns:
        if isinstance(column.meaning, Stage):
            stated += _of_stage(reading, index, column.meaning, column.heading, dated[column.at].get(index))
    status = _of_status(reading, index, dated)
    if status is None:
        return None  # what it says beside a status that nobody can read may be the half of it
    stated += status
    ahead = layout.at(Role.PLANNED_FOR)
    planned_for = None if ahead is None else dated[ahead].get(index)
    if ahead is not None and planned_for is None and cells[ahead] is not None:
        _without(reading, place, "the date it is planned for cannot be read")
    return TrackerRow(
        place=place,
        as_written=name or code,
        code=code,
        stated=tuple(stated),
        planned_for=planned_for if isinstance(planned_for, When) else None,
        fidelity=_fidelity(cells, layout.at(Role.FIDELITY)),
        reason=_reason(cells, layout)[:500],
    )


def _of_stage(reading: _Reading, index: int, stage: Stage, heading: str, moment: When | Mark | None) -> list[Stated]:
    match moment:
        case When():
            return [Stated(stage=stage, when=moment, heading=heading)]
        case Mark.YES:
            return [Stated(stage=stage, when=None, heading=heading)]
        case None if reading.rows[index][_at(reading, heading)] is not None:
            _without(
                reading, reading.place(index), f'what stands under "{heading}" is no date and no tick that is known'
            )
    return []


def _of_status(reading: _Reading, index: int, dated: Mapping[int, _Moments]) -> list[Stated] | None:
    """Return what a row's status says; None if nobody has said what it means."""
    layout, cells = reading.layout, reading.rows[index]
    at = layout.at(Role.STATUS)
    words = _words(cells, at)
    if at is None or not words:
        return []
    stage = read_status(words, reading.said)
    if stage is NoStage.UNREAD:
        _without(
            reading,
            reading.place(index),
            f'unknown stage "{words[:60]}"; say what it means: --status "{words[:60].lower()}=planned", or =none',
        )
        return None
    if isinstance(stage, NoStage):
        return []
    when = None
    on, updated = layout.at(Role.STATUS_DATE), layout.at(Role.UPDATED)
    if on is not None and isinstance(moment := dated[on].get(index), When):
        when = moment
    elif updated is not None and isinstance(moment := dated[updated].get(index), When):
        when = When(earliest=None, latest=moment.latest)
    if on is not None and cells[on] is not None and dated[on].get(index) is None:
        _without(reading, reading.place(index), "the date of its status cannot be read; the status is used without one")
    return [Stated(stage=stage, when=when, heading=str(reading.rows[layout.header][at]), is_status=True)]


def _at(reading: _Reading, heading: str) -> int:
    return next(column.at for column in reading.layout.columns if column.heading == heading)


def _without(reading: _Reading, place: str, why: str) -> None:
    reading.left_out.append(LeftOut(place=place, why=why))


def _words(cells: Cells, at: int | None) -> str:
    cell = None if at is None else cells[at]
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else " ".join(str(cell).split())


def _reason(cells: Cells, layout: Layout) -> str:
    reason = _words(cells, layout.at(Role.REASON))
    status = _words(cells, layout.at(Role.STATUS))
    return ": ".join(filter(None, (status.lower(), reason))) if status.lower() in DECLINED else reason


def _fidelity(cells: Cells, at: int | None) -> str:
    cell = None if at is None else cells[at]
    if isinstance(cell, float) and 0 <= cell <= 1:
        return f"{100 * cell:.4f}".rstrip("0").rstrip(".") + "%"
    if isinstance(cell, float) and cell <= 100:
        return f"{cell:g}%"
    text = _words(cells, at)
    return re.sub(r"^(\d+) ?(?:/|out of) ?(\d+)", r"\1 of \2", text)

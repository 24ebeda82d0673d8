"""Adoption as a tracker that a programme can keep and hand back: a row a member, a column a stage."""

from collections.abc import Callable, Sequence
from datetime import date

from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.network.members import Member
from rounds.reports.insight import Cell
from rounds.reports.workbook import Rows, Workbook

_STAGES = tuple(stage.value.replace("_", " ").capitalize() for stage in Stage)
COLUMNS = ("ODS code", "Organisation", "Region", "Status", "Status date", *_STAGES, "Fidelity", "Reason")


def tracker_workbook(
    *,
    network: str,
    innovation: str,
    members: Sequence[Member],
    events: Sequence[AdoptionEvent],
    day: date,
    standing: Callable[[str], AdoptionEvent | None],
) -> bytes:
    """Return the bytes of a tracker with everybody who is a member on a day.

    Args:
        network: its name.
        innovation: its title.
        members: the members of the day.
        events: what is recorded of the innovation up to the day.
        day: on the cover.
        standing: gives a member's latest event; None if there is none.
    """
    made = Workbook(f"{network}: {innovation}", made_on=day)
    cover = [
        ("Network", network),
        ("Innovation", innovation),
        ("As of", day.isoformat()),
        ("Hand back", "rounds adoption import, with --sheet tracker"),
    ]
    made.text_sheet("cover", f"{network}: {innovation}", cover, widths=(24, 90))
    notes = [
        ("Stages", "aware, planned, in progress, live, embedded, stopped; a date is that of reaching it"),
        ("Dates", "as dates, or as months and quarters where no more is known: Mar-24, Q2 23/24"),
        ("Several times", "Of a stage reached more than once the last is shown; all are in adoptions.csv."),
        ("Empty", "Not reached, or not known."),
    ]
    made.text_sheet("notes", "Notes", notes, widths=(24, 90))
    rows: Rows = [_row(member, events, standing(member.ods_code)) for member in members]
    made.table_sheet("tracker", "Tracker", f"{len(rows)} members.", columns=COLUMNS, rows=rows)
    return made.finished()


def _row(member: Member, events: Sequence[AdoptionEvent], now: AdoptionEvent | None) -> tuple[Cell, ...]:
    own = [event for event in events if event.ods_code == member.ods_code]
    reached = [
        max((one for one in own if one.stage is stage), key=lambda one: one.day, default=None) for stage in Stage
    ]
    return (
        member.ods_code,
        member.name,
        member.region,
        now.stage.value.replace("_", " ") if now else "not started",
        _when(now),
        *(_when(one) for one in reached),
        str(now.fidelity) if now and now.fidelity else "",
        now.reason if now else "",
    )


def _when(event: AdoptionEvent | None) -> Cell:
    if event is None:
        return ""
    return f"{event.earliest} to {event.day}" if event.earliest else event.day

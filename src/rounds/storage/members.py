"""members.csv and adoptions.csv: who belongs, since when, and who uses what."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Stage, read_fidelity
from rounds.network.members import Member, Membership, Spell
from rounds.network.successions import NO_SUCCESSIONS, Successions
from rounds.storage.csv_files import LINE, ColumnType, read_csv
from rounds.storage.spreadsheet_text import csv_of, unguarded
from rounds.storage.suggestions import nearest

_ODS_CODE: Final = re.compile(r"[A-Z0-9]{3,12}")
_INNOVATION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_STAGE_ORDER: Final = {stage: place for place, stage in enumerate(Stage)}


def read_membership(path: Path) -> Membership:
    """Return the membership written in a members.csv.

    Args:
        path: a CSV with the columns ods_code, name, kind, region, joined and left (empty while the member belongs).
            An organisation that left and joined again has a row for each spell.

    Raises:
        DefinitionError: naming file, line and what to correct.
    """
    columns = dict.fromkeys(("ods_code", "name", "kind", "region"), ColumnType.TEXT)
    dates = dict.fromkeys(("joined", "left"), ColumnType.DATE)
    table = read_csv(path, columns | dates, error=DefinitionError, may_be_blank={"left"})
    if table.is_empty():
        raise DefinitionError(f"{path.name}: there are no members; write one row for each organisation")
    spells: dict[str, list[dict[str, Any]]] = {}
    for row in table.iter_rows(named=True):
        code, where = row["ods_code"], f"{path.name}, line {row[LINE]}"
        if not _ODS_CODE.fullmatch(code):
            raise DefinitionError(f'{where}: "{code}" is not an ODS code; use capital letters and digits only')
        if row["left"] is not None and row["left"] <= row["joined"]:
            raise DefinitionError(f"{where}: {code} left on or before the day it joined; correct joined or left")
        spells.setdefault(code, []).append(row)
    return Membership(members=tuple(_member(path, rows) for rows in spells.values()))


def _member(path: Path, rows: list[dict[str, Any]]) -> Member:
    """Return the member that one or several rows are about, each a spell of its membership."""
    rows = sorted(rows, key=lambda row: row["joined"])
    for before, after in pairwise(rows):
        where = f"{path.name}, line {max(before[LINE], after[LINE])}: {after['ods_code']}"
        other = min(before[LINE], after[LINE])
        if before["left"] is None or after["joined"] < before["left"]:
            raise DefinitionError(
                f"{where} is already on line {other}, for some of the same days; keep one row for each spell of "
                "membership, the earlier with the day it left"
            )
        if any(before[name] != after[name] for name in ("name", "kind", "region")):
            raise DefinitionError(f"{where} has another name, kind or region on line {other}; write the same on both")
    latest = {name: value for name, value in rows[-1].items() if name != LINE}
    earlier = tuple(Spell(joined=row["joined"], left=row["left"]) for row in rows[:-1])
    return Member(**latest, earlier=earlier)


def refuse_succeeded(path: Path, membership: Membership, successions: Successions) -> None:
    """Raise if an organisation is still a member on the day from which others carry on its work.

    Raises:
        DefinitionError: naming the organisation, and the day on which it must have left.
    """
    for member in membership.members:
        ended = successions.ended(member.ods_code)
        if ended is not None and (member.left is None or member.left > ended):
            others = " and ".join(successions.after(member.ods_code, ended))
            raise DefinitionError(
                f"{path.name}: {member.ods_code} is a member after {ended}, from when successions.csv says that "
                f"{others} carries on its work; write {ended} as the day it left, and {others} as a member from then on"
            )


class _Written(NamedTuple):
    line: int
    event: AdoptionEvent


def read_adoptions(
    path: Path,
    *,
    membership: Membership,
    innovations: Collection[str] | None = None,
    successions: Successions = NO_SUCCESSIONS,
) -> tuple[AdoptionEvent, ...]:
    """Return the adoption events written in an adoptions.csv, in the order of the file.

    Args:
        path: a CSV with the columns ods_code, innovation, stage and date, and perhaps earliest (the first day it can
            have been, where `date` is the last), fidelity and reason. It may have no rows.
        membership: the organisations that may adopt, and since when.
        innovations: ids of the innovations there are; without them only the way an id is written is checked.
        successions: whose work members carry on; events of those may stand here too, from before.

    Raises:
        DefinitionError: naming file, line and what to correct: an unknown organisation, innovation or stage, a
            day outside the membership, a stage reached twice, stages that run backwards with no `stopped` between
            them, two stages on one day.
    """
    columns = {
        "ods_code": ColumnType.TEXT,
        "innovation": ColumnType.TEXT,
        "stage": ColumnType.TEXT,
        "date": ColumnType.DATE,
        "earliest": ColumnType.DATE,
        "fidelity": ColumnType.TEXT,
        "reason": ColumnType.TEXT,
    }
    table = read_csv(path, columns, error=DefinitionError, may_be_absent=("earliest", "fidelity", "reason"))
    members = {member.ods_code: member for member in membership.members}
    written = []
    for row in table.iter_rows(named=True):
        line, code, innovation, stage = row[LINE], row["ods_code"], row["innovation"], row["stage"]
        where = f"{path.name}, line {line}"
        if code not in members and not _carried_on(code, members, successions):
            raise DefinitionError(
                f'{where}: "{code}" is not a member{nearest(code, members, otherwise="add it to members.csv")}'
            )
        if not _INNOVATION.fullmatch(innovation):
            raise DefinitionError(
                f'{where}: "{innovation}" is not the id of an innovation; use small letters, digits and hyphens'
            )
        if innovations is not None and innovation not in innovations:
            raise DefinitionError(
                f'{where}: no innovation "{innovation}" in the library'
                + nearest(innovation, innovations, otherwise="write it in the library's `innovations` folder")
            )
        if stage not in list(Stage):
            raise DefinitionError(f'{where}: unknown stage "{stage}"{nearest(stage, list(Stage))}')
        try:
            event = AdoptionEvent(
                ods_code=code,
                innovation=innovation,
                stage=Stage(stage),
                day=row["date"],
                earliest=row["earliest"],
                fidelity=read_fidelity(row["fidelity"]) if row["fidelity"] else None,
                reason=unguarded(row["reason"] or "").strip(),
            )
        except DefinitionError as error:
            raise DefinitionError(f"{where}: {error}") from None
        try:
            event = checked_in_time(event, members.get(code), successions)
        except DefinitionError as error:
            raise DefinitionError(f"{where}: {error}") from None
        written.append(_Written(line, event))
    _check_order(written, name=lambda row: f"line {row.line}", where=f"{path.name}, ")
    return tuple(event for _, event in written)


def checked_in_time(event: AdoptionEvent, member: Member | None, successions: Successions) -> AdoptionEvent:
    """Return an event that its organisation can have had, a stretch that runs past its last day cut off there.

    Args:
        event: what was recorded.
        member: the organisation; None if only another that carries on its work is a member.
        successions: who carries on whose work from which day.

    Raises:
        DefinitionError: if the organisation was no member then, or no more.
    """
    ended = successions.ended(event.ods_code)
    if ended is not None and event.day >= ended:
        if event.first_day >= ended:
            others = " or ".join(successions.after(event.ods_code, event.day))
            raise DefinitionError(
                f"from {ended} {others} carries on the work of {event.ods_code}, on or before this date; write {others}"
            )
        last = ended - timedelta(days=1)
        event = replace(event, day=last, earliest=event.earliest if event.first_day < last else None)
    if member is None or member.belongs_on(event.day):
        return event
    if event.day < member.first_joined:
        raise DefinitionError(
            f"{event.ods_code} joined the network on {member.first_joined}, after this date; correct one of them"
        )
    if event.stage is Stage.STOPPED:
        return event
    left = max(day for day in (member.left, *(spell.left for spell in member.earlier)) if day and day <= event.day)
    raise DefinitionError(f"{event.ods_code} left the network on {left}, on or before this date; correct one of them")


def _carried_on(code: str, members: Collection[str], successions: Successions) -> bool:
    """Return whether a member carries on, some day, what an organisation did."""
    return any(one in members for one in successions.after(code, date.max))


def _check_order(written: list[_Written], *, name: Callable[[_Written], str], where: str = "") -> None:
    """Refuse two rows that cannot both be true of one organisation and innovation; `name` says which each is."""

    def key(row: _Written) -> tuple[str, str, date, int, int]:
        event = row.event
        return event.ods_code, event.innovation, event.day, _STAGE_ORDER[event.stage], row.line

    for earlier, later in pairwise(sorted(written, key=key)):
        one, two = earlier.event, later.event
        if (one.ods_code, one.innovation) != (two.ods_code, two.innovation):
            continue
        other, last = (name(row) for row in sorted((earlier, later), key=lambda row: row.line))
        place = f"{where}{last}"
        if one.stage is two.stage:
            if one.day < two.day and two.fidelity is not None and two.stage is not Stage.STOPPED:
                continue  # it still is there, and this is how fully it used it by then
            raise DefinitionError(
                f"{place}: {two.ods_code} already reached {two.stage} of {two.innovation} ({other}); keep one "
                "row, or write on the later one how fully it was used by then (fidelity)"
            )
        if one.day == two.day and one.earliest is None and two.earliest is None:
            raise DefinitionError(
                f"{place}: with {other}, {two.ods_code} is at {one.stage} and at {two.stage} of {two.innovation} "
                f"on {two.day}; keep the row of what it came to that day"
            )
        if two.earliest is not None and two.first_day <= one.day:
            continue  # within its stretch it can have been the earlier
        if one.stage is not Stage.STOPPED and _STAGE_ORDER[two.stage] < _STAGE_ORDER[one.stage]:
            raise DefinitionError(
                f"{place}: with {other}, {two.ods_code} reaches {two.stage} of {two.innovation} after "
                f"{one.stage}; correct the dates, or add the day on which it stopped"
            )


def adoptions_csv(events: Iterable[AdoptionEvent]) -> bytes:
    """Return an adoptions.csv of some events in their order, with only the columns that are needed."""
    events = tuple(events)
    rows = [
        {
            "ods_code": event.ods_code,
            "innovation": event.innovation,
            "stage": event.stage.value,
            "date": event.day.isoformat(),
            "earliest": event.earliest.isoformat() if event.earliest else "",
            "fidelity": str(event.fidelity) if event.fidelity else "",
            "reason": event.reason,
        }
        for event in events
    ]
    always = ("ods_code", "innovation", "stage", "date")
    columns = [*always, *(name for name in ("earliest", "fidelity", "reason") if any(row[name] for row in rows))]
    return csv_of(columns, [[row[name] for name in columns] for row in rows])


def check_adoptions(events: Sequence[AdoptionEvent]) -> None:
    """Raise if two events cannot both be true of one organisation and innovation.

    Raises:
        DefinitionError: naming both by their stage and day.
    """
    _check_order(
        [_Written(line, event) for line, event in enumerate(events)],
        name=lambda row: f"{row.event.stage.replace('_', ' ')} on {row.event.day}",
    )

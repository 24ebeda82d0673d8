"""members.csv and adoptions.csv: who belongs, since when, and who uses what."""

import re
from collections.abc import Collection
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.network.members import Member, Membership
from rounds.storage.csv_files import LINE, ColumnType, read_csv
from rounds.storage.suggestions import nearest

_ODS_CODE: Final = re.compile(r"[A-Z0-9]{3,12}")
_INNOVATION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_STAGE_ORDER: Final = {stage: place for place, stage in enumerate(Stage)}


def read_membership(path: Path) -> Membership:
    """Return the membership written in a members.csv.

    Args:
        path: a CSV with the columns ods_code, name, kind, region, joined and left (empty while the member belongs).

    Raises:
        DefinitionError: naming file, line and what to correct.
    """
    columns = dict.fromkeys(("ods_code", "name", "kind", "region"), ColumnType.TEXT)
    dates = dict.fromkeys(("joined", "left"), ColumnType.DATE)
    table = read_csv(path, columns | dates, error=DefinitionError, may_be_blank={"left"})
    if table.is_empty():
        raise DefinitionError(f"{path.name}: there are no members; write one row for each organisation")
    lines: dict[str, int] = {}
    members = []
    for row in table.iter_rows(named=True):
        line, code = row.pop(LINE), row["ods_code"]
        where = f"{path.name}, line {line}"
        if not _ODS_CODE.fullmatch(code):
            raise DefinitionError(f'{where}: "{code}" is not an ODS code; use capital letters and digits only')
        if code in lines:
            raise DefinitionError(f"{where}: {code} is already on line {lines[code]}; keep one row an organisation")
        if row["left"] is not None and row["left"] <= row["joined"]:
            raise DefinitionError(f"{where}: {code} left on or before the day it joined; correct joined or left")
        lines[code] = line
        members.append(Member(**row))
    return Membership(members=tuple(members))


class _Written(NamedTuple):
    line: int
    event: AdoptionEvent


def read_adoptions(
    path: Path, *, membership: Membership, innovations: Collection[str] | None = None
) -> tuple[AdoptionEvent, ...]:
    """Return the adoption events written in an adoptions.csv, in the order of the file.

    Args:
        path: a CSV with the columns ods_code, innovation, stage and date. It may have no rows.
        membership: the organisations that may adopt, and since when.
        innovations: ids of the innovations there are; without them only the way an id is written is checked.

    Raises:
        DefinitionError: naming file, line and what to correct: an unknown organisation, innovation or stage, a
            day outside the membership, a stage reached twice, stages that run backwards with no `stopped` between them.
    """
    columns = {
        "ods_code": ColumnType.TEXT,
        "innovation": ColumnType.TEXT,
        "stage": ColumnType.TEXT,
        "date": ColumnType.DATE,
    }
    table = read_csv(path, columns, error=DefinitionError)
    members = {member.ods_code: member for member in membership.members}
    written = []
    for line, code, innovation, stage, day in table.iter_rows():
        where = f"{path.name}, line {line}"
        if code not in members:
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
        event = AdoptionEvent(ods_code=code, innovation=innovation, stage=Stage(stage), day=day)
        _check_belongs(where, event, members[code])
        written.append(_Written(line, event))
    _check_order(path, written)
    return tuple(event for _, event in written)


def _check_belongs(where: str, event: AdoptionEvent, member: Member) -> None:
    if event.day < member.joined:
        raise DefinitionError(
            f"{where}: {event.ods_code} joined the network on {member.joined}, after this date; correct one of them"
        )
    if member.left is not None and event.day >= member.left and event.stage is not Stage.STOPPED:
        raise DefinitionError(
            f"{where}: {event.ods_code} left the network on {member.left}, on or before this date; correct one of them"
        )


def _check_order(path: Path, written: list[_Written]) -> None:
    """Refuse two rows that cannot both be true of one organisation and innovation."""

    def key(row: _Written) -> tuple[str, str, date, int, int]:
        event = row.event
        return event.ods_code, event.innovation, event.day, _STAGE_ORDER[event.stage], row.line

    for earlier, later in pairwise(sorted(written, key=key)):
        one, two = earlier.event, later.event
        if (one.ods_code, one.innovation) != (two.ods_code, two.innovation):
            continue
        line = max(earlier.line, later.line)
        other = min(earlier.line, later.line)
        where = f"{path.name}, line {line}"
        if one.stage is two.stage:
            raise DefinitionError(
                f"{where}: {two.ods_code} already reached {two.stage} of {two.innovation} on line {other}; keep one row"
            )
        if one.stage is not Stage.STOPPED and _STAGE_ORDER[two.stage] < _STAGE_ORDER[one.stage]:
            raise DefinitionError(
                f"{where}: with line {other}, {two.ods_code} reaches {two.stage} of {two.innovation} after "
                f"{one.stage}; correct the dates, or add the day on which it stopped"
            )

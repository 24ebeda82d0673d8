"""Programme trackers into a network's adoptions.csv: what a tracker says, which names wait for people, what is new."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.errors import DefinitionError
from rounds.exchange.envelope import CENTRE
from rounds.learning.spread.adoption import AdoptionEvent, Coverage, Fidelity, Stage
from rounds.learning.spread.coverage import Stopped, coverage, stopped_members
from rounds.learning.spread.fidelity import FidelityWatch, fidelity_watch
from rounds.learning.spread.succession import followed
from rounds.learning.spread.tracker.columns import Layout, Meaning, layout_of
from rounds.learning.spread.tracker.events import Known, events_of, some_places
from rounds.learning.spread.tracker.rows import LeftOut, TrackerRow, read_rows
from rounds.network.matching import Organisation, Register, register_of
from rounds.reports.tracker_workbook import tracker_workbook
from rounds.storage.audit_log import LEDGER
from rounds.storage.facts import write_fact
from rounds.storage.held import ADOPTIONS
from rounds.storage.match_files import (
    MATCHES,
    Confirmed,
    MatchRow,
    key_of,
    match_row,
    matches_csv,
    read_matches,
)
from rounds.storage.members import adoptions_csv, check_adoptions, checked_in_time
from rounds.storage.register_files import read_register
from rounds.storage.sheets import Sheet, read_sheets
from rounds.storage.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTracker:
    """A tracker to read, and what somebody has said of it."""

    path: Path
    innovation: str
    as_of: date
    sheet: str | None = None
    register: Path | None = None
    columns: Mapping[str, Meaning] = field(default_factory=dict)
    """by heading as written"""
    statuses: Mapping[str, Stage | None] = field(default_factory=dict)
    """by word in small letters; None of those that say no stage"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerReading:
    """What a tracker says, and what may be used of it."""

    where: str
    """the file, and the sheet if it has several"""
    rows: int
    guessed: tuple[str, ...]
    matches: tuple[MatchRow, ...]
    """of this tracker's names"""
    kept: tuple[MatchRow, ...]
    """of names that other trackers had: they stay in the match file"""
    events: tuple[AdoptionEvent, ...]
    """new ones"""
    already: int
    left_out: tuple[LeftOut, ...]
    noted: tuple[str, ...]

    @property
    def waiting(self) -> tuple[MatchRow, ...]:
        """The names that wait for a person."""
        return tuple(row for row in self.matches if row.confirmed is Confirmed.WAITS)


def read_tracker(workspace: Workspace, asked: AskedTracker) -> TrackerReading:
    """Return what a tracker says of a network. Nothing is written.

    Raises:
        DefinitionError: if the file cannot be read as a tracker, or the match file has a mistake; naming file, sheet
            and row.
    """
    workspace.library.innovation(asked.innovation)
    sheet, layout = _sheet(asked)
    where = asked.path.name + (f", sheet {sheet.name}" if sheet.name else "")
    read = read_rows(sheet.rows, layout, place=sheet.place, said=asked.statuses)
    if not read.rows and not read.left_out:
        raise DefinitionError(
            f"{where}: there is no row below the header ({sheet.place(layout.header)}); fill one in, or name another "
            "sheet"
        )
    register = _register(workspace, asked.register)
    settled = read_matches(workspace.folder / MATCHES, register=register)
    matches: dict[str, MatchRow] = {}
    resolved: list[tuple[str, TrackerRow]] = []
    left_out = list(read.left_out)
    for row in read.rows:
        match = matches.setdefault(key_of(_written(row)), _match(row, register, settled))
        if match.used is not None:
            resolved.append((match.used, row))
        else:
            why = "must not be used, says the match file" if match.confirmed is Confirmed.NO else "waits for a person"
            left_out.append(LeftOut(place=row.place, why=f"the name {why}: {match.as_written[:80]}"))
    members = {member.ods_code: member for member in workspace.membership.members}
    known = Known(
        innovation=asked.innovation,
        as_of=asked.as_of,
        members=members,
        successions=workspace.successions,
        recorded=workspace.adoptions,
        check=lambda event: checked_in_time(event, members.get(event.ods_code), workspace.successions),
    )
    taken = events_of(resolved, known)
    places: dict[str, list[str]] = defaultdict(list)
    for code, row in resolved:
        places[code].append(row.place)
    events, against = _that_agree(workspace.adoptions, taken.events, asked.innovation, places)
    return TrackerReading(
        where=where,
        rows=len(read.rows),
        guessed=(f"The header is {sheet.place(layout.header)}.", *read.guessed),
        matches=tuple(matches.values()),
        kept=tuple(row for key, row in settled.items() if key not in matches),
        events=events,
        already=taken.already,
        left_out=(*left_out, *taken.left_out, *against),
        noted=taken.noted,
    )


def write_matches(workspace: Workspace, reading: TrackerReading, *, today: date) -> Path:
    """Write the match file with this tracker's names beside those of others, and return where it is."""
    path = workspace.folder / MATCHES
    _write(workspace, path, matches_csv((*reading.kept, *reading.matches)), today=today)
    return path


def record_adoptions(workspace: Workspace, reading: TrackerReading, *, today: date) -> Path:
    """Add a tracker's new events to the network's adoptions.csv, and return where it is. Twice is the same as once."""
    path = workspace.folder / ADOPTIONS
    if reading.events or not path.exists():
        _write(workspace, path, adoptions_csv((*workspace.adoptions, *reading.events)), today=today)
    return path


def coverage_on(workspace: Workspace, *, innovation: str, stage: Stage, day: date) -> Coverage:
    """Return how many of the members of a day are at a stage of an innovation, with what was taken over by then.

    Raises:
        DefinitionError: if there is no such innovation.
    """
    workspace.library.innovation(innovation)
    return coverage(
        followed(workspace.adoptions, workspace.successions),
        innovation=innovation,
        stage=stage,
        day=day,
        members_on_day=[member.ods_code for member in workspace.membership.on(day)],
    )


def stopped_on_day(workspace: Workspace, *, innovation: str, stage: Stage, day: date) -> tuple[Stopped, ...]:
    """Return which members of a day had begun and stopped, with when and why."""
    members = [member.ods_code for member in workspace.membership.on(day)]
    return stopped_members(workspace.known_adoptions(day), innovation, stage, day, among=members)


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityRead:
    """How fully members that use an innovation do."""

    latest: Mapping[str, Fidelity]
    """what was recorded last, by ODS code, of those of whom anything was"""
    watch: FidelityWatch


def fidelity_read(workspace: Workspace, *, innovation: str, coverage: Coverage) -> FidelityRead:
    """Return how fully the members that are covered on a day use an innovation, as recorded by then."""
    day = coverage.day
    users = {member.ods_code for member in workspace.membership.on(day)} - set(coverage.not_yet)
    events = workspace.known_adoptions(day)
    latest: dict[str, AdoptionEvent] = {}
    for event in events:
        if event.innovation == innovation and event.fidelity is not None and event.ods_code in users:
            latest[event.ods_code] = max(latest.get(event.ods_code, event), event, key=lambda one: one.day)
    return FidelityRead(
        latest={code: event.fidelity for code, event in sorted(latest.items()) if event.fidelity is not None},
        watch=fidelity_watch(events, innovation=innovation, users=users, as_of=day),
    )


def export_tracker(workspace: Workspace, *, innovation: str, day: date) -> bytes:
    """Return a tracker of the members of a day, with what was known of an innovation then.

    Raises:
        DefinitionError: if there is no such innovation.
    """
    found = workspace.library.innovation(innovation)
    events = [one for one in workspace.known_adoptions(day) if one.innovation == innovation]

    def standing(code: str) -> AdoptionEvent | None:
        own = [one for one in events if one.ods_code == code]
        return max(own, key=lambda one: (one.day, list(Stage).index(one.stage)), default=None)

    return tracker_workbook(
        network=workspace.name,
        innovation=found.title,
        members=workspace.membership.on(day),
        events=events,
        day=day,
        standing=standing,
    )


def _write(workspace: Workspace, path: Path, content: bytes, *, today: date) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    digest = hashlib.sha256(content).hexdigest()
    event = Event(action=Action.RECORDED, round_id=path.stem, party=CENTRE, digest=digest, day=today)
    write_fact(path, content, event=event, log=workspace.centre / LEDGER)


def _sheet(asked: AskedTracker) -> tuple[Sheet, Layout]:
    """Return the sheet that is meant, or the one in which most columns are known."""
    sheets = read_sheets(asked.path, error=DefinitionError)
    if asked.sheet is not None:
        sheets = tuple(sheet for sheet in sheets if sheet.name == asked.sheet) or _no_sheet(asked, sheets)
    found: list[tuple[Sheet, Layout]] = []
    refused: DefinitionError | None = None
    for sheet in sheets:
        try:
            found.append((sheet, layout_of(sheet.rows, asked.columns)))
        except DefinitionError as error:
            where = asked.path.name + (f", sheet {sheet.name}" if sheet.name else "")
            refused = refused or DefinitionError(f"{where}: {error}")
    if not found:
        raise refused or DefinitionError(f"{asked.path.name}: there is nothing to read")
    return max(found, key=lambda one: len(one[1].columns))


def _no_sheet(asked: AskedTracker, sheets: Sequence[Sheet]) -> tuple[Sheet, ...]:
    names = ", ".join(sheet.name for sheet in sheets)
    raise DefinitionError(f"{asked.path.name}: no visible sheet {asked.sheet} holds anything; there is {names}")


def _register(workspace: Workspace, path: Path | None) -> Register:
    members = [Organisation(ods_code=one.ods_code, name=one.name) for one in workspace.membership.members]
    others = read_register(path) if path is not None else ()
    before = [Organisation(ods_code=one.old_code, name=one.old_code) for one in workspace.successions.all]
    return register_of((*members, *others, *before))


def _match(row: TrackerRow, register: Register, settled: Mapping[str, MatchRow]) -> MatchRow:
    """Return what people have settled of a row's name, or what is proposed for it."""
    before = settled.get(key_of(_written(row)))
    if before is not None and before.confirmed in (Confirmed.YES, Confirmed.NO):
        return before
    name = "" if row.as_written == row.code else row.as_written
    found = match_row(register.match(name, code=row.code))
    return MatchRow(
        as_written=_written(row),
        ods_code=found.ods_code,
        name=found.name,
        score=found.score,
        why=found.why,
        candidates=found.candidates,
        confirmed=found.confirmed,
    )


def _written(row: TrackerRow) -> str:
    return row.as_written if row.code in ("", row.as_written) else f"{row.code} {row.as_written}"


def _that_agree(
    recorded: Sequence[AdoptionEvent],
    new: Sequence[AdoptionEvent],
    innovation: str,
    places: Mapping[str, Sequence[str]],
) -> tuple[tuple[AdoptionEvent, ...], tuple[LeftOut, ...]]:
    """Return the new events that can be true beside the recorded ones, and why others are left out."""
    kept: list[AdoptionEvent] = []
    left_out: list[LeftOut] = []
    known: dict[str, list[AdoptionEvent]] = defaultdict(list)
    added: dict[str, list[AdoptionEvent]] = defaultdict(list)
    for event in recorded:
        if event.innovation == innovation:
            known[event.ods_code].append(event)
    for event in new:
        added[event.ods_code].append(event)
    for code, own in sorted(added.items()):
        try:
            check_adoptions((*known[code], *own))
        except DefinitionError as error:
            left_out.append(
                LeftOut(place=some_places(places.get(code, (code,))), why=f"against what {ADOPTIONS} records: {error}")
            )
        else:
            kept += own
    return tuple(kept), tuple(left_out)

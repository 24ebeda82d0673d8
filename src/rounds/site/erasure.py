"""Erases one person from everything a site keeps, and proves later that it did without having kept who it was."""

import csv
import io
import os
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

import numpy as np

from rounds.audit.chain import Action, Event
from rounds.errors import DefinitionError, RecordsError
from rounds.records.importing.erase import erase_rows, generations_with
from rounds.records.importing.generation import current_folder, remove_other_generations
from rounds.records.importing.identities import forget_number
from rounds.records.importing.session import Job, working
from rounds.records.nhs_numbers import parse_nhs_number
from rounds.records.omop import open_records
from rounds.records.opt_outs.kept import KeptList, encode_kept, read_kept
from rounds.records.opt_outs.people import COLUMNS, read_people_numbers
from rounds.records.tables import PERSON
from rounds.site.folder import IDENTITIES, RecordsBlock, Site
from rounds.site.opt_outs import ALLOWED, ASKED, numbers_path
from rounds.site.own_secrets import Secret, kept_proofs_key, proofs_key
from rounds.site.served import log_imported, served_generation
from rounds.storage.audit_log import read_log, record
from rounds.storage.facts import write_private_fact
from rounds.storage.lock import only_one
from rounds.storage.progress import Progress

Kind = Literal["person_id", "nhs_number"]

_WAIT_SECONDS: Final = 3600.0
_MOST_BYTES: Final = 1_000
_EXACT: Final = ("remembered", "quality")
"""Folders of exact numbers, that can be made again."""
_SHAPE: Final = "one line, `person_id: 17` or `nhs_number: 943 476 5919`"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Identifier:
    """Who is meant. Its repr does not tell it."""

    kind: Kind
    number: int

    def __repr__(self) -> str:
        return f"Identifier({self.kind}, not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was done."""

    rows: int
    """How many rows were about the person."""
    digests: tuple[str, ...]
    """What stands in the audit log: one for each identifier that was known."""


def read_identifier(path: Path) -> Identifier:
    """Return who a file names: one line, so that no identifier stands on a command line or in a shell's history.

    Raises:
        RecordsError: if it is anything else; its content is not repeated.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES)
        (line,) = content.decode("ascii").splitlines()
    except OSError as error:
        raise RecordsError(f"{path}: it cannot be read ({error.strerror}); give a file of {_SHAPE}") from None
    except ValueError:
        raise RecordsError(f"{path}: it holds something else than {_SHAPE}") from None
    kind, _, value = (part.strip() for part in line.partition(":"))
    if kind == "nhs_number":
        return Identifier(kind="nhs_number", number=parse_nhs_number(value, where=f"{path} line 1").number)
    if kind == "person_id" and value.removeprefix("-").isdigit() and len(value) < 19:
        return Identifier(kind="person_id", number=int(value))
    raise RecordsError(f"{path}: it holds something else than {_SHAPE}")


def erase(site: Site, who: Identifier, *, today: date, progress: Progress) -> Erased:
    """Erase one person: rows, index, remembered counts, quality pages, identity, NHS number and lists of opt-outs.

    Killed at any point it can be run again. What has been released stays released, and the source may bring the person
    back with the next import: they are to be erased there first.

    Args:
        site: whose records.
        who: who is erased.
        today: the day of it.
        progress: told how far it is.

    Raises:
        RecordsError: if the records are not a generation that an import made, or nobody has this identifier.
    """
    source = site.source
    if not isinstance(source, RecordsBlock) or source.database is not None:
        raise DefinitionError(f"site {site.id} holds no imported records; erase the person where the records come from")
    folder = site.folder / source.folder
    if not folder.is_dir() or current_folder(folder) == folder:
        raise RecordsError(
            f"site {site.id}: the tables in {folder} were not imported by `rounds site import`, and Rounds changes no "
            "files of others; erase the person where the tables come from, or import them first"
        )

    def check(tables: Path) -> None:
        open_records(tables, site=site.id, as_of=today, outside_observation=source.outside_observation)

    job = Job(site=site.id, records=folder, today=today, progress=progress, check=check)
    with only_one(site.folder, doing="erasing a person", wait_seconds=_WAIT_SECONDS):
        person, number = _both(site, who)
        there = [] if person is None else generations_with(folder, person)
        if not there and not _anything_known(site, who, person, number):
            raise RecordsError(f"site {site.id}: nobody has this identifier; look whether it is right")
        rows = erase_rows(job, person) if person is not None and current_folder(folder) in there else 0
        remove_other_generations(folder)
        for name in _EXACT:
            shutil.rmtree(site.folder / name, ignore_errors=True)
        site.checked_path.unlink(missing_ok=True)
        key = proofs_key(site, today=today)
        digests = tuple(_digest(key, one) for one in _known(person, number))
        generation = served_generation(site)
        assert generation is not None  # noqa: S101  # it was one before
        log_imported(site, generation, today=today)
        events = tuple(
            Event(action=Action.ERASED, round_id=generation.name, party=site.id, digest=digest, day=today)
            for digest in digests
        )
        record(site.ledger_path, *events)
        # Last, for until here the identifier leads to everything else if this is killed and run again.
        _forget(site, folder, job, person, number, event=events[-1])
    return Erased(rows=rows, digests=digests)


def proof_of_erasure(site: Site, who: Identifier) -> tuple[date, ...]:
    """Return the days on which somebody with this identifier was erased, as the audit log has it.

    Whoever asks brings the identifier: the log has its keyed digest, which cannot be undone or tried out without the
    site's own key.
    """
    key = kept_proofs_key(site)
    if key is None:
        return ()  # nobody was ever erased
    digest = _digest(key, who)
    return tuple(
        entry.event.day
        for entry in read_log(site.ledger_path)
        if entry.event.action is Action.ERASED and entry.event.digest == digest
    )


def _digest(key: Secret, who: Identifier) -> str:
    return key.mac(b"erased", who.kind.encode(), str(who.number).encode()).hex()


def _both(site: Site, who: Identifier) -> tuple[int | None, int | None]:
    """Return somebody's person_id and NHS number, as far as the site knows."""
    block = site.opt_outs
    people = None
    if block is not None and numbers_path(site, block).exists():
        people = read_people_numbers(numbers_path(site, block), site=site.id)
    if who.kind == "person_id":
        found = -1 if people is None else int(people.of(np.array([who.number]))[0])
        return who.number, None if found < 0 else found
    if people is None:
        raise RecordsError(
            f"site {site.id}: it is not known who has which NHS number (`opt_outs.nhs_numbers` in site.yaml); name the "
            "person by person_id"
        )
    places = np.flatnonzero(people.numbers == who.number)
    return (int(people.person_ids[places[0]]) if len(places) else None), who.number


def _known(person: int | None, number: int | None) -> list[Identifier]:
    found = [] if person is None else [Identifier(kind="person_id", number=person)]
    return found + ([] if number is None else [Identifier(kind="nhs_number", number=number)])


def _anything_known(site: Site, who: Identifier, person: int | None, number: int | None) -> bool:
    """Say whether a trace is left of somebody who is not in the records, as when an erasure was killed."""
    if who.kind == "nhs_number":
        return person is not None or any(_on(site, name, who.number) for name in (ASKED, ALLOWED))
    return number is not None or bool(proof_of_erasure(site, who))


def _on(site: Site, name: str, number: int) -> bool:
    kept = read_kept(site.opt_outs_folder / name)
    return kept is not None and bool(kept.holds(np.array([number]))[0])


def _forget(site: Site, folder: Path, job: Job, person: int | None, number: int | None, *, event: Event) -> None:
    if number is not None:
        for request in site.opt_outs_folder.glob("request-*.dat"):
            request.unlink()
        for name in (ASKED, ALLOWED):
            kept = read_kept(site.opt_outs_folder / name)
            if kept is not None and kept.holds(np.array([number]))[0]:
                left = KeptList(on=kept.on, numbers=kept.numbers[kept.numbers != number])
                write_private_fact(site.opt_outs_folder / name, encode_kept(left), event=event, log=site.ledger_path)
    if person is None:
        return
    scratch = folder / f".partial-{os.getpid()}-forgetting"
    scratch.mkdir(mode=0o700)
    try:
        with working(scratch, job) as session:
            forget_number(session, folder, kind=PERSON.name, number=person)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if site.opt_outs is not None and site.opt_outs.nhs_numbers != IDENTITIES:
        _forget_row(numbers_path(site, site.opt_outs), person, event=event, log=site.ledger_path)


def _forget_row(path: Path, person: int, *, event: Event, log: Path) -> None:
    """Take somebody's row out of the site's CSV of NHS numbers."""
    if not path.exists():
        return
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    place = [name.strip().lower() for name in header].index(COLUMNS[0])
    left = [row for row in rows if not (len(row) > place and row[place].strip() == str(person))]
    if len(left) < len(rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *left])
        write_private_fact(path, text.getvalue().encode(), event=event, log=log)

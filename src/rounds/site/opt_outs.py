"""National data opt-outs at a site: whom to ask about, what came back, and records less those who may not be used."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rounds.audit.chain import Action, Event
from rounds.errors import DefinitionError, DisclosureRefusal, RecordsError
from rounds.records.exclusion import Exclusion
from rounds.records.importing.identities import FOLDER as IDENTITIES_FOLDER
from rounds.records.omop import Records, open_records, person_files
from rounds.records.opt_outs.kept import KeptList, encode_kept, read_kept
from rounds.records.opt_outs.mesh import read_list, write_list
from rounds.records.opt_outs.people import PeopleNumbers, read_people_numbers
from rounds.records.tables import PERSON
from rounds.site.folder import IDENTITIES, OptOutsBlock, RecordsBlock, Site
from rounds.site.own_secrets import kept_proofs_key, proofs_key
from rounds.storage.atomic import refuse_unwritable, remove_partials
from rounds.storage.clock import refuse_clock_set_back
from rounds.storage.facts import write_private_fact
from rounds.storage.lock import only_one
from rounds.storage.progress import Progress

ASKED: Final = "asked.list"
ALLOWED: Final = "allowed.list"
_WAIT_SECONDS: Final = 600.0
_HOW: Final = "ask the service (`rounds site opt-outs request`) and take its answer in (`rounds site opt-outs take`)"


def open_site_records(
    site: Site,
    source: RecordsBlock,
    *,
    as_of: date,
    today: date,
    progress: Callable[[str], None],
    checked: Path | None = None,
    keep: bool = False,
) -> Records:
    """Return a site's records as they may be counted: whoever has opted out is not in them. The only way to them.

    Args:
        site: whose.
        source: where they lie.
        as_of: the day the round looks back from.
        today: to tell a stale list.
        progress: told what is left out.
        checked: as of `open_records`.
        keep: as of `open_records`.

    Raises:
        RecordsError: if they are broken.
        DisclosureRefusal: if the site honours opt-outs and does not know, as of lately, who has opted out.
    """
    if site.opt_outs is not None:
        allowed = _fresh(site, site.opt_outs, today=today)
    records = open_records(
        site.folder / source.folder,
        site=site.id,
        outside_observation=source.outside_observation,
        as_of=as_of,
        checked=checked,
        keep=keep,
    )
    progress(str(records.quality))
    if site.opt_outs is None:
        return records
    people = read_people_numbers(numbers_path(site, site.opt_outs), site=site.id)
    excluded = _excluded(records, people, allowed, keep_unknown=site.opt_outs.without_number == "keep", tell=progress)
    return records.without(excluded)


def list_applied(site: Site) -> str:
    """Return what tells the list of who may be counted from any other, whoever is on it; empty if nobody is left out.

    Raises:
        DisclosureRefusal: if there is no such list, or its key is gone.
    """
    if site.opt_outs is None:
        return ""
    allowed, key = read_kept(site.opt_outs_folder / ALLOWED), kept_proofs_key(site)
    if allowed is None or key is None:
        raise DisclosureRefusal(f"site {site.id}: it is not known who has opted out; {_HOW}")
    return key.mac(b"applied", allowed.content).hex()


def said_of_opt_outs(site: Site) -> tuple[str, ...]:
    """Return what people are told who look at what would leave: a line where nobody is left out of records."""
    if site.opt_outs is not None or site.already_public:
        return ()
    return (
        "No opt-outs are applied: everybody in the records is counted. For patients of the NHS in England say in "
        "site.yaml, under `opt_outs`, how those are left out who have opted out.",
    )


def _excluded(
    records: Records, people: PeopleNumbers, allowed: KeptList, *, keep_unknown: bool, tell: Callable[[str], None]
) -> Exclusion:
    files = person_files(records)
    ids = _people_of(records)
    numbers = people.of(ids)
    unknown = numbers < 0
    listed = allowed.holds(numbers) & ~unknown
    out = ~listed & ~(unknown & keep_unknown)
    not_listed = int(np.count_nonzero(~listed & ~unknown))
    tell(
        f"{records.site}: opt-outs as of {allowed.on}: {np.count_nonzero(out):,} of {len(ids):,} people are in no "
        f"count. {not_listed:,} are not on the list, for they have opted out or came after it was asked for; "
        f"{np.count_nonzero(unknown):,} have no NHS number and are {'kept' if keep_unknown else 'left out'}"
    )
    return Exclusion(person_ids=np.unique(ids[out]), files=files)


def request_opt_outs(site: Site, *, out: Path | None, today: date, progress: Progress) -> tuple[Path, int]:
    """Write the file that asks the national service about everybody at a site who has an NHS number.

    Args:
        site: whose people.
        out: where to write it; in the site's folder `opt-outs` if not said.
        today: the day of the request.
        progress: told how far it is.

    Returns:
        Where it is, and how many people are in it.

    Raises:
        RoundsError: naming what is wrong; nothing was written then.
    """
    block, source = _of(site)
    progress.step("reading who has which number", 1)
    people = read_people_numbers(numbers_path(site, block), site=site.id)
    records = open_records(
        site.folder / source.folder,
        site=site.id,
        outside_observation=source.outside_observation,
        as_of=today,
        checked=site.checked_path,
    )
    numbers = people.of(_people_of(records))
    numbers = np.unique(numbers[numbers >= 0])
    progress.advance()
    path = out or site.opt_outs_folder / f"request-{today.isoformat()}.dat"
    if not len(numbers):
        raise RecordsError(f"site {site.id}: nobody has an NHS number; there is nothing to ask")
    refuse_unwritable(path.parent)
    with only_one(site.folder, doing="asking about opt-outs", wait_seconds=_WAIT_SECONDS):
        _keep(site, ASKED, KeptList(on=today, numbers=numbers), action=Action.OPT_OUTS_ASKED, today=today)
        write_list(path, numbers)  # after it was logged
    return path, len(numbers)


def take_opt_outs(site: Site, file: Path, *, made_on: date | None, today: date, progress: Progress) -> tuple[int, int]:
    """Take in what the service gave back: the numbers of those who have not opted out.

    Args:
        site: whose people.
        file: the list.
        made_on: the day the service made it. If it is not said it counts as made on the day it was asked for, which is
            never too late.
        today: the day it is taken in.
        progress: told how far it is.

    Returns:
        How many people may be used, and of how many.

    Raises:
        RoundsError: naming what is wrong with the list, and the line; the list before stays then.
    """
    block, _ = _of(site)
    asked = read_kept(site.opt_outs_folder / ASKED)
    if asked is None:
        raise RecordsError(f"site {site.id}: nobody has been asked about; write the request first and send it")
    on = made_on or asked.on
    if on < asked.on:
        raise RecordsError(
            f"site {site.id}: {file}: a list made on {on} does not answer the request of {asked.on}; take its answer"
        )
    _refuse_day(site, block, on, today=today)
    if file.exists() and datetime.fromtimestamp(file.stat().st_mtime, tz=UTC).date() > today:
        raise RecordsError(
            f"site {site.id}: {file} was written in the future, as the disk says; correct the clock of this machine"
        )
    numbers = read_list(file, progress=progress)
    strangers = np.flatnonzero(~asked.holds(numbers))
    if len(strangers):
        raise RecordsError(
            f"site {site.id}: {file}: line {strangers[0] + 1:,} names somebody who was not asked about on {asked.on} "
            f"({len(strangers):,} such lines in all); take the answer to that request, or ask anew"
        )
    with only_one(site.folder, doing="taking in opt-outs", wait_seconds=_WAIT_SECONDS):
        before = read_kept(site.opt_outs_folder / ALLOWED) if (site.opt_outs_folder / ALLOWED).exists() else None
        if before is not None and before.on > on:
            raise RecordsError(f"site {site.id}: {file}: a list of {before.on} is kept, which is newer than of {on}")
        allowed = KeptList(on=on, numbers=np.sort(numbers))
        _keep(site, ALLOWED, allowed, action=Action.OPT_OUTS_TAKEN, today=today)
    return len(numbers), len(asked.numbers)


def _keep(site: Site, name: str, kept: KeptList, *, action: Action, today: date) -> None:
    folder = site.opt_outs_folder
    folder.mkdir(mode=0o700, exist_ok=True)
    remove_partials(folder)
    digest = proofs_key(site, today=today).mac(action.encode(), kept.on.isoformat().encode(), kept.content).hex()
    event = Event(action=action, round_id=f"opt-outs-{kept.on}", party=site.id, digest=digest, day=today)
    write_private_fact(folder / name, encode_kept(kept), event=event, log=site.ledger_path)


def _fresh(site: Site, block: OptOutsBlock, *, today: date) -> KeptList:
    """Return the list of who may be used.

    Raises:
        DisclosureRefusal: if there is none, it is stale, or the clock was set back.
    """
    allowed = read_kept(site.opt_outs_folder / ALLOWED)
    if allowed is None:
        raise DisclosureRefusal(
            f"site {site.id}: it is not known who has opted out, and site.yaml has `opt_outs`; {_HOW}"
        )
    _refuse_day(site, block, allowed.on, today=today)
    refuse_clock_set_back(site.ledger_path, today=today)
    return allowed


def _refuse_day(site: Site, block: OptOutsBlock, on: date, *, today: date) -> None:
    if on > today:
        raise DisclosureRefusal(
            f"site {site.id}: the list of who has not opted out is of {on}, and today is {today} by the clock; correct "
            "the clock, or the day that was given"
        )
    if (days := (today - on).days) > block.at_most_days:
        raise DisclosureRefusal(
            f"site {site.id}: the list of who has not opted out is of {on}, {days} days old, and may be "
            f"{block.at_most_days} (`opt_outs.at_most_days` in site.yaml); {_HOW}"
        )


def _of(site: Site) -> tuple[OptOutsBlock, RecordsBlock]:
    if site.opt_outs is None or not isinstance(site.source, RecordsBlock):
        raise DefinitionError(
            f"{site.folder / 'site.yaml'}: there is no block `opt_outs`; say `nhs_numbers` and `without_number` there "
            "first"
        )
    return site.opt_outs, site.source


def numbers_path(site: Site, block: OptOutsBlock) -> Path:
    """Return the file that says who has which NHS number."""
    if block.nhs_numbers != IDENTITIES:
        return site.folder / block.nhs_numbers
    source = site.source
    assert isinstance(source, RecordsBlock)  # noqa: S101  # opt-outs of anything else are refused with the settings
    return site.folder / source.folder / IDENTITIES_FOLDER / f"{PERSON.name}.parquet"


def _people_of(records: Records) -> NDArray[np.int64]:
    with records.connect() as connection:
        rows = connection.execute("SELECT person_id FROM person").fetchnumpy()
    return np.asarray(rows["person_id"], dtype=np.int64)

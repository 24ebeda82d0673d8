"""Pseudonyms: what stands for a person in data that leave a project's site, or are linked inside it.

HMAC-SHA256 under a key of the site's own, one for each project, and rotated: a pseudonym says under which key it was
made. It is never a hash of an identifier, salted or not: all NHS numbers are hashed in minutes, and whoever knows the
salt of a hash has everybody. The centre sees none: `exchange` has no place that a pseudonym could stand in.
"""

import csv
import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from rounds.audit.chain import Action, Event
from rounds.errors import DefinitionError, RoundsError
from rounds.site.folder import RecordsBlock, Site
from rounds.site.opt_outs import open_site_records
from rounds.site.own_secrets import Secret, make_secret, proofs_key, read_secret
from rounds.storage.facts import write_private_fact
from rounds.storage.identifiers import check_identifier
from rounds.storage.lock import only_one
from rounds.storage.progress import Progress

_SHOWN_BYTES: Final = 16
"""Of the 32 of an HMAC: two of 6 million people have one pseudonym with a chance of 5e-26."""
_PORTION: Final = 100_000
_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pseudonym:
    """What stands for one person in one project. It is no text, so that it gets into no message by accident."""

    project: str
    key: int
    """Which of the project's keys made it, from 1."""
    code: bytes

    @property
    def text(self) -> str:
        """The pseudonym as it is written into a file: the key's number, then 32 hexadecimal digits."""
        return f"{self.project}.{self.key}.{self.code.hex()}"

    def __repr__(self) -> str:
        return f"Pseudonym(project={self.project!r}, key={self.key}, not shown)"


class Pseudonymiser:
    """Makes a project's pseudonyms under its newest key. Its repr does not tell the key."""

    __slots__ = ("_secret", "key", "project")

    def __init__(self, *, project: str, key: int, secret: Secret) -> None:
        """Take the key and its number."""
        self.project, self.key, self._secret = project, key, secret

    def of(self, kind: str, identifier: str) -> Pseudonym:
        """Return what stands for somebody.

        Args:
            kind: what the identifier is, such as "person_id": one number of two kinds is two people.
            identifier: whose.
        """
        code = self._secret.mac(b"pseudonym", self.project.encode(), kind.encode(), identifier.encode())
        return Pseudonym(project=self.project, key=self.key, code=code[:_SHOWN_BYTES])

    def __repr__(self) -> str:
        return f"Pseudonymiser(project={self.project!r}, key={self.key})"


def pseudonymiser(site: Site, *, project: str, today: date, rotate: bool = False) -> Pseudonymiser:
    """Return what makes a project's pseudonyms; its first key is made on first use.

    Args:
        site: whose people.
        project: its id.
        today: the day that the log tells of a new key.
        rotate: whether to make a new key. Keys before it are kept: pseudonyms they made can be told from their number.

    Raises:
        RoundsError: if others than its owner may read the key, or it is damaged.
    """
    check_identifier(project, what="project", error=DefinitionError)
    keys = site.folder / "keys" / "pseudonyms" / project
    numbers = [int(path.stem) for path in keys.glob("*.key") if path.stem.isdigit()] if keys.is_dir() else []
    latest = max(numbers, default=0)
    if rotate or not latest:
        latest += 1
        called = f"pseudonyms-{project}-{latest}"
        secret = make_secret(site, keys / f"{latest:04d}.key", called=called, today=today)
        return Pseudonymiser(project=project, key=latest, secret=secret)
    kept = read_secret(keys / f"{latest:04d}.key")
    if kept is None:
        raise RoundsError(f"{keys}: its newest key is gone; restore it from a copy, or make a new one (--rotate)")
    return Pseudonymiser(project=project, key=latest, secret=kept)


def write_pseudonyms(
    site: Site, *, project: str, out: Path, today: date, rotate: bool, progress: Progress
) -> tuple[int, int]:
    """Write person_id and pseudonym of everybody who may be counted, for its owner's eyes alone.

    Args:
        site: whose people; those who have opted out are not among them.
        project: what the pseudonyms are for.
        out: the CSV.
        today: to tell a stale list of opt-outs.
        rotate: whether to make a new key first.
        progress: told how far it is.

    Returns:
        How many people, and which key.

    Raises:
        RoundsError: if the records cannot be opened, or the key not be read.
    """
    source = site.source
    if not isinstance(source, RecordsBlock) or source.database is not None:
        raise DefinitionError(f"site {site.id}: pseudonyms are made for people in records in a folder; it has none")
    records = open_site_records(site, source, as_of=today, today=today, progress=lambda _: None)
    with records.connect() as connection:
        ids = [row for (row,) in connection.execute("SELECT person_id FROM person ORDER BY 1").fetchall()]
    with only_one(site.folder, doing="making pseudonyms", wait_seconds=_WAIT_SECONDS):
        maker = pseudonymiser(site, project=project, today=today, rotate=rotate)
    progress.step("making pseudonyms", -(-len(ids) // _PORTION))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("person_id", "pseudonym"))
    for at in range(0, len(ids), _PORTION):
        writer.writerows((one, maker.of("person_id", str(one)).text) for one in ids[at : at + _PORTION])
        progress.advance()
    content = text.getvalue().encode()
    digest = proofs_key(site, today=today).mac(b"pseudonyms", project.encode(), content).hex()
    event = Event(action=Action.PSEUDONYMISED, round_id=project, party=site.id, digest=digest, day=today)
    write_private_fact(out, content, event=event, log=site.ledger_path)
    return len(ids), maker.key

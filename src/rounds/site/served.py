"""Tells a site's audit log which imported records it serves."""

import hashlib
from datetime import date
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.records.importing.generation import current_folder
from rounds.site.folder import RecordsBlock, Site
from rounds.storage.audit_log import record, tells

_BLOCK_BYTES = 1 << 22
_MADE_LATER = ("pack",)
"""What counting adds to a generation."""


def served_generation(site: Site) -> Path | None:
    """Return the generation of imported records that a site serves; None if it serves none.

    Raises:
        RecordsError: if the one it should serve is not there.
    """
    source = site.source
    if not isinstance(source, RecordsBlock) or source.database is not None:
        return None
    folder = site.folder / source.folder
    generation = current_folder(folder)
    return None if generation == folder else generation


def log_imported(site: Site, generation: Path | None, *, today: date, again: bool = False) -> None:
    """Record that a generation of records was imported, unless that is recorded already.

    An import that was killed before it could say so is recorded by what the site does next. Call it under the lock of
    the site's folder.

    Args:
        site: whose records.
        generation: where they lie; nothing is recorded if there is none.
        today: the day of the import, or of finding that it was not recorded.
        again: whether a generation of the same name may have been recorded that was another one.

    Raises:
        RoundsError: if the audit log is broken.
    """
    if generation is None:
        return
    if again or not tells(site.ledger_path, action=Action.IMPORTED, round_id=generation.name):
        digest = _digest(generation)
        event = Event(action=Action.IMPORTED, round_id=generation.name, party=site.id, digest=digest, day=today)
        record(site.ledger_path, event)


def _digest(generation: Path) -> str:
    """Return the SHA-256 of every file of a generation and of what the files are called."""
    whole = hashlib.sha256()
    for path in sorted(generation.rglob("*")):
        within = path.relative_to(generation)
        if path.is_file() and within.parts[0] not in _MADE_LATER:
            whole.update(f"{within.as_posix()} {path.stat().st_size}\n".encode())
            with path.open("rb") as stream:
                while block := stream.read(_BLOCK_BYTES):
                    whole.update(block)
    return whole.hexdigest()

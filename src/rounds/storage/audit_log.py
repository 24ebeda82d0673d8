"""The audit log on disk: written in one piece, so that it is never half a line long."""

from pathlib import Path

from rounds.audit import chain
from rounds.storage.atomic import write_file


def record(path: Path, event: chain.Event) -> None:
    """Add an event to the log at `path`, unless the same event is in it already.

    Raises:
        RoundsError: if the log on disk is broken.
    """
    entries = read_log(path)
    longer = chain.append(entries, event)
    if longer is not entries:
        write_file(path, chain.encode(longer))


def read_log(path: Path) -> tuple[chain.Entry, ...]:
    """Return the entries of a log, checked; an absent log is empty."""
    return chain.decode(path.read_bytes(), source=str(path)) if path.exists() else ()

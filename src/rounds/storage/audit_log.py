"""The audit log on disk: written in one piece, so that it is never half a line long."""

from pathlib import Path

from rounds.audit import chain
from rounds.storage.atomic import write_file


def record(path: Path, *events: chain.Event) -> None:
    """Add events to the log at `path`, each unless the same event is in it already. The log is written once, or not.

    Raises:
        RoundsError: if the log on disk is broken.
    """
    entries = longer = read_log(path)
    for event in events:
        longer = chain.append(longer, event)
    if longer is not entries:
        write_file(path, chain.encode(longer))


def read_log(path: Path) -> tuple[chain.Entry, ...]:
    """Return the entries of a log, checked; an absent log is empty."""
    return chain.decode(path.read_bytes(), source=str(path)) if path.exists() else ()

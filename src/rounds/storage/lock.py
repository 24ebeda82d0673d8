"""One writer at a time in a folder. The lock dies with the process that holds it, even when that is killed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rounds.errors import RoundsError


@contextmanager
def only_one(folder: Path, *, doing: str) -> Iterator[None]:
    """Hold a folder while the block runs.

    Args:
        folder: must exist.
        doing: what the holder does, for the message to whoever comes second.

    Raises:
        RoundsError: if another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RoundsError(f"{folder}: another process is {doing} here; wait until it has finished") from None
        yield
    finally:
        os.close(descriptor)

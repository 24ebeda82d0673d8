"""One writer at a time in a folder. The lock dies with the process that holds it, even when that is killed."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rounds.errors import RoundsError

_POLL_SECONDS = 0.2


@contextmanager
def only_one(folder: Path, *, doing: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold a folder while the block runs.

    Args:
        folder: must exist.
        doing: what the holder does, for the message to whoever comes second.
        wait_seconds: how long to wait for another holder to finish.

    Raises:
        RoundsError: if another process still holds it then.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    give_up = time.monotonic() + wait_seconds
    try:
        while not _taken(descriptor):
            if time.monotonic() >= give_up:
                raise RoundsError(f"{folder}: another process is {doing} here; wait until it has finished")
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

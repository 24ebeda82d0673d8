"""Keeps what a library writes to standard output by itself out of what this program says there."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_printed() -> Iterator[None]:
    """Throw away whatever is written to standard output while the block runs, also by compiled code.

    The solver of the gate says its name and version there when it is first used, and cannot be told not to.
    """
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)

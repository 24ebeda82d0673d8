"""Files of a pack that are complete: they are flushed to the disk and summed up while others are still written."""

import os
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Self

from rounds.engines.pack.layout import checksum


class PutAway:
    """Sees to the arrays of a folder that nobody writes to any more, in other threads.

    Flushing waits for the disk and takes no processor: it has a thread of its own.
    """

    def __init__(self, folder: Path, pool: Executor, flusher: Executor) -> None:
        self._folder, self._pool, self._flusher = folder, pool, flusher
        self._sums: dict[Path, Future[int]] = {}
        self._flushed: list[Future[None]] = []

    def arrays(self, of: str = "*.npy") -> Self:
        """Put those away whose names match and that are not yet."""
        for path in sorted(self._folder.glob(of)):
            if path not in self._sums:
                self._flushed.append(self._flusher.submit(flush, path))
                self._sums[path] = self._pool.submit(checksum, path)
        return self

    def files(self) -> dict[str, list[int]]:
        """Return how many bytes each has and their checksum, when all of them stand on the disk.

        Raises:
            OSError: if the disk does not take one.
        """
        for one in self._flushed:
            one.result()
        return {path.name: [path.stat().st_size, self._sums[path].result()] for path in sorted(self._sums)}


def flush(path: Path) -> None:
    """Make sure that a file stands on the disk, and that only its owner reads it."""
    path.chmod(0o600)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())

"""Files of a pack that are complete: they are flushed to the disk and summed up while others are still written."""

import os
from collections.abc import Collection, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from types import MappingProxyType
from typing import Self

from rounds.engines.pack.layout import checksum


class PutAway:
    """Sees to the arrays of a folder that nobody writes to any more, in other threads.

    Flushing waits for the disk and takes no processor: it has a thread of its own.
    """

    def __init__(self, folder: Path, pool: Executor, flusher: Executor) -> None:
        self._folder, self._pool, self._flusher = folder, pool, flusher
        self._sums: dict[Path, Future[int]] = {}
        self._flushed: dict[Path, Future[None]] = {}

    def arrays(self, of: str = "*.npy") -> Self:
        """Put those away whose names match and that are not yet."""
        for path in sorted(self._folder.glob(of)):
            self._put_away(path, summed_up=True, flushed=True)
        return self

    def files(
        self, *, known: Mapping[str, list[int]] = MappingProxyType({}), on_disk: Collection[str] = ()
    ) -> dict[str, list[int]]:
        """Put away what is left; return how many bytes each has and its checksum, when all of them stand on the disk.

        Args:
            known: the same of files of which it is known already.
            on_disk: files that stand there for sure.

        Raises:
            OSError: if the disk does not take one.
        """
        for path in sorted(self._folder.glob("*.npy")):
            self._put_away(path, summed_up=path.name not in known, flushed=path.name not in on_disk)
        for one in self._flushed.values():
            one.result()
        summed_up = {path.name: [path.stat().st_size, found.result()] for path, found in self._sums.items()}
        return dict(sorted({**known, **summed_up}.items()))

    def _put_away(self, path: Path, *, summed_up: bool, flushed: bool) -> None:
        if flushed and path not in self._flushed:
            self._flushed[path] = self._flusher.submit(flush, path)
        if summed_up and path not in self._sums:
            self._sums[path] = self._pool.submit(checksum, path)


def flush(path: Path) -> None:
    """Make sure that a file stands on the disk, and that only its owner reads it."""
    path.chmod(0o600)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())

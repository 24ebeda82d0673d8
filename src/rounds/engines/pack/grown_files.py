"""The files that a pack shares with the one before: linked, and some of them with more behind what was there.

Nothing that was written is written over, and nothing is cut off that somebody else wrote: a file is made longer only
while it is exactly as long as the pack before knows it. So the pack before stays whole whatever happens to the one that
is made from it, of two processes that would make a file longer one does, and a tail that a killed process left behind
means that the next pack is built anew.
"""

import errno
import fcntl
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rounds.engines.pack.layout import Array


class CannotGrow(Exception):
    """A pack cannot be made from the one before; it can be built anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownFiles:
    """What a new pack has of the one before."""

    before: Path
    after: Path
    known: Mapping[str, list[int]]
    """Of each file of the pack before how many bytes it has, and their checksum."""
    files: dict[str, list[int]] = field(default_factory=dict)
    """The same of what is shared, as it is now."""
    _lengthened: list[str] = field(default_factory=list)

    def link(self, *names: str) -> None:
        """Give arrays of the pack before to the new one.

        Raises:
            CannotGrow: if the disk gives no file a second name.
        """
        for name in names:
            file = f"{name}.npy"
            try:
                os.link(self.before / file, self.after / file)
            except OSError as error:
                raise CannotGrow(f"{self.before / file} cannot be linked: {error.strerror}") from None
            self.files[file] = self.known[file]

    def lengthen(self, name: str, array: Array) -> None:
        """Write more values behind those of an array that is linked.

        Raises:
            CannotGrow: if somebody else has, or is about to.
            OSError: if the disk is full.
        """
        file = f"{name}.npy"
        size, checksum = self.files[file]
        with (self.after / file).open("r+b", buffering=0) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CannotGrow(f"{file} cannot be locked: {error.strerror}") from None
            if stream.seek(0, os.SEEK_END) != size:
                raise CannotGrow(f"{file} is longer than the pack before knows it")
            self._lengthened.append(file)
            values = array.view(np.uint8).data
            while values:
                written = os.write(stream.fileno(), values)
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self.files[file] = [size := size + written, checksum := zlib.crc32(values[:written], checksum)]
                values = values[written:]

    def undo(self) -> None:
        """Cut off what was written by `lengthen`: a pack that nobody has seen is not going to be."""
        for file in self._lengthened:
            with suppress(OSError), (self.after / file).open("r+b", buffering=0) as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if stream.seek(0, os.SEEK_END) == self.files[file][0]:  # nobody else has written behind it since
                    stream.truncate(self.known[file][0])
        self._lengthened.clear()

"""Arrays as files of a pack, and as files that nobody sees."""

import mmap
import os
import tempfile
import weakref
from pathlib import Path
from typing import Final

import numpy as np

from rounds.engines.pack.layout import Array

_ZEROS: Final = memoryview(bytes(1 << 20))


def save(folder: Path, name: str, array: Array) -> None:
    """Write an array that is complete."""
    np.save(folder / f"{name}.npy", array)


def new_array(folder: Path, name: str, *, kind: str, length: int) -> Array:
    """Return an array that is a file, to be written to.

    Raises:
        OSError: if there is no room for it: a write to a map of a full disk would end the process.
    """
    path = folder / f"{name}.npy"
    if length == 0:
        empty = np.empty(0, dtype=kind)
        np.save(path, empty)
        return empty
    array = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=(length,))
    with path.open("r+b") as stream:
        _take_room(stream.fileno(), array.offset, array.nbytes)
    return np.asarray(array)


def room_aside(folder: Path, length: int, kind: str) -> Array:
    """Return an array that lies in a file without a name, so that it takes no memory and goes when nobody holds it.

    Raises:
        OSError: if there is no room for it.
    """
    size = max(length, 1)
    with tempfile.TemporaryFile(dir=folder) as file:
        _take_room(file.fileno(), 0, size * np.dtype(kind).itemsize)
        mapped = np.memmap(file, dtype=kind, mode="r+", shape=(size,))
    return np.asarray(mapped)[:length]


class Aside:
    """An array in a file without a name that is written piece by piece, by several threads, and then read.

    What is never written takes no room and is zero. Writing to a file costs a third of writing to a map of one, whose
    pages must be zeros first and are then met one by one.
    """

    def __init__(self, folder: Path, length: int, kind: str) -> None:
        self.kind = np.dtype(kind)
        with tempfile.TemporaryFile(dir=folder) as file:
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        os.truncate(self._file, max(length, 1) * self.kind.itemsize)

    def write(self, at: int, values: Array) -> None:
        """Write some values.

        Raises:
            OSError: if there is no room for them.
        """
        rest = np.ascontiguousarray(values, dtype=self.kind).data.cast("B")
        place = at * self.kind.itemsize
        while rest:
            written = os.pwrite(self._file, rest, place)
            rest, place = rest[written:], place + written

    def mapped(self) -> Array:
        """Return what is written."""
        return np.frombuffer(mmap.mmap(self._file, 0, access=mmap.ACCESS_READ), dtype=self.kind)


def _take_room(file: int, start: int, size: int) -> None:
    """Take room on the disk for a file that is going to be mapped, and fill it with zeros.

    Of pages that are in memory already the first write to a map costs a sixth of what it costs where the disk has only
    set blocks aside.
    """
    os.posix_fallocate(file, 0, start + size)
    for at in range(start, start + size, len(_ZEROS)):
        os.pwrite(file, _ZEROS[: start + size - at], at)

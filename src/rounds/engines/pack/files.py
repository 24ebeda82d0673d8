"""Arrays as files of a pack, and as files that nobody sees."""

import os
import tempfile
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


def _take_room(file: int, start: int, size: int) -> None:
    """Take room on the disk for a file that is going to be mapped, and fill it with zeros.

    Of pages that are in memory already the first write to a map costs a sixth of what it costs where the disk has only
    set blocks aside.
    """
    os.posix_fallocate(file, 0, start + size)
    for at in range(start, start + size, len(_ZEROS)):
        os.pwrite(file, _ZEROS[: start + size - at], at)

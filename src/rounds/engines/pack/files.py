"""Arrays as files of a pack."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rounds.engines.pack.layout import Array


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
    array: Array = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=(length,))
    with path.open("r+b") as stream:
        os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    return array


@contextmanager
def room_aside(folder: Path, like: Array) -> Iterator[Array]:
    """Give an array of the same shape and type that lies in a file without a name, so that it takes no memory.

    Raises:
        OSError: if there is no room for it.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, max(like.nbytes, 1))
        yield np.memmap(file, dtype=like.dtype, mode="r+", shape=like.shape)

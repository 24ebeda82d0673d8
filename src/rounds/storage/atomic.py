"""Writes that are whole or absent: a process killed at any point leaves no half-written file or folder behind."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rounds.errors import RoundsError

_PARTIAL = ".partial-"
_SWAP_SECONDS = 0.05


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees either all of it or the file as it was before.

    Args:
        path: where it belongs; missing parent folders are made.
        content: every byte of it.
    """
    partial = path.with_name(f"{_PARTIAL}{os.getpid()}-{path.name}")
    with _refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)  # noqa: PTH105 - one named call, so that tests can cut the power there
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, such as a private key."""
    partial = path.with_name(f"{_PARTIAL}{os.getpid()}-{path.name}")
    with _refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)  # noqa: PTH105 - see write_file
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Replace a whole folder by what `fill` writes into an empty one.

    Killed before the swap, the old folder stays; killed during it, the old one lies beside, where `standing` finds it
    and the next call puts it back.

    Args:
        path: the folder to make or replace.
        fill: writes the content into the empty folder it is given.
    """
    with _refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        put_back(path)
        partial = path.with_name(f"{_PARTIAL}{os.getpid()}-{path.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            fill(partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        if path.exists():
            outgoing = path.with_name(f"{_PARTIAL}{os.getpid()}-old-{path.name}")
            os.replace(path, outgoing)  # noqa: PTH105 - see write_file
            os.replace(partial, path)  # noqa: PTH105
            shutil.rmtree(outgoing)
        else:
            os.replace(partial, path)  # noqa: PTH105
        _sync_folder(path.parent)


def standing(path: Path) -> Path:
    """Return where a folder's content is: there, or beside it if a process was killed while it swapped the folder."""
    for _ in range(2):
        left = None if path.exists() else _swapped_out(path)
        if left is None:
            return path
        time.sleep(_SWAP_SECONDS)  # whoever is swapping it just now is done by then
    return left if left is not None and not path.exists() else path


def put_back(path: Path) -> None:
    """Put a folder back that a killed process left beside its place. Call it only under the lock of its writers."""
    if not path.exists() and (left := _swapped_out(path)) is not None:
        os.replace(left, path)  # noqa: PTH105 - see write_file


def _swapped_out(path: Path) -> Path | None:
    left = path.parent.glob(f"{_PARTIAL}*-old-{path.name}")
    return max(left, key=lambda one: one.stat().st_mtime, default=None)


def refuse_unwritable(*folders: Path) -> None:
    """Raise if a folder, or the nearest one above it that exists, takes no new files. Nothing is tried.

    Raises:
        RoundsError: naming the folder.
    """
    for folder in folders:
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        if not os.access(there, os.W_OK):
            raise RoundsError(
                f"{there}: nothing can be written here (read-only, or not yours); nothing was done; give access, then "
                "run it again"
            )


def remove_partials(folder: Path, *, of: str = "*") -> None:
    """Delete what killed processes left in a folder's direct children. Call it only under the lock of who writes there.

    Args:
        folder: where to look; may be absent.
        of: the name of the file whose leftovers go, where others write into the same folder.
    """
    if not folder.is_dir():
        return
    for leftover in folder.glob(f"{_PARTIAL}*-{of}"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _refusals_named(path: Path) -> Iterator[None]:
    """Let every refusal of the system name what was to be written. A full disk names nothing of its own accord."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # without a number the error has its own words and no room for a name
            error.filename = str(path)
        raise

"""Generations of a site's records: a new one is built beside the old, checked, and then pointed to by one small file.

    records/CURRENT               the name of the generation that is served
    records/generation-0007/      its tables, and the report of the import that made it
    records/generation-0006/      the one before, for whoever was still reading it
    records/generation-0004/      no more than those of its files that later ones link to (see `shared_files`)

Killed at any point, an import leaves CURRENT as it was; the next import removes what lies about.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from rounds.errors import RecordsError
from rounds.records.importing.shared_files import remove_unshared, shared_by
from rounds.storage.atomic import remove_partials, write_file
from rounds.storage.lock import only_one

T = TypeVar("T")

POINTER: Final = "CURRENT"
_NAME: Final = re.compile(r"generation-([0-9]{4,})")
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


def current_folder(folder: Path) -> Path:
    """Return the folder in which the tables lie that are served: the current generation, or the folder itself.

    Args:
        folder: a site's records; without a file CURRENT its tables lie in it directly.

    Raises:
        RecordsError: if CURRENT names no generation that is there.
    """
    pointer = folder / POINTER
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return folder
    except (OSError, UnicodeDecodeError):
        raise RecordsError(f"{pointer} cannot be read; restore it from a copy, or import the records again") from None
    if not _NAME.fullmatch(name) or not (folder / name).is_dir():
        raise RecordsError(f"{pointer} names no generation of records in {folder}; import the records again")
    return folder / name


def replace_records(
    folder: Path, *, needed_bytes: int, build: Callable[[Path, Path], T], check: Callable[[Path], None]
) -> T:
    """Build a new generation, check it and serve it from then on; if anything fails, the old one stays.

    Args:
        folder: the site's records; made if it is absent.
        needed_bytes: what the import will write at most, as far as can be told beforehand.
        build: writes the tables into the first folder it is given; the second is for what it needs on the way, private
            and removed when it returns.
        check: raises if the tables in a folder must not be served.

    Returns:
        What `build` returned.

    Raises:
        RoundsError: if another import is under way here.
        RecordsError: if the disk is too small or fills up, or `check` refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder, doing="importing records"):
        remove_partials(folder)
        served = current_folder(folder)
        _remove_generations(folder, keep=(served,))
        refuse_small_disk(folder, needed_bytes=needed_bytes)
        number = 1 + max((int(_NAME.fullmatch(path.name)[1]) for path in generations(folder)), default=0)  # type: ignore[index]  # they match
        generation = folder / f"generation-{number:04d}"
        partial = folder / f".partial-{os.getpid()}-{generation.name}"
        try:
            partial.mkdir(mode=0o700)
            scratch = partial / "scratch"
            scratch.mkdir(mode=0o700)
            result = build(partial, scratch)
            shutil.rmtree(scratch)
            check(partial)
            _flush(partial)
            partial.rename(generation)
            write_file(folder / POINTER, f"{generation.name}\n".encode())
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in _NO_SPACE:
                raise disk_full(folder) from None
            raise
        _remove_generations(folder, keep=(generation, served))
        return result


def remove_other_generations(folder: Path) -> None:
    """Delete every generation but the one that is served, also for whoever was still reading it."""
    with only_one(folder, doing="importing records"):
        _remove_all_but(folder, [current_folder(folder)])


def refuse_small_disk(folder: Path, *, needed_bytes: int) -> None:
    """Raise a RecordsError if a disk has less free than an import may need."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise RecordsError(
            f"{folder}: the import may need {_size(needed_bytes)} on this disk, and {_size(free)} are free; make "
            "room or put the site's folder on a larger disk. The records that were there are still served"
        )


def _size(number: int) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"


def disk_full(folder: Path) -> RecordsError:
    """Return the refusal for a disk that filled up in the middle of an import."""
    return RecordsError(
        f"{folder}: the disk is full; make room and import again. The records that were there are still served"
    )


def generations(folder: Path) -> list[Path]:
    """Return every generation of a site's records that is there, or of which files are left that others link to."""
    return [path for path in folder.iterdir() if path.is_dir() and _NAME.fullmatch(path.name)]


def _remove_generations(folder: Path, *, keep: tuple[Path, ...]) -> None:
    # The one before the current stays: somebody who opened it an hour ago may still be counting.
    ordered = sorted(generations(folder), key=lambda path: path.name)
    before = [path for path in ordered if path not in keep and path.name < keep[0].name][-1:] if len(keep) == 1 else []
    _remove_all_but(folder, [*keep, *before])


def _remove_all_but(folder: Path, kept: list[Path]) -> None:
    shared = shared_by(kept)
    for path in generations(folder):
        if path not in kept:
            remove_unshared(path, shared)


def _flush(folder: Path) -> None:
    """Make sure that what is written stands on the disk before anything points to it."""
    for path in (*(path for path in folder.rglob("*") if not path.is_symlink()), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

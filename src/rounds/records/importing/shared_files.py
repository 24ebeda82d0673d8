"""Files that generations of records share: one that has not changed stays where it was written, and is linked to.

A symbolic link changes nothing about the file, not even the moments that the disk notes: whoever knows it from before
(checked records, fingerprints, an index) knows it still. A second name by a hard link would be a change. When the
generation that wrote it goes, what others link to is left.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def share(path: Path, into: Path) -> None:
    """Give a file a second name in another generation, or copy it where the disk knows no links.

    Args:
        path: the file, or a link to it.
        into: its new name, in a folder as deep as it will be when it is served.
    """
    real = path.resolve()
    try:
        into.symlink_to(os.path.relpath(real, into.parent.resolve()))
    except FileExistsError:
        raise  # a copy would be written into whatever it leads to
    except OSError:
        shutil.copyfile(real, into)


def shared_by(generations: Iterable[Path]) -> frozenset[Path]:
    """Return the files that generations link to, wherever those lie."""
    return frozenset(
        path.resolve() for generation in generations for path in generation.rglob("*") if path.is_symlink()
    )


def remove_unshared(generation: Path, shared: frozenset[Path]) -> None:
    """Delete a generation but for the files that others link to. Killed in between, it can be called again."""
    here = generation.resolve()
    if not any(path.is_relative_to(here) for path in shared):
        shutil.rmtree(generation)
        return
    for path in sorted(generation.rglob("*"), reverse=True):  # what lies in a folder before the folder
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.is_symlink() or path.resolve() not in shared:
            path.unlink()

"""The pack a site counts from: opened, or built first, and a reason where it cannot be."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rounds.engines.pack.layout import KEY, MANIFEST, Pack, damaged, digest_of, open_pack, packs_folder
from rounds.errors import RecordsError, RoundsError
from rounds.records.omop import Records
from rounds.storage.lock import only_one

WAIT_FOR_ANOTHER_BUILD_SECONDS: Final = 900.0


def served_pack(records: Records, *, build: bool, tell: Callable[[str], None]) -> Pack | str:
    """Return the pack of some records as they are now, or why there is none; it never fails a round.

    A pack that is stale, or lacks a part, is replaced. Of two processes one builds and the other waits.

    Args:
        records: the site's.
        build: whether one may be written if there is none.
        tell: told before one is built, for that takes a while.
    """
    try:
        pack = open_pack(records)
        if pack is not None:
            return pack
        if not build:
            return "its pack is not built yet"
        folder = packs_folder(records)
        folder.mkdir(mode=0o700, exist_ok=True)
        with only_one(folder, doing="building a pack", wait_seconds=WAIT_FOR_ANOTHER_BUILD_SECONDS):
            pack = open_pack(records)  # whoever held the folder may have built it
            if pack is None:
                tell(f"{records.site}: indexing the records in {folder}; the next round finds them indexed")
                pack = _built(records, folder)
    except OSError as error:
        return f"its pack cannot be written or read in {packs_folder(records)}: {error.strerror or error}"
    except RoundsError as error:
        return f"its pack cannot be built: {error}"
    return pack


def refuse_damaged(records: Records) -> None:
    """Raise if there is a pack of some records, as they are now, that is not what was written: every byte is read.

    Counting trusts a file that nobody has written to since, as far as the disk knows; a disk that fails says nothing.

    Raises:
        RecordsError: naming the folder and what is damaged in it.
    """
    folder = packs_folder(records) / digest_of(records)[:16]
    if not (folder / MANIFEST).exists():
        return
    try:
        found = damaged(folder)
    except (OSError, ValueError):
        found = [MANIFEST]
    if found:
        raise RecordsError(
            f"site {records.site}: the index of its records in {folder} is damaged ({', '.join(found)}); look at the "
            "disk and delete that folder: the next round indexes the records anew"
        )


def _built(records: Records, folder: Path) -> Pack:
    """Return a new pack, made from the latest there is as far as the records are the same."""
    from rounds.engines.pack.build import build_pack

    packs = [path for path in folder.iterdir() if (path / MANIFEST).exists()]
    try:
        if packs:
            try:
                return build_pack(records, before=max(packs, key=lambda path: (path / MANIFEST).stat().st_mtime_ns))
            except OSError:  # such as a disk that does not hold two of them
                _remove_others(records)
        return build_pack(records)
    finally:
        _remove_others(records)


def _remove_others(records: Records) -> None:
    """Delete packs of what the records were before: people who have left since would still be in them."""
    keep = {digest_of(records)[:16], KEY}
    for path in packs_folder(records).iterdir():
        if path.is_dir() and path.name not in keep:
            shutil.rmtree(path)
        elif not path.is_dir() and path.name not in keep:
            path.unlink()

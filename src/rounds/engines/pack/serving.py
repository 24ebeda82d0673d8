"""The pack a site counts from: opened, or built first, and a reason where it cannot be."""

import shutil
from collections.abc import Callable
from typing import Final

from rounds.engines.pack.build import build_pack
from rounds.engines.pack.layout import Pack, digest_of, open_pack, packs_folder
from rounds.errors import RoundsError
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
                _remove_others(records)
                pack = build_pack(records)
    except OSError as error:
        return f"its pack cannot be written or read in {packs_folder(records)}: {error.strerror or error}"
    except RoundsError as error:
        return f"its pack cannot be built: {error}"
    return pack


def _remove_others(records: Records) -> None:
    """Delete packs of what the records were before: people who have left since would still be in them."""
    keep = digest_of(records)[:16]
    for path in packs_folder(records).iterdir():
        if path.is_dir() and path.name != keep:
            shutil.rmtree(path)
        elif not path.is_dir():
            path.unlink()

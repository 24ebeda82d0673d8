"""Takes a pack over into a generation of records that adds to its own: it is what the next pack grows from."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from rounds.engines.pack.layout import FOLDER, KEY, MANIFEST


def carry_pack(served: Path, new: Path) -> None:
    """Give the latest pack of a generation a second name in another, with the key of its people's marks.

    Nothing is copied, and nothing of it changes. It is not the pack of the new records, which the next round makes from
    it. Where the disk gives no file a second name, or the pack goes meanwhile, none is taken over: the next round
    builds one.

    Args:
        served: the folder of the tables of which there may be a pack.
        new: the folder of tables that have grown from those.
    """
    packs, into = served / FOLDER, new / FOLDER
    try:
        whole = [path for path in packs.iterdir() if not path.name.startswith(".") and (path / MANIFEST).exists()]
        if not whole:
            return
        latest = max(whole, key=lambda path: (path / MANIFEST).stat().st_mtime_ns)
        (into / latest.name).mkdir(parents=True)
        for folder in (into, into / latest.name):
            folder.chmod(0o700)
        os.link(packs / KEY, into / KEY)
        for path in latest.iterdir():
            os.link(path, into / latest.name / path.name)
    except OSError:
        with suppress(OSError):
            shutil.rmtree(into)

"""One at a time in what people record of a network: who imports holds the folder from reading it to writing it.

Otherwise two imports at once would both add to what they read, and the second would write over what the first added.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rounds.storage.atomic import put_back, remove_partials
from rounds.storage.lock import only_one
from rounds.storage.match_files import MATCHES
from rounds.storage.pipeline_files import FOLDER
from rounds.storage.workspace import Workspace, read_workspace

ADOPTIONS: Final = "adoptions.csv"
COMPANIES: Final = "company-matches.csv"
RECORDED: Final = (ADOPTIONS, MATCHES, COMPANIES, FOLDER)
"""What people record of a network. The audit log calls the round of each by its name, without an ending."""
_WAIT_SECONDS: Final = 10.0


@contextmanager
def held_workspace(folder: Path, *, wait_seconds: float = _WAIT_SECONDS) -> Iterator[Workspace]:
    """Hold a network's folder while something is recorded in it, and yield what is in it.

    What a killed import left is cleared away first; what was recorded before it stands.

    Args:
        folder: the network's.
        wait_seconds: how long to wait for another import to end.

    Raises:
        RoundsError: if another process still holds it then, naming the folder.
        DefinitionError: if it cannot be read as a network's folder.
    """
    if not (folder / "network.yaml").exists():
        yield read_workspace(folder)  # which says what is missing
        return
    with only_one(folder, doing="recording adoption or the pipeline", wait_seconds=wait_seconds):
        put_back(folder / FOLDER)
        for name in RECORDED:
            remove_partials(folder, of=name)
        yield read_workspace(folder)

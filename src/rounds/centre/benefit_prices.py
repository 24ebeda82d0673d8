"""What a network's library declares its programmes to cost, for whatever is told of benefit in money."""

import hashlib
from pathlib import Path

from rounds.centre.value import VALUES
from rounds.errors import DefinitionError
from rounds.reports.content.benefit_money import Prices
from rounds.storage.value_files import read_declared
from rounds.storage.workspace import Workspace


def prices_in(workspace: Workspace) -> Prices:
    """Return the prices in a network's library; none if there are none.

    A file that cannot be read prices nothing, and what it would have priced says so: events are told without it.
    """
    declared, unread = [], []
    for path in _files(workspace):
        try:
            declared.append(read_declared(path))
        except DefinitionError as problem:
            unread.append(f"{path.name} cannot be read: {str(problem).splitlines()[0]}")
    return Prices(declared=tuple(declared), unread=tuple(unread))


def prices_digests(workspace: Workspace) -> list[str]:
    """Return the digest of each file of prices, by name."""
    return [f"{path.name}: {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in _files(workspace)]


def _files(workspace: Workspace) -> list[Path]:
    return sorted((workspace.folder / "library" / VALUES).glob("*.yaml"))

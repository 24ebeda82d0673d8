"""A small invented network with its round, and ways to look at a folder as a whole."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TODAY = "2025-05-01"


def tree(folder: Path) -> dict[str, str]:
    """Return every file below a folder with the hash of its content, and every empty folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif not any(path.iterdir()):
            found[name] = "empty folder"
    return found


def rounds(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "rounds", *map(str, arguments)],
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "120"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of(network: Path, to: Path) -> Path:
    """Return a fresh copy of a network's folder."""
    return Path(shutil.copytree(network, to))

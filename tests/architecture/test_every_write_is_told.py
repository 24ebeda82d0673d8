"""What is written goes through `storage.facts` alone, which demands the event that is logged, or why none is due."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "rounds"
ROOMS = ("site", "centre", "exchange")
MODULES = sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))

WRITERS = {
    "rounds.storage.atomic": {"write_file", "write_private_file", "write_folder"},
    "rounds.storage.sqlite_file": {"transaction"},
    "rounds.storage.audit_log": {"append"},
}
METHODS = {"write_text", "write_bytes"}

ALLOWED = {
    ("exchange/folder.py", "write_file"): "messages, which are logged as they are signed, and copies of them",
    ("exchange/signing.py", "write_file"): "public keys for others to find, which are logged as they are made",
    ("exchange/masking.py", "write_file"): "likewise",
    ("site/quality.py", "write_text"): "into the folder that `write_unlogged_folder` gives",
    ("centre/publish.py", "write_text"): "into the folder that `write_fact_folder` gives",
    ("centre/pipeline.py", "write_bytes"): "into the folder that `write_fact_folder` gives",
}


def _writes(source: str) -> Iterator[str]:
    """Give every way in which a module writes past `storage.facts`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "rounds.storage":
            yield from (f"{name.name}" for name in node.names if f"rounds.storage.{name.name}" in WRITERS)
        elif isinstance(node, ast.ImportFrom) and node.module in WRITERS:
            yield from (name.name for name in node.names if name.name in WRITERS[node.module] | {"*"})
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in {*WRITERS, "sqlite3"})
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield node.func.attr


def test_nothing_is_written_past_the_log() -> None:
    found = {(str(path.relative_to(PACKAGE)), how) for path in MODULES for how in _writes(path.read_text())}
    assert found == set(ALLOWED), "write through storage.facts, and take out of ALLOWED what is no longer so"


@pytest.mark.parametrize(
    "line",
    [
        "from rounds.storage.atomic import write_file",
        "from rounds.storage.atomic import remove_partials, write_private_file as keep",
        "from rounds.storage import atomic",
        "import rounds.storage.atomic",
        "import sqlite3",
        "from rounds.storage.sqlite_file import transaction",
        "from rounds.storage.audit_log import append",
        "path.write_bytes(b'')",
    ],
)
def test_a_planted_write_is_seen(line: str) -> None:
    source = (PACKAGE / "centre" / "post.py").read_text()
    assert list(_writes(source)) == []
    assert list(_writes(f"{source}\n{line}\n")) != []

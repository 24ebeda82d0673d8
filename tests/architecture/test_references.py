"""Every reference test says what it holds against whom, so that the scoreboard of docs/ is whole."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tests" / "reference").rglob("test_*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_reference_test_declares_its_references(path: Path) -> None:
    spec = importlib.util.spec_from_file_location("scoreboard_page", ROOT / "docs" / "scoreboard_page.py")
    assert spec is not None
    assert spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    found = page.held_against(path)
    assert found, f"{path.name} declares no HELD_AGAINST"
    assert all(len(line) == 3 and all(line) for line in found), path.name

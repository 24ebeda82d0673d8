"""The architecture is enforced: each contract is kept, and a planted violation of each is seen."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

PLANTED = {
    "rooms": [
        ("disclosure/policy.py", "import rounds.engines"),
        ("engines/published.py", "import rounds.exchange"),
        ("network/members.py", "import rounds.audit"),
        ("exchange/messages.py", "import rounds.centre"),
    ],
    "centre-holds-no-records": [
        ("centre/round.py", "import rounds.engines.duck"),
        ("reports/insight.py", "import duckdb"),
    ],
    "learning-is-independent": [("learning/impact/effect.py", "import rounds.learning.spread.adoption")],
    "core-does-no-io": [
        ("disclosure/release.py", "import os"),
        ("measures/periods.py", "import time"),
        ("learning/variation/over_time/xmr.py", "import random"),
        ("network/members.py", "import pathlib"),
    ],
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(script), "--no-cache", "--config", str(folder / "pyproject.toml")],
        cwd=folder / "src",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_are_kept(copy: Path) -> None:
    result = _lint(copy)
    assert result.returncode == 0, result.stdout
    assert f"{len(CONTRACTS)} kept, 0 broken" in result.stdout


def test_every_contract_has_a_planted_violation() -> None:
    assert {contract["id"] for contract in CONTRACTS} == set(PLANTED)


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [(contract, file, line) for contract, plants in PLANTED.items() for file, line in plants],
)
def test_planted_violation_is_seen(copy: Path, contract: str, file: str, line: str) -> None:
    name = next(one["name"] for one in CONTRACTS if one["id"] == contract)
    path = copy / "src" / "rounds" / file
    path.write_text(f"{line}\n{path.read_text()}")
    result = _lint(copy)
    assert result.returncode != 0
    assert re.search(rf"{re.escape(name)} BROKEN", result.stdout), result.stdout


def test_a_room_nobody_planned_is_seen(copy: Path) -> None:
    (copy / "src" / "rounds" / "shed.py").write_text('"""A room outside the plan."""\n')
    result = _lint(copy)
    assert result.returncode != 0
    assert "rounds.shed" in result.stdout

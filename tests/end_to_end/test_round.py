"""A whole round with real processes: it runs, it resumes after any kill, and it does nothing twice."""

import json
import os
from pathlib import Path

import openpyxl
import pytest
from network_copy import TODAY, copy_of, rounds, tree

AUDIENCES = (
    "practitioner",
    "service-manager",
    "commissioner",
    "public-health",
    "local-authority",
    "researcher",
    "policy-maker",
)

# Python reads sitecustomize.py at start: this one cuts the power at the n-th swap of a file, in whichever process.
POWER_CUT = """
import fcntl, os, signal
_log, _at = os.environ["POWER_LOG"], int(os.environ["POWER_CUT_AT"])
_replace = os.replace
def replace(source, target):
    with open(_log, "a+") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.seek(0)
        number = len(log.readlines())
        log.write(f"{target}\\n")
    if number == _at:
        os.kill(os.getpid(), signal.SIGKILL)
    _replace(source, target)
os.replace = replace
"""
STEPS = {
    "the plan": "plan.json",
    "a request kept": "/asked/",
    "a request sent": "/requests/",
    "a site's ledger": "/ledger/",
    "a site's log": "sites/hospital-02/audit.jsonl",
    "a reply": "/replies/",
    "a reply kept": "/received/",
    "a pinned key": "centre/trust/",
    "the pages": "outputs/2024-12",
    "the centre's log": "centre/audit.jsonl",
}


def test_it_says_where_to_look(finished: Path) -> None:
    outputs = next((finished / "outputs").iterdir())
    for name in ("index.html", "insights.json", "insights.xlsx", *(f"{audience}.html" for audience in AUDIENCES)):
        assert (outputs / name).stat().st_size > 0, name
    insights = json.loads((outputs / "insights.json").read_bytes())["insights"]
    kinds = {insight["kind"] for insight in insights}
    assert {"over time", "between sites", "spread", "impact"} <= kinds
    assert len(openpyxl.load_workbook(outputs / "insights.xlsx").sheetnames) > 3


def test_a_finished_round_is_left_alone_and_says_so(finished: Path) -> None:
    before, times = tree(finished), {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    again = rounds("--json", "run", finished, "--today", "2025-05-20")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["rounds"]["2024-12"]["changed"] is False
    assert "was finished already; nothing was done" in rounds("run", finished).stdout
    assert tree(finished) == before
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == times


def test_nothing_of_a_patient_leaves(finished: Path) -> None:
    """No record, key or exact small count lies outside the sites' own folders."""
    for reply in (finished / "exchange").rglob("replies/*.json"):
        for table in json.loads(reply.read_bytes())["body"]["tables"]:
            columns = table["columns"]
            for quantity in ("numerator", "denominator"):
                values = [value for value in columns[f"{quantity}_value"] if value is not None]
                assert all(value % 5 == 0 for value in values)
                assert not any(1 <= value <= 7 for value in values)
                states = columns[f"{quantity}_state"]
                assert [value is None for value in columns[f"{quantity}_value"]] == [
                    state == "withheld" for state in states
                ]
    outside = [path for path in finished.rglob("*") if "sites" not in path.relative_to(finished).parts]
    assert not [path for path in outside if path.suffix == ".parquet"]


def test_both_logs_are_whole(finished: Path) -> None:
    result = rounds("--json", "audit", finished)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["entries"] == {
        "centre": 7,
        "hospital-01": 1,
        "hospital-02": 1,
        "hospital-03": 1,
    }


@pytest.fixture(scope="session")
def swaps(network: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every file swap of an undisturbed round, in order."""
    folder = copy_of(network, tmp_path_factory.mktemp("swaps") / "network")
    result, log = _with_power_cut(folder, at=-1)
    assert result == 0
    return [line.replace(str(folder), "") for line in log]


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_it_ends_the_same(
    step: str, network: Path, finished: Path, swaps: list[str], tmp_path: Path
) -> None:
    at = next(number for number, target in enumerate(swaps) if STEPS[step] in target)
    folder = copy_of(network, tmp_path / "network")
    killed, _ = _with_power_cut(folder, at=at)
    assert killed != 0
    assert STEPS[step] not in "\n".join(tree(folder)) or step in {"a site's log", "the centre's log"}
    resumed = rounds("run", folder, "--today", TODAY)
    assert resumed.returncode == 0, resumed.stderr
    assert _told(folder) == _told(finished)
    assert not list(folder.rglob(".partial-*"))
    assert json.loads(rounds("--json", "audit", folder).stdout)["entries"]["centre"] == 7


def _with_power_cut(folder: Path, *, at: int) -> tuple[int, list[str]]:
    patch = folder.parent / "patch"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(POWER_CUT)
    log = folder.parent / "swaps.log"
    result = rounds(
        "run",
        folder,
        "--today",
        TODAY,
        PYTHONPATH=f"{patch}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        POWER_LOG=str(log),
        POWER_CUT_AT=str(at),
    )
    return result.returncode, log.read_text().splitlines()


def _told(folder: Path) -> dict[str, str]:
    """What a round ends in: the outputs, and the plan and replies but for their signatures."""
    replies = {
        str(path.relative_to(folder)): json.dumps({**json.loads(path.read_bytes()), "signature": ""})
        for path in (folder / "exchange").rglob("*.json")
    }
    return tree(folder / "outputs") | replies

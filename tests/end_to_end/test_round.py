"""A whole round with real processes: it runs, it resumes after any kill, and it does nothing twice."""

import json
import os
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from network_copy import TODAY, copy_of, rounds, tree
from typer.testing import CliRunner

from rounds.cli.app import app
from rounds.storage.workspace import read_workspace

AUDIENCES = (
    "practitioner",
    "service-manager",
    "commissioner",
    "public-health",
    "local-authority",
    "researcher",
    "policy-maker",
)

# Python reads sitecustomize.py at start: this one cuts the power when certain files are about to be swapped in, or
# transactions of them to be committed, each once, in whichever process that is.
POWER_CUT = """
import os, signal, sqlite3
_replace = os.replace
_connect = sqlite3.connect
class Cut(sqlite3.Connection):
    def execute(self, statement, *values):
        if statement == "COMMIT":
            ((entries,),) = super().execute("SELECT count(*) FROM log_entries")
            cut(f"{self.file} with {entries} entries")
        return super().execute(statement, *values)
def connect(path, **options):
    connection = _connect(path, factory=Cut, **options)
    connection.file = str(path)
    return connection
sqlite3.connect = connect
def cut(target):
    for number, step in enumerate(os.environ["POWER_CUT_AT"].split("|")):
        mark = os.path.join(os.environ["POWER_CUTS"], str(number))
        if step in target and not os.path.exists(mark):
            open(mark, "x").close()
            os.kill(os.getpid(), signal.SIGKILL)
def replace(source, target):
    cut(str(target))
    _replace(source, target)
os.replace = replace
"""
STEPS = {
    "the plan": "centre/rounds/2024-12/plan.json",
    "a request kept": "/asked/hospital-02",
    "a request sent": "/requests/hospital-02",
    "the centre's key": "exchange/keys/centre.pub",
    "a site's key": "exchange/keys/hospital-02.pub",
    "a site's ledger": "sites/hospital-02/ledger.db",
    "a reply": "/replies/hospital-02",
    "a reply kept": "/received/hospital-02",
    "a pinned key": "centre/trust/hospital-02",
    "the pages": "outputs/2024-12",
    "the centre's log": "centre/ledger.db",
    "the log of a request": "centre/ledger.db with 3 entries",
    "the log of the replies": "centre/ledger.db with 8 entries",
    "the log of a pinned key": "centre/ledger.db with 9 entries",
    "the benefit ledger": "centre/ledger.db with 12 entries",
    "the log of the pages": "centre/ledger.db with 13 entries",
}
"""What is cut: the centre's log tells of the plan, its key, three requests, three replies and keys, benefit, pages."""


def test_it_says_where_to_look(finished: Path) -> None:
    outputs = next((finished / "outputs").iterdir())
    for name in ("index.html", "insights.json", "insights.xlsx", *(f"{audience}.html" for audience in AUDIENCES)):
        assert (outputs / name).stat().st_size > 0, name
    insights = json.loads((outputs / "insights.json").read_bytes())["insights"]
    kinds = {insight["kind"] for insight in insights}
    assert {"over time", "between sites", "spread", "impact", "benefit"} <= kinds
    assert len(openpyxl.load_workbook(outputs / "insights.xlsx").sheetnames) > 3


def test_a_finished_round_is_left_alone_and_says_so(finished: Path) -> None:
    before, times = tree(finished), {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    again = rounds("--json", "run", finished, "--today", "2025-05-20")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["rounds"]["2024-12"]["changed"] is False
    assert "was finished already; nothing was done" in rounds("run", finished).stdout
    assert tree(finished) == before
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == times


def test_both_logs_are_whole(finished: Path) -> None:
    result = rounds("--json", "audit", finished)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["entries"] == {
        "centre": 13,
        "hospital-01": 6,
        "hospital-02": 6,
        "hospital-03": 6,
    }


@pytest.mark.slow
@pytest.mark.parametrize("steps", [list(STEPS)[::2], list(STEPS)[1::2]], ids=["some steps", "the others"])
def test_killed_anywhere_it_ends_the_same(steps: list[str], network: Path, finished: Path, tmp_path: Path) -> None:
    """One cut after the other: each start goes on from what the last one left, and gets no farther than one step."""
    folder, marks = copy_of(network, tmp_path / "network"), tmp_path / "marks"
    (tmp_path / "sitecustomize.py").write_text(POWER_CUT)
    marks.mkdir()
    cuts = {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "POWER_CUT_AT": "|".join(STEPS[step] for step in steps),
        "POWER_CUTS": str(marks),
    }
    left = set(steps)
    while left:
        result = rounds("run", folder, "--today", TODAY, **cuts)
        cut = {step for number, step in enumerate(steps) if (marks / str(number)).exists()} & left
        assert cut, f"{left} were never met: {result.stderr}"
        assert result.returncode != 0, cut
        left -= cut
        for target in {STEPS[step] for step in cut}:
            if "ledger.db" not in target:  # SQLite makes the file, and it is empty, before its first transaction
                assert [name for name in tree(folder) if target in f"/{name}" and ".partial-" not in name] == []
    resumed = rounds("run", folder, "--today", TODAY)
    assert resumed.returncode == 0, resumed.stderr
    assert _told(folder) == _told(finished)
    assert not list(folder.rglob(".partial-*"))
    assert json.loads(rounds("--json", "audit", folder).stdout)["entries"]["centre"] == 13


def _told(folder: Path) -> dict[str, str]:
    """What a round ends in: the outputs, and the plan and replies but for their signatures and signed heads."""
    replies = {
        str(path.relative_to(folder)): json.dumps({**json.loads(path.read_bytes()), "signature": "", "log": ""})
        for path in (folder / "exchange").rglob("*.json")
    }
    return tree(folder / "outputs") | replies


def test_a_ranking_takes_its_need_from_the_last_round(finished: Path, network: Path, tmp_path: Path) -> None:
    def need(folder: Path, today: str) -> tuple[float, float, str]:
        asked = ["--json", "pipeline", "rank", str(folder), "--today", today]
        ranking = json.loads(CliRunner().invoke(app, asked).stdout)["ranking"]
        (one,) = [row for row in ranking if row["innovation"] == "deterioration-programme"]
        return (*one["need"],)

    after = copy_of(finished, tmp_path / "after")
    declared = read_workspace(after).rounds[0]
    low, high, why = need(after, TODAY)
    assert 0 < low <= high < 1
    assert why.endswith(f"in round {declared.id} of {declared.as_of}")
    page = next(path for path in after.glob("outputs/*/insights.json"))
    assert why.removesuffix(f", in round {declared.id} of {declared.as_of}") in page.read_text(encoding="utf-8")
    early = str(declared.as_of - timedelta(days=1))
    assert need(after, early) == (
        0.0,
        1.0,
        f"unknown, because the first round that asks for cardiac-arrests, {declared.id}, is about {declared.as_of}.",
    )
    before = need(copy_of(network, tmp_path / "before"), TODAY)
    assert before[2].startswith(
        f"unknown, because round {declared.id} asks for cardiac-arrests and is not published yet"
    )

"""Two imports at once, and one that is killed: nothing is lost, and who has to wait is told where and why."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from messy_trackers import members, network
from typer.testing import CliRunner

from rounds.centre.pipeline import record_pipeline
from rounds.cli.app import app
from rounds.errors import RoundsError
from rounds.network.pipeline import Pipeline, PipelineInnovation
from rounds.storage import atomic
from rounds.storage.held import held_workspace
from rounds.storage.pipeline_files import read_pipeline
from rounds.storage.workspace import read_workspace

HOLD = """
import sys, time
from pathlib import Path
from rounds.storage.lock import only_one
with only_one(Path(sys.argv[1]), doing="importing"):
    print("held", flush=True)
    time.sleep(60)
"""
INNOVATION = "deterioration-programme"
TODAY = ["--today", "2025-03-31"]


def pipeline(title: str) -> Pipeline:
    return Pipeline(innovations=(PipelineInnovation(id="x", title=title, owner="O"),))


def test_two_imports_at_once_both_count(tmp_path: Path) -> None:
    """Two real processes; without the lock the second would write over what the first added."""
    own = members(1, count=4)
    folder = network(tmp_path / "n", own)
    running = []
    for at in (0, 1):
        tracker = tmp_path / f"t{at}.csv"
        tracker.write_text(f"Trust,Status,Date\n{own[at].name},Live,2024-03-0{at + 1}\n")
        command = ["adoption", "import", str(tracker), "--network", str(folder), "--innovation", INNOVATION, "--yes"]
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "rounds", *command, *TODAY],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    recorded = {(one.ods_code, one.day) for one in read_workspace(folder).adoptions}
    assert recorded == {(own[0].code, date(2024, 3, 1)), (own[1].code, date(2024, 3, 2))}


def test_who_has_waited_long_enough_is_told_the_folder(tmp_path: Path) -> None:
    folder = network(tmp_path / "n", members(1, count=4))
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RoundsError, match=f"{folder}: another process is recording adoption"):
            held_workspace(folder, wait_seconds=0.1).__enter__()
        holder.kill()
    with held_workspace(folder, wait_seconds=0.1) as workspace:
        assert workspace.folder == folder


@pytest.mark.parametrize("killed_at", [1, 2])
def test_a_killed_import_of_a_pipeline_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    """The power goes before either of the two renames that swap the folder."""
    folder = network(tmp_path / "n", members(1, count=4))
    day = date(2025, 3, 31)
    record_pipeline(read_workspace(folder), pipeline("Old"), today=day)
    swap, calls = os.replace, []

    def cut(one: Path, two: Path) -> None:
        calls.append(one)
        if len(calls) == killed_at:
            raise KeyboardInterrupt
        swap(one, two)

    monkeypatch.setattr(atomic.os, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        record_pipeline(read_workspace(folder), pipeline("New"), today=day)
    monkeypatch.undo()
    assert read_pipeline(folder) == pipeline("Old")
    with held_workspace(folder) as workspace:
        assert workspace.pipeline == pipeline("Old")
        assert (folder / "pipeline" / "innovations.csv").exists()
        assert not list(folder.glob(".partial-*"))
        record_pipeline(workspace, pipeline("New"), today=day)
    assert read_pipeline(folder) == pipeline("New")


def test_a_folder_that_is_no_network_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Trust,Status\nA,Live\n")
    asked = ["adoption", "import", str(tmp_path / "t.csv"), "--network", str(tmp_path / "no"), "--innovation", "x"]
    found = CliRunner().invoke(app, asked)
    assert "network.yaml is missing" in str(found.exception)

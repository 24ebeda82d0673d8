"""Waiting for another holder: a killed round can leave a site process behind that is still counting."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from rounds.errors import RoundsError
from rounds.storage.lock import only_one

HOLD = """
import sys, time
from pathlib import Path
from rounds.storage.lock import only_one
with only_one(Path(sys.argv[1]), doing="counting"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _holder(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_waits_goes_on_when_the_holder_ends(tmp_path: Path) -> None:
    with _holder(tmp_path, 0.5), only_one(tmp_path, doing="counting", wait_seconds=30):
        pass


def test_who_waits_goes_on_when_the_holder_is_killed(tmp_path: Path) -> None:
    with _holder(tmp_path, 60) as holder:
        holder.kill()
        with only_one(tmp_path, doing="counting", wait_seconds=30):
            pass


def test_waiting_ends(tmp_path: Path) -> None:
    with _holder(tmp_path, 60) as holder:
        start = time.monotonic()
        waiting = only_one(tmp_path, doing="counting", wait_seconds=0.5)
        with pytest.raises(RoundsError, match="another process is counting here; wait"), waiting:
            pass
        assert time.monotonic() - start >= 0.5
        holder.kill()

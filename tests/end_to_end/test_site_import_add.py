"""`rounds site import --add` as people call it."""

import json
import subprocess
import sys
import time
from pathlib import Path

from monthly_site import ENDS, MonthlySite

from rounds.engines.pack import Pack, served_pack
from rounds.records.omop import open_records
from rounds.storage.audit_log import read_log

SITE = "site: site-a\npolicy: hes\nrecords: {member: RX1, folder: records}\n"


def _import(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rounds", "--json", "site", "import", str(site), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_month_is_added_after_an_attempt_that_was_killed_and_once(tmp_path: Path) -> None:
    source, site = MonthlySite(more=30), tmp_path / "site-a"
    site.mkdir()
    (site / "site.yaml").write_text(SITE, encoding="utf-8")
    records = site / "records"
    done = _import(site, "--omop", source.export(tmp_path / "january", 1))
    assert done.returncode == 0, done.stderr
    january = json.loads(done.stdout)["rows"]
    indexed = served_pack(open_records(records, site="site-a", as_of=ENDS[0]), build=True, tell=print)
    assert isinstance(indexed, Pack)

    february = source.export(tmp_path / "february", 2, since_last=True)
    command = [sys.executable, "-m", "rounds", "site", "import", str(site), "--omop", str(february), "--add"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(records.glob(".partial-*/condition_occurrence/part-0001.parquet")):
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -9
    assert (records / "CURRENT").read_text(encoding="utf-8") == "generation-0001\n"
    assert list(records.glob(".partial-*"))
    assert open_records(records, site="site-a", as_of=ENDS[0]).quality.people == january["person"]

    done = _import(site, "--omop", february, "--add")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    new = {origin: number for origin, outcome, number in told["outcomes"] if outcome == "imported: new"}
    assert told["rows"]["measurement"] == january["measurement"] + new["measurement"]
    assert sorted(path.name for path in records.iterdir()) == ["CURRENT", "generation-0001", "generation-0002"]
    # What the next round's index grows from.
    carried = records / "generation-0002" / "pack" / indexed.folder.name / "measurement.person.npy"
    assert carried.samefile(indexed.folder / "measurement.person.npy")

    again = _import(site, "--omop", february, "--add")
    assert again.returncode == 3
    assert "the same rows were added before, as generation-0002; nothing was changed" in again.stderr
    assert (records / "CURRENT").read_text(encoding="utf-8") == "generation-0002\n"
    logged = [entry.event for entry in read_log(site / "ledger.db")]
    assert [(event.action, event.round_id) for event in logged] == [
        ("imported", "generation-0001"),
        ("imported", "generation-0002"),
    ]
    assert logged[0].digest != logged[1].digest

"""`rounds site import` as people call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SITE = "site: site-a\npolicy: hes\nrecords: {member: RX1, folder: records}\n"
PERSON = "person_id,gender_concept_id,year_of_birth\n" + "".join(f"{n},8532,19{n}\n" for n in range(50, 62))
OBSERVED = "person_id,observation_period_start_date,observation_period_end_date\n" + "".join(
    f"{n},2020-01-01,2023-12-31\n" for n in range(50, 62)
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site-a"
    (folder / "export").mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE, encoding="utf-8")
    (folder / "export" / "person.csv").write_text(PERSON, encoding="utf-8")
    (folder / "export" / "observation_period.csv").write_text(OBSERVED, encoding="utf-8")
    return folder


def _rounds(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rounds", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_import_twice_and_refuse(site: Path) -> None:
    done = _rounds("--json", "site", "import", site, "--omop", site / "export")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == {"person": 12, "observation_period": 12}
    assert (site / "records" / "generation-0001" / "import-report.md").exists()
    (site / "export" / "person.csv").write_text(PERSON.replace("8532", "woman", 1), encoding="utf-8")
    refused = _rounds("site", "import", site, "--omop", site / "export")
    assert refused.returncode == 3
    assert "person.csv, column `gender_concept_id`: not a whole number: row 1" in refused.stderr
    (site / "export" / "person.csv").write_text(PERSON.replace("8532", "9999", 1), encoding="utf-8")
    refused = _rounds("site", "import", site, "--omop", site / "export")
    assert refused.returncode == 3
    assert "an unknown gender concept: row 1" in refused.stderr
    assert (site / "records" / "CURRENT").read_text(encoding="utf-8") == "generation-0001\n"


def test_an_import_has_one_source(site: Path) -> None:
    refused = _rounds("site", "import", site)
    assert refused.returncode == 3
    assert "an import has one source: give one of --omop" in refused.stderr

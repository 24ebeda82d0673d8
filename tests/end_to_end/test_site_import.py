"""`rounds site import` as people call it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rounds.storage.audit_log import read_log

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
    assert any("without the optional columns" in note for note in json.loads(done.stdout)["notes"])
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
    (told,) = read_log(site / "ledger.db")
    assert (told.event.action, told.event.round_id, told.event.party) == ("imported", "generation-0001", "site-a")


def test_every_import_is_logged_even_where_it_was_killed_before(site: Path) -> None:
    """What the log does not tell is told by the next import: of the same records twice, too."""
    for _ in range(2):
        done = _rounds("site", "import", site, "--omop", site / "export", "--today", "2024-01-31")
        assert done.returncode == 0, done.stderr
    whole = read_log(site / "ledger.db")
    assert [entry.event.round_id for entry in whole] == ["generation-0001", "generation-0002"]
    (site / "ledger.db").unlink()
    done = _rounds("site", "import", site, "--omop", site / "export", "--today", "2024-02-01")
    assert done.returncode == 0, done.stderr
    again = read_log(site / "ledger.db")
    assert [entry.event.round_id for entry in again] == ["generation-0002", "generation-0003"]
    assert again[0].event.digest == whole[1].event.digest


def test_an_import_has_one_source(site: Path) -> None:
    refused = _rounds("site", "import", site)
    assert refused.returncode == 3
    assert "an import has one source: give one of --omop" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["partial", "staged", "resolved", "table"])
def test_killed_in_the_middle_yesterday_is_served(site: Path, moment: str) -> None:
    done = _rounds("site", "import", site, "--omop", site / "export")
    assert done.returncode == 0, done.stderr
    fhir = site / "fhir"
    fhir.mkdir()
    people = [
        {"resourceType": "Patient", "id": f"p{n}", "gender": "male", "birthDate": "1950-01-01"} for n in range(20)
    ]
    seen = [
        {
            "resourceType": "Observation",
            "id": f"o{n}",
            "status": "final",
            "subject": {"reference": f"Patient/p{n % 20}"},
            "effectiveDateTime": "2024-05-01T10:00:00Z",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
            "valueQuantity": {"value": 37, "code": "Cel"},
        }
        for n in range(150_000)
    ]
    (fhir / "Patient.ndjson").write_text("\n".join(map(json.dumps, people)), encoding="utf-8")
    (fhir / "Observation.ndjson").write_text("\n".join(map(json.dumps, seen)), encoding="utf-8")
    command = [sys.executable, "-m", "rounds", "site", "import", str(site), "--fhir", str(fhir)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sign = {
        "partial": ".partial-*",
        "staged": ".partial-*/scratch/staged-*event.parquet",
        "resolved": ".partial-*/scratch/resolved-*event.parquet",
        "table": ".partial-*/measurement.parquet",
    }[moment]
    while process.poll() is None and not list((site / "records").glob(sign)):
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -9
    assert (site / "records" / "CURRENT").read_text(encoding="utf-8") == "generation-0001\n"
    assert list((site / "records").glob(".partial-*"))
    done = _rounds("--json", "site", "import", site, "--fhir", fhir)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"]["measurement"] == 150_000
    assert not list((site / "records").glob(".partial-*"))

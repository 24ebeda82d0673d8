"""The record of a real round: it lists what lies there, and `rounds audit` names an output that was edited."""

import hashlib
import json
from pathlib import Path
from typing import Any

from network_copy import copy_of, rounds

RECORD = "ro-crate-metadata.json"


def _outputs(folder: Path) -> Path:
    return folder / "outputs" / "2024-12"


def _entities(outputs: Path) -> dict[str, dict[str, Any]]:
    return {entity["@id"]: entity for entity in json.loads((outputs / RECORD).read_bytes())["@graph"]}


def test_it_lists_every_file_and_is_linked(finished: Path) -> None:
    outputs = _outputs(finished)
    listed = {name: one for name, one in _entities(outputs).items() if one["@type"] == "File"}
    there = {path.relative_to(outputs).as_posix() for path in outputs.rglob("*") if path.is_file()} - {RECORD}
    assert listed.keys() == there
    for name in ("index.html", "insights.json", "insights.xlsx", "round.json"):
        assert listed[name]["sha256"] == hashlib.sha256((outputs / name).read_bytes()).hexdigest()
    for page in ("index.html", "round.html"):
        assert f'<a href="{RECORD}">Record of this round (RO-Crate)</a>' in (outputs / page).read_text()


def test_it_tells_plan_replies_and_rules(finished: Path) -> None:
    outputs, entities = _outputs(finished), _entities(_outputs(finished))
    plan = (finished / "centre" / "rounds" / "2024-12" / "plan.json").read_bytes()
    assert (outputs / "workflow" / "plan.json").read_bytes() == plan
    for site in ("hospital-01", "hospital-02", "hospital-03"):
        tables = json.loads((finished / "exchange/2024-12/replies" / f"{site}.json").read_bytes())["body"]["tables"]
        for table in tables:
            review = entities[f"#disclosure-{site}-{table['measure']}-v{table['version']}"]
            assert review["instrument"] == {"@id": f"#rule-{table['policy']}"}
            assert review["endTime"] == "2025-05-01T00:00:00Z"


def test_an_edited_output_is_named(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    page = _outputs(folder) / "commissioner.html"
    page.write_text(page.read_text() + " ")
    result = rounds("audit", folder)
    assert result.returncode == 3
    assert "commissioner.html was changed after it was published" in " ".join(result.stderr.split())


def test_an_edited_output_whose_record_was_edited_too_is_seen_in_the_log(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    page, record = _outputs(folder) / "commissioner.html", _outputs(folder) / RECORD
    before = hashlib.sha256(page.read_bytes()).hexdigest()
    page.write_text(page.read_text()[:-1] + " ")
    record.write_text(record.read_text().replace(before, hashlib.sha256(page.read_bytes()).hexdigest()))
    result = rounds("audit", folder)
    assert result.returncode == 3
    said = " ".join(result.stderr.split())
    assert "does not tell what" in said
    assert RECORD in said


def test_a_record_that_was_taken_away_is_missed(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    (_outputs(folder) / RECORD).unlink()
    result = rounds("audit", folder)
    assert result.returncode == 3
    assert "published centre, round 2024-12" in " ".join(result.stderr.split())

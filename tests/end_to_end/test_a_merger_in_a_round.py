"""One hospital takes another over in the middle of a round: one row, and each one's own benefit before.

The sites have replied; that they did so in processes of their own is what other tests here are about.
"""

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from network_copy import TODAY, copy_of
from typer.testing import CliRunner

from rounds.cli.app import app
from rounds.learning.spread.adoption import Stage
from rounds.reports.benefit_files import RETURN_FOLDER
from rounds.storage.workspace import read_workspace

MERGER = date(2024, 8, 1)
ROUND = "2024-12"


def _run(folder: Path) -> str:
    result = CliRunner().invoke(app, ["run", str(folder), "--today", TODAY])
    assert result.exit_code == 0, result.output
    return (folder / "outputs" / ROUND / "insights.json").read_text()


@pytest.fixture(scope="module")
def taken_over(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The finished network, published anew after it was told that one adopter took the other over."""
    folder = copy_of(finished, tmp_path_factory.mktemp("merged") / "network")
    new, old = (one.ods_code for one in read_workspace(folder).adoptions if one.stage is Stage.EMBEDDED)
    members = (folder / "members.csv").read_text().splitlines()
    ended = [line + str(MERGER) if line.startswith(f"{old},") else line for line in members]
    (folder / "members.csv").write_text("\n".join(ended) + "\n")
    (folder / "successions.csv").write_text(f"old_code,new_code,date\n{old},{new},{MERGER}\n")
    _run(folder)
    return folder, old, new


def _insights(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "outputs" / ROUND / "insights.json").read_bytes())["insights"]
    return found


def _table(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "outputs" / ROUND / RETURN_FOLDER / f"{name}.csv").read_text().splitlines()))


def _impact(folder: Path) -> dict[str, Any]:
    (found,) = [one for one in _insights(folder) if one["kind"] == "impact" and one["scope"] == "network"]
    impact: dict[str, Any] = found
    return impact


def test_the_finding_says_which_rows_were_joined(taken_over: tuple[Path, str, str]) -> None:
    folder, old, new = taken_over
    known = read_workspace(folder).membership
    notes = _impact(folder)["notes"]
    said = f"{known.name_of(old)} became {known.name_of(new)} on {MERGER}: "
    joined = f"{said}before that {known.name_of(new)} is their sum, one row all along."
    assert joined in notes
    assert f"{said}counts that {known.name_of(old)} sent of the merger's period and later are left out." in notes
    (where,) = [note for note in notes if note.startswith("In effect at")]
    assert known.name_of(new) in where
    assert known.name_of(old) not in where
    assert joined in (folder / "outputs" / ROUND / "policy-maker.html").read_text()


def test_each_counts_its_own_benefit_before_and_the_successor_after(taken_over: tuple[Path, str, str]) -> None:
    folder, old, new = taken_over
    by_code: dict[str, list[dict[str, str]]] = {}
    for row in _table(folder, "sites"):
        if row["Period length"] == "quarter":
            by_code.setdefault(row["ODS code"], []).append(row)
    assert set(by_code) == {old, new}
    quarters = [row for rows in by_code.values() for row in rows if row["Benefited"] != "[x]"]
    assert {row["ODS code"] for row in quarters if row["First day"] < str(MERGER)} == {old, new}
    assert all(row["Last day"] < "2024-10-01" for row in by_code[old])
    network = [row for row in _table(folder, "network-and-regions") if row["Level"] == "network"]
    (whole,) = [row for row in network if row["Period"] == "since the start"]
    assert int(whole["Benefited"]) == sum(int(row["Benefited"]) for row in quarters)
    exact = sum(float(row["Before rounding"]) for row in quarters)
    assert exact == pytest.approx(float(whole["Before rounding"]), abs=0.01 * len(quarters))
    benefit = next(one for one in _insights(folder) if one["kind"] == "benefit" and "reached" in one["statement"])
    assert "at 1 site of 2" in benefit["statement"], "those that became one are one"


def test_what_is_corrected_is_published_anew_and_what_came_later_is_not(
    taken_over: tuple[Path, str, str], tmp_path: Path
) -> None:
    folder = copy_of(taken_over[0], tmp_path / "network")
    third = next(
        one.ods_code for one in read_workspace(folder).membership.members if one.ods_code not in taken_over[1:]
    )
    before = (folder / "outputs" / ROUND / "insights.json").read_text()
    changes = folder / "definition_changes.csv"
    row = f"measure,ods_code,date,reason\ncardiac-arrests,{third},{{}}\n"
    changes.write_text(row.format("2025-02-01,A new record system"))
    assert _run(folder) == before, "it changed after the day of the round"
    changes.write_text(row.format("2023-04-01,A new record system"))
    _run(folder)
    assert any("2023-04-01 (A new record system)" in note for note in _impact(folder)["notes"])

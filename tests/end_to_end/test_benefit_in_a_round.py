"""The benefit ledger of a round that was run: recorded once, returned by quarter, read as it was, held to claims."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from network_copy import TODAY, copy_of
from typer.testing import CliRunner

from rounds.cli.app import app
from rounds.reports.benefit_files import RETURN_FOLDER, RETURN_WORKBOOK

_YEAR = "2022-04-01,2023-03-31"
_PATIENTS = f"deterioration-programme,network,effect,patients,{{}},,,patients,{_YEAR},Report,2023-06-01"
_DAYS = f"deterioration-programme,network,effect,days to diagnosis,{{}},,,days,{_YEAR},Report,2024-06-01,"
_MANY = "deterioration-programme,network,benefited,cardiac-arrests,9000,,,events,2024-10-01,2024-12-31,R,2025-01-01,"
CLAIMS = "\n".join(
    (
        "id,source,by,innovation,scope,quantity,what,number,lower,upper,unit,first,last,basis,dated,part_of",
        f"all,claim,National report,{_PATIENTS.format(3800000)},",
        f"a,claim,Report A,{_PATIENTS.format(2300000)},all",
        f"b,claim,Report B,{_PATIENTS.format(1228000)},all",
        f"days,claim,The programme,{_DAYS.format(-153)}",
        f"eval,evaluation,The evaluation,{_DAYS.format(55)}",
        f"many,claim,The programme,{_MANY}",
        "",
    )
)


def told(*typed: str | Path) -> Any:
    result = CliRunner().invoke(app, ["--json", "benefit", *map(str, typed)])
    assert result.exit_code in (0, 3, 4), (result.output, result.exception)
    return result.exit_code, json.loads(result.stdout)


def test_a_round_leaves_its_return_and_its_entries(finished: Path, tmp_path: Path) -> None:
    (outputs,) = (finished / "outputs").iterdir()
    assert (outputs / RETURN_WORKBOOK).stat().st_size > 0
    rows = list(csv.DictReader((outputs / RETURN_FOLDER / "return.csv").read_text().splitlines()))
    assert [row["Period"] for row in rows] == ["Oct to Dec 2024", "2024/25 to Dec 2024", "since the start"]
    for name in ("policy-maker.html", "commissioner.html", "round.html"):
        assert "benefit" in (outputs / name).read_text()

    _, ledger = told("ledger", finished)
    (entry,) = ledger["ledger"]
    assert [int(rows[2]["Reached, lowest"]), int(rows[2]["Reached, highest"])] == entry["reached"]
    assert float(rows[2]["Before rounding"]) == round(entry["benefited"][0], 2)
    assert told("ledger", finished, "--as-of", "2025-04-30")[1]["ledger"] == [], "before the round was run"
    assert told("ledger", finished, "--as-of", TODAY)[1] == ledger

    _, again = told("return", finished, "--quarter", "2024-Q4", "--as-of", TODAY, "--out", tmp_path)
    assert [str(row["benefited"]) for row in again["totals"]] == [row["Benefited"] for row in rows]


def test_claims_stand_beside_what_is_known(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    (tmp_path / "claims.csv").write_text(CLAIMS)
    code, found = told("claims", folder, tmp_path / "claims.csv", "--today", "2025-05-02")
    assert code == 3, "the published numbers do not add up"
    (total,) = found["sums"]
    assert "2,300,000 + 1,228,000 = 3,528,000, and 3,800,000 is stated" in total["says"]
    by_id = {one["id"]: one for one in found["claims"]}
    assert by_id["days"]["claimed"] == -153
    assert by_id["days"]["evidence"] == [["The evaluation", 55.0, None, None]]
    assert by_id["days"]["status"] == "not supported"
    assert by_id["many"]["evidence"][0][0] == "the network's own ledger"
    assert by_id["many"]["status"] == "not supported"
    assert told("claims", folder, "--as-of", "2025-05-01")[1]["claims"] == [], "the ledger as it was the day before"
    assert told("claims", folder)[1] == found

    again = CliRunner().invoke(app, ["run", str(folder), "--today", "2025-05-03"])
    assert again.exit_code == 0, again.output
    insights = json.loads(next((folder / "outputs").glob("*/insights.json")).read_bytes())["insights"]
    said = [one["statement"] for one in insights if one["id"].startswith("benefit-claim-")]
    assert any("-153 days" in text and "+55 days" in text for text in said)
    book = (next((folder / "outputs").glob(f"*/{RETURN_FOLDER}")) / "claims-and-evidence.csv").read_text()
    assert "-153" in book
    assert "no evidence" in book


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("return", "--quarter", "2024-Q9"), "2024-Q9 is no quarter"),
        (("return", "--quarter", "2021-Q1"), "the ledger has no entry for Jan to Mar 2021"),
        (("return", "--quarter", "2090-Q1"), "has not begun"),
        (("return", "--quarter", "2024-Q4", "--as-of", "2025-04-30"), "the ledger has no entry"),
    ],
)
def test_what_cannot_be_returned_is_refused(finished: Path, typed: tuple[str, ...], says: str) -> None:
    command, *options = typed
    result = CliRunner().invoke(app, ["benefit", command, str(finished), *options])
    assert result.exit_code == 1
    assert says in str(result.exception)

"""What the demo's pages publish holds its truth: real sites, real releases, real messages, the default network."""

import json
from pathlib import Path
from typing import Any

import pytest
from network_copy import TODAY, rounds
from openpyxl import load_workbook

from rounds.records.synthetic import SyntheticNetwork, write_demo_network

DEFAULT = SyntheticNetwork(seed=1)


class _Silent:
    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


@pytest.mark.slow
def test_the_published_intervals_hold_the_planted_truth(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    write_demo_network(folder, plan=DEFAULT, progress=_Silent())
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 0, result.stderr

    truth = json.loads((folder / "truth.json").read_bytes())
    impact = _impact(folder, outcome=truth["outcome"])
    ratio, avoided = impact["certainty"]["estimate"], impact["benefit"]["patients"]
    assert ratio["lower"] <= truth["rate_ratio"] <= ratio["upper"]
    assert avoided["lower"] <= truth["expected_avoided"] <= avoided["upper"]
    # Intervals as wide as the world would hold any truth.
    assert ratio["upper"] < 1
    assert avoided["lower"] > 0
    assert f"the same {truth['treated_site_months']} site-periods" in impact["benefit"]["counterfactual"]
    assert impact["provenance"]["sites_in"] == [site["site"] for site in truth["sites"]]
    assert impact["provenance"]["withheld_cells"] > 0
    assert round(avoided["value"]) == 1097  # however unlike the hospitals' patients are

    made = rounds("value", "case", folder)
    assert made.returncode == 0, made.stderr
    (case,) = (folder / "cases").iterdir()
    sheet = load_workbook(case / "business-case.xlsx")["who-gains"]
    gained = {row[0]: row[-2:] for row in sheet.iter_rows(min_row=4, values_only=True)}
    for level, planted in truth["expected_avoided_by_deprivation"].items():
        low, high = gained[level]
        assert 0 < low <= planted <= high
    assert "84 of 202 site-periods of use" in (case / "index.html").read_text(encoding="utf-8")


def _impact(folder: Path, *, outcome: str) -> dict[str, Any]:
    (outputs,) = (folder / "outputs").iterdir()
    insights = json.loads((outputs / "insights.json").read_bytes())["insights"]
    (found,) = [one for one in insights if one["kind"] == "impact" and one["scope"] == "network"]
    assert found["measure"].startswith(outcome)
    impact: dict[str, Any] = found
    return impact

"""The demo tells what was planted beside what its round found."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import reports_fixture as given

from rounds.cli.demo import planted_and_found
from rounds.reports.insight import Kind
from rounds.reports.json_file import insights_json

REPORT = given.report()
IMPACT = next(insight for insight in REPORT.insights if insight.kind is Kind.IMPACT and insight.benefit)


def demo(folder: Path, *, rate_ratio: float, avoided: float, found: bool = True) -> Path:
    """Write what is left of a demo when its round is done: the truth and the insights."""
    (folder / "truth.json").write_text(json.dumps({"rate_ratio": rate_ratio, "expected_avoided": avoided}))
    outputs = folder / "outputs/2025-03"
    outputs.mkdir(parents=True)
    insight = IMPACT if found else replace(IMPACT, benefit=None)
    (outputs / "insights.json").write_bytes(insights_json(replace(REPORT, insights=(insight,))))
    return folder


def test_the_truth_stands_beside_the_estimate(tmp_path: Path) -> None:
    ratio = IMPACT.certainty.estimate
    assert IMPACT.benefit is not None
    avoided = IMPACT.benefit.patients
    assert ratio.value is not None
    assert avoided.value is not None
    title, rates, events = planted_and_found(demo(tmp_path, rate_ratio=ratio.value, avoided=avoided.value))
    assert title == "What was planted, and what the round found without knowing it:"
    assert f"planted  {ratio.value:.2f}, found  {ratio.value:.2f} " in rates
    assert rates.endswith(f"(95% interval {ratio.lower:.2f} to {ratio.upper:.2f}): inside")
    assert events.endswith(f"(95% interval {avoided.lower:,.0f} to {avoided.upper:,.0f}): inside")


@pytest.mark.parametrize(("end", "line"), [("rate_ratio", 1), ("avoided", 2)])
def test_a_truth_that_was_missed_is_not_passed_over(end: str, line: int, tmp_path: Path) -> None:
    assert IMPACT.benefit is not None
    inside = {"rate_ratio": IMPACT.certainty.estimate.lower, "avoided": IMPACT.benefit.patients.upper}
    lines = planted_and_found(demo(tmp_path, **(inside | {end: 99_999.0})))
    assert [number for number, text in enumerate(lines) if "OUTSIDE" in text] == [line]


def test_without_an_estimate_it_says_that_nothing_was_found(tmp_path: Path) -> None:
    lines = planted_and_found(demo(tmp_path, rate_ratio=0.5, avoided=100, found=False))
    assert lines == (f"What was planted was not found: {IMPACT.statement}",)

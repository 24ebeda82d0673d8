"""The self-assessment: every claim has tests that exist, and every statement of the standard is answered."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from rounds.errors import DefinitionError
from rounds.network.assurance import By, Level, Met, Statement
from rounds.reports.evidence.write import Evidence, Installation, write_evidence
from rounds.storage.evidence_files import read_assurance

ROOT = Path(__file__).parents[2]
SPECIFICATION = ROOT.parent / "shared" / "data" / "satre" / "specification.yaml"
SATRE = read_assurance()
HERE = Installation(
    name="North & South",
    made_on=date(2026, 11, 28),
    version="1.0",
    evidence=(Evidence(name="policy", title="what may leave", lines=("1 to 7 are <withheld>",)),),
)


def test_every_test_that_proves_a_claim_is_there() -> None:
    for one in SATRE.statements:
        for test in one.tests:
            assert "\ndef test_" in (ROOT / test).read_text(encoding="utf-8"), f"{one.id}: {test}"


def test_every_statement_of_the_standard_is_answered() -> None:
    if not SPECIFICATION.exists():
        pytest.skip("the folder of third-party data is not here")
    from ruamel.yaml import YAML

    told = YAML(typ="safe").load(SPECIFICATION)["specification"]
    ours = {one.id: one.level for one in SATRE.statements}
    assert ours == {one["requirement_index"]: one["importance"].strip("*").lower() for one in told}


def test_how_many_are_met_is_counted() -> None:
    mandatory = SATRE.tally()[0]
    assert mandatory[:2] == (Level.MANDATORY, 26)
    assert sum(mandatory[2:]) == 26
    assert len([one for one in SATRE.of(By.HELPED) if one.level is Level.MANDATORY]) == 46
    assert sum(len(SATRE.of(by)) for by in By) == len(SATRE.statements)


def test_what_is_written_says_everything_once(tmp_path: Path) -> None:
    page = write_evidence(tmp_path, assurance=SATRE, installation=HERE).read_text(encoding="utf-8")
    assert "1 to 7 are &lt;withheld&gt;" in page
    assert "North &amp; South" in page
    for one in SATRE.statements:
        assert f"{one.id} {one.topic}" in page.replace("&#39;", "'")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "satre.csv").read_text(encoding="utf-8-sig"))))
    assert [row["statement"].removeprefix("SATRE ") for row in rows] == [one.id for one in SATRE.statements]
    assert json.loads((tmp_path / "satre.json").read_bytes())["installation"]["name"] == "North & South"
    templates = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "templates").iterdir())
    for one in SATRE.statements:
        assert (f"## {one.id} " in templates) == (one.by is not By.SOFTWARE)
    assert "- Generated evidence: what may leave" in templates
    assert "- Generated evidence: people (none here yet)" in templates
    assert "policy" not in HERE.missing(SATRE)
    assert "people" in HERE.missing(SATRE)


STATEMENT = Statement(
    id="9.9.9", level=Level.MANDATORY, topic="t", by=By.SOFTWARE, state=Met.MET, claim="c", tests=("tests/x.py",)
)
WRONG = {
    "nothing is met without a test": {"tests": ()},
    "has a state and a claim": {"claim": ""},
    "and nothing else, has a state": {"by": By.ORGANISATION},
    "nothing else, names its evidence": {"evidence": ("policy",)},
}


@pytest.mark.parametrize(("said", "change"), WRONG.items())
def test_a_statement_that_claims_too_much_is_refused(said: str, change: dict[str, object]) -> None:
    with pytest.raises(DefinitionError, match=f"9.9.9: .*{said}"):
        replace(STATEMENT, **change)  # type: ignore[arg-type]


def test_an_assessment_is_reviewed_by_somebody_else_and_says_nothing_twice() -> None:
    with pytest.raises(DefinitionError, match="somebody other than the author"):
        replace(SATRE, reviewer=SATRE.author)
    with pytest.raises(DefinitionError, match="is listed twice"):
        replace(SATRE, statements=(STATEMENT, STATEMENT))

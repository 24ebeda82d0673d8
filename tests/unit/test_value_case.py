"""The business case: from a round's finding to a page, Word and Excel; without a benefit it gives no net benefit."""

import json
import re
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import reports_fixture as given
from openpyxl import load_workbook
from test_value import PLAIN
from typer.testing import CliRunner

from rounds.analyst.frames import TableError
from rounds.analyst.worth import stated_case
from rounds.centre.value import declared_values, period_years, write_value_case
from rounds.centre.value_groups import groups_of
from rounds.cli.app import app
from rounds.errors import DefinitionError
from rounds.learning.value.programme import StatedGroups
from rounds.measures.periods import Grain
from rounds.reports.case.write import write_case
from rounds.reports.content.document import Document, Tabled, Words
from rounds.reports.content.value_case import value_case
from rounds.reports.content.value_evidence import Evidence, evidence_of
from rounds.reports.insight import Direction, Insight, Kind, Mark, Table
from rounds.reports.json_file import insights_json, read_insights
from rounds.storage.value_files import read_declared
from rounds.storage.workspace import read_workspace

REPORT = given.report()
IMPACT = next(one for one in REPORT.insights if one.kind is Kind.IMPACT and one.benefit)
RANGED = PLAIN.replace("amount: 100,", "amount: 100, low: 80, high: 120,").replace(
    "unit: QALY, per_event: 0.5,", "unit: QALY, per_event: 0.5, low: 0.3, high: 0.8,"
)
GROUPS = StatedGroups(
    by="deprivation fifth",
    names=("1 most deprived", "2", "3", "4", "5 least deprived"),
    lower=(40, 30, 22, 8, 1),
    upper=(40, 30, 22, 12, 7),
    values=(40, 30, 22, None, None),
    where="somewhere",
    left_out="Two sites are not in them.",
    source="a table",
)


def evidence(insight: Insight = IMPACT, groups: StatedGroups | str = "nobody counted it") -> Evidence:
    return evidence_of(insight, period_years=1 / 12, groups=groups)


def case(tmp_path: Path, found: Evidence, text: str = RANGED) -> Document:
    (tmp_path / "costs.yaml").write_text(text)
    return value_case(read_declared(tmp_path / "costs.yaml"), found, network="The network", seed=1, draws=1000)


def words(document: Document) -> str:
    said = [document.statement, *(f"{name}: {text}" for name, text in document.facts)]
    for section in document.sections:
        said += [item for block in section.blocks if isinstance(block, Words) for item in block.items]
    return "\n".join(said)


def table(document: Document, name: str) -> Table:
    return next(one.table for one in document.tables if one.name == name)


def test_a_benefit_is_valued_with_its_interval_and_its_round(tmp_path: Path) -> None:
    document = case(tmp_path, evidence(groups=GROUPS))
    assert IMPACT.benefit is not None
    assert IMPACT.benefit.site_periods is not None
    assert IMPACT.benefit.patients.value is not None
    rate = IMPACT.benefit.patients.value / (IMPACT.benefit.site_periods / 12)
    mean = table(document, "benefits").rows[0][2]
    assert mean == pytest.approx(4 * rate, rel=0.03)  # two sites for two years, all of the effect kept
    money = {row[1]: row for row in table(document, "money").rows}
    benefit = money["Net benefit, QALY worth 100"]
    assert isinstance(benefit[3], float)
    assert isinstance(benefit[4], float)
    assert benefit[4] < benefit[3]
    spent, saved, net = (money[name][3] for name in ("Spent", "Saved", "Net cost"))
    assert isinstance(spent, float)
    assert isinstance(saved, float)
    assert net == pytest.approx(spent - saved, rel=1e-4)
    said = words(document)
    known = [row[3] for row in table(document, "inputs").rows[1:]]
    perfect = max(row[-1] for row in table(document, "acceptability").rows if row[0] == 100)  # type: ignore[type-var]
    assert len(known) == 3
    assert all(isinstance(one, float) and 0 <= one <= perfect * 1.0001 for one in known)
    assert "95% interval" in document.statement
    assert re.search(r"is worth its cost in .*% of simulations", document.statement)
    assert all(
        "Round 2025-q1" in one.source or "tated by" in one.source or one.source == "a table" for one in document.tables
    )
    assert "gains as it has events somewhere: 1 most deprived has" in said
    assert "Two sites are not in them." in said
    assert "hospital-15" in said
    gains = table(document, "who-gains").rows
    assert gains[4][1] is Mark.WITHHELD
    assert [section.id for section in document.sections] == [
        "problem", "evidence", "options", "costs", "benefits", "value", "budget", "equity", "sensitivity", "risks",
        "unknown", "sources",
    ]  # fmt: skip


def test_a_withheld_group_keeps_its_bounds_and_is_never_nought(tmp_path: Path) -> None:
    """In the document, on the page and in the workbook; groups that were only rounded keep their numbers."""
    document = case(tmp_path, evidence(groups=GROUPS))
    (tmp_path / "case").mkdir()
    write_case(tmp_path / "case", document=document, made_on=date(2025, 5, 1))
    sheet = load_workbook(tmp_path / "case" / "business-case.xlsx")["who-gains"]
    for name, events, low, high, *told in sheet.iter_rows(min_row=4, values_only=True):
        place = GROUPS.names.index(str(name))
        assert (low, high) == (GROUPS.lower[place], GROUPS.upper[place])
        if GROUPS.values[place] is None:
            assert (events, told[0], told[3]) == ("[c]", "[c]", "[c]")
            assert told[1] > 0  # type: ignore[operator]
        else:
            assert (events, told[0], told[3]) == (GROUPS.values[place], "[x]", "[x]")
    said = "Withheld to protect patients, which is not zero: 4 and 5 least deprived."
    assert said in words(document)
    assert said in (tmp_path / "case" / "index.html").read_text(encoding="utf-8")
    rounded = replace(GROUPS, lower=(38, 28, 20, 8, 3), upper=(42, 32, 24, 12, 7), values=(40, 30, 22, 10, 5))
    shares = [row[4] for row in table(case(tmp_path, evidence(groups=rounded)), "who-gains").rows]
    assert shares == pytest.approx([100 * value / 107 for value in (40, 30, 22, 10, 5)], rel=1e-4)


DISTRIBUTION = """\
distribution:
  burden_percent: {a: 50, b: 50}
  people: {a: 1000, b: 1000}
  health_before: {a: 60, b: 70}
  aversion: [0, 10]
  source: ours
"""


def test_net_health_by_group_is_told_with_what_was_stated(tmp_path: Path) -> None:
    groups = StatedGroups(
        by="fifth",
        names=("a", "b"),
        lower=(90, 10),
        upper=(90, 10),
        values=(90, 10),
        where="somewhere",
        left_out="",
        source="a table",
    )
    document = case(tmp_path, evidence(groups=groups), RANGED + DISTRIBUTION)
    net = table(document, "net-health").rows
    effect = next(row[2] for row in table(document, "benefits").rows if row[1] == "QALYs gained, present value")
    cost = next(row[3] for row in table(document, "money").rows if row[1] == "Net cost")
    assert isinstance(effect, float)
    assert isinstance(cost, float)
    assert [row[2] for row in net] == [
        pytest.approx(share * effect - 0.5 * cost / 100, rel=1e-3) for share in (0.9, 0.1)
    ]
    assert all(row[3] < row[2] < row[4] for row in net)  # type: ignore[operator]
    said = words(document)
    assert "With an aversion to inequality of 0 (Atkinson)" in said
    assert "With an aversion to inequality of 10 (Atkinson)" in said
    withheld = case(
        tmp_path, evidence(groups=replace(groups, upper=(90, 17), values=(90, None))), RANGED + DISTRIBUTION
    )
    assert "not told, because some counts are withheld" in words(withheld)
    other = case(tmp_path, evidence(groups=GROUPS), RANGED + DISTRIBUTION)
    assert "the distribution is stated for a and b" in words(other)


@pytest.mark.parametrize(
    "insight",
    [
        replace(IMPACT, benefit=None, direction=Direction.NO_CHANGE),
        replace(IMPACT, direction=Direction.WORSE),
        replace(IMPACT, benefit=replace(IMPACT.benefit, site_periods=None)) if IMPACT.benefit else IMPACT,
    ],
)
def test_without_a_benefit_there_is_no_net_benefit(insight: Insight, tmp_path: Path) -> None:
    document = case(tmp_path, evidence(insight))
    said = words(document)
    assert "shows no benefit that could be valued" in document.statement
    assert ("Net benefit", "none can be given: no benefit was found") in document.facts
    assert {one.name for one in document.tables} == {"options", "costs", "budget"}
    assert "To break even it must avoid" in said
    assert "worth its cost in" not in said
    assert "Savings that come with events avoided are left out" in said


def test_without_a_threshold_nothing_is_said_to_be_worth_it(tmp_path: Path) -> None:
    text = re.sub(r"(threshold|health): .*\n", "", RANGED)
    document = case(tmp_path, evidence(), text)
    assert "nobody stated what that is worth" in document.statement
    assert not any("Net benefit" in str(row) for one in document.tables for row in one.table.rows)
    assert "Nobody stated what one event avoided is worth" in words(document)


def test_the_same_seed_makes_the_same_case(tmp_path: Path) -> None:
    assert case(tmp_path, evidence()) == case(tmp_path, evidence())


def test_groups_are_never_told_from_other_replies_than_the_rounds_own(tmp_path: Path) -> None:
    """Nor from a round that does not ask each site for them: it is said why."""
    network(tmp_path)
    asked = tmp_path / "rounds/2025-q1.yaml"
    [declared] = declared_values(read_workspace(tmp_path), ())

    def said(measure: str) -> str:
        workspace = read_workspace(tmp_path)
        found = groups_of(workspace, workspace.rounds[0], replace(declared, groups_measure=measure), IMPACT.provenance)
        assert isinstance(found, str)
        return found

    by_fifth = "cardiac-arrests-by-deprivation"
    assert said(by_fifth).startswith(f"the round does not count {by_fifth} by deprivation")
    assert said(declared.measure).startswith(f"the round does not count {declared.measure} by deprivation")
    text = asked.read_text()
    asked.write_text(text.replace("version: 1}", f"version: 1}}, {{id: {by_fifth}, version: 1}}"))
    assert "the replies that the centre keeps are not those that the round was published from" in said(by_fifth)
    asked.write_text(text.replace("version: 1}", "version: 1}, {id: acute-bronchitis, version: 1, lane: pooled}"))
    sites = ", ".join(f"{{id: {one}, folder: sites/{one}}}" for one in ("one", "two", "three"))
    (tmp_path / "network.yaml").write_text(f"id: net\nname: The network\nsites: [{sites}]\n")
    assert "in the pooled lane, which tells nothing of those that use it" in said("acute-bronchitis")


def test_site_periods_travel_in_the_file_of_insights() -> None:
    assert read_insights(insights_json(replace(REPORT, insights=(IMPACT,)))) == (IMPACT,)


STATED = RANGED.replace(
    "author: A", "effect: {avoided: 30, low: 10, high: 50, site_years: 10, outcome: falls, source: a trial}\nauthor: A"
)


def test_an_effect_that_is_only_stated_is_never_sure(tmp_path: Path) -> None:
    (tmp_path / "costs.yaml").write_text(STATED)
    document = stated_case(tmp_path / "costs.yaml")
    assert "certainty is low" in words(document)
    assert "No round of this network has found it" in words(document)
    (tmp_path / "costs.yaml").write_text(RANGED)
    with pytest.raises(TableError, match="no `effect` is stated"):
        stated_case(tmp_path / "costs.yaml")


def test_the_file_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "analyst.md").read_text(encoding="utf-8")
    written = re.search(r"```yaml\n(id: programme.*?)```", page, re.DOTALL)
    assert written
    (tmp_path / "costs.yaml").write_text(written[1])
    assert "is worth its cost in" in stated_case(tmp_path / "costs.yaml").statement


def network(folder: Path, *, published: bool = True) -> Path:
    for path, text in {
        "network.yaml": "id: net\nname: The network\nsites: [{id: one, folder: sites/one}]\n",
        "members.csv": "ods_code,name,kind,region,joined,left\nRX01,Northfield,hospital,North,2020-01-01,\n",
        "adoptions.csv": "ods_code,innovation,stage,date\n",
        "rounds/2025-q1.yaml": "id: 2025-q1\ntitle: A round\nas_of: 2025-01-31\nfirst: 2022-01-01\nlast: 2024-12-31\n"
        "measures: [{id: cardiac-arrests, version: 1}]\n",
        "library/values/costs.yaml": RANGED,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    if published:
        (folder / "outputs/2025-q1").mkdir(parents=True)
        (folder / "outputs/2025-q1/insights.json").write_bytes(insights_json(replace(REPORT, insights=(IMPACT,))))
    return folder


def test_the_command_writes_a_page_word_and_excel(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--json", "value", "case", str(network(tmp_path))])
    assert result.exit_code == 0, result.output
    folder = Path(json.loads(result.stdout)["cases"][0]["page"]).parent
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count('role="img"') == 8  # four charts, for a screen and for a phone
    assert "Round 2025-q1" in page
    with zipfile.ZipFile(folder / "business-case.docx") as word:
        body = word.read("word/document.xml").decode()
        assert len([name for name in word.namelist() if name.startswith("word/media/")]) == 4
    assert "w:tblHeader" in body
    assert body.count('descr="') >= 4
    for heading in ("The problem", "Is it worth the money?", "What is not known"):
        assert heading in page
        assert heading in body
    book = load_workbook(folder / "business-case.xlsx")
    assert {"cover", "words", "costs", "money", "budget", "acceptability"} <= set(book.sheetnames)


def test_what_is_refused_of_a_round(tmp_path: Path) -> None:
    workspace = read_workspace(network(tmp_path, published=False))
    declaration, [declared] = workspace.rounds[0], declared_values(workspace, ())
    with pytest.raises(DefinitionError, match="is not published"):
        write_value_case(workspace, declaration, declared, seed=1)
    network(tmp_path)
    with pytest.raises(DefinitionError, match="says nothing of the effect of deterioration-programme on falls"):
        write_value_case(workspace, declaration, replace(declared, measure="falls"), seed=1)
    (tmp_path / "library/values/costs.yaml").unlink()
    with pytest.raises(DefinitionError, match="holds no file of costs"):
        declared_values(workspace, ())
    assert not (tmp_path / "cases").exists()
    for grain, years in ((Grain.MONTH, 1 / 12), (Grain.QUARTER, 0.25), (Grain.YEAR, 1.0), (Grain.ALL, 3.0)):
        assert period_years(replace(given.ARRESTS, grain=grain), declaration) == pytest.approx(years, rel=0.001)


def test_a_stated_case_and_a_table_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("costs.yaml").write_text(STATED)
    run = CliRunner()
    first = run.invoke(app, ["value", "stated", "costs.yaml"])
    assert first.exit_code == 0, first.output
    assert Path("costs-case/index.html").exists()
    Path("other").mkdir()
    Path("other/mine.txt").write_text("mine")
    refused = run.invoke(app, ["value", "stated", "costs.yaml", "--out", "other"])
    assert "something else lies there" in str(refused.exception)
    assert Path("other/mine.txt").read_text() == "mine"
    Path("t.csv").write_text("a,b,c,d\n" + "1,1,2,2\n1,1,3,2\n" * 5)
    names = ["--cost", "old=a", "--effect", "old=b", "--cost", "new=c", "--effect", "new=d"]
    told = run.invoke(app, ["value", "table", "t.csv", *names, "--worth", "5", "--people", "1000"])
    assert told.exit_code == 0, told.output
    assert "“new” compared with “old” costs £1.50" in told.stdout
    assert Path("t-value/value.xlsx").exists()


def test_every_table_is_named_for_its_sheet(tmp_path: Path) -> None:
    document = case(tmp_path, evidence(groups=GROUPS))
    names = [one.name for one in document.tables]
    assert len(set(names)) == len(names)
    assert all(isinstance(one, Tabled) and one.source for one in document.tables)

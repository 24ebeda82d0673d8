"""The pipeline: workbook round trip, ranks with ranges, each company and pound once, the national service's records."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from messy_trackers import members, network
from typer.testing import CliRunner

from rounds.centre.pipeline import (
    gone,
    pipeline_insights,
    pipeline_on,
    record_company_matches,
    record_pipeline,
    recorded_digest,
)
from rounds.cli.app import app
from rounds.errors import DefinitionError
from rounds.learning.spread.pipeline.rank import UNKNOWN, Span, evidence_of, need_of, ranked, readiness_of
from rounds.learning.spread.pipeline.support import counted_support, plain_company
from rounds.network.innovations import EvidenceStage
from rounds.network.pipeline import (
    Approval,
    Better,
    Contact,
    Design,
    Evidence,
    Outcome,
    OutcomeKind,
    Pipeline,
    PipelineInnovation,
    Regulatory,
    StageReached,
)
from rounds.records.synthetic.pipeline import DEMO_PIPELINE
from rounds.reports.content import pipeline as content
from rounds.reports.insight import Certainty, Provenance
from rounds.reports.pipeline_workbook import pipeline_workbook
from rounds.storage.innovation_record import read_innovation_record
from rounds.storage.pipeline_files import (
    TABLES,
    InLibrary,
    cells_of,
    columns_of,
    needed_of,
    pipeline_csvs,
    read_pipeline,
    read_pipeline_workbook,
)
from rounds.storage.workspace import Workspace, read_workspace

DAY = date(2025, 3, 31)
SHIPPED = ("deterioration-programme",)
LIBRARY = InLibrary(innovations=SHIPPED, measures=("cardiac-arrests",))
WHERE = Provenance(
    round_id="r",
    plan_digest="0" * 64,
    sites_in=("a",),
    sites_out=(),
    withheld_cells=0,
    total_cells=0,
    code_version="0",
    data_as_of=DAY,
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return read_workspace(network(tmp_path_factory.mktemp("network") / "n", members(1, count=4)))


def workbook(path: Path, pipeline: Pipeline) -> Path:
    tables = tuple((one, columns_of(one), needed_of(one), cells_of(one, getattr(pipeline, one))) for one in TABLES)
    made = pipeline_workbook(
        network="N", tables=tables, ranking=ranked(pipeline), support=counted_support(pipeline), made_on=DAY
    )
    path.write_bytes(made)
    return path


def test_a_pipeline_comes_back_from_a_workbook_as_it_went_in(tmp_path: Path) -> None:
    odd = PipelineInnovation(
        id="odd",
        title="=1+1",
        owner='Ward 7; and "others"',
        description="50 % – of all, ü",
        people_lower=0.1,
        people_upper=1e6,
    )
    whole = replace(DEMO_PIPELINE, innovations=(*DEMO_PIPELINE.innovations, odd))
    assert read_pipeline_workbook(workbook(tmp_path / "p.xlsx", whole), today=DAY) == whole
    assert read_pipeline_workbook(workbook(tmp_path / "e.xlsx", Pipeline())) == Pipeline()
    book = openpyxl.load_workbook(tmp_path / "p.xlsx")
    assert book.sheetnames[:3] == ["cover", "notes", "innovations"]
    assert all(len(book[table].tables) == 1 for table in (*TABLES, "ranking"))


def test_a_pipeline_comes_back_from_csv_files_as_it_went_in(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    for name, written in pipeline_csvs(DEMO_PIPELINE).items():
        (tmp_path / "pipeline" / name).write_bytes(written)
    assert read_pipeline(tmp_path) == DEMO_PIPELINE


def row(**values: object) -> Evidence:
    given = {"innovation": "x", "study": "s", "design": Design.RANDOMISED, "finding": "f", **values}
    return Evidence(**given)  # type: ignore[arg-type]  # chosen by the case


BETTER = {"lower": 0.4, "upper": 0.8, "no_effect": 1.0, "better": Better.LOWER}


@pytest.mark.parametrize(
    ("records", "span"),
    [
        ([], UNKNOWN),
        ([row(**BETTER)], Span(low=0.9, high=0.9)),
        ([row(**{**BETTER, "better": Better.HIGHER})], Span(low=0.0, high=0.0)),  # a clear harm
        ([row(**{**BETTER, "upper": 1.2})], Span(low=0.0, high=0.45)),  # it holds no effect
        ([row()], Span(low=0.0, high=0.9)),  # no interval: anything up to what the design allows
        ([row(**BETTER), row(study="t", **{**BETTER, "upper": 1.2})], Span(low=0.0, high=0.9)),  # they do not agree
        ([row(**BETTER), row(study="t", design=Design.OPINION)], Span(low=0.9, high=0.9)),  # much weaker: not weighed
        ([row(design=Design.NOT_STATED, **BETTER)], Span(low=0.1, high=1.0)),
        ([row(lower=-3.0, upper=-1.0, no_effect=0.0, better=Better.LOWER)], Span(low=0.9, high=0.9)),
        ([row(lower=1.0, upper=2.0, no_effect=1.0, better=Better.HIGHER)], Span(low=0.0, high=0.45)),  # touches it
    ],
)
def test_evidence_is_weighed_by_design_and_interval(records: Sequence[Evidence], span: Span) -> None:
    found = evidence_of(records).span
    assert (found.low, found.high) == pytest.approx((span.low, span.high))


def approval(status: Approval, kind: str = "DTAC", day: date | None = None) -> Regulatory:
    return Regulatory(innovation="x", kind=kind, status=status, date=day)


@pytest.mark.parametrize(
    ("stage", "approvals", "span"),
    [
        (None, [], (0.0, 1.0)),
        (EvidenceStage.ADOPTION, [], (0.25, 1.0)),
        (EvidenceStage.ADOPTION, [approval(Approval.HELD)], (1.0, 1.0)),
        (EvidenceStage.PILOT, [approval(Approval.HELD), approval(Approval.IN_PROGRESS, "CE")], (0.2, 0.4)),
        (EvidenceStage.ADOPTION, [approval(Approval.REFUSED)], (0.0, 0.1)),
        (  # the latest of a kind says where it stands
            EvidenceStage.ADOPTION,
            [approval(Approval.HELD, day=date(2024, 1, 1)), approval(Approval.IN_PROGRESS, day=date(2023, 1, 1))],
            (1.0, 1.0),
        ),
    ],
)
def test_readiness_is_stage_and_the_approval_it_lacks_most(
    stage: EvidenceStage | None, approvals: Sequence[Regulatory], span: tuple[float, float]
) -> None:
    found = readiness_of(stage, approvals).span
    assert (found.low, found.high) == pytest.approx(span)


def test_need_is_by_orders_of_ten_and_unknown_is_not_none() -> None:
    def need(lower: float | None, upper: float | None) -> Span:
        one = PipelineInnovation(id="x", title="X", owner="O", people_lower=lower, people_upper=upper)
        return need_of(one, {}).span

    assert need(None, None) == UNKNOWN
    assert need(1000.0, 1000.0).low == pytest.approx(0.4)
    assert need(0.0, 1e9) == Span(low=0.05, high=1.0)
    assert need(5.0, 100.0).high == pytest.approx(0.2)


def test_what_is_missing_widens_the_ranks_and_says_what_would_settle_it() -> None:
    found = ranked(DEMO_PIPELINE)
    by_id = {one.innovation.id: one for one in found}
    assert by_id["video-outreach"].first == 1
    assert len(by_id["video-outreach"].missing) == 3
    settled = by_id["lactate-at-the-bedside"]
    assert not settled.missing
    assert settled.last < by_id["bed-exit-sensor"].last
    said = content.ranking(found, provenance=WHERE, claims=DEMO_PIPELINE.value)
    claimed = "Bed exit sensor saves bed days, 120,000 GBP a year and hospital, says Larkfield Sensing Ltd"
    assert any(claimed in note for note in said.notes)
    assert said.certainty.level is Certainty.LOW
    assert "between 1st and 4th" in said.statement
    assert said.certainty.estimate.lower <= (said.certainty.estimate.value or 0) <= said.certainty.estimate.upper
    alone = content.ranking(ranked(replace(DEMO_PIPELINE, innovations=DEMO_PIPELINE.innovations[3:])), provenance=WHERE)
    assert "the one innovation in the pipeline" in alone.statement


def claim(company: str, day: str, amount: float, programme: str = "P", **more: str) -> Outcome:
    kind = OutcomeKind.INVESTMENT_GBP
    return Outcome(company=company, date=date.fromisoformat(day), programme=programme, kind=kind, amount=amount, **more)


@pytest.mark.parametrize(
    ("claims", "total"),
    [
        ([claim("A Ltd", "2024-01-31", 100), claim("a limited", "2024-05-31", 100)], (100, 100, 200)),  # two quarters
        ([claim("A", "2024-01-31", 100), claim("A", "2024-01-31", 100, "Q")], (100, 100, 200)),  # two programmes
        ([claim("A", "2024-01-31", 100), claim("A", "2024-02-28", 100)], (200, 200, 200)),  # two in one quarter
        ([claim("A", "2024-01-31", 100), claim("A", "2024-10-31", 100, "Q")], (200, 200, 200)),  # too far apart
        ([claim("A", "2024-01-31", 100), claim("A", "2024-02-28", 90, "Q")], (190, 100, 190)),  # may be a part of it
        (
            [claim("A", "2024-01-31", 100, reference="R1"), claim("A", "2024-02-28", 90, "Q", reference="r1")],
            (100, 100, 190),
        ),
        (
            [claim("A", "2024-01-31", 100, reference="R1"), claim("A", "2024-02-28", 100, "Q", reference="R2")],
            (200, 200, 200),
        ),
        (
            [claim("A", "2024-01-31", 9, company_number="01"), claim("B", "2024-02-28", 9, "Q", company_number="1")],
            (9, 9, 18),  # one number
        ),
        (
            [claim("A", "2024-01-31", 100, company_number="1"), claim("a", "2024-02-28", 100, "Q", company_number="2")],
            (200, 200, 200),  # one name, two numbers
        ),
        (  # a person has to say whether they are one
            [claim("Meridian Assays", "2024-01-31", 100), claim("Meridien Assays", "2024-02-28", 100, "Q")],
            (200, 100, 200),
        ),
    ],
)  # fmt: skip
def test_each_pound_is_counted_once(claims: Sequence[Outcome], total: tuple[float, float, float]) -> None:
    for order in (claims, claims[::-1]):
        (found,) = counted_support(Pipeline(outcomes=tuple(order))).totals
        assert (found.amount, found.lower, found.upper) == total


def test_totals_are_the_sums_of_the_claims_that_count() -> None:
    found = counted_support(DEMO_PIPELINE)
    for total in found.totals:
        own = [one for one in found.claims if one.claim.kind is total.kind]
        assert sum(one.claim.amount for one in own if one.counts) == total.amount
        assert total.lower <= total.amount <= total.upper
    assert {one.why.split(":")[0] for one in found.claims if not one.counts} == {"counted once already"}
    assert (found.companies, found.contacts, found.supports) == (4, 3, 2)
    assert "GBP 1,450,000 of investment" in content.support(found, provenance=WHERE).statement


def test_companies_that_may_be_one_wait_for_a_person(workspace: Workspace, tmp_path: Path) -> None:
    own = replace(workspace, folder=tmp_path, centre=tmp_path / "centre")
    record_pipeline(own, DEMO_PIPELINE, today=DAY)
    own = replace(own, pipeline=read_pipeline(tmp_path))
    before = pipeline_on(own, DAY).support
    (maybe,) = before.maybe_same
    assert {maybe.company, maybe.other} == {"Meridian Assays", "Meridien Assays"}
    path = record_company_matches(own, before.maybe_same, today=DAY)
    assert path is not None
    path.write_text(path.read_text().replace("\n,Meri", "\nyes,Meri"))
    after = pipeline_on(own, DAY).support
    assert (after.companies, after.maybe_same) == (before.companies - 1, ())
    assert record_company_matches(own, after.maybe_same, today=DAY) == path
    path.write_text(path.read_text().replace("yes,", "perhaps,"))
    with pytest.raises(DefinitionError, match="line 2, column confirmed"):
        pipeline_on(own, DAY)


def test_a_round_says_it_only_of_what_is_recorded(workspace: Workspace) -> None:
    assert pipeline_insights(workspace, as_of=DAY, found={}, provenance=lambda _: WHERE) == ()
    assert recorded_digest(workspace, as_of=DAY) is None
    own = replace(workspace, pipeline=DEMO_PIPELINE)
    said = pipeline_insights(own, as_of=DAY, found={}, provenance=lambda _: WHERE)
    assert [one.id for one in said] == ["pipeline-ranking", "pipeline-support"]
    later = replace(own, pipeline=replace(DEMO_PIPELINE, evidence=DEMO_PIPELINE.evidence[:2]))
    assert recorded_digest(own, as_of=DAY) != recorded_digest(later, as_of=DAY)
    assert recorded_digest(own, as_of=date(2024, 1, 1)) == recorded_digest(later, as_of=date(2024, 1, 1))


def test_what_came_later_was_not_known() -> None:
    early = DEMO_PIPELINE.up_to(date(2022, 12, 31))
    assert {one.innovation for one in early.evidence} == {"deterioration-programme"}
    assert not early.outcomes
    assert early.innovations == DEMO_PIPELINE.innovations


def test_one_company_has_many_spellings() -> None:
    spelt = {plain_company(name) for name in ("Acme & Sons Ltd", "ACME AND SONS LIMITED", "The Acme and Sons (UK) plc")}
    assert len(spelt) == 1
    assert plain_company("The Company Ltd") == "the company ltd"
    contacts = (Contact(company="Acme Ltd", date=DAY, programme="P"), Contact(company="ACME", date=DAY, programme="P"))
    assert counted_support(Pipeline(contacts=contacts)).contacts == 1


RECORD = {
    "version": "202304",
    "INNOVATION_DESCRIPTION": {"name": "Lactate at the bedside", "description": "A test\nby the bed", "postcode": "X"},
    "UNDERSTANDING_OF_NEEDS": {"problemsTackled": "Sepsis is found late"},
    "EVIDENCE_OF_EFFECTIVENESS": {"hasEvidence": "YES"},
    "evidences": [
        {"evidenceSubmitType": "CLINICAL_OR_CARE", "evidenceType": "RANDOMISED_CONTROLLED_TRIAL", "summary": "Sooner"},
        {"evidenceSubmitType": "REAL_WORLD", "evidenceType": "CONFERENCE", "description": "poster", "summary": "Good"},
    ],
    "REGULATIONS_AND_STANDARDS": {
        "standards": [{"type": "DTAC", "hasMet": "IN_PROGRESS"}, {"type": "CQC"}, {"type": "OTHER", "hasMet": "YES"}],
        "otherRegulationDescription": "ISO 13485",
    },
    "COST_OF_INNOVATION": {"patientsRange": "BETWEEN_10000_500000", "costComparison": "CHEAPER"},
}


def test_a_record_of_the_national_service_maps_in(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(RECORD))
    found = read_innovation_record(path)
    (one,) = found.innovations
    assert (one.id, one.description, one.people_lower, one.people_upper) == (
        "lactate-at-the-bedside", "A test by the bed", 10_000.0, 500_000.0,
    )  # fmt: skip
    assert [(row.design, row.study) for row in found.evidence] == [
        (Design.RANDOMISED, "evidence 1"),
        (Design.NOT_STATED, "poster"),
    ]
    assert {(row.kind, row.status) for row in found.regulatory} == {
        ("DTAC", Approval.IN_PROGRESS),
        ("ISO 13485", Approval.HELD),
    }
    assert found.value[0].says == "cheaper to buy than what is done now"
    path.write_text(json.dumps({"id": 1, "document": RECORD}))
    assert read_innovation_record(path) == found


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("no json", "this is not JSON"),
        ("[" * 100_000, "this is not JSON"),
        ("[]", "this is no innovation record"),
        ('{"INNOVATION_DESCRIPTION": {"name": ""}}', "INNOVATION_DESCRIPTION, name: it is empty"),
        ('{"INNOVATION_DESCRIPTION": {"name": 3}}', "name: this should be a text"),
        ('{"INNOVATION_DESCRIPTION": {"name": "X"}, "evidences": {}, "COST_OF_INNOVATION": []}', None),
        ('{"INNOVATION_DESCRIPTION": {"name": "X"}, "evidences": [3]}', "evidences: this should be a list"),
        (
            '{"INNOVATION_DESCRIPTION": {"name": "X"}, "REGULATIONS_AND_STANDARDS": {"standards": [{"type": "NEW"}]}}',
            "unknown type NEW",
        ),
    ],
)
def test_records_that_are_none_are_refused(tmp_path: Path, written: str, words: str | None) -> None:
    path = tmp_path / "record.json"
    path.write_text(written)
    if words is None:
        assert read_innovation_record(path).innovations[0].title == "X"
        return
    with pytest.raises(DefinitionError, match=words):
        read_innovation_record(path)


def sheet(tmp_path: Path, name: str, *rows: Sequence[object]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = name
    for one in rows:
        book.active.append(list(one))
    book.save(tmp_path / "p.xlsx")
    return tmp_path / "p.xlsx"


STUDY = ("innovation", "study", "design", "finding", "value", "lower", "upper", "no_effect", "better", "date")


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("other", [("a", "b"), (1, 2)], ["no sheet is one of a pipeline's", "there is other"]),
        ("stages", [("innovation", "when"), ("x", DAY)], ["sheet stages", "no header", "date, stage"]),
        ("stages", [("innovation", "stage", "date", "x"), ("x", "pilot", DAY, 1)], ["no column x in stages"]),
        ("stages", [("innovation", "stage", "date"), ("nobody", "pilot", DAY)], ["row 2", 'no innovation "nobody"']),
        ("stages", [("innovation", "stage", "date"), (*SHIPPED, "flying", DAY)], ["row 2, column stage", "flying"]),
        ("stages", [("innovation", "stage", "date"), (*SHIPPED, "pilot", "soon")], ["row 2, column date", "no date"]),
        ("stages", [("innovation", "stage", "date"), (*SHIPPED, None, DAY)], ["row 2, column stage", "empty"]),
        ("stages", [("innovation", "stage", "date"), (*SHIPPED, "pilot", date(2025, 4, 1))], ["lies after today"]),
        (
            "stages",
            [("innovation", "stage", "date"), (*SHIPPED, "pilot", DAY), (*SHIPPED, "adoption", DAY)],
            ["row 3", "two stages on one day as in", "row 2"],
        ),
        (
            "evidence",
            [STUDY, (*SHIPPED, "s", "randomised", "f", 1, 2, 3, 1, "lower")],
            ["row 2", "outside its interval"],
        ),
        ("evidence", [STUDY, (*SHIPPED, "s", "randomised", "f", 1, 0.5)], ["row 2", "give both or none"]),
        ("evidence", [STUDY, (*SHIPPED, "s", "randomised", "f", 1, 0.5, 2)], ["row 2", "without no_effect"]),
        ("evidence", [STUDY, (*SHIPPED, "s", "randomised", "f", "much")], ["row 2, column value", "no number"]),
        ("evidence", [STUDY, (*SHIPPED, "s", "randomised", "f" * 10_001)], ["row 2, column finding", "longer than"]),
        (
            "innovations",
            [("id", "title", "owner", "need_measure"), ("a", "t", "o", "cardiac-arrest")],
            ["row 2, column need_measure", "did you mean `cardiac-arrests`?"],
        ),
        ("innovations", [("id", "title", "owner"), ("Not An Id", "t", "o")], ["row 2, column id", "hyphens"]),
        ("innovations", [("id", "title", "owner"), ("a", "t", "o"), ("a", "u", "o")], ["row 3", "the same row"]),
        (
            "innovations",
            [("id", "title", "owner", "people_lower"), ("a", "t", "o", 5)],
            ["row 2", "people_lower and people_upper come together"],
        ),
        (
            "outcomes",
            [("company", "date", "programme", "kind", "amount"), ("A", DAY, "P", "investment_gbp", -5)],
            ["row 2", "amount is below 0"],
        ),
    ],
)
def test_workbooks_are_refused(tmp_path: Path, name: str, rows: Sequence[Sequence[object]], words: list[str]) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_pipeline_workbook(sheet(tmp_path, name, *rows), library=LIBRARY, today=DAY)
    for word in ["p.xlsx", *words]:
        assert word in str(refused.value)


def test_numbers_that_are_none_are_refused() -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(DefinitionError, match="amount is not a finite number"):
            claim("A", "2024-01-31", number)


def test_the_commands_round_trip(tmp_path: Path) -> None:
    folder = network(tmp_path / "n", members(1, count=4))
    (tmp_path / "record.json").write_text(json.dumps(RECORD))
    to, today = str(tmp_path / "p.xlsx"), ["--today", "2025-03-31"]
    add = ["pipeline", "import", str(tmp_path / "record.json"), "--network", str(folder), *today]
    assert "dry run" in CliRunner().invoke(app, add).stdout
    assert not (folder / "pipeline").exists()
    assert CliRunner().invoke(app, [*add, "--yes"]).exit_code == 0
    assert CliRunner().invoke(app, ["pipeline", "export", str(folder), to, *today]).exit_code == 0
    before = {path.name: path.read_bytes() for path in (folder / "pipeline").iterdir()}
    back = CliRunner().invoke(app, ["pipeline", "import", to, "--network", str(folder), *today, "--yes"])
    assert back.exit_code == 0, back.output
    assert {path.name: path.read_bytes() for path in (folder / "pipeline").iterdir()} == before
    book = openpyxl.load_workbook(to)
    for name in TABLES:
        header = next(row[0].row for row in book[name].iter_rows() if row[0].value in columns_of(name))
        book[name].delete_rows(header + 1, book[name].max_row)
    book.save(tmp_path / "empty.xlsx")
    emptied = CliRunner().invoke(
        app, ["pipeline", "import", str(tmp_path / "empty.xlsx"), "--network", str(folder), *today, "--yes"]
    )
    assert isinstance(emptied.exception, DefinitionError)
    assert "take the place of 1 innovation" in str(emptied.exception)
    assert {path.name: path.read_bytes() for path in (folder / "pipeline").iterdir()} == before
    told = json.loads(CliRunner().invoke(app, ["--json", "pipeline", "rank", str(folder), *today]).stdout)
    assert {one["innovation"] for one in told["ranking"]} == {"lactate-at-the-bedside", *SHIPPED}
    refused = CliRunner().invoke(app, ["pipeline", "export", str(folder), to, *today])
    assert isinstance(refused.exception, DefinitionError)
    assert "is there already" in str(refused.exception)


def test_what_a_workbook_would_take_away_is_said() -> None:
    known = DEMO_PIPELINE
    first = known.innovations[0].id
    fewer = replace(
        known,
        innovations=known.innovations[1:],
        stages=tuple(one for one in known.stages if one.innovation != first),
    )
    lost = len(known.stages) - len(fewer.stages)
    said = gone(known, fewer)
    assert said[0] == f"{first} will go: recorded, and not in this file"
    assert not lost or said[1].startswith(f"{lost} row")
    assert gone(known, known) == ()
    assert gone(fewer, known) == ()


def test_stages_are_dated() -> None:
    reached = (
        StageReached(innovation="x", stage=EvidenceStage.ADOPTION, date=date(2024, 1, 1)),
        StageReached(innovation="x", stage=EvidenceStage.PILOT, date=date(2022, 1, 1)),
    )
    pipeline = Pipeline(innovations=(PipelineInnovation(id="x", title="X", owner="O"),), stages=reached)
    assert ranked(pipeline)[0].stage is EvidenceStage.ADOPTION
    assert ranked(pipeline.up_to(date(2023, 1, 1)))[0].stage is EvidenceStage.PILOT

"""The benefit ledger: what an entry may be, what supersedes what, how parts add up, and how it is kept."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import benefit_cases as given
import pytest
from benefit_cases import year_of
from messy_trackers import members, network
from typer.testing import CliRunner

from rounds.audit.chain import Action
from rounds.centre.benefits import Ledger, known_before
from rounds.centre.pipeline import record_company_matches, record_pipeline
from rounds.cli.app import app
from rounds.errors import AuditError, DefinitionError
from rounds.learning.benefit.claims import Quantity, Said, Source
from rounds.learning.benefit.entries import Counted, Statement
from rounds.learning.benefit.rules import SPLIT_EVENLY
from rounds.learning.benefit.totals import Quarter, benefited, counted_once, latest, quarter_of, read_quarter, total
from rounds.learning.spread.pipeline.support import MaybeSame
from rounds.network.pipeline import Pipeline, PipelineInnovation
from rounds.storage import benefit_store
from rounds.storage.audit_log import read_log
from rounds.storage.benefit_store import read_claims, read_statements, record_claims, record_statements
from rounds.storage.held import RECORDED
from rounds.storage.sqlite_file import transaction
from rounds.storage.workspace import read_workspace

MONTHS = given.months()
JANUARY = MONTHS[0]


# Entries


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda: [given.entry("X1", *JANUARY), given.entry("X1", *JANUARY)], "share days"),
        (lambda: [given.entry("X1", *JANUARY), given.entry("X1", date(2024, 1, 1), date(2024, 3, 31))], "share days"),
        (lambda: [given.entry("X1", date(2025, 1, 1), date(2025, 1, 31))], "lies outside 2024-01-01 to 2024-12-31"),
        (lambda: [given.entry("X1", *JANUARY, reached=(-1, 4))], "bounds are in order and not below 0"),
        (lambda: [given.entry("X1", *JANUARY, reached=(5, 4))], "bounds are in order and not below 0"),
        (lambda: [given.entry("X1", *JANUARY, float("nan"))], "are finite"),
        (lambda: [given.entry("X1", *JANUARY, own=-1.0)], "a variance is not below 0"),
        (lambda: [given.entry("X1", *JANUARY, slopes=((3, 1.0),))], "a source that is not there"),
        (lambda: [given.entry("X1", *JANUARY, since=date(2024, 1, 2))], "in effect from its first day on"),
    ],
)
def test_an_impossible_entry_is_refused(change, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DefinitionError, match=says):
        given.statement(change())


def test_a_statement_about_the_future_or_a_stranger_is_refused() -> None:
    with pytest.raises(DefinitionError, match="the future has no benefit yet"):
        given.statement(year_of("X1"), data_as_of=date(2024, 11, 30))
    with pytest.raises(DefinitionError, match="X1 is not among the members"):
        given.statement(year_of("X1"), members=("X2",))


def test_more_benefited_than_reached_is_flagged_and_kept() -> None:
    found = given.statement([given.entry("X1", *JANUARY, 110.0)])
    (flag,) = found.flags
    assert "110.0 benefited, and at most 104 were reached" in flag
    assert given.statement(year_of("X1")).flags == ()


# What is in force


def test_a_later_round_supersedes_and_withdraws_what_it_no_longer_says() -> None:
    old = given.statement(year_of("X1") + year_of("X2"))
    new = given.statement(
        [given.entry("X1", *month, 2.0) for month in MONTHS[6:]],
        round_id="2025", data_as_of=date(2025, 7, 1), members=("X1",), first=MONTHS[3][0],
    )  # fmt: skip
    kept, newer = latest([old, new])
    assert {(one.member, one.start.month) for one in kept.entries if one.member == "X1"} == {
        ("X1", 1), ("X1", 2), ("X1", 3),
    }  # fmt: skip
    assert len([one for one in kept.entries if one.member == "X2"]) == 12, "a member it does not speak about stays"
    assert len(newer.entries) == 6
    late = latest([new, old])
    assert [len(one.entries) for one in late] == [15, 6], "a round with older data does not win by being recorded late"
    again = replace(new, entries=(given.entry("X1", *MONTHS[11], 9.0),))
    assert [len(one.entries) for one in latest([old, new, again])] == [15, 0, 1], "of one round the last recorded holds"


def test_quarters_know_their_days_and_years() -> None:
    assert [(quarter_of(day), quarter_of(day).financial_year) for day in (date(2024, 3, 31), date(2024, 4, 1))] == [
        (Quarter(year=2024, number=1), "2023/24"),
        (Quarter(year=2024, number=2), "2024/25"),
    ]
    last = read_quarter("2024-Q4")
    assert (last.start, last.end, last.financial_number, last.label) == (
        date(2024, 10, 1), date(2024, 12, 31), 3, "Oct to Dec 2024",
    )  # fmt: skip
    for wrong in ("2024-Q5", "2024Q4", "Q4", "2024-Q", "twenty-Q1"):
        with pytest.raises(DefinitionError, match="2024-Q3"):
            read_quarter(wrong)


# Sums


def test_what_is_shared_adds_up_and_what_is_own_in_squares() -> None:
    shared = given.statement([given.entry("X1", *month, 1.0, own=0.0, slopes=((0, 2.0),)) for month in MONTHS])
    own = given.statement([given.entry("X1", *month, 1.0, own=4.0) for month in MONTHS])
    for statement, half in ((shared, 24.0), (own, 2 * 12**0.5)):
        found = benefited(counted_once([statement], rule=SPLIT_EVENLY))
        assert found is not None
        assert (found.value, found.half_width) == pytest.approx((12.0, 1.959963984540054 * half))


def test_networks_are_independent_and_estimates_of_one_are_not() -> None:
    one = given.statement([given.entry("X1", *JANUARY, own=9.0)])
    other = given.statement([given.entry("X2", *JANUARY, own=16.0)], innovation="another")
    same = benefited(counted_once([one, other], rule=SPLIT_EVENLY))
    apart = benefited(counted_once([one, replace(other, network="elsewhere")], rule=SPLIT_EVENLY))
    assert same is not None
    assert apart is not None
    assert (same.half_width, apart.half_width) == pytest.approx((1.96 * 7, 1.96 * 5), rel=1e-4)
    with pytest.raises(DefinitionError, match="X1 is in three-rivers and in elsewhere"):
        counted_once([one, replace(one, network="elsewhere")], rule=SPLIT_EVENLY)


def test_people_may_be_the_same_everywhere_and_admissions_are_not() -> None:
    entries = [given.entry("X1", *MONTHS[0], reached=(90, 95)), given.entry("X2", *MONTHS[1], reached=(40, 44))]
    for counted, bounds in ((Counted.EVENTS, (130, 139)), (Counted.PEOPLE, (90, 139))):
        found = total(counted_once([given.statement(entries, counted=counted)], rule=SPLIT_EVENLY)).reached
        assert (found.lower, found.upper) == bounds


# What is kept


def record(path: Path, statement: Statement, *, inputs: str = "a", today: date = date(2025, 2, 1)) -> bool:
    return record_statements(path, [statement], round_id=statement.round_id, inputs=inputs, party="centre", today=today)


def test_the_ledger_only_grows_and_can_be_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    one = given.statement(year_of("X1", slopes=((0, 0.5),)))
    two = replace(one, round_id="2025", data_as_of=date(2025, 7, 1), entries=one.entries[:3])
    assert read_statements(path, party="centre") == ()
    assert record(path, one)
    assert not record(path, one, today=date(2025, 2, 9)), "a round that is run again adds nothing"
    assert record(path, two, inputs="b", today=date(2025, 8, 1))
    then, now = (
        [found.statement.round_id for found in read_statements(path, as_of=day, party="centre")]
        for day in (date(2025, 7, 31), None)
    )
    assert (then, now) == (["2024"], ["2024", "2025"])
    (found,) = read_statements(path, as_of=date(2025, 7, 31), party="centre")
    assert found.statement.entries == one.entries
    assert (found.statement.sources == one.sources).all()
    told = [entry.event for entry in read_log(path)]
    assert [(event.action, event.round_id, event.digest) for event in told][:1] == [
        (Action.RECORDED, "2024", found.digest)
    ]
    assert len(told) == 2


def test_a_later_round_supersedes_an_earlier_one_and_never_the_other_way(tmp_path: Path) -> None:
    space = SimpleNamespace(centre=tmp_path, folder=tmp_path)

    def of_round(name: str, as_of: date) -> Any:
        return SimpleNamespace(id=name, as_of=as_of, programmes=("news2",))

    one, two = of_round("2024", date(2025, 1, 14)), of_round("2025", date(2025, 7, 1))
    old = given.statement(year_of("X1"))
    new = replace(old, round_id="2025", data_as_of=two.as_of, entries=old.entries[:3])

    def keep(declared: Any, statement: Statement, inputs: str) -> list[int]:
        ledger = Ledger(workspace=cast(Any, space), declared=declared, inputs=inputs, today=date(2025, 8, 1))
        return [len(found.entries) for found in ledger.keep([statement])]

    assert keep(two, new, "b") == [3]
    assert keep(one, old, "a") == [12], "run late, an earlier round says what it would have said before the other"
    assert keep(two, new, "b") == [0, 3]
    assert keep(two, new, "other inputs, the same numbers") == [0, 3]
    assert len(read_statements(tmp_path / "ledger.db", party="centre")) == 2
    assert known_before(cast(Any, space), one) == {}, "what decides an earlier round's pages never changes with a later"
    assert len(cast(Any, known_before(cast(Any, space), two)["statements"])) == 1


def test_killed_between_leaves_the_ledger_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    one, two = given.statement(year_of("X1")), given.statement(year_of("X1"), innovation="outreach")
    encode, calls = benefit_store.encode_statement, []

    def killed(statement: Statement) -> bytes:
        calls.append(statement)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(statement)

    monkeypatch.setattr(benefit_store, "encode_statement", killed)
    with pytest.raises(KeyboardInterrupt):
        record_statements(path, [one, two], round_id="2024", inputs="a", party="centre", today=date(2025, 2, 1))
    assert read_statements(path, party="centre") == ()
    assert read_log(path) == ()
    monkeypatch.undo()
    record_statements(path, [one, two], round_id="2024", inputs="a", party="centre", today=date(2025, 2, 1))
    assert len(read_statements(path, party="centre")) == 2


@pytest.mark.parametrize("name", ["benefit-claims", "adoptions", "pipeline"])
def test_a_round_is_not_called_what_the_log_calls_something_else(tmp_path: Path, name: str) -> None:
    one = given.statement([given.entry("X1", *JANUARY)])
    with pytest.raises(DefinitionError, match=f"cannot be called {name}"):
        record_statements(
            tmp_path / "ledger.db", [one], round_id=name, inputs="a", party="centre", today=date(2025, 2, 1)
        )
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE benefit_statements SET content = x'00'", "was changed after it was recorded"),
        ("UPDATE benefit_statements SET digest = 'other'", "was changed after it was recorded"),
        ("UPDATE benefit_statements SET round_id = 'other'", "is not told in the audit log"),
        ("DELETE FROM benefit_statements", "something in the benefit ledger that is no longer there"),
    ],
)
def test_a_changed_ledger_is_refused(tmp_path: Path, change: str, says: str) -> None:
    path = tmp_path / "ledger.db"
    record(path, given.statement(year_of("X1")))
    with transaction(path, schema="") as connection:
        connection.execute(change)
    with pytest.raises(AuditError, match=says):
        read_statements(path, party="centre")


def test_a_claim_is_replaced_from_a_day_and_never_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    claim = Said(
        id="c1", source=Source.CLAIM, by="P", innovation="news2", scope="network", quantity=Quantity.EFFECT,
        what="days", value=-153.0, unit="days", first=date(2022, 4, 1), last=date(2023, 3, 31), basis="Report",
        dated=date(2023, 6, 1),
    )  # fmt: skip
    less = replace(claim, value=-20.0)
    day = date(2025, 1, 1)
    for one, new in ((claim, 1), (claim, 0), (less, 1), (claim, 1)):
        day += timedelta(days=1)
        assert record_claims(path, [one], party="centre", today=day) == new
    values = [read_claims(path, as_of=date(2025, 1, at), party="centre") for at in (1, 3, 4, 5)]
    assert [[one.value for one in found] for found in values] == [[], [-153.0], [-20.0], [-153.0]]


def test_what_people_record_of_a_network_is_no_statement_that_is_gone(tmp_path: Path) -> None:
    """Imports of adoption and the pipeline tell the same log; the ledger is read, and a lost statement still seen."""
    own = members(1, count=2)
    folder = network(tmp_path / "n", own)
    path = read_workspace(folder).centre / "ledger.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    record(path, given.statement(year_of("X1")))
    tracker = tmp_path / "tracker.csv"
    tracker.write_text(f"Trust,Status,Date\n{own[0].name},Live,2024-03-01\n")
    asked = ["adoption", "import", str(tracker), "--network", str(folder), "--innovation", "deterioration-programme"]
    assert CliRunner().invoke(app, [*asked, "--yes", "--today", "2025-03-31"]).exit_code == 0
    workspace = read_workspace(folder)
    record_pipeline(
        workspace, Pipeline(innovations=(PipelineInnovation(id="x", title="X", owner="O"),)), today=date(2025, 3, 31)
    )
    record_company_matches(workspace, (MaybeSame(company="A", other="B", likeness=90.0),), today=date(2025, 3, 31))
    told = {one.event.round_id for one in read_log(path) if one.event.action is Action.RECORDED}
    assert told == {"2024", *(Path(name).stem for name in RECORDED)}
    assert len(read_statements(path, party="centre")) == 1
    with transaction(path, schema="") as connection:
        connection.execute("DELETE FROM benefit_statements")
    with pytest.raises(AuditError, match="no longer there"):
        read_statements(path, party="centre")

"""Agreements, standing approvals and the clock: what is not covered today is refused, and nothing is counted."""

from datetime import date
from pathlib import Path

import pytest
from approval_site import ADA, BEN, CAI, PEOPLE, TODAY, Desk, make_desk

from rounds.audit.chain import Action, Event
from rounds.errors import DefinitionError, DisclosureRefusal, MessageError, RoundsError, WaitsForApproval
from rounds.network.roles import Approval
from rounds.site.answer import preview
from rounds.site.approval import approve
from rounds.storage.approval_store import read_requests
from rounds.storage.audit_log import record
from rounds.storage.clock import refuse_clock_set_back
from rounds.storage.governance_files import read_agreements, read_people, read_standing_approvals

AGREEMENT = """agreements:
  - id: dsa-1
    between: [publisher, the network]
    purpose: waiting in emergency departments
    measures: [ae-over-4-hours v1]
    from: 2025-01-01
    until: 2025-08-31
    reviewer: Ada Example
"""
APPROVALS = f"""approvals:
  - {{measure: ae-over-4-hours, version: 1, approved_by: {ADA}, since: 2025-01-01, until: 2025-08-31}}
"""


def _preview(desk: Desk, today: date) -> None:
    preview(desk.site, desk.exchange, round_id="r1", today=today, progress=lambda _: None)


def _refused(desk: Desk, says: str, *, today: date = TODAY, error: type[RoundsError] = DisclosureRefusal) -> None:
    """Neither an answer nor a preview is made; nothing was written."""
    before = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()}
    with pytest.raises(error) as refused:
        desk.answer(today=today)
    assert says in str(refused.value)
    if not desk.site.approval.queues:
        with pytest.raises(error):
            _preview(desk, today)
    assert desk.reply() is None
    assert {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()} == before


def test_a_site_without_agreements_answers_as_it_always_did(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    assert desk.site.approval is Approval.LIBRARY
    assert desk.answer()
    assert read_requests(desk.site.ledger_path) == ()


def test_a_site_that_requires_agreements_refuses_without(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "agreements: required")
    _refused(desk, "agreements.yaml is missing", error=DefinitionError)
    desk.write("agreements.yaml", AGREEMENT)
    assert desk.answer()


COVERED = {
    "the measure and version": ("", "", True),
    "every version": ("[ae-over-4-hours v1]", "[ae-over-4-hours]", True),
    "every measure": ("[ae-over-4-hours v1]", "all", True),
    "its last day": ("until: 2025-08-31", "until: 2025-07-01", True),
    "its first day": ("from: 2025-01-01", "from: 2025-07-01", True),
    "the day after": ("until: 2025-08-31", "until: 2025-06-30", "agreement dsa-1 ended on 2025-06-30"),
    "the day before": ("from: 2025-01-01", "from: 2025-07-02", "agreement dsa-1 begins only on 2025-07-02"),
    "another version": ("hours v1", "hours v2", "ae-over-4-hours v1: no agreement covers it"),
    "another measure": ("[ae-over-4-hours v1]", "[cardiac-arrests]", "ae-over-4-hours v1: no agreement covers it"),
    "no measure": ("[ae-over-4-hours v1]", "[]", "ae-over-4-hours v1: no agreement covers it"),
}


@pytest.mark.parametrize("what", COVERED)
@pytest.mark.parametrize("approval", ["library", "two"])
def test_each_query_needs_an_agreement_in_force_on_its_day(what: str, approval: str, tmp_path: Path) -> None:
    old, new, says = COVERED[what]
    desk = make_desk(tmp_path, f"approval: {approval}")
    desk.write("agreements.yaml", AGREEMENT.replace(old, new))
    if isinstance(says, str):
        _refused(desk, says)
    elif approval == "library":
        assert desk.answer()
    else:
        with pytest.raises(WaitsForApproval):
            desk.answer()


def test_an_agreement_that_ends_while_a_reply_waits_holds_it_back(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "approval: one")
    desk.write("agreements.yaml", AGREEMENT)
    with pytest.raises(WaitsForApproval):
        desk.answer()
    digest, late = desk.queued().digest, date(2025, 9, 1)
    approve(desk.site, round_id="r1", who=ADA, digest=digest, today=TODAY)
    with pytest.raises(DisclosureRefusal, match="agreement dsa-1 ended on 2025-08-31"):
        desk.answer(today=late)
    assert desk.reply() is None


def test_nobody_approves_what_no_agreement_covers_any_more(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "approval: one")
    desk.write("agreements.yaml", AGREEMENT)
    with pytest.raises(WaitsForApproval):
        desk.answer()
    with pytest.raises(DisclosureRefusal, match="agreement dsa-1 ended on 2025-08-31"):
        approve(desk.site, round_id="r1", who=ADA, digest=desk.queued().digest, today=date(2025, 9, 1))


@pytest.mark.parametrize("settings", ["approval: library", "approval: standing", "approval: two"])
def test_a_clock_set_back_brings_no_agreement_back(settings: str, tmp_path: Path) -> None:
    desk = make_desk(tmp_path, settings)
    desk.write("agreements.yaml", AGREEMENT)
    desk.write("approvals.yaml", APPROVALS)
    later = Event(action=Action.IMPORTED, round_id="g1", party="publisher", digest="0" * 64, day=date(2025, 9, 1))
    record(desk.site.ledger_path, later)
    _refused(desk, "agreement dsa-1 ended on 2025-08-31", today=date(2025, 9, 2))
    _refused(desk, "the clock was set back: today is said to be 2025-07-01, but something was logged on 2025-09-01")


def test_the_same_day_and_an_empty_log_are_no_clock_set_back(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    refuse_clock_set_back(log, today=date.min)
    record(log, Event(action=Action.ASKED, round_id="r", party="p", digest="d", day=TODAY))
    refuse_clock_set_back(log, today=TODAY)
    with pytest.raises(DisclosureRefusal, match="the clock was set back"):
        refuse_clock_set_back(log, today=date(2025, 6, 30))


STANDING = {
    "signed off": ("", "", True),
    "its last day": ("until: 2025-08-31", "until: 2025-07-01", True),
    "over": ("until: 2025-08-31", "until: 2025-06-30", "ae-over-4-hours v1: it ended on 2025-06-30"),
    "another version": ("version: 1", "version: 2", "ae-over-4-hours v1: nobody has signed it off"),
    "not yet": ("since: 2025-01-01", "since: 2025-07-02", "ae-over-4-hours v1: it begins only on 2025-07-02"),
    "another meaning": ("version: 1", "version: 1, meaning: '000000000000'", "it means something else now"),
    "its own author": (ADA, "Rounds library authors", "Rounds library authors wrote it and may not sign it off"),
}


@pytest.mark.parametrize("what", STANDING)
def test_a_standing_approval_lets_a_version_of_a_measure_leave_between_dates(what: str, tmp_path: Path) -> None:
    old, new, says = STANDING[what]
    desk = make_desk(tmp_path, "approval: standing")
    desk.write("approvals.yaml", APPROVALS.replace(old, new))
    if isinstance(says, str):
        _refused(desk, says)
    else:
        assert desk.answer()


def test_the_meaning_that_was_signed_off_is_the_digest_of_the_measure(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "approval: standing")
    meaning = desk.site.library.measure("ae-over-4-hours", 1).digest[:12]
    desk.write("approvals.yaml", APPROVALS.replace("version: 1", f"version: 1, meaning: '{meaning}'"))
    assert desk.answer()


@pytest.mark.parametrize("who", [BEN, CAI, "Mallory"])
def test_only_a_data_guardian_signs_off(who: str, tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "approval: standing")
    desk.write("approvals.yaml", APPROVALS.replace(ADA, who))
    _refused(desk, f"{who} was no data guardian on 2025-01-01", error=DefinitionError)


def test_a_list_that_was_deleted_lets_nothing_leave(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "approval: standing")
    _refused(desk, "approvals.yaml is missing", error=DefinitionError)


FILES = {
    "a role nobody knows": ("people.yaml", PEOPLE.replace("data guardian", "data gardian"), "did you mean"),
    "nobody": ("people.yaml", "people: []\n", "`people` is empty"),
    "the program": ("people.yaml", PEOPLE.replace("output checker", "program"), "nobody can be `program`"),
    "a role that ends before it begins": ("people.yaml", PEOPLE.replace("2025-12-31", "2024-12-31"), "is before since"),
    "an agreement twice": ("agreements.yaml", AGREEMENT + AGREEMENT.split("\n", 1)[1], "dsa-1 is written twice"),
    "an agreement with itself": ("agreements.yaml", AGREEMENT.replace(", the network", ""), "between"),
    "an agreement without an end": (
        "agreements.yaml",
        AGREEMENT.replace("    until: 2025-08-31\n", ""),
        "field `until` is missing",
    ),
    "an agreement that ends before it begins": (
        "agreements.yaml",
        AGREEMENT.replace("2025-08-31", "2024-08-31"),
        "until (2024-08-31) is before from",
    ),
    "what is no measure": ("agreements.yaml", AGREEMENT.replace("hours v1", "hours v0"), "is no measure; write its id"),
    "an unknown field": ("agreements.yaml", AGREEMENT.replace("reviewer", "reviewers"), "unknown field `reviewers`"),
    "a standing approval without an end": ("approvals.yaml", APPROVALS.replace(", until: 2025-08-31", ""), "`until`"),
    "a meaning that is no digest": (
        "approvals.yaml",
        APPROVALS.replace("version: 1", "version: 1, meaning: 'zz'"),
        "first 12 or more digits",
    ),
    "one that ends before it begins": ("approvals.yaml", APPROVALS.replace("2025-08-31", "2024-08-31"), "before since"),
}
READERS = {
    "people.yaml": read_people,
    "agreements.yaml": read_agreements,
    "approvals.yaml": read_standing_approvals,
}


@pytest.mark.parametrize("what", FILES)
def test_a_wrong_file_is_refused_by_name(what: str, tmp_path: Path) -> None:
    name, text, says = FILES[what]
    (tmp_path / name).write_text(text)
    with pytest.raises(DefinitionError) as refused:
        READERS[name](tmp_path / name)
    assert says in str(refused.value)
    assert name in str(refused.value)


@pytest.mark.parametrize("settings", ["approval: three", "agreements: optional", "approval: [one]"])
def test_a_site_file_that_asks_for_what_there_is_not_is_refused(settings: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=settings.split(":", maxsplit=1)[0]):
        make_desk(tmp_path, settings)


def test_who_asked_is_in_the_request_and_a_request_that_names_nobody_is_as_it_always_was(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    path = desk.exchange.request_path("r1", "publisher")
    silent = path.read_bytes()
    assert b"asked_by" not in silent
    assert desk.request().asked_by is None
    digest = desk.request().digest
    desk.ask(asked_by=ADA)
    assert desk.request().asked_by == ADA
    assert desk.request().digest != digest
    desk.ask(asked_by="Ada\x1b[2J")
    with pytest.raises(MessageError, match="asked_by is not one line of plain text"):
        desk.request()

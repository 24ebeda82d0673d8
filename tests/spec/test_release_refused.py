"""What must never let anything leave a site, one test each, through all of a site: a clear refusal, nothing released.

What is refused further inside stands beside it: policies in test_policies.py, lists of opt-outs line by line in
test_opt_outs_refused.py, damaged ledgers of other kinds in test_ledger.py, old backups in test_heads_exchanged.py, and
in the pooled lane in test_pooled_policy.py.
"""

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from approval_site import ADA, BEN, TODAY, Desk, make_desk
from kept_ledger import ledger_of
from opted_out_site import NUMBERS, PEOPLE, Silent, write_hospital, write_list_of

from rounds.errors import AuditError, DisclosureRefusal, NotPermitted, RecordsError, RoundsError, WaitsForApproval
from rounds.exchange.question import Question
from rounds.site import answer as answering
from rounds.site.answer import count, preview
from rounds.site.approval import approve
from rounds.site.folder import Site
from rounds.site.opt_outs import request_opt_outs, take_opt_outs
from rounds.site.restoring import restore


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A site that has answered round r1 and is asked for r2."""
    desk = make_desk(tmp_path)
    assert desk.answer()
    desk.ask(round_id="r2")
    return desk


def _refused(desk: Desk, says: str, error: type[RoundsError] = DisclosureRefusal, *, today: date = TODAY) -> None:
    """Nothing leaves, and not a byte of what the site has kept is another."""
    before = desk.site.ledger_path.read_bytes()
    with pytest.raises(error, match=says):
        desk.answer(round_id="r2", today=today)
    assert desk.reply("r2") is None
    assert desk.site.ledger_path.read_bytes() == before


def test_a_policy_file_edited_to_be_weaker(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    desk.withhold(12)
    assert desk.answer()
    desk.ask(round_id="r2")
    desk.withhold(7)
    _refused(desk, r"policy `ours` is weaker than `ours`, which is in force: .*rounds site adopt-policy")
    desk.withhold(12)
    assert desk.answer(round_id="r2")


def test_a_clock_set_back(desk: Desk) -> None:
    _refused(desk, "the clock was set back", today=TODAY - timedelta(days=1))
    assert desk.answer(round_id="r2")


def test_a_restored_old_backup_draws_nothing_until_it_has_its_own_history(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, newest = desk.folder.with_name("backup.db"), desk.folder.with_name("newest.db")
    shutil.copy(desk.site.ledger_path, backup)
    assert desk.answer(round_id="r2")
    shutil.copy(desk.site.ledger_path, newest)
    shutil.copy(backup, desk.site.ledger_path)
    desk.ask(round_id="r3")
    with monkeypatch.context() as patched:
        patched.setattr(answering, "count", lambda *_, **__: pytest.fail("it was counted"))
        with pytest.raises(AuditError, match=r"publisher.*restore the newest backup"):
            desk.answer(round_id="r3")
    assert desk.reply("r3") is None
    assert desk.site.ledger_path.read_bytes() == backup.read_bytes()
    found = restore(desk.site, desk.exchange, today=TODAY)
    assert (found.messages, found.entries, found.acts) == (("r2",), 3, ())
    assert ledger_of(desk.site.ledger_path) == ledger_of(newest)
    assert desk.answer(round_id="r3")
    assert not restore(desk.site, desk.exchange, today=TODAY).entries, "what is whole is left alone"


def test_a_ledger_with_a_torn_last_page(desk: Desk) -> None:
    ledger = desk.site.ledger_path
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:-3840] + bytes(range(256)) * 15)  # all of it but where SQLite looks for its structure
    _refused(desk, r"ledger\.db: .*restore it from a copy, do not delete it", RoundsError)
    ledger.write_bytes(whole)
    assert desk.answer(round_id="r2")


def test_a_request_whose_digest_differs_from_the_approved_one(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "approval: two")
    with pytest.raises(WaitsForApproval):
        desk.answer()
    seen = desk.queued().digest
    approve(desk.site, round_id="r1", who=ADA, digest=seen, today=TODAY)
    with pytest.raises(NotPermitted, match=f"what waits has the digest {seen[:16]}, not {'0' * 16}"):
        approve(desk.site, round_id="r1", who=BEN, digest="0" * 64, today=TODAY)
    approve(desk.site, round_id="r1", who=BEN, digest=seen, today=TODAY)
    desk.withhold(32)  # other bytes would leave now
    with pytest.raises(DisclosureRefusal, match=rf"other bytes would leave now .*approved {seen[:16]}"):
        desk.answer()
    assert desk.reply() is None
    assert desk.queued().approved_by == ()


def _question(site: Site) -> Question:
    ref = site.library.measure("in-hospital-deaths", 1).ref
    first, last = date(2024, 1, 1), date(2024, 3, 31)
    return Question(first=first, last=last, as_of=date(2024, 4, 1), measures=(ref,), members=("ZZ1",))


def _rewrite(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    os.utime(file, (0, 0))  # long ago


def _numbers_twice(folder: Path) -> None:
    rows = [f"{person},{number}\n" for person, number in NUMBERS.items()]
    rows[4] = f"5,{NUMBERS[2]}\n"
    (folder / "numbers.csv").write_text("person_id,nhs_number\n" + "".join(rows), encoding="utf-8")


def test_a_duplicated_nhs_number(tmp_path: Path) -> None:
    site, today = write_hospital(tmp_path / "hospital"), date(2025, 7, 1)
    request_opt_outs(site, out=None, today=today, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", range(1, PEOPLE))
    _rewrite(file, file.read_bytes() + file.read_bytes()[:12])
    with pytest.raises(RecordsError, match=rf"line {PEOPLE} has the number of 1"):
        take_opt_outs(site, file, made_on=None, today=today, progress=Silent())
    take_opt_outs(site, write_list_of(file, range(1, PEOPLE)), made_on=None, today=today, progress=Silent())
    _numbers_twice(site.folder)
    with pytest.raises(RecordsError, match="row 5 has the NHS number of 2"):
        count(site, _question(site), today=today, progress=lambda _: None)


def test_an_opt_out_file_in_crlf(tmp_path: Path) -> None:
    site, today = write_hospital(tmp_path / "hospital"), date(2025, 7, 1)
    request_opt_outs(site, out=None, today=today, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", range(1, PEOPLE))
    _rewrite(file, file.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(RecordsError, match="line 1 ends in CR LF; the format is one NHS number"):
        take_opt_outs(site, file, made_on=None, today=today, progress=Silent())
    with pytest.raises(DisclosureRefusal, match="it is not known who has opted out"):
        count(site, _question(site), today=today, progress=lambda _: None)


NOISY = """id: ours
version: 1
title: Ours
source: Invented
rule: noise
budget: {rho_per_year: 0.5, periods_per_year: 4}
author: Fay Example
reviewer: Gil Example
next_review: 2027-01-01
"""


def test_a_look_at_what_would_leave_draws_nothing(desk: Desk) -> None:
    """Two looks would be two draws, whose mean is nearer to the truth than one is."""
    before = desk.site.ledger_path.read_bytes()
    lines = preview(desk.site, desk.exchange, round_id="r2", today=TODAY, progress=lambda _: None)
    assert "ae-over-4-hours v1: 2 rows; in 1 of them the numerator is withheld." in lines
    desk.write("library/policies/ours.yaml", NOISY)
    desk.ask(round_id="r3", epoch=2)
    with pytest.raises(DisclosureRefusal, match="a preview would be a second draw"):
        preview(desk.site, desk.exchange, round_id="r3", today=TODAY, progress=lambda _: None)
    assert desk.site.ledger_path.read_bytes() == before

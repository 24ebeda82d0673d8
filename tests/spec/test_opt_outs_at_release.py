"""Opt-outs where it counts: at the moment at which numbers leave, and against what has left before."""

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path

import pytest
from log_stamps import logging_stamp
from opted_out_site import PEOPLE, Silent, write_hospital, write_list_of
from typer.testing import CliRunner

from rounds.audit.chain import Action, Event
from rounds.cli.app import app
from rounds.errors import DisclosureRefusal, WaitsForApproval
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import encode_request, read_draft
from rounds.exchange.question import Question
from rounds.exchange.signing import make_own_key, publish_key
from rounds.site.answer import answer, preview
from rounds.site.approval import approve
from rounds.site.folder import Site, read_site
from rounds.site.opt_out_ways import adopt_opt_outs
from rounds.site.opt_outs import request_opt_outs, take_opt_outs
from rounds.site.queue import show_reply
from rounds.storage.approval_store import read_request
from rounds.storage.audit_log import LEDGER, read_log
from rounds.storage.library import shipped_library_folder

TODAY, EXPIRES = date(2025, 7, 1), date(2025, 9, 29)
ADA, BEN = "Ada Example", "Ben Example"


@pytest.fixture
def exchange(tmp_path: Path) -> ExchangeFolder:
    return ExchangeFolder(path=tmp_path / "exchange")


def ask(exchange: ExchangeFolder, site: Site, *, round_id: str = "r1", measure: str = "in-hospital-deaths") -> None:
    """Lay a request down as the centre would."""
    question = Question(
        first=date(2024, 1, 1),
        last=date(2024, 3, 31),
        as_of=date(2024, 4, 1),
        measures=(site.library.measure(measure, 1).ref,),
        members=("ZZ1",),
    )
    centre = exchange.path.parent / "centre"
    key = make_own_key(centre, party=CENTRE, today=TODAY)
    publish_key(exchange.path, party=CENTRE, key=key.public)
    told = Event(action=Action.ASKED, round_id=round_id, party=site.id, digest=f"{question}", day=TODAY)
    content = encode_request(
        round_id=round_id,
        site=site.id,
        question=question,
        valid=(TODAY, EXPIRES),
        key=key,
        stamp=logging_stamp(centre / LEDGER, own=CENTRE, reader=site.id, key=key, reader_key=None, told=told),
    )
    exchange.put(exchange.request_path(round_id, site.id), content)


def answered(site: Site, exchange: ExchangeFolder, *, round_id: str = "r1", today: date = TODAY) -> bytes:
    answer(site, exchange, round_id=round_id, today=today, progress=lambda _: None)
    return exchange.reply_path(round_id, site.id).read_bytes()


def take(site: Site, *, today: date, allowed: Collection[int] = range(1, PEOPLE)) -> None:
    request_opt_outs(site, out=None, today=today, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", allowed)
    take_opt_outs(site, file, made_on=None, today=today, progress=Silent())


def settings(site: Site, *, opt_outs: bool, more: str = "") -> Site:
    """Write site.yaml anew, with its block or without."""
    path = site.folder / "site.yaml"
    block = "opt_outs: {nhs_numbers: numbers.csv, without_number: exclude}\n" if opt_outs else ""
    path.write_text(f"site: hospital\npolicy: hes\nrecords: {{member: ZZ1}}\n{block}{more}", encoding="utf-8")
    return read_site(site.folder)


OTHER = "deaths-by-another-name"
SAME = (shipped_library_folder() / "measures" / "in-hospital-deaths.yaml").read_text(encoding="utf-8")


def hospital(folder: Path) -> Site:
    """Return a hospital that knows the same question by two names."""
    site = write_hospital(folder)
    own = site.folder / "library" / "measures"
    own.mkdir(parents=True)
    (own / f"{OTHER}.yaml").write_text(SAME.replace("id: in-hospital-deaths", f"id: {OTHER}"), encoding="utf-8")
    return site


def test_a_list_that_went_stale_while_people_looked_lets_nothing_leave(
    tmp_path: Path, exchange: ExchangeFolder
) -> None:
    site = settings(write_hospital(tmp_path / "hospital"), opt_outs=True, more="approval: one\n")
    people = f"people:\n  - {{name: {ADA}, role: data guardian, since: 2025-01-01}}\n"
    (site.folder / "people.yaml").write_text(people, encoding="utf-8")
    take(site, today=TODAY)
    ask(exchange, site)
    with pytest.raises(WaitsForApproval):
        answered(site, exchange)
    waits = read_request(site.ledger_path, "r1")
    assert waits is not None
    approve(site, round_id="r1", who=ADA, digest=waits.digest, today=TODAY)
    later = TODAY + timedelta(days=22)
    with pytest.raises(DisclosureRefusal, match="of 2025-07-01, 22 days old, and may be 21"):
        answered(site, exchange, today=later)
    assert not exchange.reply_path("r1", site.id).exists()
    take(site, today=later)
    assert answered(site, exchange, today=later)


def test_whoever_approves_is_told_that_nobody_is_left_out(tmp_path: Path, exchange: ExchangeFolder) -> None:
    line = "opt-outs   No opt-outs are applied: everybody in the records is counted."
    for opt_outs in (False, True):
        site = settings(write_hospital(tmp_path / f"{opt_outs}"), opt_outs=opt_outs, more="approval: one\n")
        if opt_outs:
            take(site, today=TODAY)
        ask(exchange, site, round_id=f"r-{opt_outs}".lower())
        with pytest.raises(WaitsForApproval):
            answered(site, exchange, round_id=f"r-{opt_outs}".lower())
        waits = read_request(site.ledger_path, f"r-{opt_outs}".lower())
        assert waits is not None
        assert (line in "\n".join(show_reply(site, waits, exchange, today=TODAY))) is not opt_outs


WAYS = [(False, "without", "with"), (True, "with", "without")]


@pytest.mark.parametrize(("first", "before", "now"), WAYS)
def test_a_site_never_releases_with_and_without_opt_outs(
    tmp_path: Path, exchange: ExchangeFolder, first: bool, before: str, now: str
) -> None:
    site = settings(hospital(tmp_path / "hospital"), opt_outs=True)
    take(site, today=TODAY)
    earlier = settings(site, opt_outs=first)
    ask(exchange, earlier)
    ask(exchange, earlier, round_id="r2", measure=OTHER)
    ask(exchange, earlier, round_id="r3")
    said = answered(earlier, exchange)
    changed = settings(site, opt_outs=not first)
    for round_id, act in (("r2", answer), ("r2", preview), ("r3", answer)):
        with pytest.raises(DisclosureRefusal, match=f"was counted {before} opt-outs, and would be counted {now} them"):
            act(changed, exchange, round_id=round_id, today=TODAY, progress=lambda _: None)
    assert not exchange.reply_path("r2", site.id).exists()
    assert answered(changed, exchange) == said, "what was answered is laid down again as it was"

    with pytest.raises(DisclosureRefusal, match="takes two different people"):
        adopt_opt_outs(changed, people=(ADA, "ada  example"), today=TODAY)
    assert adopt_opt_outs(changed, people=(ADA, BEN), today=TODAY) == date(2024, 3, 31)
    told = read_log(site.ledger_path)[-1].event
    assert (told.action, told.round_id, told.party) == (Action.ADOPTED, "opt-outs-2", f"{ADA} and {BEN}")
    with pytest.raises(DisclosureRefusal, match=f"2024-01-01 to 2024-03-31 would be counted {now} opt-outs, and days"):
        answered(changed, exchange, round_id="r2")
    assert answered(changed, exchange, round_id="r3"), "what has left may leave again as it was"
    with pytest.raises(DisclosureRefusal, match="there is nothing to decide"):
        adopt_opt_outs(changed, people=(ADA, BEN), today=TODAY)


def test_two_people_who_change_their_minds_are_back_where_they_were(tmp_path: Path, exchange: ExchangeFolder) -> None:
    site = settings(hospital(tmp_path / "hospital"), opt_outs=False)
    ask(exchange, site)
    answered(site, exchange)
    settings(site, opt_outs=True)
    typed = ["site", "opt-outs", "adopt", str(site.folder), "--as", ADA, "--and", BEN, "--today", str(TODAY)]
    said = CliRunner().invoke(app, typed)
    assert "hospital counts with opt-outs from now on, decided by Ada Example and Ben Example" in said.output
    assert "New numbers leave about periods that begin after 2024-03-31" in said.output
    back = settings(site, opt_outs=False)
    assert adopt_opt_outs(back, people=(BEN, ADA), today=TODAY) is None
    ask(exchange, back, round_id="r2", measure=OTHER)
    assert answered(back, exchange, round_id="r2")


def test_a_newer_list_makes_what_waits_wait_anew(tmp_path: Path, exchange: ExchangeFolder) -> None:
    site = settings(write_hospital(tmp_path / "hospital"), opt_outs=True, more="approval: one\n")
    people = f"people:\n  - {{name: {ADA}, role: data guardian, since: 2025-01-01}}\n"
    (site.folder / "people.yaml").write_text(people, encoding="utf-8")
    take(site, today=TODAY)
    ask(exchange, site)
    with pytest.raises(WaitsForApproval):
        answered(site, exchange)
    waits = read_request(site.ledger_path, "r1")
    assert waits is not None
    approve(site, round_id="r1", who=ADA, digest=waits.digest, today=TODAY)
    take(site, today=TODAY, allowed=range(1, PEOPLE - 9))  # nine more have opted out since
    with pytest.raises(DisclosureRefusal, match="other bytes would leave now than were approved"):
        answered(site, exchange)
    assert not exchange.reply_path("r1", site.id).exists()
    now = read_request(site.ledger_path, "r1")
    assert now is not None
    assert now.approved_by == ()
    assert _people_in(now.reply) == 20
    assert _people_in(waits.reply) == 30
    take(site, today=TODAY, allowed=range(1, PEOPLE - 9))  # the very same list once more
    approve(site, round_id="r1", who=ADA, digest=now.digest, today=TODAY)
    assert answered(site, exchange)


def _people_in(reply: bytes) -> int:
    (table,) = read_draft(reply, source="r1")
    return int(table.cells["denominator_value"].sum())


def test_whoever_takes_the_block_up_before_anything_has_left_is_free_to(
    tmp_path: Path, exchange: ExchangeFolder
) -> None:
    site = settings(write_hospital(tmp_path / "hospital"), opt_outs=False, more="approval: one\n")
    ask(exchange, site)
    with pytest.raises(WaitsForApproval):
        answered(site, exchange)
    site = settings(site, opt_outs=True)
    take(site, today=TODAY)
    ask(exchange, site, round_id="r2")
    assert answered(site, exchange, round_id="r2")

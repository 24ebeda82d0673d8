"""Opt-outs where it counts: at the moment at which numbers leave, and against what has left before."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from log_stamps import logging_stamp
from opted_out_site import PEOPLE, Silent, write_hospital, write_list_of

from rounds.audit.chain import Action, Event
from rounds.errors import DisclosureRefusal, WaitsForApproval
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import encode_request
from rounds.exchange.question import Question
from rounds.exchange.signing import own_key, publish_key
from rounds.site.answer import answer, preview
from rounds.site.approval import approve
from rounds.site.folder import Site, read_site
from rounds.site.opt_outs import request_opt_outs, take_opt_outs
from rounds.site.queue import show_reply
from rounds.storage.approval_store import read_request
from rounds.storage.audit_log import LEDGER

TODAY, EXPIRES = date(2025, 7, 1), date(2025, 9, 29)
ADA = "Ada Example"


@pytest.fixture
def exchange(tmp_path: Path) -> ExchangeFolder:
    return ExchangeFolder(path=tmp_path / "exchange")


def ask(exchange: ExchangeFolder, site: Site, *, round_id: str = "r1") -> None:
    """Lay a request down as the centre would."""
    question = Question(
        first=date(2024, 1, 1),
        last=date(2024, 3, 31),
        as_of=date(2024, 4, 1),
        measures=(site.library.measure("in-hospital-deaths", 1).ref,),
        members=("ZZ1",),
    )
    centre = exchange.path.parent / "centre"
    key = own_key(centre)
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


def take(site: Site, *, today: date) -> None:
    request_opt_outs(site, out=None, today=today, progress=Silent())
    file = write_list_of(site.folder / "answer.dat", range(1, PEOPLE))
    take_opt_outs(site, file, made_on=None, today=today, progress=Silent())


def settings(site: Site, *, opt_outs: bool, more: str = "") -> Site:
    """Write site.yaml anew, with its block or without."""
    path = site.folder / "site.yaml"
    block = "opt_outs: {nhs_numbers: numbers.csv, without_number: exclude}\n" if opt_outs else ""
    path.write_text(f"site: hospital\npolicy: hes\nrecords: {{member: ZZ1}}\n{block}{more}", encoding="utf-8")
    return read_site(site.folder)


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


@pytest.mark.parametrize(("first", "words"), [(False, "without"), (True, "with")])
def test_a_site_never_releases_with_and_without_opt_outs(
    tmp_path: Path, exchange: ExchangeFolder, first: bool, words: str
) -> None:
    site = settings(write_hospital(tmp_path / "hospital"), opt_outs=True)
    take(site, today=TODAY)
    before = settings(site, opt_outs=first)
    for round_id in ("r1", "r2"):
        ask(exchange, before, round_id=round_id)
    said = answered(before, exchange)
    changed = settings(site, opt_outs=not first)
    for act in (answer, preview):
        with pytest.raises(DisclosureRefusal, match=f"in-hospital-deaths v1: released before {words} opt-outs: "):
            act(changed, exchange, round_id="r2", today=TODAY, progress=lambda _: None)
    assert not exchange.reply_path("r2", site.id).exists()
    assert answered(changed, exchange) == said, "what was answered is laid down again as it was"
    assert answered(settings(site, opt_outs=first), exchange, round_id="r2")


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

"""Requests that a site refuses although they are signed: it answers what it was asked, and once."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from log_stamps import logging_stamp

from rounds.audit.chain import Action, Event
from rounds.errors import DisclosureRefusal, MessageError, RoundsError
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import encode_request
from rounds.exchange.question import Question
from rounds.exchange.signing import make_own_key, publish_key
from rounds.site.answer import answer
from rounds.site.folder import Site, read_site
from rounds.storage.audit_log import LEDGER
from rounds.storage.release_store import RELEASE_SCHEMA, answered_rounds
from rounds.storage.sqlite_file import reading

TODAY, EXPIRES = date(2025, 7, 1), date(2025, 9, 29)
SETTINGS = """site: publisher
policy: open
published:
  file: late.csv
  organisation: org
  period: month
  measures:
    ae-over-4-hours: {numerator: late, denominator: all}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.yaml").write_text(SETTINGS)
    (folder / "late.csv").write_text("org,month,late,all\nZZ1,2024-01-01,2,20\nZZ1,2024-02-01,3,30\n")
    return read_site(folder)


@pytest.fixture
def exchange(tmp_path: Path) -> ExchangeFolder:
    return ExchangeFolder(path=tmp_path / "exchange")


def _question(site: Site) -> Question:
    return Question(
        first=date(2024, 1, 1),
        last=date(2024, 2, 29),
        as_of=date(2024, 3, 1),
        measures=(site.library.measure("ae-over-4-hours", 1).ref,),
        members=("ZZ1",),
    )


def _ask(exchange: ExchangeFolder, question: Question, *, round_id: str = "r1", centre: str = "centre") -> bytes:
    """Lay a request down as the centre would, and return it."""
    key = make_own_key(exchange.path.parent / centre, party=centre, today=TODAY)
    publish_key(exchange.path, party="centre", key=key.public)
    folder = exchange.path.parent / centre
    told = Event(action=Action.ASKED, round_id=round_id, party="publisher", digest=f"{question}", day=TODAY)
    stamp = logging_stamp(folder / LEDGER, own="centre", reader="publisher", key=key, reader_key=None, told=told)
    request = encode_request(
        round_id=round_id, site="publisher", question=question, valid=(TODAY, EXPIRES), key=key, stamp=stamp
    )
    exchange.put(exchange.request_path(round_id, "publisher"), request)
    return request


def _answer(site: Site, exchange: ExchangeFolder, *, round_id: str = "r1") -> bool:
    return answer(site, exchange, round_id=round_id, today=TODAY, progress=lambda _: None)


def _nothing_left(site: Site, exchange: ExchangeFolder, *, round_id: str = "r1") -> bool:
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        answered = round_id in dict(answered_rounds(connection))
    return not (exchange.reply_path(round_id, site.id).exists() or answered)


def test_a_request_is_answered_once(site: Site, exchange: ExchangeFolder) -> None:
    _ask(exchange, _question(site))
    assert _answer(site, exchange)
    reply = exchange.reply_path("r1", site.id).read_bytes()
    exchange.reply_path("r1", site.id).unlink()
    assert not _answer(site, exchange)
    assert exchange.reply_path("r1", site.id).read_bytes() == reply


def test_a_request_of_another_round_is_a_replay(site: Site, exchange: ExchangeFolder) -> None:
    exchange.put(exchange.request_path("r2", site.id), _ask(exchange, _question(site)))
    with pytest.raises(MessageError, match="a replay: it belongs to round r1, not r2"):
        _answer(site, exchange, round_id="r2")
    assert _nothing_left(site, exchange, round_id="r2")


def test_another_question_under_the_same_round_is_refused(site: Site, exchange: ExchangeFolder) -> None:
    _ask(exchange, _question(site))
    _answer(site, exchange)
    reply = exchange.reply_path("r1", site.id).read_bytes()
    _ask(exchange, replace(_question(site), last=date(2024, 1, 31)))
    with pytest.raises(MessageError, match="r1 was answered before with another request under the same id"):
        _answer(site, exchange)
    assert exchange.reply_path("r1", site.id).read_bytes() == reply


def test_a_measure_that_means_something_else_is_refused(site: Site, exchange: ExchangeFolder) -> None:
    question = _question(site)
    _ask(exchange, replace(question, measures=(replace(question.measures[0], digest="0" * 64),)))
    with pytest.raises(MessageError, match="ae-over-4-hours v1 means something else here than at the centre"):
        _answer(site, exchange)
    assert _nothing_left(site, exchange)


@pytest.mark.parametrize(
    ("first", "last", "problem"),
    [
        (date(2024, 1, 2), date(2024, 2, 28), "no whole month lies between 2024-01-02 and 2024-02-28"),
        (date(2024, 2, 29), date(2024, 1, 1), "first, last and as_of are not in order"),
        (date(2024, 1, 1), date(2024, 3, 31), "first, last and as_of are not in order"),
    ],
)
def test_days_that_hold_no_period_are_refused(
    site: Site, exchange: ExchangeFolder, first: date, last: date, problem: str
) -> None:
    _ask(exchange, replace(_question(site), first=first, last=last))
    with pytest.raises(MessageError, match=problem):
        _answer(site, exchange)
    assert _nothing_left(site, exchange)


def test_another_centre_is_refused_once_one_has_been_answered(site: Site, exchange: ExchangeFolder) -> None:
    _ask(exchange, _question(site))
    _answer(site, exchange)
    _ask(exchange, _question(site), round_id="r2", centre="impostor")
    with pytest.raises(MessageError, match="is not the key of centre that is pinned"):
        _answer(site, exchange, round_id="r2")
    assert _nothing_left(site, exchange, round_id="r2")


def test_a_damaged_ledger_stops_the_site(site: Site, exchange: ExchangeFolder) -> None:
    _ask(exchange, _question(site))
    _answer(site, exchange)
    exchange.reply_path("r1", site.id).unlink()
    ledger = site.ledger_path
    ledger.write_bytes(ledger.read_bytes()[: ledger.stat().st_size // 2])
    with pytest.raises(RoundsError, match="restore it from a copy, do not delete it"):
        _answer(site, exchange)
    assert not exchange.reply_path("r1", site.id).exists()


def test_a_clock_that_was_set_back_lets_nothing_leave(site: Site, exchange: ExchangeFolder) -> None:
    _ask(exchange, _question(site))
    _answer(site, exchange)
    _ask(exchange, _question(site), round_id="r2")
    with pytest.raises(DisclosureRefusal, match="the clock was set back"):
        answer(site, exchange, round_id="r2", today=TODAY - timedelta(days=1), progress=lambda _: None)
    assert _nothing_left(site, exchange, round_id="r2")
    assert _answer(site, exchange, round_id="r2")

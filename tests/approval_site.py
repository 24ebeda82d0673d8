"""A small site of published data, its people and a centre that asks it: for tests of what waits for whom."""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from unittest.mock import patch

from log_stamps import logging_stamp

from rounds.audit.chain import Action, Event
from rounds.exchange.envelope import CENTRE
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import Request, encode_request
from rounds.exchange.question import Question
from rounds.exchange.signing import PublicKey, SigningKey, make_own_key, publish_key
from rounds.site.answer import answer, read_request, reply_maker
from rounds.site.approval import queue, refuse
from rounds.site.folder import Site, read_site
from rounds.storage.approval_store import QueuedRequest
from rounds.storage.approval_store import read_request as read_queued
from rounds.storage.audit_log import LEDGER, read_log
from rounds.storage.library import Library, read_library, shipped_library_folder

TODAY, EXPIRES = date(2025, 7, 1), date(2025, 9, 29)
ADA, BEN, CAI, DEE, EVE = "Ada Example", "Ben Example", "Cai Example", "Dee Example", "Eve Example"
SETTINGS = """site: publisher
policy: ours
published:
  file: late.csv
  organisation: org
  period: month
  measures:
    ae-over-4-hours: {numerator: late, denominator: all}
"""
PEOPLE = f"""people:
  - {{name: {ADA}, role: data guardian, since: 2025-01-01}}
  - {{name: {BEN}, role: output checker, since: 2025-01-01, until: 2025-12-31}}
  - {{name: {CAI}, role: analyst, since: 2025-01-01}}
  - {{name: {DEE}, role: data guardian, since: 2024-01-01, until: 2024-12-31}}
  - {{name: {EVE}, role: programme lead, since: 2025-01-01}}
  - {{name: Rounds library authors, role: data guardian, since: 2025-01-01}}
"""
POLICY = """id: ours
version: 1
title: Ours
source: Invented
rule: hes
highest_withheld: {few}
author: Fay Example
reviewer: Gil Example
next_review: 2027-01-01
"""
RECORDS = "org,month,late,all\nZZ1,2024-01-01,2,20\nZZ1,2024-02-01,30,300\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A site's folder and the exchange beside it."""

    folder: Path
    exchange: ExchangeFolder

    @property
    def site(self) -> Site:
        """The site as its files say it is now. The library is read once for all tests: it is long."""
        with patch("rounds.site.folder.read_library", return_value=_library()):
            return read_site(self.folder)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def setting(self, line: str) -> None:
        """Write site.yaml anew with one more line."""
        self.write("site.yaml", SETTINGS + line + "\n")

    def withhold(self, few: int) -> None:
        """Write the site's policy: numbers from 1 to this are withheld."""
        (self.folder / "library/policies").mkdir(parents=True, exist_ok=True)
        self.write("library/policies/ours.yaml", POLICY.format(few=few))

    def ask(self, *, round_id: str = "r1", asked_by: str | None = None, today: date = TODAY, epoch: int = 1) -> None:
        """Lay a request down as the centre would."""
        ref = self.site.library.measure("ae-over-4-hours", 1).ref
        question = Question(
            first=date(2024, 1, 1),
            last=date(2024, 2, 29),
            as_of=date(2024, 3, 1),
            measures=(ref,),
            members=("ZZ1",),
            epoch=epoch,
        )
        key = self.centre
        publish_key(self.exchange.path, party=CENTRE, key=key.public)
        last = EXPIRES if today <= EXPIRES else date(2026, 9, 29)
        log = self.exchange.path.parent / "centre" / LEDGER
        told = Event(action=Action.ASKED, round_id=round_id, party="publisher", digest=f"{question}", day=today)
        stamp = logging_stamp(log, own=CENTRE, reader="publisher", key=key, reader_key=None, told=told)
        content = encode_request(
            round_id=round_id,
            site="publisher",
            question=question,
            valid=(today, last),
            key=key,
            stamp=stamp,
            asked_by=asked_by,
        )
        self.exchange.put(self.exchange.request_path(round_id, "publisher"), content)

    @property
    def centre(self) -> SigningKey:
        return make_own_key(self.exchange.path.parent / "centre", party=CENTRE, today=date(2024, 12, 1))

    @property
    def centre_key(self) -> PublicKey:
        return self.centre.public

    def request(self, *, round_id: str = "r1", today: date = TODAY) -> Request:
        return read_request(self.site, self.exchange, round_id=round_id, today=today, key=self.centre_key)

    def refuse(self, who: str, because: str, *, round_id: str = "r1", today: date = TODAY) -> None:
        request, key = self.request(round_id=round_id, today=today), self.centre_key
        refuse(self.site, self.exchange, request, who=who, because=because, today=today, centre_key=key)

    def answer(self, *, round_id: str = "r1", today: date = TODAY) -> bool:
        return answer(self.site, self.exchange, round_id=round_id, today=today, progress=_silent)

    def queue(self, who: str, *, today: date = TODAY) -> QueuedRequest:
        make = reply_maker(self.site, today=today, progress=_silent)
        return queue(self.site, self.request(today=today), who=who, make=make, today=today)

    def queued(self, round_id: str = "r1") -> QueuedRequest:
        found = read_queued(self.site.ledger_path, round_id)
        assert found is not None
        return found

    def reply(self, round_id: str = "r1") -> bytes | None:
        """Return what lies in the exchange folder for the centre."""
        path = self.exchange.reply_path(round_id, "publisher")
        return path.read_bytes() if path.exists() else None

    def said(self, round_id: str = "r1") -> bytes | None:
        """Return what lies in the exchange folder without signature and heads of logs: what people have looked at."""
        content = self.reply(round_id)
        return None if content is None else said(content)

    def logged(self) -> list[Event]:
        """Return what the log tells of requests: not of the policy, of keys, nor of counting."""
        other = (Action.ADOPTED, Action.PREPARED, Action.KEY_MADE, Action.KEY_PINNED)
        return [entry.event for entry in read_log(self.site.ledger_path) if entry.event.action not in other]


def make_desk(folder: Path, *settings: str) -> Desk:
    """Write a site that holds two months of one hospital, with its people, and have the centre ask it."""
    (folder / "site").mkdir(parents=True)
    desk = Desk(folder=folder / "site", exchange=ExchangeFolder(path=folder / "exchange"))
    desk.setting("\n".join(settings))
    desk.withhold(7)
    desk.write("late.csv", RECORDS)
    desk.write("people.yaml", PEOPLE)
    desk.ask()
    return desk


def said(content: bytes) -> bytes:
    """Return all that a message says: it without its signature and the heads of logs."""
    message = json.loads(content)
    del message["log"], message["signature"]
    return (json.dumps(message, sort_keys=True, indent=1) + "\n").encode()


def _silent(_: str) -> None: ...


@cache
def _library() -> Library:
    return read_library(shipped_library_folder())

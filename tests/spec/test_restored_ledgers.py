"""A ledger restored from an old backup: it draws nothing until it knows again what has left, from its own messages."""

import base64
import json
import shutil
import zlib
from pathlib import Path

import pytest
from approval_site import ADA, BEN, POLICY, TODAY, Desk, make_desk, said
from kept_ledger import ledger_of

from rounds.audit.chain import Action, Event
from rounds.errors import (
    AuditError,
    DefinitionError,
    DisclosureRefusal,
    MessageError,
    NotPermitted,
    RoundsError,
    WaitsForApproval,
)
from rounds.exchange.envelope import to_bytes, unsigned
from rounds.exchange.messages import digest_in
from rounds.exchange.sealing import unseal
from rounds.exchange.signing import own_key
from rounds.site.approval import approve
from rounds.site.ledger import sealed_about
from rounds.site.restoring import Restored, restore
from rounds.storage.audit_log import read_log, record
from rounds.storage.own_history import decode_history

NOISE = POLICY.replace(
    "rule: hes\nhighest_withheld: {few}", "rule: noise\nbudget: {{rho_per_year: 0.5, periods_per_year: 4}}"
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A site that has answered round r1."""
    desk = make_desk(tmp_path)
    assert desk.answer()
    return desk


def _backup(desk: Desk) -> Path:
    return Path(shutil.copy(desk.site.ledger_path, desk.folder.with_name("backup.db")))


def _lose(desk: Desk, backup: Path | None) -> dict[str, set[tuple[object, ...]]]:
    """Lose all that happened since a backup, or ever, and return what the ledger held."""
    held = ledger_of(desk.site.ledger_path)
    if backup is None:
        desk.site.ledger_path.unlink()
    else:
        shutil.copy(backup, desk.site.ledger_path)
    return held


def _restore(desk: Desk) -> Restored:
    return restore(desk.site, desk.exchange, today=TODAY)


def _not_restored(desk: Desk, says: str, error: type[RoundsError] = AuditError) -> None:
    there = desk.site.ledger_path.exists()
    before = ledger_of(desk.site.ledger_path) if there else {}
    with pytest.raises(error, match=says):
        _restore(desk)
    assert (ledger_of(desk.site.ledger_path) if there else {}) == before


@pytest.mark.parametrize("ever", [False, True])
def test_all_that_left_is_known_again(desk: Desk, ever: bool) -> None:
    backup = None if ever else _backup(desk)
    desk.ask(round_id="r2", epoch=2)
    assert desk.answer(round_id="r2")
    held = _lose(desk, backup)
    requests = [desk.exchange.request_path(name, "publisher") for name in ("r1", "r2")]
    kept = [path.read_bytes() for path in requests]
    if ever:  # nor does it take the requests
        for path in requests:
            path.unlink()
    found = _restore(desk)
    for path, content in zip(requests, kept, strict=True):
        path.write_bytes(content)
    assert found.messages == (("r1", "r2") if ever else ("r2",))
    assert ledger_of(desk.site.ledger_path) == held
    told = read_log(desk.site.ledger_path)[-1].event
    assert (told.action, told.round_id, told.party) == (Action.RESTORED, "ledger", "publisher")
    before = desk.reply("r2")
    assert not desk.answer(round_id="r2"), "it is answered"
    assert desk.reply("r2") == before
    desk.ask(round_id="r3", epoch=2)
    assert desk.answer(round_id="r3"), "and it goes on"
    values = [json.loads(desk.reply(name) or b"")["body"]["tables"][0]["columns"] for name in ("r2", "r3")]
    assert values[0] == values[1]


def test_noise_is_drawn_and_charged_once(tmp_path: Path) -> None:
    """The same cells asked in another round are what they were, and cost nothing more."""
    desk = make_desk(tmp_path)
    desk.write("library/policies/ours.yaml", NOISE.format())
    assert desk.answer()
    held = _lose(desk, None)
    assert len(held["charges"]) == 2
    desk.ask(round_id="r2")
    with pytest.raises(AuditError, match=r"fetch what it has sent: rounds site restore"):
        desk.answer(round_id="r2")
    _restore(desk)
    assert ledger_of(desk.site.ledger_path) == held
    assert desk.answer(round_id="r2")
    tables = [json.loads(desk.reply(name) or b"")["body"]["tables"] for name in ("r1", "r2")]
    assert tables[0] == tables[1]
    assert "noisy" in str(tables[0])
    assert ledger_of(desk.site.ledger_path)["charges"] == held["charges"]


def test_a_weaker_policy_is_still_refused(desk: Desk) -> None:
    desk.withhold(12)
    desk.ask(round_id="r2", epoch=2)
    backup = _backup(desk)
    assert desk.answer(round_id="r2")
    _lose(desk, backup)
    _restore(desk)
    desk.withhold(7)
    desk.ask(round_id="r3", epoch=2)
    with pytest.raises(DisclosureRefusal, match="policy `ours` is weaker than `ours`, which is in force"):
        desk.answer(round_id="r3")


def test_what_people_approved_and_refused_stays_so(tmp_path: Path) -> None:
    desk = make_desk(tmp_path, "approval: two")
    with pytest.raises(WaitsForApproval):
        desk.answer()
    for who in (ADA, BEN):
        approve(desk.site, round_id="r1", who=who, digest=desk.queued().digest, today=TODAY)
    assert desk.answer()
    desk.ask(round_id="r2")
    desk.refuse(ADA, "We do not know who asks.", round_id="r2")
    held = _lose(desk, None)
    assert _restore(desk).messages == ("r1", "r2")
    now = ledger_of(desk.site.ledger_path)
    last = max(held["log_entries"])  # who refused: it was logged after the refusal was signed
    assert last[1] == Action.REFUSED
    assert now["log_entries"] == held["log_entries"] - {last}
    assert now["approval_acts"] == {act for act in held["approval_acts"] if act[1] == "r1"}
    assert {name: now[name] for name in ("answers", "cells", "policies")} == {
        name: held[name] for name in ("answers", "cells", "policies")
    }
    assert desk.queued("r1").reply == said(desk.reply("r1") or b"")
    with pytest.raises(NotPermitted, match="has refused: We do not know who asks"):
        desk.answer(round_id="r2")
    assert not desk.answer(round_id="r1")


def test_what_was_done_meanwhile_besides_is_named(desk: Desk) -> None:
    """Records are no part of the ledger: who was erased since the backup may be back in them."""
    backup = _backup(desk)
    for action in (Action.ERASED, Action.ADOPTED):
        record(desk.site.ledger_path, Event(action=action, round_id="x", party="publisher", digest="0", day=TODAY))
    desk.ask(round_id="r2", epoch=2)
    assert desk.answer(round_id="r2")
    _lose(desk, backup)
    (erased,) = _restore(desk).acts
    assert "2025-07-01 erased publisher, round x" in erased


def test_what_else_the_sites_key_has_signed_is_no_message_of_it(desk: Desk) -> None:
    backup = _backup(desk)
    desk.ask(round_id="r2", epoch=2)
    assert desk.answer(round_id="r2")
    message = json.loads(desk.reply("r2") or b"")
    message["body"] = json.loads(desk.exchange.request_path("r2", "publisher").read_bytes())["body"]
    message["signature"] = base64.b64encode(own_key(desk.folder).sign(unsigned(message))).decode()
    desk.exchange.put(desk.exchange.reply_path("r9", "publisher"), to_bytes(message))
    _lose(desk, backup)
    assert _restore(desk).messages == ("r2",)


def test_nothing_is_put_back_if_a_message_is_missing(desk: Desk) -> None:
    for name in ("r2", "r3"):
        desk.ask(round_id=name, epoch=2)
        assert desk.answer(round_id=name)
    _lose(desk, None)
    path = desk.exchange.reply_path("r2", "publisher")
    content = path.read_bytes()
    path.unlink()
    _not_restored(desk, r"something left in round r2 on 2025-07-01, and that message is not in the exchange folder")
    path.write_bytes(content.replace(b'"noisy"', b'"exact"').replace(b'"issued": "2025', b'"issued": "2024'))
    _not_restored(desk, "the signature of publisher does not fit", MessageError)
    path.write_bytes(content)
    assert _restore(desk).entries


def test_nothing_is_put_back_if_the_log_has_gone_on(desk: Desk) -> None:
    """Restored, and gone on with before anybody noticed: what it says now is not what others were shown."""
    backup = _backup(desk)
    desk.ask(round_id="r2", epoch=2)
    assert desk.answer(round_id="r2")
    _lose(desk, backup)
    record(
        desk.site.ledger_path, Event(action=Action.PREPARED, round_id="r9", party="publisher", digest="0", day=TODAY)
    )
    _not_restored(desk, "differs within its first .* entries from the signed head")
    for number in range(9):
        told = Event(action=Action.PREPARED, round_id=f"s{number}", party="publisher", digest="0", day=TODAY)
        record(desk.site.ledger_path, told)
    _not_restored(desk, "differs within its first .* entries from the signed head")


def test_nothing_is_put_back_without_the_key(desk: Desk, tmp_path: Path) -> None:
    _lose(desk, None)
    key = desk.folder / "keys" / "private.key"
    content = key.read_bytes()
    key.unlink()
    _not_restored(desk, r"private\.key: there is no key yet", MessageError)
    other = make_desk(tmp_path / "other")
    assert other.answer()
    shutil.copy(other.folder / "keys" / "private.key", key)
    _not_restored(desk, "the signature of publisher does not fit", MessageError)
    key.write_bytes(content)
    assert _restore(desk).entries


def test_the_centre_cannot_read_what_a_site_tells_itself(desk: Desk) -> None:
    """Nor can it be put into another message: it belongs to the one that it came with."""
    desk.ask(round_id="r2", epoch=2)
    assert desk.answer(round_id="r2")
    replies = [desk.reply(name) or b"" for name in ("r1", "r2")]
    sealed = [base64.b64decode(json.loads(reply)["log"]["sealed"]) for reply in replies]
    about = [sealed_about("publisher", digest_in(reply) or "") for reply in replies]
    own = own_key(desk.folder)
    told = unseal(sealed[1], key=own, about=about[1], source="r2.json")
    history = decode_history(told, source="r2.json")
    assert history.called == "r2"
    assert set(history.tables) == {
        *("policies", "ways", "charges", "cells", "shares", "approval_acts", "approval_requests")
    }, "no exact count, and nothing that waits"
    assert zlib.decompress(told)[:12] not in sealed[1]
    for content, key, what in (
        (sealed[1], desk.centre, about[1]),
        (sealed[1], own, about[0]),
        (sealed[1][:-1], own, about[1]),
        (b"", own, about[1]),
    ):
        with pytest.raises(AuditError, match=r"r2\.json: what it tells its sender cannot be opened"):
            unseal(content, key=key, about=what, source="r2.json")
    newer = zlib.compress(zlib.decompress(told).replace(b'"version":1', b'"version":2'))
    with pytest.raises(AuditError, match=r"r2\.json: told by version 2 of Rounds' history, this program reads 1"):
        decode_history(newer, source="r2.json")


def test_a_message_that_tells_nothing_or_not_enough_restores_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of an earlier version; and what the centre has acknowledged without keeping it."""
    with monkeypatch.context() as patched:
        patched.setattr("rounds.site.ledger.seal", lambda *_, **__: b"")
        desk.ask(round_id="r2", epoch=2)
        assert desk.answer(round_id="r2")
    _lose(desk, None)
    _not_restored(desk, r"r2/replies/publisher\.json: it was sent by a version of Rounds that told its sender nothing")
    for name in ("r1", "r2"):
        desk.exchange.reply_path(name, "publisher").unlink()
    assert not _restore(desk).entries, "nobody shows that there ever was more"


def test_a_gap_before_what_a_message_tells_is_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rounds.storage.own_history.acknowledged_size", lambda *_, **__: 4)
    desk.ask(round_id="r2", epoch=2)
    assert desk.answer(round_id="r2")
    _lose(desk, None)
    desk.exchange.reply_path("r1", "publisher").unlink()
    _not_restored(desk, r"it tells of the log of publisher from entry 5 on, and the ledger has 0: messages from before")


def test_a_folder_that_is_not_there(desk: Desk) -> None:
    site = desk.site
    shutil.rmtree(desk.folder)
    with pytest.raises(DefinitionError, match="there is no such folder"):
        restore(site, desk.exchange, today=TODAY)

"""Where people must say yes first: nothing leaves before they have, and what leaves is what they saw."""

from datetime import date
from pathlib import Path

import pytest
from approval_site import ADA, BEN, CAI, DEE, EVE, EXPIRES, RECORDS, TODAY, Desk, make_desk

from rounds.audit.chain import Action
from rounds.errors import DisclosureRefusal, MessageError, NotPermitted, RoundsError, WaitsForApproval
from rounds.exchange.messages import Refusal, decode_answer, decode_reply
from rounds.exchange.signing import own_key
from rounds.network.roles import TRANSITIONS, Act, RequestState
from rounds.site import queue
from rounds.site.approval import approve, withdraw
from rounds.site.folder import Site
from rounds.site.queue import list_requests, show_reply
from rounds.storage import approval_store
from rounds.storage.sqlite_file import transaction


@pytest.fixture
def two(tmp_path: Path) -> Desk:
    return make_desk(tmp_path, "approval: two")


@pytest.fixture
def one(tmp_path: Path) -> Desk:
    return make_desk(tmp_path, "approval: one")


def _wait(desk: Desk, *, today: date = TODAY) -> None:
    with pytest.raises(WaitsForApproval):
        desk.answer(today=today)


def _approve(desk: Desk, who: str, *, digest: str | None = None, today: date = TODAY) -> None:
    approve(desk.site, round_id="r1", who=who, digest=digest or desk.queued().digest, today=today)


def test_two_people_say_yes_and_the_very_bytes_they_saw_leave(two: Desk) -> None:
    _wait(two)
    seen = two.queued()
    assert two.reply() is None
    _approve(two, ADA)
    _wait(two)
    _approve(two, BEN)
    assert two.reply() is None, "approving lays nothing down"
    assert two.answer(today=date(2025, 7, 3))
    assert two.said() == seen.reply
    assert not two.answer(today=date(2025, 7, 4)), "the second time it is laid down again"
    told = [(event.action, event.party) for event in two.logged()]
    assert told == [
        (Action.QUEUED, "program"),
        (Action.APPROVED, ADA),
        (Action.APPROVED, BEN),
        (Action.RELEASED, "program"),
        (Action.ANSWERED, "centre"),
        (Action.RELEASED, "centre"),
    ]


def test_one_person_is_enough_where_the_site_asks_for_one(one: Desk) -> None:
    _wait(one)
    _approve(one, BEN)
    assert one.answer()
    assert one.said() == one.queued().reply


def test_the_message_says_who_is_missing_and_what_to_type(two: Desk) -> None:
    with pytest.raises(WaitsForApproval) as waits:
        two.answer()
    words = str(waits.value)
    assert "waits for approval by two different people: nobody has said yes yet. Nothing has left." in words
    assert f"rounds site preview {two.folder} --exchange {two.exchange.path} --round r1 --as NAME" in words
    assert f"rounds site approve {two.folder} --round r1 --as NAME --digest {two.queued().digest[:16]}" in words
    _approve(two, ADA)
    with pytest.raises(WaitsForApproval, match=f"{ADA} said yes"):
        two.answer()


WRONG_PEOPLE = {
    "an analyst": (CAI, f"{CAI} is analyst; to approve takes a data guardian or output checker"),
    "a programme lead": (EVE, f"{EVE} is programme lead"),
    "somebody whose role has ended": (DEE, f"{DEE} has no role on 2025-07-01 (the last: data guardian, 2024-01-01"),
    "a stranger": ("Mallory", "Mallory is not in it"),
    "the author of a measure": ("rounds LIBRARY authors", "has written ae-over-4-hours v1"),
    "whoever approved before": ("ada  EXAMPLE", "has approved this already"),
    "whoever asked for it": (BEN, f"{BEN} has asked for this"),
}


@pytest.mark.parametrize("who", WRONG_PEOPLE)
def test_the_wrong_person_is_refused(who: str, two: Desk) -> None:
    name, says = WRONG_PEOPLE[who]
    two.ask(asked_by=BEN)
    _wait(two)
    _approve(two, ADA)
    before = (two.queued(), two.logged())
    with pytest.raises(NotPermitted) as refused:
        _approve(two, name)
    assert says in str(refused.value)
    assert (two.queued(), two.logged()) == before


def test_who_had_it_prepared_cannot_approve_it_and_who_looks_at_it_can(two: Desk) -> None:
    assert two.queue(ADA).prepared_by == ADA
    assert two.queue(BEN).prepared_by == ADA, "the bytes were there"
    with pytest.raises(NotPermitted, match="had this reply prepared"):
        _approve(two, ADA)
    _approve(two, BEN)
    assert two.queued().state is RequestState.ONCE


@pytest.mark.parametrize("who", [EVE, "Mallory", DEE])
def test_who_may_not_see_numbers_sees_none(who: str, two: Desk) -> None:
    with pytest.raises(NotPermitted, match="to view takes a data guardian or output checker or analyst"):
        two.queue(who)
    assert not two.site.ledger_path.exists(), "and nothing was counted"


@pytest.mark.parametrize(
    ("digest", "says"), [("0" * 64, "what waits has the digest"), ("abc", "is too short: give 16 digits or more")]
)
def test_another_digest_is_refused(two: Desk, digest: str, says: str) -> None:
    _wait(two)
    with pytest.raises(NotPermitted, match=says):
        _approve(two, ADA, digest=digest)
    assert two.queued().approved_by == ()


def _records(desk: Desk) -> None:
    desk.write("late.csv", RECORDS.replace("30,300", "60,300"))


def test_corrected_records_do_not_change_what_waits(two: Desk) -> None:
    _wait(two)
    seen = two.queued()
    _approve(two, ADA)
    _records(two)
    _approve(two, BEN)
    assert two.answer()
    assert two.said() == seen.reply


def test_other_bytes_than_approved_do_not_leave(two: Desk) -> None:
    _wait(two)
    seen = two.queued()
    _approve(two, ADA)
    _approve(two, BEN)
    two.withhold(12)
    with pytest.raises(DisclosureRefusal, match="other bytes would leave now than were approved") as refused:
        two.answer()
    now = two.queued()
    assert two.reply() is None
    assert (now.state, now.approved_by) == (RequestState.WAITING, ())
    assert now.digest != seen.digest
    assert f"--digest {now.digest[:16]}" in str(refused.value)
    with pytest.raises(NotPermitted, match="what waits has the digest"):
        _approve(two, ADA, digest=seen.digest)
    _approve(two, ADA)
    _approve(two, BEN)
    assert two.answer()
    assert two.said() == now.reply


def test_records_that_were_put_back_leave_as_approved(two: Desk) -> None:
    """What counts is what would leave, not whether somebody touched a file."""
    _wait(two)
    _approve(two, ADA)
    _approve(two, BEN)
    _records(two)
    two.write("late.csv", RECORDS)
    assert two.answer()


def test_a_site_file_edited_to_be_weaker_frees_nothing_that_waits(two: Desk) -> None:
    _wait(two)
    for weaker in ("library", "one"):
        two.setting(f"approval: {weaker}")
        _wait(two)
        _approve(two, ADA) if weaker == "one" else None
    _wait(two)
    _approve(two, BEN)
    assert two.answer()


def test_a_stricter_site_file_holds_for_what_waits(one: Desk) -> None:
    _wait(one)
    _approve(one, ADA)
    one.setting("approval: two")
    _wait(one)
    _approve(one, BEN)
    assert one.answer()


def test_a_refusal_is_signed_final_and_shown(two: Desk) -> None:
    _wait(two)
    _approve(two, ADA)
    why = "Our agreement does not cover this."
    two.refuse(BEN, why)
    content, key = two.reply(), own_key(two.folder).public
    assert content is not None
    read = {"source": "x", "site": "publisher", "round_id": "r1", "answers": two.request().digest, "key": key}
    found = decode_answer(content, **read)  # type: ignore[arg-type]
    assert isinstance(found, Refusal)
    assert found.because == why
    with pytest.raises(MessageError, match="publisher has refused round r1: Our agreement does not cover this"):
        decode_reply(content, **read)  # type: ignore[arg-type]
    two.exchange.reply_path("r1", "publisher").unlink()
    with pytest.raises(NotPermitted, match=f"has refused: {why}"):
        two.answer()
    assert two.reply() == content, "it was laid down again"
    for again in (lambda: _approve(two, ADA), lambda: two.queue(CAI)):
        with pytest.raises(NotPermitted, match="is refused for good"):
            again()
    two.refuse(BEN, why)
    assert [event.action for event in two.logged()].count(Action.REFUSED) == 2  # by whom, and to whom


@pytest.mark.parametrize(
    ("because", "says"),
    [
        ("only 3 people", "must hold no number"),
        ("only \u0663 people", "must hold no number"),
        ("only \u2462", "must hold no number"),
        (" ", "must have 1 to 300 characters"),
        ("a" * 301, "must have 1 to 300 characters"),
        ("a\nb", "must be one line"),
    ],
)
def test_no_number_leaves_in_a_reason(two: Desk, because: str, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        two.refuse(ADA, because)
    assert two.reply() is None


def test_a_site_without_a_queue_can_refuse_too(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    desk.refuse(ADA, "No.")
    with pytest.raises(NotPermitted, match="has refused: No"):
        desk.answer()


def test_what_has_left_can_neither_be_refused_nor_queued(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    assert desk.answer()
    desk.setting("approval: two")
    with pytest.raises(NotPermitted, match="has answered round r1 already"):
        desk.refuse(ADA, "No.")
    with pytest.raises(NotPermitted, match="has answered round r1 already"):
        desk.queue(ADA)


@pytest.mark.parametrize("broken", ["rounds.site.acts._signed", "rounds.storage.approval_store.append"])
def test_a_refusal_that_is_killed_half_way_has_not_happened(
    two: Desk, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    _wait(two)
    before = two.logged()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(broken, killed)
        with pytest.raises(KeyboardInterrupt):
            two.refuse(BEN, "No.")
    assert two.logged() == before, "neither what is sent nor who did it is told without the other"
    assert two.reply() is None
    _wait(two)
    two.refuse(BEN, "No.")
    assert [event.party for event in two.logged()[len(before) :]] == ["centre", "centre", BEN]


def test_an_analyst_cannot_refuse(two: Desk) -> None:
    with pytest.raises(NotPermitted, match="to refuse takes a data guardian or output checker"):
        two.refuse(CAI, "No.")
    assert two.reply() is None


def test_what_was_withdrawn_waits_until_a_person_puts_it_back(two: Desk) -> None:
    _wait(two)
    _approve(two, ADA)
    withdraw(two.site, round_id="r1", who=CAI, because="Codes are being corrected.", today=TODAY)
    with pytest.raises(WaitsForApproval, match="was withdrawn from the queue here"):
        two.answer()
    with pytest.raises(NotPermitted, match="cannot approve now: the request is withdrawn"):
        _approve(two, BEN)
    back = two.queue(CAI)
    assert (back.state, back.approved_by, back.prepared_by) == (RequestState.WAITING, (), CAI)
    _approve(two, BEN)
    _approve(two, ADA)
    assert two.answer()


def test_what_waited_too_long_expires_and_is_looked_at_anew_when_it_is_asked_again(two: Desk) -> None:
    _wait(two)
    _approve(two, ADA)
    late = date(2025, 10, 1)
    with pytest.raises(NotPermitted, match="cannot approve now: the request is expired"):
        _approve(two, BEN, today=late)
    two.ask(today=late)
    _wait(two, today=late)
    assert two.queued().approved_by == ()
    assert [event.action for event in two.logged()] == [
        Action.QUEUED,
        Action.APPROVED,
        Action.EXPIRED,
        Action.QUEUED,
    ]


def test_the_last_day_to_answer_counts(two: Desk) -> None:
    _wait(two)
    _approve(two, ADA, today=EXPIRES)
    _approve(two, BEN, today=EXPIRES)
    assert two.answer(today=EXPIRES)


def test_another_request_under_the_same_id_is_refused(two: Desk) -> None:
    _wait(two)
    two.ask(asked_by="Somebody")
    with pytest.raises(MessageError, match="was queued with another request under the same id"):
        two.answer()


def test_approvals_that_nobody_signed_release_nothing(two: Desk) -> None:
    _wait(two)
    _approve(two, ADA)
    with transaction(two.site.ledger_path, schema="") as connection:
        connection.execute(
            "UPDATE approval_requests SET state = 'approved by two', approved_by = ?", (f'["{ADA}", "{BEN}"]',)
        )
    with pytest.raises(RoundsError, match="1 signed approvals of these bytes are found instead of 2"):
        two.answer()
    assert two.reply() is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approval_requests SET reply = X'00'",
        "UPDATE approval_requests SET state = 'approved by nobody'",
        "UPDATE approval_requests SET asked = '{}'",
        "UPDATE approval_acts SET statement = X'7B7D'",
        "UPDATE approval_acts SET statement = CAST(replace(CAST(statement AS TEXT), ', ', ',') AS BLOB)",
    ],
)
def test_a_queue_that_was_changed_stops_the_site(two: Desk, statement: str) -> None:
    _wait(two)
    with transaction(two.site.ledger_path, schema="") as connection:
        connection.execute(statement)
    with pytest.raises(RoundsError, match="was changed or is damaged"):
        two.answer()
    assert two.reply() is None


def test_killed_after_the_release_was_noted_the_same_bytes_leave(two: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException): ...

    def die(*_: object, **__: object) -> None:
        raise Killed

    _wait(two)
    _approve(two, ADA)
    _approve(two, BEN)
    with monkeypatch.context() as broken:
        broken.setattr("rounds.site.answer.send_reply", die)
        with pytest.raises(Killed):
            two.answer()
    assert two.queued().state is RequestState.RELEASED
    _records(two)
    two.answer()
    assert two.said() == two.queued().reply


def test_nothing_half_done_is_kept(two: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request and the act that moved it change together, or not at all."""

    def cut(_: object) -> tuple[object, ...]:
        raise OSError("the power went")

    _wait(two)
    before = two.queued()
    with monkeypatch.context() as broken:
        broken.setattr(approval_store, "request_row", cut)
        with pytest.raises(OSError, match="the power went"):
            _approve(two, ADA)
    assert two.queued() == before
    assert len(approval_store.read_acts(two.site.ledger_path)) == 1


def test_what_is_shown_is_read_from_the_bytes(two: Desk) -> None:
    item = two.queue(CAI)
    shown = "\n".join(show_reply(two.site, item, two.exchange, today=TODAY))
    for words in (
        "ae-over-4-hours v1: 2 rows; 1 numerator withheld.",
        "ZZ1     2024-01-01  withheld, 1 to 7           20",
        "ZZ1     2024-02-01                30          300",
        item.digest,
        f"prepared   by {CAI} on 2025-07-01; answer by 2025-09-29",
        "none is needed here: the site has no agreements.yaml",
        f"history    2025-07-01  prepared by {CAI}, analyst",
    ):
        assert words in shown, shown


def test_what_waits_is_listed_first_and_without_numbers(two: Desk) -> None:
    two.ask(round_id="r0")
    two.ask(round_id="r2")
    _wait(two)
    withdrawn = list_requests(two.site, None, today=TODAY)
    assert [(one.round_id, one.state, one.waits) for one in withdrawn] == [("r1", "waiting", True)]
    two.refuse(ADA, "No.", round_id="r0")
    listed = list_requests(two.site, two.exchange, today=TODAY)
    assert [(one.round_id, one.state, one.waits) for one in listed] == [
        ("r1", "waiting", True),
        ("r2", "received", True),
        ("r0", "refused", False),
    ]
    assert listed[2].says == (f"was refused on 2025-07-01, by {ADA}, data guardian", "Because: No.")
    late = list_requests(two.site, None, today=date(2026, 1, 1))
    assert [(one.round_id, one.state) for one in late] == [("r0", "refused"), ("r1", "expired")]


def test_looking_changes_no_file(two: Desk) -> None:
    def listed(site: Site) -> int:
        return len(list_requests(site, two.exchange, today=TODAY))

    assert listed(two.site) == 1
    assert not two.site.ledger_path.exists()
    _wait(two)
    before = {path: path.read_bytes() for path in two.folder.rglob("*") if path.is_file()}
    assert listed(two.site) == 1
    assert {path: path.read_bytes() for path in two.folder.rglob("*") if path.is_file()} == before


def test_nobody_named_nobody_approves(two: Desk) -> None:
    _wait(two)
    (two.folder / "people.yaml").unlink()
    with pytest.raises(RoundsError, match=r"people\.yaml is missing: it names who may approve here"):
        _approve(two, ADA)


def test_nothing_waits_where_nothing_was_asked(two: Desk) -> None:
    with pytest.raises(NotPermitted, match="nothing of it waits here"):
        approve(two.site, round_id="r9", who=ADA, digest="0" * 64, today=TODAY)
    with pytest.raises(NotPermitted, match="nothing of it waits here"):
        withdraw(two.site, round_id="r9", who=ADA, because="", today=TODAY)


def test_every_act_that_moves_a_request_has_words_and_an_event() -> None:
    moving = {one.act for one in TRANSITIONS}
    assert set(queue._DONE) == moving
    assert set(approval_store._LOGGED_AS) == moving
    assert {one.state for one in TRANSITIONS if one.act is Act.EXPIRE} == {
        *queue._OPEN,
    }

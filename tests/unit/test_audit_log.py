"""A log in a party's file: appended, read back, tampered with."""

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from log_stamps import event, signed_head

from rounds.audit.chain import Action, Entry, Event, checked, following
from rounds.audit.heads import Head, SignedHead, Standing, check_own, head_of
from rounds.audit.merkle import EMPTY_ROOT, root, tree_of
from rounds.errors import AuditError, RoundsError
from rounds.exchange.log_check import Happened, check_log, heads_held, heads_in_messages, messages_happened
from rounds.exchange.signing import SigningKey, own_key
from rounds.exchange.wire_log import wire_log_part
from rounds.storage.audit_log import (
    LEDGER,
    LOG_SCHEMA,
    append,
    entry_at,
    head,
    is_recorded,
    read_log,
    reading_log,
    record,
    tells,
)
from rounds.storage.facts import (
    NoEvent,
    logged_transaction,
    write_fact,
    write_fact_folder,
    write_unlogged,
    write_unlogged_folder,
)
from rounds.storage.log_heads import acknowledge, all_held, give, hold
from rounds.storage.sqlite_file import reading, transaction

KEY = SigningKey(Ed25519PrivateKey.generate().private_bytes_raw())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / LEDGER
    record(path, *map(event, range(1, 8)))
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "private.key").write_bytes(base64.b64encode(bytes(range(32))))
    return path


def test_an_absent_log_is_empty_and_stays_absent(tmp_path: Path) -> None:
    path = tmp_path / LEDGER
    assert read_log(path) == ()
    with reading_log(path) as connection:
        assert head(connection, log="site-1") == Head(log="site-1", size=0, root=EMPTY_ROOT)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_log_has_an_empty_one(tmp_path: Path) -> None:
    with transaction(tmp_path / LEDGER, schema="CREATE TABLE draws (cell TEXT)"):
        pass
    assert read_log(tmp_path / LEDGER) == ()


def test_the_log_reads_back_and_logs_nothing_twice(log: Path) -> None:
    before = log.read_bytes()
    record(log, event(3), event(7))
    assert log.read_bytes() == before
    record(log, event(3), event(8), event(8))
    entries = read_log(log)
    assert [entry.event.round_id for entry in entries] == [f"r{number}" for number in range(1, 9)]
    with reading_log(log) as connection:
        assert head(connection, log="x").root == root(*tree_of(entry.leaf for entry in entries))
        assert entry_at(connection, 8) == entries[-1]
        assert entry_at(connection, 9) is None
    assert str(entries[0]) == "1. 2025-01-01 asked site-1, round r1, 000000000000"


def test_the_same_thing_on_another_day_is_the_same_event(log: Path) -> None:
    told = event(1)
    again = Event(
        action=told.action, round_id=told.round_id, party=told.party, digest=told.digest, day=date(2026, 1, 1)
    )
    assert is_recorded(log, again)
    assert not is_recorded(log, again, event(9))
    assert tells(log, action=Action.ASKED, round_id="r1")
    assert not tells(log, action=Action.RECEIVED, round_id="r1")


def test_looking_changes_nothing_in_the_folder(log: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in (log, log.parent)}
    read_log(log)
    assert {path: path.stat().st_mtime_ns for path in (log, log.parent)} == times


def test_what_a_killed_writer_left_is_read(log: Path) -> None:
    """A write-ahead file stays behind when its writer is killed; what was committed lies in it."""
    writer = sqlite3.connect(log, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    append(writer, event(8))
    writer.execute("COMMIT")
    copy = log.parent / "copy"
    copy.mkdir()
    for suffix in ("", "-wal"):
        (copy / f"{LEDGER}{suffix}").write_bytes(log.with_name(f"{LEDGER}{suffix}").read_bytes())
    writer.close()
    assert len(read_log(copy / LEDGER)) == 8


def test_a_transaction_that_fails_logs_nothing(log: Path) -> None:
    refused = pytest.raises(AuditError, match="hole")
    with refused, transaction(log, schema=LOG_SCHEMA) as connection:
        append(connection, event(8))
        connection.execute("DELETE FROM log_nodes")
        head(connection, log="site-1")
    assert len(read_log(log)) == 7


def test_a_torn_page_is_a_refusal(log: Path) -> None:
    record(log, *map(event, range(10, 200)))
    log.write_bytes(log.read_bytes()[:-2500])
    with pytest.raises(RoundsError, match=r"ledger\.db: .*restore it"):
        read_log(log)


def test_an_index_that_lags_behind_its_table_is_a_refusal(log: Path) -> None:
    """Its structure is whole, so that only the thorough look at the file finds it: an event could be told twice."""
    with sqlite3.connect(log) as open_file:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_log_entries_1'"
        (page,) = open_file.execute(query).fetchone()
        (size,) = open_file.execute("PRAGMA page_size").fetchone()
    open_file.close()
    start, before = (page - 1) * size, log.read_bytes()
    record(log, event(8))
    now = log.read_bytes()
    log.write_bytes(now[:start] + before[start : start + size] + now[start + size :])
    with pytest.raises(AuditError, match=r"ledger\.db: .*index.*; the file is damaged, restore it from a copy"):
        read_log(log)


def test_no_database_at_all_is_a_refusal(log: Path) -> None:
    log.write_bytes(b"not a database, whatever it is called" * 40)
    with pytest.raises(RoundsError, match=r"ledger\.db: .*damaged"):
        read_log(log)
    with pytest.raises(RoundsError, match="damaged"), reading(log, schema=LOG_SCHEMA) as connection:
        connection.execute("SELECT * FROM log_entries")


TAMPERED: dict[str, tuple[str, str]] = {
    "an edit": ("UPDATE log_entries SET party = 'x' WHERE sequence = 3", "entry 3: the chain is broken"),
    "another day": ("UPDATE log_entries SET day = '2024-01-01' WHERE sequence = 3", "entry 3: the chain is broken"),
    "no day": ("UPDATE log_entries SET day = 'soon' WHERE sequence = 3", "entry 3: it cannot be read"),
    "an unknown action": ("UPDATE log_entries SET action = 'x' WHERE sequence = 3", "entry 3: it cannot be read"),
    "a deletion": ("DELETE FROM log_entries WHERE sequence = 3", "entry 3: the chain is broken"),
    "the first deleted": ("DELETE FROM log_entries WHERE sequence = 1", "entry 1: the chain is broken"),
    "a swap": (
        "UPDATE log_entries SET sequence = 100 WHERE sequence = 3; UPDATE log_entries SET sequence = 3 WHERE sequence "
        "= 4; UPDATE log_entries SET sequence = 4 WHERE sequence = 100",
        "entry 3: the chain is broken",
    ),
    "a renumbering": ("UPDATE log_entries SET sequence = 99 WHERE sequence = 7", "entry 7: the chain is broken"),
    "the tail cut off": ("DELETE FROM log_entries WHERE sequence > 5", "entry 6: the log's tree does not fit"),
    "all deleted": ("DELETE FROM log_entries", "entry 1: the log's tree does not fit"),
    "a leaf of the tree": (
        "UPDATE log_nodes SET hash = x'00' WHERE level = 0 AND position = 4",
        "entry 5: the log's tree",
    ),
    "a node deleted": ("DELETE FROM log_nodes WHERE level = 1 AND position = 1", "entry 3: the log's tree"),
    "a node put in": ("INSERT INTO log_nodes VALUES (7, 0, x'00')", "entry 1: the log's tree"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_every_change_of_the_log_shows_and_names_the_entry(what: str, log: Path) -> None:
    change, complaint = TAMPERED[what]
    connection = sqlite3.connect(log)
    connection.executescript(change)
    connection.close()
    with pytest.raises(AuditError, match=complaint):
        read_log(log)


def test_appending_to_a_log_with_a_hole_is_refused(log: Path) -> None:
    with sqlite3.connect(log) as connection:
        connection.execute("DELETE FROM log_nodes WHERE level = 0 AND position = 6")
    connection.close()
    with pytest.raises(AuditError, match="the audit log's tree has a hole at entry 7"):
        record(log, event(8))


def _signed(path: Path, key: SigningKey, log: str = "site-1") -> SignedHead:
    with reading_log(path) as connection:
        now = head(connection, log=log)
    return SignedHead(head=now, signature=key.sign(now.content))


def _rewritten(path: Path, *events: Event) -> None:
    """Make the log anew, chain, tree and all, as its own party can."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM log_entries")
    connection.execute("DELETE FROM log_nodes")
    append(connection, *events)
    connection.close()


EVENTS = tuple(map(event, range(1, 8)))
REWRITES: dict[str, Callable[[int, int], tuple[Event, ...]]] = {
    "edited": lambda at, _: (*EVENTS[:at], event(100), *EVENTS[at + 1 :]),
    "deleted": lambda at, _: (*EVENTS[:at], *EVENTS[at + 1 :]),
    "reordered": lambda at, to: (*(rest := [*EVENTS[:at], *EVENTS[at + 1 :]])[:to], EVENTS[at], *rest[to:]),
    "cut": lambda at, _: EVENTS[:at],
    "put in": lambda at, _: (*EVENTS[:at], event(100), *EVENTS[at:]),
    "deleted and gone on with": lambda at, _: (*EVENTS[:at], *EVENTS[at + 1 :], event(100), event(101)),
}


def _chain(events: tuple[Event, ...]) -> list[Entry]:
    entries: list[Entry] = []
    for one in events:
        entries.append(following(entries[-1] if entries else None, one))
    return entries


@given(st.sampled_from(sorted(REWRITES)), st.integers(0, 6), st.integers(0, 6), st.integers(1, 7))
def test_a_log_made_anew_does_not_fit_the_heads_that_were_given_away(kind: str, at: int, to: int, seen: int) -> None:
    """Whoever can rewrite all of the log, and sign it: it shows as far as anybody saw of it before."""
    _, node = tree_of(entry.leaf for entry in _chain(EVENTS))
    now = head_of("site-1", seen, node)
    signed = SignedHead(head=now, signature=KEY.sign(now.content))
    changed = REWRITES[kind](at, to)
    size, node = tree_of(entry.leaf for entry in checked(_chain(changed), source="log"))
    same = changed[:seen] == EVENTS[:seen]
    with nullcontext() if same else pytest.raises(AuditError, match=r"centre holds|that centre"):
        check_own(signed, size=size, node=node, verifies=KEY.public.verifies, holder="centre")


@pytest.mark.parametrize("kind", REWRITES)
@pytest.mark.parametrize("here", [True, False])
def test_a_file_made_anew_does_not_fit_them_either(kind: str, here: bool, log: Path) -> None:
    signed = _signed(log, own_key(log.parent))
    if here:
        with transaction(log, schema=LOG_SCHEMA) as connection:
            give(connection, signed, to="centre")
    abroad = () if here else [("what the centre holds", signed)]
    assert check_log(log.parent, party="site-1", happened=(), abroad=abroad).heads == 1
    _rewritten(log, *REWRITES[kind](2, 4))
    with pytest.raises(AuditError, match=r"centre.* holds a signed head of|from the signed head that .*centre"):
        check_log(log.parent, party="site-1", happened=(), abroad=abroad)


def test_heads_of_others_and_forged_ones_say_nothing(log: Path) -> None:
    key = own_key(log.parent)
    other = SignedHead(head=Head(log="site-2", size=99, root=b"1" * 32), signature=b"")
    forged = SignedHead(head=Head(log="site-1", size=99, root=b"1" * 32), signature=KEY.sign(b""))
    abroad = [("a", other), ("b", forged), ("c", _signed(log, key))]
    assert check_log(log.parent, party="site-1", happened=(), abroad=abroad).heads == 1


def test_who_has_signed_nothing_needs_no_key(log: Path) -> None:
    (log.parent / "keys" / "private.key").unlink()
    assert check_log(log.parent, party="site-1", happened=(), abroad=[("a", _signed(log, KEY))]).heads == 0


def test_a_lost_key_is_noticed(log: Path) -> None:
    with transaction(log, schema=LOG_SCHEMA) as connection:
        give(connection, _signed(log, own_key(log.parent)), to="centre")
    (log.parent / "keys" / "private.key").unlink()
    with pytest.raises(AuditError, match="the party's key is gone"):
        check_log(log.parent, party="site-1", happened=(), abroad=())


def test_a_changed_head_in_the_file_is_noticed(log: Path) -> None:
    key = own_key(log.parent)
    with transaction(log, schema=LOG_SCHEMA) as connection:
        acknowledge(connection, _signed(log, key), by="centre")
        connection.execute("UPDATE log_given SET signature = x'00'")
    with pytest.raises(AuditError, match=r"given to centre, holds a head .* that the key of site-1 did not sign"):
        check_log(log.parent, party="site-1", happened=(), abroad=())
    with transaction(log, schema=LOG_SCHEMA) as connection:
        hold(connection, _signed(log, KEY, "centre"), earlier=(), key=KEY.public.raw)
        assert [signed.head.log for signed in all_held(connection)] == ["centre"]
        connection.execute("UPDATE log_held SET root = x'00'")
        with pytest.raises(AuditError, match="a head of the log of centre is not one"):
            all_held(connection)


def test_what_happened_must_be_told(log: Path) -> None:
    shown = Path("r9.json")
    for digest in (None, event(9).digest):
        missing = Happened(action=Action.ASKED, round_id="r9", party="site-1", digest=digest, shown_by=shown)
        with pytest.raises(AuditError, match=r"ledger\.db does not tell what r9\.json shows: asked site-1, round r9"):
            check_log(log.parent, party="centre", happened=[missing], abroad=())
    other = Happened(action=Action.ASKED, round_id="r1", party="site-1", digest="0", shown_by=shown)
    with pytest.raises(AuditError, match="does not tell"):
        check_log(log.parent, party="centre", happened=[other], abroad=())


@pytest.mark.parametrize(
    ("size", "root"), [(-1, b"1" * 32), (1, b"1"), (1, EMPTY_ROOT), (0, b"1" * 32), (1 << 49, b"1" * 32)]
)
def test_no_such_head(size: int, root: bytes) -> None:
    with pytest.raises(ValueError, match="has no head of"):
        Head(log="site-1", size=size, root=root)


def test_a_fact_is_told_and_written(log: Path) -> None:
    folder = log.parent
    write_fact(folder / "plan.json", b"{}", event=event(20), log=log)
    write_fact_folder(folder / "pages", lambda new: (new / "a").write_text("1") and None, event=event(21), log=log)
    write_unlogged(folder / "cache", b"1", because=NoEvent.CACHE)
    assert is_recorded(log, event(20), event(21))
    assert len(read_log(log)) == 9
    assert {path.name for path in folder.iterdir()} == {"plan.json", "pages", "cache", "keys", LEDGER}


def test_the_log_tells_of_a_folder_what_it_was_filled_with(log: Path) -> None:
    def told(folder: Path) -> Event:
        return replace(event(21), digest=(folder / "a").read_text())

    write_fact_folder(log.parent / "pages", lambda new: (new / "a").write_text("5" * 64) and None, event=told, log=log)
    assert read_log(log)[-1].event.digest == "5" * 64


def test_a_folder_that_cannot_be_filled_is_not_told(log: Path) -> None:
    def fail(_: Path) -> None:
        raise RoundsError("the disk is full")

    with pytest.raises(RoundsError, match="full"):
        write_fact_folder(log.parent / "pages", fail, event=event(21), log=log)
    assert not is_recorded(log, event(21))


def test_a_transaction_that_tells_nothing_changes_nothing(log: Path) -> None:
    with logged_transaction(log, schema="CREATE TABLE IF NOT EXISTS draws (cell TEXT)") as facts:
        facts.connection.execute("INSERT INTO draws VALUES ('a')")
        facts.tell(event(8))
    untold = pytest.raises(ValueError, match="written without an event")
    with untold, logged_transaction(log) as facts:
        facts.connection.execute("INSERT INTO draws VALUES ('b')")
    with untold, logged_transaction(log) as facts:
        facts.tell()
    with reading_log(log) as connection:
        assert connection.execute("SELECT cell FROM draws").fetchall() == [("a",)]


def test_a_report_that_is_due_no_event_is_written_without_one(log: Path) -> None:
    fill = lambda new: (new / "a").write_text("1") and None  # noqa: E731
    write_unlogged_folder(log.parent / "quality", fill, because=NoEvent.OWN_REPORT)
    assert (log.parent / "quality" / "a").read_text() == "1"
    assert len(read_log(log)) == 7


def test_heads_and_digests_are_found_where_messages_were_kept(log: Path) -> None:
    """In what the centre kept of a site, and in what it holds; a file that is no message shows nothing but itself."""
    folder = log.parent
    kept = folder / "rounds" / "r1" / "received"
    kept.mkdir(parents=True)
    head_of_site = signed_head("site-1", KEY, b"a")
    own = signed_head("centre", own_key(folder), b"b")
    both = Standing(own=head_of_site, earlier=(), held=own)
    for name, standing in (("site-1", both), ("site-2", replace(both, held=None))):
        message = {"sender": "site-1", "recipient": "centre", "log": wire_log_part(standing).model_dump()}
        (kept / f"{name}.json").write_text(json.dumps(message))
    (kept / "site-3.json").write_bytes(b"no message")
    found = heads_in_messages(sorted(kept.iterdir()))
    assert [signed for _, signed in found] == [head_of_site, own, head_of_site]
    (first, *_) = messages_happened(Action.RECEIVED, kept.iterdir(), rounds=folder / "rounds")
    assert (first.round_id, first.party, first.digest) == ("r1", "site-1", "")
    with transaction(log, schema=LOG_SCHEMA) as connection:
        hold(connection, head_of_site, earlier=(), key=KEY.public.raw)
    assert heads_held(folder) == ((str(log), head_of_site),)


def test_what_happened_and_is_told_is_in_order(log: Path) -> None:
    told = [
        Happened(action=Action.ASKED, round_id="r1", party="site-1", digest=digest, shown_by=Path("r1.json"))
        for digest in (None, event(1).digest)
    ]
    assert len(check_log(log.parent, party="centre", happened=told, abroad=()).entries) == 7

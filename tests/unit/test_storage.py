"""Atomic writes, locks and pinned keys."""

import base64
import errno
import hashlib
import os
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from rounds.errors import AuditError, MessageError, RoundsError
from rounds.exchange.masking import Peer, make_masking_key, pin_peer
from rounds.exchange.signing import known_keys, make_own_key, own_key, pin_key, publish_key, trusted_key
from rounds.site.audit_check import check_site
from rounds.storage.atomic import remove_partials, write_file, write_folder, write_private_file
from rounds.storage.audit_log import LEDGER, read_log
from rounds.storage.lock import only_one

DAY = date(2025, 7, 1)

KILLED_BEFORE_THE_SWAP = """
import os, signal, sys
from pathlib import Path
from rounds.storage import atomic
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
atomic.write_file(Path(sys.argv[1]), b"new")
"""


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")
    subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_SWAP, str(path)], check=False)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_the_system_refuses_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        write_file(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_full_disk_says_what_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system names no file when a disk is full, so the writer does."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name, write in {
        "file": lambda path: write_file(path, b"new"),
        "key": lambda path: write_private_file(path, b"new"),
        "folder": lambda path: write_folder(path, lambda new: write_file(new / "inside", b"new")),
    }.items():
        with pytest.raises(OSError, match="No space left") as refused:
            write(tmp_path / name)
        assert refused.value.filename == str(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_fill_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    write_folder(path, lambda new: (new / "a").write_text("1") and None)

    def fail(new: Path) -> None:
        (new / "b").write_text("2")
        raise RoundsError("the disk is full")

    with pytest.raises(RoundsError, match="disk is full"):
        write_folder(path, fail)
    assert [one.name for one in path.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    write_folder(path, lambda new: (new / "a").write_text("1") and None)
    write_folder(path, lambda new: (new / "b").write_text("2") and None)
    assert [one.name for one in path.iterdir()] == ["b"]
    assert list(tmp_path.iterdir()) == [path]


def test_only_one_writer_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(RoundsError, match="another process is counting here")
    with only_one(tmp_path, doing="counting"), refused, only_one(tmp_path, doing="counting"):
        pass
    with only_one(tmp_path, doing="counting"):
        pass


def test_a_private_key_is_private_and_stays(tmp_path: Path) -> None:
    with pytest.raises(MessageError, match=r"private\.key: there is no key yet"):
        own_key(tmp_path)
    key = make_own_key(tmp_path, party="site-1", today=DAY)
    path = tmp_path / "keys" / "private.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_own_key(tmp_path, party="site-1", today=DAY).public == own_key(tmp_path).public == key.public
    assert [one.name for one in path.parent.iterdir()] == ["private.key"]
    (made,) = read_log(tmp_path / LEDGER)
    assert (
        str(made) == f"1. 2025-07-01 key made site-1, round signing, {hashlib.sha256(key.public.raw).hexdigest()[:12]}"
    )


def test_a_changed_key_is_refused_once_it_is_pinned(tmp_path: Path) -> None:
    me, exchange = tmp_path / "me", tmp_path / "exchange"
    first, second = (make_own_key(tmp_path / name, party="site-1", today=DAY).public for name in "ab")
    with pytest.raises(MessageError, match="no public key of site-1 is known"):
        trusted_key(me, exchange, party="site-1")
    publish_key(exchange, party="site-1", key=first)
    assert trusted_key(me, exchange, party="site-1") == first
    assert not me.exists(), "looking at a key pins nothing"
    for _ in range(2):
        pin_key(me, party="site-1", key=first, today=DAY)
    (pinned,) = read_log(me / LEDGER)
    assert str(pinned).startswith("1. 2025-07-01 key pinned site-1, round signing, ")
    publish_key(exchange, party="site-1", key=second)
    with pytest.raises(MessageError, match="is not the key of site-1 that is pinned"):
        trusted_key(me, exchange, party="site-1")


def test_a_key_that_lies_in_the_place_of_another_is_named_by_the_audit(tmp_path: Path) -> None:
    """The log tells which key was made and which were pinned; no file can be put in their place unseen."""
    own = make_own_key(tmp_path, party="site-1", today=DAY)
    masking = make_masking_key(tmp_path, site="site-1", today=DAY)
    peer = Peer(site="site-2", signing=own.public, masking=masking.public)
    for _ in range(2):
        pin_peer(tmp_path, peer, today=DAY)
    for name in (".partial-7-site-3.pub", ".partial-7-site-3.mask"):  # a killed process pinned nothing
        (tmp_path / "trust" / name).write_bytes(base64.b64encode(bytes(range(32))))
    assert set(known_keys(tmp_path)) == {"own key", "site-2"}
    assert len(check_site(tmp_path, site="site-1", abroad=()).entries) == 4
    for name in ("keys/private.key", "keys/masking.key", "trust/site-2.pub", "trust/site-2.mask"):
        path = tmp_path / name
        content = path.read_bytes()
        path.write_bytes(base64.b64encode(bytes(range(32))))
        what = "made site-1" if "keys" in name else "pinned site-2"
        with pytest.raises(AuditError, match=rf"does not tell what .*{path.name} shows: key {what}, round"):
            check_site(tmp_path, site="site-1", abroad=())
        path.write_bytes(content)


def test_a_broken_key_file_says_so(tmp_path: Path) -> None:
    write_file(tmp_path / "keys" / "private.key", b"AAAA\n")
    with pytest.raises(MessageError, match="not an Ed25519 key"):
        own_key(tmp_path)

"""Atomic writes, locks and pinned keys."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rounds.errors import MessageError, RoundsError
from rounds.exchange.signing import own_key, pin_key, publish_key, trusted_key
from rounds.storage.atomic import remove_partials, write_file, write_folder, write_private_file
from rounds.storage.lock import only_one

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
    key = own_key(tmp_path)
    path = tmp_path / "keys" / "private.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert own_key(tmp_path).public == key.public
    assert [one.name for one in path.parent.iterdir()] == ["private.key"]


def test_a_changed_key_is_refused_once_it_is_pinned(tmp_path: Path) -> None:
    me, exchange = tmp_path / "me", tmp_path / "exchange"
    first, second = own_key(tmp_path / "a").public, own_key(tmp_path / "b").public
    with pytest.raises(MessageError, match="no public key of site-1 is known"):
        trusted_key(me, exchange, party="site-1")
    publish_key(exchange, party="site-1", key=first)
    assert trusted_key(me, exchange, party="site-1") == first
    assert not me.exists(), "looking at a key pins nothing"
    pin_key(me, party="site-1", key=first)
    publish_key(exchange, party="site-1", key=second)
    with pytest.raises(MessageError, match="is not the key of site-1 that is pinned"):
        trusted_key(me, exchange, party="site-1")


def test_a_broken_key_file_says_so(tmp_path: Path) -> None:
    write_file(tmp_path / "keys" / "private.key", b"AAAA\n")
    with pytest.raises(MessageError, match="not an Ed25519 key"):
        own_key(tmp_path)

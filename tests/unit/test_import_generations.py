"""A new generation of records is served whole or not at all."""

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rounds.errors import RecordsError, RoundsError
from rounds.records.importing import generation, omop
from rounds.records.importing.generation import current_folder, replace_records
from rounds.records.importing.omop import import_omop
from rounds.records.importing.session import Job
from rounds.storage import atomic
from rounds.storage.lock import only_one


class Silent:
    """Nobody watches."""

    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


def _nothing_wrong(_: Path) -> None:
    pass


def _build(content: str) -> Callable[[Path, Path], str]:
    def build(folder: Path, scratch: Path) -> str:
        (scratch / "spill").write_text("on the way", encoding="utf-8")
        (folder / "person.parquet").write_text(content, encoding="utf-8")
        return content

    return build


def _served(records: Path) -> str:
    return (current_folder(records) / "person.parquet").read_text(encoding="utf-8")


def _import(records: Path, content: str) -> str:
    return replace_records(records, needed_bytes=1, build=_build(content), check=_nothing_wrong)


def test_without_a_pointer_the_folder_itself_is_served(tmp_path: Path) -> None:
    assert current_folder(tmp_path) == tmp_path


def test_the_last_import_is_served_and_the_one_before_stays(tmp_path: Path) -> None:
    assert [_import(tmp_path, word) for word in ("one", "two", "three")] == ["one", "two", "three"]
    assert _served(tmp_path) == "three"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "generation-0002", "generation-0003"]
    assert not list(tmp_path.rglob("scratch"))


def test_whoever_has_opened_the_records_can_go_on_reading(tmp_path: Path) -> None:
    _import(tmp_path, "one")
    opened = current_folder(tmp_path)
    _import(tmp_path, "two")
    assert (opened / "person.parquet").read_text(encoding="utf-8") == "one"


@pytest.mark.parametrize("words", ["generation-0009\n", "../elsewhere\n", "", "generation-0001/.."])
def test_a_pointer_to_nothing_is_refused(tmp_path: Path, words: str) -> None:
    _import(tmp_path, "one")
    (tmp_path / "CURRENT").write_text(words, encoding="utf-8")
    with pytest.raises(RecordsError, match="names no generation"):
        current_folder(tmp_path)


def test_a_refused_check_leaves_yesterday_serving(tmp_path: Path) -> None:
    _import(tmp_path, "one")

    def refuse(folder: Path) -> None:
        assert (folder / "person.parquet").exists()
        raise RecordsError("two rows have the same id")

    with pytest.raises(RecordsError, match="same id"):
        replace_records(tmp_path, needed_bytes=1, build=_build("two"), check=refuse)
    assert _served(tmp_path) == "one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "generation-0001"]


def test_a_second_import_at_the_same_time_is_refused(tmp_path: Path) -> None:
    _import(tmp_path, "one")
    with (
        only_one(tmp_path, doing="importing records"),
        pytest.raises(RoundsError, match="another process is importing"),
    ):
        _import(tmp_path, "two")
    assert _served(tmp_path) == "one"


def test_a_small_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    _import(tmp_path, "one")
    with pytest.raises(RecordsError, match=r"may need 1,000,000\.0 GB on this disk.*still served"):
        replace_records(tmp_path, needed_bytes=10**15, build=_build("two"), check=_nothing_wrong)
    assert _served(tmp_path) == "one"


def test_a_disk_that_fills_up_leaves_yesterday_serving(tmp_path: Path) -> None:
    _import(tmp_path, "one")

    def fill(folder: Path, scratch: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RecordsError, match="the disk is full; make room"):
        replace_records(tmp_path, needed_bytes=1, build=fill, check=_nothing_wrong)
    assert _served(tmp_path) == "one"


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_while_building(records: Path) -> None:
    def build(folder: Path, scratch: Path) -> None:
        (folder / "person.parquet").write_text("half", encoding="utf-8")
        _die()

    replace_records(records, needed_bytes=1, build=build, check=_nothing_wrong)


def _die_while_checking(records: Path) -> None:
    replace_records(records, needed_bytes=1, build=_build("two"), check=_die)


def _die_while_flushing(records: Path) -> None:
    generation._flush = _die
    _import(records, "two")


def _die_before_the_pointer(records: Path) -> None:
    generation.write_file = _die  # type: ignore[attr-defined]  # the import's own name for it
    _import(records, "two")


def _die_inside_the_pointer(records: Path) -> None:
    atomic.os.replace = _die  # type: ignore[attr-defined]
    _import(records, "two")


def _die_while_tidying(records: Path) -> None:
    kept = generation._remove_generations

    def second_time(folder: Path, *, keep: tuple[Path, ...]) -> None:
        if len(keep) > 1:
            _die()
        kept(folder, keep=keep)

    generation._remove_generations = second_time
    _import(records, "two")


@pytest.mark.parametrize(
    ("dying", "expected"),
    [
        (_die_while_building, "one"),
        (_die_while_checking, "one"),
        (_die_while_flushing, "one"),
        (_die_before_the_pointer, "one"),
        (_die_inside_the_pointer, "one"),
        (_die_while_tidying, "two"),
    ],
)
def test_killed_anywhere_whole_records_are_served_and_the_next_import_tidies_up(
    tmp_path: Path, dying: Callable[[Path], None], expected: str
) -> None:
    _import(tmp_path, "zero")
    _import(tmp_path, "one")
    process = multiprocessing.get_context("spawn").Process(target=dying, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert _served(tmp_path) == expected
    _import(tmp_path, "three")
    assert _served(tmp_path) == "three"
    assert len(list(tmp_path.iterdir())) == 3  # the pointer, the generation, the one before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB of its own, which only root can make."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(
        [shutil.which("mount") or "/bin/mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)],
        check=False,
        capture_output=True,
    )
    if made.returncode != 0:
        pytest.skip("a small disk can be made by root only")
    try:
        yield mount
    finally:
        subprocess.run([shutil.which("umount") or "/bin/umount", str(mount)], check=True)


def test_a_disk_that_fills_up_while_duckdb_writes(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "export"
    source.mkdir()
    noise = np.random.default_rng(1).integers(0, 2**62, 3_000_000)
    frame = pl.DataFrame({"person_id": noise, "gender_concept_id": noise, "year_of_birth": noise})
    frame.write_parquet(source / "person.parquet", compression="uncompressed")
    _import(small_disk, "one")
    monkeypatch.setattr(omop, "folder_bytes", lambda _: 1)
    job = Job(site="a", records=small_disk, today=date(2024, 1, 1), progress=Silent(), check=_nothing_wrong)
    with pytest.raises(RecordsError, match=r"the disk is full; make room.*still served"):
        import_omop(source, job)
    assert _served(small_disk) == "one"
    assert sorted(path.name for path in small_disk.iterdir()) == ["CURRENT", "generation-0001"]


def test_a_real_disk_that_is_full_leaves_yesterday_serving(small_disk: Path) -> None:
    _import(small_disk, "one")

    def fill(folder: Path, scratch: Path) -> None:
        (folder / "person.parquet").write_bytes(b"x" * 20_000_000)

    with pytest.raises(RecordsError, match="the disk is full"):
        replace_records(small_disk, needed_bytes=1, build=fill, check=_nothing_wrong)
    assert _served(small_disk) == "one"
    assert _import(small_disk, "two") == "two"

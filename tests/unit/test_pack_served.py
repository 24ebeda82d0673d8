"""The pack as a site's default: built once, anew when it is not whole, by one process, and never a reason to fail."""

import errno
import json
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_site import drug_event, open_site, parse_rows, people_measure, write_site, years

from rounds.engines import duck
from rounds.engines.asked import Asked
from rounds.engines.pack import build as building
from rounds.engines.pack import build_table, open_pack, serving
from rounds.engines.pack.layout import Pack, damaged, written
from rounds.engines.pack.serving import refuse_damaged, served_pack
from rounds.errors import RecordsError
from rounds.records.omop import Records
from rounds.site.counting import count_records
from rounds.storage.lock import only_one

SITE = {
    "person": "1001 female 1950\n1002 male 1960",
    "observation_period": "1001 2020-01-01 2021-12-31\n1002 2020-01-01 2021-12-31",
    "drug_era": "1001 drug 2020-07-01",
}
ASKED = (Asked(measure=people_measure(drug_event()), periods=years(2020, 2021)),)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return open_site(write_site(tmp_path, **SITE))


def _told(records: Records, *, build: bool = True, least_rows: int = 0) -> list[str]:
    """Count, hold it against SQL, and return what was told."""
    told: list[str] = []
    (found,) = count_records(ASKED, records, member="RX1", tell=told.append, build=build, least_rows=least_rows)
    (expected,) = duck.count_all(ASKED, records, member="RX1")
    assert found.cells.rows() == expected.cells.rows()
    return told


def _pack(records: Records) -> Path:
    (folder,) = (path for path in (records.folder / "pack").iterdir() if path.is_dir())
    return folder


def test_the_first_round_indexes_and_the_next_finds_it(records: Records) -> None:
    (line,) = _told(records)
    assert "indexing the records" in line
    assert _told(records) == []


def test_few_records_are_counted_in_sql(records: Records) -> None:
    assert _told(records, least_rows=2) == []
    assert not (records.folder / "pack").exists()
    assert _told(records, least_rows=1) != []


def test_only_the_owner_reads_a_pack(records: Records) -> None:
    before = os.umask(0)
    try:
        _told(records)
    finally:
        os.umask(before)
    folder = _pack(records)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def _cut(folder: Path) -> None:
    column = folder / "drug_era.first.npy"
    column.write_bytes(column.read_bytes()[:-1])


def _lengthen(folder: Path) -> None:
    np.save(folder / "drug_era.first.npy", np.zeros(9, dtype="uint16"))


def _alter(folder: Path) -> None:
    column = folder / "drug_era.first.npy"
    column.write_bytes(column.read_bytes()[:-1] + b"\x07")


def _lose(folder: Path) -> None:
    (folder / "people.birth.npy").unlink()


def _garble(folder: Path) -> None:
    (folder / "pack.json").write_text("{")


def _empty(folder: Path) -> None:
    (folder / "pack.json").write_text("{}")


def _rot(folder: Path) -> None:
    """Alter a byte as a failing disk does, which writes down no time."""
    column = folder / "drug_era.first.npy"
    was = column.stat()
    _alter(folder)
    os.utime(column, ns=(was.st_atime_ns, was.st_mtime_ns))


@pytest.mark.parametrize("damage", [_cut, _lengthen, _alter, _lose, _garble, _empty, _rot])
def test_a_check_of_the_site_finds_a_damaged_pack(records: Records, damage: Callable[[Path], None]) -> None:
    refuse_damaged(records)  # there is none
    _told(records)
    refuse_damaged(records)
    damage(_pack(records))
    with pytest.raises(RecordsError, match="delete that folder") as refused:
        refuse_damaged(records)
    assert str(_pack(records)) in str(refused.value)


@pytest.mark.parametrize("damage", [_cut, _lengthen, _alter, _lose, _garble, _empty])
def test_a_damaged_pack_is_built_again(records: Records, damage: Callable[[Path], None]) -> None:
    _told(records)
    damage(_pack(records))
    (line,) = _told(records)
    assert "indexing the records" in line
    assert _told(records) == []


def test_a_pack_from_a_copy_of_the_disk_is_read_whole_before_it_is_used(records: Records) -> None:
    _told(records)
    folder = _pack(records)
    for path in folder.glob("*.npy"):
        held = path.read_bytes()
        path.unlink()
        path.write_bytes(held)
    assert damaged(folder) == []
    assert _told(records) == []
    # A disk that loses a bit tells nobody: only who reads everything sees it.
    _alter(folder)
    (folder / "written.json").write_text(json.dumps(written(folder)))
    assert open_pack(records) is not None
    assert damaged(folder) == ["drug_era.first.npy"]


@pytest.mark.parametrize(("year", "shared"), [(2019, False), (2020, True), (2021, True), (2024, False)])
def test_rounds_of_other_years_share_a_pack_if_they_count_the_same_people(
    tmp_path: Path, year: int, shared: bool
) -> None:
    unseen = "1003 male 2020\n1004 male 2022"
    site = SITE | {"person": f"{SITE['person']}\n{unseen}"}
    records = open_site(write_site(tmp_path, **site))
    _told(replace(records, as_of=date(2021, 6, 1)))
    assert (open_pack(replace(records, as_of=date(year, 1, 1))) is not None) is shared


def test_packs_of_records_as_they_were_are_removed(records: Records, tmp_path: Path) -> None:
    _told(records)
    before = _pack(records)
    (before.parent / ".partial-1-0123").mkdir()
    parse_rows("drug_era", "1001 drug 2020-07-01\n1002 drug 2020-07-01").write_parquet(tmp_path / "drug_era.parquet")
    changed = open_site(tmp_path)
    assert _told(changed) != []
    assert _pack(changed) != before


def test_only_the_file_that_is_new_is_read_when_the_records_have_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(tmp_path, **SITE)
    (tmp_path / "drug_era").mkdir()
    (tmp_path / "drug_era.parquet").rename(tmp_path / "drug_era" / "2020-07.parquet")
    for number in range(1, 9):
        parse_rows("drug_era", "1001 drug 2020-07-01").write_parquet(tmp_path / "drug_era" / f"2020-0{number}.parquet")
    _told(open_site(tmp_path))
    parse_rows("drug_era", "1002 drug 2020-08-01").write_parquet(tmp_path / "drug_era" / "2020-09.parquet")
    read: list[int] = []
    one = build_table.TableBuild.read

    def noted(table: build_table.TableBuild, number: int, connection: object) -> None:
        read.append(table.batches[number].part)
        one(table, number, connection)

    monkeypatch.setattr(build_table.TableBuild, "read", noted)
    (line,) = _told(open_site(tmp_path))
    assert "indexing the records" in line
    assert read == [8]


def test_a_pack_is_built_anew_when_nobody_is_left_whom_it_counted(tmp_path: Path) -> None:
    one = {"person": "1001 female 1950", "observation_period": "1001 2020-01-01 2021-12-31"}
    folder = write_site(tmp_path, drug_era="1001 drug 2020-07-01", **one)
    assert isinstance(served_pack(open_site(folder), build=True, tell=print), Pack)
    unborn = pl.read_parquet(folder / "person.parquet").with_columns(year_of_birth=pl.lit(2999, dtype=pl.Int64))
    unborn.write_parquet(folder / "person.parquet")
    pl.read_parquet(folder / "observation_period.parquet").clear().write_parquet(folder / "observation_period.parquet")
    found = served_pack(open_site(folder, outside="exclude"), build=True, tell=print)
    assert isinstance(found, Pack)
    assert found.people == 0


def test_a_preview_writes_no_pack_but_uses_one(records: Records) -> None:
    assert _told(records, build=False) == ["site-a: counted in SQL, which is slower: its pack is not built yet"]
    assert not (records.folder / "pack").exists()
    _told(records)
    assert _told(records, build=False) == []


def test_a_folder_that_takes_no_pack_leaves_it_to_sql(records: Records) -> None:
    (records.folder / "pack").write_text("in the way")
    (line,) = _told(records)
    assert line.startswith(
        f"site-a: counted in SQL, which is slower: its pack cannot be written or read in {records.folder}"
    )


def test_a_full_disk_leaves_it_to_sql(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    told = _told(records)
    assert told[-1].endswith("No space left on device")
    assert [path.name for path in (records.folder / "pack").iterdir() if path.name != "key"] == []


def test_of_two_at_once_one_builds_and_the_other_waits(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = building.build_pack

    def counted(records: Records, **how: object) -> object:
        built.append(threading.get_ident())
        return build(records, **how)

    monkeypatch.setattr(building, "build_pack", counted)
    threads = [threading.Thread(target=_told, args=(records,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_a_build_that_never_ends_elsewhere_leaves_it_to_sql(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "WAIT_FOR_ANOTHER_BUILD_SECONDS", 0.0)
    (records.folder / "pack").mkdir()
    with only_one(records.folder / "pack", doing="building a pack"):
        (line,) = _told(records)
    assert "another process is building a pack here" in line

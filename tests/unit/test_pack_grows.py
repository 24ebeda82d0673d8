"""A pack that grows: only what is new is read and written, and the pack before stays whole whatever happens."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_site import drug_event, parse_rows, people_measure, unchecked, years
from small_site import write_site as write_filled

from rounds.engines import duck
from rounds.engines.asked import Asked
from rounds.engines.pack import build_table, count_saying_how, growing, more_people, open_pack
from rounds.engines.pack.build import build_pack
from rounds.engines.pack.grown_files import GrownFiles
from rounds.engines.pack.layout import Pack, damaged, is_whole
from rounds.engines.pack.marks import marks_of, numbers_of_few
from rounds.engines.pack.serving import served_pack
from rounds.errors import RecordsError
from rounds.measures.choices import Distinct
from rounds.measures.events import EventTable
from rounds.records.omop import Records

COLUMNS = "| person_id gender_concept_id year_of_birth month_of_birth day_of_birth race_concept_id care_site_id"
PEOPLE = "1001 female 1950\n1002 male 1960\n1003 male 1960"
OBSERVED = "1001 2020-01-01 2020-07-31\n1002 2020-01-01 2020-07-31\n1003 2020-01-01 2020-07-31"
DRUG_ERA = EventTable.DRUG_ERA


def write_site(folder: Path, **tables: str) -> None:
    """Write tables with nobody in them whom the test does not name."""
    write_filled(folder, fill=False, **tables)


def _month(folder: Path, number: int, rows: str) -> None:
    parse_rows("drug_era", rows).write_parquet(folder / "drug_era" / f"2020-{number:02d}.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site with eight months of drugs."""
    records = tmp_path / "records"
    records.mkdir()
    write_site(records, person=PEOPLE, observation_period=OBSERVED, drug_era="1001 drug 2020-01-01")
    (records / "drug_era.parquet").unlink()
    (records / "drug_era").mkdir()
    for number in range(1, 9):
        _month(records, number, f"1001 drug 2020-0{number}-01\n1003 drug 2020-0{number}-02")
    return records


def _before(folder: Path) -> Path:
    return build_pack(unchecked(folder), folder.parent / "packs" / "before").folder


def _grown(folder: Path, before: Path, name: str = "now") -> Pack:
    """Return a pack made from another, with the counts that SQL finds."""
    records = unchecked(folder)
    pack = build_pack(records, before.parent / name, before=before)
    _counts_right(records, pack)
    return pack


def _counts_right(records: Records, pack: Pack) -> None:
    asked = [
        people_measure(drug_event(observed=observed, first=first))
        for observed in (True, False)
        for first in (True, False)
    ]
    twice = replace(drug_event(), at_least=2, distinct=Distinct.CODES)
    batch = [
        Asked(measure=replace(one, id=f"m{place}"), periods=years(2020, 2021))
        for place, one in enumerate([*asked, people_measure(twice)])
    ]
    found = count_saying_how(batch, records, member="RX1", pack=pack)
    assert not found.fell_back
    for mine, theirs in zip(found.counts, duck.count_all(batch, records, member="RX1"), strict=True):
        assert mine.cells.rows() == theirs.cells.rows(), mine.measure


def _shared(one: Path, other: Path) -> set[str]:
    """Return the files that two packs have in common."""
    return {
        path.name for path in one.glob("*.npy") if (other / path.name).exists() and (other / path.name).samefile(path)
    }


def _whole(folder: Path) -> bool:
    return is_whole(folder, json.loads((folder / "pack.json").read_text())["files"])


def _segments(pack: Pack) -> int:
    return max(np.bincount(pack.tables[DRUG_ERA].codes))


def test_a_month_comes_behind_what_was_there_and_nothing_else_is_written(folder: Path) -> None:
    before = _before(folder)
    held = {path.name: path.read_bytes() for path in before.glob("drug_era.*.npy")}
    _month(folder, 9, "1002 drug 2020-09-01\n1001 42 2020-07-01")
    pack = _grown(folder, before)
    assert _segments(pack) == 2
    index = {f"drug_era.{name}.npy" for name in ("concepts", "codes", "starts", "stops")}
    assert {path.name for path in pack.folder.glob("*.npy")} - _shared(pack.folder, before) == index
    for name in held.keys() - index:
        assert (before / name).read_bytes().startswith(held[name])
        assert len((before / name).read_bytes()) > len(held[name])
    assert damaged(pack.folder) == []
    assert damaged(before) == []


def test_a_pack_that_was_made_from_another_is_opened_without_reading_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _before(folder)
    _month(folder, 9, "1002 drug 2020-07-01")
    pack = _grown(folder, before)
    shutil.rmtree(before)  # which takes a name from every file that they share
    monkeypatch.setattr("rounds.engines.pack.layout.checksum", lambda *_: 1 / 0)
    assert open_pack(unchecked(folder), pack.folder) is not None


def test_only_the_file_that_is_new_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = unchecked(folder)
    assert isinstance(served_pack(records, build=True, tell=print), Pack)
    _month(folder, 9, "1002 drug 2020-07-01")
    read: list[int] = []
    one = build_table.TableBuild.read

    def noted(table: build_table.TableBuild, number: int, connection: object) -> None:
        read.append(table.batches[number].part)
        one(table, number, connection)  # type: ignore[arg-type]

    monkeypatch.setattr(build_table.TableBuild, "read", noted)
    assert isinstance(served_pack(unchecked(folder), build=True, tell=print), Pack)
    assert read == [8]
    assert len([path for path in (folder / "pack").iterdir() if path.is_dir()]) == 1


def test_who_is_new_comes_behind_the_others_and_nobody_moves(folder: Path) -> None:
    before = _before(folder)
    first = np.load(before / "people.mark.npy").tolist()
    write_site(folder, person=f"999 female 1940\n{PEOPLE}".replace("1001 female 1950", "1001 male 1951"),
        observation_period=f"999 2020-01-01 2021-12-31\n{OBSERVED}")  # fmt: skip
    _month(folder, 9, "999 drug 2020-07-01")
    pack = _grown(folder, before)
    assert pack.mark.tolist()[:3] == first
    assert (pack.sex.tolist(), pack.born.tolist()) == ([1, 1, 1, 0], [1951, 1960, 1960, 1940])
    assert _segments(pack) == 2


def _more_people(folder: Path, rows: str) -> None:
    """Write people into a file of their own, and all observation anew."""
    write_site(folder.parent / "more", person=rows)
    (folder / "person").mkdir(exist_ok=True)
    if (folder / "person.parquet").exists():
        (folder / "person.parquet").rename(folder / "person" / "a.parquet")
    (folder.parent / "more" / "person.parquet").rename(folder / "person" / "b.parquet")


@pytest.fixture
def with_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with what groupings look at, in a folder of its own."""
    monkeypatch.setattr(more_people, "MOST_MORE", 9.0)
    rows = f"{COLUMNS}\n1001 female 1950 2 3 11 7\n1002 male 1960 2 3 12 -\n1003 male 1960 2 3 11 8"
    write_site(folder, person=rows, observation_period=OBSERVED, care_site="7\n8")
    (folder / "person").mkdir()
    (folder / "person.parquet").rename(folder / "person" / "a.parquet")
    return folder


def test_people_in_a_file_of_their_own_come_behind_and_the_others_are_not_read(
    with_columns: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = with_columns, _before(with_columns)
    first = np.load(before / "people.mark.npy").tolist()
    _more_people(folder, f"{COLUMNS}\n999 female 1940 5 6 12 8\n1000 male 1850 1 1 12 8\n998 male 1970 7 8 - 9")
    _month(folder, 9, "999 drug 2020-07-01\n998 drug 2020-07-01")
    write_site(folder.parent / "later", observation_period=f"999 2020-01-01 2021-12-31\n{OBSERVED}")
    (folder.parent / "later" / "observation_period.parquet").replace(folder / "observation_period.parquet")
    monkeypatch.setattr(growing, "build_people", lambda *_, **__: 1 / 0)
    pack = _grown(folder, before)
    assert pack.mark.tolist()[:3] == first
    assert (pack.sex.tolist(), pack.born.tolist()) == ([0, 1, 1, 0, 1], [1950, 1960, 1960, 1940, 1970])
    assert pack.ids["race_concept_id"][pack.of_people["race_concept_id"]].tolist()[:4] == [11, 12, 11, 12]
    assert pack.of_people["race_concept_id"][4] == -1
    assert pack.of_people["care_site_id"].tolist() == [0, -1, 1, 1, -1]  # 9 is no site
    assert "people.mark.npy" in _shared(pack.folder, before)
    anew = build_pack(unchecked(folder), folder.parent / "packs" / "anew")
    by_mark = [dict(zip(one.mark.tolist(), one.birth.tolist(), strict=True)) for one in (pack, anew)]
    assert by_mark[0] == by_mark[1]
    assert damaged(before) == damaged(pack.folder) == []
    assert len(open_pack(unchecked(folder), pack.folder).mark) == 5  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "new",
    [
        pytest.param("999 female 1940 5 6 13 8", id="a concept that nobody had"),
        pytest.param("999 female 1940 - - 12 8", id="no day of birth, which everybody had"),
    ],
)
def test_people_whom_the_pack_before_has_no_room_for_are_read_with_all_others(with_columns: Path, new: str) -> None:
    folder, before = with_columns, _before(with_columns)
    _more_people(folder, f"{COLUMNS}\n{new}")
    pack = _grown(folder, before)
    assert len(pack.mark) == 4
    assert "people.mark.npy" not in _shared(pack.folder, before)
    assert "drug_era.person.npy" in _shared(pack.folder, before)


def test_somebody_who_comes_a_second_time_is_no_second_person(with_columns: Path) -> None:
    folder, before = with_columns, _before(with_columns)
    _more_people(folder, f"{COLUMNS}\n1001 female 1940 5 6 12 8")
    pack = build_pack(unchecked(folder), before.parent / "now", before=before)
    assert _shared(pack.folder, before) == set()  # built anew, as always


def _somebody_goes(folder: Path) -> None:
    write_site(
        folder,
        person=PEOPLE.replace("\n1002 male 1960", ""),
        observation_period=OBSERVED.replace("\n1002 2020-01-01 2020-07-31", ""),
    )


def _a_file_goes(folder: Path) -> None:
    (folder / "drug_era" / "2020-03.parquet").unlink()


def _a_file_changes(folder: Path) -> None:
    _month(folder, 3, "1001 drug 2020-03-03")


def _much_comes(folder: Path) -> None:
    _month(folder, 9, "1002 drug 2020-07-01\n" * 9)


def _the_pack_before_is_damaged(folder: Path) -> None:
    column = folder.parent / "packs" / "before" / "drug_era.first.npy"
    column.write_bytes(column.read_bytes()[:-1] + b"\x07")


def _the_pack_before_has_another_key(folder: Path) -> None:
    (folder.parent / "packs" / "key").write_bytes(bytes(16))


@pytest.mark.parametrize(
    "change",
    [
        _somebody_goes,
        _a_file_goes,
        _a_file_changes,
        _much_comes,
        _the_pack_before_is_damaged,
        _the_pack_before_has_another_key,
    ],
)
def test_what_has_not_only_grown_is_built_anew(folder: Path, change: Callable[[Path], None]) -> None:
    before = _before(folder)
    _month(folder, 10, "1002 drug 2020-07-01")
    change(folder)
    pack = _grown(folder, before)
    assert _shared(pack.folder, before) == set()
    assert _segments(pack) == 1


def test_a_table_that_changes_is_read_anew_while_the_others_grow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "MOST_ADDED", 1.0)
    write_site(folder, condition_occurrence="1001 drug 2020-03-01", person=PEOPLE, observation_period=OBSERVED)
    before = _before(folder)
    write_site(folder, condition_occurrence="1002 drug 2020-03-01", person=PEOPLE, observation_period=OBSERVED)
    _month(folder, 9, "1002 drug 2020-07-01")
    pack = _grown(folder, before)
    assert _segments(pack) == 2
    assert pack.tables[EventTable.CONDITION_OCCURRENCE].columns["person"].tolist() == [1]
    assert "condition_occurrence.person.npy" not in _shared(pack.folder, before)


def test_observation_that_grows_or_shrinks_moves_rows_in_and_out(folder: Path) -> None:
    before = _before(folder)
    assert open_pack(unchecked(folder), before).tables[DRUG_ERA].columns["inside"].tolist() == ([1] * 7 + [0]) * 2  # type: ignore[union-attr]
    write_site(folder, person=PEOPLE, observation_period=OBSERVED.replace("2020-07-31", "2020-09-30"))
    pack = _grown(folder, before)
    assert pack.tables[DRUG_ERA].columns["inside"].tolist() == [1] * 16
    write_site(folder, person=PEOPLE, observation_period=OBSERVED.replace("1001 2020-01-01", "1001 2020-02-01"))
    later = _grown(folder, pack.folder, "later")
    assert later.tables[DRUG_ERA].columns["inside"].tolist() == [0] + [1] * 6 + [0] + [1] * 7 + [0]
    assert damaged(before) == damaged(pack.folder) == damaged(later.folder) == []


def test_rows_of_who_was_not_counted_are_found_when_they_are(folder: Path) -> None:
    _month(folder, 9, "1004 drug 2020-06-01")
    before = _before(folder)
    write_site(folder, person=f"{PEOPLE}\n1004 male 1970", observation_period=f"{OBSERVED}\n1004 2020-01-01 2020-12-31")
    pack = _grown(folder, before)
    assert pack.tables[DRUG_ERA].columns["person"].tolist().count(3) == 1


@pytest.mark.parametrize("there_before", [False, True])
def test_visits_are_read_anew_when_where_they_were_becomes_known(folder: Path, *, there_before: bool) -> None:
    named = "visit_occurrence_id person_id visit_concept_id visit_start_date visit_end_date care_site_id"
    visits = f"| {named}\n1 1001 inpatient 2020-02-01 2020-02-02 7\n2 1002 inpatient 2020-02-01 2020-02-02 5"
    people = {"person": PEOPLE, "observation_period": OBSERVED}
    write_site(folder, **people, visit_occurrence=visits, **{"care_site": "5"} if there_before else {})
    before = _before(folder)
    write_site(folder, **people, care_site="5\n4\n7")
    pack = _grown(folder, before)
    visited = pack.tables[EventTable.VISIT_OCCURRENCE].columns
    found = dict(zip(visited["person"].tolist(), pack.ids["care_site_id"][visited["care_site"]].tolist(), strict=True))
    assert found == {0: 7, 1: 5}
    assert "drug_era.person.npy" in _shared(pack.folder, before)
    _month(folder, 9, "1002 drug 2020-07-01")
    assert _segments(_grown(folder, pack.folder, "later")) == 2


def test_many_segments_are_brought_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "MOST_SEGMENTS", 3)
    before, segments = _before(folder), []
    for number in range(9, 13):
        _month(folder, number, f"1002 drug 2020-0{number - 8}-01")
        pack = _grown(folder, before, str(number))
        segments.append(_segments(pack))
        before = pack.folder
    assert segments == [2, 3, 1, 2]


class Killed(BaseException):
    """Nothing runs any more, not even what cleans up."""


def _points(monkeypatch: pytest.MonkeyPatch, at: int) -> Iterator[None]:
    """Let the process die at its so-manieth write."""
    left = [at]
    one = os.write

    def dying(stream: int, values: memoryview) -> int:
        left[0] -= 1
        if left[0] < 0:
            one(stream, values[: len(values) // 2])
            raise Killed
        return one(stream, values)

    monkeypatch.setattr(os, "write", dying)
    monkeypatch.setattr(GrownFiles, "undo", lambda _: None)
    yield
    monkeypatch.undo()


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_process_that_is_killed_leaves_the_pack_before_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = _before(folder)
    was = unchecked(folder)
    _month(folder, 9, "1002 drug 2020-07-01")
    for _ in _points(monkeypatch, at):
        with pytest.raises(Killed):
            _grown(folder, before)
    (folder / "drug_era" / "2020-09.parquet").rename(folder / "aside")
    assert _whole(before)
    _counts_right(was, open_pack(was, before))  # type: ignore[arg-type]
    (folder / "aside").rename(folder / "drug_era" / "2020-09.parquet")
    pack = _grown(folder, before)
    assert _shared(pack.folder, before) == set()  # what somebody else wrote is not written over
    assert _whole(before)


def test_what_fails_leaves_no_trace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _before(folder)
    _month(folder, 9, "1002 drug 2020-07-01")
    monkeypatch.setattr(GrownFiles, "link", _failing_after(GrownFiles.link, 9))
    with pytest.raises(OSError, match="No space"):
        _grown(folder, before)
    monkeypatch.undo()
    assert [path.name for path in before.parent.iterdir() if path.is_dir()] == ["before"]
    pack = _grown(folder, before)
    assert _segments(pack) == 2


def _failing_after(one: Callable[..., None], times: int) -> Callable[..., None]:
    left = [times]

    def link(files: GrownFiles, *names: str) -> None:
        if any(files._lengthened) and left[0]:
            raise OSError(28, "No space left on device")
        one(files, *names)

    return link


def test_a_disk_without_second_names_builds_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _before(folder)
    _month(folder, 9, "1002 drug 2020-07-01")

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    pack = _grown(folder, before)
    assert _segments(pack) == 1


def test_of_two_that_grow_one_pack_at_once_each_is_right(folder: Path) -> None:
    before = _before(folder)
    _month(folder, 9, "1002 drug 2020-07-01")
    packs: dict[str, Pack] = {}
    records = unchecked(folder)

    def grow(name: str) -> None:
        packs[name] = build_pack(records, before.parent / name, before=before)

    threads = [threading.Thread(target=grow, args=(str(number),)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(packs) == 3
    for pack in packs.values():
        _counts_right(records, pack)
    assert sum(_segments(pack) == 2 for pack in packs.values()) <= 1
    assert all(damaged(pack.folder) == [] for pack in packs.values())
    assert damaged(before) == []


def test_two_packs_grow_from_one_without_meeting(folder: Path) -> None:
    before = _before(folder)
    was = unchecked(folder)
    _month(folder, 9, "1002 drug 2020-07-01")
    one = _grown(folder, before, "one")
    _month(folder, 9, "1003 drug 2020-06-01\n1002 drug 2020-05-01")
    other = _grown(folder, before, "other")
    assert (_segments(one), _segments(other)) == (2, 1)
    assert damaged(one.folder) == damaged(other.folder) == damaged(before) == []
    del was


def test_a_pack_without_the_key_of_its_marks_is_not_used(folder: Path) -> None:
    before = _before(folder)
    records = unchecked(folder)
    assert open_pack(records, before) is not None
    (before.parent / "key").unlink()
    assert open_pack(records, before) is None


def test_a_persons_mark_is_siphash() -> None:
    # Source: the test vectors of the reference implementation, key 00..0f, message 00..07.
    ids = np.frombuffer(bytes(range(8)), dtype="<i8").copy()
    assert marks_of(ids, bytes(range(16))).view(np.uint64).tolist() == [0x93F5F5799A932462]


def test_two_people_with_one_mark_are_not_told_apart() -> None:
    marks = marks_of(np.array([5, 6, 7]), bytes(16))
    assert numbers_of_few(np.array([7, 9, 5]), marks, bytes(16)).tolist() == [2, -1, 0]
    with pytest.raises(RecordsError, match="same mark"):
        numbers_of_few(np.array([7, 9, 5]), marks[[0, 1, 0]], bytes(16))

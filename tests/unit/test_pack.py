"""The pack: never used when its records have changed, whole or absent, without ids, left to SQL where it must be."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from every_engine import LEFT_TO_SQL
from small_site import AS_OF, DRUG, drug_event, open_site, parse_rows, people_measure, visits_measure, write_site, years

from rounds.engines import pack, reference
from rounds.engines.asked import Asked
from rounds.engines.pack import build as building
from rounds.engines.pack import build_table
from rounds.engines.pack.build import build_pack
from rounds.engines.pack.layout import VALUES_IN_SQL
from rounds.engines.pack.tallies import PLANES, ROOM, WAITING_BYTES, Counter, tally
from rounds.errors import RecordsError
from rounds.measures.choices import Choose, Statistic, Touches
from rounds.measures.criteria import Change, Criterion, Events, Has, Summary
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain, periods_between
from rounds.measures.questions import RecordsQuestion
from rounds.measures.traits import Value
from rounds.measures.windows import EVER, Edge, Window
from rounds.records import remembered
from rounds.records.omop import Records, open_records
from rounds.storage.library import read_library, shipped_library_folder

SITE = {
    "person": "1001 female 1950\n1002 male 1960",
    "observation_period": "1001 2020-01-01 2021-12-31\n1002 2020-01-01 2021-12-31",
}
MEASURE = people_measure(drug_event())


def _counted(records: Records) -> list[tuple[object, ...]]:
    return pack.count(MEASURE, records, member="RX1", periods=years(2020, 2021)).cells.rows()


def _in_packs_folder(folder: Path) -> list[str]:
    return [path.name for path in (folder / "pack").iterdir() if path.name != "key"]


def test_a_pack_is_built_once_and_anew_when_its_records_change(tmp_path: Path) -> None:
    records = open_site(write_site(tmp_path, drug_era="1001 drug 2020-07-01", **SITE))
    assert pack.open_pack(records) is None
    before = _counted(records)
    (manifest,) = tmp_path.glob("pack/*/pack.json")
    written = manifest.stat().st_mtime_ns
    assert _counted(records) == before
    assert manifest.stat().st_mtime_ns == written
    parse_rows("drug_era", "1001 drug 2020-07-01\n1002 drug 2020-07-01").write_parquet(tmp_path / "drug_era.parquet")
    assert pack.open_pack(records) is None
    changed = open_site(tmp_path)
    assert _counted(changed) != before
    assert _counted(changed) == reference.count(MEASURE, changed, member="RX1", periods=years(2020, 2021)).cells.rows()


def test_a_build_that_fails_leaves_the_pack_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = open_site(write_site(tmp_path, drug_era="1001 drug 2020-07-01", **SITE))
    build_pack(records)
    monkeypatch.setattr(build_table.TableBuild, "sort", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_pack(records)
    assert pack.open_pack(records) is not None
    assert len(_in_packs_folder(tmp_path)) == 1


def test_records_that_change_while_they_are_read_make_no_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = open_site(write_site(tmp_path, drug_era="1001 drug 2020-07-01", **SITE))
    digests = iter(("before", "after"))
    monkeypatch.setattr(building, "digest_of", lambda _: next(digests))
    with pytest.raises(RecordsError, match="changed while it was read"):
        build_pack(records)
    assert _in_packs_folder(tmp_path) == []


def test_somebody_born_in_a_year_that_no_calendar_has_is_left_out(tmp_path: Path) -> None:
    people = [(1001, 8532, 1950), (1002, 8507, 20_000), (1003, 8507, -3_000)]
    observed = SITE["observation_period"].splitlines()[0]
    records = open_site(
        write_site(tmp_path, person=people, observation_period=observed, drug_era="1001 drug 2020-07-01"),
        outside="exclude",
    )
    assert _counted(records) == reference.count(MEASURE, records, member="RX1", periods=years(2020, 2021)).cells.rows()


def test_a_folder_may_be_called_like_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "of [2020]*"
    folder.mkdir()
    records = open_site(write_site(folder, drug_era="1001 drug 2020-07-01", **SITE))
    assert _counted(records) == reference.count(MEASURE, records, member="RX1", periods=years(2020, 2021)).cells.rows()


def test_few_rows_of_many_people_are_sorted_in_keys_that_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        (
            1 + n * 37 % 700,
            11 + n % 8,
            date(2020, 1, 1 + n % 28),
            datetime.combine(date(2020, 1, 1 + n % 28), time(n % 24)),
            float(n),
            0,
        )
        for n in range(2_000)
    ]
    columns = ("person_id", "measurement_concept_id", "measurement_date", "measurement_datetime", "value_as_number")
    records = open_site(
        write_site(
            tmp_path,
            person=[(one, 8507, 1950) for one in range(1, 701)],
            observation_period=[(one, date(2020, 1, 1), date(2020, 12, 31)) for one in range(1, 701)],
            measurement=pl.DataFrame(rows, schema=[*columns, "unit_concept_id"], orient="row"),
        )
    )
    build_pack(records, tmp_path / "whole")
    # Eight concepts, 700 people and 2,000 rows have no room in one key of 23 bits.
    monkeypatch.setattr(build_table, "_KEY_BITS", 23)
    with pytest.raises(RecordsError, match="more than can be indexed"):
        build_pack(records, tmp_path / "too many")
    monkeypatch.setattr(build_table, "_SLOT_BITS", 7)
    build_pack(records, tmp_path / "few")
    for path in (tmp_path / "whole").glob("measurement.*.npy"):
        assert (np.load(path) == np.load(tmp_path / "few" / path.name)).all(), path.name


def test_no_id_of_a_person_is_in_a_pack(tmp_path: Path) -> None:
    build_pack(open_site(write_site(tmp_path, drug_era="1001 drug 2020-07-01", **SITE)))
    arrays = [np.load(path) for path in (tmp_path / "pack").glob("*/*.npy")]
    assert arrays
    assert not any(1001 in array or 1002 in array for array in arrays)
    assert "1001" not in json.dumps(json.loads(next(tmp_path.glob("pack/*/pack.json")).read_text()))


def test_a_row_that_ends_after_2079_is_left_to_sql_only_where_it_matters(tmp_path: Path) -> None:
    stays = "1 1001 inpatient 2020-02-01 2090-01-01\n2 1002 inpatient 2020-02-01 2020-02-03"
    records = open_site(write_site(tmp_path, visit_occurrence=stays, **SITE))
    stay = Events(table=EventTable.VISIT_OCCURRENCE, codes=None)
    near = people_measure(Has(events=stay, window=EVER, touches=Touches.OVERLAPS))
    far = Window(first=Edge(anchor=date(2089, 1, 1)), last=None)
    measures = [
        near,
        people_measure(Has(events=stay, window=far, touches=Touches.ENDS)),
        visits_measure(Has(events=stay)),
    ]
    batch = [
        Asked(measure=replace(one, id=f"m{place}"), periods=years(2020, 2020)) for place, one in enumerate(measures)
    ]
    found = pack.count_saying_how(batch, records, member="RX1")
    assert [one.measure.id for one in found.fell_back] == ["m1", "m2"]
    for one, count in zip(batch, found.counts, strict=True):
        slow = reference.count(one.measure, records, member="RX1", periods=one.periods)
        assert count.cells.rows() == slow.cells.rows()


def test_a_lowest_and_a_highest_are_asked_of_single_values_and_the_rest_is_left_to_sql(tmp_path: Path) -> None:
    columns = "| person_id measurement_concept_id measurement_date value_as_number"
    measured = f"{columns}\n1001 501 2020-02-01 5\n1001 501 2020-03-01 9\n1002 501 2020-02-01 7"
    records = open_site(write_site(tmp_path, measurement=measured, **SITE))
    rows = Has(events=Events(table=EventTable.MEASUREMENT, codes=None, where=Value(units=())))
    asked: list[Criterion] = [
        Summary(of=of, rows=rows, limits=Value(units=(), low=6.0, high=8.0, high_included=False)) for of in Statistic
    ]
    since = replace(rows, choose=Choose.FIRST)
    asked.append(Change(of=replace(rows, choose=Choose.LAST), since=since, limits=Value(units=(), low=0.0)))
    measures = [replace(people_measure(one), id=f"m{place}") for place, one in enumerate(asked)]
    batch = [Asked(measure=one, periods=years(2020, 2020)) for one in measures]
    found = pack.count_saying_how(batch, records, member="RX1")
    by_of = dict(zip((*Statistic, "change"), (count.cells["numerator"].sum() for count in found.counts), strict=True))
    assert by_of == {"mean": 2, "sum": 1, "lowest": 1, "highest": 1, "change": 1}
    left = {one.measure.id: one.reason for one in found.fell_back}
    by_sql = [place for place, of in enumerate(by_of) if of not in (Statistic.LOWEST, Statistic.HIGHEST)]
    assert left == {f"m{place}": VALUES_IN_SQL for place in by_sql}


def test_more_than_64_periods_are_counted_in_chunks(tmp_path: Path) -> None:
    site = {
        "person": "1 female 1950",
        "observation_period": "1 2010-01-01 2021-12-31",
        "drug_era": "1 drug 2010-01-31\n1 drug 2015-05-01\n1 drug 2021-12-01",
    }
    records = open_site(write_site(tmp_path, **site))
    months = periods_between(grain=Grain.MONTH, first=date(2010, 1, 1), last=date(2021, 12, 31))
    measure = people_measure(drug_event(), grain=Grain.MONTH)
    found = pack.count(measure, records, member="RX1", periods=months).cells
    assert found["denominator"].to_list() == [1] * 144
    assert found.filter(found["numerator"] > 0)["period"].to_list() == [
        date(2010, 1, 1),
        date(2015, 5, 1),
        date(2021, 12, 1),
    ]


def test_of_rows_at_one_moment_the_highest_value_stands_for_all(tmp_path: Path) -> None:
    named = "person_id measurement_concept_id measurement_date measurement_datetime value_as_number"
    named += " unit_concept_id value_as_concept_id visit_occurrence_id"
    rows = f"""
        | {named}
        1001 11 2020-05-01 2020-05-01T10:00:00 5.0 1 1 1
        1001 12 2020-05-01 2020-05-01T10:00:00 9.0 1 1 1
        1001 11 2020-05-01 2020-05-01T10:00:00 7.0 1 1 1
        1001 11 2020-05-01 2020-05-01T09:59:00 50. 1 1 1
        1001 12 2020-05-01 2020-05-01T10:00:00 -   1 1 1
    """
    records = open_site(write_site(tmp_path, measurement=rows, **SITE))
    both = replace(DRUG, concepts=((11, "a"), (12, "b")))
    for codes, value in ((both, 9.0), (DRUG, 7.0)):
        last = Has(
            events=Events(table=EventTable.MEASUREMENT, codes=codes),
            choose=Choose.LAST,
            provided=Value(units=(), low=value, high=value),
        )
        found = pack.count(people_measure(last), records, member="RX1", periods=years(2020, 2020)).cells
        assert found["numerator"].to_list() == [1]


@pytest.mark.parametrize("word", [np.uint16, np.uint32, np.uint64])
def test_bits_are_added_up_exactly(word: type[np.unsignedinteger[Any]]) -> None:
    rng = np.random.Generator(np.random.Philox(key=7))
    people, periods = 30_003, np.iinfo(word).bits
    room = -(-people // 4) * 4
    one = rng.integers(0, np.iinfo(word).max, room, dtype=word, endpoint=True) | word(1 << (periods - 1) | 1)
    other = np.where(rng.random(room) < 0.01, word(0), ~word(0))
    ranges = np.array([0, 90, 1_000, 1_003, 1_004, 29_950, 40_000])
    groups = rng.integers(0, 4, (6, periods))
    totals = np.zeros((4, periods), dtype=np.int64)
    counter = Counter(
        planes=np.zeros(PLANES, dtype=np.uint64),
        waiting=np.zeros(WAITING_BYTES // np.dtype(word).itemsize, dtype=word),
        wait=np.zeros(1, dtype=np.int64),
        room=np.empty(ROOM, dtype=np.uint64),
    )
    into = periods, totals.reshape(-1), periods
    half = 15_004  # in two goes, of which the first ends amid a range
    everybody = np.empty(0, dtype=np.int64), -1
    tally(one[:half], other[:half], *everybody, half, 95, ranges, 1, groups, *into, counter, False)
    # The other half as the masks of few: of those who have bits at all, each with who it is.
    both = (one & other)[half:people]
    few = np.flatnonzero(both)
    listed, masks = few.astype(np.int64), both[few]
    tally(masks, masks, listed, len(few), people - half, 95 + half, ranges, 4, groups, *into, counter, True)
    expected = np.zeros_like(totals)
    place = np.searchsorted(ranges, 95 + np.arange(people), side="right") - 1
    for period in range(periods):
        bits = (one[:people] & other[:people]) >> word(period) & word(1)
        np.add.at(expected[:, period], groups[place, period], bits.astype(np.int64))
    assert (totals == expected).all()


AGAIN = """
import pickle, sys
from datetime import date
from pathlib import Path
from rounds.engines.pack import count_all, open_pack
from rounds.records import remembered
from rounds.records.omop import open_records
remembered._SETTLED_SECONDS = 0.0
batch, as_of = pickle.loads(Path("batch.pickle").read_bytes())
records = open_records(Path("records"), site="site-a", as_of=as_of, checked=Path("checked.json"))
pack = open_pack(records)
assert pack is not None
(count,) = count_all(batch, records, member="RX1", pack=pack)
print(count.cells["numerator"].to_list(), [name for name in ("duckdb", "numba.np.arrayobj") if name in sys.modules])
"""


def test_who_counts_again_waits_neither_for_duckdb_nor_for_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "_SETTLED_SECONDS", 0.0)
    write_site(tmp_path / "records", drug_era="1001 drug 2020-07-01", **SITE)
    batch = (Asked(measure=people_measure(drug_event(first=True)), periods=years(2020, 2021)),)
    (tmp_path / "batch.pickle").write_bytes(pickle.dumps((batch, AS_OF)))
    opened = open_records(
        tmp_path / "records", site="site-a", as_of=AS_OF, checked=tmp_path / "checked.json", keep=True
    )
    before = pack.count_all(batch, opened, member="RX1")[0].cells["numerator"].to_list()
    # The first knows all columns but may compile kernels; another process finds them.
    shown = [subprocess.check_output([sys.executable, "-c", AGAIN], cwd=tmp_path, text=True) for _ in range(2)]
    assert shown[-1].strip() == f"{before} []"


def test_the_documentation_says_what_is_left_to_sql() -> None:
    said = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert not [reason for reason in LEFT_TO_SQL if f"| {reason} |" not in said]


MEASURED = """
    | person_id measurement_concept_id measurement_date value_as_number unit_concept_id value_as_concept_id
    1001 3024171 2020-02-01 16 8541 2000400011
"""


WARDS = "\n".join(
    (
        "| visit_detail_id person_id visit_occurrence_id visit_detail_concept_id "
        "visit_detail_start_date visit_detail_end_date care_site_id",
        "1 1001 1 9201 2020-02-01 2020-02-03 1",
    )
)


def test_only_means_in_the_library_are_left_to_sql(tmp_path: Path) -> None:
    look_ups = tmp_path / "groupings"
    look_ups.mkdir()
    (look_ups / "kind-of-ward.csv").write_text("value,level\n1,surgical\n")
    (look_ups / "imd-quintile.csv").write_text("value,level\nE01,1 most deprived\n")
    library = read_library(shipped_library_folder(), look_ups=look_ups).measures
    questions = {one: one.question for one in library if isinstance(one.question, RecordsQuestion)}
    tables = {table.value: "" for question in questions.values() for table in question.tables}
    tables |= {"care_site": "| care_site_id care_site_name\n1 A", "visit_detail": WARDS}
    tables["location"] = "| location_id location_source_value\n1 E01"
    living = "| person_id gender_concept_id year_of_birth location_id\n1001 female 1950 1\n1002 male 1960 1"
    tables |= {"measurement": MEASURED, "drug_era": "| person_id drug_concept_id drug_era_start_date drug_era_end_date"}
    concepts = {found for question in questions.values() for codes in question.code_lists for found in codes.concepts}
    records = open_site(
        write_site(tmp_path, **SITE | tables | {"person": living}, concept=sorted(concepts), concept_ancestor="")
    )
    first, last = date(2020, 1, 1), date(2021, 12, 31)
    batch = [Asked(measure=one, periods=one.periods(first=first, last=last)) for one in questions]
    assert len(batch) > 10
    left = [one.measure.id for one in pack.count_saying_how(batch, records, member="RX1").fell_back]
    assert left == ["length-of-stay"]
    assert len(left) <= 0.1 * len(batch)

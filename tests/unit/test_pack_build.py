"""How a pack is built: in the order that is promised, and in no more memory for more people."""

import tracemalloc
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_site import open_site, write_site

from rounds.engines.pack import build_groups, build_table, columns, layout, people, reading
from rounds.engines.pack.build import build_pack
from rounds.engines.pack.days import day_number
from rounds.records.omop import Records

PEOPLE = 100_000
NEW_YEAR = datetime.fromisoformat("2020-01-01")


def _site(folder: Path, number: int) -> Records:
    """Write people of whom each hundredth has a row, in an order that is not that of their ids."""
    ids = np.random.Generator(np.random.Philox(key=3)).permutation(number) + 1
    days = [date(2020, 1, 1), date(2020, 12, 31)]
    folder.mkdir()
    return open_site(
        write_site(
            folder,
            person=pl.DataFrame(
                {
                    "person_id": ids,
                    "gender_concept_id": [8507] * number,
                    "year_of_birth": 1940 + ids % 60,
                    "race_concept_id": ids % 5,
                }
            ),
            observation_period=pl.DataFrame(
                {"person_id": ids, "observation_period_start_date": days[0], "observation_period_end_date": days[1]}
            ),
            drug_era=pl.DataFrame(
                {
                    "person_id": ids[::100],
                    "drug_concept_id": [1] * len(ids[::100]),
                    "drug_era_start_date": days[0],
                    "drug_era_end_date": days[1],
                }
            ),
        )
    )


def test_memory_does_not_grow_with_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (reading, "BATCH_ROWS"),
        (build_table, "SORTED_ROWS"),
        (people, "_PORTION"),
        (build_groups, "_PORTION"),
        (layout, "_PORTION_PEOPLE"),
        (layout, "_PORTION_BYTES"),
    ):
        monkeypatch.setattr(module, name, 5_000)
    peaks = []
    for number in (PEOPLE // 10, PEOPLE):
        records = _site(tmp_path / str(number), number)
        build_pack(records, tmp_path / "warm", threads=1)
        tracemalloc.start()
        build_pack(records, tmp_path / f"of {number}", threads=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A byte for everybody would be as much as this.
    assert peaks[1] - peaks[0] < PEOPLE, peaks


@pytest.mark.parametrize("rows", [2, 16, 17, 500])
def test_a_persons_rows_stand_in_order_however_many_they_are(tmp_path: Path, rows: int) -> None:
    rng = np.random.Generator(np.random.Philox(key=rows))
    days = rng.integers(0, rows // 2 + 1, rows)
    minutes = rng.integers(0, 3, rows)
    values = rng.permutation(rows)
    moments = zip(days.tolist(), minutes.tolist(), strict=True)
    times = [NEW_YEAR + timedelta(day, minutes=minute) for day, minute in moments]
    records = open_site(
        write_site(
            tmp_path,
            person=[(1, 8507, 1950)],
            observation_period=[(1, date(2020, 1, 1), date(2020, 12, 31))],
            measurement=pl.DataFrame(
                {
                    "person_id": 1,
                    "measurement_concept_id": 7,
                    "measurement_date": [one.date() for one in times],
                    "measurement_datetime": times,
                    "value_as_number": values.astype(float),
                    "unit_concept_id": 0,
                }
            ),
        )
    )
    build_pack(records, tmp_path / "built")
    order = np.lexsort((-values, minutes, days))  # at one moment the highest value comes first
    assert (np.load(tmp_path / "built" / "measurement.value.npy") == values[order]).all()
    assert (np.load(tmp_path / "built" / "measurement.minute.npy") == minutes[order]).all()
    first = np.load(tmp_path / "built" / "measurement.first.npy")
    assert (np.diff(first) == np.diff(days[order])).all()


@pytest.mark.parametrize("unit", ["us", "ms"])
def test_a_time_counts_on_its_own_day_only(unit: str) -> None:
    days = [date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 1), date(1969, 12, 31)]
    more = (timedelta(seconds=86_399), timedelta(1), None, timedelta(-18_263, 60))
    times = [None if one is None else NEW_YEAR + one for one in more]
    frame = pl.DataFrame({"person_id": [1, 1, 1, 1], "concept": 7, "first": days, "minute": times})
    found = columns.events_read(frame.with_columns(pl.col("minute").cast(pl.Datetime(unit))))
    assert found["minute"].tolist() == [1439, 0, 0, 1]
    assert found["first"].tolist() == [day_number(day) for day in days]

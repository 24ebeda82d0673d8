# ruff: noqa: S608  SQL is built from our own names only
"""How much faster the DuckDB engine is than the SQL an analyst would write for one measure at a time.

Both run in the same process over the same generated site, in turn, and must give the same numbers; the ratio of medians
is what to read, not the seconds.

    .venv/bin/python benchmarks/engines.py --people 200000 --repeats 5
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from rounds.engines import duck
from rounds.engines.asked import MEMORY_LIMIT, THREADS
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain, Period, periods_between
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.strata import AGE_BANDS
from rounds.records.omop import Records, open_records
from rounds.records.tables import EVENT_TABLES
from rounds.storage.library import read_library, shipped_library_folder

FIRST, LAST = date(2015, 1, 1), date(2024, 12, 31)
ASKED = ("celecoxib-new-users", "aspirin-users", "viral-sinusitis", "cardiac-arrests")
SEED = 20_241_231


def write_generated_site(folder: Path, *, people: int) -> None:
    """Write a site whose people have an observation of some years, six events and one stay on average."""
    rng = np.random.Generator(np.random.Philox(key=SEED))
    ids = np.arange(1, people + 1)
    start = rng.integers(0, 2000, people)
    end = start + rng.integers(0, 3652 - 2000, people)
    pl.DataFrame(
        {
            "person_id": ids,
            "gender_concept_id": rng.choice([8507, 8532], people),
            "year_of_birth": rng.integers(1930, 2014, people),
        }
    ).write_parquet(folder / "person.parquet")
    pl.DataFrame(
        {
            "person_id": ids,
            "observation_period_start_date": _days(start),
            "observation_period_end_date": _days(end),
        }
    ).write_parquet(folder / "observation_period.parquet")
    for table, concepts, share in (
        ("drug_era", [1118084, 1112807, 1125315], 3),
        ("condition_occurrence", [40481087, 260139, 321042], 3),
    ):
        who = rng.integers(0, people, people * share)
        event = next(found for found in EVENT_TABLES.values() if found.name == table)
        pl.DataFrame(
            {
                "person_id": ids[who],
                str(event.concept): rng.choice(concepts, len(who)),
                str(event.start): _days(start[who] + (rng.random(len(who)) * (end - start + 1)[who]).astype(int)),
            }
        ).write_parquet(folder / f"{table}.parquet")
    who = rng.integers(0, people, people)
    first = start[who] + (rng.random(people) * (end - start + 1)[who]).astype(int)
    pl.DataFrame(
        {
            "visit_occurrence_id": ids,
            "person_id": ids[who],
            "visit_concept_id": np.full(people, 9201),
            "visit_start_date": _days(first),
            "visit_end_date": _days(first + rng.integers(0, 20, people)),
        }
    ).write_parquet(folder / "visit_occurrence.parquet")


def _days(offsets: np.ndarray) -> pl.Series:
    return pl.Series((np.datetime64(FIRST) + offsets).astype("datetime64[D]"))


def by_hand(measure: Measure, folder: Path, periods: tuple[Period, ...]) -> tuple[int, int]:
    """Count a measure as one would write it: everybody crossed with every period, then the events joined on."""
    question = measure.question
    assert isinstance(question, RecordsQuestion)
    assert isinstance(question.numerator, Has)
    event = question.numerator.events
    assert isinstance(event, Events)
    assert isinstance(event.codes, CodeList)
    table = EVENT_TABLES[event.table]
    rows = ", ".join(f"(DATE '{period.start}', DATE '{period.end}')" for period in periods)
    bands = " ".join(f"WHEN age BETWEEN {low} AND {high} THEN '{label}'" for label, low, high in AGE_BANDS)
    day = f"min({table.start})" if event.first else str(table.start)
    events = f"""
        SELECT e.person_id, {day} AS day FROM '{folder}/{table.name}.parquet' e
        JOIN '{folder}/observation_period.parquet' o ON o.person_id = e.person_id
            AND e.{table.start} BETWEEN o.observation_period_start_date AND o.observation_period_end_date
        WHERE e.{table.concept} IN {(*event.codes.concept_ids, -1)} {"GROUP BY 1" if event.first else ""}
    """
    if isinstance(question.unit, People):
        asked = f"""
            SELECT DISTINCT p.first, p.last, w.person_id, w.gender_concept_id, p.first AS lo, p.last AS hi,
                year(p.first) - w.year_of_birth AS age
            FROM '{folder}/person.parquet' w JOIN '{folder}/observation_period.parquet' o USING (person_id)
            JOIN periods p ON o.observation_period_start_date <= p.last AND o.observation_period_end_date >= p.first
        """
    else:
        asked = f"""
            SELECT p.first, p.last, w.person_id, w.gender_concept_id, v.visit_start_date AS lo, v.visit_end_date AS hi,
                year(v.visit_start_date) - w.year_of_birth AS age
            FROM '{folder}/person.parquet' w JOIN '{folder}/visit_occurrence.parquet' v USING (person_id)
            JOIN periods p ON v.visit_start_date BETWEEN p.first AND p.last
            WHERE v.visit_concept_id = 9201
        """
    sql = f"""
        WITH periods(first, last) AS (VALUES {rows}), events AS ({events}), asked AS ({asked})
        SELECT CAST(sum(happened) AS BIGINT), CAST(sum(asked) AS BIGINT) FROM (
            SELECT first, CASE {bands} END AS band, gender_concept_id, count(*) AS asked, count(*) FILTER (
                EXISTS (FROM events e WHERE e.person_id = a.person_id AND e.day BETWEEN a.lo AND a.hi)) AS happened
            FROM asked a GROUP BY ALL)
    """
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY_LIMIT}) as connection:
        ((happened, everybody),) = connection.execute(sql).fetchall()
    return happened, everybody


def by_engine(measure: Measure, records: Records, periods: tuple[Period, ...]) -> tuple[int, int]:
    cells = duck.count(measure, records, member="RX1", periods=periods).cells
    return int(cells["numerator"].sum()), int(cells["denominator"].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    library = read_library(shipped_library_folder())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_generated_site(folder, people=chosen.people)
        began = time.perf_counter()
        records = open_records(folder, site="benchmark", as_of=LAST + timedelta(days=1))
        print(f"{chosen.people:,} people; opened and checked in {time.perf_counter() - began:.2f} s")
        print(f"{'measure':<22} {'grain':<8} {'engine s':>9} {'by hand s':>10} {'ratio':>6}")
        for asked in ASKED:
            for grain in (Grain.YEAR, Grain.MONTH):
                measure = replace(library.measure(asked, 1), grain=grain)
                periods = periods_between(grain=grain, first=FIRST, last=LAST)
                engine, hand = [], []
                for _ in range(chosen.repeats):
                    began = time.perf_counter()
                    ours = by_engine(measure, records, periods)
                    middle = time.perf_counter()
                    theirs = by_hand(measure, folder, periods)
                    engine.append(middle - began)
                    hand.append(time.perf_counter() - middle)
                    assert ours == theirs, (asked, ours, theirs)
                fast, slow = statistics.median(engine), statistics.median(hand)
                print(f"{asked:<22} {grain:<8} {fast:>9.3f} {slow:>10.3f} {slow / fast:>6.1f}")


if __name__ == "__main__":
    main()

"""A hundred measures over the same people by everything a site might use instead, one after the other.

Counts them from the pack, as separate and as batched SQL in DuckDB, in pandas, in an indexed PostgreSQL and in a local
PySpark. Every peer must give the same numbers, or no time is printed. Read the ratios, not the seconds: a slow peer
counts some of the measures, one of each kind, and is scaled; the table says how many.

    .venv/bin/rounds synthetic --preset small small
    .venv/bin/python benchmarks/peers.py small/sites/site-01/records

PostgreSQL and Spark run in the environment of `make warehouse` (`--python` names another), the tables loaded and
indexed before the clock starts. `--without postgres spark` leaves some out.
"""

import argparse
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pack as bench

from rounds.engines import duck
from rounds.engines.asked import Asked, records_question
from rounds.engines.pack import count_saying_how, open_pack
from rounds.engines.pack.build import build_pack
from rounds.measures.periods import Grain

ROOT = Path(__file__).parent.parent
PEERS = ("separate", "batched", "pandas", "postgres", "spark")
WORDS = {
    "separate": "100 separate DuckDB queries",
    "batched": "batched DuckDB SQL",
    "pandas": "pandas, tables in memory",
    "postgres": "PostgreSQL, indexed",
    "spark": "PySpark, local",
}
Cells = list[tuple[Any, ...]]
Timed = tuple[list[float], list[Cells]]
"""The seconds of every run, each over all measures that were counted, and the cells of these."""


def separate(batch: Sequence[Asked], folder: Path, repeats: int) -> Timed:
    records = bench.unchecked(folder)

    def work() -> list[Cells]:
        return [duck.count_all([one], records, member="RX1")[0].cells.rows() for one in batch]

    return timed(work, repeats)


def batched(batch: Sequence[Asked], folder: Path, repeats: int) -> Timed:
    records = bench.unchecked(folder)
    return timed(lambda: [one.cells.rows() for one in duck.count_all(batch, records, member="RX1")], repeats)


def in_pandas(batch: Sequence[Asked], folder: Path, repeats: int) -> Timed:
    from pandas_counts import Tables, count

    tables = Tables.read(bench.unchecked(folder), [one.measure for one in batch])
    return timed(lambda: [count(one, tables, member="RX1") for one in batch], repeats)


def in_postgres(batch: Sequence[Asked], folder: Path, repeats: int) -> Timed:
    import psycopg

    sys.path.insert(0, str(ROOT / "tests"))
    from postgres_server import private_postgres
    from warehouse_sites import fill_postgres, postgres_settings

    from rounds.records.tables import EVENT_TABLES

    with private_postgres() as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as server:
            needed = {
                "person",
                "observation_period",
                *(str(t) for one in batch for t in records_question(one.measure).tables),
            }
            with tempfile.TemporaryDirectory() as copied:
                for name in needed:
                    _copied(folder, name, Path(copied))
                fill_postgres(server, Path(copied), schema="cdm")
            names = [row[0] for row in server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'cdm'")]
            for name in names:
                of = next((found for found in EVENT_TABLES.values() if found.name == name.lower()), None)
                known = server.execute(f'SELECT * FROM cdm."{name}" LIMIT 0').description  # noqa: S608
                own = {column.name.lower(): column.name for column in known or ()}
                keys = [of.concept, "person_id", of.start] if of else ["person_id"]
                listed = ", ".join(f'"{own[str(key)]}"' for key in keys)
                server.execute(f'CREATE INDEX ON cdm."{name}" ({listed})')
            server.execute("VACUUM ANALYZE")
        return _in_warehouse(batch, postgres_settings(conninfo, schema="cdm", limit_seconds=36_000), repeats)


def _copied(folder: Path, name: str, target: Path) -> None:
    """Write what Rounds reads of a table as one file."""
    import duckdb

    from rounds.records.table_files import file_scan
    from rounds.records.tables import TABLES

    here = next(path for path in (folder / f"{name}.parquet", folder / name) if path.exists())
    rows = duckdb.sql(f"SELECT * FROM {file_scan(here)}")  # noqa: S608
    assert rows is not None
    columns = [column.name for column in TABLES[name].columns if column.name in rows.columns]
    rows.select(", ".join(columns)).write_parquet(str(target / f"{name}.parquet"))


def in_spark(batch: Sequence[Asked], folder: Path, repeats: int) -> Timed:
    from pyspark.sql import SparkSession

    from rounds.engines.warehouse.settings import Spark

    # One session for all, as an analyst has it: starting Java is not counted.
    builder = SparkSession.builder.master("local[2]").appName("peers")
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "6g",
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in {**options, "spark.driver.host": "127.0.0.1"}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as linked:
        for path in folder.iterdir():
            if path.suffix == ".parquet" or (path.is_dir() and any(path.glob("*.parquet"))):
                (Path(linked) / f"{path.stem}.parquet").symlink_to(path)
        try:
            return _in_warehouse(batch, Spark(folder=linked, master="local[2]", limit_seconds=36_000), repeats)
        finally:
            session.stop()


def _in_warehouse(batch: Sequence[Asked], settings: Any, repeats: int) -> Timed:
    from rounds.engines.warehouse import count as warehouse
    from rounds.records.quality import QualityReport

    def unchecked(connection: Any, tables: Any, **_: object) -> tuple[list[str], QualityReport]:
        """Check nothing: a synthetic population was checked when it was made, and no peer checks it again."""
        for name, table in tables.items():
            connection.view(name, table.source.select(**table.columns))
        return [], QualityReport(site="benchmark", people=1_000, left_out=())

    def one(asked: Asked) -> Cells:
        (found,) = warehouse.count_all([asked], settings, site="benchmark", member="RX1", as_of=bench.AS_OF)
        return found.cells.rows()

    with patch.object(warehouse, "check_rows", unchecked):
        one(batch[0])
        return timed(lambda: [one(asked) for asked in batch], repeats)


def timed(work: Callable[[], list[Cells]], repeats: int) -> Timed:
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        cells = work()
        took.append(time.perf_counter() - began)
    return took, cells


WORK: dict[str, Callable[[Sequence[Asked], Path, int], Timed]] = {
    "separate": separate,
    "batched": batched,
    "pandas": in_pandas,
    "postgres": in_postgres,
    "spark": in_spark,
}


def elsewhere(peer: str, batch: Sequence[Asked], folder: Path, repeats: int, python: Path) -> Timed:
    """Run a peer in another environment; only what it takes and gives is passed on."""
    with tempfile.TemporaryDirectory() as passed:
        given, taken = Path(passed) / "given", Path(passed) / "taken"
        given.write_bytes(pickle.dumps((peer, list(batch), folder, repeats)))
        command = [python, Path(__file__), "--work", given, taken]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "SPARK_LOCAL_IP": "127.0.0.1"}
        subprocess.run([str(word) for word in command], check=True, env=environment)
        found: Timed = pickle.loads(taken.read_bytes())  # noqa: S301 - our own process wrote it
        return found


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        peer, batch, folder, repeats = pickle.loads(Path(sys.argv[2]).read_bytes())  # noqa: S301
        Path(sys.argv[3]).write_bytes(pickle.dumps(WORK[peer](batch, folder, repeats)))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--periods", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sample", type=int, default=10, help="how many measures slow peers count, one of each kind")
    parser.add_argument("--without", nargs="*", choices=PEERS, default=[])
    parser.add_argument("--python", type=Path, default=ROOT / ".venv-warehouse" / "bin" / "python")
    chosen = parser.parse_args()
    records = bench.unchecked(chosen.records)
    pack = open_pack(records) or build_pack(records)
    batch = bench.batch_of(bench.measures_over(bench.codes_of(records), grain=Grain.MONTH), chosen.periods)
    # Neighbours are of different kinds; a step would give the same kind again and again.
    sample = batch[: chosen.sample]
    counts = count_saying_how(batch, records, member="RX1", pack=pack)
    assert not counts.fell_back, counts.fell_back
    expected = [one.cells.rows() for one in counts.counts]
    ours = bench.seconds(
        lambda: count_saying_how(batch, records, member="RX1", pack=pack), repeats=max(5, chosen.repeats)
    )
    print(f"{pack.people:,} people, {len(batch)} measures, {chosen.periods} periods, strata age band and sex")
    print(f"{'':<30} {'seconds':>9} {'x the pack':>11} {'measured on':>12}  runs")
    print(f"{'pack':<30} {ours:>9.3f} {1:>11.0f} {len(batch):>12}  {max(5, chosen.repeats)}", flush=True)
    for peer in (name for name in PEERS if name not in chosen.without):
        there = peer in ("postgres", "spark")
        if there and not chosen.python.exists():
            print(f"{WORDS[peer]:<30} not run: no {chosen.python} (make warehouse)")
            continue
        asked = batch if peer == "batched" else sample
        if there:
            took, cells = elsewhere(peer, asked, chosen.records, chosen.repeats, chosen.python)
        else:
            took, cells = WORK[peer](asked, chosen.records, chosen.repeats)
        assert cells == expected[: len(asked)], f"{peer} counts otherwise"
        whole = statistics.median(took) / len(asked) * len(batch)
        print(f"{WORDS[peer]:<30} {whole:>9.1f} {whole / ours:>11.0f} {len(asked):>12}  {len(took)}", flush=True)


if __name__ == "__main__":
    main()

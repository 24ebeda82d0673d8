"""How fast a trial funnel is from the pack: cold, again with one criterion changed, and in SQL; same numbers.

Counts an eleven-rule trial over a synthetic population and refuses to print a time if pack and SQL differ. Read the
ratios, not the seconds. With `--duckcdm` the package in that folder (`pip install --target`) counts the same ATLAS
JSON over the same files, with the same threads; with `--circepy` ohdsi-circepy does, in a Python that has it and
`duckdb<2`.

    .venv/bin/rounds synthetic --preset region region
    .venv/bin/python benchmarks/funnel.py region/sites/site-01/records
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb

from rounds.engines.cohorts.duck import find_cohort
from rounds.engines.funnels import Funnels, open_funnels
from rounds.engines.pack import open_pack
from rounds.engines.pack.build import build_pack
from rounds.measures.cohorts.circe import read_circe
from rounds.measures.cohorts.criteria import Correlated
from rounds.measures.cohorts.definition import CohortDefinition
from rounds.records.omop import open_records

AS_OF = date(2025, 1, 15)
TRIAL = Path(__file__).resolve().parent / "cohorts" / "diabetes-trial.json"
TIMES = 7

R = TypeVar("R")


def main() -> None:
    """Count and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("records", type=Path, help="a site's folder of records")
    options.add_argument("--pack", type=Path, help="where the pack is or is to be built, if not beside the records")
    options.add_argument("--no-sql", action="store_true", help="count from the pack only")
    options.add_argument("--duckcdm", type=Path, help="a folder with the package duckcdm")
    options.add_argument("--circepy", type=Path, help="a Python that has ohdsi-circepy")
    given = options.parse_args()
    definition = read_circe(TRIAL.read_text(encoding="utf-8"), name="trial")
    records = open_records(given.records, site="site-01", as_of=AS_OF)
    pack = open_pack(records, given.pack) or build_pack(records, given.pack)
    with open_funnels(records, pack) as funnels:
        found, first = _timed(lambda: funnels.funnel(definition))
        if found.fell_back:
            sys.exit(f"the pack could not tell: {found.fell_back}")
        print(f"people in the records    {pack.people:>12,}")
        print(f"people who qualify       {found.qualifying_people:>12,}")
        for rule in found.rules:
            print(f"  {rule.rule:<68} {rule.people_remaining:>9,}")
        print(f"first funnel             {first * 1e3:>12,.0f} ms: kernels are loaded, or compiled on a new machine")
        cold, busy = _least(lambda: _whole(funnels, definition))
        print(f"funnel                   {cold * 1e3:>12,.1f} ms, {busy * 1e3:,.1f} ms of processor time")
        changed = [_least(partial(_with_one_changed, funnels, definition, each))[0] for each in _RULES]
        print(f"one criterion changed    {max(changed) * 1e3:>12,.1f} ms at most, {min(changed) * 1e3:,.1f} at least")
        if not given.no_sql:
            slow, sql = _timed(lambda: find_cohort(funnels.connection, definition, schema="omop"))
            if slow.inclusion_counts != found.rules or slow.qualifying_people != found.qualifying_people:
                sys.exit("SQL finds other people")
            print(f"SQL                      {sql * 1e3:>12,.0f} ms, {sql / cold:,.0f} times as long")
            if given.duckcdm:
                events, peer = _in_duckcdm(given.duckcdm, given.records)
                if events != dict(slow.judged.events):
                    sys.exit("duckcdm finds other events")
                print(f"duckcdm                  {peer * 1e3:>12,.0f} ms, {peer / cold:,.0f} times as long")
        if given.circepy:
            people, peer = _in_circepy(given.circepy, given.records)
            if people != found.rules[-1].people_remaining:
                sys.exit("circepy finds other people")
            print(f"ohdsi-circepy            {peer * 1e3:>12,.0f} ms, {peer / cold:,.0f} times as long")


_RULES = range(2, 11)
"""The places of rules that ask for rows; the first two ask for no more than the day of an event."""


def _timed(work: Callable[[], R]) -> tuple[R, float]:
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def _least(work: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """Return the shortest time of several, and the least processor time: the machine may be shared."""
    times = [work() for _ in range(TIMES)]
    return min(time for time, _ in times), min(busy for _, busy in times)


def _whole(funnels: Funnels, definition: CohortDefinition) -> tuple[float, float]:
    """Count a funnel that nothing is known of."""
    funnels.forget()
    busy = time.process_time()
    _, taken = _timed(lambda: funnels.funnel(definition))
    return taken, time.process_time() - busy


def _with_one_changed(funnels: Funnels, definition: CohortDefinition, place: int) -> tuple[float, float]:
    """Count a funnel of which all is known but one rule, which is looked at a day further back."""
    funnels.funnel(definition)
    rules = list(definition.rules)
    (first, *others) = rules[place].group.members
    if not isinstance(first, Correlated):
        raise TypeError(f"rule {place} asks for no rows")
    days = next(_DAYS)
    window = replace(first.start_window, start=replace(first.start_window.start, days=days))
    members = (replace(first, start_window=window), *others)
    rules[place] = replace(rules[place], group=replace(rules[place].group, members=members))
    changed = replace(definition, rules=tuple(rules))
    busy = time.process_time()
    _, taken = _timed(lambda: funnels.funnel(changed))
    return taken, time.process_time() - busy


_DAYS = itertools.count(400)
"""Never the same window twice, or nothing would have changed."""


def _in_duckcdm(package: Path, records: Path) -> tuple[dict[int, int], float]:
    """Return how many events meet which rules, as duckcdm finds them, and how long that takes."""
    sys.path.append(str(package))
    from duckcdm.circe import build_cohort_query  # type: ignore[import-not-found, unused-ignore]
    from duckcdm.omop import create_parquet_views  # type: ignore[import-not-found, unused-ignore]
    from duckcdm.sqlrender import render  # type: ignore[import-not-found, unused-ignore]
    from duckcdm.webapi.sources import Source  # type: ignore[import-not-found, unused-ignore]

    with tempfile.TemporaryDirectory() as scratch:
        path = f"{scratch}/views.duckdb"
        with duckdb.connect(path) as connection:
            create_parquet_views(connection, str(records.resolve()), "main", log=None)
        source = Source(1, "peer", "peer", path, "main", None, "results", memory_limit="8GB", threads=2)
        source.init_results()
        cursor = source.cursor()
        expression = json.loads(TRIAL.read_text(encoding="utf-8"))
        for number, rule in enumerate(expression["InclusionRules"]):
            cursor.execute("INSERT INTO results.cohort_inclusion VALUES (1, NULL, ?, ?, '')", [number, rule["name"]])
        sql = build_cohort_query(
            expression,
            cdm_schema="main",
            vocabulary_schema="main",
            result_schema="results",
            target_table="results.cohort",
            cohort_id=1,
            generate_stats=True,
        )
        _, taken = _timed(lambda: source.execute_script(render(sql), cursor))
        masks = "SELECT inclusion_rule_mask, person_count FROM results.cohort_inclusion_result WHERE mode_id = 0"
        return dict(cursor.execute(masks).fetchall()), taken


def _in_circepy(python: Path, records: Path) -> tuple[int, float]:
    """Return how many people meet every rule, as ohdsi-circepy finds them, and how long that takes."""
    script = Path(__file__).with_name("circepy_cohort.py")
    said = subprocess.run([python, script, records, TRIAL], check=True, capture_output=True, text=True).stdout.split()
    return int(said[0]), float(said[1])


if __name__ == "__main__":
    main()

"""Writes a synthetic population: a folder of OMOP tables for each site, and the truth beside them."""

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from rounds.errors import DefinitionError, RecordsError
from rounds.records.synthetic.population.block import block_roster, block_tables, ground
from rounds.records.synthetic.population.plan import Block, Ints, Population
from rounds.records.synthetic.population.static import static_tables
from rounds.records.synthetic.population.tables import SCHEMAS
from rounds.records.synthetic.population.tally import Tally, tally
from rounds.records.synthetic.population.truth import truth
from rounds.records.synthetic.population.workspace import workspace_files
from rounds.storage.atomic import write_file, write_folder
from rounds.storage.progress import Progress

BYTES_A_PERSON: Final = 400
"""on disk, all tables together, and rounded up; measured by benchmarks/synthetic.py"""
MOST_WORKERS: Final = 8
_BYTES_ANYWAY: Final = 10_000_000
_ROWS_A_GROUP: Final = 2**18
_TWO_SITES: Final = "people_at_two_sites.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What is known of a block once it is on disk."""

    site: int
    rows: dict[str, int]
    tally: Tally
    home_person_id: Ints
    """of people who live at the site before"""
    person_id: Ints
    """of the same people, here"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was written."""

    folder: Path
    rows: dict[str, int]
    """by table, of all sites"""


def records_folder(folder: Path, plan: Population, site: int) -> Path:
    """Return where a site's tables are, in the folder that a population was written to."""
    return folder / "sites" / plan.site_name(site) / "records"


def write_population(folder: Path, *, plan: Population, progress: Progress, workers: int = 2) -> Outcome:
    """Write a synthetic population, whole or not at all. The same plan gives the same bytes, however many work at it.

    The folder is that of a network with a round to run. A site of one block has one file a table, `<table>.parquet`. A
    larger one has a folder of blocks for each table that names people, `<table>/block-0000.parquet` and on: each holds
    a contiguous range of person ids, rows by person.

    Args:
        folder: where to; it must not exist or be empty.
        plan: what is laid down, the seed included.
        progress: told of every block that is written.
        workers: processes, from 1 to 8; with 1, this one.

    Raises:
        DefinitionError: if something is in the folder already.
        RecordsError: if the disk has too little room, or the system stops a process.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise ValueError(f"from 1 to {MOST_WORKERS} processes work at it, not {workers}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DefinitionError(f"{folder} is not empty, and nothing in it is overwritten; name a new folder")
    _refuse_small_disk(folder, plan)
    blocks = [block for site in range(plan.sites) for block in plan.blocks(site)]
    progress.step("Writing invented records", len(blocks))
    outcomes: list[Outcome] = []

    def fill(partial: Path) -> None:
        _write_static(partial, plan)
        for path, text in workspace_files(plan).items():
            write_file(partial / path, text.encode())
        written = []
        for one in _write_blocks(partial, plan, blocks, workers=min(workers, len(blocks))):
            written.append(one)
            progress.advance()
        outcomes.append(_write_truth(partial, folder, plan, written))

    write_folder(folder, fill)
    return outcomes[0]


def _refuse_small_disk(folder: Path, plan: Population) -> None:
    needed = int(plan.people * (1 + plan.known_elsewhere * (plan.sites > 1)) * BYTES_A_PERSON) + _BYTES_ANYWAY
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise RecordsError(
            f"{folder}: {plan.people:,} people need about {needed / 1e9:,.2f} GB, and {free / 1e9:,.2f} GB are free "
            "there; make room, name a folder on another disk, or ask for fewer people"
        )


def _write_static(folder: Path, plan: Population) -> None:
    for site in range(plan.sites):
        records = records_folder(folder, plan, site)
        records.mkdir(parents=True)
        many = len(plan.blocks(site)) > 1
        for table in SCHEMAS if many else ():
            (records / table).mkdir()
        for name, table_rows in static_tables(ground(plan, site).places).items():
            _write_parquet(table_rows, records / f"{name}.parquet")


def _write_blocks(folder: Path, plan: Population, blocks: list[Block], *, workers: int) -> Iterator[_Written]:
    """Yield the blocks in their order, so that sums of them come out the same however many work."""
    if workers == 1:
        for block in blocks:
            yield _write_block(folder, plan, block)
        return
    # Polars has threads of its own, which a forked process would not have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=workers, mp_context=context, initializer=_leave_interrupts) as pool:
        try:
            yield from pool.map(_write_block, *zip(*((folder, plan, block) for block in blocks), strict=True))
        except BrokenProcessPool:
            raise RecordsError(
                f"the system stopped a process that was writing records of {plan.people:,} people, most likely for "
                "want of memory; nothing was left behind: try again with one worker, or with fewer people"
            ) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _leave_interrupts() -> None:
    """Somebody who presses Ctrl-C hears from the first process, which ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write_block(folder: Path, plan: Population, block: Block) -> _Written:
    records = records_folder(folder, plan, block.site)
    many = len(plan.blocks(block.site)) > 1
    roster = block_roster(plan, block)
    rows = {}
    for name, table in block_tables(plan, roster):
        place = records / name / f"block-{block.number:04}.parquet" if many else records / f"{name}.parquet"
        _write_parquet(table, place)
        rows[name] = table.height
    elsewhere = np.flatnonzero(roster.home_person_id >= 0)
    return _Written(
        site=block.site,
        rows=rows,
        tally=tally(roster, ground(plan, block.site).planted),
        home_person_id=roster.home_person_id[elsewhere],
        person_id=roster.person_id[elsewhere],
    )


def _write_parquet(table: pl.DataFrame, path: Path) -> None:
    table.write_parquet(path, compression="zstd", compression_level=1, row_group_size=_ROWS_A_GROUP)
    # Each block goes to the disk as it is made, not all of them at the end, when the folder takes its name.
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _write_truth(partial: Path, folder: Path, plan: Population, written: list[_Written]) -> Outcome:
    by_site = [[one for one in written if one.site == site] for site in range(plan.sites)]
    rows = [{table: sum(one.rows[table] for one in blocks) for table in SCHEMAS} for blocks in by_site]
    known_twice = _people_at_two_sites(plan, written)
    if plan.sites > 1:
        _write_parquet(known_twice, partial / _TWO_SITES)
    told = truth(
        plan,
        tallies=[reduce(add, (one.tally for one in blocks)) for blocks in by_site],
        places=[ground(plan, site).places for site in range(plan.sites)],
        rows=rows,
        known_twice=known_twice.height,
    )
    write_file(partial / "truth.json", (json.dumps(told, indent=1) + "\n").encode())
    return Outcome(folder=folder, rows={table: sum(one[table] for one in rows) for table in SCHEMAS})


def _people_at_two_sites(plan: Population, written: list[_Written]) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {
                "home_site": plan.site_name((one.site - 1) % plan.sites),
                "home_person_id": one.home_person_id,
                "other_site": plan.site_name(one.site),
                "other_person_id": one.person_id,
            },
            schema={
                "home_site": pl.String,
                "home_person_id": pl.Int32,
                "other_site": pl.String,
                "other_person_id": pl.Int32,
            },
        )
        for one in written
    ]
    return pl.concat(parts)

"""Builds a pack: everybody numbered, every table sorted by concept, person and moment, aside, and served when whole."""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import numpy as np

from rounds.engines.pack.build_table import TableBuild
from rounds.engines.pack.files import room_aside, save
from rounds.engines.pack.layout import (
    FORMAT,
    MANIFEST,
    Pack,
    digest_of,
    empty_array,
    open_pack,
    packs_folder,
    sizes_of,
)
from rounds.engines.pack.people import Observation, build_observation, build_people
from rounds.errors import RecordsError
from rounds.records.omop import Records
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR
from rounds.storage.atomic import write_folder

_ONLY_OWNER: Final = 0o700

T = TypeVar("T")
R = TypeVar("R")


def build_pack(records: Records, folder: Path | None = None, *, threads: int = 2, memory_limit: str = "1GB") -> Pack:
    """Build the pack of some records, and return it opened. One that is there is replaced when the new one is whole.

    Args:
        records: the site's, checked.
        folder: where to build it; beside the tables if not said.
        threads: at most this many.
        memory_limit: of DuckDB, as it writes it.

    Raises:
        RecordsError: if the records cannot be read, or change meanwhile.
        OSError: if the folder cannot be written.
    """
    digest = digest_of(records)
    if folder is None:
        folder = packs_folder(records) / digest[:16]
        folder.parent.mkdir(mode=_ONLY_OWNER, exist_ok=True)
        folder.parent.chmod(_ONLY_OWNER)

    def fill(partial: Path) -> None:
        partial.chmod(_ONLY_OWNER)
        manifest = _fill(partial, records, threads=threads, memory_limit=memory_limit)
        if digest_of(records) != digest:
            raise RecordsError(
                f"site {records.site}: {records.folder} changed while it was read; wait until the export is done and "
                "try again"
            )
        manifest |= {"format": FORMAT, "digest": digest, "sizes": sizes_of(partial)}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        _flush(partial)

    write_folder(folder, fill)
    pack = open_pack(records, folder)
    if pack is None:
        raise RecordsError(f"site {records.site}: {records.folder} changed as soon as it was read; try again")
    return pack


def _flush(folder: Path) -> None:
    """Make sure that a pack stands on the disk before it is served, and that only its owner reads it."""
    for path in folder.iterdir():
        path.chmod(0o600)
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def _fill(folder: Path, records: Records, *, threads: int, memory_limit: str) -> dict[str, Any]:
    with (
        records.connect(threads=1, memory_limit=memory_limit) as connection,  # for each of several queries at once
        ThreadPoolExecutor(threads) as pool,
    ):
        people = build_people(folder, connection, records)
        observation = build_observation(folder, connection, records, people)
        _vocabulary(folder, connection, records)
        tables = {
            source.table.name: _table(
                TableBuild.planned(folder, connection, source, people), observation, connection, pool
            )
            for source in records.sources
            if source.table.is_event
        }
    return people.manifest | {"observed_vague": observation.vague, "tables": tables}


def _table(
    table: TableBuild, observation: Observation, connection: duckdb.DuckDBPyConnection, pool: Executor
) -> dict[str, Any]:
    _all_of(pool, lambda number: table.read(number, connection), range(len(table.batches)))
    chunks = table.chunks()
    shape = len(chunks), len(table.concepts.ids)
    counts = room_aside(table.folder, shape[0] * shape[1], "int64").reshape(shape)

    def count(place: int) -> None:
        counts[place] = table.count(chunks[place])

    _all_of(pool, count, range(len(chunks)))
    of_all = counts.sum(axis=0)
    place = np.cumsum(of_all) - of_all
    for of_chunk in counts:
        of_chunk[:], place = place, place + of_chunk
    _all_of(pool, lambda number: table.sort(chunks[number], counts[number], observation), range(len(chunks)))
    return table.finish(of_all)


def _all_of(pool: Executor, work: Callable[[T], R], several: Iterable[T]) -> list[R]:
    """Do some work for each of several; the first error ends it."""
    waiting = [pool.submit(work, one) for one in several]
    try:
        return [one.result() for one in waiting]
    finally:
        for one in waiting:
            one.cancel()


def _vocabulary(folder: Path, connection: duckdb.DuckDBPyConnection, records: Records) -> None:
    columns = {
        "concept": (CONCEPT.name, "SELECT concept_id FROM concept ORDER BY ALL"),
        "ancestor": (
            CONCEPT_ANCESTOR.name,
            "SELECT ancestor_concept_id FROM concept_ancestor ORDER BY ancestor_concept_id, descendant_concept_id",
        ),
        "descendant": (
            CONCEPT_ANCESTOR.name,
            "SELECT descendant_concept_id FROM concept_ancestor ORDER BY ancestor_concept_id, descendant_concept_id",
        ),
    }
    for name, (table, sql) in columns.items():
        if records.has(table):
            (ids,) = connection.execute(sql).fetchnumpy().values()
        else:
            ids = empty_array("int64")
        save(folder, f"vocabulary.{name}", np.asarray(ids, dtype=np.int64))

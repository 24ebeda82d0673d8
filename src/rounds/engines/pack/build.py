# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Builds a pack: everybody numbered, every table sorted by concept, person and moment, aside, and served when whole."""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import numpy as np

from rounds.engines.pack.build_groups import build_groups
from rounds.engines.pack.build_table import (
    BATCH_ROWS,
    Known,
    Observation,
    Spans,
    TableBuild,
    clipped,
    days_sql,
    outside,
)
from rounds.engines.pack.days import ORIGIN
from rounds.engines.pack.files import save
from rounds.engines.pack.layout import (
    FORMAT,
    MANIFEST,
    Array,
    Pack,
    digest_of,
    open_pack,
    packs_folder,
    sizes_of,
)
from rounds.engines.rows import OBSERVED, PEOPLE
from rounds.errors import RecordsError
from rounds.measures.strata import LEVELS, Stratum
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
    with records.connect(threads=threads, memory_limit=memory_limit) as connection:
        known, people = _people(folder, connection)
        groups = build_groups(folder, connection, records, known, people)
        observed, vague = _observed(folder, connection, known, people)
        _vocabulary(folder, connection, records)
        events = [source for source in records.sources if source.table.is_event]
        tables = [TableBuild.laid_out(folder, connection, source, groups.care_sites) for source in events]
        batches = [batch for table in tables for batch in table.batches(connection)]
    with (
        records.connect(threads=1, memory_limit=memory_limit) as connection,  # for each of several queries at once
        ThreadPoolExecutor(threads) as pool,
    ):
        _all_of(pool, lambda batch: batch.table.fill(batch, connection.cursor(), known), batches)
        portions = [portion for table in tables for portion in table.portions()]
        _all_of(pool, Spans.sort, sorted(portions, key=lambda portion: -portion.rows))
        abouts = _all_of(pool, lambda table: table.finish(observed), tables)
    named = {table.table.value: about for table, about in zip(tables, abouts, strict=True)}
    return {"people": people, "observed_vague": vague, "tables": named, **groups.manifest}


def _all_of(pool: Executor, work: Callable[[T], R], several: Iterable[T]) -> list[R]:
    """Do some work for each of several; the first error ends it."""
    waiting = [pool.submit(work, one) for one in several]
    try:
        return [one.result() for one in waiting]
    finally:
        for one in waiting:
            one.cancel()


def _people(folder: Path, connection: duckdb.DuckDBPyConnection) -> tuple[Known, int]:
    levels = " ".join(f"WHEN '{level}' THEN {place}" for place, level in enumerate(LEVELS[Stratum.SEX]))
    found = connection.execute(
        f"SELECT person_id, CAST(CASE sex {levels} END AS UTINYINT) AS sex, CAST(born AS SMALLINT) AS born, month, day "
        f"FROM ({PEOPLE}) p ORDER BY sex, born, person_id"
    ).fetchnumpy()
    known, number = Known.of(found["person_id"]), len(found["person_id"])
    birth = np.empty(number, dtype=np.uint16)
    for at in range(0, number, BATCH_ROWS):
        some = slice(at, at + BATCH_ROWS)
        birth[some] = _birthdays(found["born"][some], found["month"][some], found["day"][some])
    save(folder, "people.birth", birth)
    save(folder, "people.earliest", _earliest(connection, known, birth))
    save(folder, "people.sex", found["sex"])
    save(folder, "people.born", found["born"])
    return known, number


def _earliest(connection: duckdb.DuckDBPyConnection, known: Known, birth: Array) -> Array:
    """Return the first day on which people may have been born; nothing if it is known of all of them."""
    found = connection.execute(
        "SELECT CAST(person_id AS BIGINT) AS person_id, year_of_birth AS born, coalesce(month_of_birth, 1) AS month, "
        "coalesce(day_of_birth, 1) AS day FROM person WHERE month_of_birth IS NULL OR day_of_birth IS NULL"
    ).fetchnumpy()
    if len(found["born"]) == 0:
        return birth[:0]
    earliest = birth.copy()
    earliest[known.numbers(found["person_id"])] = _birthdays(found["born"], found["month"], found["day"])
    return earliest


def _birthdays(born: Array, month: Array, day: Array) -> Array:
    """Return the day people were born on, a month's last where their month is shorter."""
    months = (born.astype(np.int64) - 1970) * 12 + month - 1
    starts = months.astype("datetime64[M]").astype("datetime64[D]")
    length = (months + 1).astype("datetime64[M]").astype("datetime64[D]") - starts
    birth = starts + np.minimum(day.astype("timedelta64[D]") - 1, length - 1)
    return clipped((birth - np.datetime64(ORIGIN)).astype(np.int64))


def _observed(
    folder: Path, connection: duckdb.DuckDBPyConnection, known: Known, people: int
) -> tuple[Observation, bool]:
    sql = f"SELECT CAST(person_id AS BIGINT) AS person_id, {days_sql('first')}, {days_sql('last')} FROM ({OBSERVED}) o"
    found = connection.execute(sql).fetchnumpy()
    person = known.numbers(found["person_id"])
    order = np.argsort(person, kind="stable")
    order = order[np.searchsorted(person[order], 0) :]
    start = np.zeros(people + 1, dtype=np.int64)
    np.cumsum(np.bincount(person[order], minlength=people), out=start[1:])
    first, last = found["first"][order], found["last"][order]
    vague = bool(np.any(outside(first)) or np.any(outside(last)))
    observed = Observation(start=start, first=clipped(first), last=clipped(last))
    for name in ("start", "first", "last"):
        save(folder, f"observed.{name}", getattr(observed, name))
    return observed, vague


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
            ids = np.empty(0)
        save(folder, f"vocabulary.{name}", np.asarray(ids, dtype=np.int64))

"""Builds a pack: everybody numbered, every table sorted by concept, person and moment, aside, and served when whole."""

import hashlib
import json
import secrets
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from rounds.engines.pack.build_table import stored_columns
from rounds.engines.pack.files import save
from rounds.engines.pack.layout import (
    FORMAT,
    KEY,
    MANIFEST,
    PART,
    WRITTEN,
    Pack,
    digest_of,
    empty_array,
    open_pack,
    packs_folder,
    written,
)
from rounds.engines.pack.merging import Before, Done, Old, merge_table
from rounds.engines.pack.parts import Part, contents
from rounds.engines.pack.people import build_observation, build_people
from rounds.engines.pack.put_away import PutAway, flush
from rounds.engines.pack.reading import batches, events_wanted
from rounds.engines.pack.together import all_of, workers
from rounds.engines.pack.workshop import Workshop
from rounds.errors import RecordsError
from rounds.measures.events import EventTable
from rounds.records.omop import Records
from rounds.records.quality import Source
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR
from rounds.storage.atomic import write_folder, write_private_file

_ONLY_OWNER: Final = 0o700
_TABLES_AT_ONCE: Final = 2
"""While the last rows of one are read, or sorted, the threads begin with those of the next."""


def build_pack(
    records: Records,
    folder: Path | None = None,
    *,
    before: Path | None = None,
    threads: int = 2,
    memory_limit: str = "1GB",
) -> Pack:
    """Build the pack of some records, and return it opened. One that is there is replaced when the new one is whole.

    Args:
        records: the site's, checked.
        folder: where to build it; beside the tables if not said.
        before: a pack of the records as they were: files that it was built from are not read again. What is built is
            the same with it and without it.
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
        key = _key(folder.parent)
        with workers(_TABLES_AT_ONCE) as of_tables, workers(threads) as pool, workers(1) as flusher:
            away = PutAway(partial, pool, flusher)
            with records.connect(threads=1, memory_limit=memory_limit) as connection:  # for each of several queries
                manifest = _fill(partial, records, connection, pool, of_tables, away, before=before, key=key)
            if digest_of(records) != digest:
                raise RecordsError(
                    f"site {records.site}: {records.folder} changed while it was read; wait until the export is done "
                    "and try again"
                )
            files = away.arrays().files()
        manifest |= {"format": FORMAT, "digest": digest, "files": files}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        (partial / WRITTEN).write_text(json.dumps(written(partial)), encoding="utf-8")
        for name in (MANIFEST, WRITTEN):
            flush(partial / name)

    write_folder(folder, fill)
    pack = open_pack(records, folder)
    if pack is None:
        raise RecordsError(f"site {records.site}: {records.folder} changed as soon as it was read; try again")
    return pack


def _fill(
    folder: Path,
    records: Records,
    connection: duckdb.DuckDBPyConnection,
    pool: Executor,
    of_tables: Executor,
    away: PutAway,
    *,
    before: Path | None,
    key: bytes,
) -> dict[str, Any]:
    people = build_people(folder, connection, records, key, pool)
    observation = build_observation(folder, connection, records, people, pool)
    _vocabulary(folder, connection, records)
    away.arrays()
    shop = Workshop(folder=folder, connection=connection, pool=pool, people=people, observation=observation)
    key_name = hashlib.sha256(key).hexdigest()[:16]
    start = None if before is None else Before.of(before, key_name, shop)
    sources = [source for source in records.sources if source.table.is_event]

    def write(source: Source) -> dict[str, Any]:
        said = _table(shop, source, start)
        away.arrays(f"{source.table.name}.*.npy")
        return said

    said = all_of(of_tables, write, sources)
    tables = {source.table.name: about for source, about in zip(sources, said, strict=True)}
    return people.manifest | {"key": key_name, "observed_vague": observation.vague, "tables": tables}


def _table(shop: Workshop, source: Source, start: Before | None) -> dict[str, Any]:
    """Write a table, from what was there before if that can be, and return what the manifest says."""
    table = EventTable(source.table.name)
    stored = stored_columns(table, source, has_care_sites=shop.people.care_sites is not None)
    wanted = events_wanted(table, tuple(name for name in stored if name not in ("person", PART)))
    casts = source.select.partition(" FROM (")[0]
    how = hashlib.sha256(repr((stored, wanted.sql, casts)).encode()).hexdigest()
    several = batches(source, wanted, shop.connection)
    now = shop.pool.submit(contents, source, start.parts(table) if start else ()).result()
    old = Old.of(start, table, now, how, stored) if start else None
    done = merge_table(shop, old, several, stored, now) if old else None
    if done is None:
        built = shop.build(shop.folder, table, several, stored)
        done = Done(rows=built.rows, has_inside=built.inside is not None, parts=built.parts(now))
    none = Part(seen="", content="", rows=0, left_out=0, vague=[])
    parts = [done.parts.get(place) or replace(none, seen=seen, content=held) for place, (seen, held) in enumerate(now)]
    columns = [name for name in stored if name != PART] + (["inside"] if done.has_inside else [])
    return {
        "rows": done.rows,
        "columns": sorted(columns),
        "vague": sorted({name for part in parts for name in part.vague}),
        "how": how,
        "parts": [part.as_json() for part in parts],
    }


def _key(folder: Path) -> bytes:
    """Return the key of people's marks. It lies beside the packs, so that a pack alone tells nobody's id."""
    path = folder / KEY
    if not path.exists():
        write_private_file(path, secrets.token_bytes(16))
    return path.read_bytes()


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

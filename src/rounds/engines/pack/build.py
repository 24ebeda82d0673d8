"""Builds a pack: everybody numbered, every table sorted by concept, person and moment, aside, and served when whole."""

import json
import secrets
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from rounds.engines.pack.before import Before
from rounds.engines.pack.bench import Bench
from rounds.engines.pack.event_tables import EventSource, build_anew
from rounds.engines.pack.growing import grow_pack
from rounds.engines.pack.grown_files import CannotGrow, GrownFiles
from rounds.engines.pack.layout import (
    FORMAT,
    KEY,
    MANIFEST,
    WRITTEN,
    Pack,
    digest_of,
    key_beside,
    name_of_key,
    open_pack,
    packs_folder,
    written,
)
from rounds.engines.pack.marks import KEY_BYTES
from rounds.engines.pack.people import build_observation, build_people
from rounds.engines.pack.put_away import PutAway, flush
from rounds.engines.pack.together import workers
from rounds.engines.pack.vocabulary import write_vocabulary
from rounds.errors import RecordsError
from rounds.records.omop import Records
from rounds.records.quality import Source
from rounds.storage.atomic import write_folder, write_private_file

_ONLY_OWNER: Final = 0o700


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
        before: a pack of the records as they were. Where the records have grown, only what is new is read, and comes
            behind what that pack has; it stays whole. Counts are the same with it and without it.
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
        key = _key(folder)
        with ExitStack() as if_it_fails, workers(threads) as pool, workers(1) as flusher:
            away = PutAway(partial, pool, flusher)
            with records.connect(threads=1, memory_limit=memory_limit) as connection:  # for each of several queries
                bench = Bench.of(partial, records, key, connection, pool)
                start = None if before is None else Before.of(before, key, without_whom=records.without_whom)
                manifest, shared = _grown(bench, start, if_it_fails) if start else (None, {})
                manifest = manifest or _anew(bench, away)
            if digest_of(records) != digest:
                raise RecordsError(
                    f"site {records.site}: {records.folder} changed while it was read; wait until the export is done "
                    "and try again"
                )
            on_disk = {name for name, known in shared.items() if start and known == start.said["files"][name]}
            files = away.files(known=shared, on_disk=on_disk)
            manifest |= {"format": FORMAT, "digest": digest, "key": name_of_key(key), "made_of": bench.made_of}
            manifest |= {"without": records.without_whom}
            _write(partial / MANIFEST, manifest | {"files": files})
            _write(partial / WRITTEN, written(partial))
            if_it_fails.pop_all()

    write_folder(folder, fill)
    pack = open_pack(records, folder, digest=digest)
    if pack is None:
        raise RecordsError(
            f"site {records.site}: {folder} is not what was written there; look at the disk and try again"
        )
    return pack


def _write(path: Path, said: dict[str, Any]) -> None:
    path.write_text(json.dumps(said), encoding="utf-8")
    flush(path)


def _grown(bench: Bench, before: Before, if_it_fails: ExitStack) -> tuple[dict[str, Any] | None, dict[str, list[int]]]:
    """Write a pack from the one before, and return what the manifest says and what is shared; None if it cannot be."""
    files = GrownFiles(before=before.folder, after=bench.folder, known=before.said["files"])
    if_it_fails.callback(files.undo)
    try:
        return grow_pack(bench, before, files), files.files
    except CannotGrow:
        files.undo()
        for path in bench.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return None, {}


def _anew(bench: Bench, away: PutAway) -> dict[str, Any]:
    """Write a pack, and return what the manifest says."""
    people = build_people(bench.folder, bench.connection, bench.records, bench.key, bench.pool)
    observation = build_observation(bench.folder, bench.connection, bench.records, people, bench.pool)
    write_vocabulary(bench)
    away.arrays()
    shop = bench.shop(people, observation)

    def write(source: Source) -> tuple[str, dict[str, Any]]:
        asked = EventSource.of(source, has_care_sites=people.care_sites is not None)
        said = build_anew(shop, asked, asked.batches(bench.connection))
        away.arrays(f"{asked.table.value}.*.npy")
        return asked.table.value, said

    tables = shop.each_table(write, [source for source in bench.records.sources if source.table.is_event])
    return people.manifest | {"observed_vague": observation.vague, "tables": dict(tables)}


def _key(folder: Path) -> bytes:
    """Return the key of the marks of the packs that lie with one; the first of them makes it."""
    if not (folder.parent / KEY).exists():
        write_private_file(folder.parent / KEY, secrets.token_bytes(KEY_BYTES))
    return key_beside(folder)

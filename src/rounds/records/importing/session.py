"""The DuckDB an import works in: bounded memory, a private place to spill, no word of its own in any message."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from rounds.errors import RecordsError
from rounds.records.importing.generation import disk_full
from rounds.records.importing.sql import file
from rounds.storage.progress import Progress

DEFAULT_MEMORY: Final = "2GB"
_HUNDREDTHS: Final = 100
_MEMORY: Final = re.compile(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)
_POLL_SECONDS: Final = 0.2
_FULL: Final = ("No space left", "out of disk", "Could not write", "max_temp_directory_size", "disk quota")


def _carry_nothing(_served: Path, _new: Path) -> None:
    """Take nothing over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an import may use."""

    memory: str = DEFAULT_MEMORY
    """as DuckDB writes it; beyond it, it spills into the private folder"""
    threads: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Whose records an import makes, when, and with what."""

    site: str
    """the site's id, for messages"""
    records: Path
    """the site's records: the folder in which its generations lie"""
    today: date
    """the day of the import: stays that go on are taken to end on it"""
    progress: Progress
    check: Callable[[Path], None]
    """raises if the tables in a folder must not be served"""
    limits: Limits = field(default_factory=Limits)
    carry: Callable[[Path, Path], None] = _carry_nothing
    """takes what is kept beside the tables of a generation over into one that adds to it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One import at work."""

    site: str
    connection: duckdb.DuckDBPyConnection
    scratch: Path
    progress: Progress

    def query(self, sql: str, parameters: list[object] | None = None) -> list[tuple[object, ...]]:
        """Return all rows of a short query."""
        return self.connection.execute(sql, parameters).fetchall()

    def number(self, sql: str) -> int:
        """Return the one whole number of a query."""
        ((found,),) = self.query(sql)
        return int(found) if isinstance(found, int | float) else 0

    def run(self, sql: str, *, title: str) -> int:
        """Run something long with a progress bar and return how many rows it wrote."""
        self.progress.step(title, _HUNDREDTHS)
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        try:
            rows = self.connection.execute(sql).fetchall()
        finally:
            done.set()
            watcher.join()
        return int(rows[0][0]) if rows and isinstance(rows[0][0], int) else 0

    def write(self, select: str, path: Path, *, title: str, for_now: bool = False) -> int:
        """Write a query's rows as Parquet and return how many they are.

        Args:
            select: the query.
            path: the file.
            title: for the progress bar.
            for_now: whether the file is gone when the import ends. Then it is packed in a hurry: zstd would take as
                long as reading FHIR does.
        """
        # Threads share a file by its row groups: with small ones both have work to the end.
        packing, rows = ("lz4", 40_960) if for_now else ("zstd", 122_880)
        return self.run(
            f"COPY ({select}) TO {file(path)} (FORMAT parquet, COMPRESSION {packing}, ROW_GROUP_SIZE {rows})",
            title=title,
        )

    def _watch(self, done: threading.Event) -> None:
        shown = 0
        while not done.wait(_POLL_SECONDS):
            try:
                percent = int(self.connection.query_progress())
            except (duckdb.Error, ValueError):
                continue
            while shown < min(percent, _HUNDREDTHS):
                self.progress.advance()
                shown += 1
        for _ in range(_HUNDREDTHS - shown):
            self.progress.advance()


@contextmanager
def working(scratch: Path, job: Job) -> Iterator[Session]:
    """Open the DuckDB of one import. What it holds lies in `scratch`, which the caller removes.

    Raises:
        RecordsError: if DuckDB refuses something that nobody has put into words: without DuckDB's, for they may repeat
            a patient's values.
    """
    site, limits = job.site, job.limits
    spill = scratch / "spill"
    spill.mkdir(mode=0o700)
    if not _MEMORY.fullmatch(limits.memory.strip()):
        raise RecordsError(f"site {site}: `{limits.memory}` is no amount of memory; write 2GB or 500MB")
    try:
        with duckdb.connect(scratch / "working.duckdb", config=_config(limits, spill)) as connection:
            # Else a moment of a known zone is written as the clock of this machine shows it.
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = true")
            connection.execute("SET enable_progress_bar_print = false")
            yield Session(site=site, connection=connection, scratch=scratch, progress=job.progress)
    except duckdb.OutOfMemoryException as error:
        raise (disk_full(scratch) if is_full(error, scratch) else _too_little_memory(site, limits)) from None
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
        raise  # SQL of ours that is wrong: the outermost net says so, without its words
    except duckdb.Error as error:
        if is_full(error, scratch):
            raise disk_full(scratch) from None
        raise RecordsError(
            f"site {site}: the import stopped ({type(error).__name__}); look whether the source is being written "
            "to at the same time, and import again. The records that were there are still served"
        ) from None


def _config(limits: Limits, spill: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "threads": limits.threads,
        "memory_limit": limits.memory.strip(),
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": True,
    }


def is_full(error: duckdb.Error, scratch: Path) -> bool:
    """Say whether DuckDB means that the disk is full."""
    words = str(error)
    return any(word.lower() in words.lower() for word in _FULL) and (
        isinstance(error, duckdb.IOException) or shutil.disk_usage(scratch).free < 64 * 1024 * 1024
    )


def _too_little_memory(site: str, limits: Limits) -> RecordsError:
    return RecordsError(
        f"site {site}: the import needs more than {limits.memory} of memory; allow it more (`--memory`) and import "
        "again. The records that were there are still served"
    )

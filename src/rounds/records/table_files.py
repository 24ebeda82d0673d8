# ruff: noqa: S608  SQL is built from quoted paths only
"""The files of a table: one, or a folder of them, and SQL that reads them with the place of every row."""

import hashlib
from pathlib import Path
from typing import Final

from rounds.records.importing.sql import pattern

PART_BITS: Final = 40
"""A row is numbered by its file's place in the folder and, in so many bits, its place in the file."""

_TAIL_BYTES: Final = 65_536


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a table in their order: the one file it is, or those that lie in its folder."""
    if not path.is_dir():
        return (path,)
    parts = (part for part in path.iterdir() if part.suffix.lower() == ".parquet")
    return tuple(sorted(parts, key=lambda part: part.name))


def table_in(folder: Path, name: str) -> Path | None:
    """Return the Parquet file of a table, or the folder of its files; None if it does not lie in a folder."""
    one, several = folder / f"{name}.parquet", folder / name
    if one.exists():
        return one
    return several if several.is_dir() and parts_of(several) else None


def file_scan(path: Path) -> str:
    """Return SQL that reads a table with every column and `rounds_row`, the data row from 1 that `place_of` explains.

    Args:
        path: a Parquet or CSV file, or a folder of Parquet files with the same columns.
    """
    literals = file_list(path)
    if path.is_dir() or path.suffix.lower() == ".parquet":
        scan = f"read_parquet([{literals}], file_row_number = true, hive_partitioning = false)"
        row = f"(CAST(file_index AS BIGINT) << {PART_BITS}) + file_row_number + 1"
        return f"(SELECT * EXCLUDE (file_row_number), {row} AS rounds_row FROM {scan})"
    # Left to itself DuckDB passes over rows that begin with a hash, and over the first ones of a ragged file.
    asked = "header = true, all_varchar = true, delim = ',', comment = '', skip = 0, hive_partitioning = false"
    scan = f"read_csv({literals}, {asked})"
    return f"(SELECT *, row_number() OVER () AS rounds_row FROM {scan})"


def place_of(path: Path, rounds_row: int) -> str:
    """Return where a row stands, such as "row 7", or "row 7 of block-0003.parquet" if the table is a folder."""
    part, row = rounds_row >> PART_BITS, rounds_row & ((1 << PART_BITS) - 1)
    return f"row {row} of {parts_of(path)[part].name}" if path.is_dir() else f"row {row}"


def file_list(path: Path) -> str:
    """Return the files of a table as DuckDB's literals."""
    return ", ".join(pattern(part) for part in parts_of(path))


def stamp(file: Path) -> list[int]:
    """Return when and where the disk says that a file was written: another whenever somebody wrote to it since."""
    about = file.stat()
    return [about.st_mtime_ns, about.st_ctime_ns, about.st_dev, about.st_ino]


def seen(file: Path) -> str:
    """Return a digest of a file that is seen without reading it: its size, its `stamp` and its last bytes.

    In Parquet the last bytes hold the statistics of every column.
    """
    size = file.stat().st_size
    said = hashlib.sha256(f"{size} {stamp(file)} ".encode())
    with file.open("rb") as stream:
        stream.seek(max(0, size - _TAIL_BYTES))
        said.update(stream.read())
    return said.hexdigest()

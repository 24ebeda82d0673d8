# ruff: noqa: S608  SQL is built from our own table and column names only; values are bound
"""Opens the tables that lie in a folder: the columns of each, as DuckDB finds them, are held against the CDM."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from rounds.records.lossless import lossless_cast
from rounds.records.quality import Source
from rounds.records.sources import source_of
from rounds.records.table_files import file_list, file_scan, parts_of
from rounds.records.tables import TABLES, Table


def open_sources(
    connection: duckdb.DuckDBPyConnection, files: Mapping[str, Path], *, site: str
) -> list[Source | list[str]]:
    """Return each table's source, or what is wrong with it: two at a time, for DuckDB reads footers one by one."""
    with ThreadPoolExecutor(2) as pool:
        opening = [
            pool.submit(open_source, connection.cursor(), TABLES[name], path, site=site) for name, path in files.items()
        ]
        return [one.result() for one in opening]


def open_source(connection: duckdb.DuckDBPyConnection, table: Table, path: Path, *, site: str) -> Source | list[str]:
    """Return a table's source, or everything wrong with its columns."""
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {file_scan(path)}").fetchall()
        unlike = unlike_first(connection, path)
    except (duckdb.Error, UnicodeDecodeError):
        what = "CSV with a header row, in UTF-8" if path.suffix.lower() == ".csv" else "Parquet"
        return [f"site {site}: {path.name}: the file is not complete {what} (truncated?); export it again"]
    if unlike:
        return [
            f"site {site}: {path.name}: {unlike} has other columns, or columns of other types, than "
            f"{parts_of(path)[0].name}; export the table again"
        ]
    found = {row[0].lower(): (row[0], row[1]) for row in described}
    problems = []
    casts = []
    missing = []
    for wanted in table.columns:
        column, source_type = found.get(wanted.name, (wanted.name, "NULL"))
        cast = lossless_cast(column, source_type, wanted.type) if wanted.name in found else None
        if cast is None and not wanted.required and _is_empty(connection, path, column, source_type):
            missing.append(wanted.name)
            continue
        if wanted.name not in found:
            problems.append(f"site {site}: {path.name}: column `{wanted.name}` is missing; add it to the export")
            continue
        if cast is None:
            # In brackets stand the fields of a STRUCT or the values of an ENUM: those may be a patient's.
            kind = source_type.partition("(")[0]
            problems.append(
                f"site {site}: {path.name}, column `{wanted.name}`: the type {kind} cannot become {wanted.type.value} "
                "without losing something; correct the export"
            )
            continue
        casts.append((wanted.name, column, cast))
    if problems:
        return problems
    return source_of(table, path, casts=tuple(casts), missing=tuple(missing))


def unlike_first(connection: duckdb.DuckDBPyConnection, path: Path) -> str | None:
    """Return the name of a table's first file whose columns are not those of its first."""
    if not path.is_dir() or _written_alike(connection, path):
        return None
    columns = []
    for part in parts_of(path):
        described = connection.execute(f"DESCRIBE SELECT * FROM {file_scan(part)}").fetchall()
        columns.append([row[:2] for row in described])
    return next((part.name for part, found in zip(parts_of(path), columns, strict=False) if found != columns[0]), None)


def _written_alike(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Say whether all files of a table declare their columns in the same words. Those who do not may still agree."""
    declared = "row(name, type, type_length, converted_type, scale, precision, logical_type, num_children)"
    ((ways,),) = connection.execute(
        f"SELECT count(DISTINCT columns) FROM (SELECT list({declared}) AS columns "
        f"FROM parquet_schema([{file_list(path)}]) GROUP BY file_name)"
    ).fetchall()
    return bool(ways == 1)


def _is_empty(connection: duckdb.DuckDBPyConnection, path: Path, column: str, source_type: str) -> bool:
    """Say whether a column holds nothing: exports give such a column whatever type comes first."""
    if source_type == "NULL":
        return True
    quoted = column.replace('"', '""')
    return connection.execute(f'SELECT count("{quoted}") FROM {file_scan(path)}').fetchall() == [(0,)]

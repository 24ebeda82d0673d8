# ruff: noqa: S608  SQL is built from our own table and column names only; values are bound
"""The tables that lie in a folder: where each is, and SQL that reads it typed. DuckDB is not asked for that."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rounds.records.importing.made import missing_files
from rounds.records.quality import Source
from rounds.records.table_files import file_scan, parts_of
from rounds.records.tables import REQUIRED, TABLES, Table

if TYPE_CHECKING:  # whoever knows the columns from before does not wait for it
    import duckdb

_FORMATS: Final = (".parquet", ".csv")


def find_files(folder: Path, *, site: str) -> tuple[dict[str, Path], list[str]]:
    """Return the file or folder of each table that lies in a folder, and what is wrong with that."""
    files: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        name = path.stem.lower()
        folder_of_parts = path.is_dir() and not path.suffix and bool(parts_of(path))
        if not (folder_of_parts or path.suffix.lower() in _FORMATS) or name not in TABLES:
            continue
        if name in files:
            problems.append(f"site {site}: {files[name].name} and {path.name} are the same table; remove one")
        files[name] = path
    problems += [
        f"site {site}: {name} is missing from {folder}, and the import that made these had it; restore it from a "
        "copy (with what links lead to), or import the records again"
        for name in missing_files(folder)
    ]
    for name in REQUIRED:
        if name not in files:
            problems.append(
                f"site {site}: {name}.parquet is missing from {folder}; every site needs the tables "
                f"{' and '.join(REQUIRED)}"
            )
    return files, problems


def source_of(table: Table, path: Path, *, casts: tuple[tuple[str, str, str], ...], missing: tuple[str, ...]) -> Source:
    """Return a table's source.

    Args:
        table: which it is.
        path: its file or folder.
        casts: of each column that is there our name, the file's, and SQL that makes it the type it must be.
        missing: our names of the columns that are not there.
    """
    empty = [f'CAST(NULL AS {table.column(name).type.value}) AS "{name}"' for name in missing]
    select = ", ".join([*(f'{cast} AS "{name}"' for name, _, cast in casts), *empty, "rounds_row"])
    wrong = "".join(f', {loses(column, cast)} AS "{name} is wrong"' for name, column, cast in casts)
    scan = file_scan(path)
    return Source(
        table=table,
        path=path,
        missing=missing,
        casts=casts,
        select=f"SELECT {select} FROM {scan}",
        checked=f"SELECT {select}{wrong} FROM {scan}",
        by_file=tuple(f"SELECT {select} FROM {file_scan(part)}" for part in parts_of(path)),
    )


def loses(column: str, cast: str) -> str:
    """Return SQL that says of a cell whether its cast loses it; a cast that never does is not worth reading it for."""
    if cast == f'"{column}"' or cast.startswith("CAST("):
        return "false"
    return f'"{column}" IS NOT NULL AND ({cast}) IS NULL'


def create_views(connection: "duckdb.DuckDBPyConnection", sources: tuple[Source, ...]) -> None:
    """Make a typed view of each table, called as the table is."""
    for source in sources:
        connection.execute(f'CREATE OR REPLACE VIEW "{source.table.name}" AS {source.select}')

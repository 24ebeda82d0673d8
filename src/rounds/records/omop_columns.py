# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Every OMOP column that a cohort definition may ask for, and views of a site's files with those that are there."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb

from rounds.errors import RecordsError
from rounds.records.cdm import CDM, ONLY_READ
from rounds.records.lossless import lossless_cast
from rounds.records.omop import Records
from rounds.records.quality import WANTED
from rounds.records.sources import loses
from rounds.records.table_files import file_scan, parts_of, place_of
from rounds.records.tables import TABLES, ColumnType
from rounds.records.value_checks import so_many_rows


def _columns(name: str) -> Mapping[str, ColumnType]:
    tables = [tables[name] for tables in (CDM, ONLY_READ) if name in tables]
    columns = (column for table in tables for column in table.columns)
    # No cohort definition asks for a time of day.
    return MappingProxyType({one.name: one.kind for one in columns if one.kind is not ColumnType.TIME})


OMOP_COLUMNS: Final[Mapping[str, Mapping[str, ColumnType]]] = MappingProxyType(
    {name: _columns(name) for name in dict.fromkeys([*CDM, *ONLY_READ])}
)
"""Types by column and table, of CDM 5.4 with what older and newer versions add."""


ABOUT_PEOPLE: Final = ("person", "observation_period")
"""Tables without the rows of whoever is no person that may be counted."""


def create_omop_views(connection: duckdb.DuckDBPyConnection, records: Records, *, schema: str = "omop") -> str:
    """Make a schema with a view of each of a site's tables, with all columns above that its files have.

    The views that `Records.connect` makes have the columns that measures read, checked. These have not been checked: a
    value that is not of its column's type is empty, see `unreadable`. A column that a file lacks is not there.

    Args:
        connection: from `records.connect()`.
        records: the site's.
        schema: to be made.

    Returns:
        The name of the schema.

    Raises:
        RecordsError: if two files are the same table.
    """
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for name, path in _files(records).items():
        scan = file_scan(path)
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        found = {row[0].lower(): (row[0], row[1]) for row in described}
        casts = (
            f"{cast} AS {column}"
            for column, kind in OMOP_COLUMNS[name].items()
            if column in found and (cast := _cast(*found[column], kind)) is not None
        )
        # Who has an impossible year of birth is in no denominator, and nobody is in a cohort who is no person.
        people = " WHERE person_id IN (SELECT person_id FROM main.person)" if name in ABOUT_PEOPLE else ""
        select = f"SELECT * FROM (SELECT {', '.join(casts)} FROM {scan}){people}"
        connection.execute(f"CREATE OR REPLACE VIEW {schema}.{name} AS {select}")
    return schema


def unreadable(
    connection: duckdb.DuckDBPyConnection, records: Records, asked: Iterable[tuple[str, str]]
) -> Iterator[str]:
    """Yield which columns have values that are not of their type: in the views they are empty, as if nobody knew them.

    Args:
        connection: from `records.connect()`.
        records: the site's.
        asked: tables and columns of them; those that measures read were checked when the records were opened.
    """
    files = _files(records)
    checked = {(table.name, column.name) for table in TABLES.values() for column in table.columns}
    for name, column in sorted(set(asked) - checked):
        if name not in files:
            continue
        scan = file_scan(files[name])
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        own = next(((row[0], row[1]) for row in described if row[0].lower() == column), None)
        kind = OMOP_COLUMNS[name].get(column)
        cast = None if own is None or kind is None else _cast(*own, kind)
        if own is None or kind is None or cast is None:
            continue  # it is not there, and whoever asks for it is told so
        lost = loses(own[0], cast)
        if lost == "false":
            continue
        ((rows, first),) = connection.execute(f"SELECT count(*), min(rounds_row) FROM {scan} WHERE {lost}").fetchall()
        if rows:
            where = f"{files[name].name}, column `{column}`"
            yield (
                f"{where}: not a {WANTED[kind]}: {so_many_rows(rows, place_of(files[name], first))}; correct the export"
            )


def _files(records: Records) -> dict[str, Path]:
    files = {source.table.name: source.path for source in records.sources if source.table.name in OMOP_COLUMNS}
    others: dict[str, Path] = {}
    for path in sorted(records.folder.iterdir()):
        name = path.stem.lower()
        parts = path.is_dir() and not path.suffix and bool(parts_of(path))
        if name not in OMOP_COLUMNS or name in files or not (parts or path.suffix.lower() in (".parquet", ".csv")):
            continue
        if name in others:
            raise RecordsError(
                f"site {records.site}: {others[name].name} and {path.name} are the same table; remove one"
            )
        others[name] = path
    return files | others


def _cast(column: str, source_type: str, kind: ColumnType) -> str | None:
    # A column that is empty throughout is often of some other type.
    if kind is ColumnType.TEXT:
        return f'CAST("{column}" AS VARCHAR)'
    return lossless_cast(column, source_type, kind, single=False)

# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Reads what a pack needs of a table, some thousands of rows at a time.

Parquet whose columns have our types already is read by Polars, which takes a third of the time. What must become our
types first is read by DuckDB, as it was checked. Both give the same numbers.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import polars as pl

from rounds.engines.pack.columns import MAY_LACK, SINCE_ORIGIN, Columns, events_read
from rounds.engines.pack.days import ORIGIN
from rounds.engines.rows import OBSERVED, SEX, rows_sql
from rounds.errors import RecordsError
from rounds.measures.events import EventTable
from rounds.measures.strata import LEVELS, SEX_BY_CONCEPT, UNKNOWN, Stratum
from rounds.records.importing.sql import pattern
from rounds.records.quality import Source
from rounds.records.table_files import parts_of
from rounds.records.tables import EVENT_TABLES, OBSERVATION_PERIOD, PERSON, ColumnType, Table

BATCH_ROWS: Final = 262_144
"""As many as a row group often has: one that is read in two goes is unpacked twice."""
NOTHING: Final = -(2**62)
"""Stands for an id that is not there where every other number may be one."""

Reader = Callable[[duckdb.DuckDBPyConnection], Columns]
Cell = Callable[[str], pl.Expr]
"""What stands in a column of the table, and nothing in a column that its file does not have."""

_WHOLE: Final = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_OURS: Final[Mapping[ColumnType, tuple[pl.DataType | type[pl.DataType], ...]]] = {
    ColumnType.INTEGER: _WHOLE,
    ColumnType.NUMBER: (pl.Float32, pl.Float64, *_WHOLE),
    ColumnType.DATE: (pl.Date,),
    ColumnType.TIME: (pl.Datetime("us"), pl.Datetime("ms")),
}


def _as_they_are(frame: pl.DataFrame) -> Columns:
    return {column.name: column.to_numpy() for column in frame.iter_columns()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is read of a table, in SQL and as expressions over the same columns."""

    table: Table
    columns: tuple[str, ...]
    """Of the table, that are looked at."""
    sql: str
    cells: Callable[[Cell], dict[str, pl.Expr]]
    may_lack: frozenset[str] = frozenset()
    """Cells that may say nothing."""
    made: Callable[[pl.DataFrame], Columns] = _as_they_are
    """Makes of what the cells say what the SQL does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of one file that are read together."""

    part: int
    """The place of the file among those of its table."""
    rows: int
    read: Reader


def days_sql(name: str) -> str:
    """Return SQL that makes a date a day's number."""
    return f"CAST({name} - DATE '{ORIGIN}' AS INTEGER) AS {name}"


def sex_sql(sex: str) -> str:
    """Return SQL for the place of somebody's sex among its levels."""
    levels = " ".join(f"WHEN '{level}' THEN {place}" for place, level in enumerate(_SEXES))
    return f"CASE {sex} {levels} END"


_SEXES: Final = LEVELS[Stratum.SEX]
_MONTHS: Final = {"month": 7, "earliest": 1}
"""Of whom no month of birth is known."""


def people_wanted(more: tuple[str, ...]) -> Wanted:
    """Return what is read of everybody: `person_id`, `sex`, `born`, `month`, `day`, and more columns as they are.

    `earliest` is the first month they may have been born in, and `sure` says whether month and day are known.
    """

    def cells(cell: Cell) -> dict[str, pl.Expr]:
        sex = cell("gender_concept_id").replace_strict(
            {concept: _SEXES.index(sex) for concept, sex in SEX_BY_CONCEPT.items()},
            default=_SEXES.index(UNKNOWN),
            return_dtype=pl.UInt8,
        )
        month, day = cell("month_of_birth").cast(pl.Int32), cell("day_of_birth").cast(pl.Int32)
        return {
            "person_id": cell("person_id").cast(pl.Int64),
            "sex": sex,
            "born": cell("year_of_birth").cast(pl.Int64),
            **{name: month.fill_null(number) for name, number in _MONTHS.items()},
            "day": day.fill_null(1),
            "sure": month.is_not_null() & day.is_not_null(),
            **{name: cell(name).cast(pl.Int64).fill_null(NOTHING) for name in more},
        }

    shown = (
        f"person_id, CAST({sex_sql(SEX)} AS UTINYINT) AS sex, year_of_birth AS born",
        *(f"CAST(coalesce(month_of_birth, {month}) AS INTEGER) AS {name}" for name, month in _MONTHS.items()),
        "CAST(coalesce(day_of_birth, 1) AS INTEGER) AS day",
        "month_of_birth IS NOT NULL AND day_of_birth IS NOT NULL AS sure",
        *(f"coalesce({name}, {NOTHING}) AS {name}" for name in more),
    )
    columns = ("person_id", "gender_concept_id", "year_of_birth", "month_of_birth", "day_of_birth", *more)
    return Wanted(table=PERSON, columns=columns, sql=f"SELECT {', '.join(shown)} FROM person", cells=cells)


def observed_wanted() -> Wanted:
    """Return what is read of observation periods: `person_id`, `first` and `last`."""
    start, end = str(OBSERVATION_PERIOD.start), str(OBSERVATION_PERIOD.end)

    def cells(cell: Cell) -> dict[str, pl.Expr]:
        return {"person_id": cell("person_id").cast(pl.Int64), "first": _day(cell(start)), "last": _day(cell(end))}

    shown = f"CAST(person_id AS BIGINT) AS person_id, {days_sql('first')}, {days_sql('last')}"
    columns = ("person_id", start, end)
    return Wanted(table=OBSERVATION_PERIOD, columns=columns, sql=f"SELECT {shown} FROM ({OBSERVED}) o", cells=cells)


def events_wanted(table: EventTable, names: tuple[str, ...]) -> Wanted:
    """Return what is read of a table of events: `person_id`, `concept` and columns of the pack."""
    of = EVENT_TABLES[table]
    told = {"unit": of.unit, "answer": of.answer, "visit": of.visit, "stay": of.stay, "care_site": "care_site_id"}
    told = {name: column for name, column in told.items() if name in names}

    held = {"person_id": "person_id", "concept": of.concept, "first": of.start}
    held |= {
        name: {"last": of.end, "minute": of.time, "value": of.value}.get(name) for name in names if name != "first"
    }
    held |= told

    def cells(cell: Cell) -> dict[str, pl.Expr]:
        return {name: cell(column) if column else pl.lit(-1, dtype=pl.Int32) for name, column in held.items()}

    said = {
        "first": days_sql("first"),
        "last": days_sql("last"),
        "value": "coalesce(value, CAST('NaN' AS REAL)) AS value",
        "minute": "CAST(minute AS USMALLINT) AS minute",
    }
    shown = ["CAST(person_id AS BIGINT) AS person_id", "concept", *(said.get(name, name) for name in names)]
    more = {"care_site": "coalesce(care_site_id, -1)"} if "care_site" in names else None
    looked_at = ("person_id", of.concept, of.start, of.end, of.time, of.value, *told.values())
    return Wanted(
        table=of,
        columns=tuple(column for column in looked_at if column),
        sql=f"SELECT {', '.join(shown)} FROM ({rows_sql(table, more=more)}) r",
        cells=cells,
        may_lack=MAY_LACK,
        made=events_read,
    )


def batches(
    source: Source, wanted: Wanted, connection: duckdb.DuckDBPyConnection, *, only: Collection[int] | None = None
) -> list[Batch]:
    """Return what is to be read of a table, none of it larger than `BATCH_ROWS`, in the order of its rows.

    Args:
        source: the table.
        wanted: what is read of it.
        connection: to the records.
        only: the places of some of its files; all of them if not said.
    """
    parts = {place: path for place, path in enumerate(parts_of(source.path)) if only is None or place in only}
    if not parts:
        return []
    named = _columns_of_our_types(source, wanted, tuple(parts.values()))
    if named is None:
        return list(_by_duckdb(source, wanted, parts, connection))
    return list(_by_polars(source, wanted, parts, named, connection))


def _columns_of_our_types(source: Source, wanted: Wanted, parts: Sequence[Path]) -> dict[str, str] | None:
    """Return what the columns are called in some files; None if some are not Parquet or not of our types."""
    if any(part.suffix.lower() != ".parquet" for part in parts):
        return None
    schema = _schema(parts[0])
    called = {name.lower(): name for name in schema}
    named = {name: called[name] for name in wanted.columns if name not in source.missing}
    ours = all(schema[called] in _OURS[wanted.table.column(name).type] for name, called in named.items())
    alike = ours and all(
        all(found.get(column) == schema[column] for column in named.values()) for found in map(_schema, parts[1:])
    )
    return named if alike else None


def _schema(path: Path) -> pl.Schema:
    """Return the columns of a file, whatever its folder is called: a bracket or a star in a name is no pattern."""
    return pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema()


def _by_polars(
    source: Source,
    wanted: Wanted,
    parts: Mapping[int, Path],
    named: Mapping[str, str],
    connection: duckdb.DuckDBPyConnection,
) -> Iterator[Batch]:
    types = {column.name: column.type for column in wanted.table.columns}

    def cell(name: str) -> pl.Expr:
        return pl.col(named[name]) if name in named else pl.lit(None, dtype=_EMPTY[types[name]])

    cells = [what.alias(name) for name, what in wanted.cells(cell).items()]
    for part, at, rows in _stretches(source, parts, connection):
        yield Batch(part=part, rows=rows, read=_polars_reader(parts[part], at, rows, cells, source, wanted))


_EMPTY: Final[Mapping[ColumnType, pl.DataType]] = {
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.NUMBER: pl.Float64(),
    ColumnType.DATE: pl.Date(),
    ColumnType.TIME: pl.Datetime("us"),
    ColumnType.TEXT: pl.String(),
}


def _polars_reader(path: Path, at: int, rows: int, cells: list[pl.Expr], source: Source, wanted: Wanted) -> Reader:
    def read(_: duckdb.DuckDBPyConnection) -> Columns:
        try:
            # Batches are read side by side already, columns of one are not. Plans that were kept would take memory.
            scan = pl.scan_parquet(path, glob=False, hive_partitioning=False, cache=False, parallel="none")
            frame = scan.slice(at, rows).select(cells).collect()
        except (pl.exceptions.PolarsError, OSError):
            raise _other_than_checked(source) from None
        lacking = any(column.null_count() for column in frame.iter_columns() if column.name not in wanted.may_lack)
        if lacking or len(frame) != rows:
            raise _other_than_checked(source)
        found = wanted.made(frame)
        if "value" in found and np.isinf(found["value"]).any():  # DuckDB does not make such a number single either
            raise _other_than_checked(source)
        return found

    return read


def _other_than_checked(source: Source) -> RecordsError:
    return RecordsError(
        f"{source.path.name} can no longer be read as when it was checked; look whether an export is under way and try "
        "again"
    )


def _by_duckdb(
    source: Source, wanted: Wanted, parts: Collection[int], connection: duckdb.DuckDBPyConnection
) -> Iterator[Batch]:
    for part, select in enumerate(source.by_file):
        if part not in parts:
            continue
        ((rows,),) = connection.cursor().execute(f"SELECT count(*) FROM ({select}) t").fetchall()
        for at in range(0, rows, BATCH_ROWS):
            number = min(BATCH_ROWS, rows - at)
            some = f" WHERE rounds_row BETWEEN {at + 1} AND {at + number}" if rows > BATCH_ROWS else ""
            sql = f"WITH {source.table.name} AS (SELECT * FROM ({select}) t{some}) {wanted.sql}"
            yield Batch(part=part, rows=number, read=_duckdb_reader(sql))


def _duckdb_reader(sql: str) -> Reader:
    def read(connection: duckdb.DuckDBPyConnection) -> Columns:
        return dict(connection.cursor().execute(sql).fetchnumpy())

    return read


def _stretches(
    source: Source, parts: Mapping[int, Path], connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[int, int, int]]:
    """Yield a file's place, where some of its rows begin and how many: whole row groups, as far as those are small."""
    groups: dict[str, list[int]] = {}
    for name, rows in (
        connection.cursor()
        .execute(
            "SELECT file_name, any_value(row_group_num_rows) "
            f"FROM parquet_metadata([{', '.join(map(pattern, parts.values()))}]) GROUP BY file_name, row_group_id "
            "ORDER BY file_name, row_group_id"
        )
        .fetchall()
    ):
        groups.setdefault(name, []).append(rows)
    if not groups.keys() <= set(
        map(str, parts.values())
    ):  # called otherwise than we call them: their rows would be left out
        raise _other_than_checked(source)
    for part, path in parts.items():
        at, waiting = 0, 0
        for rows in groups.get(str(path), []):
            if waiting and waiting + rows > BATCH_ROWS:
                yield part, at, waiting
                at, waiting = at + waiting, 0
            waiting += rows
            while waiting > BATCH_ROWS:
                yield part, at, BATCH_ROWS
                at, waiting = at + BATCH_ROWS, waiting - BATCH_ROWS
        if waiting:
            yield part, at, waiting


def _day(cell: pl.Expr) -> pl.Expr:
    return cell.cast(pl.Int32) + SINCE_ORIGIN

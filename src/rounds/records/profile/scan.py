# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""One query for each table: its rows by month, concept, unit and sex, and by everything that is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntFlag
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import polars as pl

from rounds.measures.quality import PlausibleValues
from rounds.records.keys import distinct_keys
from rounds.records.profile.lives import LIVES
from rounds.records.profile.statistics import Statistics, statistics_of
from rounds.records.quality import Source, has_person
from rounds.records.table_files import file_scan
from rounds.records.tables import OBSERVATION_PERIOD, PERSON, ColumnType, Table


class Flag(IntFlag):
    """What can be wrong with a row."""

    UNKNOWN_PERSON = 1
    BEFORE_BIRTH = 2
    AFTER_DEATH = 4
    IN_FUTURE = 8
    END_BEFORE_START = 16
    OUTSIDE = 32
    UNSURE = 64
    """between the ends of somebody's observation periods, of which there are three or more"""


_WRONG_FROM: Final = 7
"""The bit of the first column whose value may be of the wrong type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProfile:
    """A table in numbers."""

    table: Table
    file: str
    rows: int
    people: int
    groups: pl.DataFrame
    """concept, unit, sex, flags; rows, values, lowest, highest"""
    months: pl.DataFrame
    """month (of the common era, from 0) and rows"""
    wrong: Mapping[str, int]
    """values that are not of their column's type"""
    empty: Mapping[str, int]
    """rows without a value, for every column of the file"""
    outside: int
    key: str | None = None
    repeats: int = 0
    """rows beyond the first with the same id"""

    def flagged(self, flag: Flag) -> int:
        """Return how many rows have a fault."""
        return int(self.groups.filter((pl.col("flags") & int(flag)) != 0)["rows"].sum())

    def by(self, *columns: str) -> pl.DataFrame:
        """Return rows, values and their ends for each combination of some of the groups' columns."""
        return self.groups.group_by(columns, maintain_order=True).agg(
            pl.col("rows", "values").sum(), pl.col("lowest").min(), pl.col("highest").max()
        )


def profile_table(connection: duckdb.DuckDBPyConnection, source: Source, *, today: date) -> TableProfile:
    """Return a table in numbers.

    Args:
        connection: has typed views of the tables, and `lives`.
        source: the table.
        today: what is dated later lies in the future.
    """
    columns = columns_of(connection, source.path)
    said = statistics_of(connection, source.path)
    doubtful = _doubtful(source, columns, said)
    groups, months = _groups(connection, source, doubtful, today=today)
    rows = int(groups["rows"].sum())
    wrong = {
        name: int(groups.filter((pl.col("flags") & (1 << (_WRONG_FROM + bit))) != 0)["rows"].sum())
        for bit, name in enumerate(doubtful)
    }
    outside = int(groups.filter((pl.col("flags") & int(Flag.OUTSIDE)) != 0)["rows"].sum())
    if groups.select(((pl.col("flags") & int(Flag.UNSURE)) != 0).any()).item():
        outside += _outside_in_gaps(connection, source)
    key, repeats = _repeats(connection, source, columns, said)
    people = 0
    if has_person(source.table):
        plain = _plain("person_id", columns)
        ends = _ends(said, "person_id") if plain else None
        _, people = distinct_keys(connection, source.select, "person_id", ends=ends)
    return TableProfile(
        table=source.table,
        file=source.path.name,
        rows=rows,
        people=people,
        groups=groups,
        months=months,
        wrong={name: number for name, number in wrong.items() if number},
        empty=_empty(connection, source, columns, said, rows),
        outside=outside,
        key=key,
        repeats=repeats,
    )


def columns_of(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, tuple[str, str]]:
    """Return the columns of a table's file as they are spelt there, and their types, by name in lower case."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {file_scan(path)}").fetchall()
    return {row[0].lower(): (row[0], row[1]) for row in described if row[0] != "rounds_row"}


def count_implausible(
    connection: duckdb.DuckDBPyConnection, profile: TableProfile, expected: tuple[PlausibleValues, ...]
) -> dict[tuple[str, int], tuple[int, int]]:
    """Return, by quantity and concept, how many values lie outside what is plausible, and how many there are.

    Only values in one of the quantity's own units count. The rows are looked at again only where a lowest or highest
    value of the profile lies outside.
    """
    by_unit = profile.by("concept", "unit")
    found = {}
    for one in expected:
        own = by_unit.filter(
            pl.col("concept").is_in(one.concepts) & pl.col("unit").is_in(one.units) & (pl.col("values") > 0)
        )
        for concept in own["concept"].unique().sort():
            rows = own.filter(pl.col("concept") == concept)
            outside = rows.filter((pl.col("lowest") < one.lowest) | (pl.col("highest") > one.highest))
            number = 0
            if outside.height:
                table = profile.table
                ((number,),) = connection.execute(
                    f'SELECT count(*) FROM {table.name} WHERE "{table.concept}" = ? AND list_contains(?, '
                    f'"{table.unit}") AND NOT "{table.value}" BETWEEN ? AND ?',
                    [concept, list(one.units), one.lowest, one.highest],
                ).fetchall()
            found[one.title, int(concept)] = (int(number), int(rows["values"].sum()))
    return found


def _doubtful(source: Source, columns: Mapping[str, tuple[str, str]], said: Mapping[str, Statistics]) -> list[str]:
    """Return the columns whose values may be of the wrong type.

    A whole number of the file's own never is; a date or a moment is not if the earliest and the latest are dates.
    """
    return [
        column.name
        for column in source.table.columns
        if column.name not in source.missing
        and not (column.type is ColumnType.INTEGER and _plain(column.name, columns))
        and not (
            (column.type, columns[column.name][1].upper())
            in ((ColumnType.DATE, "DATE"), (ColumnType.TIME, "TIMESTAMP"))
            and column.name in said
            and None not in (said[column.name].first, said[column.name].last)
        )
        and column.type is not ColumnType.TEXT
    ]


def _plain(column: str, columns: Mapping[str, tuple[str, str]]) -> bool:
    """Say whether a column is whole numbers in the file itself."""
    return columns[column][1].upper() in _SAFE


def _ends(said: Mapping[str, Statistics], column: str) -> tuple[int, int, int] | None:
    """Return how many values there are, the lowest and the highest, as far as the files say."""
    known = said.get(column)
    if known is None or known.lowest is None or known.highest is None:
        return None
    return known.rows - known.empty, known.lowest, known.highest


_SAFE: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


def _groups(
    connection: duckdb.DuckDBPyConnection, source: Source, doubtful: list[str], *, today: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    table = source.table
    flags = _bits({int(flag): sql for flag, sql in _conditions(table, today=today).items()})
    if table.is_event:
        # Most rows are sound, and one comparison says so; the others' faults are told apart.
        flags = f"CASE WHEN {_sound(table)} THEN 0 ELSE {flags} END"
    flags += " + " + _bits({1 << (_WRONG_FROM + bit): f't."{name} is wrong"' for bit, name in enumerate(doubtful)})
    joined = f"LEFT JOIN {LIVES} ON {LIVES}.person_id = t.person_id" if has_person(table) else ""
    grouped = {
        "concept": f't."{table.concept}"' if table.concept else "NULL::BIGINT",
        "unit": f't."{table.unit}"' if table.unit else "NULL::BIGINT",
        "sex": f"{LIVES}.sex" if joined else "NULL::BIGINT",
        "flags": f"CAST({flags} AS INTEGER)",
    }
    counted = {"rows": "count(*)", "values": "0", "lowest": "NULL::DOUBLE", "highest": "NULL::DOUBLE"}
    if table.value:
        value = f't."{table.value}"'
        counted |= {"values": f"count({value})", "lowest": f"min({value})", "highest": f"max({value})"}
    selected = ", ".join(f"{sql} AS {name}" for name, sql in (grouped | counted).items())
    groups = _frame(connection, f"SELECT {selected} FROM ({source.checked}) t {joined} GROUP BY ALL")
    # A pass of its own over one column takes less time than another grouping of every row here.
    day = f'"{table.start}"' if table.start else "NULL::DATE"
    months = _frame(
        connection,
        "SELECT year(day) * 12 + month(day) - 1 AS month, sum(rows) AS rows FROM "
        f"(SELECT {day} AS day, count(*) AS rows FROM ({source.select}) GROUP BY day) GROUP BY month",
    )
    return groups, months.sort("month")


def _frame(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    rows = connection.execute(sql).fetchnumpy()
    frame = pl.DataFrame(
        {name: pl.Series(name, np.ma.filled(found.astype(np.float64), np.nan)) for name, found in rows.items()}
    )
    return frame.fill_nan(None).with_columns(pl.exclude("lowest", "highest").cast(pl.Int64))


def _bits(conditions: Mapping[int, str]) -> str:
    return " + ".join(f"CASE WHEN {sql} THEN {bit} ELSE 0 END" for bit, sql in conditions.items()) or "0"


def _sound(table: Table) -> str:
    """Return what is true only of rows about whose dates and person nothing is wrong."""
    sound = f't."{table.start}" BETWEEN {LIVES}.sound_first AND {LIVES}.sound_last'
    return sound + (f' AND (t."{table.end}" < t."{table.start}") IS NOT TRUE' if table.end else "")


def _conditions(table: Table, *, today: date) -> dict[Flag, str]:
    if not has_person(table):
        return {}
    conditions = {Flag.UNKNOWN_PERSON: f"t.person_id IS NOT NULL AND {LIVES}.person_id IS NULL"}
    if table.start is None or table.name == PERSON.name:
        return conditions
    start, end = f't."{table.start}"', f't."{table.end}"' if table.end else None
    conditions |= {
        Flag.BEFORE_BIRTH: f"{start} < {LIVES}.birth",
        Flag.AFTER_DEATH: f"{end if table.name == OBSERVATION_PERIOD.name else start} > {LIVES}.late_from",
        Flag.IN_FUTURE: f"{start} > DATE '{today}'",
    }
    if end:
        conditions[Flag.END_BEFORE_START] = f"{end} < {start}"
    if table.name != OBSERVATION_PERIOD.name:
        person = f"{LIVES}.person_id IS NOT NULL AND {start} IS NOT NULL"
        inside = f"{start} BETWEEN {LIVES}.first AND {LIVES}.last"
        conditions[Flag.OUTSIDE] = (
            f"{person} AND (({inside}) IS NOT TRUE OR {LIVES}.gaps = 1 AND {start} BETWEEN {LIVES}.gap_first AND "
            f"{LIVES}.gap_last)"
        )
        conditions[Flag.UNSURE] = f"{LIVES}.gaps > 1 AND {inside}"
    return conditions


def _outside_in_gaps(connection: duckdb.DuckDBPyConnection, source: Source) -> int:
    start = f't."{source.table.start}"'
    ((rows,),) = connection.execute(
        f"SELECT count(*) FROM ({source.select}) t JOIN (FROM {LIVES} WHERE gaps > 1) l ON l.person_id = t.person_id "
        f"WHERE {start} BETWEEN l.first AND l.last AND NOT EXISTS (FROM observation_period o "
        f"WHERE o.person_id = t.person_id AND {start} BETWEEN o.observation_period_start_date "
        "AND o.observation_period_end_date)"
    ).fetchall()
    return int(rows)


def _repeats(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    columns: Mapping[str, tuple[str, str]],
    said: Mapping[str, Statistics],
) -> tuple[str | None, int]:
    """Return the column of the table's ids, which must differ, and how many rows do not."""
    key = source.table.key or f"{source.table.name}_id"
    if key not in columns:
        return None, 0
    if _plain(key, columns):
        name = columns[key][0]
        scan = f'SELECT "{name}" FROM {file_scan(source.path)}'
        filled, different = distinct_keys(connection, scan, name, ends=_ends(said, key))
    elif source.table.key is None or source.table.key in source.missing:
        return None, 0
    else:
        filled, different = distinct_keys(connection, source.select, key)
    return key, filled - different


def _empty(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    columns: Mapping[str, tuple[str, str]],
    said: Mapping[str, Statistics],
    rows: int,
) -> dict[str, int]:
    """Return how many rows have no value in each column: by the files' own statistics where they have them."""
    known = {name: said[name].empty for name in columns if name in said and said[name].rows == rows}
    unsaid = {name: spelt for name, (spelt, _) in columns.items() if name not in known}
    if unsaid:
        counted = ", ".join('count("' + spelt.replace('"', '""') + '")' for spelt in unsaid.values())
        (filled,) = connection.execute(f"SELECT {counted} FROM {file_scan(source.path)}").fetchall()
        known |= {name: rows - int(number) for name, number in zip(unsaid, filled, strict=True)}
    return {name: known[name] for name in columns}

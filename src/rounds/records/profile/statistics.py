# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""What Parquet files say of their own columns, which saves reading them again."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from rounds.records.table_files import file_list, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Of one column, over all files of its table. Every part of every file says what is here."""

    rows: int
    empty: int
    lowest: int | None
    """as a whole number, if it is one"""
    highest: int | None
    first: date | None
    """as a date, if it is one that Python knows"""
    last: date | None


def statistics_of(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Statistics]:
    """Return the statistics of a table's columns, by name in lower case. Those without are left out, as is CSV."""
    if any(part.suffix.lower() != ".parquet" for part in parts_of(path)):
        return {}
    least, most = "coalesce(stats_min_value, stats_min)", "coalesce(stats_max_value, stats_max)"
    known = f"stats_null_count = num_values OR {least} IS NOT NULL AND {most} IS NOT NULL"

    def ends(kind: str) -> str:
        whole = f"bool_and(stats_null_count = num_values OR TRY_CAST({least} AS {kind}) IS NOT NULL)"
        low, high = f"min(TRY_CAST({least} AS {kind}))", f"max(TRY_CAST({most} AS {kind}))"
        shown = "VARCHAR" if kind == "DATE" else kind
        return f"CASE WHEN {whole} THEN CAST({low} AS {shown}) END, CASE WHEN {whole} THEN CAST({high} AS {shown}) END"

    found = connection.execute(
        f"SELECT lower(path_in_schema), sum(num_values), sum(stats_null_count), {ends('BIGINT')}, {ends('DATE')} "
        f"FROM parquet_metadata([{file_list(path)}]) GROUP BY ALL HAVING bool_and(coalesce({known}, false))"
    ).fetchall()
    return {
        name: Statistics(
            rows=int(rows), empty=int(empty), lowest=low, highest=high, first=_date(first), last=_date(last)
        )
        for name, rows, empty, low, high, first, last in found
    }


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None

# ruff: noqa: S608  SQL is built from our own table and column names only
"""Fingerprints of a site's tables, month by month: which part of the records is other than when it was last counted.

A fingerprint is a sum of hashes of rows: the order of rows does not matter, and a row that is there twice counts twice.
A row belongs to the month it starts in. Of observation periods it is what they cover of each month, so that a day more
of observation is a change of that month and not of all the years before it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from rounds.measures.events import EventTable
from rounds.records.table_files import stamp
from rounds.records.tables import EVENT_TABLES, OBSERVATION_PERIOD, PERSON, TABLES

MonthNumber = int
"""Months since the year 0."""

_WRAP: Final = 1 << 64
_MONTH: Final = "(CAST(year({day}) AS BIGINT) * 12 + month({day}) - 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of a table that start in one month."""

    month: MonthNumber
    rows: int
    digest: int
    last: date
    """The last day that any of them reaches."""
    whose: int | None
    """The digest of the same rows and of who their people are, where it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventParts:
    """A table of events: its parts by month, and how many days after its first the last day of its longest row is."""

    parts: tuple[Part, ...]
    longest_days: int


def month_number(day: date) -> MonthNumber:
    """Return the number of a day's month.

    >>> month_number(date(1, 1, 31))
    12
    """
    return day.year * 12 + day.month - 1


def event_parts(
    connection: duckdb.DuckDBPyConnection, table: EventTable, *, whose: bool, rows: str | None = None
) -> EventParts:
    """Return the fingerprints of a table of events, or of some rows of it, in one pass over them.

    Args:
        connection: `Records.connect`'s.
        table: which the site has.
        rows: SQL of the rows, such as `Records.rows_of_files`; all of them if not said.
        whose: whether to add who the people of the rows are.
    """
    of = EVENT_TABLES[table]
    last = f"greatest({of.start}, coalesce({of.end}, {of.start}))" if of.end else str(of.start)
    row = _mixed(f"e.{column.name}" for column in of.columns)
    people = f"LEFT JOIN ({_people_sql()}) p ON p.person_id = e.person_id" if whose else ""
    of_whom = "sum(hash(row, who))" if whose else "NULL"
    hashed = f"SELECT {of.start} AS first, {last} AS last, {row} AS row{', p.who' if whose else ''}"
    found = connection.execute(
        f"SELECT {_MONTH.format(day='first')} AS month, count(*), sum(row), max(last), {of_whom}, max(last - first) "
        f"FROM ({hashed} FROM ({rows or f'FROM {table}'}) e {people}) r GROUP BY month ORDER BY month"
    ).fetchall()
    return EventParts(
        parts=tuple(
            Part(
                month=month,
                rows=number,
                digest=int(digest) % _WRAP,
                last=latest,
                whose=None if of_people is None else int(of_people) % _WRAP,
            )
            for month, number, digest, latest, of_people, _ in found
        ),
        longest_days=max((row[-1] for row in found), default=0),
    )


def together(several: Iterable[EventParts]) -> EventParts:
    """Return the fingerprints of a table from those of its parts: they are sums, so it is all one which has a row."""
    months: dict[MonthNumber, list[Part]] = defaultdict(list)
    longest = 0
    for one in several:
        longest = max(longest, one.longest_days)
        for part in one.parts:
            months[part.month].append(part)
    return EventParts(parts=tuple(_added_up(months[month]) for month in sorted(months)), longest_days=longest)


def _added_up(parts: list[Part]) -> Part:
    of_whom = [part.whose for part in parts if part.whose is not None]
    return Part(
        month=parts[0].month,
        rows=sum(part.rows for part in parts),
        digest=sum(part.digest for part in parts) % _WRAP,
        last=max(part.last for part in parts),
        whose=sum(of_whom) % _WRAP if of_whom else None,
    )


def observed_months(connection: duckdb.DuckDBPyConnection) -> dict[MonthNumber, int]:
    """Return, for every month that anybody is observed in, what of it who is observed.

    Somebody with one observation period is known by what it covers of the month. Of several of one person each is known
    by its own ends as well, for two that meet are not the same as one.
    """
    start, end = OBSERVATION_PERIOD.start, OBSERVATION_PERIOD.end
    first_month, last_month = _MONTH.format(day=start), _MONTH.format(day=end)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE observed_spans AS SELECT *, "
        # Where a month is covered to its edge, it does not matter how far beyond.
        f"CASE WHEN day({start}) > 1 THEN {start} END AS cut_start, "
        f"CASE WHEN {end} < last_day({end}) THEN {end} END AS cut_end FROM ("
        f"SELECT p.person_id, p.who, {start}, {end}, {first_month} AS first_month, {last_month} AS last_month, "
        "count(*) OVER (PARTITION BY p.person_id) AS several "
        f"FROM {OBSERVATION_PERIOD.name} o JOIN ({_people_sql()}) p ON p.person_id = o.person_id) s"
    )
    whole = _mixed(("who", start or "", end or "", "several > 1"))

    def clipped(cut_start: str, cut_end: str) -> str:
        return f"CASE WHEN several > 1 THEN {whole} ELSE {_mixed(('who', cut_start, cut_end))} END"

    none = "CAST(NULL AS DATE)"
    one_month = clipped("cut_start", "cut_end")
    at_start = f"CASE WHEN first_month = last_month THEN {one_month} ELSE {clipped('cut_start', none)} END"
    later = "CASE WHEN first_month < last_month THEN {what} ELSE 0 END"
    between, at_end = later.format(what=clipped(none, none)), later.format(what=clipped(none, "cut_end"))
    changes: dict[MonthNumber, int] = defaultdict(int)
    for month, here, then in connection.execute(
        f"SELECT first_month, sum({at_start}), sum({between}) FROM observed_spans GROUP BY first_month"
    ).fetchall():
        changes[month] += int(here)
        changes[month + 1] += int(then) - int(here)
    for month, before, here in connection.execute(
        f"SELECT last_month, sum({between}), sum({at_end}) FROM observed_spans GROUP BY last_month"
    ).fetchall():
        changes[month] += int(here) - int(before)
        changes[month + 1] -= int(here)
    connection.execute("DROP TABLE observed_spans")
    return _summed_up(changes)


def table_digest(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return the fingerprint of a whole table, whatever its rows' dates."""
    row = _mixed(column.name for column in TABLES[name].columns)
    ((number, digest),) = connection.execute(f"SELECT count(*), coalesce(sum({row}), 0) FROM {name}").fetchall()
    return f"{number}:{int(digest) % _WRAP}"


def files_seen(files: Iterable[Path]) -> str:
    """Return a digest that is another one whenever one of some files was written since.

    It looks at no content: at names, sizes, places on the disk and the moments the disk itself noted.
    """
    seen = sorted((str(file), file.stat().st_size, *stamp(file)) for file in files)
    return hashlib.sha256(repr((duckdb.__version__, seen)).encode()).hexdigest()


def _summed_up(changes: Mapping[MonthNumber, int]) -> dict[MonthNumber, int]:
    months: dict[MonthNumber, int] = {}
    total = 0
    for month in range(min(changes, default=0), max(changes, default=0)):
        total = (total + changes.get(month, 0)) % _WRAP
        months[month] = total
    return months


def _people_sql() -> str:
    """Return SQL for everything that is known of who somebody is."""
    return f"SELECT person_id, {_mixed(column.name for column in PERSON.columns)} AS who FROM {PERSON.name}"


def _mixed(columns: Iterable[str]) -> str:
    # Hashed twice: DuckDB joins the hashes of columns bit by bit, and sums of such could cancel out.
    return f"hash(hash({', '.join(columns)}))"

"""Keys of remembered counts: the same key, the same count."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb

import rounds
from rounds.engines.asked import Asked, records_question
from rounds.engines.groups import groupings_asked, tables_needed
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Period
from rounds.measures.questions import PersonTime, Rows
from rounds.measures.reach import Reach, RowsReach, grouping_reach, reach
from rounds.measures.traits import Marked, Result
from rounds.records.fingerprints import (
    EventParts,
    Part,
    event_parts,
    files_seen,
    month_number,
    observed_months,
    table_digest,
    together,
)
from rounds.records.omop import Records
from rounds.records.table_files import parts_of, seen
from rounds.records.tables import OBSERVATION_PERIOD, PERSON, TABLES
from rounds.storage.facts import NoEvent, write_unlogged

_COUNTING = ("engines", "measures", "records", "site", "storage")
"""The rooms that decide what a measure's count is, and how it is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """Digests of consecutive parts of a table, so that any stretch of months has one in no time."""

    numbers: tuple[int, ...]
    summed: tuple[int, ...]
    """The digests of the parts before each, added up; one more than there are parts."""
    reached: tuple[int, ...]
    """The last day that a part or one before it reaches, as a number."""

    def starting(self, first: date, last: date) -> int:
        """Return a digest of the parts whose rows may start between two days."""
        low, high = bisect_left(self.numbers, month_number(first)), bisect_right(self.numbers, month_number(last))
        return self.summed[high] - self.summed[low] if low < high else 0

    def touching(self, first: date, last: date) -> int:
        """Return a digest of the parts that have every row that lies on a day between two."""
        low = bisect_left(self.reached, first.toordinal())
        high = bisect_right(self.numbers, month_number(last))
        return self.summed[high] - self.summed[low] if low < high else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """Everything about a site's records that may decide a count."""

    files: str
    """Of all files of the records, by what the disk says of them."""
    whole: str
    """Of the vocabulary and of everything else that has no date, of the columns there are, and of the program."""
    rows: Mapping[tuple[EventTable, bool], Months]
    """By table, and whether who the people are is in it."""
    longest: Mapping[EventTable, int]
    observed: Months


def read_fingerprints(measures: Sequence[Measure], records: Records, *, folder: Path, keep: bool) -> Fingerprints:
    """Return the fingerprints of the tables that some measures read; of files seen before they are remembered.

    Args:
        measures: some that are counted from records.
        records: the site's.
        folder: where fingerprints are remembered.
        keep: whether to remember those that were taken now.

    Raises:
        RecordsError: if the records can no longer be read.
    """
    files = _files(records)
    questions = [records_question(measure) for measure in measures]
    read = {table for question in questions for table in question.tables if records.has(table)}
    grouped = tables_needed(tuple(measures))
    read |= {table for table in EventTable if table in grouped and records.has(table)}
    whose = {
        table for one in questions if isinstance(one.unit, Rows) for table, _ in one.unit.events.reads if table in read
    }
    taken = _Taken(records, folder / "fingerprints.json")
    with records.connect() as connection:
        parts = {
            (table, of_whom): taken.parts(connection, table, whose=of_whom)
            for table in sorted(read)
            for of_whom in (False, True)
            if not of_whom or table in whose
        }
        observed = taken.observed(connection)
        whole = [taken.whole(connection, name) for name in _without_date(records)]
    if keep:
        taken.write()
    missing = sorted((source.table.name, source.missing) for source in records.sources)
    return Fingerprints(
        files=files,
        whole=_digest([whole, missing, _program(), records.without_whom]),
        rows={of: _months(_part_digests(found, whose=of[1])) for of, found in parts.items()},
        longest={table: found.longest_days for (table, of_whom), found in parts.items() if not of_whom},
        observed=_months((month, digest, date.min) for month, digest in sorted(observed.items())),
    )


def unchanged(seen: Fingerprints, records: Records) -> bool:
    """Say whether no file was written since the fingerprints were taken."""
    return seen.files == _files(records)


def keys_of(asked: Asked, seen: Fingerprints, *, member: str) -> dict[Period, str]:
    """Return for each period what its count depends on, as one digest."""
    question = records_question(asked.measure)
    groupings = [grouping for _, grouping in groupings_asked(asked.measure)]
    # Which of its places belong to which level a site may say itself, so the digest of a measure does not know it.
    listed = [grouping.values for grouping in groupings]
    # Cohorts look at columns and tables that no other question does: any file that was written since may matter.
    # Who the people are that had nights in visits is not fingerprinted by the month.
    # Details and words may tell rows apart that are otherwise alike; then their order in the file decides.
    told_apart = any(isinstance(one, Marked | Result) for one in question.criteria)
    any_file = bool(question.cohorts) or isinstance(question.unit, PersonTime) or told_apart
    of_all = [asked.measure.digest, member, seen.whole, listed, seen.files if any_file else None]
    keys = {}
    for period in asked.periods:
        found = _reach(asked.measure, period, seen)
        rows = [[*_told(one), _rows_digest(one, seen)] for one in sorted(found.rows)]
        observed = [
            [first.isoformat(), last.isoformat(), seen.observed.starting(first, last)]
            for first, last in sorted(found.observed)
        ]
        keys[period] = _digest([of_all, period.start.isoformat(), period.end.isoformat(), rows, observed])
    return keys


def needed_days(wanted: Sequence[Asked], seen: Fingerprints) -> dict[str, tuple[date, date]]:
    """Return, by table, between which days the rows lie that some counts depend on; a table that is not there, on all.

    Every row of a table is needed where a cohort may look at it.
    """
    days: dict[str, tuple[date, date]] = {}
    if any(records_question(one.measure).cohorts for one in wanted):
        return days
    for one in wanted:
        for period in one.periods:
            for row in _reach(one.measure, period, seen).rows:
                first, last = days.get(row.table, (row.first, row.last))
                days[row.table.value] = (min(first, row.first), max(last, row.last))
    return {table: found for table, found in days.items() if found != (date.min, date.max)}


def _reach(measure: Measure, period: Period, seen: Fingerprints) -> Reach:
    found = reach(records_question(measure), period, longest=seen.longest)
    of_levels = {one for _, grouping in groupings_asked(measure) for one in grouping_reach(grouping)}
    return replace(found, rows=found.rows | of_levels)


def _rows_digest(asked: RowsReach, seen: Fingerprints) -> int | None:
    months = seen.rows.get((asked.table, asked.whose))
    if months is None:
        return None  # the site has no such table, and the engine says so
    return (months.starting if asked.starting else months.touching)(asked.first, asked.last)


def _told(asked: RowsReach) -> tuple[str, str, str, bool, bool]:
    return asked.table, asked.first.isoformat(), asked.last.isoformat(), asked.starting, asked.whose


def _files(records: Records) -> str:
    files = (file for path in records.folder.iterdir() for file in parts_of(path))
    seen = files_seen(file for file in files if file.suffix.lower() in (".parquet", ".csv"))
    return _digest([seen, records.as_of.year])


def _without_date(records: Records) -> list[str]:
    dated = {PERSON.name, OBSERVATION_PERIOD.name, *(table.value for table in EventTable)}
    return sorted(name for name in TABLES if name not in dated and records.has(name))


def _part_digests(found: EventParts, *, whose: bool) -> Iterable[tuple[int, int, date]]:
    for part in found.parts:
        digest = part.whose if whose else part.digest
        yield part.month, _number([part.rows, digest, part.last.isoformat()]), part.last


def _months(parts: Iterable[tuple[int, int, date]]) -> Months:
    found = list(parts)
    return Months(
        numbers=tuple(month for month, _, _ in found),
        summed=tuple(accumulate((_number([month, digest]) for month, digest, _ in found), initial=0)),
        reached=tuple(accumulate((last.toordinal() for _, _, last in found), max)),
    )


def _number(of: object) -> int:
    return int(_digest(of)[:32], 16)


def _digest(of: object) -> str:
    return hashlib.sha256(json.dumps(of, separators=(",", ":")).encode()).hexdigest()


@cache
def _program() -> str:
    """Return a digest of the program that counts: another version counts anew."""
    home = Path(rounds.__file__).parent
    digest = hashlib.sha256(duckdb.__version__.encode())
    for file in sorted(file for room in _COUNTING for file in (home / room).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


class _Taken:
    """Fingerprints taken before, by the files they were taken of."""

    def __init__(self, records: Records, path: Path) -> None:
        self.records, self.path = records, path
        self.sources = {source.table.name: source for source in records.sources}
        self.before = _read(path)
        self.now: dict[str, list[Any]] = {}

    def parts(self, connection: duckdb.DuckDBPyConnection, table: EventTable, *, whose: bool) -> EventParts:
        """Return the fingerprints of a table. Only files that were not read before are read."""
        what = f"{table} of whom" if whose else table.value
        besides = self._known_as((PERSON.name,) if whose else ())
        files = [_digest([besides, seen(part)]) for part in parts_of(self.sources[table.value].path)]
        left = Counter(files)
        groups: list[Any] = []
        for read, told in self._read_together(what):
            if Counter(read) <= left:
                left -= Counter(read)
                groups.append([read, told])
        new = []
        for place, file in enumerate(files):
            if left[file]:
                left[file] -= 1
                new.append(place)
        if new:
            rows = self.records.rows_of_files(table.value, new) if groups else None
            found = event_parts(connection, table, whose=whose, rows=rows)
            groups.append([[files[place] for place in new], _as_json(found)])
        self.now[what] = groups
        return together(_parts_of_json(told) for _, told in groups)

    def _read_together(self, what: str) -> list[Any]:
        """Return which files of a table were read in one pass, and the fingerprints of their rows."""
        found = self.before.get(what, [])
        return found if all(isinstance(one, list) for one in found) else []

    def observed(self, connection: duckdb.DuckDBPyConnection) -> dict[int, int]:
        name = OBSERVATION_PERIOD.name
        told = self._remembered(name, (name, PERSON.name), lambda: sorted(observed_months(connection).items()))
        return dict(told)

    def whole(self, connection: duckdb.DuckDBPyConnection, name: str) -> Any:
        return [name, self._remembered(name, (name,), lambda: table_digest(connection, name))]

    def write(self) -> None:
        if self.now != {name: self.before.get(name) for name in self.now}:
            write_unlogged(self.path, json.dumps(self.before | self.now).encode(), because=NoEvent.CACHE)

    def _remembered(self, what: str, names: tuple[str, ...], take: Callable[[], Any]) -> Any:
        files = self._known_as(names)
        found = self.before.get(what)
        if found is None or found[0] != files:
            found = [files, take()]
        self.now[what] = found
        return found[1]

    def _known_as(self, tables: Iterable[str]) -> str:
        """Return what the files of some tables are known by, wherever they lie, with all else that decides."""
        parts = (part for name in tables if name in self.sources for part in parts_of(self.sources[name].path))
        # Who is in `person` depends on the year that the round looks back from.
        decides = [self.records.as_of.year, _program(), self.records.without_whom]
        return _digest([decides, [seen(part) for part in parts]])


def _as_json(found: EventParts) -> dict[str, Any]:
    parts = [[one.month, one.rows, one.digest, one.last.isoformat(), one.whose] for one in found.parts]
    return {"longest": found.longest_days, "parts": parts}


def _parts_of_json(told: Mapping[str, Any]) -> EventParts:
    parts = [
        Part(month=month, rows=rows, digest=digest, last=date.fromisoformat(last), whose=of_whom)
        for month, rows, digest, last, of_whom in told["parts"]
    ]
    return EventParts(parts=tuple(parts), longest_days=told["longest"])


def _read(path: Path) -> dict[str, list[Any]]:
    """Return what was remembered; nothing where it cannot be read, for it can be taken again."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}

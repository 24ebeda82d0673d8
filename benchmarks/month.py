"""Holds the last month of some records back, so that it can come as months do: as files of its own."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from rounds.records.omop import Records
from rounds.records.table_files import parts_of
from rounds.records.tables import EVENT_TABLES, OBSERVATION_PERIOD, PERSON

_START, _END = str(OBSERVATION_PERIOD.start), str(OBSERVATION_PERIOD.end)


def hold_back(records: Records, month: date, *, before: Path, later: Path, everybody: bool = False) -> int:
    """Write records as they were before a month, and apart from them the files that the month adds or replaces.

    A month adds a file of rows to every table of events, and one of those who are new to `person`. It replaces all of
    `observation_period`, for everybody is observed longer.

    Args:
        records: in Parquet.
        month: its first day; nothing may be later than the month.
        before: where to write the records as they were, tables of events as folders.
        later: where to write what the month brings, under the same names.
        everybody: whether the month brings all of `person` again instead.

    Returns:
        How many rows of events the month has.
    """
    started = {str(of.name): str(of.start) for of in EVENT_TABLES.values()}
    newcomers, rows = _newcomers(records, month), 0
    for source in records.sources:
        name, found = str(source.table.name), []
        for path in parts_of(source.path):
            frame, within = pl.read_parquet(path, hive_partitioning=False), path.relative_to(records.folder)
            if name in started:
                within = Path(name) / path.name
                found.append(frame.filter(pl.col(started[name]) >= month))
                frame = frame.filter(pl.col(started[name]) < month)
            elif name == PERSON.name and not everybody:
                within = Path(name) / path.name
                found.append(frame.filter(_among(newcomers)))
                frame = frame.filter(~_among(newcomers))
            elif name in (PERSON.name, OBSERVATION_PERIOD.name):
                _write(frame, later / within)
                frame = _as_it_was(frame, month, newcomers)
            _write(frame, before / within)
        if found:
            of_month = pl.concat(found)
            rows += len(of_month) if name in started else 0
            _write(of_month, later / name / f"{month:%Y-%m}.parquet")
    return rows


def bring(later: Path, records: Path) -> None:
    """Put what was held back where it belongs."""
    for path in sorted(later.rglob("*.parquet")):
        path.replace(records / path.relative_to(later))


def _newcomers(records: Records, month: date) -> pl.Series:
    """Return who was not observed before a month."""
    (source,) = (source for source in records.sources if source.table.name == OBSERVATION_PERIOD.name)
    observed = pl.scan_parquet(list(parts_of(source.path)), hive_partitioning=False)
    first = observed.group_by("person_id").agg(pl.col(_START).min())
    return first.filter(pl.col(_START) >= month).select("person_id").collect().to_series()


def _as_it_was(frame: pl.DataFrame, month: date, newcomers: pl.Series) -> pl.DataFrame:
    known = frame.filter(~_among(newcomers))
    if _START not in frame.columns:
        return known
    until = month - timedelta(days=1)
    return known.filter(pl.col(_START) < month).with_columns(pl.min_horizontal(_END, pl.lit(until)).alias(_END))


def _among(people: pl.Series) -> pl.Expr:
    return pl.col("person_id").is_in(people.implode())


def _write(frame: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)

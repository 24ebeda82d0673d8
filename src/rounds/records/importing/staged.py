# ruff: noqa: S608  SQL is built from our own column names and queries only
"""The form between a source and OMOP: people, places, visits and events with the source's own ids and codes.

Every source is brought into these tables first; what follows (ids, concepts, links, outcomes) is the same for all.
A row with a `reason` is not imported, and counted under it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rounds.records.importing.session import Session
from rounds.records.importing.sql import pattern

PERSON: Final = (
    "id VARCHAR, version UBIGINT, updated VARCHAR, reason VARCHAR, gender_concept_id BIGINT, gender_source VARCHAR, "
    "year BIGINT, month BIGINT, day BIGINT, race_codes VARCHAR, ethnicity_codes VARCHAR, place VARCHAR, zip VARCHAR, "
    "city VARCHAR, state VARCHAR, death_date DATE, death_time TIMESTAMP, finding VARCHAR"
)
PLACE: Final = "id VARCHAR, kind VARCHAR, name VARCHAR, type_source VARCHAR, reason VARCHAR"
VISIT: Final = (
    "id VARCHAR, version UBIGINT, updated VARCHAR, reason VARCHAR, patient VARCHAR, class_concept_id BIGINT, "
    "class_source VARCHAR, type_codes VARCHAR, start_date DATE, start_time TIMESTAMP, end_date DATE, "
    "end_time TIMESTAMP, going_on BOOLEAN, place VARCHAR, admitted_codes VARCHAR, discharged_codes VARCHAR"
)
STAY: Final = "visit VARCHAR, part BIGINT, place VARCHAR, start_time TIMESTAMP, end_time TIMESTAMP"
DIAGNOSIS: Final = "visit VARCHAR, condition VARCHAR, use VARCHAR, rank BIGINT"
EVENT: Final = (
    "id VARCHAR, version UBIGINT, updated VARCHAR, part BIGINT, reason VARCHAR, usual_table VARCHAR, patient VARCHAR, "
    "visit VARCHAR, codes VARCHAR, type_concept_id BIGINT, start_date DATE, start_time TIMESTAMP, end_date DATE, "
    "end_time TIMESTAMP, number DOUBLE, comparator VARCHAR, unit VARCHAR, value_codes VARCHAR, value_text VARCHAR, "
    "range_low DOUBLE, range_high DOUBLE, status_concept_id BIGINT, quantity DOUBLE, days_supply BIGINT, "
    "refills BIGINT, sig VARCHAR, lot VARCHAR, route_codes VARCHAR, medication VARCHAR, qualifier_codes VARCHAR"
)
SEPARATOR: Final = "\x1f"
"""Between the codings of one thing; each is "system|code"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedTable:
    """One staged table: a kind of thing, from one kind of source."""

    origin: str
    """the resource or file, for the report"""
    kind: str
    """person, place, visit, stay, diagnosis or event"""
    path: Path
    absent: tuple[str, ...]
    """columns that this source never fills, with their types; they are not in the file"""

    @property
    def sql(self) -> str:
        scan = f"read_parquet({pattern(self.path)})"
        return f"(SELECT *, {', '.join(self.absent)} FROM {scan})" if self.absent else scan


_COLUMNS: Final = {
    "person": PERSON,
    "place": PLACE,
    "visit": VISIT,
    "stay": STAY,
    "diagnosis": DIAGNOSIS,
    "event": EVENT,
}


def columns_of(kind: str) -> list[str]:
    """Return the names of a kind's columns."""
    return [column.split()[0] for column in _COLUMNS[kind].split(", ")]


def stage(
    session: Session, *, origin: str, kind: str, select: str, title: str, beside: tuple[str, ...] = ()
) -> StagedTable:
    """Write one staged table. Columns the query does not give are empty.

    Args:
        session: the import.
        origin: the resource or file.
        kind: see `StagedTable.kind`.
        select: SQL whose columns are named as those of the kind.
        title: for the progress bar.
        beside: columns of the query that are no columns of the kind; they are kept for who stages more out of them.
    """
    described = {str(row[0]) for row in session.query(f"DESCRIBE {select}")}
    declared = [tuple(column.split()) for column in _COLUMNS[kind].split(", ")]
    unknown = described - {name for name, _ in declared} - set(beside)
    if unknown:
        raise ValueError(f"staged {kind} has no columns {sorted(unknown)}")
    listed = [f"CAST({name} AS {sql_type}) AS {name}" for name, sql_type in declared if name in described]
    absent = tuple(f"NULL::{sql_type} AS {name}" for name, sql_type in declared if name not in described)
    columns = ", ".join([*listed, *(f'"{name}"' for name in beside)])
    number = sum(1 for _ in session.scratch.glob("staged-*.parquet"))
    path = session.scratch / f"staged-{number:03d}-{kind}.parquet"
    session.write(f"SELECT {columns} FROM ({select})", path, title=title, for_now=True)
    return StagedTable(origin=origin, kind=kind, path=path, absent=absent)

# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""The OMOP tables and columns that Rounds uses, and how a file's own types become ours without losing anything."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from rounds.measures.definitions import EventTable


class ColumnType(StrEnum):
    """The types a column may have once it is read."""

    INTEGER = "BIGINT"
    DATE = "DATE"
    TEXT = "VARCHAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What Rounds reads of one table. None of its columns may be empty."""

    name: str
    columns: tuple[tuple[str, ColumnType], ...]
    key: str | None = None
    """The column whose values come only once."""
    concept: str | None = None
    start: str | None = None
    end: str | None = None

    @property
    def is_event(self) -> bool:
        return self.name in set(EventTable)


def _event(name: EventTable, concept: str, start: str) -> Table:
    columns = (("person_id", ColumnType.INTEGER), (concept, ColumnType.INTEGER), (start, ColumnType.DATE))
    return Table(name=name.value, columns=columns, concept=concept, start=start)


PERSON: Final = Table(
    name="person",
    columns=tuple((name, ColumnType.INTEGER) for name in ("person_id", "gender_concept_id", "year_of_birth")),
    key="person_id",
)

OBSERVATION_PERIOD: Final = Table(
    name="observation_period",
    columns=(
        ("person_id", ColumnType.INTEGER),
        ("observation_period_start_date", ColumnType.DATE),
        ("observation_period_end_date", ColumnType.DATE),
    ),
    start="observation_period_start_date",
    end="observation_period_end_date",
)

VISIT_OCCURRENCE: Final = Table(
    name=EventTable.VISIT_OCCURRENCE.value,
    columns=(
        ("visit_occurrence_id", ColumnType.INTEGER),
        ("person_id", ColumnType.INTEGER),
        ("visit_concept_id", ColumnType.INTEGER),
        ("visit_start_date", ColumnType.DATE),
        ("visit_end_date", ColumnType.DATE),
    ),
    key="visit_occurrence_id",
    concept="visit_concept_id",
    start="visit_start_date",
    end="visit_end_date",
)

EVENT_TABLES: Final[dict[EventTable, Table]] = {
    EventTable.CONDITION_OCCURRENCE: _event(
        EventTable.CONDITION_OCCURRENCE, "condition_concept_id", "condition_start_date"
    ),
    EventTable.CONDITION_ERA: _event(EventTable.CONDITION_ERA, "condition_concept_id", "condition_era_start_date"),
    EventTable.DRUG_EXPOSURE: _event(EventTable.DRUG_EXPOSURE, "drug_concept_id", "drug_exposure_start_date"),
    EventTable.DRUG_ERA: _event(EventTable.DRUG_ERA, "drug_concept_id", "drug_era_start_date"),
    EventTable.PROCEDURE_OCCURRENCE: _event(EventTable.PROCEDURE_OCCURRENCE, "procedure_concept_id", "procedure_date"),
    EventTable.MEASUREMENT: _event(EventTable.MEASUREMENT, "measurement_concept_id", "measurement_date"),
    EventTable.OBSERVATION: _event(EventTable.OBSERVATION, "observation_concept_id", "observation_date"),
    EventTable.VISIT_OCCURRENCE: VISIT_OCCURRENCE,
    EventTable.DEATH: Table(
        name=EventTable.DEATH.value,
        columns=(("person_id", ColumnType.INTEGER), ("death_date", ColumnType.DATE)),
        start="death_date",
    ),
}

CONCEPT: Final = Table(
    name="concept", columns=(("concept_id", ColumnType.INTEGER), ("concept_name", ColumnType.TEXT)), key="concept_id"
)

CONCEPT_ANCESTOR: Final = Table(
    name="concept_ancestor",
    columns=(("ancestor_concept_id", ColumnType.INTEGER), ("descendant_concept_id", ColumnType.INTEGER)),
)

TABLES: Final[dict[str, Table]] = {
    table.name: table for table in (PERSON, OBSERVATION_PERIOD, *EVENT_TABLES.values(), CONCEPT, CONCEPT_ANCESTOR)
}

REQUIRED: Final = (PERSON.name, OBSERVATION_PERIOD.name)

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_WIDE_INTEGERS = {"UBIGINT", "HUGEINT", "UHUGEINT"}
_TIMES = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""The largest whole number that the type holds without rounding."""


def file_scan(path: Path) -> str:
    """Return SQL that reads a Parquet or CSV file with every column and its 1-based data row, `rounds_row`."""
    # Brackets keep DuckDB from taking a star in a folder's name for a pattern.
    literal = re.sub(r"([*?\[])", r"[\1]", str(path)).replace("'", "''")
    if path.suffix.lower() == ".parquet":
        scan = f"read_parquet('{literal}', file_row_number = true, hive_partitioning = false)"
        return f"(SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS rounds_row FROM {scan})"
    scan = f"read_csv('{literal}', header = true, all_varchar = true, delim = ',', hive_partitioning = false)"
    return f"(SELECT *, row_number() OVER () AS rounds_row FROM {scan})"


def lossless_cast(column: str, source_type: str, target: ColumnType) -> str | None:
    """Return SQL for a column in our type, empty where that would lose something; nothing if the type cannot become it.

    Dates may be ISO text or midnights; whole numbers may be text or floating point. Text is taken as it is.
    """
    name = f'"{column}"'
    kind = source_type.upper()
    match target:
        case ColumnType.TEXT:
            return name if kind == "VARCHAR" else None
        case ColumnType.INTEGER:
            return _to_integer(name, kind)
        case ColumnType.DATE:
            return _to_date(name, kind)


def _to_integer(name: str, kind: str) -> str | None:
    if kind in _INTEGERS:
        return f"CAST({name} AS BIGINT)"
    if kind in _WIDE_INTEGERS:
        return f"TRY_CAST({name} AS BIGINT)"
    if kind in _EXACT:
        whole = f"isfinite({name}) AND {name} = trunc({name}) AND abs({name}) <= {_EXACT[kind]}"
        return f"CASE WHEN {whole} THEN TRY_CAST({name} AS BIGINT) END"
    if kind.startswith("DECIMAL"):
        return f"CASE WHEN {name} = trunc({name}) THEN TRY_CAST({name} AS BIGINT) END"
    if kind == "VARCHAR":
        whole = rf"regexp_full_match({name}, '-?[0-9]{{1,18}}(\.0+)?')"
        return f"CASE WHEN {whole} THEN TRY_CAST(split_part({name}, '.', 1) AS BIGINT) END"
    return None


def _to_date(name: str, kind: str) -> str | None:
    if kind == "DATE":
        day, allowed = name, f"isfinite({name})"
    elif kind in _TIMES:
        day, allowed = f"CAST({name} AS DATE)", f"isfinite({name}) AND {name} = date_trunc('day', {name})"
    elif kind == "VARCHAR":
        iso = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00(\.0+)?)?)?"
        day, allowed = f"TRY_CAST(left({name}, 10) AS DATE)", f"regexp_full_match({name}, '{iso}')"
    else:
        return None
    # Python knows the years 1 to 9999; a date outside them is a mistake in any case.
    return f"CASE WHEN {allowed} AND year({day}) BETWEEN 1 AND 9999 THEN {day} END"

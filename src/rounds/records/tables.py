# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""The OMOP tables and columns that Rounds uses, and how a file's own types become ours without losing anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from rounds.measures.events import Detail, EventTable


class ColumnType(StrEnum):
    """The types a column may have once it is read."""

    INTEGER = "BIGINT"
    NUMBER = "DOUBLE"
    DATE = "DATE"
    TIME = "TIMESTAMP"
    TEXT = "VARCHAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that Rounds reads. One that is not `required` may be empty, or missing altogether."""

    name: str
    type: ColumnType
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What Rounds reads of one table, and which columns say what of a row that is an event."""

    name: str
    columns: tuple[Column, ...]
    key: str | None = None
    """The column whose values come only once."""
    concept: str | None = None
    start: str | None = None
    end: str | None = None
    time: str | None = None
    """When on its first day it happened."""
    value: str | None = None
    unit: str | None = None
    answer: str | None = None
    visit: str | None = None
    words: str | None = None
    """Where a result in words stands."""
    details: Mapping[Detail, str] = field(default_factory=dict)
    stay: str | None = None
    """Names the stay in a unit, a row of visit_detail, during which it happened."""

    @property
    def is_event(self) -> bool:
        return self.name in set(EventTable)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _integers(*names: str, required: bool = True) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=ColumnType.INTEGER, required=required) for name in names)


def _dates(*names: str, required: bool = True) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=ColumnType.DATE, required=required) for name in names)


_VISIT: Final = "visit_occurrence_id"
_SITE: Final = "care_site_id"
_STAY: Final = "visit_detail_id"


def _event(  # noqa: PLR0913  what a row may have
    name: EventTable,
    *,
    concept: str,
    start: str,
    end: str | None = None,
    end_required: bool = False,
    time: str | None = None,
    values: bool = False,
    visit: str | None = _VISIT,
    words: str | None = None,
    details: Mapping[Detail, str] | None = None,
) -> Table:
    value, unit, answer = ("value_as_number", "unit_concept_id", "value_as_concept_id") if values else (None,) * 3
    details = details or {}
    of_values = (Column(name=value, type=ColumnType.NUMBER, required=False),) if value else ()
    stay = _STAY if visit else None
    optional = [column for column in (visit, stay, unit, answer) if column]
    return Table(
        name=name.value,
        columns=(
            *_integers("person_id", concept),
            *_dates(start),
            *(_dates(end, required=end_required) if end else ()),
            *_integers(*optional, required=False),
            *of_values,
            *((Column(name=time, type=ColumnType.TIME, required=False),) if time else ()),
            *((Column(name=words, type=ColumnType.TEXT, required=False),) if words else ()),
            *_integers(*details.values(), required=False),
            *(_integers(_SITE, required=False) if name is EventTable.VISIT_DETAIL else ()),
        ),
        concept=concept,
        start=start,
        end=end,
        time=time,
        value=value,
        unit=unit,
        answer=answer,
        visit=visit,
        words=words,
        details=details,
        stay=stay,
    )


PERSON: Final = Table(
    name="person",
    columns=(
        *_integers("person_id", "gender_concept_id", "year_of_birth"),
        *_integers("month_of_birth", "day_of_birth", required=False),
        *_integers(
            "race_concept_id",
            "race_source_concept_id",
            "ethnicity_concept_id",
            "ethnicity_source_concept_id",
            "location_id",
            "care_site_id",
            required=False,
        ),
    ),
    key="person_id",
)

OBSERVATION_PERIOD: Final = Table(
    name="observation_period",
    columns=(
        *_integers("person_id"),
        *_dates("observation_period_start_date", "observation_period_end_date"),
    ),
    start="observation_period_start_date",
    end="observation_period_end_date",
)

_OF_VISITS: Final = {
    Detail.TYPE: "visit_type_concept_id",
    Detail.ADMITTED_FROM: "admitted_from_concept_id",
    Detail.DISCHARGED_TO: "discharged_to_concept_id",
}

VISIT_OCCURRENCE: Final = Table(
    name=EventTable.VISIT_OCCURRENCE.value,
    columns=(
        *_integers(_VISIT, "person_id", "visit_concept_id"),
        *_dates("visit_start_date", "visit_end_date"),
        Column(name="visit_start_datetime", type=ColumnType.TIME, required=False),
        *_integers(*_OF_VISITS.values(), required=False),
        *_integers("care_site_id", required=False),
    ),
    key=_VISIT,
    concept="visit_concept_id",
    start="visit_start_date",
    end="visit_end_date",
    time="visit_start_datetime",
    visit=_VISIT,
    details=_OF_VISITS,
)

_EVENTS: Final = (
    _event(
        EventTable.CONDITION_OCCURRENCE,
        concept="condition_concept_id",
        start="condition_start_date",
        end="condition_end_date",
        details={Detail.TYPE: "condition_type_concept_id", Detail.STATUS: "condition_status_concept_id"},
    ),
    _event(
        EventTable.CONDITION_ERA,
        concept="condition_concept_id",
        start="condition_era_start_date",
        end="condition_era_end_date",
        visit=None,
    ),
    _event(
        EventTable.DRUG_EXPOSURE,
        concept="drug_concept_id",
        start="drug_exposure_start_date",
        end="drug_exposure_end_date",
        details={Detail.TYPE: "drug_type_concept_id"},
    ),
    _event(
        EventTable.DRUG_ERA,
        concept="drug_concept_id",
        start="drug_era_start_date",
        end="drug_era_end_date",
        visit=None,
    ),
    _event(
        EventTable.PROCEDURE_OCCURRENCE,
        concept="procedure_concept_id",
        start="procedure_date",
        end="procedure_end_date",
        details={Detail.TYPE: "procedure_type_concept_id"},
    ),
    _event(
        EventTable.DEVICE_EXPOSURE,
        concept="device_concept_id",
        start="device_exposure_start_date",
        end="device_exposure_end_date",
        details={Detail.TYPE: "device_type_concept_id"},
    ),
    _event(
        EventTable.MEASUREMENT,
        concept="measurement_concept_id",
        start="measurement_date",
        end="measurement_end_date",
        time="measurement_datetime",
        values=True,
        words="value_source_value",
        details={Detail.TYPE: "measurement_type_concept_id"},
    ),
    _event(
        EventTable.OBSERVATION,
        concept="observation_concept_id",
        start="observation_date",
        end="observation_end_date",
        time="observation_datetime",
        values=True,
        words="value_as_string",
        details={Detail.TYPE: "observation_type_concept_id", Detail.QUALIFIER: "qualifier_concept_id"},
    ),
    VISIT_OCCURRENCE,
    _event(
        EventTable.VISIT_DETAIL,
        concept="visit_detail_concept_id",
        start="visit_detail_start_date",
        end="visit_detail_end_date",
        end_required=True,
        time="visit_detail_start_datetime",
        details={
            Detail.TYPE: "visit_detail_type_concept_id",
            Detail.ADMITTED_FROM: "admitted_from_concept_id",
            Detail.DISCHARGED_TO: "discharged_to_concept_id",
        },
    ),
    Table(
        name=EventTable.DEATH.value,
        columns=(
            *_integers("person_id"),
            *_dates("death_date"),
            *_integers("death_type_concept_id", required=False),
        ),
        start="death_date",
        details={Detail.TYPE: "death_type_concept_id"},
    ),
)

EVENT_TABLES: Final[dict[EventTable, Table]] = {EventTable(table.name): table for table in _EVENTS}

LOCATION: Final = Table(
    name="location",
    columns=(
        *_integers("location_id"),
        *(
            Column(name=name, type=ColumnType.TEXT, required=False)
            for name in ("location_source_value", "zip", "county", "state")
        ),
    ),
    key="location_id",
)

CARE_SITE: Final = Table(
    name="care_site",
    columns=(
        *_integers("care_site_id"),
        *(
            Column(name=name, type=ColumnType.TEXT, required=False)
            for name in ("care_site_source_value", "care_site_name")
        ),
    ),
    key="care_site_id",
)

CONCEPT: Final = Table(
    name="concept",
    columns=(*_integers("concept_id"), Column(name="concept_name", type=ColumnType.TEXT)),
    key="concept_id",
)

CONCEPT_ANCESTOR: Final = Table(
    name="concept_ancestor",
    columns=_integers("ancestor_concept_id", "descendant_concept_id"),
)

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (PERSON, OBSERVATION_PERIOD, *EVENT_TABLES.values(), LOCATION, CARE_SITE, CONCEPT, CONCEPT_ANCESTOR)
}

REQUIRED: Final = (PERSON.name, OBSERVATION_PERIOD.name)

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_WIDE_INTEGERS = {"UBIGINT", "HUGEINT", "UHUGEINT"}
_TIMES = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""The largest whole number that the type holds without rounding."""

_PART_BITS: Final = 40
"""A row is numbered by its file's place in the folder and, in so many bits, its place in the file."""


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a table in their order: the one file it is, or those that lie in its folder."""
    if not path.is_dir():
        return (path,)
    return tuple(sorted(part for part in path.iterdir() if part.suffix.lower() == ".parquet"))


def file_scan(path: Path) -> str:
    """Return SQL that reads a table with every column and `rounds_row`, the data row from 1 that `place_of` explains.

    Args:
        path: a Parquet or CSV file, or a folder of Parquet files with the same columns.
    """
    literals = file_list(path)
    if path.is_dir() or path.suffix.lower() == ".parquet":
        scan = f"read_parquet([{literals}], file_row_number = true, hive_partitioning = false)"
        row = f"(CAST(file_index AS BIGINT) << {_PART_BITS}) + file_row_number + 1"
        return f"(SELECT * EXCLUDE (file_row_number), {row} AS rounds_row FROM {scan})"
    scan = f"read_csv({literals}, header = true, all_varchar = true, delim = ',', hive_partitioning = false)"
    return f"(SELECT *, row_number() OVER () AS rounds_row FROM {scan})"


def place_of(path: Path, rounds_row: int) -> str:
    """Return where a row stands, such as "row 7", or "row 7 of block-0003.parquet" if the table is a folder."""
    part, row = rounds_row >> _PART_BITS, rounds_row & ((1 << _PART_BITS) - 1)
    return f"row {row} of {parts_of(path)[part].name}" if path.is_dir() else f"row {row}"


def file_list(path: Path) -> str:
    """Return the files of a table as DuckDB's literals."""
    return ", ".join(_literal(part) for part in parts_of(path))


def _literal(path: Path) -> str:
    # Brackets keep DuckDB from taking a star in a folder's name for a pattern.
    quoted = re.sub(r"([*?\[])", r"[\1]", str(path)).replace("'", "''")
    return f"'{quoted}'"


def lossless_cast(column: str, source_type: str, target: ColumnType) -> str | None:
    """Return SQL for a column in our type, empty where that would lose something; nothing if the type cannot become it.

    Dates may be ISO text or midnights; whole numbers may be text or floating point. Text is taken as it is.
    """
    name = f'"{column}"'
    kind = source_type.upper()
    match target:
        case ColumnType.TEXT:
            return _to_text(name, kind)
        case ColumnType.INTEGER:
            return _to_integer(name, kind)
        case ColumnType.NUMBER:
            return _to_number(name, kind)
        case ColumnType.DATE:
            return _to_date(name, kind)
        case ColumnType.TIME:
            return _to_time(name, kind)


def _to_text(name: str, kind: str) -> str | None:
    if kind == "VARCHAR":
        return name
    scalar = kind in (_INTEGERS | _WIDE_INTEGERS | _EXACT.keys() | _TIMES | {"DATE", "BOOLEAN"})
    return f"CAST({name} AS VARCHAR)" if scalar or kind.startswith("DECIMAL") else None


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


def _to_number(name: str, kind: str) -> str | None:
    if kind in _EXACT:
        return f"CASE WHEN isfinite({name}) THEN CAST({name} AS DOUBLE) END"
    if kind in _INTEGERS or kind in _WIDE_INTEGERS or kind.startswith("DECIMAL"):
        return f"CAST({name} AS DOUBLE)"
    if kind == "VARCHAR":
        decimal = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
        return f"CASE WHEN regexp_full_match({name}, '{decimal}') THEN TRY_CAST({name} AS DOUBLE) END"
    return None


def _to_time(name: str, kind: str) -> str | None:
    if kind in _TIMES or kind == "DATE":
        moment, allowed = f"CAST({name} AS TIMESTAMP)", f"isfinite({name})"
    elif kind == "VARCHAR":
        iso = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?"
        moment, allowed = f"TRY_CAST({name} AS TIMESTAMP)", f"regexp_full_match({name}, '{iso}')"
    else:
        return None
    within = "BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
    return f"CASE WHEN {allowed} AND {moment} {within} THEN {moment} END"


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
    return f"CASE WHEN {allowed} AND {day} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN {day} END"

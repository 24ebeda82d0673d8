# ruff: noqa: S608  SQL is built from our own table and column names only; values are bound
"""One unit for each measurement. A value whose unit is unknown is kept as text, never compared with the others."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import polars as pl
from pydantic import Field, model_validator

from rounds.records.importing.report import Finding
from rounds.records.importing.session import Session
from rounds.records.importing.sql import pattern
from rounds.records.table_files import file_scan
from rounds.storage.identifiers import Identifier
from rounds.storage.library import shipped_library_folder
from rounds.storage.yaml_files import Definition, read_yaml

Words = Annotated[str, Field(min_length=1)]
_SHOWN: Final = 10
"""So many units of a concept are named in a report."""
DECIDED: Final = "unit_decision"


_RULE: Final = {
    "concept_id": pl.Int64(),
    "unit": pl.String(),
    "subtract": pl.Float64(),
    "multiply": pl.Float64(),
    "divide": pl.Float64(),
    "standard": pl.String(),
    "standard_concept_id": pl.Int64(),
}


class _Unit(Definition):
    """How a unit becomes the standard: (value - subtract) x multiply / divide."""

    names: tuple[Words, ...] = Field(min_length=1)
    subtract: float = 0.0
    multiply: float = 1.0
    divide: float = Field(default=1.0, gt=0)


class _Quantity(Definition):
    title: Words
    concepts: dict[int, Words] = Field(min_length=1)
    standard: Words
    unit_concept: int
    units: tuple[_Unit, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_meaning(self) -> "_Quantity":
        names = [name.lower() for unit in self.units for name in unit.names]
        twice = sorted({name for name in names if names.count(name) > 1 and name not in self._standard_names()})
        if twice:
            raise ValueError(f"unit {twice[0]} is listed twice; keep one")
        if self.standard.lower() not in self._standard_names():
            raise ValueError(f"the standard {self.standard} must be among the names of the first unit")
        return self

    def _standard_names(self) -> set[str]:
        return {name.lower() for name in self.units[0].names}


class UnitsFile(Definition):
    """`library/units/*.yaml`."""

    id: Identifier
    version: int = Field(ge=1)
    title: Words
    quantities: tuple[_Quantity, ...]
    author: Words
    reviewer: Words
    next_review: date


def standard_units_path() -> Path:
    """Return the table of units that comes with Rounds."""
    return shipped_library_folder() / "units" / "standard-units.yaml"


def read_units(session: Session, path: Path) -> None:
    """Make the tables of units of a session from a reviewed file.

    Raises:
        DefinitionError: naming line and column.
    """
    file = read_yaml(path, UnitsFile)
    rows = []
    for quantity in file.quantities:
        for concept in quantity.concepts:
            for unit in quantity.units:
                for name in dict.fromkeys(name.lower() for name in unit.names):
                    scale = (unit.subtract, unit.multiply, unit.divide)
                    rows.append((concept, name, *scale, quantity.standard, quantity.unit_concept))
    kept = session.scratch / "units.parquet"
    pl.DataFrame(rows, schema=_RULE, orient="row").write_parquet(kept)
    session.query(f"CREATE TABLE unit_rule AS FROM read_parquet({pattern(kept)})")
    session.query(
        f"CREATE TABLE {DECIDED} (concept_id BIGINT, unit VARCHAR, rows BIGINT, kept BOOLEAN, subtract DOUBLE, "
        "multiply DOUBLE, divide DOUBLE, standard VARCHAR, standard_concept_id BIGINT, declared BOOLEAN)"
    )


def adjusted(session: Session, source: str) -> str:
    """Return SQL of events with their numbers in standard units.

    Of a concept without a declared standard the most frequent unit is taken; numbers in any other are left out. A left
    out number, and one that was converted, stands in the column `original` as it was.

    Args:
        session: has the tables of `read_units`.
        source: SQL of resolved events.
    """
    session.query(
        f"INSERT INTO {DECIDED} SELECT u.concept_id, u.unit, u.rows, "
        "CASE WHEN d.concept_id IS NOT NULL THEN r.unit IS NOT NULL WHEN u.concept_id = 0 THEN true "
        "ELSE row_number() OVER (PARTITION BY u.concept_id ORDER BY u.rows DESC, u.unit) = 1 END, "
        "coalesce(r.subtract, 0), coalesce(r.multiply, 1), coalesce(r.divide, 1), coalesce(r.standard, u.unit), "
        "r.standard_concept_id, d.concept_id IS NOT NULL FROM (SELECT coalesce(concept_id, 0) AS concept_id, "
        f"coalesce(trim(unit), '') AS unit, count(*) AS rows FROM {source} WHERE outcome IS NULL "
        "AND number IS NOT NULL GROUP BY ALL) u "
        "LEFT JOIN (SELECT DISTINCT concept_id FROM unit_rule) d ON d.concept_id = u.concept_id "
        "LEFT JOIN unit_rule r ON r.concept_id = u.concept_id AND r.unit = lower(u.unit) "
        f"WHERE NOT EXISTS (FROM {DECIDED} k WHERE k.concept_id = u.concept_id AND k.unit = u.unit)"
    )
    same = "(d.subtract = 0 AND d.multiply = 1 AND d.divide = 1)"
    value = f"CASE WHEN d.kept IS NULL OR {same} THEN {{0}} ELSE ({{0}} - d.subtract) * d.multiply / d.divide END"
    kept = "coalesce(d.kept, true)"
    return (
        "(SELECT e.* REPLACE ("
        + ", ".join(
            f"CASE WHEN {kept} THEN {value.format(f'e.{name}')} END AS {name}"
            for name in ("number", "range_low", "range_high")
        )
        + ", CASE WHEN d.declared AND d.kept THEN d.standard ELSE e.unit END AS unit, "
        "CASE WHEN d.declared AND d.kept THEN d.standard_concept_id ELSE e.unit_concept_id END AS unit_concept_id), "
        f"CASE WHEN NOT {kept} OR NOT {same} THEN concat_ws(' ', e.number, e.unit) END AS original "
        f"FROM {source} e LEFT JOIN {DECIDED} d ON d.concept_id = coalesce(e.concept_id, 0) "
        "AND d.unit = coalesce(trim(e.unit), '') AND e.number IS NOT NULL)"
    )


def unit_findings(session: Session) -> tuple[Finding, ...]:
    """Return what was converted and what was left out because of its unit."""
    rows = session.query(
        f"SELECT concept_id, unit, rows, kept, standard, declared, subtract = 0 AND multiply = 1 AND divide = 1 "
        f"FROM {DECIDED} ORDER BY concept_id, rows DESC, unit"
    )
    found = []
    for concept, unit, count, kept, standard, declared, same in rows:
        shown = f"in the unit {unit}" if unit else "without a unit"
        if not kept:
            why = "which the table of units does not know" if declared else "where most are in another"
            what = f"{shown}, {why}: their numbers are kept as text and not compared"
        elif not same:
            what = f"{shown} converted to {standard}"
        else:
            continue
        found.append(Finding(where=f"concept {concept}", what=what, rows=int(str(count))))
    return _few(found)


def _few(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the most frequent of each concept: in a column of another kind every row may be a unit of its own."""
    shown: dict[str, list[Finding]] = {}
    for one in found:
        shown.setdefault(one.where, []).append(one)
    few = []
    for where, several in shown.items():
        more = several[_SHOWN:]
        few += several[:_SHOWN]
        if more:
            what = f"in {len(more):,} other units; look whether their column holds units"
            few.append(Finding(where=where, what=what, rows=sum(one.rows for one in more)))
    return tuple(few)


def mixed_units(session: Session, measurement: Path) -> tuple[Finding, ...]:
    """Return which measurements of an OMOP source come in several units. They are imported as they are.

    Args:
        session: the import.
        measurement: the file of its table measurement, or the folder of its files.
    """
    scan = file_scan(measurement)
    found = {str(row[0]) for row in session.query(f"DESCRIBE SELECT * FROM {scan}")}
    if "value_as_number" not in found or not found & set(_UNIT_COLUMNS):
        return ()
    unit = "coalesce(" + ", ".join(sql for name, sql in _UNIT_COLUMNS.items() if name in found) + ", 'without a unit')"
    counted = (
        f"SELECT measurement_concept_id AS concept, {unit} AS unit, count(*) AS rows FROM {scan} "
        "WHERE value_as_number IS NOT NULL AND measurement_concept_id > 0 GROUP BY ALL"
    )
    most = "first_value(unit) OVER (PARTITION BY concept ORDER BY rows DESC, unit)"
    rows = session.query(
        f"SELECT concept, unit, rows, most FROM (SELECT *, {most} AS most FROM ({counted})) WHERE unit <> most "
        "ORDER BY rows DESC, concept, unit"
    )
    return _few(
        Finding(
            where=f"measurement, concept {concept}",
            what=f"{unit}, where most are {most}: imported as they are, and not to be compared",
            rows=int(str(number)),
        )
        for concept, unit, number, most in rows
    )


_UNIT_COLUMNS: Final = {
    "unit_concept_id": "CASE WHEN unit_concept_id > 0 THEN 'in the unit concept ' || unit_concept_id END",
    "unit_source_value": "'in the unit ' || unit_source_value",
}

# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Units of an OMOP source: where the table of units knows how, a number becomes one of the standard unit."""

from pathlib import Path
from typing import Final

from rounds.records.importing.report import Finding
from rounds.records.importing.session import Session
from rounds.records.importing.sql import pattern
from rounds.records.importing.units import read_units, standard_units_path

_CONVERTED: Final = "unit_converted"
_NUMBERS: Final = ("value_as_number", "range_low", "range_high")


def convert_units(session: Session, folder: Path, *, vocabulary: Path) -> tuple[Finding, ...]:
    """Convert the measurements of an import, where that is known how, and say what was converted.

    A unit is known by its concept's code in the source's vocabulary, else by `unit_source_value`. What is in another
    unit, or in none, stays as it is: measures compare values only in the units they name.

    Args:
        session: the import.
        folder: has measurement.parquet.
        vocabulary: has concept.parquet, if there is a vocabulary.
    """
    path = folder / "measurement.parquet"
    scan = f"read_parquet({pattern(path)})"
    found = [str(row[0]) for row in session.query(f"DESCRIBE SELECT * FROM {scan}")]
    if "value_as_number" not in found or not {"unit_concept_id", "unit_source_value"} & set(found):
        return ()
    concept = "t.unit_concept_id" if "unit_concept_id" in found else "NULL::BIGINT"
    source = "t.unit_source_value" if "unit_source_value" in found else "NULL::VARCHAR"
    read_units(session, standard_units_path())
    session.query(
        f"CREATE TABLE {_CONVERTED} AS SELECT u.*, r.subtract, r.multiply, r.divide, r.standard, r.standard_concept_id "
        f"FROM (SELECT t.measurement_concept_id AS concept, coalesce({concept}, 0) AS unit_concept, "
        f"coalesce({source}, '') AS unit_source, count(*) AS rows FROM {scan} t SEMI JOIN unit_rule d "
        "ON d.concept_id = t.measurement_concept_id WHERE t.value_as_number IS NOT NULL GROUP BY ALL) u "
        f"LEFT JOIN ({_codes(session, vocabulary)}) c ON c.concept_id = u.unit_concept AND u.unit_concept <> 0 "
        "JOIN unit_rule r ON r.concept_id = u.concept AND r.unit = lower(trim(coalesce(c.code, u.unit_source))) "
        # The standard's own concept, or another that the vocabulary does not spell out, is believed over any text.
        "WHERE u.unit_concept <> r.standard_concept_id AND (u.unit_concept = 0 OR c.code IS NOT NULL)"
    )
    rows = session.query(
        f"SELECT concept, coalesce(nullif(unit_source, ''), 'concept ' || unit_concept), standard, sum(rows) "
        f"FROM {_CONVERTED} GROUP BY ALL ORDER BY ALL"
    )
    if rows:
        _rewrite(session, path, found, concept=concept, source=source)
    return tuple(
        Finding(
            where=f"measurement, concept {measured}",
            what=f"in the unit {unit} converted to {standard}",
            rows=int(str(n)),
        )
        for measured, unit, standard, n in rows
    )


def _codes(session: Session, folder: Path) -> str:
    """Return SQL of the codes of unit concepts, none if there is no vocabulary."""
    path = folder / "concept.parquet"
    if path.exists():
        scan = f"read_parquet({pattern(path)})"
        columns = {str(row[0]) for row in session.query(f"DESCRIBE SELECT * FROM {scan}")}
        if {"concept_code", "vocabulary_id"} <= columns:
            return f"SELECT concept_id, concept_code AS code FROM {scan} WHERE vocabulary_id = 'UCUM'"
    return "SELECT NULL::BIGINT AS concept_id, NULL::VARCHAR AS code WHERE false"


def _rewrite(session: Session, path: Path, found: list[str], *, concept: str, source: str) -> None:
    replaced = [
        f"CASE WHEN d.concept IS NULL THEN t.{name} ELSE (t.{name} - d.subtract) * d.multiply / d.divide END AS {name}"
        for name in _NUMBERS
        if name in found
    ]
    added = ""
    if "unit_concept_id" in found:
        replaced.append("coalesce(d.standard_concept_id, t.unit_concept_id) AS unit_concept_id")
    else:
        added = ", d.standard_concept_id AS unit_concept_id"
    original = "concat_ws(' ', CAST(t.value_as_number AS VARCHAR), nullif(d.unit_source, ''))"
    if "value_source_value" in found:
        replaced.append(
            f"CASE WHEN d.concept IS NULL THEN t.value_source_value "
            f"ELSE coalesce(t.value_source_value, {original}) END AS value_source_value"
        )
    scan = f"read_parquet({pattern(path)})"
    fresh = path.with_name(f"converted-{path.name}")
    session.write(
        f"SELECT t.* REPLACE ({', '.join(replaced)}){added} FROM {scan} t LEFT JOIN {_CONVERTED} d "
        f"ON d.concept = t.measurement_concept_id AND d.unit_concept = coalesce({concept}, 0) "
        f"AND d.unit_source = coalesce({source}, '') AND t.value_as_number IS NOT NULL",
        fresh,
        title="converting units",
    )
    fresh.replace(path)

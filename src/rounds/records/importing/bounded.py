# ruff: noqa: S608  SQL is built from our own names and quoted paths only
"""Values that are known only as below or above something, such as "<5" of a laboratory: how many there are is told."""

from pathlib import Path
from typing import Final

from rounds.records.importing.report import Finding
from rounds.records.importing.rules import COMPARATORS
from rounds.records.importing.session import Session
from rounds.records.importing.sql import pattern

_WHAT: Final = (
    'with a value known only as below or above a number, such as "<5": measures take that number for the value'
)


def bounded_values(session: Session, folder: Path) -> tuple[Finding, ...]:
    """Return how many measurements have a comparator beside their number. No measure reads it.

    Args:
        session: the import.
        folder: has measurement.parquet, or no measurements.
    """
    path = folder / "measurement.parquet"
    if not path.exists():
        return ()
    scan = f"read_parquet({pattern(path)})"
    found = {str(row[0]) for row in session.query(f"DESCRIBE SELECT * FROM {scan}")}
    if not {"operator_concept_id", "value_as_number"} <= found:
        return ()
    operators = ", ".join(map(str, COMPARATORS.values()))
    rows = session.query(
        f"SELECT measurement_concept_id, count(*) FROM {scan} WHERE operator_concept_id IN ({operators}) "
        "AND value_as_number IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    return tuple(Finding(where=f"concept {concept}", what=_WHAT, rows=int(str(number))) for concept, number in rows)

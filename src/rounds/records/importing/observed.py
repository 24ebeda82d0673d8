# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""Derives observation periods where a source has none."""

from pathlib import Path
from typing import Final

from rounds.records.importing.report import Finding
from rounds.records.importing.session import Session
from rounds.records.profile.lives import LATE_DAYS
from rounds.records.table_files import file_scan, table_in

RULE: Final = (
    "each person is taken as observed once, from the first to the last day on which a visit, condition, drug, "
    "procedure, device, measurement, observation or death of theirs is dated, days before their year of birth aside"
)
"""The convention of OHDSI for records that know no registration. It cannot see people who stay well."""

_DATED: Final = {
    "visit_occurrence": ("visit_start_date", "visit_end_date"),
    "condition_occurrence": ("condition_start_date",),
    "drug_exposure": ("drug_exposure_start_date",),
    "procedure_occurrence": ("procedure_date",),
    "device_exposure": ("device_exposure_start_date",),
    "measurement": ("measurement_date",),
    "observation": ("observation_date",),
    "death": ("death_date",),
}
_PERIOD_FROM_EHR: Final = 32817
"""OMOP type concept: EHR."""


def derive_observation_periods(session: Session, folder: Path) -> tuple[int, tuple[Finding, ...]]:
    """Write observation_period.parquet by `RULE` from the other tables of a folder.

    Returns:
        The number of periods, how many people have none, and how many are observed long after their death.
    """
    parts = []
    for table, columns in _DATED.items():
        path = table_in(folder, table)
        if path is not None:
            first, last = columns[0], columns[-1]
            parts.append(
                f"SELECT person_id, min({first}) AS first, max(greatest({first}, {last})) AS last "
                f"FROM {file_scan(path)} WHERE person_id IS NOT NULL AND {first} IS NOT NULL GROUP BY ALL"
            )
    dated = " UNION ALL ".join(parts) or "SELECT NULL::BIGINT AS person_id, NULL::DATE AS first, NULL::DATE AS last"
    people = _scan(folder, "person")
    born = "CASE WHEN p.year_of_birth BETWEEN 1 AND 9999 THEN make_date(CAST(p.year_of_birth AS INTEGER), 1, 1) END"
    rows = session.write(
        "SELECT row_number() OVER (ORDER BY person_id) AS observation_period_id, person_id, "
        "greatest(min(first), any_value(born)) AS observation_period_start_date, "
        f"max(last) AS observation_period_end_date, {_PERIOD_FROM_EHR} AS period_type_concept_id FROM "
        f"(SELECT d.*, {born} AS born FROM ({dated}) d JOIN {people} p ON p.person_id = d.person_id) "
        "WHERE born IS NULL OR last >= born GROUP BY person_id ORDER BY person_id",
        folder / "observation_period.parquet",
        title="Deriving observation periods",
    )
    without = session.number(f"SELECT count(*) FROM {people}") - rows
    found = {
        "of people without a dated event, so never observed": without,
        f"of people with something dated more than {LATE_DAYS} days after their death: observed until then": _late(
            session, folder
        ),
    }
    return rows, tuple(Finding(where="person", what=what, rows=number) for what, number in found.items() if number > 0)


def _late(session: Session, folder: Path) -> int:
    if table_in(folder, "death") is None:
        return 0
    periods, deaths = (_scan(folder, table) for table in ("observation_period", "death"))
    return session.number(
        f"SELECT count(DISTINCT p.person_id) FROM {periods} p JOIN "
        f"(SELECT person_id, min(death_date) AS died FROM {deaths} GROUP BY ALL) d USING (person_id) "
        f"WHERE p.observation_period_end_date > d.died + {LATE_DAYS}"
    )


def _scan(folder: Path, table: str) -> str:
    path = table_in(folder, table)
    if path is None:
        raise ValueError(f"there is no {table}")
    return file_scan(path)

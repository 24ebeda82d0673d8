"""What can be said of an OMOP import only once all of its tables are there: mixed units, derived observation."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from rounds.records.cdm import CDM
from rounds.records.importing.observed import RULE, derive_observation_periods
from rounds.records.importing.report import ImportReport
from rounds.records.importing.session import Session
from rounds.records.importing.units import mixed_units
from rounds.records.table_files import table_in
from rounds.records.tables import OBSERVATION_PERIOD

_MEASUREMENT: Final = "measurement"


def finished(session: Session, report: ImportReport, folder: Path, *, derive: bool) -> ImportReport:
    """Return the report of a generation that is written, its observation periods derived if need be.

    Args:
        session: the import.
        report: of the tables that the source has.
        folder: the generation.
        derive: whether observation periods are to be worked out of the other tables.
    """
    measurement = table_in(folder, _MEASUREMENT)
    findings = report.findings if measurement is None else (*report.findings, *mixed_units(session, measurement))
    if not derive:
        return replace(report, findings=findings)
    number, never = derive_observation_periods(session, folder)
    rows = {**dict(report.rows), OBSERVATION_PERIOD.name: number}
    return replace(
        report,
        rows=tuple((name, rows[name]) for name in CDM if name in rows),
        findings=(*findings, *never),
        notes=(*report.notes, f"there is no table observation_period: {RULE}"),
        made=replace(report.made, periods_derived=True),
    )

# ruff: noqa: S608  SQL is built from our own table and column names and quoted paths only
"""From staged tables to a generation of OMOP tables: what FHIR and plain extracts have in common."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rounds.errors import RecordsError
from rounds.records.cdm import CDM
from rounds.records.importing.bounded import bounded_values
from rounds.records.importing.codes import map_codes, read_code_map, unmapped_codes
from rounds.records.importing.made import Kind, Made
from rounds.records.importing.observed import RULE, derive_observation_periods
from rounds.records.importing.omop_tables import write_events, write_people, write_places, write_visits
from rounds.records.importing.report import Finding, ImportReport, Outcome
from rounds.records.importing.resolve import Resolved, resolve
from rounds.records.importing.rules import VOCABULARIES
from rounds.records.importing.session import Session
from rounds.records.importing.staged import StagedTable
from rounds.records.importing.units import read_units, standard_units_path, unit_findings
from rounds.records.importing.vocabulary import provide_vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSources:
    """What a site maps codes with."""

    vocabulary: Path | None = None
    """a folder with concept and concept_relationship; None takes what the served records hold"""
    code_map: Path | None = None
    """a CSV of source_system, source_code, concept_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an import goes and when."""

    records: Path
    folder: Path
    today: date


def build_tables(
    session: Session,
    staged: list[StagedTable],
    *,
    target: Target,
    codes: CodeSources,
    source: str,
    kind: Kind,
    outcomes: Iterable[Outcome] = (),
    notes: Iterable[str] = (),
) -> ImportReport:
    """Write every OMOP table that staged tables can fill.

    Args:
        session: the import.
        staged: people, places, visits and events.
        target: where the tables go.
        codes: what codes are mapped with.
        source: what is imported, for the report.
        kind: what it is.
        outcomes: of what was not staged at all.
        notes: to put first in the report.

    Raises:
        RecordsError: if the source has no people, or what codes are mapped with cannot be read.
    """
    if not any(table.kind == "person" for table in staged):
        raise RecordsError(f"site {session.site}: {source}: there are no patients in it; export them as well")
    folder = target.folder
    rows = provide_vocabulary(session, folder, records=target.records, vocabulary=codes.vocabulary)
    findings = list(read_code_map(session, codes.code_map))
    read_units(session, standard_units_path())
    map_codes(session, staged, VOCABULARIES)
    resolved, found, links = resolve(session, staged, target.records)
    events = [table for table in resolved if table.kind == "event"]
    visits = [table for table in resolved if table.kind == "visit"]
    rows |= write_people(session, [table for table in resolved if table.kind == "person"], folder)
    rows |= write_places(session, [table for table in staged if table.kind == "place"], folder)
    stays = [table for table in staged if table.kind == "stay"]
    rows |= write_visits(session, visits, stays, folder, today=target.today)
    of_events, missing = write_events(session, events, folder)
    rows |= of_events
    rows["observation_period"], never = derive_observation_periods(session, folder)
    findings += [*links, *unit_findings(session), *bounded_values(session, folder), *never]
    findings += _later(session, resolved, target.today)
    return ImportReport(
        site=session.site,
        source=source,
        day=target.today,
        rows=tuple((name, rows[name]) for name in CDM if name in rows),
        made=Made(kind=kind, periods_derived=True),
        outcomes=_together([*found, *outcomes]),
        unmapped=unmapped_codes(session, [(table.origin, table.sql) for table in [*visits, *events]]),
        findings=_added_up(findings),
        notes=(*notes, *missing, f"observation periods are derived: {RULE}"),
    )


def _together(outcomes: list[Outcome]) -> tuple[Outcome, ...]:
    """Add up what became of one kind of thing that was staged in parts."""
    numbers: dict[tuple[str, str], int] = {}
    for outcome in outcomes:
        key = (outcome.origin, outcome.outcome)
        numbers[key] = numbers.get(key, 0) + outcome.number
    return tuple(Outcome(origin=origin, outcome=what, number=number) for (origin, what), number in numbers.items())


def _added_up(findings: list[Finding]) -> tuple[Finding, ...]:
    numbers: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.where, finding.what)
        numbers[key] = numbers.get(key, 0) + finding.rows
    return tuple(Finding(where=where, what=what, rows=rows) for (where, what), rows in numbers.items())


def _later(session: Session, resolved: list[Resolved], today: date) -> list[Finding]:
    found = []
    for table in resolved:
        if table.kind == "person":
            continue
        later = session.number(
            f"SELECT count(*) FROM {table.sql} WHERE outcome IS NULL AND start_date > DATE '{today.isoformat()}'"
        )
        if later:
            found.append(Finding(where=table.origin, what="dated after the day of the import", rows=later))
    return found


def medications(session: Session, scan: str | None) -> None:
    """Make the table `medication` (id, codes): drugs that stand in a resource of their own."""
    source = f"SELECT id, any_value(codes(code)) AS codes FROM {scan} WHERE id IS NOT NULL GROUP BY id"
    session.query(f"CREATE TABLE medication AS {source if scan else 'SELECT NULL AS id, NULL AS codes LIMIT 0'}")

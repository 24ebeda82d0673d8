"""Imports FHIR R4: bulk NDJSON or Bundles become a new generation of records."""

from pathlib import Path
from typing import Final

import duckdb

from rounds.errors import RecordsError
from rounds.records.importing.build import CodeSources, Target, build_tables, medications
from rounds.records.importing.fhir.files import FhirFiles, find_resources, needed_bytes, unreadable
from rounds.records.importing.fhir.flatten import selects
from rounds.records.importing.fhir.macros import MACROS
from rounds.records.importing.fhir.shapes import MEDICATION, SHAPES, scan
from rounds.records.importing.finish import write_report
from rounds.records.importing.generation import replace_records
from rounds.records.importing.report import ImportReport, Outcome
from rounds.records.importing.session import Job, Session, working
from rounds.records.importing.staged import StagedTable, stage
from rounds.records.importing.vocabulary import vocabulary_bytes

_ORDER: Final = tuple(name for name in SHAPES if name != MEDICATION)


def import_fhir(source: Path, job: Job, *, codes: CodeSources | None = None) -> ImportReport:
    """Import a folder of FHIR resources and serve them, as OMOP tables, from then on.

    Every resource becomes rows or is counted in the report with the reason why not. People keep their number from one
    import to the next.

    Args:
        source: bulk NDJSON (`Patient.ndjson`, `Observation.0.ndjson.gz`; one type a file is fastest) or Bundles
            (`.json`), in a folder or alone.
        job: whose records it makes.
        codes: what codes are mapped with.

    Raises:
        RecordsError: naming file and line; the records that were there are still served then.
    """
    codes = codes or CodeSources()
    if not source.exists():
        raise RecordsError(f"site {job.site}: there is no {source}; correct the name")

    def build(folder: Path, scratch: Path) -> ImportReport:
        with working(scratch, job) as session:
            files, staged = flatten(session, source)
            report = build_tables(
                session,
                staged,
                target=Target(records=job.records, folder=folder, today=job.today),
                codes=codes,
                source=f"FHIR R4 from {source.name}",
                kind="fhir",
                outcomes=_not_mapped(files),
                notes=_notes(files),
            )
        write_report(report, folder)
        return report

    needed = needed_bytes(source) + vocabulary_bytes(codes.vocabulary)
    return replace_records(job.records, needed_bytes=needed, build=build, check=job.check)


def flatten(session: Session, source: Path) -> tuple[FhirFiles, list[StagedTable]]:
    """Find every resource and bring those that OMOP has a table for into the staged form.

    Each line is read once. Where one is not what the first of its file made expect, everything is looked through
    beforehand and read again.

    Raises:
        RecordsError: naming the file and line that is not what FHIR says.
    """
    for macro in MACROS:
        session.query(macro)
    try:
        files = find_resources(session, source, trusting=True)
        return files, _staged(session, files)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        for path in [*session.scratch.glob("staged-*.parquet"), *session.scratch.glob("apart-*.ndjson")]:
            path.unlink()
    files = find_resources(session, source, trusting=False)
    return files, _staged(session, files)


def _staged(session: Session, files: FhirFiles) -> list[StagedTable]:
    staged: list[StagedTable] = []
    for resource in _ORDER:
        listed = files.by_resource.get(resource)
        if not listed:
            continue
        try:
            staged += _stage(session, resource, scan(resource, listed, largest_bytes=files.largest_bytes))
        except duckdb.OutOfMemoryException:
            raise
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            if files.trusting:
                raise
            raise unreadable(session, error, [Path(name) for name in listed]) from None
    listed = files.by_resource.get(MEDICATION)
    medications(session, scan(MEDICATION, listed, largest_bytes=files.largest_bytes) if listed else None)
    return staged


def _stage(session: Session, resource: str, source: str) -> list[StagedTable]:
    staged: list[StagedTable] = []
    for made in selects(resource, source):
        table = stage(
            session,
            origin=resource,
            kind=made.kind,
            select=made.select.replace("{whole}", staged[0].sql if staged else ""),
            title=f"Reading {resource} ({made.kind})",
            beside=made.beside,
        )
        staged.append(table)
    return staged


def _notes(files: FhirFiles) -> list[str]:
    notes = []
    if files.left_alone:
        notes.append(f"files left alone: {', '.join(files.left_alone)}")
    if files.empty:
        notes.append(f"files with no resource in them: {', '.join(files.empty)}; look whether the export broke off")
    return notes


def _not_mapped(files: FhirFiles) -> list[Outcome]:
    outcomes = [
        Outcome(origin=resource, outcome="no table of OMOP is filled from it", number=number)
        for resource, number in sorted(files.numbers.items())
        if resource not in SHAPES
    ]
    if MEDICATION in files.numbers:
        used = Outcome(origin=MEDICATION, outcome="imported with what refers to it", number=files.numbers[MEDICATION])
        outcomes.append(used)
    return outcomes

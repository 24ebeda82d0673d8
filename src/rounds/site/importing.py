"""Brings new records into a site: reads a source, builds a generation beside the served one, checks it, swaps."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rounds.errors import DefinitionError
from rounds.records.importing.build import CodeSources
from rounds.records.importing.extracts.load import import_extracts
from rounds.records.importing.fhir.load import import_fhir
from rounds.records.importing.omop import import_omop
from rounds.records.importing.postgres import import_postgres
from rounds.records.importing.report import ImportReport
from rounds.records.importing.session import DEFAULT_MEMORY, Job, Limits
from rounds.records.omop import open_records
from rounds.site.folder import RecordsBlock, Site
from rounds.site.served import log_imported, served_generation
from rounds.storage.lock import only_one
from rounds.storage.progress import Progress

WAIT_FOR_AN_ANSWER_SECONDS = 3600.0
"""Only one process writes a site's audit log at a time, and an answer may take long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What is to be imported, from one source."""

    omop: Path | None = None
    postgres: str | None = None
    fhir: Path | None = None
    extracts: Path | None = None
    """a column map; the files it names lie beside it, or in `data`"""
    data: Path | None = None
    codes: CodeSources = field(default_factory=CodeSources)
    schema: str | None = None
    memory: str = DEFAULT_MEMORY
    add: bool = False
    """to what is served, instead of taking its place"""

    def __post_init__(self) -> None:
        given = [source for source in (self.omop, self.postgres, self.fhir, self.extracts) if source is not None]
        if len(given) != 1:
            raise DefinitionError("an import has one source: give one of --omop, --postgres, --fhir and --extracts")
        if self.add and (self.fhir is not None or self.extracts is not None):
            raise DefinitionError(
                "--add takes OMOP tables only (--omop, --postgres). What FHIR and extracts change or take back may "
                "stand in any earlier row, so they are imported whole: export everything and leave --add out"
            )


def import_records(site: Site, request: ImportRequest, *, today: date, progress: Progress) -> ImportReport:
    """Import records into a site and serve them from then on; if anything is wrong, the old ones stay.

    That they were imported stands in the audit log, with the digest of everything the import wrote.

    Args:
        site: whose records they are.
        request: what to import.
        today: the day of the import.
        progress: told how far it is.

    Raises:
        RoundsError: naming everything that is wrong, of the source or of the new records.
    """
    source = site.source
    if not isinstance(source, RecordsBlock):
        raise DefinitionError(
            f"site {site.id} holds published data; only a site with `records` in site.yaml can import"
        )
    if source.database is not None:
        raise DefinitionError(
            f"site {site.id} counts in its database; to import into a folder, remove that from site.yaml"
        )

    def check(folder: Path) -> None:
        open_records(folder, site=site.id, as_of=today, outside_observation=source.outside_observation)

    # The pack's room is entered only if there is something to add to it: it loads Numba.
    def carry(served: Path, new: Path) -> None:
        from rounds.engines.pack.carried import carry_pack

        carry_pack(served, new)

    job = Job(
        site=site.id,
        records=site.folder / source.folder,
        today=today,
        progress=progress,
        check=check,
        limits=Limits(memory=request.memory),
        carry=carry,
    )
    before = served_generation(site)
    report = _import(request, job)
    with only_one(site.folder, doing="answering a request", wait_seconds=WAIT_FOR_AN_ANSWER_SECONDS):
        log_imported(site, before, today=today)
        log_imported(site, served_generation(site), today=today, again=True)
    return report


def _import(request: ImportRequest, job: Job) -> ImportReport:
    if request.omop is not None:
        return import_omop(request.omop, job, schema=request.schema, add=request.add)
    if request.postgres is not None:
        return import_postgres(request.postgres, job, schema=request.schema, add=request.add)
    if request.fhir is not None:
        return import_fhir(request.fhir, job, codes=request.codes)
    assert request.extracts is not None  # noqa: S101 - one of the four is given
    return import_extracts(request.extracts, job, data=request.data, codes=request.codes)

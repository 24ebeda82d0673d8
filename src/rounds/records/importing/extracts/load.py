"""Imports plain extracts through a reviewed column map."""

from pathlib import Path

from rounds.errors import RecordsError
from rounds.records.importing.build import CodeSources, Target, build_tables, medications
from rounds.records.importing.extracts.cells import read_cells
from rounds.records.importing.extracts.column_map import ColumnMapFile
from rounds.records.importing.extracts.stage import stage_file
from rounds.records.importing.extracts.together import said_twice, together
from rounds.records.importing.finish import write_report
from rounds.records.importing.generation import replace_records
from rounds.records.importing.omop_sources import folder_bytes
from rounds.records.importing.report import ImportReport
from rounds.records.importing.session import Job, Session, working
from rounds.records.importing.staged import StagedTable
from rounds.records.importing.vocabulary import vocabulary_bytes
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import read_yaml

_WIDENING = 3
"""A wide row of observations becomes an OMOP row for each of its cells."""


def import_extracts(
    column_map: Path, job: Job, *, data: Path | None = None, codes: CodeSources | None = None
) -> ImportReport:
    """Import the CSV or TSV files that a column map names, and serve them, as OMOP tables, from then on.

    Args:
        column_map: `imports/*.yaml`, see `ColumnMapFile`.
        job: whose records it makes.
        data: where the files lie; None is beside the column map.
        codes: what codes are mapped with.

    Raises:
        DefinitionError: if the column map is not what it should be, naming line and column.
        RecordsError: naming file, row and column; the records that were there are still served then.
    """
    codes = codes or CodeSources()
    wanted = read_yaml(column_map, ColumnMapFile)
    folder_of_data = data or column_map.parent
    if not folder_of_data.is_dir():
        raise RecordsError(f"site {job.site}: there is no folder {folder_of_data}; correct `--data`")

    def build(folder: Path, scratch: Path) -> ImportReport:
        with working(scratch, job) as session:
            medications(session, None)
            staged = _stage(session, wanted, folder_of_data)
            report = build_tables(
                session,
                staged,
                target=Target(records=job.records, folder=folder, today=job.today),
                codes=codes,
                source=f"extracts by {wanted.id} v{wanted.version}",
                kind="extracts",
                notes=said_twice(session, staged),
            )
        write_report(report, folder)
        return report

    needed = _WIDENING * folder_bytes(folder_of_data) + vocabulary_bytes(codes.vocabulary)
    return replace_records(job.records, needed_bytes=needed, build=build, check=job.check)


def _stage(session: Session, wanted: ColumnMapFile, data: Path) -> list[StagedTable]:
    problems, files = [], []
    for file in wanted.files:
        matching = sorted(data.glob(file.file))
        if not matching:
            others = [path.name for path in data.iterdir() if path.is_file()]
            problems.append(f"site {session.site}: {data}: there is no {file.file}{nearest(file.file, others)}")
        files += [(path, file) for path in matching]
    if problems:
        raise RecordsError("\n".join(problems))
    staged = []
    for order, (path, file) in enumerate(files):
        try:
            staged += stage_file(session, read_cells(session, path, file, order=order))
        except RecordsError as error:
            problems.append(str(error))
    if problems:
        raise RecordsError("\n".join(problems))
    return together(session, staged)

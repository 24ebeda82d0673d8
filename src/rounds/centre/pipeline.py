"""A network's pipeline at the centre: in and out of workbooks, ranked, and said in a round."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.centre.last_need import last_needs, measured_need
from rounds.centre.pooled_measure import PooledMeasure
from rounds.errors import DefinitionError
from rounds.exchange.envelope import CENTRE
from rounds.learning.spread.pipeline.rank import Measured, NotMeasured, Ranked, ranked
from rounds.learning.spread.pipeline.support import MaybeSame, SupportSummary, counted_support, plain_company
from rounds.network.innovations import EvidenceStage
from rounds.network.pipeline import Pipeline, PipelineInnovation
from rounds.reports.content import pipeline as content
from rounds.reports.content.wording import listing, plural
from rounds.reports.insight import Insight, Provenance
from rounds.reports.pipeline_workbook import pipeline_workbook
from rounds.storage.audit_log import LEDGER
from rounds.storage.csv_files import ColumnType, read_csv
from rounds.storage.facts import write_fact, write_fact_folder
from rounds.storage.held import COMPANIES
from rounds.storage.innovation_record import read_innovation_record
from rounds.storage.pipeline_files import (
    FOLDER,
    TABLES,
    InLibrary,
    cells_of,
    columns_of,
    needed_of,
    pipeline_csvs,
    read_pipeline_workbook,
)
from rounds.storage.spreadsheet_text import csv_of, unguarded
from rounds.storage.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineOnADay:
    """What is known of a pipeline on a day, and what follows from it."""

    pipeline: Pipeline
    ranking: tuple[Ranked, ...]
    support: SupportSummary


def pipeline_on(
    workspace: Workspace, day: date, *, measured: Mapping[str, Measured | NotMeasured] | None = None
) -> PipelineOnADay:
    """Return a network's pipeline as it was known on a day, ranked, with what support came to.

    The library's innovations belong to it, each at the stage that its definition says unless a dated one is recorded.

    Args:
        workspace: the network.
        day: what came later is not known.
        measured: needs that measures show, by id, or why they show none; `centre.last_need` knows those of past rounds.

    Raises:
        DefinitionError: if a table, or what people said of companies, cannot be read; naming file and row.
    """
    own = workspace.pipeline.up_to(day)
    pipeline = _with_library(workspace, own)
    stages: dict[str, EvidenceStage] = {one.id: one.stage for one in workspace.library.innovations}
    return PipelineOnADay(
        pipeline=pipeline,
        ranking=ranked(pipeline, stages=stages, measured=measured),
        support=counted_support(pipeline, said=_said_of_companies(workspace.folder / COMPANIES)),
    )


def read_pipeline_file(workspace: Workspace, path: Path, *, today: date) -> Pipeline:
    """Return the pipeline in a workbook, or what a record of the NHS Innovation Service (.json) adds to the network's.

    Raises:
        DefinitionError: naming file, sheet, row and column.
    """
    if path.suffix.lower() != ".json":
        found = read_pipeline_workbook(path, library=_library(workspace), today=today)
        if not any(getattr(found, table) for table in TABLES) and workspace.pipeline.innovations:
            raise DefinitionError(
                f"{path}: there are no rows in it, and it would take the place of "
                f"{plural(len(workspace.pipeline.innovations), 'innovation')} that are recorded; fill in the workbook "
                "that `rounds pipeline export` writes"
            )
        return found
    record = read_innovation_record(path)
    known = workspace.pipeline
    new = record.innovations[0]
    there = next((one for one in known.innovations if one.id == new.id), None)
    if there is not None:
        # What the network has written about who looks after it, and whom it concerns, stands.
        new = replace(there, description=new.description, need_stated=new.need_stated or there.need_stated)
    return Pipeline(
        innovations=(*(one for one in known.innovations if one.id != new.id), new),
        stages=known.stages,
        evidence=tuple(dict.fromkeys((*known.evidence, *record.evidence))),
        regulatory=tuple(dict.fromkeys((*known.regulatory, *record.regulatory))),
        value=tuple(dict.fromkeys((*known.value, *record.value))),
        contacts=known.contacts,
        support=known.support,
        outcomes=known.outcomes,
    )


def record_pipeline(workspace: Workspace, pipeline: Pipeline, *, today: date) -> Path:
    """Write a pipeline's tables into the network's folder in place of what was there, and return the folder."""
    folder = workspace.folder / FOLDER
    files = pipeline_csvs(pipeline)
    if _same(folder, files):
        return folder
    digest = hashlib.sha256(b"".join(name.encode() + files[name] for name in sorted(files))).hexdigest()
    event = Event(action=Action.RECORDED, round_id=FOLDER, party=CENTRE, digest=digest, day=today)

    def fill(partial: Path) -> None:
        for name, content_ in files.items():
            (partial / name).write_bytes(content_)

    write_fact_folder(folder, fill, event=event, log=workspace.centre / LEDGER)
    return folder


def went_back(pipeline: Pipeline) -> tuple[str, ...]:
    """Return, in sentences, which innovations come to an earlier stage than before: that may be so, or a wrong date."""
    order = tuple(EvidenceStage)
    found = []
    for earlier, later in pairwise(sorted(pipeline.stages, key=lambda row: (row.innovation, row.date))):
        if earlier.innovation == later.innovation and order.index(later.stage) < order.index(earlier.stage):
            found.append(
                f"{later.innovation} goes back from {earlier.stage} ({earlier.date}) to {later.stage} ({later.date}); "
                "if it did not, correct a date in stages"
            )
    return tuple(found)


def gone(before: Pipeline, after: Pipeline) -> tuple[str, ...]:
    """Return, in sentences, what is recorded and not in what takes its place: innovations by name, rows by number."""
    left = {one.id for one in after.innovations}
    missing = [one.id for one in before.innovations if one.id not in left]
    found = [f"{listing(missing, limit=5)} will go: recorded, and not in this file"] if missing else []
    for table in TABLES:
        rows = set(getattr(before, table)) - set(getattr(after, table))
        if rows and table != "innovations":
            found.append(f"{plural(len(rows), 'row')} of {table} that stood so will go or change")
    return tuple(found)


def export_pipeline(workspace: Workspace, *, day: date) -> bytes:
    """Return the workbook of a network's pipeline, whole, with its ranking and its support as known on a day."""
    whole = workspace.pipeline
    known = pipeline_on(workspace, day, measured=last_needs(workspace, day))
    tables = tuple(
        (table, columns_of(table), needed_of(table), cells_of(table, getattr(whole, table))) for table in TABLES
    )
    return pipeline_workbook(
        network=workspace.name, tables=tables, ranking=known.ranking, support=known.support, made_on=day
    )


def record_company_matches(workspace: Workspace, maybe: tuple[MaybeSame, ...], *, today: date) -> Path | None:
    """Write down which companies may be one, for people to say; what they have said stays. None if there are none."""
    path = workspace.folder / COMPANIES
    said = _company_rows(path)
    new = [("", one.company, one.other, f"{one.likeness:.0f} of 100 alike") for one in maybe]
    if not new and not said:
        return None
    settled = {(row[1], row[2]) for row in said}
    rows = [*said, *(row for row in new if (row[1], row[2]) not in settled)]
    written = csv_of(("confirmed", "company", "other", "why"), rows)
    if not path.exists() or path.read_bytes() != written:
        digest = hashlib.sha256(written).hexdigest()
        event = Event(action=Action.RECORDED, round_id=path.stem, party=CENTRE, digest=digest, day=today)
        write_fact(path, written, event=event, log=workspace.centre / LEDGER)
    return path


def pipeline_insights(
    workspace: Workspace,
    *,
    as_of: date,
    found: Mapping[str, PooledMeasure],
    provenance: Callable[[Sequence[PooledMeasure]], Provenance],
) -> tuple[Insight, ...]:
    """Return what a round says of the pipeline: nothing if the network has recorded none.

    Args:
        workspace: the network.
        as_of: the day the round is about.
        found: the round's measures, by id; what they count shows the need of innovations that name them.
        provenance: says where a statement comes from, of the measures that it rests on.
    """
    if workspace.pipeline == Pipeline():
        return ()
    measured = {id_: measured_need(one) for id_, one in found.items()}
    known = pipeline_on(workspace, as_of, measured=measured)
    needs = {one.need_measure for one in known.pipeline.innovations}
    used = [one for id_, one in found.items() if id_ in needs and isinstance(measured[id_], Measured)]
    said = (
        [content.ranking(known.ranking, provenance=provenance(used), claims=known.pipeline.value)]
        if known.ranking
        else []
    )
    if known.support.totals:
        said.append(content.support(known.support, provenance=provenance([])))
    return tuple(said)


def recorded_digest(workspace: Workspace, *, as_of: date) -> str | None:
    """Return the digest of what a round says of the pipeline rests on; None if the network has recorded none."""
    if workspace.pipeline == Pipeline():
        return None
    known = workspace.pipeline.up_to(as_of)
    said = sorted(_said_of_companies(workspace.folder / COMPANIES).items())
    return hashlib.sha256(repr((known, said)).encode()).hexdigest()


def _library(workspace: Workspace) -> InLibrary:
    return InLibrary(
        innovations=[one.id for one in workspace.library.innovations],
        measures=[one.id for one in workspace.library.measures],
    )


def _with_library(workspace: Workspace, own: Pipeline) -> Pipeline:
    written = {one.id for one in own.innovations}
    shipped = tuple(
        PipelineInnovation(id=one.id, title=one.title, owner=one.owner, description=one.description)
        for one in workspace.library.innovations
        if one.id not in written
    )
    return replace(own, innovations=(*own.innovations, *shipped))


def _same(folder: Path, files: Mapping[str, bytes]) -> bool:
    there = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}
    return there == dict(files)


def _company_rows(path: Path) -> list[tuple[str, str, str, str]]:
    if not path.exists():
        return []
    columns = dict.fromkeys(("confirmed", "company", "other", "why"), ColumnType.TEXT)
    table = read_csv(path, columns, error=DefinitionError, may_be_blank=("confirmed", "why"))
    found = []
    for line, confirmed, company, other, why in table.iter_rows():
        if (confirmed or "").lower() not in ("", "yes", "no"):
            raise DefinitionError(f"{path.name}, line {line}, column confirmed: write yes or no, or leave it empty")
        one, two = unguarded(company).strip(), unguarded(other).strip()
        found.append(((confirmed or "").lower(), one, two, unguarded(why or "").strip()))
    return found


def _said_of_companies(path: Path) -> dict[tuple[str, str], bool]:
    return {
        (min(pair), max(pair)): confirmed == "yes"
        for confirmed, company, other, _ in _company_rows(path)
        if confirmed and (pair := (plain_company(company), plain_company(other)))
    }

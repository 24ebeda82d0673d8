"""A network's folder: what `network.yaml` and `rounds/*.yaml` say, parsed once into our own types."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from rounds.disclosure.attempt import FEWEST_PARTICIPANTS
from rounds.disclosure.pooled import most_of_one_person
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.learning.spread.succession import followed
from rounds.measures.definitions import Measure
from rounds.measures.score_levels import bands_of
from rounds.network.definition_changes import DefinitionChange
from rounds.network.members import Membership
from rounds.network.pipeline import Pipeline
from rounds.network.rebases import StatedRebase
from rounds.network.successions import Successions
from rounds.storage.definition_change_files import read_definition_changes
from rounds.storage.identifiers import Identifier
from rounds.storage.library import Library, read_library, shipped_library_folder
from rounds.storage.members import read_adoptions, read_membership, refuse_succeeded
from rounds.storage.need_files import NeedAndUse, NeedFile, need_and_use
from rounds.storage.pipeline_files import InLibrary, read_pipeline
from rounds.storage.rebase_files import read_rebases
from rounds.storage.succession_files import read_successions
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition, read_yaml

IN_USE = (Stage.LIVE, Stage.EMBEDDED)
"""The stages from which an innovation can have an effect."""


class Lane(StrEnum):
    """How a measure's numbers travel."""

    SITE = "site"
    """Each site's own, as its policy shows them."""
    POOLED = "pooled"
    """The sums of all sites, with noise; no site's own are known to anybody else."""


class SiteEntry(Definition):
    id: Identifier
    folder: str


class _CentreEntry(Definition):
    folder: str = "centre"


class _NetworkFile(Definition):
    id: Identifier
    name: str
    sites: list[SiteEntry] = Field(min_length=1)
    centre: _CentreEntry = _CentreEntry()
    exchange: str = "exchange"


class _RoundMeasure(Definition):
    id: str
    version: int
    sites: list[str] | None = None
    lane: Lane = Lane.SITE


class _ScoreTable(Definition):
    measure: str
    version: int
    sites: list[str] | None = None


class _Programme(Definition):
    innovation: str
    outcome: str
    stage: Stage = Stage.EMBEDDED
    improves: list[str] = Field(default_factory=list)


class _RoundFile(Definition):
    id: Identifier
    title: str
    asked_by: str | None = Field(default=None, min_length=1, max_length=100)
    as_of: date
    first: date
    last: date
    epoch: int = Field(default=1, ge=1)
    measures: list[_RoundMeasure] = Field(min_length=1)
    programmes: list[_Programme] = Field(default_factory=list)
    score_tables: list[_ScoreTable] = Field(default_factory=list)
    needs: list[NeedFile] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedMeasure:
    """A measure of a round and the sites that are asked for it."""

    id: str
    version: int
    sites: tuple[str, ...]
    lane: Lane = Lane.SITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """An innovation being spread and the measure that shows whether it worked."""

    innovation: str
    outcome: str
    stage: Stage
    improves: tuple[str, ...] = ()
    """further measures that the innovation is meant to improve"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundDeclaration:
    """One turn of the cycle as it is declared: what is asked of whom, over which days."""

    id: str
    title: str
    as_of: date
    first: date
    last: date
    measures: tuple[AskedMeasure, ...]
    programmes: tuple[Programme, ...]
    score_tables: tuple[Measure, ...] = ()
    """measures of sets of a score; each band of the score is among `measures`, as a measure of its own"""
    needs: tuple[NeedAndUse, ...] = ()
    epoch: int = 1
    """Above 1, what was answered before is asked for anew, as a revision."""
    asked_by: str | None = None
    """who declared it, if that is said: they approve no reply to it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A network's folder, read and checked."""

    folder: Path
    id: str
    name: str
    sites: tuple[SiteEntry, ...]
    centre: Path
    exchange: Path
    membership: Membership
    adoptions: tuple[AdoptionEvent, ...]
    """as they are recorded; `known_adoptions` adds what organisations took over from those they succeed"""
    successions: Successions
    pipeline: Pipeline
    """as it is recorded, of all days"""
    rebases: tuple[StatedRebase, ...]
    definition_changes: tuple[DefinitionChange, ...]
    """as they are stated, of all days"""
    library: Library
    rounds: tuple[RoundDeclaration, ...]

    def known_adoptions(self, day: date) -> tuple[AdoptionEvent, ...]:
        """Return the adoption events that surely were by a day, with what organisations had taken over by then."""
        events = followed(self.adoptions, self.successions)
        return tuple(event for event in events if event.day <= day)

    def changes_of(self, measure: str, day: date) -> tuple[DefinitionChange, ...]:
        """Return how what a measure's counts mean had changed by a day."""
        return tuple(one for one in self.definition_changes if one.measure == measure and one.day <= day)

    def site_folder(self, site: SiteEntry) -> Path:
        return self.folder / site.folder

    def outputs(self, round_id: str) -> Path:
        return self.folder / "outputs" / round_id

    def rounds_to_run(self, round_id: str | None) -> tuple[RoundDeclaration, ...]:
        """Return the round of an id, or all rounds in the order of their ids.

        Raises:
            DefinitionError: if there is no such round.
        """
        if round_id is None:
            return self.rounds
        for declared in self.rounds:
            if declared.id == round_id:
                return (declared,)
        ids = [declared.id for declared in self.rounds]
        raise DefinitionError(f"no round `{round_id}` in {self.folder / 'rounds'}{nearest(round_id, ids)}")


def read_workspace(folder: Path) -> Workspace:
    """Return a network's folder, parsed and checked.

    Raises:
        DefinitionError: naming file, line and column, if anything in it cannot be read as what it should be.
    """
    path = folder / "network.yaml"
    if not path.exists():
        raise DefinitionError(f"{path} is missing; name a network's folder, or make one with `rounds demo FOLDER`")
    network = read_yaml(path, _NetworkFile)
    _refuse_twice(path, "site", [site.id for site in network.sites])
    _refuse_twice(path, "site folder", [site.folder for site in network.sites])
    membership = read_membership(folder / "members.csv")
    codes = [member.ods_code for member in membership.members]
    successions = read_successions(folder / "successions.csv", about=codes)
    refuse_succeeded(folder / "members.csv", membership, successions)
    own_library = folder / "library"
    library = read_library(shipped_library_folder(), *([own_library] if own_library.is_dir() else []))
    site_ids = tuple(site.id for site in network.sites)
    round_files = sorted((folder / "rounds").glob("*.yaml"))
    if not round_files:
        raise DefinitionError(f"{folder / 'rounds'} holds no round; write rounds/<id>.yaml")
    declared = sorted((_read_round(file, site_ids, library) for file in round_files), key=lambda one: one.id)
    _refuse_twice(folder / "rounds", "round", [one.id for one in declared])
    return Workspace(
        folder=folder,
        id=network.id,
        name=network.name,
        sites=tuple(network.sites),
        centre=folder / network.centre.folder,
        exchange=folder / network.exchange,
        membership=membership,
        adoptions=_read_adoptions(folder / "adoptions.csv", membership, library, declared, successions),
        successions=successions,
        pipeline=read_pipeline(
            folder,
            library=InLibrary(
                innovations=[one.id for one in library.innovations], measures=[one.id for one in library.measures]
            ),
        ),
        rebases=read_rebases(
            folder / "rebases.csv", membership=membership, measures={measure.id for measure in library.measures}
        ),
        definition_changes=read_definition_changes(
            folder / "definition_changes.csv",
            membership=membership,
            measures={measure.id for measure in library.measures},
        ),
        library=library,
        rounds=tuple(declared),
    )


def _read_round(path: Path, site_ids: tuple[str, ...], library: Library) -> RoundDeclaration:
    file = read_yaml(path, _RoundFile)
    score_tables = tuple(_score_table(path, one, library) for one in file.score_tables)
    for table, asked in zip(score_tables, file.score_tables, strict=True):
        file.measures.extend(
            _RoundMeasure(id=band.id, version=band.version, sites=asked.sites) for band in bands_of(table)
        )
    if not file.first <= file.last <= file.as_of:
        raise DefinitionError(
            f"{path}: first ({file.first}), last ({file.last}) and as_of ({file.as_of}) must be in order"
        )
    _refuse_twice(path, "measure", [measure.id for measure in file.measures])
    _refuse_twice(path, "programme", [f"{one.innovation} for {one.outcome}" for one in file.programmes])
    for measure in file.measures:
        try:
            library.measure(measure.id, measure.version).periods(first=file.first, last=file.last)
        except ValueError as error:
            raise DefinitionError(f"{path}: measure {measure.id}: {error}; lengthen the round") from None
        for site in measure.sites or ():
            if site not in site_ids:
                raise DefinitionError(f"{path}: measure {measure.id}: no site `{site}`{nearest(site, list(site_ids))}")
    _refuse_unpoolable(path, file, site_ids, library)
    of_sites = {measure.id: measure.version for measure in file.measures if measure.lane is Lane.SITE}
    measure_ids = list(of_sites)
    programmes = []
    for programme in file.programmes:
        library.innovation(programme.innovation)
        if programme.stage not in IN_USE:
            stages = " or ".join(f"`{stage}`" for stage in IN_USE)
            raise DefinitionError(
                f"{path}: programme {programme.innovation}: at stage `{programme.stage}` an innovation is "
                f"not in use; choose {stages}"
            )
        for named in (programme.outcome, *programme.improves):
            if named not in measure_ids:
                raise DefinitionError(
                    f"{path}: programme {programme.innovation}: the round does not ask for its measure "
                    f"`{named}` in the site lane{nearest(named, measure_ids)}"
                )
        outcome = next(library.measure(one.id, one.version) for one in file.measures if one.id == programme.outcome)
        if outcome.span > 1:
            raise DefinitionError(
                f"{path}: programme {programme.innovation}: the periods of its outcome `{programme.outcome}` overlap, "
                f"and an effect needs periods that do not; ask for the measure with `span: 1`"
            )
        programmes.append(
            Programme(
                innovation=programme.innovation,
                outcome=programme.outcome,
                stage=programme.stage,
                improves=tuple(programme.improves),
            )
        )
    return RoundDeclaration(
        id=file.id,
        title=file.title,
        as_of=file.as_of,
        first=file.first,
        last=file.last,
        measures=tuple(
            AskedMeasure(
                id=measure.id, version=measure.version, sites=tuple(measure.sites or site_ids), lane=measure.lane
            )
            for measure in file.measures
        ),
        programmes=tuple(programmes),
        score_tables=score_tables,
        needs=tuple(need_and_use(path, one, of_sites, library) for one in file.needs),
        epoch=file.epoch,
        asked_by=file.asked_by,
    )


def _score_table(path: Path, asked: _ScoreTable, library: Library) -> Measure:
    measure = library.measure(asked.measure, asked.version)
    try:
        bands_of(measure)
    except DefinitionError as error:
        raise DefinitionError(f"{path}: score_tables: {error}") from None
    return measure


def _refuse_unpoolable(path: Path, file: _RoundFile, site_ids: tuple[str, ...], library: Library) -> None:
    """One attempt is of the same sites for all its measures: a site that is missing restarts it once."""
    pooled = [measure for measure in file.measures if measure.lane is Lane.POOLED]
    for measure in pooled:
        name = f"{path}: measure {measure.id}"
        sites = set(measure.sites or site_ids)
        if sites != set(pooled[0].sites or site_ids):
            raise DefinitionError(
                f"{name}: it is pooled over other sites than {pooled[0].id}; name the same for all measures in the "
                "pooled lane, or ask for it in a round of its own"
            )
        if len(sites) < FEWEST_PARTICIPANTS:
            raise DefinitionError(
                f"{name}: pooled over {len(sites)} sites, and {FEWEST_PARTICIPANTS} is the least; name more, or remove "
                "`lane`"
            )
        found = library.measure(measure.id, measure.version)
        try:
            most_of_one_person(found, found.periods(first=file.first, last=file.last)[0])
        except DisclosureRefusal as refusal:
            raise DefinitionError(f"{path}: measure {refusal}") from None


def _read_adoptions(
    path: Path, membership: Membership, library: Library, declared: Sequence[RoundDeclaration], successions: Successions
) -> tuple[AdoptionEvent, ...]:
    """A file that is not there says nothing; only one without rows says that nobody has adopted anything."""
    if not path.exists():
        for one in declared:
            if one.programmes:
                raise DefinitionError(
                    f"{path} is missing, and round {one.id} asks how far {one.programmes[0].innovation} has spread; "
                    "write the file with the first row ods_code,innovation,stage,date and one row for each step"
                )
        return ()
    known = [innovation.id for innovation in library.innovations]
    return read_adoptions(path, membership=membership, innovations=known, successions=successions)


def _refuse_twice(path: Path, what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise DefinitionError(f"{path}: {what} `{value}` is listed twice; keep one")

"""What a round's file declares: which measures are asked of whom over which days, and which innovations are spread."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from rounds.disclosure.attempt import FEWEST_PARTICIPANTS
from rounds.disclosure.pooled import most_of_one_person
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.learning.spread.adoption import Stage
from rounds.measures.definitions import Measure
from rounds.measures.score_levels import bands_of
from rounds.storage.identifiers import Identifier
from rounds.storage.library import Library
from rounds.storage.need_files import NeedAndUse, NeedFile, need_and_use
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition, read_yaml, refuse_twice

IN_USE = (Stage.LIVE, Stage.EMBEDDED)
"""The stages from which an innovation can have an effect."""


class Lane(StrEnum):
    """How a measure's numbers travel."""

    SITE = "site"
    """Each site's own, as its policy shows them."""
    POOLED = "pooled"
    """The sums of all sites, with noise; no site's own are known to anybody else."""


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


def read_round(path: Path, site_ids: tuple[str, ...], library: Library) -> RoundDeclaration:
    """Return what a round's file declares.

    Args:
        path: of the file.
        site_ids: of the network's sites.
        library: where its measures and innovations are defined.

    Raises:
        DefinitionError: naming the file, if it asks for what cannot be.
    """
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
    refuse_twice(path, "measure", [measure.id for measure in file.measures])
    refuse_twice(path, "programme", [f"{one.innovation} for {one.outcome}" for one in file.programmes])
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
        programmes=tuple(_programme(path, one, of_sites, library) for one in file.programmes),
        score_tables=score_tables,
        needs=tuple(need_and_use(path, one, of_sites, library) for one in file.needs),
        epoch=file.epoch,
        asked_by=file.asked_by,
    )


def _programme(path: Path, programme: _Programme, of_sites: dict[str, int], library: Library) -> Programme:
    library.innovation(programme.innovation)
    if programme.stage not in IN_USE:
        stages = " or ".join(f"`{stage}`" for stage in IN_USE)
        raise DefinitionError(
            f"{path}: programme {programme.innovation}: at stage `{programme.stage}` an innovation is "
            f"not in use; choose {stages}"
        )
    for named in (programme.outcome, *programme.improves):
        if named not in of_sites:
            raise DefinitionError(
                f"{path}: programme {programme.innovation}: the round does not ask for its measure "
                f"`{named}` in the site lane{nearest(named, list(of_sites))}"
            )
    outcome = library.measure(programme.outcome, of_sites[programme.outcome])
    if outcome.span > 1:
        raise DefinitionError(
            f"{path}: programme {programme.innovation}: the periods of its outcome `{programme.outcome}` overlap, "
            f"and an effect needs periods that do not; ask for the measure with `span: 1`"
        )
    return Programme(
        innovation=programme.innovation,
        outcome=programme.outcome,
        stage=programme.stage,
        improves=tuple(programme.improves),
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

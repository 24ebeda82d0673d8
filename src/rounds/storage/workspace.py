"""A network's folder: all that people wrote in it, parsed once into our own types and checked against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import Field

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent
from rounds.learning.spread.succession import followed
from rounds.network.definition_changes import DefinitionChange
from rounds.network.members import Membership
from rounds.network.pipeline import Pipeline
from rounds.network.rebases import StatedRebase
from rounds.network.successions import Successions
from rounds.storage.definition_change_files import read_definition_changes
from rounds.storage.identifiers import Identifier
from rounds.storage.library import Library, read_library, shipped_library_folder
from rounds.storage.members import read_adoptions, read_membership, refuse_succeeded
from rounds.storage.pipeline_files import InLibrary, read_pipeline
from rounds.storage.rebase_files import read_rebases
from rounds.storage.round_files import RoundDeclaration, read_round
from rounds.storage.succession_files import read_successions
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition, read_yaml, refuse_twice


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
    refuse_twice(path, "site", [site.id for site in network.sites])
    refuse_twice(path, "site folder", [site.folder for site in network.sites])
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
    declared = sorted((read_round(file, site_ids, library) for file in round_files), key=lambda one: one.id)
    refuse_twice(folder / "rounds", "round", [one.id for one in declared])
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

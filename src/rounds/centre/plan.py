"""The plan of a round: what will be asked of whom. Fixed once the first request has gone out."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.errors import DefinitionError, RoundsError
from rounds.exchange.messages import CENTRE
from rounds.exchange.question import Question, wire_question
from rounds.measures.definitions import Measure
from rounds.storage.facts import write_fact
from rounds.storage.workspace import RoundDeclaration, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlan:
    """What one site is asked."""

    site: str
    folder: Path
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A round, ready to be asked."""

    declaration: RoundDeclaration
    measures: tuple[Measure, ...]
    sites: tuple[SitePlan, ...]

    @property
    def round_id(self) -> str:
        return self.declaration.id

    @property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what is asked."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def content(self) -> bytes:
        """The plan as it is written down: JSON, without days and titles that change no question."""
        sites = {site.site: wire_question(site.question).model_dump() for site in self.sites}
        meaning = {"round": self.round_id, "sites": sites}
        return json.dumps(meaning, sort_keys=True, indent=1).encode()

    def fix(self, path: Path, *, log: Path, today: date) -> None:
        """Write the plan down, or make sure that it is the one that was written down before.

        Args:
            path: where it belongs.
            log: the centre's audit log.
            today: the day on which it is fixed.

        Raises:
            RoundsError: if the round was started with another plan.
        """
        if not path.exists():
            event = Event(action=Action.PLANNED, round_id=self.round_id, party=CENTRE, digest=self.digest, day=today)
            write_fact(path, self.content, event=event, log=log)
        elif path.read_bytes() != self.content:
            raise RoundsError(
                f"round {self.round_id} was started with another plan ({path}): its measures, sites, members or "
                "dates have changed since; put them back, or give the changed round a new id"
            )


def make_plan(workspace: Workspace, declaration: RoundDeclaration) -> Plan:
    """Return who is asked what in a round. Sites that are asked nothing are left out.

    Raises:
        DefinitionError: if a measure is not in the library.
    """
    measures = tuple(workspace.library.measure(asked.id, asked.version) for asked in declaration.measures)
    refs = {measure.id: measure.ref for measure in measures}
    members = tuple(member.ods_code for member in workspace.membership.members)
    plans = []
    for site in workspace.sites:
        asked = tuple(refs[measure.id] for measure in declaration.measures if site.id in measure.sites)
        if asked:
            question = Question(
                first=declaration.first,
                last=declaration.last,
                as_of=declaration.as_of,
                measures=asked,
                members=members,
                epoch=declaration.epoch,
            )
            plans.append(SitePlan(site=site.id, folder=workspace.site_folder(site), question=question))
    if not plans:
        raise DefinitionError(f"round {declaration.id} asks no site for anything; correct `sites` in its file")
    return Plan(declaration=declaration, measures=measures, sites=tuple(plans))

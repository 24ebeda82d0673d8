"""The plan of a round: what will be asked of whom. Fixed once the first request has gone out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rounds.audit.chain import Action, Event
from rounds.errors import DefinitionError, RoundsError
from rounds.exchange.envelope import CENTRE
from rounds.exchange.question import Question, wire_question
from rounds.measures.definitions import Measure
from rounds.storage.facts import write_fact
from rounds.storage.round_files import AskedMeasure, Lane, RoundDeclaration
from rounds.storage.workspace import Workspace


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
    """those that each site is asked for by itself"""
    sites: tuple[SitePlan, ...]
    pooled_measures: tuple[Measure, ...] = ()
    """those of which only the sums over all sites are asked for"""
    pooled: tuple[SitePlan, ...] = ()
    """who is asked for them; all are asked the same"""

    @property
    def round_id(self) -> str:
        return self.declaration.id

    @property
    def asked(self) -> tuple[SitePlan, ...]:
        """Everything that each site is asked, in either lane, as one question a site."""
        whole = {site.site: site for site in self.sites}
        for site in self.pooled:
            if site.site in whole:
                measures = (*whole[site.site].question.measures, *site.question.measures)
                whole[site.site] = replace(site, question=replace(site.question, measures=measures))
            else:
                whole[site.site] = site
        return tuple(whole.values())

    @property
    def digest(self) -> str:
        """The SHA-256 of everything that decides what is asked."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def content(self) -> bytes:
        """The plan as it is written down: JSON, without days and titles that change no question."""
        sites = {site.site: wire_question(site.question).model_dump() for site in self.sites}
        meaning: dict[str, object] = {"round": self.round_id, "sites": sites}
        if self.pooled:
            meaning["pooled"] = {site.site: wire_question(site.question).model_dump() for site in self.pooled}
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
    found = {asked.id: workspace.library.measure(asked.id, asked.version) for asked in declaration.measures}
    lanes = {lane: [asked for asked in declaration.measures if asked.lane is lane] for lane in Lane}
    plans = {lane: _site_plans(workspace, declaration, asked, found) for lane, asked in lanes.items()}
    if not any(plans.values()):
        raise DefinitionError(f"round {declaration.id} asks no site for anything; correct `sites` in its file")
    return Plan(
        declaration=declaration,
        measures=tuple(found[asked.id] for asked in lanes[Lane.SITE]),
        sites=plans[Lane.SITE],
        pooled_measures=tuple(found[asked.id] for asked in lanes[Lane.POOLED]),
        pooled=plans[Lane.POOLED],
    )


def _site_plans(
    workspace: Workspace, declaration: RoundDeclaration, measures: Sequence[AskedMeasure], found: Mapping[str, Measure]
) -> tuple[SitePlan, ...]:
    members = tuple(member.ods_code for member in workspace.membership.members)
    plans = []
    for site in workspace.sites:
        asked = tuple(found[measure.id].ref for measure in measures if site.id in measure.sites)
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
    return tuple(plans)

"""An innovation being spread: who uses it, and whether it worked there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from rounds.centre.impact_panel import impact_panel
from rounds.centre.pooled_measure import PooledMeasure
from rounds.learning.impact.effect import Effect, MeanEffect, NoEffect, Panel
from rounds.learning.impact.panel.run import DidItWork, Settings, did_it_work
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.learning.spread.coverage import first_reached, stage_reached, stopped_on
from rounds.learning.spread.succession import followed
from rounds.network.definition_changes import DefinitionChange
from rounds.network.innovations import Innovation
from rounds.network.members import Membership
from rounds.network.successions import NO_SUCCESSIONS, Successions
from rounds.reports.content.impact import Evaluation, impact
from rounds.reports.insight import Insight, Provenance
from rounds.storage.library import Library
from rounds.storage.round_files import Programme

PLACEBO_LEAD_PERIODS = 6
PANEL_SEED = 20_240_101
"""Of draws and placebos: the same replies give the same pages."""


def embedded_innovations(
    measure_id: str,
    programmes: Sequence[Programme],
    library: Library,
    *,
    events: tuple[AdoptionEvent, ...],
    as_of: date,
) -> dict[str, Innovation]:
    """Return, by ODS code, an innovation meant to improve a measure that the member has embedded by a day."""
    found: dict[str, Innovation] = {}
    for programme in programmes:
        if measure_id == programme.outcome or measure_id in programme.improves:
            innovation = library.innovation(programme.innovation)
            for member in stage_reached(events, Stage.EMBEDDED, as_of, innovation=innovation.id):
                found.setdefault(member, innovation)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A programme of a round with what was found of it."""

    programme: Programme
    innovation: Innovation
    outcome: PooledMeasure
    panel: Panel
    effect: Effect | MeanEffect | NoEffect
    placebo: Effect | MeanEffect | NoEffect | None
    beside: DidItWork | None = None
    """other estimators and checks; None where there is no effect"""
    restarted: tuple[str, ...] = ()
    """ODS codes of those that stopped and started again"""


def evaluate(
    programme: Programme,
    innovation: Innovation,
    *,
    outcome: PooledMeasure,
    events: tuple[AdoptionEvent, ...],
    membership: Membership,
    successions: Successions = NO_SUCCESSIONS,
    changes: Sequence[DefinitionChange] = (),
) -> Evaluated:
    """Return what an innovation did to its outcome where it is used; or why the data cannot say.

    Args:
        programme: the innovation, its stage and its outcome.
        innovation: as it is in the library.
        outcome: the pooled outcome.
        events: who reached which stage when, without what was taken over by successions.
        membership: all that ever belonged.
        successions: who carried on whose work by the day of the round.
        changes: how what the outcome's counts mean had changed by that day.
    """
    panel = impact_panel(
        programme, outcome=outcome, events=events, membership=membership, successions=successions, changes=changes
    )
    chance = np.random.default_rng(PANEL_SEED)
    found = did_it_work(panel, generator=chance, settings=Settings(lead=PLACEBO_LEAD_PERIODS))
    beside = None if isinstance(found, NoEffect) else found
    return Evaluated(
        programme=programme,
        innovation=innovation,
        outcome=outcome,
        panel=panel,
        effect=found if isinstance(found, NoEffect) else found.effect,
        placebo=None if beside is None else beside.placebo_in_time,
        beside=beside,
        restarted=restarted_members(
            programme, followed(events, successions), members=tuple(panel.member_of(row) for row in panel.sites)
        ),
    )


def impact_insight(found: Evaluated, *, membership: Membership, provenance: Provenance) -> Insight:
    """Return whether an innovation worked where it is used, and for how many; or why the data cannot say."""
    return impact(
        evaluation=Evaluation(
            effect=found.effect,
            placebo=found.placebo,
            panel=found.panel,
            periods=found.outcome.labels,
            beside=found.beside,
            restarted=found.restarted,
        ),
        innovation=found.innovation,
        stage=found.programme.stage,
        measure=found.outcome.measure,
        membership=membership,
        provenance=provenance,
    )


def restarted_members(
    programme: Programme, events: tuple[AdoptionEvent, ...], *, members: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the members that stopped and started again: what came after they stopped is in no estimate."""
    own = tuple(event for event in events if event.ods_code in members)
    stopped = stopped_on(own, programme.innovation, programme.stage)
    after = tuple(event for event in own if event.day > stopped.get(event.ods_code, event.day))
    return tuple(sorted(first_reached(after, programme.innovation, programme.stage)))

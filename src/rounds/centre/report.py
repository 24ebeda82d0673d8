"""The report of a round: everything it has to say, and of what it has nothing to say."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypedDict

from rounds.centre.benefit_statements import statement_of
from rounds.centre.benefits import Benefits, Told, benefits_of
from rounds.centre.case_mix import case_mix_insights
from rounds.centre.completeness import completeness_lines, flagged
from rounds.centre.earlier_definitions import earlier_definition
from rounds.centre.impact_panel import known_in
from rounds.centre.learn import variation_insights
from rounds.centre.need import need_insights
from rounds.centre.pipeline import pipeline_insights
from rounds.centre.plan import Plan
from rounds.centre.pooled_lane import PooledSum, pooled_insights
from rounds.centre.pooled_measure import PooledMeasure, pool_measure
from rounds.centre.programmes import embedded_innovations, evaluate, impact_insight
from rounds.centre.provenance import pooled_provenance, provenance_of, whole_provenance
from rounds.centre.score_tables import warning_insights
from rounds.centre.spreading import spread_insights
from rounds.centre.standardising import standardised_insights
from rounds.exchange.messages import Reply
from rounds.learning.benefit.entries import Statement
from rounds.learning.benefit.totals import latest
from rounds.learning.impact.effect import NoEffect
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.measures.definitions import Measure
from rounds.measures.score_levels import bands_of
from rounds.network.members import Membership
from rounds.reports.content.silences import silent_measure, silent_outcome, silent_pooled
from rounds.reports.insight import Insight, Provenance
from rounds.reports.report import Report
from rounds.storage.progress import Progress
from rounds.storage.workspace import Workspace


class _About(TypedDict):
    membership: Membership
    provenance: Provenance


def make_report(
    workspace: Workspace,
    plan: Plan,
    replies: dict[str, Reply | None],
    *,
    progress: Progress,
    pooled: Sequence[PooledSum] = (),
    keep: Callable[[Sequence[Statement]], Sequence[Statement]] = latest,
) -> Report:
    """Return everything a round has to say.

    Args:
        workspace: the network.
        plan: of the round.
        replies: by site; None where a site has not answered.
        progress: told how far it is.
        pooled: sums over all sites.
        keep: records what is said of benefit and returns what is in force; by default nothing is recorded.
    """
    present = [reply for reply in replies.values() if reply is not None]
    declared = plan.declaration
    found: dict[str, PooledMeasure] = {}
    silences: list[str] = []
    bands = {band.ref for measure in declared.score_tables for band in bands_of(measure)}
    of_bands: list[PooledMeasure] = []
    for measure in plan.measures:
        one = pool_measure(present, measure, first=declared.first, last=declared.last)
        if measure.ref in bands:
            of_bands += [one] if one is not None else []
        elif one is not None:
            found[measure.id] = one
        else:
            silences.append(_silence(plan, present, measure))
    progress.step("Looking for variation", len(found) + len(declared.programmes))
    events = _known_events(workspace, plan)
    insights: list[Insight] = []
    for one in found.values():
        provenance = provenance_of(plan, replies, [one.measure], [one])
        embedded = embedded_innovations(
            one.measure.id, declared.programmes, workspace.library, events=events, as_of=declared.as_of
        )
        known = [
            rebase
            for rebase in workspace.rebases
            if rebase.measure == one.measure.id and rebase.since <= declared.as_of
        ]
        insights += variation_insights(
            one, membership=workspace.membership, provenance=provenance, embedded=embedded, rebases=known
        )
        insights += standardised_insights(one, membership=workspace.membership, provenance=provenance)
        adjusted, unadjusted = case_mix_insights(one, membership=workspace.membership, provenance=provenance)
        insights += adjusted
        silences += unadjusted
        progress.advance()
    for measure in declared.score_tables:
        own = bands_of(measure)
        counted = [one for one in of_bands if one.measure in own]
        warnings, untold = warning_insights(
            measure,
            present,
            membership=workspace.membership,
            provenance=provenance_of(plan, replies, own, counted),
        )
        insights += warnings
        silences += untold
    for asked in declared.needs:
        need, use = found.get(asked.need), found.get(asked.use)
        if need is None or use is None:
            continue  # why a measure has no numbers is among the silences
        provenance = provenance_of(plan, replies, [need.measure, use.measure], [need, use])
        unmet, untold = need_insights(need, use, membership=workspace.membership, provenance=provenance)
        insights += unmet
        silences += untold
    totals, missing = _of_pooled(plan, pooled)
    insights += totals
    said, unsaid, told = _of_programmes(workspace, plan, replies, found, progress=progress)
    insights += pipeline_insights(
        workspace,
        as_of=declared.as_of,
        found=found,
        provenance=lambda used: provenance_of(plan, replies, [one.measure for one in used], used),
    )
    benefits = benefits_of(workspace, declared, told, keep=keep) if told else Benefits()
    completeness = completeness_lines(present, [one.measure for one in found.values()], workspace.membership)
    return Report(
        network_name=workspace.name,
        round_id=plan.round_id,
        round_title=declared.title,
        as_of=declared.as_of,
        insights=flagged((*insights, *said, *benefits.insights), completeness),
        membership=workspace.membership,
        provenance=whole_provenance(plan, replies, [*found.values(), *of_bands], pooled),
        measures=(
            *(one.measure for one in found.values()),
            *(measure for measure in declared.score_tables if measure.id not in found),
            *(one.measure for one in pooled),
        ),
        silences=(*silences, *missing, *unsaid, *benefits.silences),
        completeness=completeness,
        quarterly_return=benefits.quarterly,
    )


def _of_pooled(plan: Plan, pooled: Sequence[PooledSum]) -> tuple[list[Insight], list[str]]:
    """Return what is said of the sums over all sites, and which measures have none."""
    insights: list[Insight] = []
    silences: list[str] = []
    for measure in plan.pooled_measures:
        one = next((found for found in pooled if found.measure.ref == measure.ref), None)
        said = () if one is None else pooled_insights(one, pooled_provenance(plan, one))
        insights += said
        if not said:
            silences.append(silent_pooled(measure, answered=one is not None))
    return insights, silences


def _of_programmes(
    workspace: Workspace,
    plan: Plan,
    replies: dict[str, Reply | None],
    found: dict[str, PooledMeasure],
    *,
    progress: Progress,
) -> tuple[list[Insight], list[str], list[Told]]:
    """Return what is said of the round's programmes, what cannot be said of them, and what they did for how many."""
    declared = plan.declaration
    events = _known_events(workspace, plan)
    spread_told: set[tuple[str, Stage]] = set()
    insights: list[Insight] = []
    silences: list[str] = []
    told: list[Told] = []
    for programme in declared.programmes:
        outcome = found.get(programme.outcome)
        measure = next(one for one in plan.measures if one.id == programme.outcome)
        innovation = workspace.library.innovation(programme.innovation)
        provenance = provenance_of(plan, replies, [measure], [outcome] if outcome else [])
        about: _About = {"membership": workspace.membership, "provenance": provenance}
        evaluated = (
            evaluate(
                programme,
                innovation,
                outcome=outcome,
                **known_in(workspace, declared, programme),
            )
            if outcome
            else None
        )
        if (programme.innovation, programme.stage) not in spread_told:
            spread_told.add((programme.innovation, programme.stage))
            periods = measure.periods(first=declared.first, last=declared.last)
            ends = tuple(period.end for period in periods)
            insights += spread_insights(
                programme,
                innovation,
                events=events,
                days=ends,
                as_of=declared.as_of,
                counted=found,
                effect=evaluated.effect if evaluated else NoEffect(reason="Its outcome was not counted."),
                **about,
            )
        if evaluated is None:
            silences.append(silent_outcome(innovation, measure))
        else:
            worked = impact_insight(evaluated, **about)
            if earlier := earlier_definition(workspace, declared, measure):
                worked = replace(worked, notes=(*worked.notes, earlier.says(measure)))
            insights.append(worked)
            statement = statement_of(
                evaluated, network=workspace.id, round_id=plan.round_id, data_as_of=declared.as_of, events=events
            )
            sure = worked.certainty
            told.append(Told(statement=statement, level=sure.level, because=sure.because, provenance=worked.provenance))
        progress.advance()
    return insights, silences, told


def _known_events(workspace: Workspace, plan: Plan) -> tuple[AdoptionEvent, ...]:
    return workspace.known_adoptions(plan.declaration.as_of)


def _silence(plan: Plan, present: Sequence[Reply], measure: Measure) -> str:
    answers = [table.cells.height for reply in present for table in reply.tables if table.measure == measure.ref]
    declared = plan.declaration
    return silent_measure(measure, sites=len(answers), cells=sum(answers), first=declared.first, last=declared.last)

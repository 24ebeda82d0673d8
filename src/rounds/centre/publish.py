"""Publishing: one report from everything received, rendered into a folder that appears in one piece."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypedDict

from rounds import __version__
from rounds.audit.chain import Action, Event
from rounds.centre.audit_check import STAMP
from rounds.centre.benefit_statements import statement_of
from rounds.centre.benefits import Benefits, Ledger, Told, benefits_of, known_before
from rounds.centre.case_mix import case_mix_insights
from rounds.centre.completeness import completeness_lines, flagged
from rounds.centre.earlier_definitions import earlier_definition
from rounds.centre.impact_panel import known_in
from rounds.centre.learn import variation_insights
from rounds.centre.need import need_insights
from rounds.centre.pipeline import pipeline_insights, recorded_digest
from rounds.centre.plan import Plan
from rounds.centre.pooled_lane import PooledSum, pooled_insights
from rounds.centre.pooled_measure import PooledMeasure, pool_measure
from rounds.centre.pooling import withheld_cells
from rounds.centre.programmes import embedded_innovations, evaluate, impact_insight
from rounds.centre.record import round_record
from rounds.centre.score_tables import warning_insights
from rounds.centre.spreading import spread_insights
from rounds.centre.standardising import standardised_insights
from rounds.exchange.envelope import CENTRE
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
from rounds.reports.outputs import write_outputs
from rounds.reports.record_file import RECORD, write_record
from rounds.reports.report import Report
from rounds.storage.facts import write_fact_folder
from rounds.storage.progress import Progress
from rounds.storage.workspace import Workspace


class _About(TypedDict):
    membership: Membership
    provenance: Provenance


def inputs_digest(workspace: Workspace, plan: Plan, replies: Sequence[Reply], *, pooled: Sequence[Reply] = ()) -> str:
    """Return the SHA-256 of everything that decides what is published."""
    known = plan.declaration.as_of
    inputs: dict[str, object] = {
        "plan": plan.digest,
        "replies": {reply.site: reply.digest for reply in replies},
        "title": plan.declaration.title,
        "asked_by": plan.declaration.asked_by,
        "network": workspace.name,
        "programmes": [repr(programme) for programme in plan.declaration.programmes],
        "members": [repr(member) for member in workspace.membership.members],
        "adoptions": [repr(event) for event in workspace.known_adoptions(known)],
        "measures": [repr(measure) for measure in plan.measures],
        "innovations": [repr(innovation) for innovation in workspace.library.innovations],
        "code": __version__,
    }
    if rebases := [repr(rebase) for rebase in workspace.rebases if rebase.since <= known]:
        inputs["rebases"] = rebases
    outcomes = {programme.outcome for programme in plan.declaration.programmes}
    if changes := [repr(one) for outcome in sorted(outcomes) for one in workspace.changes_of(outcome, known)]:
        inputs["definition changes"] = changes
    of_outcomes = [earlier_definition(workspace, plan.declaration, one) for one in plan.measures if one.id in outcomes]
    if earlier := [repr(one) for one in of_outcomes if one is not None]:
        inputs["earlier definitions"] = earlier
    if successions := workspace.successions.known_by(known).all:
        inputs["successions"] = [repr(one) for one in successions]
    if pipeline := recorded_digest(workspace, as_of=known):
        inputs["pipeline"] = pipeline
    if known_of_benefit := known_before(workspace, plan.declaration):
        inputs["benefit"] = known_of_benefit
    if plan.declaration.score_tables:
        inputs["score tables"] = [repr(measure) for measure in plan.declaration.score_tables]
    if plan.declaration.needs:
        inputs["needs"] = [repr(one) for one in plan.declaration.needs]
    if plan.pooled:
        inputs["pooled"] = {reply.site: reply.digest for reply in pooled}
        inputs["pooled measures"] = [repr(measure) for measure in plan.pooled_measures]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def is_published(outputs: Path, inputs: str) -> bool:
    """Return whether a folder of outputs was made from just these inputs."""
    stamp = outputs / STAMP
    return stamp.exists() and json.loads(stamp.read_bytes())["inputs"] == inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a round is published from besides its replies."""

    digest: str
    """of everything that decides what is published"""
    asked: Mapping[str, date]
    """the day on which each site was asked"""
    pooled: Sequence[PooledSum] = ()
    """sums over all sites, of measures that are asked in the pooled lane"""


def publish(
    workspace: Workspace,
    plan: Plan,
    replies: dict[str, Reply | None],
    *,
    given: Given,
    log: Path,
    today: date,
    progress: Progress,
) -> None:
    """Learn from the replies and write pages, JSON, workbook and record; the folder appears only when all are there.

    Args:
        workspace: the network.
        plan: of the round.
        replies: by site; None where a site has not answered.
        given: what else decides what is published.
        log: the centre's audit log.
        today: the day of publishing.
        progress: told how far it is.
    """
    ledger = Ledger(workspace=workspace, declared=plan.declaration, inputs=given.digest, today=today)
    report = make_report(workspace, plan, replies, progress=progress, pooled=given.pooled, keep=ledger.keep)
    record = round_record(workspace, plan, replies, asked=given.asked, inputs=given.digest)

    def drawn(done: int, of: int) -> None:
        if done == 1:
            progress.step("Drawing the pages", of)
        progress.advance()

    def fill(folder: Path) -> None:
        write_outputs(folder, report=report, with_record=True, done=drawn)
        stamp = {"round": plan.round_id, "inputs": given.digest, "code": __version__}
        (folder / STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
        write_record(folder, record=record)

    def event(folder: Path) -> Event:
        digest = hashlib.sha256((folder / RECORD).read_bytes()).hexdigest()
        return Event(action=Action.PUBLISHED, round_id=plan.round_id, party=CENTRE, digest=digest, day=today)

    write_fact_folder(workspace.outputs(plan.round_id), fill, event=event, log=log)


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
        provenance = _provenance(plan, replies, [one.measure], [one])
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
            provenance=_provenance(plan, replies, own, counted),
        )
        insights += warnings
        silences += untold
    for asked in declared.needs:
        need, use = found.get(asked.need), found.get(asked.use)
        if need is None or use is None:
            continue  # why a measure has no numbers is among the silences
        provenance = _provenance(plan, replies, [need.measure, use.measure], [need, use])
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
        provenance=lambda used: _provenance(plan, replies, [one.measure for one in used], used),
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
        provenance=_whole_provenance(plan, replies, [*found.values(), *of_bands], pooled),
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
        said = () if one is None else pooled_insights(one, _pooled_provenance(plan, one))
        insights += said
        if not said:
            silences.append(silent_pooled(measure, answered=one is not None))
    return insights, silences


def _whole_provenance(
    plan: Plan, replies: dict[str, Reply | None], found: Sequence[PooledMeasure], pooled: Sequence[PooledSum]
) -> Provenance:
    """Return where a report comes from: a site is in it that is in everything it was asked for, in either lane."""
    own = _provenance(plan, replies, plan.measures, found)
    summed = pooled[0].attempt.sites if pooled else ()
    missing = {*own.sites_out, *(site.site for site in plan.pooled if site.site not in summed)}
    asked = [site.site for site in plan.asked]
    return replace(
        own,
        sites_in=tuple(site for site in asked if site not in missing),
        sites_out=tuple(site for site in asked if site in missing),
        total_cells=own.total_cells + sum(one.cells.height for one in pooled),
    )


def _pooled_provenance(plan: Plan, found: PooledSum) -> Provenance:
    sites = found.attempt.sites
    return Provenance(
        round_id=plan.round_id,
        plan_digest=plan.digest,
        sites_in=sites,
        sites_out=tuple(site.site for site in plan.pooled if site.site not in sites),
        withheld_cells=0,
        total_cells=found.cells.height,
        code_version=__version__,
        data_as_of=plan.declaration.as_of,
    )


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
        provenance = _provenance(plan, replies, [measure], [outcome] if outcome else [])
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


def _provenance(
    plan: Plan, replies: dict[str, Reply | None], asked_for: Sequence[Measure], found: Sequence[PooledMeasure]
) -> Provenance:
    measures = {measure.ref for measure in asked_for}
    asked = [site.site for site in plan.sites if measures & set(site.question.measures)]
    return Provenance(
        round_id=plan.round_id,
        plan_digest=plan.digest,
        sites_in=tuple(site for site in asked if replies[site] is not None),
        sites_out=tuple(site for site in asked if replies[site] is None),
        withheld_cells=sum(withheld_cells(one.cells) for one in found),
        total_cells=sum(one.cells.height for one in found),
        code_version=__version__,
        data_as_of=plan.declaration.as_of,
    )

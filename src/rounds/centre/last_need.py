"""The need that measures show, in a round and between rounds: of a measure, what its last published round counted."""

from collections.abc import Mapping
from datetime import date

from rounds.centre.audit_check import STAMP
from rounds.centre.plan import make_plan
from rounds.centre.pooled_measure import PooledMeasure, pool_measure
from rounds.centre.pooling import totals
from rounds.centre.post import Desk, kept_replies
from rounds.errors import MessageError
from rounds.exchange.folder import ExchangeFolder
from rounds.learning.spread.pipeline.rank import Measured, NotMeasured
from rounds.measures.definitions import Better
from rounds.measures.kinds import CountKind
from rounds.storage.round_files import Lane, RoundDeclaration
from rounds.storage.workspace import Workspace

_DAYS_A_YEAR = 365.25


def measured_need(found: PooledMeasure) -> Measured | NotMeasured:
    """Return how many people or events a year a measure shows a need of, of late, within the bounds of what left sites.

    Of a measure that is better lower, its numerator; of one that is better higher, those of the denominator who are not
    in the numerator.

    Returns:
        The need; or why it shows none: it is a mean, better neither way, or its periods overlap.
    """
    measure = found.measure
    if measure.kind is CountKind.MEAN:
        return NotMeasured(because=f"{measure.title} is a mean, which counts nobody")
    if measure.better is Better.NEITHER:
        return NotMeasured(because=f"{measure.title} is better neither way")
    if measure.span > 1:
        return NotMeasured(because=f"the periods of {measure.title} overlap and would count people twice")
    if measure.better is Better.HIGHER and not measure.kind.is_proportion:
        return NotMeasured(because=f"{measure.title} is no share of people, so nobody is counted as without it")
    sums = totals(found.in_recent(found.cells), by=["period"])
    if sums.is_empty():
        return NotMeasured(because=f"nothing of {measure.title} was counted of late")
    lower, upper = float(sums["numerator_lower"].sum()), float(sums["numerator_upper"].sum())
    if measure.better is Better.HIGHER:
        people = float(sums["denominator_lower"].sum()), float(sums["denominator_upper"].sum())
        lower, upper = max(people[0] - upper, 0.0), max(people[1] - lower, 0.0)
    days = (found.recent[-1].end - found.recent[0].start).days + 1
    per_year = _DAYS_A_YEAR / days
    lower, upper = lower * per_year, upper * per_year
    what = "not in the numerator of" if measure.better is Better.HIGHER else "in the numerator of"
    many = f"{lower:,.0f}" if f"{lower:,.0f}" == f"{upper:,.0f}" else f"{lower:,.0f} to {upper:,.0f}"
    return Measured(lower=lower, upper=upper, words=f"{many} a year {what} {measure.title}")


def last_needs(workspace: Workspace, day: date) -> Mapping[str, Measured | NotMeasured]:
    """Return what the needs of a network's pipeline were when a round last counted their measures; nothing is written.

    Args:
        workspace: the network.
        day: rounds about a later day are not known.

    Returns:
        By measure, for each that an innovation names as its need: the need, with the round and its day in its words; or
        why there is none.

    """
    wanted = {one.need_measure for one in workspace.pipeline.up_to(day).innovations if one.need_measure}
    return {measure: _last_need(workspace, measure, day) for measure in sorted(wanted)}


def _last_need(workspace: Workspace, measure: str, day: date) -> Measured | NotMeasured:
    lanes = {one.id: asked.lane for one in workspace.rounds for asked in one.measures if asked.id == measure}
    asked = [one for one in workspace.rounds if one.id in lanes]
    if not asked:
        return NotMeasured(because=f"no round of this network asks for measure {measure}; name it in a round")
    past = sorted((one for one in asked if one.as_of <= day), key=lambda one: (one.as_of, one.id), reverse=True)
    if not past:
        first = min(asked, key=lambda one: one.as_of)
        return NotMeasured(because=f"the first round that asks for {measure}, {first.id}, is about {first.as_of}")
    published = [one for one in past if (workspace.outputs(one.id) / STAMP).exists()]
    if not published:
        return NotMeasured(because=f"round {past[0].id} asks for {measure} and is not published yet; run it first")
    shared = [one for one in published if lanes[one.id] is Lane.SITE]
    if not shared:
        return NotMeasured(
            because=f"round {published[0].id} asks for {measure} in the pooled lane, and sums with noise are not ranked"
        )
    return _in_round(workspace, shared[0], measure)


def _in_round(workspace: Workspace, declared: RoundDeclaration, measure: str) -> Measured | NotMeasured:
    about = f"round {declared.id} of {declared.as_of}"
    plan = make_plan(workspace, declared)
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))
    asked = next(one for one in plan.measures if one.id == measure)
    try:
        replies = kept_replies(desk, plan)
    except MessageError as problem:
        return NotMeasured(because=f"what the sites answered in {about} no longer fits it ({problem})")
    found = pool_measure(replies, asked, first=declared.first, last=declared.last)
    if found is None:
        return NotMeasured(because=f"in {about} no site sent numbers of {measure}")
    need = measured_need(found)
    if isinstance(need, NotMeasured):
        return need
    return Measured(lower=need.lower, upper=need.upper, words=f"{need.words}, in {about}")

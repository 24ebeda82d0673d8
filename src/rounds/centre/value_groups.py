"""Who had the events that a programme could prevent: those of its users while they used it, by group."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from rounds.centre.benefit_statements import places
from rounds.centre.impact_panel import impact_panel, known_in
from rounds.centre.plan import make_plan
from rounds.centre.pooled_measure import PooledMeasure, pool_measure
from rounds.centre.pooling import totals, withheld_cells
from rounds.centre.post import Desk, kept_replies
from rounds.errors import MessageError
from rounds.exchange.folder import ExchangeFolder
from rounds.learning.impact.effect import Panel
from rounds.learning.value.programme import Declared, StatedGroups
from rounds.measures.kinds import CountKind
from rounds.measures.periods import Grain, Period
from rounds.measures.strata import Stratum
from rounds.network.members import Membership
from rounds.reports.content.observed import observed_from_cells
from rounds.reports.content.value_evidence import source_words
from rounds.reports.content.wording import inline, listing, plural
from rounds.reports.insight import Provenance
from rounds.storage.round_files import RoundDeclaration
from rounds.storage.workspace import Workspace

BY: Final = Stratum.DEPRIVATION


def groups_of(
    workspace: Workspace, declaration: RoundDeclaration, declared: Declared, published: Provenance
) -> StatedGroups | str:
    """Return the events of a programme's users by group, from the replies that the centre keeps of a published round.

    Args:
        workspace: the network.
        declaration: of the round.
        declared: names the programme, its outcome, and the measure that counts its events by group.
        published: where the round's finding of the programme comes from.

    Returns:
        The events, or why there are none.
    """
    plan = make_plan(workspace, declaration)
    asked = {one.id: one for one in plan.measures}
    outcome, by_group = asked.get(declared.measure), asked.get(declared.groups_measure)
    if by_group is None and declared.groups_measure in {one.id for one in plan.pooled_measures}:
        return f"{declared.groups_measure} was asked for in the pooled lane, which tells nothing of those that use it"
    if outcome is None or by_group is None or BY not in by_group.strata:
        return f"the round does not count {declared.groups_measure} by {BY}; ask for that, and the next case can say it"
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))
    try:
        replies = kept_replies(desk, plan)
    except MessageError as problem:
        return f"what the sites answered no longer fits the round ({problem})"
    known = {reply.site for reply in replies}
    if plan.digest != published.plan_digest or not set(published.sites_in) <= known or known & {*published.sites_out}:
        return "the replies that the centre keeps are not those that the round was published from; run it again"
    first, last = declaration.first, declaration.last
    pooled, counted = (pool_measure(replies, one, first=first, last=last) for one in (outcome, by_group))
    if pooled is None or counted is None:
        return f"no site sent numbers of {declared.groups_measure}"
    wanted = (declared.innovation, declared.measure)
    programme = next(one for one in declaration.programmes if (one.innovation, one.outcome) == wanted)
    panel = impact_panel(programme, outcome=pooled, **known_in(workspace, declaration, programme))
    return groups_in_use(counted, panel, pooled.periods, membership=workspace.membership, published=published)


def groups_in_use(
    counted: PooledMeasure,
    panel: Panel,
    periods: Sequence[Period],
    *,
    membership: Membership,
    published: Provenance,
) -> StatedGroups | str:
    """Return the events of members while they used an innovation, by group, or why there are none.

    A member's count of a period is taken if the innovation was in use there, and in the estimate, in all periods of the
    panel that make it up. A period in part of which it was in use is left out: nobody knows which of its events were of
    that part.

    Args:
        counted: the measure that counts the events by group.
        panel: that the effect was estimated from.
        periods: of its columns.
        membership: to name the members.
        published: where the finding comes from.
    """
    measure = counted.measure
    title = inline(measure.title)
    if measure.kind is CountKind.MEAN:
        return f"{title} is a mean, which counts no events"
    if measure.span > 1:
        return f"the periods of {title} overlap and would count events twice"
    using = _in_use(panel)
    if not using:
        return "no site used it throughout a period"
    columns = {period.start: _columns(period, periods) for period in counted.periods}
    if not any(columns.values()):
        return f"the periods of {title} are not made up of those of the outcome; ask for it by the same ones"
    users = _named(membership, {member for member, _ in using})
    whole = [
        (code, start)
        for code in users
        for start, inside in columns.items()
        if inside and all((code, column) in using for column in inside)
    ]
    if not whole:
        return f"no site used it throughout a period of {title} ({measure.grain}); ask for it by shorter ones"
    keys = pl.DataFrame(whole, schema={"member": pl.String, "period": pl.Date}, orient="row")
    cells = counted.cells.join(keys, on=["member", "period"], how="semi")
    sums = totals(cells, by=[str(BY)])
    found = dict(zip(sums[str(BY)], (one.numerator for one in observed_from_cells(sums, measure)), strict=True))
    events = {level: found[level] for level in measure.levels(BY) if level in found}
    if not any(one.upper for one in events.values()):
        return f"the sites that use it counted no event of {title} while they used it"
    told = set(cells.select("member", "period").unique().iter_rows())
    in_it = {(code, column) for code, start in told for column in columns[start]}
    here = replace(published, withheld_cells=withheld_cells(cells), total_cells=cells.height)
    return StatedGroups(
        by=str(BY),
        names=tuple(events),
        lower=tuple(float(one.lower) for one in events.values()),
        upper=tuple(float(one.upper) for one in events.values()),
        values=tuple(None if one.value is None else float(one.value) for one in events.values()),
        where="at the sites that use it, while they use it",
        left_out=_left_out(users, using, in_it, "period" if measure.grain is Grain.ALL else measure.grain.value),
        source=source_words(here),
    )


def _in_use(panel: Panel) -> set[tuple[str, int]]:
    """Return whose counts of which columns are taken as those with the innovation."""
    known = panel.treated & ~panel.excluded & ~np.isnan(panel.lower)
    return {(member, column) for (member, column), place in places(panel).items() if known[place.row, column]}


def _columns(period: Period, periods: Sequence[Period]) -> tuple[int, ...]:
    """Return which periods make up another; none if they do not."""
    inside = [at for at, one in enumerate(periods) if period.start <= one.start and one.end <= period.end]
    days = sum((periods[at].end - periods[at].start).days + 1 for at in inside)
    return tuple(inside) if days == (period.end - period.start).days + 1 else ()


def _named(membership: Membership, codes: Collection[str]) -> dict[str, str]:
    return {one.ods_code: one.name for one in membership.members if one.ods_code in codes}


def _left_out(users: dict[str, str], using: set[tuple[str, int]], in_it: set[tuple[str, int]], grain: str) -> str:
    """Return how much of the use is not in the counts, and whose, in words."""
    if using <= in_it:
        return ""
    without = [name for code, name in users.items() if code not in {member for member, _ in in_it}]
    said = f"Each {grain} throughout which a site used it is in them: {len(in_it)} of {len(using)} site-periods of use."
    if without:
        said += (
            f" Of {plural(len(without), 'site')} that used it nothing is in them ({listing(without)}); these are taken "
            "to serve the same people as the others that use it."
        )
    return said

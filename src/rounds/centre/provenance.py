"""Where what is said comes from: which sites are in it, which were asked and are not, and how many cells."""

from collections.abc import Sequence
from dataclasses import replace

from rounds import __version__
from rounds.centre.plan import Plan
from rounds.centre.pooled_lane import PooledSum
from rounds.centre.pooled_measure import PooledMeasure
from rounds.centre.pooling import withheld_cells
from rounds.exchange.messages import Reply
from rounds.measures.definitions import Measure
from rounds.reports.insight import Provenance


def provenance_of(
    plan: Plan, replies: dict[str, Reply | None], asked_for: Sequence[Measure], found: Sequence[PooledMeasure]
) -> Provenance:
    """Return where what is said of some measures comes from: the sites that were asked for them, and their cells."""
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


def pooled_provenance(plan: Plan, found: PooledSum) -> Provenance:
    """Return where a sum over all sites comes from: the sites of its attempt, with no cell withheld."""
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


def whole_provenance(
    plan: Plan, replies: dict[str, Reply | None], found: Sequence[PooledMeasure], pooled: Sequence[PooledSum]
) -> Provenance:
    """Return where a report comes from: a site is in it that is in everything it was asked for, in either lane."""
    own = provenance_of(plan, replies, plan.measures, found)
    summed = pooled[0].attempt.sites if pooled else ()
    missing = {*own.sites_out, *(site.site for site in plan.pooled if site.site not in summed)}
    asked = [site.site for site in plan.asked]
    return replace(
        own,
        sites_in=tuple(site for site in asked if site not in missing),
        sites_out=tuple(site for site in asked if site in missing),
        total_cells=own.total_cells + sum(one.cells.height for one in pooled),
    )

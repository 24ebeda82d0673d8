"""The panel that an impact is estimated from: what left the sites, and who had the innovation when."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from rounds.centre.estimates import exposures, noise_of
from rounds.centre.pooled_measure import PooledMeasure
from rounds.learning.impact.did import build_panel
from rounds.learning.impact.effect import Panel
from rounds.learning.impact.histories import Succession, merged, with_definitions
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.learning.spread.coverage import first_reached, stopped_on
from rounds.network.members import Membership
from rounds.network.successions import NO_SUCCESSIONS, Successions
from rounds.storage.workspace import Programme


def impact_panel(
    programme: Programme,
    *,
    outcome: PooledMeasure,
    events: tuple[AdoptionEvent, ...],
    membership: Membership,
    taken_over: Successions = NO_SUCCESSIONS,
    merging: Sequence[Succession] = (),
    definitions: Mapping[str, date] | None = None,
) -> Panel:
    """Return the outcome's bounded counts by member and period, with who used the innovation when.

    A denominator that is withheld, empty or hidden by its noise leaves its member-period out: there is no exposure to
    speak of. So does a reply that has not come: a member without any is named in the panel's notes.

    Args:
        programme: the innovation, its stage and its outcome.
        outcome: the pooled outcome.
        events: who reached which stage when.
        membership: all that ever belonged.
        taken_over: whose work members carry on. What an organisation had live before it was carried on by a member
            was at work in that member's counts of then, too: they are neither without it nor surely with it.
        merging: members that became others and all sent counts; those that became one are one row all along.
        definitions: by member, the first day on which it counted by another definition than before.

    Raises:
        ValueError: if dates or successions contradict each other.
    """
    members, starts = outcome.members(membership), [period.start for period in outcome.periods]
    shape = (len(members), len(starts))
    lower, upper, exposure, noisy, sigma = (np.full(shape, np.nan) for _ in range(5))
    row_of = {member: row for row, member in enumerate(members)}
    column_of = {start: column for column, start in enumerate(starts)}
    sizes, noise = exposures(outcome.series), noise_of(outcome.series, "numerator")
    for index, cell in enumerate(outcome.series.iter_rows(named=True)):
        at = row_of[cell["member"]], column_of[cell["period"]]
        if sizes[index] > 0:
            lower[at], upper[at] = cell["numerator_lower"], cell["numerator_upper"]
            exposure[at], noisy[at], sigma[at] = sizes[index], noise.drawn[index], noise.sigma[index]
    present = set(members)
    about = tuple(event for event in events if event.ods_code in present)
    periods = [(period.start, period.end) for period in outcome.periods]
    live = _live(events, programme.innovation, members, taken_over)
    panel = build_panel(
        sites=members,
        periods=periods,
        lower=lower,
        upper=upper,
        exposure=exposure,
        effective_from=first_reached(about, programme.innovation, programme.stage),
        live_from=live,
        stopped_on=stopped_on(about, programme.innovation, programme.stage),
    )
    panel = panel if np.isnan(noisy).all() else replace(panel, noisy=noisy, sigma=sigma)
    panel = replace(panel, notes=_without_counts(programme, events, present, membership))
    if merging:
        panel = merged(panel, periods, merging, began=live)
    return with_definitions(panel, periods, definitions) if definitions else panel


def _live(
    events: tuple[AdoptionEvent, ...], innovation: str, members: Sequence[str], taken_over: Successions
) -> dict[str, date]:
    """Return since when it was live at each member, or at somebody whose work the member carries on."""
    reached = first_reached(events, innovation, Stage.LIVE)
    found = {}
    for member in members:
        days = [reached[one] for one in (member, *taken_over.before(member)) if one in reached]
        if days:
            found[member] = min(days)
    return found


def _without_counts(
    programme: Programme, events: tuple[AdoptionEvent, ...], present: set[str], membership: Membership
) -> tuple[str, ...]:
    """Return who has the innovation and sent no counts, in words."""
    reached = first_reached(events, programme.innovation, programme.stage)
    late = [
        member.name for member in membership.members if member.ods_code in reached and member.ods_code not in present
    ]
    if not late:
        return ()
    return (f"No counts have come from {', '.join(late)}, where it is in effect: not in this estimate.",)

"""The panel that an impact is estimated from: what left the sites, and who had the innovation when."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypedDict

import numpy as np

from rounds.centre.estimates import exposures, noise_of
from rounds.centre.pooled_measure import PooledMeasure
from rounds.disclosure.bounded import State
from rounds.learning.impact.effect import MeanOf, Panel
from rounds.learning.impact.histories import with_levels
from rounds.learning.impact.mergers import Before, Histories, joined
from rounds.learning.impact.treatment import build_panel
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.learning.spread.coverage import first_reached, stopped_on
from rounds.learning.spread.succession import followed
from rounds.network.definition_changes import DefinitionChange
from rounds.network.members import Membership
from rounds.network.successions import NO_SUCCESSIONS, Successions
from rounds.storage.round_files import Programme, RoundDeclaration
from rounds.storage.workspace import Workspace


class Known(TypedDict):
    """What a round knows of a programme beside its counts."""

    events: tuple[AdoptionEvent, ...]
    """who reached which stage when, without what was taken over by successions"""
    membership: Membership
    successions: Successions
    changes: Sequence[DefinitionChange]


def known_in(workspace: Workspace, declared: RoundDeclaration, programme: Programme) -> Known:
    """Return what was known of a programme on the day that a round is about."""
    return {
        "events": tuple(event for event in workspace.adoptions if event.day <= declared.as_of),
        "membership": workspace.membership,
        "successions": workspace.successions.known_by(declared.as_of),
        "changes": workspace.changes_of(programme.outcome, declared.as_of),
    }


def impact_panel(
    programme: Programme,
    *,
    outcome: PooledMeasure,
    events: tuple[AdoptionEvent, ...],
    membership: Membership,
    successions: Successions = NO_SUCCESSIONS,
    changes: Sequence[DefinitionChange] = (),
) -> Panel:
    """Return the outcome's bounded counts, or means, by member and period, with who used the innovation when.

    A mean whose sum is withheld is missing; where it was rounded, its bounds lie as far on either side of it as the
    farther of them.
    A denominator that is withheld, empty or hidden by its noise leaves its member-period out: there is no exposure to
    speak of. So does a reply that has not come: a member without any is named in the panel's notes. Members that became
    one are one row all along where that can be told (`joined`), and counts that mean something else from a day on have
    a level of their own (`with_levels`); both are said in the notes.

    Args:
        programme: the innovation, its stage and its outcome.
        outcome: the pooled outcome.
        events: who reached which stage when, as it is recorded of each: without what was taken over by successions.
        membership: all that ever belonged.
        successions: who carried on whose work, as far as it is known.
        changes: how what the outcome's counts mean has changed.

    Raises:
        ValueError: if dates contradict each other.
    """
    members, starts = outcome.members(membership), [period.start for period in outcome.periods]
    own = successions.of_members(members)
    involved = {code for one in own.all for code in (one.old_code, one.new_code)}
    rows = (*members, *sorted(involved - set(members)))
    shape = (len(rows), len(starts))
    lower, upper, exposure, noisy, sigma = (np.full(shape, np.nan) for _ in range(5))
    row_of = {member: row for row, member in enumerate(rows)}
    column_of = {start: column for column, start in enumerate(starts)}
    sizes, noise = exposures(outcome.series), noise_of(outcome.series, "numerator")
    amount = outcome.measure.amount
    for index, cell in enumerate(outcome.series.iter_rows(named=True)):
        at = row_of[cell["member"]], column_of[cell["period"]]
        if sizes[index] > 0 and amount is not None:
            exposure[at] = sizes[index]
            lower[at], upper[at] = _sum_of(cell, sizes[index])
            noisy[at] = noise.drawn[index]
        elif sizes[index] > 0:
            lower[at], upper[at] = cell["numerator_lower"], cell["numerator_upper"]
            exposure[at], noisy[at], sigma[at] = sizes[index], noise.drawn[index], noise.sigma[index]
    about = tuple(event for event in events if event.ods_code in row_of)
    periods = [(period.start, period.end) for period in outcome.periods]
    effective = first_reached(about, programme.innovation, programme.stage)
    panel = build_panel(
        sites=rows,
        periods=periods,
        lower=lower,
        upper=upper,
        exposure=exposure,
        effective_from=effective,
        live_from=first_reached(about, programme.innovation, Stage.LIVE),
        stopped_on=stopped_on(about, programme.innovation, programme.stage),
        mean_of=None if amount is None else MeanOf(low=amount.low, step=amount.step),
    )
    with_noise = not np.isnan(noisy).all()
    if amount is None and with_noise:
        panel = replace(panel, noisy=noisy, sigma=sigma)
    everybody = followed(events, own)
    notes = _without_counts(programme, everybody, set(members), membership)
    if amount is not None and with_noise:
        notes += ("Means have noise that was added for privacy. It is scatter, and so within the interval.",)
    panel = replace(panel, notes=notes)
    breaks, said = _changed(changes, members, periods, membership)
    known = Histories(
        before=lambda code, day: _before(membership, code, day),
        effective_from=effective,
        stopped_on=stopped_on(everybody, programme.innovation, programme.stage),
        name_of=lambda code: _name(membership, code),
    )
    made = joined(panel, periods, own, known, breaks=breaks)
    panel = replace(_only(made.panel, set(members)), notes=(*made.panel.notes, *said))
    return with_levels(panel, periods, {code: days for code, days in made.breaks.items() if code in panel.sites})


def _sum_of(cell: Mapping[str, Any], size: float) -> tuple[float, float]:
    """Return between what the sum behind a mean lies, around the one that is shown; NaN if it is withheld.

    Bounds are those of the mean, for its denominator may have been rounded too. Noise has none: it is scatter.
    """
    shown = cell["numerator_value"]
    if shown is None:
        return np.nan, np.nan
    if cell["numerator_state"] == State.NOISY:
        return float(shown), float(shown)
    lowest = size * cell["numerator_lower"] / max(cell["denominator_upper"], 1)
    highest = size * cell["numerator_upper"] / max(cell["denominator_lower"], 1)
    reach = max(shown - lowest, highest - shown, 0.0)
    return shown - reach, shown + reach


def _only(panel: Panel, members: set[str]) -> Panel:
    """Return the panel without rows of organisations of which no counts were asked or came."""
    kept = [row for row, name in enumerate(panel.sites) if name in members]
    return replace(
        panel,
        sites=tuple(panel.sites[row] for row in kept),
        lower=panel.lower[kept],
        upper=panel.upper[kept],
        exposure=panel.exposure[kept],
        treated=panel.treated[kept],
        excluded=panel.excluded[kept],
        noisy=None if panel.noisy is None else panel.noisy[kept],
        sigma=None if panel.sigma is None else panel.sigma[kept],
    )


def _before(membership: Membership, code: str, day: date) -> Before:
    """Return what a member was before a day: it began on the day it joined, if that is the day."""
    for member in membership.members:
        if member.ods_code == code:
            if member.first_joined < day:
                return Before.THERE
            return Before.NEW if member.first_joined == day else Before.UNKNOWN
    return Before.UNKNOWN


def _name(membership: Membership, code: str) -> str:
    return next((member.name for member in membership.members if member.ods_code == code), code)


def _changed(
    changes: Sequence[DefinitionChange],
    members: Sequence[str],
    periods: Sequence[tuple[date, date]],
    membership: Membership,
) -> tuple[dict[str, list[date]], list[str]]:
    """Return from when counts mean something else, by member, and that in words."""
    found: dict[str, list[date]] = defaultdict(list)
    said = []
    for one in sorted(changes, key=lambda change: (change.day, change.ods_code or "")):
        if not periods[0][0] < one.day <= periods[-1][1]:
            continue
        about = [code for code in members if one.ods_code in (None, code)]
        for code in about:
            found[code].append(one.day)
        if about:
            where = "everywhere" if one.ods_code is None else f"at {_name(membership, one.ods_code)}"
            said.append(
                f"The definition changed {where} on {one.day} ({one.reason.rstrip('.')}); counts are compared with "
                "counts under the same definition only."
            )
    return found, said


def _without_counts(
    programme: Programme,
    events: tuple[AdoptionEvent, ...],
    present: set[str],
    membership: Membership,
) -> tuple[str, ...]:
    """Return who has the innovation and sent no counts, in words."""
    reached = first_reached(events, programme.innovation, programme.stage)
    late = [
        member.name for member in membership.members if member.ods_code in reached and member.ods_code not in present
    ]
    if not late:
        return ()
    return (f"No counts have come from {', '.join(late)}, where it is in effect: not in this estimate.",)

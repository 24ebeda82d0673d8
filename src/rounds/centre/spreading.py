"""An innovation being spread: how far it has got, how it goes on, who is next, who is slow and whether it lasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from rounds.centre.pooled_measure import PooledMeasure, within
from rounds.centre.spread_next import a_year, next_in_line, same_chance
from rounds.learning.impact.effect import Effect, MeanEffect, NoEffect
from rounds.learning.spread.adoption import AdoptionEvent
from rounds.learning.spread.coverage import adoption_curve, coverage, reached_between, stopped_members, stopped_on
from rounds.learning.spread.diffusion.forecast import Forecast, forecast
from rounds.learning.spread.diffusion.times import DAYS_A_MONTH, AdoptionTimes, Watched, times_of
from rounds.learning.spread.expected import slow_members
from rounds.learning.spread.fidelity import fidelity_watch
from rounds.learning.spread.hazard import HazardFit, NotFitted, Spells, fit_hazard, peers_alike
from rounds.learning.spread.sustaining import DecayAlarm, Sustained, Use, decay_alarm, sustained
from rounds.measures.definitions import Better
from rounds.network.innovations import Innovation
from rounds.network.members import Member, Membership
from rounds.reports.content.next_members import next_members
from rounds.reports.content.outlook import LOGARITHM, Outlook
from rounds.reports.content.spread import spread
from rounds.reports.content.wording import inline, rate_unit
from rounds.reports.insight import Insight, Provenance
from rounds.storage.round_files import Programme

_LOOKED_FOR = 120
"""Months ahead in which full coverage is looked for."""
_FEWEST_BEFORE = 3
"""Periods before anybody adopted, from which a rate there tells members apart."""
_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watching:
    """Adoption as far as it is known on a day."""

    watched: tuple[Watched, ...]
    start: date
    now: date
    stopped: Mapping[str, date]

    @property
    def times(self) -> AdoptionTimes:
        return times_of(self.watched, start=self.start, now=self.now)


def spread_insights(  # noqa: PLR0913 - what two statements are made of
    programme: Programme,
    innovation: Innovation,
    *,
    events: tuple[AdoptionEvent, ...],
    days: tuple[date, ...],
    as_of: date,
    counted: Mapping[str, PooledMeasure],
    effect: Effect | MeanEffect | NoEffect,
    membership: Membership,
    provenance: Provenance,
) -> tuple[Insight, ...]:
    """Return how far an innovation has spread and how it goes on, and whom to help next where that can be told.

    Args:
        programme: says which stage counts as adopted.
        innovation: what is being spread.
        events: everybody's adoption events.
        days: the ends of the periods of the curve.
        as_of: the day the statement is about.
        counted: measures by id: the programme's outcome, whose denominators are who could benefit, and what else it is
            meant to improve, of which shares of what should be done show whether it is used.
        effect: what it did to the programme's outcome, or why nobody knows.
        membership: who belonged on each day.
        provenance: where the numbers come from.
    """

    def members_on(day: date) -> tuple[str, ...]:
        return tuple(member.ods_code for member in membership.on(day))

    stage = programme.stage
    outcome = counted.get(programme.outcome)
    uses = [counted[one] for one in programme.improves if one in counted]
    members_now = members_on(as_of)
    now = coverage(events, innovation=innovation.id, stage=stage, day=as_of, members_on_day=members_now)
    stopped = stopped_members(events, innovation.id, stage, as_of, among=members_now)
    users = set(members_now) - set(now.not_yet)
    watching = _watching(programme, events, as_of, membership)
    spells = _spells(watching, outcome, membership) if watching else None
    fit = _fitted(spells)
    outlook = None
    if watching is not None:
        found = forecast(
            watching.times,
            until=watching.times.now + _LOOKED_FOR,
            generator=same_chance(),
            members_now=now.members,
            adopted_now=now.adopted,
        )
        slow = slow_members(spells, fit, generator=same_chance()) if spells and isinstance(fit, HazardFit) else str(fit)
        outlook = Outlook(
            forecast=found,
            start=watching.start,
            slow=slow,
            sustained=_sustained(watching),
            decay=tuple(_decay(one, watching) for one in uses if _shows_use(one)),
            fidelity=fidelity_watch(events, innovation=innovation.id, users=users, as_of=as_of),
        )
    kinds = sorted({member.kind for member in membership.members})
    told = spread(
        curve=adoption_curve(events, innovation=innovation.id, stage=stage, days=days, members_on=members_on),
        now=now,
        innovation=innovation,
        member_noun=f"{kinds[0]}s" if len(kinds) == 1 else "members",
        membership=membership,
        provenance=provenance,
        outlook=outlook,
        stopped=stopped,
    )
    if outcome is None or spells is None or not isinstance(fit, HazardFit):
        return (told,)
    ahead = outlook.forecast if outlook and isinstance(outlook.forecast, Forecast) else None
    after = next_in_line(
        spells,
        fit,
        outcome=outcome,
        effect=effect,
        ahead=ahead,
        members={member.ods_code: member.first_joined for member in membership.on(as_of)},
        stopped=stopped,
    )
    if after is None:
        return (told,)
    return told, next_members(
        after,
        innovation=innovation,
        stage=stage,
        measure=outcome.measure,
        membership=membership,
        provenance=provenance,
    )


def _watching(
    programme: Programme, events: tuple[AdoptionEvent, ...], as_of: date, membership: Membership
) -> _Watching | None:
    """Return when members adopted; None where nothing of the innovation is recorded."""
    own = [event.day for event in events if event.innovation == programme.innovation]
    if not own:
        return None
    reached = reached_between(events, programme.innovation, programme.stage)
    # Nobody says when it could first be had: that is when somebody first heard of it, or a month before the first use.
    start = min([min(own), *(first - _MONTH for first, _ in reached.values())])
    watched = tuple(
        _watched(member, reached.get(member.ods_code))
        for member in membership.members
        if member.first_joined <= as_of and (member.left is None or member.left > start)
    )
    stopped = stopped_on(events, programme.innovation, programme.stage)
    return _Watching(watched=watched, start=start, now=as_of, stopped=stopped)


def _watched(member: Member, reached: tuple[date, date] | None) -> Watched:
    """Return since when a member could adopt and when it did.

    What took over another's use had it when it joined, and what used it after a time outside is taken as a member then.
    """
    joined = member.first_joined
    if reached is None:
        return Watched(member=member.ods_code, joined=joined, left=member.left)
    first, last = (max(day, joined) for day in reached)
    left = member.left if member.left is not None and member.left > last else None
    return Watched(member=member.ods_code, joined=joined, left=left, earliest=first, latest=last)


def _spells(watching: _Watching, outcome: PooledMeasure | None, membership: Membership) -> Spells:
    """Return members with what is known of each: patients a year, the outcome, and who adopted in its region."""
    times = watching.times
    present = [one for one in watching.watched if one.left is None or one.left > watching.start]
    codes = tuple(one.member for one in present)
    known = {member.ods_code: member for member in membership.members}
    names, columns = [], []
    if outcome is not None and set(codes) <= set(outcome.series["member"]):
        sizes = {code: sum(a_year(outcome, code, "denominator", since=known[code].first_joined)) / 2 for code in codes}
        if min(sizes.values()) > 0:
            names.append(f"{outcome.measure.denominator_unit} a year{LOGARITHM}")
            columns.append([float(np.log(sizes[code])) for code in codes])
        began = min((one.latest for one in present if one.latest is not None), default=watching.now)
        before = _rates_before(outcome, codes, began)
        if before is not None:
            names.append(f"{inline(outcome.measure.title)} before anybody began, {rate_unit(outcome.measure)}")
            columns.append(before)
    kinds = sorted({known[code].kind for code in codes})
    for kind in kinds[1:]:
        names.append(f"{kind} (and not {kinds[0]})")
        columns.append([float(known[code].kind == kind) for code in codes])
    upper = np.where(np.isfinite(times.upper), np.ceil(times.upper), -1).astype(np.int64)
    after = np.minimum(np.floor(times.lower).astype(np.int64), np.where(upper > 0, upper - 1, 10**6))
    entry = np.minimum(np.floor(times.entry).astype(np.int64), after)
    return Spells(
        members=codes,
        entry=entry,
        after=after,
        by=upper,
        covariates=np.array(columns, dtype=np.float64).T if columns else np.zeros((len(codes), 0)),
        names=tuple(names),
        peers=peers_alike([known[code].region for code in codes]),
    )


def _rates_before(outcome: PooledMeasure, codes: Sequence[str], began: date) -> list[float] | None:
    """Return each member's rate before anybody adopted; None where that is too short or unknown of somebody.

    Later rates are no cause of adopting: where it was adopted, they are its effect.
    """
    early = [period for period in outcome.periods if period.end < began]
    if len(early) < _FEWEST_BEFORE or outcome.measure.span > 1:
        return None
    cells = within(outcome.series, early)
    found = []
    for code in codes:
        mine = cells.filter(pl.col("member") == code)
        top, bottom = (
            sum(float(mine[f"{quantity}_{end}"].sum()) for end in ("lower", "upper"))
            for quantity in ("numerator", "denominator")
        )
        if not bottom > 0:
            return None
        found.append(outcome.measure.shown_from + outcome.measure.scale * top / bottom)
    return found


def _fitted(spells: Spells | None) -> HazardFit | str:
    if spells is None:
        return "nothing of it is recorded."
    try:
        return fit_hazard(spells)
    except NotFitted as problem:
        return str(problem)


def _sustained(watching: _Watching) -> Sustained | None:
    """Return how many keep using it, from when each began; None where nobody has for a day."""
    durations, ended = [], []
    for one in watching.watched:
        if one.latest is None:
            continue
        stop = watching.stopped.get(one.member)
        last = stop if stop is not None else min(watching.now, one.left or watching.now)
        if last > one.latest:
            durations.append((last - one.latest).days / DAYS_A_MONTH)
            ended.append(stop is not None)
    return sustained(durations, ended) if durations else None


def _shows_use(measure: PooledMeasure) -> bool:
    return measure.measure.kind.is_proportion and measure.measure.better is Better.HIGHER and measure.measure.span == 1


def _decay(measure: PooledMeasure, watching: _Watching) -> tuple[str, DecayAlarm]:
    uses = []
    for one in watching.watched:
        if one.latest is None or one.member in watching.stopped:
            continue
        mine = measure.series.filter((pl.col("member") == one.member) & (pl.col("period") >= one.latest)).sort("period")
        due = mine["denominator_lower"].to_numpy().astype(np.float64)
        low, high = (mine[f"numerator_{end}"].to_numpy().astype(np.float64) for end in ("lower", "upper"))
        uses.append(Use(member=one.member, done=np.minimum(low, due), done_upper=np.minimum(high, due), due=due))
    days = (measure.periods[0].end - measure.periods[0].start).days + 1
    return measure.measure.title, decay_alarm(uses, periods_a_year=max(round(365.25 / days), 1))

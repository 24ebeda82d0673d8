"""Whom to help next with an innovation: who has never used it, by patients; who stopped is a question of its own."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.centre.pooled_measure import PooledMeasure, within
from rounds.learning.impact.effect import Effect, MeanEffect, NoEffect
from rounds.learning.intervals import Z95
from rounds.learning.spread.coverage import Stopped
from rounds.learning.spread.diffusion.forecast import Forecast
from rounds.learning.spread.expected import contributions, soon
from rounds.learning.spread.hazard import HazardFit, Spells
from rounds.learning.spread.who_next import Candidate, who_next
from rounds.measures.definitions import Better
from rounds.reports.content.next_members import Next, total_of

_HORIZON = 12
"""Months in which who is helped next may adopt."""
_FIRST = 5
"""Members that are looked for; of fewer than twice as many, half."""


def same_chance() -> np.random.Generator:
    """Return the same chance for every round, so that a page is made again as it was."""
    return np.random.default_rng(1)


def a_year(outcome: PooledMeasure, member: str, quantity: str, *, since: date) -> tuple[float, float]:
    """Return what a member's recent periods add up to, as a year: lower and upper.

    Args:
        outcome: the measure.
        member: its ODS code.
        quantity: `numerator` or `denominator`.
        since: the day it joined; of an organisation that came out of a merger, periods before it say nothing.
    """
    periods = [period for period in outcome.recent if period.start >= since] or list(outcome.recent)
    mine = within(outcome.series.filter(pl.col("member") == member), periods)
    if not mine.height:
        return 0.0, 0.0
    length = sum((period.end - period.start).days + 1 for period in periods) / 365.25
    low, high = (float(mine[f"{quantity}_{end}"].sum()) / length for end in ("lower", "upper"))
    return max(low, 0.0), max(high, 0.0)


def next_in_line(
    spells: Spells,
    fit: HazardFit,
    *,
    outcome: PooledMeasure,
    effect: Effect | MeanEffect | NoEffect,
    ahead: Forecast | None,
    members: Mapping[str, date],
    stopped: Sequence[Stopped],
) -> Next | None:
    """Return whom to help next; None if nobody waits of whom numbers are known.

    Who stopped is not ranked among those that never began: they are listed apart, with the reason they gave. Who is no
    member any more, such as an organisation that merged away, is left out; the one that carries on its work is in it.

    Args:
        spells: members with what is known of each, as they were fitted.
        fit: of them.
        outcome: the measure whose denominators are who could benefit.
        effect: what the innovation did to it, or why nobody knows.
        ahead: the forecast, if there is one: how many adopt in all.
        members: the members of today, with the day on which each first joined.
        stopped: those of them that stopped.
    """
    apart = {one.member for one in stopped}
    coming = soon(spells, fit, horizon=_HORIZON, new=_new(ahead, spells), generator=same_chance())
    counted = set(outcome.series["member"])
    waiting = [at for at, member in enumerate(coming.members) if member in members and member not in apart]
    kept = [at for at in waiting if coming.members[at] in counted]
    if not kept:
        return None
    candidates = []
    for at in kept:
        low, high = a_year(outcome, coming.members[at], "denominator", since=members[coming.members[at]])
        candidates.append(Candidate(member=coming.members[at], eligible_lower=low, eligible_upper=high))
    if not any(one.eligible_upper > 0 for one in candidates):
        return None
    ratio = _rate_ratio(effect, outcome.measure.better)
    draws = np.ones(len(coming.draws))
    if ratio is not None:
        draws = _effect(outcome, {one.member: members[one.member] for one in candidates}, ratio, len(draws))
    found = who_next(
        candidates,
        probability=coming.probability[kept],
        probability_draws=coming.draws[:, kept],
        effect_draws=draws,
        generator=same_chance(),
        first=min(_FIRST, max(len(kept) // 2, 1)),
    )
    row_of = dict(zip(coming.members, coming.rows, strict=True))
    first = [one.member for one in found.ranked[: found.first]]
    together = np.zeros(len(draws))
    for place, one in enumerate(candidates):
        if one.member in first:
            patients = (one.eligible_lower + one.eligible_upper) / 2
            together += coming.draws[:, kept[place]] * patients * draws
    return Next(
        found=found,
        reasons={one.member: contributions(spells, fit, row_of[one.member]) for one in candidates},
        benefit_known=ratio is not None,
        rate_ratio=ratio,
        months=_HORIZON,
        total=total_of(found, together),
        stopped=tuple(stopped),
        uncounted=tuple(coming.members[at] for at in waiting if at not in kept),
    )


def _new(ahead: Forecast | None, spells: Spells) -> NDArray[np.int64] | None:
    """Return how many of those that wait adopt within the horizon, by the forecast of all who do not use it now.

    Those who stopped are among these, and nobody knows whether they begin again: each is taken as likely as the rest.
    """
    if ahead is None:
        return None
    new = ahead.new_by(ahead.now + _HORIZON)
    waits = ~spells.adopted & (spells.after >= spells.periods)
    rest = ahead.members - ahead.adopted
    able = min(int(waits.sum()), rest)
    return np.asarray(same_chance().hypergeometric(able, rest - able, np.minimum(new, rest)), dtype=np.int64)


def _rate_ratio(effect: Effect | MeanEffect | NoEffect, better_when: Better) -> tuple[float, float, float] | None:
    """Return the rate ratio with its interval where it is better than none; None where that is not known."""
    if not isinstance(effect, Effect):
        return None
    ratio = effect.rate_ratio
    better = ratio.upper < 1 if better_when is Better.LOWER else ratio.lower > 1
    return (ratio.estimate, ratio.lower, ratio.upper) if better else None


def _effect(
    outcome: PooledMeasure, waiting: Mapping[str, date], ratio: tuple[float, float, float], draws: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return events avoided (or gained) for each of the denominator, at the rate of those that wait."""
    tops = np.array([a_year(outcome, code, "numerator", since=since) for code, since in waiting.items()]).sum(axis=0)
    bottoms = np.array([a_year(outcome, code, "denominator", since=since) for code, since in waiting.items()]).sum(
        axis=0
    )
    rate = float(tops.mean() / max(bottoms.mean(), 1e-9))
    error = (np.log(ratio[2]) - np.log(ratio[1])) / (2 * Z95)
    drawn = np.exp(np.log(ratio[0]) + error * same_chance().standard_normal(draws))
    return np.asarray(rate * (1 - drawn if outcome.measure.better is Better.LOWER else drawn - 1))

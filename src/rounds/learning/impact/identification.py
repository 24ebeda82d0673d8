"""Which site-periods can say something about the effect, and why the others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rounds.learning.bounded.counts import MOST_EVENTS
from rounds.learning.impact.effect import NoEffect, Panel
from rounds.learning.intervals import Z95

Mask = NDArray[np.bool_]

MOST_NOISE = 1.0
"""The largest variance of noise, in mean counts, with which an effect is estimated."""
MOST_WIDTH = 20_000
"""Numbers between the bounds of a count that is used: noise whose sigma is 2,500 people, if it is from a policy."""
_MOST_NAMED = 5
MOST_ROUNDING = 0.2
"""The largest that rounding may reach, as a share of how far means are from their lowest: two and a half steps."""
_MOST_WIDE = 0.75  # benchmarks/impact_coverage.py: 63 % at a mean count of 8 (bias 2 %), 81 % at 5 (9 %)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The site-periods an estimate uses. Masks have shape (sites, periods)."""

    untreated: Mask
    treated: Mask
    free_periods: NDArray[np.int64]
    """periods with an effect to estimate: all with untreated data, less the first of each connected part"""
    connected: Mask
    """site-periods whose counterfactual is identified"""
    notes: tuple[str, ...]


def check_panel(panel: Panel) -> None:
    """Raise ValueError if a panel contradicts itself, naming the site and the period's position."""
    shape = panel.lower.shape
    if len(shape) != 2 or shape[0] != len(panel.sites):
        raise ValueError(f"a panel of {len(panel.sites)} sites needs matrices of {len(panel.sites)} rows, not {shape}")
    if len(set(panel.sites)) != len(panel.sites):
        raise ValueError("a site stands twice in the panel")
    for name in ("upper", "exposure", "treated", "excluded"):
        if getattr(panel, name).shape != shape:
            raise ValueError(f"`{name}` has shape {getattr(panel, name).shape}, `lower` {shape}")
    if (panel.noisy is None) != (panel.sigma is None):
        raise ValueError("counts with noise need its standard deviation; give `noisy` and `sigma`, or neither")
    if panel.noisy is not None and panel.sigma is not None:
        if panel.noisy.shape != shape or panel.sigma.shape != shape:
            raise ValueError(f"`noisy` has shape {panel.noisy.shape}, `sigma` {panel.sigma.shape}, `lower` {shape}")
        _refuse(panel, panel.with_noise & ~(panel.sigma > 0), "has noise without a standard deviation above 0")
    missing = np.isnan(panel.lower)
    low, high = np.where(missing, 0.0, panel.lower), np.where(np.isnan(panel.upper), 0.0, panel.upper)
    _refuse(panel, missing != np.isnan(panel.upper), "has one bound only; a missing count has NaN in both")
    _refuse(panel, ~np.isfinite(low) | ~np.isfinite(high), "has a bound that is not finite")
    if panel.mean_of is None:
        _refuse(panel, (low % 1 != 0) | (high % 1 != 0), "has a bound that is not a whole number")
        _refuse(panel, low < 0, "has a negative count")
    _refuse(panel, low > high, "has a lower bound above its upper bound")
    _refuse(panel, ~missing & ~((panel.exposure > 0) & np.isfinite(panel.exposure)), "has a count but no exposure")
    _refuse(panel, panel.treated & panel.excluded, "is both treated and excluded")


def without_absurd(panel: Panel, periods: Sequence[str]) -> Panel:
    """Return a panel without counts that are none of events, and notes of which they were and why.

    One slip of a keyboard is no reason for everybody else to go without an answer.

    Args:
        panel: a panel that `check_panel` has passed.
        periods: what each column is called.
    """
    there = ~np.isnan(panel.lower)
    high = there & (np.nan_to_num(panel.upper) > MOST_EVENTS)
    wide = there & ~high & (np.nan_to_num(panel.upper - panel.lower) > MOST_WIDTH)
    if not (high.any() or wide.any()):
        return panel
    notes = [
        f"Not used: {_where(panel, periods, wrong)}: {why}."
        for wrong, why in (
            (high, f"a count above {MOST_EVENTS:,} is no count of events; have it corrected"),
            (wide, f"a count is known only within {MOST_WIDTH:,}, which is to know nothing of it"),
        )
        if wrong.any()
    ]
    gone = high | wide
    return replace(
        panel,
        lower=np.where(gone, np.nan, panel.lower),
        upper=np.where(gone, np.nan, panel.upper),
        noisy=None if panel.noisy is None else np.where(gone, np.nan, panel.noisy),
        sigma=None if panel.sigma is None else np.where(gone, np.nan, panel.sigma),
        notes=(*panel.notes, *notes),
    )


def _where(panel: Panel, periods: Sequence[str], wrong: Mask) -> str:
    """Return some of the site-periods in words."""
    found = [f"{panel.sites[row]} in {periods[column]}" for row, column in np.argwhere(wrong).tolist()]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more


def _refuse(panel: Panel, wrong: Mask, problem: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(f"site {panel.sites[row]}, period {column + 1} {problem}")


def select(panel: Panel) -> Selection | NoEffect:
    """Return the site-periods whose effect is identified, or why there are none.

    Args:
        panel: a panel that `check_panel` has passed.
    """
    hidden = hidden_by_rounding(panel)
    observed = ~np.isnan(panel.lower) & ~hidden[:, None]
    if hidden.any() and not observed.any():
        return NoEffect(
            reason="The rounding of means hides them: at every site they are less than two and a half steps of it from "
            "the lowest. Have the measure counted over longer periods, or bound what one can add more closely."
        )
    untreated = observed & ~panel.treated & ~panel.excluded
    treated = observed & panel.treated
    if panel.lower.shape[1] < 2:
        return NoEffect(reason="There is one period only; an effect needs periods before and with the innovation.")
    if not panel.treated.any():
        return NoEffect(
            reason="At no site was the innovation in effect throughout a period that is counted here; look again once "
            "it has been, and check the dates of adoption if it has."
        )
    if not treated.any():
        return NoEffect(
            reason="Wherever the innovation was in effect throughout a period, the denominator is withheld or 0, or "
            "nothing was sent; have the measure counted over longer periods."
        )
    if not untreated.any():
        return NoEffect(
            reason="There are no counts from periods without the innovation to compare with; add periods before it was "
            "adopted, or sites that have not adopted."
        )
    notes: tuple[str, ...] = _note_on_rounding(panel, hidden) + _note_on_withheld(panel, ~hidden)
    if panel.mean_of is None:
        if problem := _problem_of_counts(panel, untreated | treated):
            return NoEffect(reason=problem)
        untreated, notes = _without_empty(panel, untreated)
    parts = connected_parts(untreated)
    connected = (parts.site[:, None] == parts.period[None, :]) & (parts.site[:, None] >= 0)
    usable = treated & connected
    numbers = "events" if panel.mean_of is None else "means"
    if not usable.any():
        return NoEffect(reason=_nothing_usable(treated, untreated, numbers))
    notes += _notes_on_unused(panel, treated, usable, untreated, numbers)
    if panel.mean_of is None:
        notes += _note_on_wide(panel, untreated | usable)
        if not panel.upper[usable].any():
            return NoEffect(
                reason="There was not a single event with the innovation in effect: the rate ratio is 0 and its "
                "interval cannot be computed this way; wait for more periods or show the counts."
            )
    return Selection(
        untreated=untreated, treated=usable, free_periods=parts.free_periods, connected=connected, notes=notes
    )


def _problem_of_counts(panel: Panel, used: Mask) -> str | None:
    overlapping = _site_with_overlapping_bounds(panel, used)
    if overlapping is not None:
        return (
            f"The bounds of {overlapping}'s counts overlap without being equal, so they were added up after "
            f"disclosure control or made under two policies; have the measure counted and released without strata."
        )
    return _hidden_by_noise(panel, used)


def withheld_means(panel: Panel) -> Mask:
    """Return which means were withheld: there is a denominator and no sum, shape (sites, periods)."""
    return np.asarray(np.isnan(panel.lower) & (panel.exposure > 0) & ~panel.excluded)


def hidden_by_rounding(panel: Panel) -> Mask:
    """Return at which sites rounding hides means, shape (sites,): where they are but a few steps of it from the lowest.

    There errors of rounding do not cancel: all sums from half a step to one and a half look alike, and lower ones are
    withheld. With sums of 1.1 steps effects came out half as large as they were, with 1.7 a tenth too large, and with
    2.3 and more right to 1 % (`benchmarks/mean_impact.py rounding`).
    """
    if panel.mean_of is None:
        return np.zeros(len(panel.sites), dtype=np.bool_)
    there = ~np.isnan(panel.lower)
    distance = np.where(there, np.abs(panel.means - panel.mean_of.low), np.nan)
    reach = np.where(there, panel.reach, np.nan)
    rows: Mask = np.asarray(there.any(axis=1))
    found: Mask = np.zeros(len(rows), dtype=np.bool_)
    found[rows] = np.nanmedian(reach[rows], axis=1) > MOST_ROUNDING * np.nanmedian(distance[rows], axis=1)
    return found


def _note_on_rounding(panel: Panel, hidden: Mask) -> tuple[str, ...]:
    if not hidden.any():
        return ()
    names = ", ".join(site for site, gone in zip(panel.sites, hidden, strict=True) if gone)
    return (
        f"Left out because their means are rounded to steps so wide that they hide a change: {names}. The effect is "
        "that at the others.",
    )


def _note_on_withheld(panel: Panel, rows: Mask) -> tuple[str, ...]:
    if panel.mean_of is None or not (withheld := withheld_means(panel) & rows[:, None]).any():
        return ()
    of = int((withheld | (~np.isnan(panel.lower) & ~panel.excluded & rows[:, None])).sum())
    return (
        f"{withheld.sum()} of {of} means were withheld; they are left out, never taken as 0. Where it is rather low "
        "means, or rather high ones, that are withheld, the estimate is off by that.",
    )


def _site_with_overlapping_bounds(panel: Panel, used: Mask) -> str | None:
    """One deterministic rule cuts the whole numbers into disjoint intervals; only then does an interval say exactly
    "the count lies in here". Sums of withheld strata are not such intervals. What noise makes likely is no interval."""
    ruled = used & ~panel.with_noise
    for site, column in panel.parts:  # their likelihood is that of the parts, each within its own bounds
        ruled[panel.sites.index(site), column] = False
    for row, site in enumerate(panel.sites):
        bounds = np.unique(np.stack([panel.lower[row, ruled[row]], panel.upper[row, ruled[row]]], axis=1), axis=0)
        if np.any(bounds[1:, 0] <= np.maximum.accumulate(bounds[:, 1])[:-1]):
            return site
    return None


def _hidden_by_noise(panel: Panel, used: Mask) -> str | None:
    """Return, in words, that noise varies more than the counts do; then site effects cannot be told well enough.

    Effects of 120 sites x 48 months were .03 too low on the log scale where its variance was twice the mean count, and
    within simulation error where it was three quarters of it (`benchmarks/noisy_counts.py`).
    """
    noisy = used & panel.with_noise
    if panel.noisy is None or panel.sigma is None or not noisy.any():
        return None
    mean, variance = float(panel.noisy[noisy].mean()), float((panel.sigma[noisy] ** 2).mean())
    if variance <= MOST_NOISE * mean:
        return None
    return (
        f"The noise that was added for privacy hides the counts: its variance is {variance:.0f}, and a count is "
        f"{max(mean, 0.0):.1f} on average, so an effect would come out biased. Have the measure counted over longer "
        "periods, or over fewer measures, which leaves each a larger part of the yearly budget and less noise."
    )


def _without_empty(panel: Panel, untreated: Mask) -> tuple[Mask, tuple[str, ...]]:
    """Drop sites and periods without a single untreated event: their effect on the log scale is minus infinity."""
    kept = untreated.copy()
    events = np.where(untreated, panel.upper, 0.0)
    while True:
        empty_sites = _in_site(kept) & (np.where(kept, events, 0.0).sum(axis=1) == 0)
        empty_periods = _in_period(kept) & (np.where(kept, events, 0.0).sum(axis=0) == 0)
        if not (empty_sites.any() or empty_periods.any()):
            break
        kept &= ~empty_sites[:, None] & ~empty_periods[None, :]
    notes = []
    lost_sites = _in_site(untreated) & ~_in_site(kept)
    lost_periods = _in_period(untreated) & ~_in_period(kept)
    if lost_sites.any():
        names = ", ".join(site for site, lost in zip(panel.sites, lost_sites, strict=True) if lost)
        notes.append(f"Left out because they had no event without the innovation: {names}.")
    if lost_periods.any():
        notes.append(f"Left out because no site without the innovation had an event: {_periods(lost_periods.sum())}.")
    return kept, tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Sites and periods that data join."""

    site: NDArray[np.int64]
    """which connected part each site is in; -1 for none"""
    period: NDArray[np.int64]
    free_periods: NDArray[np.int64]


def connected_parts(untreated: Mask) -> Parts:
    """Sites and periods joined by untreated data. Only within one part can a site's and a period's effect be added."""
    site = np.full(untreated.shape[0], -1, dtype=np.int64)
    period = np.full(untreated.shape[1], -2, dtype=np.int64)
    waiting = _in_site(untreated)
    first: list[int] = []
    while waiting.any():
        sites = np.zeros_like(waiting)
        sites[int(waiting.argmax())] = True
        reached = 0
        while sites.sum() > reached:
            reached = int(sites.sum())
            periods = untreated[sites].any(axis=0)
            sites = np.asarray(untreated[:, periods].any(axis=1))
        site[sites], period[periods] = len(first), len(first)
        first.append(int(periods.argmax()))
        waiting &= ~sites
    free = np.setdiff1d(np.flatnonzero(period >= 0), np.array(first, dtype=np.int64))
    return Parts(site=site, period=period, free_periods=free.astype(np.int64))


def _nothing_usable(treated: Mask, untreated: Mask, numbers: str) -> str:
    with_past = treated & _in_site(untreated)[:, None]
    if not with_past.any():
        return (
            f"No site with the innovation has a period with {numbers} before it; add earlier periods, so that each "
            "site can be compared with itself."
        )
    return (
        "In every period with the innovation in effect, no comparable site was still without it (all adopted at "
        f"once, or those that did not adopt had no {numbers}); the change cannot be told from what happened "
        "everywhere. Add sites that have not adopted, or that adopted later."
    )


def _notes_on_unused(panel: Panel, treated: Mask, usable: Mask, untreated: Mask, numbers: str) -> tuple[str, ...]:
    notes = []
    without_past = _in_site(treated) & ~_in_site(untreated)
    if without_past.any():
        names = ", ".join(site for site, lost in zip(panel.sites, without_past, strict=True) if lost)
        notes.append(f"Left out because they have no period with {numbers} before the innovation: {names}.")
    unmatched = treated & ~usable & ~without_past[:, None]
    if unmatched.any():
        rest = "effect and the events avoided are those" if numbers == "events" else "effect is that"
        notes.append(
            f"Left out because no comparable site was still without the innovation: {unmatched.sum()} site-periods "
            f"in {_periods(_in_period(unmatched).sum())}. The {rest} of the rest."
        )
    return tuple(notes)


def wide_share(panel: Panel, used: Mask) -> float:
    """Return the share of counts known only within a factor of two: by bounds, or 19 times in 20 by their noise."""
    lower, upper = panel.lower[used], panel.upper[used]
    if panel.noisy is not None and panel.sigma is not None:
        noise, drawn = panel.with_noise[used], panel.noisy[used]
        lower = np.where(noise, drawn - Z95 * panel.sigma[used], lower)
        upper = np.where(noise, drawn + Z95 * panel.sigma[used], upper)
    return float(np.mean(upper > 2.0 * np.maximum(lower, 1.0)))


def _note_on_wide(panel: Panel, used: Mask) -> tuple[str, ...]:
    wide = wide_share(panel, used)
    if wide <= _MOST_WIDE:
        return ()
    return (
        f"{wide:.0%} of the counts are known only within a factor of more than two, so the estimate leans on "
        f"few of them and may be some per cent off; have the measure counted over longer periods.",
    )


def _periods(number: int) -> str:
    return "1 period" if number == 1 else f"{number} periods"


def _in_site(mask: Mask) -> Mask:
    return np.asarray(mask.any(axis=1), dtype=np.bool_)


def _in_period(mask: Mask) -> Mask:
    return np.asarray(mask.any(axis=0), dtype=np.bool_)

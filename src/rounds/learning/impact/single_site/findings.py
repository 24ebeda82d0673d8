"""What one site's counts before and after a change cannot say, in words."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.impact.effect import Panel
from rounds.learning.impact.identification import hidden_by_rounding, withheld_means

FEWEST_BEFORE, FEWEST_AFTER = 4, 2
"""Periods with a count: with fewer there is no trend to go on from, or no change to see."""
ENOUGH = 8
"""Periods on either side with which a trend is thought to be told at all; with fewer it is said."""
_UNLIKELY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a regression could tell."""

    before: int
    after: int
    controlled: bool
    slope: bool
    seasonal: bool
    autocorrelation: float


def refusal(panel: Panel, row: int) -> str | None:
    """Return why a site's counts cannot say, in words; None if they can."""
    known = ~np.isnan(panel.lower[row])
    treated, excluded = panel.treated[row], panel.excluded[row]
    name = panel.sites[row]
    if known.sum() < 2:
        return (
            f"{name} has {'one' if known.any() else 'no'} {number_of(panel)} only; periods before and after are needed."
        )
    if not treated.any():
        return f"The innovation was never in effect throughout a period at {name}."
    first = int(np.argmax(treated))
    last = len(treated) - 1 - int(np.argmax(treated[::-1]))
    if not treated[first : last + 1].all():
        return (
            f"At {name} the innovation stopped and started again, so there is not one change but several; ask about "
            "the time up to the restart, or leave the site out."
        )
    before, after = known & ~treated & ~excluded, known & treated
    before[first:] = False
    if not before.any():
        return f"The innovation was in effect at {name} before its first {number_of(panel)}; add earlier periods."
    if not after.any():
        return f"There is no {number_of(panel)} from {name} with the innovation in effect; wait for more periods."
    if before.sum() < FEWEST_BEFORE or after.sum() < FEWEST_AFTER:
        return (
            f"{name} has {in_periods(int(before.sum()))} before and {in_periods(int(after.sum()))} after; at least "
            f"{FEWEST_BEFORE} and {FEWEST_AFTER} are needed, and {ENOUGH} of each to trust a trend."
        )
    if hidden_by_rounding(panel)[row]:
        return (
            f"The means of {name} are rounded to steps so wide that they hide a change; have them counted over longer "
            "periods."
        )
    for part, words in ((before, "before"), (after, "after")) if panel.mean_of is None else ():
        if not panel.upper[row, part].any():
            return (
                f"{name} had not a single event {words} the change, so a ratio cannot be worked out; count over longer "
                "periods or show the counts."
            )
    return None


def caveats(panel: Panel, row: int, told: Told) -> tuple[str, ...]:
    """Return what an interrupted time series of a site leaves open, a sentence each."""
    notes, noun = [], number_of(panel)
    if not told.controlled:
        notes.append(
            "No other site is compared with: anything else that changed at that time reads as an effect. Name sites "
            "without the innovation to rule out what happened everywhere."
        )
    before, after = told.before, told.after
    if before < ENOUGH or after < ENOUGH:
        notes.append(
            f"There are {in_periods(before)} before and {in_periods(after)} after; with fewer than {ENOUGH} on either "
            "side a trend is poorly told."
        )
    if not told.slope:
        notes.append("Too few periods after the change to tell whether the trend changed; only the level is compared.")
    if not told.seasonal:
        notes.append(f"No season is allowed for: there are less than two years of {noun}s, or the year is not known.")
    gaps = np.isnan(panel.lower[row]) & ~panel.excluded[row]
    if gaps.any():
        notes.append(f"{in_periods(int(gaps.sum()))} without a {noun} {'was' if gaps.sum() == 1 else 'were'} left out.")
    if panel.mean_of is not None and (withheld := withheld_means(panel)[row]).any():
        notes.append(f"Of these {withheld.sum()} had a mean that was withheld; it is never taken as 0.")
    if panel.excluded[row].any():
        left = int(panel.excluded[row].sum())
        notes.append(f"Left out while it was being introduced or after it stopped: {in_periods(left)}.")
    if told.autocorrelation < _UNLIKELY:
        notes.append(
            f"{noun.capitalize()}s depend on those before them (p = {told.autocorrelation:.3f}); the intervals allow "
            "for that, as far as so few periods can tell."
        )
    return tuple(notes)


def number_of(panel: Panel) -> str:
    """Return what a panel has of a site in a period: a count or a mean."""
    return "count" if panel.mean_of is None else "mean"


def in_periods(number: int) -> str:
    """Return "1 period" or "5 periods"."""
    return "1 period" if number == 1 else f"{number} periods"

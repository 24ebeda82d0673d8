"""What a table of observations says of its score, in sentences for a clinician."""

from collections.abc import Sequence
from typing import Final

from rounds.analyst.observation_sets import ObservationSets
from rounds.analyst.warned import SCORE, Warned
from rounds.learning.deterioration.calibration import Recalibration
from rounds.learning.deterioration.discrimination import Auroc
from rounds.learning.deterioration.on_time import OnTime
from rounds.learning.deterioration.shares import Interval, NoAnswer
from rounds.learning.deterioration.thresholds import thresholds
from rounds.reports.content.wording import plural

_THRESHOLDS: Final = (5.0, 7.0)
"""At which NEWS2 calls for an urgent and for an emergency response."""
_MOST_WARDS = 8


def of_sets(sets: ObservationSets) -> tuple[str, ...]:
    """Say how many sets have a score, and why others have none."""
    found = (
        f"{plural(len(sets.totals), 'set')} of observations in {plural(sets.number_of_stays, 'stay')} have a {SCORE}."
    )
    if sets.by_scale_2:
        found += f" {plural(sets.by_scale_2, 'set')} by SpO2 scale 2."
    if not sets.partial:
        return (found,)
    lacking = ", ".join(f"{name.replace('-', ' ')} {number:,}" for name, number in sets.lacking.items())
    return (
        found,
        f"Incomplete, and so without a score: {plural(sets.partial, 'set')}; nothing is taken for normal"
        + (f" (not recorded: {lacking})." if lacking else "."),
    )


def of_warnings(warned: Warned) -> tuple[str, ...]:
    """Say how well the score warned, what its thresholds find and cost, and where acting on it pays."""
    events, others = (float(counts.value.sum()) for counts in (warned.table.events, warned.table.others))
    every = events + others
    first = f"{_first(warned.outcome)} followed {events:,.0f} of {every:,.0f} sets ({_percent(events / every)})."
    area = warned.areas[0][1]
    if isinstance(area, NoAnswer):
        return (first, area.reason)
    said = [first, _area(warned, area)]
    for one in thresholds(warned.table):
        shares = (one.sensitivity, one.triggering)
        if one.at_least in _THRESHOLDS and all(share is not None for share in shares) and one.alerts_per_event:
            found, triggering = (float(share.value or 0) for share in shares if share is not None)
            cost = (
                f", and it follows one in {one.alerts_per_event.value:,.0f} of these"
                if one.alerts_per_event.value < float("inf")
                else ""
            )
            said.append(
                f"A {SCORE} of {one.at_least:g} or more finds {_percent(found)} of the sets that it followed; "
                f"{_percent(triggering)} of all sets trigger{cost}."
            )
    if warned.held_against is not None:
        said.append(_against(*warned.held_against))
    said += [figure.statement for name, figure in warned.figures if name == "decision"]
    return tuple(said)


def of_times(by_score: Sequence[OnTime], by_ward: Sequence[OnTime], schedule: str) -> tuple[str, ...]:
    """Say how many observations were on time, by how soon they were due and by ward."""
    due, on_time = sum(one.due for one in by_score), sum(one.on_time for one in by_score)
    if not due:
        return (f"No observations were due before their stay ended ({schedule}).",)
    said = [f"On time were {on_time:,} of {due:,} observations that were due ({_percent(on_time / due)}). {schedule}."]
    soonest = sorted(by_score, key=lambda one: float(one.group.split()[2]))
    said.append(f"By time allowed: {'; '.join(map(_one, soonest))}.")
    if by_ward:
        worst = sorted(by_ward, key=lambda one: one.on_time / one.due if one.due else 2.0)[:_MOST_WARDS]
        more = f"; {len(by_ward) - len(worst)} more in the workbook" if len(by_ward) > len(worst) else ""
        said.append(f"By ward, least on time first: {'; '.join(map(_one, worst))}{more}.")
    return tuple(said)


def _area(warned: Warned, area: Auroc) -> str:
    value = area.value or 0.0
    limits = []
    if isinstance(warned.by_patient, Interval):
        limits.append(f"{_between(warned.by_patient)} by patient, which allows for several sets of one")
    if area.interval is not None:
        limits.append(f"{_between(area.interval)} by DeLong, which does not")
    spread = f"; 95% CI {'; '.join(limits)}" if limits else ""
    return (
        f"Of two sets, one that it followed and one that it did not, the first has the higher {SCORE} in "
        f"{100 * value:.0f} of 100 pairs "
        f"(AUROC {value:.3f}{spread}); 50 is chance."
    )


def _against(ward: str, found: Recalibration | NoAnswer) -> str:
    if isinstance(found, NoAnswer):
        return f"{ward} cannot be held against the other wards: {found.reason}"
    slope = found.line.slope_interval
    return (
        f"In {ward} it followed {found.observed:,.0f} sets, where risks fitted in all other wards foretold "
        f"{found.expected:,.0f}; calibration slope {found.line.slope:.2f} ({slope.lower:.2f} to {slope.upper:.2f}), "
        "1 is right."
    )


def _one(one: OnTime) -> str:
    return f"{one.group} {one.on_time:,} of {one.due:,}" + (f" ({_percent(one.on_time / one.due)})" if one.due else "")


def _between(interval: Interval) -> str:
    return f"{interval.lower:.3f} to {interval.upper:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.2g}%"


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]

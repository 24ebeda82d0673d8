"""What is said of how adoption goes on: the forecast, who is slow and why, and whether it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from rounds.learning.spread.diffusion.forecast import Forecast, NoForecast, Reached
from rounds.learning.spread.diffusion.times import DAYS_A_MONTH
from rounds.learning.spread.expected import Contribution, Slow
from rounds.learning.spread.fidelity import FidelityWatch
from rounds.learning.spread.hazard import EXPOSURE
from rounds.learning.spread.sustaining import DecayAlarm, Sustained
from rounds.network.members import Membership
from rounds.reports.charts.adoption import ExpectedPoint
from rounds.reports.content.fidelity import fidelity_words
from rounds.reports.content.wording import listing, number, plural
from rounds.reports.insight import Cell

MONTHS_SHOWN: Final = 24
"""How far ahead the chart and the table go; dates are looked for further."""
YEAR: Final = 12.0
LOGARITHM: Final = " (log)"
"""At the end of the name of a covariate that is one; people read the number itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is known of how adoption goes on. Times are periods since `start`."""

    forecast: Forecast | NoForecast
    start: date
    slow: tuple[Slow, ...] | str = ()
    """or why nobody can be called slow"""
    sustained: Sustained | None = None
    """times in months since a member began; None where nobody has"""
    decay: tuple[tuple[str, DecayAlarm], ...] = ()
    """by title of what shows use"""
    fidelity: FidelityWatch | None = None
    """how fully those who use it do; None where nobody does"""
    period_days: float = DAYS_A_MONTH
    ahead: float = MONTHS_SHOWN
    """how many periods the chart and the table go on"""

    @property
    def expected(self) -> tuple[ExpectedPoint, ...]:
        """The days to come that are shown."""
        if isinstance(self.forecast, NoForecast):
            return ()
        band, until = self.forecast.band, self.forecast.now + self.ahead
        return tuple(
            ExpectedPoint(
                day=self.day(float(time)),
                median=float(band.median[at]),
                lower80=float(band.lower80[at]),
                upper80=float(band.upper80[at]),
                lower95=float(band.lower95[at]),
                upper95=float(band.upper95[at]),
            )
            for at, time in enumerate(band.times)
            if time <= until + 1e-6
        )

    def day(self, periods: float) -> date:
        """Return the last day of a time in periods since the start."""
        return self.start + timedelta(days=round(periods * self.period_days) - 1)


def rows_ahead(outlook: Outlook) -> tuple[tuple[date, float, float, float], ...]:
    """Return each day to come with the middle and the ends of the 95 % interval."""
    return tuple((one.day, one.median, one.lower95, one.upper95) for one in outlook.expected)


def forecast_words(outlook: Outlook, member_noun: str) -> tuple[str, ...]:
    """Return the forecast in sentences, or why there is none."""
    found = outlook.forecast
    if isinstance(found, NoForecast):
        return (f"No forecast: {found.reason}",)
    last = outlook.expected[-1]
    said = [
        f"Forecast: {last.lower95:.0f} to {last.upper95:.0f} of {found.members} {member_noun} by {_month(last.day)} "
        f"(95% interval; {last.lower80:.0f} to {last.upper80:.0f} with 80%), most likely about {last.median:.0f}."
    ]
    ahead = [one for one in found.reached if not one.already]
    said += [_when(one, outlook, found, member_noun) for one in ahead if one.share in (0.9, 1.0) or one is ahead[0]]
    weights = ", ".join(f"{curve} {100 * weight:.0f}%" for curve, weight in found.weights.items())
    said.append(
        f"The forecast weighs three curves by how well each fits ({weights}) and lets the pace stray from them as it "
        f"has; that everybody adopts in the end has a chance of {100 * found.everybody:.0f}%. It holds for the members "
        "of today and counts nobody who stops later."
    )
    return (*said, *found.notes)


def _when(one: Reached, outlook: Outlook, found: Forecast, member_noun: str) -> str:
    whom = f"All {found.members} {member_noun}" if one.share == 1.0 else f"{one.number} of {found.members}"
    limit = _month(outlook.day(found.until))
    if one.within < 0.025 or not np.isfinite(one.lower95):
        return f"{whom} are not to be expected by {limit}: the chance is below 3%."
    early = _month(outlook.day(one.lower95))
    if np.isfinite(one.upper95):
        return (
            f"{whom} are reached between {early} and {_month(outlook.day(one.upper95))} (95% interval), most likely "
            f"about {_month(outlook.day(one.median))}."
        )
    return f"{whom} are reached in {early} at the earliest, and by {limit} with a chance of {100 * one.within:.0f}%."


def slow_words(slow: tuple[Slow, ...] | str, membership: Membership) -> tuple[str, ...]:
    """Return who is slow and what speaks for each, in sentences."""
    if isinstance(slow, str):
        return (f"Who is slow cannot be told: {slow}",)
    found = []
    for one in slow[:5]:
        reasons = reason_words(one.contributions[:2])
        why = f". What sets it apart: {listing(reasons)}" if reasons else ""
        found.append(
            f"{membership.name_of(one.member)} is slow: of members like it, {100 * one.expected:.0f}% would be there "
            f"by now (95% interval {100 * one.lower:.0f}% to {100 * one.upper:.0f}%){why}. What holds it back is not "
            "in these numbers: ask."
        )
    if len(slow) > 5:
        found.append(f"{len(slow) - 5} more are slower than members like them.")
    return tuple(found)


def reason_words(parts: Sequence[Contribution]) -> list[str]:
    """Return what moves a member's chance of adopting, as parts of a sentence; those that hardly do are left out."""
    said = []
    for part in parts:
        if abs(np.log(part.ratio)) < 0.05:
            continue
        name, value, average = part.name, part.value, part.average
        if name.endswith(LOGARITHM):
            name, value, average = name.removesuffix(LOGARITHM), float(np.exp(value)), float(np.exp(average))
        if name == EXPOSURE:
            name, value, average = "per cent of its peers that are there", 100 * value, 100 * average
        said.append(
            f"{name} {number(value)} (typically {number(average)}; hazard x {number(part.ratio)}, "
            f"{number(part.lower)} to {number(part.upper)})"
        )
    return said


def lasting_words(outlook: Outlook, membership: Membership, member_noun: str) -> tuple[str, ...]:
    """Return how many keep using it, and where use is falling."""
    found = []
    if outlook.sustained is not None and outlook.sustained.longest >= YEAR:
        share, low, high = outlook.sustained.at(YEAR)
        count = plural(outlook.sustained.members, "member")
        found.append(
            f"A year after they began, {100 * share:.0f}% still use it (95% interval {100 * low:.0f}% to "
            f"{100 * high:.0f}%; {count}, of whom {outlook.sustained.stopped.sum():.0f} stopped)."
        )
    watched = [(title, alarm) for title, alarm in outlook.decay if alarm.watched]
    for title, alarm in watched:
        fallen = [
            f"{membership.name_of(one.member)} (from {100 * one.before:.0f}% to {100 * one.now:.0f}%"
            f"{'' if one.certain else ', if withheld counts are at their worst'})"
            for one in alarm.members
        ]
        said = f"has fallen at {listing(fallen)}" if fallen else f"has fallen at none of {alarm.watched} {member_noun}"
        found.append(f"Use, by “{title}”, {said} since it was new.")
    if watched:
        found.append(watched[0][1].rule)
    return (*found, *(fidelity_words(outlook.fidelity, membership) if outlook.fidelity is not None else ()))


def table_cells(row: tuple[date, float, float, float], members: int) -> tuple[Cell, ...]:
    """Return a day to come as cells: day, middle, members, per cent, lower and upper end."""
    day, median, low, high = row
    return day, int(median), members, round(100 * median / members, 1) if members else 0.0, int(low), int(high)


def _month(day: date) -> str:
    return f"{day:%B %Y}"

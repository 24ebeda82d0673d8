"""What a careful reader of a chart must know: its rules, how often they cry wolf, how little it rests on."""

import numpy as np

from rounds.learning.variation.over_time.chart import Chart, Kind
from rounds.learning.variation.over_time.false_alarms import FalseAlarms, false_alarms_of
from rounds.learning.variation.over_time.rule_sets import RuleSet

TRIAL_POINTS = 13
"""With fewer points NHSRplotthedots calls limits trial limits, which each new point will move."""
POINTS_TO_INTERPRET = 10
"""With fewer points NHS guidance asks to read nothing into a chart."""
SMALL_WHEN_ROUNDED = 100
"""From this mean count on, rounding to 5 makes little difference: the latest point is flagged in 2% of charts."""

_LIMITS = {
    Kind.RUN: "The centre line is the median; there are no limits.",
    Kind.I: "Limits: the mean plus or minus three mean moving ranges over 1.128.",
    Kind.MR: "Limit: 3.267 times the mean moving range.",
    Kind.I_PRIME: "Limits: the weighted mean plus or minus three standard errors, narrower for larger sizes.",
    Kind.P: "Limits: three binomial standard errors about the overall proportion.",
    Kind.P_PRIME: "Limits: three binomial standard errors, times how much points vary beyond chance (Laney).",
    Kind.U: "Limits: three Poisson standard errors about the overall rate.",
    Kind.U_PRIME: "Limits: three Poisson standard errors, times how much points vary beyond chance (Laney).",
    Kind.C: "Limits: three Poisson standard errors about the mean count.",
    Kind.G: "Limits: three geometric standard errors about the mean; the line drawn is the median.",
    Kind.T: "Limits: those of single values, of the times to the power of 1/3.6, carried back.",
    Kind.XBAR: "Limits: three standard errors about the mean of all values, from the spread within subgroups.",
    Kind.S: "Limits: three standard errors about the standard deviation within subgroups.",
    Kind.R: "Limits: three standard errors about the mean range within subgroups.",
    Kind.EWMA: "Limits: three standard errors of the weighted mean, which widen from the first point on.",
}


def chart_notes(chart: Chart, *, screen: bool = True, rounded_mean: float | None = None) -> tuple[str, ...]:
    """Return the notes that belong beside a chart, whole sentences in the order to read them.

    Args:
        chart: the chart.
        screen: how it was made, if it is an XmR chart; see `xmr_chart`.
        rounded_mean: the mean count behind a point, where counts are rounded to the nearest 5; None where they are not.
    """
    if chart.no_limits is not None:
        return (chart.no_limits,)
    points = chart.latest.end - chart.latest.first
    rates = false_alarms_of(chart.kind, chart.rule_sets, points)
    notes = [_how(chart, screen=screen), _false_alarm_note(rates)]
    if chart.kind is Kind.XMR and rounded_mean is not None and rounded_mean < SMALL_WHEN_ROUNDED:
        notes.append(_rounding_note(next(rate for rate in rates if "rounded" in rate.process)))
    notes += _basis_notes(chart)
    if points < POINTS_TO_INTERPRET:
        notes.append(f"The chart has {points} points; with fewer than {POINTS_TO_INTERPRET}, read nothing into it yet.")
    elif points < TRIAL_POINTS:
        notes.append(f"The chart has {points} points; its limits are trial limits and will move with each new point.")
    return tuple(notes)


def _how(chart: Chart, *, screen: bool) -> str:
    if chart.kind is Kind.XMR and chart.rule_sets == (RuleSet.NHS,):
        screening = (
            "moving ranges of 3.267 times their mean or more are left out of the limits"
            if screen
            else "no moving range is left out of the limits"
        )
        return (
            "Rules: NHS Making Data Count (a point outside the limits, 7 in a row on one side of the mean, 7 in a row "
            "rising or falling, 2 of 3 near a limit). Limits: the mean plus or minus 2.66 times the mean moving range; "
            f"{screening}."
        )
    rules = "; ".join(
        f"{rule_set.named} ({', '.join(rule.says for rule in rule_set.rules)})" for rule_set in chart.rule_sets
    )
    limits = _LIMITS.get(chart.kind, "Limits: the mean plus or minus 2.66 times the mean moving range.")
    return f"Rules: {rules}. {limits}"


def _basis_notes(chart: Chart) -> list[str]:
    notes = [
        f"Limits were recalculated from {part.rebase.since}: {part.rebase.reason.strip().rstrip('.')}."
        for part in chart.parts
        if part.rebase is not None
    ]
    excluded = int(np.count_nonzero(chart.excluded))
    if excluded:
        said = "1 point is" if excluded == 1 else f"{excluded} points are"
        notes.append(f"{said} drawn but left out of limits and rules.")
    bounded = int(np.count_nonzero(chart.lowest < chart.highest))
    if bounded and chart.kind is not Kind.XMR:
        notes.append(
            f"{bounded} of {len(chart.values)} points are known only between bounds. Limits rest on what is expected "
            "given these, never on a value written in; a point is flagged for certain if it is for every value within "
            "the bounds, possibly if for some."
        )
    frozen = int(np.count_nonzero(~chart.baseline & chart.judged))
    if frozen:
        notes.append(f"Limits rest on {int(np.count_nonzero(chart.baseline))} points and hold for {frozen} more.")
    return notes


def _rounding_note(rate: FalseAlarms) -> str:
    return (
        "Rounding adds false alarms: with counts of about 20 rounded to the nearest 5, the rules flag the latest "
        f"point in {rate.latest_point:.0%} of charts of {rate.points} points where nothing changes "
        f"and at least one point in {rate.any_point:.0%}; the smaller the counts, the more."
    )


def _false_alarm_note(rates: tuple[FalseAlarms, ...]) -> str:
    if not rates:
        return "How often these rules flag a process in which nothing changes was not simulated for this chart."
    steady = rates[0]
    carried = next((rate for rate in rates if "resembles the last" in rate.process), None)
    most = "at most " if steady.at_most else ""
    note = (
        f"False alarms: where nothing changes, these rules still flag at least one point in {most}"
        f"{steady.any_point:.0%} of charts of {steady.points} points and the latest point in {most}"
        f"{steady.latest_point:.0%}"
    )
    if carried is None:
        return f"{note} (simulated: {steady.process})."
    return f"{note}; where each period resembles the last, in {carried.any_point:.0%} and {carried.latest_point:.0%}."

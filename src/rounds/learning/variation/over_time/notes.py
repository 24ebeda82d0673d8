"""What a careful reader of an XmR chart must know: the rules, how often they cry wolf, how little they rest on."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.chart import Chart

TRIAL_POINTS = 13
"""With fewer points NHSRplotthedots calls limits trial limits, which each new point will move."""
POINTS_TO_INTERPRET = 10
"""With fewer points NHS guidance asks to read nothing into a chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """How often the NHS rules flag a process in which nothing changes."""

    process: str
    any_point: tuple[float, ...]
    """share of charts with at least one flagged point, for each of `FALSE_ALARM_POINTS`"""
    latest_point: tuple[float, ...]
    """share of charts whose latest point, and so whose icon, is flagged"""


FALSE_ALARM_POINTS = (12, 24, 36, 48, 60)
"""Points on the chart, for each column of `FALSE_ALARM_RATES`."""

FALSE_ALARM_RATES: tuple[FalseAlarms, ...] = (
    FalseAlarms(
        process="independent, normal",
        any_point=(0.07, 0.19, 0.29, 0.39, 0.47),
        latest_point=(0.014, 0.015, 0.018, 0.018, 0.019),
    ),
    FalseAlarms(
        process="each month resembles the last (autocorrelation 0.4)",
        any_point=(0.23, 0.58, 0.78, 0.89, 0.94),
        latest_point=(0.055, 0.085, 0.091, 0.096, 0.10),
    ),
    FalseAlarms(
        process="seasonal (a yearly wave as high as one standard deviation)",
        any_point=(0.24, 0.50, 0.68, 0.79, 0.86),
        latest_point=(0.048, 0.051, 0.050, 0.049, 0.050),
    ),
    FalseAlarms(
        process="small counts (Poisson, mean 3)",
        any_point=(0.11, 0.28, 0.42, 0.54, 0.64),
        latest_point=(0.023, 0.025, 0.028, 0.030, 0.031),
    ),
    FalseAlarms(
        process="counts rounded to the nearest 5 (Poisson, mean 20)",
        any_point=(0.17, 0.40, 0.57, 0.71, 0.80),
        latest_point=(0.045, 0.053, 0.058, 0.064, 0.067),
    ),
)
"""Simulated with screening, 40,000 series each; the reference tests simulate them again."""

ROUNDED = FALSE_ALARM_RATES[-1]
"""The process that stands for rounded counts."""
SMALL_WHEN_ROUNDED = 100
"""From this mean count on, rounding to 5 makes little difference: the latest point is flagged in 2% of charts."""


def chart_notes(chart: Chart, *, screen: bool = True, rounded_mean: float | None = None) -> tuple[str, ...]:
    """Return the notes that belong beside an XmR chart, whole sentences in the order to read them.

    Args:
        chart: the chart.
        screen: how it was made; see `xmr_chart`.
        rounded_mean: the mean count behind a point, where counts are rounded to the nearest 5; None where they are not.
    """
    if chart.no_limits is not None:
        return (chart.no_limits,)
    points = len(chart.values)
    screening = (
        "moving ranges of 3.267 times their mean or more are left out of the limits"
        if screen
        else "no moving range is left out of the limits"
    )
    notes = [
        "Rules: NHS Making Data Count (a point outside the limits, 7 in a row on one side of the mean, 7 in a row "
        f"rising or falling, 2 of 3 near a limit). Limits: the mean plus or minus 2.66 times the mean moving range; "
        f"{screening}.",
        _false_alarm_note(points),
    ]
    if rounded_mean is not None and rounded_mean < SMALL_WHEN_ROUNDED:
        notes.append(_rounding_note(points))
    if points < POINTS_TO_INTERPRET:
        notes.append(f"The chart has {points} points; with fewer than {POINTS_TO_INTERPRET}, read nothing into it yet.")
    elif points < TRIAL_POINTS:
        notes.append(f"The chart has {points} points; its limits are trial limits and will move with each new point.")
    return tuple(notes)


def _rounding_note(points: int) -> str:
    at = _column(points)
    return (
        "Rounding adds false alarms: with counts of about 20 rounded to the nearest 5, the rules flag the latest "
        f"point in {ROUNDED.latest_point[at]:.0%} of charts of {FALSE_ALARM_POINTS[at]} points where nothing changes "
        f"and at least one point in {ROUNDED.any_point[at]:.0%}; the smaller the counts, the more."
    )


def _column(points: int) -> int:
    return int(np.argmin([abs(points - tabulated) for tabulated in FALSE_ALARM_POINTS]))


def _false_alarm_note(points: int) -> str:
    at = _column(points)
    steady, carried = FALSE_ALARM_RATES[0], FALSE_ALARM_RATES[1]
    return (
        f"False alarms: where nothing changes, these rules still flag at least one point in {steady.any_point[at]:.0%} "
        f"of charts of {FALSE_ALARM_POINTS[at]} points and the latest point in {steady.latest_point[at]:.0%}; where "
        f"each period resembles the last, in {carried.any_point[at]:.0%} and {carried.latest_point[at]:.0%}."
    )

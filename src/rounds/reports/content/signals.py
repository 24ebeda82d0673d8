"""What a series says: by its limits, or, where numbers are withheld, by its bounds."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.over_time.chart import Assurance, Chart, Told, Variation
from rounds.learning.variation.over_time.rule_sets import Rule
from rounds.measures.definitions import Better, Measure
from rounds.measures.periods import Grain
from rounds.reports.content.observed import Observed, dispersion_of, total
from rounds.reports.content.wording import (
    dated,
    interval_name,
    period_noun,
    plural,
    rate_between,
    rate_range,
    rate_text,
    rate_unit,
)
from rounds.reports.insight import Certainty, Estimate

FEW_POINTS = 20
_FIRED = {
    Rule.OUTSIDE: "outside the limits",
    Rule.SHIFT: "seven or more in a row on one side of the mean",
    Rule.TREND: "seven in a row in one direction",
    Rule.NEAR_LIMIT: "two of three near a limit",
}
"""What a point is that the NHS rules flag, as it stands in a sentence; other rules say it themselves."""
YEAR = {Grain.MONTH: 12, Grain.QUARTER: 4}
"""How many periods a year has, for the grains whose last year can be held against the time before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What is said of a series, how sure it is and by which method."""

    sentence: str
    level: Certainty
    because: str
    variation: Variation | None
    """None where it cannot be told"""
    since: int | None
    """the period in which what is said began"""
    estimate: Estimate
    method: str = "xmr-nhs@1"
    notes: tuple[str, ...] = ()


def signal_of(
    chart: Chart, periods: tuple[str, ...], observed: tuple[Observed | None, ...], subject: str, measure: Measure
) -> Signal:
    """Return what a series says.

    Args:
        chart: its limits and signals.
        periods: labels, shape (periods,).
        observed: the counts behind each value, shape (periods,).
        subject: what the sentence starts with: "Cardiac arrests at Northfield Hospital".
        measure: what is counted.
    """
    latest, limits = latest_shown(chart), limits_shown(chart, measure)
    if limits is not None and chart.bounded:
        return _within_bounds(chart, limits, periods, observed, subject, measure)
    if latest is None or limits is None or chart.variation is None:
        return _without_limits(chart, observed, subject, measure)
    noun = period_noun(measure)
    value = rate_text(float(chart.values[latest]), measure)
    shown = int(np.count_nonzero(~np.isnan(chart.values)))
    estimate = Estimate(
        value=float(chart.values[latest]),
        lower=limits[0],
        upper=limits[1],
        interval="usual range (XmR limits)",
        unit=rate_unit(measure),
    )
    if chart.variation is Variation.COMMON_CAUSE:
        usual = rate_range(*limits, measure)
        return Signal(
            sentence=(
                f"{subject}: no clear change; {value} {dated(periods[latest])} is within its usual range ({usual})."
            ),
            level=Certainty.LOW if shown < FEW_POINTS else Certainty.MODERATE,
            because=(
                f"{plural(shown, noun)} with a number; none of the rules flags the latest. "
                "A small change could be missed."
            ),
            variation=chart.variation,
            since=latest,
            estimate=estimate,
        )
    finding, strong, because = _finding(chart, latest, measure)
    sure = strong and shown >= FEW_POINTS
    return Signal(
        sentence=f"{subject} {_change(chart.variation, sure=sure)}: {finding}, {value} {dated(periods[latest])}.",
        level=Certainty.HIGH if sure else Certainty.MODERATE,
        because=f"{because}; {plural(shown, noun)} with a number.",
        variation=chart.variation,
        since=latest - (_run_length(chart, latest) - 1 if chart.shift[latest] else 0),
        estimate=estimate,
    )


def _within_bounds(
    chart: Chart,
    limits: tuple[float, float],
    periods: tuple[str, ...],
    observed: tuple[Observed | None, ...],
    subject: str,
    measure: Measure,
) -> Signal:
    """Return what limits say of the latest point where some are withheld: certain, possible or no.

    The last year against the time before comes first: it is about more than one point.
    """
    year = _without_limits(chart, observed, subject, measure)
    if year.variation is not None:
        return year
    noun, usual, item = period_noun(measure), rate_range(*limits, measure), observed[-1]
    noisy = any(one is not None and one.noisy for one in observed)
    hides = "numbers with noise" if noisy else "withheld numbers"
    rate = item.rate(measure.scale) if item else None
    ends = item.rate_bounds(measure.scale) if item else limits
    level = rate_text(rate, measure) if rate is not None else f"{rate_between(*ends, measure)} (withheld)"
    when, told = dated(periods[-1]), chart.told[-1]
    hidden, shown = int(np.isnan(chart.values).sum()), int(np.count_nonzero(~np.isnan(chart.values)))
    if told is Told.CERTAIN and chart.variation is not None:
        sentence = f"{subject} {_change(chart.variation, sure=False)}: {rules_at(chart, -1)}, {level} {when}."
        because = f"Rules that flag the latest point whatever the {hides} are: {rules_at(chart, -1)}"
    elif told is Told.POSSIBLE:
        sentence = (
            f"{subject}: a change is possible, but cannot be told; {level} {when}, against a usual range of {usual}."
        )
        because = f"some values within the bounds of {hides} would be flagged, and some would not"
    else:
        sentence = f"{subject}: no clear change; {level} {when} is within its usual range ({usual})."
        because = f"no value within the bounds of {hides} would be flagged. A small change could be missed"
    sure = told is Told.CERTAIN or (told is Told.NO and shown >= FEW_POINTS)
    return Signal(
        sentence=sentence,
        level=Certainty.MODERATE if sure else Certainty.LOW,
        because=f"{because}; {plural(shown, noun)} with a number and {hidden} withheld, whose limits are estimated.",
        variation=chart.variation,
        since=len(observed) - 1,
        estimate=Estimate(
            value=rate,
            lower=limits[0],
            upper=limits[1],
            interval=f"usual range (XmR limits, estimated where points {'have noise' if noisy else 'are withheld'})",
            unit=rate_unit(measure),
        ),
        method="xmr-nhs-bounds@1",
    )


def rules_at(chart: Chart, at: int) -> str:
    """Return, in words, the rules that flag a point for certain; empty if none does."""
    return ", ".join(_FIRED.get(found.rule, found.rule.says) for found in chart.flagged if found.certain[at])


def lines_shown(
    chart: Chart, *, lowest: float, highest: float
) -> tuple[tuple[float | None, float | None, float | None], ...]:
    """Return the centre line and both limits at each point, no further than a number can be; None where there is none.

    Args:
        chart: the chart.
        lowest: the lowest that a number can be.
        highest: the highest.
    """
    lower = np.maximum(chart.lower_limits, lowest)
    upper = np.minimum(chart.upper_limits, highest)
    at_each = zip(chart.centre_line.tolist(), lower.tolist(), upper.tolist(), strict=True)
    found = (tuple(None if np.isnan(line) else line for line in lines) for lines in at_each)
    return tuple((mean, low, high) for mean, low, high in found)


def assurance_shown(chart: Chart) -> Assurance | None:
    """Return the verdict on the target; none while a shift lasts: limits across it fit neither side."""
    return None if chart.shift.size and chart.shift[-1] else chart.assurance


def latest_shown(chart: Chart) -> int | None:
    """Return the last period that has a value."""
    shown = np.flatnonzero(~np.isnan(chart.values))
    return int(shown[-1]) if shown.size else None


def limits_shown(chart: Chart, measure: Measure) -> tuple[float, float] | None:
    """Return the limits that a rate can reach: never below 0, never above everybody; of a mean its own ends."""
    if chart.lower is None or chart.upper is None:
        return None
    return max(measure.shown_from, chart.lower), min(measure.shown_to, chart.upper)


def _without_limits(chart: Chart, observed: tuple[Observed | None, ...], subject: str, measure: Measure) -> Signal:
    """Return what bounds alone can say: the last year against the time before, if every possible value agrees.

    Only where something is withheld. A number that nobody sent has no bounds that could stand in for it.
    """
    why = (chart.no_limits or f"no {period_noun(measure)} has a number that may be shown").rstrip(".")
    year = YEAR.get(measure.grain) if measure.span == 1 else None
    start = len(observed) - (year or 0)
    before, recent = (
        [item for item in part if item is not None and item.denominator.lower]
        for part in (observed[:start], observed[start:])
    )
    hidden = any(item is not None and (item.withheld or item.noisy) for item in observed)
    if hidden and year and len(recent) == year <= len(before):
        dispersion = dispersion_of(before, recent)
        then, now = (total(part).interval95(measure.scale, dispersion=dispersion) for part in (before, recent))
        if now[1] < then[0] or now[0] > then[1]:
            return _last_year(then, now, recent, why, start, subject, measure)
    together = total(item for item in observed if item is not None)
    lower, upper = together.rate_bounds(measure.scale)
    return Signal(
        sentence=f"{subject}: {_level(observed, measure)}; it cannot be told whether that changed.",
        level=Certainty.LOW,
        because=f"{why}.",
        variation=None,
        since=None,
        estimate=Estimate(
            value=together.rate(measure.scale),
            lower=lower,
            upper=upper,
            interval="lowest to highest possible over the whole time",
            unit=rate_unit(measure),
        ),
    )


def _last_year(
    then: tuple[float, float],
    now: tuple[float, float],
    recent: list[Observed],
    why: str,
    since: int,
    subject: str,
    measure: Measure,
) -> Signal:
    high = now[0] > then[1]
    variation = {
        Better.LOWER: Variation.CONCERN if high else Variation.IMPROVEMENT,
        Better.HIGHER: Variation.IMPROVEMENT if high else Variation.CONCERN,
        Better.NEITHER: Variation.NEITHER_HIGH if high else Variation.NEITHER_LOW,
    }[measure.better]
    span = f"the last {plural(len(recent), period_noun(measure))}"
    together = total(recent)
    return Signal(
        sentence=(
            f"{subject} {_change(variation, sure=False)}: {rate_between(*now, measure)} in {span}, "
            f"against {rate_between(*then, measure)} before."
        ),
        level=Certainty.MODERATE,
        because=(
            f"the 95% intervals of {span} and of the time before do not overlap, whatever the withheld numbers are, "
            f"even when widened for how much {period_noun(measure)}s differ. {why}."
        ),
        variation=variation,
        since=since,
        estimate=Estimate(
            value=together.rate(measure.scale),
            lower=now[0],
            upper=now[1],
            interval=f"95% interval of {span}, bounds included",
            unit=rate_unit(measure),
        ),
        method="last-year-bounds@1",
        notes=(
            "Numbers are withheld, so there are no limits. Instead the last year is held against all the time before: "
            f"a change is named only if the two 95% intervals ({interval_name(measure)}, at both ends of the bounds, "
            "widened for over-dispersion) do not overlap.",
            "False alarms: fewer than 1 in 100 where nothing changes; up to 7 in 100 where the rate wanders by 30% and "
            "neighbouring periods resemble each other.",
        ),
    )


def _level(observed: tuple[Observed | None, ...], measure: Measure) -> str:
    """Return what is known of the whole series without limits."""
    known = [item for item in observed if item is not None and item.denominator.upper]
    if not known:
        received = any(item is not None for item in observed)
        return f"there were no {measure.denominator_unit}" if received else "no number was received"
    together = total(known)
    rate = together.rate(measure.scale)
    if rate is not None:
        return f"{rate_text(rate, measure)} over {plural(len(known), period_noun(measure))}"
    return (
        f"{rate_between(*together.rate_bounds(measure.scale), measure)} over {plural(len(known), period_noun(measure))}"
    )


def _change(variation: Variation, *, sure: bool) -> str:
    match variation:
        case Variation.IMPROVEMENT:
            return "improved" if sure else "may have improved"
        case Variation.CONCERN:
            return "got worse" if sure else "may have got worse"
        case Variation.NEITHER_HIGH | Variation.NEITHER_LOW:
            return "changed" if sure else "may have changed"
        case Variation.COMMON_CAUSE:
            return "did not change"


def _finding(chart: Chart, latest: int, measure: Measure) -> tuple[str, bool, str]:
    """Return what the rules saw in words, whether more than one point or rule says so, and which rules fired."""
    noun = period_noun(measure)
    high = float(chart.values[latest]) > float(chart.mean or 0.0)
    because = f"Rules that flag the latest point: {rules_at(chart, latest)}"
    fired = sum(bool(hit[latest]) for hit in (chart.outside, chart.shift, chart.trend, chart.near_limit))
    strong = fired > 1 or bool(chart.outside[latest] and latest and chart.outside[latest - 1])
    if chart.shift[latest]:
        run = _run_length(chart, latest)
        return f"{'above' if high else 'below'} the mean for {plural(run, noun)} in a row", strong or run >= 9, because
    if chart.trend[latest]:
        rising = float(chart.values[latest]) > float(chart.values[latest - 1])
        return f"{'rose' if rising else 'fell'} {plural(7, noun)} in a row", strong, because
    if chart.outside[latest]:
        return f"unusually {'high' if high else 'low'}", strong, because
    return f"two of three {noun}s near the {'upper' if high else 'lower'} limit", False, because


def _run_length(chart: Chart, latest: int) -> int:
    shown = chart.values[: latest + 1]
    sides = np.sign(shown[~np.isnan(shown)] - float(chart.mean or 0.0))
    differs = np.flatnonzero(sides != sides[-1])
    return int(sides.size - differs[-1] - 1 if differs.size else sides.size)

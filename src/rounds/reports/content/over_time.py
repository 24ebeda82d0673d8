"""Did it change? One measure of one member over time, from an XmR chart."""

import numpy as np

from rounds.learning.variation.over_time.chart import Assurance, Chart, Told, Variation
from rounds.learning.variation.over_time.discovery import latest_p_bounds
from rounds.learning.variation.over_time.false_alarms import false_alarms_of
from rounds.learning.variation.over_time.notes import chart_notes
from rounds.learning.variation.over_time.rule_sets import Rule
from rounds.measures.definitions import Measure
from rounds.measures.kinds import CountKind
from rounds.network.members import Membership
from rounds.reports.charts.spc import SpcPoint, spc_chart
from rounds.reports.content.cells import rate_cells, rate_columns, withheld_note
from rounds.reports.content.observed import Observed
from rounds.reports.content.peers import Peer
from rounds.reports.content.signals import Signal, assurance_shown, limits_shown, lines_shown, signal_of
from rounds.reports.content.wording import (
    better_words,
    inline,
    period_noun,
    plural,
    quoted,
    rate_range,
    rate_text,
    rate_unit,
    scope_name,
    slug,
    where,
)
from rounds.reports.insight import (
    Action,
    Confidence,
    Direction,
    Insight,
    Kind,
    LatestPoint,
    Mark,
    Provenance,
    Table,
)


def over_time(
    *,
    chart: Chart,
    periods: tuple[str, ...],
    observed: tuple[Observed | None, ...],
    member: str,
    measure: Measure,
    membership: Membership,
    provenance: Provenance,
    peer: Peer | None = None,
) -> Insight:
    """Return what an XmR chart says about one member's latest point.

    Args:
        chart: limits and signals; its values are rates in the measure's own unit (per `measure.scale`).
        periods: labels in order of time, shape (periods,).
        observed: the counts behind each value; None where nothing was received. Shape (periods,).
        member: an ODS code, or `network`.
        measure: what is counted.
        membership: to name the member.
        provenance: where the numbers come from.
        peer: a comparable member that does better, if there is one.

    Raises:
        ValueError: if the three series differ in length or are empty.
    """
    if not len(periods) == len(observed) == chart.values.size or not periods:
        raise ValueError(f"{measure.id}, {member}: periods, counts and chart differ in length or are empty")
    signal = signal_of(chart, periods, observed, f"{measure.title} {where(member, membership)}", measure)
    notes = [f"For {inline(measure.title)}, {better_words(measure.better)}."]
    if chart.mean is not None:
        notes += [
            *chart_notes(chart, rounded_mean=_rounded_mean(observed, measure.kind)),
            *_rounded_sum_note(observed, measure),
            *_withheld_limits_note(chart, observed, measure),
            *_target_note(chart, measure),
        ]
    notes += signal.notes
    return Insight(
        id=slug(Kind.OVER_TIME, measure.id, member),
        kind=Kind.OVER_TIME,
        statement=signal.sentence,
        direction=_direction(signal.variation),
        scope=member,
        scope_name=scope_name(member, membership),
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=peer.innovation.id if peer and peer.innovation else None,
        certainty=Confidence(
            level=signal.level, because=signal.because, estimate=signal.estimate, method=signal.method
        ),
        comparator=_comparator(peer, measure),
        benefit=None,
        chart=spc_chart(
            points=_points(chart, periods, observed, measure),
            target=measure.target,
            title=f"{measure.title}, {rate_unit(measure)} ({better_words(measure.better)})",
        ),
        alt_text=_alt_text(chart, periods, observed, measure, signal),
        table=_table(chart, periods, observed, measure),
        action=_action(chart, signal, periods, peer),
        provenance=provenance,
        icons=tuple(
            str(icon) for icon in (signal.variation, assurance_shown(chart)) if icon and icon is not Assurance.NO_TARGET
        ),
        notes=(*notes, *withheld_note(observed, period_noun(measure))),
        latest=_latest(chart),
    )


def _latest(chart: Chart) -> LatestPoint | None:
    """Return what chance does at the latest point; None where it cannot be tested."""
    lowest, highest = latest_p_bounds(chart)
    rates = false_alarms_of(chart.kind, chart.rule_sets, chart.latest.end - chart.latest.first)
    if np.isnan(lowest) or not rates:
        return None
    return LatestPoint(
        p_lowest=lowest,
        p_highest=highest,
        flagged=chart.told[-1] is Told.CERTAIN,
        false_alarms=rates[0].latest_point,
    )


def _rounded_mean(observed: tuple[Observed | None, ...], kind: CountKind) -> float | None:
    """Return the mean of the smaller side of the rates (with it or without), if counts are rounded.

    Periods of which a number is withheld say nothing here; time has no side without. Sums are rounded otherwise.
    """
    if kind is CountKind.MEAN:
        return None
    over_time = kind is CountKind.RATE
    counts = [item for item in observed if item is not None and item.numerator.value is not None]
    if not any(item.numerator.lower < item.numerator.upper for item in counts):
        return None
    events = [item.numerator.value for item in counts if item.numerator.value is not None]
    others = [
        item.denominator.value - item.numerator.value
        for item in counts
        if item.numerator.value is not None and item.denominator.value is not None and not over_time
    ]
    return min(float(np.mean(side)) for side in (events, others) if side)


def _withheld_limits_note(chart: Chart, observed: tuple[Observed | None, ...], measure: Measure) -> tuple[str, ...]:
    if not chart.bounded:
        return ()
    noisy = sum(item is not None and item.noisy for item in observed)
    if noisy:
        return (
            f"{plural(noisy, period_noun(measure))} of {chart.values.size} with noise. "
            "The limits are those of the true rates: the mean and the moving ranges are what they are expected to be "
            "given the numbers sent and the width of their noise, by the likelihood of all received of this measure. A "
            "point can lie outside them by its noise alone, so it is flagged for “certain” only if it is for every "
            "value within four standard deviations of the noise, “possible” if it is for some, and “no” if for none.",
        )
    hidden = int(np.isnan(chart.values).sum())
    return (
        f"{plural(hidden, period_noun(measure))} of {chart.values.size} withheld. The mean and the moving ranges are "
        "what they are expected to be over all values within the bounds, by the likelihood of all received of this "
        "measure; no value is written in for a withheld number, which would make the limits too narrow. A point is "
        "flagged for “certain” if it is whatever the withheld numbers are, “possible” if it is for some values, and "
        "“no” if for none; the limits are taken as they are.",
    )


def _rounded_sum_note(observed: tuple[Observed | None, ...], measure: Measure) -> tuple[str, ...]:
    """Return how far rounding may have moved a mean that is shown."""
    shown = [item for item in observed if item is not None and not item.withheld]
    if measure.kind is not CountKind.MEAN or not shown:
        return ()
    ends = [item.rate_bounds(measure.scale) for item in shown]
    far = max((upper - lower) / 2 for lower, upper in ends)
    if not far:
        return ()
    return (
        f"Sums are rounded to five patients' most before they leave a site, which moves a point by up to "
        f"{rate_text(far, measure)}: a rule may flag what is only rounding.",
    )


def _direction(variation: Variation | None) -> Direction:
    match variation:
        case Variation.IMPROVEMENT:
            return Direction.BETTER
        case Variation.CONCERN:
            return Direction.WORSE
        case Variation.COMMON_CAUSE:
            return Direction.NO_CHANGE
        case Variation.NEITHER_HIGH | Variation.NEITHER_LOW | None:
            return Direction.NEUTRAL


def _comparator(peer: Peer | None, measure: Measure) -> str | None:
    if peer is None:
        return None if measure.target is None else f"The network's target is {rate_text(measure.target, measure)}."
    used = f" It has embedded {quoted(peer.innovation.title)}." if peer.innovation else ""
    return f"{peer.name} does better: {peer.rate_words(measure)} over {peer.over}.{used}"


def _target_note(chart: Chart, measure: Measure) -> tuple[str, ...]:
    if measure.target is None or chart.assurance in (None, Assurance.NO_TARGET):
        return ()
    if assurance_shown(chart) is None:
        return (
            f"Target: {rate_text(measure.target, measure)}. The level has shifted, so limits over the whole series "
            "do not tell whether the target will be met; recalculate them from the change.",
        )
    words = {
        Assurance.CONSISTENTLY_PASSING: "is met consistently: it lies outside the usual range, on the right side",
        Assurance.CONSISTENTLY_FAILING: "will not be met unless the process changes: it lies outside the usual range",
        Assurance.HIT_AND_MISS: "is met at times and missed at times: it lies within the usual range",
    }
    return (f"Target: {rate_text(measure.target, measure)} {words[chart.assurance]}.",)


def _action(chart: Chart, signal: Signal, periods: tuple[str, ...], peer: Peer | None) -> Action | None:
    if signal.variation is Variation.CONCERN and signal.since is not None:
        ask = (
            f" Ask {peer.name} what it does" + (f" with {quoted(peer.innovation.title)}." if peer.innovation else ".")
            if peer
            else ""
        )
        return Action(
            text=f"With the team, find what changed around {periods[signal.since]}.{ask}", owner_role="Service lead"
        )
    if signal.variation is Variation.IMPROVEMENT:
        return Action(
            text="Write down what was done differently and share it with the network.", owner_role="Service lead"
        )
    if assurance_shown(chart) is Assurance.CONSISTENTLY_FAILING:
        ask = f" Ask {peer.name} what it does." if peer else ""
        return Action(
            text=f"Change how this is done: as it runs now, the target will not be met.{ask}",
            owner_role="Service manager",
        )
    if peer is not None:
        with_what = f" with {quoted(peer.innovation.title)}" if peer.innovation else ""
        return Action(text=f"Ask {peer.name} what it does{with_what}.", owner_role="Service lead")
    return None


def _points(
    chart: Chart, periods: tuple[str, ...], observed: tuple[Observed | None, ...], measure: Measure
) -> tuple[SpcPoint, ...]:
    found, said = [], chart.point_variation
    lines = lines_shown(chart, lowest=measure.shown_from, highest=measure.shown_to)
    starts = {part.first for part in chart.parts if part.rebase is not None}
    for index, (label, item) in enumerate(zip(periods, observed, strict=True)):
        value = float(chart.values[index])
        bounds = item.rate_bounds(measure.scale) if item is not None and np.isnan(value) else None
        state = str(said[index] or "not_judged") if said else "not_judged"
        found.append(
            SpcPoint(
                label=label,
                value=None if np.isnan(value) else value,
                bounds=bounds,
                variation=state,
                mean=lines[index][0],
                limits=lines[index][1:],
                rebased=index in starts,
            )
        )
    return tuple(found)


def _signals(chart: Chart, index: int) -> str | Mark:
    if chart.mean is None:
        return Mark.NOT_AVAILABLE
    names = {
        Rule.OUTSIDE: "outside limits",
        Rule.SHIFT: "shift",
        Rule.TREND: "trend",
        Rule.NEAR_LIMIT: "two of three near limit",
    }
    sure = [name for rule, name in names.items() if chart.certain(rule)[index]]
    sure += [f"possible: {name}" for rule, name in names.items() if chart.possible(rule)[index] and name not in sure]
    return "; ".join(sure) or "none"


def _table(chart: Chart, periods: tuple[str, ...], observed: tuple[Observed | None, ...], measure: Measure) -> Table:
    lines, told = lines_shown(chart, lowest=measure.shown_from, highest=measure.shown_to), chart.told
    centre = "Mean" if measure.shown_in is None else "Mean of periods"  # where each period has a mean of its own
    return Table(
        columns=("Period", *rate_columns(measure), centre, "Lower limit", "Upper limit", "Signal", "Flagged"),
        rows=tuple(
            (
                label,
                *rate_cells(item, measure),
                *(Mark.NOT_AVAILABLE if line is None else float(f"{line:.6g}") for line in lines[index]),
                _signals(chart, index),
                str(told[index]) if told else Mark.NOT_AVAILABLE,
            )
            for index, (label, item) in enumerate(zip(periods, observed, strict=True))
        ),
    )


def _alt_text(
    chart: Chart, periods: tuple[str, ...], observed: tuple[Observed | None, ...], measure: Measure, signal: Signal
) -> str:
    limits = limits_shown(chart, measure)
    parts = [
        f"Control chart of {inline(measure.title)} from {periods[0]} to {periods[-1]}, {better_words(measure.better)}."
    ]
    if limits and chart.mean is not None:
        parts.append(f"Mean {rate_text(chart.mean, measure)}, limits {rate_range(*limits, measure)}.")
    withheld = sum(item is not None and item.withheld for item in observed)
    if withheld:
        parts.append(
            f"{withheld} of {len(observed)} points are withheld and drawn as a bar from lowest to highest "
            f"possible value."
        )
    return " ".join([*parts, signal.sentence])

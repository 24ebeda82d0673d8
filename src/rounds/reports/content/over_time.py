"""Did it change? One measure of one member over time, from an XmR chart."""

from dataclasses import dataclass

import numpy as np

from rounds.learning.variation.xmr import Assurance, Variation, XmrChart
from rounds.measures.definitions import Measure
from rounds.network.members import Membership
from rounds.reports.charts.spc import SpcPoint, spc_chart
from rounds.reports.content.cells import rate_cells, rate_columns, withheld_note
from rounds.reports.content.observed import Observed, total
from rounds.reports.content.peers import Peer
from rounds.reports.content.wording import (
    better_words,
    dated,
    grain_noun,
    inline,
    plural,
    quoted,
    rate_between,
    rate_range,
    rate_text,
    rate_unit,
    scope_name,
    slug,
    where,
)
from rounds.reports.insight import (
    Action,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Insight,
    Kind,
    Mark,
    Provenance,
    Table,
)

RULES = (
    "Rules: a point outside the limits, seven in a row on one side of the mean, seven in a row rising or "
    ""
    ""
    ""
    "falling, two of three near a "
    "limit. Limits are the mean plus or minus 2.66 times the mean moving range."
)
FALSE_ALARMS = (
    "False alarms: without any real change, the latest point is flagged on about 2 charts in 100, and on "
    ""
    ""
    ""
    "about 8 in 100 if "
    "neighbouring points resemble each other."
)
FEW_POINTS = 20


@dataclass(frozen=True, slots=True)
class _Signal:
    """What the rules say of the latest point."""

    sentence: str
    level: Certainty
    because: str


def over_time(
    *,
    chart: XmrChart,
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
        chart: limits and signals; its values are rates in the measure's own unit (per `measure.per`).
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
    signal = _signal(chart, periods, observed, member, measure, membership)
    notes = [f"For {inline(measure.title)}, {better_words(measure.better)}."]
    if chart.mean is not None:
        notes += [RULES, FALSE_ALARMS, *_target_note(chart, measure)]
    return Insight(
        id=slug(Kind.OVER_TIME, measure.id, member),
        kind=Kind.OVER_TIME,
        statement=signal.sentence,
        direction=_direction(chart.variation),
        scope=member,
        scope_name=scope_name(member, membership),
        measure=str(measure.ref),
        measure_title=measure.title,
        innovation=peer.innovation.id if peer and peer.innovation else None,
        certainty=Confidence(
            level=signal.level, because=signal.because, estimate=_estimate(chart, observed, measure), method="xmr-nhs@1"
        ),
        comparator=_comparator(peer, measure),
        benefit=None,
        chart=spc_chart(
            points=_points(chart, periods, observed, measure),
            mean=chart.mean,
            limits=_limits(chart, measure),
            target=measure.target,
            title=f"{measure.title}, {rate_unit(measure)} ({better_words(measure.better)})",
        ),
        alt_text=_alt_text(chart, periods, observed, measure, signal),
        table=_table(chart, periods, observed, measure),
        action=_action(chart, periods, measure, peer),
        provenance=provenance,
        icons=tuple(
            str(icon) for icon in (chart.variation, chart.assurance) if icon and icon is not Assurance.NO_TARGET
        ),
        notes=(*notes, *withheld_note(observed, grain_noun(measure.grain))),
    )


def _latest(chart: XmrChart) -> int | None:
    shown = np.flatnonzero(~np.isnan(chart.values))
    return int(shown[-1]) if shown.size else None


def _limits(chart: XmrChart, measure: Measure) -> tuple[float, float] | None:
    """Return the limits that a rate can reach: never below 0, never above everybody."""
    if chart.lower is None or chart.upper is None:
        return None
    return max(0.0, chart.lower), min(float(measure.per), chart.upper)


def _signal(
    chart: XmrChart,
    periods: tuple[str, ...],
    observed: tuple[Observed | None, ...],
    member: str,
    measure: Measure,
    membership: Membership,
) -> _Signal:
    subject = f"{measure.title} {where(member, membership)}"
    latest, limits = _latest(chart), _limits(chart, measure)
    noun = grain_noun(measure.grain)
    if latest is None or limits is None or chart.mean is None or chart.variation is None:
        because = (chart.no_limits or f"no {noun} has a number that may be shown").rstrip(".")
        return _Signal(
            f"{subject}: {_level(observed, measure)}; it cannot be told whether that changed.",
            Certainty.LOW,
            because + ".",
        )
    value = rate_text(float(chart.values[latest]), measure)
    usual = rate_range(*limits, measure)
    gaps = sum(item is None or item.withheld for item in observed[max(0, latest - 6) :])
    shown = int(np.count_nonzero(~np.isnan(chart.values)))
    if chart.variation is Variation.COMMON_CAUSE:
        level = Certainty.LOW if shown < FEW_POINTS or gaps > 2 else Certainty.MODERATE
        because = (
            f"{plural(shown, noun)} with a number; none of the rules flags the latest. A small change could be missed."
        )
        return _Signal(
            f"{subject}: no clear change; {value} {dated(periods[latest])} is within its usual range ({usual}).",
            level,
            because,
        )
    finding, strong, because = _finding(chart, latest, measure)
    sure = strong and shown >= FEW_POINTS and not gaps
    reasons = [because, f"{plural(shown, noun)} with a number"]
    if gaps:
        reasons.append(f"{plural(gaps, 'recent number')} withheld or missing")
    level = Certainty.HIGH if sure else Certainty.MODERATE if strong or not gaps else Certainty.LOW
    return _Signal(
        f"{subject} {_change(chart.variation, sure=sure)}: {finding}, {value} {dated(periods[latest])}.",
        level,
        "; ".join(reasons) + ".",
    )


def _level(observed: tuple[Observed | None, ...], measure: Measure) -> str:
    """Return what is known of the whole series without limits."""
    known = [item for item in observed if item is not None and item.denominator.upper]
    if not known:
        return "no number was received"
    together = total(known)
    rate = together.rate(measure.per)
    if rate is not None:
        return f"{rate_text(rate, measure)} over {plural(len(known), grain_noun(measure.grain))}"
    return (
        f"{rate_between(*together.rate_bounds(measure.per), measure)} over "
        f""
        f""
        f""
        f"{plural(len(known), grain_noun(measure.grain))}"
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


def _finding(chart: XmrChart, latest: int, measure: Measure) -> tuple[str, bool, str]:
    """Return what the rules saw in words, whether more than one point or rule says so, and which rules fired."""
    noun = grain_noun(measure.grain)
    high = float(chart.values[latest]) > float(chart.mean or 0.0)
    fired = {
        "outside the limits": bool(chart.outside[latest]),
        "seven or more in a row on one side of the mean": bool(chart.shift[latest]),
        "seven in a row in one direction": bool(chart.trend[latest]),
        "two of three near a limit": bool(chart.near_limit[latest]),
    }
    because = "Rules that flag the latest point: " + ", ".join(rule for rule, hit in fired.items() if hit)
    strong = sum(fired.values()) > 1 or bool(chart.outside[latest] and latest and chart.outside[latest - 1])
    if chart.shift[latest]:
        run = _run_length(chart, latest)
        return f"{'above' if high else 'below'} the mean for {plural(run, noun)} in a row", strong or run >= 9, because
    if chart.trend[latest]:
        rising = float(chart.values[latest]) > float(chart.values[latest - 1])
        return f"{'rose' if rising else 'fell'} {plural(7, noun)} in a row", strong, because
    if chart.outside[latest]:
        return f"unusually {'high' if high else 'low'}", strong, because
    return f"two of three {noun}s near the {'upper' if high else 'lower'} limit", False, because


def _run_length(chart: XmrChart, latest: int) -> int:
    shown = chart.values[: latest + 1]
    sides = np.sign(shown[~np.isnan(shown)] - float(chart.mean or 0.0))
    differs = np.flatnonzero(sides != sides[-1])
    return int(sides.size - differs[-1] - 1 if differs.size else sides.size)


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


def _estimate(chart: XmrChart, observed: tuple[Observed | None, ...], measure: Measure) -> Estimate:
    """Return the latest rate with the range it usually moves in, or with its bounds where there are no limits."""
    latest, limits = _latest(chart), _limits(chart, measure)
    if latest is not None and limits is not None:
        return Estimate(
            value=float(chart.values[latest]),
            lower=limits[0],
            upper=limits[1],
            interval="usual range (XmR limits)",
            unit=rate_unit(measure),
        )
    last = next((item for item in reversed(observed) if item is not None), None)
    lower, upper = last.rate_bounds(measure.per) if last else (0.0, float(measure.per))
    value = last.rate(measure.per) if last else None
    return Estimate(
        value=value, lower=lower, upper=upper, interval="lowest to highest possible", unit=rate_unit(measure)
    )


def _comparator(peer: Peer | None, measure: Measure) -> str | None:
    if peer is None:
        return None if measure.target is None else f"The network's target is {rate_text(measure.target, measure)}."
    used = f" It has embedded {quoted(peer.innovation.title)}." if peer.innovation else ""
    return f"{peer.name} does better: {peer.rate_words(measure)} over {peer.over}.{used}"


def _target_note(chart: XmrChart, measure: Measure) -> tuple[str, ...]:
    if measure.target is None or chart.assurance in (None, Assurance.NO_TARGET):
        return ()
    words = {
        Assurance.CONSISTENTLY_PASSING: "is met consistently: it lies outside the usual range, on the right side",
        Assurance.CONSISTENTLY_FAILING: "will not be met unless the process changes: it lies outside the usual range",
        Assurance.HIT_AND_MISS: "is met at times and missed at times: it lies within the usual range",
    }
    return (f"Target: {rate_text(measure.target, measure)} {words[chart.assurance]}.",)


def _action(chart: XmrChart, periods: tuple[str, ...], measure: Measure, peer: Peer | None) -> Action | None:
    latest = _latest(chart)
    if chart.variation is Variation.CONCERN and latest is not None:
        first = latest - (_run_length(chart, latest) - 1 if chart.shift[latest] else 0)
        ask = (
            f" Ask {peer.name} what it does" + (f" with {quoted(peer.innovation.title)}." if peer.innovation else ".")
            if peer
            else ""
        )
        return Action(
            text=f"With the team, find what changed around {periods[max(0, first)]}.{ask}", owner_role="Service lead"
        )
    if chart.variation is Variation.IMPROVEMENT:
        return Action(
            text="Write down what was done differently and share it with the network.", owner_role="Service lead"
        )
    if chart.assurance is Assurance.CONSISTENTLY_FAILING:
        ask = f" Ask {peer.name} what it does." if peer else ""
        return Action(
            text=f"Change how {inline(measure.title)} is managed: as it runs now the target will not be met.{ask}",
            owner_role="Service manager",
        )
    if peer is not None:
        with_what = f" with {quoted(peer.innovation.title)}" if peer.innovation else ""
        return Action(text=f"Ask {peer.name} what it does{with_what}.", owner_role="Service lead")
    return None


def _points(
    chart: XmrChart, periods: tuple[str, ...], observed: tuple[Observed | None, ...], measure: Measure
) -> tuple[SpcPoint, ...]:
    found = []
    for index, (label, item) in enumerate(zip(periods, observed, strict=True)):
        value = float(chart.values[index])
        bounds = item.rate_bounds(measure.per) if item is not None and np.isnan(value) else None
        state = str(chart.point_variation[index]) if len(chart.point_variation) == len(periods) else "not_judged"
        found.append(SpcPoint(label=label, value=None if np.isnan(value) else value, bounds=bounds, variation=state))
    return tuple(found)


def _signals(chart: XmrChart, index: int) -> str | Mark:
    if chart.mean is None:
        return Mark.NOT_AVAILABLE
    flags = {
        "outside limits": chart.outside,
        "shift": chart.shift,
        "trend": chart.trend,
        "two of three near limit": chart.near_limit,
    }
    return "; ".join(name for name, hit in flags.items() if hit.size > index and hit[index]) or "none"


def _table(chart: XmrChart, periods: tuple[str, ...], observed: tuple[Observed | None, ...], measure: Measure) -> Table:
    limits = _limits(chart, measure)
    lines = (chart.mean, *limits) if limits and chart.mean is not None else None
    return Table(
        columns=("Period", *rate_columns(measure), "Mean", "Lower limit", "Upper limit", "Signal"),
        rows=tuple(
            (
                label,
                *rate_cells(item, measure),
                *((float(f"{line:.6g}") for line in lines) if lines else (Mark.NOT_AVAILABLE,) * 3),
                _signals(chart, index),
            )
            for index, (label, item) in enumerate(zip(periods, observed, strict=True))
        ),
    )


def _alt_text(
    chart: XmrChart, periods: tuple[str, ...], observed: tuple[Observed | None, ...], measure: Measure, signal: _Signal
) -> str:
    limits = _limits(chart, measure)
    parts = [
        f"Control chart of {inline(measure.title)} from {periods[0]} to {periods[-1]}, {better_words(measure.better)}."
    ]
    if limits and chart.mean is not None:
        parts.append(f"Mean {rate_text(chart.mean, measure)}, limits {rate_range(*limits, measure)}.")
    withheld = sum(item is not None and item.withheld for item in observed)
    if withheld:
        parts.append(
            f"{withheld} of {len(observed)} points are withheld and drawn as a bar from lowest to highest "
            f""
            f""
            f""
            f"possible value."
        )
    return " ".join([*parts, signal.sentence])

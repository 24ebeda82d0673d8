"""Figures of how a score warns: each a chart, its alternative text and its table."""

from dataclasses import dataclass
from math import isinf, isnan

from rounds.learning.deterioration.calibration import observed_risks
from rounds.learning.deterioration.decision_curve import DecisionCurve
from rounds.learning.deterioration.discrimination import Auroc
from rounds.learning.deterioration.score_table import ScoreTable
from rounds.learning.deterioration.shares import Amount, Share, Vector
from rounds.learning.deterioration.thresholds import Threshold, thresholds
from rounds.reports.charts.deterioration import (
    BenefitPoint,
    CurvePoint,
    RiskPoint,
    calibration_chart,
    curve_chart,
    decision_chart,
)
from rounds.reports.charts.theme import Spec
from rounds.reports.insight import Table

LABELLED = ("3", "5", "7")
"""Thresholds that NEWS2's own responses start at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart that can be read without seeing it."""

    statement: str
    """what it shows, in a sentence"""
    chart: Spec
    alt_text: str
    table: Table


def roc_figure(table: ScoreTable, area: Auroc, *, score: str, outcome: str) -> Figure:
    """Return the ROC curve: of those with the outcome who trigger, against those without it who trigger too.

    Args:
        table: of one site, or of several added up.
        area: of the same table.
        score: its name, such as "NEWS2".
        outcome: what is foretold, such as "death within 24 hours".
    """
    found = thresholds(table)
    points = tuple(_point(one, one.specificity, one.sensitivity, flipped=True) for one in found if _told(one))
    said = f"{area.value:.2f}" if area.value is not None else f"between {area.lower:.2f} and {area.upper:.2f}"
    spread = "" if area.interval is None else f" (95% CI {area.interval.lower:.2f} to {area.interval.upper:.2f})"
    statement = f"The area under the ROC curve of {score} for {outcome} is {said}{spread}; 0.5 is chance."
    return Figure(
        statement=statement,
        chart=curve_chart(
            points=points,
            named=f"{score} at or above",
            labelled=LABELLED,
            across_title="False alarms: triggering without it, %",
            title=f"Sensitivity for {outcome}, %; area under the curve {said}{spread}",
        ),
        alt_text=(
            f"ROC curve of {score} for {outcome}: sensitivity against false alarms at each threshold. {statement} "
            f"{_at_seven(found)}"
        ),
        table=_threshold_table(found),
    )


def efficiency_figure(table: ScoreTable, *, score: str, outcome: str) -> Figure:
    """Return the efficiency curve: how much of the outcome is found by looking at which share of all."""
    found = thresholds(table)
    points = tuple(_point(one, one.triggering, one.sensitivity, flipped=False) for one in found if _told(one))
    return Figure(
        statement=_at_seven(found) or f"How much of {outcome} each threshold of {score} finds is in the table.",
        chart=curve_chart(
            points=points,
            named=f"{score} at or above",
            labelled=LABELLED,
            across_title="Triggering of all, %",
            title=f"Sensitivity for {outcome}, %, by how many trigger",
        ),
        alt_text=(
            f"Efficiency curve of {score}: the share of those with {outcome} who are found, against the share of all "
            f"who trigger, at each threshold. {_at_seven(found)}"
        ),
        table=_threshold_table(found),
    )


def calibration_figure(table: ScoreTable, foretold: Vector | None, *, score: str, outcome: str) -> Figure:
    """Return the risk at each score that somebody had, beside what was foretold.

    Args:
        table: of one site, or of several added up.
        foretold: the risk of each score from elsewhere, shape (levels,), or None.
        score: its name.
        outcome: what is foretold.
    """
    risks = observed_risks(table)
    points = tuple(
        RiskPoint(
            score=float(table.scores[at]),
            value=None if risk.value is None else 100 * risk.value,
            interval=(100 * risk.interval.lower, 100 * risk.interval.upper)
            if risk.value is not None
            else (100 * risk.lower, 100 * risk.upper),
            foretold=None if foretold is None else 100 * float(foretold[at]),
        )
        for at, risk in enumerate(risks)
        if risk is not None
    )
    known = [point for point in points if point.value is not None]
    beside = "" if foretold is None else " and the risk foretold"
    statement = _risks(known, outcome=outcome, score=score)
    return Figure(
        statement=statement,
        chart=calibration_chart(points=points, across_title=score, title=f"Risk of {outcome}, %"),
        alt_text=f"Risk of {outcome} at each {score}, with 95% intervals{beside}. {statement}",
        table=Table(
            columns=(score, "Units", f"Risk of {outcome}, %", "95% lower", "95% upper", "Foretold, %"),
            rows=tuple(
                (
                    f"{table.scores[at]:g}",
                    _amount(risk.of),
                    _percent(risk),
                    _figure(100 * risk.interval.lower),
                    _figure(100 * risk.interval.upper),
                    "" if foretold is None else _figure(100 * float(foretold[at])),
                )
                for at, risk in enumerate(risks)
                if risk is not None
            ),
        ),
    )


def decision_figure(curve: DecisionCurve, *, score: str, outcome: str) -> Figure:
    """Return net benefit for 1,000 units at thresholds of risk, acting on a score, on everybody and on nobody."""
    benefit = curve.by_score
    points = tuple(
        BenefitPoint(
            threshold=100 * float(threshold),
            value=1000 * float(benefit.value[at]),
            bounds=(1000 * float(benefit.lower[at]), 1000 * float(benefit.upper[at])),
            for_all=1000 * float(curve.for_all.value[at]),
            for_all_bounds=(1000 * float(curve.for_all.lower[at]), 1000 * float(curve.for_all.upper[at])),
        )
        for at, threshold in enumerate(curve.thresholds)
    )
    better = [at for at in range(len(points)) if benefit.lower[at] > max(0.0, float(curve.for_all.upper[at]))]
    return Figure(
        statement=_better(points, better, score),
        chart=decision_chart(
            points=points,
            across_title="Risk worth acting on, %",
            title=f"Net benefit for 1,000, foretelling {outcome} (higher is better)",
        ),
        alt_text=f"Decision curve of {score} for {outcome}: net benefit for 1,000 at each threshold of "
        f"risk. {_better(points, better, score)}",
        table=Table(
            columns=("Threshold, %", f"By {score}", "At least", "At most", "For everybody"),
            rows=tuple(
                (
                    f"{point.threshold:g}",
                    _figure(point.value),
                    _figure(point.bounds[0]),
                    _figure(point.bounds[1]),
                    _figure(point.for_all),
                )
                for point in points
            ),
        ),
    )


def _risks(known: list[RiskPoint], *, outcome: str, score: str) -> str:
    """Say the risk at the lowest and at the highest score at which it is told."""
    if not known:
        return f"The risk of {outcome} is withheld at every {score}, and lies between the bounds shown."
    first, last = known[0], known[-1]
    return (
        f"Where it is told, the risk of {outcome} is {_figure(first.value)}% at a {score} of {first.score:g} and "
        f"{_figure(last.value)}% at {last.score:g}."
    )


def _better(points: tuple[BenefitPoint, ...], better: list[int], score: str) -> str:
    """Say at which thresholds acting on the score is for certain the best of the three."""
    if not better:
        return f"At no threshold is acting on {score} for certain better than acting on everybody and on nobody."
    first, last = (points[at].threshold for at in (better[0], better[-1]))
    where = f"from {first:g}% to {last:g}%" if last > first else f"at {first:g}%"
    if better[-1] - better[0] + 1 > len(better):
        where = f"at {len(better)} of {better[-1] - better[0] + 1} thresholds {where}"
    return f"Acting on {score} does more good than acting on everybody or on nobody {where}."


def _told(one: Threshold) -> bool:
    return one.sensitivity is not None and one.specificity is not None and one.triggering is not None


def _point(one: Threshold, across: Share | None, up: Share | None, *, flipped: bool) -> CurvePoint:
    assert across is not None  # noqa: S101  # `_told` was asked
    assert up is not None  # noqa: S101  # `_told` was asked
    value, bounds = across.value, (across.lower, across.upper)
    if flipped:
        value, bounds = None if value is None else 1 - value, (1 - across.upper, 1 - across.lower)
    return CurvePoint(
        label=f"{one.at_least:g}",
        across=None if value is None else 100 * value,
        up=None if up.value is None else 100 * up.value,
        across_bounds=(100 * bounds[0], 100 * bounds[1]),
        up_bounds=(100 * up.lower, 100 * up.upper),
    )


def _at_seven(found: tuple[Threshold, ...]) -> str:
    for one in found:
        if one.at_least == 7 and _told(one):
            return (
                f"At 7 or above {_percent(one.triggering)}% of all trigger and {_percent(one.sensitivity)}% are found."
            )
    return ""


def _threshold_table(found: tuple[Threshold, ...]) -> Table:
    return Table(
        columns=(
            "At or above",
            "Sensitivity, %",
            "Specificity, %",
            "PPV, %",
            "NPV, %",
            "Triggering, %",
            "Alerts per event",
        ),
        rows=tuple(
            (
                f"{one.at_least:g}",
                *(_percent(share) for share in (one.sensitivity, one.specificity, one.ppv, one.npv, one.triggering)),
                _amount(one.alerts_per_event),
            )
            for one in found
        ),
    )


def _percent(share: Share | None) -> str:
    if share is None:
        return "nobody"
    return _figure(100 * share.value) if share.value is not None else _span(100 * share.lower, 100 * share.upper)


def _amount(amount: Amount | None) -> str:
    if amount is None:
        return "nobody"
    return _span(amount.lower, amount.upper) if isnan(amount.value) else _figure(amount.value)


def _span(lower: float, upper: float) -> str:
    ends = _figure(lower), _figure(upper)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _figure(number: float | None) -> str:
    """Return a number to three figures, or what it is if it is none."""
    if number is None or isnan(number):
        return "withheld"
    if isinf(number):
        return "no limit"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 1 or number == 0 else f"{number:.2g}"

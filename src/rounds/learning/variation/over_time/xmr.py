"""XmR charts with the NHS "Making Data Count" rules: limits, special causes and icons."""

from collections.abc import Sequence

import numpy as np

from rounds.learning.variation.over_time.bulk import nhs_charts, why_no_limits
from rounds.learning.variation.over_time.chart import Better, Chart, Kind, Part, way_of
from rounds.learning.variation.over_time.drawing import Points, Reading, draw
from rounds.learning.variation.over_time.individuals import individual_lines
from rounds.learning.variation.over_time.rebasing import Basis, Rebase
from rounds.learning.variation.over_time.rule_sets import RuleSet
from rounds.learning.variation.over_time.rules import Matrix, Vector
from rounds.learning.variation.over_time.windows import Flags
from rounds.learning.variation.over_time.withheld import Known


def xmr_chart(
    *,
    values: Vector,
    better: str,
    target: float | None = None,
    screen: bool = True,
    withheld: Flags | None = None,
    known: Known | None = None,
    rebases: tuple[Rebase, ...] = (),
    periods: tuple[str, ...] | None = None,
) -> Chart:
    """Return one series with its limits, special causes and icons, by the NHS rules.

    Args:
        values: the plotted rate, shape (periods,), in order of time; NaN where there is no number.
        better: which way is improvement: "higher", "lower" or "neither" (`Better`, or a measure's `better`).
        target: in the units of `values`; None for none.
        screen: leave moving ranges of 3.267 x their mean or more out of the limits, as NHSRplotthedots does. The NHS
            Excel tool does not.
        withheld: shape (periods,), which NaN stand for a number that exists but is withheld; None for none.
        known: what is known of every point, where that is enough to draw limits though some are withheld or have noise.
        rebases: from when and why limits are recalculated; never done without being asked.
        periods: labels, shape (periods,), where rebases name one.

    Returns:
        The chart. A part has no limits, and says why, when a number is missing, or withheld without `known`, with fewer
        than 3 points, or when all are equal. Leave out the periods before an organisation joined.

    Raises:
        ValueError: if a value or the target is infinite, `better` is no direction, a shape is wrong, a withheld point
            carries a number, or a rebase does not fit.

    Source: NHSRplotthedots 0.2.2; NHS England, Making Data Count.

    >>> chart = xmr_chart(values=np.array([5.0, 6, 5, 6, 5, 6, 5, 6, 5, 6, 12]), better="lower", target=4.0)
    >>> round(chart.mean, 3), round(chart.upper, 3), chart.variation.value, chart.assurance.value
    (6.091, 8.751, 'concern', 'hit_and_miss')
    """
    if values.ndim != 1:
        raise ValueError(f"a series has one dimension, these values have shape {values.shape}")
    hidden = np.zeros(values.shape, dtype=bool) if withheld is None else withheld
    charts = nhs_charts(
        values=values[None, :],
        better=better,
        targets=(target,),
        screen=screen,
        withheld=hidden[None, ...],
        rebases={0: rebases},
        periods=periods,
    )
    if known is None:
        return charts.chart(0)
    reading = Reading(
        better=way_of(better),
        target=target,
        rule_sets=(RuleSet.NHS,),
        basis=Basis(rebases=rebases),
        periods=periods,
    )
    return _within_bounds(values, hidden, known, reading, screen=screen)


def xmr_charts(
    *,
    values: Matrix,
    better: str,
    targets: Sequence[float | None] | None = None,
    screen: bool = True,
    withheld: Flags | None = None,
) -> tuple[Chart, ...]:
    """Return a chart per series, as `xmr_chart` would. For very many, `nhs_charts` gives columns instead.

    Args:
        values: shape (series, periods); NaN where there is no number.
        better: as in `xmr_chart`, for all series.
        targets: one per series; None for none at all.
        screen: as in `xmr_chart`.
        withheld: shape (series, periods).

    Raises:
        ValueError: as `xmr_chart`.
    """
    charts = nhs_charts(values=values, better=better, targets=targets, screen=screen, withheld=withheld)
    return tuple(charts.chart(series) for series in range(len(charts)))


def _within_bounds(values: Vector, withheld: Flags, known: Known, reading: Reading, *, screen: bool) -> Chart:
    if known.lower.shape != values.shape:
        raise ValueError(f"`known` is of {known.lower.size} points, `values` of {values.size}")
    reason = why_no_limits(np.where(withheld, known.expected, values), np.zeros_like(withheld))
    if reason is not None:
        return without_limits(values, reason)
    points = Points(lowest=known.lower, highest=known.upper, shown=values)
    return draw(Kind.XMR, points, individual_lines(known, Kind.XMR, screen=screen), reading)


def noise_hides(noisy: int, points: int) -> str:
    """Return, for a reader, why a series of numbers with noise has no limits."""
    return (
        f"No limits are drawn: noise was added to {noisy} of {points} points, and too little is known of the rates "
        "behind it to tell it from change."
    )


def without_limits(values: Vector, reason: str) -> Chart:
    """Return a series that is shown and not judged, and why."""
    nothing, unflagged = np.full(len(values), np.nan), np.zeros(len(values), dtype=bool)
    return Chart(
        kind=Kind.XMR,
        values=values,
        lowest=values,
        highest=values,
        centre_line=nothing,
        lower_limits=nothing,
        upper_limits=nothing,
        parts=(Part(first=0, end=len(values), rebase=None, no_limits=reason),),
        baseline=unflagged,
        excluded=unflagged,
        rule_sets=(RuleSet.NHS,),
        flagged=(),
        direction=np.zeros(len(values), dtype=np.int8),
        better=Better.NEITHER,
        target=None,
    )

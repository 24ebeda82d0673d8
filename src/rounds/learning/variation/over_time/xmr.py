"""XmR charts with the NHS "Making Data Count" rules: limits, special causes and icons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.rules import Limits, Matrix, Signals, Vector, limits_of, signals_of
from rounds.learning.variation.over_time.windows import Flags
from rounds.learning.variation.over_time.withheld import Known, limits_expected, signals_within

FEWEST_POINTS = 3
"""Fewer have no limits: two points give one moving range, which says nothing of how ranges vary."""

_EQUAL = 1e-12
"""A relative spread below this is rounding error, not variation."""


class Better(StrEnum):
    """Which way is improvement; the same values as a measure's `better`."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Variation(StrEnum):
    """What the latest point says about change."""

    IMPROVEMENT = "improvement"
    CONCERN = "concern"
    NEITHER_HIGH = "neither_high"
    NEITHER_LOW = "neither_low"
    COMMON_CAUSE = "common_cause"


class Told(StrEnum):
    """What the bounds of withheld numbers let be said: for every value within them, for some, or for none."""

    CERTAIN = "certain"
    POSSIBLE = "possible"
    NO = "no"


class Assurance(StrEnum):
    """Whether the process, as it is, will meet its target."""

    CONSISTENTLY_PASSING = "consistently_passing"
    CONSISTENTLY_FAILING = "consistently_failing"
    HIT_AND_MISS = "hit_and_miss"
    NO_TARGET = "no_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class XmrChart:
    """One series with its limits. Where `mean`, `lower` and `upper` are None, `no_limits` says why."""

    values: Vector
    """shape (periods,), the plotted rate; NaN where it is withheld or missing"""
    mean: float | None
    lower: float | None
    upper: float | None
    no_limits: str | None
    outside: NDArray[np.bool_]
    """shape (periods,), a point beyond a limit"""
    shift: NDArray[np.bool_]
    """shape (periods,), one of seven or more in a row on one side of the mean"""
    trend: NDArray[np.bool_]
    """shape (periods,), one of seven in a row rising or falling"""
    near_limit: NDArray[np.bool_]
    """shape (periods,), one of two out of three near the same limit"""
    point_variation: tuple[Variation, ...]
    """one per period, or empty without limits: a point that was not judged is not "common cause" """
    variation: Variation | None
    """the icon: that of the latest point; None without limits, and where a withheld number leaves it open"""
    assurance: Assurance | None
    """the target against the limits; `NO_TARGET` also where neither way is better; None without limits"""
    possible: Signals | None = None
    """what the rules would flag for some values of the withheld points; None where limits rest on shown points alone.
    `outside`, `shift`, `trend` and `near_limit` are then what they flag for every value"""

    @property
    def told(self) -> tuple[Told, ...]:
        """Whether each point is flagged: certain, possible or no; empty without limits."""
        if self.mean is None:
            return ()
        certain = self.outside | self.shift | self.trend | self.near_limit
        maybe = certain if self.possible is None else self.possible.any[0]
        return tuple(
            Told.CERTAIN if sure else Told.POSSIBLE if may else Told.NO
            for sure, may in zip(certain.tolist(), maybe.tolist(), strict=True)
        )


_VARIATION: dict[Better, tuple[Variation, Variation, Variation]] = {
    Better.HIGHER: (Variation.CONCERN, Variation.COMMON_CAUSE, Variation.IMPROVEMENT),
    Better.LOWER: (Variation.IMPROVEMENT, Variation.COMMON_CAUSE, Variation.CONCERN),
    Better.NEITHER: (Variation.NEITHER_LOW, Variation.COMMON_CAUSE, Variation.NEITHER_HIGH),
}
"""What a signal that points down, not at all, and up means."""


def xmr_chart(
    *,
    values: Vector,
    better: str,
    target: float | None = None,
    screen: bool = True,
    withheld: Flags | None = None,
    known: Known | None = None,
) -> XmrChart:
    """Return one series with its limits, special causes and icons, by the NHS rules.

    Args:
        values: the plotted rate, shape (periods,), in order of time; NaN where there is no number.
        better: which way is improvement: "higher", "lower" or "neither" (`Better`, or a measure's `better`).
        target: in the units of `values`; None for none.
        screen: leave moving ranges of 3.267 x their mean or more out of the limits, as NHSRplotthedots does. The NHS
            Excel tool does not.
        withheld: shape (periods,), which NaN stand for a number that exists but is withheld; None for none.
        known: what is known of every point, where that is enough to draw limits though some are withheld or have noise.

    Returns:
        The chart. It has no limits, and `no_limits` says why, when a number is missing, or withheld without `known`,
        with fewer than 3 points, or when all are equal. Leave out the periods before an organisation joined.

    Raises:
        ValueError: if a value or the target is infinite, `better` is no direction, a shape is wrong, or a withheld
            point carries a number.

    Source: NHSRplotthedots 0.2.2; NHS England, Making Data Count.

    >>> chart = xmr_chart(values=np.array([5.0, 6, 5, 6, 5, 6, 5, 6, 5, 6, 12]), better="lower", target=4.0)
    >>> round(chart.mean, 3), round(chart.upper, 3), chart.variation.value, chart.assurance.value
    (6.091, 8.751, 'concern', 'hit_and_miss')
    """
    if values.ndim != 1:
        raise ValueError(f"a series has one dimension, these values have shape {values.shape}")
    if known is not None:
        hidden = np.zeros(values.shape, dtype=bool) if withheld is None else withheld
        return _within_bounds(values, hidden, known, _way(better), target, screen=screen)
    masked = None if withheld is None else withheld[None, ...]
    charts = xmr_charts(values=values[None, :], better=better, targets=(target,), screen=screen, withheld=masked)
    return charts[0]


def xmr_charts(
    *,
    values: Matrix,
    better: str,
    targets: Sequence[float | None] | None = None,
    screen: bool = True,
    withheld: Flags | None = None,
) -> tuple[XmrChart, ...]:
    """Return a chart per series, as `xmr_chart` would; thousands of series cost little more than one.

    Args:
        values: shape (series, periods); NaN where there is no number.
        better: as in `xmr_chart`, for all series.
        targets: one per series; None for none at all.
        screen: as in `xmr_chart`.
        withheld: shape (series, periods).

    Raises:
        ValueError: as `xmr_chart`.
    """
    way = _way(better)
    hidden = np.zeros(values.shape, dtype=bool) if withheld is None else withheld
    wanted = (None,) * len(values) if targets is None else tuple(targets)
    _check(values, hidden, wanted)
    reasons = tuple(_why_no_limits(row, mask) for row, mask in zip(values, hidden, strict=True))
    drawn = np.array([reason is None for reason in reasons], dtype=bool)
    limits = limits_of(values[drawn], screen=screen)
    signals = signals_of(values[drawn], limits)
    position = np.cumsum(drawn) - 1
    return tuple(
        without_limits(row, reason) if reason is not None else _with_limits(row, limits, signals, int(at), way, target)
        for row, reason, at, target in zip(values, reasons, position, wanted, strict=True)
    )


def _within_bounds(
    values: Vector, withheld: Flags, known: Known, way: Better, target: float | None, *, screen: bool
) -> XmrChart:
    _check(values[None, :], withheld[None, ...], (target,))
    if known.lower.shape != values.shape:
        raise ValueError(f"`known` is of {known.lower.size} points, `values` of {values.size}")
    reason = _why_no_limits(np.where(withheld, known.expected, values), np.zeros_like(withheld))
    limits = limits_expected(known, screen=screen) if reason is None else None
    if limits is None or not limits.mean_range[0] > 0:
        return without_limits(values, reason or "No limits are drawn: there is no variation to measure.")
    signals, possible = signals_within(known, limits)
    chart = _with_limits(values, limits, signals, 0, way, target)
    open_ended = not signals.direction[0, -1] and possible.any[0, -1]
    return replace(chart, possible=possible, variation=None if open_ended else chart.variation)


def _way(better: str) -> Better:
    try:
        return Better(better)
    except ValueError:
        raise ValueError(f'better is "higher", "lower" or "neither", not "{better}"') from None


def _check(values: Matrix, withheld: Flags, targets: tuple[float | None, ...]) -> None:
    if values.ndim != 2:
        raise ValueError(f"several series have two dimensions, these values have shape {values.shape}")
    if withheld.shape != values.shape:
        raise ValueError(f"`withheld` has shape {withheld.shape}, `values` {values.shape}")
    if len(targets) != len(values):
        raise ValueError(f"{len(targets)} targets for {len(values)} series")
    if np.isinf(values).any():
        series, point = np.argwhere(np.isinf(values))[0]
        raise ValueError(f"point {point + 1} of series {series + 1} is infinite: a rate with nobody in it is NaN")
    if (withheld & ~np.isnan(values)).any():
        series, point = np.argwhere(withheld & ~np.isnan(values))[0]
        raise ValueError(f"point {point + 1} of series {series + 1} is withheld and yet has a number")
    if any(target is not None and not np.isfinite(target) for target in targets):
        raise ValueError("a target is a finite number, or None for none")


def _why_no_limits(values: Vector, withheld: Flags) -> str | None:
    """Return, for a reader, why a series has no limits; None if it has."""
    points, absent = len(values), int(np.isnan(values).sum())
    hidden = int(withheld.sum())
    if absent:
        state = " and ".join(
            f"{count} {'is' if count == 1 else 'are'} {word}"
            for count, word in ((hidden, "withheld"), (absent - hidden, "missing"))
            if count
        )
        return f"No limits are drawn: of {points} points {state}, and limits must not rest on guessed numbers."
    if points < FEWEST_POINTS:
        count = "is 1 point" if points == 1 else f"are {points} points"
        return f"No limits are drawn: there {count}, and limits need at least {FEWEST_POINTS}."
    if np.ptp(values) <= _EQUAL * np.abs(values).max():
        return f"No limits are drawn: all {points} points are equal, so there is no variation to measure."
    return None


def noise_hides(noisy: int, points: int) -> str:
    """Return, for a reader, why a series of numbers with noise has no limits."""
    return (
        f"No limits are drawn: noise was added to {noisy} of {points} points, and too little is known of the rates "
        "behind it to tell it from change."
    )


def without_limits(values: Vector, reason: str) -> XmrChart:
    """Return a series that is shown and not judged, and why."""
    unflagged = np.zeros(len(values), dtype=bool)
    return XmrChart(
        values=values,
        mean=None,
        lower=None,
        upper=None,
        no_limits=reason,
        outside=unflagged,
        shift=unflagged,
        trend=unflagged,
        near_limit=unflagged,
        point_variation=(),
        variation=None,
        assurance=None,
    )


def _with_limits(
    values: Vector, limits: Limits, signals: Signals, at: int, way: Better, target: float | None
) -> XmrChart:
    meaning = _VARIATION[way]
    points = tuple(meaning[step + 1] for step in signals.direction[at].tolist())
    lower, upper = float(limits.lower[at]), float(limits.upper[at])
    return XmrChart(
        values=values,
        mean=float(limits.mean[at]),
        lower=lower,
        upper=upper,
        no_limits=None,
        outside=signals.outside[at],
        shift=signals.shift[at],
        trend=signals.trend[at],
        near_limit=signals.near_limit[at],
        point_variation=points,
        variation=points[-1],
        assurance=_assurance(lower, upper, way, target),
    )


def _assurance(lower: float, upper: float, way: Better, target: float | None) -> Assurance:
    """Return what the limits promise about the target. A target on a limit can be missed and met."""
    if target is None or way is Better.NEITHER:
        return Assurance.NO_TARGET
    if lower <= target <= upper:
        return Assurance.HIT_AND_MISS
    above = target < lower
    return Assurance.CONSISTENTLY_PASSING if above == (way is Better.HIGHER) else Assurance.CONSISTENTLY_FAILING

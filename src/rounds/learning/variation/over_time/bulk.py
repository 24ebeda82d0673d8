"""NHS-rule charts of hundreds of thousands of series as columns; a chart of one is a view of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rounds.learning.variation.over_time.chart import (
    VARIATION,
    Assurance,
    Better,
    Chart,
    Flagged,
    Kind,
    Part,
    Variation,
)
from rounds.learning.variation.over_time.chart import way_of as way_named
from rounds.learning.variation.over_time.drawing import FEWEST_POINTS
from rounds.learning.variation.over_time.rebasing import Rebase
from rounds.learning.variation.over_time.rule_sets import Rule, RuleSet
from rounds.learning.variation.over_time.rules import Matrix, Vector, limits_of, signals_of
from rounds.learning.variation.over_time.segments import Index, alike, in_order, segments_of
from rounds.learning.variation.over_time.windows import Flags

Codes = NDArray[np.uint8]

EQUAL = 1e-12
"""A relative spread below this is rounding error, not variation."""
NONE = np.uint8(255)
"""In columns of icons: no limits, so no icon."""

_ROWS = 4096
"""Series worked on at a time: what is between stays in the processor's cache, and memory does not grow."""
_WAYS = tuple(Better)
_VARIATIONS = tuple(Variation)
_ASSURANCES = tuple(Assurance)
_BITS = ((Rule.OUTSIDE, 1), (Rule.SHIFT, 2), (Rule.TREND, 4), (Rule.NEAR_LIMIT, 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class NhsCharts:
    """Charts of many series. A segment is what shares limits: a series has one, or one more for each rebase."""

    values: Matrix
    """as given, shape (series, periods)"""
    withheld: Flags | None
    better: Codes
    """place in `Better`, shape (series,)"""
    targets: Vector
    """NaN for none, shape (series,)"""
    series: Index
    """which series each segment is of, in order; shape (segments,)"""
    first: Index
    end: Index
    """which periods it holds: from `first` to before `end`; shape (segments,)"""
    mean: Vector
    """NaN for a segment without limits, shape (segments,)"""
    mean_range: Vector
    lower: Vector
    upper: Vector
    flags: Codes
    """of each point, the sum of 1 outside, 2 shift, 4 trend, 8 near limit; shape (series, periods)"""
    direction: NDArray[np.int8]
    """1 high or rising, -1 low or falling, 0 common cause or not judged; shape (series, periods)"""
    variation: Codes
    """the icon of each series' latest point: place in `Variation`, or `NONE`; shape (series,)"""
    assurance: Codes
    """place in `Assurance`, or `NONE`; shape (series,)"""
    rebases: Mapping[int, tuple[Rebase, ...]]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def latest(self) -> Index:
        """The last segment of each series, shape (series,)."""
        return np.searchsorted(self.series, np.arange(len(self.values)), side="right") - 1

    def icons(self) -> pl.DataFrame:
        """Return one row a series: latest value and limits, how many points are flagged, and the two icons by name."""
        at, rows = self.latest, np.arange(len(self.values))
        ends = np.maximum(self.end[at] - 1, 0)
        latest = self.values[rows, ends] if self.values.shape[1] else np.full(len(rows), np.nan)
        return pl.DataFrame(
            {
                "series": rows,
                "value": latest,
                "mean": self.mean[at],
                "lower": self.lower[at],
                "upper": self.upper[at],
                "flagged_points": (self.flags != 0).sum(axis=1),
                "variation": _named(self.variation, [icon.value for icon in _VARIATIONS]),
                "assurance": _named(self.assurance, [icon.value for icon in _ASSURANCES]),
            }
        )

    def chart(self, series: int) -> Chart:
        """Return the chart of one series, over the periods it has.

        Raises:
            ValueError: if there is no such series.
        """
        if not 0 <= series < len(self.values):
            raise ValueError(f"there is no series {series}: give 0 to {len(self.values) - 1}")
        low, high = np.searchsorted(self.series, [series, series + 1])
        segments = range(int(low), int(high))
        start, end = int(self.first[low]), int(self.end[high - 1])
        row = self.values[series, start:end]
        hidden = np.zeros(len(row), bool) if self.withheld is None else self.withheld[series, start:end]
        lengths = self.end[low:high] - self.first[low:high]
        centre, lower, upper = (np.repeat(line[low:high], lengths) for line in (self.mean, self.lower, self.upper))
        why = [(None, *self.rebases.get(series, ()))[place] for place in range(len(segments))]
        parts = tuple(
            Part(
                first=int(self.first[at]) - start,
                end=int(self.end[at]) - start,
                rebase=rebase,
                no_limits=None
                if not np.isnan(self.mean[at])
                else why_no_limits(
                    row[int(self.first[at]) - start : int(self.end[at]) - start],
                    hidden[int(self.first[at]) - start : int(self.end[at]) - start],
                ),
            )
            for at, rebase in zip(segments, why, strict=True)
        )
        flags = self.flags[series, start:end]
        found = tuple(
            Flagged(rule=rule, certain=(flags & bit) != 0, possible=(flags & bit) != 0) for rule, bit in _BITS
        )
        target = float(self.targets[series])
        return Chart(
            kind=Kind.XMR,
            values=row,
            lowest=row,
            highest=row,
            centre_line=centre,
            lower_limits=lower,
            upper_limits=upper,
            parts=parts,
            baseline=~np.isnan(centre),
            excluded=np.zeros(len(row), dtype=bool),
            rule_sets=(RuleSet.NHS,),
            flagged=found,
            direction=self.direction[series, start:end],
            better=_WAYS[self.better[series]],
            target=None if np.isnan(target) else target,
        )


def nhs_charts(
    *,
    values: Matrix,
    better: str | Sequence[str],
    targets: Sequence[float | None] | Vector | None = None,
    screen: bool = True,
    withheld: Flags | None = None,
    spans: tuple[Index, Index] | None = None,
    rebases: Mapping[int, tuple[Rebase, ...]] | None = None,
    periods: Sequence[str] | None = None,
) -> NhsCharts:
    """Return the XmR charts of many series by the NHS rules, with icons.

    Args:
        values: shape (series, periods), in order of time; NaN where there is no number.
        better: which way is improvement, for all series or one each.
        targets: in the units of the values, one a series; None or NaN for none.
        screen: leave moving ranges of 3.267 x their mean or more out of the limits, as NHSRplotthedots does.
        withheld: shape (series, periods), which NaN stand for a number that is withheld.
        spans: the first period of each series and the one after its last, each of shape (series,); None for all
            periods.
        rebases: by series, from when and why its limits are recalculated; places count from the first of all periods.
        periods: labels, shape (periods,), where rebases name one.

    Raises:
        ValueError: if a value or target is infinite, a shape is wrong, a withheld point carries a number, or a rebase
            does not fit its series.

    Source: NHSRplotthedots 0.2.2; NHS England, Making Data Count.
    """
    hidden = np.zeros(values.shape, dtype=bool) if withheld is None else withheld
    ways, goals = _ways(better, len(values)), _targets(targets, len(values))
    _check(values, hidden)
    again = in_order(rebases or {}, periods)
    series, first, end = segments_of(values.shape, spans, again, periods)
    lines = [np.full(len(series), np.nan) for _ in range(4)]
    flags, direction = np.zeros(values.shape, dtype=np.uint8), np.zeros(values.shape, dtype=np.int8)
    for (low, high), chosen in alike(first, end):
        for begin in range(0, len(chosen), _ROWS):
            _fill(
                values, series, chosen[begin : begin + _ROWS], slice(low, high), lines, flags, direction, screen=screen
            )
    mean, mean_range, lower, upper = lines
    latest = np.searchsorted(series, np.arange(len(values)), side="right") - 1
    return NhsCharts(
        values=values,
        withheld=withheld,
        better=ways,
        targets=goals,
        series=series,
        first=first,
        end=end,
        mean=mean,
        mean_range=mean_range,
        lower=lower,
        upper=upper,
        flags=flags,
        direction=direction,
        variation=_variation(direction, ways, mean[latest], end[latest]),
        assurance=_assurance(lower[latest], upper[latest], ways, goals),
        rebases=again,
    )


def _fill(
    values: Matrix,
    series: Index,
    chosen: Index,
    own: slice,
    lines: list[Vector],
    flags: Codes,
    direction: NDArray[np.int8],
    *,
    screen: bool,
) -> None:
    rows = series[chosen]
    together: slice | Index = slice(int(rows[0]), int(rows[-1]) + 1) if rows[-1] - rows[0] == len(rows) - 1 else rows
    part = values[together, own]
    if part.shape[1] < FEWEST_POINTS:
        return
    most, least = part.max(axis=1), part.min(axis=1)
    drawn = most - least > EQUAL * np.maximum(np.abs(most), np.abs(least))
    if not drawn.all():
        part, rows, chosen = part[drawn], rows[drawn], chosen[drawn]
        together = rows
    if not len(rows):
        return
    limits = limits_of(part, screen=screen)
    for line, found in zip(lines, (limits.mean, limits.mean_range, limits.lower, limits.upper), strict=True):
        line[chosen] = found
    signals = signals_of(part, limits)
    flags[together, own] = sum(getattr(signals, rule.value).view(np.uint8) * np.uint8(bit) for rule, bit in _BITS)
    direction[together, own] = signals.direction


def why_no_limits(values: Vector, withheld: Flags) -> str | None:
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
    if np.ptp(values) <= EQUAL * np.abs(values).max():
        return f"No limits are drawn: all {points} points are equal, so there is no variation to measure."
    return None


def _ways(better: str | Sequence[str], count: int) -> Codes:
    if isinstance(better, str):
        return np.full(count, _WAYS.index(way_named(better)), dtype=np.uint8)
    if len(better) != count:
        raise ValueError(f"{len(better)} directions for {count} series")
    known = {way: _WAYS.index(way_named(way)) for way in set(better)}
    return np.array([known[way] for way in better], dtype=np.uint8)


def _targets(targets: Sequence[float | None] | Vector | None, count: int) -> Vector:
    if targets is None:
        return np.full(count, np.nan)
    if len(targets) != count:
        raise ValueError(f"{len(targets)} targets for {count} series")
    if isinstance(targets, np.ndarray):
        if np.isinf(targets).any():
            raise ValueError("a target is a finite number, or NaN for none")
        return targets.astype(np.float64)
    if any(target is not None and not np.isfinite(target) for target in targets):
        raise ValueError("a target is a finite number, or None for none")
    return np.array([np.nan if target is None else target for target in targets], dtype=np.float64)


def _check(values: Matrix, withheld: Flags) -> None:
    if values.ndim != 2:
        raise ValueError(f"several series have two dimensions, these values have shape {values.shape}")
    if withheld.shape != values.shape:
        raise ValueError(f"`withheld` has shape {withheld.shape}, `values` {values.shape}")
    if np.isinf(values).any():
        series, point = np.argwhere(np.isinf(values))[0]
        raise ValueError(f"point {point + 1} of series {series + 1} is infinite: a rate with nobody in it is NaN")
    if (withheld & ~np.isnan(values)).any():
        series, point = np.argwhere(withheld & ~np.isnan(values))[0]
        raise ValueError(f"point {point + 1} of series {series + 1} is withheld and yet has a number")


_ICONS = np.array([[_VARIATIONS.index(icon) for icon in VARIATION[way]] for way in _WAYS], dtype=np.uint8)


def _variation(direction: NDArray[np.int8], ways: Codes, mean: Vector, end: Index) -> Codes:
    if not direction.shape[1]:
        return np.full(len(ways), NONE)
    latest = direction[np.arange(len(ways)), np.maximum(end - 1, 0)]
    return np.where(np.isnan(mean), NONE, _ICONS[ways, latest + 1])


def _assurance(lower: Vector, upper: Vector, ways: Codes, targets: Vector) -> Codes:
    """Return `assurance_of` of each series."""
    met, missed, open_ended, none = (_ASSURANCES.index(icon) for icon in Assurance)
    above = targets < lower
    found = np.where(above == (ways == _WAYS.index(Better.HIGHER)), met, missed)
    found = np.where((lower <= targets) & (targets <= upper), open_ended, found)
    found = np.where(np.isnan(targets) | (ways == _WAYS.index(Better.NEITHER)), none, found)
    return np.where(np.isnan(lower), NONE, found).astype(np.uint8)


def _named(codes: Codes, names: list[str]) -> pl.Series:
    places = pl.Series(np.where(codes == NONE, len(names), codes).astype(np.int64))
    return pl.Series([*names, None], dtype=pl.Enum(names)).gather(places)

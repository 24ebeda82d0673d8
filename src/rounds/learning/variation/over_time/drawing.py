"""Putting a chart together: from points and the lines of each stretch to what the rules flag."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rounds.learning.variation.over_time.chart import Chart, Flagged, Kind, Part, way_of
from rounds.learning.variation.over_time.rebasing import Basis, Stretch
from rounds.learning.variation.over_time.rule_sets import (
    SYMMETRIC,
    Found,
    Rule,
    RuleSet,
    certain_signals,
    possibly_flagged,
)
from rounds.learning.variation.over_time.rules import Band, Seen, Vector
from rounds.learning.variation.over_time.runs import Runs, runs_of
from rounds.learning.variation.over_time.windows import Flags

FEWEST_POINTS = 3
"""Fewer have no limits: two points give one moving range, which says nothing of how ranges vary."""


def usual_rules(kind: Kind) -> tuple[RuleSet, ...]:
    """Return the rules by which a chart is read unless others are asked for.

    Limits, and Anhøj's rules for what limits overlook; but the NHS rules of XmR charts, no limits in run charts, and
    limits alone where points depend on each other.
    """
    match kind:
        case Kind.XMR:
            return (RuleSet.NHS,)
        case Kind.RUN:
            return (RuleSet.ANHOEJ,)
        case Kind.MR | Kind.EWMA:
            return (RuleSet.SHEWHART,)
        case _:
            return (RuleSet.SHEWHART, RuleSet.ANHOEJ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a chart is made and read, whatever its kind."""

    better: str = "neither"
    """which way is improvement: "higher", "lower" or "neither" (`Better`, or a measure's `better`)"""
    target: float | None = None
    """in the unit of the plotted values"""
    rule_sets: tuple[RuleSet, ...] | None = None
    """None for those the chart is usually read by (`usual_rules`)"""
    basis: Basis = field(default=Basis())
    periods: tuple[str, ...] | None = None
    """labels, one a point; needed where limits are recalculated from a labelled period"""

    def rules_for(self, kind: Kind) -> tuple[RuleSet, ...]:
        return usual_rules(kind) if self.rule_sets is None else self.rule_sets

    def __post_init__(self) -> None:
        way_of(self.better)
        if self.target is not None and not np.isfinite(self.target):
            raise ValueError("a target is a finite number, or None for none")
        if self.periods is not None and len(set(self.periods)) < len(self.periods):
            twice = next(label for label in self.periods if self.periods.count(label) > 1)
            raise ValueError(f"period {twice} is there twice: give one point a period")


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points of one series, as rules read them. Arrays have shape (periods,); NaN at both ends where missing."""

    lowest: Vector
    highest: Vector
    shown: Vector | None = None
    """what is plotted, if it is not every exact point alone: a rounded number has bounds and is shown"""
    scale: "Scale | None" = None
    """how to carry lines and points to the unit they are drawn in; None if they are in it"""

    @property
    def exact(self) -> bool:
        return not bool((self.lowest < self.highest).any())


Scale = Callable[[Vector], Vector]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of one stretch, over its points: shape (periods of it,)."""

    centre: Vector
    sigma: Vector
    """the standard error of each point"""
    lower: Vector
    upper: Vector
    at_highest: "Lines | None" = None
    """where denominators are withheld, the lines at the smallest, where a point is highest; these are at the largest"""
    rests_on: Flags | None = None
    """the points that the lines rest on, if not all of the baseline"""
    shown_centre: float | None = None
    """a centre line to draw, and to count runs about, in place of the one that limits rest on"""


LinesOf = Callable[[Stretch, Flags], Lines | str]
"""From a stretch and the points limits may rest on, shape (periods of it,), to its lines, or why it has none."""


def draw(kind: Kind, points: Points, lines_of: LinesOf, reading: Reading) -> Chart:
    """Return the chart.

    Args:
        kind: what it is called.
        points: the series.
        lines_of: gives each stretch its lines.
        reading: how it is read.

    Raises:
        ValueError: if rebases, frozen or excluded points do not fit the series, or a rule set does not fit the chart.
    """
    count = len(points.lowest)
    if reading.periods is not None and len(reading.periods) != count:
        raise ValueError(f"{len(reading.periods)} periods for {count} points: give one label a point")
    rule_sets = reading.rules_for(kind)
    _check_rules(kind, rule_sets)
    basis, included = reading.basis, reading.basis.included(count)
    there = included & ~np.isnan(points.lowest)
    pieces = [
        _piece(points, lines_of, stretch, there, basis.baseline(count) & there, rule_sets)
        for stretch in basis.stretches(count, reading.periods)
    ]
    scale = points.scale or (lambda line: line)
    shown = np.where(points.lowest == points.highest, points.lowest, np.nan) if points.shown is None else points.shown
    return Chart(
        kind=kind,
        values=scale(shown),
        lowest=scale(points.lowest),
        highest=scale(points.highest),
        centre_line=scale(np.concatenate([piece.centre for piece in pieces])),
        lower_limits=scale(np.concatenate([piece.lower for piece in pieces])),
        upper_limits=scale(np.concatenate([piece.upper for piece in pieces])),
        parts=tuple(piece.part for piece in pieces),
        baseline=np.concatenate([piece.baseline for piece in pieces]),
        excluded=~included,
        rule_sets=rule_sets,
        flagged=_joined([piece.flagged for piece in pieces]),
        direction=np.concatenate([piece.direction for piece in pieces]),
        better=way_of(reading.better),
        target=reading.target,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    part: Part
    centre: Vector
    lower: Vector
    upper: Vector
    baseline: Flags
    flagged: tuple[Flagged, ...]
    direction: NDArray[np.int8]


def _piece(
    points: Points,
    lines_of: LinesOf,
    stretch: Stretch,
    there: Flags,
    baseline: Flags,
    rule_sets: tuple[RuleSet, ...],
) -> _Piece:
    own = slice(stretch.first, stretch.end)
    size = stretch.end - stretch.first
    found = (
        lines_of(stretch, baseline[own])
        if np.count_nonzero(baseline[own]) >= FEWEST_POINTS
        else _too_few(int(np.count_nonzero(baseline[own])))
    )
    rules = tuple(dict.fromkeys(rule for rules in rule_sets for rule in rules.rules))
    if isinstance(found, str):
        nothing, unflagged = np.full(size, np.nan), np.zeros(size, dtype=bool)
        return _Piece(
            part=Part(first=stretch.first, end=stretch.end, rebase=stretch.rebase, no_limits=found),
            centre=nothing,
            lower=nothing,
            upper=nothing,
            baseline=unflagged,
            flagged=tuple(Flagged(rule=rule, certain=unflagged, possible=unflagged) for rule in rules),
            direction=np.zeros(size, dtype=np.int8),
        )
    seen = _seen(points, found, own, there[own])
    runs = runs_of(*_sides(points, found, own), there[own]) if RuleSet.ANHOEJ in rule_sets else None
    flagged, direction = _flagged(seen, rules, runs)
    centre = found.centre if found.shown_centre is None else np.full(size, found.shown_centre)
    return _Piece(
        part=Part(first=stretch.first, end=stretch.end, rebase=stretch.rebase, no_limits=None, runs=runs),
        centre=centre,
        lower=found.lower,
        upper=found.upper,
        baseline=baseline[own] if found.rests_on is None else found.rests_on,
        flagged=flagged,
        direction=direction,
    )


def _too_few(count: int) -> str:
    there = "is 1 point" if count == 1 else f"are {count} points"
    return f"No limits are drawn: there {there} to rest them on, and limits need at least {FEWEST_POINTS}."


def _seen(points: Points, lines: Lines, own: slice, there: Flags) -> Seen:
    at_lowest = _band(lines)
    lowest = np.where(there, points.lowest[own], np.nan)[None, :]
    if points.exact:
        return Seen(lowest=lowest, highest=lowest, at_lowest=at_lowest, at_highest=at_lowest)
    highest = np.where(there, points.highest[own], np.nan)[None, :]
    at_highest = at_lowest if lines.at_highest is None else _band(lines.at_highest)
    return Seen(lowest=lowest, highest=highest, at_lowest=at_lowest, at_highest=at_highest)


def _band(lines: Lines) -> Band:
    centre, near, low, high = (row[None, :] for row in (lines.centre, 2 * lines.sigma, lines.lower, lines.upper))
    return Band(centre=centre, near=near, lower=low, upper=high)


def _sides(points: Points, lines: Lines, own: slice) -> tuple[tuple[Flags, Flags], tuple[Flags, Flags]]:
    centre = lines.centre if lines.shown_centre is None else np.full_like(lines.centre, lines.shown_centre)
    low, high = points.lowest[own], points.highest[own]
    return (low > centre, high > centre), (high < centre, low < centre)


def _flagged(seen: Seen, rules: tuple[Rule, ...], runs: Runs | None) -> tuple[tuple[Flagged, ...], NDArray[np.int8]]:
    local = tuple(rule for rule in rules if rule not in RuleSet.ANHOEJ.rules)
    certain = certain_signals(seen, local)
    maybe = certain if seen.exact else possibly_flagged(seen, local)
    found = [
        Flagged(rule=sure.rule, certain=sure.flags[0], possible=may.flags[0])
        for sure, may in zip(certain, maybe, strict=True)
    ]
    direction = _direction(certain, seen.lowest.shape[1])
    if runs is not None:
        found += _of_runs(runs, seen.lowest.shape[1])
        side = seen.above().astype(np.int8)[0] - seen.below()[0]
        direction = np.where((direction == 0) & runs.longest & runs.long_run[0], side, direction).astype(np.int8)
    return tuple(found), direction


def _of_runs(runs: Runs, periods: int) -> list[Flagged]:
    """Return what Anhøj's rules flag: of a long run its points; few crossings are of the whole series."""
    whole = np.ones(periods, dtype=bool)
    long_run = runs.longest if runs.longest.any() else whole
    return [
        Flagged(rule=rule, certain=where & sure, possible=where & may)
        for rule, where, (sure, may) in (
            (Rule.LONG_RUN, long_run, runs.long_run),
            (Rule.FEW_CROSSINGS, whole, runs.few_crossings),
        )
    ]


_FIRST = (Rule.OUTSIDE, Rule.TREND, Rule.NEAR_LIMIT, Rule.SHIFT)
"""A point under several rules points the way of the first that has one."""


def _direction(found: Sequence[Found], periods: int) -> NDArray[np.int8]:
    ordered = sorted(found, key=lambda one: _FIRST.index(one.rule) if one.rule in _FIRST else len(_FIRST))
    way = np.zeros(periods, dtype=np.int8)
    for one in ordered:
        way = np.where(way == 0, one.direction[0], way).astype(np.int8)
    return way


def _joined(pieces: list[tuple[Flagged, ...]]) -> tuple[Flagged, ...]:
    return tuple(
        Flagged(
            rule=same[0].rule,
            certain=np.concatenate([one.certain for one in same]),
            possible=np.concatenate([one.possible for one in same]),
        )
        for same in zip(*pieces, strict=True)
    )


def _check_rules(kind: Kind, rule_sets: tuple[RuleSet, ...]) -> None:
    lopsided = SYMMETRIC & set(rule_sets)
    if kind in (Kind.G, Kind.MR, Kind.S, Kind.R) and lopsided:
        names = ", ".join(sorted(one.named for one in lopsided))
        raise ValueError(
            f"a {kind} chart spreads more above its centre than below; {names} would cry wolf: read it by "
            f"{RuleSet.SHEWHART.named} or {RuleSet.ANHOEJ.named}"
        )
    if kind is Kind.RUN and set(rule_sets) - {RuleSet.ANHOEJ}:
        raise ValueError(f"a run chart has no limits: read it by {RuleSet.ANHOEJ.named}")
